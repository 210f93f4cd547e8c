// Money is neither made nor lost: over all accounts, cash adds up to what was paid in less fees, but for the stated
// rounding, which is always against the account. Every trade has a buyer and a seller; everything is settled at the end.
import { existsSync } from "node:fs";
import { beforeAll, expect, it } from "vitest";
import { AccountBatchWriter, EventFlag } from "../src/shared/wire/encode";
import { Prng } from "../src/sim/prng";
import { ASSETS, CONTRACTS, referenceMessage } from "./support/contracts";
import { KernelHarness } from "./support/kernel-harness";

const KERNEL = "dist/kernel.wasm";
const TIME_MS = Date.UTC(2025, 5, 1);

beforeAll(() => {
  if (!existsSync(KERNEL)) throw new Error("dist/kernel.wasm is missing: run `npm run build` first");
});

/** Contracts whose every trade is a whole number of 1e-8: there nothing rounds but what is released in part. */
const EXACT = new Set([1, 2, 5]);

it.each([1, 2, 3])("what one account loses others gain, to the unit where a contract's terms are whole, seed %i", (seed) => {
  const harness = new KernelHarness(KERNEL, { accounts: 1024, balances: 4096, positions: 32_768, orders: 1024 });
  expect(harness.reference.take(referenceMessage())).toBeNull();
  harness.settle();
  const prng = Prng.seeded(seed, 9);
  const accounts = 100;
  const seqs = new Float64Array(accounts);
  const writer = new AccountBatchWriter(1);
  const paidIn = new Map<number, bigint>();
  const fees = new Map<number, bigint>();
  /** Divisions that may each take less than one unit, an asset. */
  const roundings = new Map<number, number>();
  const settleOf = new Map([1, 2, 5, 9, 10, 11].map((id) => [id, ASSETS.USDT as number]));
  for (const id of [3, 6, 7, 8]) settleOf.set(id, ASSETS.BTC);
  settleOf.set(4, ASSETS.ETH);
  const add = (to: Map<number, bigint>, asset: number, amount: bigint) => to.set(asset, (to.get(asset) ?? 0n) + amount);
  const round = (asset: number, by: number) => roundings.set(asset, (roundings.get(asset) ?? 0) + by);
  const send = () => {
    if (writer.count === 0) return;
    expect(harness.accounts(writer.finish())).toBe("published");
    harness.drainFills();
    harness.settle();
    harness.drainFills();
  };
  const base = (account: number) => ({ account: 1 + account, seq: ++seqs[account], timeMs: TIME_MS });

  for (let account = 0; account < accounts; account++)
    for (const asset of [ASSETS.USDT, ASSETS.BTC, ASSETS.ETH]) {
      const amount = 1e8 * (1 + prng.below(1e6));
      writer.transfer({ ...base(account), asset, amount });
      add(paidIn, asset, BigInt(amount));
    }
  send();
  const settlements = new Map<number, number>();
  for (let n = 0; n < 12_000; n++) {
    // Spot changes assets and is not closed at the end: it has a test of its own in the twin's streams.
    const contract = CONTRACTS.filter(({ id }) => id !== 10)[prng.below(10)];
    const settle = settleOf.get(contract.id)!;
    const priceTicks = Math.max(1, Math.round(contract.aroundTicks * (0.7 + 0.6 * prng.nextUnit())));
    if (prng.below(200) === 0 && contract.id <= 4) {
      const number = (settlements.get(contract.id) ?? 0) + 1;
      settlements.set(contract.id, number);
      writer.fundingSettlement({
        seq: number,
        timeMs: TIME_MS,
        instrument: contract.id,
        priceTicks,
        rateE12: prng.below(2e9) - 1e9,
      });
      round(settle, 2 * accounts);
    } else {
      const buyer = prng.below(accounts);
      const seller = (buyer + 1 + prng.below(accounts - 1)) % accounts;
      const qtyLots = 1 + prng.below(5000);
      for (const [account, side] of [
        [buyer, 1],
        [seller, 2],
      ] as const) {
        const fee = prng.below(100_000) - 20_000;
        add(fees, settle, BigInt(fee));
        // Accounts trade each contract in one mode: three of four cross, one isolated.
        const flags = account % 4 === 3 && contract.id < 7 ? EventFlag.Isolated : 0;
        writer.fill({ ...base(account), instrument: contract.id, side, qtyLots, priceTicks, fee, flags });
      }
      if (!EXACT.has(contract.id)) round(settle, 4);
    }
    if (writer.count >= 512) send();
  }
  // Dated contracts and options end by expiry, perpetuals by trading every position out at one price.
  for (const { id, aroundTicks } of CONTRACTS) {
    if (id >= 5 && id <= 9) {
      const priceTicks = id >= 7 ? Math.round((id === 9 ? 2_713.37 : 61_234.56) * 1e8) : aroundTicks;
      writer.expirySettlement({ seq: 1, timeMs: TIME_MS, instrument: id, priceTicks });
      round(settleOf.get(id)!, accounts);
    }
  }
  send();
  for (let account = 0; account < accounts; account++) {
    const slot = harness.view.find(String(1 + account));
    for (const position of harness.view.ledger(slot)!.positions) {
      const lots = Number(position.qtyLots);
      if (lots === 0) continue;
      const { aroundTicks } = CONTRACTS.find(({ id }) => id === position.instrumentId)!;
      const flags = (position.flags & 1) !== 0 ? EventFlag.Isolated : 0;
      writer.fill({
        ...base(account),
        instrument: position.instrumentId,
        side: lots > 0 ? 2 : 1,
        qtyLots: Math.abs(lots),
        priceTicks: aroundTicks,
        flags,
      });
      if (!EXACT.has(position.instrumentId)) round(settleOf.get(position.instrumentId)!, 2);
    }
    send();
  }

  const wallets = new Map<number, bigint>();
  for (let account = 0; account < accounts; account++) {
    const ledger = harness.view.ledger(harness.view.find(String(1 + account)))!;
    for (const { assetId, wallet } of ledger.balances) add(wallets, assetId, BigInt(wallet));
    for (const position of ledger.positions)
      expect([position.qtyLots, position.openCash, position.isolatedMargin]).toEqual(["0", "0", "0"]);
  }
  for (const asset of [ASSETS.USDT, ASSETS.BTC, ASSETS.ETH]) {
    const taken = paidIn.get(asset)! - (fees.get(asset) ?? 0n) - wallets.get(asset)!;
    const bound = BigInt(roundings.get(asset) ?? 0);
    console.log(`seed ${seed}, asset ${asset}: rounding took ${taken} units of 1e-8, at most ${bound}`);
    expect(taken >= 0n, `asset ${asset}: ${taken} units came out of nothing`).toBe(true);
    expect(taken <= bound, `asset ${asset}: ${taken} units are more than rounding can take`).toBe(true);
  }
});

