// What random walks meet too seldom: a walk over the pools that something happens to half-way, accounts without all their marks,
// ledgers ahead of their valuation, an arena that is full.
import { beforeAll, describe, expect, it } from "vitest";
import { InstrumentAt, MARKET_INSTRUMENTS_OFFSET, MarketHeaderAt } from "../../src/shared/layout/market";
import { ControlAt, PositionAt, ShardFault } from "../../src/shared/layout/shard";
import { EventFlag } from "../../src/shared/wire/encode";
import { ASSETS, DESK, deskReference } from "./desk";
import { DirectShard, loadKernel } from "./direct-shard";
import { Script } from "./script";

let kernel: WebAssembly.Module;
beforeAll(() => {
  kernel = loadKernel();
});

const CAPACITY = { accounts: 1024, balances: 4096, positions: 4096, orders: 1024 };

const shardOf = (poolUnits?: number, capacity = CAPACITY) => {
  const shard = new DirectShard(kernel, capacity, poolUnits);
  shard.reference(deskReference());
  return shard;
};
const whole = (shard: DirectShard) => {
  shard.triggerAll();
  while (shard.kernel.walk(0x7fffffff) > 0);
};

/** What was alerted, and what everybody is by valuing everybody. */
function expectToldAsValued(shard: DirectShard, what: string): void {
  const told = Array.from({ length: shard.accountCount }, (_, slot) => shard.toldStatus(slot));
  shard.kernel.revalueAll();
  shard.refreshAll();
  for (let slot = 0; slot < shard.accountCount; slot++)
    expect(told[slot], `${what}: account ${shard.accountId(slot)}`).toBe(shard.toldStatus(slot));
}

/** Three accounts of pools so large that an arena of 512 units with small free pieces only has to be laid out anew. */
function fillArena(shard: DirectShard, script: Script): void {
  for (let account = 1000; account < 1003; account++)
    for (const flags of [0, EventFlag.LongLeg, EventFlag.ShortLeg])
      for (const id of [1, 2, 3, 4, 5, 9, 10, 11])
        script.fill(account, id, flags === EventFlag.ShortLeg ? -1 : 1, undefined, flags);
  shard.accounts(script.done());
  expect(shard.control(ControlAt.poolEnd)).toBeLessThan(500);
}

