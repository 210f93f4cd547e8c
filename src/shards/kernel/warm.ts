// Memory ahead of the events. Applying and valuing an event follows a chain of four addresses that each stand in what the one
// before points to: hash → account → pool and balance → position. With more accounts than the cache holds, each step would wait for
// memory in turn. Walking the chain for a group of records at once, step by step, lets a group's waits overlap: what is loaded here is
// loaded for its cache line alone. Nothing is decided here: a wrong guess costs a line. The same for the pools that a pass of the
// trigger is about to look at, which lie far apart.
import { AccountEventAt } from "../../../schemas/generated/offsets";
import { BATCH_RECORD_KIND, AccountAt, ControlAt, POOL_GROUP_UNITS, PoolAt, PoolEntryAt } from "../../shared/layout/shard";
import { hash64 } from "./accounts";
import { accountHash, accountHashMask, accountRow, balanceRow, CONTROL, inputRing, poolBlock, poolSafe, poolSafeMinima } from "./memory";
import { readSlot } from "./ring";

/** Records whose waits overlap: more than a core keeps loads in flight for, few enough that their lines stay in the first cache. */
export const WARM_RECORDS: u32 = 16;
/** Pools of an account that are brought near. */
const WARM_POOLS: u32 = 4;
/** Fewer positions and accounts than this lie in the second cache anyway. */
const WARM_ROWS_MIN: u32 = 4096;

const accountsAt: usize = heap.alloc(<usize>WARM_RECORDS * 4);
const instrumentsAt: usize = heap.alloc(<usize>WARM_RECORDS * 4);
const blocksAt: usize = heap.alloc(<usize>WARM_RECORDS * 4);

// Keeps the loads: what is never used would not be loaded.
let sink: u32 = 0;

/** Whether warming pays in this shard. */
export function shouldWarm(): bool {
  return load<u32>(CONTROL, ControlAt.accountCount) * 2 + load<u32>(CONTROL, ControlAt.positionCount) >= WARM_ROWS_MIN;
}

/** Brings near what the `count` ≤ WARM_RECORDS records from `ahead` on will need. */
export function warmRecords(ahead: u32, count: u32): void {
  let seen: u32 = 0;
  let n: u32 = 0;
  for (let i: u32 = 0; i < count; ++i) {
    const record = readSlot(inputRing, ahead + i);
    if (load<u8>(record, AccountEventAt.kind) == BATCH_RECORD_KIND) continue;
    const entry = load<u32>(accountHash + (<usize>(hash64(load<u64>(record, AccountEventAt.account)) & accountHashMask) << 2));
    if (entry == 0) continue;
    store<u32>(accountsAt + (<usize>n << 2), <u32>accountRow(entry - 1));
    store<u32>(instrumentsAt + (<usize>n << 2), load<u32>(record, AccountEventAt.instrument));
    ++n;
  }
  for (let i: u32 = 0; i < n; ++i) {
    const row = <usize>load<u32>(accountsAt + (<usize>i << 2));
    seen += load<u32>(row) + load<u32>(row, 64) + load<u32>(row, 128);
    const pool = load<u32>(row, AccountAt.firstPool);
    store<u32>(blocksAt + (<usize>i << 2), pool == 0 ? 0 : <u32>poolBlock(pool - 1));
    const balance = load<u32>(row, AccountAt.firstBalance);
    if (balance != 0) seen += load<u32>(balanceRow(balance - 1));
  }
  // An account's pools one after the other, all accounts' first ones first.
  for (let left = n, turn: u32 = 0; left != 0 && turn < WARM_POOLS; ++turn) {
    left = 0;
    for (let i: u32 = 0; i < n; ++i) {
      const block = <usize>load<u32>(blocksAt + (<usize>i << 2));
      if (block == 0) continue;
      const instrument = load<u32>(instrumentsAt + (<usize>i << 2));
      let entry = block + PoolAt.entries;
      const end = entry + <usize>load<u16>(block, PoolAt.count) * PoolEntryAt.bytes;
      for (; entry < end; entry += PoolEntryAt.bytes) {
        const row = <usize>load<u32>(entry, PoolEntryAt.row);
        // The valuation writes every position of the account, the event one ledger.
        seen += load<u32>(row, 64);
        if (<u32>load<u16>(entry, PoolEntryAt.key) >> 3 == instrument) seen += load<u32>(row);
      }
      const next = load<u32>(block, PoolAt.next);
      store<u32>(blocksAt + (<usize>i << 2), next == 0 ? 0 : <u32>poolBlock(next - 1));
      if (next != 0) {
        seen += load<u32>(poolBlock(next - 1));
        ++left;
      }
    }
  }
  sink += seen;
}

/** Groups of bounds, and at most so many pools in them but for a group's last, whose waits overlap. */
const WARM_GROUPS: u32 = 16;
const WARM_BLOCKS: u32 = 64;
const groupsAt: usize = heap.alloc(<usize>WARM_GROUPS * 4);
const reachedAt: usize = heap.alloc(<usize>(WARM_BLOCKS + POOL_GROUP_UNITS) * 4);

/**
 * Brings near the pools in groups from `group` on that have a bound which `reach` comes to.
 * @returns the first group ≤ `end` that was not looked through
 */
export function warmGroups(group: u32, end: u32, reach: f32): u32 {
  let seen: u32 = 0;
  let groups: u32 = 0;
  for (; group < end && groups < WARM_GROUPS; ++group) {
    if (!(load<f32>(poolSafeMinima + (<usize>group << 2)) <= reach)) continue;
    const bounds = poolSafe + (<usize>group * POOL_GROUP_UNITS << 2);
    seen += load<u32>(bounds) + load<u32>(bounds, 64) + load<u32>(bounds, 128) + load<u32>(bounds, 192);
    store<u32>(groupsAt + (<usize>groups << 2), group);
    ++groups;
  }
  let blocks: u32 = 0;
  for (let i: u32 = 0; i < groups; ++i) {
    const at = load<u32>(groupsAt + (<usize>i << 2));
    if (blocks >= WARM_BLOCKS) {
      group = at;
      break;
    }
    for (let unit = at * POOL_GROUP_UNITS; unit < (at + 1) * POOL_GROUP_UNITS; unit += 4) {
      let reached = <u32>i32x4.bitmask(f32x4.le(v128.load(poolSafe + (<usize>unit << 2)), f32x4.splat(reach)));
      for (; reached != 0; reached &= reached - 1) {
        const block = poolBlock(unit + ctz(reached));
        seen += load<u32>(block) + load<u32>(block, PoolAt.entries);
        store<u32>(reachedAt + (<usize>blocks << 2), <u32>block);
        ++blocks;
      }
    }
  }
  for (let i: u32 = 0; i < blocks; ++i) {
    const block = <usize>load<u32>(reachedAt + (<usize>i << 2));
    const last = block + PoolAt.entries + <usize>load<u16>(block, PoolAt.count) * PoolEntryAt.bytes;
    for (let line = block + 128; line < last; line += 64) seen += load<u32>(line);
  }
  sink += seen;
  return group;
}
