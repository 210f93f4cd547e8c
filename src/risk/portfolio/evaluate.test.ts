// What holds for every account, and the rules of pools, orders and status as tables.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createPortfolioEvaluator } from "../evaluate";
import { btcOption, inversePerpetual, linearPerpetual, lineOf, portfolio, uniform } from "./lines.test-support";
import { instrumentOf, maintenanceMargin, type Position, unrealizedPnl } from "./plain.test-support";
import { poolStatus } from "./status";
import { STATUS_BANKRUPT, STATUS_LIQUIDATION, STATUS_OK, STATUS_REDUCE_ONLY, STATUS_WARNING } from "./workspace";
import type { PortfolioRisk, PositionRisk } from "./write-line";

const evaluate = createPortfolioEvaluator();

const RELATIVE = 1e-9;

function expectClose(actual: number | null, expected: number | null, scale: number, what: string): void {
  if (actual === null || expected === null) {
    expect(actual, what).toBe(expected);
    return;
  }
  const error = Math.abs(actual - expected);
  if (!(error <= RELATIVE * scale)) expect.fail(`${what}: ${actual} instead of ${expected}`);
}

// Sum of what is added up in an account, USD: what a difference is to be measured by.
function scaleOf(risk: PortfolioRisk): number {
  const { account } = risk;
  return (
    Math.abs(account.walletBalanceUsd) +
    Math.abs(account.unrealizedPnlUsd) +
    account.grossExposureUsd +
    account.initialMarginUsd +
    1
  );
}

