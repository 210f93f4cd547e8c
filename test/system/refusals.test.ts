// A refusal is final: an engine that reads the log again after a crash comes to the ledger that was served, even if what
// was unknown then is known now.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LogProducer } from "../../src/ingest/kafka/log-producer";
import { AccountBatchWriter, ReferenceBatchWriter } from "../../src/shared/wire/encode";
import { referenceMessage } from "../support/contracts";
import { type RunningEngine, startEngine, until } from "../support/engine-process";
import { kafkaUnavailable, type SharedKafka, sharedKafka } from "../support/kafka";
import { readTopic } from "../support/read-topic";

const skipped = kafkaUnavailable();
const ACCOUNT = 4711;
const TIME_MS = Date.UTC(2025, 5, 1);

describe.skipIf(skipped !== null)(`what was refused${skipped === null ? "" : ` (skipped: ${skipped})`}`, () => {
  let kafka: SharedKafka;
  let dataDir: string;

  beforeAll(async () => {
    kafka = await sharedKafka();
    dataDir = await mkdtemp(join(tmpdir(), "plimsoll-refusals-"));
  }, 120_000);
  afterAll(async () => {
    await kafka?.release();
    if (dataDir) await rm(dataDir, { recursive: true, force: true });
  });

  it("stays refused when the log is read again and its instrument is known by then", async () => {
    const prefix = kafka.prefix();
    const start = () =>
      startEngine([
        "--brokers",
        kafka.brokers,
        "--prefix",
        prefix,
        "--database",
        "off",
        "--data",
        dataDir,
        "--set",
        `kafka.groupId=${prefix}e`,
      ]);
    const ledger = (engine: RunningEngine) =>
      engine.get<{ freshness: string; ledger: unknown }>(`/api/v1/accounts/${ACCOUNT}/ledger`);
    const producer = new LogProducer({ brokers: kafka.brokers });
    let engine = await start();
    try {
      await producer.connect();
      await producer.sendAndWait(`${prefix}reference`, null, referenceMessage(), "contracts");
      const send = async (instrument: number, seq: number) => {
        const writer = new AccountBatchWriter(1);
        if (seq === 1) writer.transfer({ seq, account: ACCOUNT, timeMs: TIME_MS, asset: 1, amount: 1e12 });
        else
          writer.fill({ seq, account: ACCOUNT, timeMs: TIME_MS, instrument, side: 1, qtyLots: 3, priceTicks: 600_000, fee: 1e6 });
        await producer.sendAndWait(`${prefix}accounts`, 0, writer.finish(), String(ACCOUNT));
      };
      await send(0, 1);
      await send(77, 2);
      await send(1, 3);
      const served = await until("the account stands at its third event", async () => {
        const answer = await ledger(engine).catch(() => null);
        return answer && (answer.ledger as { seq: string }).seq === "3" ? answer : null;
      });
      expect(served.freshness).toBe("GAP");
      await until("the letter is written", async () => (await readTopic(kafka.brokers, `${prefix}dead-letter`)).length === 1);

      engine.command.kill("SIGKILL");
      await engine.command.finished;
      const writer = new ReferenceBatchWriter(1);
      writer.instrument({
        id: 77,
        symbol: "LATE",
        marginTable: 1,
        base: 2,
        quote: 1,
        settle: 1,
        kind: 2,
        payoff: 1,
        contractSize: 1,
        tickSize: "0.1",
        lotSize: "0.001",
      });
      await producer.sendAndWait(`${prefix}reference`, null, writer.finish(), "late");

      engine = await start();
      const again = await until(
        "the account is served again",
        async () => {
          const answer = await ledger(engine).catch(() => null);
          return answer && (answer.ledger as { seq: string }).seq === "3" ? answer : null;
        },
        60_000,
      );
      expect((await engine.get<{ instruments: unknown[] }>("/api/v1/instruments")).instruments.length).toBe(12);
      expect(again.ledger).toEqual(served.ledger);
      expect((await readTopic(kafka.brokers, `${prefix}dead-letter`)).length).toBe(1);
      expect((await engine.command.interrupt()).code).toBe(0);
    } finally {
      engine.command.kill("SIGKILL");
      await producer.close();
    }
  }, 180_000);
});
