import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ladderX } from "./ladder";

describe("the axis of the ladder", () => {
  it("has the mark in the middle and the ends at the ends", () => {
    expect(ladderX(0)).toBe(0);
    expect(ladderX(1)).toBe(1);
    expect(ladderX(-1)).toBe(-1);
    expect(ladderX(50)).toBe(1);
    expect(ladderX(-50)).toBe(-1);
  });

  it("never puts the farther price nearer, and treats both sides alike", () => {
    const offset = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(offset, offset, (a, b) => {
        expect(ladderX(Math.max(a, b))).toBeGreaterThanOrEqual(ladderX(Math.min(a, b)));
        expect(ladderX(-a)).toBe(-ladderX(a));
      }),
    );
  });

  it("shows half a per cent and fifty", () => {
    expect(ladderX(0.005)).toBeGreaterThan(0.04);
    expect(ladderX(0.5)).toBeLessThan(0.9);
  });
});
