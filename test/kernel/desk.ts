// A market of every margin model and payoff, and accounts of every way to trade in it, for tests of the kernel: many of them so
// near a line that a tick takes them over it.
import { InstrumentKind, MarginModel, OptionType, Payoff, Premium } from "../../schemas/generated";
import { AccountBatchWriter, EventFlag, MarketBatchWriter, ReferenceBatchWriter } from "../../src/shared/wire/encode";
import type { Prng } from "../../src/sim/prng";

export const ASSETS = { USDT: 1, BTC: 2, ETH: 3, USD: 4 } as const;
export const START_MS = Date.UTC(2025, 5, 1);
export const EXPIRY_MS = Date.UTC(2025, 8, 26, 8);

export interface DeskContract {
  id: number;
  kind: "linear" | "inverse" | "option" | "spot";
  tickSize: string;
  lotSize: string;
  contractSize: string;
  table: number;
  settle: number;
  base: number;
  /** First mark. */
  ticks: number;
  /** Lots of about 10,000 USD. */
  lots: number;
}

const linear = (
  id: number,
  table: number,
  tickSize: string,
  lotSize: string,
  ticks: number,
  contractSize = "1",
): DeskContract => ({
  id,
  kind: "linear",
  tickSize,
  lotSize,
  contractSize,
  table,
  settle: ASSETS.USDT,
  base: id % 2 ? ASSETS.BTC : ASSETS.ETH,
  ticks,
  lots: Math.max(1, Math.round(10_000 / (Number(tickSize) * ticks * Number(lotSize) * Number(contractSize)))),
});

const inverse = (id: number, table: number, coin: number, contractSize: string, ticks: number): DeskContract => ({
  id,
  kind: "inverse",
  tickSize: "0.1",
  lotSize: "1",
  contractSize,
  table,
  settle: coin,
  base: coin,
  ticks,
  lots: Math.round(10_000 / Number(contractSize)),
});

const option = (id: number, settle: number, ticks: number, lots: number): DeskContract => ({
  id,
  kind: "option",
  tickSize: settle === ASSETS.BTC ? "0.0005" : "0.1",
  lotSize: "0.1",
  contractSize: "1",
  table: 3,
  settle,
  base: ASSETS.BTC,
  ticks,
  lots,
});

/** Lean contracts come first. */
export const DESK: readonly DeskContract[] = [
  linear(1, 1, "0.1", "0.001", 600_000),
  linear(2, 1, "0.01", "0.01", 250_000),
  linear(3, 4, "0.001", "1", 150_000),
  linear(4, 1, "0.0001", "10", 5_000),
  linear(5, 4, "0.00037", "0.7", 77_777, "0.3333"),
  inverse(6, 2, ASSETS.BTC, "100", 600_000),
  inverse(7, 2, ASSETS.BTC, "1", 605_000),
  inverse(8, 8, ASSETS.ETH, "10", 25_000),
  // Not lean.
  linear(9, 5, "0.1", "0.001", 600_000),
  linear(10, 6, "0.01", "0.01", 250_000),
  linear(11, 7, "0.1", "0.001", 600_000),
  inverse(12, 9, ASSETS.BTC, "10", 600_000),
  option(13, ASSETS.BTC, 100, 2),
  option(14, ASSETS.BTC, 80, 2),
  option(15, ASSETS.USDT, 30_000, 3),
  {
    id: 16,
    kind: "spot",
    tickSize: "0.01",
    lotSize: "0.00001",
    contractSize: "1",
    table: 0,
    settle: ASSETS.USDT,
    base: ASSETS.BTC,
    ticks: 6_000_000,
    lots: 10_000,
  },
];
export const LEAN_COUNT = 8;

