// The world that lines of the bench share: accounts, contracts, and account events that go on for ever without any state
// growing. Everything follows from its size and an event's number; there is no randomness.
//
// Contracts are perpetuals, every fourth of them inverse, with five margin tiers. An account holds USDT and BTC and trades
// `positionsPerAccount` contracts. Fill n touches account n·stride mod accounts, so that neighbours in time are far apart
// in memory; an account goes round its contracts, once buying, once selling, so its positions stay between the one they
// were opened with and one fill more.
import { InstrumentKind, MarginModel, Payoff } from "../../schemas/generated";
import { RING_RECORDS_MIN } from "../../src/shared/limits";
import type { ShardCapacity } from "../../src/shared/shard-memory";
import { AccountBatchWriter, MarketBatchWriter, ReferenceBatchWriter } from "../../src/shared/wire/encode";

export const USDT = 1;
export const BTC = 2;
/** Inverse contracts are those whose id is a multiple of this. */
const INVERSE_EVERY = 4;
export const START_MS = 1_718_000_000_000;
/** Every contract's mark, 60,000.0. */
export const MARK_TICKS = 600_000;
const OPENING_LOTS = 100;
const E8 = 1e8;

/** Floors in quote for linear, in base for inverse contracts. */
const TIERS = [
  [0, 0.008, 0.004],
  [50_000, 0.01, 0.005],
  [250_000, 0.02, 0.01],
  [1_000_000, 0.05, 0.025],
  [10_000_000, 0.1, 0.05],
] as const;

export interface WorldSize {
  accounts: number;
  instruments: number;
  /** At most `instruments`. */
  positionsPerAccount: number;
  /**
   * Deposit of account i in USDT; the default keeps everybody far from liquidation.
   * @see nearTheLine
   */
  depositUsd?(account: number): number;
}

function coprimeNear(target: number, to: number): number {
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
  let stride = Math.max(1, Math.round(target));
  while (gcd(stride, to) !== 1) stride++;
  return stride;
}

export class World {
  readonly accounts: number;
  readonly instruments: number;
  readonly positionsPerAccount: number;
  private readonly stride: number;
  private readonly depositUsd: (account: number) => number;

  constructor(size: WorldSize) {
    this.accounts = size.accounts;
    this.instruments = size.instruments;
    this.positionsPerAccount = size.positionsPerAccount;
    if (size.positionsPerAccount > size.instruments) throw new RangeError("more positions an account than there are contracts");
    this.depositUsd = size.depositUsd ?? (() => 10_000_000);
    this.stride = coprimeNear(size.accounts * 0.618, size.accounts);
  }

  /** Rows for everybody, and rings of a usual size. */
  capacity(more: Partial<ShardCapacity> = {}): ShardCapacity {
    return {
      accounts: this.accounts + 16,
      balances: this.accounts * 2 + 16,
      positions: this.accounts * this.positionsPerAccount + 16,
      orders: 16,
      inputRecords: Math.max(RING_RECORDS_MIN, 65_536),
      fillRecords: 1024,
      alertRecords: 16_384,
      ...more,
    };
  }

  isInverse(instrument: number): boolean {
    return instrument % INVERSE_EVERY === 0;
  }

  /** The k-th contract of an account. */
  instrumentOf(account: number, k: number): number {
    return 1 + ((account + k) % this.instruments);
  }

  reference(): Buffer {
    const writer = new ReferenceBatchWriter(1);
    writer.asset({ id: USDT, symbol: "USDT", usdPrice: 1 });
    writer.asset({ id: BTC, symbol: "BTC", usdPrice: 60_000, haircut: 0.05 });
    for (const table of [1, 2]) {
      writer.marginTable({ id: table, model: MarginModel.Tiered });
      for (const [floor, initialRate, maintenanceRate] of TIERS)
        writer.marginTier({ table, notionalFloor: table === 1 ? floor : floor / 60_000, initialRate, maintenanceRate });
    }
    for (let id = 1; id <= this.instruments; id++) {
      const inverse = this.isInverse(id);
      writer.instrument({
        id,
        symbol: `PERP-${id}`,
        kind: InstrumentKind.Perpetual,
        payoff: inverse ? Payoff.Inverse : Payoff.Linear,
        base: BTC,
        quote: USDT,
        settle: inverse ? BTC : USDT,
        marginTable: inverse ? 2 : 1,
        contractSize: inverse ? 100 : 1,
        tickSize: "0.1",
        lotSize: inverse ? 1 : "0.001",
      });
    }
    return writer.finish();
  }

