// Rows in PostgreSQL's binary COPY format: a row is encoded once, and the same bytes wait in the queue, lie in the spill
// file and go to the server. See https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4
//
//   row   i16 field count | fields
//   field i32 byte count, −1 for null | bytes, big-endian
//
// A 64-bit integer of a fill goes from shared memory to the row as two halves: exact, and without a BigInt.

const TWO_32 = 4294967296;
/** µs from 1970-01-01 to 2000-01-01, where PostgreSQL's clock begins. */
export const POSTGRES_EPOCH_US = 946_684_800_000_000;
/** Room asked for before a row: any row without long texts fits. */
const ROW_ROOM_BYTES = 1024;

export class RowWriter {
  private bytes: Buffer;
  private view: DataView;
  private at = 0;
  private rowAt = 0;
  private fieldsLeft = 0;
  private count = 0;

  constructor(initialBytes = 16 * 1024) {
    this.bytes = Buffer.allocUnsafeSlow(initialBytes);
    this.view = new DataView(this.bytes.buffer);
  }

  get rows(): number {
    return this.count;
  }

  get byteLength(): number {
    return this.at;
  }

  /** Begins a row of `fields` fields. */
  begin(fields: number): void {
    this.ensure(ROW_ROOM_BYTES);
    this.rowAt = this.at;
    this.fieldsLeft = fields;
    this.view.setInt16(this.at, fields);
    this.at += 2;
  }

  /** @throws RangeError where the row has not as many fields as it began with: a mistake of the program */
  end(): void {
    if (this.fieldsLeft !== 0) {
      const missing = this.fieldsLeft;
      this.abandon();
      throw new RangeError(`row ended with ${missing} fields to go`);
    }
    this.count++;
  }

  /** Forgets the row that was begun. */
  abandon(): void {
    this.at = this.rowAt;
    this.fieldsLeft = 0;
  }

  /** The rows so far; the writer is empty afterwards and owns new memory. */
  take(): Buffer {
    const rows = this.bytes.subarray(0, this.at);
    this.bytes = Buffer.allocUnsafeSlow(Math.max(1024, this.at));
    this.view = new DataView(this.bytes.buffer);
    this.at = this.rowAt = this.count = 0;
    return rows;
  }

  null(): void {
    this.field(-1);
  }

  bool(value: boolean): void {
    const at = this.field(1);
    this.view.setUint8(at, value ? 1 : 0);
  }

  int2(value: number): void {
    this.view.setInt16(this.field(2), value);
  }

  int4(value: number): void {
    this.view.setInt32(this.field(4), value);
  }

  /** @param value a whole number, |value| ≤ 2^53 − 1 */
  int8(value: number): void {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not an exact integer`);
    this.int64(this.field(8), value);
  }

  /** The two halves of an i64. */
  int8Halves(low: number, high: number): void {
    const at = this.field(8);
    this.view.setInt32(at, high);
    this.view.setInt32(at + 4, low);
  }

  /** null, NaN and infinities become null: what does not exist is null, and no non-finite number leaves. */
  float8(value: number | null): void {
    if (value === null || !Number.isFinite(value)) this.field(-1);
    else this.view.setFloat64(this.field(8), value);
  }

  /** timestamptz of ms since 1970, rounded to the nearest µs. */
  timeMs(timeMs: number | null): void {
    if (timeMs === null) this.field(-1);
    else this.int64(this.field(8), Math.round(timeMs * 1000) - POSTGRES_EPOCH_US);
  }

  /** timestamptz of ns since 1970 given as the halves of an i64, rounded down to µs. */
  timeNs(low: number, high: number): void {
    // 2^32 = 4294967·1000 + 296: the quotient by 1000 without a product beyond 2^53.
    const us = high * 4294967 + Math.floor((high * 296 + (low >>> 0)) / 1000);
    this.int64(this.field(8), us - POSTGRES_EPOCH_US);
  }

  text(value: string | null): void {
    if (value === null) {
      this.field(-1);
      return;
    }
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    this.ensure(4 + value.length * 3 + ROW_ROOM_BYTES);
    const at = this.field(0);
    const length = this.bytes.write(value, at, "utf8");
    this.view.setInt32(at - 4, length);
    this.at += length;
  }

  /** jsonb: a version byte before the text. */
  jsonb(text: string): void {
    this.ensure(5 + text.length * 3 + ROW_ROOM_BYTES);
    const at = this.field(1);
    this.view.setUint8(at, 1);
    const length = this.bytes.write(text, at + 1, "utf8");
    this.view.setInt32(at - 4, length + 1);
    this.at += length;
  }

  // Writes a field's length and returns where its bytes begin.
  private field(length: number): number {
    if (this.fieldsLeft === 0) throw new RangeError("more fields than the row began with");
    this.fieldsLeft--;
    this.view.setInt32(this.at, length);
    const begin = this.at + 4;
    this.at = begin + Math.max(length, 0);
    return begin;
  }

  private int64(at: number, value: number): void {
    const high = Math.floor(value / TWO_32);
    this.view.setInt32(at, high);
    this.view.setUint32(at + 4, value - high * TWO_32);
  }

  private ensure(room: number): void {
    if (this.at + room <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.at + room));
    this.bytes.copy(grown, 0, 0, this.at);
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }
}
