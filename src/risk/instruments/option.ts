// European option on a forward. Its price is a premium in quote or in base (coin); profit is linear in that premium, whatever it is
// in, and a contract is contractSize of base. Portable subset. Source: Deribit and OKX contract specifications; see docs/margin.md#options.

import { black76, CALL, PUT } from "../options/black";
import { OPTION_CALL, PREMIUM_BASE, Workspace } from "../portfolio/workspace";

const DAYS_PER_YEAR: f64 = 365;
/** A vol point is 0.01 of volatility, a per cent 0.01 of interest. */
const POINTS_PER_UNIT: f64 = 100;

/**
 * Writes the unit* columns of an option: value from its mark; Greeks by Black-76 on its underlying, undiscounted, as venues show
 * them: vega per vol point, theta per day, rho per per cent. They do not depend on what the premium is in.
 */
export function prepareOption(ws: Workspace, instrument: i32): void {
  const contractSize = ws.instrumentContractSize[instrument];
  const underlying = ws.instrumentUnderlying[instrument];
  const sign = ws.instrumentOptionType[instrument] === OPTION_CALL ? CALL : PUT;
  const values = ws.scratchOption;
  black76(
    values,
    sign,
    underlying,
    ws.instrumentStrike[instrument],
    ws.instrumentYears[instrument],
    ws.instrumentIv[instrument],
    1,
  );
  // In what the profit is booked in, one unit of base is worth this.
  const baseValue: f64 = ws.instrumentPremium[instrument] === PREMIUM_BASE ? 1 : underlying;
  ws.unitValue[instrument] = contractSize * ws.instrumentMark[instrument];
  ws.unitNotional[instrument] = contractSize * baseValue;
  ws.unitExposure[instrument] = contractSize * values.delta * baseValue;
  ws.unitDelta[instrument] = contractSize * values.delta;
  ws.unitGamma[instrument] = contractSize * values.gamma;
  ws.unitVega[instrument] = (contractSize * values.vega) / POINTS_PER_UNIT;
  ws.unitTheta[instrument] = (contractSize * values.theta) / DAYS_PER_YEAR;
  ws.unitRho[instrument] = (contractSize * values.rho) / POINTS_PER_UNIT;
}
