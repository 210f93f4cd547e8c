// The state of the engine as one object: what `platform.state` pushes, `/api/v1/platform` answers and readiness rests on.
// Counters come from shared memory; what only the main thread knows arrives in its `platform` message once a second.
import { wallMs } from "../shared/clock";
import { STORE_STATES, type StatName, type StatsView } from "../shared/stats";
import { type LatencySummary, LatencyWindow } from "../shared/views/latency";
import type { ShardStatus } from "../shared/views/types";
import type { EngineReader } from "./engine";
import type { HubCounters } from "./stream/hub";

/** Name and version of the engine, and when it started. */
export interface EngineIdentity {
  name: string;
  version: string;
  startedMs: number;
}

/** What main says once a second. Everything is passed on; `mode` and `ready` are also looked at. */
export interface MainState {
  mode?: string;
  [name: string]: unknown;
}

export interface PlatformRates {
  messages: number;
  bytes: number;
  accountEvents: number;
  marketEvents: number;
  eventsApplied: number;
  valuations: number;
  fills: number;
  alerts: number;
  rowsWritten: number;
  frames: number;
}

export interface PlatformState {
  name: string;
  version: string;
  mode: string;
  startedMs: number;
  nowMs: number;
  ready: boolean;
  notReady: string[];
  /** Per second, over the last second. */
  rates: PlatformRates;
  ingest: {
    lagMessages: number;
    pausedPartitions: number;
    deadLetters: number;
    ringFullWaits: number;
    brokerErrors: number;
    bookResyncs: number;
  };
  store: {
    state: (typeof STORE_STATES)[number];
    rowsWritten: number;
    rowsQueued: number;
    rowsDropped: number;
    rowsSpilled: number;
    spillBytes: number;
    writeErrors: number;
    lastWriteMs: number | null;
    lastWriteLatencyMs: number;
  };
  stream: { transport: string | null; clients: number; subscriptions: number; conflated: number };
  totals: {
    accounts: number;
    positions: number;
    openOrders: number;
    instruments: number;
    eventsApplied: number;
    duplicates: number;
    gaps: number;
    rejected: number;
  };
  marketEventMs: number | null;
  /** Event received → row published, over all shards in the last ten seconds, ns; null where there was none. */
  latencyNs: LatencySummary | null;
  /** Their latencies too are those of the last ten seconds. */
  shards: ShardStatus[];
  /** As the main thread says it. */
  main: MainState;
}

const RATES: readonly [keyof PlatformRates, StatName][] = [
  ["messages", "ingest.messages"],
  ["bytes", "ingest.bytes"],
  ["accountEvents", "ingest.accountEvents"],
  ["marketEvents", "ingest.marketEvents"],
  ["rowsWritten", "store.rowsWritten"],
];
/** Samples, one a second, that latency percentiles are taken over. */
const LATENCY_SAMPLES = 11;
const MAIN_SILENT_MS = 5000;
const SHARD_RATES = ["eventsApplied", "valuations", "fills", "alerts"] as const;

/** JSON has no other numbers. */
function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}

