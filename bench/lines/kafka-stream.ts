// How long an event takes from the moment it is due, through a broker, through the whole engine as `plimsoll up` runs it, to a
// WebSocket client: 100,000 events a second, in batches. An event that is told together with a later one counts until then.
// The peer is Kafka alone: the same messages on the same schedule, read by a bare consumer.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { WebSocket } from "ws";
import { LogConsumer } from "../../src/ingest/kafka/log-consumer";
import type { LogProducer } from "../../src/ingest/kafka/log-producer";
import { topicName } from "../../src/ingest/kafka/topics";
import { cleanUp } from "../harness/cleanup";
import { sleep } from "../harness/clock";
import { type Latencies, latenciesOf, newHistogram, PERCENTILES } from "../harness/fixed-rate";
import { connectProducer, kafkaMissing, produceAll, startKafka } from "../harness/kafka";
import type { LeftOut, Line, LineOptions, Row } from "../harness/line";
import { pairedRow, takeTurns } from "../harness/paired";
import { built } from "../harness/paths";
import { World } from "../harness/world";

const EVENTS_PER_SECOND = 100_000;
const EVENTS_PER_MESSAGE = 100;
const INTERVAL_MS = (EVENTS_PER_MESSAGE / EVENTS_PER_SECOND) * 1000;
const PREFIX = "bench-stream.";
/** Accounts whose channels are watched; the others' events are there all the same. */
const WATCHED = 50;
const ACCOUNTS = 10_000;
const READY_MS = 60_000;

/** The engine as an operator starts it, without a database. */
class EngineProcess {
  private constructor(
    readonly page: string,
    readonly stream: string,
  ) {}

