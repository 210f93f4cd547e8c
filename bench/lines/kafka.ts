// Through a real broker: events a second from the topic to the ledger and the row, by the engine's own ingest, at 1, 16 and
// 64 events a message. Its peer is the same consumer reading the same messages and doing nothing with them: what Kafka and
// its client leave to be had on this machine.
import { Ingest } from "../../src/ingest/ingest";
import { LogConsumer } from "../../src/ingest/kafka/log-consumer";
import type { LogProducer } from "../../src/ingest/kafka/log-producer";
import { topicName } from "../../src/ingest/kafka/topics";
import { MarketTable } from "../../src/ingest/market-table";
import { ShardPool } from "../../src/shards/pool";
import { ControlAt } from "../../src/shared/layout/shard";
import { createShardMemory } from "../../src/shared/shard-memory";
import { createStats, StatsView, StatsWriter } from "../../src/shared/stats";
import { cleanUp } from "../harness/cleanup";
import { sleep } from "../harness/clock";
import { connectProducer, kafkaMissing, produceAll, startKafka } from "../harness/kafka";
import type { LeftOut, Line, LineOptions, Row } from "../harness/line";
import { kernelModule } from "../harness/one-thread";
import { pairedRow, takeTurns } from "../harness/paired";
import { built } from "../harness/paths";
import { addShard, ShardProbe } from "../harness/shard-rig";
import { World } from "../harness/world";

const LOOK_MS = 2;
const POLL_MESSAGES = 512;
const DEADLINE_MS = 120_000;

interface Log {
  brokers: string;
  prefix: string;
  /** Messages that open the accounts: read, not timed. */
  opening: number;
  messages: number;
  eventsPerMessage: number;
}

/** Events a second from a moment after the opening messages to the last event applied. */
async function throughEngine(world: World, log: Log, producer: LogProducer, group: string): Promise<number> {
  const table = new MarketTable();
  const statsMemory = createStats();
  let failure: Error | null = null;
  const fail = (error: Error) => {
    failure ??= error;
  };
  const pool = new ShardPool({
    filename: built("shard-worker.js"),
    kernel: kernelModule(),
    market: table.memory,
    workers: 1,
    spinRounds: 50,
    hangMs: 60_000,
    onLive: () => {},
    onLost: fail,
  });
  const stopPool = cleanUp(() => pool.stop());
  let probe: ShardProbe | null = null;
  const ingest = new Ingest({
    connection: { brokers: log.brokers, clientId: "plimsoll-bench" },
    prefix: log.prefix,
    groupId: group,
    marketBackfill: 1000,
    lease: { holds: () => true, doubt: () => undefined, confirm: () => undefined },
    deadLetters: producer,
    table,
    stats: new StatsWriter(statsMemory),
    shards: {
      async open(partition, { low, high }) {
        const memory = createShardMemory(partition, world.capacity(), { recordFills: false });
        probe = new ShardProbe(memory.buffer as unknown as SharedArrayBuffer);
        probe.setPosition(ControlAt.nextOffset, low);
        probe.setPosition(ControlAt.recoverTo, high);
        await addShard(pool, partition, memory);
        return { memory: probe.memory, start: low, ring: pool.bell(partition) };
      },
      close: (partition) => pool.remove(partition),
      keep: async () => {},
      marketCaughtUp: () => {},
      marketMoved: () => pool.ringAll(),
    },
    onWarning: (text) => process.stderr.write(`${text}\n`),
    onFatal: fail,
  });
  const close = cleanUp(() => ingest.close(5000));
  try {
    await ingest.start();
    const until = performance.now() + DEADLINE_MS;
    const reached = async (offset: number): Promise<{ offset: number; at: number }> => {
      for (;;) {
        const next = probe?.nextOffset() ?? 0;
        if (next >= offset) return { offset: next, at: performance.now() };
        if (failure) throw failure;
        if (performance.now() > until) throw new Error(`${log.prefix}: ${next} of ${offset} messages applied in time`);
        await sleep(LOOK_MS);
      }
    };
    const start = await reached(log.opening);
    const end = await reached(log.opening + log.messages);
    probe!.assertWhole(world.openingEvents + log.messages * log.eventsPerMessage);
    const letters = new StatsView(statsMemory).get("ingest.deadLetters");
    if (letters !== 0) throw new Error(`${letters} messages went to the dead letters`);
    return ((end.offset - start.offset) * log.eventsPerMessage) / ((end.at - start.at) / 1000);
  } finally {
    await close();
    await stopPool();
  }
}