describe("a walk over the pools", () => {
  it("that has passed one pool of a multi-asset account and not the other leaves a bound that holds", () => {
    for (let extra = 0; extra < 30; extra++) {
      const script = new Script();
      const shard = shardOf();
      for (const id of [1, 2, 3, 6]) shard.marketData(script.mark(id, 1));
      // The pool in USDT is the account's first, and because it has grown it lies far behind the one in BTC.
      script.group(1, 1).transfer(1, ASSETS.BTC, 0.05 + 0.002 * extra);
      script.fill(1, 1, 1).fill(1, 6, 1000).fill(1, 2, 1);
      for (let account = 2; account < 80; account++) script.fill(account, 3, 1);
      shard.accounts(script.fill(1, 3, 1).done());
      shard.marketData(script.mark(6, 1.0001));
      whole(shard);
      whole(shard);
      shard.marketData(script.mark(6, 1.04));
      shard.triggerAll();
      shard.kernel.walk(1);
      shard.accounts(script.transfer(1, ASSETS.USDT, 0.01).done());
      shard.marketData(script.mark(6, 1.0401));
      shard.triggerAll();
      for (const factor of [1.02, 1, 0.98, 0.97]) {
        shard.marketData(script.mark(6, factor));
        shard.triggerAll();
        const told = shard.toldStatus(0);
        shard.kernel.valueOne(0, 1);
        expect(told, `${extra}: at ${factor}`).toBe(shard.toldStatus(0));
      }
    }
  });

  it("leaves the pool that is next in turn to the anchors of before", () => {
    const script = new Script();
    const shard = shardOf();
    shard.marketData(script.mark(1, 1));
    for (let account = 1; account <= 130; account++) script.transfer(account, ASSETS.USDT, 100).fill(account, 1, 100);
    shard.accounts(script.done());
    shard.marketData(script.mark(1, 1.0001));
    whole(shard);
    shard.marketData(script.mark(1, 1.04));
    shard.triggerAll();
    // A group of bounds, and the first pool of the next one gets its bound while it waits.
    shard.kernel.walk(64);
    shard.accounts(script.transfer(65, ASSETS.USDT, 0.01).done());
    shard.marketData(script.mark(1, 1.0401));
    shard.triggerAll();
    shard.marketData(script.mark(1, 0.98));
    shard.triggerAll();
    expectToldAsValued(shard, "after a fall");
  });

  it.each([
    ["the marks of before", -100, 320, 1.051],
    ["its own", 100, 68, 0.994],
  ])("that stands in the middle of a group of bounds hides nobody from marks far from %s", (_, lots, cash, mark) => {
    const script = new Script();
    const shard = shardOf();
    shard.marketData(script.mark(1, 1));
    for (let account = 1; account <= 130; account++) script.transfer(account, ASSETS.USDT, cash).fill(account, 1, lots);
    shard.accounts(script.done());
    shard.marketData(script.mark(1, 1.0001));
    whole(shard);
    shard.marketData(script.mark(1, 1.04));
    shard.triggerAll();
    // Half a group is bound to 1.04, the other half still to 1.0001.
    shard.kernel.walk(32);
    shard.marketData(script.mark(1, mark));
    shard.triggerAll();
    expectToldAsValued(shard, `at ${mark}`);
    expect(shard.toldStatus(0)).toBeGreaterThan(0);
  });

  it("that begins in the middle of a pass hides nobody from it", () => {
    const script = new Script();
    const shard = shardOf();
    const accounts = 400;
    shard.marketData(script.mark(1, 1));
    for (let account = 1; account <= accounts; account++)
      script.transfer(account, ASSETS.USDT, account - 200).fill(account, 1, 100);
    shard.accounts(script.done());
    // Anchors of the last walk at 1.05, of the one before at 1.
    shard.marketData(script.mark(1, 1.0001));
    whole(shard);
    shard.marketData(script.mark(1, 1.05));
    whole(shard);
    shard.marketData(script.mark(1, 1.001));
    shard.kernel.trigger(1);
    shard.kernel.walk(1);
    shard.triggerAll();
    expectToldAsValued(shard, "after the pass");
  });

  it("goes on behind the block that the pool next in turn has become a part of", () => {
    const script = new Script();
    const shard = shardOf();
    for (const id of [1, 2, 3, 4, 9]) shard.marketData(script.mark(id, 1));
    // Units 0 and 1 become one free block, and that the larger pool of account 3.
    script.fill(1, 3, 1, undefined, EventFlag.Isolated).fill(2, 9, 1, undefined, EventFlag.Isolated);
    script.fill(3, 1, 1).fill(3, 2, 1);
    for (let account = 4; account <= 10; account++) script.transfer(account, ASSETS.USDT, 1000).fill(account, 1, 1);
    shard.accounts(script.done());
    whole(shard);
    shard.marketData(script.mark(1, 1.0001));
    shard.triggerAll();
    shard.kernel.walk(1);
    shard.accounts(script.expiry(3).expiry(9).fill(3, 4, 1).done());
    const walks = shard.counter(ControlAt.poolWalks);
    const before = shard.counter(ControlAt.poolsWalked);
    while (shard.counter(ControlAt.poolWalks) === walks) shard.kernel.walk(100);
    expect(shard.counter(ControlAt.poolsWalked) - before).toBe(7);
  });

  it("begins again where all pools are laid out anew", () => {
    const shard = shardOf(512);
    const script = new Script();
    for (const { id } of DESK) shard.marketData(script.mark(id, 1));
    for (let account = 1; account <= 250; account++)
      for (const id of [3, 9]) script.fill(account, id, 1, DESK[id - 1]!.ticks, EventFlag.Isolated);
    script.expiry(3);
    shard.accounts(script.done());
    shard.marketData(script.mark(9, 1.001));
    shard.triggerAll();
    // Half-way, larger pools find no place but in a new layout.
    shard.kernel.walk(101);
    const before = shard.counter(ControlAt.poolsWalked);
    const walks = shard.counter(ControlAt.poolWalks);
    fillArena(shard, script);
    while (shard.counter(ControlAt.poolWalks) === walks) shard.kernel.walk(100);
    expect(shard.counter(ControlAt.poolsWalked) - before).toBe(253);
  });
});

