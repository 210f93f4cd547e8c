// Two ways to value an account, one answer: whatever the lean path values, the general workspace values to the same bits.
import { beforeAll, describe, expect, it } from "vitest";
import { MarginModel } from "../../schemas/generated";
import { AccountAt, ControlAt, PositionAt } from "../../src/shared/layout/shard";
import { EventFlag, ReferenceBatchWriter } from "../../src/shared/wire/encode";
import { Prng } from "../../src/sim/prng";
import { ASSETS, DESK, DeskFlow, DeskMarket, deskReference, wayOf } from "./desk";
import { DirectShard, loadKernel } from "./direct-shard";
import { Script } from "./script";

let kernel: WebAssembly.Module;
beforeAll(() => {
  kernel = loadKernel();
});

function shardWith(accounts: number, seed: number) {
  const prng = Prng.seeded(seed, 3);
  const shard = new DirectShard(kernel, { accounts: 4096, balances: 8192, positions: 16_384, orders: 65_536 });
  shard.reference(deskReference());
  const market = new DeskMarket(prng);
  const flow = new DeskFlow(prng, accounts);
  for (const message of flow.open()) shard.accounts(message);
  return { shard, market, flow };
}

/** Differences between what the shard's own path writes and what the general one does. */
function differences(shard: DirectShard, slot: number): string[] {
  shard.kernel.valueOne(slot, 0);
  const own = shard.valuation(slot);
  shard.kernel.valueOne(slot, 1);
  const general = shard.valuation(slot);
  const found: string[] = [];
  for (const [name, value] of general)
    if (!Object.is(own.get(name), value)) found.push(`${name}: ${own.get(name)}, generally ${value}`);
  return found;
}

