// A snapshot file:
//
//   0   "PLSNAP1\n"
//   8   u32  bytes of the header
//   12  u32  CRC-32 of the header
//   16  header: JSON, padded with blanks so that the body begins at a multiple of 64
//   …   body: the sections one after the other; the header says how long each is, and the CRC-32 of every block
//
// Every byte is covered: by the magic, by the header's checksum, or by that of its block.
import { SHARD_LAYOUT_VERSION } from "../../shared/layout/shard";
import { crc32 } from "../../shared/wire/crc32";
import { BLOCK_BYTES, type ImageSection, SECTION_NAMES, type SectionName, type ShardImage } from "./image";

const MAGIC = "PLSNAP1\n";
const PREFIX_BYTES = 16;
const ALIGN_BYTES = 64;
/** A header names some thousand blocks at most: a longer one is damaged. */
const HEADER_BYTES_MAX = 1024 * 1024;
/** Blocks checked before other work of the thread has its turn: about 2 ms. */
const BLOCKS_AT_ONCE = 4;

/** Where the outputs that a ledger has led to lie, so that they are found again. */
export interface OutputPositions {
  /** Next offsets of this partition of `alerts` and `liquidations`: all before them is in the ledger's alert numbers. */
  alerts: number;
  liquidations: number;
}

export interface SnapshotHeader {
  layoutVersion: number;
  /** Version of the program that wrote it. */
  engineVersion: string;
  engine: string;
  /** Cluster and topic: offsets mean something only there. */
  log: string;
  partition: number;
  nextOffset: number;
  outputs: OutputPositions;
  stateHash: string;
  accounts: number;
  createdMs: number;
  sections: ImageSection[];
  blocks: number[];
}

/** What is wrong with a file: damage, or that it is of another log or version. */
export class SnapshotUnusable extends Error {
  override readonly name = "SnapshotUnusable";
  constructor(
    message: string,
    /** The bytes are not those that were written. */
    readonly damaged: boolean,
  ) {
    super(message);
  }
}

const damaged = (message: string) => new SnapshotUnusable(message, true);

/** What comes before the body. */
export function encodeHeader(header: SnapshotHeader): Buffer {
  let json = JSON.stringify(header);
  const bytes = PREFIX_BYTES + Buffer.byteLength(json);
  json += " ".repeat((ALIGN_BYTES - (bytes % ALIGN_BYTES)) % ALIGN_BYTES);
  const text = Buffer.from(json);
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.write(MAGIC, 0, "latin1");
  prefix.writeUInt32LE(text.length, 8);
  prefix.writeUInt32LE(crc32(text), 12);
  return Buffer.concat([prefix, text]);
}

/** Header of an image, with what the image itself does not know. */
export function headerOf(
  image: ShardImage,
  rest: Pick<SnapshotHeader, "engine" | "engineVersion" | "log" | "outputs" | "createdMs">,
): SnapshotHeader {
  const { layoutVersion, partition, nextOffset, stateHash, accounts, sections, blocks } = image;
  return { layoutVersion, partition, nextOffset, stateHash, accounts, ...rest, sections, blocks };
}

function decodeHeader(file: Buffer): { header: SnapshotHeader; bodyAt: number } {
  if (file.length < PREFIX_BYTES || file.toString("latin1", 0, 8) !== MAGIC)
    throw damaged("it does not begin as a snapshot does");
  const bytes = file.readUInt32LE(8);
  if (bytes > HEADER_BYTES_MAX || PREFIX_BYTES + bytes > file.length) throw damaged("its header is cut off");
  const text = file.subarray(PREFIX_BYTES, PREFIX_BYTES + bytes);
  if (crc32(text) !== file.readUInt32LE(12)) throw damaged("the checksum of its header is wrong");
  return { header: JSON.parse(text.toString("utf8")) as SnapshotHeader, bodyAt: PREFIX_BYTES + bytes };
}

export interface Snapshot {
  header: SnapshotHeader;
  section(name: SectionName): Buffer;
}

/**
 * Checks a whole file and takes it apart.
 *
 * @param expected the log and partition it must be of
 * @throws SnapshotUnusable naming what is wrong
 */
export async function readSnapshot(file: Buffer, expected: { log: string; partition: number }): Promise<Snapshot> {
  const { header, bodyAt } = decodeHeader(file);
  const bodyBytes = header.sections.reduce((sum, section) => sum + section.bytes, 0);
  if (bodyAt + bodyBytes !== file.length) throw damaged(`it has ${file.length} bytes and should have ${bodyAt + bodyBytes}`);
  if (header.blocks.length !== Math.ceil(bodyBytes / BLOCK_BYTES)) throw damaged("its header does not fit its body");
  for (let block = 0; block < header.blocks.length; block++) {
    if (block % BLOCKS_AT_ONCE === BLOCKS_AT_ONCE - 1) await new Promise((resolve) => setImmediate(resolve));
    const from = bodyAt + block * BLOCK_BYTES;
    const to = Math.min(file.length, from + BLOCK_BYTES);
    if (crc32(file.subarray(from, to)) !== header.blocks[block])
      throw damaged(`the checksum of bytes ${from} to ${to - 1} is wrong`);
  }
  if (header.log !== expected.log) throw new SnapshotUnusable(`it is of the log ${header.log}`, false);
  if (header.partition !== expected.partition) throw new SnapshotUnusable(`it is of partition ${header.partition}`, false);
  if (header.layoutVersion !== SHARD_LAYOUT_VERSION)
    throw new SnapshotUnusable(
      `its layout is version ${header.layoutVersion}, that of this program ${SHARD_LAYOUT_VERSION}`,
      false,
    );
  const sections = new Map<SectionName, Buffer>();
  let at = bodyAt;
  for (const { name, bytes } of header.sections) {
    sections.set(name, file.subarray(at, at + bytes));
    at += bytes;
  }
  for (const name of SECTION_NAMES) if (!sections.has(name)) throw damaged(`it has no section ${name}`);
  return { header, section: (name) => sections.get(name) as Buffer };
}
