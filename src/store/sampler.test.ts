// What is sampled and when, from real shard and market memory.
import { describe, expect, it, vi } from "vitest";
import { ShardState } from "../shared/layout/shard";
import { MarketView } from "../shared/views/market-view";
import { ShardView } from "../shared/views/shard-view";
import { Batches } from "./batches";
import { eachRow, fieldKey } from "./copy/row-reader";
import { FillDrain } from "./fill-drain";
import { Sampler } from "./sampler";
import type { LoadedBatch } from "./spill/record";
import { ACCOUNT_RISK, columnIndex, FILLS, INSTRUMENTS, MARKS, POSITION_RISK, type Table } from "./tables";
import { START_MS, TestMarket, TestShard } from "./testing/memory";

function setUp(shardCount = 1) {
  const market = new TestMarket();
  const view = new MarketView(market.memory, { staleAfterMs: 1000 });
  const shards = Array.from({ length: shardCount }, (_, partition) => new TestShard(partition));
  const delivered: LoadedBatch[] = [];
  const batches = new Batches(
    "log",
    () => 1,
    (batch) => delivered.push(batch),
  );
  const sampler = new Sampler(view, batches, async () => {});
  sampler.setShards(shards.map((shard) => new ShardView(shard.memory, view, { staleAfterMs: 1000 })));
  /** Integers of one column since the last call. */
  const taken = (table: Table, column: string): number[] => {
    batches.flush(table);
    const found: number[] = [];
    const field = columnIndex(table, column);
    for (const batch of delivered.filter((one) => one.table === table)) {
      eachRow(batch.payload, (row) => {
        const bytes = Buffer.from(fieldKey(batch.payload, row, field), "latin1");
        found.push(bytes.length === 8 ? Number(bytes.readBigInt64BE()) : bytes.readInt32BE());
      });
    }
    delivered.splice(0, delivered.length, ...delivered.filter((one) => one.table !== table));
    return found;
  };
  return { market, shards, sampler, taken, batches };
}

describe("sampling accounts", () => {
  it("takes each account when it changed, with its positions, and not again before it changes", async () => {
    const { market, shards, sampler, taken } = setUp();
    market.setInstrument(1, "BTCUSDT", 60_000);
    market.setInstrument(2, "ETHUSDT", 3000);
    const [shard] = shards;
    shard!.setAccount(0, { id: 100n, equityUsd: 1, positions: [10, -20] });
    shard!.setAccount(1, { id: 101n, equityUsd: 2 });
    expect(await sampler.sampleAccounts(START_MS, 1000)).toEqual({ accounts: 2, rows: 4, delayed: 0 });
    expect(taken(ACCOUNT_RISK, "account_id")).toEqual([100, 101]);
    expect(taken(POSITION_RISK, "account_id")).toEqual([100, 100]);

    expect(await sampler.sampleAccounts(START_MS + 1, 1000)).toEqual({ accounts: 0, rows: 0, delayed: 0 });
    shard!.setAccount(1, { id: 101n, equityUsd: 3 });
    shard!.setAccount(2, { id: 102n, equityUsd: 3 });
    await sampler.sampleAccounts(START_MS + 2, 1000);
    expect(taken(ACCOUNT_RISK, "account_id")).toEqual([101, 102]);
  });

  it("passes over an account that was not valued yet, and takes it when it was", async () => {
    const { shards, sampler, taken } = setUp();
    shards[0]!.setAccount(0, { id: 100n, equityUsd: 1, asOfMs: 0 });
    await sampler.sampleAccounts(START_MS, 1000);
    expect(taken(ACCOUNT_RISK, "account_id")).toEqual([]);
    shards[0]!.setAccount(0, { id: 100n, equityUsd: 1 });
    await sampler.sampleAccounts(START_MS, 1000);
    expect(taken(ACCOUNT_RISK, "account_id")).toEqual([100]);
  });

  it("lets accounts take turns where more changed than fit, and says how many wait", async () => {
    const { shards, sampler, taken } = setUp(2);
    const all = [0, 1].flatMap((shard) => Array.from({ length: 10 }, (_, slot) => 100 * shard + slot));
    const change = () => {
      for (const [index, shard] of shards.entries()) {
        for (let slot = 0; slot < 10; slot++) shard.setAccount(slot, { id: BigInt(100 * index + slot), equityUsd: 1 });
      }
    };
    const seen: number[] = [];
    for (let flush = 0; flush < 5; flush++) {
      change();
      const { accounts, delayed } = await sampler.sampleAccounts(START_MS + flush, 4);
      expect([accounts, delayed]).toEqual([4, 16]);
      seen.push(...taken(ACCOUNT_RISK, "account_id"));
    }
    expect([...seen].sort((a, b) => a - b)).toEqual(all);
  });

  it("takes those that are not ok first", async () => {
    const { shards, sampler, taken } = setUp(2);
    for (const [index, shard] of shards.entries()) {
      for (let slot = 0; slot < 10; slot++) {
        shard.setAccount(slot, { id: BigInt(100 * index + slot), equityUsd: 1, status: slot === 7 ? 3 : 0 });
      }
    }
    await sampler.sampleAccounts(START_MS, 3);
    expect(taken(ACCOUNT_RISK, "account_id").slice(0, 2)).toEqual([7, 107]);
  });

  it("keeps its place with a shard that stays when others come and go", async () => {
    const { shards, sampler, taken, market } = setUp();
    shards[0]!.setAccount(0, { id: 100n, equityUsd: 1 });
    await sampler.sampleAccounts(START_MS, 1000);
    expect(taken(ACCOUNT_RISK, "account_id")).toEqual([100]);
    const view = new MarketView(market.memory, { staleAfterMs: 1000 });
    const other = new TestShard(1);
    other.setAccount(0, { id: 200n, equityUsd: 1 });
    sampler.setShards([new ShardView(other.memory, view, { staleAfterMs: 1000 })]);
    await sampler.sampleAccounts(START_MS + 1, 1000);
    expect(taken(ACCOUNT_RISK, "account_id")).toEqual([200]);
  });
});

