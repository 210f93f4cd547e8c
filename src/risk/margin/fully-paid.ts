// A spot holding without a margin model: paid in full when bought, so its whole notional is bound and nothing can be called.
// Portable subset. See docs/margin.md#fully-paid.

import { Workspace } from "../portfolio/workspace";

/** Writes the maintenance margin's piece, which is 0: see margin/model.ts. */
export function fullyPaidPiece(ws: Workspace): void {
  ws.pieceConstant = 0;
  ws.pieceRate = 0;
  ws.pieceSquare = 0;
  ws.pieceFrom = 0;
  ws.pieceTo = Infinity;
}

/** @returns settle asset */
export function fullyPaidInitialMargin(notional: f64, leverage: f64): f64 {
  return leverage > 0 ? notional / leverage : notional;
}