export function deskReference(): Buffer {
  const writer = new ReferenceBatchWriter(1);
  writer.asset({ id: ASSETS.USDT, symbol: "USDT", usdPrice: 0.9997 });
  writer.asset({ id: ASSETS.BTC, symbol: "BTC", usdPrice: 60_000, haircut: 0.05 });
  writer.asset({ id: ASSETS.ETH, symbol: "ETH", usdPrice: 2_500, haircut: 0.1 });
  writer.asset({ id: ASSETS.USD, symbol: "USD", usdPrice: 1 });
  const tiers = (
    table: number,
    rows: [floor: number, rate: number, deduction?: number][],
    liquidationFeeRate = 0,
    notionalAt = 0,
  ) => {
    writer.marginTable({ id: table, model: MarginModel.Tiered, liquidationFeeRate, notionalAt });
    for (const [notionalFloor, maintenanceRate, deduction] of rows)
      writer.marginTier({
        table,
        notionalFloor,
        initialRate: Math.min(1, maintenanceRate * 2),
        maintenanceRate,
        ...(deduction === undefined ? {} : { deduction }),
      });
  };
  tiers(1, [
    [0, 0.004],
    [5_000, 0.005],
    [12_000, 0.01],
    [40_000, 0.025],
    [100_000, 0.05],
    [400_000, 0.125],
  ]);
  tiers(2, [
    [0, 0.005],
    [0.2, 0.01],
    [1, 0.025],
    [4, 0.1],
  ]);
  writer.marginTable({ id: 3, model: MarginModel.DeribitOption });
  tiers(
    4,
    [
      [0, 0.01],
      [25_000, 0.02],
    ],
    0.0005,
  );
  // Deductions as a venue might print them, rounded: margin jumps at the floors.
  tiers(5, [
    [0, 0.01, 0],
    [9_000, 0.02, 70],
    [30_000, 0.05, 1_000],
  ]);
  tiers(
    6,
    [
      [0, 0.01],
      [10_000, 0.02],
    ],
    0,
    1,
  );
  const scaled = { model: MarginModel.SizeScaled, initialBase: 0.02, maintenanceBase: 0.01 };
  writer.marginTable({ id: 7, ...scaled, initialPerUnit: 0.005, maintenancePerUnit: 0.005 });
  tiers(8, [[0, 0.02]]);
  writer.marginTable({ id: 9, ...scaled, initialPerUnit: 0.005, maintenancePerUnit: 0.005 });
  for (const c of DESK) {
    const isOption = c.kind === "option";
    writer.instrument({
      id: c.id,
      symbol: `C${c.id}`,
      kind: isOption
        ? InstrumentKind.Option
        : c.kind === "spot"
          ? InstrumentKind.Spot
          : c.id % 3 === 0
            ? InstrumentKind.Future
            : InstrumentKind.Perpetual,
      payoff: c.kind === "inverse" ? Payoff.Inverse : Payoff.Linear,
      base: c.base,
      quote: c.kind === "inverse" || (isOption && c.settle !== ASSETS.USDT) ? ASSETS.USD : ASSETS.USDT,
      settle: c.settle,
      marginTable: c.table,
      contractSize: c.contractSize,
      tickSize: c.tickSize,
      lotSize: c.lotSize,
      ...(isOption
        ? {
            premium: c.settle === ASSETS.BTC ? Premium.Base : Premium.Quote,
            optionType: c.id === 14 ? OptionType.Put : OptionType.Call,
            strike: 60_000,
            expiryMs: EXPIRY_MS,
          }
        : c.kind !== "spot" && c.id % 3 === 0
          ? { expiryMs: EXPIRY_MS }
          : {}),
    });
  }
  writer.accountGroup({ id: 1, name: "multi", collateral: 1, hedgeMode: false });
  return writer.finish();
}

/** Marks, vols and index prices that walk, now and then with a jump. */
export class DeskMarket {
  readonly ticks = new Map<number, number>();
  private readonly writer = new MarketBatchWriter(1);
  private underlying = 60_000;
  private seq = 1;

  constructor(private readonly prng: Prng) {
    for (const contract of DESK) this.ticks.set(contract.id, contract.ticks);
  }

  /** The first marks of all. */
  first(): Buffer {
    for (const { id, kind } of DESK) this.mark(id, kind);
    return this.end();
  }

