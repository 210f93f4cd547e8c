// The shards this engine has: opened from the newest snapshot that is whole, brought up to date from the log, given what was
// alerted before, served; closed when the group takes them away; built anew when their worker is lost. Main thread.
import type { AlertMemory, OutputOffsets } from "../ingest/alert-memory";
import type { LogEnds, OpenShard, ShardHost } from "../ingest/ingest";
import type { MarketTable } from "../ingest/market-table";
import { type ShardPool, WorkerLost } from "../shards/pool";
import type { Snapshot } from "../shards/snapshot/format";
import type { Candidate, SnapshotLibrary } from "../shards/snapshot/library";
import { restoreShardMemory } from "../shards/snapshot/restore";
import type { Alerted } from "../shards/worker";
import { PlimsollError } from "../shared/errors";
import { faultPoint } from "../shared/fault-points";
import { AssetAt, InstrumentAt } from "../shared/layout/market";
import { ControlAt, ShardState } from "../shared/layout/shard";
import { KERNEL_RESERVED_BYTES } from "../shared/limits";
import { ringFill } from "../shared/ring";
import { createShardMemory, type ShardCapacity } from "../shared/shard-memory";
import type { Alert } from "../shared/wire/alert-batch-writer";
import type { AlertOutlet } from "./alerts";
import type { Outbox } from "./outbox";

/** Alert numbers left out where the log of alerts has lost its beginning: more than any account can have used there. */
const FORGOTTEN_ALERTS = 1 << 24;
/** A shard whose worker is lost this often within LOSS_WINDOW_MS meets something that no rebuilding helps against. */
const LOSSES_MAX = 5;
const LOSS_WINDOW_MS = 600_000;
/** How long giving a partition up may wait for its last snapshot and its last alerts. */
const HAND_OVER_MS = 10_000;

export interface Shard {
  readonly partition: number;
  readonly memory: SharedArrayBuffer;
  /** Of the newest snapshot that counts; −1: none. */
  snapshotOffset: number;
  snapshotMs: number;
  /** Events applied when it was made. */
  snapshotEvents: number;
  isLive: boolean;
}

export interface ShardSetOptions {
  table: MarketTable;
  pool: ShardPool;
  library: SnapshotLibrary;
  memory: AlertMemory;
  outlet: AlertOutlet;
  outbox: Outbox;
  capacity: ShardCapacity;
  recordFills: boolean;
  /** Name of the topic: for messages. */
  topic: string;
  nowMs(): number;
  /** Other shards are served now, or still write what the store has to read. */
  onChanged(): void;
  /** A shard is live that began with a snapshot: the crash before may have come before the group heard of it. */
  onRestored(partition: number, snapshotOffset: number): void;
  /** Makes a last snapshot, if there is anything new; at most so long. */
  lastSnapshot(shard: Shard, timeoutMs: number): Promise<void>;
  warn(line: string): void;
  fail(error: Error): void;
}

/** What ingest does for a shard that is built anew. */
export interface Reseat {
  suspend(partition: number): void;
  logEnds(partition: number): Promise<LogEnds>;
  replace(partition: number, opened: OpenShard): void;
}

export class ShardSet implements ShardHost {
  private readonly shards = new Map<number, Shard>();
  private readonly leaving = new Set<Shard>();
  /** Ends of the outputs that a shard's alert numbers cover once it is live. */
  private readonly remembered = new WeakMap<Shard, OutputOffsets>();
  /** Opening, closing and rebuilding a partition follow one another. */
  private readonly turns = new Map<number, Promise<unknown>>();
  private readonly losses = new Map<number, number[]>();
  private caughtUp: () => void = () => undefined;
  private readonly marketReady = new Promise<void>((resolve) => {
    this.caughtUp = resolve;
  });
  private stopping = false;

  constructor(private readonly options: ShardSetOptions) {}

  all(): Shard[] {
    return [...this.shards.values()].sort((a, b) => a.partition - b.partition);
  }

  /** Those that are served, and those that are not any more but still bring their outputs home. */
  writing(): SharedArrayBuffer[] {
    return [...this.all(), ...this.leaving].map((shard) => shard.memory);
  }

