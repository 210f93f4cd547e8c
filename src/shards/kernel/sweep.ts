// Revaluation after the market moved: a walk over all accounts that values those holding what moved, in chunks, so that
// account events never wait longer than one chunk. What moves during a walk waits for the next one; a burst of ticks costs
// one walk.

import { AccountAt, AccountFlag, BalanceAt, ControlAt, PositionAt } from "../../shared/layout/shard";
import { ASSET_SLOTS, INSTRUMENT_SLOTS } from "../../shared/limits";
import { accountRow, balanceRow, CONTROL, count, positionRow } from "./memory";
import { allTouched, clearAllTouched } from "./touched";
import { valueAccount } from "./valuation";

const dueInstruments = new Uint8Array(INSTRUMENT_SLOTS);
const dueAssets = new Uint8Array(ASSET_SLOTS);
const movedInstruments = new Uint8Array(INSTRUMENT_SLOTS);
const movedAssets = new Uint8Array(ASSET_SLOTS);
let due: bool = false;
let dueAll: bool = false;
let walkAll: bool = false;
let walking: bool = false;
let cursor: u32 = 0;
let end: u32 = 0;

export function markInstrumentDue(id: u32): void {
  dueInstruments[id] = 1;
  noteDue();
}

export function markAssetDue(id: u32): void {
  dueAssets[id] = 1;
  noteDue();
}

export function markAllDue(): void {
  dueAll = true;
  noteDue();
}

function noteDue(): void {
  if (due) return;
  due = true;
  atomic.store<u32>(CONTROL, load<u32>(CONTROL, ControlAt.sweepsDue) + 1, ControlAt.sweepsDue);
}

function begin(): void {
  memory.copy(movedInstruments.dataStart, dueInstruments.dataStart, INSTRUMENT_SLOTS);
  memory.copy(movedAssets.dataStart, dueAssets.dataStart, ASSET_SLOTS);
  memory.fill(dueInstruments.dataStart, 0, INSTRUMENT_SLOTS);
  memory.fill(dueAssets.dataStart, 0, ASSET_SLOTS);
  walkAll = dueAll || allTouched;
  clearAllTouched();
  due = false;
  dueAll = false;
  walking = true;
  cursor = 0;
  end = load<u32>(CONTROL, ControlAt.accountCount);
}

function holdsWhatMoved(account: usize): bool {
  let link = load<u32>(account, AccountAt.firstPosition);
  while (link != 0) {
    const row = positionRow(link - 1);
    if (movedInstruments[load<u32>(row, PositionAt.instrument)] != 0) return true;
    link = load<u32>(row, PositionAt.next);
  }
  link = load<u32>(account, AccountAt.firstBalance);
  while (link != 0) {
    const row = balanceRow(link - 1);
    if (movedAssets[load<u32>(row, BalanceAt.asset)] != 0) return true;
    link = load<u32>(row, BalanceAt.next);
  }
  return false;
}

/** Values at most `limit` accounts of the walk at hand, or begins one. Returns how many accounts it looked at; 0: nothing due. */
export function sweepSome(limit: u32): u32 {
  if (!walking) {
    if (!due && !allTouched) return 0;
    if (!due) noteDue();
    begin();
  }
  const stop = min(end, cursor + limit);
  const looked = stop - cursor;
  let valued: u64 = 0;
  for (; cursor < stop; ++cursor) {
    const account = accountRow(cursor);
    if (walkAll || (load<u32>(account, AccountAt.flags) & AccountFlag.AlertPending) != 0 || holdsWhatMoved(account)) {
      valueAccount(cursor);
      ++valued;
    }
  }
  count(ControlAt.valuations, valued);
  if (cursor >= end) {
    walking = false;
    count(ControlAt.sweeps, 1);
    // Equal to sweepsDue when nothing has become due since this walk began.
    atomic.store<u32>(CONTROL, load<u32>(CONTROL, ControlAt.sweepsDue) - (due ? 1 : 0), ControlAt.sweepsDone);
  }
  return looked == 0 ? 1 : looked;
}
