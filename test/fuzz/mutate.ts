// Changes messages the way a wrong encoder, a wrong disk or an attacker would: it knows where offsets, sizes, counts and structs lie,
// and which values lie on an edge. Seeded; the same seed gives the same messages.

/** sfc32 of Chris Doty-Humphrey, seeded from 32 bits. */
export class Random {
  private a: number;
  private b = 0x9e3779b9;
  private c = 0x243f6a88;
  private counter = 1;

  constructor(seed: number) {
    this.a = seed | 0;
    for (let i = 0; i < 12; i++) this.next();
  }

  /** 0 … 2^32 − 1. */
  next(): number {
    const t = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (this.c << 21) | (this.c >>> 11);
    this.c = (this.c + t) | 0;
    return t >>> 0;
  }

  /** 0 … end − 1. */
  below(end: number): number {
    return Math.floor((this.next() / 4294967296) * end);
  }
}

/** Where things lie in an unchanged message. */
export interface Shape {
  readonly message: Uint8Array;
  /** 16-bit places: vtable and its entries. */
  readonly shorts: number[];
  /** 32-bit places: root, identifier, vtable offset, vector offsets, vector lengths. */
  readonly words: number[];
  readonly table: number;
  readonly vtable: number;
  readonly vtableBytes: number;
  readonly header: number;
  /** Vectors that are there: place of their offset, of their length, and their structs. */
  readonly vectors: readonly { slot: number; length: number; count: number; structBytes: number }[];
}

export function shapeOf(message: Uint8Array, structBytes: readonly number[]): Shape {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const table = view.getUint32(0, true);
  const vtable = table - view.getInt32(table, true);
  const vtableBytes = view.getUint16(vtable, true);
  const shorts: number[] = [];
  for (let at = vtable; at < vtable + vtableBytes; at += 2) shorts.push(at);
  const words = [0, 4, table];
  const vectors: { slot: number; length: number; count: number; structBytes: number }[] = [];
  for (let i = 0; i < structBytes.length && 6 + 2 * i < vtableBytes; i++) {
    const field = view.getUint16(vtable + 6 + 2 * i, true);
    if (field === 0) continue;
    const slot = table + field;
    const length = slot + view.getUint32(slot, true);
    words.push(slot, length);
    vectors.push({ slot, length, count: view.getUint32(length, true), structBytes: structBytes[i] });
  }
  return { message, shorts, words, table, vtable, vtableBytes, header: table + view.getUint16(vtable + 4, true), vectors };
}

const BYTES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 31, 32, 126, 127, 128, 254, 255];
const SHORTS = [0, 1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 28, 30, 32, 64, 255, 256, 4096, 32767, 32768, 65534, 65535];
const WORDS = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 255, 256, 257, 1023, 1024, 4094, 4095, 4096, 8192, 8193, 65535, 65536, 0x3ffffff, 0x4000000,
  0x7ffffffc, 0x7fffffff, 0x80000000, 0xfffffff8, 0xfffffffc, 0xffffffff,
];
const E53 = 2n ** 53n;
const LONGS = [
  0n,
  1n,
  2n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 32n + 1n,
  E53 - 1n,
  E53,
  E53 + 1n,
  2n ** 62n,
  2n ** 63n - 1n,
  -1n,
  -(2n ** 32n),
  1n - E53,
  -E53,
  -E53 - 1n,
  -(2n ** 63n),
  10n ** 12n,
  10n ** 12n + 1n,
  -(10n ** 12n),
  -(10n ** 12n) - 1n,
  946_684_800_000_000_000n,
  946_684_799_999_999_999n,
  7_258_118_399_999_999_999n,
  7_258_118_400_000_000_000n,
  1_718_000_000_000n,
];
const DOUBLES = [
  0,
  -0,
  1,
  -1,
  0.5,
  1 + 2 ** -52,
  1 - 2 ** -53,
  -1 - 2 ** -52,
  0.01,
  0.02,
  5e-324,
  -5e-324,
  1.7976931348623157e308,
  50_000,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.NaN,
];
// Both kinds as two halves each, ready to be written.
const EIGHTS = new Uint32Array((LONGS.length + DOUBLES.length) * 2);
new BigInt64Array(EIGHTS.buffer, 0, LONGS.length).set(LONGS);
new Float64Array(EIGHTS.buffer, LONGS.length * 8).set(DOUBLES);
const EIGHT_COUNT = EIGHTS.length / 2;

