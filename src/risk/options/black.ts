// European options on a forward or on an asset: price, Greeks, and the limits where time or volatility runs out.
// Black (1976) and generalised Black–Scholes–Merton are one calculation on two "legs": the asset's and the strike's
// present value. The out-of-the-money option is priced, the other follows by parity, so both keep their digits.
// Pure; no allocation: results go into an object the caller owns. Compiled by tsc and by asc. Formulas, sources and
// conventions: docs/options.md#price-and-greeks.

import { exp } from "../math/exp";
import { log, logRatio } from "../math/log";
import { millsRatio } from "../math/mills";
import { normalisedVega, timeValue } from "./normalised";

/** The sign of an option: a call pays max(S − K, 0), a put max(K − S, 0). */
export const CALL: f64 = 1;
export const PUT: f64 = -1;

/**
 * Price and Greeks of one option, as raw derivatives: vega and volga per 1.00 of volatility, theta per year (the change
 * as time passes, so usually negative), rho per 1.00 of the rate.
 */
export class OptionValues {
  price: f64 = 0;
  /** ∂price/∂F for Black-76 (a value today, so discounted), ∂price/∂S for Black–Scholes */
  delta: f64 = 0;
  gamma: f64 = 0;
  vega: f64 = 0;
  theta: f64 = 0;
  rho: f64 = 0;
  /** ∂²price/∂S∂σ */
  vanna: f64 = 0;
  /** ∂²price/∂σ² */
  volga: f64 = 0;

  // What the above are made of, in units of the legs.
  /** (x + s²/2)/s; 0 where s is 0 */
  d1: f64 = 0;
  /** d1 − s; 0 where s is 0 */
  d2: f64 = 0;
  /** N(±d1), the sign the option's */
  cdf1: f64 = 0;
  /** N(±d2): the probability, in the pricing measure, that the option ends in the money */
  cdf2: f64 = 0;
  /** ∂(value of the legs)/∂s = asset leg · φ(d1) = strike leg · φ(d2) */
  legVega: f64 = 0;
}

// Worth of an option without volatility.
function intrinsic(sign: f64, assetLeg: f64, strikeLeg: f64, x: f64): f64 {
  return sign * x > 0 ? Math.max(sign * (assetLeg - strikeLeg), 0) : 0;
}

// Scale of the normalised price; the product of the roots, because the product of the legs may leave a double's range.
function geometricMean(a: f64, b: f64): f64 {
  return Math.sqrt(a) * Math.sqrt(b);
}

// sign: CALL or PUT; legs > 0; x = ln(assetLeg / strikeLeg); s = σ√T ≥ 0.
function legsPrice(sign: f64, assetLeg: f64, strikeLeg: f64, x: f64, s: f64): f64 {
  const floor: f64 = intrinsic(sign, assetLeg, strikeLeg, x);
  if (s === 0) return floor;
  // The out-of-the-money option of the strike is the call where x ≤ 0 and the put where x > 0; for a put the roles of
  // the legs change and x its sign.
  const h: f64 = -Math.abs(x) / s;
  const t: f64 = 0.5 * s;
  const vega: f64 = geometricMean(assetLeg, strikeLeg) * normalisedVega(h, t);
  return floor + timeValue(h, t, millsRatio(Math.abs(h + t)), millsRatio(t - h), vega, x <= 0 ? assetLeg : strikeLeg);
}

// N(z), given its density's product with `leg`, that leg, and M(|z|).
function cdfFrom(z: f64, legDensity: f64, leg: f64, mills: f64): f64 {
  const tail: f64 = (legDensity / leg) * mills;
  return z <= 0 ? tail : 1 - tail;
}

// The same with what the Greeks need: fills price, d1, d2, cdf1, cdf2 and legVega.
function evaluateLegs(out: OptionValues, sign: f64, assetLeg: f64, strikeLeg: f64, x: f64, s: f64): void {
  const floor: f64 = intrinsic(sign, assetLeg, strikeLeg, x);
  if (s === 0) {
    // The limit from above; exactly at the money it is half way.
    const inTheMoney: f64 = sign * x > 0 ? 1 : x === 0 ? 0.5 : 0;
    out.price = floor;
    out.d1 = 0;
    out.d2 = 0;
    out.cdf1 = inTheMoney;
    out.cdf2 = inTheMoney;
    out.legVega = x === 0 ? assetLeg * normalisedVega(0, 0) : 0;
    return;
  }
  const h: f64 = -Math.abs(x) / s;
  const t: f64 = 0.5 * s;
  const vega: f64 = geometricMean(assetLeg, strikeLeg) * normalisedVega(h, t);
  const near: f64 = millsRatio(Math.abs(h + t));
  const far: f64 = millsRatio(t - h);
  out.legVega = vega;
  if (x <= 0) {
    out.price = floor + timeValue(h, t, near, far, vega, assetLeg);
    out.d1 = h + t;
    out.d2 = h - t;
    out.cdf1 = cdfFrom(sign * out.d1, vega, assetLeg, near);
    out.cdf2 = cdfFrom(sign * out.d2, vega, strikeLeg, far);
  } else {
    out.price = floor + timeValue(h, t, near, far, vega, strikeLeg);
    out.d1 = t - h;
    out.d2 = -(h + t);
    out.cdf1 = cdfFrom(sign * out.d1, vega, assetLeg, far);
    out.cdf2 = cdfFrom(sign * out.d2, vega, strikeLeg, near);
  }
}

