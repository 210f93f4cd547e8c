// A shard worker: one endless Piscina task that runs the shards assigned to it. It owns their memory for writing; it
// reads the market memory. It never awaits: between rounds it looks at its port without blocking, and when nothing is
// left to do it sleeps on its doorbell until ingest rings or a moment has passed.
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { monotonicNs, setMonotonicBase } from "../shared/clock";
import {
  AssetAt,
  InstrumentAt,
  MARKET_ASSETS_OFFSET,
  MARKET_BYTES,
  MARKET_INSTRUMENTS_OFFSET,
  MARKET_TABLES_OFFSET,
  MARKET_VERSIONS_OFFSET,
  MarketHeaderAt,
} from "../shared/layout/market";
import { ControlAt, ShardState } from "../shared/layout/shard";
import { ASSET_SLOTS, INSTRUMENT_SLOTS, KERNEL_RESERVED_BYTES } from "../shared/limits";
import { readConsistent } from "../shared/views/seqlock";

/** Records applied before touched accounts are valued: bounds how old a row can be while a backlog is worked off. */
const DRAIN_RECORDS = 4096;
/** Accounts looked at in one piece of a sweep: bounds how long account events wait behind a revaluation. */
const SWEEP_ACCOUNTS = 512;

/** Rounds with work before the port is looked at all the same. */
const BUSY_ROUNDS = 64;

export interface ShardWorkerTask {
  index: number;
  kernel: WebAssembly.Module;
  market: SharedArrayBuffer;
  /** Word `index` is this worker's doorbell: rung by +1 and a notify. */
  doorbells: SharedArrayBuffer;
  monotonicBase: number;
  /** Rounds without work before it sleeps. */
  spinRounds: number;
  port: MessagePort;
}

/** What the supervisor sends. The reply to `remove` and `stop` is `{ type: "released", partition }` once nothing is in hand. */
export type ShardWorkerOrder =
  | { type: "add"; memory: WebAssembly.Memory }
  | { type: "remove"; partition: number }
  | { type: "stop" };

interface Kernel {
  attach(): number;
  visible(): number;
  drain(limit: number): number;
  valueTouched(limit: number): number;
  noteLatency(nowNs: number): void;
  referenceChanged(): void;
  instrumentChanged(id: number): void;
  assetChanged(id: number): void;
  revalueAll(): void;
  sweep(limit: number): number;
}

/** One shard in this worker: its kernel, and what of the market its copy already holds. */
export class RunningShard {
  readonly partition: number;
  private readonly words: Int32Array;
  private readonly kernel: Kernel;
  private readonly copy: Uint8Array;
  private readonly copyAt: number;
  private readonly marketWords: Int32Array;
  private readonly marketBytes: Uint8Array;
  private readonly seenVersions = new Int32Array(INSTRUMENT_SLOTS);
  private readonly seenAssetSeq = new Float64Array(ASSET_SLOTS);
  private seenMarket = -1;
  private seenReference = -1;
  private heartbeat = 0;

  constructor(memory: WebAssembly.Memory, module: WebAssembly.Module, market: SharedArrayBuffer) {
    const buffer = memory.buffer as SharedArrayBuffer;
    this.words = new Int32Array(buffer);
    this.copy = new Uint8Array(buffer);
    this.copyAt = this.words[(KERNEL_RESERVED_BYTES + ControlAt.market) / 4] >>> 0;
    this.partition = this.words[(KERNEL_RESERVED_BYTES + ControlAt.partition) / 4];
    this.marketWords = new Int32Array(market);
    this.marketBytes = new Uint8Array(market);
    const abort = () => {
      throw new Error(`shard ${this.partition}: the kernel aborted`);
    };
    this.kernel = new WebAssembly.Instance(module, { env: { memory, abort } }).exports as unknown as Kernel;
    if (!this.kernel.attach()) throw new Error(`shard ${this.partition}: this memory is not a shard of this version`);
    this.setState(ShardState.Recovering);
  }

  // The log's end when the shard was opened; from there on it lives.
  private get hasRecovered(): boolean {
    return this.position(ControlAt.nextOffset) >= this.position(ControlAt.recoverTo);
  }

  private position(at: number): number {
    const word = (KERNEL_RESERVED_BYTES + at) / 4;
    return (this.words[word] >>> 0) + this.words[word + 1] * 2 ** 32;
  }

  private get state(): number {
    return Atomics.load(this.words, (KERNEL_RESERVED_BYTES + ControlAt.state) / 4);
  }

  private setState(state: ShardState): void {
    Atomics.store(this.words, (KERNEL_RESERVED_BYTES + ControlAt.state) / 4, state);
  }

  stop(): void {
    if (this.state !== ShardState.Faulted) this.setState(ShardState.Stopped);
  }

