// A spill file, byte by byte. Little-endian; docs/store.md draws the same.
//
//   file    "PLIMSPIL" | u32 version | u32 zero | records
//   record  u32 mark "RECD" | u32 body bytes | u32 CRC-32 of the body | u32 CRC-32 of the 12 bytes before it | body
//   body    u16 table code | u16 fields a row | u32 rows | f64 tick | u16 bytes of the log's name | name | COPY rows
//
// A record is used only if both checksums hold. The head has its own, so that a broken length is not followed.
import { crc32 } from "../../shared/wire/crc32";
import { measureRows } from "../copy/row-reader";
import type { Batch } from "../database";
import { RECORD_BYTES_MAX } from "../limits";
import { tableByCode } from "../tables";

export const FILE_HEAD = Buffer.concat([Buffer.from("PLIMSPIL", "latin1"), Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])]);
const MARK = 0x44434552; // "RECD"
export const RECORD_HEAD_BYTES = 16;
const BODY_HEAD_BYTES = 18;

/** A batch with its rows as they go to the server. */
export interface LoadedBatch extends Batch {
  readonly payload: Buffer;
}

export function encodeRecord(batch: LoadedBatch): Buffer {
  const name = Buffer.from(batch.logName, "utf8");
  const bodyBytes = BODY_HEAD_BYTES + name.length + batch.payload.length;
  const record = Buffer.allocUnsafe(RECORD_HEAD_BYTES + bodyBytes);
  const body = record.subarray(RECORD_HEAD_BYTES);
  body.writeUInt16LE(batch.table.code, 0);
  body.writeUInt16LE(batch.fields, 2);
  body.writeUInt32LE(batch.rows, 4);
  body.writeDoubleLE(batch.tick, 8);
  body.writeUInt16LE(name.length, 16);
  name.copy(body, BODY_HEAD_BYTES);
  batch.payload.copy(body, BODY_HEAD_BYTES + name.length);
  record.writeUInt32LE(MARK, 0);
  record.writeUInt32LE(bodyBytes, 4);
  record.writeUInt32LE(crc32(body), 8);
  record.writeUInt32LE(crc32(record.subarray(0, 12)), 12);
  return record;
}

/**
 * The record at `at`, or null where there is none that holds: cut short, damaged, or rows of a table nobody knows.
 * The payload is a view of `bytes`.
 */
export function decodeRecord(bytes: Buffer, at: number): { batch: LoadedBatch; bytes: number } | null {
  if (at + RECORD_HEAD_BYTES > bytes.length) return null;
  if (bytes.readUInt32LE(at) !== MARK || bytes.readUInt32LE(at + 12) !== crc32(bytes.subarray(at, at + 12))) return null;
  const bodyBytes = bytes.readUInt32LE(at + 4);
  const end = at + RECORD_HEAD_BYTES + bodyBytes;
  if (bodyBytes < BODY_HEAD_BYTES || bodyBytes > RECORD_BYTES_MAX || end > bytes.length) return null;
  const body = bytes.subarray(at + RECORD_HEAD_BYTES, end);
  if (crc32(body) !== bytes.readUInt32LE(at + 8)) return null;
  const table = tableByCode(body.readUInt16LE(0));
  const fields = body.readUInt16LE(2);
  const rows = body.readUInt32LE(4);
  const payloadAt = BODY_HEAD_BYTES + body.readUInt16LE(16);
  if (table === undefined || fields > table.columns.length || payloadAt > body.length) return null;
  const payload = body.subarray(payloadAt);
  try {
    const measured = measureRows(payload);
    if (measured.rows !== rows || (rows > 0 && measured.fields !== fields)) return null;
  } catch {
    return null;
  }
  const logName = body.toString("utf8", BODY_HEAD_BYTES, payloadAt);
  return { batch: { table, fields, rows, tick: body.readDoubleLE(8), logName, payload }, bytes: end - at };
}

/** Whether a record at `at` is all there by its own head, whatever its body holds: then it was damaged, not cut short. */
export function isWholeInLength(bytes: Buffer, at: number): boolean {
  if (at + RECORD_HEAD_BYTES > bytes.length || bytes.readUInt32LE(at + 12) !== crc32(bytes.subarray(at, at + 12))) return false;
  return at + RECORD_HEAD_BYTES + bytes.readUInt32LE(at + 4) <= bytes.length;
}

/** Where the next record's mark stands at or after `from`; −1 where there is none. */
export function findMark(bytes: Buffer, from: number): number {
  return bytes.indexOf("RECD", from, "latin1");
}