describe("an account", () => {
  it("with an order whose contract has no mark is told of its status as soon as the mark is there", () => {
    const script = new Script();
    const shard = shardOf();
    shard.marketData(script.mark(1, 1));
    shard.accounts(script.transfer(1, ASSETS.USDT, 610).fill(1, 1, 100).order(1, 2, 1).done());
    shard.marketData(script.mark(1, 0.9));
    shard.triggerAll();
    shard.refreshAll();
    expect(shard.takeAlerts()).toEqual([]);
    shard.marketData(script.mark(2, 1));
    shard.triggerAll();
    expect(shard.takeAlerts()).toHaveLength(1);
    expectToldAsValued(shard, "with all marks");
  });

  it("of several assets with an isolated position that has no mark is told of its status as soon as the mark is there", () => {
    const script = new Script();
    const shard = shardOf();
    shard.marketData(script.mark(1, 1));
    script.group(1, 1).transfer(1, ASSETS.USDT, 1000).fill(1, 1, 100);
    shard.accounts(script.isolated(1, 2, 390).fill(1, 2, 1, undefined, EventFlag.Isolated).done());
    shard.triggerAll();
    shard.marketData(script.mark(1, 0.9));
    shard.triggerAll();
    shard.refreshAll();
    expect(shard.takeAlerts()).toEqual([]);
    shard.marketData(script.mark(2, 1));
    shard.triggerAll();
    expect(shard.takeAlerts()).toHaveLength(1);
    expectToldAsValued(shard, "with all marks");
  });

  it("that changed its status while one of its marks was gone is told of it as soon as that is back", () => {
    const script = new Script();
    const shard = shardOf();
    for (const id of [1, 6]) shard.marketData(script.mark(id, 1));
    script.transfer(1, ASSETS.USDT, 610).transfer(1, ASSETS.BTC, 1);
    shard.accounts(script.fill(1, 1, 100).fill(1, 6, 1).done());
    whole(shard);
    const mark = (shard.control(ControlAt.market) + MARKET_INSTRUMENTS_OFFSET + 6 * InstrumentAt.bytes + InstrumentAt.mark) / 8;
    const setMark = (price: number) => {
      shard.doubles[mark] = price;
      shard.kernel.instrumentChanged(6);
      shard.triggerAll();
    };
    setMark(0);
    shard.marketData(script.mark(1, 0.9));
    shard.triggerAll();
    expect(shard.takeAlerts()).toEqual([]);
    setMark(60_000);
    expect(shard.takeAlerts()).toHaveLength(1);
  });

  it("that leaves multi-asset margin is told of what a pool by itself comes to", () => {
    const script = new Script();
    const shard = shardOf();
    shard.marketData(script.mark(1, 1));
    script.group(1, 1).transfer(1, ASSETS.BTC, 1).transfer(1, ASSETS.USDT, 100).fill(1, 1, 100);
    shard.accounts(script.done());
    whole(shard);
    shard.accounts(script.group(1, 0).done());
    shard.marketData(script.mark(1, 0.9999));
    shard.triggerAll();
    expect(shard.takeAlerts()).toEqual([]);
    shard.marketData(script.mark(1, 0.98));
    shard.triggerAll();
    expect(shard.takeAlerts()).toHaveLength(1);
    expectToldAsValued(shard, "after a fall");
  });

  it("whose ledger is ahead of its valuation is not bounded by the cash of before", () => {
    const script = new Script();
    const shard = shardOf();
    shard.marketData(script.mark(1, 1));
    const isolated = EventFlag.Isolated;
    shard.accounts(script.transfer(1, ASSETS.USDT, 5000).isolated(1, 1, 1000).fill(1, 1, 100, undefined, isolated).done());
    shard.accounts(script.isolated(1, 1, -800).done(), false);
    shard.marketData(script.mark(1, 0.9999));
    shard.triggerAll();
    shard.marketData(script.mark(1, 0.97));
    shard.triggerAll();
    expectToldAsValued(shard, "after a fall");
    expect(shard.toldStatus(0)).toBeGreaterThan(0);
  });
});

