// A shard's copy of the market is of one piece: while ingest is writing, nothing is valued on a half of it, and no event is applied
// that may refer to the other half.
import { beforeEach, describe, expect, it } from "vitest";
import { InstrumentKind, MarginModel, Payoff } from "../../schemas/generated";
import { MarketTable } from "../../src/ingest/market-table";
import { ReferenceLane } from "../../src/ingest/reference-lane";
import { MarketCopy, TORN } from "../../src/shards/market-copy";
import {
  AssetAt,
  InstrumentAt,
  MARKET_ASSETS_OFFSET,
  MARKET_BYTES,
  MARKET_INSTRUMENTS_OFFSET,
  MARKET_VERSIONS_OFFSET,
  MarketHeaderAt,
} from "../../src/shared/layout/market";
import { AccountBatchWriter, MarketBatchWriter, ReferenceBatchWriter } from "../../src/shared/wire/encode";
import { KernelHarness } from "../support/kernel-harness";
import { ASSETS, DESK, deskReference, START_MS } from "./desk";

const CAPACITY = { accounts: 64, balances: 256, positions: 256, orders: 64 };

let harness: KernelHarness;
let words: Int32Array;
beforeEach(() => {
  harness = new KernelHarness("dist/kernel.wasm", CAPACITY);
  words = new Int32Array(harness.table.memory);
  harness.reference.take(deskReference());
  harness.table.publish();
  const events = new AccountBatchWriter(1);
  events.transfer({ seq: 1, account: 1, timeMs: START_MS, asset: ASSETS.USDT, amount: 1000 * 1e8 });
  events.fill({ seq: 2, account: 1, timeMs: START_MS, instrument: 1, side: 1, qtyLots: 100, priceTicks: 600_000, fee: 0 });
  expect(harness.accounts(events.finish())).toBe("published");
});

const mark = (seq: number, priceTicks: number) => {
  const writer = new MarketBatchWriter(1);
  writer.mark({ instrument: 1, seq, timeMs: START_MS + seq, priceTicks });
  harness.market.take(writer.finish());
  harness.table.publish();
};

describe("while ingest is writing", () => {
  it.each([
    ["reference data", MarketHeaderAt.referenceVersion / 4],
    ["an instrument", MARKET_VERSIONS_OFFSET / 4 + 1],
  ])("%s, no event is applied", (_, word) => {
    Atomics.add(words, word, 1);
    for (let n = 0; n < 3; n++) expect(harness.shard.round()).toBe(true);
    expect(harness.view.nextOffset()).toBe(0);
    Atomics.add(words, word, 1);
    harness.settle();
    expect(harness.view.nextOffset()).toBe(1);
    expect(harness.view.positions(0)).toHaveLength(1);
  });

  it("a contract's new margin table, nobody is valued on a table that is not there yet", () => {
    mark(1, 600_000);
    harness.settle();
    const before = harness.view.account(0)!.maintenanceMarginUsd;
    expect(before).toBeGreaterThan(0);
    // In the moment in which the shard copies contract 1, it gets another table.
    const copy = Reflect.get(harness.shard, "market") as MarketCopy;
    const copyInstrument = copy.copyInstrument.bind(copy);
    copy.copyInstrument = (id) => {
      copy.copyInstrument = copyInstrument;
      const writer = new ReferenceBatchWriter(2);
      writer.marginTable({ id: 20, model: MarginModel.Tiered });
      writer.marginTier({ table: 20, notionalFloor: 0, initialRate: 0.04, maintenanceRate: 0.02 });
      const { tickSize, lotSize, contractSize } = DESK[0]!;
      writer.instrument({
        id: 1,
        symbol: "C1",
        kind: InstrumentKind.Perpetual,
        payoff: Payoff.Linear,
        base: ASSETS.BTC,
        quote: ASSETS.USDT,
        settle: ASSETS.USDT,
        marginTable: 20,
        contractSize,
        tickSize,
        lotSize,
      });
      expect(harness.reference.take(writer.finish())).toBeNull();
      harness.table.publish();
      return copyInstrument(id);
    };
    const asset = new ReferenceBatchWriter(1);
    asset.asset({ id: ASSETS.ETH, symbol: "ETH", usdPrice: 2_500, haircut: 0.2 });
    harness.reference.take(asset.finish());
    mark(2, 600_000);
    const seen = new Set<number>();
    do seen.add(harness.view.account(0)!.maintenanceMarginUsd);
    while (harness.shard.round());
    const after = 0.02 * 6000 * 0.9997;
    expect([...seen].filter((margin) => Math.abs(margin - after) > 1e-9)).toEqual([before]);
    expect(harness.view.status().alerts).toBe(0);
  });
});

describe("of a row that could not be copied whole", () => {
  const table = new MarketTable();
  new ReferenceLane(table).take(deskReference());
  const shard = new SharedArrayBuffer(MARKET_BYTES);
  const copy = new MarketCopy(table.memory, shard, 0);
  const marketWords = new Int32Array(table.memory);
  const rows: [name: string, word: number, at: number, bytes: number, copyRow: () => number][] = [
    [
      "instrument",
      MARKET_VERSIONS_OFFSET / 4 + 1,
      MARKET_INSTRUMENTS_OFFSET + InstrumentAt.bytes,
      InstrumentAt.bytes,
      () => copy.copyInstrument(1),
    ],
    [
      "asset",
      (MARKET_ASSETS_OFFSET + AssetAt.bytes + AssetAt.version) / 4,
      MARKET_ASSETS_OFFSET + AssetAt.bytes,
      AssetAt.bytes,
      () => copy.copyAsset(1),
    ],
    ["reference data", MarketHeaderAt.referenceVersion / 4, MARKET_ASSETS_OFFSET, AssetAt.bytes, () => copy.copyReference()],
  ];

  it.each(rows)("the shard keeps what it had: %s", (_, word, at, bytes, copyRow) => {
    const from = new Uint8Array(table.memory, at, bytes);
    const to = new Uint8Array(shard, at, bytes);
    expect(copyRow()).toBe(marketWords[word]);
    expect(to).toEqual(from);
    const before = to.slice();
    Atomics.add(marketWords, word, 1);
    from[AssetAt.haircut] ^= 1;
    expect(copyRow()).toBe(TORN);
    expect(to.slice()).toEqual(before);
    Atomics.add(marketWords, word, 1);
    expect(copyRow()).toBe(marketWords[word]);
    expect(to).toEqual(from);
  });
});
