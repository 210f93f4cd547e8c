// The shard workers: a Piscina pool of fixed size for the life of the engine, one endless task a worker. Piscina ties no
// task to a thread; nothing needs it to: a shard's state is in its memory, and the task is told which memories to run.
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { Piscina } from "piscina";
import { monotonicBase } from "../shared/clock";
import type { ShardWorkerOrder, ShardWorkerTask } from "./worker";

export interface ShardPoolOptions {
  /** Path of the built worker. */
  filename: string;
  kernel: WebAssembly.Module;
  market: SharedArrayBuffer;
  workers: number;
  spinRounds: number;
  /** A worker's task ended by itself: its shards do not move any more. */
  onFailure(error: Error, partitions: number[]): void;
}

interface Worker {
  index: number;
  port: MessagePort;
  partitions: Set<number>;
  task: Promise<unknown>;
}

export class ShardPool {
  private readonly piscina: Piscina;
  private readonly workers: Worker[] = [];
  private readonly doorbells: Int32Array;
  private readonly released = new Map<number, () => void>();
  private stopping = false;

  constructor(options: ShardPoolOptions) {
    this.piscina = new Piscina({
      filename: options.filename,
      minThreads: options.workers,
      maxThreads: options.workers,
      concurrentTasksPerWorker: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      // A worker in an endless task never looks at Piscina's own port again.
      atomics: "disabled",
    });
    const doorbells = new SharedArrayBuffer(Math.max(64, options.workers * 4));
    this.doorbells = new Int32Array(doorbells);
    for (let index = 0; index < options.workers; index++) {
      const { port1, port2 } = new MessageChannel();
      const task: ShardWorkerTask = {
        index,
        kernel: options.kernel,
        market: options.market,
        doorbells,
        monotonicBase: monotonicBase(),
        spinRounds: options.spinRounds,
        port: port2,
      };
      const worker: Worker = {
        index,
        port: port1,
        partitions: new Set(),
        task: this.piscina.run(task, { transferList: [port2] }).catch((error: Error) => {
          if (!this.stopping) options.onFailure(error, [...worker.partitions]);
        }),
      };
      port1.on("message", (message: { type: string; partition: number }) => {
        if (message.type === "released") this.released.get(message.partition)?.();
      });
      port1.unref();
      this.workers.push(worker);
    }
  }

  get workerCount(): number {
    return this.workers.length;
  }

  private order(worker: Worker, order: ShardWorkerOrder): void {
    worker.port.postMessage(order);
    this.ring(worker.index);
  }

  /** Gives a shard to the worker with the fewest. Returns the worker's index: whom to ring for it. */
  add(partition: number, memory: WebAssembly.Memory): number {
    const worker = this.workers.reduce((least, each) => (each.partitions.size < least.partitions.size ? each : least));
    worker.partitions.add(partition);
    this.order(worker, { type: "add", memory });
    return worker.index;
  }

  /** Takes a shard away; resolves when no thread runs it any more. */
  async remove(partition: number): Promise<void> {
    const worker = this.workers.find((each) => each.partitions.has(partition));
    if (!worker) return;
    worker.partitions.delete(partition);
    const gone = new Promise<void>((resolve) => this.released.set(partition, resolve));
    this.order(worker, { type: "remove", partition });
    await gone;
    this.released.delete(partition);
  }

  /** Tells a worker that there is work. */
  ring(index: number): void {
    Atomics.add(this.doorbells, index, 1);
    Atomics.notify(this.doorbells, index);
  }

  ringAll(): void {
    for (const worker of this.workers) this.ring(worker.index);
  }

  /** Ends the tasks and the threads. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const worker of this.workers) this.order(worker, { type: "stop" });
    await Promise.all(this.workers.map((worker) => worker.task));
    for (const worker of this.workers) worker.port.close();
    await this.piscina.destroy();
  }
}
