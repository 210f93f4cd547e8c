// The engine: all its parts, started in an order that leaves nothing half-started, watched, and stopped in the order in
// which data flows. Main thread: it supervises, and ingest runs in it.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ingest } from "../ingest/ingest";
import { describeTopics, ensureTopics, topicMismatches } from "../ingest/kafka/admin";
import { clusterId } from "../ingest/kafka/cluster";
import { EMBEDDED_PARTITION_COUNT, type EmbeddedKafka, startEmbeddedKafka } from "../ingest/kafka/embedded";
import { KafkaError } from "../ingest/kafka/errors";
import { LogProducer } from "../ingest/kafka/log-producer";
import { EMBEDDED_FETCH_WAIT_MS } from "../ingest/kafka/settings";
import { plimsollTopics } from "../ingest/kafka/topics";
import { MarketTable } from "../ingest/market-table";
import { ShardPool } from "../shards/pool";
import { monotonicBase, wallMs } from "../shared/clock";
import { PlimsollError } from "../shared/errors";
import { ControlAt, ShardFault, ShardState } from "../shared/layout/shard";
import { KERNEL_RESERVED_BYTES } from "../shared/limits";
import { assertLimits } from "../shared/limits-hold";
import { createShardMemory } from "../shared/shard-memory";
import { createStats, StatsView, StatsWriter } from "../shared/stats";
import { EngineView } from "../shared/views/engine-view";
import type { AlertView } from "../shared/views/types";
import type { EmbeddedPostgres } from "../store/embedded";
import { AlertOutlet } from "./alerts";
import { apiConfig, type Config, shardCapacity, storeConfig } from "./config";
import { cpuCount, version } from "./host";
import { SyntheticFeed } from "./synthetic-feed";
import { Thread } from "./thread";

const ALERT_INTERVAL_MS = 5;
const PLATFORM_INTERVAL_MS = 1000;
const COMMIT_INTERVAL_MS = 5000;
const DRAIN_LOOK_MS = 10;

export interface EngineCallbacks {
  /** Progress and warnings, a line each. */
  say(line: string): void;
  warn(line: string): void;
  /** Something failed that the engine cannot go on without; it has stopped already. */
  onFailure(error: Error): void;
}

export interface EngineAddresses {
  page: string;
  stream: string;
  metrics: string | null;
}

/** Built files, beside the bundle that runs: dist/. */
function built(name: string): string {
  const file = join(import.meta.dirname, name);
  if (!existsSync(file)) throw new PlimsollError("BUILD_MISSING", `${name} is not built: run npm run build`);
  return file;
}

export class Engine {
  addresses: EngineAddresses = { page: "", stream: "", metrics: null };
  private readonly table = new MarketTable();
  private readonly statsMemory = createStats();
  private readonly stats = new StatsWriter(this.statsMemory);
  private readonly statsView = new StatsView(this.statsMemory);
  private readonly view: EngineView;
  private readonly shards = new Map<number, { memory: SharedArrayBuffer; worker: number }>();
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly startedMs = wallMs();
  private api: Thread | undefined;
  private store: Thread | undefined;
  private storeStarting: Promise<void> | undefined;
  private kafka: EmbeddedKafka | undefined;
  private postgres: EmbeddedPostgres | undefined;
  private producer: LogProducer | undefined;
  private outlet: AlertOutlet | undefined;
  private pool: ShardPool | undefined;
  private ingest: Ingest | undefined;
  private feed: SyntheticFeed | undefined;
  private stopped: Promise<void> | undefined;
  private brokers = "";
  private databaseShown = "off";

  private constructor(
    private readonly config: Config,
    private readonly callbacks: EngineCallbacks,
  ) {
    this.view = new EngineView(this.table.memory, { staleAfterMs: config["engine.staleAfterMs"] });
  }

  /**
   * Starts everything, or nothing: what had been started before a failure is stopped again.
   *
   * @throws PlimsollError, KafkaError, or what a thread failed with: one line each
   */
  static async start(config: Config, callbacks: EngineCallbacks): Promise<Engine> {
    assertLimits();
    const engine = new Engine(config, callbacks);
    try {
      await engine.start();
      return engine;
    } catch (error) {
      await engine.stop();
      throw error;
    }
  }

  private get isEmbedded(): boolean {
    return this.config["kafka.brokers"] === null;
  }