export class Platform {
  transport: string | null = null;
  #main: MainState = {};
  #mainHeardMs = 0;
  readonly #latency = new LatencyWindow(LATENCY_SAMPLES);
  #rates: PlatformRates = {
    messages: 0,
    bytes: 0,
    accountEvents: 0,
    marketEvents: 0,
    eventsApplied: 0,
    valuations: 0,
    fills: 0,
    alerts: 0,
    rowsWritten: 0,
    frames: 0,
  };
  #before: { nowNs: number; counts: PlatformRates } | null = null;

  constructor(
    readonly identity: EngineIdentity,
    private readonly engine: EngineReader,
    private readonly stats: StatsView,
    private readonly stream: () => HubCounters,
  ) {}

  get mode(): string {
    return typeof this.#main.mode === "string" ? this.#main.mode : "starting";
  }

  setMain(state: MainState): void {
    this.#main = state;
    this.#mainHeardMs = wallMs();
  }

  #counts(): PlatformRates {
    const counts = { frames: this.stream().frames } as PlatformRates;
    for (const [name, stat] of RATES) counts[name] = this.stats.get(stat);
    for (const name of SHARD_RATES) counts[name] = 0;
    for (const shard of this.engine.shards) {
      const status = shard.status();
      for (const name of SHARD_RATES) counts[name] += status[name];
    }
    return counts;
  }

  /** Takes the counters once more; to be called about once a second. */
  sample(nowNs: number): void {
    this.#latency.sample(this.engine.shards);
    const counts = this.#counts();
    const before = this.#before;
    this.#before = { nowNs, counts };
    if (before === null || !(nowNs > before.nowNs)) return;
    const seconds = (nowNs - before.nowNs) / 1e9;
    for (const name of Object.keys(counts) as (keyof PlatformRates)[]) {
      // Counters restart when shards move: that is not a negative rate.
      this.#rates[name] = Math.max(0, finite((counts[name] - before.counts[name]) / seconds));
    }
  }

  /** Why numbers may not be relied upon yet; empty: ready. */
  notReady(): string[] {
    const reasons: string[] = [];
    if (this.engine.market.instrumentEnd() <= 1) reasons.push("no instrument is known yet");
    if (this.engine.shards.length === 0) reasons.push("no shard is assigned to this engine yet");
    for (const shard of this.engine.shards) {
      const { state, partition } = shard.status();
      if (state !== "running") reasons.push(`shard ${partition} is ${state}`);
    }
    // The main thread speaks once a second; it is the one that takes events in.
    const silentMs = wallMs() - this.#mainHeardMs;
    if (this.#mainHeardMs > 0 && silentMs > MAIN_SILENT_MS)
      reasons.push(`ingest has not been heard of for ${Math.round(silentMs / 1000)} s`);
    return reasons;
  }

  state(): PlatformState {
    const { engine, stats } = this;
    const shards = this.shards();
    const sum = (name: "accounts" | "positions" | "openOrders" | "eventsApplied" | "duplicates" | "gaps" | "rejected") =>
      shards.reduce((total, shard) => total + shard[name], 0);
    const stream = this.stream();
    const notReady = this.notReady();
    const stat = (name: StatName) => finite(stats.get(name));
    const lastWriteMs = stat("store.lastWriteMs");
    return {
      ...this.identity,
      mode: this.mode,
      nowMs: wallMs(),
      ready: notReady.length === 0,
      notReady,
      rates: { ...this.#rates },
      ingest: {
        lagMessages: stat("ingest.lagMessages"),
        pausedPartitions: stat("ingest.pausedPartitions"),
        deadLetters: stat("ingest.deadLetters"),
        ringFullWaits: stat("ingest.ringFullWaits"),
        brokerErrors: stat("ingest.brokerErrors"),
        bookResyncs: stat("ingest.bookResyncs"),
      },
      store: {
        state: STORE_STATES[stat("store.state")] ?? "off",
        rowsWritten: stat("store.rowsWritten"),
        rowsQueued: stat("store.rowsQueued"),
        rowsDropped: stat("store.rowsDropped"),
        rowsSpilled: stat("store.rowsSpilled"),
        spillBytes: stat("store.spillBytes"),
        writeErrors: stat("store.writeErrors"),
        lastWriteMs: lastWriteMs > 0 ? lastWriteMs : null,
        lastWriteLatencyMs: stat("store.lastWriteLatencyMs"),
      },
      stream: {
        transport: this.transport,
        clients: stream.clients,
        subscriptions: stream.subscriptions,
        conflated: stream.held,
      },
      totals: {
        accounts: sum("accounts"),
        positions: sum("positions"),
        openOrders: sum("openOrders"),
        instruments: Math.max(0, engine.market.instrumentEnd() - 1),
        eventsApplied: sum("eventsApplied"),
        duplicates: sum("duplicates"),
        gaps: sum("gaps"),
        rejected: sum("rejected"),
      },
      marketEventMs: engine.market.eventTimeMs(),
      latencyNs: this.#latency.summary(engine.shards),
      shards,
      main: this.#main,
    };
  }

  /** State of every shard, its latency over the last ten seconds. */
  shards(): ShardStatus[] {
    return this.engine.shards.map((shard) => ({ ...shard.status(), latencyNs: this.#latency.summary([shard]) }));
  }
}
