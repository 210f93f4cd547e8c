// Lays a batch out as one FlatBuffer, without the FlatBuffers builder: the structs are already in wire form in their columns, and
// what stands around them is the same for every message of a family.
//
//   0 root offset | 4 identifier | 8 vtable | table: vtable offset, vector offsets, BatchHeader | vectors
//
// The BatchHeader and the elements of every vector begin at a multiple of 8 from the start of the message. docs/wire.md draws it.
import { BatchHeaderAt } from "../../../schemas/generated/offsets";
import { EVENTS_PER_BATCH_MAX, EXACT_INTEGER_MAX } from "../limits";
import { type BatchLayout, SCHEMA_VERSION } from "./batch-layout";
import { checkExact } from "./checks";
import { crc32 } from "./crc32";
import { StructColumn } from "./struct-column";

/** Zeros to a multiple of 8, then the vector's length: what stands before its elements. */
const VECTOR_PREFIX_BYTES = 8;

export abstract class BatchWriter {
  protected readonly columns: readonly StructColumn[];
  private readonly layout: BatchLayout;
  private readonly producerId: number;
  private firstSequence: number;
  private total = 0;

  /**
   * @param producerId    0 … 2^53 − 1, unique among the producers of a topic
   * @param firstSequence the producer's count of events before this batch; each finish() moves it on
   */
  constructor(layout: BatchLayout, producerId: number, firstSequence: number) {
    checkExact("producerId", producerId, 0);
    checkExact("firstSequence", firstSequence, 0);
    this.layout = layout;
    this.columns = layout.vectors.map((vector) => new StructColumn(vector.structBytes));
    this.producerId = producerId;
    this.firstSequence = firstSequence;
  }

  /** Events in the batch so far, all vectors together. */
  get count(): number {
    return this.total;
  }

  /** No event fits any more: finish(). */
  get isFull(): boolean {
    return this.total >= EVENTS_PER_BATCH_MAX;
  }

  /** The producer's count of events before the batch at hand. */
  get nextSequence(): number {
    return this.firstSequence;
  }

  /** Size of the message that finish() would return. */
  get bytes(): number {
    let bytes = this.layout.headBytes;
    for (const column of this.columns)
      if (column.count > 0 || this.layout.vectorsRequired) bytes += VECTOR_PREFIX_BYTES + column.count * column.structBytes;
    return bytes;
  }

  /**
   * The message, in memory of its own. The writer is empty afterwards, and its sequence goes on.
   * A batch without events is a valid message.
   */
  finish(): Buffer {
    const { layout, columns } = this;
    if (this.firstSequence + this.total > EXACT_INTEGER_MAX)
      throw new RangeError("firstSequence has come to its end at 2^53 - 1");
    const message = Buffer.allocUnsafe(this.bytes);
    message.fill(0, 0, layout.headBytes);
    message.writeUInt32LE(layout.tableAt, 0);
    message.writeUInt32LE(layout.identifierWord, 4);
    const vtableAt = 8;
    message.writeUInt16LE(4 + 2 * (columns.length + 1), vtableAt);
    message.writeUInt16LE(layout.headBytes - layout.tableAt, vtableAt + 2);
    message.writeUInt16LE(layout.headerAt - layout.tableAt, vtableAt + 4);
    message.writeInt32LE(layout.tableAt - vtableAt, layout.tableAt);

    let at = layout.headBytes;
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i];
      if (column.count === 0 && !layout.vectorsRequired) continue;
      const slotAt = layout.tableAt + 4 + 4 * i;
      message.writeUInt16LE(slotAt - layout.tableAt, vtableAt + 6 + 2 * i);
      message.writeUInt32LE(at + 4 - slotAt, slotAt);
      message.writeUInt32LE(0, at);
      message.writeUInt32LE(column.count, at + 4);
      const bytes = column.count * column.structBytes;
      message.set(column.u8.subarray(0, bytes), at + VECTOR_PREFIX_BYTES);
      at += VECTOR_PREFIX_BYTES + bytes;
    }

    const header = layout.headerAt;
    message.writeUInt16LE(SCHEMA_VERSION, header + BatchHeaderAt.schemaVersion);
    writeExact(message, header + BatchHeaderAt.producerId, this.producerId);
    writeExact(message, header + BatchHeaderAt.firstSequence, this.firstSequence);
    message.writeUInt32LE(crc32(message), header + BatchHeaderAt.checksum);

    this.firstSequence += this.total;
    this.reset();
    return message;
  }

  /** Drops the events of the batch at hand. */
  reset(): void {
    this.total = 0;
    for (const column of this.columns) column.clear();
  }

  /** Adds a struct of zeros to a column. @returns its first word */
  protected add(column: StructColumn): number {
    if (this.total >= EVENTS_PER_BATCH_MAX)
      throw new RangeError(`count must stay within ${EVENTS_PER_BATCH_MAX} events a batch: finish() it first`);
    this.total += 1;
    return column.add();
  }
}

function writeExact(message: Buffer, at: number, value: number): void {
  const high = Math.floor(value / 4294967296);
  message.writeUInt32LE(value - high * 4294967296, at);
  message.writeUInt32LE(high, at + 4);
}
