// JavaScript's side of the rings drawn in layout/ring.ts. The kernel has its own; both follow the same rule: plain writes
// to records, then one atomic store of the counter; one atomic load of the counter, then plain reads.
import { RingAt } from "./layout/ring";

/** Writes an empty ring's header. `recordCount` is a power of two, `recordBytes` a multiple of 8. */
export function initRing(
  memory: SharedArrayBuffer,
  header: number,
  data: number,
  recordCount: number,
  recordBytes: number,
): void {
  if ((recordCount & (recordCount - 1)) !== 0 || recordCount < 2)
    throw new RangeError(`recordCount ${recordCount}: not a power of two`);
  if (recordBytes % 8 !== 0) throw new RangeError(`recordBytes ${recordBytes}: not a multiple of 8`);
  const words = new Uint32Array(memory, header, RingAt.bytes / 4);
  words[RingAt.recordCount / 4] = recordCount;
  words[RingAt.recordBytes / 4] = recordBytes;
  words[RingAt.dataOffset / 4] = data;
}

/** The one thread that writes. Reserve, write the records' bytes, publish. */
export class RingProducer {
  readonly recordCount: number;
  readonly recordBytes: number;
  readonly dataOffset: number;
  private readonly words: Int32Array;
  private readonly mask: number;
  private published: number;
  private consumedSeen: number;

  constructor(memory: SharedArrayBuffer, header: number) {
    this.words = new Int32Array(memory, header, RingAt.bytes / 4);
    this.recordCount = this.words[RingAt.recordCount / 4];
    this.recordBytes = this.words[RingAt.recordBytes / 4];
    this.dataOffset = this.words[RingAt.dataOffset / 4] >>> 0;
    this.mask = this.recordCount - 1;
    this.published = this.words[RingAt.published / 4];
    this.consumedSeen = Atomics.load(this.words, RingAt.consumed / 4);
  }

  /** True where `records` fit. Looks at the consumer's word only when its last known value does not suffice. */
  hasRoom(records: number): boolean {
    if (this.recordCount - ((this.published - this.consumedSeen) | 0) >= records) return true;
    this.consumedSeen = Atomics.load(this.words, RingAt.consumed / 4);
    return this.recordCount - ((this.published - this.consumedSeen) | 0) >= records;
  }

  /** Byte offset, in the memory, of the record `ahead` places after the next one to write. */
  recordOffset(ahead: number): number {
    return this.dataOffset + ((this.published + ahead) & this.mask) * this.recordBytes;
  }

  /** Records from the next one to write up to the end of the memory, where the ring turns back to its start. */
  untilWrap(): number {
    return this.recordCount - (this.published & this.mask);
  }

  publish(records: number): void {
    this.published = (this.published + records) | 0;
    Atomics.store(this.words, RingAt.published / 4, this.published);
  }

  countWait(): void {
    this.words[RingAt.waits / 4]++;
  }
}

/** The one thread that reads. Look, read, release. */
export class RingConsumer {
  readonly recordCount: number;
  readonly recordBytes: number;
  readonly dataOffset: number;
  private readonly words: Int32Array;
  private readonly mask: number;
  private consumed: number;

  constructor(memory: SharedArrayBuffer, header: number) {
    this.words = new Int32Array(memory, header, RingAt.bytes / 4);
    this.recordCount = this.words[RingAt.recordCount / 4];
    this.recordBytes = this.words[RingAt.recordBytes / 4];
    this.dataOffset = this.words[RingAt.dataOffset / 4] >>> 0;
    this.mask = this.recordCount - 1;
    this.consumed = this.words[RingAt.consumed / 4];
  }

  readable(): number {
    return (Atomics.load(this.words, RingAt.published / 4) - this.consumed) | 0;
  }

  /** Byte offset, in the memory, of the i-th readable record. */
  recordOffset(i: number): number {
    return this.dataOffset + ((this.consumed + i) & this.mask) * this.recordBytes;
  }

  release(records: number): void {
    this.consumed = (this.consumed + records) | 0;
    Atomics.store(this.words, RingAt.consumed / 4, this.consumed);
  }

  /** Records released so far, modulo 2^32, as an i32. */
  get released(): number {
    return this.consumed;
  }
}

/** Records in flight, for whoever looks from outside. */
export function ringFill(memory: SharedArrayBuffer, header: number): { used: number; capacity: number } {
  const words = new Int32Array(memory, header, RingAt.bytes / 4);
  const used = (Atomics.load(words, RingAt.published / 4) - Atomics.load(words, RingAt.consumed / 4)) | 0;
  return { used, capacity: words[RingAt.recordCount / 4] };
}
