// Writes messages of topic `reference`: assets, instruments, margin tables with their tiers, account groups. Not a hot path: sizes
// come as decimals and are turned into integers exactly.

import { InstrumentKind } from "../../../schemas/generated/instrument-kind";
import { MarginModel } from "../../../schemas/generated/margin-model";
import { AccountGroupAt, AssetAt, InstrumentAt, MarginTableAt, MarginTierAt } from "../../../schemas/generated/offsets";
import { ASSET_SLOTS, EXACT_INTEGER_MAX, GROUP_SLOTS, INSTRUMENT_SLOTS, MARGIN_TABLE_SLOTS } from "../limits";
import { REFERENCE_BATCH, ReferenceVector } from "./batch-layout";
import { BatchWriter } from "./batch-writer";
import { checkAscii, checkInteger, checkPositive, checkRange, checkTimeMs } from "./checks";
import { decimalToScaled, E8_PLACES, E12_PLACES } from "./decimal";
import { putBigInt64, putInt64, putTimeNs } from "./int64";
import { ASSET_SYMBOL_BYTES, GROUP_NAME_BYTES, INSTRUMENT_SYMBOL_BYTES, NAME_CHAR_FROM, SYMBOL_CHAR_FROM } from "./ranges";
import type { StructColumn } from "./struct-column";

export interface Asset {
  /** 1 … 255. */
  id: number;
  /** 1 … 12 printable ASCII characters. */
  symbol: string;
  /** 0 ≤ haircut < 1. Default 0. */
  haircut?: number;
  /** US dollars, > 0: holds until an index price arrives. */
  usdPrice: number;
}

export interface Instrument {
  /** 1 … 4095. */
  id: number;
  /** 1 … 1023; 0: none, for spot only. */
  marginTable: number;
  /** 1 … 40 printable ASCII characters. */
  symbol: string;
  /** Asset ids. */
  base: number;
  quote: number;
  settle: number;
  /** InstrumentKind: 1 spot, 2 perpetual, 3 future, 4 option. */
  kind: number;
  /** Payoff: 1 linear, 2 inverse (perpetuals and futures only). */
  payoff: number;
  /** Premium, options only: 1 base, 2 quote. Default 0. */
  premium?: number;
  /** OptionType, options only: 1 call, 2 put. Default 0. */
  optionType?: number;
  /** Base a contract for linear, quote for inverse: a decimal, > 0, at most 12 decimals and 9,223,372. */
  contractSize: string | number;
  /** Price units a tick, as contractSize. */
  tickSize: string | number;
  /** Contracts a lot, as contractSize. */
  lotSize: string | number;
  /** Options: in quote, a decimal, > 0, at most 8 decimals and 90,071,992. */
  strike?: string | number;
  /** Futures and options: ms since the epoch. */
  expiryMs?: number;
}

export interface MarginTable {
  /** 1 … 1023. */
  id: number;
  /** MarginModel: 1 tiered (with tiers in the same batch), 2 size-scaled, 3 deribit-option. */
  model: number;
  /** NotionalAt: 0 mark, 1 entry. Default 0. */
  notionalAt?: number;
  /** 0 ≤ rate < 1, added to the maintenance rate. Default 0. */
  liquidationFeeRate?: number;
  /** Size-scaled only: rate = base + per unit × size in base. 0 < maintenance ≤ initial ≤ 1 for the bases, 0 ≤ for per unit. */
  initialBase?: number;
  initialPerUnit?: number;
  maintenanceBase?: number;
  maintenancePerUnit?: number;
}

/** Tiers of a table follow one another in the batch, floors rising from 0. */
export interface MarginTier {
  table: number;
  /** Quote for linear, base for inverse; the first is 0. */
  notionalFloor: number;
  /** 0 < maintenanceRate ≤ initialRate ≤ 1. */
  initialRate: number;
  maintenanceRate: number;
  /** Maintenance amount, ≥ 0. Default: derived from the table. */
  deduction?: number;
}

export interface AccountGroup {
  /** 0 … 1023; 0 is the group of accounts that never joined one. */
  id: number;
  /** Collateral: 0 single-asset, 1 multi-asset. */
  collateral: number;
  hedgeMode: boolean;
  /** At most 24 printable ASCII characters, spaces allowed. Default: none. */
  name?: string;
}

const INT64_MAX = 2n ** 63n - 1n;

/**
 * Collects reference records and lays them out as one message (docs/wire.md). The topic is compacted: put under one key what
 * belongs to it (one asset; one instrument; one margin table and all its tiers; one group).
 *
 * Every method throws a RangeError that names the field, and leaves the batch as it was, where a value is out of range. That tiers
 * rise, and belong to a table of the batch, is seen when the batch is read.
 */
