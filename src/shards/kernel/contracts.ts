// What the hot paths need of an instrument, in two cache lines instead of two dozen columns: filled from the market copy
// whenever the instrument, its margin table or its mark changes, by the same functions that fill the workspace of src/risk/,
// so that both paths start from the same bits.
//
// A contract is LEAN when lean.ts can value it: a linear or inverse perpetual or future, tiered at the mark, with a table
// whose margin is continuous and never free. Everything else goes the general way.
import { InstrumentKind } from "../../../schemas/generated/instrument-kind";
import { OptionType } from "../../../schemas/generated/option-type";
import { Payoff } from "../../../schemas/generated/payoff";
import { Premium } from "../../../schemas/generated/premium";
import { prepareInstrument } from "../../risk/instruments/instrument";
import { maintenanceMargin } from "../../risk/margin/model";
import { WARNING_AT } from "../../risk/portfolio/status";
import {
  MODEL_DERIBIT_OPTION,
  MODEL_FULLY_PAID,
  MODEL_SIZE_SCALED,
  MODEL_TIERED,
  NO_ASSET,
  NOTIONAL_AT_ENTRY,
  Workspace,
} from "../../risk/portfolio/workspace";
import { AssetAt, InstrumentAt, MarginTableAt, MarketHeaderAt, TierAt } from "../../shared/layout/market";
import {
  ASSET_SLOTS,
  INSTRUMENT_SLOTS,
  MARGIN_TABLE_SLOTS,
  MARGIN_TIER_SLOTS,
  POSITIONS_PER_ACCOUNT_MAX,
  TIERS_PER_TABLE_MAX,
} from "../../shared/limits";
import { assetRow, instrumentRow, marginTableRow, market, tierRow } from "./memory";

const YEAR_NS: f64 = 365.0 * 86400.0 * 1e9;

/** The general workspace: what is not lean is valued in it. */
export const ws = new Workspace(ASSET_SLOTS, INSTRUMENT_SLOTS, MARGIN_TIER_SLOTS, POSITIONS_PER_ACCOUNT_MAX, POSITIONS_PER_ACCOUNT_MAX);

/** A contract as the hot paths read it; 128 bytes. */
export const enum ContractAt {
  /** u32: ContractFlag. */
  flags = 0,
  /** u32: address of its margin table's first PieceAt record. */
  pieces = 4,
  /** f64, settle asset: value of +1 contract at the mark. */
  unitValue = 8,
  unitExposure = 16,
  mark = 24,
  contractSize = 32,
  lotSize = 40,
  /** i64 and f64: event time and arrival of the mark, ns. */
  markTimeNs = 48,
  markReceivedNs = 56,
  /** i64: exact factors of the ledger, see InstrumentAt. */
  valueNum = 64,
  valueDen = 72,
  /** u32 */
  settle = 80,
  /** u32: where its table's pieces end. */
  piecesEnd = 84,
  /** f64, settle asset: what the bounds of trigger.ts scale its moves by. */
  scale = 88,
  /** f64, settle asset: maintenance of −1 contract where margin is that times the quantity (options). */
  shortMargin = 96,
  /** u64: changeCount when what it shows (mark, arrival, terms) last changed. */
  change = 104,
  /** u32: address of its table's bounds (see loadTable), and how many pairs of them there are of each kind. */
  bounds = 112,
  boundPairs = 116,
  /** u32: positions in it, flat ones included. */
  holders = 120,
  /** u32: address of its table's last piece where it is lean and marked, else 0. */
  lastPiece = 124,
  bytes = 128,
}

export const enum ContractFlag {
  /** lean.ts values it. */
  Lean = 1,
  /** Its mark and, for an option, underlying and vol are there. */
  Marked = 2,
  Inverse = 4,
  Option = 8,
  Spot = 16,
  /** Tiered, but not lean: margin jumps at a floor, is free below one, or its rate falls. */
  Jumps = 32,
  /** Margin is fixed at entry. */
  AtEntry = 64,
  SizeScaled = 128,
  /** No bound is known for its margin: whoever holds it is valued at every mark. */
  Unbounded = 256,
  /** The row is there. */
  Known = 512,
}

/** How clearly a root must lie inside a tier, as a share of it, to be taken without searching. */
export const INSIDE: f64 = 1e-9;

