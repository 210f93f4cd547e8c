// What one contract is worth and moves by, of any kind: computed when reference or market moves, so that an account costs
// multiplications only. Portable subset.

import { KIND_OPTION, PAYOFF_INVERSE, Workspace } from "../portfolio/workspace";
import { inverseUnitDelta, inverseUnitValue } from "./inverse";
import { linearUnitDelta, linearUnitValue } from "./linear";
import { prepareOption } from "./option";

/**
 * Writes the unit* columns of an instrument from its reference and market columns. To be called whenever one of those changed,
 * before accounts that hold it are evaluated.
 */
export function prepareInstrument(ws: Workspace, instrument: i32): void {
  if (ws.instrumentKind[instrument] === KIND_OPTION) {
    prepareOption(ws, instrument);
    return;
  }
  const contractSize = ws.instrumentContractSize[instrument];
  const mark = ws.instrumentMark[instrument];
  const unitValue = unitValueAt(ws, instrument, mark);
  ws.unitValue[instrument] = unitValue;
  ws.unitNotional[instrument] = Math.abs(unitValue);
  ws.unitExposure[instrument] = Math.abs(unitValue);
  ws.unitDelta[instrument] =
    ws.instrumentPayoff[instrument] === PAYOFF_INVERSE ? inverseUnitDelta(contractSize, mark) : linearUnitDelta(contractSize);
  ws.unitGamma[instrument] = 0;
  ws.unitVega[instrument] = 0;
  ws.unitTheta[instrument] = 0;
  ws.unitRho[instrument] = 0;
}

/** Value of +1 contract at a price, settle asset; an option's price is its premium. */
export function unitValueAt(ws: Workspace, instrument: i32, price: f64): f64 {
  const contractSize = ws.instrumentContractSize[instrument];
  return ws.instrumentPayoff[instrument] === PAYOFF_INVERSE
    ? inverseUnitValue(contractSize, price)
    : linearUnitValue(contractSize, price);
}

/**
 * What opening a position at a price left as cash: minus its value then. Unrealised profit at any mark is this plus the value there.
 *
 * @param qty   contracts, signed
 * @param price entry, > 0
 * @returns settle asset: linear −qty·contractSize·price, inverse +qty·contractSize/price
 */
export function openCashAt(ws: Workspace, instrument: i32, qty: f64, price: f64): f64 {
  return -(qty * unitValueAt(ws, instrument, price));
}
