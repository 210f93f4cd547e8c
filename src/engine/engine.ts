// The engine: all its parts, started in an order that leaves nothing half-started, watched, and stopped in the order in
// which data flows. Main thread: it supervises, and ingest runs in it.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AlertMemory } from "../ingest/alert-memory";
import { Ingest, type IngestOptions } from "../ingest/ingest";
import { clusterId } from "../ingest/kafka/cluster";
import { EMBEDDED_PARTITION_COUNT, type EmbeddedKafka, startEmbeddedKafka } from "../ingest/kafka/embedded";
import { KafkaError } from "../ingest/kafka/errors";
import { LogProducer } from "../ingest/kafka/log-producer";
import { EMBEDDED_FETCH_WAIT_MS } from "../ingest/kafka/settings";
import { topicName } from "../ingest/kafka/topics";
import { MarketTable } from "../ingest/market-table";
import { checkCores } from "../shards/cores";
import { ShardPool } from "../shards/pool";
import { SnapshotLibrary } from "../shards/snapshot/library";
import { monotonicBase, wallMs } from "../shared/clock";
import { PlimsollError } from "../shared/errors";
import { ControlAt, ShardFault, ShardState } from "../shared/layout/shard";
import { KERNEL_RESERVED_BYTES } from "../shared/limits";
import { assertLimits } from "../shared/limits-hold";
import { createStats, STORE_STATES, StatsView, StatsWriter } from "../shared/stats";
import { EngineView } from "../shared/views/engine-view";
import type { EmbeddedPostgres } from "../store/embedded";
import { AlertOutlet } from "./alerts";
import { Complaints } from "./complaints";
import { apiConfig, type Config, shardCapacity, storeConfig } from "./config";
import { EngineDirectory } from "./directory";
import { cpuCount, version } from "./host";
import { Lease } from "./lease";
import { Outbox } from "./outbox";
import { portsAreFree } from "./ports";
import { ShardSet } from "./shard-set";
import { Snapshotter } from "./snapshots";
import { StoreThread } from "./store-thread";
import { SyntheticFeed } from "./synthetic-feed";
import { Thread } from "./thread";
import { prepareTopics, topicsOf } from "./topics";

const ALERT_INTERVAL_MS = 5;
const PLATFORM_INTERVAL_MS = 1000;
const DRAIN_LOOK_MS = 10;
/** Of what is left of engine.stopTimeoutMs, for one shard's last snapshot: the store needs time too. */
const LAST_SNAPSHOTS_SHARE = 0.3;

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