/** One tier of a table as a piece of its margin: margin = constant + rate · value for from ≤ value < to; 64 bytes. */
export const enum PieceAt {
  from = 0,
  to = 8,
  /** Maintenance rate and liquidation fee rate. */
  rate = 16,
  /** 1 + WARNING_AT · the largest rate of any tier that a value of this one can come to by growing by a half: see look.ts. */
  weight = 24,
  /** −deduction. */
  constant = 32,
  initialRate = 40,
  /** from and to, moved a little into the tier: a value between them is clearly inside. */
  fromInside = 48,
  toInside = 56,
  bytes = 64,
}

function alignedAlloc(bytes: usize): usize {
  const at = (heap.alloc(bytes + 128) + 127) & ~(<usize>127);
  memory.fill(at, 0, bytes);
  return at;
}

const contracts: usize = alignedAlloc(INSTRUMENT_SLOTS * ContractAt.bytes);
// Pieces of a table: its tiers' own places, so that a table with the same first tier has the same pieces. A table without
// tiers has none.
const pieces: usize = alignedAlloc(MARGIN_TIER_SLOTS * PieceAt.bytes);
// Bounds of a table's tiers, so that a tier is found by counting, without a branch that depends on the value. Three rows of f64,
// each padded with ∞ to a whole number of pairs, for tiers 1, 2, …:
//   floor | floor − margin at the floor | floor + margin at the floor
// A position of value V lies in the tier whose number is how many floors are ≤ V. The second and third row say the same of
// V − margin(V) and V + margin(V): what a pool without cash of its own would have, as V falls or grows, at the liquidation price.
const boundsSpace: usize = alignedAlloc((MARGIN_TIER_SLOTS + MARGIN_TABLE_SLOTS * 4) * 3 * 8);
let boundsUsed: usize = 0;
const tableBounds = new Uint32Array(MARGIN_TABLE_SLOTS);
// Per table: ContractFlag.Jumps where its margin is not continuous, and its largest rate.
const tableFlags = new Uint32Array(MARGIN_TABLE_SLOTS);
const tableRateMax = new Float64Array(MARGIN_TABLE_SLOTS);

// @ts-expect-error: decorator
@inline export function contractOf(instrument: u32): usize {
  return contracts + <usize>instrument * ContractAt.bytes;
}

const assetPrices: usize = ws.assetPriceUsd.dataStart;

/**
 * Changes of contracts and assets so far. An account valued at a lower count than that of something it holds is behind. The
 * market's own version does not serve for this: a row that could not be copied at a version is copied later at the same one.
 * 64 bits: at 10,000 marks a second 32 would be used up in five days, and rows stand still from then on.
 */
export let changeCount: u64 = 1;
const assetChanges = new Uint64Array(ASSET_SLOTS);

// @ts-expect-error: decorator
@inline export function assetChange(asset: u32): u64 {
  return load<u64>(assetChanges.dataStart + (<usize>asset << 3));
}

/** USD for one unit. */
// @ts-expect-error: decorator
@inline export function assetPrice(asset: u32): f64 {
  return load<f64>(assetPrices + (<usize>asset << 3));
}

/** Share of a positive equity that does not count in a multi-asset pool. */
export function assetHaircut(asset: u32): f64 {
  return ws.assetHaircut[asset];
}

export function isMarked(instrument: u32): bool {
  return (load<u32>(contractOf(instrument), ContractAt.flags) & ContractFlag.Marked) != 0;
}

/** Reads assets, tiers and margin tables again, then every instrument. */
export function loadReference(): void {
  const assetEnd = load<u32>(market, MarketHeaderAt.assetEnd);
  for (let id: u32 = 0; id < assetEnd; ++id) loadAsset(id);
  const tierCount = load<u32>(market, MarketHeaderAt.tierCount);
  for (let index: u32 = 0; index < tierCount; ++index) {
    const row = tierRow(index);
    ws.tierFloor[index] = load<f64>(row, TierAt.notionalFloor);
    ws.tierInitialRate[index] = load<f64>(row, TierAt.initialRate);
    ws.tierMaintenanceRate[index] = load<f64>(row, TierAt.maintenanceRate);
    ws.tierDeduction[index] = load<f64>(row, TierAt.deduction);
  }
  const tableEnd = load<u32>(market, MarketHeaderAt.tableEnd);
  boundsUsed = 0;
  for (let id: u32 = 0; id < tableEnd; ++id) loadTable(id);
  const end = load<u32>(market, MarketHeaderAt.instrumentEnd);
  for (let id: u32 = 1; id < end; ++id) {
    // Not what it was: its terms are read again in full.
    store<u32>(contractOf(id), 0, ContractAt.flags);
    loadInstrument(id);
  }
}

