// What an engine says of itself on topic `engines`. Rare, so the stock builder and accessors do; what is read is checked for
// identifier, version and checksum first, as dead letters are.
import * as flatbuffers from "flatbuffers";
import { BatchHeader } from "../../../schemas/generated/batch-header";
import { EngineAnnouncement as EngineTable } from "../../../schemas/generated/engine-announcement";
import { BatchHeaderAt } from "../../../schemas/generated/offsets";
import { ENGINE_IDENTIFIER, SCHEMA_VERSION } from "./batch-layout";
import { checkExact } from "./checks";
import { crc32, messageChecksum } from "./crc32";

export interface EngineAnnouncement {
  name: string;
  /** URLs where it is asked. */
  http: string;
  stream: string;
  /** Of `accounts`. */
  partitions: number[];
  /** How many announcements it made before in this life. Default 0. */
  firstSequence?: number;
}

/** @throws RangeError that names the field */
export function encodeEngine(engine: EngineAnnouncement): Buffer {
  const { firstSequence = 0 } = engine;
  checkExact("firstSequence", firstSequence, 0);
  const builder = new flatbuffers.Builder(512);
  const partitions = EngineTable.createPartitionsVector(builder, engine.partitions);
  const stream = builder.createString(engine.stream);
  const http = builder.createString(engine.http);
  const name = builder.createString(engine.name);
  EngineTable.startEngineAnnouncement(builder);
  EngineTable.addHeader(builder, BatchHeader.createBatchHeader(builder, SCHEMA_VERSION, 0, 0, 0n, BigInt(firstSequence)));
  EngineTable.addName(builder, name);
  EngineTable.addHttp(builder, http);
  EngineTable.addStream(builder, stream);
  EngineTable.addPartitions(builder, partitions);
  builder.finish(EngineTable.endEngineAnnouncement(builder), ENGINE_IDENTIFIER);
  const message = Buffer.from(builder.asUint8Array());
  message.writeUInt32LE(crc32(message), checksumAt(message));
  return message;
}

/** @throws Error where identifier, schema version or checksum is wrong */
export function decodeEngine(message: Uint8Array): Required<EngineAnnouncement> {
  const buffer = new flatbuffers.ByteBuffer(message);
  if (message.length < 8 || !buffer.__has_identifier(ENGINE_IDENTIFIER))
    throw new Error("not an engine's announcement: no PLEN at byte 4");
  let at = 0;
  try {
    at = checksumAt(message);
  } catch {
    // Said below.
  }
  if (!(at >= 12 && at + 4 <= message.length)) throw new Error("not a whole announcement: its header is out of reach");
  const version = message[at - 4] | (message[at - 3] << 8);
  if (version !== SCHEMA_VERSION) throw new Error(`an announcement of schema version ${version}, not ${SCHEMA_VERSION}`);
  const stored = (message[at] | (message[at + 1] << 8) | (message[at + 2] << 16) | (message[at + 3] << 24)) >>> 0;
  if (stored !== messageChecksum(message, at)) throw new Error("not a whole announcement: its checksum is wrong");
  const table = EngineTable.getRootAsEngineAnnouncement(buffer);
  return {
    name: table.name() as string,
    http: table.http() as string,
    stream: table.stream() as string,
    partitions: [...(table.partitionsArray() as Uint32Array)],
    firstSequence: Number((table.header() as BatchHeader).firstSequence()),
  };
}

function checksumAt(message: Uint8Array): number {
  const header = EngineTable.getRootAsEngineAnnouncement(new flatbuffers.ByteBuffer(message)).header();
  if (header === null) throw new Error("no header");
  return header.bb_pos + BatchHeaderAt.checksum;
}
