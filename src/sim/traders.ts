// Synthetic traders: accounts that take both sides of every print, so that a recorded or synthetic tape becomes the account
// log of an exchange. A pure function of seed and input: no clock, no other randomness; O(1) work per print.
//
// Every print is one maker fill and one taker fill of different accounts, so over all accounts quantity is conserved exactly.
//
// Who trades. The first hundredth of the accounts are market makers with deep pockets; the others shrink from 2 M USD to 500,
// and the large ones trade more often. Each has a leverage it never exceeds when it adds to a position, and leans long or
// short; so positions grow until the account is full, and a full account at high leverage stands near its liquidation price.
// An account that cannot take a print is passed over; after a few draws a market maker takes it.
//
// Opening positions. An exchange is not empty when the tape begins: with each print a few accounts, in turn, are given the
// position they came with, bought from or sold to a market maker at the print (two fills without a print of their own).
//
// Orders. Besides fills there are resting orders: placed a few ticks away from the print, filled when a print reaches them (at
// the print, which is never worse than their limit), cancelled when old or at random.
import type { AccountEvent, FillEvent, FundingSettlementEvent, Side } from "./events";
import { type FeeFactors, feeE8, feeFactors } from "./fees";
import type { Instrument } from "./instruments";
import { OrderQueue } from "./order-queue";
import { Prng } from "./prng";

export const MIN_ACCOUNTS = 4;
/** Account arrays are allocated at once: with four instruments and three assets about 120 bytes an account. */
export const MAX_ACCOUNTS = 10_000_000;
export const FIRST_ACCOUNT_ID = 1_000_001;

/** Prices that initial deposits are sized with, USD. They size accounts and value nothing. */
const SIZING_PRICES_USD: Readonly<Record<string, number>> = { USDT: 1, USDC: 1, USD: 1, BTC: 60_000, ETH: 2_600 };

const MARKET_MAKER_USD = 50_000_000;
const LARGEST_USD = 2_000_000;
const SMALLEST_USD = 500;
/** Leverage classes and the share of accounts up to and with each. */
const LEVERAGE_CLASSES: readonly (readonly [leverage: number, shareUpTo: number])[] = [
  [3, 0.3],
  [10, 0.55],
  [25, 0.75],
  [50, 0.88],
  [100, 1],
];
/** Large accounts may not use the leverage that margin tiers refuse them. */
const LARGE_USD = 50_000;
const LARGE_MAX_LEVERAGE = 10;

/** Accounts that get their opening position with one print: bounded work, and a thousand accounts are open after 60 prints. */
const OPENINGS_PER_PRINT = 16;
/** Share of accounts that begin without a position; the others have from nothing to all their leverage allows. */
const FLAT_SHARE = 0.4;

const DRAWS = 6;
const RESTING_ORDER_MAX_AGE_MS = 30_000;
const RESTING_ORDER_REACH_TICKS = 32;
// Chances, as a mask on a random word: one in mask + 1.
const ONE_IN_2 = 1;
const ONE_IN_4 = 3;
const ONE_IN_8 = 7;
const ONE_IN_16 = 15;
const ONE_IN_256 = 255;

/** Below this share of its notional an account's equity is less than any maintenance margin: it is closed out. */
const CLOSE_OUT_MARGIN = 0.004;
/** An idle account poorer than this share of its initial deposit is topped up again. */
const TOP_UP_BELOW = 0.3;
/** An account richer than this multiple of its initial deposit takes half the excess out. */
const WITHDRAW_ABOVE = 3;

export interface TraderOptions {
  readonly accounts: number;
  readonly seed: number;
  /** What prints may be about; prints of other instruments are refused. At least one. */
  readonly instruments: readonly Instrument[];
  /** Id of the first account; the others follow. */
  readonly firstAccountId?: number;
  /** Whether accounts begin with positions. Default true; off, the log has no fill that is not on the tape (but close-outs). */
  readonly openingPositions?: boolean;
  /**
   * Whether accounts whose money is gone are closed out against a market maker (two fills without a print) and paid in
   * again, as a running demonstration needs. Default false.
   */
  readonly closeOuts?: boolean;
}

