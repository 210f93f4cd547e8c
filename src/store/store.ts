// The store without its thread: what worker.ts runs, and what tests run in their own thread. Drains the fill rings,
// samples rows, takes alerts, and feeds the two lanes; the timers live here too.
import { wallMs } from "../shared/clock";
import { STORE_STATES, type StatName, StatsView, StatsWriter } from "../shared/stats";
import { EngineView } from "../shared/views/engine-view";
import { LatencyWindow } from "../shared/views/latency";
import type { AlertView } from "../shared/views/types";
import { Batches } from "./batches";
import type { StoreConfig } from "./config";
import { type BatchWriter, DatabaseWriter } from "./database";
import { withDeadline } from "./deadline";
import { encodeAlert } from "./encode";
import { encodeEngineSample, sumAccounts } from "./engine-sample";
import { errorCode, errorText, needsOperator, StoreError } from "./errors";
import { EXPIRE_INTERVAL_MS, expireRows } from "./expiry";
import { FillDrain } from "./fill-drain";
import { Lane, type LaneCounts, type LaneState, type StoreLog } from "./lane";
import { RefusedRows } from "./refused";
import { Sampler } from "./sampler";
import { SchemaGate } from "./schema-gate";
import { lockFolder } from "./spill/folder-lock";
import { SpillLog } from "./spill/spill-log";
import { ALERTS, ENGINE_SAMPLES, FILLS, INSTRUMENTS, TABLES, type Table } from "./tables";

export interface StoreOptions {
  config: StoreConfig;
  market: SharedArrayBuffer;
  stats: SharedArrayBuffer;
  engine: { name: string; version: string; startedMs: number };
  log: StoreLog;
  /** A mistake of the program: the store cannot go on. */
  onFatal: (error: unknown) => void;
  /** Tests: another writer in place of the database. */
  writer?: (lane: "journal" | "samples") => BatchWriter;
}

export interface StoreStarted {
  /** False: the database is away; the store keeps trying, rows go to disk meanwhile. */
  connected: boolean;
  /** Why it is not. */
  reason: { code: string; message: string } | null;
}

export interface StoreCounts {
  state: LaneState;
  journal: LaneCounts;
  samples: LaneCounts;
  /** Records that still lie in the fill rings. */
  ringRecords: number;
}

const STATS_INTERVAL_MS = 250;
/** Worst first. */
const STATE_ORDER: readonly LaneState[] = ["blocked", "away", "draining", "starting", "connected"];

export class Store {
  private readonly view: EngineView;
  private readonly statsWriter: StatsWriter;
  private readonly statsView: StatsView;
  private readonly batches: Batches;
  private readonly drain: FillDrain;
  private readonly sampler: Sampler;
  private readonly latency = new LatencyWindow(1);
  private readonly gate: SchemaGate;
  private journal!: Lane;
  private samples!: Lane;
  private refused: RefusedRows[] = [];
  private unlock: () => Promise<void> = async () => {};
  private timers: NodeJS.Timeout[] = [];
  private sampling: Promise<void> | null = null;
  private expiring: Promise<void> | null = null;
  private lastSampledAtMs = 0;
  private tick = 0;
  private batchesSeen = 0;
  private delayedAccounts = 0;
  private samplesQueuedBefore = 0;
  private skippedFlushes = 0;
  private stopping = false;

  constructor(private readonly options: StoreOptions) {
    const { config } = options;
    this.view = new EngineView(options.market, { staleAfterMs: config.staleAfterMs });
    this.statsWriter = new StatsWriter(options.stats);
    this.statsView = new StatsView(options.stats);
    this.batches = new Batches(
      config.logName,
      () => this.tick,
      (batch) => (batch.table.lane === "journal" ? this.journal : this.samples).push(batch),
    );
    this.drain = new FillDrain(this.batches, () => this.journal.hasRoom());
    this.sampler = new Sampler(this.view.market, this.batches, () => new Promise((resolve) => setImmediate(resolve)));
    this.gate = new SchemaGate({
      url: config.databaseUrl,
      migrate: config.migrate,
      connectDeadlineMs: config.connectDeadlineMs,
      onMigrated: (report) => {
        for (const { name, durationMs } of report.applied) options.log("info", `migration ${name} applied in ${durationMs} ms`);
      },
    });
  }

