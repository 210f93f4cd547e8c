// The models that are not tables: numbers by hand and numbers venues print.

import { describe, expect, it } from "vitest";
import { createPortfolioEvaluator } from "../evaluate";
import { openCashAt, prepareInstrument } from "../instruments/instrument";
import { evaluate as evaluateWorkspace } from "../portfolio/evaluate";
import { btcOption, linearPerpetual, lineOf } from "../portfolio/lines.test-support";
import type { Instrument, Position } from "../portfolio/plain.test-support";
import { KIND_PERPETUAL, MODEL_NONE, MODEL_TIERED, STATUS_REDUCE_ONLY, Workspace } from "../portfolio/workspace";

const evaluate = createPortfolioEvaluator();

function positionOf(
  instrument: Instrument,
  market: { mark: number; underlying?: number; iv?: number },
  position: Partial<Position>,
) {
  const line = lineOf({
    assets: { BTC: { price: market.underlying ?? market.mark } },
    instruments: [instrument],
    market: { [instrument.symbol]: market },
    balances: { USDT: 1e9, BTC: 1e4 },
    positions: [{ symbol: instrument.symbol, qty: 1, entryPrice: market.mark, mode: "cross", ...position }],
  });
  return evaluate(line).positions[0]!;
}

describe("size-scaled margin", () => {
  const margin = {
    model: "size-scaled" as const,
    initialBase: 0.02,
    initialPerUnit: 0.00005,
    maintenanceBase: 0.01,
    maintenancePerUnit: 0.00005,
  };
  const linear = linearPerpetual("BTCUSDT", 0, 0, { margin });
  const inverse = linearPerpetual("BTCUSD", 0, 0, {
    margin,
    payoff: "inverse",
    base: "BTC",
    quote: "USD",
    settle: "BTC",
    contractSize: 10,
  });

  it("grows with the size of a linear position in base", () => {
    expect(positionOf(linear, { mark: 100_000 }, { qty: -25 })).toMatchObject({
      initialMargin: 53125.00000000001,
      maintenanceMargin: 28125,
    });
    const quarter = positionOf({ ...linear, contractSize: 0.25 }, { mark: 100_000 }, { qty: 100 });
    expect(quarter.maintenanceMargin).toBeCloseTo(28125, 9);
  });

  it("grows with the size of an inverse position in coin, which its mark decides", () => {
    // 250,000 contracts of 10 USD at 100,000 are 25 BTC.
    const position = positionOf(inverse, { mark: 100_000 }, { qty: 250_000 });
    expect(position.initialMargin).toBeCloseTo(25 * 0.02125, 12);
    expect(position.maintenanceMargin).toBeCloseTo(25 * 0.01125, 12);
  });

  it("has 1 ÷ leverage in place of its initial rate", () => {
    expect(positionOf(linear, { mark: 100_000 }, { qty: 25, leverage: 10 }).initialMargin).toBe(250_000);
  });
});

