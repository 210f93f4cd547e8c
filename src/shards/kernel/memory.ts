// Where the sections of this shard's memory begin. Read once from the control page by attach(); one kernel instance
// serves one shard.

import { AssetAt, GroupAt, InstrumentAt, MARKET_ASSETS_OFFSET, MARKET_GROUPS_OFFSET, MARKET_INSTRUMENTS_OFFSET, MARKET_TABLES_OFFSET, MARKET_TIERS_OFFSET, MarginTableAt, TierAt } from "../../shared/layout/market";
import { AccountAt, BalanceAt, ControlAt, OrderAt, POOL_UNIT_BYTES, PositionAt, PositionTermsAt, SHARD_LAYOUT_VERSION, SHARD_MAGIC } from "../../shared/layout/shard";
import { INSTRUMENT_SLOTS, KERNEL_RESERVED_BYTES } from "../../shared/limits";

/** No slot: the pool is full, the account's own limit is reached, or there is none. */
export const NONE: u32 = 0xffffffff;

export const CONTROL: usize = <usize>KERNEL_RESERVED_BYTES;

export let inputRing: usize = 0;
export let fillRing: usize = 0;
export let alertRing: usize = 0;
export let market: usize = 0;
export let accountHash: usize = 0;
export let accountHashMask: u32 = 0;
export let accounts: usize = 0;
export let accountCapacity: u32 = 0;
export let balances: usize = 0;
export let balanceCapacity: u32 = 0;
export let positions: usize = 0;
export let positionCapacity: u32 = 0;
export let positionTerms: usize = 0;
export let settlements: usize = 0;
export let orderHash: usize = 0;
export let orderHashMask: u32 = 0;
export let orders: usize = 0;
export let orderCapacity: u32 = 0;
export let partition: u32 = 0;
export let pools: usize = 0;
export let poolUnits: u32 = 0;
export let poolSafe: usize = 0;
export let poolSafeMinima: usize = 0;
export let watch: usize = 0;

/** Returns false where this memory is not a shard of this layout. */
export function attachMemory(): bool {
  if (load<u32>(CONTROL, ControlAt.magic) != <u32>SHARD_MAGIC) return false;
  if (load<u32>(CONTROL, ControlAt.layoutVersion) != <u32>SHARD_LAYOUT_VERSION) return false;
  partition = load<u32>(CONTROL, ControlAt.partition);
  inputRing = load<u32>(CONTROL, ControlAt.inputRing);
  fillRing = load<u32>(CONTROL, ControlAt.fillRing);
  alertRing = load<u32>(CONTROL, ControlAt.alertRing);
  market = load<u32>(CONTROL, ControlAt.market);
  accountHash = load<u32>(CONTROL, ControlAt.accountHash);
  accountHashMask = load<u32>(CONTROL, ControlAt.accountHashSlots) - 1;
  accounts = load<u32>(CONTROL, ControlAt.accounts);
  accountCapacity = load<u32>(CONTROL, ControlAt.accountCapacity);
  balances = load<u32>(CONTROL, ControlAt.balances);
  balanceCapacity = load<u32>(CONTROL, ControlAt.balanceCapacity);
  positions = load<u32>(CONTROL, ControlAt.positions);
  positionCapacity = load<u32>(CONTROL, ControlAt.positionCapacity);
  positionTerms = load<u32>(CONTROL, ControlAt.positionTerms);
  settlements = load<u32>(CONTROL, ControlAt.settlements);
  orderHash = load<u32>(CONTROL, ControlAt.orderHash);
  orderHashMask = load<u32>(CONTROL, ControlAt.orderHashSlots) - 1;
  orders = load<u32>(CONTROL, ControlAt.orders);
  orderCapacity = load<u32>(CONTROL, ControlAt.orderCapacity);
  pools = load<u32>(CONTROL, ControlAt.pools);
  poolUnits = load<u32>(CONTROL, ControlAt.poolUnits);
  poolSafe = load<u32>(CONTROL, ControlAt.poolSafe);
  poolSafeMinima = load<u32>(CONTROL, ControlAt.poolSafeMinima);
  watch = load<u32>(CONTROL, ControlAt.watch);
  return true;
}

