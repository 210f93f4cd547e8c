// Value checks of account events, on the 64-byte structs already copied to aligned memory (the shard's ring, before they are
// published). Ingest thread, every event: two 32-bit halves for 64-bit fields, no BigInt, no allocation while nothing is wrong.
//
// The rule for all kinds: what a kind does not use is zero (docs/wire.md has the table).
import { AccountEventKind } from "../../../schemas/generated/account-event-kind";
import { InstrumentKind } from "../../../schemas/generated/instrument-kind";
import { AccountEventAt } from "../../../schemas/generated/offsets";
import { ASSET_SLOTS, GROUP_SLOTS, INSTRUMENT_SLOTS } from "../../shared/limits";
import { FILL_FLAGS, FUNDING_RATE_MAX_E12, ORDER_FLAGS, POSITION_FLAGS } from "../../shared/wire/ranges";
import { VerifyCode } from "./codes";
import { faultAt, refuse, refuse64 } from "./fault";
import {
  AMOUNT_RULE,
  EXACT_HIGH_MAX,
  EXACT_HIGH_MIN,
  hasBothLegs,
  isAmount,
  isNonNegative,
  isPositive,
  isTime,
  isWithin,
  isZero,
  KNOWN_ASSET_RULE,
  KNOWN_INSTRUMENT_RULE,
  NON_NEGATIVE_RULE,
  POSITIVE_RULE,
  TIME_RULE,
  ZERO_RULE,
} from "./fields";
import type { InstrumentLookup } from "./lookup";

// Words of a struct.
const SEQ = AccountEventAt.seq / 4;
const ACCOUNT = AccountEventAt.account / 4;
const TIME = AccountEventAt.timeNs / 4;
const QTY = AccountEventAt.qtyLots / 4;
const PRICE = AccountEventAt.priceTicks / 4;
const AMOUNT = AccountEventAt.amount / 4;
const ORDER = AccountEventAt.order / 4;
const INSTRUMENT = AccountEventAt.instrument / 4;
/** kind u8 | side u8 | flags u16. */
const KIND = AccountEventAt.kind / 4;
const WORDS = AccountEventAt.bytes / 4;
/** That word of a fill without flags. */
const PLAIN_BUY = AccountEventKind.Fill | (1 << 8);
const PLAIN_SELL = AccountEventKind.Fill | (2 << 8);

/**
 * @param i32        view of the memory that holds the events; byte 0 of the view is byte 0 for byteOffset
 * @param byteOffset of the first event, a multiple of 8
 * @param count      events, one after another
 * @param known      reference data published so far
 * @returns −1 where every event may be applied, else the index of the first that may not: lastCode() and lastReason() say why
 */
export function checkAccountEvents(i32: Int32Array, byteOffset: number, count: number, known: InstrumentLookup): number {
  // Not a shift: a shard may be larger than 2 GiB.
  let word = byteOffset / 4;
  for (let i = 0; i < count; i++) {
    if (!isPlainFill(i32, word, known) && checkEvent(i32, word, known) !== VerifyCode.Ok) return faultAt("events", i);
    word += WORDS;
  }
  return -1;
}

/**
 * Most events are fills, and right: the rules of checkEvent() and checkFill() at once, in few branches. What it does not call right may
 * still be; checkEvent() says so, or names what is wrong.
 */
function isPlainFill(i32: Int32Array, at: number, known: InstrumentLookup): boolean {
  const seqHigh = i32[at + SEQ + 1];
  const accountHigh = i32[at + ACCOUNT + 1];
  const qtyHigh = i32[at + QTY + 1];
  const priceHigh = i32[at + PRICE + 1];
  const amountHigh = i32[at + AMOUNT + 1];
  // All from 0 to 2^53 − 1: no bit above in any of them. An amount is its own complement's size where it is negative.
  const highs = seqHigh | accountHigh | qtyHigh | priceHigh | i32[at + ORDER + 1] | (amountHigh ^ (amountHigh >> 31));
  if (highs >>> 0 > EXACT_HIGH_MAX || amountHigh === EXACT_HIGH_MIN) return false;
  if ((i32[at + SEQ] | seqHigh) === 0 || (i32[at + ACCOUNT] | accountHigh) === 0) return false;
  if ((i32[at + QTY] | qtyHigh) === 0 || (i32[at + PRICE] | priceHigh) === 0) return false;
  const shape = i32[at + KIND];
  if (shape !== PLAIN_BUY && shape !== PLAIN_SELL) return false;
  const instrument = i32[at + INSTRUMENT] >>> 0;
  return instrument < INSTRUMENT_SLOTS && known.instrumentKinds[instrument] !== 0 && isTime(i32, at + TIME);
}

