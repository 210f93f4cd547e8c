// The market memory: reference data and the newest market state. One writer (ingest, on the main thread), many readers
// (shards, api, store). A shard keeps a copy of it inside its own memory in the same layout.
//
//   header 4 KiB | instrument versions u32 × 4096 | instrument rows | asset rows | margin tables | tiers | groups
//
// A row of the instrument section is guarded by its word in the versions array (a seqlock, src/shared/views/seqlock.ts: odd while
// it is being written). The other sections change with reference data, under `referenceVersion`, used the same way; the price of an
// asset also without it, so that its row has a version of its own. Only referenceVersion and the versions say what is whole:
// `marketVersion` says that something changed since it was last looked at.
import { ASSET_SLOTS, GROUP_SLOTS, INSTRUMENT_SLOTS, MARGIN_TABLE_SLOTS, MARGIN_TIER_SLOTS } from "../limits";

export const enum MarketHeaderAt {
  /** u32, seqlock over assets, margin tables, tiers and groups; +2 a change. */
  referenceVersion = 0,
  /** u32, +1 after any instrument row changed. */
  marketVersion = 4,
  /** u32: one more than the highest instrument id in use. */
  instrumentEnd = 8,
  assetEnd = 12,
  tableEnd = 16,
  tierCount = 20,
  groupEnd = 24,
  /** f64, ns since the epoch: the newest event time seen on `market`. */
  eventTimeNs = 32,
  bytes = 4096,
}

// InstrumentRow: 384 bytes. 0..127 is the contract, fixed once published (but for marginTable); the rest is state.
export const enum InstrumentAt {
  /** u32; 0: the row is empty. */
  id = 0,
  marginTable = 4,
  /** 40 ASCII bytes, zero-padded. */
  symbol = 8,
  base = 48,
  quote = 52,
  settle = 56,
  /** u8 each: schemas/reference.fbs names the values. */
  kind = 60,
  payoff = 61,
  premium = 62,
  optionType = 63,
  /** f64: base for linear, quote for inverse. */
  contractSize = 64,
  /** f64, price unit a tick. */
  tickSize = 72,
  /** f64, contracts a lot. */
  lotSize = 80,
  /** f64, price. */
  strike = 88,
  /** i64, ns since the epoch; 0: never. */
  expiryNs = 96,
  /** i64: cash of lots × ticks is lots·ticks·num/den (linear), lots·num/(ticks·den) (inverse), in 1e-8 settle. */
  valueNum = 104,
  valueDen = 112,
  /** f64: 1 ÷ tickSize where that is whole, else 0; dividing by it gives the decimal price itself. */
  ticksPerUnit = 120,

  markTicks = 128,
  mark = 136,
  markTimeNs = 144,
  /** f64, ns of the engine's monotonic clock (src/shared/clock.ts) when the mark arrived. */
  markReceivedNs = 152,
  fundingRate = 160,
  nextFundingNs = 168,
  fundingTimeNs = 176,
  bid = 184,
  bidQty = 192,
  ask = 200,
  askQty = 208,
  quoteTimeNs = 216,
  lastPrice = 224,
  lastQty = 232,
  lastTradeTimeNs = 240,
  /** f64, contracts since the engine started. */
  volume = 248,
  tradeCount = 256,
  iv = 264,
  underlying = 272,
  volTimeNs = 280,
  /** f64: newest sequence seen, a kind. */
  markSeq = 288,
  quoteSeq = 296,
  fundingSeq = 304,
  volSeq = 312,
  tradeSeq = 320,
  /** u32: 1 while the book builder waits for a snapshot. */
  bookState = 328,
  /** u32, newest trade's aggressor. */
  lastSide = 332,
  /** i64: 1e-8 of the base (linear) or quote (inverse) in one lot is num/den. */
  lotNum = 336,
  lotDen = 344,
  /** i64: strike in 1e-8 quote. */
  strikeE8 = 352,
  bytes = 384,
}

export const enum AssetAt {
  id = 0,
  symbol = 4,
  haircut = 16,
  usdPrice = 24,
  priceTimeNs = 32,
  priceSeq = 40,
  receivedNs = 48,
  /** u32, seqlock over this row. */
  version = 56,
  bytes = 64,
}

export const enum MarginTableAt {
  id = 0,
  model = 4,
  notionalAt = 5,
  firstTier = 8,
  tierCount = 12,
  liquidationFeeRate = 16,
  initialBase = 24,
  initialPerUnit = 32,
  maintenanceBase = 40,
  maintenancePerUnit = 48,
  bytes = 64,
}

export const enum TierAt {
  notionalFloor = 0,
  initialRate = 8,
  maintenanceRate = 16,
  deduction = 24,
  bytes = 32,
}

export const enum GroupAt {
  id = 0,
  present = 4,
  collateral = 5,
  hedgeMode = 6,
  name = 8,
  bytes = 32,
}

/** Byte offsets of the sections from the start of the market memory (or of a shard's copy). */
export const MARKET_VERSIONS_OFFSET = MarketHeaderAt.bytes;
export const MARKET_INSTRUMENTS_OFFSET = MARKET_VERSIONS_OFFSET + INSTRUMENT_SLOTS * 4;
export const MARKET_ASSETS_OFFSET = MARKET_INSTRUMENTS_OFFSET + INSTRUMENT_SLOTS * InstrumentAt.bytes;
export const MARKET_TABLES_OFFSET = MARKET_ASSETS_OFFSET + ASSET_SLOTS * AssetAt.bytes;
export const MARKET_TIERS_OFFSET = MARKET_TABLES_OFFSET + MARGIN_TABLE_SLOTS * MarginTableAt.bytes;
export const MARKET_GROUPS_OFFSET = MARKET_TIERS_OFFSET + MARGIN_TIER_SLOTS * TierAt.bytes;
export const MARKET_BYTES = MARKET_GROUPS_OFFSET + GROUP_SLOTS * GroupAt.bytes;
