// From a message of `market` to the market table: verify, check every record, then write them all. Main thread.
import {
  BookLevelAt,
  FundingRateAt,
  ImpliedVolAt,
  IndexPriceAt,
  MarkAt,
  QuoteAt,
  TradeAt,
} from "../../schemas/generated/offsets";
import { MarketVector } from "../shared/wire/batch-layout";
import type { Refused } from "./account-lane";
import type { Books } from "./books";
import type { MarketTable } from "./market-table";
import {
  AlignedMessage,
  checkMarketBatch,
  type InstrumentLookup,
  lastReason,
  VERIFY_CODES,
  VerifiedBatch,
  verifyMarket,
} from "./verify";

const verified = new VerifiedBatch();
const message = new AlignedMessage();

export class MarketLane {
  /** Records that changed the table. */
  events = 0;

  constructor(
    private readonly table: MarketTable,
    private readonly books: Books,
    private readonly known: InstrumentLookup,
  ) {}

  /** Null where the message was taken. */
  take(payload: Uint8Array): Refused | null {
    let code = verifyMarket(payload, verified);
    if (code !== 0) return { code: VERIFY_CODES[code].name, reason: VERIFY_CODES[code].meaning };
    message.load(payload);
    code = checkMarketBatch(message, verified, this.known);
    if (code !== 0) return { code: VERIFY_CODES[code].name, reason: lastReason() };
    this.each(MarketVector.marks, MarkAt.bytes, (at) => this.table.mark(message, at));
    this.each(MarketVector.indexPrices, IndexPriceAt.bytes, (at) => this.table.indexPrice(message, at));
    this.each(MarketVector.fundingRates, FundingRateAt.bytes, (at) => this.table.fundingRate(message, at));
    this.each(MarketVector.quotes, QuoteAt.bytes, (at) => this.table.quote(message, at));
    this.each(MarketVector.impliedVols, ImpliedVolAt.bytes, (at) => this.table.impliedVol(message, at));
    this.each(MarketVector.trades, TradeAt.bytes, (at) => this.table.trade(message, at));
    this.each(MarketVector.bookLevels, BookLevelAt.bytes, (at) => this.books.level(message, at));
    return null;
  }

  private each(vector: MarketVector, bytes: number, write: (at: number) => boolean): void {
    const first = verified.offsets[vector];
    for (let i = 0; i < verified.counts[vector]; i++) if (write(first + i * bytes)) this.events++;
  }
}
