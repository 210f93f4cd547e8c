// CRC-32 with the polynomial of zlib, Ethernet and PNG (reflected 0xedb88320, start and end inverted), as docs/wire.md defines the
// checksum of a message. Node has a vectorised one from 20.15 on; the table below stands in where it is absent.
import * as zlib from "node:zlib";

const native = (zlib as { crc32?: (data: Uint8Array, start?: number) => number }).crc32;

// tables[k][b]: the remainder of byte b followed by k zero bytes, so that eight bytes go in one step.
function buildTables(): Uint32Array {
  const tables = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) remainder = (remainder & 1) === 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
    tables[byte] = remainder;
  }
  for (let k = 1; k < 8; k++)
    for (let byte = 0; byte < 256; byte++) {
      const before = tables[(k - 1) * 256 + byte];
      tables[k * 256 + byte] = (before >>> 8) ^ tables[before & 255];
    }
  return tables;
}

let tables: Uint32Array | undefined;

/** The same function without zlib, eight bytes a step. Exported for its test. */
export function crc32ByTable(bytes: Uint8Array): number {
  tables ??= buildTables();
  const t = tables;
  const end = bytes.length;
  let crc = 0xffffffff;
  let at = 0;
  for (; at + 8 <= end; at += 8) {
    crc ^= bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    crc =
      t[1792 + (crc & 255)] ^
      t[1536 + ((crc >>> 8) & 255)] ^
      t[1280 + ((crc >>> 16) & 255)] ^
      t[1024 + (crc >>> 24)] ^
      t[768 + bytes[at + 4]] ^
      t[512 + bytes[at + 5]] ^
      t[256 + bytes[at + 6]] ^
      t[bytes[at + 7]];
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ t[(crc ^ bytes[at]) & 255];
  return (crc ^ 0xffffffff) >>> 0;
}

/** CRC-32 of all bytes, 0 … 2^32 − 1. */
export const crc32: (bytes: Uint8Array) => number = native ? (bytes) => native(bytes) : crc32ByTable;

/**
 * Checksum of a message: CRC-32 over all of it with the four bytes of the checksum itself taken as zero.
 *
 * Those bytes are set to zero for the length of the call and put back, which spares a copy of the message or two views of it; so
 * the memory must be writable, and no other thread may read it meanwhile.
 *
 * @param checksumAt byte offset of the checksum, checksumAt + 4 ≤ message.length
 */
export function messageChecksum(message: Uint8Array, checksumAt: number): number {
  const b0 = message[checksumAt];
  const b1 = message[checksumAt + 1];
  const b2 = message[checksumAt + 2];
  const b3 = message[checksumAt + 3];
  message[checksumAt] = 0;
  message[checksumAt + 1] = 0;
  message[checksumAt + 2] = 0;
  message[checksumAt + 3] = 0;
  const checksum = crc32(message);
  message[checksumAt] = b0;
  message[checksumAt + 1] = b1;
  message[checksumAt + 2] = b2;
  message[checksumAt + 3] = b3;
  return checksum;
}
