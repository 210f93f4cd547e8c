// The engine's own state as one row of engine_samples: counters of all shards added up, ring fill and latency of the
// worst. Latency is that of the time since the sample before, from the difference of the shards' histograms.
import { LATENCY_BUCKETS } from "../shared/layout/shard";
import { summarizeLatency } from "../shared/views/latency";
import type { ShardStatus } from "../shared/views/types";
import type { RowWriter } from "./copy/row-writer";

/** What one sample is made of. */
export interface EngineState {
  nowMs: number;
  engine: { name: string; version: string; startedMs: number };
  marketEventMs: number | null;
  shards: readonly ShardStatus[];
  /** null: no event was published since the last sample. */
  latencyNs: { p50: number; p99: number; p999: number; max: number } | null;
  /** The engine's statistics by name (src/shared/stats.ts). */
  stats: Readonly<Record<string, number>>;
  rows: { written: number; queued: number; dropped: number; spillBytes: number };
}

/** Differences of the merged latency histograms of the shards. */
export class LatencyWindow {
  private before = new Float64Array(LATENCY_BUCKETS);

  /** Percentiles since the last call; null where nothing was measured. */
  next(histograms: readonly ArrayLike<number>[]): EngineState["latencyNs"] {
    const now = new Float64Array(LATENCY_BUCKETS);
    for (const counts of histograms) for (let bucket = 0; bucket < LATENCY_BUCKETS; bucket++) now[bucket]! += counts[bucket]!;
    const difference = now.map((count, bucket) => count - this.before[bucket]!);
    this.before = now;
    // A shard that went to another owner took its counts along: then there is nothing to compare with.
    return difference.some((count) => count < 0) ? null : summarizeLatency(difference);
  }
}

export function encodeEngineSample(row: RowWriter, state: EngineState): void {
  const { shards, engine, latencyNs, stats, rows } = state;
  const sum = (value: (shard: ShardStatus) => number) => shards.reduce((total, shard) => total + value(shard), 0);
  const fullest = (ring: (shard: ShardStatus) => { used: number; capacity: number }) =>
    shards.length === 0 ? null : Math.max(...shards.map((shard) => ring(shard).used / ring(shard).capacity));
  const lastEvents = shards.map((shard) => shard.lastEventMs).filter((ms) => ms !== null);
  const count = (name: string) => Math.round(stats[name] ?? 0);
  row.timeMs(state.nowMs);
  row.timeMs(engine.startedMs);
  row.text(engine.name);
  row.text(engine.version);
  row.timeMs(state.marketEventMs);
  row.timeMs(lastEvents.length === 0 ? null : Math.max(...lastEvents));
  row.int4(shards.length);
  row.int4(shards.filter((shard) => shard.state === "running").length);
  row.int8(sum((shard) => shard.accounts));
  row.int8(sum((shard) => shard.positions));
  row.int8(sum((shard) => shard.openOrders));
  row.int8(sum((shard) => shard.eventsApplied));
  row.int8(sum((shard) => shard.batchesApplied));
  row.int8(sum((shard) => shard.duplicates));
  row.int8(sum((shard) => shard.gaps));
  row.int8(sum((shard) => shard.rejected));
  row.int8(sum((shard) => shard.valuations));
  row.int8(sum((shard) => shard.fills));
  row.int8(sum((shard) => shard.alerts));
  row.int8(count("ingest.deadLetters"));
  row.int8(count("ingest.messages"));
  if (stats["ingest.lagMessages"] === undefined) row.null();
  else row.int8(count("ingest.lagMessages"));
  row.float8(fullest((shard) => shard.inputRing));
  row.float8(fullest((shard) => shard.fillRing));
  row.float8(fullest((shard) => shard.alertRing));
  row.float8(latencyNs?.p50 ?? null);
  row.float8(latencyNs?.p99 ?? null);
  row.float8(latencyNs?.p999 ?? null);
  row.float8(latencyNs?.max ?? null);
  row.int8(rows.written);
  row.int8(rows.queued);
  row.int8(rows.dropped);
  row.int8(rows.spillBytes);
  row.jsonb(JSON.stringify(stats));
}
