// What the shards' alert rings hold, sent to Kafka and handed to the api and the store. Main thread: their only consumer.
import { AlertAt } from "../../schemas/generated/offsets";
import type { LogProducer } from "../ingest/kafka/log-producer";
import { topicName } from "../ingest/kafka/topics";
import { type Freshness, STATUS_NAMES } from "../shared/freshness";
import { ControlAt } from "../shared/layout/shard";
import { KERNEL_RESERVED_BYTES } from "../shared/limits";
import { RingConsumer } from "../shared/ring";
import type { MarketView } from "../shared/views/market-view";
import type { AlertView } from "../shared/views/types";
import { AlertBatchWriter, FRESHNESS_CODES } from "../shared/wire/encode";
import { readInt64 } from "../shared/wire/int64";

/** Status from which an alert is a liquidation signal too. */
const LIQUIDATION = 3;

interface Source {
  memory: SharedArrayBuffer;
  words: Int32Array;
  doubles: Float64Array;
  bytes: Uint8Array;
  ring: RingConsumer;
}

export class AlertOutlet {
  private readonly sources = new Map<number, Source>();
  private readonly alerts = new AlertBatchWriter(1);
  private readonly liquidations = new AlertBatchWriter(1);
  private readonly topics: { alerts: string; liquidations: string };
  sent = 0;

  constructor(
    private readonly producer: LogProducer,
    prefix: string,
    private readonly market: MarketView,
  ) {
    this.topics = { alerts: topicName("alerts", prefix), liquidations: topicName("liquidations", prefix) };
  }

  add(partition: number, memory: SharedArrayBuffer): void {
    const words = new Int32Array(memory);
    const ring = new RingConsumer(memory, words[(KERNEL_RESERVED_BYTES + ControlAt.alertRing) / 4] >>> 0);
    this.sources.set(partition, { memory, words, doubles: new Float64Array(memory), bytes: new Uint8Array(memory), ring });
  }

  remove(partition: number): void {
    this.sources.delete(partition);
  }

  /** Sends what is there. Returns it for the other threads; what Kafka's queue does not take now stays in the ring. */
  drain(limit = 1024): AlertView[] {
    const drained: AlertView[] = [];
    for (const [partition, source] of this.sources) {
      const count = Math.min(source.ring.readable(), limit);
      if (count === 0) continue;
      const views: AlertView[] = [];
      for (let i = 0; i < count; i++) {
        const at = source.ring.recordOffset(i);
        this.alerts.alertRecord(source.words, at);
        if (source.bytes[at + AlertAt.toStatus] >= LIQUIDATION) this.liquidations.alertRecord(source.words, at);
        views.push(this.view(source, at));
      }
      const urgent = this.liquidations.count > 0 ? this.liquidations.finish() : null;
      const key = `p${partition}`;
      if (!this.producer.send(this.topics.alerts, partition, this.alerts.finish(), key)) return drained;
      // Alerts are keyed by their cause: one that is sent again after this is recognised.
      if (urgent && !this.producer.send(this.topics.liquidations, partition, urgent, key)) return drained;
      source.ring.release(count);
      this.sent += count;
      drained.push(...views);
    }
    return drained;
  }

  private view(source: Source, at: number): AlertView {
    const f64 = (field: number) => source.doubles[(at + field) / 8];
    const i64 = (field: number) => readInt64(source.words, (at + field) / 4);
    const timeNs = i64(AlertAt.timeNs);
    const ratio = f64(AlertAt.marginRatio);
    const partition = source.words[(at + AlertAt.logPartition) / 4];
    const offset = i64(AlertAt.logOffset);
    const index = source.words[(at + AlertAt.eventIndex) / 4];
    const marketSeq = i64(AlertAt.marketSeq);
    const fromStatus = STATUS_NAMES[source.bytes[at + AlertAt.fromStatus]];
    const toStatus = STATUS_NAMES[source.bytes[at + AlertAt.toStatus]];
    const accountId = String(i64(AlertAt.account));
    return {
      key: `${partition}/${offset}/${index}/${accountId}/${marketSeq}/${toStatus}`,
      accountId,
      partition,
      offset,
      index,
      timeMs: timeNs > 0 ? timeNs / 1e6 : null,
      fromStatus,
      toStatus,
      freshness: FRESHNESS_CODES[source.bytes[at + AlertAt.freshness]] as Freshness,
      equityUsd: f64(AlertAt.equityUsd),
      initialMarginUsd: f64(AlertAt.initialMarginUsd),
      maintenanceMarginUsd: f64(AlertAt.maintenanceMarginUsd),
      marginRatio: Number.isFinite(ratio) ? ratio : null,
      instrument: this.market.symbol(source.words[(at + AlertAt.instrument) / 4]) ?? null,
    };
  }
}
