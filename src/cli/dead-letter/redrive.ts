// Writes refused messages again: judges each as the engine would now, looks whether writing it would still do what it was meant
// to, sends it byte for byte to its partition, and leaves a mark.
//
// Sent and marked are two writes, and a crash may come between them. One Kafka transaction would join them, but its markers take
// up offsets, and the engine takes a hole in `accounts` for a loss. So what the log holds already is looked up first: the same
// bytes after the letter's place are a redrive whose mark is missing, and get it now.
import { KafkaError } from "../../ingest/kafka/errors";
import type { LogProducer } from "../../ingest/kafka/log-producer";
import { topicName } from "../../ingest/kafka/topics";
import { AccountScan } from "./account-scan";
import { newestTimeMs } from "./contents";
import { Judge } from "./judge";
import { type Letter, type LetterBook, readPayloads } from "./letters";
import type { LogReader } from "./log-reader";
import { encodeMarker, REDRIVE_HEADER } from "./marker";
import { INPUT_ROLES, type InputRole, type Place, placeText } from "./place";

/** What became of a letter, and whether the operator is done with it. */
export const OUTCOMES = {
  redriven: { isDone: true, about: "written again" },
  "would-redrive": { isDone: true, about: "would be written again" },
  already: { isDone: true, about: "was written again before" },
  repeated: { isDone: true, about: "came again by itself" },
  superseded: { isDone: true, about: "said anew by a later record" },
  refused: { isDone: false, about: "still refused" },
  "too-late": { isDone: false, about: "too late for the ledger" },
  outdated: { isDone: false, about: "market data of the past" },
  "another-log": { isDone: false, about: "its topic is not the one it came from" },
  failed: { isDone: false, about: "not taken by the brokers" },
} as const;
export type Outcome = keyof typeof OUTCOMES;

export interface Redriven {
  letter: Letter;
  outcome: Outcome;
  /** Where the message stands now. */
  to: Place | null;
  /** Why not, or what else there is to know. */
  detail: string;
}

export interface RedriveOptions {
  prefix: string;
  dryRun: boolean;
  /** Also what was written before, is too late, outdated or superseded. Never what the engine would refuse. */
  force: boolean;
  /** Market records older than this are not news, ms. */
  outdatedAfterMs: number;
  nowMs: () => number;
  progress: (what: string, share: number) => void;
}

/** Payload bytes held at once. */
const CHUNK_BYTES = 256 * 1024 * 1024;

export class Redrive {
  /** End of each log, by role and partition. */
  private readonly ends = new Map<string, number>();

  private constructor(
    private readonly reader: LogReader,
    private readonly producer: LogProducer | null,
    private readonly book: LetterBook,
    private readonly judge: Judge,
    private readonly options: RedriveOptions,
  ) {}

  /**
   * @param letters in any order; reference comes first, then market, then accounts, each partition in the order of its log
   * @param producer null for a dry run
   */
  static async run(
    reader: LogReader,
    producer: LogProducer | null,
    book: LetterBook,
    letters: readonly Letter[],
    options: RedriveOptions,
  ): Promise<Redriven[]> {
    const judge = await Judge.open(reader, options.prefix);
    const redrive = new Redrive(reader, producer, book, judge, options);
    for (const role of new Set(letters.map((letter) => letter.role))) if (role !== null) await redrive.lookAtEnds(role);
    const results: Redriven[] = [];
    const ordered = [...letters].sort(inOrder);
    for (let from = 0; from < ordered.length; ) {
      let to = from;
      for (let bytes = 0; to < ordered.length && (to === from || bytes + ordered[to].sizeBytes <= CHUNK_BYTES); to++)
        bytes += ordered[to].sizeBytes;
      const chunk = ordered.slice(from, to);
      await redrive.chunk(chunk, (result) => {
        results.push(result);
        options.progress(`${results.length} of ${ordered.length} letters`, results.length / ordered.length);
      });
      from = to;
    }
    return results;
  }