describe("sampling the market", () => {
  it("takes instruments when they changed; their contract once", () => {
    const { market, sampler, taken } = setUp();
    market.setInstrument(1, "BTCUSDT", 60_000);
    market.setInstrument(3, "ETHUSDT");
    sampler.sampleMarket(START_MS);
    expect(taken(INSTRUMENTS, "instrument_id")).toEqual([1, 3]);
    // Nothing has happened in the second: it has no event time, and no row.
    expect(taken(MARKS, "instrument_id")).toEqual([1]);
    sampler.sampleMarket(START_MS + 1);
    expect(taken(MARKS, "instrument_id")).toEqual([]);
    market.setInstrument(3, "ETHUSDT", 3000);
    sampler.sampleMarket(START_MS + 2);
    expect(taken(MARKS, "instrument_id")).toEqual([3]);
    expect(taken(INSTRUMENTS, "instrument_id")).toEqual([]);
  });
});

describe("draining fill rings", () => {
  const fillsFrom = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => ({ offset: BigInt(from + i), account: 9n }));

  it("takes every record once, in order, over the end of the ring", () => {
    const { batches, taken } = setUp();
    const shard = new TestShard(0, 64);
    const drain = new FillDrain(batches, () => true);
    drain.setShards([shard.memory]);
    const seen: number[] = [];
    for (let from = 0; from < 500; from += 50) {
      expect(shard.publish(fillsFrom(from, 50))).toBe(true);
      expect(drain.drain()).toBe(50);
      seen.push(...taken(FILLS, "log_offset"));
    }
    expect(seen).toEqual(Array.from({ length: 500 }, (_, i) => i));
  });

  it("leaves in the ring what there is no room for", () => {
    const { batches, taken } = setUp();
    const shard = new TestShard(0, 64);
    let room = 10;
    const drain = new FillDrain(batches, () => room-- > 0);
    drain.setShards([shard.memory]);
    shard.publish(fillsFrom(0, 64));
    expect(drain.drain()).toBe(10);
    expect(drain.waiting()).toBe(54);
    expect(shard.publish(fillsFrom(64, 11))).toBe(false);
    room = 1000;
    expect(drain.drain()).toBe(54);
    expect(taken(FILLS, "log_offset")).toEqual(Array.from({ length: 64 }, (_, i) => i));
  });

  it("empties the ring of a shard that leaves, and then forgets it", () => {
    const { batches, taken } = setUp();
    const shard = new TestShard(0, 64);
    const drain = new FillDrain(batches, () => true);
    drain.setShards([shard.memory]);
    shard.publish(fillsFrom(0, 5));
    drain.setShards([]);
    expect(drain.drain()).toBe(5);
    shard.publish(fillsFrom(5, 5));
    expect(drain.drain()).toBe(0);
    expect(taken(FILLS, "log_offset")).toEqual([0, 1, 2, 3, 4]);
    // It comes back, with its new records.
    drain.setShards([shard.memory]);
    expect(drain.drain()).toBe(5);
  });

  it("leaves a shard that catches up alone until its ring is nearly full, or all is asked for", () => {
    const { batches } = setUp();
    const shard = new TestShard(0, 64);
    const drain = new FillDrain(batches, () => true);
    drain.setShards([shard.memory]);
    shard.setState(ShardState.Recovering);
    shard.publish(fillsFrom(0, 48));
    expect(drain.drain()).toBe(0);
    shard.publish(fillsFrom(48, 1));
    expect(drain.drain()).toBe(49);
    shard.publish(fillsFrom(49, 5));
    expect(drain.drain()).toBe(0);
    expect(drain.drain(true)).toBe(5);
    shard.publish(fillsFrom(54, 5));
    shard.setState(ShardState.Running);
    expect(drain.drain()).toBe(5);
  });

  it("leaves them there for ten seconds at most", () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      const { batches } = setUp();
      const shard = new TestShard(0, 64);
      const drain = new FillDrain(batches, () => true);
      drain.setShards([shard.memory]);
      shard.setState(ShardState.Recovering);
      shard.publish(fillsFrom(0, 5));
      expect(drain.drain()).toBe(0);
      vi.advanceTimersByTime(9_999);
      expect(drain.drain()).toBe(0);
      vi.advanceTimersByTime(1);
      expect(drain.drain()).toBe(5);
    } finally {
      vi.useRealTimers();
    }
  });
});
