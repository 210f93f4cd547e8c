// A shard on a real worker thread, fed from this one: market table, lanes and pool as the engine has them, without Kafka,
// without a database, without an api.
import { readFileSync } from "node:fs";
import { AccountLane } from "../../src/ingest/account-lane";
import { Books } from "../../src/ingest/books";
import { MarketLane } from "../../src/ingest/market-lane";
import { MarketTable } from "../../src/ingest/market-table";
import { ReferenceLane } from "../../src/ingest/reference-lane";
import { ShardPool } from "../../src/shards/pool";
import type { Alerted } from "../../src/shards/worker";
import { AccountAt, AccountFlag, ControlAt, ShardState } from "../../src/shared/layout/shard";
import { KERNEL_RESERVED_BYTES } from "../../src/shared/limits";
import { createShardMemory, type ShardCapacity } from "../../src/shared/shard-memory";
import { MarketView } from "../../src/shared/views/market-view";
import { ShardView } from "../../src/shared/views/shard-view";
import { cleanUp } from "./cleanup";
import { sleep } from "./clock";
import { built } from "./paths";
import type { World } from "./world";

const DEADLINE_MS = 120_000;
const HANG_MS = 60_000;

/** Of a log that has just begun. */
const NOTHING_ALERTED: Alerted = {
  accounts: new Float64Array(0),
  seqs: new Uint32Array(0),
  statuses: new Uint8Array(0),
  skip: 0,
};

/** Gives a new shard to a worker of the pool and lets it go live when it has caught up. */
export async function addShard(pool: ShardPool, partition: number, memory: WebAssembly.Memory): Promise<void> {
  const refused = await pool.add(partition, memory, null);
  if (refused !== null) throw new Error(`shard ${partition}: ${refused}`);
  pool.live(partition, NOTHING_ALERTED);
}

/** Words and counters of a shard's memory, for whoever feeds or watches it. */
export class ShardProbe {
  readonly memory: SharedArrayBuffer;
  readonly words: Int32Array;
  private readonly longs: BigInt64Array;
  private readonly accounts: number;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.words = new Int32Array(memory);
    this.longs = new BigInt64Array(memory);
    this.accounts = this.word(ControlAt.accounts);
  }

  word(at: number): number {
    return Atomics.load(this.words, (KERNEL_RESERVED_BYTES + at) / 4) >>> 0;
  }

  counter(at: number): number {
    return Number(Atomics.load(this.longs, (KERNEL_RESERVED_BYTES + at) / 8));
  }

  /** Before the shard runs: where its log begins, where it ends. */
  setPosition(at: number, offset: number): void {
    this.longs[(KERNEL_RESERVED_BYTES + at) / 8] = BigInt(offset);
  }

  /** Low half of the next offset to apply: enough for logs of a bench, and without a BigInt. */
  nextOffset(): number {
    return this.word(ControlAt.nextOffset);
  }

  /** Whether an account's row is at rest, valued, and holds the event at `offset`. */
  isPublished(slot: number, offset: number): boolean {
    const row = (this.accounts + slot * AccountAt.bytes) / 4;
    const seq = Atomics.load(this.words, row + AccountAt.seq / 4);
    if ((seq & 1) !== 0) return false;
    if ((this.words[row + AccountAt.flags / 4]! & AccountFlag.Touched) !== 0) return false;
    if (this.words[row + AccountAt.lastOffset / 4]! < offset) return false;
    return Atomics.load(this.words, row + AccountAt.seq / 4) === seq;
  }

  /** Throws where the ledger did not take every event just once. */
  assertWhole(events: number): void {
    const got = this.counter(ControlAt.eventsApplied);
    const [duplicates, gaps, rejected] = [ControlAt.duplicates, ControlAt.gaps, ControlAt.rejected].map((at) => this.counter(at));
    if (got !== events || duplicates !== 0 || gaps !== 0 || rejected !== 0)
      throw new Error(`shard: ${got} events of ${events} applied; ${duplicates} duplicates, ${gaps} gaps, ${rejected} rejected`);
  }
}

export interface OpenShard {
  memory: SharedArrayBuffer;
  probe: ShardProbe;
  lane: AccountLane;
  view: ShardView;
  /** Offset of the next message offered. */
  offset: number;
  ring: () => void;
}

export class ShardRig {
  readonly table = new MarketTable();
  readonly kernel = new WebAssembly.Module(readFileSync(built("kernel.wasm")));
  readonly pool: ShardPool;
  /** Ends the workers. */
  readonly stop: () => Promise<void>;
  private readonly reference = new ReferenceLane(this.table);
  private readonly market = new MarketLane(this.table, new Books(this.table, (id) => `#${id}`), this.table);
  private readonly marketView = new MarketView(this.table.memory, { staleAfterMs: 600_000 });
  private partitions = 0;
  private marketSeq = 0;
  private failure: Error | null = null;