it("takes nothing at all where every trade is a whole number of units", () => {
  const harness = new KernelHarness(KERNEL, { accounts: 64, balances: 256, positions: 256, orders: 64 });
  expect(harness.reference.take(referenceMessage())).toBeNull();
  const prng = Prng.seeded(4, 9);
  const writer = new AccountBatchWriter(1);
  const seqs = [0, 0];
  const lots = [0, 0];
  const trade = (qtyLots: number, priceTicks: number, buyer: 0 | 1) => {
    for (const [account, side] of [
      [buyer, 1],
      [1 - buyer, 2],
    ] as const) {
      writer.fill({ account: 1 + account, seq: ++seqs[account], timeMs: TIME_MS, instrument: 1, side, qtyLots, priceTicks });
      lots[account] += side === 1 ? qtyLots : -qtyLots;
    }
  };
  for (let n = 0; n < 2000; n++) trade(1 + prng.below(999), 500_000 + prng.below(200_000), prng.below(2) as 0 | 1);
  trade(Math.abs(lots[0]), 612_345, lots[0] > 0 ? 1 : 0);
  expect(harness.accounts(writer.finish())).toBe("published");
  harness.settle();
  const wallets = [1, 2].map((id) => BigInt(harness.view.ledger(harness.view.find(String(id)))!.balances[0].wallet));
  expect(wallets[0] + wallets[1]).toBe(0n);
});
