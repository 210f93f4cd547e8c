// Messages that are one table of texts and numbers, not a batch of structs: dead letters and engines' announcements. Rare, so the
// stock builder writes them; but FlatBuffers' JavaScript reader checks no bounds, so they are verified whole before they are read.
import type * as flatbuffers from "flatbuffers";
import { BatchHeaderAt } from "../../../schemas/generated/offsets";
import { EXACT_INTEGER_MAX } from "../limits";
import { SCHEMA_VERSION } from "./batch-layout";
import { crc32, messageChecksum } from "./crc32";

/** Vectors must be there, and may be empty; a number that is not there is 0. */
export type TableField = "text" | "bytes" | "u32s" | "i32" | "i64";

export interface TableLayout {
  /** As messages for a person name it, with its article. */
  readonly noun: string;
  /** Four ASCII letters at byte 4. */
  readonly identifier: string;
  /** In schema order, without the header, which is the first. */
  readonly fields: readonly TableField[];
}

const ELEMENT_BYTES = { text: 1, bytes: 1, u32s: 4 } as const;
const NUMBER_BYTES = { i32: 4, i64: 8 } as const;
const TABLE_AT_MIN = 8;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A message that was verified. Fields are counted as in the schema: the header is 0. */
export class TableMessage {
  readonly producerId: number;
  readonly firstSequence: number;
  private readonly view: DataView;
  private readonly texts = new Map<number, string>();
  /** Where a number, or the first element of a vector, lies; −1: a number that is not there. */
  private readonly places: number[] = [-1];
  private readonly counts: number[] = [0];

  /** @throws Error that says what is wrong with it */
  constructor(
    private readonly message: Uint8Array,
    private readonly layout: TableLayout,
  ) {
    const { length } = message;
    const view = new DataView(message.buffer, message.byteOffset, length);
    this.view = view;
    const { identifier, fields, noun } = layout;
    if (length < 8 || [...identifier].some((letter, i) => message[4 + i] !== letter.charCodeAt(0)))
      throw new Error(`not ${noun}: no ${identifier} at byte 4`);
    const table = view.getUint32(0, true);
    this.expect(table >= TABLE_AT_MIN && table % 4 === 0 && table + 4 <= length, "its table is out of reach");
    const vtable = table - view.getInt32(table, true);
    this.expect(vtable >= TABLE_AT_MIN && vtable % 2 === 0 && vtable + 4 <= length, "its vtable is out of reach");
    const vtableBytes = view.getUint16(vtable, true);
    this.expect(vtableBytes >= 4 && vtableBytes % 2 === 0 && vtable + vtableBytes <= length, "its vtable is out of reach");
    const tableBytes = view.getUint16(vtable + 2, true);
    this.expect(tableBytes >= 4 && table + tableBytes <= length, "its table is out of reach");
    /** Place of a field in the message; −1: not there. */
    const fieldAt = (index: number, bytes: number, alignment: number): number => {
      const entry = 4 + 2 * index;
      const field = entry + 2 <= vtableBytes ? view.getUint16(vtable + entry, true) : 0;
      if (field === 0) return -1;
      this.expect(field >= 4 && field + bytes <= tableBytes, `field ${index} leaves its table`);
      this.expect((table + field) % alignment === 0, `field ${index} is not aligned`);
      return table + field;
    };

    const header = fieldAt(0, BatchHeaderAt.bytes, 8);
    this.expect(header !== -1, "its header is out of reach");
    const version = view.getUint16(header + BatchHeaderAt.schemaVersion, true);
    if (version !== SCHEMA_VERSION) throw new Error(`${noun} of schema version ${version}, not ${SCHEMA_VERSION}`);
    const checksumAt = header + BatchHeaderAt.checksum;
    this.expect(view.getUint32(checksumAt, true) === messageChecksum(message, checksumAt), "its checksum is wrong");
    this.expect(view.getUint16(header + BatchHeaderAt.reserved, true) === 0, "its header's reserved bytes are not 0");
    this.producerId = this.exact(header + BatchHeaderAt.producerId, "producer id");
    this.firstSequence = this.exact(header + BatchHeaderAt.firstSequence, "first sequence");

    for (const [i, type] of fields.entries()) {
      const index = i + 1;
      if (type === "i32" || type === "i64") {
        this.places.push(fieldAt(index, NUMBER_BYTES[type], NUMBER_BYTES[type]));
        this.counts.push(1);
        continue;
      }
      const slot = fieldAt(index, 4, 4);
      this.expect(slot !== -1, `field ${index} is missing`);
      const offset = view.getUint32(slot, true);
      const vector = slot + offset;
      this.expect(offset >= 4 && vector % 4 === 0 && vector + 4 <= length, `field ${index} is out of reach`);
      const count = view.getUint32(vector, true);
      const end = vector + 4 + count * ELEMENT_BYTES[type];
      // A text has a zero behind it that its length leaves out.
      this.expect(type === "text" ? end < length && message[end] === 0 : end <= length, `field ${index} is cut off`);
      if (type === "text") this.texts.set(index, this.decoded(index, message.subarray(vector + 4, end)));
      this.places.push(vector + 4);
      this.counts.push(count);
    }
  }

  private expect(isRight: boolean, why: string): void {
    if (!isRight) throw new Error(`${this.layout.noun} that is not whole: ${why}`);
  }

  private exact(at: number, what: string): number {
    const value = this.view.getBigUint64(at, true);
    this.expect(value <= BigInt(EXACT_INTEGER_MAX), `its ${what} is ${value}`);
    return Number(value);
  }

  private decoded(index: number, bytes: Uint8Array): string {
    try {
      return UTF8.decode(bytes);
    } catch {
      throw new Error(`${this.layout.noun} that is not whole: field ${index} is no text`);
    }
  }

  text(index: number): string {
    return this.texts.get(index) as string;
  }

  /** A copy. */
  bytes(index: number): Uint8Array {
    const from = this.places[index];
    return Uint8Array.from(this.message.subarray(from, from + this.counts[index]));
  }

  u32s(index: number): number[] {
    const from = this.places[index];
    return Array.from({ length: this.counts[index] }, (_, i) => this.view.getUint32(from + 4 * i, true));
  }

  i32(index: number): number {
    const at = this.places[index];
    return at === -1 ? 0 : this.view.getInt32(at, true);
  }

  i64(index: number): bigint {
    const at = this.places[index];
    return at === -1 ? 0n : this.view.getBigInt64(at, true);
  }
}

/** What the builder holds as a message of this layout, with its checksum. */
export function sealTable(builder: flatbuffers.Builder, table: flatbuffers.Offset, { identifier }: TableLayout): Buffer {
  builder.finish(table, identifier);
  const message = Buffer.from(builder.asUint8Array());
  const tableAt = message.readUInt32LE(0);
  const vtable = tableAt - message.readInt32LE(tableAt);
  const header = tableAt + message.readUInt16LE(vtable + 4);
  message.writeUInt32LE(crc32(message), header + BatchHeaderAt.checksum);
  return message;
}
