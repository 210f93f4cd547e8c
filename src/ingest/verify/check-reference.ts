// Value checks of reference records, on an aligned copy of the message. Rare, so they may allocate.
//
// What one record says of another (an instrument's assets and margin table) is not checked here: after compaction the topic's
// records come in any order. Ingest resolves them when it has read the topic to its end.
import { InstrumentKind } from "../../../schemas/generated/instrument-kind";
import { MarginModel } from "../../../schemas/generated/margin-model";
import { AccountGroupAt, AssetAt, InstrumentAt, MarginTableAt, MarginTierAt } from "../../../schemas/generated/offsets";
import { ASSET_SLOTS, GROUP_SLOTS, INSTRUMENT_SLOTS, MARGIN_TABLE_SLOTS, TIERS_PER_TABLE_MAX } from "../../shared/limits";
import { ReferenceVector } from "../../shared/wire/batch-layout";
import {
  ASCII_CHAR_TO,
  ASSET_SYMBOL_BYTES,
  GROUP_NAME_BYTES,
  INSTRUMENT_SYMBOL_BYTES,
  NAME_CHAR_FROM,
  SYMBOL_CHAR_FROM,
} from "../../shared/wire/ranges";
import type { AlignedMessage } from "./aligned-message";
import { VerifyCode } from "./codes";
import { faultAt, lastCode, refuse, refuse64 } from "./fault";
import { isPositive, isPositive64, isPositiveFinite, isTime, isZero, POSITIVE_RULE, TIME_RULE, ZERO_RULE } from "./fields";
import type { VerifiedBatch } from "./verified-batch";

/**
 * All records of a verified message. Ids and symbols are unique within it.
 *
 * @param message the aligned copy
 * @returns Ok, or lastCode() of the first record that may not be used
 */
export function checkReferenceBatch(message: AlignedMessage, batch: VerifiedBatch): VerifyCode {
  const { offsets, counts } = batch;
  const isFine =
    checkAssets(message, offsets[ReferenceVector.assets], counts[ReferenceVector.assets]) < 0 &&
    checkInstruments(message, offsets[ReferenceVector.instruments], counts[ReferenceVector.instruments]) < 0 &&
    checkMarginTables(message, batch) < 0 &&
    checkMarginTiers(message, batch) < 0 &&
    checkAccountGroups(message, offsets[ReferenceVector.accountGroups], counts[ReferenceVector.accountGroups]) < 0;
  return isFine ? VerifyCode.Ok : lastCode();
}

/** Text of a zero-padded field: up to its first zero, or all of it. */
export function paddedText(u8: Uint8Array, at: number, bytes: number): string {
  let text = "";
  for (let i = 0; i < bytes && u8[at + i] !== 0; i++) text += String.fromCharCode(u8[at + i]);
  return text;
}

export function checkAssets(message: AlignedMessage, byteOffset: number, count: number): number {
  const ids = new Set<number>();
  const symbols = new Set<string>();
  for (let i = 0; i < count; i++) {
    const at = byteOffset + i * AssetAt.bytes;
    const id = message.i32[(at + AssetAt.id) >> 2] >>> 0;
    const symbol = paddedText(message.u8, at + AssetAt.symbol, ASSET_SYMBOL_BYTES);
    const code = checkAsset(message, at, id) || checkUnique(id, symbol, ids, symbols);
    if (code !== VerifyCode.Ok) return faultAt("assets", i);
  }
  return -1;
}

function checkAsset(message: AlignedMessage, at: number, id: number): VerifyCode {
  const haircut = message.f64[(at + AssetAt.haircut) >> 3];
  const usdPrice = message.f64[(at + AssetAt.usdPrice) >> 3];
  if (!(haircut >= 0 && haircut < 1)) return refuse(VerifyCode.OutOfRange, "haircut", haircut, "from 0 to below 1");
  if (!isPositiveFinite(usdPrice)) return refuse(VerifyCode.OutOfRange, "usdPrice", usdPrice, "finite and > 0");
  return (
    checkId("id", id, 1, ASSET_SLOTS) ||
    checkText(message.u8, at + AssetAt.symbol, ASSET_SYMBOL_BYTES, "symbol", SYMBOL_CHAR_FROM, 1)
  );
}

export function checkInstruments(message: AlignedMessage, byteOffset: number, count: number): number {
  const ids = new Set<number>();
  const symbols = new Set<string>();
  for (let i = 0; i < count; i++) {
    const at = byteOffset + i * InstrumentAt.bytes;
    const id = message.i32[(at + InstrumentAt.id) >> 2] >>> 0;
    const symbol = paddedText(message.u8, at + InstrumentAt.symbol, INSTRUMENT_SYMBOL_BYTES);
    const code = checkInstrument(message, at, id) || checkUnique(id, symbol, ids, symbols);
    if (code !== VerifyCode.Ok) return faultAt("instruments", i);
  }
  return -1;
}

