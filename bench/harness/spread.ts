// The three numbers a repeated measurement is told by, and how two measurements are set against each other: pair by pair,
// so that what the machine did meanwhile falls on both.

export interface Spread {
  min: number;
  median: number;
  max: number;
}

/** @param values at least one, finite */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError("a spread of nothing");
  for (const value of values) if (!Number.isFinite(value)) throw new RangeError(`${value} is not a measurement`);
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { min: sorted[0]!, median, max: sorted.at(-1)! };
}

export type Better = "higher" | "lower";

/** How many times better the subject did than its peer, a pair at a time: above 1 the subject is ahead, whatever the unit. */
export function ratios(subject: readonly number[], peer: readonly number[], better: Better): number[] {
  if (subject.length !== peer.length) throw new RangeError(`${subject.length} measurements against ${peer.length}: not pairs`);
  return subject.map((value, i) => (better === "higher" ? value / peer[i]! : peer[i]! / value));
}
