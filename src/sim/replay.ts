// A recording turned into everything the engine is fed: the recorded market as it is, marks made from its books, synthetic
// traders at its prints, funding at the venue's hours. Pure: events in, events out, in order; pacing and encoding are the
// caller's.
import { OrderBook } from "../ingest/book/order-book";
import type { CaptureEvent, SimSink } from "./events";
import { FUNDING_INTERVAL_MS, INTEREST_RATE_E8, nextFundingMs } from "./funding";
import type { Instrument } from "./instruments";
import { MarkPrice, NO_MARK } from "./mark";
import { Traders } from "./traders";

export interface ReplayOptions {
  readonly accounts: number;
  readonly seed: number;
  /** Instruments of the recordings. Perpetuals are traded and marked; a spot market is the index of its base. */
  readonly instruments: readonly Instrument[];
  /** Rate of every settlement, in 1e-8; a capture has no funding stream. Default 0.01 %, the interest component. */
  readonly fundingRateE8?: number;
  readonly firstAccountId?: number;
  readonly openingPositions?: boolean;
  readonly closeOuts?: boolean;
}

interface Market {
  readonly instrument: Instrument;
  readonly book: OrderBook;
  /** Undefined for spot. */
  readonly mark: MarkPrice | undefined;
  /** Marks that use this market as their index. */
  readonly indexOf: MarkPrice[];
  lastMarkTicks: number;
}

export class ReplaySession {
  /** Undefined where no recording is of a perpetual. */
  readonly traders: Traders | undefined;
  private readonly markets = new Map<Instrument, Market>();
  private readonly fundingRateE8: number;
  private fundingMs = 0;
  private started = false;
  private paidIn = 0;

  /** @throws RangeError naming the option that is wrong */
  constructor(
    options: ReplayOptions,
    private readonly sink: SimSink,
  ) {
    this.fundingRateE8 = options.fundingRateE8 ?? INTEREST_RATE_E8;
    if (!Number.isSafeInteger(this.fundingRateE8)) throw new RangeError(`fundingRateE8 ${options.fundingRateE8} must be whole`);
    const perpetuals = options.instruments.filter((one) => one.kind === "perpetual");
    if (perpetuals.length > 0) this.traders = new Traders({ ...options, instruments: perpetuals });
    for (const instrument of options.instruments) this.addMarket(instrument, options.instruments);
    for (const { mark } of this.markets.values()) {
      if (mark?.spot !== undefined) this.markets.get(mark.spot)!.indexOf.push(mark);
    }
  }

  /** The book of an instrument, as of the last event. */
  book(instrument: Instrument): OrderBook | undefined {
    return this.markets.get(instrument)?.book;
  }

  /**
   * Pays the next accounts in ahead of the first event, so that a caller with very many can flush in between.
   *
   * @param timeMs time of the first event
   * @returns how many accounts are left
   */
  payIn(timeMs: number, accountCount: number): number {
    if (this.traders === undefined) return 0;
    const to = Math.min(this.traders.accountCount, this.paidIn + accountCount);
    this.traders.start(timeMs, this.sink, this.paidIn, to);
    this.paidIn = to;
    return this.traders.accountCount - to;
  }

  /**
   * One recorded event: passed on, and followed by what comes of it. The first one is preceded by the deposits of accounts
   * that `payIn` has not reached.
   *
   * @throws RangeError where its instrument is none of `options.instruments`
   */
  onEvent(event: CaptureEvent): void {
    const market = this.markets.get(event.instrument);
    if (market === undefined) throw new RangeError(`${event.instrument.symbol} is not one of the session's instruments`);
    const timeMs = event.transactMs > 0 ? event.transactMs : event.eventMs;
    if (!this.started) this.start(timeMs);
    if (timeMs >= this.fundingMs) this.settleFunding(timeMs);
    this.sink(event);
    switch (event.kind) {
      case "book-ticker":
        this.onTop(market, event, event.bidTicks, event.askTicks);
        return;
      case "book-snapshot":
        market.book.applySnapshot(
          event.lastId,
          event.eventMs,
          event.priceTicks,
          event.qtyLots,
          event.offset,
          event.bidCount,
          event.askCount,
        );
        this.onTop(market, event, market.book.bestBidTicks, market.book.bestAskTicks);
        return;
      case "book-delta":
        market.book.applyDelta(
          event.prevId,
          event.firstId,
          event.lastId,
          event.eventMs,
          event.priceTicks,
          event.qtyLots,
          event.offset,
          event.bidCount,
          event.askCount,
        );
        this.onTop(market, event, market.book.bestBidTicks, market.book.bestAskTicks);
        return;
      case "trade":
        if (market.mark !== undefined) {
          const { instrument, priceTicks, qtyLots, takerSide, tradeId } = event;
          this.traders!.onTrade(instrument, timeMs, priceTicks, qtyLots, takerSide, tradeId, this.sink);
        }
    }
  }

  private addMarket(instrument: Instrument, all: readonly Instrument[]): void {
    const spot = all.find((one) => one.kind === "spot" && one.base === instrument.base);
    const mark = instrument.kind === "perpetual" ? new MarkPrice(instrument, spot) : undefined;
    this.markets.set(instrument, { instrument, book: new OrderBook(instrument.symbol), mark, indexOf: [], lastMarkTicks: 0 });
  }

  private start(timeMs: number): void {
    this.started = true;
    this.fundingMs = nextFundingMs(timeMs);
    this.payIn(timeMs, Number.POSITIVE_INFINITY);
  }

  private onTop(market: Market, event: CaptureEvent, bidTicks: number, askTicks: number): void {
    if (!(bidTicks > 0 && askTicks > bidTicks)) return;
    for (const mark of market.indexOf) mark.onIndex(event.eventMs, bidTicks, askTicks);
    const { mark, instrument } = market;
    if (mark === undefined) return;
    const markTicks = mark.onBook(event.eventMs, bidTicks, askTicks);
    if (markTicks === NO_MARK) return;
    market.lastMarkTicks = markTicks;
    const { eventMs, transactMs, recvUs, timeSource } = event;
    const indexTicks = mark.indexTicks(eventMs);
    this.sink({ kind: "mark", instrument, eventMs, transactMs, recvUs, timeSource, markTicks, indexTicks });
  }

  /** Settles every perpetual at each boundary that has passed, at its latest mark; one without a mark has no trades either. */
  private settleFunding(timeMs: number): void {
    while (timeMs >= this.fundingMs) {
      for (const { instrument, mark, lastMarkTicks } of this.markets.values()) {
        if (mark === undefined || lastMarkTicks === 0) continue;
        this.sink(this.traders!.fundingSettlement(instrument, this.fundingMs, this.fundingRateE8, lastMarkTicks));
      }
      this.fundingMs += FUNDING_INTERVAL_MS;
    }
  }
}
