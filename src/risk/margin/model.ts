// What a margin model is, and which one an instrument has. Portable subset.
//
// A model is a file with two functions, and a branch in each of the two below:
//
//   …Piece(ws, instrument, qty, value, below)
//       Maintenance margin as a function of the position's value V = |qty · unitValue| (a linear or inverse contract's notional, an
//       option's premium; settle asset). Every model is piecewise
//           MM(V) = constant + rate·V + square·V²      for from ≤ V ≤ to
//       and the function writes the piece that holds at V into ws.piece*. Where two pieces meet at V it writes the upper one, or the
//       lower one if `below` is true. One function thus gives both the margin and what liquidation prices are solved from: they
//       cannot disagree. `square` must be 0 for a linear payoff.
//   …InitialMargin(ws, instrument, qty, value, leverage)
//       Initial margin in the settle asset; leverage 0 where the position has none.
//
// An instrument without a model, or with an empty table of tiers, has NaN margins: what is not known must not pass for nothing.
//
// Both see only reference, market and the arguments; neither allocates. Signed qty in contracts; qty 0 needs no margin.

import {
  MODEL_DERIBIT_OPTION,
  MODEL_FULLY_PAID,
  MODEL_SIZE_SCALED,
  MODEL_TIERED,
  NOTIONAL_AT_ENTRY,
  Workspace,
} from "../portfolio/workspace";
import { deribitOptionInitialMargin, deribitOptionPiece } from "./deribit-option";
import { fullyPaidInitialMargin, fullyPaidPiece } from "./fully-paid";
import { sizeScaledInitialMargin, sizeScaledPiece } from "./size-scaled";
import { tieredInitialMargin, tieredPiece } from "./tiered";

/**
 * Writes into ws.piece* the piece of a position's maintenance margin that holds at `value`.
 *
 * @param qty        contracts, signed
 * @param entryValue |openCash|; read where the instrument's notional is fixed at entry, whose margin is then one constant
 * @param value      |qty · unitValue|, settle asset
 * @param below      take the piece that ends at `value` where two meet there
 */
export function maintenancePiece(ws: Workspace, instrument: i32, qty: f64, entryValue: f64, value: f64, below: boolean): void {
  if (qty === 0) {
    fullyPaidPiece(ws);
  } else if (ws.instrumentNotionalAt[instrument] === NOTIONAL_AT_ENTRY) {
    modelPiece(ws, instrument, qty, entryValue, false);
    ws.pieceConstant = pieceAt(ws, entryValue);
    ws.pieceRate = 0;
    ws.pieceSquare = 0;
    ws.pieceFrom = 0;
    ws.pieceTo = Infinity;
  } else {
    modelPiece(ws, instrument, qty, value, below);
  }
}

/** The margin of the piece last written. */
export function pieceAt(ws: Workspace, value: f64): f64 {
  return ws.pieceConstant + (ws.pieceRate + ws.pieceSquare * value) * value;
}

/** Maintenance margin of a position, settle asset, ≥ 0. Parameters as in maintenancePiece. */
export function maintenanceMargin(ws: Workspace, instrument: i32, qty: f64, entryValue: f64, value: f64): f64 {
  maintenancePiece(ws, instrument, qty, entryValue, value, false);
  return pieceAt(ws, value);
}

/** The value margins are taken of: at the mark, or fixed at entry. */
export function marginValue(ws: Workspace, instrument: i32, entryValue: f64, value: f64): f64 {
  return ws.instrumentNotionalAt[instrument] === NOTIONAL_AT_ENTRY ? entryValue : value;
}

/**
 * Initial margin of a position, settle asset.
 *
 * @param qty      contracts, signed
 * @param value    what marginValue gives, ≥ 0
 * @param leverage initial rate is 1 ÷ leverage; 0: the model's own rate
 */
export function initialMargin(ws: Workspace, instrument: i32, qty: f64, value: f64, leverage: f64): f64 {
  if (qty === 0) return 0;
  const model = ws.instrumentModel[instrument];
  if (model === MODEL_TIERED) {
    return ws.instrumentTierCount[instrument] > 0 ? tieredInitialMargin(ws, instrument, value, leverage) : NaN;
  }
  if (model === MODEL_SIZE_SCALED) return sizeScaledInitialMargin(ws, instrument, qty, value, leverage);
  if (model === MODEL_DERIBIT_OPTION) return deribitOptionInitialMargin(ws, instrument, qty, value);
  if (model === MODEL_FULLY_PAID) return fullyPaidInitialMargin(value, leverage);
  return NaN;
}

function modelPiece(ws: Workspace, instrument: i32, qty: f64, value: f64, below: boolean): void {
  const model = ws.instrumentModel[instrument];
  if (model === MODEL_TIERED && ws.instrumentTierCount[instrument] > 0) tieredPiece(ws, instrument, value, below);
  else if (model === MODEL_SIZE_SCALED) sizeScaledPiece(ws, instrument, qty);
  else if (model === MODEL_DERIBIT_OPTION) deribitOptionPiece(ws, instrument, qty, value, below);
  else if (model === MODEL_FULLY_PAID) fullyPaidPiece(ws);
  else unknownPiece(ws);
}

// A margin nobody knows is not 0.
function unknownPiece(ws: Workspace): void {
  fullyPaidPiece(ws);
  ws.pieceConstant = NaN;
}
