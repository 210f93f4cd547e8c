// Linear contract: contractSize of base a contract, profit in quote. Perpetuals, futures, spot. Portable subset.

/**
 * Value of +1 contract at a price.
 *
 * @param contractSize base units, > 0
 * @param price        quote for one base, > 0
 * @returns quote
 */
export function linearUnitValue(contractSize: f64, price: f64): f64 {
  return contractSize * price;
}

/** Base units one contract gives exposure to. */
export function linearUnitDelta(contractSize: f64): f64 {
  return contractSize;
}
