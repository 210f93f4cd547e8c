// Writes messages of topic `market`. One method per kind of record.
import {
  BookLevelAt,
  FundingRateAt,
  ImpliedVolAt,
  IndexPriceAt,
  MarkAt,
  QuoteAt,
  TradeAt,
} from "../../../schemas/generated/offsets";
import { ASSET_SLOTS, INSTRUMENT_SLOTS } from "../limits";
import { MARKET_BATCH, MarketVector } from "./batch-layout";
import { BatchWriter } from "./batch-writer";
import { checkExact, checkInteger, checkPositive, checkRange, checkTimeMs } from "./checks";
import { putInt64, putTimeNs } from "./int64";
import { BOOK_FLAGS, FUNDING_RATE_MAX } from "./ranges";
import type { StructColumn } from "./struct-column";

/** What every record has but a book level, which has the venue's ids in place of seq. */
export interface MarketRecordBase {
  /** Per instrument (or asset) and kind, from 1, rising; gaps are allowed. */
  seq: number;
  /** Event time, ms since the epoch, exact to the microsecond. */
  timeMs: number;
}

export interface Mark extends MarketRecordBase {
  instrument: number;
  /** > 0. */
  priceTicks: number;
}

export interface IndexPrice extends MarketRecordBase {
  asset: number;
  /** US dollars for one unit of the asset, > 0. */
  price: number;
}

export interface FundingRate extends MarketRecordBase {
  instrument: number;
  /** Fraction of notional for the interval at hand, −1 … 1. */
  rate: number;
  /** When it will be paid, ms since the epoch. Default: the venue does not say. */
  nextSettlementMs?: number;
}

/** A side without orders has price 0 and lots 0. */
export interface Quote extends MarketRecordBase {
  instrument: number;
  bidTicks: number;
  bidLots: number;
  /** ≥ bidTicks where both are there. */
  askTicks: number;
  askLots: number;
}

export interface ImpliedVol extends MarketRecordBase {
  instrument: number;
  /** Per year, fraction, > 0. */
  vol: number;
  /** Forward in the quote asset, > 0. */
  underlying: number;
}

export interface Trade extends MarketRecordBase {
  instrument: number;
  /** 1 buy, 2 sell, 0 where the venue does not say. */
  aggressor: 0 | 1 | 2;
  priceTicks: number;
  qtyLots: number;
  /** Default 0: none known. */
  tradeId?: number;
}

/** One level of one book message; side, price and lots 0: the message has no levels. */
export interface BookLevel {
  instrument: number;
  side: 0 | 1 | 2;
  /** BookFlag: snapshot, first of its message, last of its message. */
  flags: number;
  firstId: number;
  /** ≥ firstId. */
  lastId: number;
  /** lastId of the message before; 0 where the venue gives none. */
  prevId: number;
  timeMs: number;
  /** > 0. */
  priceTicks: number;
  /** 0: the level is gone. */
  qtyLots: number;
}

/**
 * Collects market records and lays them out as one message (docs/wire.md). Order is kept within a kind, not between kinds.
 *
 * Every method throws a RangeError that names the field, and leaves the batch as it was, where a value is not a number or out of
 * range, and where the batch is full.
 */
export class MarketBatchWriter extends BatchWriter {
  private readonly marks = this.columns[MarketVector.marks];
  private readonly indexPrices = this.columns[MarketVector.indexPrices];
  private readonly fundingRates = this.columns[MarketVector.fundingRates];
  private readonly quotes = this.columns[MarketVector.quotes];
  private readonly impliedVols = this.columns[MarketVector.impliedVols];
  private readonly trades = this.columns[MarketVector.trades];
  private readonly bookLevels = this.columns[MarketVector.bookLevels];

  /**
   * @param producerId    0 … 2^53 − 1, unique among the producers of the topic
   * @param firstSequence the producer's count of records so far
   */
  constructor(producerId: number, firstSequence = 0) {
    super(MARKET_BATCH, producerId, firstSequence);
  }

  mark(r: Mark): void {
    checkExact("priceTicks", r.priceTicks, 1);
    const word = this.begin(this.marks, r.instrument, r.seq, r.timeMs);
    putInt64(this.marks.i32, word + MarkAt.priceTicks / 4, r.priceTicks);
  }

  indexPrice(r: IndexPrice): void {
    checkInteger("asset", r.asset, 1, ASSET_SLOTS - 1);
    checkPositive("price", r.price);
    const word = this.begin(this.indexPrices, r.asset, r.seq, r.timeMs);
    this.indexPrices.f64[(word + IndexPriceAt.price / 4) >> 1] = r.price;
  }

