// One ordered stream of batches to the database, with a memory queue, a spill file and a policy for when both are full.
// There are two lanes, each with a connection of its own: the journal (fills, alerts, instruments: never dropped) and the
// samples (risk rows, marks, engine state: thinned when their disk budget is used up).
//
//   push → [ memory ] → database            while the database keeps up
//   push → [ memory ] → [ disk ] → database while it is away or behind
//
// Everything on disk is older than everything in memory, and the writer takes the oldest: order holds at all times. The
// batch being written may move to disk meanwhile; when it turns out to be committed it is dropped there.

import { faultPoint } from "../shared/fault-points";
import { splitRows } from "./copy/row-reader";
import type { BatchWriter, WriteResult } from "./database";
import { backoffMs, Signal, withDeadline } from "./deadline";
import { classifyWriteFailure, errorCode, errorText, needsOperator, StoreError } from "./errors";
import {
  BARRIER_GRACE_MS,
  RETRY_FIRST_MS,
  RETRY_MAX_MS,
  SCHEMA_RETRY_MS,
  SPILL_AFTER_FAILURES,
  STOP_SPILL_SHARE,
} from "./limits";
import type { LoadedBatch } from "./spill/record";
import { DamagedRecord, type SpillLog, type StoredBatch } from "./spill/spill-log";

/**
 * - `starting`: nothing was written yet
 * - `connected`: rows go in as they come
 * - `away`: the database does not take rows; they go to disk
 * - `draining`: it takes rows again, the disk is being emptied
 * - `blocked`: memory and disk are full (or the disk fails): the rings fill, the shards wait
 */
export type LaneState = "starting" | "connected" | "away" | "draining" | "blocked";

export interface LaneOptions {
  name: "journal" | "samples";
  writer: BatchWriter;
  spill: SpillLog;
  /** Takes batches the server refuses for what they hold: kept beside the spill, see refused.ts. */
  refuse: (batch: LoadedBatch, reason: string) => Promise<void>;
  queueBytesMax: number;
  spillBytesMax: number;
  random: () => number;
  log: StoreLog;
  /** A mistake of the program ended the lane: nothing is written any more. */
  onFatal: (error: unknown) => void;
}

export type StoreLog = (level: "info" | "warn" | "error", message: string, code?: string) => void;

export interface LaneCounts {
  /** Rows committed that were new. */
  rowsWritten: number;
  /** Rows sent that were there already. */
  rowsDoubled: number;
  /** Rows waiting, in memory and on disk. */
  rowsQueued: number;
  /** Rows that went to disk, ever. */
  rowsSpilled: number;
  /** Samples thinned because their disk budget was used up. Always 0 for the journal. */
  rowsThinned: number;
  /** Samples dropped because the disk failed while the database was away. Always 0 for the journal. */
  rowsDropped: number;
  /** Rows kept aside: refused by the server (folder `refused`), or damaged on disk (folder `damaged`). */
  rowsRefused: number;
  batchesWritten: number;
  writeFailures: number;
  memoryBytes: number;
  spillBytes: number;
  /** ms the last write that succeeded took; 0 before any. */
  lastWriteMs: number;
  /** New rows by table. */
  writtenByTable: Readonly<Record<string, number>>;
}

interface Queued extends LoadedBatch {
  readonly sequence: number;
  /** Committed while it was on its way to disk. */
  done: boolean;
  /** Where it lies on disk, once it has moved there. */
  stored: StoredBatch | null;
}

type Head = { from: "disk"; stored: StoredBatch } | { from: "memory"; queued: Queued };

export class Lane {
  private readonly memory: Queued[] = [];
  private memoryBytes = 0;
  private pushed = 0;
  /** Highest sequence that is committed, and that is on disk (and synced): everything up to it is durable. */
  private committed = 0;
  private spilledUpTo = 0;
  private syncedUpTo = 0;

  private failures = 0;
  private everWritten = false;
  private away = false;
  private spillFailed = false;
  private forceSpill = false;
  private halted = false;

  private rowsWritten = 0;
  private rowsDoubled = 0;
  private rowsSpilled = 0;
  private rowsDropped = 0;
  private rowsRefused = 0;
  private batchesWritten = 0;
  private writeFailures = 0;
  private lastWriteMs = 0;
  private readonly writtenByTable: Record<string, number> = {};

  private readonly writerSignal = new Signal();
  private readonly spillerSignal = new Signal();
  private readonly progress = new Set<() => void>();
  private tasks: Promise<unknown>[] = [];
  /** Batches handed to the spill file and not placed there yet: they are still at the front of `memory`. */
  private spilling = 0;

