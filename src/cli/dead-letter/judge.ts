// Asks of a payload what ingest asks of a message: the engine's own verifier and value checks, against the reference data that is
// in the cluster now, taken by the engine's own table.
import type { LogMessage } from "../../ingest/kafka/log-consumer";
import { topicName } from "../../ingest/kafka/topics";
import { MarketTable } from "../../ingest/market-table";
import { REFERENCE_REFUSED, ReferenceLane } from "../../ingest/reference-lane";
import {
  AlignedMessage,
  checkAccountEvents,
  checkMarketBatch,
  lastCode,
  lastReason,
  VERIFY_CODES,
  VerifiedBatch,
  VerifyCode,
  verifyAccounts,
  verifyMarket,
} from "../../ingest/verify";
import { crc32 } from "../../shared/wire/crc32";
import type { LogReader } from "./log-reader";
import type { Bytes, Marker } from "./marker";
import type { InputRole, Place } from "./place";

export interface Refusal {
  code: string;
  reason: string;
}

/** A record of the reference topic. */
export interface ReferenceRecord extends Bytes {
  place: Place;
  key: string | null;
}

const verified = new VerifiedBatch();
const aligned = new AlignedMessage();

export class Judge {
  private readonly table = new MarketTable();
  private readonly lane = new ReferenceLane(this.table);
  /** What the reference topic holds, in order. */
  readonly records: ReferenceRecord[] = [];

  private constructor() {}

  /** Reads the reference topic to its end as of now. */
  static async open(reader: LogReader, prefix: string): Promise<Judge> {
    const judge = new Judge();
    const topic = topicName("reference", prefix);
    const held: LogMessage[] = [];
    await reader.read(topic, await reader.ranges(topic), (message) => {
      const { partition, offset, key, payload } = message;
      const bytes = payload ?? new Uint8Array(0);
      judge.records.push({
        place: { topic, partition, offset },
        key: key === null ? null : key.toString("utf8"),
        sizeBytes: bytes.length,
        crc32: crc32(bytes),
      });
      // What it refuses is refused, as in the engine; a tombstone takes nothing away from it.
      if (payload !== null && judge.lane.take(payload)?.code === REFERENCE_REFUSED) held.push(message);
    });
    judge.lane.takeHeld(held);
    return judge;
  }

  /**
   * Null where an engine that starts now would take the message. A reference message that passes counts as published from here on,
   * so that what rests on it passes as well: judge letters in the order in which they are to be written.
   */
  judge(role: InputRole, payload: Uint8Array): Refusal | null {
    switch (role) {
      case "reference":
        return this.lane.take(payload);
      case "market": {
        const code = verifyMarket(payload, verified);
        if (code !== VerifyCode.Ok) return structural(code);
        return checkMarketBatch(aligned.load(payload), verified, this.table) === VerifyCode.Ok ? null : byValue();
      }
      case "accounts": {
        const code = verifyAccounts(payload, verified);
        if (code !== VerifyCode.Ok) return structural(code);
        aligned.load(payload);
        return checkAccountEvents(aligned.i32, verified.offsets[0], verified.counts[0], this.table) < 0 ? null : byValue();
      }
    }
  }

  /** A later record of the same key: what the letter's message says has been said again. */
  supersededBy(original: ReferenceRecord, copies: readonly Marker[]): ReferenceRecord | undefined {
    const own = new Set(copies.map(({ to }) => `${to.partition}/${to.offset}`));
    return this.records.findLast(
      ({ key, place }) =>
        key === original.key &&
        place.partition === original.place.partition &&
        place.offset > original.place.offset &&
        !own.has(`${place.partition}/${place.offset}`),
    );
  }
}

function structural(code: VerifyCode): Refusal {
  return { code: VERIFY_CODES[code].name, reason: VERIFY_CODES[code].meaning };
}

function byValue(): Refusal {
  return { code: VERIFY_CODES[lastCode()].name, reason: lastReason() };
}