  /** One round. Returns whether there was anything to do. */
  round(): boolean {
    const beat = (this.heartbeat = (this.heartbeat + 1) | 0);
    Atomics.store(this.words, (KERNEL_RESERVED_BYTES + ControlAt.heartbeat) / 4, beat);
    if (this.state === ShardState.Faulted) return false;
    const visible = this.kernel.visible();
    // After looking: whatever these records refer to was in the market memory before they were published.
    this.copyMarket();
    const drained = visible > 0 ? this.kernel.drain(Math.min(visible, DRAIN_RECORDS)) : 0;
    const valued = this.kernel.valueTouched(0x7fffffff);
    if (drained > 0) this.kernel.noteLatency(monotonicNs());
    if (this.state === ShardState.Recovering && this.hasRecovered) {
      this.setState(ShardState.Running);
      this.kernel.revalueAll();
    }
    const swept = this.kernel.sweep(SWEEP_ACCOUNTS);
    return drained > 0 || valued > 0 || swept > 0;
  }

  private copyMarket(): void {
    const version = Atomics.load(this.marketWords, MarketHeaderAt.marketVersion / 4);
    if (version === this.seenMarket) return;
    this.seenMarket = version;
    const reference = Atomics.load(this.marketWords, MarketHeaderAt.referenceVersion / 4);
    const referenceMoved = reference !== this.seenReference && (reference & 1) === 0;
    this.copy.set(this.marketBytes.subarray(0, MarketHeaderAt.bytes), this.copyAt);
    if (referenceMoved) {
      const copied = readConsistent(this.marketWords, MarketHeaderAt.referenceVersion / 4, () =>
        this.copy.set(this.marketBytes.subarray(MARKET_ASSETS_OFFSET, MARKET_BYTES), this.copyAt + MARKET_ASSETS_OFFSET),
      );
      if (copied) this.seenReference = reference;
      else this.seenMarket = -1;
    }
    const end = this.marketWords[MarketHeaderAt.instrumentEnd / 4];
    for (let id = 1; id < end; id++) {
      const at = MARKET_VERSIONS_OFFSET / 4 + id;
      const rowVersion = Atomics.load(this.marketWords, at);
      if (rowVersion === this.seenVersions[id]) continue;
      const row = MARKET_INSTRUMENTS_OFFSET + id * InstrumentAt.bytes;
      let seen = rowVersion;
      const copied = readConsistent(this.marketWords, at, () => {
        seen = this.marketWords[at];
        this.copy.set(this.marketBytes.subarray(row, row + InstrumentAt.bytes), this.copyAt + row);
      });
      if (!copied) {
        this.seenMarket = -1;
        continue;
      }
      this.seenVersions[id] = seen;
      if (!referenceMoved) this.kernel.instrumentChanged(id);
    }
    if (referenceMoved) this.kernel.referenceChanged();
    else this.copyAssets();
  }

  // Prices of assets move under the same lock as the rest of the reference section, but touch only their own holders.
  private copyAssets(): void {
    const doubles = new Float64Array(
      this.marketBytes.buffer,
      MARKET_ASSETS_OFFSET,
      (MARKET_TABLES_OFFSET - MARKET_ASSETS_OFFSET) / 8,
    );
    const end = this.marketWords[MarketHeaderAt.assetEnd / 4];
    for (let id = 1; id < end; id++) {
      const at = (id * AssetAt.bytes) / 8;
      const seq = doubles[at + AssetAt.priceSeq / 8];
      if (seq === this.seenAssetSeq[id]) continue;
      this.seenAssetSeq[id] = seq;
      const row = MARKET_ASSETS_OFFSET + id * AssetAt.bytes;
      this.copy.set(this.marketBytes.subarray(row, row + AssetAt.bytes), this.copyAt + row);
      this.kernel.assetChanged(id);
    }
  }
}

/** The task. Returns when it is told to stop; throws when a shard's kernel does. */
export default function runShards(task: ShardWorkerTask): { stopped: true } {
  setMonotonicBase(task.monotonicBase);
  const doorbells = new Int32Array(task.doorbells);
  let shards: RunningShard[] = [];
  let idleRounds = 0;
  let busyRounds = 0;
  for (;;) {
    const rung = Atomics.load(doorbells, task.index);
    let worked = false;
    for (const shard of shards) if (shard.round()) worked = true;
    if (worked) {
      idleRounds = 0;
      if (++busyRounds < BUSY_ROUNDS) continue;
    } else if (++idleRounds < task.spinRounds) continue;
    idleRounds = 0;
    busyRounds = 0;
    const order = receiveMessageOnPort(task.port)?.message as ShardWorkerOrder | undefined;
    if (order?.type === "add") {
      shards.push(new RunningShard(order.memory, task.kernel, task.market));
      continue;
    }
    if (order?.type === "remove") {
      shards = shards.filter((shard) => {
        if (shard.partition !== order.partition) return true;
        shard.stop();
        task.port.postMessage({ type: "released", partition: shard.partition });
        return false;
      });
      continue;
    }
    if (order?.type === "stop") {
      for (const shard of shards) shard.stop();
      return { stopped: true };
    }
    // Rung since we looked: there is work. Otherwise sleep; the time-out bounds how long an order waits.
    if (!worked) Atomics.wait(doorbells, task.index, rung, 5);
  }
}
