// From the shards' alert rings to Kafka, to the clients, and, once Kafka has them, to the database. Main thread: the rings' only
// consumer.
//
// Kafka's log of alerts is the memory of what was alerted. So the database hears of an alert only when that log has it: whatever
// is in the database is in the log, and what a crash kept from the database is brought there from the log.
import { AlertAt } from "../../schemas/generated/offsets";
import type { OutputOffsets, Remembered } from "../ingest/alert-memory";
import { topicName } from "../ingest/kafka/topics";
import { faultPoint } from "../shared/fault-points";
import { type Freshness, STATUS_NAMES } from "../shared/freshness";
import { ControlAt } from "../shared/layout/shard";
import { KERNEL_RESERVED_BYTES } from "../shared/limits";
import { RingConsumer } from "../shared/ring";
import type { MarketView } from "../shared/views/market-view";
import type { AlertView } from "../shared/views/types";
import type { Alert } from "../shared/wire/alert-batch-writer";
import { AlertBatchWriter, FRESHNESS_CODES } from "../shared/wire/encode";
import { readInt64, readTimeMs } from "../shared/wire/int64";
import type { Lease } from "./lease";
import type { Outbox } from "./outbox";

/** Status from which an alert is a liquidation signal too. */
const LIQUIDATION = 3;
/** Alerts of one message: under a tenth of a MiB. */
const BATCH_ALERTS = 1024;

interface Source {
  words: Int32Array;
  doubles: Float64Array;
  bytes: Uint8Array;
  ring: RingConsumer;
  /** Liquidation signals of alerts that Kafka's client took, for which it had no room. */
  owed: Buffer | null;
  /** Messages under way of either topic. */
  underWay: number;
  /** Next offsets of both topics as far as delivered, and as they were when last nothing was under way. */
  delivered: OutputOffsets;
  settled: OutputOffsets;
  /** The shard's alert numbers know what is in the topics. */
  isKnown: boolean;
}

export interface AlertOutletOptions {
  outbox: Outbox;
  /** While another engine may have told already what we would tell, nothing is told. */
  lease: Pick<Lease, "holds">;
  prefix: string;
  market: MarketView;
  /** Kafka has them: for the database. */
  onDelivered(alerts: AlertView[]): void;
}

// Only while neither topic is ahead of the other.
function settle(source: Source): void {
  if (source.isKnown && source.underWay === 0 && source.owed === null) source.settled = { ...source.delivered };
}

/** The key of an alert: what is sent again after a crash has the same one. */
export function alertKey(partition: number, accountId: string | number, alertSeq: number): string {
  return `${partition}/${accountId}/${alertSeq}`;
}

export class AlertOutlet {
  private readonly sources = new Map<number, Source>();
  private readonly writer = new AlertBatchWriter(1);
  private readonly urgent = new AlertBatchWriter(1);
  private readonly topics: { alerts: string; liquidations: string };

  constructor(private readonly options: AlertOutletOptions) {
    const { prefix } = options;
    this.topics = { alerts: topicName("alerts", prefix), liquidations: topicName("liquidations", prefix) };
  }

  /** @param from where both topics ended when this shard's alert numbers were set */
  add(partition: number, memory: SharedArrayBuffer, from: OutputOffsets): void {
    const words = new Int32Array(memory);
    const ring = new RingConsumer(memory, words[(KERNEL_RESERVED_BYTES + ControlAt.alertRing) / 4] >>> 0);
    this.sources.set(partition, {
      words,
      doubles: new Float64Array(memory),
      bytes: new Uint8Array(memory),
      ring,
      owed: null,
      underWay: 0,
      delivered: { ...from },
      settled: { ...from },
      isKnown: false,
    });
  }

  /** From now on the shard's alert numbers know everything up to `ends`, and all that was sent for it since. */
  known(partition: number, ends: OutputOffsets): void {
    const source = this.sources.get(partition);
    if (!source) return;
    source.isKnown = true;
    source.delivered.alerts = Math.max(source.delivered.alerts, ends.alerts);
    source.delivered.liquidations = Math.max(source.delivered.liquidations, ends.liquidations);
    settle(source);
  }

