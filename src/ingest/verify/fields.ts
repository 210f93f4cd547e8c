// Rules for single fields of wire structs, on two 32-bit halves (low first) or on float64. Leaves of the value checks: they say yes or
// no, and allocate nothing.
import { EventFlag, TIME_FROM_MS, TIME_TO_MS } from "../../shared/wire/ranges";

/** High half of 2^53 − 1, and of −2^53. */
export const EXACT_HIGH_MAX = 0x1fffff;
export const EXACT_HIGH_MIN = -0x200000;

// Both bounds in ns, as halves. 1 ms is 1e6 ns; the bounds are whole seconds, so the products are taken exactly with BigInt, once.
const FROM_NS = BigInt(TIME_FROM_MS) * 1_000_000n;
const TO_NS = BigInt(TIME_TO_MS) * 1_000_000n;
const FROM_HIGH = Number(FROM_NS >> 32n);
const FROM_LOW = Number(FROM_NS & 0xffffffffn);
const TO_HIGH = Number(TO_NS >> 32n);
const TO_LOW = Number(TO_NS & 0xffffffffn);

export const POSITIVE_RULE = "1 to 2^53 - 1";
export const NON_NEGATIVE_RULE = "0 to 2^53 - 1";
export const AMOUNT_RULE = "-(2^53 - 1) to 2^53 - 1";
export const TIME_RULE = "ns since the epoch, in years 2000 to 2199";
export const ZERO_RULE = "0: this kind does not use it";
export const KNOWN_INSTRUMENT_RULE = "an instrument that was published";
export const KNOWN_ASSET_RULE = "an asset that was published";

/** 1 … 2^53 − 1. */
export function isPositive(i32: Int32Array, word: number): boolean {
  const high = i32[word + 1];
  return high >>> 0 <= EXACT_HIGH_MAX && (high | i32[word]) !== 0;
}

/** 0 … 2^53 − 1. */
export function isNonNegative(i32: Int32Array, word: number): boolean {
  return i32[word + 1] >>> 0 <= EXACT_HIGH_MAX;
}

/** −(2^53 − 1) … 2^53 − 1. */
export function isAmount(i32: Int32Array, word: number): boolean {
  const high = i32[word + 1];
  return high <= EXACT_HIGH_MAX && (high > EXACT_HIGH_MIN || (high === EXACT_HIGH_MIN && i32[word] !== 0));
}

export function isZero(i32: Int32Array, word: number): boolean {
  return (i32[word] | i32[word + 1]) === 0;
}

/** 1 … 2^63 − 1. */
export function isPositive64(i32: Int32Array, word: number): boolean {
  const high = i32[word + 1];
  return high >= 0 && (high | i32[word]) !== 0;
}

/** −max ≤ value ≤ max, for max < 2^53. */
export function isWithin(i32: Int32Array, word: number, max: number): boolean {
  const value = i32[word + 1] * 4294967296 + (i32[word] >>> 0);
  return value >= -max && value <= max;
}

/** first ≤ second, both 0 … 2^53 − 1. */
export function isOrdered(i32: Int32Array, first: number, second: number): boolean {
  const high = i32[first + 1];
  const secondHigh = i32[second + 1];
  return high < secondHigh || (high === secondHigh && i32[first] >>> 0 <= i32[second] >>> 0);
}

export function isSame(i32: Int32Array, a: number, b: number): boolean {
  return i32[a] === i32[b] && i32[a + 1] === i32[b + 1];
}

/** 2000-01-01 ≤ time < 2200-01-01 UTC. */
export function isTime(i32: Int32Array, word: number): boolean {
  const high = i32[word + 1];
  if (high <= FROM_HIGH) return high === FROM_HIGH && i32[word] >>> 0 >= FROM_LOW;
  return high < TO_HIGH || (high === TO_HIGH && i32[word] >>> 0 < TO_LOW);
}

export function hasBothLegs(flags: number): boolean {
  return (flags & (EventFlag.LongLeg | EventFlag.ShortLeg)) === (EventFlag.LongLeg | EventFlag.ShortLeg);
}

/** Finite and > 0. */
export function isPositiveFinite(value: number): boolean {
  return value > 0 && value < Number.POSITIVE_INFINITY;
}
