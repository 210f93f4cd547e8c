// What a contract, a margin table, an asset or a group of accounts is may change while accounts hold it, and marks may come with
// that: everybody is valued on what is there now, told of what follows from it, and nothing of before is left.
import { beforeAll, describe, expect, it } from "vitest";
import { MarginModel } from "../../schemas/generated";
import { InstrumentAt } from "../../src/shared/layout/market";
import { AccountAt } from "../../src/shared/layout/shard";
import { ReferenceBatchWriter } from "../../src/shared/wire/encode";
import { Prng } from "../../src/sim/prng";
import { ASSETS, DeskFlow, DeskMarket, deskReference } from "./desk";
import { DirectShard, loadKernel } from "./direct-shard";
import { Script } from "./script";

let kernel: WebAssembly.Module;
beforeAll(() => {
  kernel = loadKernel();
});

const CAPACITY = { accounts: 512, balances: 4096, positions: 8192, orders: 65_536 };
const { USDT, BTC, ETH } = ASSETS;

const shardOf = () => {
  const shard = new DirectShard(kernel, CAPACITY);
  shard.reference(deskReference());
  return shard;
};
const whole = (shard: DirectShard) => {
  shard.triggerAll();
  while (shard.kernel.walk(0x7fffffff) > 0);
};
const told = (shard: DirectShard) => {
  shard.triggerAll();
  return shard.takeAlerts().map(({ from, to }) => [from, to]);
};
const account = (shard: DirectShard, field: number) => shard.doubles[(shard.accountAt(0) + field) / 8]!;

describe("whoever is near a line where things stood when the last walk began is told of it when they stand there again", () => {
  // A warning at the first mark, well at the second.
  const long = () => {
    const script = new Script();
    const shard = shardOf();
    shard.marketData(script.mark(1, 1));
    shard.accounts(script.transfer(1, USDT, 34).fill(1, 1, 100).done());
    whole(shard);
    shard.marketData(script.mark(1, 1.0001));
    whole(shard);
    shard.marketData(script.mark(1, 1));
    whole(shard);
    shard.takeAlerts();
    return shard;
  };

  it("after a mark that came with reference data", () => {
    const shard = long();
    shard.setInstrument(1, InstrumentAt.mark, 63_000, true);
    expect(told(shard)).toEqual([[1, 0]]);
    shard.setInstrument(1, InstrumentAt.mark, 60_000);
    expect(told(shard)).toEqual([[0, 1]]);
  });

  it("after a mark that was gone and is another one", () => {
    const shard = long();
    shard.setInstrument(1, InstrumentAt.mark, 0);
    expect(told(shard)).toEqual([]);
    shard.setInstrument(1, InstrumentAt.mark, 63_000);
    expect(told(shard)).toEqual([[1, 0]]);
    shard.setInstrument(1, InstrumentAt.mark, 60_000);
    expect(told(shard)).toEqual([[0, 1]]);
  });

  it.each([1, 2])("after an asset's price that came with reference data, from %i walks on", (walks) => {
    const script = new Script();
    const shard = shardOf();
    shard.marketData(script.mark(1, 1));
    script.group(1, 1).transfer(1, BTC, 0.01).transfer(1, USDT, -536);
    shard.accounts(script.fill(1, 1, 100).done());
    whole(shard);
    for (let n = 0; n < walks; n++) {
      shard.marketData(script.mark(1, 1 + 0.0001 * (n + 1)));
      shard.marketData(script.mark(1, 1));
      whole(shard);
    }
    shard.takeAlerts();
    shard.setPrice(BTC, 66_000, true);
    expect(told(shard)).toEqual([[1, 0]]);
    shard.setPrice(BTC, 60_000);
    expect(told(shard)).toEqual([[0, 1]]);
  });
});

describe("whoever is far from every line", () => {
  it("and whose margin has come to jump is told of the first line he crosses", () => {
    const script = new Script();
    const shard = shardOf();
    shard.marketData(script.mark(1, 1));
    shard.accounts(script.transfer(1, USDT, 100).fill(1, 1, 100).done());
    whole(shard);
    const writer = new ReferenceBatchWriter(1);
    writer.marginTable({ id: 1, model: MarginModel.Tiered });
    writer.marginTier({ table: 1, notionalFloor: 0, initialRate: 0.01, maintenanceRate: 0.004 });
    writer.marginTier({ table: 1, notionalFloor: 5_000, initialRate: 0.01, maintenanceRate: 0.005, deduction: 0 });
    shard.reference(writer.finish());
    expect(told(shard)).toEqual([]);
    shard.marketData(script.mark(1, 0.99));
    expect(told(shard)).toEqual([[0, 1]]);
  });
});