function checkEvent(i32: Int32Array, at: number, known: InstrumentLookup): VerifyCode {
  if (!isPositive(i32, at + SEQ)) return refuse64(VerifyCode.OutOfRange, "seq", i32, at + SEQ, POSITIVE_RULE);
  if (!isTime(i32, at + TIME)) return refuse64(VerifyCode.BadTime, "timeNs", i32, at + TIME, TIME_RULE);
  const kind = i32[at + KIND] & 255;
  switch (kind) {
    case AccountEventKind.Fill:
      return checkFill(i32, at, known);
    case AccountEventKind.Transfer:
      return checkTransfer(i32, at, known);
    case AccountEventKind.OrderPlaced:
      return checkOrderPlaced(i32, at, known);
    case AccountEventKind.OrderCancelled:
      return checkOrderCancelled(i32, at, known);
    case AccountEventKind.FundingSettlement:
      return checkFundingSettlement(i32, at, known);
    case AccountEventKind.ExpirySettlement:
      return checkExpirySettlement(i32, at, known);
    case AccountEventKind.AccountSettings:
      return checkAccountSettings(i32, at);
    case AccountEventKind.PositionSettings:
    case AccountEventKind.IsolatedTransfer:
      return checkPositionChange(i32, at, kind, known);
    default:
      return refuse(VerifyCode.UnknownKind, "kind", kind, "a kind of account event, 1 to 9");
  }
}

function checkFill(i32: Int32Array, at: number, known: InstrumentLookup): VerifyCode {
  const code = checkTradable(i32, at, known, FILL_FLAGS);
  if (code !== VerifyCode.Ok) return code;
  if (!isAmount(i32, at + AMOUNT)) return refuse64(VerifyCode.OutOfRange, "amount", i32, at + AMOUNT, AMOUNT_RULE);
  if (!isNonNegative(i32, at + ORDER)) return refuse64(VerifyCode.OutOfRange, "order", i32, at + ORDER, NON_NEGATIVE_RULE);
  return VerifyCode.Ok;
}

function checkOrderPlaced(i32: Int32Array, at: number, known: InstrumentLookup): VerifyCode {
  const code = checkTradable(i32, at, known, ORDER_FLAGS);
  if (code !== VerifyCode.Ok) return code;
  if (!isZero(i32, at + AMOUNT)) return refuse64(VerifyCode.NotZero, "amount", i32, at + AMOUNT, ZERO_RULE);
  if (!isPositive(i32, at + ORDER)) return refuse64(VerifyCode.OutOfRange, "order", i32, at + ORDER, POSITIVE_RULE);
  return VerifyCode.Ok;
}

/** What fills and orders share. */
function checkTradable(i32: Int32Array, at: number, known: InstrumentLookup, allowedFlags: number): VerifyCode {
  if (!isPositive(i32, at + ACCOUNT)) return refuse64(VerifyCode.OutOfRange, "account", i32, at + ACCOUNT, POSITIVE_RULE);
  if (!isPositive(i32, at + QTY)) return refuse64(VerifyCode.OutOfRange, "qtyLots", i32, at + QTY, POSITIVE_RULE);
  if (!isPositive(i32, at + PRICE)) return refuse64(VerifyCode.OutOfRange, "priceTicks", i32, at + PRICE, POSITIVE_RULE);
  const side = (i32[at + KIND] >>> 8) & 255;
  if (side !== 1 && side !== 2) return refuse(VerifyCode.OutOfRange, "side", side, "1 (buy) or 2 (sell)");
  const flags = i32[at + KIND] >>> 16;
  if ((flags & ~allowedFlags) !== 0 || hasBothLegs(flags)) return refuseFlags(flags, allowedFlags);
  return checkInstrument(i32, at, known);
}

