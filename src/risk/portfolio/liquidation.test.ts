// Liquidation and bankruptcy prices against a plain evaluation of the whole pool at prices around them.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createPortfolioEvaluator } from "../evaluate";
import { portfolio } from "./lines.test-support";
import { type Line, poolWith } from "./plain.test-support";

const evaluate = createPortfolioEvaluator();

/** One tick, as a share of the price. */
const TICK = 1e-6;
/** Rounding that a sum of this scale may carry. */
const ROUNDING = 1e-12;

type Excess = (price: number) => { value: number; tolerance: number };

function excessOf(line: Line, index: number, withMargin: boolean): Excess {
  return (price) => {
    const { equity, maintenance, scale } = poolWith(line, index, price);
    return { value: withMargin ? equity - maintenance : equity, tolerance: scale * ROUNDING };
  };
}

// +1, −1, or 0 where rounding decides.
function signOf({ value, tolerance }: ReturnType<Excess>): number {
  return Math.abs(value) <= tolerance ? 0 : Math.sign(value);
}

// Prices from the mark outward, by a constant factor.
function pricesFrom(mark: number, isUp: boolean): number[] {
  const factor = isUp ? 1.02 : 1 / 1.02;
  return Array.from({ length: 1200 }, (_, i) => mark * factor ** (i + 1));
}

function check(line: Line, index: number, price: number | null, withMargin: boolean): void {
  const position = line.account.positions[index]!;
  const mark = line.market[position.symbol]!.mark;
  const excess = excessOf(line, index, withMargin);
  const atMark = signOf(excess(mark));
  if (atMark === 0) return;

  const isCrossedAt = (p: number): boolean => signOf(excess(p)) === -atMark;
  if (price === null) {
    expect(pricesFrom(mark, true).find(isCrossedAt), "a price above where it crosses").toBeUndefined();
    expect(pricesFrom(mark, false).find(isCrossedAt), "a price below where it crosses").toBeUndefined();
    return;
  }
  expect(price).toBeGreaterThan(0);
  const isUp = price > mark;
  const outward = isUp ? 1 + TICK : 1 - TICK;
  if (price !== mark) {
    // One tick before, the sign is the mark's; one tick beyond, it is not.
    const before = price / outward;
    if (isUp ? before > mark : before < mark) expect(signOf(excess(before)), "one tick before").not.toBe(-atMark);
    expect(signOf(excess(price * outward)), "one tick beyond").not.toBe(atMark);
    // It is the first such price from the mark.
    for (let i = 1; i < 40; i++) {
      const between = mark * (price / mark) ** (i / 40);
      expect(isCrossedAt(between), `${between} lies between the mark and the price`).toBe(false);
    }
  }
  // It lies in the losing direction (the gaining one, from a mark already under) if there is one there at all.
  const step = mark * TICK;
  const above = excess(mark + step);
  const below = excess(mark - step);
  const slope = above.value - below.value;
  if (Math.abs(slope) <= 100 * above.tolerance) return;
  const isUpExpected = slope > 0 !== atMark > 0;
  if (isUp === isUpExpected || price === mark) return;
  expect(pricesFrom(mark, isUpExpected).find(isCrossedAt), "a price on the other side comes first").toBeUndefined();
}

describe("liquidation price", () => {
  it("has the pool under its maintenance margin one tick beyond and not one tick before", () => {
    fc.assert(
      fc.property(portfolio(), (line) => {
        const { positions } = evaluate(line);
        positions.forEach((position, index) => {
          check(line, index, position.liquidationPrice, true);
        });
      }),
      { numRuns: 3000 },
    );
  });
});

describe("bankruptcy price", () => {
  it("has the pool's equity change its sign within one tick", () => {
    fc.assert(
      fc.property(portfolio(), (line) => {
        const { positions } = evaluate(line);
        positions.forEach((position, index) => {
          check(line, index, position.bankruptcyPrice, false);
        });
      }),
      { numRuns: 1500 },
    );
  });
});
