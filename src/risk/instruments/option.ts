// European option on a forward. Its price is a premium in quote or in base (coin); profit is linear in that premium, whatever it is
// in, and a contract is contractSize of base. Portable subset. Source: Deribit and OKX contract specifications; see docs/margin.md#options.

import { CALL, PUT } from "../options/black";
import { venueGreeks } from "../options/venue";
import { OPTION_CALL, PREMIUM_BASE, Workspace } from "../portfolio/workspace";

/**
 * Writes the unit* columns of an option: value from its mark, Greeks from its underlying and vol, as venues show them (vega per vol
 * point, theta per day, rho per per cent). They do not depend on what the premium is in.
 */
export function prepareOption(ws: Workspace, instrument: i32): void {
  const contractSize = ws.instrumentContractSize[instrument];
  const underlying = ws.instrumentUnderlying[instrument];
  const sign = ws.instrumentOptionType[instrument] === OPTION_CALL ? CALL : PUT;
  const isCoin = ws.instrumentPremium[instrument] === PREMIUM_BASE;
  const greeks = ws.scratchOption;
  const strike = ws.instrumentStrike[instrument];
  venueGreeks(greeks, sign, underlying, strike, ws.instrumentYears[instrument], ws.instrumentIv[instrument], isCoin);
  // In what the profit is booked in, one unit of base is worth this.
  const baseValue: f64 = isCoin ? 1 : underlying;
  ws.unitValue[instrument] = contractSize * ws.instrumentMark[instrument];
  ws.unitNotional[instrument] = contractSize * baseValue;
  ws.unitExposure[instrument] = contractSize * greeks.delta * baseValue;
  ws.unitDelta[instrument] = contractSize * greeks.delta;
  ws.unitGamma[instrument] = contractSize * greeks.gamma;
  ws.unitVega[instrument] = contractSize * greeks.vega;
  ws.unitTheta[instrument] = contractSize * greeks.theta;
  ws.unitRho[instrument] = contractSize * greeks.rho;
}
