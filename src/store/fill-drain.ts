// Empties the fill rings of the shards. The store is each ring's only consumer; a record is released only after it was
// encoded into a batch, so what the store has no room for stays in the ring, and the shard waits.
import { wallMs } from "../shared/clock";
import { ControlAt, ShardState } from "../shared/layout/shard";
import { KERNEL_RESERVED_BYTES } from "../shared/limits";
import { RingConsumer } from "../shared/ring";
import type { Batches } from "./batches";
import { encodeFill, type FillMemory } from "./encode";
import { DRAIN_RECORDS_MAX } from "./limits";
import { FILLS } from "./tables";

const STATE_WORD = (KERNEL_RESERVED_BYTES + ControlAt.state) / 4;

/** How full its ring may get, and how long rows may lie there, while a shard catches up with the log. */
const CATCHING_UP_SHARE = 0.75;
const CATCHING_UP_MS = 10_000;

interface Ring {
  consumer: RingConsumer;
  memory: FillMemory;
  /** The shard has gone to another owner: its ring is emptied once more and forgotten. */
  leaving: boolean;
  /** When the store first left records in it; 0: none are left. */
  leftSinceMs: number;
}

export class FillDrain {
  private readonly rings = new Map<SharedArrayBuffer, Ring>();

  constructor(
    private readonly batches: Batches,
    private readonly hasRoom: () => boolean,
  ) {}

  /** The shards owned now. A shard that is not among them any more has stopped writing; its ring is still emptied. */
  setShards(memories: readonly SharedArrayBuffer[]): void {
    const owned = new Set(memories);
    for (const [memory, ring] of this.rings) ring.leaving = !owned.has(memory);
    for (const memory of memories) {
      if (this.rings.has(memory)) continue;
      const words = new Int32Array(memory);
      const header = words[(KERNEL_RESERVED_BYTES + ControlAt.fillRing) / 4]! >>> 0;
      this.rings.set(memory, {
        consumer: new RingConsumer(memory, header),
        memory: { words, bytes: new Uint8Array(memory) },
        leaving: false,
        leftSinceMs: 0,
      });
    }
  }

  /**
   * Takes what lies in the rings, as far as there is room. Returns how many records it took.
   *
   * @param all also what may wait
   */
  drain(all = false): number {
    let taken = 0;
    for (const [memory, ring] of this.rings) {
      if (!all && this.mayWait(ring)) continue;
      taken += this.drainRing(ring);
      if (ring.leaving && ring.consumer.readable() === 0) this.rings.delete(memory);
    }
    return taken;
  }

  /** Marks what lies in the rings now. The answer says whether all of it has been taken, whatever came after it. */
  mark(): () => boolean {
    const marked = [...this.rings.values()].map(({ consumer }) => ({ consumer, left: consumer.readable() }));
    const starts = marked.map(({ consumer }) => consumer.released);
    return () => marked.every(({ consumer, left }, i) => ((consumer.released - starts[i]!) | 0) >= left);
  }

  /** Records that still lie in the rings. */
  waiting(): number {
    let records = 0;
    for (const ring of this.rings.values()) records += ring.consumer.readable();
    return records;
  }

  // How long accounts are away is how long a shard takes to catch up: until then the cores are its own, while its ring has room.
  private mayWait(ring: Ring): boolean {
    const { consumer, memory, leaving } = ring;
    const records = consumer.readable();
    const isCatchingUp = !leaving && Atomics.load(memory.words, STATE_WORD) === ShardState.Recovering;
    if (!isCatchingUp || records === 0 || records > consumer.recordCount * CATCHING_UP_SHARE) return false;
    const now = wallMs();
    ring.leftSinceMs ||= now;
    return now - ring.leftSinceMs < CATCHING_UP_MS;
  }

  private drainRing(ring: Ring): number {
    const { consumer, memory } = ring;
    ring.leftSinceMs = 0;
    const count = Math.min(consumer.readable(), DRAIN_RECORDS_MAX);
    let taken = 0;
    while (taken < count && this.hasRoom()) {
      const at = consumer.recordOffset(taken);
      this.batches.add(FILLS, (row) => encodeFill(row, memory, at));
      taken++;
    }
    if (taken > 0) consumer.release(taken);
    return taken;
  }
}
