// The bound that a look at a pool leaves holds against an adversary: he moves every mark and every price as far as the bound allows,
// each in the direction that hurts or helps most, and no status changes. And it is no further from the truth than it need be.
import { beforeAll, describe, expect, it } from "vitest";
import { MarginModel } from "../../schemas/generated";
import { InstrumentAt, MARKET_INSTRUMENTS_OFFSET } from "../../src/shared/layout/market";
import {
  AccountAt,
  ControlAt,
  POOL_STATUS_UNKNOWN,
  POOL_UNIT_BYTES,
  PoolAt,
  PositionAt,
  ShardState,
} from "../../src/shared/layout/shard";
import { AccountBatchWriter, EventFlag, ReferenceBatchWriter } from "../../src/shared/wire/encode";
import { Prng } from "../../src/sim/prng";
import { ASSETS, DESK, DeskMarket, deskReference, START_MS } from "./desk";
import { DirectShard, loadKernel } from "./direct-shard";
import { Script } from "./script";

let kernel: WebAssembly.Module;
beforeAll(() => {
  kernel = loadKernel();
});

type Leg = [instrument: number, usd: number, flags?: number];
interface Holding {
  name: string;
  legs: Leg[];
  /** What the equity is in. */
  asset: number;
  group?: number;
  /** Debts and deposits beside it. */
  cash?: [asset: number, usd: number][];
}

const { USDT, BTC, ETH } = ASSETS;
const PRICES: Record<number, number> = { [USDT]: 0.9997, [BTC]: 60_000, [ETH]: 2_500 };
const one = (name: string, asset: number, id: number, ...sizes: number[]): Holding[] =>
  sizes.flatMap((usd) => [usd, -usd].map((size) => ({ name: `${name} ${size}`, asset, legs: [[id, size]] as Leg[] })));

const HOLDINGS: Holding[] = [
  // Just below and above floors of their tiers, and in the last one.
  ...one("linear", USDT, 1, 3_000, 11_000, 39_000, 90_000, 500_000),
  ...one("linear with a fee", USDT, 3, 24_000, 60_000),
  ...one("inverse", BTC, 6, 11_000, 55_000, 200_000, 900_000),
  ...one("inverse of one tier", ETH, 8, 20_000),
  ...one("fixed at entry", USDT, 10, 30_000),
  ...one("scaled by size", USDT, 11, 600_000),
  ...one("scaled by size, inverse", BTC, 12, 1_200_000),
  ...one("coin option", BTC, 13, 5_000),
  ...one("coin put", BTC, 14, 5_000),
  ...one("option", USDT, 15, 5_000),
  ...one("margin that jumps", USDT, 9, 10_000),
  { name: "spread", asset: USDT, legs: [[1, 60_000], [2, -60_000], [4, 10_000]] }, // biome-ignore format: one line
  { name: "both legs", asset: USDT, legs: [[1, 60_000, EventFlag.LongLeg], [1, -35_000, EventFlag.ShortLeg]] }, // biome-ignore format: one line
  { name: "short all", asset: USDT, legs: [[1, -30_000], [2, -30_000], [4, -30_000]] }, // biome-ignore format: one line
  { name: "isolated", asset: USDT, legs: [[1, -60_000, EventFlag.Isolated]] },
  { name: "isolated inverse", asset: BTC, legs: [[6, 60_000, EventFlag.Isolated]] },
  { name: "multi-asset, coin for dollars", asset: BTC, group: 1, legs: [[1, -60_000]] },
  { name: "multi-asset, coin for dollars, long", asset: BTC, group: 1, legs: [[1, 60_000]] },
  { name: "multi-asset, dollars for coin", asset: USDT, group: 1, legs: [[6, -60_000]] },
  { name: "multi-asset, coin for coin", asset: ETH, group: 1, legs: [[6, 60_000]] },
  { name: "multi-asset, both", asset: BTC, group: 1, legs: [[1, -40_000], [6, 40_000], [8, -9_000], [13, -3_000]] }, // biome-ignore format: one line
  { name: "multi-asset, a debt", asset: USDT, group: 1, cash: [[BTC, -20_000]], legs: [] },
  { name: "multi-asset, a debt and a position", asset: ETH, group: 1, cash: [[BTC, -20_000]], legs: [[2, -20_000]] },
  { name: "multi-asset, cash and a jump", asset: ETH, group: 1, legs: [[9, -20_000]] },
];
/** Equity as a share of what is held. */
const SHARES = [0.002, 0.006, 0.0105, 0.014, 0.019, 0.025, 0.033, 0.045, 0.062, 0.09, 0.15, 0.25, 0.42];

