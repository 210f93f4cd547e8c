import { describe, expect, it } from "vitest";
import { historyPath, POINTS_MAX, RANGES, readHistory } from "./history";

const point = (timeMs: number) => ({ timeMs, equityUsd: 1, initialMarginUsd: null, maintenanceMarginUsd: 3 });

describe("history", () => {
  it("is asked for up to and with the newest that is known", () => {
    expect(historyPath("42", "24h", 1_718_000_000_000)).toBe(
      "/history/accounts/42/risk?fromMs=1717913600000&toMs=1718000000001&resolution=1m&limit=10000",
    );
  });

  it("each range fits one answer at its resolution", () => {
    const stepMs = { raw: 1_000, "1m": 60_000, "1h": 3_600_000 };
    for (const { spanMs, resolution } of Object.values(RANGES)) expect(spanMs / stepMs[resolution]).toBeLessThan(POINTS_MAX);
  });

  it("reads points, oldest first", () => {
    expect(readHistory({ points: [point(1), point(1), point(2)] })).toHaveLength(3);
    expect(readHistory({ points: [] })).toEqual([]);
  });

  it.each([
    [{}],
    [{ points: {} }],
    [{ points: [point(2), point(1)] }],
    [{ points: [{ ...point(1), equityUsd: "1" }] }],
    [{ points: [{ timeMs: 1, equityUsd: 1 }] }],
    [{ points: [{ ...point(1), timeMs: null }] }],
  ])("%j is none", (answer) => {
    expect(readHistory(answer)).toBeNull();
  });
});
