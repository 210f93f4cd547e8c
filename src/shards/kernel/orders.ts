// Open orders of a shard: entries in a pool, found by (account, order id) through a hash with linear probing and
// backward-shift deletion, so that no tombstones pile up however long the shard lives.
import { AccountAt, ControlAt, OrderAt } from "../../shared/layout/shard";
import { hash64, NONE } from "./accounts";
import { CONTROL, orderCapacity, orderHash, orderHashMask, orderRow } from "./memory";

/** Where the search for an order begins. */
// @ts-expect-error: decorator
@inline export function orderHome(account: u32, orderId: u64): u32 {
  return hash64(orderId ^ (<u64>account << 40)) & orderHashMask;
}

// @ts-expect-error: decorator
@inline function entryAt(at: u32): u32 {
  return load<u32>(orderHash + (<usize>at << 2));
}

function position(account: u32, orderId: u64): u32 {
  let at = orderHome(account, orderId);
  while (true) {
    const entry = entryAt(at);
    if (entry == 0) return NONE;
    const row = orderRow(entry - 1);
    if (load<u64>(row, OrderAt.orderId) == orderId && load<u32>(row, OrderAt.account) == account) return at;
    at = (at + 1) & orderHashMask;
  }
}

/** Slot of an open order, or NONE. */
export function findOrder(account: u32, orderId: u64): u32 {
  const at = position(account, orderId);
  return at == NONE ? NONE : entryAt(at) - 1;
}

/** Adds an order that is not there; NONE where the pool is full. */
export function addOrder(account: u32, orderId: u64): u32 {
  let slot: u32;
  const free = load<u32>(CONTROL, ControlAt.orderFree);
  if (free != 0) {
    slot = free - 1;
    store<u32>(CONTROL, load<u32>(orderRow(slot), OrderAt.next), ControlAt.orderFree);
  } else {
    // Every entry below orderCount has been used once; above it lies fresh memory.
    slot = load<u32>(CONTROL, ControlAt.orderCount);
    if (slot >= orderCapacity) return NONE;
    atomic.store<u32>(CONTROL, slot + 1, ControlAt.orderCount);
  }
  const row = orderRow(slot);
  memory.fill(row, 0, OrderAt.bytes);
  store<u64>(row, orderId, OrderAt.orderId);
  store<u32>(row, account, OrderAt.account);
  let at = orderHome(account, orderId);
  while (entryAt(at) != 0) at = (at + 1) & orderHashMask;
  store<u32>(orderHash + (<usize>at << 2), slot + 1);
  return slot;
}

export function removeOrder(slot: u32): void {
  const row = orderRow(slot);
  let hole = position(load<u32>(row, OrderAt.account), load<u64>(row, OrderAt.orderId));
  if (hole == NONE) return;
  let at = hole;
  while (true) {
    at = (at + 1) & orderHashMask;
    const entry = entryAt(at);
    if (entry == 0) break;
    const moved = orderRow(entry - 1);
    const wants = orderHome(load<u32>(moved, OrderAt.account), load<u64>(moved, OrderAt.orderId));
    // It may move back into the hole only if the hole lies between its home and where it stands now.
    if (((at - wants) & orderHashMask) >= ((at - hole) & orderHashMask)) {
      store<u32>(orderHash + (<usize>hole << 2), entry);
      hole = at;
    }
  }
  store<u32>(orderHash + (<usize>hole << 2), 0);
  memory.fill(row, 0, OrderAt.bytes);
  store<u32>(row, load<u32>(CONTROL, ControlAt.orderFree), OrderAt.next);
  store<u32>(CONTROL, slot + 1, ControlAt.orderFree);
}

export function countOpenOrders(account: usize, by: i32): void {
  store<u32>(account, load<u32>(account, AccountAt.openOrderCount) + <u32>by, AccountAt.openOrderCount);
}