/** Room that a change may add. */
export const GROWTH_BYTES = 1024;

/** Changes messages in a working memory of its own. */
export class Mutator {
  readonly bytes: Uint8Array;
  /** Length of the message at hand. */
  length = 0;
  private readonly view: DataView;

  /** @param shift where in its memory the message begins: Kafka's begin anywhere */
  constructor(
    private readonly random: Random,
    private readonly bytesMax: number,
    private readonly shift: number,
  ) {
    const memory = new ArrayBuffer(bytesMax + GROWTH_BYTES + 16);
    this.bytes = new Uint8Array(memory, shift, bytesMax + GROWTH_BYTES);
    this.view = new DataView(memory, shift, bytesMax + GROWTH_BYTES);
  }

  get message(): Uint8Array {
    return new Uint8Array(this.bytes.buffer, this.shift, this.length);
  }

  /** Begins anew with an unchanged message and makes one to three changes. */
  run(shape: Shape, others: readonly Shape[]): void {
    this.bytes.set(shape.message);
    this.length = shape.message.length;
    const changes = 1 + (this.random.next() % 3);
    for (let i = 0; i < changes; i++) this.change(shape, others);
  }

  private change(shape: Shape, others: readonly Shape[]): void {
    const r = this.random;
    const pick = r.below(16);
    if (pick === 0) this.flip();
    else if (pick === 1) this.randomByte();
    else if (pick === 2) this.frameShort(shape);
    else if (pick <= 4) this.frameWord(shape);
    else if (pick === 5) this.count(shape);
    else if (pick === 6) this.length = r.below(this.length + 1);
    else if (pick === 7) this.extend();
    else if (pick === 8) this.copyRange();
    else if (pick === 9) this.swapStructs(shape, others);
    else if (pick === 10) this.moveVtable(shape);
    else if (pick === 11) this.moveVector(shape);
    else if (pick === 12) this.put(shape.header + 4 * r.below(6));
    else this.structValue(shape);
  }

  private randomByte(): void {
    if (this.length > 0) this.bytes[this.random.below(this.length)] = this.random.next();
  }

  private flip(): void {
    if (this.length === 0) return;
    const bit = this.random.below(this.length * 8);
    this.bytes[bit >> 3] ^= 1 << (bit & 7);
  }

  private frameShort(shape: Shape): void {
    const at = shape.shorts[this.random.below(shape.shorts.length)];
    const pick = this.random.below(SHORTS.length + 8);
    const value = pick < SHORTS.length ? SHORTS[pick] : this.view.getUint16(at, true) + (pick - SHORTS.length - 4) * 2;
    this.view.setUint16(at, value, true);
  }

  private frameWord(shape: Shape): void {
    const at = shape.words[this.random.below(shape.words.length)];
    // A known size, something near what is there, or something near the end of the message as seen from here.
    const pick = this.random.below(3);
    const near = (this.random.below(33) - 16) * (this.random.next() & 1 ? 4 : 1);
    if (pick === 0) this.view.setUint32(at, WORDS[this.random.below(WORDS.length)], true);
    else if (pick === 1) this.view.setUint32(at, this.view.getUint32(at, true) + near, true);
    else this.view.setUint32(at, this.length - at + near, true);
  }

  private count(shape: Shape): void {
    if (shape.vectors.length === 0) return;
    const vector = shape.vectors[this.random.below(shape.vectors.length)];
    const pick = this.random.below(WORDS.length + 5);
    this.view.setUint32(vector.length, pick < WORDS.length ? WORDS[pick] : vector.count + pick - WORDS.length - 2, true);
  }