describe("an account", () => {
  it("has the unrealised profit and the maintenance margin that a plain sum gives", () => {
    fc.assert(
      fc.property(portfolio(), (line) => {
        evaluate(line).positions.forEach((position, index) => {
          const held = line.account.positions[index]!;
          const instrument = instrumentOf(line, held.symbol);
          const { mark } = line.market[held.symbol]!;
          const scale = position.notional * 3 + Math.abs(position.unrealizedPnl);
          expectClose(position.unrealizedPnl, unrealizedPnl(instrument, held, mark), scale, "unrealizedPnl");
          expectClose(position.maintenanceMargin, maintenanceMargin(line, instrument, held, mark), scale, "maintenanceMargin");
        });
      }),
      { numRuns: 2000 },
    );
  });

  it("has pools whose equity is the wallet balance and the unrealised profit of their cross positions", () => {
    fc.assert(
      fc.property(portfolio(), (line) => {
        fc.pre(line.account.collateral === "single-asset");
        const risk = evaluate(line);
        for (const [asset, pool] of Object.entries(risk.pools)) {
          const cross = risk.positions.filter((position, index) => {
            const { mode, symbol } = line.account.positions[index]!;
            return mode === "cross" && instrumentOf(line, symbol).settle === asset && position.symbol === symbol;
          });
          const sum = (key: "unrealizedPnl" | "initialMargin" | "maintenanceMargin") =>
            cross.reduce((total, position) => total + position[key], 0);
          expect(pool.walletBalance).toBe(line.account.balances[asset]);
          expect(pool.unrealizedPnl).toBe(sum("unrealizedPnl"));
          expect(pool.equity).toBe(pool.walletBalance + pool.unrealizedPnl);
          expect(pool.initialMargin).toBe(sum("initialMargin"));
          expect(pool.maintenanceMargin).toBe(sum("maintenanceMargin"));
          expect(pool.available).toBe(pool.equity - pool.initialMargin - pool.orderMargin);
          expect(pool.marginRatio).toBe(pool.equity > 0 ? pool.maintenanceMargin / pool.equity : null);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("has the status that the worst ratio of its pools says", () => {
    fc.assert(
      fc.property(portfolio(), (line) => {
        const { account, pools } = evaluate(line);
        const worst = account.worstMarginRatio;
        if (worst === null) expect(account.status).toBe("bankrupt");
        else {
          const margin = 1 / worst;
          const named = margin > 1.5 ? "ok" : margin > 1.2 ? "warning" : margin > 1.05 ? "reduce-only" : "liquidation";
          // On a line the quotient's last bit may fall to either side.
          fc.pre([1.5, 1.2, 1.05].every((at) => Math.abs(margin - at) > 1e-9));
          expect(account.status).toBe(named);
          for (const pool of Object.values(pools)) expect(pool.marginRatio ?? 0).toBeLessThanOrEqual(worst);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("does not depend on the order of its positions, orders, balances and instruments", () => {
    fc.assert(
      fc.property(portfolio(), (line) => {
        const risk = evaluate(line);
        const turned = evaluate({
          ...line,
          assets: Object.fromEntries(Object.entries(line.assets).reverse()),
          instruments: line.instruments.toReversed(),
          account: {
            ...line.account,
            balances: Object.fromEntries(Object.entries(line.account.balances).reverse()),
            positions: line.account.positions.toReversed(),
            orders: line.account.orders!.toReversed(),
          },
        });
        const scale = scaleOf(risk);
        for (const [key, value] of Object.entries(risk.account)) {
          if (typeof value === "string") expect(turned.account.status).toBe(value);
          else if (key.endsWith("Usd")) expectClose(turned.account[key as "equityUsd"], value, scale, key);
        }
        risk.positions.forEach((position, index) => {
          const other = turned.positions.at(-1 - index)!;
          expect(other.symbol).toBe(position.symbol);
          expect(other.initialMargin).toBe(position.initialMargin);
          expect(other.maintenanceMargin).toBe(position.maintenanceMargin);
        });
      }),
      { numRuns: 1000 },
    );
  });

  it("evaluates the same line to the same answer, whatever came before it", () => {
    fc.assert(
      fc.property(portfolio(), portfolio(), (line, between) => {
        const before = evaluate(line);
        evaluate(between);
        expect(evaluate(line)).toEqual(before);
        expect(createPortfolioEvaluator()(line)).toEqual(before);
      }),
      { numRuns: 300 },
    );
  });

  it("with nothing in it needs no margin and is ok", () => {
    const instruments = [linearPerpetual("XUSDT", 0.01, 0.1), inversePerpetual("BTCUSD", 0.01, 0.1)];
    const assets = { BTC: { price: 60_000 } };
    const market = { XUSDT: { mark: 10 }, BTCUSD: { mark: 60_000 } };
    const flat: Position[] = [
      { symbol: "XUSDT", qty: 0, entryPrice: 10, mode: "cross" },
      { symbol: "BTCUSD", qty: 0, entryPrice: 50_000, mode: "isolated", isolatedMargin: 0 },
    ];
    for (const collateral of ["single-asset", "multi-asset"] as const) {
      for (const positions of [[], flat]) {
        for (const balances of [{}, { USDT: 0 }, { USDT: 1000, BTC: 1 }] as Record<string, number>[]) {
          const risk = evaluate(lineOf({ assets, instruments, market, collateral, balances, positions }));
          expect(risk.account).toMatchObject({ initialMarginUsd: 0, maintenanceMarginUsd: 0, orderMarginUsd: 0, status: "ok" });
          for (const position of risk.positions) expect(position.liquidationPrice).toBeNull();
        }
      }
    }
  });

  it("that is flat needs no margin under a table with a deduction in its first tier", () => {
    const margin = {
      model: "tiered" as const,
      tiers: [{ notionalFloor: 0, initialRate: 0.1, maintenanceRate: 0.1, deduction: 500 }],
    };
    const line = lineOf({
      instruments: [linearPerpetual("XUSDT", 0, 0.1, { margin })],
      market: { XUSDT: { mark: 10 } },
      balances: { USDT: 1 },
      positions: [{ symbol: "XUSDT", qty: 1, entryPrice: 10, mode: "cross" }],
    });
    expect(evaluate(line).positions[0]!.maintenanceMargin).toBe(0);
  });

  it("scaled as a whole, under tables of one tier, scales its money and keeps its prices and ratios", () => {
    const amount = fc.integer({ min: -10_000, max: 10_000 }).map((hundredths) => hundredths / 100);
    fc.assert(
      fc.property(amount, amount, amount, amount, uniform(0.001, 1000), (x, btc, coin, wallet, factor) => {
        const assets = { BTC: { price: 60_000, haircut: 0.05 } };
        const scaled = (by: number, collateral: "single-asset" | "multi-asset") =>
          evaluate(
            lineOf({
              assets,
              instruments: [linearPerpetual("XUSDT", 0.01, 0.1), inversePerpetual("BTCUSD", 0.01, 0.1, { contractSize: 100 })],
              market: { XUSDT: { mark: 11 }, BTCUSD: { mark: 61_000 } },
              collateral,
              balances: { USDT: wallet * by, BTC: (coin / 100) * by },
              positions: [
                { symbol: "XUSDT", qty: x * by, entryPrice: 10, mode: "cross", leverage: 5 },
                { symbol: "BTCUSD", qty: btc * by, entryPrice: 60_000, mode: "cross" },
              ],
            }),
          );
        for (const collateral of ["single-asset", "multi-asset"] as const) {
          const one = scaled(1, collateral);
          const many = scaled(factor, collateral);
          const scale = scaleOf(one);
          expectClose(many.account.equityUsd / factor, one.account.equityUsd, scale, "equityUsd");
          expectClose(many.account.initialMarginUsd / factor, one.account.initialMarginUsd, scale, "initialMarginUsd");
          expectClose(
            many.account.maintenanceMarginUsd / factor,
            one.account.maintenanceMarginUsd,
            scale,
            "maintenanceMarginUsd",
          );
          one.positions.forEach((position, index) => {
            const price = position.liquidationPrice;
            // Where the price is all but infinite its rounding is its own.
            if (price !== null && price < 1e6) expectClose(many.positions[index]!.liquidationPrice, price, price * 100, "price");
          });
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("gives the two legs of a cross hedge-mode pair one liquidation price, and isolated legs their own", () => {
    const line = (mode: "cross" | "isolated") => {
      const margin = mode === "isolated" ? { isolatedMargin: 100 } : {};
      return lineOf({
        instruments: [linearPerpetual("XUSDT", 0.05, 0.1)],
        market: { XUSDT: { mark: 100 } },
        balances: { USDT: 500 },
        positions: [
          { symbol: "XUSDT", qty: 10, entryPrice: 95, mode, ...margin },
          { symbol: "XUSDT", qty: -4, entryPrice: 105, mode, ...margin },
        ],
      });
    };
    // 500 + 10·(p − 95) − 4·(p − 105) = 0.05·14·p
    const [long, short] = evaluate(line("cross")).positions as [PositionRisk, PositionRisk];
    expect(long.liquidationPrice).toBeCloseTo((950 - 420 - 500) / (6 - 0.7), 10);
    expect(short.liquidationPrice).toBe(long.liquidationPrice);
    // 100 + 10·(p − 95) = 0.5·p and 100 − 4·(p − 105) = 0.2·p
    const [alone, other] = evaluate(line("isolated")).positions as [PositionRisk, PositionRisk];
    expect(alone.liquidationPrice).toBeCloseTo(850 / 9.5, 10);
    expect(other.liquidationPrice).toBeCloseTo(520 / 4.2, 10);
  });

  it("has an isolated position outside its pools and inside its totals, but not available", () => {
    const risk = evaluate(
      lineOf({
        instruments: [linearPerpetual("XUSDT", 0.05, 0.1)],
        market: { XUSDT: { mark: 110 } },
        balances: { USDT: 500 },
        positions: [{ symbol: "XUSDT", qty: 10, entryPrice: 100, mode: "isolated", isolatedMargin: 70 }],
      }),
    );
    expect(risk.pools.USDT).toMatchObject({
      walletBalance: 500,
      equity: 500,
      unrealizedPnl: 0,
      maintenanceMargin: 0,
      available: 500,
    });
    expect(risk.account).toMatchObject({
      equityUsd: 670,
      walletBalanceUsd: 570,
      unrealizedPnlUsd: 100,
      initialMarginUsd: 110,
      maintenanceMarginUsd: 55,
      availableUsd: 500,
    });
  });

  it("has the status of its worst pool", () => {
    const line = lineOf({
      instruments: [linearPerpetual("XUSDT", 0.05, 0.1), linearPerpetual("YUSDT", 0.05, 0.1)],
      market: { XUSDT: { mark: 100 }, YUSDT: { mark: 100 } },
      balances: { USDT: 1e6 },
      positions: [
        { symbol: "XUSDT", qty: 10, entryPrice: 100, mode: "cross" },
        { symbol: "YUSDT", qty: 10, entryPrice: 100, mode: "isolated", isolatedMargin: 55 },
      ],
    });
    expect(evaluate(line).account.status).toBe("reduce-only");
  });
});

describe("a multi-asset pool", () => {
  it("counts what is held after the haircut and a debt in full", () => {
    const risk = evaluate(
      lineOf({
        assets: { BTC: { price: 60_000, haircut: 0.05 }, ETH: { price: 3000, haircut: 0.1 } },
        instruments: [],
        market: {},
        collateral: "multi-asset",
        balances: { BTC: 1, ETH: -2, USDT: 100 },
        positions: [],
      }),
    );
    expect(risk.pools).toEqual({
      USD: {
        walletBalance: 60_000 - 6000 + 100,
        equity: 57_000 - 6000 + 100,
        unrealizedPnl: 0,
        initialMargin: 0,
        maintenanceMargin: 0,
        orderMargin: 0,
        available: 51_100,
        marginRatio: 0,
      },
    });
  });

  it("leaves the collateral's price where it is when a linear contract on the same coin moves", () => {
    // One BTC held at 90 % of 60,000 against one sold: 54000 − (p − 60000) − 0.01·p, the USDT equity a debt from 60000 upward.
    const risk = evaluate(
      lineOf({
        assets: { BTC: { price: 60_000, haircut: 0.1 } },
        instruments: [linearPerpetual("BTCUSDT", 0.01, 0.1)],
        market: { BTCUSDT: { mark: 60_000 } },
        collateral: "multi-asset",
        balances: { BTC: 1 },
        positions: [{ symbol: "BTCUSDT", qty: -1, entryPrice: 60_000, mode: "cross" }],
      }),
    );
    expect(risk.positions[0]!.liquidationPrice).toBeCloseTo(114_000 / 1.01, 6);
  });
});

describe("open orders", () => {
  // position, [buys], [sells] of an instrument with an initial rate of 10 % at mark 100: order margin beyond the position's
  const rules: [string, number, number, number, number][] = [
    ["buys alone need their own margin", 0, 3, 0, 30],
    ["sells alone need their own margin", 0, 0, 3, 30],
    ["of buys and sells the larger side counts", 0, 2, 3, 30],
    ["an order that adds to a position adds its margin", 5, 2, 0, 20],
    ["an order that closes a position needs nothing", 5, 0, 5, 0],
    ["an order that turns a position over needs what is left of it", 5, 0, 12, 20],
    ["the same for a short", -5, 12, 0, 20],
    ["closing the double of a position needs nothing more", -5, 10, 0, 0],
  ];
  it.each(rules)("%s", (_, qty, buyQty, sellQty, expected) => {
    const orders = [
      { symbol: "XUSDT", side: "buy" as const, qty: buyQty, price: 100 },
      { symbol: "XUSDT", side: "sell" as const, qty: sellQty, price: 100 },
    ].filter((order) => order.qty > 0);
    const risk = evaluate(
      lineOf({
        instruments: [linearPerpetual("XUSDT", 0.05, 0.1)],
        market: { XUSDT: { mark: 100 } },
        balances: { USDT: 1000 },
        positions: [{ symbol: "XUSDT", qty, entryPrice: 100, mode: "cross" }],
        orders,
      }),
    );
    expect(risk.pools.USDT!.orderMargin).toBeCloseTo(expected, 9);
    expect(risk.pools.USDT!.available).toBeCloseTo(1000 - Math.abs(qty) * 10 - expected, 9);
    expect(risk.account.orderMarginUsd).toBeCloseTo(expected, 9);
  });

  it("of a hedge-mode pair add to the leg of their side", () => {
    const risk = evaluate(
      lineOf({
        instruments: [linearPerpetual("XUSDT", 0.05, 0.1)],
        market: { XUSDT: { mark: 100 } },
        balances: { USDT: 1000 },
        positions: [
          { symbol: "XUSDT", qty: 5, entryPrice: 100, mode: "cross" },
          { symbol: "XUSDT", qty: -5, entryPrice: 100, mode: "cross" },
        ],
        orders: [
          { symbol: "XUSDT", side: "buy", qty: 1, price: 100 },
          { symbol: "XUSDT", side: "sell", qty: 3, price: 100 },
        ],
      }),
    );
    expect(risk.pools.USDT!.orderMargin).toBeCloseTo(30, 9);
  });

  it("stand under the leverage of their position", () => {
    const risk = evaluate(
      lineOf({
        instruments: [linearPerpetual("XUSDT", 0.05, 0.1)],
        market: { XUSDT: { mark: 100 } },
        balances: { USDT: 1000 },
        positions: [{ symbol: "XUSDT", qty: 5, entryPrice: 100, mode: "cross", leverage: 50 }],
        orders: [{ symbol: "XUSDT", side: "buy", qty: 5, price: 90 }],
      }),
    );
    expect(risk.pools.USDT!.orderMargin).toBeCloseTo(450 / 50, 9);
  });

  it("are taken at their own price, inverse ones in coin", () => {
    const risk = evaluate(
      lineOf({
        assets: { BTC: { price: 50_000 } },
        instruments: [inversePerpetual("BTCUSD", 0.005, 0.1, { contractSize: 100 })],
        market: { BTCUSD: { mark: 50_000 } },
        balances: { BTC: 1 },
        positions: [],
        orders: [{ symbol: "BTCUSD", side: "buy", qty: 100, price: 40_000 }],
      }),
    );
    expect(risk.pools.BTC!.orderMargin).toBeCloseTo(0.025, 12);
  });

  it("to buy options need the premium, to sell them the short's margin, to close a short nothing", () => {
    const call = btcOption("base", "call", 60_000);
    const marginOf = (qty: number, side: "buy" | "sell", orderQty: number) =>
      evaluate(
        lineOf({
          assets: { BTC: { price: 60_000 } },
          instruments: [call],
          market: { [call.symbol]: { mark: 0.05, underlying: 60_000, iv: 0.6 } },
          balances: { BTC: 10 },
          positions: qty === 0 ? [] : [{ symbol: call.symbol, qty, entryPrice: 0.05, mode: "cross" }],
          orders: [{ symbol: call.symbol, side, qty: orderQty, price: 0.04 }],
        }),
      ).pools.BTC!.orderMargin;
    expect(marginOf(0, "buy", 2)).toBeCloseTo(0.08, 12);
    expect(marginOf(0, "sell", 2)).toBeCloseTo(2 * (0.15 + 0.05), 12);
    expect(marginOf(-2, "buy", 2)).toBe(0);
    expect(marginOf(3, "sell", 2)).toBe(0);
    expect(marginOf(3, "sell", 5)).toBeCloseTo(2 * 0.2, 12);
  });
});

describe("status", () => {
  const NO_NUMBER = Number.NaN;
  const rules: [string, number, number, number][] = [
    ["needs no margin, owns something", 100, 0, STATUS_OK],
    ["needs no margin, owns nothing", 0, 0, STATUS_OK],
    ["equity above 1.5 times its margin", 150.01, 100, STATUS_OK],
    ["at 1.5", 150, 100, STATUS_WARNING],
    ["above 1.2", 120.01, 100, STATUS_WARNING],
    ["at 1.2", 120, 100, STATUS_REDUCE_ONLY],
    ["above 1.05", 105.01, 100, STATUS_REDUCE_ONLY],
    ["at 1.05", 105, 100, STATUS_LIQUIDATION],
    ["at 1", 100, 100, STATUS_LIQUIDATION],
    ["under its margin, but not under water", 0.01, 100, STATUS_LIQUIDATION],
    ["no equity, margin needed", 0, 100, STATUS_BANKRUPT],
    ["negative equity, margin needed", -1, 100, STATUS_BANKRUPT],
    ["a debt, no margin needed", -1, 0, STATUS_BANKRUPT],
    ["equity without a number adds no risk", NO_NUMBER, 100, STATUS_REDUCE_ONLY],
    ["margin without a number adds no risk", 100, NO_NUMBER, STATUS_REDUCE_ONLY],
    ["no numbers at all add no risk", NO_NUMBER, NO_NUMBER, STATUS_REDUCE_ONLY],
    ["no equity, margin without a number", 0, NO_NUMBER, STATUS_REDUCE_ONLY],
  ];
  it.each(rules)("%s", (_, equity, maintenance, expected) => {
    expect(poolStatus(equity, maintenance)).toBe(expected);
  });
});
