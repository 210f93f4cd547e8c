// A position's terms (isolated margin, open orders) are a row of their own: it has one from the event that first needs it
// until it is removed, and whether it has one makes no difference to any number.
import { beforeAll, describe, expect, it } from "vitest";
import { ControlAt, PositionAt, PositionTermsAt } from "../../src/shared/layout/shard";
import { AccountBatchWriter, EventFlag } from "../../src/shared/wire/encode";
import { Prng } from "../../src/sim/prng";
import { ASSETS, DeskFlow, DeskMarket, deskReference, START_MS } from "./desk";
import { DirectShard, loadKernel } from "./direct-shard";

let kernel: WebAssembly.Module;
beforeAll(() => {
  kernel = loadKernel();
});

const shardOf = (capacity = {}) => {
  const shard = new DirectShard(kernel, { accounts: 64, balances: 256, positions: 256, orders: 256, ...capacity });
  shard.reference(deskReference());
  return shard;
};

const PERPETUAL = 1;
const FUTURE = 3;

/** Rows of terms that have ever been used, that of zeros left out. */
const termsUsed = (shard: DirectShard) => shard.control(ControlAt.positionTermsCount) - 1;
const termsLink = (shard: DirectShard, position: number) => shard.words[(position + PositionAt.terms) / 4]!;
const termsRow = (shard: DirectShard, slot: number) => shard.control(ControlAt.positionTerms) + slot * PositionTermsAt.bytes;

/** Every row of terms is of one position, or free, and the one of zeros is zero. */
function assertTerms(shard: DirectShard): void {
  const zeros = shard.bytes.subarray(termsRow(shard, 0), termsRow(shard, 1));
  expect(zeros.every((byte) => byte === 0)).toBe(true);
  const seen = new Set<number>();
  const see = (slot: number, what: string) => {
    expect(slot, what).toBeLessThanOrEqual(termsUsed(shard));
    expect(seen.has(slot), `${what}: terms ${slot} are somebody else's`).toBe(false);
    seen.add(slot);
  };
  for (let slot = 0; slot < shard.accountCount; slot++)
    for (const row of shard.positionsOf(slot))
      if (termsLink(shard, row) !== 0) see(termsLink(shard, row), `a position of account ${shard.accountId(slot)}`);
  for (let free = shard.control(ControlAt.positionTermsFree); free !== 0; ) {
    see(free, "the free list");
    free = shard.words[(termsRow(shard, free) + PositionTermsAt.next) / 4]!;
  }
  expect(seen.size).toBe(termsUsed(shard));
}

/** Events of accounts with their sequence numbers, all of one instrument. */
class Dealing {
  private readonly writer = new AccountBatchWriter(1);
  private readonly seqs = new Map<number, number>();
  private settled = 0;

  constructor(
    private readonly shard: DirectShard,
    private readonly instrument: number,
  ) {}

  private on(account: number, flags = 0) {
    const seq = (this.seqs.get(account) ?? 0) + 1;
    this.seqs.set(account, seq);
    return { account, seq, timeMs: START_MS, instrument: this.instrument, flags };
  }

  private send(): void {
    this.shard.accounts(this.writer.finish());
  }

  deposit(account: number, amount = 1e12): void {
    const { seq, timeMs } = this.on(account);
    this.writer.transfer({ account, seq, timeMs, asset: ASSETS.USDT, amount });
    this.send();
  }

  fill(account: number, lots: number, flags = 0, fee = 0): void {
    const side = lots > 0 ? 1 : 2;
    this.writer.fill({ ...this.on(account, flags), side, qtyLots: Math.abs(lots), priceTicks: 150_000, fee });
    this.send();
  }

  order(account: number, order: number, qtyLots: number, flags = 0): void {
    this.writer.orderPlaced({ ...this.on(account, flags), side: 1, qtyLots, priceTicks: 150_000, order });
    this.send();
  }

  cancel(account: number, order: number): void {
    const { seq, timeMs, instrument } = this.on(account);
    this.writer.orderCancelled({ account, seq, timeMs, instrument, order });
    this.send();
  }

  leverage(account: number, leverage: number, flags = 0): void {
    this.writer.positionSettings({ ...this.on(account, flags), leverageE8: leverage * 1e8 });
    this.send();
  }

  margin(account: number, amount: number): void {
    this.writer.isolatedTransfer({ ...this.on(account, EventFlag.Isolated), amount });
    this.send();
  }

  funding(rateE12: number): void {
    const settlement = { seq: ++this.settled, timeMs: START_MS, instrument: this.instrument, priceTicks: 150_000 };
    this.writer.fundingSettlement({ ...settlement, rateE12 });
    this.send();
  }

  expiry(seq = 1): void {
    this.writer.expirySettlement({ seq, timeMs: START_MS, instrument: this.instrument, priceTicks: 150_000 });
    this.send();
  }
}

