// Full rows after the market moved: a walk over all accounts that values those whose holdings have changed since they were last
// valued, in chunks, so that account events never wait longer than one chunk. What moves during a walk is taken along by the
// accounts still ahead of it; those behind it are met by the next walk. A burst of ticks costs one walk.
import { AccountAt, AccountFlag, BalanceAt, ControlAt, PoolAt, PoolEntryAt } from "../../shared/layout/shard";
import { assetChange, ContractAt, contractOf } from "./contracts";
import { WATCH_PASSES, WATCH_SLOTS, WATCHED_CHUNK } from "../../shared/limits";
import { accountRow, balanceRow, CONTROL, count, poolBlock, watch } from "./memory";
import { alertsPending, clearAlertsPending } from "./publish";
import { clearTouchedBeyond, touchedBeyond } from "./touched";
import { valueAccount } from "./valuation";

let watchDue: bool = false;
let watchCursor: u32 = 0;
/** Something moved while the watched accounts were gone through. */
let watchAgain: bool = false;

/** What looking at an account costs beside valuing it, in the unit of a chunk's limit. */
const VALUATION_COST: u32 = 8;

let due: bool = false;
let dueAll: bool = false;
let walkAll: bool = false;
let walking: bool = false;
let cursor: u32 = 0;
let end: u32 = 0;
let begunNs: f64 = 0;

/** Something moved that accounts are valued on. */
export function markDue(): void {
  if (watchCursor != 0) watchAgain = true;
  watchDue = true;
  if (due) return;
  due = true;
  atomic.store<u32>(CONTROL, load<u32>(CONTROL, ControlAt.sweepsDue) + 1, ControlAt.sweepsDue);
}

/** Every account is to be valued again, whatever it holds. */
export function markAllDue(): void {
  dueAll = true;
  markDue();
}

function begin(nowNs: f64): void {
  walkAll = dueAll;
  clearTouchedBeyond();
  clearAlertsPending();
  due = false;
  dueAll = false;
  walking = true;
  cursor = 0;
  begunNs = nowNs;
  end = load<u32>(CONTROL, ControlAt.accountCount);
  atomic.store<u32>(CONTROL, load<u32>(CONTROL, ControlAt.refreshPass) + 1, ControlAt.refreshPass);
}

/** Whether something the account holds has changed since its row was written. */
export function isBehind(account: usize): bool {
  if (load<u32>(account, AccountAt.flags) & (AccountFlag.Touched | AccountFlag.AlertPending)) return true;
  const valued = load<u64>(account, AccountAt.valuedChange);
  let link = load<u32>(account, AccountAt.firstPool);
  while (link != 0) {
    const block = poolBlock(link - 1);
    let entry = block + PoolAt.entries;
    const last = entry + <usize>load<u16>(block, PoolAt.count) * PoolEntryAt.bytes;
    for (; entry < last; entry += PoolEntryAt.bytes) {
      if (load<u64>(contractOf(<u32>load<u16>(entry, PoolEntryAt.key) >> 3), ContractAt.change) > valued) return true;
    }
    link = load<u32>(block, PoolAt.next);
  }
  link = load<u32>(account, AccountAt.firstBalance);
  while (link != 0) {
    const row = balanceRow(link - 1);
    if (assetChange(load<u32>(row, BalanceAt.asset)) > valued) return true;
    link = load<u32>(row, BalanceAt.next);
  }
  return false;
}

/** Whether refreshSome has something to do. */
export function isRefreshDue(): bool {
  return walking || due || touchedBeyond || alertsPending;
}

/**
 * Goes on with the walk at hand, or begins one where something is due, until `limit` accounts have been looked at; one that
 * has to be valued counts eight times.
 * @returns accounts looked at, at least 1 while a walk is under way; 0: nothing is due
 */
export function refreshSome(limit: u32, nowNs: f64): u32 {
  if (!walking) {
    if (!isRefreshDue()) return 0;
    markDue();
    begin(nowNs);
  }
  const first = cursor;
  let cost: u32 = 0;
  let valued: u64 = 0;
  for (; cursor < end && cost < limit; ++cursor) {
    ++cost;
    if (walkAll || isBehind(accountRow(cursor))) {
      valueAccount(cursor);
      cost += VALUATION_COST;
      ++valued;
    }
  }
  count(ControlAt.valuations, valued);
  if (cursor >= end) {
    walking = false;
    count(ControlAt.sweeps, 1);
    store<f64>(CONTROL, begunNs, ControlAt.refreshedFromNs);
    // Equal to sweepsDue when nothing has become due since this walk began.
    atomic.store<u32>(CONTROL, load<u32>(CONTROL, ControlAt.sweepsDue) - (due ? 1 : 0), ControlAt.sweepsDone);
  }
  return max(cursor - first, 1);
}

/**
 * Refreshes the rows of accounts that somebody is looking at, ahead of their turn.
 * @returns rows written
 */
export function refreshWatched(): u32 {
  if (!watchDue) return 0;
  const pass = load<u32>(CONTROL, ControlAt.refreshPass);
  const accountEnd = load<u32>(CONTROL, ControlAt.accountCount);
  let valued: u32 = 0;
  for (; watchCursor < <u32>WATCH_SLOTS && valued < <u32>WATCHED_CHUNK; ++watchCursor) {
    const word = watch + (<usize>watchCursor << 2);
    const entry = atomic.load<u32>(word);
    if (entry == 0) continue;
    const slot = (entry & 0xffffff) - 1;
    if (((pass - (entry >> 24)) & 0xff) > <u32>WATCH_PASSES || slot >= accountEnd) {
      // Out of date; where it is renewed in this moment, the renewal is lost and the next one is not.
      atomic.store<u32>(word, 0);
      continue;
    }
    if (!isBehind(accountRow(slot))) continue;
    valueAccount(slot);
    ++valued;
  }
  if (watchCursor == <u32>WATCH_SLOTS) {
    watchCursor = 0;
    watchDue = watchAgain;
    watchAgain = false;
  }
  count(ControlAt.valuations, valued);
  return valued;
}
