// The table an account is evaluated on: typed-array columns, allocated once, filled and read by index.
//
// Written in the common subset of TypeScript and AssemblyScript: REST and `plimsoll eval` run it in Node, the shard kernel runs the
// same file compiled to WebAssembly. One thread owns a workspace; nothing in it is shared or atomic.
//
//   reference + market (fill once, reuse for every account)            account (fill per account)
//   ┌─ asset* ───────┐   ┌─ instrument* ──────────┐                    ┌─ wallet* ──┐ ┌─ position* ─────────┐ ┌─ order* ─────────┐
//   │ price, haircut │◄──│ base, settle           │◄───────────────────│ asset      │ │ instrument, qty, …  │ │ instrument, …    │
//   └────────────────┘   │ tierFirst, tierCount ──┼─► ┌─ tier* ──┐     └────────────┘ └─────────────────────┘ └──────────────────┘
//                        └────────────────────────┘   └──────────┘
//
// How to fill it
//   1. Reference, when it changes: rows of asset*, tier* and instrument*. Tables of tiers lie one after the other in tier*; an
//      instrument names its own by first row and count, several instruments may share one. Where a venue publishes no deductions,
//      `deriveDeductions(ws, first, count)` (margin/tiered.ts) computes them.
//   2. Market, when it moves: instrumentMark, for options instrumentUnderlying, instrumentIv and instrumentYears, and assetPriceUsd.
//      Then `prepareInstrument(ws, i)` (instruments/instrument.ts) for each instrument touched: it computes the unit* columns, so
//      that an account costs multiplications only.
//   3. Account: `collateral`, then rows of wallet*, position*, order* with walletCount, positionCount, orderCount. At most one row
//      an asset in wallet*, one row an instrument in order*, and in position* one row an instrument, or two of opposite signs: a
//      hedge-mode pair, found by itself. No column of a row is left over from the account before: write every one of them.
//   4. `evaluate(ws)` (portfolio/evaluate.ts), or `evaluateMargin(ws)` for everything but the liquidation prices. No allocation,
//      and work proportional to the account's own rows, not to the number of instruments or assets.
//
// How to read it: position outputs by the position's row; pool outputs in rows 0 … poolCount − 1, one for each asset the account's
// cross side touches (poolAsset names it), amounts in that asset; account fields in USD. NaN in a price or a ratio means "there is
// none" (`null` in JSON). In a multi-asset account the pool rows are the assets of the one pool; their equity, before any haircut,
// is a row's own, while the pool's margin ratio and status are the pooled* fields' and are repeated in each row.
//
// Rows are not checked against the capacities, and the kernel is compiled with --uncheckedBehavior always: a column's bounds check
// costs several times its access. Who fills the columns answers for the rows they name.
//
// Isolated positions stand outside the pool rows; the account's totals include them (except availableUsd: their margin is bound).

import { VenueGreeks } from "../options/venue";

/** Each settle asset is a pool of its own. */
export const COLLATERAL_SINGLE_ASSET: i32 = 0;
/** One pool valued in USD: Σ min(equity·price·(1 − haircut), equity·price). */
export const COLLATERAL_MULTI_ASSET: i32 = 1;

export const KIND_SPOT: i32 = 0;
export const KIND_PERPETUAL: i32 = 1;
export const KIND_FUTURE: i32 = 2;
export const KIND_OPTION: i32 = 3;

/** A contract is contractSize of base; profit in quote, booked in the settle asset. Options too, whatever their premium is in. */
export const PAYOFF_LINEAR: i32 = 0;
/** A contract is contractSize of quote; profit in base, which is the settle asset. */
export const PAYOFF_INVERSE: i32 = 1;

export const PREMIUM_QUOTE: i32 = 0;
export const PREMIUM_BASE: i32 = 1;

export const OPTION_CALL: i32 = 0;
export const OPTION_PUT: i32 = 1;