export class ReferenceBatchWriter extends BatchWriter {
  /**
   * @param producerId    0 … 2^53 − 1, unique among the producers of the topic
   * @param firstSequence the producer's count of records so far
   */
  constructor(producerId: number, firstSequence = 0) {
    super(REFERENCE_BATCH, producerId, firstSequence);
  }

  asset(r: Asset): void {
    const { haircut = 0 } = r;
    checkInteger("id", r.id, 1, ASSET_SLOTS - 1);
    checkAscii("symbol", r.symbol, SYMBOL_CHAR_FROM, 1, ASSET_SYMBOL_BYTES);
    checkRange("haircut", haircut, 0, 1, true);
    checkPositive("usdPrice", r.usdPrice);
    const column = this.columns[ReferenceVector.assets];
    const word = this.add(column);
    column.i32[word + AssetAt.id / 4] = r.id;
    putAscii(column, word * 4 + AssetAt.symbol, r.symbol);
    column.f64[(word + AssetAt.haircut / 4) >> 1] = haircut;
    column.f64[(word + AssetAt.usdPrice / 4) >> 1] = r.usdPrice;
  }

  instrument(r: Instrument): void {
    const { premium = 0, optionType = 0, strike = 0 } = r;
    const isOption = r.kind === InstrumentKind.Option;
    const expires = isOption || r.kind === InstrumentKind.Future;
    checkInteger("id", r.id, 1, INSTRUMENT_SLOTS - 1);
    checkInteger("kind", r.kind, InstrumentKind.Spot, InstrumentKind.Option);
    checkInteger("marginTable", r.marginTable, r.kind === InstrumentKind.Spot ? 0 : 1, MARGIN_TABLE_SLOTS - 1);
    checkAscii("symbol", r.symbol, SYMBOL_CHAR_FROM, 1, INSTRUMENT_SYMBOL_BYTES);
    checkInteger("base", r.base, 1, ASSET_SLOTS - 1);
    checkInteger("quote", r.quote, 1, ASSET_SLOTS - 1);
    checkInteger("settle", r.settle, 1, ASSET_SLOTS - 1);
    checkInteger("payoff", r.payoff, 1, isOption || r.kind === InstrumentKind.Spot ? 1 : 2);
    checkInteger("premium", premium, isOption ? 1 : 0, isOption ? 2 : 0);
    checkInteger("optionType", optionType, isOption ? 1 : 0, isOption ? 2 : 0);
    const contractSize = sizeE12("contractSize", r.contractSize);
    const tickSize = sizeE12("tickSize", r.tickSize);
    const lotSize = sizeE12("lotSize", r.lotSize);
    const strikeE8 = Number(decimalToScaled("strike", strike, E8_PLACES));
    checkInteger("strike × 1e8", strikeE8, isOption ? 1 : 0, isOption ? EXACT_INTEGER_MAX : 0);
    if (expires) checkTimeMs("expiryMs", r.expiryMs ?? Number.NaN);
    else checkInteger("expiryMs", r.expiryMs ?? 0, 0, 0);

    const column = this.columns[ReferenceVector.instruments];
    const word = this.add(column);
    const { i32, u8 } = column;
    i32[word + InstrumentAt.id / 4] = r.id;
    i32[word + InstrumentAt.marginTable / 4] = r.marginTable;
    putAscii(column, word * 4 + InstrumentAt.symbol, r.symbol);
    i32[word + InstrumentAt.base / 4] = r.base;
    i32[word + InstrumentAt.quote / 4] = r.quote;
    i32[word + InstrumentAt.settle / 4] = r.settle;
    u8[word * 4 + InstrumentAt.kind] = r.kind;
    u8[word * 4 + InstrumentAt.payoff] = r.payoff;
    u8[word * 4 + InstrumentAt.premium] = premium;
    u8[word * 4 + InstrumentAt.optionType] = optionType;
    putBigInt64(i32, word + InstrumentAt.contractSize / 4, contractSize);
    putBigInt64(i32, word + InstrumentAt.tickSize / 4, tickSize);
    putBigInt64(i32, word + InstrumentAt.lotSize / 4, lotSize);
    putInt64(i32, word + InstrumentAt.strike / 4, strikeE8);
    if (expires) putTimeNs(i32, word + InstrumentAt.expiryNs / 4, r.expiryMs as number);
  }

