// Value checks of market records, on an aligned copy of the message. Ingest thread, every record.
//
// Each check takes the message, the byte offset and count of one vector as the verifier found them, and returns −1 where every
// record may be used, else the index of the first that may not: lastCode() and lastReason() say why.
import { InstrumentKind } from "../../../schemas/generated/instrument-kind";
import {
  BookLevelAt,
  FundingRateAt,
  ImpliedVolAt,
  IndexPriceAt,
  MarkAt,
  QuoteAt,
  TradeAt,
} from "../../../schemas/generated/offsets";
import { ASSET_SLOTS, INSTRUMENT_SLOTS } from "../../shared/limits";
import { MarketVector } from "../../shared/wire/batch-layout";
import { BOOK_FLAGS, BookFlag, FUNDING_RATE_MAX } from "../../shared/wire/ranges";
import type { AlignedMessage } from "./aligned-message";
import { VerifyCode } from "./codes";
import { faultAt, lastCode, refuse, refuse64 } from "./fault";
import {
  isNonNegative,
  isOrdered,
  isPositive,
  isPositiveFinite,
  isSame,
  isTime,
  isZero,
  KNOWN_ASSET_RULE,
  KNOWN_INSTRUMENT_RULE,
  NON_NEGATIVE_RULE,
  POSITIVE_RULE,
  TIME_RULE,
} from "./fields";
import type { InstrumentLookup } from "./lookup";
import type { VerifiedBatch } from "./verified-batch";

/**
 * All vectors of a verified message.
 *
 * @param message the aligned copy
 * @returns Ok, or lastCode() of the first record that may not be used
 */
export function checkMarketBatch(message: AlignedMessage, batch: VerifiedBatch, known: InstrumentLookup): VerifyCode {
  const { offsets, counts } = batch;
  const isFine =
    checkMarks(message, offsets[MarketVector.marks], counts[MarketVector.marks], known) < 0 &&
    checkIndexPrices(message, offsets[MarketVector.indexPrices], counts[MarketVector.indexPrices], known) < 0 &&
    checkFundingRates(message, offsets[MarketVector.fundingRates], counts[MarketVector.fundingRates], known) < 0 &&
    checkQuotes(message, offsets[MarketVector.quotes], counts[MarketVector.quotes], known) < 0 &&
    checkImpliedVols(message, offsets[MarketVector.impliedVols], counts[MarketVector.impliedVols], known) < 0 &&
    checkTrades(message, offsets[MarketVector.trades], counts[MarketVector.trades], known) < 0 &&
    checkBookLevels(message, offsets[MarketVector.bookLevels], counts[MarketVector.bookLevels], known) < 0;
  return isFine ? VerifyCode.Ok : lastCode();
}

export function checkMarks(message: AlignedMessage, byteOffset: number, count: number, known: InstrumentLookup): number {
  const { i32 } = message;
  let at = byteOffset >> 2;
  for (let i = 0; i < count; i++, at += MarkAt.bytes / 4)
    if (checkMark(i32, at, known) !== VerifyCode.Ok) return faultAt("marks", i);
  return -1;
}

function checkMark(i32: Int32Array, at: number, known: InstrumentLookup): VerifyCode {
  const code = checkInstrumentSeqTime(i32, at, known);
  if (code !== VerifyCode.Ok) return code;
  return checkPositive(i32, at + MarkAt.priceTicks / 4, "priceTicks");
}

export function checkIndexPrices(message: AlignedMessage, byteOffset: number, count: number, known: InstrumentLookup): number {
  const { i32, f64 } = message;
  let at = byteOffset >> 2;
  for (let i = 0; i < count; i++, at += IndexPriceAt.bytes / 4)
    if (checkIndexPrice(i32, f64, at, known) !== VerifyCode.Ok) return faultAt("indexPrices", i);
  return -1;
}

function checkIndexPrice(i32: Int32Array, f64: Float64Array, at: number, known: InstrumentLookup): VerifyCode {
  const asset = i32[at + IndexPriceAt.asset / 4] >>> 0;
  if (asset >= ASSET_SLOTS || known.assets[asset] === 0) return refuse(VerifyCode.UnknownAsset, "asset", asset, KNOWN_ASSET_RULE);
  const code = checkSeqTime(i32, at);
  if (code !== VerifyCode.Ok) return code;
  return checkPositiveFinite(f64[(at + IndexPriceAt.price / 4) >> 1], "price");
}