// The Greeks that both models write alike. spot: what delta is taken against; discount: what the legs lack.
function commonGreeks(out: OptionValues, spot: f64, rootYears: f64, vol: f64, s: f64, discount: f64): void {
  const vegaTotal: f64 = discount * out.legVega;
  out.vega = vegaTotal * rootYears;
  out.gamma = 0;
  out.vanna = 0;
  out.volga = 0;
  if (vegaTotal === 0) return;
  if (s === 0) {
    // At the money with no volatility left: gamma grows without bound as s falls, and is set to 0 at s = 0 itself.
    // Vanna's limit for σ → 0 is vega/(2S); for T → 0 it is 0, as vega is.
    out.vanna = out.vega / (2 * spot);
    return;
  }
  out.gamma = vegaTotal / (spot * spot * s);
  out.vanna = (-vegaTotal * out.d2) / (spot * vol);
  out.volga = (out.vega * out.d1 * out.d2) / vol;
}

// What a year of waiting costs in volatility's value, σ·∂price/∂s/(2√T). At T = 0 there is no waiting left.
function decay(out: OptionValues, rootYears: f64, vol: f64): f64 {
  return out.legVega === 0 || rootYears === 0 ? 0 : (out.legVega * vol) / (2 * rootYears);
}

/**
 * Black (1976): option on a forward.
 *
 * Theta holds the forward and takes r = −ln(discount)/years as the rate at which the discount runs off. Rho is the
 * one venues and libraries quote for a forward that carries the same rate, ±discount·K·T·N(±d2): spot stays, the
 * forward moves with the rate. (With the forward held, the derivative is −T·price.)
 *
 * @param out      receives the result
 * @param sign     CALL or PUT
 * @param forward  > 0
 * @param strike   > 0
 * @param years    ≥ 0 to expiry
 * @param vol      ≥ 0 per √year, 0.5 is 50 %
 * @param discount > 0, value today of 1 at expiry
 */
export function black76(out: OptionValues, sign: f64, forward: f64, strike: f64, years: f64, vol: f64, discount: f64): void {
  const rootYears: f64 = Math.sqrt(years);
  const s: f64 = vol * rootYears;
  evaluateLegs(out, sign, forward, strike, logRatio(forward, strike), s);
  out.price *= discount;
  out.delta = sign * discount * out.cdf1;
  commonGreeks(out, forward, rootYears, vol, s, discount);
  const rateCost: f64 = years > 0 && discount !== 1 ? (out.price * -log(discount)) / years : 0;
  out.theta = rateCost - discount * decay(out, rootYears, vol);
  out.rho = sign * discount * strike * years * out.cdf2;
}

/** Price alone. @see black76 for the parameters */
export function black76Price(sign: f64, forward: f64, strike: f64, years: f64, vol: f64, discount: f64): f64 {
  return discount * legsPrice(sign, forward, strike, logRatio(forward, strike), vol * Math.sqrt(years));
}

/**
 * Generalised Black–Scholes (Merton 1973): option on an asset that pays a continuous yield.
 *
 * @param out           receives the result
 * @param sign          CALL or PUT
 * @param spot          > 0
 * @param strike        > 0
 * @param years         ≥ 0 to expiry
 * @param vol           ≥ 0 per √year
 * @param rate          continuously compounded, any sign
 * @param dividendYield continuously compounded, any sign; for a currency its own rate
 */
export function blackScholes(
  out: OptionValues,
  sign: f64,
  spot: f64,
  strike: f64,
  years: f64,
  vol: f64,
  rate: f64,
  dividendYield: f64,
): void {
  const rootYears: f64 = Math.sqrt(years);
  const s: f64 = vol * rootYears;
  const carryFactor: f64 = exp(-dividendYield * years);
  const assetLeg: f64 = spot * carryFactor;
  const strikeLeg: f64 = strike * exp(-rate * years);
  evaluateLegs(out, sign, assetLeg, strikeLeg, logMoneyness(spot, strike, years, rate, dividendYield), s);
  out.delta = sign * carryFactor * out.cdf1;
  commonGreeks(out, spot, rootYears, vol, s, 1);
  const carry: f64 = dividendYield * assetLeg * out.cdf1 - rate * strikeLeg * out.cdf2;
  out.theta = sign * carry - decay(out, rootYears, vol);
  out.rho = sign * strikeLeg * years * out.cdf2;
}

/** ln(forward/strike), the forward being spot·e^((rate − dividendYield)·years). */
export function logMoneyness(spot: f64, strike: f64, years: f64, rate: f64, dividendYield: f64): f64 {
  return logRatio(spot, strike) + (rate - dividendYield) * years;
}

/** Price alone. @see blackScholes for the parameters */
export function blackScholesPrice(sign: f64, spot: f64, strike: f64, years: f64, vol: f64, rate: f64, dividendYield: f64): f64 {
  const assetLeg: f64 = spot * exp(-dividendYield * years);
  const strikeLeg: f64 = strike * exp(-rate * years);
  return legsPrice(sign, assetLeg, strikeLeg, logMoneyness(spot, strike, years, rate, dividendYield), vol * Math.sqrt(years));
}
