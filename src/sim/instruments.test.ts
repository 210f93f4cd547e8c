import { describe, expect, it } from "vitest";
import { INSTRUMENTS, instrumentDocument, instrumentFor, makeInstrument, productOfSymbol } from "./instruments";

describe("instruments", () => {
  it.each([
    ["BTCUSDT", undefined, "BTCUSDT", "linear", "USDT", "0.1", "0.001", 1],
    ["ETHUSDT", undefined, "ETHUSDT", "linear", "USDT", "0.01", "0.001", 1],
    ["BTCUSD_PERP", undefined, "BTCUSD_PERP", "inverse", "BTC", "0.1", "1", 100],
    ["ETHUSD_PERP", undefined, "ETHUSD_PERP", "inverse", "ETH", "0.01", "1", 10],
    ["BTCUSDT", "spot", "BTCUSDT-SPOT", "linear", "USDT", "0.01", "0.00000001", 1],
  ] as const)("%s (%s) has its terms", (venueSymbol, product, symbol, payoff, settle, tickSize, lotSize, contractSize) => {
    expect(instrumentFor(venueSymbol, product)).toMatchObject({ symbol, payoff, settle, tickSize, lotSize, contractSize });
  });

  it("a symbol that is not in the table is not guessed", () => {
    expect(instrumentFor("DOGEUSDT")).toBeUndefined();
    expect(instrumentFor("BTCUSD_PERP", "usdm")).toBeUndefined();
  });

  it("no two instruments share a symbol", () => {
    expect(new Set(INSTRUMENTS.map((one) => one.symbol)).size).toBe(INSTRUMENTS.length);
  });

  it.each([
    ["BTCUSD_PERP", "coinm"],
    ["BTCUSD_240927", "coinm"],
    ["BTCUSDT", "usdm"],
    ["BTCUSDT_240927", "usdm"],
  ])("%s is a %s symbol", (symbol, product) => expect(productOfSymbol(symbol)).toBe(product));

  it("margin tiers rise in floor and rates, and no initial rate is below its maintenance rate", () => {
    for (const { tiers, kind } of INSTRUMENTS) {
      expect(tiers.length > 0).toBe(kind === "perpetual");
      tiers.forEach((tier, i) => {
        expect(tier.initialRate).toBeGreaterThan(tier.maintenanceRate);
        if (i === 0) expect(tier.notionalFloor).toBe(0);
        else expect(tier.notionalFloor).toBeGreaterThan(tiers[i - 1]!.notionalFloor);
        if (i > 0) expect(tier.maintenanceRate).toBeGreaterThan(tiers[i - 1]!.maintenanceRate);
      });
    }
  });

  it("the USD-M tiers have the maintenance amounts Binance published with them", () => {
    const amounts = (symbol: string) => {
      const { tiers } = instrumentFor(symbol)!;
      let amount = 0;
      return tiers.map((tier, i) => {
        if (i > 0) amount += tier.notionalFloor * (tier.maintenanceRate - tiers[i - 1]!.maintenanceRate);
        return Math.round(amount);
      });
    };
    expect(amounts("BTCUSDT")).toEqual([
      0, 50, 950, 11_450, 131_450, 481_450, 2_981_450, 14_481_450, 26_481_450, 41_481_450, 121_481_450, 421_481_450,
    ]);
    expect(amounts("ETHUSDT")).toEqual([
      0, 50, 950, 11_450, 131_450, 381_450, 2_006_450, 9_506_450, 17_506_450, 27_506_450, 80_506_450, 280_506_450,
    ]);
  });

  it("a wrong term is refused by its name", () => {
    const terms = { ...instrumentFor("BTCUSDT")! };
    expect(() => makeInstrument({ ...terms, tickSize: "0" })).toThrow(/BTCUSDT: tickSize/);
    expect(() => makeInstrument({ ...terms, lotSize: "1e-3" })).toThrow(/BTCUSDT: lotSize/);
    expect(() => makeInstrument({ ...terms, contractSize: 0.5 })).toThrow(/contractSize/);
    expect(() => makeInstrument({ ...terms, takerFeeRateE8: -1 })).toThrow(/takerFeeRateE8/);
  });

  it("an instrument is written in the shape that portfolios are evaluated in", () => {
    expect(instrumentDocument(instrumentFor("BTCUSD_PERP")!)).toMatchObject({
      symbol: "BTCUSD_PERP",
      kind: "perpetual",
      payoff: "inverse",
      base: "BTC",
      quote: "USD",
      settle: "BTC",
      contractSize: 100,
      tickSize: 0.1,
      lotSize: 1,
      margin: {
        model: "tiered",
        tiers: [{ notionalFloor: 0, initialRate: 0.008, maintenanceRate: 0.004 }, {}, {}, {}, {}, {}, {}, {}, {}],
      },
    });
  });
});