  static async start(brokers: string): Promise<EngineProcess> {
    const dataDir = mkdtempSync(join(tmpdir(), "plimsoll-bench-engine-"));
    cleanUp(() => rmSync(dataDir, { recursive: true, force: true }));
    const args = ["up", "--json", "--brokers", brokers, "--prefix", PREFIX, "--database", "off", "--data", dataDir];
    const ports = ["--http-port", "0", "--stream-port", "0"];
    const settings = ["--set", "engine.staleAfterMs=3600000", "--set", "log.level=error", "--set", "kafka.groupId=bench-stream"];
    const child = spawn(process.execPath, [built("plimsoll.js"), ...args, ...ports, ...settings], {
      stdio: ["ignore", "pipe", "pipe"],
      env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("PLIMSOLL_"))),
    });
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    cleanUp(async () => {
      child.kill("SIGINT");
      const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
      await ended;
      clearTimeout(timer);
    });
    let said = "";
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-4000)));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the engine was not ready within ${READY_MS} ms\n${said}`)), READY_MS);
      createInterface({ input: child.stdout! }).on("line", (line) => {
        const event = JSON.parse(line) as { event: string; page: string; stream: string };
        if (event.event !== "ready") return;
        clearTimeout(timer);
        resolve(new EngineProcess(event.page, event.stream));
      });
      child.once("close", (code) => reject(new Error(`the engine ended with ${code}\n${said}`)));
    });
  }

  /** Waits until the log up to `offset` is applied and served. */
  async caughtUp(offset: number): Promise<void> {
    const until = performance.now() + READY_MS;
    for (;;) {
      const answer = await fetch(`${this.page}/api/v1/shards`);
      const { shards } = (await answer.json()) as { shards: { state: string; nextOffset: number }[] };
      if (shards.length === 1 && shards[0]!.nextOffset >= offset && shards[0]!.state === "running") return;
      if (performance.now() > until) throw new Error(`the engine did not come to offset ${offset}: ${JSON.stringify(shards)}`);
      await sleep(50);
    }
  }
}

/** The messages of a run: which of them names a watched account, and when it is due. */
interface Schedule {
  messages: Buffer[];
  /** Offset of the first. */
  offset: number;
  startMs: number;
}

/** Sends what is due until all is sent. */
async function send(producer: LogProducer, schedule: Schedule): Promise<void> {
  const { messages } = schedule;
  const topic = topicName("accounts", PREFIX);
  for (let sent = 0; sent < messages.length; ) {
    while (sent < messages.length && performance.now() >= schedule.startMs + sent * INTERVAL_MS)
      if (producer.send(topic, 0, messages[sent]!, "bench")) sent++;
      else break;
    // A timer of one: finer needs a thread that spins, and there are threads enough.
    await sleep(1);
  }
}

/** A client of the stream that keeps, for each watched account, the offset up to which it has been told. */
class Watcher {
  private readonly told = new Map<string, number>();
  onTold: (accountId: string, from: number, to: number) => void = () => {};

  private constructor(socket: WebSocket) {
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data)) as { method?: string; params?: { data: { id?: string; offset?: number } } };
      const { id, offset } = frame.params?.data ?? {};
      if (frame.method !== "subscription" || id === undefined || offset === undefined) return;
      const before = this.told.get(id) ?? -1;
      if (offset <= before) return;
      this.told.set(id, offset);
      this.onTold(id, before + 1, offset);
    });
  }

  static async open(url: string, accounts: readonly string[]): Promise<Watcher> {
    const socket = new WebSocket(url);
    cleanUp(() => socket.terminate());
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
    });
    const watcher = new Watcher(socket);
    const channels = accounts.map((id) => `risk.account.${id}.raw`);
    socket.send(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "public/subscribe", params: { channels } }));
    const until = performance.now() + READY_MS;
    while (watcher.told.size < accounts.length) {
      if (performance.now() > until) throw new Error(`${watcher.told.size} of ${accounts.length} snapshots came`);
      await sleep(5);
    }
    return watcher;
  }
}

async function run({ quick, progress }: LineOptions): Promise<(Row | LeftOut)[]> {
  const missing = await kafkaMissing();
  if (missing !== null) return [{ id: "kafka-stream/p99", what: "from Kafka to a WebSocket client", leftOut: missing }];
  progress("starting a broker");
  const kafka = await startKafka(progress);
  const world = new World({ accounts: ACCOUNTS, instruments: 16, positionsPerAccount: 4 });
  const producer = await connectProducer(kafka.brokers, 0);
  await kafka.topics(PREFIX);
  await produceAll(producer, { role: "reference", prefix: PREFIX }, [world.reference()]);
  await produceAll(producer, { role: "market", prefix: PREFIX }, [world.marks(1)]);
  const opening = [...world.opening()];
  await produceAll(producer, { role: "accounts", prefix: PREFIX }, opening);
  progress("starting the engine");
  const engine = await EngineProcess.start(kafka.brokers);
  await engine.caughtUp(opening.length);

  const watched = Array.from({ length: WATCHED }, (_, i) => i * (ACCOUNTS / WATCHED));
  const watcher = await Watcher.open(
    engine.stream,
    watched.map((account) => String(account + 1)),
  );
  const consumer = new LogConsumer({ brokers: kafka.brokers, groupId: "bench-alone" });
  const closeConsumer = cleanUp(() => consumer.close(5000));
  await consumer.connect();

  const messages = Math.round(((quick ? 1 : 10) * 1000) / INTERVAL_MS);
  let nextEvent = 0;
  let nextOffset = opening.length;
  const schedule = (): Schedule => {
    const made = world.fills(nextEvent, messages * EVENTS_PER_MESSAGE, EVENTS_PER_MESSAGE);
    const offset = nextOffset;
    nextEvent += messages * EVENTS_PER_MESSAGE;
    nextOffset += messages;
    return { messages: made, offset, startMs: performance.now() + 20 };
  };

  const throughEngine = async (): Promise<Latencies> => {
    const firstEvent = nextEvent;
    const plan = schedule();
    // Messages that have an event of a watched account, by account.
    const due = new Map<string, number[]>(watched.map((account) => [String(account + 1), []]));
    for (let n = firstEvent; n < nextEvent; n++)
      due.get(String(world.accountOf(n) + 1))?.push(Math.floor((n - firstEvent) / EVENTS_PER_MESSAGE));
    let left = [...due.values()].reduce((sum, list) => sum + list.length, 0);
    const histogram = newHistogram();
    watcher.onTold = (accountId, _from, to) => {
      const now = performance.now();
      const list = due.get(accountId)!;
      while (list.length > 0 && plan.offset + list[0]! <= to) {
        const latencyMs = now - (plan.startMs + list.shift()! * INTERVAL_MS);
        histogram.recordValue(Math.max(1, Math.round(latencyMs * 1e6)));
        left--;
      }
    };
    await send(producer, plan);
    const until = performance.now() + 30_000;
    while (left > 0) {
      if (performance.now() > until) throw new Error(`${left} events were not told to the client`);
      await sleep(2);
    }
    return latenciesOf(histogram);
  };

  const kafkaAlone = async (): Promise<Latencies> => {
    const plan = schedule();
    const topic = topicName("accounts", PREFIX);
    await consumer.assign([{ topic, partition: 0, offset: "end" }]);
    // One poll, so that it stands at the end before the first message comes.
    while ((await consumer.poll(1)).length > 0);
    plan.startMs = performance.now() + 20;
    const histogram = newHistogram();
    let seen = 0;
    const reading = (async () => {
      while (seen < messages) {
        const polled = await consumer.poll(512);
        const now = performance.now();
        for (const { offset } of polled) {
          const latencyMs = now - (plan.startMs + (offset - plan.offset) * INTERVAL_MS);
          histogram.recordValue(Math.max(1, Math.round(latencyMs * 1e6)));
          seen++;
        }
      }
    })();
    await Promise.all([send(producer, plan), reading]);
    await consumer.unassign([{ topic, partition: 0 }]);
    return latenciesOf(histogram);
  };

  const through: Latencies[] = [];
  const alone: Latencies[] = [];
  const keep = (list: Latencies[], measure: () => Promise<Latencies>) => async (round: number) => {
    const latencies = await measure();
    if (round >= 0) list.push(latencies);
    return latencies.p50;
  };
  await takeTurns(
    { rounds: quick ? 3 : 9, budgetMs: quick ? 8000 : 240_000, onRound: (round) => progress(`round ${round + 1}`) },
    [
      { name: "engine", measure: keep(through, throughEngine) },
      { name: "kafka", measure: keep(alone, kafkaAlone) },
    ],
  );
  await engine.caughtUp(nextOffset);
  await closeConsumer();
  return PERCENTILES.map((percentile) =>
    pairedRow(
      {
        id: `kafka-stream/${percentile}`,
        what: `event due → Kafka → engine → WebSocket client, ${percentile} at 100,000 events/s`,
        unit: "ns",
        better: "lower",
        details: {
          kafka: kafka.version,
          eventsPerMessage: EVENTS_PER_MESSAGE,
          messages,
          accounts: ACCOUNTS,
          watched: WATCHED,
          counted: "from when a message was due; the sender's timer has 1 ms",
        },
      },
      { name: "Plimsoll", values: through.map((each) => each[percentile]) },
      { name: "Kafka alone", values: alone.map((each) => each[percentile]) },
    ),
  );
}

export const kafkaStream: Line = { id: "kafka-stream", title: "Kafka to WebSocket client at a fixed rate", runs: "always", run };
