// An account's risk: PnL, margins, equity and status of every pool, and the account in USD. Portable subset; see workspace.ts for how
// to fill and read. What is summed up over an account is summed up over each pool first, then over the pools, then over the isolated
// positions, all in the order of the rows: equal input gives equal bits wherever it runs.

import { initialMargin, maintenanceMargin, marginValue } from "../margin/model";
import { collateralValueUsd } from "./collateral";
import { solveLiquidationPrices } from "./liquidation";
import { orderMargin } from "./order-margin";
import { marginRatio, poolStatus, worseMarginRatio } from "./status";
import { COLLATERAL_MULTI_ASSET, NO_ROW, STATUS_OK, Workspace } from "./workspace";

/** Everything: evaluateMargin, then the liquidation and bankruptcy price of every position. */
export function evaluate(ws: Workspace): void {
  evaluateMargin(ws);
  solveLiquidationPrices(ws);
}

/** All outputs but positionLiquidationPrice and positionBankruptcyPrice. */
export function evaluateMargin(ws: Workspace): void {
  ws.poolCount = 0;
  clearAccount(ws);
  for (let row = 0; row < ws.walletCount; row++) {
    const pool = poolOf(ws, ws.walletAsset[row]);
    ws.poolWalletBalance[pool] += ws.walletBalance[row];
  }
  for (let position = 0; position < ws.positionCount; position++) addPosition(ws, position);
  for (let row = 0; row < ws.orderCount; row++) {
    const instrument = ws.orderInstrument[row];
    const pool = poolOf(ws, ws.instrumentSettle[instrument]);
    ws.poolOrderMargin[pool] += orderMargin(ws, row, ws.scratchInstrumentPosition[instrument]);
  }
  closePools(ws);
  if (ws.collateral === COLLATERAL_MULTI_ASSET) addPooled(ws);
  for (let position = 0; position < ws.positionCount; position++) {
    const pool = ws.scratchPositionPool[position];
    if (pool === NO_ROW) addIsolated(ws, position);
    else ws.positionStatus[position] = ws.poolStatus[pool];
  }
  ws.marginRatio = marginRatio(ws.equityUsd, ws.maintenanceMarginUsd);
  ws.leverage = marginRatio(ws.equityUsd, ws.grossExposureUsd);
  for (let pool = 0; pool < ws.poolCount; pool++) ws.scratchAssetPool[ws.poolAsset[pool]] = NO_ROW;
  for (let position = 0; position < ws.positionCount; position++) {
    ws.scratchInstrumentPosition[ws.positionInstrument[position]] = NO_ROW;
  }
}

function clearAccount(ws: Workspace): void {
  ws.equityUsd = 0;
  ws.walletBalanceUsd = 0;
  ws.unrealizedPnlUsd = 0;
  ws.initialMarginUsd = 0;
  ws.maintenanceMarginUsd = 0;
  ws.orderMarginUsd = 0;
  ws.availableUsd = 0;
  ws.grossExposureUsd = 0;
  ws.netExposureUsd = 0;
  ws.worstMarginRatio = 0;
  ws.status = STATUS_OK;
}

// The row of an asset's pool, made where there is none.
function poolOf(ws: Workspace, asset: i32): i32 {
  const known = ws.scratchAssetPool[asset];
  if (known !== NO_ROW) return known;
  const pool = ws.poolCount;
  ws.poolCount = pool + 1;
  ws.scratchAssetPool[asset] = pool;
  ws.poolAsset[pool] = asset;
  ws.poolWalletBalance[pool] = 0;
  ws.poolUnrealizedPnl[pool] = 0;
  ws.poolInitialMargin[pool] = 0;
  ws.poolMaintenanceMargin[pool] = 0;
  ws.poolOrderMargin[pool] = 0;
  ws.scratchPoolGrossUsd[pool] = 0;
  ws.scratchPoolNetUsd[pool] = 0;
  return pool;
}

