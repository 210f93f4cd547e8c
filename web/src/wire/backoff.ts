// How long to wait before the next attempt: doubles from 250 ms to 10 s, and the upper half of it is random so that a
// room full of desks does not come back to a restarted engine in one instant.

export const BACKOFF_FIRST_MS = 250;
export const BACKOFF_MAX_MS = 10_000;

/**
 * @param attempt 0 for the first wait after a working connection
 * @param random in [0, 1)
 * @returns ms, within [half, whole] of the doubling step
 */
export function backoffMs(attempt: number, random: number): number {
  const whole = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(Math.max(attempt, 0), 30));
  return Math.round(whole / 2 + (whole / 2) * random);
}