  /**
   * Opens the spill files, migrates if the database is there, and starts.
   *
   * @throws StoreError where no waiting heals: settings, spill folder, migrations
   */
  async start(): Promise<StoreStarted> {
    const { config, log } = this.options;
    this.unlock = await lockFolder(config.spillDir);
    try {
      this.journal = await this.openLane("journal", config.journalQueueBytes, config.journalSpillBytes);
      this.samples = await this.openLane("samples", config.sampleQueueBytes, config.sampleSpillBytes);
      const started = await this.reachDatabase();
      this.journal.start();
      this.samples.start();
      this.startTimers();
      return started;
    } catch (error) {
      await this.unlock();
      throw error;
    } finally {
      log("info", `store: log "${config.logName}", spill folder ${config.spillDir}`);
    }
  }

  private async openLane(name: "journal" | "samples", queueBytesMax: number, spillBytesMax: number): Promise<Lane> {
    const { config, log, onFatal } = this.options;
    const { log: spill, report } = await SpillLog.open(config.spillDir, name);
    if (report.records > 0) log("info", `${name}: ${report.rows} rows of an earlier run wait in the spill files`);
    if (report.tornBytes > 0) log("warn", `${name}: ${report.tornBytes} bytes of a record that a crash cut short were cut off`);
    if (report.damagedBytes > 0) {
      log("error", `${name}: ${report.damagedBytes} damaged bytes were copied to the folder "damaged"`, "STORE_SPILL_UNUSABLE");
    }
    const refused = new RefusedRows(config.spillDir, name);
    this.refused.push(refused);
    const writer =
      this.options.writer?.(name) ??
      new DatabaseWriter({
        url: config.databaseUrl,
        applicationName: `plimsoll-${name}`,
        writeDeadlineMs: config.writeDeadlineMs,
        connectDeadlineMs: config.connectDeadlineMs,
        schema: this.gate,
      });
    return new Lane({
      name,
      writer,
      spill,
      refuse: (batch) => refused.keep(batch),
      queueBytesMax,
      spillBytesMax,
      random: Math.random,
      log,
      onFatal,
    });
  }

  // A database that is there gets its tables before the store says it is ready; one that is away is no reason to wait.
  private async reachDatabase(): Promise<StoreStarted> {
    if (this.options.writer) return { connected: true, reason: null };
    try {
      await this.gate.ready();
      return { connected: true, reason: null };
    } catch (error) {
      const code = error instanceof StoreError ? error.code : errorCode(error);
      if (needsOperator(error)) throw error;
      this.options.log("warn", `store: ${errorText(error)}; rows go to disk until the database is there`, code);
      return { connected: false, reason: { code, message: errorText(error) } };
    }
  }

  private startTimers(): void {
    const { config } = this.options;
    const every = (ms: number, work: () => void) => {
      this.timers.push(
        setInterval(() => {
          try {
            work();
          } catch (error) {
            this.options.onFatal(error);
          }
        }, ms),
      );
    };
    every(config.drainIntervalMs, () => this.drain.drain());
    every(config.flushIntervalMs, () => this.flush());
    every(config.engineSampleIntervalMs, () => this.sampleEngine());
    every(STATS_INTERVAL_MS, () => this.publishStats());
    if (config.expire && !this.options.writer) every(EXPIRE_INTERVAL_MS, () => this.expire());
  }

  /** The shards this engine owns now. */
  setShards(memories: SharedArrayBuffer[]): void {
    // What a leaving shard has left in its ring is taken before anything else.
    this.drain.drain(true);
    this.view.setShards(memories);
    this.drain.setShards(memories);
    this.sampler.setShards(this.view.shards);
  }

