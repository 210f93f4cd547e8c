// What Plimsoll sets out to reach, beside the row that measures it (docs/performance.md lists them). `of` says which of a
// row's numbers is meant: the ratio to its peer, or Plimsoll's own value in the unit of the row; where less is better of a
// value, it may be as large as the goal.

export interface Goal {
  of: "ratio" | "value";
  /** null: there is only a stretch. */
  target: number | null;
  stretch: number | null;
  /** As it is written in the report. */
  text: string;
}

function goal(of: Goal["of"], text: string, target: number | null, stretch: number | null = null): Goal {
  return { of, target, stretch, text };
}

const GIB = 2 ** 30;
const US = 1e3;
const MS = 1e6;

/** By row. */
export const GOALS: Readonly<Record<string, Goal>> = {
  "ring/disruptor-64": goal("ratio", "1×, stretch 1.3×", 1, 1.3),
  "ring/ringbuf-each": goal("ratio", "12×, stretch 15×", 12, 15),
  "ring/postMessage-each": goal("ratio", "200×", 200),
  "decode/accessors": goal("ratio", "8×", 8),
  "decode/json": goal("ratio", "100×", 100),
  "risk/typed-arrays": goal("ratio", "2×, stretch 5×", 2, 5),
  "risk/objects": goal("ratio", "20×, stretch 50×", 20, 50),
  "end-to-end/two-threads": goal("value", "5 M/s, stretch 12 M/s", 5e6, 12e6),
  "kafka/events-64": goal("value", "1 M/s, stretch 3 M/s", 1e6, 3e6),
  "revaluation/share": goal("ratio", "0.5×, stretch 0.75×", 0.5, 0.75),
  "million/memory": goal("value", "≤ 2 GiB, stretch 1.2 GiB", 2 * GIB, 1.2 * GIB),
  "million/sweep": goal("value", "≤ 50 ms, stretch 20 ms", 50 * MS, 20 * MS),
  "million/mark-to-flag": goal("value", "≤ 5 ms, stretch 0.5 ms", 5 * MS, 0.5 * MS),
  "latency/1m-p50": goal("value", "≤ 2 µs", 2 * US),
  "latency/1m-p99": goal("value", "≤ 20 µs", 20 * US),
  "latency/1m-p999": goal("value", "stretch ≤ 30 µs", null, 30 * US),
  "kafka-stream/p99": goal("value", "≤ 20 ms, stretch 5 ms", 20 * MS, 5 * MS),
  "recovery/every-account-ok": goal("value", "≤ 2 s", 2000 * MS),
  "database/insert": goal("ratio", "3×, stretch 5×", 3, 5),
  "allocation/round": goal("value", "0", 0),
  "steady/longest-gc-pause": goal("value", "≤ 1 ms", 1 * MS),
};
