// An evaluated workspace as JSON (`plimsoll eval`'s answer). Runs in Node only.

import { FieldError } from "../validate";
import type { LineNames } from "./read-line";
import { COLLATERAL_MULTI_ASSET, type Workspace } from "./workspace";

export interface Greeks {
  /** units of base */
  delta: number;
  /** delta for one quote of underlying */
  gamma: number;
  /** quote for one vol point (0.01) */
  vega: number;
  /** quote for one day */
  theta: number;
  /** quote for one per cent of interest */
  rho: number;
}

export interface PoolRisk {
  walletBalance: number;
  equity: number;
  unrealizedPnl: number;
  initialMargin: number;
  maintenanceMargin: number;
  orderMargin: number;
  /** equity − initialMargin − orderMargin; negative is what is missing */
  available: number;
  /** maintenanceMargin ÷ equity; null where equity is not above 0 */
  marginRatio: number | null;
}

export interface PositionRisk extends Greeks {
  symbol: string;
  qty: number;
  entryPrice: number;
  markPrice: number;
  notional: number;
  unrealizedPnl: number;
  initialMargin: number;
  maintenanceMargin: number;
  liquidationPrice: number | null;
  bankruptcyPrice: number | null;
}

export const STATUS_NAMES = ["ok", "warning", "reduce-only", "liquidation", "bankrupt"] as const;
export type StatusName = (typeof STATUS_NAMES)[number];

export interface AccountRisk {
  equityUsd: number;
  walletBalanceUsd: number;
  unrealizedPnlUsd: number;
  initialMarginUsd: number;
  maintenanceMarginUsd: number;
  orderMarginUsd: number;
  availableUsd: number;
  marginRatio: number | null;
  /** the largest maintenance margin ÷ equity of its pools, which status goes by; null where one is bankrupt */
  worstMarginRatio: number | null;
  leverage: number | null;
  grossExposureUsd: number;
  netExposureUsd: number;
  status: StatusName;
}

export interface PortfolioRisk {
  id: unknown;
  account: AccountRisk;
  /** by asset; in a multi-asset account the one pool, "USD" */
  pools: Record<string, PoolRisk>;
  /** in the order they came */
  positions: PositionRisk[];
  /** by base asset */
  greeks: Record<string, Greeks>;
}

/** Name of a multi-asset account's pool. */
export const POOLED = "USD";

/** @throws FieldError `out-of-range` where the numbers given, each in its range, multiply to one that is none */
export function writeLine(ws: Workspace, names: LineNames): PortfolioRisk {
  const positions: PositionRisk[] = [];
  const greeks = new Map<string, Greeks>();
  for (let row = 0; row < ws.positionCount; row++) {
    const position = positionRisk(ws, names, row);
    positions.push(position);
    addGreeks(greeks, names.bases[ws.positionInstrument[row]!]!, position);
  }
  return {
    id: names.id,
    account: accountRisk(ws),
    pools: Object.fromEntries(poolRisks(ws, names)),
    positions,
    greeks: Object.fromEntries(greeks),
  };
}

function accountRisk(ws: Workspace): AccountRisk {
  return {
    equityUsd: finite(ws.equityUsd),
    walletBalanceUsd: finite(ws.walletBalanceUsd),
    unrealizedPnlUsd: finite(ws.unrealizedPnlUsd),
    initialMarginUsd: finite(ws.initialMarginUsd),
    maintenanceMarginUsd: finite(ws.maintenanceMarginUsd),
    orderMarginUsd: finite(ws.orderMarginUsd),
    availableUsd: finite(ws.availableUsd),
    marginRatio: finiteOrNull(ws.marginRatio),
    worstMarginRatio: finiteOrNull(ws.worstMarginRatio),
    leverage: finiteOrNull(ws.leverage),
    grossExposureUsd: finite(ws.grossExposureUsd),
    netExposureUsd: finite(ws.netExposureUsd),
    status: STATUS_NAMES[ws.status]!,
  };
}

function poolRisks(ws: Workspace, names: LineNames): [string, PoolRisk][] {
  if (ws.collateral === COLLATERAL_MULTI_ASSET) {
    const pooled = {
      walletBalance: finite(ws.pooledWalletBalanceUsd),
      equity: finite(ws.pooledEquityUsd),
      unrealizedPnl: finite(ws.pooledUnrealizedPnlUsd),
      initialMargin: finite(ws.pooledInitialMarginUsd),
      maintenanceMargin: finite(ws.pooledMaintenanceMarginUsd),
      orderMargin: finite(ws.pooledOrderMarginUsd),
      available: finite(ws.pooledAvailableUsd),
      marginRatio: finiteOrNull(ws.pooledMarginRatio),
    };
    return [[POOLED, pooled]];
  }
  const pools: [string, PoolRisk][] = [];
  for (let row = 0; row < ws.poolCount; row++) {
    const pool = {
      walletBalance: finite(ws.poolWalletBalance[row]!),
      equity: finite(ws.poolEquity[row]!),
      unrealizedPnl: finite(ws.poolUnrealizedPnl[row]!),
      initialMargin: finite(ws.poolInitialMargin[row]!),
      maintenanceMargin: finite(ws.poolMaintenanceMargin[row]!),
      orderMargin: finite(ws.poolOrderMargin[row]!),
      available: finite(ws.poolAvailable[row]!),
      marginRatio: finiteOrNull(ws.poolMarginRatio[row]!),
    };
    pools.push([names.assets[ws.poolAsset[row]!]!, pool]);
  }
  return pools;
}

function positionRisk(ws: Workspace, names: LineNames, row: number): PositionRisk {
  const instrument = ws.positionInstrument[row]!;
  const qty = ws.positionQty[row]!;
  return {
    symbol: names.symbols[instrument]!,
    qty,
    entryPrice: names.entryPrices[row]!,
    markPrice: ws.instrumentMark[instrument]!,
    notional: finite(ws.positionNotional[row]!),
    unrealizedPnl: finite(ws.positionUnrealizedPnl[row]!),
    initialMargin: finite(ws.positionInitialMargin[row]!),
    maintenanceMargin: finite(ws.positionMaintenanceMargin[row]!),
    liquidationPrice: finiteOrNull(ws.positionLiquidationPrice[row]!),
    bankruptcyPrice: finiteOrNull(ws.positionBankruptcyPrice[row]!),
    delta: finite(qty * ws.unitDelta[instrument]!),
    gamma: finite(qty * ws.unitGamma[instrument]!),
    vega: finite(qty * ws.unitVega[instrument]!),
    theta: finite(qty * ws.unitTheta[instrument]!),
    rho: finite(qty * ws.unitRho[instrument]!),
  };
}

function addGreeks(greeks: Map<string, Greeks>, base: string, position: PositionRisk): void {
  const sum = greeks.get(base);
  if (sum === undefined) {
    const { delta, gamma, vega, theta, rho } = position;
    greeks.set(base, { delta, gamma, vega, theta, rho });
    return;
  }
  sum.delta += position.delta;
  sum.gamma += position.gamma;
  sum.vega += position.vega;
  sum.theta += position.theta;
  sum.rho += position.rho;
}

// No non-finite number leaves. The limits on what comes in keep every product finite; this is what holds if one of them is loosened.
function finite(value: number): number {
  if (Number.isFinite(value)) return value + 0;
  throw new FieldError(
    "out-of-range",
    "account",
    "account: the numbers given are too large or too small to be evaluated together",
  );
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