  addAlerts(alerts: readonly AlertView[]): void {
    for (const alert of alerts) this.batches.add(ALERTS, (row) => encodeAlert(row, alert));
    this.batches.flush(ALERTS);
  }

  /** Resolves when every fill published and alert handed over before this call is committed, or on the disk and synced. */
  async barrier(): Promise<void> {
    const taken = this.drain.mark();
    // Without room the rings are emptied as the lane goes on.
    for (;;) {
      this.drain.drain(true);
      this.flushJournal();
      if (taken()) break;
      await new Promise((resolve) => setTimeout(resolve, this.options.config.drainIntervalMs));
    }
    await this.journal.barrier();
  }

  private flushJournal(): void {
    this.batches.flush(INSTRUMENTS);
    this.batches.flush(FILLS);
    this.batches.flush(ALERTS);
  }

  /** One flush: closes the journal's open batches and samples what changed, unless the last sampling still goes on. */
  private flush(): void {
    this.tick = Math.floor(wallMs() / this.options.config.flushIntervalMs);
    this.flushJournal();
    if (this.sampling !== null || this.stopping) return;
    this.sampling = this.sample()
      .catch(this.options.onFatal)
      .finally(() => {
        this.sampling = null;
      });
  }

  private async sample(): Promise<void> {
    const { config } = this.options;
    // A database that is slower than the samples come gets fewer of them: they are state, the next one is as good. While
    // more than a flush waits and it does not get less, nothing is added. One that is away gets them all, over the disk.
    const { rowsQueued } = this.samples.counts();
    const behind = this.samples.takesRows && rowsQueued > config.sampleRowsPerFlush && rowsQueued >= this.samplesQueuedBefore;
    this.samplesQueuedBefore = rowsQueued;
    if (behind) {
      this.skippedFlushes++;
      return;
    }
    const sampledAtMs = Math.max(this.lastSampledAtMs + 1, wallMs());
    this.lastSampledAtMs = sampledAtMs;
    this.sampler.sampleMarket(sampledAtMs);
    this.batches.flush(INSTRUMENTS);
    const { delayed } = await this.sampler.sampleAccounts(sampledAtMs, config.sampleRowsPerFlush);
    this.delayedAccounts = delayed;
    this.flushSamples();
  }

  private flushSamples(): void {
    for (const table of SAMPLE_TABLES) this.batches.flush(table);
  }

  private sampleEngine(): void {
    const counts = this.counts();
    const rows = total(counts);
    const state = {
      nowMs: wallMs(),
      engine: this.options.engine,
      marketEventMs: this.view.market.eventTimeMs(),
      shards: this.view.shards.map((shard) => shard.status()),
      totals: sumAccounts(this.view.shards.map((shard) => shard.memory)),
      latencyNs: this.latency.summary(this.view.shards),
      stats: this.statsView.all(),
      rows: {
        written: rows.rowsWritten,
        queued: rows.rowsQueued,
        dropped: rows.rowsDropped + rows.rowsThinned,
        spillBytes: rows.spillBytes,
      },
    };
    this.latency.sample(this.view.shards);
    this.batches.add(ENGINE_SAMPLES, (row) => encodeEngineSample(row, state));
    this.batches.flush(ENGINE_SAMPLES);
  }

  private expire(): void {
    if (this.expiring !== null || this.state() !== "connected") return;
    const { config, log } = this.options;
    this.expiring = expireRows(config.databaseUrl, config.connectDeadlineMs, () => !this.stopping)
      .then((rows) => {
        if (rows > 0) log("info", `store: ${rows} expired rows deleted`);
      })
      .catch((error) => log("warn", `store: expiry failed: ${errorText(error)}`, errorCode(error)))
      .finally(() => {
        this.expiring = null;
      });
  }

  /** The worse of the two lanes. */
  state(): LaneState {
    const states = [this.journal.state(), this.samples.state()];
    return STATE_ORDER.find((state) => states.includes(state)) ?? "starting";
  }

