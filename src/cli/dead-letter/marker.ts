// The mark that a redrive leaves: a record of its own in the dead-letter topic, under the key of its letter. It is a DeadLetter
// too, so that whoever reads the topic can read it: the letter's topic, partition and offset, code `redriven`, the time of the
// redrive, an empty payload, and a reason that says where the message was written again and which bytes it had. The bytes belong
// to it because offsets begin anew when a topic is deleted and made again: a mark must not hide another message's letter.
import { type decodeDeadLetter, encodeDeadLetter } from "../../shared/wire/encode";
import type { Place } from "./place";
import { placeText } from "./place";

export const REDRIVEN = "redriven";
/** Kafka header of a message that was written again: the place of its letter. */
export const REDRIVE_HEADER = "plimsoll-redrive-of";

/** Which bytes a letter holds. */
export interface Bytes {
  sizeBytes: number;
  crc32: number;
}

export interface Marker extends Bytes {
  /** The letter. */
  of: Place;
  /** Where its message stands now. */
  to: Place;
  atMs: number;
}

const REASON = /^written again as ([^/]+)\/(\d+)\/(\d+): (\d+) bytes, crc32 ([0-9a-f]{8})$/;

export function encodeMarker({ of, to, atMs, sizeBytes, crc32 }: Marker): Buffer {
  const sum = crc32.toString(16).padStart(8, "0");
  return encodeDeadLetter({
    ...of,
    code: REDRIVEN,
    reason: `written again as ${placeText(to)}: ${sizeBytes} bytes, crc32 ${sum}`,
    timestampNs: BigInt(Math.round(atMs)) * 1_000_000n,
    payload: new Uint8Array(0),
  });
}

/**
 * @param record a dead letter whose code is `redriven`
 * @throws Error where its reason does not read as encodeMarker writes it
 */
export function markerOf(record: ReturnType<typeof decodeDeadLetter>): Marker {
  const match = REASON.exec(record.reason);
  if (match === null) throw new Error(`a mark that cannot be read: "${record.reason.slice(0, 100)}"`);
  return {
    of: { topic: record.topic, partition: record.partition, offset: record.offset },
    to: { topic: match[1], partition: Number(match[2]), offset: Number(match[3]) },
    atMs: Number(record.timestampNs / 1_000_000n),
    sizeBytes: Number(match[4]),
    crc32: Number.parseInt(match[5], 16),
  };
}
