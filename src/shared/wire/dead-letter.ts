// Dead letters: one refused message, byte for byte, with where it came from and why it was refused. Rare by nature, so the stock
// builder and accessors do; what a dead letter is decoded with checks identifier and checksum first.
import * as flatbuffers from "flatbuffers";
import { BatchHeader } from "../../../schemas/generated/batch-header";
import { DeadLetter as DeadLetterTable } from "../../../schemas/generated/dead-letter";
import { BatchHeaderAt } from "../../../schemas/generated/offsets";
import { DEAD_LETTER_IDENTIFIER, SCHEMA_VERSION } from "./batch-layout";
import { checkExact, checkInteger } from "./checks";
import { crc32, messageChecksum } from "./crc32";

export interface DeadLetter {
  topic: string;
  partition: number;
  offset: number;
  /** As in docs/operations.md, such as "bad-checksum". */
  code: string;
  reason: string;
  /** Kafka's timestamp of the message, ns since the epoch; 0 where it had none. A number must be an exact integer. */
  timestampNs: number | bigint;
  /** The message as it came. */
  payload: Uint8Array;
  /** Default 0. */
  producerId?: number;
  /** Dead letters this producer wrote before. Default 0. */
  firstSequence?: number;
}

/** @throws RangeError that names the field */
export function encodeDeadLetter(letter: DeadLetter): Buffer {
  const { producerId = 0, firstSequence = 0 } = letter;
  checkExact("producerId", producerId, 0);
  checkExact("firstSequence", firstSequence, 0);
  checkInteger("partition", letter.partition, 0, 0x7fffffff);
  checkExact("offset", letter.offset, 0);
  if (typeof letter.timestampNs === "number") checkExact("timestampNs", letter.timestampNs, 0);

  const builder = new flatbuffers.Builder(letter.payload.length + 512);
  const payload = builder.createByteVector(letter.payload);
  const reason = builder.createString(letter.reason);
  const code = builder.createString(letter.code);
  const topic = builder.createString(letter.topic);
  DeadLetterTable.startDeadLetter(builder);
  const header = BatchHeader.createBatchHeader(builder, SCHEMA_VERSION, 0, 0, BigInt(producerId), BigInt(firstSequence));
  DeadLetterTable.addHeader(builder, header);
  DeadLetterTable.addTopic(builder, topic);
  DeadLetterTable.addPartition(builder, letter.partition);
  DeadLetterTable.addOffset(builder, BigInt(letter.offset));
  DeadLetterTable.addCode(builder, code);
  DeadLetterTable.addReason(builder, reason);
  DeadLetterTable.addTimestampNs(builder, BigInt(letter.timestampNs));
  DeadLetterTable.addPayload(builder, payload);
  builder.finish(DeadLetterTable.endDeadLetter(builder), DEAD_LETTER_IDENTIFIER);
  const message = Buffer.from(builder.asUint8Array());
  message.writeUInt32LE(crc32(message), checksumAt(message));
  return message;
}

/**
 * Reads a dead letter. The payload is a copy.
 *
 * @throws Error where the identifier, the schema version or the checksum is wrong: it is not a whole dead letter
 */
export function decodeDeadLetter(message: Uint8Array): Required<DeadLetter> & { timestampNs: bigint } {
  const table = openDeadLetter(message);
  const header = table.header() as BatchHeader;
  return {
    topic: table.topic(),
    partition: table.partition(),
    offset: Number(table.offset()),
    code: table.code(),
    reason: table.reason(),
    timestampNs: table.timestampNs(),
    payload: table.payloadArray().slice(),
    producerId: Number(header.producerId()),
    firstSequence: Number(header.firstSequence()),
  };
}

function openDeadLetter(message: Uint8Array): DeadLetterTable {
  const buffer = new flatbuffers.ByteBuffer(message);
  if (message.length < 8 || !buffer.__has_identifier(DEAD_LETTER_IDENTIFIER))
    throw new Error("not a dead letter: no PLDL at byte 4");
  let at: number;
  try {
    at = checksumAt(message);
  } catch {
    throw new Error("not a whole dead letter: its header is out of reach");
  }
  if (!(at >= 12 && at + 4 <= message.length)) throw new Error("not a whole dead letter: its header is out of reach");
  const version = message[at - 4] | (message[at - 3] << 8);
  if (version !== SCHEMA_VERSION) throw new Error(`a dead letter of schema version ${version}, not ${SCHEMA_VERSION}`);
  const stored = (message[at] | (message[at + 1] << 8) | (message[at + 2] << 16) | (message[at + 3] << 24)) >>> 0;
  if (stored !== messageChecksum(message, at)) throw new Error("not a whole dead letter: its checksum is wrong");
  return DeadLetterTable.getRootAsDeadLetter(buffer);
}

function checksumAt(message: Uint8Array): number {
  const header = DeadLetterTable.getRootAsDeadLetter(new flatbuffers.ByteBuffer(message)).header();
  if (header === null) throw new Error("no header");
  return header.bb_pos + BatchHeaderAt.checksum;
}
