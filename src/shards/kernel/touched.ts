// Accounts whose ledger changed since they were last valued, as a list, so that valuing costs what changed.
//
// An event opens its account's row and leaves it open: readers turn away until the valuation that follows has closed it. So an
// account that ten events of a batch touch is opened once, valued once and closed once. A settlement, which may reach every
// account of the shard, closes each row behind itself and leaves most of them to the refreshing of rows (refresh.ts); their
// flag says that their valuation is behind.
import { AccountAt, AccountFlag, POOL_STATUS_UNKNOWN, PoolAt } from "../../shared/layout/shard";
import { accountRow, beginWrite, endWrite, poolBlock } from "./memory";

const LIST_CAPACITY: u32 = 65536;
/** Holders reached by one settlement that are valued at once; the others when their turn comes. */
const SETTLED_AT_ONCE: u32 = 4096;
const list: usize = heap.alloc(<usize>LIST_CAPACITY * 4);
let listed: u32 = 0;

/** Set when accounts were touched that are not in the list. */
export let touchedBeyond: bool = false;

export function clearTouchedBeyond(): void {
  touchedBeyond = false;
}

/** Whether another event may open a row. */
// @ts-expect-error: decorator
@inline export function canOpen(): bool {
  return listed < LIST_CAPACITY;
}

// @ts-expect-error: decorator
@inline function push(slot: u32): void {
  store<u32>(list + ((<usize>listed) << 2), slot);
  ++listed;
}

/** Opens the row of an account that an event is about to change; it stays open until it is valued. */
// @ts-expect-error: decorator
@inline export function openRow(row: usize, slot: u32): void {
  if (load<u32>(row, AccountAt.seq) & 1) return;
  beginWrite(row);
  store<u32>(row, load<u32>(row, AccountAt.flags) | AccountFlag.Touched, AccountAt.flags);
  // What is known of its pools is older than its ledger from here on: whoever looks at one values the account.
  let link = load<u32>(row, AccountAt.firstPool);
  while (link != 0) {
    const block = poolBlock(link - 1);
    store<u8>(block, POOL_STATUS_UNKNOWN, PoolAt.status);
    link = load<u32>(block, PoolAt.next);
  }
  push(slot);
}

/** Opens the row of an account that a settlement reaches. Returns whether closeSettled has to close it. */
export function openSettled(row: usize): bool {
  if (load<u32>(row, AccountAt.seq) & 1) return false;
  beginWrite(row);
  return true;
}

export function closeSettled(row: usize, slot: u32): void {
  const flags = load<u32>(row, AccountAt.flags);
  if ((flags & AccountFlag.Touched) == 0) {
    store<u32>(row, flags | AccountFlag.Touched, AccountAt.flags);
    if (listed < SETTLED_AT_ONCE) push(slot);
    else touchedBeyond = true;
  }
  endWrite(row);
}

export function touchedCount(): u32 {
  return listed;
}

/** Takes one touched account; its flag is cleared and its row closed by the valuation. */
export function takeTouched(): u32 {
  --listed;
  return load<u32>(list + ((<usize>listed) << 2));
}

/** Whether an account's valuation is behind its ledger. */
// @ts-expect-error: decorator
@inline export function isTouched(slot: u32): bool {
  return (load<u32>(accountRow(slot), AccountAt.flags) & AccountFlag.Touched) != 0;
}
