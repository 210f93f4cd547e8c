// The end of a valuation: what the account is worth goes into its row, a change of status goes to the alert ring, and the row is
// closed. Both paths of valuing come here.
//
// The row was opened by the event that touched it (touched.ts) or by openForValuation, and the flag Touched is cleared before it is
// closed: a reader that finds it closed and not touched has a ledger and its own valuation. beginWrite and endWrite (memory.ts) keep
// the plain stores between them; src/shared/views/seqlock.ts says why that suffices.
import { AlertAt } from "../../../schemas/generated/offsets";
import { MarketHeaderAt } from "../../shared/layout/market";
import { AccountAt, AccountFlag, ControlAt, ShardState } from "../../shared/layout/shard";
import { changeCount } from "./contracts";
import { beginWrite, CONTROL, count, endWrite, alertRing, market, partition } from "./memory";
import { publish, room, writeSlot } from "./ring";

/** Opens the row for a valuation, unless the event before left it open. */
// @ts-expect-error: decorator
@inline export function openForValuation(account: usize): void {
  if ((load<u32>(account, AccountAt.seq) & 1) == 0) beginWrite(account);
}

/** Writes the account's part and closes its row. Positions have been written before. */
export function publishAccount(
  account: usize,
  asOfNs: i64,
  walletUsd: f64,
  unrealizedPnlUsd: f64,
  equityUsd: f64,
  initialMarginUsd: f64,
  maintenanceMarginUsd: f64,
  orderMarginUsd: f64,
  availableUsd: f64,
  ratio: f64,
  worstRatio: f64,
  leverage: f64,
  grossExposureUsd: f64,
  netExposureUsd: f64,
  liquidationDistance: f64,
  status: u32,
  nearestInstrument: u32,
  oldestMarkReceivedNs: f64,
  unmarkedCount: u32,
): void {
  store<i64>(account, asOfNs, AccountAt.asOfNs);
  store<f64>(account, walletUsd, AccountAt.walletUsd);
  store<f64>(account, unrealizedPnlUsd, AccountAt.unrealizedPnlUsd);
  store<f64>(account, equityUsd, AccountAt.equityUsd);
  store<f64>(account, initialMarginUsd, AccountAt.initialMarginUsd);
  store<f64>(account, maintenanceMarginUsd, AccountAt.maintenanceMarginUsd);
  store<f64>(account, orderMarginUsd, AccountAt.orderMarginUsd);
  store<f64>(account, availableUsd, AccountAt.availableUsd);
  store<f64>(account, ratio, AccountAt.marginRatio);
  store<f64>(account, worstRatio, AccountAt.worstMarginRatio);
  store<f64>(account, leverage, AccountAt.leverage);
  store<f64>(account, grossExposureUsd, AccountAt.grossExposureUsd);
  store<f64>(account, netExposureUsd, AccountAt.netExposureUsd);
  store<f64>(account, liquidationDistance, AccountAt.liquidationDistance);
  store<u32>(account, status, AccountAt.status);
  store<u32>(account, nearestInstrument, AccountAt.nearestInstrument);
  store<f64>(account, oldestMarkReceivedNs, AccountAt.oldestMarkReceivedNs);
  store<u32>(account, load<u32>(market, MarketHeaderAt.marketVersion), AccountAt.marketVersion);
  store<u32>(account, unmarkedCount, AccountAt.unmarkedCount);
  store<u64>(account, changeCount, AccountAt.valuedChange);
  const flags = load<u32>(account, AccountAt.flags) & ~AccountFlag.Touched;
  store<u32>(account, flags, AccountAt.flags);
  // A valuation that lacks a mark says nothing about the account's status.
  // Nor does one of a ledger that is still being rebuilt.
  if (status != load<u32>(account, AccountAt.alertedStatus)) {
    if (unmarkedCount == 0 && atomic.load<u32>(CONTROL, ControlAt.state) == ShardState.Running) alert(account);
  } else if (flags & AccountFlag.AlertPending) store<u32>(account, flags & ~AccountFlag.AlertPending, AccountAt.flags);
  endWrite(account);
}

/** Accounts whose change of status found the alert ring full, since they were last looked for. */
export let alertsPending: bool = false;

export function clearAlertsPending(): void {
  alertsPending = false;
}

// Tells of a change of status. Where the ring is full it stays untold, and the account is marked: the next round of refreshing values
// it again, and tells then.
function alert(account: usize): void {
  if (room(alertRing) == 0) {
    store<u32>(account, load<u32>(account, AccountAt.flags) | AccountFlag.AlertPending, AccountAt.flags);
    alertsPending = true;
    return;
  }
  const flags = load<u32>(account, AccountAt.flags) & ~AccountFlag.AlertPending;
  const status = load<u32>(account, AccountAt.status);
  store<u32>(account, flags, AccountAt.flags);
  const record = writeSlot(alertRing, 0);
  memory.fill(record, 0, 128);
  store<u64>(record, load<u64>(account, AccountAt.accountId), AlertAt.account);
  store<i64>(record, load<i64>(account, AccountAt.asOfNs), AlertAt.timeNs);
  store<i64>(record, load<i64>(account, AccountAt.lastOffset), AlertAt.logOffset);
  store<u32>(record, partition, AlertAt.logPartition);
  store<u32>(record, load<u32>(account, AccountAt.lastIndex), AlertAt.eventIndex);
  store<u64>(record, load<u32>(market, MarketHeaderAt.marketVersion), AlertAt.marketSeq);
  store<f64>(record, load<f64>(account, AccountAt.equityUsd), AlertAt.equityUsd);
  store<f64>(record, load<f64>(account, AccountAt.initialMarginUsd), AlertAt.initialMarginUsd);
  store<f64>(record, load<f64>(account, AccountAt.maintenanceMarginUsd), AlertAt.maintenanceMarginUsd);
  // Its own ratio over all pools may look well while one pool is not: what is told is what the status goes by.
  const worstRatio = load<f64>(account, AccountAt.worstMarginRatio);
  store<f64>(record, isFinite<f64>(worstRatio) ? worstRatio : NaN, AlertAt.worstMarginRatio);
  store<u8>(record, <u8>load<u32>(account, AccountAt.alertedStatus), AlertAt.fromStatus);
  store<u8>(record, <u8>status, AlertAt.toStatus);
  // The wire's numbers: 3 quarantined, 2 gap, 0 fine.
  const freshness: u8 = flags & AccountFlag.Quarantined ? 3 : flags & AccountFlag.Gap ? 2 : 0;
  store<u8>(record, freshness, AlertAt.freshness);
  store<u32>(record, load<u32>(account, AccountAt.nearestInstrument), AlertAt.instrument);
  const seq = load<u32>(account, AccountAt.alertSeq) + 1;
  store<u64>(record, seq, AlertAt.alertSeq);
  store<u32>(account, seq, AccountAt.alertSeq);
  publish(alertRing, 1);
  store<u32>(account, status, AccountAt.alertedStatus);
  count(ControlAt.alerts, 1);
}
