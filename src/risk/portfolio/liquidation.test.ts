// Liquidation and bankruptcy prices against a plain evaluation of the whole pool at prices around them.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createPortfolioEvaluator } from "../evaluate";
import { inversePerpetual, linearPerpetual, lineOf, portfolio } from "./lines.test-support";
import { type Line, poolWith, type Tier } from "./plain.test-support";

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
  const factor = isUp ? 1.05 : 1 / 1.05;
  return Array.from({ length: 400 }, (_, i) => mark * factor ** (i + 1));
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
    for (let i = 1; i < 20; i++) {
      const between = mark * (price / mark) ** (i / 20);
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
      { numRuns: 2500 },
    );
  }, 180_000);
});

// One isolated position in X at a mark of 100, under a table.
function isolated(qty: number, entryPrice: number, isolatedMargin: number, tiers: Tier[]) {
  const line = lineOf({
    instruments: [linearPerpetual("XUSDT", 0, 1, { margin: { model: "tiered", tiers } })],
    market: { XUSDT: { mark: 100 } },
    balances: {},
    positions: [{ symbol: "XUSDT", qty, entryPrice, mode: "isolated", isolatedMargin }],
  });
  return evaluate(line).positions[0]!;
}

describe("of several prices the liquidation price", () => {
  const flat = [{ notionalFloor: 0, initialRate: 0.1, maintenanceRate: 0.05 }];

  it("of a position already under its margin is where it comes back", () => {
    expect(isolated(1, 110, 5, flat).liquidationPrice).toBeCloseTo(105 / 0.95, 10);
    expect(isolated(-1, 90, 5, flat).liquidationPrice).toBeCloseTo(95 / 1.05, 10);
  });

  it("is the floor at which a given deduction makes the margin jump", () => {
    const jumping = [
      { notionalFloor: 0, initialRate: 0.1, maintenanceRate: 0.05, deduction: 0 },
      { notionalFloor: 120, initialRate: 0.2, maintenanceRate: 0.1, deduction: 0 },
    ];
    expect(isolated(-1, 100, 30, jumping).liquidationPrice).toBe(120);
    // Derived, it is continuous, and the price lies further on.
    const derived = jumping.map(({ deduction: _, ...tier }) => tier);
    expect(isolated(-1, 100, 30, derived).liquidationPrice).toBeCloseTo(136 / 1.1, 10);
  });

  it("of a pair under its margin is the floor at which one leg's margin falls away, though it is under again soon after", () => {
    const falling = [
      { notionalFloor: 0, initialRate: 0.1, maintenanceRate: 0.01, deduction: 0 },
      { notionalFloor: 120, initialRate: 0.5, maintenanceRate: 0.3, deduction: 36 },
    ];
    const line = lineOf({
      instruments: [linearPerpetual("XUSDT", 0, 1, { margin: { model: "tiered", tiers: falling } })],
      market: { XUSDT: { mark: 100 } },
      balances: { USDT: 0 },
      positions: [
        { symbol: "XUSDT", qty: 1, entryPrice: 100, mode: "cross" },
        { symbol: "XUSDT", qty: -0.9, entryPrice: 100, mode: "cross" },
      ],
    });
    expect(evaluate(line).positions[0]!.liquidationPrice).toBe(120);
  });

  it("lies on the other side where the losing direction has none", () => {
    // Long 1, short 0.9: worth more as the price rises until the margin of the third tier outgrows it.
    const tiers = [
      { notionalFloor: 0, initialRate: 0.1, maintenanceRate: 0.01 },
      { notionalFloor: 50, initialRate: 0.1, maintenanceRate: 0.05 },
      { notionalFloor: 120, initialRate: 1, maintenanceRate: 0.5 },
    ];
    const line = lineOf({
      instruments: [linearPerpetual("XUSDT", 0, 1, { margin: { model: "tiered", tiers } })],
      market: { XUSDT: { mark: 100 } },
      balances: { USDT: 20 },
      positions: [
        { symbol: "XUSDT", qty: 1, entryPrice: 100, mode: "cross" },
        { symbol: "XUSDT", qty: -0.9, entryPrice: 100, mode: "cross" },
      ],
    });
    // 20 + 0.1·(p − 100) = 0.5·p − 56 + 0.45·p − 56, deductions 50·0.04 + 120·0.45 = 56
    expect(evaluate(line).positions[0]!.liquidationPrice).toBeCloseTo(122 / 0.85, 10);
  });

  it("from a mark on a floor lies in the tier below it", () => {
    const tiers = [
      { notionalFloor: 0, initialRate: 0.1, maintenanceRate: 0.01 },
      { notionalFloor: 100, initialRate: 0.2, maintenanceRate: 0.2 },
    ];
    expect(isolated(1, 100, 50, tiers).liquidationPrice).toBeCloseTo(50 / 0.99, 10);
    expect(isolated(-1, 100, 50, tiers).liquidationPrice).toBeCloseTo(169 / 1.2, 10);
  });

  it("lies in the tier that holds there, not in the one at the mark", () => {
    const tiers = [
      { notionalFloor: 0, initialRate: 0.1, maintenanceRate: 0.01 },
      { notionalFloor: 80, initialRate: 0.2, maintenanceRate: 0.2 },
    ];
    // At 100 the second tier holds (deduction 15.2), at the price the first: 50 − 100 + p = 0.01·p.
    expect(isolated(1, 100, 50, tiers).liquidationPrice).toBeCloseTo(50 / 0.99, 10);
  });

  it("of a perfectly hedged coin account is where the haircut ends or the margin outgrows it, or none", () => {
    const inverse = inversePerpetual("BTCUSD", 0.01, 0.1, { contractSize: 1 });
    const risk = (mark: number) =>
      evaluate(
        lineOf({
          assets: { BTC: { price: mark } },
          instruments: [inverse],
          market: { BTCUSD: { mark } },
          collateral: "multi-asset",
          balances: { BTC: 1 },
          positions: [{ symbol: "BTCUSD", qty: -50_000, entryPrice: 50_000, mode: "cross" }],
        }),
      ).positions[0]!;
    // One BTC against 50,000 USD sold at 50,000: worth 50,000 USD at any price, needing 500.
    for (const mark of [20_000, 50_000, 90_000]) expect(risk(mark).liquidationPrice).toBeNull();
  });

  it("does not exist for what can lose nothing, and never is 0 or less", () => {
    expect(isolated(1, 100, 100, flat).liquidationPrice).toBeNull();
    expect(isolated(1, 100, 100, flat).bankruptcyPrice).toBeNull();
    expect(isolated(1, 100, 250, flat).liquidationPrice).toBeNull();
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
  }, 180_000);
});