  constructor(private readonly options: LaneOptions) {}

  start(): void {
    this.tasks = [this.write(), this.spill()];
    for (const task of this.tasks) task.catch(this.options.onFatal);
  }

  /** False: memory is full and disk does not take it off our hands; take nothing more from the rings now. */
  hasRoom(): boolean {
    return this.memoryBytes < this.options.queueBytesMax;
  }

  /** True while the database takes rows, be it slowly. */
  get takesRows(): boolean {
    return this.everWritten && !this.away;
  }

  push(batch: LoadedBatch): void {
    this.memory.push({ ...batch, sequence: ++this.pushed, done: false, stored: null });
    this.memoryBytes += batch.payload.length;
    this.writerSignal.notify();
    if (this.mustSpill()) this.spillerSignal.notify();
  }

  state(): LaneState {
    if (!this.hasRoom()) return "blocked";
    if (this.away) return "away";
    if (this.options.spill.head() !== null) return this.everWritten ? "draining" : "away";
    return this.everWritten ? "connected" : "starting";
  }

  counts(): LaneCounts {
    const { spill } = this.options;
    return {
      rowsWritten: this.rowsWritten,
      rowsDoubled: this.rowsDoubled,
      rowsQueued: spill.rows + this.memory.reduce((rows, batch) => rows + (batch.done ? 0 : batch.rows), 0),
      rowsSpilled: this.rowsSpilled,
      rowsThinned: spill.rowsThinned,
      rowsDropped: this.rowsDropped,
      rowsRefused: this.rowsRefused,
      batchesWritten: this.batchesWritten,
      writeFailures: this.writeFailures,
      memoryBytes: this.memoryBytes,
      spillBytes: spill.bytes,
      lastWriteMs: this.lastWriteMs,
      writtenByTable: this.writtenByTable,
    };
  }

  /**
   * Resolves when every batch pushed so far is committed, or on the disk and synced. The database gets a moment first;
   * after that the rows go to disk, so this does not wait for a database that is away.
   */
  async barrier(): Promise<void> {
    const target = this.pushed;
    const until = performance.now() + BARRIER_GRACE_MS;
    while (!this.durable(target)) {
      const left = until - performance.now();
      if (left <= 0 || this.away) {
        this.forceSpill = true;
        this.spillerSignal.notify();
      }
      await this.nextProgress(left > 0 ? left : undefined);
    }
  }

  private durable(sequence: number): boolean {
    return sequence <= Math.max(this.committed, this.syncedUpTo);
  }

  /**
   * Writes what is waiting for as long as the deadline allows, puts the rest on disk, and ends.
   *
   * @param deadlineMs from now
   */
  async stop(deadlineMs: number): Promise<void> {
    const until = performance.now() + deadlineMs;
    const writeUntil = until - deadlineMs * STOP_SPILL_SHARE;
    this.writerSignal.notify();
    while (!this.empty() && !this.away && performance.now() < writeUntil) await this.nextProgress(writeUntil - performance.now());
    this.halted = true;
    this.forceSpill = true;
    this.writerSignal.notify();
    this.spillerSignal.notify();
    const ended = Promise.all([this.tasks[1], this.options.writer.close()]);
    await withDeadline(ended, Math.max(1000, until - performance.now()), () => {
      return new StoreError(
        "STORE_SPILL_UNUSABLE",
        `${this.options.name}: ${this.memory.length} batches could not be spilled in time`,
      );
    });
    await this.options.spill.trim();
    await this.options.spill.close();
  }

  private empty(): boolean {
    return this.memory.length === 0 && this.options.spill.head() === null;
  }

