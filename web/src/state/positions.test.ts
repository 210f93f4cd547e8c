import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type PositionRow, positionKey, readRemoved } from "../wire/decode";
import { byDistance, liquidationOffset, positionsOf, withChange } from "./positions";

function position(symbol: string, fields: Partial<PositionRow> = {}): PositionRow {
  return {
    symbol,
    leg: "net",
    mode: "cross",
    qty: 1,
    entryPrice: 100,
    markPrice: 100,
    notional: 100,
    unrealizedPnl: 0,
    initialMargin: 10,
    maintenanceMargin: 5,
    liquidationPrice: 90,
    bankruptcyPrice: 85,
    leverage: 10,
    isolatedMargin: 0,
    realizedPnl: 0,
    fees: 0,
    funding: 0,
    settle: "USDT",
    openBuyQty: 0,
    openSellQty: 0,
    ...fields,
  };
}

describe("the positions of an account", () => {
  it("a change replaces by symbol, leg and mode, and leaves the others as the same objects", () => {
    const long = position("BTCUSDT", { leg: "long" });
    const short = position("BTCUSDT", { leg: "short" });
    const next = position("BTCUSDT", { leg: "long", qty: 2 });
    const after = withChange(positionsOf([long, short]), [next], []);
    expect([...after.values()]).toEqual([next, short]);
    expect(after.get(positionKey(short))).toBe(short);
  });

  it("what is removed goes, what is new comes", () => {
    const after = withChange(positionsOf([position("A"), position("B")]), [position("C")], [position("A")]);
    expect([...after.values()].map((each) => each.symbol)).toEqual(["B", "C"]);
  });

  it("symbols that look like two parts of a key are not confused", () => {
    const after = positionsOf([position('A","net'), position("A", { leg: "net" }), position("A net cross")]);
    expect(after.size).toBe(3);
  });

  it("snapshot and changes end where a snapshot of the end would", () => {
    const symbols = fc.constantFrom("A", "B", "C", "D");
    const rows = fc.array(fc.tuple(symbols, fc.constantFrom("long" as const, "short" as const), fc.integer()), { maxLength: 6 });
    fc.assert(
      fc.property(rows, fc.array(fc.tuple(rows, rows), { maxLength: 6 }), (first, changes) => {
        const row = ([symbol, leg, qty]: [string, "long" | "short", number]): PositionRow => position(symbol, { leg, qty });
        const truth = new Map(first.map((each) => [positionKey(row(each)), row(each)]));
        let shown = positionsOf(first.map(row));
        for (const [changed, removed] of changes) {
          for (const each of removed) truth.delete(positionKey(row(each)));
          for (const each of changed) truth.set(positionKey(row(each)), row(each));
          shown = withChange(shown, changed.map(row), removed.map(row));
        }
        expect(new Map(shown)).toEqual(truth);
      }),
    );
  });

  it.each([
    [position("A", { markPrice: 100, liquidationPrice: 90 }), -0.1],
    [position("A", { markPrice: 100, liquidationPrice: 125 }), 0.25],
    [position("A", { markPrice: null }), null],
    [position("A", { liquidationPrice: null }), null],
    [position("A", { markPrice: 0 }), null],
  ])("liquidation seen from the mark, case %#", (of, offset) => {
    expect(liquidationOffset(of)).toBe(offset);
  });

  it("the nearest to liquidation stands first, on whatever side, those without a price last by name", () => {
    const rows = [
      position("Z", { liquidationPrice: null }),
      position("FAR", { liquidationPrice: 50 }),
      position("NEAR", { liquidationPrice: 104 }),
      position("Y", { liquidationPrice: null }),
    ];
    expect(byDistance(positionsOf(rows)).map((each) => each.symbol)).toEqual(["NEAR", "FAR", "Y", "Z"]);
  });

  it.each([
    [undefined, 0],
    [[], 0],
    [[{ symbol: "A", leg: "net", mode: "cross" }], 1],
    [[{ symbol: "A", leg: "net" }], null],
    [["A"], null],
    [{}, null],
  ])("removed %j reads as %s", (value, count) => {
    expect(readRemoved(value)?.length ?? null).toBe(count);
  });
});
