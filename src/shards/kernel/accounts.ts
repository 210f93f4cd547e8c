// Rows of accounts, balances, positions and their terms: found or made. Every pool has a capacity; a full one is a fault of the shard
// (the event that met it is not applied), never a silent loss.

import { AccountAt, BalanceAt, ControlAt, PoolEntryAt, PositionAt, PositionFlag, PositionTermsAt } from "../../shared/layout/shard";
import { BALANCES_PER_ACCOUNT_MAX, POSITIONS_PER_ACCOUNT_MAX } from "../../shared/limits";
import { ContractAt, contractOf } from "./contracts";
import { accountCapacity, accountHash, accountHashMask, accountRow, balanceCapacity, balanceRow, CONTROL, NONE, positionCapacity, positionRow, termsRow } from "./memory";
import { addEntry, findEntry, keyOf, removeEntry } from "./pools";

export { NONE } from "./memory";
/** No slot: the account has as many as one account may have. That is its own affair, not the shard's. */
export const LIMIT: u32 = 0xfffffffe;

/** Same function in src/shared/views/shard-view.ts. */
// @ts-expect-error: decorator
@inline export function hash64(key: u64): u32 {
  let h = <u32>key ^ <u32>(key >> 32) * 0x9e3779b1;
  h = (h ^ (h >> 16)) * 0x85ebca6b;
  h = (h ^ (h >> 13)) * 0xc2b2ae35;
  return h ^ (h >> 16);
}

/** Slot of an account, or NONE. */
export function findAccount(accountId: u64): u32 {
  let at = hash64(accountId) & accountHashMask;
  while (true) {
    const entry = load<u32>(accountHash + (<usize>at << 2));
    if (entry == 0) return NONE;
    if (load<u64>(accountRow(entry - 1), AccountAt.accountId) == accountId) return entry - 1;
    at = (at + 1) & accountHashMask;
  }
}

export function findOrAddAccount(accountId: u64): u32 {
  let at = hash64(accountId) & accountHashMask;
  while (true) {
    const entry = load<u32>(accountHash + (<usize>at << 2));
    if (entry == 0) break;
    if (load<u64>(accountRow(entry - 1), AccountAt.accountId) == accountId) return entry - 1;
    at = (at + 1) & accountHashMask;
  }
  const slot = load<u32>(CONTROL, ControlAt.accountCount);
  if (slot >= accountCapacity) return NONE;
  const row = accountRow(slot);
  store<u64>(row, accountId, AccountAt.accountId);
  store<f64>(row, f64.NaN, AccountAt.marginRatio);
  store<f64>(row, f64.NaN, AccountAt.worstMarginRatio);
  store<f64>(row, f64.NaN, AccountAt.leverage);
  store<f64>(row, Infinity, AccountAt.liquidationDistance);
  store<f64>(row, Infinity, AccountAt.oldestMarkReceivedNs);
  // The row is whole before the hash names it, and the hash names it before the count covers it.
  atomic.store<u32>(accountHash + (<usize>at << 2), slot + 1);
  atomic.store<u32>(CONTROL, slot + 1, ControlAt.accountCount);
  return slot;
}

/** Balance of an asset, made where missing; NONE where the pool is full, LIMIT where the account is. */
export function findOrAddBalance(account: usize, asset: u32): u32 {
  let link: u32 = load<u32>(account, AccountAt.firstBalance);
  let last: u32 = 0;
  while (link != 0) {
    const row = balanceRow(link - 1);
    if (load<u32>(row, BalanceAt.asset) == asset) return link - 1;
    last = link;
    link = load<u32>(row, BalanceAt.next);
  }
  const held = load<u16>(account, AccountAt.balanceCount);
  if (held >= <u16>BALANCES_PER_ACCOUNT_MAX) return LIMIT;
  const slot = load<u32>(CONTROL, ControlAt.balanceCount);
  if (slot >= balanceCapacity) return NONE;
  store<u32>(balanceRow(slot), asset, BalanceAt.asset);
  if (last == 0) store<u32>(account, slot + 1, AccountAt.firstBalance);
  else store<u32>(balanceRow(last - 1), slot + 1, BalanceAt.next);
  store<u16>(account, held + 1, AccountAt.balanceCount);
  atomic.store<u32>(CONTROL, slot + 1, ControlAt.balanceCount);
  return slot;
}

/** Where the last findOrAddPosition found it: its entry in the account's pools. */
export let foundEntry: usize = 0;

/**
 * Row of the position of an instrument, leg and margin mode, made where missing; 0 where the shard's pool is full, LIMIT where the
 * account is. Sets foundEntry and, in pools.ts, foundPool.
 */
