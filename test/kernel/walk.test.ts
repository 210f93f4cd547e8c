// Revaluing everybody: what the walk over all pools leaves in them is what their accounts' rows say, whichever way it took.
import { beforeAll, describe, expect, it } from "vitest";
import {
  AccountAt,
  BalanceAt,
  ControlAt,
  POOL_ISOLATED,
  POOL_UNIT_BYTES,
  PoolAt,
  PoolEntryAt,
  PositionAt,
  PositionTermsAt,
} from "../../src/shared/layout/shard";
import { Prng } from "../../src/sim/prng";
import { DeskFlow, DeskMarket, deskReference, LEAN_COUNT } from "./desk";
import { DirectShard, loadKernel } from "./direct-shard";

let kernel: WebAssembly.Module;
beforeAll(() => {
  kernel = loadKernel();
});

const ACCOUNTS = 240;

/** Equity and margin of each of an account's single-asset pools in lean contracts that all have a mark, from its rows. */
function* poolsOf(shard: DirectShard, slot: number) {
  const account = shard.accountAt(slot);
  let link = shard.words[(account + AccountAt.firstPool) / 4]!;
  while (link !== 0) {
    const at = shard.control(ControlAt.pools) + (link - 1) * POOL_UNIT_BYTES;
    link = shard.words[(at + PoolAt.next) / 4]!;
    if (shard.bytes[at + PoolAt.isPooled] !== 0) continue;
    const isIsolated = (shard.words[(at + PoolAt.id) / 4]! & POOL_ISOLATED) !== 0;
    let equity = 0;
    let margin = 0;
    let scale = 0;
    let isLean = true;
    for (let i = 0; i < shard.halves[(at + PoolAt.count) / 2]!; i++) {
      const row = shard.words[(at + PoolAt.entries + i * PoolEntryAt.bytes + PoolEntryAt.row) / 4]! >>> 0;
      if (isIsolated) equity += Number(shard.longs[(shard.termsOf(row) + PositionTermsAt.isolatedMargin) / 8]) / 1e8;
      if (shard.longs[(row + PositionAt.qtyLots) / 8] === 0n) continue;
      if (Number.isNaN(shard.doubles[(row + PositionAt.markPrice) / 8]!)) isLean = false;
      if (shard.halves[(row + PositionAt.instrument) / 2]! > LEAN_COUNT) isLean = false;
      equity += shard.doubles[(row + PositionAt.unrealizedPnl) / 8]!;
      margin += shard.doubles[(row + PositionAt.maintenanceMargin) / 8]!;
      scale += Math.abs(Number(shard.longs[(row + PositionAt.openCash) / 8])) / 1e8;
    }
    if (!isIsolated)
      for (let next = shard.words[(account + AccountAt.firstBalance) / 4]!; next !== 0; ) {
        const balance = shard.control(ControlAt.balances) + (next - 1) * BalanceAt.bytes;
        if (shard.words[(balance + BalanceAt.asset) / 4] === shard.bytes[at + PoolAt.settle])
          equity += Number(shard.longs[(balance + BalanceAt.wallet) / 8]) / 1e8;
        next = shard.words[(balance + BalanceAt.next) / 4]!;
      }
    if (isLean) yield { at, equity, margin, scale: scale + Math.abs(equity) };
  }
}

describe("a walk over all pools", () => {
  it.each([1, 2, 3, 4])("leaves in them what the rows say, with marks and fills in the middle of it, seed %i", (seed) => {
    const prng = Prng.seeded(seed, 17);
    const shard = new DirectShard(kernel, { accounts: 1024, balances: 4096, positions: 16_384, orders: 65_536 });
    shard.reference(deskReference());
    const market = new DeskMarket(prng);
    const flow = new DeskFlow(prng, ACCOUNTS);
    for (const message of flow.open()) shard.accounts(message);
    shard.marketData(market.first());
    shard.accounts(flow.enrich());
    let compared = 0;
    for (let round = 0; round < 25; round++) {
      shard.accounts(flow.some(150, market));
      shard.marketData(market.tick());
      shard.triggerAll();
      // Its beginning at these marks, its end at others, and one more at those.
      for (let chunk = 0; chunk < 3; chunk++) shard.kernel.walk(1 + prng.below(100));
      shard.accounts(flow.some(20, market));
      const walks = shard.counter(ControlAt.poolWalks);
      shard.marketData(market.tick());
      shard.triggerAll();
      while (shard.kernel.walk(1 + prng.below(64)) > 0);
      // Some ticks move no mark.
      if (shard.counter(ControlAt.poolWalks) < walks + 2) continue;
      shard.refreshAll();
      for (let slot = 0; slot < shard.accountCount; slot++)
        for (const { at, equity, margin, scale } of poolsOf(shard, slot)) {
          const what = `account ${shard.accountId(slot)}, round ${round}`;
          expect(Math.abs(shard.doubles[(at + PoolAt.equity) / 8]! - equity), what).toBeLessThanOrEqual(1e-9 * scale);
          expect(Math.abs(shard.doubles[(at + PoolAt.maintenance) / 8]! - margin), what).toBeLessThanOrEqual(1e-9 * scale);
          compared++;
        }
    }
    expect(compared).toBeGreaterThan(1000);
  });
});
