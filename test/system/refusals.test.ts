// A refusal is final: an engine that reads the log again, after a crash or for a worker that was lost, comes to the ledger that was
// served, even if what was unknown then is known now.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
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
/** An instrument that is not in the reference data at first. */
const UNKNOWN = 77;

interface Served {
  freshness: string;
  ledger: { seq: string };
}

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

  const start = (prefix: string, dir: string, env = {}) =>
    startEngine(
      [
        ...["--brokers", kafka.brokers, "--prefix", prefix, "--database", "off", "--data", join(dataDir, dir)],
        ...["--set", `kafka.groupId=${prefix}e`],
      ],
      env,
    );

  async function send(producer: LogProducer, prefix: string, seq: number, instrument: number): Promise<void> {
    const writer = new AccountBatchWriter(1);
    if (instrument === 0) writer.transfer({ seq, account: ACCOUNT, timeMs: TIME_MS, asset: 1, amount: 1e12 });
    else writer.fill({ seq, account: ACCOUNT, timeMs: TIME_MS, instrument, side: 1, qtyLots: 3, priceTicks: 600_000, fee: 1e6 });
    await producer.sendAndWait(`${prefix}accounts`, 0, writer.finish(), String(ACCOUNT));
  }

  /** A transfer, a fill in an instrument nobody knows, a fill in one that is known: served, and the letter written. */
  async function refuseOne(producer: LogProducer, prefix: string, engine: RunningEngine): Promise<Served> {
    await producer.connect();
    await producer.sendAndWait(`${prefix}reference`, null, referenceMessage(), "contracts");
    await send(producer, prefix, 1, 0);
    await send(producer, prefix, 2, UNKNOWN);
    await send(producer, prefix, 3, 1);
    const served = await standsAt(engine, 3);
    expect(served.freshness).toBe("GAP");
    await until("the letter is written", async () => (await letters(prefix)) === 1);
    return served;
  }

  const letters = async (prefix: string) => (await readTopic(kafka.brokers, `${prefix}dead-letter`)).length;

  const standsAt = (engine: RunningEngine, seq: number): Promise<Served> =>
    until(
      `the account stands at its event ${seq}`,
      async () => {
        const answer = await engine.get<Served>(`/api/v1/accounts/${ACCOUNT}/ledger`).catch(() => null);
        return answer !== null && answer.ledger.seq === String(seq) && answer;
      },
      60_000,
    );

  async function makeKnown(producer: LogProducer, prefix: string): Promise<void> {
    const writer = new ReferenceBatchWriter(1);
    writer.instrument({
      ...{ id: UNKNOWN, symbol: "LATE", marginTable: 1, base: 2, quote: 1, settle: 1, kind: 2, payoff: 1 },
      ...{ contractSize: 1, tickSize: "0.1", lotSize: "0.001" },
    });
    await producer.sendAndWait(`${prefix}reference`, null, writer.finish(), "late");
  }

  const instruments = async (engine: RunningEngine) =>
    (await engine.get<{ instruments: unknown[] }>("/api/v1/instruments")).instruments.length;

  it("stays refused when the log is read again and its instrument is known by then", async () => {
    const prefix = kafka.prefix();
    const producer = new LogProducer({ brokers: kafka.brokers });
    let engine = await start(prefix, "restart");
    try {
      const served = await refuseOne(producer, prefix, engine);
      engine.command.kill("SIGKILL");
      await engine.command.finished;
      await makeKnown(producer, prefix);
      engine = await start(prefix, "restart");
      const again = await standsAt(engine, 3);
      expect(await instruments(engine)).toBe(12);
      expect(again.ledger).toEqual(served.ledger);
      expect(await letters(prefix)).toBe(1);
      expect((await engine.command.interrupt()).code).toBe(0);
    } finally {
      engine.command.kill("SIGKILL");
      await producer.close();
    }
  }, 180_000);

  it("stays refused when a worker is lost and its shard is rebuilt", async () => {
    const prefix = kafka.prefix();
    const fault = join(dataDir, "fault");
    const producer = new LogProducer({ brokers: kafka.brokers });
    const engine = await start(prefix, "worker", { PLIMSOLL_TEST_FAULT: fault });
    try {
      await refuseOne(producer, prefix, engine);
      await makeKnown(producer, prefix);
      await until("the instrument is known", async () => (await instruments(engine)) === 12);
      await writeFile(fault, "shard-round 1 throw");
      await send(producer, prefix, 4, 0);
      const rebuilt = await until("the shard is rebuilt and served", async () => {
        if (!engine.command.stderr.includes("they are rebuilt")) return false;
        const answer = await standsAt(engine, 4);
        return answer.freshness !== "RECOVERING" && answer.freshness !== "STALE" && answer;
      });
      expect(rebuilt.freshness).toBe("GAP");
      expect(await letters(prefix)).toBe(1);
      expect((await engine.command.interrupt()).code).toBe(0);
    } finally {
      engine.command.kill("SIGKILL");
      await producer.close();
    }
  }, 180_000);
});