/** Nobody has said which: margins are NaN, so that an account which holds the instrument is never ok. */
export const MODEL_NONE: i32 = 0;
export const MODEL_TIERED: i32 = 1;
export const MODEL_SIZE_SCALED: i32 = 2;
export const MODEL_DERIBIT_OPTION: i32 = 3;
/** A paid-up spot holding. */
export const MODEL_FULLY_PAID: i32 = 4;

export const NOTIONAL_AT_MARK: i32 = 0;
export const NOTIONAL_AT_ENTRY: i32 = 1;

/** In order of severity; an account has the status of its worst pool. */
export const STATUS_OK: i32 = 0;
export const STATUS_WARNING: i32 = 1;
export const STATUS_REDUCE_ONLY: i32 = 2;
export const STATUS_LIQUIDATION: i32 = 3;
export const STATUS_BANKRUPT: i32 = 4;

/** In instrumentBase: the base asset has no row in asset*, so its price moves nothing. */
export const NO_ASSET: i32 = -1;
/** In a scratch index column: nothing there. */
export const NO_ROW: i32 = -1;

export class Workspace {
  // ── assets ──
  /** USD for one unit, > 0. */
  assetPriceUsd: Float64Array;
  /** Share of a positive equity that does not count in a multi-asset pool, 0 … 1. */
  assetHaircut: Float64Array;

  // ── instruments: reference ──
  instrumentKind: Int32Array;
  instrumentPayoff: Int32Array;
  /** Options: whether price and PnL are in quote or in base (coin). 0 for others. */
  instrumentPremium: Int32Array;
  instrumentOptionType: Int32Array;
  instrumentStrike: Float64Array;
  /** Of base for linear contracts and options, of quote for inverse; > 0. */
  instrumentContractSize: Float64Array;
  /** Row in asset* the profit is booked in. */
  instrumentSettle: Int32Array;
  /** Row in asset*, or NO_ASSET. */
  instrumentBase: Int32Array;
  instrumentModel: Int32Array;
  /** MODEL_TIERED: whether notional is taken at the mark or fixed at the entry price. */
  instrumentNotionalAt: Int32Array;
  /** MODEL_TIERED: added to every tier's maintenance rate. */
  instrumentLiquidationFeeRate: Float64Array;
  /** MODEL_TIERED: rows tierFirst … tierFirst + tierCount − 1 of tier*. */
  instrumentTierFirst: Int32Array;
  instrumentTierCount: Int32Array;
  /** MODEL_SIZE_SCALED: rate = base + perUnit · (size in base). */
  instrumentInitialBase: Float64Array;
  instrumentInitialPerUnit: Float64Array;
  instrumentMaintenanceBase: Float64Array;
  instrumentMaintenancePerUnit: Float64Array;

  // ── instruments: market ──
  /** Quote for one base; for an option its premium, in quote or in base. */
  instrumentMark: Float64Array;
  /** Options: the forward of the expiry, in quote. */
  instrumentUnderlying: Float64Array;
  /** Options: annual volatility as a fraction (0.6 is 60 %). */
  instrumentIv: Float64Array;
  /** Options: years of 365 days to expiry, ≥ 0. */
  instrumentYears: Float64Array;

  // ── instruments: per contract, written by prepareInstrument ──
  /** Value of +1 contract at the mark, settle asset: linear mark·contractSize, inverse −contractSize/mark. */
  unitValue: Float64Array;
  /** Notional of one contract, settle asset, > 0; for an option that of its underlying. */
  unitNotional: Float64Array;
  /** Signed exposure of +1 contract to its base, valued in the settle asset: delta times the price of the base. */
  unitExposure: Float64Array;
  /** Greeks of +1 contract: base units; per quote; quote a vol point; quote a day; quote a per cent. */
  unitDelta: Float64Array;
  unitGamma: Float64Array;
  unitVega: Float64Array;
  unitTheta: Float64Array;
  unitRho: Float64Array;

