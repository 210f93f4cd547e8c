// Pools: what each margin pool of each account holds, side by side in blocks (drawn in src/shared/layout/shard.ts). The rows
// are the truth; this is what the hot paths and the sweeps read of them. An entry follows its row within the event that
// changes it; cash and scale follow when the account is valued, before any sweep can look.
//
// A block is found through its account, or by walking the arena from its beginning: every unit below poolEnd belongs to exactly one
// block, used or free, and every block's header says how long it is.
import {
  AccountAt,
  BalanceAt,
  ControlAt,
  POOL_FREE,
  POOL_GROUP_UNITS,
  POOL_ISOLATED,
  POOL_ORDER_MAX,
  POOL_STATUS_UNKNOWN,
  POOL_UNIT_BYTES,
  PoolAt,
  PoolEntryAt,
  PoolEntryFlag,
  PositionAt,
  PositionFlag,
  PositionTermsAt,
} from "../../shared/layout/shard";
import { NONE } from "./accounts";
import { ContractAt, contractOf } from "./contracts";
import { accountRow, balanceRow, CONTROL, groupRow, instrumentRow, poolBlock, poolSafe, poolSafeMinima, poolUnits, pools, positionRow, termsOf } from "./memory";
import { GroupAt, InstrumentAt } from "../../shared/layout/market";
import { INSTRUMENT_SLOTS } from "../../shared/limits";

const UNIT: f64 = 100000000;

// Heads of the lists of free blocks by order, unit + 1.
const freeHeads = new Uint32Array(POOL_ORDER_MAX + 1);

/** Raised when blocks moved as a whole: whoever walks the arena begins again. */
export let rebuilds: u32 = 0;

/** Unit a walk over all blocks has come to: a block's first, whatever is merged meanwhile. */
export let walkUnit: u32 = 0;

export function setWalkUnit(unit: u32): void {
  walkUnit = unit;
}

// @ts-expect-error: decorator
@inline export function unitOf(block: usize): u32 {
  return <u32>((block - pools) / POOL_UNIT_BYTES);
}

// @ts-expect-error: decorator
@inline export function entryOf(block: usize, index: u32): usize {
  return block + PoolAt.entries + <usize>index * PoolEntryAt.bytes;
}

// @ts-expect-error: decorator
@inline function capacityOf(order: u32): u32 {
  return (((<u32>POOL_UNIT_BYTES) << order) - PoolAt.entries) / PoolEntryAt.bytes;
}

/** Key of a position: instrument, leg and mode in 16 bits. */
// @ts-expect-error: decorator
@inline export function keyOf(instrument: u32, flags: u32): u32 {
  return (instrument << 3) | flags;
}

/** How far marks may move from where they were at the last sweep before the pool's status can change; below 0: look at it. */
// @ts-expect-error: decorator
@inline export function setSafe(unit: u32, bound: f32): void {
  store<f32>(poolSafe + (<usize>unit << 2), bound);
  const minimum = poolSafeMinima + (<usize>(unit / POOL_GROUP_UNITS) << 2);
  if (bound < load<f32>(minimum)) store<f32>(minimum, bound);
}

/** The pool has to be looked at before anything is said about its status. */
// @ts-expect-error: decorator
@inline export function setUnsafe(block: usize): void {
  setSafe(unitOf(block), -1);
}

// ── blocks: buddy allocation ──

function pushFree(unit: u32, order: u32): void {
  const block = poolBlock(unit);
  const head = freeHeads[order];
  store<u32>(block, POOL_FREE, PoolAt.account);
  store<u32>(block, head, PoolAt.next);
  store<u32>(block, 0, PoolAt.id);
  store<u16>(block, 0, PoolAt.count);
  store<u8>(block, <u8>order, PoolAt.order);
  if (head != 0) store<u32>(poolBlock(head - 1), unit + 1, PoolAt.id);
  freeHeads[order] = unit + 1;
  store<f32>(poolSafe + (<usize>unit << 2), f32.MAX_VALUE);
}

function takeFree(unit: u32, order: u32): void {
  const block = poolBlock(unit);
  const next = load<u32>(block, PoolAt.next);
  const before = load<u32>(block, PoolAt.id);
  if (before != 0) store<u32>(poolBlock(before - 1), next, PoolAt.next);
  else freeHeads[order] = next;
  if (next != 0) store<u32>(poolBlock(next - 1), before, PoolAt.id);
}