describe("the arena of pools", () => {
  it("where it is full stops the shard and harms nobody's rows", () => {
    const shard = shardOf(64);
    const script = new Script();
    for (let account = 1; account <= 65; account++) script.fill(account, 1, 1);
    expect(() => shard.accounts(script.done())).toThrow("the kernel stopped");
    expect(shard.control(ControlAt.fault)).toBe(ShardFault.AccountsFull);
    for (let slot = 0; slot < 64; slot++) expect(shard.longs[(shard.positionsOf(slot)[0]! + PositionAt.qtyLots) / 8]).toBe(1n);
  });
});

describe("a pass", () => {
  it("that looks at one pool of a group keeps the others in mind", () => {
    const shard = shardOf();
    const script = new Script();
    shard.marketData(script.mark(1, 1));
    shard.accounts(script.transfer(1, ASSETS.USDT, 100).fill(1, 1, 100).transfer(2, ASSETS.USDT, 6000).fill(2, 1, 100).done());
    shard.triggerAll();
    // The one far from every line is looked at, because something happened to him; the other one is not.
    shard.accounts(script.transfer(2, ASSETS.USDT, 1).done());
    shard.marketData(script.mark(1, 0.9999));
    shard.triggerAll();
    shard.marketData(script.mark(1, 0.985));
    shard.triggerAll();
    expect(shard.takeAlerts()).toMatchObject([{ account: 1 }]);
  });

  // A group of bounds that pools fill, one that they do not, and one behind another.
  it.each([64, 40, 104])("finds the one of %i that is near a line wherever a walk left him in his group", (accounts) => {
    for (const near of [0, 1, 2, 3, 28, 60, 61, 62, 63, 64, 100].filter((slot) => slot < accounts)) {
      const shard = shardOf();
      const script = new Script();
      shard.marketData(script.mark(1, 1));
      for (let slot = 0; slot < accounts; slot++)
        script.transfer(slot + 1, ASSETS.USDT, slot === near ? 100 : 6000).fill(slot + 1, 1, 100);
      shard.accounts(script.done());
      shard.triggerAll();
      // Nearer than when he was last looked at.
      shard.marketData(script.mark(1, 0.9905));
      whole(shard);
      shard.marketData(script.mark(1, 0.985));
      shard.triggerAll();
      expect(shard.takeAlerts(), `slot ${near}`).toMatchObject([{ account: near + 1 }]);
    }
  });

  it("begins again where all pools are laid out anew", () => {
    const shard = shardOf(512);
    const script = new Script();
    for (const { id } of DESK) shard.marketData(script.mark(id, 1));
    for (let account = 1; account <= 250; account++) {
      script.transfer(account, ASSETS.USDT, 2).fill(account, 3, 1, undefined, EventFlag.Isolated);
      script.isolated(account, 2, 1).fill(account, 2, 1, undefined, EventFlag.Isolated);
    }
    script.expiry(3);
    shard.accounts(script.done());
    shard.triggerAll();
    shard.marketData(script.mark(2, 0.96));
    // The first group. Then larger pools find no place but in a new layout, in which others are in that group.
    shard.kernel.trigger(1);
    expect(shard.toldStatus(0)).toBeGreaterThan(0);
    expect(shard.toldStatus(100)).toBe(0);
    const version = shard.words[(shard.control(ControlAt.market) + MarketHeaderAt.marketVersion) / 4]!;
    fillArena(shard, script);
    expect(shard.control(ControlAt.triggeredVersion)).toBeLessThan(version);
    shard.triggerAll();
    expect(shard.control(ControlAt.triggeredVersion)).toBe(version);
    expectToldAsValued(shard, "after the pass");
    for (let slot = 0; slot < 250; slot++) expect(shard.toldStatus(slot), `slot ${slot}`).toBeGreaterThan(0);
  });

  it("looks at nobody for a contract that nobody holds any more, also after all pools were laid out anew", () => {
    const shard = shardOf(512);
    const script = new Script();
    for (const { id } of DESK) shard.marketData(script.mark(id, 1));
    for (let account = 1; account <= 250; account++) {
      script.fill(account, 3, 1, undefined, EventFlag.Isolated);
      script.isolated(account, 2, 10).fill(account, 2, 1, undefined, EventFlag.Isolated);
    }
    script.expiry(3);
    shard.accounts(script.done());
    fillArena(shard, script);
    shard.accounts(script.expiry(9).done());
    whole(shard);
    const looks = shard.counter(ControlAt.triggerPools);
    shard.marketData(script.mark(9, 1.4));
    shard.triggerAll();
    // The pools whose margin has no bound.
    expect(shard.counter(ControlAt.triggerPools) - looks).toBeLessThanOrEqual(9);
  });

  it("over a price that was not there looks at everybody, and at nothing that is no pool", () => {
    const shard = shardOf();
    const script = new Script();
    for (const { id } of DESK) shard.marketData(script.mark(id, 1));
    // Pools of two units, and free units between.
    const accounts = 40;
    for (let account = 1; account <= accounts; account++) for (const id of [1, 2, 4, 5]) script.fill(account, id, 1);
    shard.accounts(script.done());
    shard.setPrice(ASSETS.USD, 0);
    whole(shard);
    const looks = shard.counter(ControlAt.triggerPools);
    shard.setPrice(ASSETS.USD, 1);
    shard.triggerAll();
    expect(shard.counter(ControlAt.triggerPools) - looks).toBe(accounts);
    expectToldAsValued(shard, "after the pass");
  });
});

