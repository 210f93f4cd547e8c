// Pool blocks say what the rows say, and every unit of their arena belongs to one block.
import { beforeAll, describe, expect, it } from "vitest";
import { InstrumentAt, MARKET_INSTRUMENTS_OFFSET } from "../../src/shared/layout/market";
import {
  AccountAt,
  BalanceAt,
  ControlAt,
  POOL_FREE,
  POOL_ISOLATED,
  POOL_UNIT_BYTES,
  PoolAt,
  PoolEntryAt,
  PoolEntryFlag,
  PositionAt,
  PositionFlag,
  PositionTermsAt,
} from "../../src/shared/layout/shard";
import { AccountBatchWriter, EventFlag } from "../../src/shared/wire/encode";
import { Prng } from "../../src/sim/prng";
import { DeskFlow, DeskMarket, deskReference, START_MS } from "./desk";
import { DirectShard, loadKernel } from "./direct-shard";
import { Script } from "./script";

let kernel: WebAssembly.Module;
beforeAll(() => {
  kernel = loadKernel();
});

interface Block {
  unit: number;
  units: number;
  account: number;
  at: number;
}

/** The arena's blocks, walked as the kernel walks them. */
function blocks(shard: DirectShard): Block[] {
  const found: Block[] = [];
  const end = shard.control(ControlAt.poolEnd);
  for (let unit = 0; unit < end; ) {
    const at = shard.control(ControlAt.pools) + unit * POOL_UNIT_BYTES;
    const units = 1 << shard.bytes[at + PoolAt.order]!;
    expect(unit % units, `block at unit ${unit} of ${units} is aligned`).toBe(0);
    found.push({ unit, units, account: shard.words[(at + PoolAt.account) / 4]! >>> 0, at });
    unit += units;
    expect(unit).toBeLessThanOrEqual(end);
  }
  return found;
}

function assertArena(shard: DirectShard): Map<number, Block> {
  const used = new Map<number, Block>();
  const free = new Set<string>();
  for (const block of blocks(shard)) {
    if (block.account === POOL_FREE) free.add(`${block.unit}/${block.units}`);
    else used.set(block.unit, block);
  }
  for (const each of free) {
    const [unit, units] = each.split("/").map(Number) as [number, number];
    if (units < 64) expect(free.has(`${unit ^ units}/${units}`), `${each} and its buddy are both free`).toBe(false);
  }
  return used;
}

function assertPools(shard: DirectShard): void {
  const used = assertArena(shard);
  const units = (market: number, id: number) => market + MARKET_INSTRUMENTS_OFFSET + id * InstrumentAt.bytes;
  const market = shard.control(ControlAt.market);
  for (let slot = 0; slot < shard.accountCount; slot++) {
    const account = shard.accountAt(slot);
    const wanted = new Map<number, number[]>();
    for (const row of shard.positionsOf(slot)) {
      const instrument = shard.halves[(row + PositionAt.instrument) / 2]!;
      const flags = shard.halves[(row + PositionAt.flags) / 2]!;
      const settle = shard.words[(units(market, instrument) + InstrumentAt.settle) / 4]!;
      const id = (flags & PositionFlag.Isolated ? POOL_ISOLATED | (instrument << 3) | flags : settle) >>> 0;
      wanted.set(id, [...(wanted.get(id) ?? []), row]);
    }
    let link = shard.words[(account + AccountAt.firstPool) / 4]!;
    while (link !== 0) {
      const block = used.get(link - 1)!;
      expect(block, `a block begins at unit ${link - 1}`).toBeDefined();
      expect(block.account).toBe(slot);
      used.delete(link - 1);
      const id = shard.words[(block.at + PoolAt.id) / 4]! >>> 0;
      const rows = wanted.get(id) ?? [];
      wanted.delete(id);
      const count = shard.halves[(block.at + PoolAt.count) / 2]!;
      expect(count).toBe(rows.length);
      // A pool without positions is kept for the cash of a multi-asset account only.
      if (count === 0) expect(shard.bytes[block.at + PoolAt.isPooled]).toBe(1);
      let cash = 0;
      if ((id & POOL_ISOLATED) !== 0)
        cash = Number(shard.longs[(shard.termsOf(rows[0]!) + PositionTermsAt.isolatedMargin) / 8]) / 1e8;
      else
        for (let next = shard.words[(account + AccountAt.firstBalance) / 4]!; next !== 0; ) {
          const balance = shard.control(ControlAt.balances) + (next - 1) * BalanceAt.bytes;
          if (shard.words[(balance + BalanceAt.asset) / 4] === id)
            cash = Number(shard.longs[(balance + BalanceAt.wallet) / 8]) / 1e8;
          next = shard.words[(balance + BalanceAt.next) / 4]!;
        }
      let open = 0;
      for (let i = 0; i < count; i++) {
        const entry = block.at + PoolAt.entries + i * PoolEntryAt.bytes;
        const row = rows[i]!;
        expect(shard.words[(entry + PoolEntryAt.row) / 4]! >>> 0, "entries stand in the order of the list").toBe(row);
        const instrument = shard.halves[(row + PositionAt.instrument) / 2]!;
        const lotSize = shard.doubles[(units(market, instrument) + InstrumentAt.lotSize) / 8]!;
        expect(shard.doubles[(entry + PoolEntryAt.qty) / 8]).toBe(Number(shard.longs[(row + PositionAt.qtyLots) / 8]) * lotSize);
        expect(shard.doubles[(entry + PoolEntryAt.openCash) / 8]).toBe(
          Number(shard.longs[(row + PositionAt.openCash) / 8]) / 1e8,
        );
        const flags = shard.halves[(entry + PoolEntryAt.flags) / 2]!;
        expect((flags & PoolEntryFlag.Orders) !== 0).toBe(
          shard.words[(shard.termsOf(row) + PositionTermsAt.openOrderCount) / 4] !== 0,
        );
        expect((flags & PoolEntryFlag.Leverage) !== 0).toBe(shard.longs[(row + PositionAt.leverage) / 8] !== 0n);
        open += shard.doubles[(entry + PoolEntryAt.openCash) / 8]!;
      }
      const scale = shard.doubles[(block.at + PoolAt.scale) / 8]!;
      expect(Math.abs(shard.doubles[(block.at + PoolAt.cash) / 8]! - (cash + open))).toBeLessThanOrEqual(1e-12 * scale);
      link = shard.words[(block.at + PoolAt.next) / 4]!;
    }
    expect([...wanted.keys()], `positions of slot ${slot} that no pool holds`).toEqual([]);
  }
  expect([...used.values()], "blocks that no account leads to").toEqual([]);
}

