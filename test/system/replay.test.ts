// The whole way, once: recorded markets and 10,000 traders through a real Kafka into the engine, out to a client, a
// database and REST; nothing mocked. Then the same with damaged messages mixed in.
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AccountEventKind } from "../../schemas/generated";
import { LogProducer } from "../../src/ingest/kafka/log-producer";
import { LedgerTwin, sortLedger } from "../../src/shards/ledger-twin";
import type { InstrumentState } from "../../src/shared/views/types";
import { decodeDeadLetter } from "../../src/shared/wire/encode";
import { damagedMessages } from "../support/damage";
import { Command, servedLedgers, startEngine, until } from "../support/engine-process";
import { kafkaUnavailable, logEnds, type SharedKafka, sharedKafka } from "../support/kafka";
import { startPostgres, type TestPostgres } from "../support/postgres";
import { readTopic } from "../support/read-topic";
import { StreamClient } from "../support/stream-client";
import { decodeAccountEvents, decodeInstruments } from "../support/twin-events";

const DATA = join(import.meta.dirname, "../../../shared/data/binance_capture");
const LINEAR = join(DATA, "usdm_btcusdt_20240808.gz");
const INVERSE = join(DATA, "cm_btcusd_perp_20240808.gz");
const TRADERS = 10_000;

const withoutKafka = kafkaUnavailable();
const withoutData = existsSync(LINEAR) && existsSync(INVERSE) ? null : `no recordings in ${DATA}`;
const skipped = withoutKafka ?? withoutData;

interface Platform {
  ready: boolean;
  totals: { accounts: number; eventsApplied: number };
  ingest: { deadLetters: number };
  shards: { partition: number; nextOffset: number; state: string }[];
}

interface Summary {
  events: { market: number; accounts: number };
  lastMarks: Record<string, string>;
}

/** Last best bid and ask of a capture, read by a plain loop over its lines. */
function lastTop(file: string): { bid: number; ask: number } {
  let top = { bid: 0, ask: 0 };
  for (const line of gunzipSync(readFileSync(file)).toString("utf8").split("\n")) {
    if (!line.includes('"bookTicker"')) continue;
    const { data } = JSON.parse(line.slice(line.indexOf(" ") + 1)) as { data: { b: string; a: string } };
    top = { bid: Number(data.b), ask: Number(data.a) };
  }
  return top;
}

