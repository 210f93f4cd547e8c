// Pages of accounts over all shards of this engine. Two orders: as the shards hold them (accounts are never removed, so a
// cursor stays valid for ever), and nearest to liquidation first (which changes while one reads: a page is what was true
// when it was made, and the next begins behind the last row's distance).
import { STATUS_NAMES } from "../shared/freshness";
import type { EngineReader, ShardReader } from "./engine";
import { ApiError } from "./errors";

/** Where an account's row lies, and what it is ordered by. */
export interface AccountPlace {
  shard: ShardReader;
  slot: number;
  key: number;
}

export interface AccountPage {
  places: AccountPlace[];
  /** null: this is the last page. */
  nextCursor: string | null;
}

const LIQUIDATION = STATUS_NAMES.indexOf("liquidation");

/** Liquidations before everything, the worse first; then by distance; accounts without one last. */
function distanceKey(shard: ShardReader, slot: number): number {
  const status = shard.statusCode(slot);
  if (status >= LIQUIDATION) return -status;
  const distance = shard.liquidationDistance(slot);
  return Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance;
}

function compare(a: AccountPlace, b: AccountPlace): number {
  if (a.key !== b.key) return a.key < b.key ? -1 : 1;
  return a.shard.partition - b.shard.partition || a.slot - b.slot;
}

const CURSOR = /^(?:([-+.0-9e]{1,32}|Infinity)~)?(\d{1,6})\.(\d{1,10})$/;

function parseCursor(cursor: string, keyed: boolean, field: string): { key: number; partition: number; slot: number } {
  const match = CURSOR.exec(cursor);
  const key = match?.[1] === undefined ? 0 : Number(match[1]);
  if (match === null || (match[1] !== undefined) !== keyed || Number.isNaN(key)) {
    throw new ApiError("INVALID_PARAMS", "not a cursor that this list gave out", field);
  }
  return { key, partition: Number(match[2]), slot: Number(match[3]) };
}

/**
 * Accounts in the order of partition and slot.
 *
 * @param cursor  of the page before; null: from the start
 * @param status  place in STATUS_NAMES, or null for all
 * @param field   what the cursor's parameter is called, for the error
 * @throws ApiError INVALID_PARAMS
 */
export function pageByPlace(
  engine: EngineReader,
  limit: number,
  cursor: string | null,
  status: number | null,
  field: string,
): AccountPage {
  const after = cursor === null ? null : parseCursor(cursor, false, field);
  const places: AccountPlace[] = [];
  for (const shard of engine.shards) {
    if (after !== null && shard.partition < after.partition) continue;
    const count = shard.accountCount();
    for (let slot = after?.partition === shard.partition ? after.slot + 1 : 0; slot < count; slot++) {
      if (status !== null && shard.statusCode(slot) !== status) continue;
      if (places.length === limit) {
        const last = places[limit - 1]!;
        return { places, nextCursor: placeCursor(last) };
      }
      places.push({ shard, slot, key: 0 });
    }
  }
  return { places, nextCursor: null };
}

export function placeCursor(place: AccountPlace): string {
  return `${place.shard.partition}.${place.slot}`;
}

/** Accounts nearest to liquidation first. Parameters and errors as pageByPlace. */
export function pageByDistance(
  engine: EngineReader,
  limit: number,
  cursor: string | null,
  status: number | null,
  field: string,
): AccountPage {
  const after = cursor === null ? null : parseCursor(cursor, true, field);
  // The best limit + 1 so far, in order: one more than is shown tells whether there is a next page.
  const best: AccountPlace[] = [];
  for (const shard of engine.shards) {
    const count = shard.accountCount();
    for (let slot = 0; slot < count; slot++) {
      if (status !== null && shard.statusCode(slot) !== status) continue;
      const key = distanceKey(shard, slot);
      if (after !== null) {
        if (key < after.key) continue;
        if (key === after.key && shard.partition < after.partition) continue;
        if (key === after.key && shard.partition === after.partition && slot <= after.slot) continue;
      }
      const full = best.length > limit;
      if (full && key > best[limit]!.key) continue;
      const place = { shard, slot, key };
      if (full && compare(place, best[limit]!) >= 0) continue;
      let low = 0;
      let high = best.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (compare(best[middle]!, place) < 0) low = middle + 1;
        else high = middle;
      }
      best.splice(low, 0, place);
      if (full) best.pop();
    }
  }
  const places = best.slice(0, limit);
  const last = places.at(-1);
  return { places, nextCursor: best.length > limit && last !== undefined ? `${last.key}~${placeCursor(last)}` : null };
}
