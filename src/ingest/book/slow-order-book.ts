// The slow twin of the order book: plain maps, sorted whenever something is asked. It holds no state machine, only what the
// levels must be; tests compare the fast book with it.

export class SlowOrderBook {
  readonly bids = new Map<number, number>();
  readonly asks = new Map<number, number>();

  apply(priceTicks: ArrayLike<number>, qtyLots: ArrayLike<number>, offset: number, bidCount: number, askCount: number): void {
    for (let i = 0; i < bidCount + askCount; i++) {
      const side = i < bidCount ? this.bids : this.asks;
      const price = priceTicks[offset + i]!;
      const qty = qtyLots[offset + i]!;
      if (qty === 0) side.delete(price);
      else side.set(price, qty);
    }
  }

  clear(): void {
    this.bids.clear();
    this.asks.clear();
  }

  /** `[price, quantity]` from the best bid (side +1) or ask (side −1) on. */
  levels(side: 1 | -1): [number, number][] {
    return [...(side === 1 ? this.bids : this.asks)].sort(([a], [b]) => (b - a) * side);
  }

  slippage(side: 1 | -1, qtyLots: number): { filledLots: number; averageTicks: number; worstTicks: number } {
    let left = qtyLots;
    const taken: [number, number][] = [];
    for (const [price, lots] of this.levels(side === 1 ? -1 : 1)) {
      if (left === 0) break;
      const take = Math.min(left, lots);
      taken.push([price, take]);
      left -= take;
    }
    const filledLots = taken.reduce((sum, [, take]) => sum + take, 0);
    const paid = taken.reduce((sum, [price, take]) => sum + price * take, 0);
    return { filledLots, averageTicks: paid / filledLots, worstTicks: taken.at(-1)?.[0] ?? Number.NaN };
  }

  depthWithin(bps: number): { bidLots: number; askLots: number } {
    const bids = this.levels(1);
    const asks = this.levels(-1);
    const mid = bids.length > 0 && asks.length > 0 ? (bids[0]![0] + asks[0]![0]) / 2 : Number.NaN;
    if (Number.isNaN(mid)) return { bidLots: Number.NaN, askLots: Number.NaN };
    const reach = (mid * bps) / 10_000;
    const sum = (levels: [number, number][]) =>
      levels.filter(([price]) => Math.abs(price - mid) <= reach).reduce((total, [, lots]) => total + lots, 0);
    return { bidLots: sum(bids), askLots: sum(asks) };
  }
}