  /** Some contracts move: mostly by less than a thousandth, sometimes by up to a tenth. */
  tick(): Buffer {
    const moves = 1 + this.prng.below(4);
    for (let i = 0; i < moves; i++) {
      const { id, kind } = DESK[this.prng.below(DESK.length)]!;
      const size = [0.0003, 0.0003, 0.001, 0.003, 0.02, 0.1][this.prng.below(6)]!;
      const factor = 1 + size * (2 * this.prng.nextUnit() - 1);
      this.ticks.set(id, Math.max(1, Math.round(this.ticks.get(id)! * factor)));
      if (kind === "option") this.underlying *= 1 + 0.2 * size * (2 * this.prng.nextUnit() - 1);
      this.mark(id, kind);
    }
    if (this.prng.below(4) === 0) {
      const asset = [ASSETS.BTC, ASSETS.ETH, ASSETS.USDT][this.prng.below(3)]!;
      const price = { [ASSETS.BTC]: 60_000, [ASSETS.ETH]: 2_500, [ASSETS.USDT]: 1 }[asset]!;
      this.writer.indexPrice({
        asset,
        seq: this.seq++,
        timeMs: START_MS + this.seq,
        price: price * (0.97 + 0.06 * this.prng.nextUnit()),
      });
    }
    return this.end();
  }

  /** A quote: nothing anybody is valued on. */
  quote(id: number): Buffer {
    const ticks = this.ticks.get(id)!;
    this.writer.quote({
      instrument: id,
      seq: this.seq++,
      timeMs: START_MS + this.seq,
      bidTicks: Math.max(1, ticks - 1),
      bidLots: 1,
      askTicks: ticks + 1,
      askLots: 1,
    });
    return this.end();
  }

  private mark(id: number, kind: DeskContract["kind"]): void {
    const base = { instrument: id, seq: this.seq++, timeMs: START_MS + this.seq };
    this.writer.mark({ ...base, priceTicks: this.ticks.get(id)! });
    if (kind === "option")
      this.writer.impliedVol({ ...base, vol: 0.4 + 0.3 * this.prng.nextUnit(), underlying: this.underlying });
  }

  private end(): Buffer {
    return this.writer.finish();
  }
}

/** How an account trades. */
export const WAYS = [
  "one linear",
  "many linear",
  "inverse",
  "one linear",
  "many linear",
  "linear and inverse",
  "isolated",
  "hedge",
  "options",
  "odd models",
  "multi-asset",
  "everything",
] as const;
export type Way = (typeof WAYS)[number];
export const wayOf = (account: number): Way => WAYS[account % WAYS.length]!;

const CHOICES: Record<Way, readonly number[]> = {
  "one linear": [],
  "many linear": [1, 2, 3, 4, 5],
  inverse: [6, 7],
  "linear and inverse": [1, 2, 6, 8],
  isolated: [1, 2, 6],
  hedge: [1, 2, 6],
  options: [13, 14, 15, 1, 6],
  "odd models": [9, 10, 11, 12],
  "multi-asset": [1, 2, 3, 6, 8, 13],
  everything: DESK.map(({ id }) => id),
};

/** Events of accounts 1 … n, each with its sequence numbers. */
export class DeskFlow {
  private readonly writer = new AccountBatchWriter(1);
  private readonly seqs = new Map<number, number>();
  private orderId = 1;

  constructor(
    private readonly prng: Prng,
    private readonly accounts: number,
  ) {}

  private base(account: number) {
    const seq = (this.seqs.get(account) ?? 0) + 1;
    this.seqs.set(account, seq);
    return { seq, account, timeMs: START_MS + seq };
  }

