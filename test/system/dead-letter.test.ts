// `plimsoll dead-letter` on a real Kafka beside a real engine: what was refused is found, judged again, written again once, and the
// account it belongs to is whole. Then docs/operations.md: every code there is, as the tables say it.
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { InstrumentKind, Payoff } from "../../schemas/generated";
import { API_ERRORS, API_START_ERRORS } from "../../src/api/errors";
import { LETTER_CODES } from "../../src/cli/dead-letter/codes";
import { REDRIVE_HEADER, REDRIVEN } from "../../src/cli/dead-letter/marker";
import { CONFIG_KEYS } from "../../src/engine/config";
import { ensureTopics } from "../../src/ingest/kafka/admin";
import { KAFKA_ERRORS } from "../../src/ingest/kafka/errors";
import { LogProducer } from "../../src/ingest/kafka/log-producer";
import { plimsollTopics } from "../../src/ingest/kafka/topics";
import { LedgerTwin, sortLedger } from "../../src/shards/ledger-twin";
import { ENGINE_ERRORS } from "../../src/shared/errors";
import { partitionOf } from "../../src/shared/partition";
import type { LedgerView } from "../../src/shared/views/types";
import {
  AccountBatchWriter,
  decodeDeadLetter,
  encodeDeadLetter,
  MarketBatchWriter,
  ReferenceBatchWriter,
} from "../../src/shared/wire/encode";
import { STORE_ERRORS } from "../../src/store/errors";
import { ASSETS, referenceMessage } from "../support/contracts";
import { damagedMessages } from "../support/damage";
import { Command, type Finished, type RunningEngine, startEngine, until } from "../support/engine-process";
import { kafkaUnavailable, logEnds, type SharedKafka, sharedKafka, withAdmin } from "../support/kafka";
import { readTopic } from "../support/read-topic";
import { decodeAccountEvents, decodeInstruments } from "../support/twin-events";

const TIME_MS = Date.UTC(2025, 2, 1, 12);
const NEW_INSTRUMENT = 12;

interface ListedLetter {
  letter: string;
  topic: string;
  partition: number;
  offset: number;
  code: string;
  reason: string;
  sizeBytes: number;
  seen: number;
  redriven: { to: string; atMs: number }[];
  redriveOf: string | null;
}
interface Listed {
  matching: number;
  letters: ListedLetter[];
  codes: { code: string; letters: number; open: number }[];
  unreadable: { partition: number; offset: number; why: string }[];
}
interface RedriveAnswer {
  letters: { letter: string; code: string; outcome: string; to: string | null; detail: string }[];
  outcomes: Record<string, number>;
}

function newInstrument(): Buffer {
  const writer = new ReferenceBatchWriter(1);
  writer.instrument({
    ...{ id: NEW_INSTRUMENT, symbol: "NEWUSDT", kind: InstrumentKind.Perpetual, payoff: Payoff.Linear, marginTable: 1 },
    ...{ base: ASSETS.BTC, quote: ASSETS.USDT, settle: ASSETS.USDT, contractSize: 1, tickSize: "0.1", lotSize: "0.001" },
  });
  return writer.finish();
}

const withoutKafka = kafkaUnavailable();