export type TraderSink = (event: AccountEvent) => void;

/** Per instrument: constants and the market as last seen. */
interface Desk {
  readonly instrument: Instrument;
  readonly assetIndex: number;
  readonly inverse: boolean;
  /** Value of `qty` lots at `price` ticks in the settle asset: linear `qty × unit × price`, inverse `qty × unit ÷ price`. */
  readonly unit: number;
  readonly makerFee: FeeFactors;
  readonly takerFee: FeeFactors;
  readonly buys: OrderQueue;
  readonly sells: OrderQueue;
  lastTicks: number;
  /** The next account to get its opening position; `accountCount` where all have. */
  nextOpening: number;
}

export class Traders {
  readonly accountCount: number;
  readonly marketMakerCount: number;
  readonly firstAccountId: number;
  /** Settle assets, in the order of the instruments; every account has one pool of each. */
  readonly assets: readonly string[];
  private readonly desks: readonly Desk[];
  private readonly desksPerAsset: readonly number[];
  private readonly deskOf: ReadonlyMap<Instrument, number>;
  private readonly prng: Prng;
  private readonly closeOuts: boolean;

  // Account arrays; per instrument `[account × desks + desk]`, per asset `[account × assets + asset]`.
  private readonly seqs: Float64Array;
  private readonly leans: Int8Array;
  private readonly leverages: Uint8Array;
  /** Signed position, lots. */
  private readonly positions: Float64Array;
  /** What the position cost, as a signed value in the settle asset, so that PnL is value now − cost. */
  private readonly costs: Float64Array;
  /** Initial deposit per asset, and cash now (deposits − fees + realised PnL), in the asset. */
  private readonly deposits: Float64Array;
  private readonly cash: Float64Array;

  private nowMs = 0;
  private nextOrderId = 1;
  private patrolled = 0;

  /** @throws RangeError naming the option that is wrong */
  constructor(options: TraderOptions) {
    const { accounts, instruments } = options;
    if (!Number.isSafeInteger(accounts) || accounts < MIN_ACCOUNTS || accounts > MAX_ACCOUNTS) {
      throw new RangeError(`accounts ${accounts} must be a whole number from ${MIN_ACCOUNTS} to ${MAX_ACCOUNTS}`);
    }
    if (instruments.length === 0) throw new RangeError("instruments must name at least one");
    const firstAccountId = options.firstAccountId ?? FIRST_ACCOUNT_ID;
    if (!Number.isSafeInteger(firstAccountId) || firstAccountId < 1 || !Number.isSafeInteger(firstAccountId + accounts)) {
      throw new RangeError(`firstAccountId ${firstAccountId} must be a whole number above 0 that leaves room for all accounts`);
    }
    this.accountCount = accounts;
    this.firstAccountId = firstAccountId;
    this.marketMakerCount = Math.max(2, Math.ceil(accounts / 100));
    this.closeOuts = options.closeOuts ?? false;
    this.prng = Prng.seeded(options.seed);
    this.assets = [...new Set(instruments.map((one) => one.settle))];
    const nextOpening = (options.openingPositions ?? true) ? this.marketMakerCount : accounts;
    this.desks = instruments.map((one) => makeDesk(one, this.assets.indexOf(one.settle), nextOpening));
    this.desksPerAsset = this.assets.map((asset) => instruments.filter((one) => one.settle === asset).length);
    this.deskOf = new Map(instruments.map((one, index) => [one, index]));
    this.seqs = new Float64Array(accounts);
    this.leans = new Int8Array(accounts);
    this.leverages = new Uint8Array(accounts);
    this.positions = new Float64Array(accounts * instruments.length);
    this.costs = new Float64Array(accounts * instruments.length);
    this.deposits = new Float64Array(accounts * this.assets.length);
    this.cash = new Float64Array(accounts * this.assets.length);
    this.endow();
  }