/** Returns whether its price or haircut is another. */
export function loadAsset(id: u32): bool {
  const row = assetRow(id);
  const price = load<f64>(row, AssetAt.usdPrice);
  const haircut = load<f64>(row, AssetAt.haircut);
  if (price == ws.assetPriceUsd[id] && haircut == ws.assetHaircut[id]) return false;
  ws.assetPriceUsd[id] = price;
  ws.assetHaircut[id] = haircut;
  assetChanges[id] = ++changeCount;
  return true;
}

/** Above it a price moves a pool's equity and its margin by all but the same, and roots are not clear of rounding. */
const LEAN_RATE_MAX: f64 = 0.9;

// How far a derived deduction may be from continuous by rounding, as a share of the margin at the floor. The bounds of look.ts do
// not know of such a step: it must be less than what is called near there (NOISE).
const CONTINUOUS: f64 = 1e-12;

function loadTable(id: u32): void {
  const table = marginTableRow(id);
  const first = load<u32>(table, MarginTableAt.firstTier);
  const count = load<u32>(table, MarginTableAt.tierCount);
  const fee = load<f64>(table, MarginTableAt.liquidationFeeRate);
  let flags: u32 = 0;
  let rateMax: f64 = 0;
  if (count > <u32>TIERS_PER_TABLE_MAX || first + count > <u32>MARGIN_TIER_SLOTS) return;
  for (let n: u32 = 0; n < count; ++n) {
    const index = first + n;
    const piece = pieces + <usize>index * PieceAt.bytes;
    const from = ws.tierFloor[index];
    const rate = ws.tierMaintenanceRate[index] + fee;
    const deduction = ws.tierDeduction[index];
    store<f64>(piece, from, PieceAt.from);
    store<f64>(piece, n + 1 == count ? Infinity : ws.tierFloor[index + 1], PieceAt.to);
    store<f64>(piece, from * (1 + INSIDE), PieceAt.fromInside);
    store<f64>(piece, load<f64>(piece, PieceAt.to) * (1 - INSIDE), PieceAt.toInside);
    store<f64>(piece, rate, PieceAt.rate);
    store<f64>(piece, -deduction, PieceAt.constant);
    store<f64>(piece, ws.tierInitialRate[index], PieceAt.initialRate);
    rateMax = max(rateMax, rate);
    // Free of margin below some notional, or a rate that is none: not what the lean path computes.
    if (!(deduction <= from * rate) || !(rate >= 0) || !(ws.tierInitialRate[index] >= 0)) flags = ContractFlag.Jumps;
    if (n == 0) {
      if (from != 0 || deduction != 0) flags = ContractFlag.Jumps;
      continue;
    }
    const before = piece - PieceAt.bytes;
    const below = load<f64>(before, PieceAt.constant) + load<f64>(before, PieceAt.rate) * from;
    const above = from * rate - deduction;
    if (!(abs(above - below) <= CONTINUOUS * abs(above))) flags = ContractFlag.Jumps;
    // The lean path and the bounds of trigger.ts rest on margins that grow ever faster.
    if (!(from > load<f64>(before, PieceAt.from)) || !(rate >= load<f64>(before, PieceAt.rate))) flags = ContractFlag.Jumps;
  }
  for (let n: u32 = 0; n < count; ++n) {
    const piece = pieces + <usize>(first + n) * PieceAt.bytes;
    let above = load<f64>(piece, PieceAt.rate);
    for (let m = n + 1; m < count; ++m) {
      const later = pieces + <usize>(first + m) * PieceAt.bytes;
      if (load<f64>(later, PieceAt.from) > 1.5 * load<f64>(piece, PieceAt.to)) break;
      above = max(above, load<f64>(later, PieceAt.rate));
    }
    store<f64>(piece, 1 + WARNING_AT * above, PieceAt.weight);
  }
  tableFlags[id] = flags;
  tableRateMax[id] = rateMax;
  const pairs = pairsOf(count);
  const bounds = boundsSpace + boundsUsed;
  boundsUsed += <usize>pairs * 48;
  tableBounds[id] = <u32>bounds;
  for (let n: u32 = 0; n < pairs * 2; ++n) {
    const at = bounds + (<usize>n << 3);
    const isTier = n + 1 < count;
    const piece = pieces + <usize>(first + n + 1) * PieceAt.bytes;
    const floor = isTier ? load<f64>(piece, PieceAt.from) : Infinity;
    const margin = isTier ? load<f64>(piece, PieceAt.constant) + load<f64>(piece, PieceAt.rate) * floor : 0;
    store<f64>(at, floor);
    store<f64>(at + <usize>pairs * 16, floor - margin);
    store<f64>(at + <usize>pairs * 32, floor + margin);
  }
}

