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

/** A field of a struct: bytes, or as many texts of one byte each. */
interface Field {
  at: number;
  type: FieldType;
  bytes: number;
}
type FieldType = "L" | "D" | "U" | "S" | "B" | "T";

/** Fields of each struct, in the order of the schema: L i64, D f64, U u32, S u16, B u8, T text, x padding; a number repeats. */
const FIELDS_BY_BYTES: Record<FieldType | "x", number> = { L: 8, D: 8, U: 4, S: 2, B: 1, T: 1, x: 1 };
const LAYOUTS: Record<string, string> = {
  events: "LLLLLLLUBBS",
  marks: "Ux4LLL",
  indexPrices: "Ux4LLD",
  fundingRates: "Ux4LLDL",
  quotes: "Ux4LLLLLL",
  impliedVols: "Ux4LLDD",
  trades: "UBx3LLLLL",
  bookLevels: "UBBx2LLLLLL",
  assets: "UT12DD",
  instruments: "UUT40UUUBBBBLLLLLLL",
  marginTables: "UBBSDDDDDLL",
  marginTiers: "Ux4DDDD",
  accountGroups: "UBBST24",
  alerts: "LLLUULDDDDBBBBUL",
  text: "T",
  bytes: "B",
  u32s: "U",
  i32: "U",
  i64: "L",
};

/** A field of a table: a vector, or a number that lies in the table itself. */
export interface FieldLayout {
  name: string;
  structBytes: number;
  isNumber?: boolean;
}

function fieldsOf(name: string, structBytes: number): Field[] {
  const fields: Field[] = [];
  let at = 0;
  for (const [, letter, times] of LAYOUTS[name].matchAll(/([A-Zx])(\d*)/g)) {
    const type = letter as FieldType | "x";
    const bytes = FIELDS_BY_BYTES[type] * Number(times || 1);
    if (type !== "x") fields.push({ at, type, bytes });
    at += bytes;
  }
  if (at !== structBytes) throw new Error(`mutate.ts: ${name} has ${at} bytes, not ${structBytes}`);
  return fields;
}

interface Vector {
  /** Place of its offset, and of its length. */
  slot: number;
  length: number;
  count: number;
  structBytes: number;
  fields: Field[];
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
  /** Vectors that are there. */
  readonly vectors: readonly Vector[];
  /** What has values: the vectors, and each number of the table as if it were one of its own. */
  readonly values: readonly Vector[];
}

export function shapeOf(message: Uint8Array, layouts: readonly FieldLayout[]): Shape {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const table = view.getUint32(0, true);
  const vtable = table - view.getInt32(table, true);
  const vtableBytes = view.getUint16(vtable, true);
  const shorts: number[] = [];
  for (let at = vtable; at < vtable + vtableBytes; at += 2) shorts.push(at);
  const words = [0, 4, table];
  const vectors: Vector[] = [];
  const numbers: Vector[] = [];
  for (let i = 0; i < layouts.length && 6 + 2 * i < vtableBytes; i++) {
    const field = view.getUint16(vtable + 6 + 2 * i, true);
    if (field === 0) continue;
    const slot = table + field;
    if (layouts[i].isNumber) {
      const { name, structBytes } = layouts[i];
      numbers.push({ slot, length: slot - 4, count: 1, structBytes, fields: fieldsOf(name, structBytes) });
      continue;
    }
    const length = slot + view.getUint32(slot, true);
    words.push(slot, length);
    const { name, structBytes } = layouts[i];
    vectors.push({ slot, length, count: view.getUint32(length, true), structBytes, fields: fieldsOf(name, structBytes) });
  }
  const header = table + view.getUint16(vtable + 4, true);
  return { message, shorts, words, table, vtable, vtableBytes, header, vectors, values: [...vectors, ...numbers] };
}

const BYTES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255];
const CHARS = [0, 0, 0x1f, 0x20, 0x21, 0x41, 0x7e, 0x7f, 0x80, 0xff];
const SHORTS = [0, 1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 28, 30, 32, 64, 255, 256, 4096, 32767, 32768, 65534, 65535];
const IDS = [0, 1, 2, 3, 4, 5, 255, 256, 1023, 1024, 4095, 4096, 8192, 65535, 0x7fffffff, 0x80000000, 0xffffffff];
const SIZES = [
  ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 256, 4096, 8192, 8193, 65536, 0x3ffffff, 0x4000000],
  ...[0x7ffffffc, 0x7fffffff, 0x80000000, 0xfffffff8, 0xfffffffc, 0xffffffff],
];
const E53 = 2n ** 53n;
const LONGS = [
  ...[0n, 1n, 2n, 2n ** 32n - 1n, 2n ** 32n, E53 - 1n, E53, 2n ** 63n - 1n, -1n, -(2n ** 32n), 1n - E53, -E53, -(2n ** 63n)],
  ...[10n ** 12n, 10n ** 12n + 1n, -(10n ** 12n), -(10n ** 12n) - 1n],
  // The first and the last ns that are a time, and their neighbours.
  ...[946_684_800_000_000_000n, 946_684_799_999_999_999n, 7_258_118_399_999_999_999n, 7_258_118_400_000_000_000n],
];
const DOUBLES = [
  ...[0, -0, 1, -1, 1 + 2 ** -52, 1 - 2 ** -53, -1 - 2 ** -52, 0.01, 0.02, 5e-324, -5e-324, 1.7976931348623157e308, 50_000],
  ...[Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN],
];

