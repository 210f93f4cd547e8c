// How safe a pool is, from the ratio of its equity to its maintenance margin (Binance's uniMMR). Portable subset.
// Source of the bands: Binance unified margin, see docs/margin.md#status. A limit is a comparison that must hold, so a ratio that
// is not a number passes none.

import { STATUS_BANKRUPT, STATUS_LIQUIDATION, STATUS_OK, STATUS_REDUCE_ONLY, STATUS_WARNING } from "./workspace";

/** Equity ÷ maintenance margin above which nothing is said. */
export const WARNING_AT: f64 = 1.5;
/** At or below: no order may add risk. */
export const REDUCE_ONLY_AT: f64 = 1.2;
/** At or below: the pool is liquidated. */
export const LIQUIDATION_AT: f64 = 1.05;

/**
 * Status of a pool.
 *
 * A pool that is not worth more than nothing while it needs margin or owes something is bankrupt; one that needs no margin is ok.
 * Without numbers (NaN) the answer is reduce-only: no risk may be added, and nobody is liquidated on a number that is none.
 *
 * @param equity            in the unit of maintenanceMargin
 * @param maintenanceMargin ≥ 0
 * @returns STATUS_*
 */
export function poolStatus(equity: f64, maintenanceMargin: f64): i32 {
  if (equity <= 0 && (maintenanceMargin > 0 || equity < 0)) return STATUS_BANKRUPT;
  if (equity >= 0 && maintenanceMargin === 0) return STATUS_OK;
  const ratio = equity / maintenanceMargin;
  if (ratio > WARNING_AT) return STATUS_OK;
  if (ratio > REDUCE_ONLY_AT) return STATUS_WARNING;
  if (ratio > LIQUIDATION_AT) return STATUS_REDUCE_ONLY;
  if (ratio <= LIQUIDATION_AT) return STATUS_LIQUIDATION;
  return STATUS_REDUCE_ONLY;
}

/** Maintenance margin ÷ equity; NaN where equity ≤ 0: there is no such ratio. */
export function marginRatio(equity: f64, maintenanceMargin: f64): f64 {
  return equity > 0 ? maintenanceMargin / equity : NaN;
}

/**
 * The larger of `worst` and a pool's maintenance margin ÷ equity: what an account's status goes by, as the account's own ratio is over all
 * its pools together.
 *
 * @returns ∞ where the pool is bankrupt; NaN where one of the numbers is none
 */
export function worseMarginRatio(worst: f64, equity: f64, maintenanceMargin: f64): f64 {
  if (equity >= 0 && maintenanceMargin === 0) return worst;
  if (equity <= 0) return Infinity;
  return Math.max(worst, maintenanceMargin / equity);
}
