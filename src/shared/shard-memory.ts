// Makes the memory of a shard: where every section begins follows from the capacities, and stands in its control page.

import { MARKET_BYTES } from "./layout/market";
import { RingAt } from "./layout/ring";
import {
  AccountAt,
  ALERT_RECORD_BYTES,
  BalanceAt,
  ControlAt,
  FillAt,
  OrderAt,
  POOL_GROUP_UNITS,
  POOL_UNIT_BYTES,
  PositionAt,
  PositionTermsAt,
  SHARD_LAYOUT_VERSION,
  SHARD_MAGIC,
  ShardState,
} from "./layout/shard";
import {
  INSTRUMENT_SLOTS,
  KERNEL_RESERVED_BYTES,
  RING_RECORDS_MIN,
  SHARD_BYTES_MAX,
  WASM_PAGE_BYTES,
  WATCH_SLOTS,
} from "./limits";
import { initRing } from "./ring";

export interface ShardCapacity {
  accounts: number;
  balances: number;
  positions: number;
  orders: number;
  inputRecords: number;
  fillRecords: number;
  alertRecords: number;
}

/** Address space is reserved at once, memory is used only as rows are. */
export const DEFAULT_SHARD_CAPACITY: ShardCapacity = {
  accounts: 262_144,
  balances: 1_048_576,
  positions: 1_048_576,
  orders: 524_288,
  inputRecords: 65_536,
  fillRecords: 262_144,
  alertRecords: 16_384,
};

const align = (offset: number, to: number) => Math.ceil(offset / to) * to;
const powerOfTwoAbove = (count: number) => 2 ** Math.ceil(Math.log2(Math.max(2, count)));

/** A pool of one position takes a unit, larger pools no more than that for each of their positions, and one without any a unit. */
const poolUnits = (capacity: ShardCapacity) => align(capacity.positions + capacity.accounts, POOL_GROUP_UNITS);

/** What one section needs: name of its control word (or none), bytes. */
export interface Section {
  name: string;
  offset: number;
  bytes: number;
}

/** Sections in the order they lie in memory. Pure: the same capacities give the same map. */
export function shardSections(capacity: ShardCapacity): { sections: Section[]; totalBytes: number } {
  const sections: Section[] = [];
  let at = KERNEL_RESERVED_BYTES;
  const add = (name: string, bytes: number) => {
    at = align(at, 4096);
    sections.push({ name, offset: at, bytes });
    at += bytes;
  };
  add("control", ControlAt.bytes);
  add("inputRing", RingAt.bytes + capacity.inputRecords * 64);
  add("fillRing", RingAt.bytes + capacity.fillRecords * FillAt.bytes);
  add("alertRing", RingAt.bytes + capacity.alertRecords * ALERT_RECORD_BYTES);
  add("market", MARKET_BYTES);
  add("accountHash", powerOfTwoAbove(capacity.accounts * 2) * 4);
  add("accounts", capacity.accounts * AccountAt.bytes);
  add("balances", capacity.balances * BalanceAt.bytes);
  add("positions", capacity.positions * PositionAt.bytes);
  add("positionTerms", (capacity.positions + 1) * PositionTermsAt.bytes);
  add("settlements", INSTRUMENT_SLOTS * 16);
  add("orderHash", powerOfTwoAbove(capacity.orders * 2) * 4);
  add("orders", capacity.orders * OrderAt.bytes);
  const units = poolUnits(capacity);
  add("pools", units * POOL_UNIT_BYTES);
  add("poolSafe", units * 4);
  add("poolSafeMinima", Math.ceil(units / POOL_GROUP_UNITS) * 4);
  add("watch", WATCH_SLOTS * 4);
  return { sections, totalBytes: align(at, WASM_PAGE_BYTES) };
}

/** A new, empty shard for one partition. */
export function createShardMemory(
  partition: number,
  capacity: ShardCapacity = DEFAULT_SHARD_CAPACITY,
  options: { recordFills: boolean } = { recordFills: true },
): WebAssembly.Memory {
  const { sections, totalBytes } = shardSections(capacity);
  if (totalBytes > SHARD_BYTES_MAX) throw new RangeError(`shard capacities need ${totalBytes} bytes, more than 4 GiB`);
  if (capacity.inputRecords < RING_RECORDS_MIN)
    throw new RangeError(`inputRecords ${capacity.inputRecords} < ${RING_RECORDS_MIN}`);
  const pages = totalBytes / WASM_PAGE_BYTES;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  const buffer = memory.buffer as unknown as SharedArrayBuffer;
  const at = Object.fromEntries(sections.map((section) => [section.name, section.offset]));
  const words = new Uint32Array(buffer, at.control, ControlAt.bytes / 4);
  const set = (offset: number, value: number) => {
    words[offset / 4] = value;
  };
  set(ControlAt.layoutVersion, SHARD_LAYOUT_VERSION);
  set(ControlAt.partition, partition);
  set(ControlAt.state, ShardState.Empty);
  set(ControlAt.recordFills, options.recordFills ? 1 : 0);
  set(ControlAt.inputRing, at.inputRing);
  set(ControlAt.fillRing, at.fillRing);
  set(ControlAt.alertRing, at.alertRing);
  set(ControlAt.market, at.market);
  set(ControlAt.accountHash, at.accountHash);
  set(ControlAt.accountHashSlots, powerOfTwoAbove(capacity.accounts * 2));
  set(ControlAt.accounts, at.accounts);
  set(ControlAt.accountCapacity, capacity.accounts);
  set(ControlAt.balances, at.balances);
  set(ControlAt.balanceCapacity, capacity.balances);
  set(ControlAt.positions, at.positions);
  set(ControlAt.positionCapacity, capacity.positions);
  set(ControlAt.positionTerms, at.positionTerms);
  set(ControlAt.positionTermsCount, 1);
  set(ControlAt.settlements, at.settlements);
  set(ControlAt.orderHash, at.orderHash);
  set(ControlAt.orderHashSlots, powerOfTwoAbove(capacity.orders * 2));
  set(ControlAt.pools, at.pools);
  set(ControlAt.poolUnits, poolUnits(capacity));
  set(ControlAt.poolSafe, at.poolSafe);
  set(ControlAt.poolSafeMinima, at.poolSafeMinima);
  set(ControlAt.watch, at.watch);
  set(ControlAt.orders, at.orders);
  set(ControlAt.orderCapacity, capacity.orders);
  initRing(buffer, at.inputRing, at.inputRing + RingAt.bytes, capacity.inputRecords, 64);
  initRing(buffer, at.fillRing, at.fillRing + RingAt.bytes, capacity.fillRecords, FillAt.bytes);
  initRing(buffer, at.alertRing, at.alertRing + RingAt.bytes, capacity.alertRecords, ALERT_RECORD_BYTES);
  // Last: whoever sees the magic sees the rest.
  Atomics.store(words, ControlAt.magic / 4, SHARD_MAGIC);
  return memory;
}