export function checkFundingRates(message: AlignedMessage, byteOffset: number, count: number, known: InstrumentLookup): number {
  const { i32, f64 } = message;
  let at = byteOffset >> 2;
  for (let i = 0; i < count; i++, at += FundingRateAt.bytes / 4)
    if (checkFundingRate(i32, f64, at, known) !== VerifyCode.Ok) return faultAt("fundingRates", i);
  return -1;
}

function checkFundingRate(i32: Int32Array, f64: Float64Array, at: number, known: InstrumentLookup): VerifyCode {
  const code = checkInstrumentSeqTime(i32, at, known);
  if (code !== VerifyCode.Ok) return code;
  const instrument = i32[at];
  if (known.instrumentKinds[instrument] !== InstrumentKind.Perpetual)
    return refuse(VerifyCode.WrongInstrumentKind, "instrument", instrument, "a perpetual: only these have funding");
  const rate = f64[(at + FundingRateAt.rate / 4) >> 1];
  if (!(rate >= -FUNDING_RATE_MAX && rate <= FUNDING_RATE_MAX))
    return refuse(VerifyCode.OutOfRange, "rate", rate, "a fraction, -1 to 1");
  const next = at + FundingRateAt.nextSettlementNs / 4;
  if (!isZero(i32, next) && !isTime(i32, next))
    return refuse64(VerifyCode.BadTime, "nextSettlementNs", i32, next, `0 (not known) or ${TIME_RULE}`);
  return VerifyCode.Ok;
}

export function checkQuotes(message: AlignedMessage, byteOffset: number, count: number, known: InstrumentLookup): number {
  const { i32 } = message;
  let at = byteOffset >> 2;
  for (let i = 0; i < count; i++, at += QuoteAt.bytes / 4)
    if (checkQuote(i32, at, known) !== VerifyCode.Ok) return faultAt("quotes", i);
  return -1;
}

function checkQuote(i32: Int32Array, at: number, known: InstrumentLookup): VerifyCode {
  const common = checkInstrumentSeqTime(i32, at, known);
  if (common !== VerifyCode.Ok) return common;
  const bid = at + QuoteAt.bidTicks / 4;
  const ask = at + QuoteAt.askTicks / 4;
  const bidCode = checkQuoteSide(i32, bid, at + QuoteAt.bidLots / 4, "bidTicks", "bidLots");
  if (bidCode !== VerifyCode.Ok) return bidCode;
  const askCode = checkQuoteSide(i32, ask, at + QuoteAt.askLots / 4, "askTicks", "askLots");
  if (askCode !== VerifyCode.Ok) return askCode;
  // Venues publish locked books (bid = ask) for moments, so these pass; a bid above the ask is an error of the feed.
  if (!isZero(i32, ask) && !isOrdered(i32, bid, ask))
    return refuse64(VerifyCode.CrossedQuote, "bidTicks", i32, bid, "at most askTicks");
  return VerifyCode.Ok;
}

function checkQuoteSide(i32: Int32Array, ticks: number, lots: number, ticksName: string, lotsName: string): VerifyCode {
  if (isZero(i32, ticks)) {
    if (isZero(i32, lots)) return VerifyCode.Ok;
    return refuse64(VerifyCode.NotZero, lotsName, i32, lots, `0: ${ticksName} is 0, the side is empty`);
  }
  const code = checkPositive(i32, ticks, ticksName);
  return code !== VerifyCode.Ok ? code : checkPositive(i32, lots, lotsName);
}

export function checkImpliedVols(message: AlignedMessage, byteOffset: number, count: number, known: InstrumentLookup): number {
  const { i32, f64 } = message;
  let at = byteOffset >> 2;
  for (let i = 0; i < count; i++, at += ImpliedVolAt.bytes / 4)
    if (checkImpliedVol(i32, f64, at, known) !== VerifyCode.Ok) return faultAt("impliedVols", i);
  return -1;
}

