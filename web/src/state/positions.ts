// The positions of one account, as snapshots and changes build them up.
import { type PositionKey, type PositionRow, positionKey } from "../wire/decode";

export type Positions = ReadonlyMap<string, PositionRow>;

/** Everything there is. */
export function positionsOf(rows: readonly PositionRow[]): Positions {
  return new Map(rows.map((row) => [positionKey(row), row]));
}

/** A change: rows replace those of the same symbol, leg and mode, or are new; `removed` goes. Rows untouched stay the same objects. */
export function withChange(positions: Positions, rows: readonly PositionRow[], removed: readonly PositionKey[]): Positions {
  const next = new Map(positions);
  for (const key of removed) next.delete(positionKey(key));
  for (const row of rows) next.set(positionKey(row), row);
  return next;
}

/**
 * Where the liquidation price lies, seen from the mark: −0.05 is five per cent below it. The side says nothing about the leg:
 * in a hedged pool the larger leg decides for both.
 *
 * @returns fraction of the mark; null where either price is missing
 */
export function liquidationOffset(position: PositionRow): number | null {
  return priceOffset(position.liquidationPrice, position.markPrice);
}

/** (price − mark) ÷ mark; null where either is missing or the mark is not above zero. */
export function priceOffset(price: number | null, mark: number | null): number | null {
  return price === null || mark === null || !(mark > 0) ? null : (price - mark) / mark;
}

/** Nearest to liquidation first; those that have no liquidation price last, by name. */
export function byDistance(positions: Positions): PositionRow[] {
  const distance = (position: PositionRow): number => Math.abs(liquidationOffset(position) ?? Number.POSITIVE_INFINITY);
  return [...positions.values()].sort((a, b) => {
    const [near, far] = [distance(a), distance(b)];
    if (near !== far) return near < far ? -1 : 1;
    return a.symbol < b.symbol ? -1 : a.symbol > b.symbol ? 1 : 0;
  });
}