describe("rows", () => {
  it("of those who hold nothing but money follow their group's mode of collateral", () => {
    const script = new Script();
    const shard = shardOf();
    shard.accounts(script.group(1, 1).transfer(1, BTC, 1).done());
    shard.refreshAll();
    expect(account(shard, AccountAt.equityUsd)).toBe(57_000);
    const writer = new ReferenceBatchWriter(1);
    writer.accountGroup({ id: 1, name: "multi", collateral: 0, hedgeMode: false });
    shard.reference(writer.finish());
    shard.refreshAll();
    expect(account(shard, AccountAt.equityUsd)).toBe(60_000);
  });

  it("of a multi-asset account follow another haircut under the same price", () => {
    const script = new Script();
    const shard = shardOf();
    shard.accounts(script.group(1, 1).transfer(1, BTC, 1).done());
    shard.refreshAll();
    const writer = new ReferenceBatchWriter(1);
    writer.asset({ id: BTC, symbol: "BTC", usdPrice: 60_000, haircut: 0.2 });
    shard.reference(writer.finish());
    shard.refreshAll();
    expect(account(shard, AccountAt.equityUsd)).toBe(48_000);
  });

  it("say when the mark they rest on came last, though it says what was known", () => {
    const script = new Script();
    const shard = shardOf();
    shard.marketData(script.mark(1, 1));
    shard.accounts(script.transfer(1, USDT, 1000).fill(1, 1, 100).done());
    shard.refreshAll();
    const before = account(shard, AccountAt.oldestMarkReceivedNs);
    shard.setInstrument(1, InstrumentAt.markReceivedNs, before + 1e9);
    shard.refreshAll();
    expect(account(shard, AccountAt.oldestMarkReceivedNs)).toBe(before + 1e9);
  });

  it.each([
    ["underlying", InstrumentAt.underlying, 66_000],
    ["vol", InstrumentAt.iv, 0.9],
  ])("of an option follow another %s under the same mark", (_, field, value) => {
    const shard = shardOf();
    shard.marketData(new DeskMarket(Prng.seeded(1, 5)).first());
    shard.accounts(new Script().transfer(1, BTC, 1).fill(1, 13, -100).done());
    shard.refreshAll();
    const before = account(shard, AccountAt.netExposureUsd);
    shard.setInstrument(13, field, value);
    shard.refreshAll();
    expect(account(shard, AccountAt.netExposureUsd)).not.toBe(before);
    const own = shard.valuation(0);
    shard.kernel.valueOne(0, 1);
    expect(shard.valuation(0)).toEqual(own);
  });

  it.each([
    ["underlying", InstrumentAt.underlying],
    ["vol", InstrumentAt.iv],
    ["time", InstrumentAt.markTimeNs],
  ])("of an option whose mark is there without its %s are not valued, and nothing is told on them", (_, field) => {
    const shard = shardOf();
    shard.marketData(new DeskMarket(Prng.seeded(1, 5)).first());
    shard.accounts(new Script().transfer(1, BTC, 1).fill(1, 13, -100).done());
    shard.takeAlerts();
    shard.setInstrument(13, field, 0);
    shard.refreshAll();
    expect(shard.words[(shard.accountAt(0) + AccountAt.unmarkedCount) / 4]).toBe(1);
    expect(told(shard)).toEqual([]);
  });
});

describe("a shard that has known other terms", () => {
  /** Terms of contracts 1 and 2 and of two assets, drawn at random. */
  function terms(prng: Prng): Buffer {
    const writer = new ReferenceBatchWriter(1);
    writer.asset({ id: BTC, symbol: "BTC", usdPrice: 60_000, haircut: 0.3 * prng.nextUnit() });
    writer.asset({ id: ETH, symbol: "ETH", usdPrice: 2_500, haircut: 0.3 * prng.nextUnit() });
    const what = prng.below(4);
    if (what === 0) {
      const scaled = { initialBase: 0.02, maintenanceBase: 0.01, initialPerUnit: 0.005, maintenancePerUnit: 0.005 };
      writer.marginTable({ id: 1, model: MarginModel.SizeScaled, ...scaled });
    } else {
      writer.marginTable({ id: 1, model: MarginModel.Tiered, notionalAt: what === 1 ? 1 : 0, liquidationFeeRate: 0.001 });
      let maintenanceRate = 0.003 + 0.01 * prng.nextUnit();
      for (const notionalFloor of [0, 5_000, 20_000, 60_000, 90_000, 200_000].slice(0, 1 + prng.below(6))) {
        const deduction = what === 2 && notionalFloor > 0 ? { deduction: notionalFloor * 0.002 } : {};
        writer.marginTier({ table: 1, notionalFloor, initialRate: 2 * maintenanceRate, maintenanceRate, ...deduction });
        maintenanceRate *= 1 + prng.nextUnit();
      }
    }
    return writer.finish();
  }

  it.each([1, 2, 3])("values as one that has not, seed %i", (seed) => {
    const prng = Prng.seeded(seed, 31);
    const market = new DeskMarket(Prng.seeded(seed, 5));
    const marks = market.first();
    const flow = new DeskFlow(prng, 60);
    const events = [...flow.open(), ...Array.from({ length: 20 }, () => flow.some(60, market))];
    const seen = shardOf();
    const fresh = shardOf();
    seen.marketData(marks);
    for (const message of events) seen.accounts(message);
    // Enough of them for every store that is filled anew each time to overflow where it is not.
    for (let n = 0; n < 400; n++) seen.reference(terms(prng));
    const last = terms(prng);
    seen.reference(last);
    fresh.reference(last);
    fresh.marketData(marks);
    for (const message of events) fresh.accounts(message);
    for (const shard of [seen, fresh]) {
      shard.triggerAll();
      shard.refreshAll();
    }
    for (let slot = 0; slot < seen.accountCount; slot++) {
      const values = seen.valuation(slot);
      values.delete("oldestMarkReceivedNs");
      const wanted = fresh.valuation(slot);
      wanted.delete("oldestMarkReceivedNs");
      expect(values, `account ${seen.accountId(slot)}`).toEqual(wanted);
    }
  });
});
