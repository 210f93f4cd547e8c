// A shard without threads, for tests and benches: market table, lane, memory and kernel in one place, driven by hand.
import { readFileSync } from "node:fs";
import { AccountLane, type Taken } from "../../src/ingest/account-lane";
import { Books } from "../../src/ingest/books";
import { MarketLane } from "../../src/ingest/market-lane";
import { MarketTable } from "../../src/ingest/market-table";
import { ReferenceLane } from "../../src/ingest/reference-lane";
import { RunningShard, type ShardWorkerAnswer } from "../../src/shards/worker";
import { ControlAt } from "../../src/shared/layout/shard";
import { KERNEL_RESERVED_BYTES } from "../../src/shared/limits";
import { RingConsumer } from "../../src/shared/ring";
import { createShardMemory, DEFAULT_SHARD_CAPACITY, type ShardCapacity } from "../../src/shared/shard-memory";
import { MarketView } from "../../src/shared/views/market-view";
import { ShardView } from "../../src/shared/views/shard-view";

export class KernelHarness {
  readonly table = new MarketTable();
  readonly reference = new ReferenceLane(this.table);
  readonly market = new MarketLane(this.table, new Books(this.table, (id) => `#${id}`), this.table);
  readonly marketView = new MarketView(this.table.memory, { staleAfterMs: 60_000 });
  memory!: SharedArrayBuffer;
  lane!: AccountLane;
  shard!: RunningShard;
  view!: ShardView;
  /** What the shard tells its supervisor. */
  said: (answer: ShardWorkerAnswer) => void = () => undefined;
  private readonly kernel: WebAssembly.Module;
  private fills!: RingConsumer;
  private offset = 0;

  constructor(kernelFile: string, capacity: Partial<ShardCapacity> = {}) {
    this.kernel = new WebAssembly.Module(readFileSync(kernelFile));
    this.run(createShardMemory(0, { ...DEFAULT_SHARD_CAPACITY, ...capacity }), null);
  }

  private run(memory: WebAssembly.Memory, restored: string | null): void {
    this.memory = memory.buffer as SharedArrayBuffer;
    this.lane = new AccountLane(this.memory, this.table);
    const say = (answer: ShardWorkerAnswer) => this.said(answer);
    this.shard = new RunningShard(memory, this.kernel, this.table.memory, { restored, say });
    const words = new Uint32Array(this.memory);
    this.fills = new RingConsumer(this.memory, words[(KERNEL_RESERVED_BYTES + ControlAt.fillRing) / 4]);
    this.view = new ShardView(this.memory, this.marketView, { staleAfterMs: 60_000 });
  }

  /** Goes on in another memory, as after a restart; `restored`: the state hash it must have. */
  moveTo(memory: WebAssembly.Memory, restored: string): void {
    this.run(memory, restored);
  }

  /** Offers a message of `accounts` at the next offset. */
  accounts(message: Uint8Array): Taken {
    const taken = this.lane.offer(message, this.offset);
    if (taken !== "full") this.offset++;
    return taken;
  }

  /** Reads away what the store would. Returns how many fills there were. */
  drainFills(): number {
    const count = this.fills.readable();
    this.fills.release(count);
    return count;
  }

  /** Runs the worker's rounds until nothing is left to do. */
  settle(): void {
    this.table.publish();
    while (this.shard.round());
  }
}
