// Exact products and quotients of 64-bit integers with a 128-bit middle. All results are floored towards −∞ or ceiled
// towards +∞ as the name says; what does not fit 64 bits sets `overflowed` and returns 0.

/** Sticky: set by any function here, cleared by the caller before it begins an event. */
export let overflowed: bool = false;

export function clearOverflow(): void {
  overflowed = false;
}

export function raiseOverflow(): void {
  overflowed = true;
}

// @inline
function magnitude(a: i64): u64 {
  return a < 0 ? <u64>0 - <u64>a : <u64>a;
}

// High 64 bits of an unsigned 64 × 64 product.
function mulHigh(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffffffff;
  const bHigh = b >> 32;
  const low = aLow * bLow;
  const midA = aHigh * bLow + (low >> 32);
  const midB = aLow * bHigh + (midA & 0xffffffff);
  return aHigh * bHigh + (midA >> 32) + (midB >> 32);
}

let remainder: u64 = 0;

// (high:low) ÷ d for high < d, bit by bit: only where a product has left 64 bits, which real sizes seldom reach.
function div128(high: u64, low: u64, d: u64): u64 {
  let r = high;
  let q: u64 = 0;
  for (let bit = 63; bit >= 0; --bit) {
    const carry = r >> 63;
    r = (r << 1) | ((low >> <u64>bit) & 1);
    q <<= 1;
    if (carry != 0 || r >= d) {
      r -= d;
      q |= 1;
    }
  }
  remainder = r;
  return q;
}

/** ⌊a·b ÷ d⌋ for d > 0. */
export function mulDivFloor(a: i64, b: i64, d: i64): i64 {
  const negative = a < 0 != b < 0;
  const ua = magnitude(a);
  const ub = magnitude(b);
  const ud = <u64>d;
  let q: u64;
  let r: u64;
  if (clz(ua) + clz(ub) >= 64) {
    const product = ua * ub;
    if (ud == 1) {
      q = product;
      r = 0;
    } else {
      q = product / ud;
      r = product - q * ud;
    }
  } else {
    const high = mulHigh(ua, ub);
    if (high >= ud) {
      overflowed = true;
      return 0;
    }
    q = div128(high, ua * ub, ud);
    r = remainder;
  }
  if (negative && r != 0) ++q;
  if (q > <u64>i64.MAX_VALUE) {
    overflowed = true;
    return 0;
  }
  return negative ? -(<i64>q) : <i64>q;
}

/** ⌈a·b ÷ d⌉ for d > 0. */
export function mulDivCeil(a: i64, b: i64, d: i64): i64 {
  return -mulDivFloor(-a, b, d);
}

/** a·b, exactly. */
export function mulExact(a: i64, b: i64): i64 {
  return mulDivFloor(a, b, 1);
}

/** a + b, exactly. */
export function addExact(a: i64, b: i64): i64 {
  const sum = a + b;
  if (((a ^ sum) & (b ^ sum)) < 0) {
    overflowed = true;
    return 0;
  }
  return sum;
}