function checkTransfer(i32: Int32Array, at: number, known: InstrumentLookup): VerifyCode {
  if (!isPositive(i32, at + ACCOUNT)) return refuse64(VerifyCode.OutOfRange, "account", i32, at + ACCOUNT, POSITIVE_RULE);
  if (!isAmount(i32, at + AMOUNT)) return refuse64(VerifyCode.OutOfRange, "amount", i32, at + AMOUNT, AMOUNT_RULE);
  const asset = i32[at + INSTRUMENT] >>> 0;
  if (asset >= ASSET_SLOTS || known.assets[asset] === 0)
    return refuse(VerifyCode.UnknownAsset, "instrument", asset, KNOWN_ASSET_RULE);
  const code = checkNoTrade(i32, at);
  if (code !== VerifyCode.Ok) return code;
  if (!isZero(i32, at + ORDER)) return refuse64(VerifyCode.NotZero, "order", i32, at + ORDER, ZERO_RULE);
  return checkNoFlags(i32, at);
}

function checkOrderCancelled(i32: Int32Array, at: number, known: InstrumentLookup): VerifyCode {
  if (!isPositive(i32, at + ACCOUNT)) return refuse64(VerifyCode.OutOfRange, "account", i32, at + ACCOUNT, POSITIVE_RULE);
  if (!isPositive(i32, at + ORDER)) return refuse64(VerifyCode.OutOfRange, "order", i32, at + ORDER, POSITIVE_RULE);
  const code = checkNoTrade(i32, at);
  if (code !== VerifyCode.Ok) return code;
  if (!isZero(i32, at + AMOUNT)) return refuse64(VerifyCode.NotZero, "amount", i32, at + AMOUNT, ZERO_RULE);
  const flags = checkNoFlags(i32, at);
  return flags !== VerifyCode.Ok ? flags : checkInstrument(i32, at, known);
}

function checkFundingSettlement(i32: Int32Array, at: number, known: InstrumentLookup): VerifyCode {
  const code = checkSettlement(i32, at, known);
  if (code !== VerifyCode.Ok) return code;
  if (!isPositive(i32, at + PRICE)) return refuse64(VerifyCode.OutOfRange, "priceTicks", i32, at + PRICE, POSITIVE_RULE);
  if (!isWithin(i32, at + AMOUNT, FUNDING_RATE_MAX_E12))
    return refuse64(VerifyCode.OutOfRange, "amount", i32, at + AMOUNT, "a rate of -1e12 to 1e12, in 1e-12");
  const instrument = i32[at + INSTRUMENT];
  if (known.instrumentKinds[instrument] !== InstrumentKind.Perpetual)
    return refuse(VerifyCode.WrongInstrumentKind, "instrument", instrument, "a perpetual: only these have funding");
  return VerifyCode.Ok;
}

function checkExpirySettlement(i32: Int32Array, at: number, known: InstrumentLookup): VerifyCode {
  const code = checkSettlement(i32, at, known);
  if (code !== VerifyCode.Ok) return code;
  // An option's is the delivery price of its underlying, by which a coin premium is divided.
  if (!isPositive(i32, at + PRICE)) return refuse64(VerifyCode.OutOfRange, "priceTicks", i32, at + PRICE, POSITIVE_RULE);
  if (!isZero(i32, at + AMOUNT)) return refuse64(VerifyCode.NotZero, "amount", i32, at + AMOUNT, ZERO_RULE);
  const instrument = i32[at + INSTRUMENT];
  const kind = known.instrumentKinds[instrument];
  if (kind !== InstrumentKind.Future && kind !== InstrumentKind.Option)
    return refuse(VerifyCode.WrongInstrumentKind, "instrument", instrument, "a future or option: only these expire");
  return VerifyCode.Ok;
}

/** What settlements share: they name no account, and are applied to every holder. */
function checkSettlement(i32: Int32Array, at: number, known: InstrumentLookup): VerifyCode {
  if (!isZero(i32, at + ACCOUNT))
    return refuse64(VerifyCode.NotZero, "account", i32, at + ACCOUNT, "0: a settlement goes to every holder");
  if (!isZero(i32, at + QTY)) return refuse64(VerifyCode.NotZero, "qtyLots", i32, at + QTY, ZERO_RULE);
  if (!isZero(i32, at + ORDER)) return refuse64(VerifyCode.NotZero, "order", i32, at + ORDER, ZERO_RULE);
  const flags = checkNoFlags(i32, at);
  return flags !== VerifyCode.Ok ? flags : checkInstrument(i32, at, known);
}