/** Numbers of 64 bits as two halves each, ready to be written. */
const halves = (numbers: BigInt64Array | Float64Array) => new Uint32Array(numbers.buffer);
const LONG_HALVES = halves(new BigInt64Array(LONGS));
const DOUBLE_HALVES = halves(new Float64Array(DOUBLES));

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
    const pick = this.random.below(8);
    const changes = pick < 5 ? 1 : pick < 7 ? 2 : 3;
    for (let i = 0; i < changes; i++) this.change(shape, others);
  }

  private change(shape: Shape, others: readonly Shape[]): void {
    const r = this.random;
    const pick = r.below(20);
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
    else if (pick === 12) this.insert();
    else if (pick === 13) this.headerValue(shape);
    else if (pick <= 15) this.copyField(shape);
    else this.fieldValue(shape);
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
    if (pick === 0) this.view.setUint32(at, SIZES[this.random.below(SIZES.length)], true);
    else if (pick === 1) this.view.setUint32(at, this.view.getUint32(at, true) + near, true);
    else this.view.setUint32(at, this.length - at + near, true);
  }

  private count(shape: Shape): void {
    if (shape.vectors.length === 0) return;
    const vector = shape.vectors[this.random.below(shape.vectors.length)];
    const pick = this.random.below(SIZES.length + 5);
    this.view.setUint32(vector.length, pick < SIZES.length ? SIZES[pick] : vector.count + pick - SIZES.length - 2, true);
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

  /** Bytes before everything but root and identifier: right if they are a multiple of 8, but for an empty batch in every place. */
  private insert(): void {
    const more = 4 * (1 + this.random.below(4));
    if (this.length < 8 || this.length + more > this.bytesMax + GROWTH_BYTES) return;
    this.bytes.copyWithin(8 + more, 8, this.length);
    this.length += more;
    this.view.setUint32(0, this.view.getUint32(0, true) + more, true);
  }

  private headerValue(shape: Shape): void {
    const r = this.random;
    if (r.next() & 1) this.view.setUint16(shape.header + 2 * r.below(2), SHORTS[r.below(SHORTS.length)], true);
    else this.putEight(shape.header + 8 + 8 * r.below(2), LONG_HALVES);
  }

  /** A field as it is in another struct of its vector, or another field of its type in the same. */
  private copyField(shape: Shape): void {
    const r = this.random;
    const vector = this.anyVector(shape);
    if (vector === undefined) return;
    const { length, count, structBytes, fields } = vector;
    const field = fields[r.below(fields.length)];
    const other = r.below(4) === 0 ? fields[r.below(fields.length)] : field;
    if (other.bytes !== field.bytes) return;
    const from = length + 4 + r.below(count) * structBytes + other.at;
    this.bytes.copyWithin(length + 4 + r.below(count) * structBytes + field.at, from, from + field.bytes);
  }

  /** A value on an edge, or one beside what is there. */
  private fieldValue(shape: Shape): void {
    const r = this.random;
    const vector = this.anyVector(shape);
    if (vector === undefined) return;
    const { type, at: offset, bytes } = vector.fields[r.below(vector.fields.length)];
    const at = vector.length + 4 + r.below(vector.count) * vector.structBytes + offset;
    if (type === "T") this.bytes[at + r.below(bytes)] = CHARS[r.below(CHARS.length)];
    else if (type === "B") this.bytes[at] = BYTES[r.below(BYTES.length)];
    else if (type === "S") this.view.setUint16(at, r.next() & 1 ? 1 << r.below(16) : SHORTS[r.below(SHORTS.length)], true);
    else if (r.below(8) === 0) this.view.setUint32(at, this.view.getUint32(at, true) + r.below(5) - 2, true);
    else if (type === "U") this.view.setUint32(at, IDS[r.below(IDS.length)], true);
    else this.putEight(at, type === "L" ? LONG_HALVES : DOUBLE_HALVES);
  }

  private anyVector(shape: Shape): Vector | undefined {
    if (shape.values.length === 0) return undefined;
    const vector = shape.values[this.random.below(shape.values.length)];
    return vector.count > 0 ? vector : undefined;
  }

  private putEight(at: number, values: Uint32Array): void {
    const pick = this.random.below(values.length >> 1);
    this.view.setUint32(at, values[2 * pick], true);
    this.view.setUint32(at + 4, values[2 * pick + 1], true);
  }
}
