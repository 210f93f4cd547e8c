// Option Greeks the way crypto venues quote them (checked against Deribit's own ticker): Black-76 on the forward with a
// rate of 0, a year of 365 days, vega per vol point, theta per day, rho per 1 %.
// Pure; no allocation; compiled by tsc and by asc. docs/options.md#venue-conventions

import { black76, OptionValues } from "./black";

const YEAR_MS: f64 = 31536000000; // 365 days
const DAYS_PER_YEAR: f64 = 365;
const POINTS: f64 = 100;

/** One option of contract size 1, in venue units. Multiply by quantity and contract size for a position. */
export class VenueGreeks {
  /** price in quote (USD), whatever the premium is paid in */
  priceQuote: f64 = 0;
  /** price in the currency of the premium: base (coin) or quote */
  mark: f64 = 0;
  /** change of priceQuote per 1.00 of the forward; the number of coins that hedge it */
  delta: f64 = 0;
  /** delta less the coins held or owed as premium: the hedge of an account that counts in quote. delta where premium is quote */
  netDelta: f64 = 0;
  /** change of delta per 1.00 of the forward */
  gamma: f64 = 0;
  /** change of priceQuote per vol point (0.01) */
  vega: f64 = 0;
  /** change of priceQuote per day */
  theta: f64 = 0;
  /** change of priceQuote per 1 % of rate, ±K·T·N(±d2)/100 */
  rho: f64 = 0;
  /** the same option before the conversion */
  raw: OptionValues = new OptionValues();
}

/**
 * Time to expiry as venues count it.
 *
 * @param expiryMs expiry, ms since the epoch (08:00 UTC on Deribit)
 * @param asOfMs   valuation time, ms since the epoch
 * @returns years of 365 days; 0 at and after expiry
 */
export function yearsToExpiry(expiryMs: f64, asOfMs: f64): f64 {
  return expiryMs > asOfMs ? (expiryMs - asOfMs) / YEAR_MS : 0;
}

/**
 * Price and Greeks in venue units.
 *
 * @param out             receives the result
 * @param sign            CALL or PUT
 * @param forward         > 0, quote per base: the underlying future or synthetic forward of the option's expiry
 * @param strike          > 0, quote per base
 * @param years           ≥ 0, see yearsToExpiry
 * @param vol             ≥ 0 per √year: a mark_iv of 62.89 is 0.6289
 * @param premiumIsBase   true where the premium is paid in coin (Deribit, OKX), false where in quote
 */
export function venueGreeks(
  out: VenueGreeks,
  sign: f64,
  forward: f64,
  strike: f64,
  years: f64,
  vol: f64,
  premiumIsBase: boolean,
): void {
  const raw: OptionValues = out.raw;
  black76(raw, sign, forward, strike, years, vol, 1);
  out.priceQuote = raw.price;
  out.mark = premiumIsBase ? raw.price / forward : raw.price;
  out.delta = raw.delta;
  out.netDelta = premiumIsBase ? raw.delta - out.mark : raw.delta;
  out.gamma = raw.gamma;
  out.vega = raw.vega / POINTS;
  out.theta = raw.theta / DAYS_PER_YEAR;
  out.rho = raw.rho / POINTS;
}

/**
 * Price in quote of a mark in the currency of the premium: what the implied volatility is taken from.
 *
 * @param mark    in base or quote
 * @param forward > 0
 */
export function markToQuote(mark: f64, forward: f64, premiumIsBase: boolean): f64 {
  return premiumIsBase ? mark * forward : mark;
}