function checkInstrument(message: AlignedMessage, at: number, id: number): VerifyCode {
  const { i32, u8 } = message;
  const word = at >> 2;
  const kind = u8[at + InstrumentAt.kind];
  if (kind < InstrumentKind.Spot || kind > InstrumentKind.Option)
    return refuse(VerifyCode.UnknownKind, "kind", kind, "1 (spot), 2 (perpetual), 3 (future) or 4 (option)");
  const isOption = kind === InstrumentKind.Option;
  const expires = isOption || kind === InstrumentKind.Future;
  const payoffMax = isOption || kind === InstrumentKind.Spot ? 1 : 2;
  const code =
    checkId("id", id, 1, INSTRUMENT_SLOTS) ||
    checkText(u8, at + InstrumentAt.symbol, INSTRUMENT_SYMBOL_BYTES, "symbol", SYMBOL_CHAR_FROM, 1) ||
    checkId(
      "marginTable",
      i32[word + InstrumentAt.marginTable / 4] >>> 0,
      kind === InstrumentKind.Spot ? 0 : 1,
      MARGIN_TABLE_SLOTS,
    ) ||
    checkId("base", i32[word + InstrumentAt.base / 4] >>> 0, 1, ASSET_SLOTS) ||
    checkId("quote", i32[word + InstrumentAt.quote / 4] >>> 0, 1, ASSET_SLOTS) ||
    checkId("settle", i32[word + InstrumentAt.settle / 4] >>> 0, 1, ASSET_SLOTS) ||
    checkId("payoff", u8[at + InstrumentAt.payoff], 1, payoffMax + 1) ||
    checkId("premium", u8[at + InstrumentAt.premium], isOption ? 1 : 0, isOption ? 3 : 1) ||
    checkId("optionType", u8[at + InstrumentAt.optionType], isOption ? 1 : 0, isOption ? 3 : 1) ||
    checkPositive64(i32, word + InstrumentAt.contractSize / 4, "contractSize") ||
    checkPositive64(i32, word + InstrumentAt.tickSize / 4, "tickSize") ||
    checkPositive64(i32, word + InstrumentAt.lotSize / 4, "lotSize");
  if (code !== VerifyCode.Ok) return code;

  const strike = word + InstrumentAt.strike / 4;
  if (isOption && !isPositive(i32, strike)) return refuse64(VerifyCode.OutOfRange, "strike", i32, strike, POSITIVE_RULE);
  if (!isOption && !isZero(i32, strike)) return refuse64(VerifyCode.NotZero, "strike", i32, strike, ZERO_RULE);
  const expiry = word + InstrumentAt.expiryNs / 4;
  if (expires && !isTime(i32, expiry)) return refuse64(VerifyCode.BadTime, "expiryNs", i32, expiry, TIME_RULE);
  if (!expires && !isZero(i32, expiry)) return refuse64(VerifyCode.NotZero, "expiryNs", i32, expiry, ZERO_RULE);
  return checkReserved(u8, at + InstrumentAt.reserved, InstrumentAt.bytes - InstrumentAt.reserved);
}

/** A tiered table has its tiers beside it in the message; another has none. */
export function checkMarginTables(message: AlignedMessage, batch: VerifiedBatch): number {
  const { i32 } = message;
  const ids = new Set<number>();
  const withTiers = new Set<number>();
  const tiersAt = batch.offsets[ReferenceVector.marginTiers];
  for (let i = 0; i < batch.counts[ReferenceVector.marginTiers]; i++)
    withTiers.add(i32[(tiersAt + i * MarginTierAt.bytes + MarginTierAt.table) >> 2] >>> 0);
  for (let i = 0; i < batch.counts[ReferenceVector.marginTables]; i++) {
    const at = batch.offsets[ReferenceVector.marginTables] + i * MarginTableAt.bytes;
    const id = i32[(at + MarginTableAt.id) >> 2] >>> 0;
    const isTiered = message.u8[at + MarginTableAt.model] === MarginModel.Tiered;
    let code = checkMarginTable(message, at, id);
    if (code === VerifyCode.Ok && ids.has(id)) code = refuse(VerifyCode.Duplicate, "id", id, "in the message once");
    if (code === VerifyCode.Ok && isTiered !== withTiers.has(id))
      code = refuse(
        VerifyCode.BadTiers,
        "id",
        id,
        isTiered ? "that of tiers in the same message" : "that of no tiers: only model 1 has",
      );
    if (code !== VerifyCode.Ok) return faultAt("marginTables", i);
    ids.add(id);
  }
  return -1;
}

