// A shard on this thread: lane, kernel and rows, driven by hand. What the threads of the engine do, one after the other.
import { readFileSync } from "node:fs";
import { AccountLane } from "../../src/ingest/account-lane";
import { Books } from "../../src/ingest/books";
import { MarketLane } from "../../src/ingest/market-lane";
import { MarketTable } from "../../src/ingest/market-table";
import { ReferenceLane } from "../../src/ingest/reference-lane";
import { RunningShard } from "../../src/shards/worker";
import { createShardMemory, type ShardCapacity } from "../../src/shared/shard-memory";
import { MarketView } from "../../src/shared/views/market-view";
import { ShardView } from "../../src/shared/views/shard-view";
import { built } from "./paths";
import { ShardProbe } from "./shard-rig";
import type { World } from "./world";

let kernel: WebAssembly.Module | null = null;

/** Compiled once a process, so that every shard runs what is optimised already. */
export function kernelModule(): WebAssembly.Module {
  kernel ??= new WebAssembly.Module(readFileSync(built("kernel.wasm")));
  return kernel;
}

export class OneThread {
  readonly table = new MarketTable();
  readonly memory: SharedArrayBuffer;
  readonly probe: ShardProbe;
  readonly shard: RunningShard;
  readonly view: ShardView;
  private readonly market = new MarketLane(this.table, new Books(this.table, (id) => `#${id}`), this.table);
  private readonly lane: AccountLane;
  private offset = 0;
  private marketSeq = 0;

  /** With everybody in it, valued and at rest. */
  constructor(
    readonly world: World,
    capacity: ShardCapacity = world.capacity(),
    onOpened: (events: number) => void = () => {},
  ) {
    const refused = new ReferenceLane(this.table).take(world.reference());
    if (refused) throw new Error(`${refused.code}: ${refused.reason}`);
    this.mark(0);
    const wasm = createShardMemory(0, capacity, { recordFills: false });
    this.memory = wasm.buffer as unknown as SharedArrayBuffer;
    this.probe = new ShardProbe(this.memory);
    this.lane = new AccountLane(this.memory, this.table);
    this.shard = new RunningShard(wasm, kernelModule(), this.table.memory);
    this.view = new ShardView(this.memory, new MarketView(this.table.memory, { staleAfterMs: 600_000 }), {
      staleAfterMs: 600_000,
    });
    for (const message of world.opening()) {
      this.offer(message);
      onOpened(this.offset);
    }
    this.settle();
    this.probe.assertWhole(world.openingEvents);
  }

  /** New marks, published; no round has seen them yet. */
  mark(ticks: number, instruments?: readonly number[]): void {
    const refused = this.market.take(this.world.marks(++this.marketSeq, ticks, instruments));
    if (refused) throw new Error(`${refused.code}: ${refused.reason}`);
    this.table.publish();
  }

  /** Puts a message into the ring, making room with rounds where there is none. */
  offer(message: Uint8Array): void {
    for (;;) {
      const taken = this.lane.offer(message, this.offset);
      if (taken === "published") break;
      if (taken !== "full") throw new Error(typeof taken === "string" ? taken : `${taken.code}: ${taken.reason}`);
      this.shard.round();
    }
    this.offset++;
  }

  /** Rounds until nothing is left to do. */
  settle(): void {
    while (this.shard.round());
  }
}