  // ── tier tables ──
  /** Smallest notional of the tier (inclusive), settle asset; 0 in a table's first row, ascending. */
  tierFloor: Float64Array;
  /** Fraction of notional; NaN where the venue gives none and every position has a leverage. */
  tierInitialRate: Float64Array;
  tierMaintenanceRate: Float64Array;
  /** Maintenance amount ("cum"), settle asset: maintenance margin = notional · rate − deduction. */
  tierDeduction: Float64Array;

  // ── account: what it holds ──
  collateral: i32 = COLLATERAL_SINGLE_ASSET;
  walletCount: i32 = 0;
  walletAsset: Int32Array;
  /** Units of the asset, realised; negative is debt. Isolated margin is not part of it. */
  walletBalance: Float64Array;

  positionCount: i32 = 0;
  positionInstrument: Int32Array;
  /** Contracts, signed. */
  positionQty: Float64Array;
  /** Entry as cash in the settle asset: linear −qty·entry·contractSize, inverse +qty·contractSize/entry. */
  positionOpenCash: Float64Array;
  /** 1: stands on positionIsolatedMargin alone; 0: cross. */
  positionIsolated: Int32Array;
  /** Settle asset; read only where positionIsolated is 1. */
  positionIsolatedMargin: Float64Array;
  /** Initial rate is 1 ÷ leverage; 0: not given, the margin model's own rate holds. */
  positionLeverage: Float64Array;

  orderCount: i32 = 0;
  orderInstrument: Int32Array;
  /** Sums over the account's open orders of one instrument: contracts ≥ 0 and Σ qty·price·contractSize (inverse: Σ
   * qty·contractSize/price) in the settle asset. */
  orderBuyQty: Float64Array;
  orderBuyNotional: Float64Array;
  orderSellQty: Float64Array;
  orderSellNotional: Float64Array;
  /** As positionLeverage, for orders of an instrument; the caller writes the account's setting for it, 0 where none. */
  orderLeverage: Float64Array;

  // ── outputs: positions, settle asset ──
  positionNotional: Float64Array;
  positionUnrealizedPnl: Float64Array;
  positionInitialMargin: Float64Array;
  positionMaintenanceMargin: Float64Array;
  /** Status of the pool the position stands in. */
  positionStatus: Int32Array;
  /** Marks, NaN where no positive price exists. */
  positionLiquidationPrice: Float64Array;
  positionBankruptcyPrice: Float64Array;

  // ── outputs: pools (cross), units of poolAsset ──
  poolCount: i32 = 0;
  poolAsset: Int32Array;
  poolWalletBalance: Float64Array;
  poolUnrealizedPnl: Float64Array;
  poolEquity: Float64Array;
  poolInitialMargin: Float64Array;
  poolMaintenanceMargin: Float64Array;
  poolOrderMargin: Float64Array;
  /** Equity − initial margin − order margin; negative is what is missing. In a multi-asset account the row's own difference. */
  poolAvailable: Float64Array;
  /** Maintenance margin ÷ equity; NaN where equity ≤ 0. */
  poolMarginRatio: Float64Array;
  poolStatus: Int32Array;

  // ── outputs: the one pool of a multi-asset account, USD; equity after haircuts ──
  pooledEquityUsd: f64 = 0;
  pooledWalletBalanceUsd: f64 = 0;
  pooledUnrealizedPnlUsd: f64 = 0;
  pooledInitialMarginUsd: f64 = 0;
  pooledMaintenanceMarginUsd: f64 = 0;
  pooledOrderMarginUsd: f64 = 0;
  pooledAvailableUsd: f64 = 0;
  pooledMarginRatio: f64 = NaN;
  pooledStatus: i32 = STATUS_OK;