// Pairs of bounds between `tiers` tiers; at least two, which are counted without a loop.
function pairsOf(tiers: u32): u32 {
  return max(tiers >> 1, 2);
}

/** What a new state of an instrument's row means for those who hold it. */
export const enum Moved {
  /** Nothing they are valued on. */
  Nothing = 0,
  /** The same mark arrived again: their numbers stand, their times do not. */
  Times = 1,
  /** Values changed by a mark (or an option's underlying and vol). */
  Values = 2,
  /** Its terms changed, or a mark appeared or vanished. */
  Terms = 3,
}

export function loadInstrument(id: u32): Moved {
  const row = instrumentRow(id);
  if (load<u32>(row, InstrumentAt.id) != id) return Moved.Nothing;
  const contract = contractOf(id);
  const flagsBefore = load<u32>(contract, ContractAt.flags);
  const isKnown = (flagsBefore & ContractFlag.Known) != 0;
  let flags = isKnown ? flagsBefore & ~ContractFlag.Marked : loadTerms(id, row, contract);

  const mark = load<f64>(row, InstrumentAt.mark);
  const receivedNs = load<f64>(row, InstrumentAt.markReceivedNs);
  const isRepeated = receivedNs == load<f64>(contract, ContractAt.markReceivedNs);
  let isSame = isKnown && mark == ws.instrumentMark[id];
  let whole = mark > 0;
  ws.instrumentMark[id] = mark;
  if (flags & ContractFlag.Option) {
    const underlying = load<f64>(row, InstrumentAt.underlying);
    const iv = load<f64>(row, InstrumentAt.iv);
    isSame = isSame && isRepeated && underlying == ws.instrumentUnderlying[id] && iv == ws.instrumentIv[id];
    ws.instrumentUnderlying[id] = underlying;
    ws.instrumentIv[id] = iv;
    // An option's mark may be nothing; what it is valued on may not.
    whole = mark >= 0 && underlying > 0 && iv > 0 && load<f64>(row, InstrumentAt.markTimeNs) > 0;
  }
  if (whole) flags |= ContractFlag.Marked;
  store<u32>(contract, flags, ContractAt.flags);
  const isLean = (flags & ContractFlag.Lean) != 0 && whole;
  store<u32>(contract, isLean ? load<u32>(contract, ContractAt.piecesEnd) - PieceAt.bytes : 0, ContractAt.lastPiece);
  if (flags == flagsBefore && isSame) {
    if (isRepeated) return Moved.Nothing;
    noteTimes(row, contract, receivedNs);
    return Moved.Times;
  }
  noteTimes(row, contract, receivedNs);
  if (whole) {
    if (flags & ContractFlag.Option) {
      const left = (<f64>load<i64>(row, InstrumentAt.expiryNs) - load<f64>(market, MarketHeaderAt.eventTimeNs)) / YEAR_NS;
      ws.instrumentYears[id] = left > 0 ? left : 0;
    }
    prepareInstrument(ws, id);
    store<f64>(contract, mark, ContractAt.mark);
    store<f64>(contract, ws.unitValue[id], ContractAt.unitValue);
    store<f64>(contract, ws.unitExposure[id], ContractAt.unitExposure);
    let scale = abs(ws.unitValue[id]);
    if (flags & ContractFlag.Option) {
      store<f64>(contract, maintenanceMargin(ws, id, -1, 0, abs(ws.unitValue[id])), ContractAt.shortMargin);
      scale = max(scale, ws.unitNotional[id]);
    }
    store<f64>(contract, scale, ContractAt.scale);
  }
  return flags == flagsBefore ? Moved.Values : Moved.Terms;
}

function noteTimes(row: usize, contract: usize, receivedNs: f64): void {
  store<i64>(contract, <i64>load<f64>(row, InstrumentAt.markTimeNs), ContractAt.markTimeNs);
  store<f64>(contract, receivedNs, ContractAt.markReceivedNs);
  store<u64>(contract, ++changeCount, ContractAt.change);
}

