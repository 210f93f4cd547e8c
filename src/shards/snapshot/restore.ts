// From a snapshot to a shard's memory: rows to their places, counters to the control page. The kernel does the rest when it is
// attached (rebuildIndexes), and its state hash shows that nothing was lost on the way.
import { PlimsollError } from "../../shared/errors";
import { ControlAt } from "../../shared/layout/shard";
import { KERNEL_RESERVED_BYTES } from "../../shared/limits";
import { createShardMemory, type ShardCapacity } from "../../shared/shard-memory";
import type { Snapshot } from "./format";

const COUNTERS_64 = [
  ControlAt.nextOffset,
  ControlAt.lastEventNs,
  ControlAt.eventsApplied,
  ControlAt.batchesApplied,
  ControlAt.duplicates,
  ControlAt.gaps,
  ControlAt.rejected,
  ControlAt.valuations,
  ControlAt.fills,
  ControlAt.alerts,
] as const;
const COUNTERS_32 = [
  ControlAt.accountCount,
  ControlAt.balanceCount,
  ControlAt.positionCount,
  ControlAt.positionTermsCount,
  ControlAt.orderCount,
  ControlAt.orderFree,
  ControlAt.positionFree,
  ControlAt.positionTermsFree,
] as const;
/** Rows, what says where they begin, how many there are, how many fit, and the key that says so. */
const POOLS = [
  ["accounts", ControlAt.accounts, ControlAt.accountCount, ControlAt.accountCapacity],
  ["balances", ControlAt.balances, ControlAt.balanceCount, ControlAt.balanceCapacity],
  ["positions", ControlAt.positions, ControlAt.positionCount, ControlAt.positionCapacity],
  ["orders", ControlAt.orders, ControlAt.orderCount, ControlAt.orderCapacity],
] as const;

/**
 * A new shard with the snapshot's ledger in it, not yet attached to a kernel.
 *
 * @throws PlimsollError SHARD_FULL where a pool of the shard is smaller than what the snapshot holds
 */
export function restoreShardMemory(
  snapshot: Snapshot,
  capacity: ShardCapacity,
  options: { recordFills: boolean },
): WebAssembly.Memory {
  const memory = createShardMemory(snapshot.header.partition, capacity, options);
  const buffer = memory.buffer as SharedArrayBuffer;
  const bytes = new Uint8Array(buffer);
  const saved = snapshot.section("control");
  const control = new DataView(buffer, KERNEL_RESERVED_BYTES, ControlAt.bytes);
  for (const [name, , countAt, capacityAt] of POOLS) {
    const used = saved.readUInt32LE(countAt);
    const fits = control.getUint32(capacityAt, true);
    if (used > fits)
      throw new PlimsollError(
        "SHARD_FULL",
        `the snapshot of shard ${snapshot.header.partition} holds ${used} ${name} and capacity.${name} is ${fits}: raise it`,
      );
  }
  for (const [name, offsetAt] of POOLS) bytes.set(snapshot.section(name), control.getUint32(offsetAt, true));
  // No more than positions, so these fit where those do.
  bytes.set(snapshot.section("positionTerms"), control.getUint32(ControlAt.positionTerms, true));
  bytes.set(snapshot.section("settlements"), control.getUint32(ControlAt.settlements, true));
  for (const at of COUNTERS_64) control.setBigUint64(at, saved.readBigUInt64LE(at), true);
  for (const at of COUNTERS_32) control.setUint32(at, saved.readUInt32LE(at), true);
  return memory;
}
