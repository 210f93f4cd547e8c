// The natural logarithm, from additions, multiplications and one division: the same bits under V8 and under
// WebAssembly, whose own Math.log differ. Pure; compiled by tsc and by asc.
// Error below 1 ulp (measured in math.test.ts). Method and coefficients: docs/options.md#elementary-functions.

const LN2_HI: f64 = 0.6931471803691238;
const LN2_LO: f64 = 1.9082149292705877e-10;
const SQRT_TWO: f64 = Math.SQRT2;
const SQRT_HALF_MINUS_1: f64 = -0.2928932188134524;
const SQRT_TWO_MINUS_1: f64 = 0.41421356237309503;

const TWO_TO_32: f64 = 4294967296;
const TWO_TO_MINUS_32: f64 = 2.3283064365386963e-10;
const TWO_TO_MINUS_16: f64 = 1.52587890625e-5;
const TWO_TO_MINUS_8: f64 = 0.00390625;

// ln((1+s)/(1−s)) = 2s + s·z·(L0 + L1·z + …), z = s², |s| ≤ 0.1716, relative error of the sum below 5e-16.
const L0: f64 = 0.666666666666667;
const L1: f64 = 0.3999999999988622;
const L2: f64 = 0.28571428631920787;
const L3: f64 = 0.22222210176482957;
const L4: f64 = 0.18182958106437544;
const L5: f64 = 0.15329455359497793;
const L6: f64 = 0.14644144035572493;

// ln(1 + f) + k·ln2 for √½ − 1 ≤ f ≤ √2 − 1.
function logNearOne(f: f64, k: f64): f64 {
  const s: f64 = f / (2 + f);
  const z: f64 = s * s;
  const sum: f64 = z * (L0 + z * (L1 + z * (L2 + z * (L3 + z * (L4 + z * (L5 + z * L6))))));
  const half: f64 = 0.5 * f * f;
  // 2s = f − s·f, and s·f = f²/2 − s·f²/2: the large part f enters without rounding.
  if (k === 0) return f - (half - s * (half + sum));
  return k * LN2_HI - (half - (s * (half + sum) + k * LN2_LO) - f);
}

/**
 * ln x.
 *
 * @param x any
 * @returns −Infinity at 0, Infinity at Infinity, NaN below 0 and for NaN
 */
export function log(x: f64): f64 {
  if (!(x > 0)) return x === 0 ? -Infinity : NaN;
  if (x === Infinity) return Infinity;
  // x = m·2^k with 1 ≤ m < 2; every step multiplies by a power of two and is exact.
  let m: f64 = x;
  let k: f64 = 0;
  while (m >= TWO_TO_32) {
    m *= TWO_TO_MINUS_32;
    k += 32;
  }
  while (m < TWO_TO_MINUS_32) {
    m *= TWO_TO_32;
    k -= 32;
  }
  if (m >= 1) {
    if (m >= 65536) {
      m *= TWO_TO_MINUS_16;
      k += 16;
    }
    if (m >= 256) {
      m *= TWO_TO_MINUS_8;
      k += 8;
    }
    if (m >= 16) {
      m *= 0.0625;
      k += 4;
    }
    if (m >= 4) {
      m *= 0.25;
      k += 2;
    }
    if (m >= 2) {
      m *= 0.5;
      k += 1;
    }
  } else {
    if (m < TWO_TO_MINUS_16) {
      m *= 65536;
      k -= 16;
    }
    if (m < TWO_TO_MINUS_8) {
      m *= 256;
      k -= 8;
    }
    if (m < 0.0625) {
      m *= 16;
      k -= 4;
    }
    if (m < 0.25) {
      m *= 4;
      k -= 2;
    }
    if (m < 0.5) {
      m *= 2;
      k -= 1;
    }
    if (m < 1) {
      m *= 2;
      k -= 1;
    }
  }
  if (m > SQRT_TWO) {
    m *= 0.5;
    k += 1;
  }
  return logNearOne(m - 1, k);
}

/**
 * ln(a / b), keeping its relative accuracy where a and b are close: a − b is exact there, a / b is not.
 *
 * @param a > 0, finite
 * @param b > 0, finite
 */
export function logRatio(a: f64, b: f64): f64 {
  const ratio: f64 = a / b;
  if (ratio > 0.5 && ratio < 2) {
    const f: f64 = (a - b) / b;
    if (f > SQRT_HALF_MINUS_1 && f < SQRT_TWO_MINUS_1) return logNearOne(f, 0);
  }
  if (ratio > 1e-300 && ratio < 1e300) return log(ratio);
  return log(a) - log(b); // the quotient has overflowed, or lost bits below the smallest normal number
}
