// Accounts whose ledger changed since they were last valued. A list, so that valuing costs what changed; the flag in the
// row keeps an account from standing in it twice. When the list is full, everything is touched: the next sweep sees all.
import { AccountAt, AccountFlag } from "../../shared/layout/shard";
import { accountRow } from "./memory";

const LIST_CAPACITY: u32 = 65536;
const list: usize = heap.alloc(<usize>LIST_CAPACITY * 4);
let listed: u32 = 0;

/** Set when more accounts were touched than the list holds: sweep them all. */
export let allTouched: bool = false;

export function touchAll(): void {
  allTouched = true;
}

export function clearAllTouched(): void {
  allTouched = false;
}

export function touch(slot: u32): void {
  const row = accountRow(slot);
  const flags = load<u32>(row, AccountAt.flags);
  if (flags & AccountFlag.Touched) return;
  if (listed == LIST_CAPACITY) {
    allTouched = true;
    return;
  }
  store<u32>(row, flags | AccountFlag.Touched, AccountAt.flags);
  store<u32>(list + ((<usize>listed) << 2), slot);
  ++listed;
}

export function touchedCount(): u32 {
  return listed;
}

/** Takes one touched account; its flag is cleared by the valuation, in the same write. */
export function takeTouched(): u32 {
  --listed;
  return load<u32>(list + ((<usize>listed) << 2));
}
