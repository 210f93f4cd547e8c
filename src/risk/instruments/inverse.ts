// Inverse contract: contractSize of quote a contract, profit in base. Perpetuals and futures. Portable subset.

/**
 * Value of +1 contract at a price: the base its quote amount buys, owed. Rising prices make it smaller, so a long gains.
 *
 * @param contractSize quote units, > 0
 * @param price        quote for one base, > 0
 * @returns base, < 0
 */
export function inverseUnitValue(contractSize: f64, price: f64): f64 {
  return -contractSize / price;
}

/** Base units one contract gives exposure to: its quote amount at the mark. */
export function inverseUnitDelta(contractSize: f64, price: f64): f64 {
  return contractSize / price;
}