  remove(partition: number): void {
    this.sources.delete(partition);
  }

  /**
   * Where both topics can be read from to find every alert that the shard's alert numbers do not know. It may lie before that
   * place, never after it.
   */
  positions(partition: number): OutputOffsets | null {
    const source = this.sources.get(partition);
    return source ? { ...source.settled } : null;
  }

  /** Alerts that wait in the ring of a shard, or for room in Kafka's client. */
  waiting(partition: number): boolean {
    const source = this.sources.get(partition);
    return source !== undefined && (source.ring.readable() > 0 || source.owed !== null);
  }

  /** Sends what is there. Returns it for the clients; what Kafka's client does not take now stays where it is. */
  drain(only?: number): AlertView[] {
    const drained: AlertView[] = [];
    if (!this.options.lease.holds()) return drained;
    for (const [partition, source] of this.sources) {
      if (only !== undefined && partition !== only) continue;
      while (this.sendOwed(partition, source)) {
        const views = this.sendSome(partition, source);
        if (views === null) break;
        drained.push(...views);
      }
    }
    return drained;
  }

  /** Sends all that waits of a shard. False where it may not be told now: another engine may have told it. */
  async empty(partition: number): Promise<boolean> {
    while (this.waiting(partition)) {
      if (!this.options.lease.holds()) return false;
      this.drain(partition);
      if (this.waiting(partition)) await this.options.outbox.room();
    }
    return true;
  }

  private sendSome(partition: number, source: Source): AlertView[] | null {
    const count = Math.min(source.ring.readable(), BATCH_ALERTS);
    if (count === 0) return null;
    const views: AlertView[] = [];
    for (let i = 0; i < count; i++) {
      const at = source.ring.recordOffset(i);
      this.writer.alertRecord(source.words, at);
      if (source.bytes[at + AlertAt.toStatus] >= LIQUIDATION) this.urgent.alertRecord(source.words, at);
      views.push(this.viewOf(this.read(source, at)));
    }
    const urgent = this.urgent.count > 0 ? this.urgent.finish() : null;
    if (!this.send(partition, source, "alerts", this.writer.finish(), () => this.options.onDelivered(views))) return null;
    source.ring.release(count);
    source.owed = urgent === null ? null : Buffer.from(urgent);
    this.sendOwed(partition, source);
    faultPoint("alert-sent");
    return views;
  }

  private sendOwed(partition: number, source: Source): boolean {
    if (source.owed === null) return true;
    if (!this.send(partition, source, "liquidations", source.owed)) return false;
    source.owed = null;
    return true;
  }

  private send(
    partition: number,
    source: Source,
    log: "alerts" | "liquidations",
    payload: Buffer,
    onDelivered?: () => void,
  ): boolean {
    source.underWay++;
    const taken = this.options.outbox.send(this.topics[log], partition, payload, `p${partition}`, ({ offset }) => {
      if (log === "alerts") faultPoint("alert-delivered");
      source.delivered[log] = Math.max(source.delivered[log], offset + 1);
      source.underWay--;
      settle(source);
      onDelivered?.();
    });
    if (!taken) source.underWay--;
    return taken;
  }