export function findOrAddPosition(account: usize, accountSlot: u32, instrument: u32, flags: u32): usize {
  const key = keyOf(instrument, flags);
  const settle = load<u32>(contractOf(instrument), ContractAt.settle);
  const entry = findEntry(account, settle, key);
  if (entry != 0) {
    foundEntry = entry;
    return load<u32>(entry, PoolEntryAt.row);
  }
  return addPosition(account, accountSlot, instrument, flags, settle, key);
}

function addPosition(account: usize, accountSlot: u32, instrument: u32, flags: u32, settle: u32, key: u32): usize {
  const held = load<u16>(account, AccountAt.positionCount);
  if (held >= <u16>POSITIONS_PER_ACCOUNT_MAX) return LIMIT;
  let slot: u32;
  const free = load<u32>(CONTROL, ControlAt.positionFree);
  if (free != 0) {
    slot = free - 1;
    store<u32>(CONTROL, load<u32>(positionRow(slot), PositionAt.next), ControlAt.positionFree);
  } else {
    slot = load<u32>(CONTROL, ControlAt.positionCount);
    if (slot >= positionCapacity) return 0;
    atomic.store<u32>(CONTROL, slot + 1, ControlAt.positionCount);
  }
  const row = positionRow(slot);
  memory.fill(row, 0, PositionAt.bytes);
  store<u16>(row, <u16>instrument, PositionAt.instrument);
  store<u32>(row, accountSlot, PositionAt.account);
  store<u16>(row, <u16>flags, PositionAt.flags);
  store<f64>(row, f64.NaN, PositionAt.markPrice);
  store<f64>(row, f64.NaN, PositionAt.liquidationPrice);
  store<f64>(row, f64.NaN, PositionAt.bankruptcyPrice);
  store<f64>(row, f64.NaN, PositionAt.entryPrice);
  let link = load<u32>(account, AccountAt.firstPosition);
  if (link == 0) store<u32>(account, slot + 1, AccountAt.firstPosition);
  else {
    let last: usize = 0;
    while (link != 0) {
      last = positionRow(link - 1);
      link = load<u32>(last, PositionAt.next);
    }
    store<u32>(last, slot + 1, PositionAt.next);
  }
  store<u16>(account, held + 1, AccountAt.positionCount);
  foundEntry = addEntry(account, accountSlot, settle, key, slot);
  return foundEntry == 0 ? 0 : row;
}

/** Terms of a position, to be written: made where it has none yet. There is a row for every position. */
export function findOrAddTerms(position: usize): usize {
  let slot = load<u32>(position, PositionAt.terms);
  if (slot != 0) return termsRow(slot);
  slot = load<u32>(CONTROL, ControlAt.positionTermsFree);
  if (slot != 0) store<u32>(CONTROL, load<u32>(termsRow(slot), PositionTermsAt.next), ControlAt.positionTermsFree);
  else {
    slot = load<u32>(CONTROL, ControlAt.positionTermsCount);
    store<u32>(CONTROL, slot + 1, ControlAt.positionTermsCount);
  }
  const row = termsRow(slot);
  memory.fill(row, 0, PositionTermsAt.bytes);
  store<u32>(position, slot, PositionAt.terms);
  return row;
}

function releaseTerms(position: usize): void {
  const slot = load<u32>(position, PositionAt.terms);
  if (slot == 0) return;
  store<u32>(termsRow(slot), load<u32>(CONTROL, ControlAt.positionTermsFree), PositionTermsAt.next);
  store<u32>(CONTROL, slot, ControlAt.positionTermsFree);
}

/** Takes a flat position without open orders out of its account and returns its slot, and that of its terms, to their pools. */
export function removePosition(account: usize, slot: u32): void {
  let link = load<u32>(account, AccountAt.firstPosition);
  let last: u32 = 0;
  while (link != 0 && link - 1 != slot) {
    last = link;
    link = load<u32>(positionRow(link - 1), PositionAt.next);
  }
  if (link == 0) return;
  const row = positionRow(slot);
  removeEntry(account, row);
  releaseTerms(row);
  const next = load<u32>(row, PositionAt.next);
  if (last == 0) store<u32>(account, next, AccountAt.firstPosition);
  else store<u32>(positionRow(last - 1), next, PositionAt.next);
  store<u16>(account, load<u16>(account, AccountAt.positionCount) - 1, AccountAt.positionCount);
  store<u16>(row, 0, PositionAt.instrument);
  store<u32>(row, load<u32>(CONTROL, ControlAt.positionFree), PositionAt.next);
  store<u32>(CONTROL, slot + 1, ControlAt.positionFree);
}

/** The three bits of an event's flags that choose a position row: margin mode and hedge leg. */
export function positionFlagsOf(eventFlags: u32): u32 {
  let flags: u32 = 0;
  if (eventFlags & 2) flags |= PositionFlag.Isolated;
  if (eventFlags & 4) flags |= PositionFlag.Long;
  if (eventFlags & 8) flags |= PositionFlag.Short;
  return flags;
}
