// A shard worker: one endless Piscina task that runs the shards assigned to it. It owns their memory for writing; it
// reads the market memory. It never awaits: between rounds it looks at its port without blocking, and when nothing is
// left to do it sleeps on its doorbell until ingest rings or a moment has passed.
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { readMonotonicNs, setMonotonicBase } from "../shared/clock";
import { faultPoint } from "../shared/fault-points";
import { MARKET_VERSIONS_OFFSET, MarketHeaderAt } from "../shared/layout/market";
import { ControlAt, ShardState } from "../shared/layout/shard";
import {
  ASSET_SLOTS,
  INSTRUMENT_SLOTS,
  KERNEL_RESERVED_BYTES,
  PIECE_RECORDS,
  REFRESH_CHUNK,
  ROUND_RECORDS,
  TRIGGER_CHUNK,
  WALK_CHUNK,
} from "../shared/limits";
import { ownThreadId } from "./cores";
import { MarketCopy, TORN } from "./market-copy";
import { ImageCopy, type ShardImage } from "./snapshot/image";
import { type HashingKernel, hashText, shardStateHash } from "./snapshot/state-hash";

/** More than there can be. */
const EVERYTHING = 0x7fffffff;

/** Pieces of the log between two valuations of what they touched, in a shard that catches up. */
const CATCH_UP_PIECES = 512;

/** Rounds before the port is looked at, whatever there is to do. */
const PORT_ROUNDS = 64;

export interface ShardWorkerTask {
  index: number;
  kernel: WebAssembly.Module;
  market: SharedArrayBuffer;
  /** Word `index` is this worker's doorbell: rung by +1 and a notify. */
  doorbells: SharedArrayBuffer;
  monotonicBase: number;
  /** Rounds without work before it sleeps; ∞: it never does. */
  spinRounds: number;
  port: MessagePort;
}

/** What the supervisor sends. */
export type ShardWorkerOrder =
  /** Run this shard. `restored`: state hash of the snapshot its rows come from. It recovers until `live` has come too. */
  | { type: "add"; memory: WebAssembly.Memory; restored: string | null }
  /** Once it has caught up it may serve and alert: the market is up to date, and this is what was alerted before. */
  | { type: "live"; partition: number; alerted: Alerted }
  /** Copy the ledger at the next batch boundary. */
  | { type: "snapshot"; partition: number }
  | { type: "remove"; partition: number }
  | { type: "stop" };

/** Every order but `stop` is answered. */
export type ShardWorkerAnswer =
  /** Unasked, at the beginning: the system's number of this thread. */
  | { type: "running"; threadId: number }
  | { type: "added"; partition: number }
  /** It is not run: what its memory holds is not what the snapshot said. */
  | { type: "refused"; partition: number; reason: string }
  | { type: "live"; partition: number }
  /** null: the shard has stopped in the middle of a batch. */
  | { type: "snapshot"; partition: number; image: ShardImage | null }
  | { type: "released"; partition: number };

/** Last alerts by account: what Kafka's log of alerts remembers. */
export interface Alerted {
  accounts: Float64Array;
  seqs: Uint32Array;
  statuses: Uint8Array;
  /** Distance left in all accounts' alert numbers, because part of that log is gone; 0: it is whole. */
  skip: number;
}

export interface RunningShardOptions {
  /** State hash of the snapshot in the memory; null: the memory is empty. */
  restored?: string | null;
  /** Stays RECOVERING until live() is called. */
  held?: boolean;
  say?: (answer: ShardWorkerAnswer, transfer?: ArrayBuffer[]) => void;
}

const NOTHING_ALERTED: Alerted = {
  accounts: new Float64Array(0),
  seqs: new Uint32Array(0),
  statuses: new Uint8Array(0),
  skip: 0,
};

interface Kernel extends HashingKernel {
  attach(): number;
  visible(): number;
  drain(limit: number): number;
  valueTouched(limit: number): number;
  noteLatency(): void;
  referenceChanged(): void;
  instrumentChanged(id: number): void;
  assetChanged(id: number): void;
  revalueAll(): void;
  trigger(limit: number): number;
  walk(limit: number): number;
  refreshWatchedRows(): number;
  sweepDue(): number;
  sweep(limit: number): number;
  rebuildIndexes(): void;
  setAlerted(accountId: bigint, seq: number, status: number): number;
  skipAlertNumbers(by: number): void;
}