function addPosition(ws: Workspace, position: i32): void {
  const instrument = ws.positionInstrument[position];
  const settle = ws.instrumentSettle[instrument];
  const qty = ws.positionQty[position];
  const signedValue = qty * ws.unitValue[instrument];
  const value = Math.abs(signedValue);
  const entryValue = Math.abs(ws.positionOpenCash[position]);
  const unrealizedPnl = ws.positionOpenCash[position] + signedValue;
  const initial = initialMargin(
    ws,
    instrument,
    qty,
    marginValue(ws, instrument, entryValue, value),
    ws.positionLeverage[position],
  );
  const maintenance = maintenanceMargin(ws, instrument, qty, entryValue, value);
  ws.positionNotional[position] = Math.abs(qty) * ws.unitNotional[instrument];
  ws.positionUnrealizedPnl[position] = unrealizedPnl;
  ws.positionInitialMargin[position] = initial;
  ws.positionMaintenanceMargin[position] = maintenance;

  const other = ws.scratchInstrumentPosition[instrument];
  ws.scratchPositionPair[position] = other;
  if (other === NO_ROW) ws.scratchInstrumentPosition[instrument] = position;
  else ws.scratchPositionPair[other] = position;

  if (ws.positionIsolated[position] === 1) {
    ws.scratchPositionPool[position] = NO_ROW;
    return;
  }
  const pool = poolOf(ws, settle);
  const exposureUsd = positionExposureUsd(ws, position);
  ws.scratchPositionPool[position] = pool;
  ws.scratchPoolGrossUsd[pool] += Math.abs(exposureUsd);
  ws.scratchPoolNetUsd[pool] += exposureUsd;
  ws.poolUnrealizedPnl[pool] += unrealizedPnl;
  ws.poolInitialMargin[pool] += initial;
  ws.poolMaintenanceMargin[pool] += maintenance;
}

function positionExposureUsd(ws: Workspace, position: i32): f64 {
  const instrument = ws.positionInstrument[position];
  return ws.positionQty[position] * ws.unitExposure[instrument] * ws.assetPriceUsd[ws.instrumentSettle[instrument]];
}

// Equity, ratio and status of each asset's row; in a single-asset account each is a pool, and adds to the account.
function closePools(ws: Workspace): void {
  const isPooled = ws.collateral === COLLATERAL_MULTI_ASSET;
  for (let pool = 0; pool < ws.poolCount; pool++) {
    const equity = ws.poolWalletBalance[pool] + ws.poolUnrealizedPnl[pool];
    const available = equity - ws.poolInitialMargin[pool] - ws.poolOrderMargin[pool];
    ws.poolEquity[pool] = equity;
    ws.poolAvailable[pool] = available;
    ws.grossExposureUsd += ws.scratchPoolGrossUsd[pool];
    ws.netExposureUsd += ws.scratchPoolNetUsd[pool];
    if (isPooled) continue;
    const status = poolStatus(equity, ws.poolMaintenanceMargin[pool]);
    ws.poolMarginRatio[pool] = marginRatio(equity, ws.poolMaintenanceMargin[pool]);
    ws.poolStatus[pool] = status;
    if (status > ws.status) ws.status = status;
    ws.worstMarginRatio = worseMarginRatio(ws.worstMarginRatio, equity, ws.poolMaintenanceMargin[pool]);
    const priceUsd = ws.assetPriceUsd[ws.poolAsset[pool]];
    ws.equityUsd += equity * priceUsd;
    ws.walletBalanceUsd += ws.poolWalletBalance[pool] * priceUsd;
    ws.unrealizedPnlUsd += ws.poolUnrealizedPnl[pool] * priceUsd;
    ws.initialMarginUsd += ws.poolInitialMargin[pool] * priceUsd;
    ws.maintenanceMarginUsd += ws.poolMaintenanceMargin[pool] * priceUsd;
    ws.orderMarginUsd += ws.poolOrderMargin[pool] * priceUsd;
    ws.availableUsd += available * priceUsd;
  }
}