  private async lookAtEnds(role: InputRole): Promise<void> {
    for (const { partition, to } of await this.reader.ranges(topicName(role, this.options.prefix)))
      this.ends.set(`${role}/${partition}`, to);
  }

  /** The log reaches beyond the letter's place, as it did when the message was read. */
  private isInLog({ role, place }: Letter): boolean {
    return place.offset < (this.ends.get(`${role}/${place.partition}`) ?? 0);
  }

  private async chunk(letters: readonly Letter[], done: (result: Redriven) => void): Promise<void> {
    const payloads = await readPayloads(this.reader, this.options.prefix, letters);
    const scans = await this.scanAccounts(payloads);
    for (const letter of letters) done(await this.one(letter, payloads.get(letter) as Buffer, scans.get(letter.place.partition)));
  }

  private async scanAccounts(payloads: ReadonlyMap<Letter, Buffer>): Promise<Map<number, AccountScan>> {
    const byPartition = new Map<number, Map<Letter, Buffer>>();
    for (const [letter, payload] of payloads) {
      if (letter.role !== "accounts" || !this.isInLog(letter) || (letter.redriven.length > 0 && !this.options.force)) continue;
      const part = byPartition.get(letter.place.partition) ?? new Map<Letter, Buffer>();
      byPartition.set(letter.place.partition, part.set(letter, payload));
    }
    const scans = new Map<number, AccountScan>();
    const topic = topicName("accounts", this.options.prefix);
    for (const [partition, part] of byPartition) {
      const refused = new Set<number>();
      for (const { role, place } of this.book.letters.values())
        if (role === "accounts" && place.partition === partition) refused.add(place.offset);
      const what = `reading ${topic}/${partition}`;
      const read = AccountScan.read(this.reader, topic, partition, part, refused, (share) => this.options.progress(what, share));
      scans.set(partition, await read);
    }
    return scans;
  }

  private async one(letter: Letter, payload: Buffer, scan: AccountScan | undefined): Promise<Redriven> {
    const { force } = this.options;
    const last = letter.redriven.at(-1);
    if (last !== undefined && !force) return { letter, outcome: "already", to: last.to, detail: "" };
    if (letter.role === null) return { letter, outcome: "refused", to: null, detail: `no engine reads ${letter.place.topic}` };
    if (!this.isInLog(letter)) return anotherLog(letter);
    const refusal = this.judge.judge(letter.role, payload);
    if (refusal !== null) return { letter, outcome: "refused", to: null, detail: `${refusal.code}: ${refusal.reason}` };
    switch (letter.role) {
      case "accounts":
        return this.account(letter, payload, scan as AccountScan);
      case "market":
        return this.market(letter, payload);
      case "reference":
        return this.reference(letter, payload);
    }
  }

  private async account(letter: Letter, payload: Buffer, scan: AccountScan): Promise<Redriven> {
    const { original, copyOffset, events, repeated, late, firstLate, settlements } = scan.findings(letter);
    if (original?.isSame === false) return anotherLog(letter);
    if (!this.options.force) {
      if (copyOffset !== null) return this.found(letter, copyOffset);
      if (events > 0 && late + repeated === events)
        return late > 0
          ? { letter, outcome: "too-late", to: null, detail: firstLate }
          : { letter, outcome: "repeated", to: null, detail: "each of its events came once more in a later message" };
    }
    scan.written(letter);
    const notes: string[] = [];
    if (late > 0) notes.push(`${late} of its ${events} events will not be applied: ${firstLate}`);
    if (settlements > 0) notes.push(`its settlements (${settlements}) apply to the positions as they are when it is read`);
    return this.write(letter, payload, original?.key ?? null, notes.join("; "));
  }

