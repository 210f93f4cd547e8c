// Reads messages of topics `alerts` and `liquidations`, for tools, tests and other consumers in this language. Not a hot path.
import * as flatbuffers from "flatbuffers";
import { AlertBatch } from "../../../schemas/generated/alert-batch";
import { BatchHeaderAt } from "../../../schemas/generated/offsets";
import type { Alert } from "./alert-batch-writer";
import { ALERT_BATCH, SCHEMA_VERSION } from "./batch-layout";
import { messageChecksum } from "./crc32";

const NS_PER_US = 1000n;

/**
 * The alerts of a message, in order; times to the microsecond, rounded down.
 *
 * @throws Error where identifier, schema version or checksum is wrong
 */
export function decodeAlerts(message: Uint8Array): Alert[] {
  const buffer = new flatbuffers.ByteBuffer(message);
  if (message.length < 8 || !buffer.__has_identifier(ALERT_BATCH.identifier))
    throw new Error("not an alert batch: no PLAL at byte 4");
  let batch: AlertBatch;
  let checksumAt: number;
  try {
    batch = AlertBatch.getRootAsAlertBatch(buffer);
    checksumAt = (batch.header()?.bb_pos ?? Number.NaN) + BatchHeaderAt.checksum;
  } catch {
    throw new Error("not a whole alert batch: its header is out of reach");
  }
  if (!(checksumAt >= 12 && checksumAt + 4 <= message.length))
    throw new Error("not a whole alert batch: its header is out of reach");
  const header = batch.header()!;
  if (header.schemaVersion() !== SCHEMA_VERSION)
    throw new Error(`an alert batch of schema version ${header.schemaVersion()}, not ${SCHEMA_VERSION}`);
  if (header.checksum() !== messageChecksum(message, checksumAt))
    throw new Error("not a whole alert batch: its checksum is wrong");
  const alerts: Alert[] = [];
  for (let i = 0; i < batch.alertsLength(); i++) {
    const alert = batch.alerts(i)!;
    alerts.push({
      account: Number(alert.account()),
      timeMs: Number(alert.timeNs() / NS_PER_US) / 1000,
      logOffset: Number(alert.logOffset()),
      logPartition: alert.logPartition(),
      eventIndex: alert.eventIndex(),
      marketSeq: Number(alert.marketSeq()),
      equityUsd: alert.equityUsd(),
      initialMarginUsd: alert.initialMarginUsd(),
      maintenanceMarginUsd: alert.maintenanceMarginUsd(),
      worstMarginRatio: alert.worstMarginRatio(),
      fromStatus: alert.fromStatus(),
      toStatus: alert.toStatus(),
      freshness: alert.freshness(),
      instrument: alert.instrument(),
      alertSeq: Number(alert.alertSeq()),
    });
  }
  return alerts;
}
