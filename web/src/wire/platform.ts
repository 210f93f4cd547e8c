// `platform.state` and `/api/v1/engine` as the page reads them. Only what is shown is looked at; a number that is missing
// is null and shown as "–", as an engine of another version may say more or less about itself.
import { isObject } from "./json-rpc";

export interface Percentiles {
  p50: number | null;
  p99: number | null;
  p999: number | null;
  max: number | null;
}

export interface RingFill {
  used: number;
  capacity: number;
}

export interface ShardView {
  partition: number;
  state: string;
  accounts: number | null;
  gaps: number | null;
  rejected: number | null;
  lastEventMs: number | null;
  inputRing: RingFill | null;
  fillRing: RingFill | null;
  alertRing: RingFill | null;
  latency: Percentiles | null;
}

export interface PlatformView {
  mode: string;
  nowMs: number | null;
  ready: boolean;
  notReady: string[];
  /** Newest event time of market and shards, ms. */
  eventTimeMs: number | null;
  messagesPerSecond: number | null;
  accountEventsPerSecond: number | null;
  marketEventsPerSecond: number | null;
  appliedPerSecond: number | null;
  valuationsPerSecond: number | null;
  bytesPerSecond: number | null;
  framesPerSecond: number | null;
  rowsPerSecond: number | null;
  lagMessages: number | null;
  pausedPartitions: number | null;
  deadLetters: number | null;
  brokerErrors: number | null;
  accounts: number | null;
  positions: number | null;
  openOrders: number | null;
  instruments: number | null;
  duplicates: number | null;
  gaps: number | null;
  rejected: number | null;
  latency: Percentiles | null;
  store: {
    state: string;
    rowsQueued: number | null;
    rowsDropped: number | null;
    spillBytes: number | null;
    writeErrors: number | null;
    lastWriteMs: number | null;
  };
  clients: number | null;
  shards: ShardView[];
}

type Fields = Record<string, unknown>;

const NOTHING: Fields = {};

function part(of: Fields, name: string): Fields {
  const found = of[name];
  return isObject(found) ? found : NOTHING;
}

function number(of: Fields, name: string): number | null {
  const found = of[name];
  return typeof found === "number" && Number.isFinite(found) ? found : null;
}

function text(of: Fields, name: string, otherwise: string): string {
  const found = of[name];
  return typeof found === "string" ? found : otherwise;
}

function percentiles(value: unknown): Percentiles | null {
  if (!isObject(value)) return null;
  return { p50: number(value, "p50"), p99: number(value, "p99"), p999: number(value, "p999"), max: number(value, "max") };
}

function ring(value: unknown): RingFill | null {
  if (!isObject(value)) return null;
  const used = number(value, "used");
  const capacity = number(value, "capacity");
  return used === null || capacity === null || !(capacity > 0) ? null : { used, capacity };
}

function shard(value: unknown): ShardView | null {
  if (!isObject(value)) return null;
  const partition = number(value, "partition");
  if (partition === null) return null;
  return {
    partition,
    state: text(value, "state", "unknown"),
    accounts: number(value, "accounts"),
    gaps: number(value, "gaps"),
    rejected: number(value, "rejected"),
    lastEventMs: number(value, "lastEventMs"),
    inputRing: ring(value.inputRing),
    fillRing: ring(value.fillRing),
    alertRing: ring(value.alertRing),
    latency: percentiles(value.latencyNs),
  };
}

/** null where it is no state of a platform at all. */
export function readPlatform(data: Fields): PlatformView | null {
  if (typeof data.mode !== "string" || typeof data.ready !== "boolean" || !Array.isArray(data.shards)) return null;
  const rates = part(data, "rates");
  const ingest = part(data, "ingest");
  const store = part(data, "store");
  const totals = part(data, "totals");
  const shards: ShardView[] = [];
  for (const each of data.shards) {
    const read = shard(each);
    if (read === null) return null;
    shards.push(read);
  }
  shards.sort((a, b) => a.partition - b.partition);
  let eventTimeMs = number(data, "marketEventMs");
  for (const each of shards) {
    if (each.lastEventMs !== null && (eventTimeMs === null || each.lastEventMs > eventTimeMs)) eventTimeMs = each.lastEventMs;
  }
  return {
    mode: data.mode,
    nowMs: number(data, "nowMs"),
    ready: data.ready,
    notReady: Array.isArray(data.notReady) ? data.notReady.filter((reason) => typeof reason === "string") : [],
    eventTimeMs,
    messagesPerSecond: number(rates, "messages"),
    accountEventsPerSecond: number(rates, "accountEvents"),
    marketEventsPerSecond: number(rates, "marketEvents"),
    appliedPerSecond: number(rates, "eventsApplied"),
    valuationsPerSecond: number(rates, "valuations"),
    bytesPerSecond: number(rates, "bytes"),
    framesPerSecond: number(rates, "frames"),
    rowsPerSecond: number(rates, "rowsWritten"),
    lagMessages: number(ingest, "lagMessages"),
    pausedPartitions: number(ingest, "pausedPartitions"),
    deadLetters: number(ingest, "deadLetters"),
    brokerErrors: number(ingest, "brokerErrors"),
    accounts: number(totals, "accounts"),
    positions: number(totals, "positions"),
    openOrders: number(totals, "openOrders"),
    instruments: number(totals, "instruments"),
    duplicates: number(totals, "duplicates"),
    gaps: number(totals, "gaps"),
    rejected: number(totals, "rejected"),
    latency: percentiles(data.latencyNs),
    store: {
      state: text(store, "state", "unknown"),
      rowsQueued: number(store, "rowsQueued"),
      rowsDropped: number(store, "rowsDropped"),
      spillBytes: number(store, "spillBytes"),
      writeErrors: number(store, "writeErrors"),
      lastWriteMs: number(store, "lastWriteMs"),
    },
    clients: number(part(data, "stream"), "clients"),
    shards,
  };
}

/** Sum of two rates; null where neither is known. */
export function sumOf(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : a + b;
}

export interface EngineInfo {
  name: string;
  version: string;
  mode: string;
  startedMs: number | null;
  /** Whether it asks for a key. */
  asksForKey: boolean;
  streamPort: number;
  streamPath: string;
}

/** The answer of `/api/v1/engine`; null where it is none. */
export function readEngine(value: unknown): EngineInfo | null {
  if (!isObject(value)) return null;
  const streamPort = number(value, "streamPort");
  if (streamPort === null || !Number.isInteger(streamPort) || streamPort < 1 || streamPort > 65535) return null;
  const streamPath = text(value, "streamPath", "");
  if (!/^\/[\w./-]*$/.test(streamPath)) return null;
  return {
    name: text(value, "name", "plimsoll"),
    version: text(value, "version", "–"),
    mode: text(value, "mode", "–"),
    startedMs: number(value, "startedMs"),
    asksForKey: value.auth === "keys",
    streamPort,
    streamPath,
  };
}

/** Where the stream is, seen from a page at `location`: the same host, as the engine knows no other name of itself. */
export function streamUrl(engine: EngineInfo, location: { protocol: string; hostname: string }): string {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${location.hostname}:${engine.streamPort}${engine.streamPath}`;
}