// A free block of 2^order units, or NONE.
function allocate(order: u32): u32 {
  for (let larger = order; larger <= <u32>POOL_ORDER_MAX; ++larger) {
    const head = freeHeads[larger];
    if (head == 0) continue;
    const unit = head - 1;
    takeFree(unit, larger);
    // The upper halves go back.
    while (larger > order) {
      --larger;
      pushFree(unit + (<u32>1 << larger), larger);
    }
    return unit;
  }
  const size = <u32>1 << order;
  let end = load<u32>(CONTROL, ControlAt.poolEnd);
  const unit = (end + size - 1) & ~(size - 1);
  if (unit + size > poolUnits) return NONE;
  // Bounds of units that no pool begins at are above every other, to the end of the group.
  for (let group = (end + POOL_GROUP_UNITS - 1) / POOL_GROUP_UNITS; group * POOL_GROUP_UNITS < unit + size; ++group) {
    store<f32>(poolSafeMinima + (<usize>group << 2), f32.MAX_VALUE);
    for (let at = group * POOL_GROUP_UNITS; at < (group + 1) * POOL_GROUP_UNITS; ++at) store<f32>(poolSafe + (<usize>at << 2), f32.MAX_VALUE);
  }
  // What lies between the old end and the first aligned unit is free, and the end moves along: beyond it there are no headers.
  while (end < unit) {
    const gap = ctz(end);
    store<u32>(CONTROL, end + (<u32>1 << gap), ControlAt.poolEnd);
    release(end, gap);
    end += <u32>1 << gap;
  }
  store<u32>(CONTROL, unit + size, ControlAt.poolEnd);
  return unit;
}

function release(unit: u32, order: u32): void {
  const end = load<u32>(CONTROL, ControlAt.poolEnd);
  while (order < <u32>POOL_ORDER_MAX) {
    const buddy = unit ^ (<u32>1 << order);
    if (buddy + (<u32>1 << order) > end) break;
    // Aligned to this size, a buddy is the beginning of a block no larger than it: its header is one.
    const block = poolBlock(buddy);
    if (load<u32>(block, PoolAt.account) != POOL_FREE || <u32>load<u8>(block, PoolAt.order) != order) break;
    takeFree(buddy, order);
    // Where two become one, the upper one's header is no header any more.
    store<f32>(poolSafe + (<usize>(unit | buddy) << 2), f32.MAX_VALUE);
    unit &= buddy;
    ++order;
  }
  pushFree(unit, order);
  // A walk that stood before what is now the middle of a free block goes on behind it.
  if (walkUnit > unit && walkUnit < unit + (<u32>1 << order)) walkUnit = unit + (<u32>1 << order);
}

// ── pools of an account ──

// What led to a block: the word that holds its unit + 1.
let linkTo: usize = 0;

/** Pool of an account by id, or 0. */
export function findPool(account: usize, id: u32): usize {
  linkTo = account + AccountAt.firstPool;
  let link = load<u32>(linkTo);
  while (link != 0) {
    const block = poolBlock(link - 1);
    if (load<u32>(block, PoolAt.id) == id) return block;
    linkTo = block + PoolAt.next;
    link = load<u32>(linkTo);
  }
  return 0;
}

function newPool(accountSlot: u32, id: u32, settle: u32): usize {
  const unit = allocate(0);
  if (unit == NONE) return 0;
  const block = poolBlock(unit);
  memory.fill(block, 0, PoolAt.entries);
  store<u32>(block, accountSlot, PoolAt.account);
  store<u32>(block, id, PoolAt.id);
  store<u8>(block, <u8>settle, PoolAt.settle);
  store<u8>(block, POOL_STATUS_UNKNOWN, PoolAt.status);
  store<u32>(linkTo, unit + 1);
  setSafe(unit, -1);
  return block;
}

// The same pool in a block of twice the size, or 0. linkTo leads to it.
function grow(block: usize): usize {
  const order = <u32>load<u8>(block, PoolAt.order);
  const unit = allocate(order + 1);
  if (unit == NONE) return 0;
  const larger = poolBlock(unit);
  memory.copy(larger, block, (<usize>POOL_UNIT_BYTES) << order);
  store<u8>(larger, <u8>(order + 1), PoolAt.order);
  store<u32>(linkTo, unit + 1);
  release(unitOf(block), order);
  setSafe(unit, -1);
  return larger;
}

/** Where the last findEntry or addEntry found its entry: the block it is in. */
export let foundPool: usize = 0;

// @ts-expect-error: decorator
@inline export function poolId(settle: u32, key: u32): u32 {
  return key & PositionFlag.Isolated ? POOL_ISOLATED | key : settle;
}

/** Entry of a position in its account's pools, or 0. */
export function findEntry(account: usize, settle: u32, key: u32): usize {
  const block = findPool(account, poolId(settle, key));
  foundPool = block;
  if (block == 0) return 0;
  let entry = block + PoolAt.entries;
  const end = entry + <usize>load<u16>(block, PoolAt.count) * PoolEntryAt.bytes;
  for (; entry < end; entry += PoolEntryAt.bytes) if (<u32>load<u16>(entry, PoolEntryAt.key) == key) return entry;
  return 0;
}