  private nextProgress(ms?: number): Promise<void> {
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const done = () => {
        clearTimeout(timer);
        this.progress.delete(done);
        resolve();
      };
      this.progress.add(done);
      if (ms !== undefined) timer = setTimeout(done, Math.max(0, ms));
    });
  }

  private madeProgress(): void {
    for (const done of [...this.progress]) done();
  }

  // ---- the writer: oldest first, one at a time

  private async write(): Promise<void> {
    const { spill, writer } = this.options;
    while (!this.halted) {
      const head = this.head();
      if (head === null) {
        if (spill.bytes > 0) await spill.trim().catch(() => undefined);
        if (this.head() === null && !this.halted) await this.writerSignal.wait();
        continue;
      }
      let batch: LoadedBatch | undefined;
      try {
        batch = head.from === "disk" ? await spill.read(head.stored) : head.queued;
        const started = performance.now();
        const result = await writer.write(batch, batch.payload);
        faultPoint("store-committed");
        this.lastWriteMs = Math.round((performance.now() - started) * 1000) / 1000;
        this.batchesWritten++;
        this.succeeded(batch, result);
        this.drop(head);
      } catch (error) {
        if (this.halted) break;
        if (error instanceof DamagedRecord && head.from === "disk") await this.leaveDamaged(head.stored, error);
        else if (batch !== undefined && classifyWriteFailure(error) === "refused") await this.bisect(head, batch);
        else await this.failed(error);
      }
    }
  }

  private head(): Head | null {
    const stored = this.options.spill.head();
    if (stored !== null) return { from: "disk", stored };
    const queued = this.memory.find((batch) => !batch.done);
    return queued === undefined ? null : { from: "memory", queued };
  }

  private drop(head: Head): void {
    const { spill } = this.options;
    if (head.from === "disk") {
      if (spill.head() === head.stored) spill.dropHead(head.stored);
      if (spill.head() === null) this.committed = Math.max(this.committed, this.spilledUpTo);
    } else {
      const { queued } = head;
      this.committed = queued.sequence;
      if (queued.stored !== null) {
        if (spill.head() === queued.stored) spill.dropHead(queued.stored);
      } else {
        queued.done = true;
        this.forgetDone();
      }
    }
    this.madeProgress();
  }

  // Takes committed batches off the front of memory, unless they are on their way to disk: then they are dropped there.
  private forgetDone(): void {
    while (this.spilling === 0 && this.memory[0]?.done === true) this.memoryBytes -= this.memory.shift()!.payload.length;
  }

  private succeeded(batch: LoadedBatch, result: WriteResult): void {
    this.rowsWritten += result.inserted;
    this.rowsDoubled += result.doubles;
    this.writtenByTable[batch.table.name] = (this.writtenByTable[batch.table.name] ?? 0) + result.inserted;
    if (this.away || this.failures > 0) this.options.log("info", `${this.options.name}: the database takes rows again`);
    this.everWritten = true;
    this.failures = 0;
    this.away = false;
  }

  private async failed(error: unknown): Promise<void> {
    this.writeFailures++;
    this.failures++;
    if (this.failures === 1 || (this.failures & (this.failures - 1)) === 0) {
      const code = error instanceof StoreError ? error.code : errorCode(error);
      this.options.log("warn", `${this.options.name}: write failed, attempt ${this.failures}: ${errorText(error)}`, code);
    }
    if (this.failures >= SPILL_AFTER_FAILURES) {
      this.away = true;
      this.spillerSignal.notify();
    }
    this.madeProgress();
    const pause = needsOperator(error)
      ? SCHEMA_RETRY_MS
      : backoffMs(this.failures, RETRY_FIRST_MS, RETRY_MAX_MS, this.options.random());
    // A push wakes the writer; it must not shorten the pause.
    const until = performance.now() + pause;
    while (!this.halted && performance.now() < until) await this.nextProgress(until - performance.now());
  }

  // The server refuses a batch: halves are tried until the rows it refuses stand alone; those are put aside.
  private async bisect(head: Head, whole: LoadedBatch): Promise<void> {
    const { writer } = this.options;
    this.writeFailures++;
    const parts: LoadedBatch[] = [whole];
    while (parts.length > 0) {
      const part = parts.pop()!;
      try {
        const result = await writer.write(part, part.payload);
        this.succeeded(part, result);
      } catch (error) {
        if (this.halted) return;
        if (classifyWriteFailure(error) !== "refused") {
          // The whole batch comes again later; the parts that are in count once.
          await this.failed(error);
          return;
        }
        if (part.rows === 1) {
          if (!(await this.putAside(part, errorText(error)))) return;
          this.options.log(
            "error",
            `${this.options.name}: a row of ${part.table.name} was refused: ${errorText(error)}`,
            "STORE_ROWS_REFUSED",
          );
        } else {
          const [first, second] = splitRows(part.payload, part.rows);
          const rows = Math.ceil(part.rows / 2);
          parts.push({ ...part, rows: part.rows - rows, payload: second }, { ...part, rows, payload: first });
        }
      }
    }
    this.batchesWritten++;
    this.drop(head);
  }

  // Its rows are lost to the database; its bytes are not, and both is said.
  private async leaveDamaged(stored: StoredBatch, damage: DamagedRecord): Promise<void> {
    const what = `${this.options.name}: ${stored.rows} rows of ${stored.table.name}: ${damage.message}`;
    try {
      await this.options.spill.setAsideHead(stored, damage);
      this.rowsRefused += stored.rows;
      this.options.log("error", `${what}; its bytes are in the folder "damaged"`, damage.code);
      this.madeProgress();
    } catch (error) {
      this.options.log("error", `${what}; ${errorText(error)}`, damage.code);
      await this.pause(RETRY_MAX_MS);
    }
  }

  private async putAside(row: LoadedBatch, reason: string): Promise<boolean> {
    try {
      await this.options.refuse(row, reason);
      this.rowsRefused++;
      return true;
    } catch (error) {
      // Without a place for the row the batch stays where it is and comes again.
      this.options.log(
        "error",
        `${this.options.name}: a refused row cannot be put aside: ${errorText(error)}`,
        "STORE_SPILL_UNUSABLE",
      );
      await this.pause(RETRY_MAX_MS);
      return false;
    }
  }

  // ---- the spiller: moves memory to disk, in order, when it has to

  private mustSpill(): boolean {
    if (this.memory.length === 0) return false;
    return this.away || this.forceSpill || this.memoryBytes > this.options.queueBytesMax / 2;
  }

  private async spill(): Promise<void> {
    const { spill, name } = this.options;
    for (;;) {
      if (!this.mustSpill()) {
        if (this.forceSpill && !this.halted) this.forceSpill = false;
        if (await this.syncIfNeeded()) continue;
        if (this.halted) return;
        await this.spillerSignal.wait();
        continue;
      }
      if (name === "journal" && spill.bytes >= this.options.spillBytesMax && !this.halted) {
        // No more disk for what may not be dropped: memory fills, then the rings, then the shards wait.
        await this.pause(100);
        continue;
      }
      try {
        await this.spillAll();
        this.spillFailed = false;
        if (name === "samples") await this.thin();
      } catch (error) {
        this.spilling = 0;
        this.forgetDone();
        if (!this.spillFailed) this.options.log("error", `${name}: spilling failed: ${errorText(error)}`, "STORE_SPILL_UNUSABLE");
        this.spillFailed = true;
        if (name === "samples") this.dropOldestInMemory();
        if (this.halted && name === "samples") return;
        await this.pause(250);
      }
    }
  }

  private async spillAll(): Promise<void> {
    const { spill } = this.options;
    const moving = this.memory.filter((batch) => !batch.done);
    this.spilling = this.memory.length;
    await spill.append(moving, (stored) => {
      for (const batch of this.memory.splice(0, this.spilling)) this.memoryBytes -= batch.payload.length;
      this.spilling = 0;
      this.spilledUpTo = Math.max(this.spilledUpTo, moving[moving.length - 1]?.sequence ?? 0);
      for (const [i, batch] of moving.entries()) {
        this.rowsSpilled += batch.rows;
        batch.stored = stored[i]!;
        // Committed on the way: it and all before it are at the head of the queue.
        if (batch.done) spill.dropHead(batch.stored);
      }
      // The writer may have gone on beyond what was moved.
      this.forgetDone();
    });
    this.writerSignal.notify();
    this.madeProgress();
  }

  // Journal rows are on the disk before anybody is told so; samples are synced when their file is full, and at the end.
  private async syncIfNeeded(): Promise<boolean> {
    if (this.options.name !== "journal" || this.syncedUpTo >= this.spilledUpTo) return false;
    const upTo = this.spilledUpTo;
    try {
      await this.options.spill.sync();
    } catch (error) {
      this.options.log("error", `journal: syncing the spill file failed: ${errorText(error)}`, "STORE_SPILL_UNUSABLE");
      await this.pause(250);
      return true;
    }
    this.syncedUpTo = upTo;
    this.madeProgress();
    return true;
  }

  private async thin(): Promise<void> {
    while (this.options.spill.bytes > this.options.spillBytesMax) {
      if (!(await this.options.spill.thinOldest())) return;
    }
  }

  // Samples only, when the disk fails: the oldest go, all but the one being written.
  private dropOldestInMemory(): void {
    while (this.memoryBytes > this.options.queueBytesMax / 2 && this.memory.length > 1) {
      const [dropped] = this.memory.splice(1, 1);
      this.memoryBytes -= dropped!.payload.length;
      if (!dropped!.done) this.rowsDropped += dropped!.rows;
    }
  }

  private async pause(ms: number): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}