describe("a position", () => {
  const isolated = EventFlag.Isolated;

  it("has no terms as long as it needs none: fills, funding, a leverage, a cancellation", () => {
    const shard = shardOf();
    const dealing = new Dealing(shard, PERPETUAL);
    dealing.deposit(1);
    dealing.fill(1, 10, 0, 500);
    dealing.fill(1, -4);
    dealing.leverage(1, 20);
    dealing.cancel(1, 77);
    dealing.funding(1e8);
    dealing.fill(1, -6);
    // An isolated position on no margin, by a fill without a fee, that is closed at what it was opened at.
    dealing.fill(2, 3, isolated);
    dealing.fill(2, -3, isolated);
    expect(shard.accountCount).toBe(2);
    expect(termsUsed(shard)).toBe(0);
    assertTerms(shard);
  });

  it.each<[string, (dealing: Dealing) => void]>([
    ["an order", (dealing) => dealing.order(1, 1, 5)],
    ["isolated margin", (dealing) => dealing.margin(1, 1e8)],
    ["the fee of an isolated fill", (dealing) => dealing.fill(1, 3, isolated, 500)],
    [
      "profit of an isolated position",
      (dealing) => {
        dealing.fill(1, 3, isolated);
        dealing.fill(1, -1, isolated, -700);
      },
    ],
    [
      "funding of an isolated position",
      (dealing) => {
        dealing.fill(1, 3, isolated);
        dealing.funding(1e8);
      },
    ],
  ])("has terms from the first event that needs them, and keeps them: %s", (_, needs) => {
    const shard = shardOf();
    const dealing = new Dealing(shard, PERPETUAL);
    dealing.deposit(1);
    dealing.fill(2, 7);
    needs(dealing);
    expect(termsUsed(shard)).toBe(1);
    const [row] = shard.positionsOf(0) as [number];
    expect(termsLink(shard, row)).toBe(1);
    dealing.order(1, 9, 2, shard.halves[(row + PositionAt.flags) / 2]! === 0 ? 0 : isolated);
    dealing.cancel(1, 9);
    expect(termsUsed(shard)).toBe(1);
    expect(termsLink(shard, row)).toBe(1);
    assertTerms(shard);
  });

  it("with terms of nothing but zeros has every number that one without terms has", () => {
    const shard = shardOf();
    const dealing = new Dealing(shard, FUTURE);
    const seen = [1, 2].map((account) => {
      dealing.deposit(account);
      dealing.fill(account, 40, 0, 123);
      if (account === 1) {
        dealing.order(1, 1, 5);
        dealing.leverage(1, 20);
        dealing.cancel(1, 1);
        dealing.leverage(1, 0);
      }
      dealing.fill(account, -15, 0, 45);
      const slot = shard.view.find(String(account));
      const { balances, positions } = shard.view.ledger(slot)!;
      const { id, offset, seq, partition, ...numbers } = shard.view.account(slot)!;
      return { balances, positions, rows: shard.view.positions(slot), numbers };
    });
    expect(termsUsed(shard)).toBe(1);
    expect(seen[0]).toEqual(seen[1]);
  });

  it("gives its terms back when it expires, and whoever has the row next finds nothing in it", () => {
    const shard = shardOf();
    const dealing = new Dealing(shard, FUTURE);
    for (const account of [1, 2, 3]) {
      dealing.deposit(account);
      dealing.margin(account, 5e8);
      dealing.leverage(account, 7, isolated);
      dealing.order(account, account, 9, isolated);
    }
    expect(termsUsed(shard)).toBe(3);
    dealing.expiry();
    for (const slot of [0, 1, 2]) expect(shard.view.ledger(slot)!.positions).toEqual([]);
    assertTerms(shard);
    const nothing = { isolatedMargin: "0", leverage: "0", buyLots: "0", sellLots: "0", buyValue: "0", sellValue: "0" };
    dealing.fill(1, 1);
    expect(shard.view.ledger(0)!.positions[0]).toMatchObject(nothing);
    dealing.leverage(2, 3);
    expect(shard.view.ledger(1)!.positions[0]).toMatchObject({ ...nothing, leverage: "300000000" });
    dealing.margin(3, 2e8);
    expect(shard.view.ledger(2)!.positions[0]).toMatchObject({ ...nothing, isolatedMargin: "200000000" });
    expect(termsUsed(shard)).toBe(3);
    assertTerms(shard);
  });

  it("finds terms where the shard has room for it, be all of them in use", () => {
    const shard = shardOf({ positions: 8 });
    const dealing = new Dealing(shard, FUTURE);
    for (let account = 1; account <= 8; account++) dealing.margin(account, account);
    expect(termsUsed(shard)).toBe(8);
    dealing.expiry();
    for (let account = 1; account <= 8; account++) dealing.order(account, 1, account);
    expect(termsUsed(shard)).toBe(8);
    assertTerms(shard);
    for (let slot = 0; slot < 8; slot++) {
      expect(shard.view.ledger(slot)!.positions[0]).toMatchObject({ isolatedMargin: "0", buyLots: String(slot + 1) });
      // The last row ends where its section does.
      expect(termsLink(shard, shard.positionsOf(slot)[0]!)).toBeLessThanOrEqual(8);
    }
    expect(shard.control(ControlAt.fault)).toBe(0);
  });
});

describe("terms", () => {
  it.each([1, 2])("are each of one position, through random events and expiries, seed %i", (seed) => {
    const prng = Prng.seeded(seed, 31);
    const shard = shardOf({ accounts: 256, balances: 2048, positions: 4096, orders: 65_536 });
    const market = new DeskMarket(prng);
    const flow = new DeskFlow(prng, 120);
    for (const message of flow.open()) shard.accounts(message);
    shard.marketData(market.first());
    const writer = new AccountBatchWriter(1);
    for (let round = 1; round <= 30; round++) {
      shard.accounts(flow.some(100, market));
      if (round % 3 === 0) {
        for (const instrument of [3, 9, 13])
          writer.expirySettlement({ seq: round, timeMs: START_MS + 1e6, instrument, priceTicks: market.ticks.get(instrument)! });
        shard.accounts(writer.finish());
      }
      assertTerms(shard);
    }
    expect(shard.control(ControlAt.positionTermsFree)).not.toBe(0);
  });
});