  private async market(letter: Letter, payload: Buffer): Promise<Redriven> {
    const newestMs = newestTimeMs(payload);
    const ageMs = this.options.nowMs() - newestMs;
    // State, not history. The engine calls a mark fresh by when it came: an old one, sent now, would pass for a new one.
    if (!this.options.force && ageMs > this.options.outdatedAfterMs) {
      const detail = `its newest record is of ${new Date(newestMs).toISOString()}; the feed's next one makes it good`;
      return { letter, outcome: "outdated", to: null, detail };
    }
    const { partition, offset, topic } = letter.place;
    const original = await this.reader.one(topic, partition, offset);
    if (original !== null && !(original.payload ?? Buffer.alloc(0)).equals(payload)) return anotherLog(letter);
    return this.write(letter, payload, original?.key ?? null, "");
  }

  private async reference(letter: Letter, payload: Buffer): Promise<Redriven> {
    const { partition, offset } = letter.place;
    const original = this.judge.records.find(({ place }) => place.partition === partition && place.offset === offset);
    if (original === undefined) {
      // Compaction keeps the last record of each key: this one's was written again.
      const detail = "its key was published again since, and the log no longer holds it";
      return { letter, outcome: "superseded", to: null, detail };
    }
    if (original.crc32 !== letter.crc32 || original.sizeBytes !== letter.sizeBytes) return anotherLog(letter);
    const later = this.judge.supersededBy(original, letter.redriven);
    if (later !== undefined && !this.options.force) {
      const isRefused = this.book.letters.has(placeText(later.place));
      if (!isRefused && later.crc32 === letter.crc32 && later.sizeBytes === letter.sizeBytes)
        return this.found(letter, later.place.offset);
      const detail = `its key ${JSON.stringify(original.key)} was published again as ${placeText(later.place)}`;
      return { letter, outcome: "superseded", to: null, detail };
    }
    return this.write(letter, payload, original.key === null ? null : Buffer.from(original.key), "");
  }

  /** The log holds the message again without a mark: the redrive before this one did not come to its end. */
  private async found(letter: Letter, offset: number): Promise<Redriven> {
    const to = { ...letter.place, offset };
    if (!this.options.dryRun) await this.mark(letter, to);
    return { letter, outcome: "already", to, detail: "found in the log; it had no mark" };
  }

  private async write(letter: Letter, payload: Buffer, key: Buffer | null, detail: string): Promise<Redriven> {
    if (this.producer === null) return { letter, outcome: "would-redrive", to: null, detail };
    const { topic, partition } = letter.place;
    let to: Place;
    try {
      const headers = { [REDRIVE_HEADER]: placeText(letter.place) };
      // Market data keeps its time: an engine that reads it back at its start takes the age of a mark from there.
      const timestamp = letter.role === "market" ? { timestampMs: letter.timeMs } : {};
      to = await this.producer.sendAndWait(topic, partition, payload, key, { headers, ...timestamp });
    } catch (error) {
      // One message the brokers do not take is no reason to leave the others; a cluster that is away is.
      if (!(error instanceof KafkaError) || error.kind !== "config") throw error;
      return { letter, outcome: "failed", to: null, detail: `${error.code}: ${error.message}` };
    }
    await this.mark(letter, to);
    return { letter, outcome: "redriven", to, detail };
  }

  private async mark(letter: Letter, to: Place): Promise<void> {
    const { sizeBytes, crc32, place } = letter;
    const marker = encodeMarker({ of: place, to, atMs: this.options.nowMs(), sizeBytes, crc32 });
    await this.producer?.sendAndWait(topicName("dead-letter", this.options.prefix), null, marker, placeText(place));
  }
}

function anotherLog(letter: Letter): Redriven {
  const detail = `the log holds another message at ${placeText(letter.place)}, or none: the topic was deleted and made again`;
  return { letter, outcome: "another-log", to: null, detail };
}

function inOrder(a: Letter, b: Letter): number {
  const rank = (letter: Letter) => (letter.role === null ? INPUT_ROLES.length : INPUT_ROLES.indexOf(letter.role));
  return rank(a) - rank(b) || a.place.partition - b.place.partition || a.place.offset - b.place.offset;
}