  marginTable(r: MarginTable): void {
    const { notionalAt = 0, liquidationFeeRate = 0 } = r;
    const { initialBase = 0, initialPerUnit = 0, maintenanceBase = 0, maintenancePerUnit = 0 } = r;
    checkInteger("id", r.id, 1, MARGIN_TABLE_SLOTS - 1);
    checkInteger("model", r.model, MarginModel.Tiered, MarginModel.DeribitOption);
    checkInteger("notionalAt", notionalAt, 0, 1);
    checkRange("liquidationFeeRate", liquidationFeeRate, 0, 1, true);
    if (r.model === MarginModel.SizeScaled) {
      checkPositive("maintenanceBase", maintenanceBase);
      checkRange("initialBase", initialBase, maintenanceBase, 1);
      checkRange("maintenancePerUnit", maintenancePerUnit, 0, Number.MAX_VALUE);
      checkRange("initialPerUnit", initialPerUnit, maintenancePerUnit, Number.MAX_VALUE);
    } else {
      checkRange("initialBase", initialBase, 0, 0);
      checkRange("initialPerUnit", initialPerUnit, 0, 0);
      checkRange("maintenanceBase", maintenanceBase, 0, 0);
      checkRange("maintenancePerUnit", maintenancePerUnit, 0, 0);
    }
    const column = this.columns[ReferenceVector.marginTables];
    const word = this.add(column);
    column.i32[word + MarginTableAt.id / 4] = r.id;
    column.u8[word * 4 + MarginTableAt.model] = r.model;
    column.u8[word * 4 + MarginTableAt.notionalAt] = notionalAt;
    const f64 = column.f64;
    f64[(word + MarginTableAt.liquidationFeeRate / 4) >> 1] = liquidationFeeRate;
    f64[(word + MarginTableAt.initialBase / 4) >> 1] = initialBase;
    f64[(word + MarginTableAt.initialPerUnit / 4) >> 1] = initialPerUnit;
    f64[(word + MarginTableAt.maintenanceBase / 4) >> 1] = maintenanceBase;
    f64[(word + MarginTableAt.maintenancePerUnit / 4) >> 1] = maintenancePerUnit;
  }

  marginTier(r: MarginTier): void {
    checkInteger("table", r.table, 1, MARGIN_TABLE_SLOTS - 1);
    checkRange("notionalFloor", r.notionalFloor, 0, Number.MAX_VALUE);
    checkPositive("maintenanceRate", r.maintenanceRate);
    checkRange("initialRate", r.initialRate, r.maintenanceRate, 1);
    if (r.deduction !== undefined) checkRange("deduction", r.deduction, 0, Number.MAX_VALUE);
    const column = this.columns[ReferenceVector.marginTiers];
    const word = this.add(column);
    column.i32[word + MarginTierAt.table / 4] = r.table;
    const f64 = column.f64;
    f64[(word + MarginTierAt.notionalFloor / 4) >> 1] = r.notionalFloor;
    f64[(word + MarginTierAt.initialRate / 4) >> 1] = r.initialRate;
    f64[(word + MarginTierAt.maintenanceRate / 4) >> 1] = r.maintenanceRate;
    f64[(word + MarginTierAt.deduction / 4) >> 1] = r.deduction ?? Number.NaN;
  }

  accountGroup(r: AccountGroup): void {
    const { name = "" } = r;
    checkInteger("id", r.id, 0, GROUP_SLOTS - 1);
    checkInteger("collateral", r.collateral, 0, 1);
    if (typeof r.hedgeMode !== "boolean") throw new RangeError(`hedgeMode must be true or false; it is ${r.hedgeMode}`);
    checkAscii("name", name, NAME_CHAR_FROM, 0, GROUP_NAME_BYTES);
    const column = this.columns[ReferenceVector.accountGroups];
    const word = this.add(column);
    column.i32[word + AccountGroupAt.id / 4] = r.id;
    column.u8[word * 4 + AccountGroupAt.collateral] = r.collateral;
    column.u8[word * 4 + AccountGroupAt.hedgeMode] = r.hedgeMode ? 1 : 0;
    putAscii(column, word * 4 + AccountGroupAt.name, name);
  }
}

function sizeE12(field: string, value: string | number): bigint {
  const scaled = decimalToScaled(field, value, E12_PLACES);
  if (scaled <= 0n || scaled > INT64_MAX) throw new RangeError(`${field} must be > 0 and at most 9223372; it is ${value}`);
  return scaled;
}

function putAscii(column: StructColumn, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) column.u8[at + i] = text.charCodeAt(i);
}