class Desk {
  readonly shard = new DirectShard(kernel, { accounts: 1024, balances: 4096, positions: 4096, orders: 64, alertRecords: 16 });
  private readonly writer = new AccountBatchWriter(1);
  private readonly seqs = new Map<number, number>();
  readonly names: string[] = [];

  /** @param reference instead of the usual one, in part */
  constructor(holdings: readonly Holding[] = HOLDINGS, shares: readonly number[] = SHARES, reference?: Buffer) {
    const { shard } = this;
    // Nothing is alerted: the rows say it all.
    shard.setState(ShardState.Recovering);
    shard.reference(deskReference());
    if (reference) shard.reference(reference);
    shard.marketData(new DeskMarket(Prng.seeded(1, 5)).first());
    for (const holding of holdings) for (const share of shares) this.open(holding, share);
    shard.accounts(this.writer.finish());
  }

  private on(account: number) {
    const seq = (this.seqs.get(account) ?? 0) + 1;
    this.seqs.set(account, seq);
    return { seq, account, timeMs: START_MS + seq };
  }

  private transfer(account: number, asset: number, amount: number): void {
    this.writer.transfer({ ...this.on(account), asset, amount: Math.round(amount * 1e8) });
  }

  private open({ name, legs, asset, group, cash = [] }: Holding, share: number): void {
    const account = this.names.length + 1;
    this.names.push(`${name}, ${share}`);
    if (group) this.writer.accountSettings({ ...this.on(account), group });
    for (const [other, usd] of cash) this.transfer(account, other, usd / PRICES[other]!);
    const held = [...legs, ...cash].reduce((sum, [, usd]) => sum + Math.abs(usd), 0);
    const owed = cash.reduce((sum, [, usd]) => sum - usd, 0);
    const margin = (held * share + owed) / PRICES[asset]!;
    if (margin > 0) this.transfer(account, asset, margin);
    for (const [instrument, usd, flags = 0] of legs) {
      const contract = DESK[instrument - 1]!;
      const qtyLots = Math.max(1, Math.round((contract.lots * Math.abs(usd)) / 10_000));
      const side = usd > 0 ? 1 : 2;
      if (flags === EventFlag.Isolated)
        this.writer.isolatedTransfer({ ...this.on(account), instrument, amount: Math.round(margin * 1e8), flags });
      this.writer.fill({ ...this.on(account), instrument, side, qtyLots, priceTicks: contract.ticks, fee: 0, flags });
    }
  }

  /** A hundred-millionth for everybody, so that everybody is looked at. */
  touchAll(): void {
    for (let account = 1; account <= this.names.length; account++) this.transfer(account, USDT, 1e-8);
    this.shard.accounts(this.writer.finish());
  }

  private instrument(id: number): number {
    return (this.shard.control(ControlAt.market) + MARKET_INSTRUMENTS_OFFSET + id * InstrumentAt.bytes) / 8;
  }

  get(id: number, field: number): number {
    return this.shard.doubles[this.instrument(id) + field / 8]!;
  }

  set(id: number, mark: number, underlying?: number): void {
    this.shard.doubles[this.instrument(id) + InstrumentAt.mark / 8] = mark;
    if (underlying) this.shard.doubles[this.instrument(id) + InstrumentAt.underlying / 8] = underlying;
    // Arrivals count for options.
    this.shard.doubles[this.instrument(id) + InstrumentAt.markReceivedNs / 8]! += 1;
    this.shard.kernel.instrumentChanged(id);
  }

