// Dead letters: one refused message, byte for byte, with where it came from and why it was refused.
import * as flatbuffers from "flatbuffers";
import { BatchHeader } from "../../../schemas/generated/batch-header";
import { DeadLetter as DeadLetterTable } from "../../../schemas/generated/dead-letter";
import { SCHEMA_VERSION } from "./batch-layout";
import { checkExact, checkInteger } from "./checks";
import { sealTable, type TableLayout, TableMessage } from "./table-message";

/** A dead letter is one table, not a batch; it has an identifier of its own. */
export const DEAD_LETTER: TableLayout = {
  noun: "a dead letter",
  identifier: "PLDL",
  fields: ["text", "i32", "i64", "text", "text", "i64", "bytes"],
};

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
  checkPlace(letter);

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
  return sealTable(builder, DeadLetterTable.endDeadLetter(builder), DEAD_LETTER);
}

function checkPlace({ partition, offset, timestampNs }: Pick<DeadLetter, "partition" | "offset" | "timestampNs">): void {
  checkInteger("partition", partition, 0, 0x7fffffff);
  checkExact("offset", offset, 0);
  if (typeof timestampNs === "number") checkExact("timestampNs", timestampNs, 0);
  else if (timestampNs < 0n || timestampNs >= 2n ** 63n)
    throw new RangeError(`timestampNs must be 0 to 2^63 − 1; it is ${timestampNs}`);
}

/**
 * Reads a dead letter. The payload is a copy.
 *
 * @throws Error where it is not a whole dead letter, or says what cannot be
 */
export function decodeDeadLetter(message: Uint8Array): Required<DeadLetter> & { timestampNs: bigint } {
  const table = new TableMessage(message, DEAD_LETTER);
  const letter = {
    topic: table.text(1),
    partition: table.i32(2),
    offset: Number(table.i64(3)),
    code: table.text(4),
    reason: table.text(5),
    timestampNs: table.i64(6),
    payload: table.bytes(7),
    producerId: table.producerId,
    firstSequence: table.firstSequence,
  };
  checkPlace(letter);
  return letter;
}
