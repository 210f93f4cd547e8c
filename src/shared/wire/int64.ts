// 64-bit integers on the wire as two 32-bit halves, low half first. A BigInt for each would allocate; a plain number holds every
// tick, lot, id and amount (limits.ts: EXACT_INTEGER_MAX). Only times in ns are larger, and they have their own two functions.
//
// A word is the index of a 32-bit element in an Int32Array, so a struct at byte offset b begins at word b >> 2.

const TWO_32 = 4294967296;

// The fast paths view wire bytes as typed arrays, which have the byte order of the host.
if (new Uint8Array(new Uint32Array([1]).buffer)[0] !== 1) {
  throw new Error("Plimsoll runs on little-endian hosts only: wire bytes are read in place");
}

/** Writes an exact integer, |value| ≤ 2^53 − 1, as i64 or u64. The range is the caller's to check. */
export function putInt64(i32: Int32Array, word: number, value: number): void {
  i32[word] = value;
  i32[word + 1] = Math.floor(value / TWO_32);
}

/** Writes a BigInt as i64 or u64, modulo 2^64. */
export function putBigInt64(i32: Int32Array, word: number, value: bigint): void {
  i32[word] = Number(BigInt.asIntN(32, value));
  i32[word + 1] = Number(BigInt.asIntN(32, value >> 32n));
}

/** Reads an i64. Exact where |value| ≤ 2^53; beyond it the nearest float64. */
export function readInt64(i32: Int32Array, word: number): number {
  return i32[word + 1] * TWO_32 + (i32[word] >>> 0);
}

/** Reads an i64 exactly, for error texts and tools: allocates. */
export function readBigInt64(i32: Int32Array, word: number): bigint {
  return (BigInt(i32[word + 1]) << 32n) | BigInt(i32[word] >>> 0);
}

/**
 * Writes a time as i64 nanoseconds.
 *
 * @param timeMs ms since the epoch, 0 ≤ timeMs < 2^53 / 1000; rounded to the nearest microsecond. A float64 of milliseconds tells
 *   microseconds apart until the year 2109, so up to then a venue's microseconds arrive as they were.
 */
export function putTimeNs(i32: Int32Array, word: number, timeMs: number): void {
  const us = Math.round(timeMs * 1000);
  const usHigh = Math.floor(us / TWO_32);
  const low = (us - usHigh * TWO_32) * 1000;
  i32[word] = low;
  i32[word + 1] = usHigh * 1000 + Math.floor(low / TWO_32);
}

/** Reads an i64 time in ns, ≥ 0, as ms since the epoch: whole microseconds (rounded down), then the nearest float64. */
export function readTimeMs(i32: Int32Array, word: number): number {
  const high = i32[word + 1];
  const quotient = Math.floor(high / 1000);
  const rest = (high - quotient * 1000) * TWO_32 + (i32[word] >>> 0);
  return (quotient * TWO_32 + Math.floor(rest / 1000)) / 1000;
}

/**
 * Ms since the epoch of a time in ns that a float64 holds: to the microsecond. It knows ns in steps of 256, which would show as stray
 * digits behind it.
 */
export function msOfNs(timeNs: number): number {
  // Whole ms apart: the quotient of so large a number has halves at best.
  const rest = timeNs % 1e6;
  return (Math.round((timeNs - rest) / 1e6) * 1000 + Math.round(rest / 1000)) / 1000;
}
