// What an asset is worth as collateral. Portable subset. Source: Binance unified margin and multi-assets mode, docs/margin.md#multi-asset.

/**
 * Worth of an asset's equity in a multi-asset pool: `min(equity·price·(1 − haircut), equity·price)`. What is held counts after the
 * haircut, a debt in full.
 *
 * @param equity   units of the asset, signed
 * @param priceUsd USD for one unit, > 0
 * @param haircut  0 … 1
 * @returns USD
 */
export function collateralValueUsd(equity: f64, priceUsd: f64, haircut: f64): f64 {
  const valueUsd = equity * priceUsd;
  return Math.min(valueUsd * (1 - haircut), valueUsd);
}
