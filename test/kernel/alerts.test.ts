// A change of status is told once: by a full ring late, by a shard that is not running not at all, after a restart with the next number.
import { beforeAll, describe, expect, it } from "vitest";
import { poolStatus } from "../../src/risk/portfolio/status";
import { STATUS_BANKRUPT } from "../../src/risk/portfolio/workspace";
import { AccountAt, AccountFlag, ControlAt, ShardState } from "../../src/shared/layout/shard";
import { ReferenceBatchWriter } from "../../src/shared/wire/encode";
import { Prng } from "../../src/sim/prng";
import { ASSETS, DeskFlow, DeskMarket, deskReference } from "./desk";
import { DirectShard, loadKernel } from "./direct-shard";
import { Script } from "./script";

let kernel: WebAssembly.Module;
beforeAll(() => {
  kernel = loadKernel();
});

/** Accounts that are well at the first mark, and liquidated at 0.9 times it. */
function shardWith(accounts: number, script: Script, capacity = {}): DirectShard {
  const shard = new DirectShard(kernel, { accounts: 8192, balances: 16_384, positions: 16_384, orders: 64, ...capacity });
  shard.reference(deskReference());
  shard.marketData(script.mark(1, 1));
  for (let account = 1; account <= accounts; account++) {
    script.transfer(account, ASSETS.USDT, 610).fill(account, 1, 100);
    if (account % 1000 === 0) shard.accounts(script.done());
  }
  shard.accounts(script.done());
  return shard;
}
const accountsOf = (alerts: { account: number }[]) => alerts.map(({ account }) => account).sort((a, b) => a - b);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe("changes of status", () => {
  it("that find the ring full are told when it has room, each once, and not where they have passed", () => {
    const script = new Script();
    const shard = shardWith(10, script, { alertRecords: 4 });
    shard.marketData(script.mark(1, 0.9));
    shard.triggerAll();
    const first = shard.takeAlerts();
    expect(first).toHaveLength(4);
    // One of the others is well again before he could be told of.
    const late = range(1, 10).filter((account) => !first.some((alert) => alert.account === account));
    shard.accounts(script.transfer(late[0]!, ASSETS.USDT, 1000).done());
    const told: { account: number }[] = [];
    for (let n = 0; n < 4; n++) {
      // While the ring is full there is always a round to do.
      for (let round = 0; round < 3; round++) shard.kernel.sweep(1000);
      told.push(...shard.takeAlerts());
    }
    expect(accountsOf(told)).toEqual(late.slice(1));
    shard.kernel.revalueAll();
    shard.refreshAll();
    expect(shard.takeAlerts()).toEqual([]);
    for (let slot = 0; slot < 10; slot++)
      expect(shard.words[(shard.accountAt(slot) + AccountAt.flags) / 4]! & AccountFlag.AlertPending).toBe(0);
    // Nothing is left to do.
    expect(shard.kernel.sweep(1)).toBe(0);
  });

  it("are not told while a shard recovers, but when it runs", () => {
    const script = new Script();
    const shard = shardWith(3, script);
    shard.setState(ShardState.Recovering);
    shard.marketData(script.mark(1, 0.9));
    shard.triggerAll();
    shard.refreshAll();
    expect(shard.takeAlerts()).toEqual([]);
    shard.setState(ShardState.Running);
    shard.kernel.revalueAll();
    shard.refreshAll();
    expect(accountsOf(shard.takeAlerts())).toEqual([1, 2, 3]);
  });

  it("that were told before a restart are not told again; the next has the next number", () => {
    const script = new Script();
    const shard = shardWith(3, script);
    shard.setState(ShardState.Recovering);
    shard.marketData(script.mark(1, 0.9));
    shard.refreshAll();
    expect(shard.kernel.setAlerted(1n, 7, 3)).toBe(1);
    // What is older than what is known says nothing.
    expect(shard.kernel.setAlerted(1n, 6, 0)).toBe(1);
    expect(shard.kernel.setAlerted(99n, 1, 3)).toBe(0);
    shard.setState(ShardState.Running);
    shard.kernel.revalueAll();
    shard.refreshAll();
    expect(shard.takeAlerts().map(({ account, seq }) => [account, seq])).toEqual([[2, 1], [3, 1]]); // biome-ignore format: one line
    shard.kernel.skipAlertNumbers(100);
    shard.marketData(script.mark(1, 1));
    shard.triggerAll();
    expect(
      shard
        .takeAlerts()
        .map(({ account, seq }) => [account, seq])
        .sort(),
    ).toEqual([[1, 108], [2, 102], [3, 102]]); // biome-ignore format: one line
  });

  it.each([
    ["quarantined", AccountFlag.Quarantined],
    ["missing events", AccountFlag.Gap],
  ])("of an account that is %s say so after a restart, which leaves nobody on a list that is gone", (_, flag) => {
    const script = new Script();
    const shard = shardWith(2, script);
    const flags = () => [0, 1].map((slot) => shard.words[(shard.accountAt(slot) + AccountAt.flags) / 4]!);
    shard.words[(shard.accountAt(0) + AccountAt.flags) / 4]! |= flag;
    // At the moment of the snapshot both are on lists that a restart does not know of.
    for (const slot of [0, 1])
      shard.words[(shard.accountAt(slot) + AccountAt.flags) / 4]! |= AccountFlag.Touched | AccountFlag.AlertPending;
    shard.attachAnew(kernel);
    shard.kernel.rebuildIndexes();
    expect(flags()).toEqual([flag, 0]);
    shard.refreshAll();
    shard.marketData(script.mark(1, 0.9));
    shard.triggerAll();
    const freshness = flag === AccountFlag.Quarantined ? 3 : 2;
    const told = shard.takeAlerts().map(({ account, freshness }) => [account, freshness]);
    expect(told.sort()).toEqual([[1, freshness], [2, 0]]); // biome-ignore format: one line
  });

  it("by a settlement that reaches more accounts than are valued at once are told all the same", () => {
    const script = new Script();
    const accounts = 4200;
    const shard = shardWith(accounts, script);
    shard.triggerAll();
    // No round is owed to anything else.
    shard.refreshAll();
    shard.takeAlerts();
    // Ten per cent of 6,000: 610 become 10.
    shard.accounts(script.funding(1, 1, 0.1).done());
    // As many as are valued at once need no round to be told of.
    const atOnce = shard.takeAlerts();
    expect(atOnce).toHaveLength(4096);
    shard.refreshAll();
    expect(accountsOf([...atOnce, ...shard.takeAlerts()])).toEqual(range(1, accounts));
    for (let slot = 0; slot < accounts; slot++)
      expect(shard.words[(shard.accountAt(slot) + AccountAt.flags) / 4]! & AccountFlag.Touched).toBe(0);
  });

  it.each([1, 2])("by other tables, haircuts and modes of collateral are those that brute force finds, seed %i", (seed) => {
    const capacity = { accounts: 512, balances: 4096, positions: 8192, orders: 65_536 };
    const pair = [new DirectShard(kernel, capacity), new DirectShard(kernel, capacity)] as const;
    const [subject, brute] = pair;
    const prng = Prng.seeded(seed, 29);
    const market = new DeskMarket(prng);
    const flow = new DeskFlow(prng, 120);
    const both = (what: "reference" | "marketData" | "accounts", message: Uint8Array) => {
      for (const shard of pair) shard[what](message);
    };
    both("reference", deskReference());
    for (const message of flow.open()) both("accounts", message);
    both("marketData", market.first());
    for (let n = 0; n < 20; n++) both("accounts", flow.some(60, market));
    let told = 0;
    let ownIsAnother = 0;
    for (let round = 0; round < 60; round++) {
      const writer = new ReferenceBatchWriter(1);
      const what = prng.below(4);
      if (what === 0)
        writer.accountGroup({ id: prng.below(2), name: "group", collateral: prng.below(2) as 0 | 1, hedgeMode: false });
      if (what === 1) writer.asset({ id: ASSETS.BTC, symbol: "BTC", usdPrice: 60_000, haircut: 0.4 * prng.nextUnit() });
      if (what === 2) {
        writer.marginTable({ id: 1, model: 1, liquidationFeeRate: 0, notionalAt: 0 });
        let rate = 0.003 + 0.01 * prng.nextUnit();
        for (const notionalFloor of [0, 5_000, 20_000, 60_000].slice(0, 1 + prng.below(4))) {
          writer.marginTier({ table: 1, notionalFloor, initialRate: 2 * rate, maintenanceRate: rate });
          rate *= 1 + 2 * prng.nextUnit();
        }
      }
      if (what < 3) both("reference", writer.finish());
      else both("marketData", market.tick());
      if (prng.below(2) === 0) subject.kernel.walk(1 + prng.below(100));
      subject.triggerAll(1 + prng.below(100));
      if (prng.below(3) === 0) both("marketData", market.tick());
      subject.triggerAll();
      brute.kernel.revalueAll();
      brute.refreshAll();
      for (let slot = 0; slot < subject.accountCount; slot++)
        expect(subject.toldStatus(slot), `round ${round}: account ${subject.accountId(slot)}`).toBe(brute.toldStatus(slot));
      for (const { to, worstMarginRatio, equityUsd, maintenanceMarginUsd } of brute.takeAlerts()) {
        told++;
        // The ratio that is told is the one the status goes by; the account's own, over all its pools, may say something else.
        expect(to).toBe(Number.isNaN(worstMarginRatio) ? STATUS_BANKRUPT : poolStatus(1, worstMarginRatio));
        if (to !== poolStatus(equityUsd, maintenanceMarginUsd)) ownIsAnother++;
      }
      if (prng.below(3) === 0) both("accounts", flow.some(20, market));
      for (const shard of pair) shard.takeAlerts();
    }
    expect(told).toBeGreaterThan(50);
    expect(ownIsAnother).toBeGreaterThan(0);
    expect(subject.control(ControlAt.fault)).toBe(0);
  });
});