function checkImpliedVol(i32: Int32Array, f64: Float64Array, at: number, known: InstrumentLookup): VerifyCode {
  const common = checkInstrumentSeqTime(i32, at, known);
  if (common !== VerifyCode.Ok) return common;
  const instrument = i32[at];
  if (known.instrumentKinds[instrument] !== InstrumentKind.Option)
    return refuse(VerifyCode.WrongInstrumentKind, "instrument", instrument, "an option: only these have a vol");
  const code = checkPositiveFinite(f64[(at + ImpliedVolAt.vol / 4) >> 1], "vol");
  if (code !== VerifyCode.Ok) return code;
  return checkPositiveFinite(f64[(at + ImpliedVolAt.underlying / 4) >> 1], "underlying");
}

export function checkTrades(message: AlignedMessage, byteOffset: number, count: number, known: InstrumentLookup): number {
  const { i32 } = message;
  let at = byteOffset >> 2;
  for (let i = 0; i < count; i++, at += TradeAt.bytes / 4)
    if (checkTrade(i32, at, known) !== VerifyCode.Ok) return faultAt("trades", i);
  return -1;
}

function checkTrade(i32: Int32Array, at: number, known: InstrumentLookup): VerifyCode {
  const common = checkInstrumentSeqTime(i32, at, known);
  if (common !== VerifyCode.Ok) return common;
  // The byte after the instrument; the three after it are padding.
  const aggressor = i32[at + TradeAt.aggressor / 4] & 255;
  if (aggressor > 2) return refuse(VerifyCode.OutOfRange, "aggressor", aggressor, "0 (not known), 1 (buy) or 2 (sell)");
  const price = checkPositive(i32, at + TradeAt.priceTicks / 4, "priceTicks");
  if (price !== VerifyCode.Ok) return price;
  const qty = checkPositive(i32, at + TradeAt.qtyLots / 4, "qtyLots");
  return qty !== VerifyCode.Ok ? qty : checkNonNegative(i32, at + TradeAt.tradeId / 4, "tradeId");
}

const FIRST_ID = BookLevelAt.firstId / 4;
const LAST_ID = BookLevelAt.lastId / 4;
const PREV_ID = BookLevelAt.prevId / 4;
const BOOK_TIME = BookLevelAt.timeNs / 4;
const BOOK_WORDS = BookLevelAt.bytes / 4;

/**
 * The levels of one book message follow one another and share instrument, ids, time and the snapshot flag. A message may begin in
 * one batch and end in the next, so the first record of a batch need not be the first of its message.
 */
export function checkBookLevels(message: AlignedMessage, byteOffset: number, count: number, known: InstrumentLookup): number {
  const { i32 } = message;
  let at = byteOffset >> 2;
  for (let i = 0; i < count; i++, at += BOOK_WORDS) {
    if (checkBookLevel(i32, at, known) !== VerifyCode.Ok) return faultAt("bookLevels", i);
    if (i > 0 && checkBookSequence(i32, at) !== VerifyCode.Ok) return faultAt("bookLevels", i);
  }
  return -1;
}

function checkBookLevel(i32: Int32Array, at: number, known: InstrumentLookup): VerifyCode {
  const instrument = checkInstrument(i32, at, known);
  if (instrument !== VerifyCode.Ok) return instrument;
  if (!isTime(i32, at + BOOK_TIME)) return refuse64(VerifyCode.BadTime, "timeNs", i32, at + BOOK_TIME, TIME_RULE);
  const first = checkNonNegative(i32, at + FIRST_ID, "firstId");
  if (first !== VerifyCode.Ok) return first;
  const last = checkNonNegative(i32, at + LAST_ID, "lastId");
  if (last !== VerifyCode.Ok) return last;
  const prev = checkNonNegative(i32, at + PREV_ID, "prevId");
  if (prev !== VerifyCode.Ok) return prev;
  if (!isOrdered(i32, at + FIRST_ID, at + LAST_ID))
    return refuse64(VerifyCode.OutOfRange, "lastId", i32, at + LAST_ID, "at least firstId");

  const word = i32[at + BookLevelAt.side / 4];
  const side = word & 255;
  const flags = (word >>> 8) & 255;
  if ((flags & ~BOOK_FLAGS) !== 0) return refuse(VerifyCode.BadFlags, "flags", flags, `0 to ${BOOK_FLAGS}`);
  if (side > 2) return refuse(VerifyCode.OutOfRange, "side", side, "1 (bid), 2 (ask), or 0 in a message without levels");
  const price = at + BookLevelAt.priceTicks / 4;
  const qty = at + BookLevelAt.qtyLots / 4;
  if (side !== 0) {
    const code = checkPositive(i32, price, "priceTicks");
    return code !== VerifyCode.Ok ? code : checkNonNegative(i32, qty, "qtyLots");
  }
  if (!isZero(i32, price))
    return refuse64(VerifyCode.NotZero, "priceTicks", i32, price, "0: side is 0, the message has no levels");
  if (!isZero(i32, qty)) return refuse64(VerifyCode.NotZero, "qtyLots", i32, qty, "0: side is 0, the message has no levels");
  if ((flags & (BookFlag.First | BookFlag.Last)) !== (BookFlag.First | BookFlag.Last))
    return refuse(VerifyCode.BrokenBookMessage, "flags", flags, "first and last: side is 0, the message has no levels");
  return VerifyCode.Ok;
}