describe("option margin", () => {
  // underlying 60,000; type, strike, coin mark, expected initial and maintenance margin of one short, in coin
  const rules: [string, "call" | "put", number, number, number, number][] = [
    ["a call at the money needs 15 %", "call", 60_000, 0.04, 0.19, 0.115],
    ["a call in the money too", "call", 40_000, 0.35, 0.5, 0.425],
    ["a call 3 % out of the money that much less", "call", 61_800, 0.03, 0.15, 0.105],
    ["a call far out of the money still 10 %", "call", 90_000, 0.001, 0.101, 0.076],
    ["a worthless call as well", "call", 90_000, 0, 0.1, 0.075],
    ["a put at the money needs 15 %", "put", 60_000, 0.04, 0.19, 0.115],
    ["a put 3 % out of the money that much less", "put", 58_200, 0.03, 0.15, 0.105],
    ["a put far out of the money still 10 %", "put", 30_000, 0.001, 0.101, 0.076],
    ["a put dearer than the coin needs 7.5 % of its premium to maintain", "put", 180_000, 2, 2.15, 2.15],
    ["and at least its maintenance margin to open", "put", 240_000, 3, 3.225, 3.225],
  ];
  it.each(rules)("%s", (_, optionType, strike, mark, initial, maintenance) => {
    const coin = positionOf(btcOption("base", optionType, strike), { mark, underlying: 60_000, iv: 0.6 }, { qty: -1 });
    expect(coin.initialMargin).toBeCloseTo(initial, 12);
    expect(coin.maintenanceMargin).toBeCloseTo(maintenance, 12);
    // The same in quote: every share of the coin is times its price.
    const market = { mark: mark * 60_000, underlying: 60_000, iv: 0.6 };
    const quote = positionOf(btcOption("quote", optionType, strike), market, { qty: -3 });
    expect(quote.initialMargin).toBeCloseTo(3 * initial * 60_000, 6);
    expect(quote.maintenanceMargin).toBeCloseTo(3 * maintenance * 60_000, 6);
  });

  it("asks nothing of a long", () => {
    const position = positionOf(btcOption("base", "put", 90_000), { mark: 0.5, underlying: 60_000, iv: 0.6 }, { qty: 7 });
    expect(position).toMatchObject({ initialMargin: 0, maintenanceMargin: 0, liquidationPrice: null });
  });

  it("has a profit that is linear in the premium, in coin", () => {
    const position = positionOf(
      btcOption("base", "call", 60_000),
      { mark: 0.05, underlying: 60_000, iv: 0.6 },
      { qty: -4, entryPrice: 0.02 },
    );
    expect(position.unrealizedPnl).toBeCloseTo(-0.12, 12);
    expect(position.notional).toBe(4);
  });
});

describe("a spot holding", () => {
  const spot: Instrument = {
    symbol: "BTC-USDT",
    kind: "spot",
    payoff: "linear",
    base: "BTC",
    quote: "USDT",
    settle: "USDT",
    contractSize: 1,
  };

  it("is paid in full and cannot be called", () => {
    const position = positionOf(spot, { mark: 66_000 }, { qty: 2, entryPrice: 60_000 });
    expect(position).toMatchObject({ unrealizedPnl: 12_000, initialMargin: 132_000, maintenanceMargin: 0, delta: 2 });
  });

  it("can be short only under a margin model", () => {
    expect(() => positionOf(spot, { mark: 66_000 }, { qty: -2 })).toThrow("account.positions[0].qty");
    const tiers = [{ notionalFloor: 0, initialRate: 0.5, maintenanceRate: 0.25 }];
    const borrowed = positionOf({ ...spot, margin: { model: "tiered", tiers } }, { mark: 66_000 }, { qty: -2 });
    expect(borrowed).toMatchObject({ initialMargin: 66_000, maintenanceMargin: 33_000 });
  });
});

describe("an instrument nobody has given a model, or an empty table", () => {
  it.each([
    ["no model", MODEL_NONE],
    ["a model that is not known", 99],
    ["a table without tiers", MODEL_TIERED],
  ])("%s: has no margin that could be taken for 0, and lets its account add no risk", (_, model) => {
    const ws = new Workspace(1, 1, 1, 1, 1);
    ws.assetPriceUsd[0] = 1;
    ws.instrumentKind[0] = KIND_PERPETUAL;
    ws.instrumentContractSize[0] = 1;
    ws.instrumentMark[0] = 100;
    ws.instrumentModel[0] = model;
    prepareInstrument(ws, 0);
    ws.walletCount = 1;
    ws.walletBalance[0] = 1000;
    ws.positionCount = 1;
    ws.positionQty[0] = 1;
    ws.positionOpenCash[0] = openCashAt(ws, 0, 1, 100);
    evaluateWorkspace(ws);
    expect(ws.positionMaintenanceMargin[0]).toBeNaN();
    expect(ws.positionInitialMargin[0]).toBeNaN();
    expect(ws.positionLiquidationPrice[0]).toBeNaN();
    expect(ws.maintenanceMarginUsd).toBeNaN();
    expect(ws.equityUsd).toBe(1000);
    expect(ws.status).toBe(STATUS_REDUCE_ONLY);
  });
});