/** One shard in this worker: its kernel, and what of the market its copy already holds. */
export class RunningShard {
  readonly partition: number;
  private readonly words: Int32Array;
  private readonly now: Float64Array;
  private readonly kernel: Kernel;
  private readonly market: MarketCopy;
  private readonly marketWords: Int32Array;
  private readonly seenVersions = new Int32Array(INSTRUMENT_SLOTS);
  private readonly seenAssets = new Int32Array(ASSET_SLOTS);
  private seenMarket = -1;
  private seenReference = -1;
  private heartbeat = 0;
  private catchUpPieces = 0;
  private readonly say: NonNullable<RunningShardOptions["say"]>;
  /** What was alerted before; null: not known yet, so the shard may not go live. */
  private alerted: Alerted | null;
  /** `sweepsDue` at which every account stands at the newest market; null: not caught up yet. */
  private settledAt: number | null = null;
  private imageWanted = false;
  private copying: ImageCopy | null = null;

  /** @throws Error where the memory is not a shard of this version, or not the ledger that it should be */
  constructor(
    memory: WebAssembly.Memory,
    module: WebAssembly.Module,
    market: SharedArrayBuffer,
    options: RunningShardOptions = {},
  ) {
    this.say = options.say ?? (() => undefined);
    this.alerted = options.held ? null : NOTHING_ALERTED;
    const buffer = memory.buffer as SharedArrayBuffer;
    this.words = new Int32Array(buffer);
    this.now = new Float64Array(buffer, KERNEL_RESERVED_BYTES + ControlAt.nowNs, 1);
    this.market = new MarketCopy(market, buffer, this.words[(KERNEL_RESERVED_BYTES + ControlAt.market) / 4] >>> 0);
    this.partition = this.words[(KERNEL_RESERVED_BYTES + ControlAt.partition) / 4];
    this.marketWords = new Int32Array(market);
    const abort = () => {
      throw new Error(`shard ${this.partition}: the kernel aborted`);
    };
    this.kernel = new WebAssembly.Instance(module, { env: { memory, abort } }).exports as unknown as Kernel;
    if (!this.kernel.attach()) throw new Error(`shard ${this.partition}: this memory is not a shard of this version`);
    const { restored = null } = options;
    if (restored !== null) {
      this.kernel.rebuildIndexes();
      const hash = hashText(shardStateHash(this.kernel, buffer));
      if (hash !== restored) throw new Error(`the state hash of the ledger is ${hash} and should be ${restored}`);
    }
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

  private word(at: number): number {
    return Atomics.load(this.words, (KERNEL_RESERVED_BYTES + at) / 4);
  }

  stop(): void {
    if (this.state !== ShardState.Faulted) this.setState(ShardState.Stopped);
  }

  /** What was alerted before this shard was opened: with it, and the log's end reached, the shard goes live. */
  live(alerted: Alerted): void {
    this.alerted = alerted;
  }

  /** The ledger is copied at the next batch boundary, and said. */
  wantImage(): void {
    this.imageWanted = true;
  }

  // Live only when the log's end was reached, the alerts of before are known, and every row has been valued at the newest
  // market: nothing that was served before the restart, and nothing half-way, is ever shown as OK.
  private goLive(): void {
    if (this.alerted === null || !this.hasRecovered) return;
    if (this.settledAt === null) {
      const { accounts, seqs, statuses, skip } = this.alerted;
      for (let i = 0; i < accounts.length; i++) this.kernel.setAlerted(BigInt(accounts[i]), seqs[i], statuses[i]);
      if (skip > 0) this.kernel.skipAlertNumbers(skip);
      this.kernel.revalueAll();
      this.settledAt = this.word(ControlAt.sweepsDue);
    } else if (((this.word(ControlAt.sweepsDone) - this.settledAt) | 0) >= 0) {
      this.setState(ShardState.Running);
      // Once more, now that changes of status are told.
      this.kernel.revalueAll();
      this.say({ type: "live", partition: this.partition });
    }
  }

  // Events up to the next batch boundary where the ledger is to be copied, and none while it is; valued piece by piece, so that
  // what they touched is still in the cache.
  private drain(visible: number): number {
    const end = Math.min(visible, ROUND_RECORDS);
    let drained = 0;
    while (!this.isCopying() && drained < end) {
      let limit = Math.min(end - drained, PIECE_RECORDS);
      if (this.imageWanted) limit = Math.min(limit, this.word(ControlAt.batchRemaining));
      const consumed = this.kernel.drain(limit);
      if (consumed > 0) faultPoint("shard-round");
      if (this.isValuing(consumed)) this.kernel.valueTouched(EVERYTHING);
      if (consumed === 0) break;
      readMonotonicNs(this.now);
      this.kernel.noteLatency();
      drained += consumed;
    }
    return drained;
  }

  // While it catches up its rows are shown as RECOVERING: they are valued now and then, not with every piece of the backlog.
  private isValuing(consumed: number): boolean {
    if (consumed === 0 || this.state !== ShardState.Recovering) return true;
    return ++this.catchUpPieces % CATCH_UP_PIECES === 0;
  }

  // Whether the ledger is being copied; begins it where that is wanted and a batch has just ended.
  private isCopying(): boolean {
    if (this.imageWanted && this.word(ControlAt.batchRemaining) === 0) {
      this.imageWanted = false;
      this.copying = new ImageCopy(this.words.buffer as SharedArrayBuffer, this.kernel);
    }
    return this.copying !== null;
  }

  private copyImage(): void {
    if (!this.copying?.step()) return;
    const image = this.copying.image();
    this.copying = null;
    this.say({ type: "snapshot", partition: this.partition, image }, [image.body]);
  }

  private refuseImage(): void {
    if (!this.imageWanted) return;
    this.imageWanted = false;
    this.say({ type: "snapshot", partition: this.partition, image: null });
  }

  /** One round. Returns whether there was anything to do. */
  round(): boolean {
    const beat = (this.heartbeat = (this.heartbeat + 1) | 0);
    Atomics.store(this.words, (KERNEL_RESERVED_BYTES + ControlAt.heartbeat) / 4, beat);
    if (this.state === ShardState.Faulted) {
      this.refuseImage();
      return false;
    }
    const visible = this.kernel.visible();
    // After looking: whatever these records refer to was in the market memory before they were published.
    const isCopied = this.copyMarket();
    const drained = isCopied ? this.drain(visible) : 0;
    if (this.state === ShardState.Recovering) {
      if (drained > 0) faultPoint("shard-recovering");
      this.goLive();
    }
    const revalued = this.revalue();
    const copying = this.copying !== null;
    if (copying) this.copyImage();
    return drained > 0 || revalued || copying || !isCopied;
  }

  // What the market's moving asks for, a chunk of each: first who crossed a line, then the rows somebody looks at, then all.
  private revalue(): boolean {
    if (this.kernel.trigger(TRIGGER_CHUNK) >= TRIGGER_CHUNK) return true;
    const watched = this.kernel.refreshWatchedRows();
    const walked = this.kernel.walk(WALK_CHUNK);
    let refreshed = 0;
    if (this.kernel.sweepDue()) {
      readMonotonicNs(this.now);
      refreshed = this.kernel.sweep(REFRESH_CHUNK);
    }
    return watched > 0 || walked > 0 || refreshed > 0;
  }

  // What has moved in the market. False where the writer was at it: then no event is applied before the next try, because what
  // it refers to may be missing or half there.
  private copyMarket(): boolean {
    const version = Atomics.load(this.marketWords, MarketHeaderAt.marketVersion / 4);
    if (version === this.seenMarket) return true;
    const reference = this.referenceVersion;
    const referenceMoved = reference !== this.seenReference;
    if (referenceMoved && ((reference & 1) !== 0 || this.market.copyReference() === TORN)) return false;
    this.market.copyHeader();
    let isWhole = true;
    const end = this.marketWords[MarketHeaderAt.instrumentEnd / 4];
    for (let id = 1; id < end; id++) {
      if (Atomics.load(this.marketWords, MARKET_VERSIONS_OFFSET / 4 + id) === this.seenVersions[id]) continue;
      const seen = this.market.copyInstrument(id);
      if (seen === TORN) {
        isWhole = false;
        continue;
      }
      this.seenVersions[id] = seen;
      if (!referenceMoved) this.kernel.instrumentChanged(id);
    }
    if (!this.copyAssets(!referenceMoved)) isWhole = false;
    if (referenceMoved) {
      // Rows and tables of one reference, not tables of before under contracts of after.
      if (!isWhole || this.referenceVersion !== reference) return false;
      this.seenReference = reference;
      this.kernel.referenceChanged();
    }
    if (isWhole) this.seenMarket = version;
    return isWhole;
  }

  private get referenceVersion(): number {
    return Atomics.load(this.marketWords, MarketHeaderAt.referenceVersion / 4);
  }

  // Prices of assets move without the rest of the reference data, and touch only their own holders. `tell`: the kernel is told of each.
  // False where the writer was at one of them.
  private copyAssets(tell: boolean): boolean {
    let isWhole = true;
    const end = this.marketWords[MarketHeaderAt.assetEnd / 4];
    for (let id = 1; id < end; id++) {
      if (this.market.assetVersion(id) === this.seenAssets[id]) continue;
      const seen = this.market.copyAsset(id);
      if (seen === TORN) {
        isWhole = false;
        continue;
      }
      this.seenAssets[id] = seen;
      if (tell) this.kernel.assetChanged(id);
    }
    return isWhole;
  }
}

/** The task. Returns when it is told to stop; throws when a shard's kernel does. */
export default function runShards(task: ShardWorkerTask): { stopped: true } {
  setMonotonicBase(task.monotonicBase);
  const doorbells = new Int32Array(task.doorbells);
  const say = (answer: ShardWorkerAnswer, transfer: ArrayBuffer[] = []) => task.port.postMessage(answer, transfer);
  let shards: RunningShard[] = [];
  let idleRounds = 0;
  let rounds = 0;
  say({ type: "running", threadId: ownThreadId() });
  for (;;) {
    const rung = Atomics.load(doorbells, task.index);
    let worked = false;
    for (const shard of shards) if (shard.round()) worked = true;
    idleRounds = worked ? 0 : idleRounds + 1;
    const isIdle = idleRounds >= task.spinRounds;
    if (!isIdle && ++rounds < PORT_ROUNDS) continue;
    rounds = 0;
    const order = receiveMessageOnPort(task.port)?.message as ShardWorkerOrder | undefined;
    if (order?.type === "add") {
      const { restored } = order;
      const partition = new Int32Array(order.memory.buffer, KERNEL_RESERVED_BYTES, ControlAt.bytes / 4)[ControlAt.partition / 4];
      try {
        shards.push(new RunningShard(order.memory, task.kernel, task.market, { restored, held: true, say }));
        say({ type: "added", partition });
      } catch (error) {
        say({ type: "refused", partition, reason: (error as Error).message });
      }
      continue;
    }
    if (order?.type === "live" || order?.type === "snapshot") {
      const shard = shards.find((each) => each.partition === order.partition);
      if (order.type === "live") shard?.live(order.alerted);
      else shard?.wantImage();
      continue;
    }
    if (order?.type === "remove") {
      shards = shards.filter((shard) => {
        if (shard.partition !== order.partition) return true;
        shard.stop();
        say({ type: "released", partition: shard.partition });
        return false;
      });
      continue;
    }
    if (order?.type === "stop") {
      for (const shard of shards) shard.stop();
      return { stopped: true };
    }
    // Rung since we looked: there is work. Otherwise sleep; the time-out bounds how long an order waits.
    if (!isIdle) continue;
    Atomics.wait(doorbells, task.index, rung, 5);
    idleRounds = 0;
  }
}