  /** Marks of `instruments` (all by default), the `seq`-th time; `ticks` away from where they began. */
  marks(seq: number, ticks = 0, instruments?: readonly number[]): Buffer {
    const writer = new MarketBatchWriter(2, seq);
    const ids = instruments ?? Array.from({ length: this.instruments }, (_, i) => i + 1);
    for (const instrument of ids) writer.mark({ instrument, seq, timeMs: START_MS + seq, priceTicks: MARK_TICKS + ticks });
    return writer.finish();
  }

  /** Events that open every account and every position: 2 + positionsPerAccount a head. */
  get openingEvents(): number {
    return this.accounts * (2 + this.positionsPerAccount);
  }

  /** The messages that do so. A generator: a million accounts' would be gigabytes. */
  *opening(eventsPerMessage = 4096): Generator<Buffer> {
    const writer = new AccountBatchWriter(3);
    for (let account = 0; account < this.accounts; account++) {
      const common = { account: account + 1, timeMs: START_MS };
      const events = 2 + this.positionsPerAccount;
      if (writer.count + events > eventsPerMessage && writer.count > 0) yield writer.finish();
      writer.transfer({ ...common, seq: 1, asset: USDT, amount: Math.round(this.depositUsd(account) * E8) });
      writer.transfer({ ...common, seq: 2, asset: BTC, amount: 100 * E8 });
      for (let k = 0; k < this.positionsPerAccount; k++)
        writer.fill({
          ...common,
          seq: 3 + k,
          instrument: this.instrumentOf(account, k),
          side: (account + k) % 2 === 0 ? 1 : 2,
          qtyLots: OPENING_LOTS,
          priceTicks: MARK_TICKS,
        });
    }
    if (writer.count > 0) yield writer.finish();
  }

  /** Index, 0 and up, of the account that fill n touches. */
  accountOf(n: number): number {
    // n·stride stays exact: both are below 2^53 only as a product of the remainders.
    return ((n % this.accounts) * this.stride) % this.accounts;
  }

  /** The account's own sequence number of fill n. */
  seqOf(n: number): number {
    return 3 + this.positionsPerAccount + Math.floor(n / this.accounts);
  }

  /** Adds fill n to a batch. */
  fill(writer: AccountBatchWriter, n: number): void {
    const account = this.accountOf(n);
    const pass = Math.floor(n / this.accounts);
    const k = pass % this.positionsPerAccount;
    const round = Math.floor(pass / this.positionsPerAccount);
    writer.fill({
      account: account + 1,
      seq: this.seqOf(n),
      timeMs: START_MS + 1 + Math.floor(n / 1000),
      instrument: this.instrumentOf(account, k),
      side: round % 2 === 0 ? 1 : 2,
      qtyLots: 1 + (account % 8),
      // Up to 3.1 away from the mark, so that profit is realised and prices differ.
      priceTicks: MARK_TICKS + ((n * 7) % 63) - 31,
      fee: 1000 + (n % 100),
    });
  }

  /** Fills from … from + count − 1, so many a message. */
  fills(from: number, count: number, eventsPerMessage: number): Buffer[] {
    const writer = new AccountBatchWriter(4, from);
    const messages: Buffer[] = [];
    for (let n = from; n < from + count; n++) {
      this.fill(writer, n);
      if (writer.count === eventsPerMessage) messages.push(writer.finish());
    }
    if (writer.count > 0) messages.push(writer.finish());
    return messages;
  }
}
