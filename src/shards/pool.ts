// The shard workers: a Piscina pool of fixed size for the life of the engine, one endless task a worker. Piscina ties no
// task to a thread; nothing needs it to: a shard's state is in its memory, and the task is told which memories to run.
//
// Watched: a worker whose task throws, whose thread ends, or whose shards' heartbeats stand still is replaced by a new one on a
// new thread. What it was writing may be torn, so its shards are not taken over as they are: onLost names them, and whoever
// owns them builds them anew.
import { setFlagsFromString } from "node:v8";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { Piscina } from "piscina";
import { monotonicBase } from "../shared/clock";
import { ControlAt } from "../shared/layout/shard";
import { KERNEL_RESERVED_BYTES } from "../shared/limits";
import { pinThread } from "./cores";
import type { ShardImage } from "./snapshot/image";
import type { Alerted, ShardWorkerAnswer, ShardWorkerOrder, ShardWorkerTask } from "./worker";

export interface ShardPoolOptions {
  /** Path of the built worker. */
  filename: string;
  kernel: WebAssembly.Module;
  market: SharedArrayBuffer;
  workers: number;
  /** Idle rounds before a worker sleeps; ∞: never. */
  spinRounds: number;
  /** Cores that workers are pinned to, in turn; none: wherever the system puts them. */
  cores?: readonly number[];
  /** A worker that has not gone round for this long hangs. */
  hangMs: number;
  /** A shard has caught up: it serves and alerts. */
  onLive(partition: number): void;
  /** A worker is gone, and a new one is in its place. Nothing runs these shards any more, nor will this pool. */
  onLost(error: Error, partitions: number[]): void;
  /** A worker runs, but not pinned. */
  onUnpinned?(error: Error): void;
}

/** The worker that a shard was given to ended before it took it. Another is in its place: give it again. */
export class WorkerLost extends Error {
  override readonly name = "WorkerLost";
}

interface Shard {
  words: Int32Array;
  added(refused: string | null): void;
  failed(error: WorkerLost): void;
  isAdded: boolean;
  image: ((image: ShardImage | null) => void) | null;
  released: (() => void) | null;
}

interface Worker {
  index: number;
  port: MessagePort;
  shards: Map<number, Shard>;
  abort: AbortController;
  task: Promise<unknown>;
  /** Sum of its shards' heartbeats when last looked at, and how often in a row it was the same. */
  beat: number;
  still: number;
}

/** Starting a thread and its first shard may take longer than a round. */
const START_MS = 60_000;
const WATCH_MS_MAX = 500;
/**
 * What a thread's young generation begins with; V8 lets it grow to 16, but only where much survives, and begins with 1. A shard's
 * thread leaves the 16 bytes of a clock reading behind at each piece of the log: so its collections become rare. Holds for all threads
 * that start after the pool; what a thread does not use of it takes no memory.
 */
const YOUNG_MIB = 64;
/** Looks in which a worker must stand still, at least: a pause of the watcher itself counts as one. */
const LOOKS_MIN = 4;

export class ShardPool {
  private readonly piscina: Piscina;
  private readonly workers: Worker[] = [];
  private readonly doorbells: SharedArrayBuffer;
  private readonly bells: Int32Array;
  private readonly watch: NodeJS.Timeout;
  private readonly watchMs: number;
  private stopping = false;

  constructor(private readonly options: ShardPoolOptions) {
    setFlagsFromString(`--max-semi-space-size=${YOUNG_MIB}`);
    setFlagsFromString(`--min-semi-space-size=${YOUNG_MIB}`);
    this.piscina = new Piscina({
      filename: options.filename,
      minThreads: options.workers,
      maxThreads: options.workers,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      // A worker in an endless task never looks at Piscina's own port again.
      atomics: "disabled",
    });
    // A thread that ends by itself is told of by its task; without a listener the event would end the process.
    this.piscina.on("error", () => undefined);
    this.doorbells = new SharedArrayBuffer(Math.max(64, options.workers * 4));
    this.bells = new Int32Array(this.doorbells);
    for (let index = 0; index < options.workers; index++) this.workers.push(this.start(index));
    this.watchMs = Math.min(WATCH_MS_MAX, Math.max(10, options.hangMs / LOOKS_MIN));
    this.watch = setInterval(() => this.look(), this.watchMs);
    this.watch.unref();
  }

  private start(index: number): Worker {
    const { kernel, market, spinRounds } = this.options;
    const { port1, port2 } = new MessageChannel();
    const task: ShardWorkerTask = {
      index,
      kernel,
      market,
      doorbells: this.doorbells,
      monotonicBase: monotonicBase(),
      spinRounds,
      port: port2,
    };
    const abort = new AbortController();
    const running = this.piscina.run(task, { transferList: [port2], signal: abort.signal });
    const worker: Worker = { index, port: port1, shards: new Map(), abort, task: running, beat: 0, still: 0 };
    worker.task = running.then(
      () => this.lost(worker, new Error("its task ended by itself")),
      (error: Error) => this.lost(worker, error),
    );
    port1.on("message", (answer: ShardWorkerAnswer) => this.take(worker, answer));
    port1.unref();
    return worker;
  }

  private pin(worker: Worker, threadId: number): void {
    const { cores = [], onUnpinned } = this.options;
    if (cores.length === 0) return;
    const core = cores[worker.index % cores.length];
    pinThread(threadId, core).catch((error: Error) => onUnpinned?.(error));
  }