// The contract itself and its margin table: columns of the workspace, and what follows from them.
function loadTerms(id: u32, row: usize, contract: usize): u32 {
  const kind = load<u8>(row, InstrumentAt.kind);
  // The wire counts its enumerations from 1, 0 being "none"; the columns count from 0.
  ws.instrumentKind[id] = <i32>kind - 1;
  ws.instrumentPayoff[id] = <i32>load<u8>(row, InstrumentAt.payoff) - 1;
  ws.instrumentPremium[id] = load<u8>(row, InstrumentAt.premium) == Premium.Base ? 1 : 0;
  ws.instrumentOptionType[id] = load<u8>(row, InstrumentAt.optionType) == OptionType.Put ? 1 : 0;
  ws.instrumentStrike[id] = load<f64>(row, InstrumentAt.strike);
  ws.instrumentContractSize[id] = load<f64>(row, InstrumentAt.contractSize);
  ws.instrumentSettle[id] = load<u32>(row, InstrumentAt.settle);
  const base = load<u32>(row, InstrumentAt.base);
  ws.instrumentBase[id] = base == 0 ? NO_ASSET : <i32>base;
  const tableId = load<u32>(row, InstrumentAt.marginTable);
  const table = marginTableRow(tableId);
  const model: i32 = kind == InstrumentKind.Spot ? MODEL_FULLY_PAID : <i32>load<u8>(table, MarginTableAt.model);
  const tierCount = load<u32>(table, MarginTableAt.tierCount);
  ws.instrumentModel[id] = model;
  ws.instrumentNotionalAt[id] = load<u8>(table, MarginTableAt.notionalAt);
  ws.instrumentLiquidationFeeRate[id] = load<f64>(table, MarginTableAt.liquidationFeeRate);
  ws.instrumentTierFirst[id] = load<u32>(table, MarginTableAt.firstTier);
  ws.instrumentTierCount[id] = tierCount;
  ws.instrumentInitialBase[id] = load<f64>(table, MarginTableAt.initialBase);
  ws.instrumentInitialPerUnit[id] = load<f64>(table, MarginTableAt.initialPerUnit);
  ws.instrumentMaintenanceBase[id] = load<f64>(table, MarginTableAt.maintenanceBase);
  ws.instrumentMaintenancePerUnit[id] = load<f64>(table, MarginTableAt.maintenancePerUnit);

  let flags: u32 = ContractFlag.Known;
  const isInverse = load<u8>(row, InstrumentAt.payoff) == Payoff.Inverse;
  const atEntry = ws.instrumentNotionalAt[id] == NOTIONAL_AT_ENTRY;
  if (isInverse) flags |= ContractFlag.Inverse;
  if (kind == InstrumentKind.Option) flags |= ContractFlag.Option;
  if (kind == InstrumentKind.Spot) flags |= ContractFlag.Spot;
  if (atEntry) flags |= ContractFlag.AtEntry;
  if (model == MODEL_SIZE_SCALED) flags |= ContractFlag.SizeScaled;
  if (model == MODEL_TIERED && tierCount > 0) {
    flags |= tableFlags[tableId];
    const isDerivative = kind == InstrumentKind.Perpetual || kind == InstrumentKind.Future;
    if (isDerivative && !atEntry && (tableFlags[tableId] & ContractFlag.Jumps) == 0 && tableRateMax[tableId] <= LEAN_RATE_MAX) flags |= ContractFlag.Lean;
  }
  if (flags & (ContractFlag.Jumps | ContractFlag.Spot)) flags |= ContractFlag.Unbounded;
  if (kind == InstrumentKind.Option) {
    if (model != MODEL_DERIBIT_OPTION || atEntry) flags |= ContractFlag.Unbounded;
  } else if (model != MODEL_SIZE_SCALED && !(model == MODEL_TIERED && tierCount > 0)) flags |= ContractFlag.Unbounded;
  store<u32>(contract, <u32>(pieces + <usize>load<u32>(table, MarginTableAt.firstTier) * PieceAt.bytes), ContractAt.pieces);
  store<u32>(contract, load<u32>(contract, ContractAt.pieces) + tierCount * PieceAt.bytes, ContractAt.piecesEnd);
  store<f64>(contract, load<f64>(row, InstrumentAt.contractSize), ContractAt.contractSize);
  store<f64>(contract, load<f64>(row, InstrumentAt.lotSize), ContractAt.lotSize);
  store<i64>(contract, load<i64>(row, InstrumentAt.valueNum), ContractAt.valueNum);
  store<i64>(contract, load<i64>(row, InstrumentAt.valueDen), ContractAt.valueDen);
  store<u32>(contract, load<u32>(row, InstrumentAt.settle), ContractAt.settle);
  store<u32>(contract, tableBounds[tableId], ContractAt.bounds);
  store<u32>(contract, pairsOf(tierCount), ContractAt.boundPairs);
  return flags;
}
