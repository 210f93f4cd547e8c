// Size-scaled margin: the rate grows with the position's own size, rate = base + perUnit · (size in base).
// Source: Deribit futures, support.deribit.com 25944738177565 and 25944826427293. Portable subset. See docs/margin.md#size-scaled.

import { PAYOFF_INVERSE, Workspace } from "../portfolio/workspace";

/**
 * Writes the maintenance margin's piece: one for all notionals, see margin/model.ts.
 *
 * A linear position has a fixed size, so its margin is a straight line; an inverse one's size is its notional (both in base), so its
 * margin is a parabola in it.
 *
 * @param qty contracts, signed
 */
export function sizeScaledPiece(ws: Workspace, instrument: i32, qty: f64): void {
  ws.pieceConstant = 0;
  ws.pieceFrom = 0;
  ws.pieceTo = Infinity;
  if (ws.instrumentPayoff[instrument] === PAYOFF_INVERSE) {
    ws.pieceRate = ws.instrumentMaintenanceBase[instrument];
    ws.pieceSquare = ws.instrumentMaintenancePerUnit[instrument];
  } else {
    const sizeBase = Math.abs(qty) * ws.instrumentContractSize[instrument];
    ws.pieceRate = ws.instrumentMaintenanceBase[instrument] + ws.instrumentMaintenancePerUnit[instrument] * sizeBase;
    ws.pieceSquare = 0;
  }
}

/** @returns settle asset; notional ÷ leverage where a leverage is given */
export function sizeScaledInitialMargin(ws: Workspace, instrument: i32, qty: f64, notional: f64, leverage: f64): f64 {
  if (leverage > 0) return notional / leverage;
  const isInverse = ws.instrumentPayoff[instrument] === PAYOFF_INVERSE;
  const sizeBase = isInverse ? notional : Math.abs(qty) * ws.instrumentContractSize[instrument];
  return notional * (ws.instrumentInitialBase[instrument] + ws.instrumentInitialPerUnit[instrument] * sizeBase);
}