/** The record at `at` against the one before it. */
function checkBookSequence(i32: Int32Array, at: number): VerifyCode {
  const before = at - BOOK_WORDS;
  const flags = (i32[at + 1] >>> 8) & 255;
  const flagsBefore = (i32[before + 1] >>> 8) & 255;
  const begins = (flags & BookFlag.First) !== 0;
  if (begins !== ((flagsBefore & BookFlag.Last) !== 0))
    return refuse(VerifyCode.BrokenBookMessage, "flags", flags, begins ? "first only after a last" : "first after a last");
  if (begins) return VerifyCode.Ok;
  const isSameMessage =
    i32[at] === i32[before] &&
    isSame(i32, at + FIRST_ID, before + FIRST_ID) &&
    isSame(i32, at + LAST_ID, before + LAST_ID) &&
    isSame(i32, at + PREV_ID, before + PREV_ID) &&
    isSame(i32, at + BOOK_TIME, before + BOOK_TIME) &&
    ((flags ^ flagsBefore) & BookFlag.Snapshot) === 0;
  if (isSameMessage) return VerifyCode.Ok;
  return refuse(
    VerifyCode.BrokenBookMessage,
    "flags",
    flags,
    "first, or instrument, ids, time and snapshot flag those of the level before",
  );
}

// instrument, seq and time_ns lie at words 0, 2 and 4 in every record but a book level, as the encoder's test holds.

function checkInstrumentSeqTime(i32: Int32Array, at: number, known: InstrumentLookup): VerifyCode {
  const code = checkInstrument(i32, at, known);
  return code !== VerifyCode.Ok ? code : checkSeqTime(i32, at);
}

function checkInstrument(i32: Int32Array, at: number, known: InstrumentLookup): VerifyCode {
  const instrument = i32[at] >>> 0;
  if (instrument < INSTRUMENT_SLOTS && known.instrumentKinds[instrument] !== 0) return VerifyCode.Ok;
  return refuse(VerifyCode.UnknownInstrument, "instrument", instrument, KNOWN_INSTRUMENT_RULE);
}

function checkSeqTime(i32: Int32Array, at: number): VerifyCode {
  if (!isPositive(i32, at + MarkAt.seq / 4))
    return refuse64(VerifyCode.OutOfRange, "seq", i32, at + MarkAt.seq / 4, POSITIVE_RULE);
  if (!isTime(i32, at + MarkAt.timeNs / 4)) return refuse64(VerifyCode.BadTime, "timeNs", i32, at + MarkAt.timeNs / 4, TIME_RULE);
  return VerifyCode.Ok;
}

function checkPositive(i32: Int32Array, word: number, field: string): VerifyCode {
  return isPositive(i32, word) ? VerifyCode.Ok : refuse64(VerifyCode.OutOfRange, field, i32, word, POSITIVE_RULE);
}

function checkNonNegative(i32: Int32Array, word: number, field: string): VerifyCode {
  return isNonNegative(i32, word) ? VerifyCode.Ok : refuse64(VerifyCode.OutOfRange, field, i32, word, NON_NEGATIVE_RULE);
}

function checkPositiveFinite(value: number, field: string): VerifyCode {
  return isPositiveFinite(value) ? VerifyCode.Ok : refuse(VerifyCode.OutOfRange, field, value, "finite and > 0");
}
