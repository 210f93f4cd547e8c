import { describe, expect, it } from "vitest";
import { FUNDING_INTERVAL_MS, fundingRateE8, nextFundingMs } from "./funding";

describe("funding", () => {
  it.each([
    ["2024-08-08T23:59:59.999Z", "2024-08-09T00:00:00.000Z"],
    ["2024-08-09T00:00:00.000Z", "2024-08-09T08:00:00.000Z"],
    ["2024-08-09T15:30:00.000Z", "2024-08-09T16:00:00.000Z"],
  ])("the settlement after %s is at %s", (now, next) => {
    expect(new Date(nextFundingMs(Date.parse(now))).toISOString()).toBe(next);
    expect(nextFundingMs(Date.parse(now)) % FUNDING_INTERVAL_MS).toBe(0);
  });

  it.each([
    // Within 0.05 % of the interest component the rate is the interest component.
    [0, 10_000],
    [0.0005, 10_000],
    [-0.0003, 10_000],
    // Beyond, it is the premium less 0.05 % (or plus).
    [0.001, 50_000],
    [-0.001, -50_000],
    // And never beyond 0.3 %.
    [0.1, 300_000],
    [-0.1, -300_000],
  ])("a premium of %d makes a rate of %d × 10^-8", (premium, rateE8) => {
    expect(fundingRateE8(premium)).toBe(rateE8);
  });
});