function addHolder(instrument: u32, by: i32): void {
  const contract = contractOf(instrument);
  store<u32>(contract, load<u32>(contract, ContractAt.holders) + <u32>by, ContractAt.holders);
}

/** Adds a position row that was just made. Returns its entry, or 0 where the arena is full. */
function tryAddEntry(account: usize, accountSlot: u32, settle: u32, key: u32, positionSlot: u32): usize {
  const id = poolId(settle, key);
  let block = findPool(account, id);
  if (block == 0) block = newPool(accountSlot, id, settle);
  else if (<u32>load<u16>(block, PoolAt.count) == capacityOf(load<u8>(block, PoolAt.order))) block = grow(block);
  foundPool = block;
  if (block == 0) return 0;
  const count = load<u16>(block, PoolAt.count);
  const entry = entryOf(block, count);
  store<u16>(block, count + 1, PoolAt.count);
  store<u32>(entry, <u32>positionRow(positionSlot), PoolEntryAt.row);
  store<u16>(entry, <u16>key, PoolEntryAt.key);
  store<u8>(entry, 0, PoolEntryAt.tier);
  addHolder(key >> 3, 1);
  copyRow(entry);
  return entry;
}

/** Adds a position row that was just made, at the end of its account's list. Returns its entry, or 0 where the arena is full. */
export function addEntry(account: usize, accountSlot: u32, settle: u32, key: u32, positionSlot: u32): usize {
  const entry = tryAddEntry(account, accountSlot, settle, key, positionSlot);
  if (entry != 0) return entry;
  // Free units there are, but apart: laid out anew, all pools fit (src/shared/shard-memory.ts, poolUnits).
  rebuildPools();
  return findEntry(account, settle, key);
}

/** Brings an entry to what its position row says. */
export function copyRow(entry: usize): void {
  const row = <usize>load<u32>(entry, PoolEntryAt.row);
  const instrument = <u32>load<u16>(entry, PoolEntryAt.key) >> 3;
  store<f64>(entry, <f64>load<i64>(row, PositionAt.qtyLots) * load<f64>(instrumentRow(instrument), InstrumentAt.lotSize), PoolEntryAt.qty);
  store<f64>(entry, <f64>load<i64>(row, PositionAt.openCash) / UNIT, PoolEntryAt.openCash);
  let flags: u32 = PoolEntryFlag.Changed;
  if (load<u32>(termsOf(row), PositionTermsAt.openOrderCount) != 0) flags |= PoolEntryFlag.Orders;
  if (load<i64>(row, PositionAt.leverage) != 0) flags |= PoolEntryFlag.Leverage;
  store<u8>(entry, <u8>flags, PoolEntryAt.flags);
}

/** Brings the entry of a position row to what the row says. */
export function followRow(account: usize, row: usize): void {
  const instrument = <u32>load<u16>(row, PositionAt.instrument);
  const entry = findEntry(account, load<u32>(instrumentRow(instrument), InstrumentAt.settle), keyOf(instrument, <u32>load<u16>(row, PositionAt.flags)));
  if (entry != 0) copyRow(entry);
}

/** Takes the entry of a position row out; the others keep their order. */
export function removeEntry(account: usize, row: usize): void {
  const instrument = <u32>load<u16>(row, PositionAt.instrument);
  const entry = findEntry(account, load<u32>(instrumentRow(instrument), InstrumentAt.settle), keyOf(instrument, <u32>load<u16>(row, PositionAt.flags)));
  if (entry == 0) return;
  const block = foundPool;
  const count = <u32>load<u16>(block, PoolAt.count) - 1;
  const next = entry + PoolEntryAt.bytes;
  memory.copy(entry, next, entryOf(block, count + 1) - next);
  store<u16>(block, <u16>count, PoolAt.count);
  addHolder(instrument, -1);
  setUnsafe(block);
  if (count != 0) return;
  store<u32>(linkTo, load<u32>(block, PoolAt.next));
  release(unitOf(block), load<u8>(block, PoolAt.order));
}

/** Slot of the settle asset's balance, or NONE: found once, then known. Balances are never removed. */
// @ts-expect-error: decorator
@inline export function balanceOf(account: usize, block: usize): u32 {
  const known = load<u32>(block, PoolAt.balance);
  return known != 0 ? known - 1 : findBalanceOf(account, block);
}

