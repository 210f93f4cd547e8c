// When funding is settled, and at which rate: the venue's schedule and formula. Pure.

/** Binance settles at 00:00, 08:00 and 16:00 UTC. */
export const FUNDING_INTERVAL_MS = 8 * 3_600_000;
/** The interest component of an 8-hour rate, 0.01 %, in 1e-8. */
export const INTEREST_RATE_E8 = 10_000;
/** How far the rate may depart from the premium, 0.05 %. */
const DAMPING = 0.0005;
/** Cap of the 8-hour rate of BTC and ETH, 0.3 %. */
const RATE_CAP = 0.003;

/** The first settlement after `ms`. */
export function nextFundingMs(ms: number, intervalMs = FUNDING_INTERVAL_MS): number {
  return ms - (ms % intervalMs) + intervalMs;
}

/**
 * Funding rate for an average premium: `premium + clamp(interest − premium, ±0.05 %)`, capped at ±0.3 %.
 *
 * @param premium average of `perpetual ÷ index − 1` over the interval, a fraction
 * @returns rate in 1e-8, rounded to the nearest
 * @see binance.com/en/support/faq/360033525031 (funding rate of a perpetual contract)
 */
export function fundingRateE8(premium: number): number {
  const interest = INTEREST_RATE_E8 / 1e8;
  const damped = premium + Math.min(DAMPING, Math.max(-DAMPING, interest - premium));
  return Math.round(Math.min(RATE_CAP, Math.max(-RATE_CAP, damped)) * 1e8);
}
