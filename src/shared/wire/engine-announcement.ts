// What an engine says of itself on topic `engines`.
import * as flatbuffers from "flatbuffers";
import { BatchHeader } from "../../../schemas/generated/batch-header";
import { EngineAnnouncement as EngineTable } from "../../../schemas/generated/engine-announcement";
import { SCHEMA_VERSION } from "./batch-layout";
import { checkExact } from "./checks";
import { sealTable, type TableLayout, TableMessage } from "./table-message";

export const ENGINE_ANNOUNCEMENT: TableLayout = {
  noun: "an engine's announcement",
  identifier: "PLEN",
  fields: ["text", "text", "text", "u32s"],
};

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
  return sealTable(builder, EngineTable.endEngineAnnouncement(builder), ENGINE_ANNOUNCEMENT);
}

/** @throws Error where it is not a whole announcement */
export function decodeEngine(message: Uint8Array): Required<EngineAnnouncement> {
  const table = new TableMessage(message, ENGINE_ANNOUNCEMENT);
  return {
    name: table.text(1),
    http: table.text(2),
    stream: table.text(3),
    partitions: table.u32s(4),
    firstSequence: table.firstSequence,
  };
}