// Addresses of rows by slot (0-based) or id.
// @ts-expect-error: decorator
@inline export function accountRow(slot: u32): usize {
  return accounts + <usize>slot * AccountAt.bytes;
}
// @ts-expect-error: decorator
@inline export function balanceRow(slot: u32): usize {
  return balances + <usize>slot * BalanceAt.bytes;
}
// @ts-expect-error: decorator
@inline export function positionRow(slot: u32): usize {
  return positions + <usize>slot * PositionAt.bytes;
}
/** Slot of a position row by its address. */
// @ts-expect-error: decorator
@inline export function positionSlotOf(row: usize): u32 {
  return <u32>((row - positions) / PositionAt.bytes);
}
// @ts-expect-error: decorator
@inline export function termsRow(slot: u32): usize {
  return positionTerms + <usize>slot * PositionTermsAt.bytes;
}
/** Terms of a position, to be read: of one that has none the row of zeros. */
// @ts-expect-error: decorator
@inline export function termsOf(position: usize): usize {
  return termsRow(load<u32>(position, PositionAt.terms));
}
// @ts-expect-error: decorator
@inline export function orderRow(slot: u32): usize {
  return orders + <usize>slot * OrderAt.bytes;
}
// @ts-expect-error: decorator
@inline export function poolBlock(unit: u32): usize {
  return pools + <usize>unit * POOL_UNIT_BYTES;
}
// @ts-expect-error: decorator
@inline export function instrumentRow(id: u32): usize {
  return market + MARKET_INSTRUMENTS_OFFSET + <usize>id * InstrumentAt.bytes;
}
// @ts-expect-error: decorator
@inline export function assetRow(id: u32): usize {
  return market + MARKET_ASSETS_OFFSET + <usize>id * AssetAt.bytes;
}
// @ts-expect-error: decorator
@inline export function marginTableRow(id: u32): usize {
  return market + MARKET_TABLES_OFFSET + <usize>id * MarginTableAt.bytes;
}
// @ts-expect-error: decorator
@inline export function tierRow(index: u32): usize {
  return market + MARKET_TIERS_OFFSET + <usize>index * TierAt.bytes;
}
// @ts-expect-error: decorator
@inline export function groupRow(id: u32): usize {
  return market + MARKET_GROUPS_OFFSET + <usize>id * GroupAt.bytes;
}
// @ts-expect-error: decorator
@inline export function settlementWord(instrument: u32, expiry: bool): usize {
  return settlements + (<usize>instrument * 2 + (expiry ? 1 : 0)) * 8;
}

export function instrumentKnown(id: u32): bool {
  return id > 0 && id < <u32>INSTRUMENT_SLOTS && load<u32>(instrumentRow(id), InstrumentAt.id) == id;
}

// Counters of the control page; one writer, so a plain add is enough, and the store is atomic for the readers.
// @ts-expect-error: decorator
@inline export function count(at: usize, by: u64): void {
  atomic.store<u64>(CONTROL + at, load<u64>(CONTROL + at) + by);
}

// Both ends of a row's write are read-modify-write operations: they keep the plain writes between them, on ARM64 as well as on
// x86-64. An atomic store at the beginning would let the writes after it pass it on ARM64, and a fence behind it is not to be had:
// this compiler gives its atomic.fence no order, and its own validator then refuses the module. Why a reader that finds the same even
// number before and after has a whole row: src/shared/views/seqlock.ts.

/** Opens an account row for writing: readers see an odd seq and turn away. */
// @ts-expect-error: decorator
@inline export function beginWrite(row: usize): void {
  atomic.add<u32>(row, 1, AccountAt.seq);
}

/** Closes it: everything written before is visible to whoever sees the even seq. */
// @ts-expect-error: decorator
@inline export function endWrite(row: usize): void {
  atomic.add<u32>(row, 1, AccountAt.seq);
}