describe("accounts that are watched", () => {
  it("are all brought to a mark that comes while they are gone through", () => {
    const script = new Script();
    const shard = shardOf();
    const accounts = 600;
    shard.marketData(script.mark(1, 1));
    for (let account = 1; account <= accounts; account++) script.transfer(account, ASSETS.USDT, 1e6).fill(account, 1, 1);
    shard.accounts(script.done());
    for (let slot = 0; slot < accounts; slot++) shard.view.watch(slot);
    shard.marketData(script.mark(1, 1.01));
    expect(shard.kernel.refreshWatchedRows()).toBeLessThan(accounts);
    shard.marketData(script.mark(1, 1.02));
    while (shard.kernel.refreshWatchedRows() > 0);
    for (let slot = 0; slot < accounts; slot++)
      expect(shard.doubles[(shard.positionsOf(slot)[0]! + PositionAt.markPrice) / 8], `slot ${slot}`).toBe(61_200);
  });

  it("are STALE where a round of refreshing takes too long, though they hold nothing that is marked", () => {
    const script = new Script();
    const shard = shardOf();
    shard.accounts(script.transfer(1, ASSETS.BTC, 1).done());
    shard.refreshAll();
    const freshness = () => shard.view.account(0)?.freshness;
    expect(freshness()).toBe("OK");
    shard.doubles[(shard.controlAt + ControlAt.refreshedFromNs) / 8] = -1e15;
    shard.words[(shard.controlAt + ControlAt.sweepsDue) / 4]!++;
    expect(freshness()).toBe("STALE");
  });
});