  /** A walk over the first pools: the marks of now are its anchors. */
  beginWalk(): void {
    // An option's mark counts as moved whenever it arrives.
    this.set(13, this.get(13, InstrumentAt.mark));
    this.shard.triggerAll();
    this.shard.kernel.walk(1);
  }

  endWalk(): void {
    while (this.shard.kernel.walk(0x7fffffff) > 0);
  }

  pools(slot: number): number[] {
    const { shard } = this;
    const units: number[] = [];
    let link = shard.words[(shard.accountAt(slot) + AccountAt.firstPool) / 4]!;
    for (; link !== 0; link = shard.words[(shard.control(ControlAt.pools) + (link - 1) * POOL_UNIT_BYTES + PoolAt.next) / 4]!)
      units.push(link - 1);
    return units;
  }

  /** The smallest bound of an account's pools. */
  bound(slot: number): number {
    return Math.min(...this.pools(slot).map((unit) => this.shard.floats[this.shard.control(ControlAt.poolSafe) / 4 + unit]!));
  }

  /** By the general path, which leaves bounds as they are. */
  status(slot: number): number {
    this.shard.kernel.valueOne(slot, 1);
    return this.shard.words[(this.shard.accountAt(slot) + AccountAt.status) / 4]!;
  }

  /** +1 where the account is long of a contract, −1 where it is short, 0 where it holds none or both. */
  side(slot: number, id: number): number {
    let side = 0;
    for (const row of this.shard.positionsOf(slot))
      if (this.shard.halves[(row + PositionAt.instrument) / 2] === id)
        side += Math.sign(Number(this.shard.longs[(row + PositionAt.qtyLots) / 8]));
    return Math.sign(side);
  }
}

interface Anchor {
  mark: number;
  underlying: number;
}

/** Everything moved by a drift of `by` from its anchor, upwards where `up` says so. */
function moveAll(
  desk: Desk,
  anchors: Anchor[],
  prices: number[],
  by: number,
  up: (id: number) => boolean,
  pricesUp: number,
): void {
  for (const { id, kind, settle } of DESK) {
    const { mark, underlying } = anchors[id]!;
    if (kind !== "option") desk.set(id, up(id) ? mark * (1 + by) : mark / (1 + by));
    else {
      const moved = by * (settle === BTC ? 1 : underlying) * (up(id) ? 1 : -1);
      desk.set(id, Math.max(mark + moved, 0), underlying);
    }
  }
  for (const id of [USDT, BTC, ETH])
    desk.shard.setPrice(id, pricesUp === 0 ? prices[id]! : pricesUp & id ? prices[id]! * (1 + by) : prices[id]! / (1 + by));
}

