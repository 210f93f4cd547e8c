// Counters and gauges of the threads, in one small SharedArrayBuffer of float64 slots. Each slot has one writer; readers
// may see a value a moment old, never a torn one (float64 stores are single 8-byte writes).

/** Every statistic, with its slot = its place in this list. What it counts, and who writes it. */
export const STATS = [
  // main: ingest
  "ingest.messages",
  "ingest.bytes",
  "ingest.accountEvents",
  "ingest.marketEvents",
  "ingest.referenceEvents",
  "ingest.deadLetters",
  "ingest.pausedPartitions",
  "ingest.ringFullWaits",
  "ingest.lagMessages",
  "ingest.brokerErrors",
  "ingest.alertsSent",
  "ingest.bookResyncs",
  // store
  "store.state",
  "store.rowsWritten",
  "store.rowsQueued",
  "store.rowsDropped",
  "store.rowsSpilled",
  "store.spillBytes",
  "store.fillsWritten",
  "store.alertsWritten",
  "store.samplesThinned",
  "store.rowsDoubled",
  "store.rowsRefused",
  "store.delayedAccounts",
  "store.skippedFlushes",
  "store.writeErrors",
  "store.lastWriteMs",
  "store.lastWriteLatencyMs",
  // api
  "stream.clients",
  "stream.subscriptions",
  "stream.frames",
  "stream.bytes",
  "stream.conflated",
  "stream.refused",
  "http.requests",
  "http.errors",
] as const;

export type StatName = (typeof STATS)[number];

/** Values of `store.state`. */
export const STORE_STATES = ["off", "connecting", "connected", "away", "draining", "blocked"] as const;

const SLOTS = 256;
const index = new Map<string, number>(STATS.map((name, slot) => [name, slot]));

export function createStats(): SharedArrayBuffer {
  return new SharedArrayBuffer(SLOTS * 8);
}

export class StatsWriter {
  private readonly slots: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.slots = new Float64Array(memory);
  }

  add(name: StatName, by = 1): void {
    this.slots[index.get(name) as number] += by;
  }

  set(name: StatName, value: number): void {
    this.slots[index.get(name) as number] = value;
  }
}

export class StatsView {
  private readonly slots: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.slots = new Float64Array(memory);
  }

  get(name: StatName): number {
    return this.slots[index.get(name) as number];
  }

  all(): Record<StatName, number> {
    return Object.fromEntries(STATS.map((name, slot) => [name, this.slots[slot]])) as Record<StatName, number>;
  }
}
