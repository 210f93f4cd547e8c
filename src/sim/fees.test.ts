import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { feeE8, feeE8Exact, feeFactors } from "./fees";
import { INSTRUMENTS, instrumentFor } from "./instruments";

describe("trading fees", () => {
  it.each([
    // 0.05 % of 0.006 BTC at 61,800.3: 370.8018 × 0.0005 = 0.1854009 USDT
    ["BTCUSDT", 50_000, 6, 618_003, 18_540_090],
    // 0.02 % of 1 ETH at 2,681.62: 0.536324 USDT
    ["ETHUSDT", 20_000, 1_000, 268_162, 53_632_400],
    // 0.05 % of 0.001 ETH at 2,681.63: 0.001340815 USDT, so 134,081.5 units, up
    ["ETHUSDT", 50_000, 1, 268_163, 134_082],
    // 0.05 % of 4 × 100 USD at 61,804.8: 400 ÷ 61804.8 × 0.0005 = 3.236 … × 10^-6 BTC, so 323.6 units, up
    ["BTCUSD_PERP", 50_000, 4, 618_048, 324],
  ])("%s at rate %d on %d lots at %d ticks costs %d", (symbol, rateE8, qtyLots, priceTicks, expected) => {
    expect(feeE8(feeFactors(instrumentFor(symbol)!, rateE8), qtyLots, priceTicks)).toBe(expected);
  });

  it("a fee is the exact quotient rounded up, whatever the size", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...INSTRUMENTS),
        fc.nat({ max: 100_000_000 }),
        fc.integer({ min: 1, max: 1e12 }),
        fc.integer({ min: 1, max: 1e8 }),
        (instrument, rateE8, qtyLots, priceTicks) => {
          const factors = feeFactors(instrument, rateE8);
          expect(feeE8(factors, qtyLots, priceTicks)).toBe(feeE8Exact(factors, qtyLots, priceTicks));
        },
      ),
    );
  });

  it("a fee rate of zero costs nothing", () => {
    expect(feeE8(feeFactors(instrumentFor("BTCUSDT")!, 0), 1_000, 600_000)).toBe(0);
  });
});
