// Tiered margin ("brackets"): maintenance margin = notional · rate − deduction, both of the tier the notional lies in.
// Sources: Binance FAQ b3c689c1f50a44cabb3a84e663b81d93 (USDⓈ-M) and ceccfcfb4e3a45e3b48b0b1bb1a8ae46 (COIN-M); Bybit and
// Hyperliquid use the same recursion. Portable subset. See docs/margin.md#tiered.

import { Workspace } from "../portfolio/workspace";

/**
 * Writes the maintenance margin's straight piece at a notional: see margin/model.ts.
 *
 * A tier holds from its floor (inclusive) to the next one's. Where a given deduction exceeds what the rate yields (a table cut out
 * of a larger one), margin is 0, never negative.
 *
 * @param notional in the settle asset, ≥ 0
 * @param below    take the piece that ends at `notional` where two meet there
 */
export function tieredPiece(ws: Workspace, instrument: i32, notional: f64, below: boolean): void {
  const row = tierRow(ws, instrument, notional, below);
  const rate = ws.tierMaintenanceRate[row] + ws.instrumentLiquidationFeeRate[instrument];
  const deduction = ws.tierDeduction[row];
  const isLast = row + 1 === ws.instrumentTierFirst[instrument] + ws.instrumentTierCount[instrument];
  ws.pieceSquare = 0;
  ws.pieceTo = isLast ? Infinity : ws.tierFloor[row + 1];
  ws.pieceFrom = ws.tierFloor[row];
  ws.pieceRate = rate;
  ws.pieceConstant = -deduction;
  if (deduction > ws.pieceFrom * rate) {
    const freeTo = Math.min(deduction / rate, ws.pieceTo);
    if (notional < freeTo || (below && notional === freeTo)) {
      ws.pieceTo = freeTo;
      ws.pieceRate = 0;
      ws.pieceConstant = 0;
    } else {
      ws.pieceFrom = freeTo;
    }
  }
}

/**
 * @param leverage of the position, or 0 where the table's own rate holds
 * @returns settle asset; NaN where neither the table nor the position has a rate
 */
export function tieredInitialMargin(ws: Workspace, instrument: i32, notional: f64, leverage: f64): f64 {
  if (leverage > 0) return notional / leverage;
  return notional * ws.tierInitialRate[tierRow(ws, instrument, notional, false)];
}

/**
 * Fills the deductions of a table that has none, so that maintenance margin is continuous at every floor:
 * `cum_0 = 0, cum_n = cum_{n−1} + floor_n · (rate_n − rate_{n−1})`.
 */
export function deriveDeductions(ws: Workspace, first: i32, count: i32): void {
  ws.tierDeduction[first] = 0;
  for (let row = first + 1; row < first + count; row++) deriveDeduction(ws, row);
}

/** One step of the recursion, from the row before. */
export function deriveDeduction(ws: Workspace, row: i32): void {
  const rateStep = ws.tierMaintenanceRate[row] - ws.tierMaintenanceRate[row - 1];
  ws.tierDeduction[row] = ws.tierDeduction[row - 1] + ws.tierFloor[row] * rateStep;
}

// The last tier whose floor is not above the notional; with `below`, whose floor is below it (the first one in any case).
function tierRow(ws: Workspace, instrument: i32, notional: f64, below: boolean): i32 {
  let row = ws.instrumentTierFirst[instrument];
  const last = row + ws.instrumentTierCount[instrument] - 1;
  if (below) {
    while (row < last && ws.tierFloor[row + 1] < notional) row++;
  } else {
    while (row < last && ws.tierFloor[row + 1] <= notional) row++;
  }
  return row;
}