function checkAccountSettings(i32: Int32Array, at: number): VerifyCode {
  if (!isPositive(i32, at + ACCOUNT)) return refuse64(VerifyCode.OutOfRange, "account", i32, at + ACCOUNT, POSITIVE_RULE);
  const group = i32[at + INSTRUMENT] >>> 0;
  if (group >= GROUP_SLOTS) return refuse(VerifyCode.OutOfRange, "instrument", group, `a group, 0 to ${GROUP_SLOTS - 1}`);
  const code = checkNoTrade(i32, at);
  if (code !== VerifyCode.Ok) return code;
  if (!isZero(i32, at + AMOUNT)) return refuse64(VerifyCode.NotZero, "amount", i32, at + AMOUNT, ZERO_RULE);
  if (!isZero(i32, at + ORDER)) return refuse64(VerifyCode.NotZero, "order", i32, at + ORDER, ZERO_RULE);
  return checkNoFlags(i32, at);
}

/** Position settings, whose amount is a leverage ≥ 0; isolated transfers, whose amount is signed. */
function checkPositionChange(i32: Int32Array, at: number, kind: number, known: InstrumentLookup): VerifyCode {
  if (!isPositive(i32, at + ACCOUNT)) return refuse64(VerifyCode.OutOfRange, "account", i32, at + ACCOUNT, POSITIVE_RULE);
  if (kind === AccountEventKind.PositionSettings) {
    if (!isNonNegative(i32, at + AMOUNT))
      return refuse64(VerifyCode.OutOfRange, "amount", i32, at + AMOUNT, `a leverage in 1e-8, ${NON_NEGATIVE_RULE}`);
  } else if (!isAmount(i32, at + AMOUNT)) return refuse64(VerifyCode.OutOfRange, "amount", i32, at + AMOUNT, AMOUNT_RULE);
  const code = checkNoTrade(i32, at);
  if (code !== VerifyCode.Ok) return code;
  if (!isZero(i32, at + ORDER)) return refuse64(VerifyCode.NotZero, "order", i32, at + ORDER, ZERO_RULE);
  const side = (i32[at + KIND] >>> 8) & 255;
  if (side !== 0) return refuse(VerifyCode.NotZero, "side", side, ZERO_RULE);
  const flags = i32[at + KIND] >>> 16;
  if ((flags & ~POSITION_FLAGS) !== 0 || hasBothLegs(flags)) return refuseFlags(flags, POSITION_FLAGS);
  return checkInstrument(i32, at, known);
}

function checkNoTrade(i32: Int32Array, at: number): VerifyCode {
  if (!isZero(i32, at + QTY)) return refuse64(VerifyCode.NotZero, "qtyLots", i32, at + QTY, ZERO_RULE);
  if (!isZero(i32, at + PRICE)) return refuse64(VerifyCode.NotZero, "priceTicks", i32, at + PRICE, ZERO_RULE);
  return VerifyCode.Ok;
}

function checkNoFlags(i32: Int32Array, at: number): VerifyCode {
  const word = i32[at + KIND];
  if (word >>> 8 === 0) return VerifyCode.Ok;
  const side = (word >>> 8) & 255;
  if (side !== 0) return refuse(VerifyCode.NotZero, "side", side, ZERO_RULE);
  return refuse(VerifyCode.NotZero, "flags", word >>> 16, ZERO_RULE);
}

function checkInstrument(i32: Int32Array, at: number, known: InstrumentLookup): VerifyCode {
  const instrument = i32[at + INSTRUMENT] >>> 0;
  if (instrument < INSTRUMENT_SLOTS && known.instrumentKinds[instrument] !== 0) return VerifyCode.Ok;
  return refuse(VerifyCode.UnknownInstrument, "instrument", instrument, KNOWN_INSTRUMENT_RULE);
}

function refuseFlags(flags: number, allowed: number): VerifyCode {
  return refuse(
    VerifyCode.BadFlags,
    "flags",
    `0x${flags.toString(16)}`,
    `within 0x${allowed.toString(16)} and of one leg at most`,
  );
}