  marketMoved(): void {
    this.options.pool.ringAll();
  }

  marketCaughtUp(): void {
    this.caughtUp();
  }

  /** Nothing is opened, rebuilt or snapshotted any more; what is closed is only let go. */
  stop(): void {
    this.stopping = true;
  }

  private inTurn<T>(partition: number, act: () => Promise<T>): Promise<T> {
    const done = (this.turns.get(partition) ?? Promise.resolve()).then(act);
    this.turns.set(
      partition,
      done.catch(() => undefined),
    );
    return done;
  }

  open(partition: number, log: LogEnds): Promise<OpenShard> {
    return this.inTurn(partition, async () => {
      const kept = this.shards.get(partition);
      if (kept) {
        const opened = await this.takeOn(kept);
        if (opened) return opened;
        await this.letGo(kept, true);
      }
      return this.build(partition, log);
    }).catch((error: Error) => {
      // With its own code and words; on its way through the group's client it would lose them.
      if (!this.stopping) this.options.fail(error);
      throw error;
    });
  }

  close(partition: number, isLost: boolean): Promise<void> {
    return this.inTurn(partition, async () => {
      const shard = this.shards.get(partition);
      if (shard) await this.letGo(shard, isLost);
    });
  }

  // Not served from here on: whoever has it next may begin at any moment. Its outputs are brought home first; but where somebody
  // may have begun already, what it has not told is told by that one.
  private async letGo(shard: Shard, isLost: boolean): Promise<void> {
    this.shards.delete(shard.partition);
    this.leaving.add(shard);
    this.options.onChanged();
    if (isLost) this.options.outlet.remove(shard.partition);
    else if (!this.stopping) await this.options.lastSnapshot(shard, HAND_OVER_MS);
    await this.release(shard);
    this.leaving.delete(shard);
    this.options.onChanged();
  }

  async keep(partition: number): Promise<void> {
    this.options.warn(`shard ${partition} is kept as it is until a broker can be reached again`);
  }

