import { describe, expect, it } from "vitest";
import { InstrumentKind, MarginModel, Payoff } from "../../schemas/generated";
import { MarketView } from "../shared/views/market-view";
import { MarketBatchWriter, ReferenceBatchWriter } from "../shared/wire/encode";
import { Books } from "./books";
import { MarketLane } from "./market-lane";
import { contractFactors, MarketTable } from "./market-table";
import { ReferenceLane } from "./reference-lane";

function setUp() {
  const table = new MarketTable();
  return {
    table,
    reference: new ReferenceLane(table),
    market: new MarketLane(table, new Books(table, String), table),
    view: new MarketView(table.memory, { staleAfterMs: 1000 }),
  };
}

function contract(over: Partial<Parameters<ReferenceBatchWriter["instrument"]>[0]> = {}): Buffer {
  const writer = new ReferenceBatchWriter(1);
  writer.asset({ id: 1, symbol: "USDT", usdPrice: 1 });
  writer.asset({ id: 2, symbol: "BTC", usdPrice: 60_000 });
  writer.marginTable({ id: 1, model: MarginModel.Tiered });
  writer.marginTier({ table: 1, notionalFloor: 0, initialRate: 0.01, maintenanceRate: 0.004 });
  writer.marginTier({ table: 1, notionalFloor: 50_000, initialRate: 0.02, maintenanceRate: 0.01 });
  const terms = { kind: InstrumentKind.Perpetual, payoff: Payoff.Linear, base: 2, quote: 1, settle: 1, marginTable: 1 };
  writer.instrument({ id: 1, symbol: "BTCUSDT", ...terms, contractSize: 1, tickSize: "0.1", lotSize: "0.001", ...over });
  return writer.finish();
}

describe("reference data", () => {
  it("is served as published, with deductions derived where the venue gives none", () => {
    const { reference, view } = setUp();
    expect(reference.take(contract())).toBeNull();
    expect(view.instrumentBySymbol("BTCUSDT")).toMatchObject({
      id: 1,
      kind: "perpetual",
      payoff: "linear",
      tickSize: 0.1,
      lotSize: 0.001,
      settle: "USDT",
    });
    expect(view.marginTables()[0].tiers.map(({ deduction }) => deduction)).toEqual([0, 300]);
  });

  it("published again is the same; with other terms it is refused, and the first stand", () => {
    const { reference, view } = setUp();
    expect(reference.take(contract())).toBeNull();
    expect(reference.take(contract())).toBeNull();
    expect(reference.take(contract({ tickSize: "0.01" }))?.reason).toMatch(/terms of a published contract never change/);
    expect(reference.take(contract({ id: 2 }))?.reason).toMatch(/symbol BTCUSDT is that of instrument 1/);
    expect(view.instrumentBySymbol("BTCUSDT")?.tickSize).toBe(0.1);
  });

  it("that refers to what is not known is refused by name", () => {
    const { reference } = setUp();
    expect(reference.take(contract({ settle: 9 }))?.reason).toMatch(/asset 9 is not known/);
    expect(reference.take(contract({ marginTable: 9 }))?.reason).toMatch(/margin table 9 is not known/);
  });

  it("gives one symbol to one asset", () => {
    const { reference } = setUp();
    expect(reference.take(contract())).toBeNull();
    const writer = new ReferenceBatchWriter(1);
    writer.asset({ id: 3, symbol: "BTC", usdPrice: 1 });
    expect(reference.take(writer.finish())?.reason).toMatch(/symbol BTC is that of asset 2/);
  });

  it("has exact factors: value of a lot at a tick in 1e-8, in lowest terms", () => {
    const e12 = 10n ** 12n;
    expect(contractFactors(false, e12 / 10n, e12 / 1000n, e12)).toEqual({ value: [10_000n, 1n], lot: [100_000n, 1n] });
    expect(contractFactors(true, e12 / 10n, e12, 100n * e12)).toEqual({ value: [10n ** 11n, 1n], lot: [10n ** 10n, 1n] });
    expect(contractFactors(false, 37n * 10n ** 7n, 7n * 10n ** 8n, 333_300_000_000n).value).toEqual(
      [86_324_700n, 10_000_000n].map((n, _, all) => n / gcd(all[0], all[1])),
    );
  });
});

function gcd(a: bigint, b: bigint): bigint {
  return b === 0n ? a : gcd(b, a % b);
}

describe("market state", () => {
  it("keeps the newest: what is older than what is there changes nothing", () => {
    const { reference, market, view } = setUp();
    expect(reference.take(contract())).toBeNull();
    const writer = new MarketBatchWriter(1);
    const mark = (seq: number, priceTicks: number) =>
      writer.mark({ instrument: 1, seq, timeMs: 1_750_000_000_000 + seq, priceTicks });
    mark(5, 608_041);
    mark(4, 1);
    expect(market.take(writer.finish())).toBeNull();
    // The decimal itself, not a rounded product.
    expect(view.instrumentBySymbol("BTCUSDT")?.mark).toBe(60_804.1);
    mark(6, 608_042);
    expect(market.take(writer.finish())).toBeNull();
    expect(view.instrumentBySymbol("BTCUSDT")?.mark).toBe(60_804.2);
    expect(market.events).toBe(2);
  });

  it("is not touched by a message of which one record is wrong", () => {
    const { reference, market, view } = setUp();
    expect(reference.take(contract())).toBeNull();
    const writer = new MarketBatchWriter(1);
    writer.mark({ instrument: 1, seq: 1, timeMs: 1_750_000_000_000, priceTicks: 5 });
    writer.mark({ instrument: 77, seq: 1, timeMs: 1_750_000_000_000, priceTicks: 5 });
    expect(market.take(writer.finish())).toMatchObject({ code: "unknown-instrument" });
    expect(view.instrumentBySymbol("BTCUSDT")?.mark).toBeNull();
  });
});