  /**
   * Pays accounts in: one transfer per account and settle asset. Every account is to be paid in once, before the first print;
   * the range lets a caller do it in parts, because this is the one burst that grows with the number of accounts.
   *
   * @param from index of the first account
   * @param to   index after the last
   */
  start(eventMs: number, sink: TraderSink, from = 0, to = this.accountCount): void {
    this.advance(eventMs);
    for (let account = from; account < to; account++) {
      for (let asset = 0; asset < this.assets.length; asset++) {
        this.transfer(account, asset, this.deposits[account * this.assets.length + asset]!, sink);
      }
    }
  }

  /**
   * One print: a maker and a taker fill, and now and then an order placed or cancelled, a transfer, a close-out.
   *
   * @param eventMs   an earlier time than the last one counts as the last one: account time does not go back
   * @param takerSide side of the order that took liquidity
   * @throws RangeError where the instrument is none of `options.instruments`
   */
  onTrade(
    instrument: Instrument,
    eventMs: number,
    priceTicks: number,
    qtyLots: number,
    takerSide: Side,
    tradeId: number,
    sink: TraderSink,
  ): void {
    const index = this.deskOf.get(instrument);
    if (index === undefined) throw new RangeError(`${instrument.symbol} is not one of the traders' instruments`);
    const desk = this.desks[index]!;
    this.advance(eventMs);
    desk.lastTicks = priceTicks;
    this.openPositions(index, sink);
    const chance = this.prng.nextU32();
    const makerSide: Side = takerSide === 1 ? -1 : 1;

    let maker = this.fillResting(index, makerSide, priceTicks, qtyLots, tradeId, sink);
    if (maker < 0) {
      maker = (chance & ONE_IN_2) === 0 ? this.drawMarketMaker() : this.draw(index, makerSide, priceTicks, qtyLots, -1);
      this.fill(index, maker, makerSide, qtyLots, priceTicks, tradeId, this.nextOrderId++, "maker", false, sink);
    }
    const taker = this.draw(index, takerSide, priceTicks, qtyLots, maker);
    this.fill(index, taker, takerSide, qtyLots, priceTicks, tradeId, this.nextOrderId++, "taker", false, sink);

    if (((chance >>> 1) & ONE_IN_8) === 0) this.placeResting(index, priceTicks, qtyLots, sink);
    if (((chance >>> 4) & ONE_IN_16) === 0) this.cancelOldest(index, (chance & 0x1000) === 0 ? 1 : -1, sink);
    if (((chance >>> 8) & ONE_IN_256) === 0) this.moveMoney(sink);
    if (this.closeOuts) this.patrol(sink);
  }

  /**
   * A funding settlement of an instrument. The caller writes it once into every account partition; it has no account and no
   * account sequence number.
   *
   * @param rateE8    rate in 1e-8, negative where shorts pay
   * @param markTicks mark the notional is taken at
   */
  fundingSettlement(instrument: Instrument, eventMs: number, rateE8: number, markTicks: number): FundingSettlementEvent {
    const index = this.deskOf.get(instrument);
    if (index === undefined) throw new RangeError(`${instrument.symbol} is not one of the traders' instruments`);
    this.advance(eventMs);
    this.payFunding(index, rateE8, markTicks);
    return { kind: "funding-settlement", instrument, eventMs, rateE8, markTicks };
  }

  accountIdAt(index: number): number {
    return this.firstAccountId + index;
  }

  /** Signed position in lots. */
  positionLots(accountIndex: number, instrument: Instrument): number {
    const desk = this.deskOf.get(instrument);
    return desk === undefined ? 0 : this.positions[accountIndex * this.desks.length + desk]!;
  }

