// Value checks of alerts, for those that read what an engine sent out. Parameters and result as in check-market.ts.
import { AccountStatus } from "../../../schemas/generated/account-status";
import { AlertAt } from "../../../schemas/generated/offsets";
import { INSTRUMENT_SLOTS } from "../../shared/limits";
import { FRESHNESS_CODES } from "../../shared/wire/alert-batch-writer";
import type { AlignedMessage } from "./aligned-message";
import { VerifyCode } from "./codes";
import { faultAt, refuse, refuse64 } from "./fault";
import { isNonNegative, isPositive, isTime, NON_NEGATIVE_RULE, POSITIVE_RULE, TIME_RULE } from "./fields";

export function checkAlerts(message: AlignedMessage, byteOffset: number, count: number): number {
  for (let i = 0; i < count; i++)
    if (checkAlert(message, byteOffset + i * AlertAt.bytes) !== VerifyCode.Ok) return faultAt("alerts", i);
  return -1;
}

const FINITE = [
  ["equityUsd", AlertAt.equityUsd],
  ["initialMarginUsd", AlertAt.initialMarginUsd],
  ["maintenanceMarginUsd", AlertAt.maintenanceMarginUsd],
] as const;

function checkAlert(message: AlignedMessage, at: number): VerifyCode {
  const { i32, u8, f64 } = message;
  const word = at >> 2;
  const account = word + AlertAt.account / 4;
  const time = word + AlertAt.timeNs / 4;
  const logOffset = word + AlertAt.logOffset / 4;
  const marketSeq = word + AlertAt.marketSeq / 4;
  if (!isPositive(i32, account)) return refuse64(VerifyCode.OutOfRange, "account", i32, account, POSITIVE_RULE);
  if (!isTime(i32, time)) return refuse64(VerifyCode.BadTime, "timeNs", i32, time, TIME_RULE);
  if (!isNonNegative(i32, logOffset)) return refuse64(VerifyCode.OutOfRange, "logOffset", i32, logOffset, NON_NEGATIVE_RULE);
  const partition = i32[word + AlertAt.logPartition / 4];
  if (partition < 0) return refuse(VerifyCode.OutOfRange, "logPartition", partition >>> 0, "0 to 2^31 - 1");
  if (!isNonNegative(i32, marketSeq)) return refuse64(VerifyCode.OutOfRange, "marketSeq", i32, marketSeq, NON_NEGATIVE_RULE);
  for (const [field, offset] of FINITE) {
    const value = f64[(at + offset) >> 3];
    if (!Number.isFinite(value)) return refuse(VerifyCode.OutOfRange, field, value, "finite");
  }
  const ratio = f64[(at + AlertAt.worstMarginRatio) >> 3];
  if (!Number.isFinite(ratio) && !Number.isNaN(ratio))
    return refuse(VerifyCode.OutOfRange, "worstMarginRatio", ratio, "finite, or NaN: a pool is bankrupt");
  const from = u8[at + AlertAt.fromStatus];
  const to = u8[at + AlertAt.toStatus];
  const freshness = u8[at + AlertAt.freshness];
  if (from > AccountStatus.Bankrupt) return refuse(VerifyCode.OutOfRange, "fromStatus", from, `0 to ${AccountStatus.Bankrupt}`);
  if (to > AccountStatus.Bankrupt) return refuse(VerifyCode.OutOfRange, "toStatus", to, `0 to ${AccountStatus.Bankrupt}`);
  if (freshness >= FRESHNESS_CODES.length)
    return refuse(VerifyCode.OutOfRange, "freshness", freshness, `0 to ${FRESHNESS_CODES.length - 1}`);
  const instrument = i32[word + AlertAt.instrument / 4] >>> 0;
  if (instrument >= INSTRUMENT_SLOTS)
    return refuse(VerifyCode.OutOfRange, "instrument", instrument, `0 to ${INSTRUMENT_SLOTS - 1}`);
  if (u8[at + AlertAt.reserved] !== 0)
    return refuse(VerifyCode.NotZero, "reserved", "not zero", "0: it means nothing in this version");
  const alertSeq = word + AlertAt.alertSeq / 4;
  if (!isPositive(i32, alertSeq)) return refuse64(VerifyCode.OutOfRange, "alertSeq", i32, alertSeq, POSITIVE_RULE);
  return VerifyCode.Ok;
}
