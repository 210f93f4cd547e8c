// Writes messages of topics `alerts` and `liquidations`.
import { AccountStatus } from "../../../schemas/generated/account-status";
import { AlertAt } from "../../../schemas/generated/offsets";
import { INSTRUMENT_SLOTS } from "../limits";
import { ALERT_BATCH } from "./batch-layout";
import { BatchWriter } from "./batch-writer";
import { checkExact, checkFinite, checkInteger, checkTimeMs } from "./checks";
import { putInt64, putTimeNs } from "./int64";

/** Values of Alert.freshness, in the order of their numbers. */
export const FRESHNESS_CODES = ["OK", "STALE", "GAP", "QUARANTINED", "RECOVERING"] as const;

export interface Alert {
  account: number;
  /** Event time of what caused it, ms since the epoch, exact to the microsecond. */
  timeMs: number;
  /** Of the account message that the shard had applied. */
  logOffset: number;
  logPartition: number;
  eventIndex: number;
  marketSeq: number;
  equityUsd: number;
  initialMarginUsd: number;
  maintenanceMarginUsd: number;
  /** NaN where equity ≤ 0. */
  worstMarginRatio: number;
  /** AccountStatus, 0 … 4. */
  fromStatus: number;
  toStatus: number;
  /** Index in FRESHNESS_CODES. */
  freshness: number;
  /** What moved, or 0. */
  instrument: number;
  /** The account's own count of alerts, from 1: with partition and account the alert's key. */
  alertSeq: number;
}

export class AlertBatchWriter extends BatchWriter {
  private readonly alerts = this.columns[0];

  /**
   * @param producerId    0 … 2^53 − 1, unique among the producers of the topic
   * @param firstSequence the producer's count of alerts so far
   */
  constructor(producerId: number, firstSequence = 0) {
    super(ALERT_BATCH, producerId, firstSequence);
  }

  /** @throws RangeError that names the field */
  alert(r: Alert): void {
    checkExact("account", r.account, 1);
    checkTimeMs("timeMs", r.timeMs);
    checkExact("logOffset", r.logOffset, 0);
    checkInteger("logPartition", r.logPartition, 0, 0x7fffffff);
    checkInteger("eventIndex", r.eventIndex, 0, 0xffffffff);
    checkExact("marketSeq", r.marketSeq, 0);
    checkFinite("equityUsd", r.equityUsd);
    checkFinite("initialMarginUsd", r.initialMarginUsd);
    checkFinite("maintenanceMarginUsd", r.maintenanceMarginUsd);
    if (!Number.isNaN(r.worstMarginRatio)) checkFinite("worstMarginRatio", r.worstMarginRatio);
    checkInteger("fromStatus", r.fromStatus, AccountStatus.Ok, AccountStatus.Bankrupt);
    checkInteger("toStatus", r.toStatus, AccountStatus.Ok, AccountStatus.Bankrupt);
    checkInteger("freshness", r.freshness, 0, FRESHNESS_CODES.length - 1);
    checkInteger("instrument", r.instrument, 0, INSTRUMENT_SLOTS - 1);
    checkExact("alertSeq", r.alertSeq, 1);
    const column = this.alerts;
    const word = this.add(column);
    const { i32, f64, u8 } = column;
    putInt64(i32, word + AlertAt.account / 4, r.account);
    putTimeNs(i32, word + AlertAt.timeNs / 4, r.timeMs);
    putInt64(i32, word + AlertAt.logOffset / 4, r.logOffset);
    i32[word + AlertAt.logPartition / 4] = r.logPartition;
    i32[word + AlertAt.eventIndex / 4] = r.eventIndex;
    putInt64(i32, word + AlertAt.marketSeq / 4, r.marketSeq);
    f64[(word + AlertAt.equityUsd / 4) >> 1] = r.equityUsd;
    f64[(word + AlertAt.initialMarginUsd / 4) >> 1] = r.initialMarginUsd;
    f64[(word + AlertAt.maintenanceMarginUsd / 4) >> 1] = r.maintenanceMarginUsd;
    f64[(word + AlertAt.worstMarginRatio / 4) >> 1] = r.worstMarginRatio;
    u8[word * 4 + AlertAt.fromStatus] = r.fromStatus;
    u8[word * 4 + AlertAt.toStatus] = r.toStatus;
    u8[word * 4 + AlertAt.freshness] = r.freshness;
    i32[word + AlertAt.instrument / 4] = r.instrument;
    putInt64(i32, word + AlertAt.alertSeq / 4, r.alertSeq);
  }

  /** Copies an AlertRecord of a shard's ring, whose first bytes are the fields of Alert: nothing is checked or rounded. */
  alertRecord(i32: Int32Array, byteOffset: number): void {
    const word = this.add(this.alerts);
    const to = this.alerts.i32;
    const from = byteOffset / 4;
    for (let i = 0; i < AlertAt.bytes / 4; i++) to[word + i] = i32[from + i];
  }
}