  /**
   * The traders' own idea of an account's pool, in the settle asset, at last prints: it steers them and is a cross-check, in
   * floating point, for tests. The truth is the ledger's.
   */
  pool(accountIndex: number, asset: string): { equity: number; notional: number } {
    const at = this.assets.indexOf(asset);
    return { equity: this.equity(accountIndex, at), notional: this.notional(accountIndex, at) };
  }

  private endow(): void {
    for (let account = 0; account < this.accountCount; account++) {
      const isMarketMaker = account < this.marketMakerCount;
      const usd = isMarketMaker ? MARKET_MAKER_USD : Math.max(SMALLEST_USD, LARGEST_USD / (account - this.marketMakerCount + 1));
      const draw = this.prng.nextUnit();
      const leverage = LEVERAGE_CLASSES.find(([, upTo]) => draw < upTo)![0];
      this.leverages[account] = usd > LARGE_USD ? Math.min(leverage, LARGE_MAX_LEVERAGE) : leverage;
      this.leans[account] = (this.prng.nextU32() & ONE_IN_2) === 0 ? 1 : -1;
      for (let asset = 0; asset < this.assets.length; asset++) {
        const price = SIZING_PRICES_USD[this.assets[asset]!] ?? 1;
        // Whole 1e-8 of the asset, so that the transfer and the traders' own books agree.
        const amount = Math.round((usd * this.desksPerAsset[asset]! * 1e8) / (price * this.desks.length)) / 1e8;
        this.deposits[account * this.assets.length + asset] = amount;
      }
    }
  }

  private advance(eventMs: number): void {
    if (eventMs > this.nowMs) this.nowMs = eventMs;
  }

  // --- who trades

  /** An account that can take this side of the print, other than `except`; a market maker where no draw can. */
  private draw(desk: number, side: Side, priceTicks: number, qtyLots: number, except: number): number {
    const others = this.accountCount - this.marketMakerCount;
    for (let i = 0; i < DRAWS; i++) {
      const u = this.prng.nextUnit();
      // u³ favours the low indices, the large accounts: a fifth of the draws meets the first hundredth.
      const account = this.marketMakerCount + Math.floor(others * u * u * u);
      if (account !== except && this.wants(account, desk, side) && this.fits(account, desk, side, priceTicks, qtyLots))
        return account;
    }
    const maker = this.drawMarketMaker();
    return maker === except ? (maker + 1) % this.marketMakerCount : maker;
  }

  private drawMarketMaker(): number {
    return this.prng.below(this.marketMakerCount);
  }

  private wants(account: number, desk: number, side: Side): boolean {
    if (side === this.leans[account]) return true;
    const position = this.positions[account * this.desks.length + desk]!;
    return position * side < 0 && (this.prng.nextU32() & ONE_IN_4) === 0;
  }

  /** Whether the account may have the position it would have then: one that shrinks, or one within its leverage. */
  private fits(account: number, index: number, side: Side, priceTicks: number, qtyLots: number): boolean {
    if (account < this.marketMakerCount) return true;
    const desk = this.desks[index]!;
    const before = this.positions[account * this.desks.length + index]!;
    const after = before + side * qtyLots;
    if (before * side < 0 && Math.abs(after) <= Math.abs(before)) return true;
    const pool = account * this.assets.length + desk.assetIndex;
    // A pool with several instruments gives each an equal part. Equity counts where it is below the deposit, so that a losing
    // account does not add to its loss.
    const means = Math.min(this.deposits[pool]!, this.equity(account, desk.assetIndex));
    const parts = this.desksPerAsset[desk.assetIndex]!;
    return Math.abs(settleValue(desk, after, priceTicks)) * parts <= means * this.leverages[account]!;
  }

