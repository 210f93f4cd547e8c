// The api as a whole: both listeners, the hub between shared memory and clients, and their orderly end. worker.ts runs it
// in its thread; tests run it in their own.
import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { monotonicNs } from "../shared/clock";
import { type StatName, StatsView, StatsWriter } from "../shared/stats";
import type { AlertView } from "../shared/views/types";
import { AlertLogs } from "./alert-log";
import { Authenticator } from "./auth/authenticator";
import type { ApiConfig } from "./config";
import { type ApiContext, STREAM_PATH } from "./context";
import type { AccountLocation, EngineReader } from "./engine";
import { ApiError, ApiStartError } from "./errors";
import type { HistoryReader } from "./http/history";
import { Metrics } from "./http/metrics";
import { refusalOf } from "./http/problem";
import { requireOrigin } from "./http/security";
import { createHttpServer } from "./http/server";
import { assertApiLimits } from "./limits";
import type { ApiLog } from "./log";
import { type EngineIdentity, type MainState, Platform } from "./platform";
import { startError } from "./start-error";
import { Hub, type HubCounters } from "./stream/hub";
import { listenStream } from "./stream/listen";
import type { StreamListener, UpgradeRequest } from "./stream/transport";

/** How often rates are taken and the thread's own counters written to shared memory. */
const SAMPLE_EVERY_MS = 1000;

export interface ApiOptions {
  config: ApiConfig;
  engine: EngineReader;
  identity: EngineIdentity;
  /** The engine's counters; this thread writes `stream.*` and `http.*`. */
  stats: SharedArrayBuffer;
  log: ApiLog;
  history?: HistoryReader | null;
  locate?: (accountId: string) => AccountLocation | null;
}

export interface ApiAddresses {
  http: { host: string; port: number; url: string };
  stream: { host: string; port: number; url: string; transport: "uws" | "ws" };
  metrics: { host: string; port: number } | null;
}

export interface Api {
  readonly addresses: ApiAddresses;
  readonly hub: Hub;
  /** The engine's shards changed: places of accounts are looked up again. */
  ownershipChanged(): void;
  alerts(alerts: readonly AlertView[]): void;
  platform(state: MainState): void;
  setHistory(history: HistoryReader | null): void;
  /** Ends every session and both listeners; whoever is still connected after `deadlineMs` is cut off. */
  stop(deadlineMs: number): Promise<void>;
}

const STREAM_STATS: readonly [StatName, keyof HubCounters][] = [
  ["stream.clients", "clients"],
  ["stream.subscriptions", "subscriptions"],
  ["stream.frames", "frames"],
  ["stream.bytes", "bytes"],
  ["stream.conflated", "held"],
  ["stream.refused", "errors"],
];

function httpUrl(scheme: string, host: string, port: number, path = ""): string {
  const shown = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `${scheme}://${shown.includes(":") ? `[${shown}]` : shown}:${port}${path}`;
}

async function listenHttp(app: FastifyInstance, part: "http" | "http.metrics", host: string, port: number): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    await app.close();
    throw startError((error as NodeJS.ErrnoException).code, part, host, port);
  }
  return (app.server.address() as AddressInfo).port;
}

/**
 * Starts both listeners, or none: what was opened before a failure is closed again.
 *
 * @throws ApiStartError
 */