  counts(): StoreCounts {
    return {
      state: this.state(),
      journal: this.journal.counts(),
      samples: this.samples.counts(),
      ringRecords: this.drain.waiting(),
    };
  }

  private publishStats(): void {
    const counts = this.counts();
    const { journal, samples } = counts;
    const rows = total(counts);
    const set = (name: StatName, value: number) => this.statsWriter.set(name, value);
    set("store.state", stateCode(counts.state));
    set("store.rowsWritten", rows.rowsWritten);
    set("store.rowsDoubled", rows.rowsDoubled);
    set("store.rowsQueued", rows.rowsQueued + this.batches.openRows);
    set("store.rowsDropped", rows.rowsDropped);
    set("store.rowsRefused", rows.rowsRefused);
    set("store.rowsSpilled", rows.rowsSpilled);
    set("store.samplesThinned", rows.rowsThinned);
    set("store.spillBytes", rows.spillBytes);
    set("store.fillsWritten", journal.writtenByTable[FILLS.name] ?? 0);
    set("store.alertsWritten", journal.writtenByTable[ALERTS.name] ?? 0);
    set("store.writeErrors", rows.writeFailures);
    set("store.lastWriteLatencyMs", Math.max(journal.lastWriteMs, samples.lastWriteMs));
    set("store.delayedAccounts", this.delayedAccounts);
    set("store.skippedFlushes", this.skippedFlushes);
    const batches = rows.batchesWritten;
    if (batches !== this.batchesSeen) set("store.lastWriteMs", wallMs());
    this.batchesSeen = batches;
  }

  /**
   * Takes what lies in the rings and in open batches, writes it or puts it on disk, and ends.
   *
   * @param deadlineMs from now; a part of it is kept for the disk
   */
  async stop(deadlineMs: number): Promise<StoreCounts> {
    this.stopping = true;
    const until = performance.now() + deadlineMs;
    const left = () => Math.max(0, until - performance.now());
    for (const timer of this.timers) clearInterval(timer);
    await withDeadline(this.sampling ?? Promise.resolve(), left() / 4, () => new Error("sampling goes on")).catch(
      () => undefined,
    );
    // The last state of what changed, then whatever is left in the rings: the shards have stopped by now.
    const sampledAtMs = Math.max(this.lastSampledAtMs + 1, wallMs());
    this.sampler.sampleMarket(sampledAtMs);
    await this.sampler.sampleAccounts(sampledAtMs, this.options.config.sampleRowsPerFlush);
    this.sampleEngine();
    this.flushSamples();
    for (;;) {
      this.drain.drain(true);
      this.flushJournal();
      if (this.drain.waiting() === 0 || left() < deadlineMs / 2) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const outcomes = await Promise.allSettled([this.journal.stop(left()), this.samples.stop(left())]);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected")
        this.options.log("error", `store: ${errorText(outcome.reason)}`, errorCode(outcome.reason));
    }
    await Promise.allSettled(this.refused.map((refused) => refused.close()));
    this.publishStats();
    await this.unlock();
    return this.counts();
  }
}

const SAMPLE_TABLES: readonly Table[] = TABLES.filter((table) => table.lane === "samples");

function total(counts: StoreCounts) {
  const sum = (key: Exclude<keyof LaneCounts, "writtenByTable">) => counts.journal[key] + counts.samples[key];
  return {
    rowsWritten: sum("rowsWritten"),
    rowsDoubled: sum("rowsDoubled"),
    rowsQueued: sum("rowsQueued"),
    rowsDropped: sum("rowsDropped"),
    rowsThinned: sum("rowsThinned"),
    rowsRefused: sum("rowsRefused"),
    rowsSpilled: sum("rowsSpilled"),
    spillBytes: sum("spillBytes"),
    writeFailures: sum("writeFailures"),
    batchesWritten: sum("batchesWritten"),
  };
}

/** Number of a state in STORE_STATES. */
function stateCode(state: LaneState): number {
  return STORE_STATES.indexOf(state === "starting" ? "connecting" : state);
}
