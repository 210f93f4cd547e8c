// The shard kernel: one instance over one shard's memory, called by the shard's worker and by nobody else. The worker
// copies what moved in the market into this memory, then drains the input ring, values what was touched, and sweeps.
import { AccountEventKind } from "../../../schemas/generated/account-event-kind";
import { AccountEventAt } from "../../../schemas/generated/offsets";
import { GroupAt, MarketHeaderAt } from "../../shared/layout/market";
import { BATCH_RECORD_KIND, BatchRecordAt, ControlAt, LATENCY_BUCKETS, ShardFault, ShardState } from "../../shared/layout/shard";
import { ASSET_SLOTS, GROUP_SLOTS, INSTRUMENT_SLOTS, KERNEL_RESERVED_BYTES } from "../../shared/limits";
import { anchorAsset, anchorContract, driftAsset, driftContract } from "./anchors";
import { loadAsset, loadInstrument, loadReference, Moved } from "./contracts";
import { Applied, applyEvent, publishFills } from "./ledger";
import { accountRow, attachMemory, CONTROL, count, fillRing, groupRow, inputRing, market } from "./memory";
import { markAllPooled, rebuildPools } from "./pools";
import { isRefreshDue, markAllDue, markDue, refreshSome, refreshWatched } from "./refresh";
import { countWait, readable, readSlot, release, room } from "./ring";
import { canOpen, isTouched, takeTouched, touchedCount } from "./touched";
import { markMoved, markTermsChanged, triggerSome, walkSome } from "./trigger";
import { shouldWarm, WARM_RECORDS, warmRecords } from "./warm";
import { clearCounts, generalCount, leanCount, valueAccount, valueGeneral } from "./valuation";

// Exported so that they stay out of line: what is rare must not crowd the registers of what is not.
export { countMore, findPiece, searchPrice } from "./lean";
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
  if (!attachMemory()) return false;
  // Laid out when the contracts are known, before the first event.
  poolsMissing = load<u32>(CONTROL, ControlAt.accountCount) != 0;
  return true;
}

// Accounts came with the memory, and their pools have not been laid out yet.
let poolsMissing: bool = false;

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
  const warms = shouldWarm();
  let warmed: u32 = 0;
  while (consumed < limit) {
    if (warms && consumed == warmed) {
      const group = min(limit - consumed, WARM_RECORDS);
      warmRecords(consumed, group);
      warmed += group;
    }
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
    if (!canOpen()) break;
    const outcome = applyEvent(record, offset, index, fillRoom > 0);
    if (outcome == Applied.ShardFull) {
      fault(ShardFault.AccountsFull);
      break;
    }
    if (outcome == Applied.FillRingFull) {
      publishFills();
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
  publishFills();
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
    const slot = takeTouched();
    if (!isTouched(slot)) continue;
    valueAccount(slot);
    ++done;
  }
  if (done != 0) count(ControlAt.valuations, done);
  countPaths();
  return done;
}

/**
 * Notes event → row latencies of the batches whose accounts have all been valued by now. What is read again in recovery is not
 * late by the time it waited in the log.
 */
export function noteLatency(): void {
  if (touchedCount() != 0) return;
  const nowNs = load<f64>(CONTROL, ControlAt.nowNs);
  if (atomic.load<u32>(CONTROL, ControlAt.state) != ShardState.Running) pending = 0;
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

function countPaths(): void {
  if (leanCount != 0) count(ControlAt.valuationsLean, leanCount);
  if (generalCount != 0) count(ControlAt.valuationsGeneral, generalCount);
  clearCounts();
}

// Collateral mode of each group when last looked at.
const collaterals = new Uint8Array(GROUP_SLOTS);

export function referenceChanged(): void {
  loadReference();
  const end = load<u32>(market, MarketHeaderAt.instrumentEnd);
  for (let id: u32 = 1; id < end; ++id) anchorContract(id);
  const assetEnd = load<u32>(market, MarketHeaderAt.assetEnd);
  for (let id: u32 = 0; id < assetEnd; ++id) anchorAsset(id);
  let hasRegrouped = false;
  for (let id: u32 = 0; id < <u32>GROUP_SLOTS; ++id) {
    const collateral = load<u8>(groupRow(id), GroupAt.collateral);
    if (collaterals[id] != collateral) hasRegrouped = true;
    collaterals[id] = collateral;
  }
  if (poolsMissing) rebuildPools();
  else if (hasRegrouped) markAllPooled();
  poolsMissing = false;
  markAllDue();
  markTermsChanged();
}

/** A row of the market copy is new. */
export function instrumentChanged(id: u32): void {
  if (id >= <u32>INSTRUMENT_SLOTS) return;
  const moved = loadInstrument(id);
  if (moved == Moved.Nothing) return;
  markDue();
  if (moved == Moved.Values) {
    driftContract(id);
    markMoved();
  } else if (moved == Moved.Terms) {
    anchorContract(id);
    markTermsChanged();
  }
}

export function assetChanged(id: u32): void {
  if (id >= <u32>ASSET_SLOTS || !loadAsset(id)) return;
  driftAsset(id);
  markDue();
  markMoved();
}

/** Finds and tells who crossed a line since the market moved: as much as looking at `limit` pools. Returns the work done; 0: none. */
export function trigger(limit: u32): u32 {
  const work = triggerSome(limit);
  countPaths();
  return work;
}

/** Goes on revaluing all pools after the market moved, likewise. */
export function walk(limit: u32): u32 {
  const work = walkSome(limit);
  countPaths();
  return work;
}

/** Every account is valued again: when the shard has caught up with its log. */
export function revalueAll(): void {
  markAllDue();
}

/** Refreshes the rows of accounts that are being watched, ahead of their turn. Returns how many. */
export function refreshWatchedRows(): u32 {
  const valued = refreshWatched();
  countPaths();
  return valued;
}

/** Whether sweep() has something to do: asked first, because the time that it needs costs more than a round without work. */
export function sweepDue(): bool {
  return isRefreshDue();
}

/** Goes on refreshing rows after the market moved. Returns how many accounts were looked at; 0: all are up to date. */
export function sweep(limit: u32): u32 {
  const looked = refreshSome(limit, load<f64>(CONTROL, ControlAt.nowNs));
  countPaths();
  return looked;
}

/** Newest event time of the market copy, ns: what options' time to expiry is counted from. */
export function marketTimeNs(): f64 {
  return load<f64>(market, MarketHeaderAt.eventTimeNs);
}

/** Writes the account's rows at once, touched or not, as the workers do (0) or through the general workspace (1): for tests. */
export function valueOne(slot: u32, general: u32): void {
  if (general != 0) valueGeneral(accountRow(slot), slot);
  else valueAccount(slot);
}
