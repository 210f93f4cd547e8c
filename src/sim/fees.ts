// Trading fees in integers. Notional × rate is a product of integers and powers of ten, so a fee in 1e-8 of the settle asset
// is exact before its one rounding, which goes up: against the account.
import type { Instrument } from "./instruments";

/** A fee as a fraction of integers: linear `qty × price × num ÷ den`, inverse `qty × num ÷ (price × den)`. */
export interface FeeFactors {
  readonly inverse: boolean;
  readonly num: number;
  readonly den: number;
}

/**
 * The constant part of an instrument's fee.
 *
 * @param rateE8 fee rate in 1e-8 of the notional, 0 or more
 * @throws RangeError where the reduced fraction is not of safe integers
 */
export function feeFactors(instrument: Instrument, rateE8: number): FeeFactors {
  const { tick, lot } = instrument;
  const inverse = instrument.payoff === "inverse";
  // The 1e-8 of the rate and the 1e8 units of the result cancel.
  let num = BigInt(lot.mantissa) * BigInt(instrument.contractSize) * BigInt(rateE8);
  let den = 10n ** BigInt(lot.decimals);
  if (inverse) {
    num *= 10n ** BigInt(tick.decimals);
    den *= BigInt(tick.mantissa);
  } else {
    num *= BigInt(tick.mantissa);
    den *= 10n ** BigInt(tick.decimals);
  }
  const divisor = gcd(num, den);
  const factors = { inverse, num: Number(num / divisor), den: Number(den / divisor) };
  if (!Number.isSafeInteger(factors.num) || !Number.isSafeInteger(factors.den)) {
    throw new RangeError(`${instrument.symbol}: fee rate ${rateE8} does not fit`);
  }
  return factors;
}

/**
 * Fee of a fill in 1e-8 of the settle asset, rounded up.
 *
 * @param qtyLots    above 0
 * @param priceTicks above 0
 */
export function feeE8(factors: FeeFactors, qtyLots: number, priceTicks: number): number {
  const top = factors.inverse ? qtyLots * factors.num : qtyLots * priceTicks * factors.num;
  const bottom = factors.inverse ? priceTicks * factors.den : factors.den;
  if (top > Number.MAX_SAFE_INTEGER || bottom > Number.MAX_SAFE_INTEGER) return feeE8Exact(factors, qtyLots, priceTicks);
  const rest = top % bottom;
  return (top - rest) / bottom + (rest > 0 ? 1 : 0);
}

/** The same in BigInt: the slow twin of `feeE8`, and its way out where a product is not a safe integer. */
export function feeE8Exact(factors: FeeFactors, qtyLots: number, priceTicks: number): number {
  const price = BigInt(priceTicks);
  const top = BigInt(qtyLots) * BigInt(factors.num) * (factors.inverse ? 1n : price);
  const bottom = BigInt(factors.den) * (factors.inverse ? price : 1n);
  return Number((top + bottom - 1n) / bottom);
}

function gcd(a: bigint, b: bigint): bigint {
  return b === 0n ? a : gcd(b, a % b);
}