  private take(worker: Worker, answer: ShardWorkerAnswer): void {
    if (answer.type === "running") {
      this.pin(worker, answer.threadId);
      return;
    }
    const shard = worker.shards.get(answer.partition);
    if (!shard) return;
    switch (answer.type) {
      case "added":
        shard.isAdded = true;
        shard.added(null);
        break;
      case "refused":
        worker.shards.delete(answer.partition);
        shard.added(answer.reason);
        break;
      case "live":
        this.options.onLive(answer.partition);
        break;
      case "snapshot":
        shard.image?.(answer.image);
        shard.image = null;
        break;
      case "released":
        worker.shards.delete(answer.partition);
        shard.released?.();
        break;
    }
  }

  get workerCount(): number {
    return this.workers.length;
  }

  private order(worker: Worker, order: ShardWorkerOrder): void {
    worker.port.postMessage(order);
    this.ringWorker(worker.index);
  }

  private find(partition: number): { worker: Worker; shard: Shard } | null {
    for (const worker of this.workers) {
      const shard = worker.shards.get(partition);
      if (shard) return { worker, shard };
    }
    return null;
  }

  /**
   * Gives a shard to the worker with the fewest; it stays RECOVERING until live() was called and it has caught up.
   *
   * @param restored state hash of the snapshot in its memory; null: it is empty
   * @returns null, or why the worker does not run it: its ledger is not what the snapshot said
   * @throws WorkerLost
   */
  add(partition: number, memory: WebAssembly.Memory, restored: string | null): Promise<string | null> {
    const worker = this.workers.reduce((least, each) => (each.shards.size < least.shards.size ? each : least));
    return new Promise((resolve, reject) => {
      const words = new Int32Array(memory.buffer, KERNEL_RESERVED_BYTES, ControlAt.bytes / 4);
      worker.shards.set(partition, { words, added: resolve, failed: reject, isAdded: false, image: null, released: null });
      this.order(worker, { type: "add", memory, restored });
    });
  }

  /** The shard may go live when it has caught up. */
  live(partition: number, alerted: Alerted): void {
    const found = this.find(partition);
    if (found) this.order(found.worker, { type: "live", partition, alerted });
  }

  /** The shard's ledger at its next batch boundary; null where it has stopped or is not run here. One at a time for a shard. */
  snapshot(partition: number): Promise<ShardImage | null> {
    const found = this.find(partition);
    if (!found || found.shard.image !== null) return Promise.resolve(null);
    return new Promise((resolve) => {
      found.shard.image = resolve;
      this.order(found.worker, { type: "snapshot", partition });
    });
  }

  /** Takes a shard away; resolves when no thread runs it any more. */
  async remove(partition: number): Promise<void> {
    const found = this.find(partition);
    if (!found) return;
    await new Promise<void>((resolve) => {
      found.shard.released = resolve;
      this.order(found.worker, { type: "remove", partition });
    });
    found.shard.image?.(null);
  }

  /** What tells the worker of a shard that there is work. */
  bell(partition: number): () => void {
    const index = this.find(partition)?.worker.index;
    return index === undefined ? () => undefined : () => this.ringWorker(index);
  }

  /** The same, once: looks for the worker each time. */
  ring(partition: number): void {
    this.bell(partition)();
  }

  ringAll(): void {
    for (const worker of this.workers) this.ringWorker(worker.index);
  }

  private ringWorker(index: number): void {
    Atomics.add(this.bells, index, 1);
    Atomics.notify(this.bells, index);
  }

  private look(): void {
    for (const worker of this.workers) {
      let beat = 0;
      let limitMs = START_MS;
      for (const { words, isAdded } of worker.shards.values()) {
        if (!isAdded) continue;
        limitMs = this.options.hangMs;
        beat = (beat + Atomics.load(words, ControlAt.heartbeat / 4)) | 0;
      }
      worker.still = worker.shards.size > 0 && beat === worker.beat ? worker.still + 1 : 0;
      worker.beat = beat;
      if (worker.still * this.watchMs < limitMs) continue;
      worker.still = 0;
      // Ends the thread wherever it is, also in the middle of a loop; the task's promise says so.
      worker.abort.abort(new Error(`it has not gone round for ${limitMs} ms`));
    }
  }

  private lost(worker: Worker, error: Error): void {
    if (this.stopping || this.workers[worker.index] !== worker) return;
    worker.port.close();
    this.workers[worker.index] = this.start(worker.index);
    // Those it had not yet taken are still in the hands of whoever gave them.
    const partitions = [...worker.shards].filter(([, { isAdded }]) => isAdded).map(([partition]) => partition);
    for (const { failed, isAdded, image, released } of worker.shards.values()) {
      if (!isAdded) failed(new WorkerLost(error.message));
      image?.(null);
      released?.();
    }
    const cause = (error as { cause?: unknown }).cause;
    this.options.onLost(error.name === "AbortError" && cause instanceof Error ? cause : error, partitions);
  }

  /** Ends the tasks and the threads. */
  async stop(): Promise<void> {
    this.stopping = true;
    clearInterval(this.watch);
    for (const worker of this.workers) this.order(worker, { type: "stop" });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, this.options.hangMs);
    });
    await Promise.race([Promise.all(this.workers.map((worker) => worker.task)), late]);
    clearTimeout(timer);
    for (const worker of this.workers) worker.port.close();
    await this.piscina.destroy();
  }
}
