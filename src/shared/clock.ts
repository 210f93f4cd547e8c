// The only place that reads a clock on the live path. One monotonic clock for all threads of the process: hrtime,
// relative to a base that the main thread takes at start and hands on, so that a float64 holds it to the nanosecond.

let baseSeconds = process.hrtime()[0];

export function monotonicBase(): number {
  return baseSeconds;
}

/** Called once by a worker, with the main thread's base. */
export function setMonotonicBase(seconds: number): void {
  baseSeconds = seconds;
}

/** Nanoseconds of the shared monotonic clock. */
export function monotonicNs(): number {
  const [seconds, nanos] = process.hrtime();
  return (seconds - baseSeconds) * 1e9 + nanos;
}

/** The same, into the first place of `into`: a number that is handed on would be boxed, 16 bytes at each reading. */
export function readMonotonicNs(into: Float64Array): void {
  const [seconds, nanos] = process.hrtime();
  into[0] = (seconds - baseSeconds) * 1e9 + nanos;
}

/** Milliseconds since the epoch. */
export function wallMs(): number {
  return Date.now();
}