  private async start(): Promise<void> {
    const { config, callbacks } = this;
    const kernel = new WebAssembly.Module(readFileSync(built("kernel.wasm")));
    // The ports first: the failure that is most likely, and cheapest to undo.
    await this.startApi();
    await this.startKafka();
    this.producer = new LogProducer({ brokers: this.brokers, onError: (error) => callbacks.warn(error.message) });
    await this.producer.connect();
    this.outlet = new AlertOutlet(this.producer, config["kafka.prefix"], this.view.market);
    // The database may take its time: risk is served without it, and the fills wait in their rings until it is known.
    this.storeStarting = this.startStore();
    const workers = config["engine.workers"] || Math.max(1, cpuCount() - 2);
    const spin = config["engine.spinRounds"];
    this.pool = new ShardPool({
      filename: built("shard-worker.js"),
      kernel,
      market: this.table.memory,
      workers,
      spinRounds: spin >= 0 ? spin : cpuCount() <= 2 ? 50 : 5000,
      onFailure: (error, partitions) =>
        this.fail(new PlimsollError("SHARD_FAILED", `the worker of shards ${partitions.join(", ")} ended: ${error.message}`)),
    });
    if (this.isEmbedded) await this.prepareFeed();
    this.ingest = new Ingest({
      connection: { brokers: this.brokers, clientId: config["engine.name"] },
      prefix: config["kafka.prefix"],
      groupId: config["kafka.groupId"],
      ...(this.isEmbedded ? { fetchWaitMaxMs: EMBEDDED_FETCH_WAIT_MS } : {}),
      connectTimeoutMs: config["kafka.connectTimeoutMs"],
      marketBackfill: config["kafka.marketBackfill"],
      producer: this.producer,
      table: this.table,
      stats: this.stats,
      shards: {
        open: (partition, log) => this.openShard(partition, log),
        close: (partition) => this.closeShard(partition),
        marketMoved: () => this.pool?.ringAll(),
      },
      onWarning: (text) => callbacks.warn(text),
      onFatal: (error) => this.fail(error),
    });
    await this.ingest.start();
    this.feed?.start();
    this.every(ALERT_INTERVAL_MS, () => this.passAlerts());
    this.every(PLATFORM_INTERVAL_MS, () => this.tell());
    this.every(COMMIT_INTERVAL_MS, () => this.commit());
    callbacks.say(
      `shards    ${workers} worker thread${workers === 1 ? "" : "s"}, up to ${config["capacity.accounts"].toLocaleString("en")} accounts a shard`,
    );
  }

  private every(ms: number, act: () => void): void {
    this.timers.push(setInterval(act, ms));
  }

  private async startApi(): Promise<void> {
    const webRoot = join(import.meta.dirname, "web");
    if (!existsSync(webRoot)) throw new PlimsollError("BUILD_MISSING", "dist/web is not built: run npm run build");
    try {
      const { thread, ready } = await Thread.start({
        filename: built("api-worker.js"),
        workerData: {
          market: this.table.memory,
          stats: this.statsMemory,
          monotonicBase: monotonicBase(),
          config: apiConfig(this.config, webRoot),
          engine: { name: this.config["engine.name"], version: version(), startedMs: this.startedMs },
        },
        onFailure: (error) => this.fail(new PlimsollError("API_FAILED", `the api thread ended: ${error.message}`)),
      });
      this.api = thread;
      const { http, stream, metrics } = ready as unknown as {
        http: { url: string };
        stream: { url: string; transport: string };
        metrics: { host: string; port: number } | null;
      };
      this.addresses = {
        page: http.url,
        stream: stream.url,
        metrics: metrics ? `http://${metrics.host}:${metrics.port}/metrics` : null,
      };
      this.callbacks.say(`api       ${http.url}  stream ${stream.url} (${stream.transport})`);
    } catch (error) {
      throw new PlimsollError("API_FAILED", (error as Error).message);
    }
  }