  /**
   * Takes note of what both logs hold after a shard's ledger: what one of them lacks is sent to it (a crash came between the
   * two), and the database is given all of it, which it may have or not.
   *
   * @returns the last alert of each account
   */
  remember(partition: number, remembered: Remembered): Map<number, Alert> {
    const { alerts, liquidations, forgotten } = remembered;
    const key = (alert: Alert) => alertKey(partition, alert.account, alert.alertSeq);
    const inAlerts = new Map(alerts.map((alert) => [key(alert), alert]));
    const inLiquidations = new Set(liquidations.map(key));
    // With a part of the alerts gone, a signal without its alert says nothing.
    const unalerted = forgotten ? [] : liquidations.filter((alert) => !inAlerts.has(key(alert)));
    const unsignalled = [...inAlerts.values()].filter(
      (alert) => alert.toStatus >= LIQUIDATION && !inLiquidations.has(key(alert)),
    );
    const source = this.sources.get(partition);
    if (source) {
      for (let at = 0; at < unalerted.length; at += BATCH_ALERTS) this.resend(partition, source, "alerts", unalerted, at);
      for (let at = 0; at < unsignalled.length; at += BATCH_ALERTS)
        this.resend(partition, source, "liquidations", unsignalled, at);
    }
    const all = [...inAlerts.values(), ...unalerted];
    for (let at = 0; at < all.length; at += BATCH_ALERTS)
      this.options.onDelivered(all.slice(at, at + BATCH_ALERTS).map((alert) => this.viewOf(alert)));
    const last = new Map<number, Alert>();
    for (const alert of all) if (alert.alertSeq > (last.get(alert.account)?.alertSeq ?? 0)) last.set(alert.account, alert);
    return last;
  }

  private resend(partition: number, source: Source, log: "alerts" | "liquidations", alerts: Alert[], from: number): void {
    for (const alert of alerts.slice(from, from + BATCH_ALERTS)) this.writer.alert(alert);
    const payload = this.writer.finish();
    if (this.send(partition, source, log, payload)) return;
    // Under way from now on: a place behind it must not count before it is there.
    source.underWay++;
    const again = () => {
      if (this.send(partition, source, log, payload)) source.underWay--;
      else void this.options.outbox.room().then(again);
    };
    void this.options.outbox.room().then(again);
  }

  private read(source: Source, at: number): Alert {
    const f64 = (field: number) => source.doubles[(at + field) / 8];
    const i64 = (field: number) => readInt64(source.words, (at + field) / 4);
    const u32 = (field: number) => source.words[(at + field) / 4] >>> 0;
    return {
      account: i64(AlertAt.account),
      timeMs: readTimeMs(source.words, (at + AlertAt.timeNs) / 4),
      logOffset: i64(AlertAt.logOffset),
      logPartition: u32(AlertAt.logPartition),
      eventIndex: u32(AlertAt.eventIndex),
      marketSeq: i64(AlertAt.marketSeq),
      equityUsd: f64(AlertAt.equityUsd),
      initialMarginUsd: f64(AlertAt.initialMarginUsd),
      maintenanceMarginUsd: f64(AlertAt.maintenanceMarginUsd),
      worstMarginRatio: f64(AlertAt.worstMarginRatio),
      fromStatus: source.bytes[at + AlertAt.fromStatus],
      toStatus: source.bytes[at + AlertAt.toStatus],
      freshness: source.bytes[at + AlertAt.freshness],
      instrument: u32(AlertAt.instrument),
      alertSeq: i64(AlertAt.alertSeq),
    };
  }

  private viewOf(alert: Alert): AlertView {
    const accountId = String(alert.account);
    return {
      key: alertKey(alert.logPartition, accountId, alert.alertSeq),
      accountId,
      partition: alert.logPartition,
      offset: alert.logOffset,
      index: alert.eventIndex,
      timeMs: alert.timeMs > 0 ? alert.timeMs : null,
      fromStatus: STATUS_NAMES[alert.fromStatus],
      toStatus: STATUS_NAMES[alert.toStatus],
      freshness: FRESHNESS_CODES[alert.freshness] as Freshness,
      equityUsd: alert.equityUsd,
      initialMarginUsd: alert.initialMarginUsd,
      maintenanceMarginUsd: alert.maintenanceMarginUsd,
      worstMarginRatio: Number.isFinite(alert.worstMarginRatio) ? alert.worstMarginRatio : null,
      instrument: this.options.market.symbol(alert.instrument) ?? null,
    };
  }
}