  // ── outputs: account, USD ──
  equityUsd: f64 = 0;
  walletBalanceUsd: f64 = 0;
  unrealizedPnlUsd: f64 = 0;
  initialMarginUsd: f64 = 0;
  maintenanceMarginUsd: f64 = 0;
  orderMarginUsd: f64 = 0;
  availableUsd: f64 = 0;
  /** Maintenance margin ÷ equity; NaN where equity ≤ 0. */
  marginRatio: f64 = NaN;
  /** The largest maintenance margin ÷ equity of its pools, which its status goes by; ∞ where one is bankrupt. */
  worstMarginRatio: f64 = 0;
  /** Gross exposure ÷ equity; NaN where equity ≤ 0. */
  leverage: f64 = NaN;
  grossExposureUsd: f64 = 0;
  netExposureUsd: f64 = 0;
  status: i32 = STATUS_OK;

  // ── scratch: evaluate's own ──
  /** Pool row of an asset, NO_ROW between evaluations. */
  scratchAssetPool: Int32Array;
  /** Exposure of a pool's positions, USD. */
  scratchPoolGrossUsd: Float64Array;
  scratchPoolNetUsd: Float64Array;
  /** First position row of an instrument, NO_ROW between evaluations. */
  scratchInstrumentPosition: Int32Array;
  /** The other leg of a hedge-mode pair, or NO_ROW. */
  scratchPositionPair: Int32Array;
  /** Pool row a cross position stands in, NO_ROW for an isolated one. */
  scratchPositionPool: Int32Array;
  /** Price and Greeks of the option last prepared. */
  scratchOption: VenueGreeks = new VenueGreeks();
  /** The piece of a maintenance margin last asked for: see margin/model.ts. */
  pieceConstant: f64 = 0;
  pieceRate: f64 = 0;
  pieceSquare: f64 = 0;
  pieceFrom: f64 = 0;
  pieceTo: f64 = 0;
  /** What a liquidation price is solved from: see portfolio/liquidation.ts. */
  solveScale: f64 = 0;
  solveQty: f64 = 0;
  solveCash: f64 = 0;
  solveOtherMaintenance: f64 = 0;
  solveOtherUsd: f64 = 0;
  solveHaircut: f64 = 0;
  solveAlpha: f64 = 0;
  solveBeta: f64 = 0;
  solveGamma: f64 = 0;
  firstSize: f64 = 0;
  firstConstant: f64 = 0;
  firstRate: f64 = 0;
  firstSquare: f64 = 0;
  firstFrom: f64 = 0;
  firstTo: f64 = 0;
  secondSize: f64 = 0;
  secondConstant: f64 = 0;
  secondRate: f64 = 0;
  secondSquare: f64 = 0;
  secondFrom: f64 = 0;
  secondTo: f64 = 0;