  private async startKafka(): Promise<void> {
    const { config } = this;
    const layout = { prefix: config["kafka.prefix"], accountPartitions: config["kafka.accountPartitions"] };
    const topics = plimsollTopics(layout);
    if (this.isEmbedded) {
      this.kafka = await startEmbeddedKafka();
      this.brokers = this.kafka.brokers;
      await this.kafka.createTopics(topics.map((topic) => topic.name));
      this.callbacks.say(
        `kafka     embedded at ${this.brokers}, ${EMBEDDED_PARTITION_COUNT} partitions; forgets everything when the engine stops`,
      );
      return;
    }
    this.brokers = config["kafka.brokers"] as string;
    const timeoutMs = config["kafka.connectTimeoutMs"];
    const found = await describeTopics({ brokers: this.brokers, topics, timeoutMs });
    // Partitions are what they are; what else differs is a mistake.
    const present = topics.map((topic, i) => ({ ...topic, partitions: found[i].partitions || topic.partitions }));
    const wrong = topicMismatches(present, found);
    if (wrong.length > 0) throw new KafkaError("KAFKA_TOPIC_MISMATCH", wrong.join("; "));
    const missing = present.filter((_, i) => found[i].status === "missing");
    if (missing.length > 0 && !config["kafka.createTopics"]) {
      throw new KafkaError(
        "KAFKA_TOPIC_UNKNOWN",
        `${this.brokers} has no topic ${missing.map((topic) => topic.name).join(", ")}: run plimsoll topics`,
      );
    }
    if (missing.length > 0) await ensureTopics({ brokers: this.brokers, topics: missing, timeoutMs });
    const made = missing.length > 0 ? `, made ${missing.length} topics` : "";
    this.callbacks.say(`kafka     ${this.brokers}, ${present[0].partitions} account partitions${made}`);
  }

  private async logName(): Promise<string> {
    const topic = `${this.config["kafka.prefix"]}accounts`;
    if (this.isEmbedded) return `embedded-${new Date(this.startedMs).toISOString()}/${topic}`;
    return `${await clusterId({ brokers: this.brokers }, this.config["kafka.connectTimeoutMs"])}/${topic}`;
  }

  private get hasStore(): boolean {
    return this.config["database.url"] !== "off";
  }