  /** Opens every account: little money, so that lines are near. */
  open(): Buffer[] {
    const messages: Buffer[] = [];
    for (let account = 1; account <= this.accounts; account++) {
      const way = wayOf(account);
      const { prng, writer } = this;
      const some = (usd: number) => Math.round(usd * (0.5 + prng.nextUnit()) * 1e8);
      const usesCoin = way !== "one linear" && way !== "many linear";
      if (way !== "inverse" && account % 13 !== 0)
        writer.transfer({ ...this.base(account), asset: ASSETS.USDT, amount: some(2_000) });
      if (usesCoin || account % 5 === 0) {
        writer.transfer({ ...this.base(account), asset: ASSETS.BTC, amount: some(0.04) });
        writer.transfer({ ...this.base(account), asset: ASSETS.ETH, amount: some(0.8) });
      }
      if (way === "multi-asset" || (way === "everything" && account % 2 === 0))
        writer.accountSettings({ ...this.base(account), group: 1 });
      if (way === "isolated" || way === "everything")
        for (const id of CHOICES.isolated)
          writer.isolatedTransfer({
            ...this.base(account),
            instrument: id,
            amount: DESK[id - 1]!.kind === "inverse" ? some(0.005) : some(300),
            flags: EventFlag.Isolated,
          });
      if (writer.count > 1000) messages.push(writer.finish());
    }
    messages.push(this.writer.finish());
    return messages;
  }

  /** Deposits that keep every second account far from all lines. */
  enrich(): Buffer {
    for (let account = 1; account <= this.accounts; account += 2) {
      this.writer.transfer({ ...this.base(account), asset: ASSETS.USDT, amount: 1e7 * 1e8 });
      this.writer.transfer({ ...this.base(account), asset: ASSETS.BTC, amount: 1e3 * 1e8 });
    }
    return this.writer.finish();
  }

  /** Some random events at prices around the marks. */
  some(count: number, market: DeskMarket): Buffer {
    for (let i = 0; i < count; i++) this.event(1 + this.prng.below(this.accounts), market);
    return this.writer.finish();
  }

  event(account: number, market: DeskMarket): void {
    const { prng, writer } = this;
    const way = wayOf(account);
    const choices = way === "one linear" ? [1 + (account % 5)] : CHOICES[way];
    const contract = DESK[choices[prng.below(choices.length)]! - 1]!;
    const side = (1 + prng.below(2)) as 1 | 2;
    const priceTicks = Math.max(1, Math.round(market.ticks.get(contract.id)! * (0.995 + 0.01 * prng.nextUnit())));
    const qtyLots = Math.max(1, Math.round(contract.lots * (0.05 + 1.5 * prng.nextUnit() ** 3)));
    const canIsolate = contract.kind === "linear" || contract.kind === "inverse";
    let flags = 0;
    if (way === "isolated" || (way === "everything" && canIsolate && prng.below(4) === 0)) flags = EventFlag.Isolated;
    if (way === "hedge" || (way === "everything" && canIsolate && flags === 0 && prng.below(4) === 0))
      flags |= side === 1 ? EventFlag.LongLeg : EventFlag.ShortLeg;
    const on = { ...this.base(account), instrument: contract.id };
    const kind = prng.below(100);
    const isSpot = contract.kind === "spot";
    if (kind < 70 || isSpot)
      writer.fill({
        ...on,
        side,
        qtyLots,
        priceTicks,
        fee: prng.below(2_000) - 200,
        order: prng.below(3) === 0 ? 1 + prng.below(this.orderId) : 0,
        flags,
      });
    else if (kind < 80) writer.orderPlaced({ ...on, side, qtyLots, priceTicks, order: this.orderId++, flags });
    else if (kind < 88) writer.orderCancelled({ ...on, order: 1 + prng.below(this.orderId) });
    else if (kind < 93)
      writer.positionSettings({
        ...on,
        leverageE8: prng.below(3) === 0 ? 0 : (1 + prng.below(50)) * 1e8,
        flags: flags & EventFlag.Isolated,
      });
    else
      writer.transfer({
        seq: on.seq,
        account,
        timeMs: on.timeMs,
        asset: contract.settle,
        amount: Math.round((contract.settle === ASSETS.USDT ? 200 : 0.003) * (2 * prng.nextUnit() - 1) * 1e8) || 1,
      });
  }
}
