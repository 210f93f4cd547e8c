// Standard margin of options as Deribit defines it: a long is paid for and needs none; a short needs a share of the underlying,
// less for an out-of-the-money strike, and the premium. Source: Deribit standard margin (doc.tslab.pro, bit.com help centre print the
// same formulas). Portable subset. See docs/margin.md#deribit-option.
//
// Per unit of base, U the underlying, m the mark, OTM how far out of the money the strike lies; in base for a coin premium:
//   short call  IM = max(0.15 − OTM/U, 0.10) + m              MM = 0.075 + m
//   short put   IM = max(max(0.15 − OTM/U, 0.10) + m, MM)     MM = max(0.075, 0.075·m) + m
// and the constants times U for a premium in quote.

import { OPTION_CALL, PREMIUM_BASE, Workspace } from "../portfolio/workspace";

const INITIAL_SHARE: f64 = 0.15;
const INITIAL_SHARE_FLOOR: f64 = 0.1;
const MAINTENANCE_SHARE: f64 = 0.075;

/**
 * Writes the maintenance margin's straight piece at a value of the position: see margin/model.ts.
 *
 * @param qty   contracts, signed
 * @param value |qty|·contractSize·mark, settle asset
 * @param below take the piece that ends at `value` where two meet there
 */
export function deribitOptionPiece(ws: Workspace, instrument: i32, qty: f64, value: f64, below: boolean): void {
  ws.pieceFrom = 0;
  ws.pieceTo = Infinity;
  ws.pieceSquare = 0;
  if (qty >= 0) {
    ws.pieceConstant = 0;
    ws.pieceRate = 0;
    return;
  }
  // What the position would be worth at a premium of one underlying.
  const underlyingValue = -qty * underlyingUnit(ws, instrument);
  ws.pieceConstant = MAINTENANCE_SHARE * underlyingValue;
  ws.pieceRate = 1;
  if (ws.instrumentOptionType[instrument] === OPTION_CALL) return;
  // A put dearer than its underlying: the share is taken of the premium.
  if (value < underlyingValue || (below && value === underlyingValue)) {
    ws.pieceTo = underlyingValue;
  } else {
    ws.pieceFrom = underlyingValue;
    ws.pieceConstant = 0;
    ws.pieceRate = 1 + MAINTENANCE_SHARE;
  }
}

/** @returns settle asset; 0 for a long */
export function deribitOptionInitialMargin(ws: Workspace, instrument: i32, qty: f64, value: f64): f64 {
  if (qty >= 0) return 0;
  const underlying = ws.instrumentUnderlying[instrument];
  const strike = ws.instrumentStrike[instrument];
  const isCall = ws.instrumentOptionType[instrument] === OPTION_CALL;
  const outOfTheMoney = Math.max(isCall ? strike - underlying : underlying - strike, 0) / underlying;
  const underlyingValue = -qty * underlyingUnit(ws, instrument);
  const initial = Math.max(INITIAL_SHARE - outOfTheMoney, INITIAL_SHARE_FLOOR) * underlyingValue + value;
  if (isCall) return initial;
  return Math.max(initial, MAINTENANCE_SHARE * Math.max(underlyingValue, value) + value);
}

// The underlying of one contract, in the settle asset.
function underlyingUnit(ws: Workspace, instrument: i32): f64 {
  const contractSize = ws.instrumentContractSize[instrument];
  return ws.instrumentPremium[instrument] === PREMIUM_BASE ? contractSize : contractSize * ws.instrumentUnderlying[instrument];
}
