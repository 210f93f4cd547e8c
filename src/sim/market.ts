// The synthetic market of the embedded demonstration: BTC and ETH, each with an index, a linear and an inverse perpetual, and a
// thousand accounts that trade them. Pull-style: the caller says what time it is and gets what happened since. Deterministic by
// seed and by the times it was started and stepped to, and the same however the steps are cut (up to a minute at a time).
//
// The model, one step of 100 ms at a time:
//   index      random walk of simple returns, BTC and ETH correlated, with rare jumps that both share
//   basis      each perpetual's distance from its index reverts to zero
//   spread     one tick in quiet times, wider after a jump
//   prints     Poisson-like, their side leaning with the last move, their size doubling with probability one half
//   marks      `MarkPrice`, the same rule as for recordings
//   funding    the venue's formula on the average premium of the interval

import type { Side, SimEvent } from "./events";
import { FUNDING_INTERVAL_MS, fundingRateE8, nextFundingMs } from "./funding";
import { type Instrument, instrumentFor } from "./instruments";
import { MarkPrice, NO_MARK } from "./mark";
import { Prng } from "./prng";
import { Traders } from "./traders";

export const STEP_MS = 100;
/** A caller that was asleep for longer gets the last minute only: work per call stays bounded. */
export const MAX_CATCH_UP_MS = 60_000;

/** Standard deviation of one step's return at 60 % a year for BTC; ETH moves a quarter more. */
const STEP_VOLATILITY = 3.4e-5;
const ETH_VOLATILITY_FACTOR = 1.25;
const CORRELATION = 0.8;
/** √(1 − 0.8²), so that ETH's variance does not depend on the correlation. */
const INDEPENDENT_PART = 0.6;
/** One jump in about ten minutes, of up to ±1 %. */
const JUMP_CHANCE = 1 / 6_000;
const JUMP_SIZE = 0.01;
/** Busy and wide after a jump, fading by this factor a step (half gone in about 3.5 s). */
const STRESS_FADE = 0.98;
const BASIS_REVERSION = 1 / 300;
const BASIS_STEP = 4e-6;
const FUNDING_EVENT_STEPS = 10;
const MAX_PRINTS_PER_STEP = 10_000;

export interface MarketOptions {
  readonly seed: number;
  /** Default 1,000. */
  readonly accounts?: number;
  /** Prints a second over all instruments, in quiet times. Default 40. */
  readonly tradesPerSecond?: number;
  /** Multiplies the volatility; 0 is a market that stands still but for its basis. Default 1. */
  readonly volatilityScale?: number;
  readonly firstAccountId?: number;
  /** Index prices to start from, USD. */
  readonly startPricesUsd?: { readonly BTC: number; readonly ETH: number };
}

interface Underlying {
  indexUsd: number;
  lastReturn: number;
  /** 1 right after a jump, fading to 0. */
  stress: number;
}

interface Book {
  readonly instrument: Instrument;
  readonly underlying: Underlying;
  readonly mark: MarkPrice;
  /** Share of all prints. */
  readonly share: number;
  /** Lots of a small order at the best price, and of a small print. */
  readonly smallLots: number;
  basis: number;
  /** Of this funding interval. */
  premiumSum: number;
  premiumCount: number;
  bidTicks: number;
  askTicks: number;
  markTicks: number;
  updateId: number;
  tradeId: number;
  /** Prints owed, a fraction of one. */
  owed: number;
}

export class SyntheticMarket {
  readonly instruments: readonly Instrument[];
  readonly traders: Traders;
  private readonly prng: Prng;
  private readonly btc: Underlying;
  private readonly eth: Underlying;
  private readonly books: readonly Book[];
  private readonly tradesPerStep: number;
  private readonly volatilityScale: number;
  private events: SimEvent[] = [];
  private readonly emit = (event: SimEvent) => void this.events.push(event);
  /** Time of the last step; 0 before the first. */
  private clockMs = 0;
  private stepCount = 0;
  private fundingMs = 0;

