// One side of an order book: its price levels in two sorted arrays, best level last, so that a change near the top of the
// book, where nearly all of them are, moves few levels. Both sides share the code: a side stores `price × direction`, and the
// best level is the greatest key.

const START_LEVELS = 2048;
/** Levels a side may hold. A book that needs more is broken input: venues publish 1,000 to 5,000 a side and trim by distance. */
export const MAX_SIDE_LEVELS = 1 << 17;
/** Below this many moved levels a plain loop beats `copyWithin` and its call. */
const COPY_FROM = 32;

export class BookSide {
  private keys = new Float64Array(START_LEVELS);
  private lots = new Float64Array(START_LEVELS);
  /** Number of levels. */
  count = 0;

  /** @param direction +1 for bids, −1 for asks */
  constructor(readonly direction: 1 | -1) {}

  clear(): void {
    this.count = 0;
  }

  /** Best price in ticks, NaN where the side is empty. */
  get bestTicks(): number {
    return this.count === 0 ? Number.NaN : this.keys[this.count - 1]! * this.direction;
  }

  /** Quantity at the best price in lots, NaN where the side is empty. */
  get bestLots(): number {
    return this.count === 0 ? Number.NaN : this.lots[this.count - 1]!;
  }

  /** Price of the level `rank` places behind the best (0 is the best), 0 ≤ rank < count. */
  ticksAt(rank: number): number {
    return this.keys[this.count - 1 - rank]! * this.direction;
  }

  /** Quantity of the level `rank` places behind the best. */
  lotsAt(rank: number): number {
    return this.lots[this.count - 1 - rank]!;
  }

  /**
   * Sets a level's quantity; 0 removes it, and removing a level that is not there changes nothing.
   *
   * @returns false where the side is full, and then nothing has changed
   */
  set(priceTicks: number, qtyLots: number): boolean {
    const key = priceTicks * this.direction;
    const { keys, lots } = this;
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    if (low < this.count && keys[low] === key) {
      if (qtyLots > 0) lots[low] = qtyLots;
      else this.remove(low);
      return true;
    }
    return qtyLots === 0 || this.insert(low, key, qtyLots);
  }

  private remove(at: number): void {
    const last = --this.count;
    const { keys, lots } = this;
    if (last - at >= COPY_FROM) {
      keys.copyWithin(at, at + 1, last + 1);
      lots.copyWithin(at, at + 1, last + 1);
      return;
    }
    for (let i = at; i < last; i++) {
      keys[i] = keys[i + 1]!;
      lots[i] = lots[i + 1]!;
    }
  }

  private insert(at: number, key: number, qtyLots: number): boolean {
    if (this.count === this.keys.length && !this.grow()) return false;
    const { keys, lots, count } = this;
    if (count - at >= COPY_FROM) {
      keys.copyWithin(at + 1, at, count);
      lots.copyWithin(at + 1, at, count);
    } else {
      for (let i = count; i > at; i--) {
        keys[i] = keys[i - 1]!;
        lots[i] = lots[i - 1]!;
      }
    }
    keys[at] = key;
    lots[at] = qtyLots;
    this.count = count + 1;
    return true;
  }

  private grow(): boolean {
    const size = this.keys.length * 2;
    if (size > MAX_SIDE_LEVELS) return false;
    const keys = new Float64Array(size);
    const lots = new Float64Array(size);
    keys.set(this.keys);
    lots.set(this.lots);
    this.keys = keys;
    this.lots = lots;
    return true;
  }
}