describe("a pool's bound", () => {
  const drifts = [0, 0.003, 0.02, 0.08];
  const cases = drifts.flatMap((drifted) => [
    ["a pass", drifted],
    ["a walk", drifted],
  ]) as [string, number][];
  it.each(cases)("left by %s holds against every move it allows, from marks that have drifted by %d", (by, drifted) => {
    const desk = new Desk();
    const prng = Prng.seeded(7, Math.round(drifted * 1000));
    desk.beginWalk();
    desk.endWalk();
    const anchors = Array.from({ length: DESK.length + 1 }, (_, id) => ({
      mark: id === 0 ? 0 : desk.get(id, InstrumentAt.mark),
      underlying: id === 0 ? 0 : desk.get(id, InstrumentAt.underlying),
    }));
    const prices = [0, 1, 2, 3].map((id) => desk.shard.price(id));
    let bounded = 0;
    let crossed = 0;
    const bases = drifted === 0 ? [0] : [0, 1, 2];
    for (const base of bases) {
      const isUp = base === 0 ? () => true : base === 1 ? () => false : () => prng.below(2) === 0;
      const pricesUp = [7, 2, 5][base]!;
      if (by === "a pass") {
        moveAll(desk, anchors, prices, drifted, isUp, pricesUp);
        desk.touchAll();
        desk.shard.triggerAll();
      } else {
        // All but the first pool are met by the walk when marks have moved since it began.
        moveAll(desk, anchors, prices, 0, isUp, 0);
        desk.beginWalk();
        desk.endWalk();
        desk.beginWalk();
        moveAll(desk, anchors, prices, drifted, isUp, pricesUp);
        // To its end, and no further: the next one would have new anchors.
        desk.shard.kernel.walk(0x7fffffff);
      }
      const now = DESK.map(({ id }) => ({ id, mark: desk.get(id, InstrumentAt.mark) }));
      const pricesNow = [USDT, BTC, ETH].map((id) => ({ id, price: desk.shard.price(id) }));
      for (let slot = by === "a pass" ? 0 : 1; slot < desk.names.length; slot++) {
        for (const { id, mark } of now) desk.set(id, mark);
        for (const { id, price } of pricesNow) desk.shard.setPrice(id, price);
        const before = desk.status(slot);
        const bound = desk.bound(slot);
        if (!(bound > 1e-9)) continue;
        const isMarked = desk.shard.positionsOf(slot).length > 0 || desk.names[slot]!.startsWith("multi");
        if (isMarked) expect(bound, desk.names[slot]).toBeLessThanOrEqual(0.25);
        bounded++;
        const lost = (id: number) => desk.side(slot, id) < 0;
        const won = (id: number) => desk.side(slot, id) > 0;
        const ways = [lost, won, () => true, () => false, () => prng.below(2) === 0, () => prng.below(2) === 0];
        const move = (by: number, way: (id: number) => boolean, pricesUp: number) => {
          moveAll(desk, anchors, prices, by, way, pricesUp);
          return desk.status(slot);
        };
        for (const way of ways)
          for (const pricesUp of [0, 1, 2, 4, 7].slice(0, desk.names[slot]!.startsWith("multi") ? 5 : 1))
            expect(move(bound - bound * 1e-9 - 2e-12, way, pricesUp), `${desk.names[slot]}: bound ${bound}`).toBe(before);
        if (move(Math.min(bound * 1.1, 0.25), lost, 0) !== before || move(Math.min(bound * 1.1, 0.25), won, 0) !== before)
          crossed++;
      }
    }
    console.log(`${by}, drift ${drifted}: ${bounded} bounds, ${crossed} of them within a tenth of a line`);
    expect(bounded).toBeGreaterThan(150 * bases.length);
    expect(crossed).toBeGreaterThan(20 * bases.length);
  });

  it("holds where the margin of a multi-asset account is the larger part of what a price moves", () => {
    // So much of it in a coin, and all equity elsewhere, that the coin's price moves the margin as much as the mark does.
    const rate = 0.9;
    const table = new ReferenceBatchWriter(1);
    table.marginTable({ id: 8, model: MarginModel.Tiered });
    table.marginTier({ table: 8, notionalFloor: 0, initialRate: rate, maintenanceRate: rate });
    const holdings = [60_000, -60_000].map((usd) => ({
      name: `margin in coin ${usd}`,
      asset: USDT,
      group: 1,
      legs: [[8, usd]] as Leg[],
    }));
    const desk = new Desk(
      holdings,
      [0.002, 0.01, 0.05, 0.1, 0.2].map((share) => 1.5 * rate + share),
      table.finish(),
    );
    desk.shard.triggerAll();
    const mark = desk.get(8, InstrumentAt.mark);
    const [price, dollar] = [desk.shard.price(ETH), desk.shard.price(USDT)];
    for (const [slot, name] of desk.names.entries()) {
      const before = desk.status(slot);
      const bound = desk.bound(slot);
      expect(bound, name).toBeGreaterThan(1e-4);
      for (const [markUp, priceUp] of [
        [1, 1],
        [1, -1],
        [-1, 1],
        [-1, -1],
      ] as const) {
        // biome-ignore format: one line
        const factor = 1 + bound - bound * 1e-9 - 2e-12;
        desk.set(8, mark * factor ** markUp);
        desk.shard.setPrice(ETH, price * factor ** priceUp);
        desk.shard.setPrice(USDT, dollar / factor);
        expect(desk.status(slot), `${name}: bound ${bound}, mark ${markUp}, price ${priceUp}`).toBe(before);
      }
      desk.set(8, mark);
      desk.shard.setPrice(ETH, price);
      desk.shard.setPrice(USDT, dollar);
    }
  });

  it.each<[string, [floor: number, rate: number, deduction?: number][]]>([
    ["jumps up at a floor", [[0, 0.01, 0], [8, 0.02, 0]]], // biome-ignore format: one line
    ["jumps down at a floor", [[0, 0.01, 0], [8, 0.02, 0.1]]], // biome-ignore format: one line
    ["is free below a floor", [[0, 0.01, 0.02]]],
    ["grows slower above a floor", [[0, 0.5], [8, 0.01]]], // biome-ignore format: one line
    ["grows by nearly all of the value above a floor", [[0, 0.3], [8, 0.95]]], // biome-ignore format: one line
  ])("is none where margin %s", (_, tiers) => {
    const table = new ReferenceBatchWriter(1);
    table.marginTable({ id: 8, model: MarginModel.Tiered });
    for (const [notionalFloor, rate, deduction] of tiers)
      table.marginTier({ table: 8, notionalFloor, initialRate: rate, maintenanceRate: rate, deduction });
    const holdings = one("in coin", ETH, 8, 5_100, 19_900, 20_100, 40_000);
    const desk = new Desk(holdings, [0.01, 0.05, 0.3, 1], table.finish());
    desk.shard.triggerAll();
    desk.endWalk();
    for (const [slot, name] of desk.names.entries()) expect(desk.bound(slot), name).toBe(-1);
  });

  it("is there between any two lines", () => {
    // One tier: margin is a fiftieth of what is held.
    const ratios = [0.1, 0.5, 0.9, 1.03, 1.055, 1.1, 1.19, 1.21, 1.3, 1.49, 1.51, 2];
    const desk = new Desk(
      one("in coin", ETH, 8, 20_000),
      ratios.map((ratio) => ratio * 0.02),
    );
    desk.shard.triggerAll();
    for (const [slot, name] of desk.names.entries()) expect(desk.bound(slot), name).toBeGreaterThan(1e-5);
  });

  it("of a multi-asset account is that of one of its pools, which is looked at for all of them", () => {
    const desk = new Desk(HOLDINGS.filter(({ name }) => name === "multi-asset, both"));
    desk.shard.triggerAll();
    desk.endWalk();
    for (const slot of desk.names.keys()) {
      const [first, ...others] = desk
        .pools(slot)
        .map((unit) => desk.shard.floats[desk.shard.control(ControlAt.poolSafe) / 4 + unit]!);
      expect(first).toBeLessThan(1);
      expect(others).toHaveLength(2);
      for (const other of others) expect(other).toBeGreaterThan(1e29);
    }
  });

  describe("of a short option", () => {
    const shorts = (...shares: number[]) => {
      const desk = new Desk([{ name: "option", asset: USDT, legs: [[15, -5_000]] }], shares);
      desk.beginWalk();
      desk.endWalk();
      return { desk, mark: desk.get(15, InstrumentAt.mark), underlying: desk.get(15, InstrumentAt.underlying) };
    };

    it("is reached by its underlying alone, of which its margin is a share", () => {
      const { desk, mark, underlying } = shorts(0.451, 0.455, 0.46);
      const row = (slot: number) => desk.shard.words[(desk.shard.accountAt(slot) + AccountAt.status) / 4];
      for (const slot of desk.names.keys()) expect(desk.status(slot)).toBe(0);
      desk.set(15, mark, underlying * 1.05);
      desk.shard.triggerAll();
      for (const slot of desk.names.keys()) expect(row(slot), desk.names[slot]).toBe(1);
    });

    it("holds where its underlying has fallen since the anchors", () => {
      const { desk, mark, underlying } = shorts(0.5, 0.6, 0.8, 1, 1.2, 1.4);
      desk.set(15, mark, underlying * 0.8);
      desk.touchAll();
      desk.shard.triggerAll();
      const bounds = [...desk.names.keys()].map((slot) => desk.bound(slot));
      for (const [slot, bound] of bounds.entries()) {
        expect(bound, desk.names[slot]).toBeGreaterThan(1e-3);
        desk.set(15, mark + (bound - bound * 1e-9 - 2e-12) * underlying, underlying * 0.8);
        expect(desk.status(slot), `${desk.names[slot]}: bound ${bound}`).toBe(0);
      }
    });
  });

  it.each(["a pass", "a walk"])("left by %s is none where a line is no further away than rounding", (by) => {
    const shard = new DirectShard(kernel, { accounts: 1024, balances: 4096, positions: 4096, orders: 64 });
    const script = new Script();
    shard.reference(deskReference());
    // Clear of the line at first; it is a walk that finds them at it.
    if (by === "a walk") shard.marketData(script.mark(1, 0.999));
    else shard.marketData(script.mark(1, 1));
    const writer = new AccountBatchWriter(1);
    // 60 USDT a lot, below the first floor: 0.4 % of it times a line.
    let account = 0;
    for (let qtyLots = 1; qtyLots <= 80; qtyLots++)
      for (const line of [1.5, 1.2, 1.05]) {
        account++;
        const amount = Math.round(qtyLots * 60 * 0.004 * line * 1e8);
        writer.transfer({ seq: 1, account, timeMs: START_MS, asset: USDT, amount });
        writer.fill({ seq: 2, account, timeMs: START_MS, instrument: 1, side: 2, qtyLots, priceTicks: 600_000, fee: 0 });
      }
    shard.accounts(writer.finish());
    shard.triggerAll();
    while (shard.kernel.walk(0x7fffffff) > 0);
    if (by === "a walk") shard.marketData(script.mark(1, 1));
    while (shard.kernel.walk(0x7fffffff) > 0);
    for (let slot = 0; slot < account; slot++) {
      const unit = shard.words[(shard.accountAt(slot) + AccountAt.firstPool) / 4]! - 1;
      expect(shard.floats[shard.control(ControlAt.poolSafe) / 4 + unit], `slot ${slot}`).toBe(-1);
      expect(shard.bytes[shard.control(ControlAt.pools) + unit * POOL_UNIT_BYTES + PoolAt.status]).toBe(POOL_STATUS_UNKNOWN);
    }
  });

  it.each(["a pass", "a walk"])(
    "left by %s is none beyond the drift for which rates are bounded, until a walk has begun there",
    (by) => {
      const desk = new Desk();
      desk.beginWalk();
      desk.endWalk();
      // The first pool is met before the mark moves.
      if (by === "a walk") desk.beginWalk();
      // Further than any bound.
      desk.set(1, desk.get(1, InstrumentAt.mark) * 1.3);
      if (by === "a walk") desk.shard.kernel.walk(0x7fffffff);
      else desk.shard.triggerAll();
      for (const [slot, name] of desk.names.entries())
        if (slot > 0 && /^(linear|spread|short all|both|multi)/.test(name) && desk.side(slot, 1) !== 0)
          expect(desk.bound(slot), name).toBe(-1);
      // The next walk has these marks as its anchors.
      desk.endWalk();
      const longs = [...desk.names.keys()].filter((slot) => desk.names[slot]!.startsWith("linear 90000"));
      for (const slot of longs) expect(desk.bound(slot), desk.names[slot]).toBeGreaterThan(0.1);
      expect(longs).toHaveLength(SHARES.length);
    },
  );
});