  /**
   * Allocates every column; nothing is allocated afterwards. Each capacity is a row count ≥ 1 and is not checked later: a caller
   * that may exceed it checks before it writes.
   */
  constructor(
    readonly assetCapacity: i32,
    readonly instrumentCapacity: i32,
    readonly tierCapacity: i32,
    readonly positionCapacity: i32,
    readonly orderCapacity: i32,
  ) {
    this.assetPriceUsd = new Float64Array(assetCapacity);
    this.assetHaircut = new Float64Array(assetCapacity);

    this.instrumentKind = new Int32Array(instrumentCapacity);
    this.instrumentPayoff = new Int32Array(instrumentCapacity);
    this.instrumentPremium = new Int32Array(instrumentCapacity);
    this.instrumentOptionType = new Int32Array(instrumentCapacity);
    this.instrumentStrike = new Float64Array(instrumentCapacity);
    this.instrumentContractSize = new Float64Array(instrumentCapacity);
    this.instrumentSettle = new Int32Array(instrumentCapacity);
    this.instrumentBase = new Int32Array(instrumentCapacity);
    this.instrumentModel = new Int32Array(instrumentCapacity);
    this.instrumentNotionalAt = new Int32Array(instrumentCapacity);
    this.instrumentLiquidationFeeRate = new Float64Array(instrumentCapacity);
    this.instrumentTierFirst = new Int32Array(instrumentCapacity);
    this.instrumentTierCount = new Int32Array(instrumentCapacity);
    this.instrumentInitialBase = new Float64Array(instrumentCapacity);
    this.instrumentInitialPerUnit = new Float64Array(instrumentCapacity);
    this.instrumentMaintenanceBase = new Float64Array(instrumentCapacity);
    this.instrumentMaintenancePerUnit = new Float64Array(instrumentCapacity);
    this.instrumentMark = new Float64Array(instrumentCapacity);
    this.instrumentUnderlying = new Float64Array(instrumentCapacity);
    this.instrumentIv = new Float64Array(instrumentCapacity);
    this.instrumentYears = new Float64Array(instrumentCapacity);
    this.unitValue = new Float64Array(instrumentCapacity);
    this.unitNotional = new Float64Array(instrumentCapacity);
    this.unitExposure = new Float64Array(instrumentCapacity);
    this.unitDelta = new Float64Array(instrumentCapacity);
    this.unitGamma = new Float64Array(instrumentCapacity);
    this.unitVega = new Float64Array(instrumentCapacity);
    this.unitTheta = new Float64Array(instrumentCapacity);
    this.unitRho = new Float64Array(instrumentCapacity);

    this.tierFloor = new Float64Array(tierCapacity);
    this.tierInitialRate = new Float64Array(tierCapacity);
    this.tierMaintenanceRate = new Float64Array(tierCapacity);
    this.tierDeduction = new Float64Array(tierCapacity);

    this.walletAsset = new Int32Array(assetCapacity);
    this.walletBalance = new Float64Array(assetCapacity);

    this.positionInstrument = new Int32Array(positionCapacity);
    this.positionQty = new Float64Array(positionCapacity);
    this.positionOpenCash = new Float64Array(positionCapacity);
    this.positionIsolated = new Int32Array(positionCapacity);
    this.positionIsolatedMargin = new Float64Array(positionCapacity);
    this.positionLeverage = new Float64Array(positionCapacity);

    this.orderInstrument = new Int32Array(orderCapacity);
    this.orderBuyQty = new Float64Array(orderCapacity);
    this.orderBuyNotional = new Float64Array(orderCapacity);
    this.orderSellQty = new Float64Array(orderCapacity);
    this.orderSellNotional = new Float64Array(orderCapacity);
    this.orderLeverage = new Float64Array(orderCapacity);

    this.positionNotional = new Float64Array(positionCapacity);
    this.positionUnrealizedPnl = new Float64Array(positionCapacity);
    this.positionInitialMargin = new Float64Array(positionCapacity);
    this.positionMaintenanceMargin = new Float64Array(positionCapacity);
    this.positionStatus = new Int32Array(positionCapacity);
    this.positionLiquidationPrice = new Float64Array(positionCapacity);
    this.positionBankruptcyPrice = new Float64Array(positionCapacity);

    this.poolAsset = new Int32Array(assetCapacity);
    this.poolWalletBalance = new Float64Array(assetCapacity);
    this.poolUnrealizedPnl = new Float64Array(assetCapacity);
    this.poolEquity = new Float64Array(assetCapacity);
    this.poolInitialMargin = new Float64Array(assetCapacity);
    this.poolMaintenanceMargin = new Float64Array(assetCapacity);
    this.poolOrderMargin = new Float64Array(assetCapacity);
    this.poolAvailable = new Float64Array(assetCapacity);
    this.poolMarginRatio = new Float64Array(assetCapacity);
    this.poolStatus = new Int32Array(assetCapacity);

    this.scratchAssetPool = new Int32Array(assetCapacity);
    this.scratchPoolGrossUsd = new Float64Array(assetCapacity);
    this.scratchPoolNetUsd = new Float64Array(assetCapacity);
    this.scratchInstrumentPosition = new Int32Array(instrumentCapacity);
    this.scratchPositionPair = new Int32Array(positionCapacity);
    this.scratchPositionPool = new Int32Array(positionCapacity);
    this.scratchAssetPool.fill(NO_ROW);
    this.scratchInstrumentPosition.fill(NO_ROW);
  }
}