  private async startStore(): Promise<void> {
    if (!this.hasStore) {
      this.callbacks.say("database  off: no history is kept");
      return;
    }
    const { config, callbacks } = this;
    try {
      let url = config["database.url"] as string | null;
      if (url === null) {
        // Loaded only when it is wanted: its package carries a whole server.
        const { startEmbeddedPostgres } = await import("../store/embedded");
        this.postgres = await startEmbeddedPostgres({ dataDir: join(config["engine.dataDir"], "postgres") });
        url = this.postgres.url;
      }
      const parsed = new URL(url);
      this.databaseShown = `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
      const { thread, ready } = await Thread.start({
        filename: built("store-worker.js"),
        workerData: {
          market: this.table.memory,
          stats: this.statsMemory,
          monotonicBase: monotonicBase(),
          config: storeConfig(config, url, await this.logName(), join(config["engine.dataDir"], "spill")),
          engine: { name: config["engine.name"], version: version(), startedMs: this.startedMs },
        },
        onFailure: (error) => this.fail(new PlimsollError("STORE_FAILED", `the store thread ended: ${error.message}`)),
        onMessage: (message) => {
          if (message.type === "warning") callbacks.warn(String(message.message));
        },
      });
      this.store = thread;
      this.tellShards();
      this.api?.post({ type: "database", url });
      const where = this.postgres
        ? `embedded PostgreSQL at ${this.databaseShown}, data in ${config["engine.dataDir"]}/postgres`
        : this.databaseShown;
      callbacks.say(`database  ${where}${ready.connected === false ? " — away; risk is served, rows wait for it" : ""}`);
    } catch (error) {
      await this.fail(new PlimsollError("STORE_FAILED", `the store could not start: ${(error as Error).message}`));
    }
  }

  private async prepareFeed(): Promise<void> {
    const { config } = this;
    this.feed = new SyntheticFeed({
      brokers: this.brokers,
      prefix: config["kafka.prefix"],
      partitions: EMBEDDED_PARTITION_COUNT,
      accounts: config["sim.accounts"],
      seed: config["sim.seed"],
      tradesPerSecond: config["sim.tradesPerSecond"],
      lagMessages: () => this.statsView.get("ingest.lagMessages"),
      onFailure: (error) => this.fail(error),
    });
    await this.feed.prepare();
    this.callbacks.say(
      `market    synthetic: ${config["sim.accounts"].toLocaleString("en")} accounts trade BTC and ETH, linear and inverse`,
    );
  }

  private async openShard(partition: number, log: { low: number; high: number }) {
    const memory = createShardMemory(partition, shardCapacity(this.config), { recordFills: this.hasStore });
    const buffer = memory.buffer as SharedArrayBuffer;
    new BigInt64Array(buffer)[(KERNEL_RESERVED_BYTES + ControlAt.nextOffset) / 8] = BigInt(log.low);
    new BigInt64Array(buffer)[(KERNEL_RESERVED_BYTES + ControlAt.recoverTo) / 8] = BigInt(log.high);
    const worker = (this.pool as ShardPool).add(partition, memory);
    this.shards.set(partition, { memory: buffer, worker });
    this.outlet?.add(partition, buffer);
    this.tellShards();
    return { memory: buffer, start: log.low, ring: () => this.pool?.ring(worker) };
  }

  private async closeShard(partition: number): Promise<void> {
    await this.pool?.remove(partition);
    this.shards.delete(partition);
    this.outlet?.remove(partition);
    this.tellShards();
  }

  private tellShards(): void {
    const memories = [...this.shards.values()].map((shard) => shard.memory);
    this.view.setShards(memories);
    this.api?.post({ type: "shards", memories });
    this.store?.post({ type: "shards", memories });
  }

  private passAlerts(): void {
    const alerts: AlertView[] = this.outlet?.drain() ?? [];
    if (alerts.length === 0) return;
    this.stats.add("ingest.alertsSent", alerts.length);
    this.api?.post({ type: "alerts", alerts });
    this.store?.post({ type: "alerts", alerts });
  }

  private tell(): void {
    const state = {
      mode: this.isEmbedded ? "embedded" : "live",
      kafka: {
        brokers: this.brokers,
        embedded: this.isEmbedded,
        groupId: this.config["kafka.groupId"],
        prefix: this.config["kafka.prefix"],
      },
      database: this.databaseShown,
    };
    this.api?.post({ type: "platform", state });
    this.store?.post({ type: "platform", state });
    for (const [partition, { memory }] of this.shards) {
      const words = new Int32Array(memory, KERNEL_RESERVED_BYTES, ControlAt.bytes / 4);
      if (Atomics.load(words, ControlAt.state / 4) !== ShardState.Faulted) continue;
      const fault = words[ControlAt.fault / 4];
      const what =
        fault === ShardFault.AccountsFull
          ? "a pool of its rows is full: raise the capacity.* keys or use more partitions"
          : `fault ${fault}`;
      void this.fail(new PlimsollError("SHARD_FULL", `shard ${partition} stopped: ${what}`));
      return;
    }
  }

  private commit(): void {
    const offsets = this.view.shards.map((shard) => ({ partition: shard.partition, offset: shard.nextOffset() }));
    this.ingest?.commit(offsets).catch((error: Error) => this.callbacks.warn(error.message));
  }

  private async fail(error: Error): Promise<void> {
    if (this.stopped) return;
    await this.stop();
    this.callbacks.onFailure(error);
  }

  /** Waits until the shards have applied all that is in their rings. */
  private async drained(deadlineMs: number): Promise<boolean> {
    while (wallMs() < deadlineMs) {
      const busy = this.view.shards.some((shard) => {
        const { inputRing, alertRing, state } = shard.status();
        return (state === "running" || state === "recovering") && (inputRing.used > 0 || alertRing.used > 0);
      });
      if (!busy) return true;
      this.passAlerts();
      await new Promise((resolve) => setTimeout(resolve, DRAIN_LOOK_MS));
    }
    return false;
  }

  /** Drains, writes what is pending, stops all parts in the order in which data flows. May be called at any time, once or again. */
  stop(): Promise<void> {
    this.stopped ??= this.stopParts();
    return this.stopped;
  }

  private async stopParts(): Promise<void> {
    const timeout = this.config["engine.stopTimeoutMs"];
    const deadline = wallMs() + timeout;
    for (const timer of this.timers) clearInterval(timer);
    const attempt = async (what: string, act: () => Promise<unknown> | undefined) => {
      try {
        await act();
      } catch (error) {
        this.callbacks.warn(`stopping ${what}: ${(error as Error).message}`);
      }
    };
    await attempt("the synthetic market", () => this.feed?.stop());
    await attempt("ingest", () => this.ingest?.halt());
    if (this.ingest) {
      if (!(await this.drained(deadline)))
        this.callbacks.warn("the shards did not drain in time: their rest is read again at the next start");
      const offsets = this.view.shards.map((shard) => ({ partition: shard.partition, offset: shard.nextOffset() }));
      // Without poll() a commit is not answered: it is sent, and closing waits for it.
      this.ingest.commit(offsets).catch(() => undefined);
    }
    await attempt("the store", () => this.storeStarting?.then(() => this.store?.stop(Math.max(1000, deadline - wallMs()))));
    await attempt("the Kafka consumers", () => this.ingest?.close(5000));
    await attempt("the shard workers", () => this.pool?.stop());
    await attempt("the Kafka producer", () => this.producer?.close(5000));
    await attempt("the api", () => this.api?.stop(3000));
    await attempt("embedded Kafka", () => this.kafka?.close());
    await attempt("embedded PostgreSQL", () => this.postgres?.stop());
  }
}
