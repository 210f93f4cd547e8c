// The engine's own state as one row of engine_samples: counters of all shards added up, ring fill and latency of the
// worst. Latency is that of the time since the sample before.
import { AccountAt, ControlAt } from "../shared/layout/shard";
import { KERNEL_RESERVED_BYTES } from "../shared/limits";
import type { LatencySummary } from "../shared/views/latency";
import type { ShardStatus } from "../shared/views/types";
import type { RowWriter } from "./copy/row-writer";

/** What one sample is made of. */
export interface EngineState {
  nowMs: number;
  engine: { name: string; version: string; startedMs: number };
  marketEventMs: number | null;
  shards: readonly ShardStatus[];
  totals: AccountTotals;
  /** null: no event was published since the last sample. */
  latencyNs: LatencySummary | null;
  /** The engine's statistics by name (src/shared/stats.ts). */
  stats: Readonly<Record<string, number>>;
  rows: { written: number; queued: number; dropped: number; spillBytes: number };
}

/** Sums over all accounts, USD, and how many have each status (by its number on the wire). */
export interface AccountTotals {
  equityUsd: number;
  unrealizedPnlUsd: number;
  initialMarginUsd: number;
  maintenanceMarginUsd: number;
  grossExposureUsd: number;
  byStatus: number[];
}

/**
 * Adds up the account rows of shards: one pass over six columns, a few ns an account. Each value is one that stood in its
 * row, but rows and columns are read one after the other while their writer goes on: a sum to look at, not to book by.
 */
export function sumAccounts(memories: readonly SharedArrayBuffer[]): AccountTotals {
  const totals: AccountTotals = {
    equityUsd: 0,
    unrealizedPnlUsd: 0,
    initialMarginUsd: 0,
    maintenanceMarginUsd: 0,
    grossExposureUsd: 0,
    byStatus: [0, 0, 0, 0, 0],
  };
  for (const memory of memories) {
    const words = new Uint32Array(memory);
    const doubles = new Float64Array(memory);
    const control = (at: number) => Atomics.load(words, (KERNEL_RESERVED_BYTES + at) / 4);
    const first = control(ControlAt.accounts);
    const end = first + control(ControlAt.accountCount) * AccountAt.bytes;
    for (let row = first; row < end; row += AccountAt.bytes) {
      totals.equityUsd += finite(doubles[(row + AccountAt.equityUsd) / 8]!);
      totals.unrealizedPnlUsd += finite(doubles[(row + AccountAt.unrealizedPnlUsd) / 8]!);
      totals.initialMarginUsd += finite(doubles[(row + AccountAt.initialMarginUsd) / 8]!);
      totals.maintenanceMarginUsd += finite(doubles[(row + AccountAt.maintenanceMarginUsd) / 8]!);
      totals.grossExposureUsd += finite(doubles[(row + AccountAt.grossExposureUsd) / 8]!);
      const status = words[(row + AccountAt.status) / 4]!;
      if (status < totals.byStatus.length) totals.byStatus[status]!++;
    }
  }
  return totals;
}

const finite = (value: number) => (Number.isFinite(value) ? value : 0);

export function encodeEngineSample(row: RowWriter, state: EngineState): void {
  const { shards, engine, latencyNs, stats, rows, totals } = state;
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
  row.float8(totals.equityUsd);
  row.float8(totals.unrealizedPnlUsd);
  row.float8(totals.initialMarginUsd);
  row.float8(totals.maintenanceMarginUsd);
  row.float8(totals.grossExposureUsd);
  row.int8(sum((shard) => shard.accounts));
  for (const status of [1, 2, 3, 4]) row.int8(totals.byStatus[status]!);
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