  private equity(account: number, assetIndex: number): number {
    let equity = this.cash[account * this.assets.length + assetIndex]!;
    for (let index = 0; index < this.desks.length; index++) {
      const desk = this.desks[index]!;
      const at = account * this.desks.length + index;
      const position = this.positions[at]!;
      if (desk.assetIndex === assetIndex && position !== 0)
        equity += settleValue(desk, position, desk.lastTicks) - this.costs[at]!;
    }
    return equity;
  }

  private notional(account: number, assetIndex: number): number {
    let notional = 0;
    for (let index = 0; index < this.desks.length; index++) {
      const desk = this.desks[index]!;
      const position = this.positions[account * this.desks.length + index]!;
      if (desk.assetIndex === assetIndex && position !== 0) notional += Math.abs(settleValue(desk, position, desk.lastTicks));
    }
    return notional;
  }

  // --- what they do

  private fill(
    index: number,
    account: number,
    side: Side,
    qtyLots: number,
    priceTicks: number,
    tradeId: number,
    orderId: number,
    liquidity: FillEvent["liquidity"],
    fromOpenOrder: boolean,
    sink: TraderSink,
  ): void {
    const desk = this.desks[index]!;
    const fee = feeE8(liquidity === "maker" ? desk.makerFee : desk.takerFee, qtyLots, priceTicks);
    this.book(index, account, side, qtyLots, priceTicks, fee);
    sink({
      kind: "fill",
      accountId: this.firstAccountId + account,
      seq: ++this.seqs[account]!,
      eventMs: this.nowMs,
      instrument: desk.instrument,
      orderId,
      tradeId,
      side,
      qtyLots,
      priceTicks,
      feeE8: fee,
      liquidity,
      fromOpenOrder,
    });
  }

  /** The traders' own books: position, its cost, and cash for the part that closes. */
  private book(index: number, account: number, side: Side, qtyLots: number, priceTicks: number, fee: number): void {
    const desk = this.desks[index]!;
    const at = account * this.desks.length + index;
    const pool = account * this.assets.length + desk.assetIndex;
    const before = this.positions[at]!;
    this.cash[pool]! -= fee / 1e8;
    this.positions[at] = before + side * qtyLots;
    if (before * side >= 0) {
      this.costs[at]! += settleValue(desk, side * qtyLots, priceTicks);
      return;
    }
    const closed = Math.min(qtyLots, Math.abs(before));
    const closedCost = (this.costs[at]! * closed) / Math.abs(before);
    this.cash[pool]! += settleValue(desk, -side * closed, priceTicks) - closedCost;
    this.costs[at] =
      closed === Math.abs(before) ? settleValue(desk, side * (qtyLots - closed), priceTicks) : this.costs[at]! - closedCost;
  }

  private transfer(account: number, assetIndex: number, amount: number, sink: TraderSink): void {
    const amountE8 = Math.round(amount * 1e8);
    if (amountE8 === 0) return;
    this.cash[account * this.assets.length + assetIndex]! += amountE8 / 1e8;
    sink({
      kind: "transfer",
      accountId: this.firstAccountId + account,
      seq: ++this.seqs[account]!,
      eventMs: this.nowMs,
      asset: this.assets[assetIndex]!,
      amountE8,
    });
  }

  /** Fills the oldest resting order of the side where the print reaches it; returns its account, −1 where none was filled. */
  private fillResting(index: number, side: Side, priceTicks: number, qtyLots: number, tradeId: number, sink: TraderSink): number {
    const desk = this.desks[index]!;
    const queue = side === 1 ? desk.buys : desk.sells;
    if (queue.count > 0 && this.nowMs - queue.headPlacedMs > RESTING_ORDER_MAX_AGE_MS) this.cancelOldest(index, side, sink);
    if (queue.count === 0 || (queue.headTicks - priceTicks) * side < 0 || queue.headLots < qtyLots) return -1;
    const account = queue.headAccount;
    if (!this.fits(account, index, side, priceTicks, qtyLots)) {
      this.cancelOldest(index, side, sink);
      return -1;
    }
    const orderId = queue.headOrderId;
    queue.takeFromHead(qtyLots);
    this.fill(index, account, side, qtyLots, priceTicks, tradeId, orderId, "maker", true, sink);
    return account;
  }