export async function startApi(options: ApiOptions): Promise<Api> {
  assertApiLimits();
  const { config, engine, identity, log } = options;
  const auth = new Authenticator(config.auth);
  const stats = new StatsView(options.stats);
  const statsWriter = new StatsWriter(options.stats);
  const alerts = new AlertLogs();
  let history = options.history ?? null;
  let ownership = 0;
  let hub: Hub | null = null;
  const noCounters: HubCounters = {
    frames: 0,
    bytes: 0,
    held: 0,
    requests: 0,
    errors: 0,
    clients: 0,
    opened: 0,
    subscriptions: 0,
  };
  const counters = () => hub?.counters() ?? noCounters;
  const platform = new Platform(identity, engine, stats, counters);
  const context: ApiContext = {
    identity,
    config,
    engine,
    stats,
    platform,
    alerts,
    auth,
    log,
    locate: options.locate ?? (() => null),
    history: () => history,
    addresses: { httpPort: 0, streamPort: 0, transport: null },
  };

  const admit = (request: UpgradeRequest) => {
    try {
      if (context.addresses.httpPort === 0) throw new ApiError("NOT_READY", "the engine is starting");
      if (request.path !== STREAM_PATH && request.path !== "/")
        throw new ApiError("NOT_FOUND", `the stream is at ${STREAM_PATH}`);
      if (request.query !== "")
        throw new ApiError("INVALID_REQUEST", "no query parameters here; authenticate with public/auth", "query");
      requireOrigin(context, request.origin);
      return null;
    } catch (error) {
      return refusalOf(error as ApiError);
    }
  };
  hub = new Hub({
    config: config.stream,
    sources: {
      engine,
      ownership: () => ownership,
      locate: context.locate,
      topCount: config.stream.topCount,
      platform: () => platform.state(),
      nowNs: monotonicNs,
    },
    alerts,
    auth,
    log,
    admit,
    notUpgrade: () => refusalOf(new ApiError("UPGRADE_REQUIRED", "this port speaks WebSocket only")),
    refuse: refusalOf,
    version: identity.version,
  });
  const streamHub = hub;

  let listener: StreamListener | null = null;
  const apps: FastifyInstance[] = [];
  let httpPort: number;
  let metricsPort: number | null = null;
  try {
    listener = await listenStream(config.stream, streamHub);
    context.addresses.streamPort = listener.port;
    context.addresses.transport = listener.transport;
    platform.transport = listener.transport;
    const metrics = new Metrics(context, counters, statsWriter);
    const main = await createHttpServer(context, metrics, "main");
    httpPort = await listenHttp(main, "http", config.http.host, config.http.port);
    apps.push(main);
    if (config.http.metrics !== null) {
      const own = await createHttpServer(context, metrics, "metrics");
      metricsPort = await listenHttp(own, "http.metrics", config.http.metrics.host, config.http.metrics.port);
      apps.push(own);
    }
  } catch (error) {
    streamHub.stop();
    await listener?.close();
    for (const app of apps) await app.close();
    if (error instanceof ApiStartError) throw error;
    throw new ApiStartError("API_START_FAILED", (error as Error).message);
  }
  context.addresses.httpPort = httpPort;

  const sample = () => {
    platform.sample(monotonicNs());
    const now = counters();
    for (const [stat, counter] of STREAM_STATS) statsWriter.set(stat, now[counter]);
  };
  sample();
  const sampler = setInterval(sample, SAMPLE_EVERY_MS);
  if (config.auth.mode === "open" && !["127.0.0.1", "::1", "localhost"].includes(config.http.host)) {
    log.warn(
      { host: config.http.host },
      'auth.mode is "open" and the address is not loopback: whoever reaches it can read every account',
    );
  }

  const openListener = listener;
  return {
    addresses: {
      http: { host: config.http.host, port: httpPort, url: httpUrl("http", config.http.host, httpPort) },
      stream: {
        host: config.stream.host,
        port: listener.port,
        url: httpUrl("ws", config.stream.host, listener.port, STREAM_PATH),
        transport: listener.transport,
      },
      metrics: config.http.metrics === null ? null : { host: config.http.metrics.host, port: metricsPort! },
    },
    hub: streamHub,
    ownershipChanged() {
      ownership++;
    },
    alerts(arrived) {
      alerts.push(arrived);
      streamHub.alertsArrived();
    },
    platform(state) {
      platform.setMain(state);
    },
    setHistory(reader) {
      history = reader;
    },
    async stop(deadlineMs) {
      clearInterval(sampler);
      const deadline = setTimeout(() => {
        for (const app of apps) app.server.closeAllConnections();
      }, deadlineMs);
      // The listen socket of uWebSockets must be gone before the thread ends.
      await openListener.close();
      streamHub.stop();
      await Promise.all(apps.map((app) => app.close()));
      clearTimeout(deadline);
    },
  };
}