  /** More bytes at the end: zeros, or a copy of the beginning. */
  private extend(): void {
    const more = Math.min(1 + this.random.below(64), this.bytesMax + GROWTH_BYTES - this.length);
    if (this.random.next() & 1) this.bytes.fill(0, this.length, this.length + more);
    else this.bytes.copyWithin(this.length, 0, more);
    this.length += more;
  }

  private copyRange(): void {
    if (this.length < 16) return;
    const bytes = 1 + this.random.below(this.length >> 1);
    const step = this.random.next() & 1 ? 8 : 1;
    const from = Math.floor(this.random.below(this.length - bytes + 1) / step) * step;
    const to = Math.floor(this.random.below(this.length - bytes + 1) / step) * step;
    this.bytes.copyWithin(to, from, from + bytes);
  }

  /** A struct in the place of another of its vector, from this message or another of the family. */
  private swapStructs(shape: Shape, others: readonly Shape[]): void {
    const other = others[this.random.below(others.length)];
    if (shape.vectors.length === 0 || other.vectors.length === 0) return;
    const to = shape.vectors[this.random.below(shape.vectors.length)];
    const from = other.vectors[this.random.below(other.vectors.length)];
    if (to.structBytes !== from.structBytes || to.count === 0 || from.count === 0) return;
    const source = from.length + 4 + this.random.below(from.count) * from.structBytes;
    const target = to.length + 4 + this.random.below(to.count) * to.structBytes;
    this.bytes.set(other.message.subarray(source, source + from.structBytes), target);
  }

  /** Another place for the vtable, which is as right as the first if nothing else is wrong. */
  private moveVtable(shape: Shape): void {
    const at = (this.length + 1) & ~1;
    if (at + shape.vtableBytes > this.bytesMax + GROWTH_BYTES) return;
    this.bytes[this.length] = 0;
    this.bytes.copyWithin(at, shape.vtable, shape.vtable + shape.vtableBytes);
    this.view.setInt32(shape.table, shape.table - at, true);
    this.length = at + shape.vtableBytes;
  }

  /** Another place for a vector, mostly one that suits its alignment. */
  private moveVector(shape: Shape): void {
    if (shape.vectors.length === 0) return;
    const { slot, length, count, structBytes } = shape.vectors[this.random.below(shape.vectors.length)];
    const bytes = 4 + count * structBytes;
    const at = ((this.length + 3) & ~7) + 4 + (this.random.below(8) === 0 ? 4 : 0);
    if (at + bytes > this.bytesMax + GROWTH_BYTES) return;
    this.bytes.fill(0, this.length, at);
    this.bytes.copyWithin(at, length, length + bytes);
    this.view.setUint32(slot, at - slot, true);
    this.length = at + bytes;
  }

  private structValue(shape: Shape): void {
    if (shape.vectors.length === 0) return;
    const { length, count, structBytes } = shape.vectors[this.random.below(shape.vectors.length)];
    if (count === 0) return;
    this.put(length + 4 + this.random.below(count) * structBytes + 4 * this.random.below(structBytes / 4));
  }

  /** A value on an edge, of 1, 2, 4 or 8 bytes, in the word at `at`; 8 bytes where that begins a field of 8. */
  private put(at: number): void {
    const r = this.random;
    switch (r.below(6)) {
      case 0:
        this.view.setUint8(at + r.below(4), BYTES[r.below(BYTES.length)]);
        return;
      case 1:
        this.view.setUint16(at + 2 * r.below(2), SHORTS[r.below(SHORTS.length)], true);
        return;
      case 2:
        this.view.setUint32(at, WORDS[r.below(WORDS.length)], true);
        return;
      case 3:
        this.view.setUint32(at, this.view.getUint32(at, true) + r.below(9) - 4, true);
        return;
      default: {
        const eight = at & ~7;
        const pick = r.below(EIGHT_COUNT);
        this.view.setUint32(eight, EIGHTS[2 * pick], true);
        this.view.setUint32(eight + 4, EIGHTS[2 * pick + 1], true);
      }
    }
  }
}