/** Waits for all of them, also when one fails; the first in the list that failed is what is told. */
async function allOf<T extends readonly unknown[]>(promises: readonly [...{ [K in keyof T]: Promise<T[K]> }]): Promise<T> {
  const outcomes = await Promise.allSettled(promises);
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<unknown>).value) as unknown as T;
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
  private readonly complaints: Complaints;
  private readonly lease: Lease;
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly startedMs = wallMs();
  private api: Thread | undefined;
  private apiStarting: Promise<void> | undefined;
  private store: StoreThread | undefined;
  private storeStarting: Promise<void> | undefined;
  private kafka: EmbeddedKafka | undefined;
  private postgres: EmbeddedPostgres | undefined;
  private producer: LogProducer | undefined;
  private outlet: AlertOutlet | undefined;
  private pool: ShardPool | undefined;
  private memory: AlertMemory | undefined;
  private shards: ShardSet | undefined;
  private snapshots: Snapshotter | undefined;
  private directory: EngineDirectory | undefined;
  private accountPartitions = 0;
  private ingest: Ingest | undefined;
  private feed: SyntheticFeed | undefined;
  private stopped: Promise<void> | undefined;
  private brokers = "";
  private databaseShown = "off";

  private constructor(
    private readonly config: Config,
    private readonly callbacks: EngineCallbacks,
  ) {
    this.complaints = new Complaints(callbacks.warn, wallMs);
    this.lease = new Lease({
      sessionTimeoutMs: config["kafka.sessionTimeoutMs"],
      ask: async () => {
        const offsets = this.shards
          ?.all()
          .map(({ partition, snapshotOffset }) => ({ partition, offset: Math.max(0, snapshotOffset) }));
        return (await this.ingest?.owns(offsets ?? [])) ?? false;
      },
      say: callbacks.warn,
      nowMs: wallMs,
    });
    if (this.hasStore) this.stats.set("store.state", STORE_STATES.indexOf("connecting"));
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
    const kernel = await WebAssembly.compile(readFileSync(built("kernel.wasm")));
    if (this.isEmbedded) await this.startEmbeddedKafka();
    else this.brokers = config["kafka.brokers"] as string;
    const pool = this.makePool(kernel);
    const prefix = config["kafka.prefix"];
    const connection = { brokers: this.brokers, clientId: config["engine.name"] };
    const waits = {
      ...(this.isEmbedded ? { fetchWaitMaxMs: EMBEDDED_FETCH_WAIT_MS } : {}),
      connectTimeoutMs: config["kafka.connectTimeoutMs"],
    };
    const producer = new LogProducer({ ...connection, onError: (error) => this.complaints.take(error.message) });
    this.producer = producer;
    const outbox = new Outbox(producer, (error) =>
      this.fail(new PlimsollError("OUTPUT_LOST", `an output of the engine cannot be delivered: ${error.message}`)),
    );
    const memory = new AlertMemory({
      ...connection,
      ...waits,
      groupId: `${config["kafka.groupId"]}.alerts`,
      topics: { alerts: topicName("alerts", prefix), liquidations: topicName("liquidations", prefix) },
      onWarning: this.complaints.take,
    });
    this.memory = memory;
    const ingest = this.makeIngest({ connection, ...waits }, outbox);
    this.ingest = ingest;
    // All that does not need the rest, together: how long an engine is away is how long this takes. But first what fails at once:
    // an engine that was started twice would put the first out of its group, and only then find its ports taken.
    await portsAreFree(apiConfig(config, null));
    // Its thread takes the better part of a second to load; until then it keeps what it is told.
    const api = this.startApi();
    this.apiStarting = api.catch(() => undefined);
    const log = await this.logName();
    await allOf([this.startTopics(), producer.connect(), memory.connect(), ingest.connect()]);
    this.complaints.open();
    // The database may take its time: risk is served without it, and the fills wait in their rings until it is known.
    this.storeStarting = this.startStore(log);
    const outlet = new AlertOutlet({
      outbox,
      lease: this.lease,
      prefix,
      market: this.view.market,
      onDelivered: (alerts) => this.store?.alerts(alerts),
    });
    this.outlet = outlet;
    this.makeShards({ pool, outbox, outlet, memory, log });
    if (this.isEmbedded) await this.prepareFeed();
    else {
      this.directory = this.makeDirectory(outbox);
      this.introduce();
    }
    this.every(ALERT_INTERVAL_MS, () => this.passAlerts());
    this.every(PLATFORM_INTERVAL_MS, () => this.tell());
    await allOf([api, ingest.start()]);
    this.feed?.start();
    this.snapshots?.start();
    // Where a person starts it to look around, all is said before the page is offered.
    if (this.isEmbedded) await this.storeStarting;
    const workers = pool.workerCount;
    callbacks.say(
      `shards    ${workers} worker thread${workers === 1 ? "" : "s"}, up to ${config["capacity.accounts"].toLocaleString("en")} accounts a shard`,
    );
  }

  private makePool(kernel: WebAssembly.Module): ShardPool {
    const { config } = this;
    const spin = config["engine.spinRounds"] >= 0 ? config["engine.spinRounds"] : cpuCount() <= 2 ? 50 : 5000;
    this.pool = new ShardPool({
      filename: built("shard-worker.js"),
      kernel,
      market: this.table.memory,
      workers: config["engine.workers"] || Math.max(1, cpuCount() - 2),
      spinRounds: config["engine.busySpin"] ? Number.POSITIVE_INFINITY : spin,
      cores: checkCores(config["engine.cores"]),
      hangMs: config["engine.hangMs"],
      onLive: (partition) => this.shards?.live(partition),
      onUnpinned: (error) => this.callbacks.warn(error.message),
      onLost: (error, partitions) => this.shards?.rebuild(partitions, error, this.ingest as Ingest),
    });
    return this.pool;
  }

  private makeIngest(
    consumer: Pick<IngestOptions, "connection" | "fetchWaitMaxMs" | "connectTimeoutMs">,
    outbox: Outbox,
  ): Ingest {
    const { config } = this;
    // Nothing is asked of the shards before ingest starts, and by then they are there.
    const shards = () => this.shards as ShardSet;
    return new Ingest({
      ...consumer,
      prefix: config["kafka.prefix"],
      groupId: config["kafka.groupId"],
      // The embedded cluster knows no static members, and forgets its group with everything else.
      ...(this.isEmbedded ? {} : { instanceId: config["engine.name"] }),
      sessionTimeoutMs: config["kafka.sessionTimeoutMs"],
      marketBackfill: config["kafka.marketBackfill"],
      deadLetters: outbox,
      table: this.table,
      stats: this.stats,
      shards: {
        open: (partition, ends) => shards().open(partition, ends),
        close: (partition, isLost) => shards().close(partition, isLost),
        keep: (partition) => shards().keep(partition),
        marketCaughtUp: () => shards().marketCaughtUp(),
        marketMoved: () => this.pool?.ringAll(),
      },
      ...(this.isEmbedded ? {} : { onEngine: (name, announcement) => this.directory?.take(name, announcement) }),
      lease: this.lease,
      onWarning: this.complaints.take,
      onFatal: (error) => this.fail(error),
    });
  }

  private makeShards(parts: { pool: ShardPool; outbox: Outbox; outlet: AlertOutlet; memory: AlertMemory; log: string }): void {
    const { config, callbacks } = this;
    const { pool, outbox, outlet, memory, log } = parts;
    const sharedDir = config["snapshot.sharedDir"];
    const library = new SnapshotLibrary({
      dirs: [join(config["engine.dataDir"], "snapshots"), ...(sharedDir === null ? [] : [sharedDir])],
      log,
      writer: config["engine.name"],
      say: callbacks.warn,
    });
    const snapshots = new Snapshotter({
      pool,
      library,
      outlet,
      outbox,
      shards: () => this.shards?.all() ?? [],
      rowsAreSafe: () => this.store?.rowsAreSafe() ?? Promise.resolve(),
      onCounted: (partition, offset) => this.commit(partition, offset),
      intervalMs: config["snapshot.intervalMs"],
      bytes: config["snapshot.bytes"],
      identity: { engine: config["engine.name"], engineVersion: version(), log },
      nowMs: wallMs,
      warn: callbacks.warn,
    });
    this.snapshots = snapshots;
    this.shards = new ShardSet({
      table: this.table,
      pool,
      library,
      memory,
      outlet,
      outbox,
      capacity: shardCapacity(config),
      recordFills: this.hasStore,
      topic: topicName("accounts", config["kafka.prefix"]),
      nowMs: wallMs,
      onChanged: () => this.tellShards(),
      onRestored: (partition, offset) => this.commit(partition, offset),
      lastSnapshot: (shard, timeoutMs) => snapshots.take(shard, timeoutMs),
      warn: callbacks.warn,
      fail: (error) => void this.fail(error),
    });
  }

  private makeDirectory(outbox: Outbox): EngineDirectory {
    const { config, callbacks } = this;
    return new EngineDirectory({
      outbox,
      prefix: config["kafka.prefix"],
      engine: config["engine.name"],
      onChanged: (owners) => this.api?.post({ type: "engines", partitions: this.accountPartitions, owners }),
      warn: callbacks.warn,
    });
  }

  // To the other engines, once it is known where the api listens.
  private introduce(): void {
    const { page, stream } = this.addresses;
    const { "http.advertisedUrl": url, "stream.advertisedUrl": live } = this.config;
    if (page !== "") this.directory?.introduce(url ?? page, live ?? stream);
  }

  private every(ms: number, act: () => void): void {
    this.timers.push(setInterval(act, ms));
  }

  private async startApi(): Promise<void> {
    const webRoot = join(import.meta.dirname, "web");
    if (!existsSync(webRoot)) throw new PlimsollError("BUILD_MISSING", "dist/web is not built: run npm run build");
    try {
      const { thread, ready } = Thread.start({
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
      const { http, stream, metrics } = (await ready) as unknown as {
        http: { url: string };
        stream: { url: string; transport: string };
        metrics: { host: string; port: number } | null;
      };
      this.addresses = {
        page: http.url,
        stream: stream.url,
        metrics: metrics ? `http://${metrics.host}:${metrics.port}/metrics` : null,
      };
      this.introduce();
      this.callbacks.say(`api       ${http.url}  stream ${stream.url} (${stream.transport})`);
    } catch (error) {
      throw new PlimsollError("API_FAILED", (error as Error).message);
    }
  }

  private async startEmbeddedKafka(): Promise<void> {
    this.kafka = await startEmbeddedKafka();
    this.brokers = this.kafka.brokers;
    await this.kafka.createTopics(topicsOf(this.config).map((topic) => topic.name));
    this.callbacks.say(
      `kafka     embedded at ${this.brokers}, ${EMBEDDED_PARTITION_COUNT} partitions; forgets everything when the engine stops`,
    );
  }

  private async startTopics(): Promise<void> {
    if (this.isEmbedded) return;
    const { partitions, made } = await prepareTopics(this.config, this.brokers);
    this.accountPartitions = partitions;
    this.callbacks.say(`kafka     ${this.brokers}, ${partitions} account partitions${made > 0 ? `, made ${made} topics` : ""}`);
  }

  /** Cluster and topic: offsets mean something within one log only. */
  private async logName(): Promise<string> {
    const topic = topicName("accounts", this.config["kafka.prefix"]);
    if (this.isEmbedded) return `embedded-${new Date(this.startedMs).toISOString()}/${topic}`;
    return `${await clusterId({ brokers: this.brokers }, this.config["kafka.connectTimeoutMs"])}/${topic}`;
  }

  private get hasStore(): boolean {
    return this.config["database.url"] !== "off";
  }

  private async startStore(log: string): Promise<void> {
    if (!this.hasStore) {
      this.callbacks.say("database  off: no history is kept");
      return;
    }
    const { config, callbacks } = this;
    let url = config["database.url"] as string | null;
    this.store = new StoreThread({
      filename: built("store-worker.js"),
      workerData: async () => {
        if (url === null) {
          // Loaded only when it is wanted: its package carries a whole server.
          const { startEmbeddedPostgres } = await import("../store/embedded");
          this.postgres = await startEmbeddedPostgres({ dataDir: join(config["engine.dataDir"], "postgres") });
          url = this.postgres.url;
        }
        const parsed = new URL(url);
        this.databaseShown = `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
        return {
          market: this.table.memory,
          stats: this.statsMemory,
          monotonicBase: monotonicBase(),
          config: storeConfig(config, url, log, join(config["engine.dataDir"], "spill")),
          engine: { name: config["engine.name"], version: version(), startedMs: this.startedMs },
        };
      },
      warn: callbacks.warn,
      onFailure: (error) => this.fail(new PlimsollError("STORE_FAILED", `the store thread ended: ${error.message}`)),
    });
    try {
      const connected = await this.store.start();
      this.api?.post({ type: "database", url, logName: log });
      const where = this.postgres
        ? `embedded PostgreSQL at ${this.databaseShown}, data in ${config["engine.dataDir"]}/postgres`
        : this.databaseShown;
      callbacks.say(`database  ${where}${connected ? "" : " — away; risk is served, rows wait for it"}`);
    } catch (error) {
      // Not awaited: stopping waits for this very start.
      const { code, message } = error as Error & { code?: string };
      const reason = code === undefined || code === "STORE_FAILED" ? message : `${code}: ${message}`;
      void this.fail(new PlimsollError("STORE_FAILED", `the store could not start: ${reason}`));
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

  // The api serves the shards that are ours; the store also reads those that still bring their outputs home.
  private tellShards(): void {
    if (!this.shards) return;
    const memories = this.shards.all().map((shard) => shard.memory);
    this.view.setShards(memories);
    this.api?.post({ type: "shards", memories });
    this.store?.shards(this.shards.writing());
    this.directory?.announce(this.shards.all().map((shard) => shard.partition));
  }

  private passAlerts(): void {
    try {
      const alerts = this.outlet?.drain() ?? [];
      if (alerts.length === 0) return;
      this.stats.add("ingest.alertsSent", alerts.length);
      this.api?.post({ type: "alerts", alerts });
    } catch (error) {
      void this.fail(new PlimsollError("OUTPUT_LOST", `alerts cannot be sent: ${(error as Error).message}`));
    }
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
    this.store?.platform(state);
    for (const { partition, memory } of this.shards?.all() ?? []) {
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

  // The group's offsets follow the snapshots: what lag dashboards and the next owner see is where a restart begins.
  private commit(partition: number, offset: number): void {
    this.ingest?.commit([{ partition, offset }]).catch((error: Error) => {
      // While the group moves partitions a commit is refused; the one after the next snapshot is not.
      const isMoving = error instanceof KafkaError && error.code === "KAFKA_NOT_OWNER";
      if (!this.stopped && !isMoving) this.complaints.take(error.message);
    });
  }

  private async fail(error: Error): Promise<void> {
    if (this.stopped) return;
    // Who has our name now speaks under it: what that one announced is not ours to withdraw.
    if (error instanceof KafkaError && error.code === "KAFKA_FENCED") this.directory = undefined;
    await this.stop();
    this.callbacks.onFailure(error);
  }

  /** Waits until the shards have applied all that is in their rings, and told what they may tell. */
  private async drained(deadlineMs: number): Promise<boolean> {
    while (wallMs() < deadlineMs) {
      const mayTell = this.lease.holds();
      const busy = this.view.shards.some((shard) => {
        const { inputRing, alertRing, state } = shard.status();
        return (state === "running" || state === "recovering") && (inputRing.used > 0 || (mayTell && alertRing.used > 0));
      });
      if (!busy) return true;
      this.passAlerts();
      await new Promise((resolve) => setTimeout(resolve, DRAIN_LOOK_MS));
    }
    return false;
  }

  private async lastSnapshots(deadlineMs: number): Promise<void> {
    for (const shard of this.shards?.all() ?? [])
      await this.snapshots?.take(shard, Math.max(0, (deadlineMs - wallMs()) * LAST_SNAPSHOTS_SHARE));
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
    this.lease.end();
    const attempt = async (what: string, act: () => Promise<unknown> | undefined) => {
      try {
        await act();
      } catch (error) {
        this.callbacks.warn(`stopping ${what}: ${(error as Error).message}`);
      }
    };
    await attempt("the synthetic market", () => this.feed?.stop());
    await attempt("ingest", () => this.ingest?.halt());
    if (this.ingest && !(await this.drained(deadline)))
      this.callbacks.warn("the shards did not drain in time: their rest is read again at the next start");
    this.snapshots?.stop();
    // So that the next start has nothing to read again. Without poll() a commit is not answered: it is sent, and closing waits.
    await attempt("the snapshots", () => this.lastSnapshots(deadline));
    this.shards?.stop();
    await attempt("the store", () => this.storeStarting?.then(() => this.store?.stop(Math.max(1000, deadline - wallMs()))));
    await attempt("the Kafka consumers", () => Promise.all([this.ingest?.close(5000), this.memory?.close(5000)]));
    this.directory?.withdraw();
    await attempt("the shard workers", () => this.pool?.stop());
    await attempt("the Kafka producer", () => this.producer?.close(5000));
    // Not in the middle of its start: a thread that is ended while it opens its ports takes the process with it.
    await this.apiStarting;
    await attempt("the api", () => this.api?.stop(3000));
    await attempt("embedded Kafka", () => this.kafka?.close());
    await attempt("embedded PostgreSQL", () => this.postgres?.stop());
  }
}