describe("the lean path", () => {
  it.each([1, 2, 3, 4])(
    "gives the bits of the general workspace for accounts of every kind at walking marks, seed %i",
    (seed) => {
      const accounts = 240;
      const { shard, market, flow } = shardWith(accounts, seed);
      const statuses = new Map<number, number>();
      // Before the first mark nothing can be valued; what was opened then is, later.
      shard.accounts(flow.some(300, market));
      for (let slot = 0; slot < shard.accountCount; slot++) expect(differences(shard, slot), `slot ${slot}`).toEqual([]);
      shard.marketData(market.first());
      for (let round = 0; round < 60; round++) {
        shard.accounts(flow.some(150, market));
        shard.marketData(market.tick());
        for (let slot = 0; slot < shard.accountCount; slot++) {
          const found = differences(shard, slot);
          if (found.length > 0)
            expect.fail(`account ${shard.accountId(slot)} (${wayOf(shard.accountId(slot))}): ${found.join("; ")}`);
          const status = shard.words[(shard.accountAt(slot) + AccountAt.status) / 4]!;
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
        }
      }
      const lean = shard.counter(ControlAt.valuationsLean);
      const general = shard.counter(ControlAt.valuationsGeneral);
      console.log(
        `seed ${seed}: ${lean} accounts valued lean, ${general} generally; statuses ${JSON.stringify([...statuses].sort())}`,
      );
      expect(lean).toBeGreaterThan(1000);
      expect(general).toBeGreaterThan(1000);
      expect([...statuses.keys()].sort()).toEqual([0, 1, 2, 3, 4]);
    },
  );

  it.each([0, 0.06])(
    "gives those bits under a table whose rates come to all of the notional, with a fee of %d",
    (liquidationFeeRate) => {
      const { shard } = shardWith(0, 1);
      const table = new ReferenceBatchWriter(1);
      table.marginTable({ id: 1, model: MarginModel.Tiered, liquidationFeeRate });
      for (const [notionalFloor, rate] of [[0, 0.3], [5_000, 0.95], [9_000, 1], [20_000, 1]] as const) // biome-ignore format: one line
        table.marginTier({ table: 1, notionalFloor, initialRate: rate, maintenanceRate: rate });
      shard.reference(table.finish());
      const script = new Script();
      for (const id of [1, 2]) shard.marketData(script.mark(id, 1));
      let account = 0;
      // 60 USDT a lot, in every tier, with equity around every line, and with a position beside it.
      for (const lots of [50, 110, 240, 500])
        for (const side of [-1, 1])
          for (const beside of [0, 7, -7])
            for (let share = 0.1; share < 2; share += 0.1) {
              script.transfer(++account, ASSETS.USDT, lots * 60 * share).fill(account, 1, side * lots);
              if (beside !== 0) script.fill(account, 2, beside);
            }
      shard.accounts(script.done());
      for (const factor of [1, 0.97, 1.04]) {
        shard.marketData(script.mark(1, factor));
        for (let slot = 0; slot < account; slot++) expect(differences(shard, slot), `slot ${slot} at ${factor}`).toEqual([]);
      }
    },
  );

  it("gives those bits for accounts that stand at their liquidation price, or have it at the floor of a tier", () => {
    const { shard } = shardWith(0, 1);
    const script = new Script();
    for (const id of [1, 6]) shard.marketData(script.mark(id, 1));
    let account = 0;
    const open = (asset: number, id: number, lots: number, equity: number) => {
      if (equity > 0) script.transfer(++account, asset, equity).fill(account, id, lots);
    };
    // Margin by the tables of contracts 1 and 6, below their third floors.
    const linear = (value: number) => Math.max(0.004 * value, 0.005 * value - 5, 0.01 * value - 65);
    const inverse = (value: number) => Math.max(0.005 * value, 0.01 * value - 0.001);
    for (let lots = 1; lots <= 400; lots++)
      for (const side of [-1, 1]) {
        // 60 USDT a lot, and 0.01 BTC six lots: what falls costs a long one, and gains a long inverse one.
        const value = lots * 60;
        open(ASSETS.USDT, 1, side * lots, linear(value));
        for (const floor of [5_000, 12_000]) open(ASSETS.USDT, 1, side * lots, linear(floor) + side * (value - floor));
        const coins = lots / 100;
        if (coins >= 0.9) continue;
        open(ASSETS.BTC, 6, side * lots * 6, inverse(coins));
        open(ASSETS.BTC, 6, side * lots * 6, inverse(0.2) - side * (coins - 0.2));
      }
    shard.accounts(script.done());
    for (let slot = 0; slot < account; slot++) expect(differences(shard, slot), `slot ${slot}`).toEqual([]);
  });

  it("names the same position as the nearest to its liquidation price where two are equally near", () => {
    const { shard } = shardWith(0, 1);
    const script = new Script();
    for (const id of [1, 2]) shard.marketData(script.mark(id, 1));
    // 6,000 USDT of each.
    const accounts = 200;
    for (let account = 1; account <= accounts; account++)
      for (const [id, lots] of [[1, 100], [2, 240]] as const) // biome-ignore format: one line
        script.isolated(account, id, 100 + 10 * account).fill(account, id, -lots, undefined, EventFlag.Isolated);
    shard.accounts(script.done());
    let equal = 0;
    for (let slot = 0; slot < accounts; slot++) {
      expect(differences(shard, slot), `slot ${slot}`).toEqual([]);
      const [first, second] = shard.positionsOf(slot).map((row) => {
        const mark = shard.doubles[(row + PositionAt.markPrice) / 8]!;
        return Math.abs(shard.doubles[(row + PositionAt.liquidationPrice) / 8]! - mark) / mark;
      });
      if (first === second) equal++;
    }
    expect(equal).toBeGreaterThan(10);
  });

  it("values lean accounts lean", () => {
    const { shard, market, flow } = shardWith(120, 9);
    shard.marketData(market.first());
    shard.accounts(flow.some(3000, market));
    shard.takeAlerts();
    shard.kernel.revalueAll();
    const lean = shard.counter(ControlAt.valuationsLean);
    shard.refreshAll();
    // The four ways of a single pool of cross positions in lean contracts, and nobody else.
    let expected = 0;
    for (let slot = 0; slot < shard.accountCount; slot++) {
      const way = wayOf(shard.accountId(slot));
      const rows = shard.positionsOf(slot);
      if (way === "one linear" || way === "many linear" || way === "inverse" || rows.length === 0) expected++;
    }
    expect(DESK.length).toBe(16);
    expect(shard.counter(ControlAt.valuationsLean) - lean).toBeGreaterThanOrEqual(expected);
  });
});
