// Time limits on promises, waiting that can be woken, and the waiting between attempts.

/**
 * The promise's outcome, or `onMiss()` thrown when `ms` have passed. The promise itself goes on: the caller throws away
 * what it belongs to (a connection), and its late outcome is nobody's.
 */
export async function withDeadline<T>(promise: Promise<T>, ms: number, onMiss: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  promise.catch(() => undefined);
  try {
    return await Promise.race([
      promise,
      new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(onMiss()), Math.max(0, ms));
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waiting that somebody else may end. A notify() that comes before the wait ends the next one at once. */
export class Signal {
  private notified = false;
  private wake: (() => void) | null = null;

  notify(): void {
    this.notified = true;
    this.wake?.();
  }

  /** Until notify() or, if given, `ms`. */
  async wait(ms?: number): Promise<void> {
    if (!this.notified) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        if (ms !== undefined) timer = setTimeout(resolve, ms);
      });
      clearTimeout(timer);
      this.wake = null;
    }
    this.notified = false;
  }
}

/**
 * ms to wait before attempt `failures + 1`: doubles from `firstMs` up to `maxMs`, and anywhere in the upper half of that,
 * so that many clients of one server do not come back together.
 *
 * @param random 0 ≤ random < 1
 */
export function backoffMs(failures: number, firstMs: number, maxMs: number, random: number): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return full / 2 + (full / 2) * random;
}
