// Verifies that bytes are a whole message of a family before one field of it is read. FlatBuffers' JavaScript reader checks no
// bounds: a truncated message reads as plausible zeros. Runs on the ingest thread, for every message: no allocation, no exception.
//
// Any FlatBuffer that says the same is accepted, whichever builder wrote it and wherever that put things; so are fields that a newer
// schema added after the known ones. Not checked, because it cannot do harm: that parts do not overlap, and what lies in padding
// (the checksum covers it).
import { BatchHeaderAt } from "../../../schemas/generated/offsets";
import { EVENTS_PER_BATCH_MAX, MESSAGE_BYTES_MAX } from "../../shared/limits";
import {
  ACCOUNT_BATCH,
  ALERT_BATCH,
  type BatchLayout,
  MARKET_BATCH,
  REFERENCE_BATCH,
  SCHEMA_VERSION,
} from "../../shared/wire/batch-layout";
import { messageChecksum } from "../../shared/wire/crc32";
import { VerifyCode } from "./codes";
import type { VerifiedBatch } from "./verified-batch";

/** Root offset, identifier, an empty vtable, the table's offset to it, and the header. */
export const MESSAGE_BYTES_MIN = 4 + 4 + 4 + 4 + BatchHeaderAt.bytes;
const TABLE_AT_MIN = 8;
const TWO_32 = 4294967296;
/** High half of 2^53 − 1. */
const EXACT_HIGH_MAX = 0x1fffff;

/**
 * Each takes one Kafka value (null: a tombstone, which is too short) and says what is wrong with it, or Ok; then `out` holds the
 * header and where the structs lie, and reading any of them stays inside the message. What the structs say is checked separately
 * (check*). Otherwise `out` is empty.
 *
 * The payload's checksum is set to zero and put back meanwhile: no other thread may read it.
 */
export function verifyAccounts(payload: Uint8Array | null, out: VerifiedBatch): VerifyCode {
  return verifyBatch(payload, ACCOUNT_BATCH, out);
}

export function verifyMarket(payload: Uint8Array | null, out: VerifiedBatch): VerifyCode {
  return verifyBatch(payload, MARKET_BATCH, out);
}

export function verifyReference(payload: Uint8Array | null, out: VerifiedBatch): VerifyCode {
  return verifyBatch(payload, REFERENCE_BATCH, out);
}

export function verifyAlerts(payload: Uint8Array | null, out: VerifiedBatch): VerifyCode {
  return verifyBatch(payload, ALERT_BATCH, out);
}

function verifyBatch(payload: Uint8Array | null, layout: BatchLayout, out: VerifiedBatch): VerifyCode {
  out.clear();
  if (payload === null || payload.length < MESSAGE_BYTES_MIN) return VerifyCode.TooShort;
  if (payload.length > MESSAGE_BYTES_MAX) return VerifyCode.TooLong;
  const code = verifyStructure(payload, layout, out);
  if (code !== VerifyCode.Ok) out.clear();
  return code;
}

// Offsets are added as float64 numbers, of which none exceeds 2^33: they cannot wrap round.
function verifyStructure(bytes: Uint8Array, layout: BatchLayout, out: VerifiedBatch): VerifyCode {
  const length = bytes.length;
  if (u32(bytes, 4) !== layout.identifierWord) return VerifyCode.BadIdentifier;

  const table = u32(bytes, 0);
  if (table < TABLE_AT_MIN || table % 4 !== 0 || table + 4 > length) return VerifyCode.BadRoot;
  const vtable = table - i32(bytes, table);
  if (vtable < TABLE_AT_MIN || vtable % 2 !== 0 || vtable + 4 > length) return VerifyCode.BadVtable;
  const vtableBytes = u16(bytes, vtable);
  if (vtableBytes < 4 || vtableBytes % 2 !== 0 || vtable + vtableBytes > length) return VerifyCode.BadVtable;
  const tableBytes = u16(bytes, vtable + 2);
  if (tableBytes < 4 || table + tableBytes > length) return VerifyCode.BadTable;

  // The header first, since it holds the checksum: if that is right and something further on is not, the producer is to blame.
  const headerField = fieldAt(bytes, vtable, vtableBytes, 0);
  if (headerField === 0) return VerifyCode.MissingField;
  if (headerField < 4 || headerField + BatchHeaderAt.bytes > tableBytes) return VerifyCode.BadTable;
  const header = table + headerField;
  if (header % 8 !== 0) return VerifyCode.Unaligned;
  const schemaVersion = u16(bytes, header + BatchHeaderAt.schemaVersion);
  if (schemaVersion !== SCHEMA_VERSION) return VerifyCode.BadSchemaVersion;
  if (u32(bytes, header + BatchHeaderAt.checksum) !== messageChecksum(bytes, header + BatchHeaderAt.checksum))
    return VerifyCode.BadChecksum;
  const producerHigh = u32(bytes, header + BatchHeaderAt.producerId + 4);
  const sequenceHigh = u32(bytes, header + BatchHeaderAt.firstSequence + 4);
  if (u16(bytes, header + BatchHeaderAt.reserved) !== 0 || producerHigh > EXACT_HIGH_MAX || sequenceHigh > EXACT_HIGH_MAX)
    return VerifyCode.BadHeader;

  const vectors = layout.vectors;
  let eventCount = 0;
  for (let i = 0; i < vectors.length; i++) {
    const field = fieldAt(bytes, vtable, vtableBytes, i + 1);
    if (field === 0) {
      if (layout.vectorsRequired) return VerifyCode.MissingField;
      continue;
    }
    if (field < 4 || field + 4 > tableBytes) return VerifyCode.BadTable;
    const slot = table + field;
    if (slot % 4 !== 0) return VerifyCode.Unaligned;
    const offset = u32(bytes, slot);
    const vector = slot + offset;
    if (offset < 4 || vector + 4 > length) return VerifyCode.BadVector;
    if (vector % 4 !== 0) return VerifyCode.Unaligned;
    const count = u32(bytes, vector);
    // An empty vector has nothing to align.
    if (count === 0) continue;
    const start = vector + 4;
    if (start % 8 !== 0) return VerifyCode.Unaligned;
    if (start + count * vectors[i].structBytes > length) return VerifyCode.VectorOutOfBounds;
    eventCount += count;
    if (eventCount > EVENTS_PER_BATCH_MAX) return VerifyCode.TooManyEvents;
    out.offsets[i] = start;
    out.counts[i] = count;
  }

  out.schemaVersion = schemaVersion;
  out.producerId = producerHigh * TWO_32 + u32(bytes, header + BatchHeaderAt.producerId);
  out.firstSequence = sequenceHigh * TWO_32 + u32(bytes, header + BatchHeaderAt.firstSequence);
  out.eventCount = eventCount;
  return VerifyCode.Ok;
}

/** Where table field `index` lies from the start of the table; 0: absent. A vtable shorter than that leaves it out. */
function fieldAt(bytes: Uint8Array, vtable: number, vtableBytes: number, index: number): number {
  const entry = 4 + 2 * index;
  return entry + 2 <= vtableBytes ? u16(bytes, vtable + entry) : 0;
}

function u16(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8);
}

function i32(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

function u32(bytes: Uint8Array, at: number): number {
  return i32(bytes, at) >>> 0;
}