function checkMarginTable(message: AlignedMessage, at: number, id: number): VerifyCode {
  const { u8, f64 } = message;
  const model = u8[at + MarginTableAt.model];
  if (model < MarginModel.Tiered || model > MarginModel.DeribitOption)
    return refuse(VerifyCode.UnknownKind, "model", model, "1 (tiered), 2 (size-scaled) or 3 (deribit-option)");
  const code =
    checkId("id", id, 1, MARGIN_TABLE_SLOTS) ||
    checkId("notionalAt", u8[at + MarginTableAt.notionalAt], 0, 2) ||
    checkReserved(u8, at + MarginTableAt.reserved, 2) ||
    checkReserved(u8, at + MarginTableAt.reserved2, MarginTableAt.bytes - MarginTableAt.reserved2);
  if (code !== VerifyCode.Ok) return code;
  const fee = f64[(at + MarginTableAt.liquidationFeeRate) >> 3];
  if (!(fee >= 0 && fee < 1)) return refuse(VerifyCode.OutOfRange, "liquidationFeeRate", fee, "from 0 to below 1");

  const initialBase = f64[(at + MarginTableAt.initialBase) >> 3];
  const initialPerUnit = f64[(at + MarginTableAt.initialPerUnit) >> 3];
  const maintenanceBase = f64[(at + MarginTableAt.maintenanceBase) >> 3];
  const maintenancePerUnit = f64[(at + MarginTableAt.maintenancePerUnit) >> 3];
  if (model !== MarginModel.SizeScaled)
    return (
      checkUnused("initialBase", initialBase) ||
      checkUnused("initialPerUnit", initialPerUnit) ||
      checkUnused("maintenanceBase", maintenanceBase) ||
      checkUnused("maintenancePerUnit", maintenancePerUnit)
    );
  const rates = checkRates("initialBase", initialBase, "maintenanceBase", maintenanceBase);
  if (rates !== VerifyCode.Ok) return rates;
  if (!(maintenancePerUnit >= 0 && maintenancePerUnit < Number.POSITIVE_INFINITY))
    return refuse(VerifyCode.OutOfRange, "maintenancePerUnit", maintenancePerUnit, "finite and >= 0");
  if (!(initialPerUnit >= maintenancePerUnit && initialPerUnit < Number.POSITIVE_INFINITY))
    return refuse(VerifyCode.OutOfRange, "initialPerUnit", initialPerUnit, "finite and at least maintenancePerUnit");
  return VerifyCode.Ok;
}

/** Tiers of a table stand in one run, floors rising from 0, beside their table. */
export function checkMarginTiers(message: AlignedMessage, batch: VerifiedBatch): number {
  const { i32 } = message;
  const tables = new Set<number>();
  for (let i = 0; i < batch.counts[ReferenceVector.marginTables]; i++)
    tables.add(i32[(batch.offsets[ReferenceVector.marginTables] + i * MarginTableAt.bytes + MarginTableAt.id) >> 2] >>> 0);
  const ended = new Set<number>();
  let table = 0;
  let tierCount = 0;
  for (let i = 0; i < batch.counts[ReferenceVector.marginTiers]; i++) {
    const at = batch.offsets[ReferenceVector.marginTiers] + i * MarginTierAt.bytes;
    const own = i32[(at + MarginTierAt.table) >> 2] >>> 0;
    if (own !== table) {
      ended.add(table);
      table = own;
      tierCount = 0;
    }
    tierCount += 1;
    let code = checkMarginTier(message, at, tierCount === 1);
    if (code === VerifyCode.Ok && (!tables.has(own) || ended.has(own)))
      code = refuse(VerifyCode.BadTiers, "table", own, "a margin table of the same message, its tiers in one run");
    if (code === VerifyCode.Ok && tierCount > TIERS_PER_TABLE_MAX)
      code = refuse(VerifyCode.BadTiers, "table", own, `that of at most ${TIERS_PER_TABLE_MAX} tiers`);
    if (code !== VerifyCode.Ok) return faultAt("marginTiers", i);
  }
  return -1;
}