  // A shard that was kept while no broker could be reached: it goes on if nobody else had it meanwhile.
  private async takeOn(shard: Shard): Promise<OpenShard | null> {
    const { partition, memory } = shard;
    const { outbox, outlet } = this.options;
    if (!shard.isLive) return null;
    await outbox.settled();
    const mine = outlet.positions(partition);
    const ends = await this.options.memory.ends(partition);
    if (mine === null || mine.alerts !== ends.alerts || mine.liquidations !== ends.liquidations) return null;
    const control = new DataView(memory, KERNEL_RESERVED_BYTES, ControlAt.bytes);
    // What lies in its ring is applied: the next message is the one after it. Where its alerts may not be told it may stand still.
    const deadline = this.options.nowMs() + HAND_OVER_MS;
    while (control.getUint32(ControlAt.batchRemaining, true) !== 0 || this.ringUsed(memory) > 0) {
      if (control.getUint32(ControlAt.state, true) !== ShardState.Running || this.options.nowMs() > deadline) return null;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return { memory, start: Number(control.getBigInt64(ControlAt.nextOffset, true)), ring: this.options.pool.bell(partition) };
  }

  private ringUsed(memory: SharedArrayBuffer): number {
    const words = new Int32Array(memory);
    return ringFill(memory, words[(KERNEL_RESERVED_BYTES + ControlAt.inputRing) / 4] >>> 0).used;
  }

  // ── from the newest snapshot that is whole ──

  private async build(partition: number, log: LogEnds): Promise<OpenShard> {
    for (;;) {
      try {
        return await this.buildOnce(partition, log);
      } catch (error) {
        if (!(error instanceof WorkerLost) || this.stopping) throw error;
        // The new worker gets it; one that is lost again and again stops the engine in noteLoss().
        this.noteLoss(partition, error);
      }
    }
  }

  private async buildOnce(partition: number, log: LogEnds): Promise<OpenShard> {
    const { options } = this;
    const candidates = await options.library.candidates(partition);
    for (const candidate of candidates) {
      const snapshot = await options.library.read(candidate);
      if (snapshot === null) continue;
      const opened = await this.restore(partition, log, candidate, snapshot);
      if (opened === null) continue;
      if (candidate !== candidates[0])
        options.warn(
          `shard ${partition} goes on from an older snapshot: ${log.high - opened.start} messages of its log are applied again`,
        );
      return opened;
    }
    if (log.low > 0) {
      const tried = candidates.length === 0 ? "there is no snapshot" : `none of its ${candidates.length} snapshots can be used`;
      throw new PlimsollError(
        "SNAPSHOT_MISSING",
        `${options.topic}/${partition} begins at offset ${log.low}, and ${tried}: its accounts cannot be rebuilt`,
      );
    }
    if (candidates.length > 0) options.warn(`shard ${partition} is rebuilt from the log's beginning: no snapshot can be used`);
    const memory = createShardMemory(partition, options.capacity, { recordFills: options.recordFills });
    const refused = await this.give(partition, memory, null, log, { alerts: 0, liquidations: 0 });
    if (refused !== null) throw new Error(`shard ${partition}: ${refused}`);
    return this.opened(partition, memory, 0, -1);
  }

  private async restore(partition: number, log: LogEnds, candidate: Candidate, snapshot: Snapshot): Promise<OpenShard | null> {
    const { header } = snapshot;
    this.adoptContracts(snapshot);
    const memory = restoreShardMemory(snapshot, this.options.capacity, { recordFills: this.options.recordFills });
    faultPoint("shard-restored");
    const refused = await this.give(partition, memory, header.stateHash, log, header.outputs);
    if (refused === null) return this.opened(partition, memory, header.nextOffset, header.nextOffset);
    await this.options.library.reject(candidate, refused, true);
    return null;
  }

  // Contracts and assets are what the ledger's integers mean: they must be those it was kept in.
  private adoptContracts(snapshot: Snapshot): void {
    const { table } = this.options;
    const rows = (name: "assets" | "instruments", bytes: number, adopt: (row: Uint8Array) => string | null) => {
      const section = snapshot.section(name);
      for (let at = 0; at < section.length; at += bytes) {
        const refusal = adopt(section.subarray(at, at + bytes));
        if (refusal !== null)
          throw new PlimsollError("CONTRACT_CHANGED", `shard ${snapshot.header.partition} cannot go on: ${refusal}`);
      }
    };
    rows("assets", AssetAt.bytes, (row) => table.adoptAsset(row));
    rows("instruments", InstrumentAt.bytes, (row) => table.adoptInstrument(row));
    table.publish();
  }

  private async give(
    partition: number,
    memory: WebAssembly.Memory,
    stateHash: string | null,
    log: LogEnds,
    outputs: OutputOffsets,
  ) {
    const buffer = memory.buffer as SharedArrayBuffer;
    new DataView(buffer, KERNEL_RESERVED_BYTES, ControlAt.bytes).setBigInt64(ControlAt.recoverTo, BigInt(log.high), true);
    this.options.outlet.add(partition, buffer, outputs);
    try {
      const refused = await this.options.pool.add(partition, memory, stateHash);
      if (refused !== null) this.options.outlet.remove(partition);
      return refused;
    } catch (error) {
      this.options.outlet.remove(partition);
      throw error;
    }
  }

  private opened(partition: number, memory: WebAssembly.Memory, start: number, snapshotOffset: number): OpenShard {
    const { pool, onChanged, nowMs, fail } = this.options;
    const buffer = memory.buffer as SharedArrayBuffer;
    const shard: Shard = {
      partition,
      memory: buffer,
      snapshotOffset,
      snapshotMs: nowMs(),
      snapshotEvents: eventsApplied(buffer),
      isLive: false,
    };
    this.shards.set(partition, shard);
    onChanged();
    this.prepareLive(shard).catch((error: Error) => {
      if (this.shards.get(partition) === shard && !this.stopping) fail(error);
    });
    return { memory: buffer, start, ring: pool.bell(partition) };
  }

  // The shard may go live when the marks are the newest there are and it knows what was alerted before.
  private async prepareLive(shard: Shard): Promise<void> {
    const { partition } = shard;
    const { outlet, memory, pool, warn } = this.options;
    const [remembered] = await Promise.all([
      memory.read(partition, outlet.positions(partition) as OutputOffsets),
      this.marketReady,
    ]);
    if (this.shards.get(partition) !== shard) return;
    if (remembered.forgotten)
      warn(
        `the log of alerts of partition ${partition} does not go back to the snapshot: statuses that changed before its beginning are alerted again`,
      );
    const last = outlet.remember(partition, remembered);
    pool.live(partition, alertedOf(last, remembered.forgotten ? FORGOTTEN_ALERTS : 0));
    this.remembered.set(shard, remembered.ends);
  }

  /** The worker says that a shard has caught up. */
  live(partition: number): void {
    const shard = this.shards.get(partition);
    if (!shard || shard.isLive) return;
    shard.isLive = true;
    if (shard.snapshotOffset >= 0) this.options.onRestored(partition, shard.snapshotOffset);
    const ends = this.remembered.get(shard);
    if (ends) this.options.outlet.known(partition, ends);
  }

  private async release(shard: Shard): Promise<void> {
    const { partition } = shard;
    const { pool, outlet, outbox } = this.options;
    await pool.remove(partition);
    // What it has told must be in the log before somebody else reads there what was told.
    const deadline = this.options.nowMs() + HAND_OVER_MS;
    await within(outlet.empty(partition), HAND_OVER_MS);
    outlet.remove(partition);
    await within(outbox.settled(), Math.max(0, deadline - this.options.nowMs()));
  }

  // ── when a worker is lost ──

  private noteLoss(partition: number, cause: Error): void {
    const now = this.options.nowMs();
    const times = (this.losses.get(partition) ?? []).filter((ms) => now - ms < LOSS_WINDOW_MS);
    times.push(now);
    this.losses.set(partition, times);
    if (times.length <= LOSSES_MAX) return;
    throw new PlimsollError(
      "SHARD_FAILED",
      `the worker of shard ${partition} was lost ${times.length} times in ${LOSS_WINDOW_MS / 60_000} minutes: ${cause.message}`,
    );
  }

  /** Their worker is gone: nothing runs them, and their memory may be torn. They are built anew and go on. */
  rebuild(partitions: number[], cause: Error, ingest: Reseat): void {
    if (this.stopping) return;
    this.options.warn(`the worker of shards ${partitions.join(", ")} was lost: ${cause.message}; they are rebuilt`);
    for (const partition of partitions) {
      ingest.suspend(partition);
      const old = this.shards.get(partition);
      // What its memory shows is as old as it is, and says so.
      if (old) Atomics.store(new Int32Array(old.memory), (KERNEL_RESERVED_BYTES + ControlAt.state) / 4, ShardState.Stopped);
      try {
        this.noteLoss(partition, cause);
      } catch (error) {
        this.options.fail(error as Error);
        return;
      }
      this.inTurn(partition, async () => {
        const shard = this.shards.get(partition);
        if (!shard || shard !== old) return;
        // Records in its ring are whole: each was published after it was written. Those that may not be told now are made anew.
        await this.options.outlet.empty(partition);
        this.options.outlet.remove(partition);
        await this.options.outbox.settled();
        ingest.replace(partition, await this.build(partition, await ingest.logEnds(partition)));
      }).catch((error: Error) => {
        if (!this.stopping) this.options.fail(error);
      });
    }
  }
}

/** Counter of a shard's control page. */
export function eventsApplied(memory: SharedArrayBuffer): number {
  return Number(Atomics.load(new BigInt64Array(memory, KERNEL_RESERVED_BYTES, ControlAt.bytes / 8), ControlAt.eventsApplied / 8));
}

function alertedOf(last: Map<number, Alert>, skip: number): Alerted {
  const alerts = [...last.values()];
  return {
    accounts: Float64Array.from(alerts, (alert) => alert.account),
    seqs: Uint32Array.from(alerts, (alert) => alert.alertSeq),
    statuses: Uint8Array.from(alerts, (alert) => alert.toStatus),
    skip,
  };
}

/** Waits for a promise, but not longer. Returns whether it has resolved. */
export async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