  /** @throws RangeError naming the option that is wrong */
  constructor(options: MarketOptions) {
    const { tradesPerSecond = 40, volatilityScale = 1, startPricesUsd = { BTC: 60_000, ETH: 2_600 } } = options;
    inRange("tradesPerSecond", tradesPerSecond, 0, (MAX_PRINTS_PER_STEP * 1000) / STEP_MS / 8);
    inRange("volatilityScale", volatilityScale, 0, 100);
    inRange("startPricesUsd.BTC", startPricesUsd.BTC, 1, 1e8);
    inRange("startPricesUsd.ETH", startPricesUsd.ETH, 1, 1e8);
    this.prng = Prng.seeded(options.seed, 1);
    this.tradesPerStep = (tradesPerSecond * STEP_MS) / 1000;
    this.volatilityScale = volatilityScale;
    this.btc = { indexUsd: startPricesUsd.BTC, lastReturn: 0, stress: 0 };
    this.eth = { indexUsd: startPricesUsd.ETH, lastReturn: 0, stress: 0 };
    this.books = [
      makeBook("BTCUSDT", this.btc, 0.45, 4),
      makeBook("ETHUSDT", this.eth, 0.35, 80),
      makeBook("BTCUSD_PERP", this.btc, 0.12, 4),
      makeBook("ETHUSD_PERP", this.eth, 0.08, 20),
    ];
    this.instruments = this.books.map((book) => book.instrument);
    this.traders = new Traders({
      accounts: options.accounts ?? 1_000,
      seed: options.seed,
      instruments: this.instruments,
      firstAccountId: options.firstAccountId,
      closeOuts: true,
    });
  }

  /**
   * What happened up to `nowMs`, in order. The first call starts the market at that time: deposits, first quotes, marks and
   * rates. Steps fall on whole multiples of 100 ms; a time that has gone back, or not reached the next step, gives nothing.
   *
   * @param nowMs ms since the epoch, above 0
   */
  step(nowMs: number): SimEvent[] {
    if (!(nowMs > 0 && nowMs <= Number.MAX_SAFE_INTEGER)) throw new RangeError(`nowMs ${nowMs} must be a time in ms above 0`);
    const untilMs = nowMs - (nowMs % STEP_MS);
    this.events = [];
    if (this.clockMs === 0) {
      this.clockMs = untilMs;
      this.fundingMs = nextFundingMs(untilMs);
      this.traders.start(untilMs, this.emit);
      for (const book of this.books) this.quote(book);
      this.announceFunding();
    } else {
      if (untilMs - this.clockMs > MAX_CATCH_UP_MS) this.clockMs = untilMs - MAX_CATCH_UP_MS;
      while (this.clockMs < untilMs) this.stepOnce();
    }
    const events = this.events;
    this.events = [];
    return events;
  }

  private stepOnce(): void {
    this.clockMs += STEP_MS;
    this.stepCount++;
    this.moveIndices();
    if (this.clockMs >= this.fundingMs) this.settleFunding();
    for (const book of this.books) {
      this.quote(book);
      this.trade(book);
    }
    if (this.stepCount % FUNDING_EVENT_STEPS === 0) this.announceFunding();
  }

  private moveIndices(): void {
    const { prng } = this;
    const scale = STEP_VOLATILITY * this.volatilityScale;
    const common = prng.nextNormal();
    const own = prng.nextNormal();
    const jumps = prng.nextUnit() < JUMP_CHANCE;
    const jump = jumps ? (2 * prng.nextUnit() - 1) * JUMP_SIZE * this.volatilityScale : 0;
    move(this.btc, common * scale + jump, jumps);
    move(this.eth, (CORRELATION * common + INDEPENDENT_PART * own) * scale * ETH_VOLATILITY_FACTOR + jump, jumps);
  }