describe("the pools", () => {
  it.each([1, 2, 3])("say what the rows say, after every message of a random stream, seed %i", (seed) => {
    const prng = Prng.seeded(seed, 17);
    const shard = new DirectShard(kernel, { accounts: 512, balances: 4096, positions: 8192, orders: 65_536 });
    shard.reference(deskReference());
    const market = new DeskMarket(prng);
    const flow = new DeskFlow(prng, 120);
    for (const message of flow.open()) shard.accounts(message);
    shard.marketData(market.first());
    for (let i = 0; i < 120; i++) {
      shard.accounts(flow.some(40, market));
      if (i % 5 === 0) {
        shard.marketData(market.tick());
        shard.triggerAll();
        shard.kernel.walk(50);
      }
      if (i % 10 === 0) assertPools(shard);
    }
    // Funding and expiry reach every holder; expired positions go.
    const writer = new AccountBatchWriter(1);
    const timeMs = START_MS + 1e6;
    writer.fundingSettlement({ seq: 1, timeMs, instrument: 1, priceTicks: 600_000, rateE12: 100_000_000 });
    writer.fundingSettlement({ seq: 1, timeMs, instrument: 7, priceTicks: 600_000, rateE12: -100_000_000 });
    for (const instrument of [3, 9])
      writer.expirySettlement({ seq: 1, timeMs, instrument, priceTicks: market.ticks.get(instrument)! });
    shard.accounts(writer.finish());
    assertPools(shard);
    shard.accounts(flow.some(500, market));
    assertPools(shard);
  });

  it("merge with free neighbours where the arena's end is moved to a larger block", () => {
    const shard = new DirectShard(kernel, { accounts: 64, balances: 256, positions: 256, orders: 64 });
    shard.reference(deskReference());
    const writer = new AccountBatchWriter(1);
    const isolated = EventFlag.Isolated;
    const fill = (account: number, seq: number, instrument: number, flags = 0) =>
      writer.fill({ seq, account, timeMs: START_MS, instrument, side: 1, qtyLots: 1, priceTicks: 1000, flags });
    // Units 0, 1 and 2; the last becomes free, and the first grows to two units at 4.
    fill(1, 1, 1);
    fill(1, 2, 2);
    fill(2, 1, 1, isolated);
    fill(3, 1, 3, isolated);
    writer.expirySettlement({ seq: 1, timeMs: START_MS, instrument: 3, priceTicks: 1000 });
    fill(1, 3, 4);
    shard.accounts(writer.finish());
    expect(shard.control(ControlAt.poolEnd)).toBe(6);
    assertPools(shard);
  });

  it("are laid out anew where free units lie apart, and nothing is lost", () => {
    const accounts = 250;
    const shard = new DirectShard(kernel, { accounts: 512, balances: 2048, positions: 1024, orders: 64 }, 512);
    shard.reference(deskReference());
    const writer = new AccountBatchWriter(1);
    const seqs = new Map<number, number>();
    const on = (account: number, instrument: number, flags: number) => {
      const seq = (seqs.get(account) ?? 0) + 1;
      seqs.set(account, seq);
      return { seq, account, timeMs: START_MS, instrument, flags };
    };
    // Two isolated positions each, in units side by side; then every other unit becomes free.
    for (let account = 1; account <= accounts; account++)
      for (const instrument of [3, 9])
        writer.fill({ ...on(account, instrument, EventFlag.Isolated), side: 1, qtyLots: 1, priceTicks: 1000 });
    writer.expirySettlement({ seq: 1, timeMs: START_MS, instrument: 3, priceTicks: 1000 });
    shard.accounts(writer.finish());
    assertPools(shard);
    expect(shard.control(ControlAt.poolEnd)).toBe(2 * accounts);
    // Larger pools find no place but once: 27 positions need eight units.
    for (let account = 1000; account < 1003; account++) {
      for (const flags of [0, EventFlag.LongLeg, EventFlag.ShortLeg])
        for (const instrument of [1, 2, 3, 4, 5, 9, 10, 11, 15]) {
          const side = flags === EventFlag.ShortLeg ? 2 : 1;
          writer.fill({ ...on(account, instrument, flags), side, qtyLots: 1, priceTicks: 1000 });
        }
      shard.accounts(writer.finish());
      assertPools(shard);
    }
    expect(shard.control(ControlAt.poolEnd)).toBeLessThan(2 * accounts);
    expect(shard.control(ControlAt.fault)).toBe(0);
  });

  it("do not merge with what lay beyond the arena's end before they were laid out anew", () => {
    for (let accounts = 249; accounts < 255; accounts++) {
      const shard = new DirectShard(kernel, { accounts: 512, balances: 2048, positions: 1024, orders: 64 }, 512);
      shard.reference(deskReference());
      const script = new Script();
      const isolated = EventFlag.Isolated;
      script.fill(1000, 1, 1);
      for (let account = 1; account <= accounts; account++)
        script.fill(account, 3, 1, undefined, isolated).fill(account, 9, 1, undefined, isolated);
      // The account of slot 0 grows to eight units, for which there is no room but in a new layout: one that ends much earlier.
      script.expiry(3);
      for (const flags of [0, EventFlag.LongLeg, EventFlag.ShortLeg])
        for (const id of [1, 2, 3, 4, 5, 9, 10, 11, 15])
          script.fill(1000, id, flags === EventFlag.ShortLeg ? -1 : 1, undefined, flags);
      shard.accounts(script.done());
      expect(shard.control(ControlAt.poolEnd)).toBeLessThan(300);
      assertPools(shard);
      shard.accounts(script.expiry(9).done());
      assertPools(shard);
      for (let account = 1; account <= accounts; account++) script.fill(account, 1, 1);
      shard.accounts(script.done());
      assertPools(shard);
    }
  });

  it("are built from the rows alone when a kernel attaches to a memory that has accounts", () => {
    const prng = Prng.seeded(21, 17);
    const shard = new DirectShard(kernel, { accounts: 512, balances: 4096, positions: 8192, orders: 65_536 });
    shard.reference(deskReference());
    const market = new DeskMarket(prng);
    const flow = new DeskFlow(prng, 120);
    for (const message of flow.open()) shard.accounts(message);
    shard.marketData(market.first());
    for (let i = 0; i < 30; i++) shard.accounts(flow.some(60, market));
    const status = (slot: number) => shard.words[(shard.accountAt(slot) + AccountAt.status) / 4];
    const before = Array.from({ length: shard.accountCount }, (_, slot) => status(slot));
    // What is derived is gone, as after a restart from a snapshot.
    const units = shard.control(ControlAt.poolUnits);
    shard.bytes.fill(0xff, shard.control(ControlAt.pools), shard.control(ControlAt.pools) + units * POOL_UNIT_BYTES);
    for (let slot = 0; slot < shard.accountCount; slot++) shard.words[(shard.accountAt(slot) + AccountAt.firstPool) / 4] = 77;
    shard.attachAnew(kernel);
    assertPools(shard);
    shard.refreshAll();
    for (let slot = 0; slot < shard.accountCount; slot++) expect(status(slot)).toBe(before[slot]);
    shard.accounts(flow.some(500, market));
    assertPools(shard);
  });
});