  private openPositions(index: number, sink: TraderSink): void {
    const desk = this.desks[index]!;
    const until = Math.min(this.accountCount, desk.nextOpening + OPENINGS_PER_PRINT);
    for (; desk.nextOpening < until; desk.nextOpening++) {
      const account = desk.nextOpening;
      // The larger of two uniforms: most of those that are in are well in.
      const part = Math.max(this.prng.nextUnit(), this.prng.nextUnit());
      if (this.prng.nextUnit() < FLAT_SHARE) continue;
      const means = this.deposits[account * this.assets.length + desk.assetIndex]! / this.desksPerAsset[desk.assetIndex]!;
      const lotValue = Math.abs(settleValue(desk, 1, desk.lastTicks));
      const qtyLots = Math.floor((part * means * this.leverages[account]!) / lotValue);
      const side: Side = this.leans[account] === 1 ? 1 : -1;
      if (qtyLots > 0 && this.fits(account, index, side, desk.lastTicks, qtyLots)) this.pair(index, account, side, qtyLots, sink);
    }
  }

  /** Two fills without a print, at the last one's price: an account takes, a market maker makes. */
  private pair(index: number, account: number, side: Side, qtyLots: number, sink: TraderSink): void {
    const priceTicks = this.desks[index]!.lastTicks;
    const makerSide: Side = side === 1 ? -1 : 1;
    const maker = this.drawMarketMaker();
    this.fill(index, account, side, qtyLots, priceTicks, 0, this.nextOrderId++, "taker", false, sink);
    this.fill(index, maker, makerSide, qtyLots, priceTicks, 0, this.nextOrderId++, "maker", false, sink);
  }

  private placeResting(index: number, priceTicks: number, qtyLots: number, sink: TraderSink): void {
    const desk = this.desks[index]!;
    const side: Side = (this.prng.nextU32() & ONE_IN_2) === 0 ? 1 : -1;
    const queue = side === 1 ? desk.buys : desk.sells;
    const orderTicks = priceTicks - side * (1 + this.prng.below(RESTING_ORDER_REACH_TICKS));
    if (queue.isFull || orderTicks <= 0) return;
    const orderLots = qtyLots * (1 + this.prng.below(4));
    const account = this.draw(index, side, orderTicks, orderLots, -1);
    const orderId = this.nextOrderId++;
    queue.push(orderId, account, orderTicks, orderLots, this.nowMs);
    sink({
      kind: "order-placed",
      accountId: this.firstAccountId + account,
      seq: ++this.seqs[account]!,
      eventMs: this.nowMs,
      instrument: desk.instrument,
      orderId,
      side,
      qtyLots: orderLots,
      priceTicks: orderTicks,
    });
  }

  private cancelOldest(index: number, side: Side, sink: TraderSink): void {
    const desk = this.desks[index]!;
    const queue = side === 1 ? desk.buys : desk.sells;
    if (queue.count === 0) return;
    const account = queue.headAccount;
    const event: AccountEvent = {
      kind: "order-cancelled",
      accountId: this.firstAccountId + account,
      seq: ++this.seqs[account]!,
      eventMs: this.nowMs,
      instrument: desk.instrument,
      orderId: queue.headOrderId,
      side,
      qtyLots: queue.headLots,
      priceTicks: queue.headTicks,
    };
    queue.takeFromHead(queue.headLots);
    sink(event);
  }

  /** A small deposit or withdrawal of some account; a withdrawal is at most a tenth of what its positions do not bind. */
  private moveMoney(sink: TraderSink): void {
    const account = this.prng.below(this.accountCount);
    const asset = this.prng.below(this.assets.length);
    const part = this.prng.nextUnit() / 10;
    if ((this.prng.nextU32() & ONE_IN_2) === 0) {
      this.transfer(account, asset, this.deposits[account * this.assets.length + asset]! * part, sink);
      return;
    }
    const free = this.free(account, asset);
    if (free > 0) this.transfer(account, asset, -free * part, sink);
  }