function checkMarginTier(message: AlignedMessage, at: number, isFirst: boolean): VerifyCode {
  const { f64 } = message;
  const floor = f64[(at + MarginTierAt.notionalFloor) >> 3];
  if (isFirst && floor !== 0) return refuse(VerifyCode.BadTiers, "notionalFloor", floor, "0 in the first tier");
  const floorBefore = isFirst ? Number.NEGATIVE_INFINITY : f64[(at - MarginTierAt.bytes + MarginTierAt.notionalFloor) >> 3];
  if (!(floor > floorBefore && floor < Number.POSITIVE_INFINITY))
    return refuse(VerifyCode.BadTiers, "notionalFloor", floor, "finite and above the floor of the tier before");
  const rates = checkRates(
    "initialRate",
    f64[(at + MarginTierAt.initialRate) >> 3],
    "maintenanceRate",
    f64[(at + MarginTierAt.maintenanceRate) >> 3],
  );
  if (rates !== VerifyCode.Ok) return rates;
  const deduction = f64[(at + MarginTierAt.deduction) >> 3];
  if (!Number.isNaN(deduction) && !(deduction >= 0 && deduction < Number.POSITIVE_INFINITY))
    return refuse(VerifyCode.OutOfRange, "deduction", deduction, "finite and >= 0, or NaN: derived from the table");
  return VerifyCode.Ok;
}

export function checkAccountGroups(message: AlignedMessage, byteOffset: number, count: number): number {
  const { i32, u8 } = message;
  const ids = new Set<number>();
  for (let i = 0; i < count; i++) {
    const at = byteOffset + i * AccountGroupAt.bytes;
    const id = i32[(at + AccountGroupAt.id) >> 2] >>> 0;
    let code =
      checkId("id", id, 0, GROUP_SLOTS) ||
      checkId("collateral", u8[at + AccountGroupAt.collateral], 0, 2) ||
      checkId("hedgeMode", u8[at + AccountGroupAt.hedgeMode], 0, 2) ||
      checkReserved(u8, at + AccountGroupAt.reserved, 2) ||
      checkText(u8, at + AccountGroupAt.name, GROUP_NAME_BYTES, "name", NAME_CHAR_FROM, 0);
    if (code === VerifyCode.Ok && ids.has(id)) code = refuse(VerifyCode.Duplicate, "id", id, "in the message once");
    if (code !== VerifyCode.Ok) return faultAt("accountGroups", i);
    ids.add(id);
  }
  return -1;
}

/** from ≤ value < to. */
function checkId(field: string, value: number, from: number, to: number): VerifyCode {
  if (value >= from && value < to) return VerifyCode.Ok;
  return refuse(VerifyCode.OutOfRange, field, value, to - from === 1 ? `${from}` : `${from} to ${to - 1}`);
}

function checkUnique(id: number, symbol: string, ids: Set<number>, symbols: Set<string>): VerifyCode {
  if (ids.has(id)) return refuse(VerifyCode.Duplicate, "id", id, "in the message once");
  if (symbols.has(symbol)) return refuse(VerifyCode.Duplicate, "symbol", symbol, "in the message once");
  ids.add(id);
  symbols.add(symbol);
  return VerifyCode.Ok;
}

/** At least minChars characters from charFrom to "~", then zeros to the end of the field. */
function checkText(u8: Uint8Array, at: number, bytes: number, field: string, charFrom: number, minChars: number): VerifyCode {
  let chars = 0;
  while (chars < bytes && u8[at + chars] >= charFrom && u8[at + chars] <= ASCII_CHAR_TO) chars += 1;
  let end = chars;
  while (end < bytes && u8[at + end] === 0) end += 1;
  if (end === bytes && chars >= minChars) return VerifyCode.Ok;
  const hex = Buffer.from(u8.subarray(at, at + bytes)).toString("hex");
  return refuse(VerifyCode.BadText, field, hex, `${minChars} to ${bytes} printable ASCII characters, then zeros`);
}

function checkPositive64(i32: Int32Array, word: number, field: string): VerifyCode {
  return isPositive64(i32, word) ? VerifyCode.Ok : refuse64(VerifyCode.OutOfRange, field, i32, word, "> 0");
}

function checkRates(initialName: string, initial: number, maintenanceName: string, maintenance: number): VerifyCode {
  if (!(maintenance > 0 && maintenance <= 1))
    return refuse(VerifyCode.OutOfRange, maintenanceName, maintenance, `> 0 and at most ${initialName}`);
  if (!(initial >= maintenance && initial <= 1))
    return refuse(VerifyCode.OutOfRange, initialName, initial, `from ${maintenanceName} to 1`);
  return VerifyCode.Ok;
}

function checkUnused(field: string, value: number): VerifyCode {
  return value === 0 ? VerifyCode.Ok : refuse(VerifyCode.NotZero, field, value, ZERO_RULE);
}

function checkReserved(u8: Uint8Array, at: number, bytes: number): VerifyCode {
  for (let i = 0; i < bytes; i++)
    if (u8[at + i] !== 0) return refuse(VerifyCode.NotZero, "reserved", u8[at + i], "0: it means nothing in this version");
  return VerifyCode.Ok;
}
