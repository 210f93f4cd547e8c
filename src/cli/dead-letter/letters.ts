// The dead-letter topic as a book: one entry for each refused message, however often an engine that was restarted wrote it again,
// and what was done about it. Payloads stay in the log; an entry knows where.
import { topicName } from "../../ingest/kafka/topics";
import { crc32 } from "../../shared/wire/crc32";
import { decodeDeadLetter } from "../../shared/wire/encode";
import type { LogRange, LogReader } from "./log-reader";
import { type Bytes, type Marker, markerOf, REDRIVEN } from "./marker";
import { type InputRole, type Place, placeText, roleOf } from "./place";

export interface Letter extends Bytes {
  place: Place;
  /** Null for a topic that engines with this prefix do not read. */
  role: InputRole | null;
  code: string;
  reason: string;
  /** When the message was written, ms since the epoch; when the letter was, where the message had no time. */
  timeMs: number;
  /** How often it was written: once more each time an engine met the message again. */
  seen: number;
  /** Its newest record in the dead-letter topic. */
  record: { partition: number; offset: number };
  /** Redrives so far, oldest first. */
  redriven: Marker[];
  /** The letter whose redrive this message is, where it was refused once more. */
  redriveOf: Place | null;
}

/** A record of the topic that is no dead letter. */
export interface Unreadable {
  partition: number;
  offset: number;
  why: string;
}

export interface LetterBook {
  /** By placeText, in the order in which they were first written. */
  letters: Map<string, Letter>;
  unreadable: Unreadable[];
}

/** Reads the topic to its end as of now. */
export async function readLetters(reader: LogReader, prefix: string, progress?: (share: number) => void): Promise<LetterBook> {
  const topic = topicName("dead-letter", prefix);
  const letters = new Map<string, Letter>();
  const unreadable: Unreadable[] = [];
  const markers: Marker[] = [];
  await reader.read(
    topic,
    await reader.ranges(topic),
    ({ partition, offset, payload, timestampMs }) => {
      try {
        const record = decodeDeadLetter(payload ?? new Uint8Array(0));
        if (record.code === REDRIVEN) {
          markers.push(markerOf(record));
          return;
        }
        const place = { topic: record.topic, partition: record.partition, offset: record.offset };
        const key = placeText(place);
        const bytes = { sizeBytes: record.payload.length, crc32: crc32(record.payload) };
        const before = letters.get(key);
        // Other bytes at the same place: the topic was made anew, and what is known of the old message says nothing.
        const same = before !== undefined && sameBytes(before, bytes);
        letters.set(key, {
          ...bytes,
          place,
          role: roleOf(place.topic, prefix),
          code: record.code,
          reason: record.reason,
          timeMs: record.timestampNs > 0n ? Number(record.timestampNs / 1_000_000n) : same ? before.timeMs : timestampMs,
          seen: same ? before.seen + 1 : 1,
          record: { partition, offset },
          redriven: [],
          redriveOf: null,
        });
      } catch (error) {
        unreadable.push({ partition, offset, why: (error as Error).message });
      }
    },
    progress,
  );
  for (const marker of markers) {
    const letter = letters.get(placeText(marker.of));
    if (letter === undefined || !sameBytes(letter, marker)) continue;
    letter.redriven.push(marker);
    const again = letters.get(placeText(marker.to));
    if (again !== undefined && again !== letter && sameBytes(again, marker)) again.redriveOf = letter.place;
  }
  return { letters, unreadable };
}

function sameBytes(a: Bytes, b: Bytes): boolean {
  return a.sizeBytes === b.sizeBytes && a.crc32 === b.crc32;
}

/** The messages of these letters, byte for byte. */
export async function readPayloads(reader: LogReader, prefix: string, letters: readonly Letter[]): Promise<Map<Letter, Buffer>> {
  const wanted = new Map(letters.map((letter) => [`${letter.record.partition}/${letter.record.offset}`, letter]));
  const ranges = new Map<number, LogRange>();
  for (const { record } of letters) {
    const range = ranges.get(record.partition) ?? { partition: record.partition, from: record.offset, to: record.offset + 1 };
    range.from = Math.min(range.from, record.offset);
    range.to = Math.max(range.to, record.offset + 1);
    ranges.set(record.partition, range);
  }
  const payloads = new Map<Letter, Buffer>();
  await reader.read(topicName("dead-letter", prefix), [...ranges.values()], ({ partition, offset, payload }) => {
    const letter = wanted.get(`${partition}/${offset}`);
    if (letter !== undefined) payloads.set(letter, Buffer.from(decodeDeadLetter(payload ?? new Uint8Array(0)).payload));
  });
  for (const letter of letters)
    if (!payloads.has(letter)) throw new Error(`the letter of ${placeText(letter.place)} is not in the log any more`);
  return payloads;
}

export interface LetterFilter {
  role?: InputRole | undefined;
  code?: string | undefined;
  sinceMs?: number | undefined;
  /** Only those that were not written again. */
  open?: boolean | undefined;
}

export function chosen(book: LetterBook, filter: LetterFilter): Letter[] {
  return [...book.letters.values()].filter(
    (letter) =>
      (filter.role === undefined || letter.role === filter.role) &&
      (filter.code === undefined || letter.code === filter.code) &&
      (filter.sinceMs === undefined || letter.timeMs >= filter.sinceMs) &&
      (filter.open !== true || letter.redriven.length === 0),
  );
}