describe.skipIf(withoutKafka !== null)(
  `plimsoll dead-letter${withoutKafka === null ? "" : ` (skipped: ${withoutKafka})`}`,
  () => {
    let kafka: SharedKafka;
    let producer: LogProducer;
    let folder: string;

    beforeAll(async () => {
      kafka = await sharedKafka();
      folder = await mkdtemp(join(tmpdir(), "plimsoll-letters-"));
      producer = new LogProducer({ brokers: kafka.brokers });
      await producer.connect();
    }, 120_000);

    afterAll(async () => {
      await producer?.close();
      await kafka?.release();
      if (folder) await rm(folder, { recursive: true, force: true });
    });

    const deadLetter = (prefix: string, ...args: string[]): Promise<Finished> =>
      new Command(["dead-letter", args[0], "--brokers", kafka.brokers, "--prefix", prefix, ...args.slice(1)]).finished;
    const list = async (prefix: string, ...args: string[]): Promise<Listed> => {
      const { code, stdout, stderr } = await deadLetter(prefix, "list", "--json", ...args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      return JSON.parse(stdout) as Listed;
    };
    const redrive = async (prefix: string, exit: number, ...args: string[]): Promise<RedriveAnswer> => {
      const { code, stdout, stderr } = await deadLetter(prefix, "redrive", "--json", ...args);
      expect(code, stderr).toBe(exit);
      expect(stderr.trim().split("\n").filter(Boolean)).toHaveLength(exit === 0 ? 0 : 1);
      return JSON.parse(stdout) as RedriveAnswer;
    };
    const ends = async (topic: string) => Object.fromEntries(await logEnds(kafka.brokers, topic));

    describe("beside an engine", () => {
      let prefix: string;
      let engine: RunningEngine;
      let refusedPlace: string;
      let instruments = 0;
      const sentDamage: { topic: string; partition: number; offset: number; payload: Buffer }[] = [];
      const GAPPED = 3_000_001;

      const publish = async (payload: Buffer, key: string) => {
        await producer.sendAndWait(`${prefix}reference`, null, payload, key);
        instruments += decodeInstruments(payload).length;
        await until("the instruments are known", async () => {
          const answer = await engine.get<{ instruments: unknown[] }>("/api/v1/instruments");
          return answer.instruments.length >= instruments;
        });
      };
      const mark = (...ids: number[]) => {
        const writer = new MarketBatchWriter(1);
        for (const id of ids) writer.mark({ instrument: id, seq: Date.now() * 1000, timeMs: Date.now(), priceTicks: 600_000 });
        return producer.sendAndWait(`${prefix}market`, null, writer.finish(), "BTCUSDT");
      };
      const account = (id: number, fill: (writer: AccountBatchWriter) => void) => {
        const writer = new AccountBatchWriter(1);
        fill(writer);
        return producer.sendAndWait(`${prefix}accounts`, null, writer.finish(), String(id));
      };
      const freshness = async (id: number) =>
        (await engine.get<{ freshness: string }>(`/api/v1/accounts/${id}`).catch(() => ({ freshness: "none" }))).freshness;

      beforeAll(async () => {
        prefix = kafka.prefix();
        engine = await startEngine([
          ...["--brokers", kafka.brokers, "--prefix", prefix, "--database", "off", "--data", join(folder, "engine")],
          ...["--set", `kafka.groupId=${prefix}engine`, "--set", "engine.staleAfterMs=600000"],
        ]);
        await publish(referenceMessage(), "all");
        await mark(1);
        const fill = { timeMs: TIME_MS, side: 1 as const, qtyLots: 5, priceTicks: 600_000, fee: 7 };
        for (const id of [GAPPED, GAPPED + 1, GAPPED + 2]) {
          await account(id, (writer) => {
            writer.transfer({ seq: 1, account: id, timeMs: TIME_MS, asset: ASSETS.USDT, amount: 1_000_000_000_000 });
            writer.fill({ ...fill, seq: 2, account: id, instrument: 1 });
          });
        }
        // One message, refused whole: the fill of a contract nobody has published takes its neighbour with it.
        const refused = await account(GAPPED, (writer) => {
          writer.fill({ ...fill, seq: 3, account: GAPPED, instrument: 1, priceTicks: 600_100 });
          writer.fill({ ...fill, seq: 4, account: GAPPED, instrument: NEW_INSTRUMENT, side: 2, priceTicks: 601_000 });
        });
        refusedPlace = `${refused.topic}/${refused.partition}/${refused.offset}`;
        await account(GAPPED, (writer) => {
          writer.fill({ ...fill, seq: 5, account: GAPPED, instrument: 1, side: 2, qtyLots: 2 });
          writer.orderPlaced({ ...fill, seq: 6, account: GAPPED, instrument: 2, order: 9, priceTicks: 250_000 });
        });
      }, 60_000);
      afterAll(() => engine?.command.kill("SIGKILL"));

      it("shows what was refused, and the account says GAP", async () => {
        await until("the account is flagged", async () => (await freshness(GAPPED)) === "GAP");
        expect(await freshness(GAPPED + 1)).toBe("OK");
        const { letters, codes } = await list(prefix);
        expect(letters).toMatchObject([
          { letter: refusedPlace, code: "unknown-instrument", seen: 1, redriven: [], redriveOf: null },
        ]);
        expect(codes).toEqual([{ code: "unknown-instrument", letters: 1, open: 1 }]);

        const raw = join(folder, "letter.bin");
        const { code, stdout } = await deadLetter(prefix, "show", refusedPlace.slice(prefix.length), "--raw", raw);
        expect(code).toBe(0);
        expect(stdout).toContain("Publish the reference record first");
        expect(stdout).toMatch(/now +still refused, unknown-instrument: events\[1\]\.instrument is 12/);
        expect(stdout).toMatch(/^ {2}> \[1\] kind Fill {2}account 3000001 {2}seq 4 /m);
        expect(stdout).toMatch(/^ {4}\[0\] kind Fill {2}account 3000001 {2}seq 3 /m);
        expect(stdout).toMatch(/key +3000001/);
        const [letter] = (await readTopic(kafka.brokers, `${prefix}dead-letter`)).map(({ value }) => decodeDeadLetter(value));
        expect((await readFile(raw)).equals(letter.payload)).toBe(true);
      });

      it("does not write again what would still be refused", async () => {
        const before = await ends(`${prefix}accounts`);
        const { letters } = await redrive(prefix, 1, "--all");
        expect(letters).toMatchObject([{ letter: refusedPlace, outcome: "refused", to: null }]);
        expect(letters[0].detail).toMatch(/^unknown-instrument: events\[1\]\.instrument is 12; it must be/);
        expect(await ends(`${prefix}accounts`)).toEqual(before);
      });

      it("writes it again once the instrument is there: the account is OK, and its ledger the twin's", async () => {
        await publish(newInstrument(), "NEWUSDT");
        await mark(1, 2, NEW_INSTRUMENT);
        const before = await ends(`${prefix}accounts`);
        const tried = await redrive(prefix, 0, "--dry-run", "--code", "unknown-instrument");
        expect(tried.outcomes).toEqual({ "would-redrive": 1 });
        expect(await ends(`${prefix}accounts`)).toEqual(before);
        expect((await list(prefix)).letters[0].redriven).toEqual([]);

        const { letters } = await redrive(prefix, 0, refusedPlace);
        expect(letters).toMatchObject([{ letter: refusedPlace, outcome: "redriven", detail: "" }]);
        const [, partition] = refusedPlace.split("/");
        expect(letters[0].to).toBe(`${prefix}accounts/${partition}/${before[partition]}`);
        await until("the account is whole", async () => (await freshness(GAPPED)) === "OK");

        // The log in its final order, without what was refused.
        const reference = await readTopic(kafka.brokers, `${prefix}reference`);
        const known = new Map(reference.flatMap(({ value }) => decodeInstruments(value)).map((each) => [each.id, each]));
        const twins = new Map<number, LedgerTwin>();
        const records = await readTopic(kafka.brokers, `${prefix}accounts`);
        for (const { partition: at, offset, value } of records) {
          if (`${prefix}accounts/${at}/${offset}` === refusedPlace) continue;
          const twin = twins.get(at) ?? new LedgerTwin(known);
          twins.set(at, twin);
          for (const event of decodeAccountEvents(value)) expect(twin.apply(event)).toBe("applied");
        }
        const ids = [...twins.values()].flatMap((twin) => [...twin.accounts.keys()].map((id) => [id, twin] as const));
        expect(ids).toHaveLength(3);
        for (const [id, twin] of ids) {
          const { ledger } = await engine.get<{ ledger: LedgerView }>(`/api/v1/accounts/${id}/ledger`);
          expect(sortLedger(ledger)).toEqual(twin.view(id));
          expect(ledger.holes).toBe("0");
        }

        // Byte for byte, under the same key, and it says where it comes from.
        const [original, again] = records.filter(
          ({ value, partition: at }) =>
            at === Number(partition) &&
            value.equals(
              records.find(({ offset }) => `${prefix}accounts/${at}/${offset}` === refusedPlace)?.value ?? Buffer.alloc(0),
            ),
        );
        expect(again.key).toBe(original.key);
        expect(await headerOf(`${prefix}accounts`, again.partition, again.offset)).toBe(refusedPlace);
      });

      it("does nothing a second time, unless told to; and then the ledger knows the repeat", async () => {
        const before = await ends(`${prefix}accounts`);
        const ledger = await engine.get<object>(`/api/v1/accounts/${GAPPED}/ledger`);
        expect((await redrive(prefix, 0, refusedPlace)).outcomes).toEqual({ already: 1 });
        expect((await redrive(prefix, 0, "--all")).letters).toEqual([]);
        expect(await ends(`${prefix}accounts`)).toEqual(before);
        const { letters } = await list(prefix);
        expect(letters).toMatchObject([
          { letter: refusedPlace, seen: 1, redriven: [{ to: expect.stringContaining("accounts/") }] },
        ]);

        expect((await redrive(prefix, 0, "--force", refusedPlace)).outcomes).toEqual({ redriven: 1 });
        const shards = () => engine.get<{ totals: { duplicates: number } }>("/api/v1/platform");
        await until("both events are counted as repeats", async () => (await shards()).totals.duplicates === 2);
        const after = await engine.get<object>(`/api/v1/accounts/${GAPPED}/ledger`);
        expect({ ...after, ...{ offset: 0, index: 0 } }).toEqual({ ...ledger, ...{ offset: 0, index: 0 } });
      });

      it("lists damaged messages by their codes, and refuses to write them again", async () => {
        for (const { role, partition, payload } of damagedMessages(12)) {
          const topic = `${prefix}${role}`;
          const { partition: at, offset } = await producer.sendAndWait(topic, partition, payload, "damaged");
          sentDamage.push({ topic, partition: at, offset, payload });
        }
        const letters = await until("the damaged messages are refused", async () => {
          const { letters: all } = await list(prefix, "--open");
          return all.length === sentDamage.length ? all : null;
        });
        const written = (await readTopic(kafka.brokers, `${prefix}dead-letter`)).map(({ value }) => decodeDeadLetter(value));
        for (const { topic, partition, offset, payload } of sentDamage) {
          const letter = letters.find((each) => each.letter === `${topic}/${partition}/${offset}`);
          const source = written.find((each) => each.topic === topic && each.partition === partition && each.offset === offset);
          expect(letter).toMatchObject({ code: source?.code, reason: source?.reason, sizeBytes: payload.length });
          expect(LETTER_CODES.some(({ name }) => name === letter?.code)).toBe(true);
        }
        const before = [await ends(`${prefix}accounts`), await ends(`${prefix}market`)];
        const answer = await redrive(prefix, 1, "--all");
        expect(answer.outcomes).toEqual({ refused: sentDamage.length });
        for (const { code, detail } of answer.letters) expect(detail.startsWith(`${code}: `), `${code} → ${detail}`).toBe(true);
        expect([await ends(`${prefix}accounts`), await ends(`${prefix}market`)]).toEqual(before);
      });

      it("every metric that docs/operations.md names is on the page", async () => {
        const page = await (await fetch(`${engine.page}/metrics`)).text();
        const named = new Set(
          operations()
            .match(/\bplimsoll_[a-z_]+\b/g)
            ?.map((name) => name.replace(/_bucket$/, "")),
        );
        expect(named.size).toBeGreaterThan(10);
        expect([...named].filter((name) => !page.includes(`# TYPE ${name} `))).toEqual([]);
      });

      async function headerOf(topic: string, partition: number, offset: number): Promise<string | undefined> {
        const groupId = `${prefix}header`;
        const client = new Kafka({ clientId: "plimsoll-test", brokers: [kafka.brokers], logLevel: logLevel.NOTHING });
        const consumer = client.consumer({ groupId });
        await consumer.connect();
        await consumer.subscribe({ topic, fromBeginning: true });
        const header = await new Promise<string | undefined>((resolve) => {
          void consumer.run({
            autoCommit: false,
            eachMessage: async ({ partition: at, message }) => {
              if (at === partition && Number(message.offset) === offset) resolve(message.headers?.[REDRIVE_HEADER]?.toString());
            },
          });
        });
        await consumer.disconnect();
        return header;
      }
    });

    // Letters written by hand: what happens around a redrive that no engine is needed for.
    describe("by the log alone", () => {
      let prefix: string;
      const topic = (role: string) => `${prefix}${role}`;
      const letter = async (role: string, partition: number, offset: number, payload: Buffer, code = "unknown-instrument") => {
        const place = `${topic(role)}/${partition}/${offset}`;
        const record = {
          topic: topic(role),
          partition,
          offset,
          code,
          reason: "said so",
          timestampNs: BigInt(TIME_MS) * 1_000_000n,
          payload,
        };
        await producer.sendAndWait(topic("dead-letter"), null, encodeDeadLetter(record), place);
        return place;
      };
      /** Written and refused. */
      const refused = async (role: string, payload: Buffer, key: string, partition = 0) => {
        const { offset } = await producer.sendAndWait(topic(role), partition, payload, key);
        return letter(role, partition, offset, payload);
      };
      const transfers = (account: number, from: number, to = from) => {
        const writer = new AccountBatchWriter(1);
        for (let seq = from; seq <= to; seq++)
          writer.transfer({ seq, account, timeMs: TIME_MS, asset: ASSETS.USDT, amount: seq });
        return writer.finish();
      };
      const markAt = (timeMs: number) => {
        const writer = new MarketBatchWriter(1);
        writer.mark({ instrument: 1, seq: 1, timeMs, priceTicks: 600_000 });
        return writer.finish();
      };
      const funding = (seq: number) => {
        const writer = new AccountBatchWriter(1);
        writer.fundingSettlement({ seq, timeMs: TIME_MS, instrument: 1, priceTicks: 600_000, rateE12: 1000 });
        return writer.finish();
      };

      beforeAll(async () => {
        prefix = kafka.prefix();
        await ensureTopics({
          brokers: kafka.brokers,
          topics: plimsollTopics({ prefix, accountPartitions: 1, marketPartitions: 2 }),
        });
        await producer.sendAndWait(topic("reference"), 0, referenceMessage(), "all");
      }, 30_000);

      it("each letter is written again only where that does what it was meant to", async () => {
        const expected = new Map<string, string>();
        const send = (payload: Buffer, key: string) => producer.sendAndWait(topic("accounts"), 0, payload, key);

        expected.set(await refused("accounts", transfers(1, 2), "1"), "redriven");
        await send(transfers(1, 3, 66), "1");

        expected.set(await refused("accounts", transfers(2, 2), "2"), "too-late");
        await send(transfers(2, 3, 67), "2");

        // The source sent it again by itself, in another message.
        expected.set(await refused("accounts", transfers(3, 2), "3"), "repeated");
        await send(transfers(3, 1, 4), "3");

        // Written again, and the tool ended before it left its mark.
        const unmarked = await refused("accounts", transfers(4, 2), "4");
        const copy = await send(transfers(4, 2), "4");
        expected.set(unmarked, "already");

        // The producer sent the same bytes twice and both were refused: one is enough.
        expected.set(await refused("accounts", transfers(5, 2), "5"), "redriven");
        expected.set(await refused("accounts", transfers(5, 2), "5"), "repeated");

        // A settlement that a later one has passed is never applied.
        expected.set(await refused("accounts", funding(7), "1"), "too-late");
        await send(funding(8), "1");
        expected.set(await refused("accounts", funding(9), "1"), "redriven");

        // Letters of a log that was deleted and made again: other bytes at that place, or none.
        const other = await send(transfers(7, 1), "7");
        expected.set(await letter("accounts", 0, other.offset, transfers(6, 1)), "another-log");
        expected.set(await letter("accounts", 0, 999, transfers(6, 2)), "another-log");
        expected.set(await letter("accounts", 7, 0, transfers(6, 3)), "another-log");

        expected.set(await refused("market", markAt(TIME_MS), "BTCUSDT"), "outdated");
        // Where it lay, whatever its key says.
        const key = ["a", "b", "c", "d", "e", "f", "g", "h"].find((text) => partitionOf(text, 2) === 0) as string;
        expected.set(await refused("market", markAt(Date.now() + 3_600_000), key, 1), "redriven");

        // What rests on a reference record that passes now, passes too; a record that was said anew is not said again.
        const fillOfNew = new AccountBatchWriter(1);
        fillOfNew.fill({ seq: 1, account: 8, timeMs: TIME_MS, instrument: NEW_INSTRUMENT, side: 1, qtyLots: 1, priceTicks: 1 });
        expected.set(await refused("accounts", fillOfNew.finish(), "8"), "redriven");
        expected.set(await refused("reference", newInstrument(), "NEWUSDT"), "redriven");
        const group = (name: string) => {
          const writer = new ReferenceBatchWriter(1);
          writer.accountGroup({ id: 5, name, collateral: 0, hedgeMode: false });
          return writer.finish();
        };
        expected.set(await refused("reference", group("old"), "group 5"), "superseded");
        await producer.sendAndWait(topic("reference"), 0, group("new"), "group 5");

        // Seen twice is one letter; a record that is none does not stop the tool.
        const twice = [...expected.keys()][0];
        await letter("accounts", 0, Number(twice.split("/")[2]), transfers(1, 2));
        await producer.sendAndWait(topic("dead-letter"), 0, Buffer.from("not a letter"), "x");

        const { letters: listed, unreadable } = await list(prefix);
        expect(listed.map((each) => each.letter).sort()).toEqual([...expected.keys()].sort());
        expect(listed.find((each) => each.letter === twice)?.seen).toBe(2);
        expect(unreadable).toMatchObject([{ why: "not a dead letter: no PLDL at byte 4" }]);

        const before = await ends(topic("accounts"));
        const tried = await redrive(prefix, 1, "--all", "--dry-run");
        const asTried = (outcome: string) => (outcome === "redriven" ? "would-redrive" : outcome);
        const byOutcome = (letters: RedriveAnswer["letters"]) =>
          Object.fromEntries(letters.map((each) => [each.letter, each.outcome]));
        expect(byOutcome(tried.letters)).toEqual(
          Object.fromEntries([...expected].map(([key, outcome]) => [key, asTried(outcome)])),
        );
        expect(await ends(topic("accounts"))).toEqual(before);

        const done = await redrive(prefix, 1, "--all");
        expect(byOutcome(done.letters)).toEqual(Object.fromEntries(expected));
        expect(done.letters.find((each) => each.outcome === "already")?.to).toBe(`${copy.topic}/0/${copy.offset}`);
        expect(done.letters.find((each) => each.detail.startsWith("account 2 "))?.detail).toContain(
          "has come to number 67; 2 is too far",
        );
        expect(done.letters.filter((each) => each.detail.includes("positions as they are"))).toHaveLength(1);
        expect((await ends(topic("accounts")))[0]).toBe(before[0] + 4);
        expect(await ends(topic("market"))).toEqual({ 0: 1, 1: 2 });

        // What was done is known, also what was found; what is not done is still open.
        const open = await list(prefix, "--open");
        const undone = [...expected].filter(([, outcome]) => outcome !== "redriven" && outcome !== "already").map(([key]) => key);
        expect(open.letters.map((each) => each.letter).sort()).toEqual(undone.sort());
        const marks = (await readTopic(kafka.brokers, topic("dead-letter"))).filter(
          ({ key, value }) => key !== "x" && decodeDeadLetter(value).code === REDRIVEN,
        );
        expect(marks.map(({ key }) => key).sort()).toEqual([...expected.keys()].filter((key) => !undone.includes(key)).sort());
        expect((await redrive(prefix, 1, "--all")).outcomes.redriven).toBeUndefined();
      }, 60_000);

      it("a message that was written again and refused again is a letter of its own, and says whose", async () => {
        const [first] = (await list(prefix, "--topic", "market")).letters.filter((each) => each.redriven.length > 0);
        const to = first.redriven[0].to.split("/");
        const again = (await readTopic(kafka.brokers, topic("market"))).find(
          ({ partition, offset }) => `${partition}/${offset}` === `${to[1]}/${to[2]}`,
        );
        const place = await letter("market", Number(to[1]), Number(to[2]), again?.value as Buffer);
        expect((await list(prefix, "--topic", "market", "--open")).letters).toContainEqual(
          expect.objectContaining({ letter: place, redriveOf: first.letter }),
        );
      });

      it("filters by topic, code, time and number, and says what it leaves out", async () => {
        const { stdout } = await deadLetter(prefix, "list", "--topic", "accounts", "--limit", "2", "--since", "2025-03-01");
        expect(stdout).toMatch(/older ones are not shown: --limit \d+/);
        expect(stdout.match(/^t\S+accounts\/\d+\/\d+ /gm)).toHaveLength(2);
        expect(stdout).toMatch(/^unknown-instrument +\d+ +\d+ {2}no such instrument was published$/m);
        expect((await list(prefix, "--since", "2025-03-02")).matching).toBe(0);
        expect((await list(prefix, "--code", "bad-root")).matching).toBe(0);
      });

      it("leaves no consumer group behind", async () => {
        const groups = await withAdmin(kafka.brokers, async (admin) => (await admin.listGroups()).groups);
        expect(groups.map(({ groupId }) => groupId)).not.toContain("plimsoll-dead-letter");
      });
    });

    it("a letter that is not there is one line and exit 1", async () => {
      const prefix = kafka.prefix();
      await ensureTopics({
        brokers: kafka.brokers,
        topics: plimsollTopics({ prefix, accountPartitions: 1, marketPartitions: 1 }),
      });
      const ended = await deadLetter(prefix, "show", "accounts/0/1");
      expect(ended).toMatchObject({ code: 1, stdout: "", stderr: `plimsoll: there is no dead letter ${prefix}accounts/0/1\n` });
      expect((await deadLetter(prefix, "list")).stdout).toBe("no dead letters\n");
      const without = await deadLetter(kafka.prefix(), "list");
      expect(without).toMatchObject({ code: 1, stderr: expect.stringMatching(/^plimsoll: KAFKA_TOPIC_UNKNOWN: .*\n$/) });
    });
  },
);

/** A case a line: the arguments, what the one line says. Nothing is connected to. */
const WRONG: readonly [args: string[], says: RegExp][] = [
  [[], /dead-letter needs list, show or redrive$/],
  [["remove"], /dead-letter needs list, show or redrive, not "remove"/],
  [["list", "--brokers", "nonsense"], /"nonsense" is not host:port/],
  [["list"], /--brokers or KAFKA_BROKERS must say where Kafka is/],
  [["list", "--brokers", "a:1", "--topic", "alerts"], /--topic must be accounts, market or reference/],
  [["list", "--brokers", "a:1", "--code", "bad-luck"], /--code "bad-luck" is none of too-short/],
  [["list", "--brokers", "a:1", "--since", "soon"], /--since must be/],
  [["list", "--brokers", "a:1", "--limit", "0"], /--limit must be a whole number/],
  [["list", "--brokers", "a:1", "--prefix", "a b"], /prefix/],
  [["list", "--nonsense"], /unknown option '--nonsense'/],
  [["show", "--brokers", "a:1"], /missing required argument 'letter'/],
  [["show", "accounts/1", "--brokers", "a:1"], /is not topic\/partition\/offset/],
  [["redrive", "--brokers", "a:1"], /redrive needs letters .*, --code or --all/],
  [["redrive", "--brokers", "a:1", "--all", "accounts/0/1"], /one of the three/],
  [["redrive", "--brokers", "a:1", "--all", "--force"], /--force goes with letters that are named/],
  [["redrive", "--brokers", "a:1", "accounts/0/1", "--since", "1d"], /--topic and --since go with/],
];

describe("plimsoll dead-letter, used wrongly", () => {
  it("says one line and ends with 2, whatever is wrong", async () => {
    const ended = await Promise.all(WRONG.map(async ([args]) => new Command(["dead-letter", ...args]).finished));
    ended.forEach(({ code, stdout, stderr }, i) => {
      const lines = stderr
        .trim()
        .split("\n")
        .filter((line) => !line.startsWith("(plimsoll"));
      expect(lines, WRONG[i][0].join(" ")).toHaveLength(1);
      expect(lines[0]).toMatch(WRONG[i][1]);
      expect([code, stdout], WRONG[i][0].join(" ")).toEqual([2, ""]);
    });
  }, 30_000);
});

/** Without the spaces that align its tables. */
function operations(): string {
  return readFileSync(join(import.meta.dirname, "../../docs/operations.md"), "utf8").replace(/ +/g, " ");
}

describe("docs/operations.md", () => {
  /** One row of its table for each code there is: what it should read. */
  const rows: string[] = [
    ...LETTER_CODES.map(({ name, meaning, action }) => [name, "dead letter", meaning, action]),
    ...Object.entries(ENGINE_ERRORS).map(([code, { meaning, remedy, exit }]) => [code, `engine, exit ${exit}`, meaning, remedy]),
    ...Object.entries(KAFKA_ERRORS).map(([code, [kind, meaning, remedy]]) => [code, `Kafka, ${kind}`, meaning, remedy]),
    ...Object.entries(STORE_ERRORS).map(([code, { meaning, remedy }]) => [code, "store", meaning, remedy]),
    ...Object.entries(API_START_ERRORS).map(([code, { meaning, remedy }]) => [code, "api start", meaning, remedy]),
    ...Object.entries(API_ERRORS).map(([code, { title, remedy, status, rpc }]) => [
      code,
      ["api", status === null ? "" : `HTTP ${status}`, rpc === null ? "" : `RPC ${rpc}`].filter(Boolean).join(", "),
      title,
      remedy,
    ]),
  ].map(([code, from, meaning, action]) => `| \`${code}\` | ${from} | ${meaning} | ${action} |`.replace(/ +/g, " "));

  it("has every error and dead-letter code, with the words of its table", () => {
    const text = operations();
    expect(rows.filter((row) => !text.includes(`${row}\n`))).toEqual([]);
  });

  it("has no code that is not in a table", () => {
    const codes = new Set(rows.map((row) => row.slice(0, row.indexOf("|", 2)).trim()));
    const inTable = operations().match(/^\| `[A-Za-z_-]+` \| (dead letter|engine|Kafka|store|api)[^\n]*/gm) ?? [];
    expect(inTable.length).toBe(rows.length);
    for (const row of inTable) expect(codes.has(row.slice(0, row.indexOf("|", 2)).trim()), row).toBe(true);
  });

  it("names no configuration key that is not one", () => {
    const named =
      operations().match(/`(kafka|database|engine|snapshot|capacity|http|stream|auth|store|sim|log)\.[A-Za-z]+`/g) ?? [];
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((key) => !(key.slice(1, -1) in CONFIG_KEYS))).toEqual([]);
  });
});