function findBalanceOf(account: usize, block: usize): u32 {
  const asset = <u32>load<u8>(block, PoolAt.settle);
  let link = load<u32>(account, AccountAt.firstBalance);
  while (link != 0) {
    const row = balanceRow(link - 1);
    if (load<u32>(row, BalanceAt.asset) == asset) {
      store<u32>(block, link, PoolAt.balance);
      return link - 1;
    }
    link = load<u32>(row, BalanceAt.next);
  }
  return NONE;
}

/** Brings cash and scale of a pool to what its entries and its wallet (isolated: its margin) say. */
export function sumPool(account: usize, block: usize): void {
  let cash: f64 = 0;
  if (load<u32>(block, PoolAt.id) & POOL_ISOLATED) {
    cash = <f64>load<i64>(termsOf(load<u32>(entryOf(block, 0), PoolEntryAt.row)), PositionTermsAt.isolatedMargin) / UNIT;
  } else {
    const balance = balanceOf(account, block);
    if (balance != NONE) cash = <f64>load<i64>(balanceRow(balance), BalanceAt.wallet) / UNIT;
  }
  let scale = abs(cash);
  let entry = block + PoolAt.entries;
  const end = entry + <usize>load<u16>(block, PoolAt.count) * PoolEntryAt.bytes;
  for (; entry < end; entry += PoolEntryAt.bytes) {
    const open = load<f64>(entry, PoolEntryAt.openCash);
    cash += open;
    scale += abs(open);
  }
  store<f64>(block, cash, PoolAt.cash);
  store<f64>(block, scale, PoolAt.scale);
}

/** Brings all pools of an account to what its rows say of cash. Their status is open: the next look at them values the account. */
export function sumPools(account: usize): void {
  let link = load<u32>(account, AccountAt.firstPool);
  while (link != 0) {
    const block = poolBlock(link - 1);
    sumPool(account, block);
    store<u8>(block, POOL_STATUS_UNKNOWN, PoolAt.status);
    setUnsafe(block);
    link = load<u32>(block, PoolAt.next);
  }
}

/** Lays out all pools anew from the rows, in the order of the accounts. */
export function rebuildPools(): void {
  ++rebuilds;
  // A walk that is under way begins again: where it stood, no block need begin now.
  if (walkUnit != u32.MAX_VALUE) walkUnit = 0;
  freeHeads.fill(0);
  store<u32>(CONTROL, 0, ControlAt.poolEnd);
  for (let id: u32 = 0; id < <u32>INSTRUMENT_SLOTS; ++id) store<u32>(contractOf(id), 0, ContractAt.holders);
  const end = load<u32>(CONTROL, ControlAt.accountCount);
  for (let slot: u32 = 0; slot < end; ++slot) {
    const account = accountRow(slot);
    store<u32>(account, 0, AccountAt.firstPool);
    let link = load<u32>(account, AccountAt.firstPosition);
    while (link != 0) {
      const row = positionRow(link - 1);
      const instrument = <u32>load<u16>(row, PositionAt.instrument);
      const settle = load<u32>(instrumentRow(instrument), InstrumentAt.settle);
      tryAddEntry(account, slot, settle, keyOf(instrument, <u32>load<u16>(row, PositionAt.flags)), link - 1);
      link = load<u32>(row, PositionAt.next);
    }
    markPooled(account, slot, load<u8>(groupRow(load<u32>(account, AccountAt.group)), GroupAt.collateral));
    sumPools(account);
  }
}

/**
 * Notes in an account's pools whether they are parts of one (collateral 1: multi-asset). Such an account has a pool of cross positions
 * even without one: its cash alone may be short of its debts.
 */
export function markPooled(account: usize, accountSlot: u32, collateral: u32): void {
  let hasCross = false;
  let link = load<u32>(account, AccountAt.firstPool);
  while (link != 0) {
    const block = poolBlock(link - 1);
    store<u8>(block, <u8>collateral, PoolAt.isPooled);
    if ((load<u32>(block, PoolAt.id) & POOL_ISOLATED) == 0) hasCross = true;
    link = load<u32>(block, PoolAt.next);
  }
  const balance = load<u32>(account, AccountAt.firstBalance);
  if (collateral == 0 || hasCross || balance == 0) return;
  const asset = load<u32>(balanceRow(balance - 1), BalanceAt.asset);
  findPool(account, asset);
  const block = newPool(accountSlot, asset, asset);
  if (block != 0) store<u8>(block, <u8>collateral, PoolAt.isPooled);
}

/** Groups changed their collateral mode: every account's pools are told. */
export function markAllPooled(): void {
  const end = load<u32>(CONTROL, ControlAt.accountCount);
  for (let slot: u32 = 0; slot < end; ++slot) {
    const account = accountRow(slot);
    markPooled(account, slot, load<u8>(groupRow(load<u32>(account, AccountAt.group)), GroupAt.collateral));
    sumPools(account);
  }
}