  constructor(
    readonly world: World,
    options: { workers?: number; spinRounds?: number; filename?: string } = {},
  ) {
    this.takeMarket(this.reference.take(world.reference()));
    this.mark(0);
    this.pool = new ShardPool({
      filename: options.filename ?? built("shard-worker.js"),
      kernel: this.kernel,
      market: this.table.memory,
      workers: options.workers ?? 1,
      // As the engine has it on machines of this size, unless told otherwise.
      spinRounds: options.spinRounds ?? 5000,
      // A rig spins on this thread, so nobody would look in time: only what never moves again counts as hanging.
      hangMs: HANG_MS,
      onLive: () => {},
      onLost: (error) => {
        this.failure = error;
      },
    });
    this.stop = cleanUp(() => this.pool.stop());
  }

  private takeMarket(refused: { code: string; reason: string } | null): void {
    if (refused) throw new Error(`${refused.code}: ${refused.reason}`);
    this.table.publish();
  }

  /** New marks, `ticks` away from the first ones. */
  mark(ticks: number, instruments?: readonly number[]): void {
    this.takeMarket(this.market.take(this.world.marks(++this.marketSeq, ticks, instruments)));
    this.pool?.ringAll();
  }

  /** A new shard with everybody in it, valued and at rest. */
  async open(capacity: ShardCapacity = this.world.capacity()): Promise<OpenShard> {
    const partition = this.partitions++;
    const wasm = createShardMemory(partition, capacity, { recordFills: false });
    const memory = wasm.buffer as unknown as SharedArrayBuffer;
    const shard: OpenShard = {
      memory,
      probe: new ShardProbe(memory),
      lane: new AccountLane(memory, this.table),
      view: new ShardView(memory, this.marketView, { staleAfterMs: 600_000 }),
      offset: 0,
      ring: () => {},
    };
    await addShard(this.pool, partition, wasm);
    shard.ring = this.pool.bell(partition);
    for (const message of this.world.opening()) this.offer(shard, message);
    await this.settle(shard);
    shard.probe.assertWhole(this.world.openingEvents);
    return shard;
  }

  async close(shard: OpenShard): Promise<void> {
    await this.pool.remove(shard.view.partition);
  }

  /** Puts a message into the ring as ingest does. False: there is no room. */
  tryOffer(shard: OpenShard, message: Uint8Array): boolean {
    const taken = shard.lane.offer(message, shard.offset);
    if (taken === "full") return false;
    if (taken !== "published") throw new Error(typeof taken === "string" ? taken : `${taken.code}: ${taken.reason}`);
    shard.offset++;
    shard.ring();
    return true;
  }

  /** The same, waiting for room. */
  offer(shard: OpenShard, message: Uint8Array): void {
    while (!this.tryOffer(shard, message)) if (this.failure) throw this.failure;
  }

  /** Spins until every message offered so far is applied and its rows are published. */
  awaitRows(shard: OpenShard): void {
    const until = performance.now() + DEADLINE_MS;
    while (shard.probe.nextOffset() !== shard.offset) this.assertAlive(shard, until);
    // A round values what it has applied: two more have begun, so the one that applied the last event is over.
    const beat = shard.probe.word(ControlAt.heartbeat);
    shard.ring();
    while (((shard.probe.word(ControlAt.heartbeat) - beat) | 0) < 2) this.assertAlive(shard, until);
  }

  private assertAlive(shard: OpenShard, until: number): void {
    if (shard.probe.word(ControlAt.state) === ShardState.Faulted)
      throw new Error(`shard: fault ${shard.probe.word(ControlAt.fault)}`);
    if (performance.now() > until) throw new Error("shard: it does not come to the end of its ring");
  }

  /** Waits until nothing is left to do: every row stands at the newest market. */
  async settle(shard: OpenShard): Promise<void> {
    const until = performance.now() + DEADLINE_MS;
    const { probe } = shard;
    const isSettled = () =>
      probe.nextOffset() === shard.offset &&
      probe.word(ControlAt.state) === ShardState.Running &&
      probe.word(ControlAt.sweepsDone) === probe.word(ControlAt.sweepsDue);
    while (!isSettled()) {
      if (this.failure) throw this.failure;
      this.assertAlive(shard, until);
      await sleep(1);
    }
    this.awaitRows(shard);
  }
}
