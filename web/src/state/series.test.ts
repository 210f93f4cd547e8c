import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Series } from "./series";

describe("a series", () => {
  it("keeps the newest samples and drops the oldest", () => {
    const series = new Series(1, 10);
    for (let at = 0; at < 1_000; at++) {
      series.append(at * 1_000, [at]);
      expect(series.length).toBeLessThanOrEqual(74);
    }
    expect(series.columns[0].at(-1)).toBe(999);
    expect(series.columns[1]!.at(-1)).toBe(999);
  });

  it("a sample of the same time replaces, one of an earlier time is ignored", () => {
    const series = new Series(2, 10);
    series.append(1_000, [1, 2]);
    series.append(1_000, [3, 4]);
    series.append(500, [5, 6]);
    expect(series.columns).toEqual([[1], [3], [4]]);
  });

  it("what is no number is a hole", () => {
    const series = new Series(1, 10);
    for (const [at, value] of [null, Number.NaN, Number.POSITIVE_INFINITY, 0].entries()) series.append(at, [value]);
    series.append(9, []);
    expect(series.columns[1]).toEqual([null, null, null, 0, null]);
  });

  it("history goes in front of what is there, and not over it", () => {
    const series = new Series(1, 10);
    series.append(5_000, [50]);
    series.prepend([
      { timeMs: 3_000, values: [30] },
      { timeMs: 4_000, values: [null] },
      { timeMs: 5_000, values: [999] },
      { timeMs: 6_000, values: [999] },
    ]);
    expect(series.columns).toEqual([
      [3, 4, 5],
      [30, null, 50],
    ]);
  });

  it("times ascend and columns stay of one length, whatever comes", () => {
    const samples = fc.array(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.option(fc.double())));
    fc.assert(
      fc.property(samples, (all) => {
        const series = new Series(1, 8);
        for (const [time, value] of all) series.append(time, [value]);
        const [times, values] = series.columns;
        expect(values).toHaveLength(times.length);
        for (let at = 1; at < times.length; at++) expect(times[at]!).toBeGreaterThan(times[at - 1]!);
      }),
    );
  });
});
