// One clock for all threads: hrtime counts from the start of the machine in each of them.

/** ns, monotonic, comparable between threads and processes of this machine; exact for the first hundred days after its start. */
export function nowNs(): number {
  const [seconds, nanos] = process.hrtime();
  return seconds * 1e9 + nanos;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
