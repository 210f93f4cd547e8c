// The shard kernel: one instance over one shard's memory, called by the shard's worker and by nobody else. The worker
// copies what moved in the market into this memory, then drains the input ring, values what was touched, and sweeps.
import { AccountEventKind } from "../../../schemas/generated/account-event-kind";
import { AccountEventAt } from "../../../schemas/generated/offsets";
import { MarketHeaderAt } from "../../shared/layout/market";
import { BATCH_RECORD_KIND, BatchRecordAt, ControlAt, LATENCY_BUCKETS, ShardFault, ShardState } from "../../shared/layout/shard";
import { ASSET_SLOTS, INSTRUMENT_SLOTS, KERNEL_RESERVED_BYTES } from "../../shared/limits";
import { Applied, applyEvent } from "./ledger";
import { attachMemory, CONTROL, count, fillRing, inputRing, market } from "./memory";
import { countWait, readable, readSlot, release, room } from "./ring";
import { markAllDue, markAssetDue, markInstrumentDue, sweepSome } from "./sweep";
import { takeTouched, touchedCount } from "./touched";
import { loadAsset, loadInstrument, loadReference, valueAccount } from "./valuation";

export { rebuildIndexes, setAlerted, skipAlertNumbers } from "./restore";
export { hashAccounts, hashOrders, hashSettlements } from "./state-hash";

// Batches finished since latencies were last noted: arrival time and events.
const PENDING_BATCHES: u32 = 4096;
const pendingReceived = new Float64Array(PENDING_BATCHES);
const pendingEvents = new Uint32Array(PENDING_BATCHES);
let pending: u32 = 0;

/** Finds the sections. Returns false where the memory is not a shard of this layout; the shard's fault says so too. */
export function attach(): bool {
  if (heap.alloc(0) >= <usize>KERNEL_RESERVED_BYTES) return false;
  return attachMemory();
}

/** Records of the input ring that may be drained now. Read it before the market is copied: what these records refer to is there. */
export function visible(): u32 {
  return readable(inputRing);
}

/**
 * Applies up to `limit` records of the input ring.
 * @returns records consumed; fewer than asked for where the fill ring is full or the shard has stopped
 */
export function drain(limit: u32): u32 {
  let consumed: u32 = 0;
  let applied: u64 = 0;
  const recorded = load<u32>(CONTROL, ControlAt.recordFills) != 0;
  let fillRoom: u32 = recorded ? room(fillRing) : u32.MAX_VALUE;
  let remaining = load<u32>(CONTROL, ControlAt.batchRemaining);
  let offset = load<i64>(CONTROL, ControlAt.currentOffset);
  let index = <u32>load<i64>(CONTROL, ControlAt.currentIndex);
  let received = load<f64>(CONTROL, ControlAt.batchReceivedNs);
  while (consumed < limit) {
    const record = readSlot(inputRing, consumed);
    if (remaining == 0) {
      if (load<u8>(record, AccountEventAt.kind) != BATCH_RECORD_KIND) {
        fault(ShardFault.BadRecord);
        break;
      }
      remaining = load<u32>(record, BatchRecordAt.count);
      offset = load<i64>(record, BatchRecordAt.offset);
      received = load<f64>(record, BatchRecordAt.receivedNs);
      index = 0;
      ++consumed;
      if (remaining == 0) finishBatch(offset, received, 0);
      continue;
    }
    const outcome = applyEvent(record, offset, index, fillRoom > 0);
    if (outcome == Applied.ShardFull) {
      fault(ShardFault.AccountsFull);
      break;
    }
    if (outcome == Applied.FillRingFull) {
      fillRoom = room(fillRing);
      if (fillRoom > 0) continue;
      countWait(fillRing);
      count(ControlAt.fillRingWaits, 1);
      break;
    }
    if (recorded && load<u8>(record, AccountEventAt.kind) == AccountEventKind.Fill && fillRoom > 0) --fillRoom;
    if (outcome == Applied.Yes) ++applied;
    const time = load<i64>(record, AccountEventAt.timeNs);
    if (time > load<i64>(CONTROL, ControlAt.lastEventNs)) store<i64>(CONTROL, time, ControlAt.lastEventNs);
    ++index;
    ++consumed;
    if (--remaining == 0) finishBatch(offset, received, index);
  }
  store<u32>(CONTROL, remaining, ControlAt.batchRemaining);
  store<i64>(CONTROL, offset, ControlAt.currentOffset);
  store<i64>(CONTROL, index, ControlAt.currentIndex);
  store<f64>(CONTROL, received, ControlAt.batchReceivedNs);
  if (consumed != 0) release(inputRing, consumed);
  count(ControlAt.eventsApplied, applied);
  return consumed;
}

function finishBatch(offset: i64, received: f64, events: u32): void {
  atomic.store<i64>(CONTROL, offset + 1, ControlAt.nextOffset);
  count(ControlAt.batchesApplied, 1);
  if (pending < PENDING_BATCHES) {
    pendingReceived[pending] = received;
    pendingEvents[pending] = events;
    ++pending;
  }
}

function fault(code: ShardFault): void {
  store<u32>(CONTROL, code, ControlAt.fault);
  atomic.store<u32>(CONTROL, ShardState.Faulted, ControlAt.state);
}

/** Values up to `limit` accounts whose ledger changed. Returns how many. */
export function valueTouched(limit: u32): u32 {
  let done: u32 = 0;
  while (done < limit && touchedCount() > 0) {
    valueAccount(takeTouched());
    ++done;
  }
  if (done != 0) count(ControlAt.valuations, done);
  return done;
}

/** Notes event → row latencies of the batches whose accounts have all been valued by now. */
export function noteLatency(nowNs: f64): void {
  if (touchedCount() != 0) return;
  for (let i: u32 = 0; i < pending; ++i) {
    const at = CONTROL + ControlAt.latency + ((<usize>latencyBucket(nowNs - pendingReceived[i])) << 2);
    store<u32>(at, load<u32>(at) + pendingEvents[i]);
  }
  pending = 0;
}

/** Same function in src/shared/views/latency.ts. */
export function latencyBucket(ns: f64): u32 {
  if (!(ns >= 8)) return 0;
  const value = <u64>ns;
  const exponent = <u32>(63 - clz(value));
  const bucket = exponent * 8 + <u32>((value >> (exponent - 3)) & 7);
  return min(bucket, <u32>LATENCY_BUCKETS - 1);
}

export function referenceChanged(): void {
  loadReference();
  markAllDue();
}

export function instrumentChanged(id: u32): void {
  if (id >= <u32>INSTRUMENT_SLOTS) return;
  loadInstrument(id);
  markInstrumentDue(id);
}

export function assetChanged(id: u32): void {
  if (id >= <u32>ASSET_SLOTS) return;
  loadAsset(id);
  markAssetDue(id);
}

/** Every account is valued again: when the shard has caught up with its log. */
export function revalueAll(): void {
  markAllDue();
}

export function sweep(limit: u32): u32 {
  return sweepSome(limit);
}

/** Newest event time of the market copy, ns: what options' time to expiry is counted from. */
export function marketTimeNs(): f64 {
  return load<f64>(market, MarketHeaderAt.eventTimeNs);
}

/** Fills the account row at once, touched or not: for tests. */
export function valueOne(slot: u32): void {
  valueAccount(slot);
}
