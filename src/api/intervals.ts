// How often a channel looks at its rows.

export const INTERVALS = ["raw", "100ms", "1s"] as const;
export type Interval = (typeof INTERVALS)[number];

/** ms between two looks. */
export function intervalMs(interval: Interval, rawPollMs: number): number {
  return interval === "raw" ? rawPollMs : interval === "100ms" ? 100 : 1000;
}
