// The only place that reads a clock on the live path. One monotonic clock for all threads of the process, relative to a base that
// the main thread takes at start and hands on, so that a float64 holds it to the nanosecond.
//
// Read through performance.now(), which leaves one number behind at most, where hrtime's pair is 64 bytes and more: enough for a few
// collections of a shard's thread in 10^8 events. It counts from the start of its own thread; what lies between that and the base is
// measured once.

/** Pairs of readings of which the closest is taken. */
const READINGS = 200;

let baseSeconds = process.hrtime()[0];
let offsetNs = offset();

// Both clocks are the same underneath; time passes between two readings, so the least difference is the nearest.
function offset(): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < READINGS; i++) {
    const [seconds, nanos] = process.hrtime();
    least = Math.min(least, performance.now() * 1e6 - ((seconds - baseSeconds) * 1e9 + nanos));
  }
  return -least;
}

export function monotonicBase(): number {
  return baseSeconds;
}

/** Called once by a worker, with the main thread's base. */
export function setMonotonicBase(seconds: number): void {
  baseSeconds = seconds;
  offsetNs = offset();
}

/** Nanoseconds of the shared monotonic clock; between threads it may differ by the time of a reading, some 0.1 µs. */
export function monotonicNs(): number {
  return performance.now() * 1e6 + offsetNs;
}

/** The same, into the first place of `into`: a number that is handed on would be boxed, 16 bytes at each reading. */
export function readMonotonicNs(into: Float64Array): void {
  into[0] = performance.now() * 1e6 + offsetNs;
}

/** Milliseconds since the epoch. */
export function wallMs(): number {
  return Date.now();
}