// The one pool of a multi-asset account.
function addPooled(ws: Workspace): void {
  let equityUsd: f64 = 0;
  let walletUsd: f64 = 0;
  let unrealizedUsd: f64 = 0;
  let initialUsd: f64 = 0;
  let maintenanceUsd: f64 = 0;
  let orderUsd: f64 = 0;
  for (let pool = 0; pool < ws.poolCount; pool++) {
    const asset = ws.poolAsset[pool];
    const priceUsd = ws.assetPriceUsd[asset];
    equityUsd += collateralValueUsd(ws.poolEquity[pool], priceUsd, ws.assetHaircut[asset]);
    walletUsd += ws.poolWalletBalance[pool] * priceUsd;
    unrealizedUsd += ws.poolUnrealizedPnl[pool] * priceUsd;
    initialUsd += ws.poolInitialMargin[pool] * priceUsd;
    maintenanceUsd += ws.poolMaintenanceMargin[pool] * priceUsd;
    orderUsd += ws.poolOrderMargin[pool] * priceUsd;
  }
  const availableUsd = equityUsd - initialUsd - orderUsd;
  const ratio = marginRatio(equityUsd, maintenanceUsd);
  const status = poolStatus(equityUsd, maintenanceUsd);
  ws.pooledEquityUsd = equityUsd;
  ws.pooledWalletBalanceUsd = walletUsd;
  ws.pooledUnrealizedPnlUsd = unrealizedUsd;
  ws.pooledInitialMarginUsd = initialUsd;
  ws.pooledMaintenanceMarginUsd = maintenanceUsd;
  ws.pooledOrderMarginUsd = orderUsd;
  ws.pooledAvailableUsd = availableUsd;
  ws.pooledMarginRatio = ratio;
  ws.pooledStatus = status;
  for (let pool = 0; pool < ws.poolCount; pool++) {
    ws.poolMarginRatio[pool] = ratio;
    ws.poolStatus[pool] = status;
  }
  ws.equityUsd = equityUsd;
  ws.walletBalanceUsd = walletUsd;
  ws.unrealizedPnlUsd = unrealizedUsd;
  ws.initialMarginUsd = initialUsd;
  ws.maintenanceMarginUsd = maintenanceUsd;
  ws.orderMarginUsd = orderUsd;
  ws.availableUsd = availableUsd;
  ws.worstMarginRatio = worseMarginRatio(0, equityUsd, maintenanceUsd);
  ws.status = status;
}

// An isolated position is a pool of its own; its margin is part of the account's money, but not available to anything else.
function addIsolated(ws: Workspace, position: i32): void {
  const priceUsd = ws.assetPriceUsd[ws.instrumentSettle[ws.positionInstrument[position]]];
  const margin = ws.positionIsolatedMargin[position];
  const exposureUsd = positionExposureUsd(ws, position);
  ws.grossExposureUsd += Math.abs(exposureUsd);
  ws.netExposureUsd += exposureUsd;
  const equity = margin + ws.positionUnrealizedPnl[position];
  const status = poolStatus(equity, ws.positionMaintenanceMargin[position]);
  ws.positionStatus[position] = status;
  if (status > ws.status) ws.status = status;
  ws.worstMarginRatio = worseMarginRatio(ws.worstMarginRatio, equity, ws.positionMaintenanceMargin[position]);
  ws.equityUsd += equity * priceUsd;
  ws.walletBalanceUsd += margin * priceUsd;
  ws.unrealizedPnlUsd += ws.positionUnrealizedPnl[position] * priceUsd;
  ws.initialMarginUsd += ws.positionInitialMargin[position] * priceUsd;
  ws.maintenanceMarginUsd += ws.positionMaintenanceMargin[position] * priceUsd;
}
