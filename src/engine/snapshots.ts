// When a shard's ledger is written down, and what has to be safe before it counts: every alert and dead letter that led up to it
// is with the brokers, every row with the database or on the store's disk. So whatever a snapshot lets the engine forget is
// somewhere else. Main thread; one shard at a time.

import { AccountEventAt } from "../../schemas/generated/offsets";
import type { ShardPool } from "../shards/pool";
import { headerOf, type SnapshotHeader } from "../shards/snapshot/format";
import type { SnapshotLibrary } from "../shards/snapshot/library";
import { faultPoint } from "../shared/fault-points";
import { ControlAt } from "../shared/layout/shard";
import { KERNEL_RESERVED_BYTES } from "../shared/limits";
import type { AlertOutlet } from "./alerts";
import type { Outbox } from "./outbox";
import { eventsApplied, type Shard, within } from "./shard-set";

/** Between two looks whether a shard is due. */
const LOOK_MS = 100;
/** An image that cannot be made to count within this time is dropped: the brokers or the disk are away; the next one follows. */
const COUNT_MS = 60_000;

export interface SnapshotterOptions {
  pool: ShardPool;
  library: SnapshotLibrary;
  outlet: AlertOutlet;
  outbox: Outbox;
  /** The shards there are. */
  shards(): Shard[];
  /** Resolves when every row handed to the store so far is committed or on its disk. */
  rowsAreSafe(): Promise<void>;
  /** The snapshot counts: the group may hear of it. */
  onCounted(partition: number, nextOffset: number): void;
  intervalMs: number;
  /** Bytes of applied events after which a snapshot is due before its time. */
  bytes: number;
  identity: Pick<SnapshotHeader, "engine" | "engineVersion" | "log">;
  nowMs(): number;
  warn(line: string): void;
}

export class Snapshotter {
  private queue: Promise<unknown> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;
  private busy = false;
  private stopped = false;

  constructor(private readonly options: SnapshotterOptions) {}

  start(): void {
    this.timer = setInterval(() => this.look(), LOOK_MS);
  }

  stop(): void {
    this.stopped = true;
    clearInterval(this.timer);
  }

  private look(): void {
    if (this.busy) return;
    // The one that has waited longest: where they come faster than they can be made, all have their turn.
    const [due] = this.options
      .shards()
      .filter((shard) => this.isDue(shard))
      .sort((a, b) => a.snapshotMs - b.snapshotMs);
    if (!due) return;
    this.busy = true;
    void this.take(due, COUNT_MS).finally(() => {
      this.busy = false;
      if (!this.stopped) this.look();
    });
  }

  private isDue(shard: Shard): boolean {
    if (!shard.isLive || nextOffset(shard.memory) === shard.snapshotOffset) return false;
    if (this.options.nowMs() - shard.snapshotMs >= this.options.intervalMs) return true;
    return (eventsApplied(shard.memory) - shard.snapshotEvents) * AccountEventAt.bytes >= this.options.bytes;
  }

  /** A snapshot of a shard, if there is anything new in it. What keeps it from counting is said aloud. */
  take(shard: Shard, timeoutMs: number): Promise<void> {
    const turn = this.queue.then(async () => {
      const { partition } = shard;
      shard.snapshotMs = this.options.nowMs();
      if (nextOffset(shard.memory) === shard.snapshotOffset) return;
      try {
        if (await within(this.make(shard), timeoutMs)) return;
        this.options.warn(
          `shard ${partition}: no snapshot, its outputs were not safe within ${timeoutMs} ms; the one before stays`,
        );
      } catch (error) {
        this.options.warn(`shard ${partition}: no snapshot: ${(error as Error).message}; the one before stays`);
      }
    });
    this.queue = turn;
    return turn;
  }

  private async make(shard: Shard): Promise<void> {
    const { pool, library, outlet, outbox, identity, nowMs, rowsAreSafe, onCounted } = this.options;
    const { partition } = shard;
    // Before the copy: an alert that is sent while it is made is found again behind this place.
    const outputs = outlet.positions(partition);
    if (outputs === null) return;
    const events = eventsApplied(shard.memory);
    const image = await pool.snapshot(partition);
    if (image === null) return;
    faultPoint("snapshot-copied");
    if (!(await outlet.empty(partition))) return;
    // Taken away meanwhile.
    if (outlet.positions(partition) === null) return;
    await outbox.settled();
    await rowsAreSafe();
    const header = headerOf(image, { ...identity, outputs, createdMs: nowMs() });
    await library.write(header, new Uint8Array(image.body));
    shard.snapshotOffset = image.nextOffset;
    shard.snapshotEvents = events;
    onCounted(partition, image.nextOffset);
  }
}

function nextOffset(memory: SharedArrayBuffer): number {
  return Number(Atomics.load(new BigInt64Array(memory, KERNEL_RESERVED_BYTES, ControlAt.bytes / 8), ControlAt.nextOffset / 8));
}