  /** What may be taken out: cash, as far as equity is more than twice what the positions need at the account's leverage. */
  private free(account: number, assetIndex: number): number {
    const bound = (2 * this.notional(account, assetIndex)) / this.leverages[account]!;
    return Math.min(this.cash[account * this.assets.length + assetIndex]!, this.equity(account, assetIndex) - bound);
  }

  // --- close-outs: one account is looked at per print, in turn

  private patrol(sink: TraderSink): void {
    const account = this.marketMakerCount + this.patrolled;
    this.patrolled = (this.patrolled + 1) % (this.accountCount - this.marketMakerCount);
    if ((this.prng.nextU32() & ONE_IN_16) === 0) this.leans[account] = -this.leans[account]!;
    for (let asset = 0; asset < this.assets.length; asset++) {
      const deposit = this.deposits[account * this.assets.length + asset]!;
      const notional = this.notional(account, asset);
      const equity = this.equity(account, asset);
      if (notional > 0 && equity < notional * CLOSE_OUT_MARGIN) {
        this.closeOut(account, asset, sink);
        this.transfer(account, asset, deposit - this.equity(account, asset), sink);
      } else if (notional === 0 && equity < deposit * TOP_UP_BELOW) {
        this.transfer(account, asset, deposit - equity, sink);
      } else if (equity > deposit * WITHDRAW_ABOVE) {
        const free = Math.min((equity - deposit) / 2, this.free(account, asset));
        if (free > 0) this.transfer(account, asset, -free, sink);
      }
    }
  }

  private closeOut(account: number, assetIndex: number, sink: TraderSink): void {
    for (let index = 0; index < this.desks.length; index++) {
      const position = this.positions[account * this.desks.length + index]!;
      const desk = this.desks[index]!;
      if (desk.assetIndex !== assetIndex || position === 0) continue;
      this.pair(index, account, position > 0 ? -1 : 1, Math.abs(position), sink);
    }
  }

  private payFunding(index: number, rateE8: number, markTicks: number): void {
    const desk = this.desks[index]!;
    for (let account = 0; account < this.accountCount; account++) {
      const position = this.positions[account * this.desks.length + index]!;
      if (position === 0) continue;
      const notional = Math.abs(settleValue(desk, position, markTicks));
      const pool = account * this.assets.length + desk.assetIndex;
      this.cash[pool]! -= (Math.sign(position) * notional * rateE8) / 1e8;
    }
  }
}

/**
 * Value of a signed quantity in the settle asset, such that PnL is the difference of two values: for an inverse contract it is
 * negative for a long, whose gain is `size × (1 ÷ entry − 1 ÷ now)`.
 */
function settleValue(desk: Desk, qtyLots: number, priceTicks: number): number {
  return desk.inverse ? (-qtyLots * desk.unit) / priceTicks : qtyLots * desk.unit * priceTicks;
}

function makeDesk(instrument: Instrument, assetIndex: number, nextOpening: number): Desk {
  const lot = instrument.lot.mantissa / 10 ** instrument.lot.decimals;
  const tick = instrument.tick.mantissa / 10 ** instrument.tick.decimals;
  const inverse = instrument.payoff === "inverse";
  return {
    instrument,
    assetIndex,
    inverse,
    unit: inverse ? (lot * instrument.contractSize) / tick : lot * instrument.contractSize * tick,
    makerFee: feeFactors(instrument, instrument.makerFeeRateE8),
    takerFee: feeFactors(instrument, instrument.takerFeeRateE8),
    buys: new OrderQueue(),
    sells: new OrderQueue(),
    lastTicks: 1,
    nextOpening,
  };
}