  /** New best bid and ask, and the mark. */
  private quote(book: Book): void {
    const { prng } = this;
    const { instrument, underlying } = book;
    const { mantissa, decimals } = instrument.tick;
    const ticksPerUsd = 10 ** decimals / mantissa;
    book.basis += prng.nextNormal() * BASIS_STEP - book.basis * BASIS_REVERSION;
    const spread = 1 + prng.below(1 + Math.floor(underlying.stress * 40));
    const midTicks = underlying.indexUsd * (1 + book.basis) * ticksPerUsd;
    book.bidTicks = Math.max(1, Math.floor(midTicks - spread / 2));
    book.askTicks = book.bidTicks + spread;
    book.updateId++;
    book.premiumSum += book.basis;
    book.premiumCount++;
    this.emit({
      kind: "book-ticker",
      ...this.stamp(instrument),
      updateId: book.updateId,
      bidTicks: book.bidTicks,
      bidLots: this.drawLots(book, 4),
      askTicks: book.askTicks,
      askLots: this.drawLots(book, 4),
    });
    // The index is a price, not a market: it goes in as a bid and an ask one tick apart around it.
    const indexTicks = Math.round(underlying.indexUsd * ticksPerUsd);
    book.mark.onIndex(this.clockMs, indexTicks, indexTicks);
    const markTicks = book.mark.onBook(this.clockMs, book.bidTicks, book.askTicks);
    if (markTicks === NO_MARK) return;
    book.markTicks = markTicks;
    this.emit({ kind: "mark", ...this.stamp(instrument), markTicks, indexTicks });
  }

  private trade(book: Book): void {
    const { prng } = this;
    const { instrument, underlying } = book;
    book.owed += this.tradesPerStep * book.share * (1 + 7 * underlying.stress) * 2 * prng.nextUnit();
    const prints = Math.min(MAX_PRINTS_PER_STEP, Math.floor(book.owed));
    book.owed -= prints;
    const lean = underlying.lastReturn > 0 ? 0.6 : 0.4;
    for (let i = 0; i < prints; i++) {
      const takerSide: Side = prng.nextUnit() < lean ? 1 : -1;
      const priceTicks = takerSide === 1 ? book.askTicks : book.bidTicks;
      const qtyLots = this.drawLots(book, 1);
      const tradeId = ++book.tradeId;
      this.emit({ kind: "trade", ...this.stamp(instrument), tradeId, priceTicks, qtyLots, takerSide });
      this.traders.onTrade(instrument, this.clockMs, priceTicks, qtyLots, takerSide, tradeId, this.emit);
    }
  }

  /** A size that doubles with probability one half, up to 2^12 times a small one. */
  private drawLots(book: Book, factor: number): number {
    const doublings = Math.min(12, Math.clz32(this.prng.nextU32()));
    return (1 + this.prng.below(book.smallLots * factor)) * 2 ** doublings;
  }

  private announceFunding(): void {
    for (const book of this.books) {
      const rateE8 = rateOf(book);
      book.mark.onFunding(rateE8 / 1e8, this.fundingMs, FUNDING_INTERVAL_MS);
      this.emit({ kind: "funding-rate", ...this.stamp(book.instrument), rateE8, nextFundingMs: this.fundingMs });
    }
  }

  private settleFunding(): void {
    for (const book of this.books) {
      this.emit(this.traders.fundingSettlement(book.instrument, this.fundingMs, rateOf(book), book.markTicks));
      book.premiumSum = 0;
      book.premiumCount = 0;
    }
    // A leap over several boundaries settles once.
    this.fundingMs = nextFundingMs(this.clockMs);
  }

  private stamp(instrument: Instrument) {
    return { instrument, eventMs: this.clockMs, transactMs: this.clockMs, recvUs: 0, timeSource: "event" } as const;
  }
}

function move(underlying: Underlying, simpleReturn: number, jumped: boolean): void {
  // A single return cannot reach −100 % short of absurd settings; the floor keeps a price a price even then.
  underlying.indexUsd = Math.max(1, underlying.indexUsd * (1 + simpleReturn));
  underlying.lastReturn = simpleReturn;
  underlying.stress = jumped ? 1 : underlying.stress * STRESS_FADE;
}

function rateOf(book: Book): number {
  return fundingRateE8(book.premiumCount === 0 ? 0 : book.premiumSum / book.premiumCount);
}

function makeBook(venueSymbol: string, underlying: Underlying, share: number, smallLots: number): Book {
  const instrument = instrumentFor(venueSymbol)!;
  return {
    instrument,
    underlying,
    mark: new MarkPrice(instrument, instrument),
    share,
    smallLots,
    basis: 0,
    premiumSum: 0,
    premiumCount: 0,
    bidTicks: 0,
    askTicks: 0,
    markTicks: 0,
    updateId: 0,
    tradeId: 0,
    owed: 0,
  };
}

function inRange(name: string, value: number, low: number, high: number): void {
  if (!(value >= low && value <= high)) throw new RangeError(`${name} ${value} must be from ${low} to ${high}`);
}