/** Events a second that the consumer hands over, from its first messages on. */
async function clientAlone(log: Log, group: string): Promise<number> {
  const consumer = new LogConsumer({ brokers: log.brokers, groupId: group });
  const close = cleanUp(() => consumer.close(5000));
  try {
    await consumer.connect();
    await consumer.assign([{ topic: topicName("accounts", log.prefix), partition: 0, offset: log.opening }]);
    let first = 0;
    while (first === 0) first = (await consumer.poll(POLL_MESSAGES)).length;
    const start = performance.now();
    let messages = 0;
    while (messages + first < log.messages) messages += (await consumer.poll(POLL_MESSAGES)).length;
    return (messages * log.eventsPerMessage) / ((performance.now() - start) / 1000);
  } finally {
    await close();
  }
}

async function run({ quick, progress }: LineOptions): Promise<(Row | LeftOut)[]> {
  const missing = await kafkaMissing();
  if (missing !== null) return [{ id: "kafka/events", what: "events a second through a real broker", leftOut: missing }];
  progress("starting a broker");
  const kafka = await startKafka(progress);
  const world = new World({ accounts: 10_000, instruments: 16, positionsPerAccount: 4 });
  const producer = await connectProducer(kafka.brokers);
  const opening = [...world.opening()];
  const rows: Row[] = [];
  const sizes = quick
    ? ([
        [1, 30_000],
        [16, 12_288],
        [64, 12_288],
      ] as const)
    : ([
        [1, 300_000],
        [16, 150_000],
        [64, 65_536],
      ] as const);
  for (const [eventsPerMessage, messages] of sizes) {
    const prefix = `bench-${eventsPerMessage}.`;
    progress(`writing ${messages} messages of ${eventsPerMessage}`);
    await kafka.topics(prefix);
    await produceAll(producer, { role: "reference", prefix }, [world.reference()]);
    await produceAll(producer, { role: "market", prefix }, [world.marks(1)]);
    await produceAll(producer, { role: "accounts", prefix }, opening);
    const chunk = 4096;
    for (let from = 0; from < messages; from += chunk) {
      const count = Math.min(chunk, messages - from) * eventsPerMessage;
      await produceAll(producer, { role: "accounts", prefix }, world.fills(from * eventsPerMessage, count, eventsPerMessage));
    }
    const log: Log = { brokers: kafka.brokers, prefix, opening: opening.length, messages, eventsPerMessage };
    let turn = 0;
    const group = () => `bench-${eventsPerMessage}-${turn++}`;
    const onRound = (round: number) => progress(`${eventsPerMessage} events a message, round ${round + 1}`);
    const values = await takeTurns({ rounds: quick ? 3 : 9, warmUps: quick ? 0 : 1, budgetMs: quick ? 4000 : 120_000, onRound }, [
      { name: "engine", measure: () => throughEngine(world, log, producer, group()) },
      { name: "client", measure: () => clientAlone(log, group()) },
    ]);
    rows.push(
      pairedRow(
        {
          id: `kafka/events-${eventsPerMessage}`,
          what: `from the topic to ledger and row, ${eventsPerMessage} event${eventsPerMessage > 1 ? "s" : ""} a message`,
          unit: "events/s",
          better: "higher",
          details: { kafka: kafka.version, messages, eventsPerMessage, checked: "every event applied once, no dead letter" },
        },
        { name: "Plimsoll", values: values.engine },
        { name: "the client alone", values: values.client },
      ),
    );
  }
  return rows;
}

export const kafka: Line = { id: "kafka", title: "Through real Kafka", runs: "always", run };