  fundingRate(r: FundingRate): void {
    checkRange("rate", r.rate, -FUNDING_RATE_MAX, FUNDING_RATE_MAX);
    if (r.nextSettlementMs !== undefined) checkTimeMs("nextSettlementMs", r.nextSettlementMs);
    const word = this.begin(this.fundingRates, r.instrument, r.seq, r.timeMs);
    this.fundingRates.f64[(word + FundingRateAt.rate / 4) >> 1] = r.rate;
    if (r.nextSettlementMs !== undefined)
      putTimeNs(this.fundingRates.i32, word + FundingRateAt.nextSettlementNs / 4, r.nextSettlementMs);
  }

  quote(r: Quote): void {
    checkQuoteSide("bid", r.bidTicks, r.bidLots);
    checkQuoteSide("ask", r.askTicks, r.askLots);
    if (r.bidTicks !== 0 && r.askTicks !== 0) checkExact("askTicks", r.askTicks, r.bidTicks);
    const word = this.begin(this.quotes, r.instrument, r.seq, r.timeMs);
    const i32 = this.quotes.i32;
    putInt64(i32, word + QuoteAt.bidTicks / 4, r.bidTicks);
    putInt64(i32, word + QuoteAt.bidLots / 4, r.bidLots);
    putInt64(i32, word + QuoteAt.askTicks / 4, r.askTicks);
    putInt64(i32, word + QuoteAt.askLots / 4, r.askLots);
  }

  impliedVol(r: ImpliedVol): void {
    checkPositive("vol", r.vol);
    checkPositive("underlying", r.underlying);
    const word = this.begin(this.impliedVols, r.instrument, r.seq, r.timeMs);
    const f64 = this.impliedVols.f64;
    f64[(word + ImpliedVolAt.vol / 4) >> 1] = r.vol;
    f64[(word + ImpliedVolAt.underlying / 4) >> 1] = r.underlying;
  }

  trade(r: Trade): void {
    const { tradeId = 0 } = r;
    checkInteger("aggressor", r.aggressor, 0, 2);
    checkExact("priceTicks", r.priceTicks, 1);
    checkExact("qtyLots", r.qtyLots, 1);
    checkExact("tradeId", tradeId, 0);
    const word = this.begin(this.trades, r.instrument, r.seq, r.timeMs);
    const i32 = this.trades.i32;
    i32[word + TradeAt.aggressor / 4] = r.aggressor;
    putInt64(i32, word + TradeAt.priceTicks / 4, r.priceTicks);
    putInt64(i32, word + TradeAt.qtyLots / 4, r.qtyLots);
    putInt64(i32, word + TradeAt.tradeId / 4, tradeId);
  }

  bookLevel(r: BookLevel): void {
    checkInteger("instrument", r.instrument, 1, INSTRUMENT_SLOTS - 1);
    checkInteger("flags", r.flags, 0, BOOK_FLAGS);
    checkInteger("side", r.side, 0, 2);
    if (r.side === 0) {
      checkInteger("priceTicks", r.priceTicks, 0, 0);
      checkInteger("qtyLots", r.qtyLots, 0, 0);
    } else {
      checkExact("priceTicks", r.priceTicks, 1);
      checkExact("qtyLots", r.qtyLots, 0);
    }
    checkExact("firstId", r.firstId, 0);
    checkExact("lastId", r.lastId, r.firstId);
    checkExact("prevId", r.prevId, 0);
    checkTimeMs("timeMs", r.timeMs);
    const column = this.bookLevels;
    const word = this.add(column);
    const i32 = column.i32;
    i32[word + BookLevelAt.instrument / 4] = r.instrument;
    i32[word + BookLevelAt.side / 4] = r.side | (r.flags << 8);
    putInt64(i32, word + BookLevelAt.firstId / 4, r.firstId);
    putInt64(i32, word + BookLevelAt.lastId / 4, r.lastId);
    putInt64(i32, word + BookLevelAt.prevId / 4, r.prevId);
    putTimeNs(i32, word + BookLevelAt.timeNs / 4, r.timeMs);
    putInt64(i32, word + BookLevelAt.priceTicks / 4, r.priceTicks);
    putInt64(i32, word + BookLevelAt.qtyLots / 4, r.qtyLots);
  }

  // instrument (or asset), seq and time_ns lie at 0, 8 and 16 in all of them but BookLevel; a test holds it.
  private begin(column: StructColumn, instrument: number, seq: number, timeMs: number): number {
    checkInteger("instrument", instrument, 1, INSTRUMENT_SLOTS - 1);
    checkExact("seq", seq, 1);
    checkTimeMs("timeMs", timeMs);
    const word = this.add(column);
    column.i32[word + MarkAt.instrument / 4] = instrument;
    putInt64(column.i32, word + MarkAt.seq / 4, seq);
    putTimeNs(column.i32, word + MarkAt.timeNs / 4, timeMs);
    return word;
  }
}

function checkQuoteSide(side: "bid" | "ask", ticks: number, lots: number): void {
  checkExact(`${side}Ticks`, ticks, 0);
  if (ticks === 0) checkInteger(`${side}Lots`, lots, 0, 0);
  else checkExact(`${side}Lots`, lots, 1);
}
