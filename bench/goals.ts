// What docs/performance.md sets out to reach, beside the row that measures it. `of` says which of a row's numbers is meant:
// the ratio to its peer, or Plimsoll's own value in the unit of the row.

export interface Goal {
  of: "ratio" | "value";
  target: number;
  stretch: number | null;
  /** As it is written in the report. */
  text: string;
}

const ratio = (target: number, stretch: number | null = null): Goal => ({
  of: "ratio",
  target,
  stretch,
  text: stretch === null ? `${target}×` : `${target}×, stretch ${stretch}×`,
});

/** By row. */
export const GOALS: Readonly<Record<string, Goal>> = {
  "ring/disruptor-64": ratio(1, 1.3),
};