describe.skipIf(skipped !== null)(
  `a replay through real Kafka and PostgreSQL${skipped === null ? "" : ` (skipped: ${skipped})`}`,
  () => {
    let kafka: SharedKafka;
    let database: TestPostgres;
    let dataDir: string;

    beforeAll(async () => {
      kafka = await sharedKafka();
      database = await startPostgres();
      dataDir = await mkdtemp(join(tmpdir(), "plimsoll-system-"));
    }, 120_000);

    afterAll(async () => {
      await database?.remove();
      await kafka?.release();
      if (dataDir) await rm(dataDir, { recursive: true, force: true });
    });

    it.each([
      { name: "clean", damaged: 0 },
      { name: "with 200 damaged messages mixed in", damaged: 200 },
    ])(
      "reaches every ledger, mark, client and row: $name",
      async ({ name, damaged }) => {
        const prefix = kafka.prefix();
        const engine = await startEngine([
          "--brokers",
          kafka.brokers,
          "--prefix",
          prefix,
          "--database",
          database.url,
          "--data",
          join(dataDir, name.slice(0, 5)),
          "--set",
          `kafka.groupId=${prefix}engine`,
          "--set",
          "stream.unknownAccounts=wait",
        ]);
        try {
          const client = await StreamClient.open(engine.stream);
          const watched = Array.from({ length: 20 }, (_, i) => String(2_000_001 + i * 499));
          await client.subscribe("platform.state", "risk.top.100ms", ...watched.map((id) => `risk.account.${id}.100ms`));

          const replay = new Command([
            "replay",
            "--json",
            "--brokers",
            kafka.brokers,
            "--prefix",
            prefix,
            "--accounts",
            String(TRADERS),
            "--speed",
            "max",
            LINEAR,
            INVERSE,
          ]);
          await until(
            "the instruments are known",
            async () => (await engine.get<{ instruments: unknown[] }>("/api/v1/instruments")).instruments.length >= 2,
          );
          await client.subscribe("market.BTCUSDT.100ms", "market.BTCUSD_PERP.raw");

          const sent = damaged === 0 ? [] : await mixIn(damaged, kafka.brokers, prefix);
          const { code, stdout, stderr } = await replay.finished;
          expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
          const summary = JSON.parse(stdout) as Summary;
          expect(summary.events.accounts).toBeGreaterThan(90_000);

          // Everything in the log has been applied.
          const ends = await logEnds(kafka.brokers, `${prefix}accounts`);
          const platform = await until(
            "the shards are at the end of their log",
            async () => {
              const state = await engine.get<Platform>("/api/v1/platform");
              return state.shards.length === ends.size &&
                state.shards.every((shard) => shard.nextOffset === ends.get(shard.partition))
                ? state
                : null;
            },
            60_000,
          );
          expect(platform.shards.every((shard) => shard.state === "running")).toBe(true);
          expect(platform.totals.accounts).toBe(TRADERS);

          // Every ledger equals the slow twin's over the same log.
          const bad = new Set(
            sent.filter((each) => each.topic.endsWith("accounts")).map((each) => `${each.partition}/${each.offset}`),
          );
          const reference = (await readTopic(kafka.brokers, `${prefix}reference`)).filter(
            (record) =>
              !sent.some(
                (each) =>
                  each.topic.endsWith("reference") && each.offset === record.offset && each.partition === record.partition,
              ),
          );
          const instruments = new Map(
            reference.flatMap((record) => decodeInstruments(record.value)).map((instrument) => [instrument.id, instrument]),
          );
          // A twin a partition, as there is a shard a partition: a settlement stands in every partition, for the accounts there.
          const twins = new Map([...ends.keys()].map((partition) => [partition, new LedgerTwin(instruments)]));
          let fills = 0;
          for (const record of await readTopic(kafka.brokers, `${prefix}accounts`)) {
            if (bad.has(`${record.partition}/${record.offset}`)) continue;
            for (const event of decodeAccountEvents(record.value)) {
              const outcome = twins.get(record.partition)!.apply(event);
              if (outcome === "applied" && event.kind === AccountEventKind.Fill) fills++;
            }
          }
          const ledgers = await servedLedgers(engine);
          const served = new Map(ledgers.map((ledger) => [ledger.id, ledger]));
          let differing = 0;
          let compared = 0;
          for (const twin of twins.values()) {
            for (const id of twin.accounts.keys()) {
              compared++;
              const ours = served.get(String(id));
              if (JSON.stringify(ours && sortLedger(ours)) === JSON.stringify(twin.view(id))) continue;
              if (differing++ === 0) expect(ours && sortLedger(ours)).toEqual(twin.view(id));
            }
          }
          expect(compared).toBe(TRADERS);
          expect(ledgers.length).toBe(compared);
          expect(served.size).toBe(compared);
          expect(differing).toBe(0);

          // The market served is the capture's last.
          for (const [symbol, file] of [
            ["BTCUSDT", LINEAR],
            ["BTCUSD_PERP", INVERSE],
          ] as const) {
            const expected = { ...lastTop(file), mark: Number(summary.lastMarks[symbol]) };
            const state = await until(`${symbol} stands at the capture's last`, async () => {
              const { mark, bid, ask } = await engine.get<InstrumentState>(`/api/v1/instruments/${symbol}`);
              return mark === expected.mark && bid === expected.bid && ask === expected.ask ? { mark, bid, ask } : null;
            });
            expect(state).toEqual(expected);
            await until(
              `the client sees the last mark of ${symbol}`,
              async () =>
                client.last(symbol === "BTCUSDT" ? "market.BTCUSDT.100ms" : "market.BTCUSD_PERP.raw")?.mark === expected.mark,
            );
          }

          // The client saw a snapshot and unbroken change ids.
          await until("the watched accounts have arrived", async () =>
            watched.every((id) => client.last(`risk.account.${id}.100ms`)?.type !== "unavailable"),
          );
          expect(client.broken).toEqual([]);
          for (const [channel, pushes] of client.pushes)
            expect(
              pushes.some((push) => push.type === "snapshot"),
              channel,
            ).toBe(true);
          expect(client.pushes.get("risk.top.100ms")!.length).toBeGreaterThan(3);
          client.close();

          // Dead letters: none, or exactly the damaged ones, byte for byte.
          const letters = (await readTopic(kafka.brokers, `${prefix}dead-letter`)).map((record) =>
            decodeDeadLetter(record.value),
          );
          expect(letters.length).toBe(damaged);
          expect((await engine.get<Platform>("/api/v1/platform")).ingest.deadLetters).toBe(damaged);
          const byPlace = new Map(letters.map((letter) => [`${letter.topic}/${letter.partition}/${letter.offset}`, letter]));
          for (const each of sent) {
            const letter = byPlace.get(`${each.topic}/${each.partition}/${each.offset}`);
            expect(letter, `${each.what} at ${each.topic}/${each.partition}/${each.offset}`).toBeDefined();
            expect(Buffer.from(letter!.payload).equals(each.payload), each.what).toBe(true);
            expect(letter!.reason.length).toBeGreaterThan(5);
          }

          // Ctrl-C drains and writes what is pending: exit 0, and every fill is a row.
          const ended = await engine.command.interrupt();
          expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: "" });
          const sql = postgres(database.url, { max: 1, onnotice: () => undefined });
          try {
            const logs = await sql<{ log_id: number }[]>`select log_id from logs where name like ${`%${prefix}accounts`}`;
            expect(logs.length).toBe(1);
            const id = logs[0].log_id;
            const [{ count }] = await sql<{ count: string }[]>`select count(*) from fills where log_id = ${id}`;
            expect(Number(count)).toBe(fills);
            const [risk] = await sql<
              { rows: string; accounts: string }[]
            >`select count(*) as rows, count(distinct account_id) as accounts from account_risk where log_id = ${id}`;
            expect(Number(risk.accounts)).toBe(TRADERS);
            const [marks] = await sql<{ rows: string }[]>`select count(*) as rows from marks`;
            expect(Number(marks.rows)).toBeGreaterThan(0);
          } finally {
            await sql.end();
          }
        } finally {
          engine.command.kill("SIGKILL");
        }
      },
      240_000,
    );
  },
);

interface Sent {
  topic: string;
  partition: number;
  offset: number;
  payload: Buffer;
  what: string;
}

/** Sends damaged messages while the replay runs. Answers where each one came to lie. */
async function mixIn(count: number, brokers: string, prefix: string): Promise<Sent[]> {
  const producer = new LogProducer({ brokers });
  await producer.connect();
  const sent: Sent[] = [];
  for (const { role, partition, payload, what } of damagedMessages(count)) {
    const topic = `${prefix}${role}`;
    const { offset, partition: at } = await producer.sendAndWait(topic, partition, payload, "damaged");
    sent.push({ topic, partition: at, offset, payload, what });
  }
  await producer.close();
  return sent;
}
