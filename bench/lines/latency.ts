// How old a row is when it can be read: from the moment an event was due to the moment another thread finds it in the
// published row, at fixed rates. The peer is the least that two threads can do: a record through the ring and the reader's
// counter back, on the same schedule.
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { RingAt } from "../../src/shared/layout/ring";
import { initRing, RingProducer } from "../../src/shared/ring";
import { cleanUp } from "../harness/cleanup";
import { atFixedRate, type Latencies, latenciesOf, PERCENTILES } from "../harness/fixed-rate";
import type { Line, LineOptions, Row } from "../harness/line";
import { pairedRow, takeTurns } from "../harness/paired";
import { benchFile } from "../harness/paths";
import type { ReadAnswer, ReadOrder } from "../harness/ring-orders";
import { type OpenShard, ShardRig } from "../harness/shard-rig";
import { World } from "../harness/world";

const RING_RECORDS = 16_384;
const HEADER = 65_536;

/** A thread that reads a ring away, and the ring. */
class BareHop {
  private readonly pages = Math.ceil((HEADER + RingAt.bytes + RING_RECORDS * 64) / 65_536) + 1;
  private readonly memory = new WebAssembly.Memory({ initial: this.pages, maximum: this.pages, shared: true });
  private readonly module = new WebAssembly.Module(readFileSync(benchFile("ring-reader.wasm")));
  private readonly worker = new Worker(benchFile("ring-worker.js"));
  private readonly words: Int32Array;
  private readonly producer: RingProducer;

  constructor() {
    const shared = this.memory.buffer as unknown as SharedArrayBuffer;
    initRing(shared, HEADER, HEADER + RingAt.bytes, RING_RECORDS, 64);
    this.producer = new RingProducer(shared, HEADER);
    this.words = new Int32Array(shared);
    cleanUp(async () => void (await this.worker.terminate()));
  }

  async run(messages: number, intervalNs: number): Promise<Latencies> {
    const answers: ((answer: ReadAnswer) => void)[] = [];
    const answer = () => new Promise<ReadAnswer>((resolve) => answers.push(resolve));
    this.worker.on("message", (each: ReadAnswer) => answers.shift()?.(each));
    const ready = answer();
    const done = answer();
    const order: ReadOrder = { by: "plimsoll", memory: this.memory, module: this.module, header: HEADER, records: messages };
    this.worker.postMessage(order);
    await ready;
    const consumed = (HEADER + RingAt.consumed) / 4;
    const before = Atomics.load(this.words, consumed);
    const histogram = atFixedRate({
      messages,
      intervalNs,
      eventsPerMessage: 1,
      send: () => {
        if (!this.producer.hasRoom(1)) return false;
        this.words[this.producer.recordOffset(0) / 4] = 1;
        this.producer.publish(1);
        return true;
      },
      isSeen: (i) => ((Atomics.load(this.words, consumed) - before) | 0) > i,
    });
    await done;
    this.worker.removeAllListeners("message");
    return latenciesOf(histogram);
  }
}

interface Rate {
  id: string;
  eventsPerSecond: number;
  eventsPerMessage: number;
}

const RATES: readonly Rate[] = [
  { id: "1m", eventsPerSecond: 1_000_000, eventsPerMessage: 1 },
  { id: "1m-by-16", eventsPerSecond: 1_000_000, eventsPerMessage: 16 },
  { id: "100k", eventsPerSecond: 100_000, eventsPerMessage: 1 },
];

async function run({ quick, progress }: LineOptions): Promise<Row[]> {
  const world = new World({ accounts: 10_000, instruments: 16, positionsPerAccount: 4 });
  const rig = new ShardRig(world, { spinRounds: 50_000 });
  const hop = new BareHop();
  const seconds = quick ? 0.25 : 2;
  const rows: Row[] = [];
  for (const { id, eventsPerSecond, eventsPerMessage } of RATES) {
    // A shard that spins takes a core whether it has work or not: it is there only while it is measured.
    const messages = Math.round((eventsPerSecond * seconds) / eventsPerMessage);
    const intervalNs = (1e9 * eventsPerMessage) / eventsPerSecond;
    const engine: Latencies[] = [];
    const bare: Latencies[] = [];
    await takeTurns(
      {
        rounds: quick ? 3 : 9,
        budgetMs: quick ? 3000 : 180_000,
        onRound: (round) => progress(`${eventsPerSecond} events/s, ${eventsPerMessage} a message, round ${round + 1}`),
      },
      [
        {
          name: "engine",
          measure: async (round) => {
            const shard = await rig.open();
            const latencies = runEngine(world, rig, shard, messages, eventsPerMessage, intervalNs);
            if (round >= 0) engine.push(latencies);
            await rig.close(shard);
            return latencies.p50;
          },
        },
        {
          name: "bare",
          measure: async (round) => {
            const latencies = await hop.run(messages, intervalNs);
            if (round >= 0) bare.push(latencies);
            return latencies.p50;
          },
        },
      ],
    );
    for (const percentile of PERCENTILES)
      rows.push(
        pairedRow(
          {
            id: `latency/${id}-${percentile}`,
            what: `event due → row published, ${percentile} at ${eventsPerSecond.toLocaleString("en")} events/s, ${eventsPerMessage} a message`,
            unit: "ns",
            better: "lower",
            details: { messages, eventsPerMessage, accounts: world.accounts, counted: "from when a message was due" },
          },
          { name: "Plimsoll", values: engine.map((each) => each[percentile]) },
          { name: "a bare hop", values: bare.map((each) => each[percentile]) },
        ),
      );
  }
  return rows;
}

function runEngine(
  world: World,
  rig: ShardRig,
  shard: OpenShard,
  messages: number,
  eventsPerMessage: number,
  intervalNs: number,
): Latencies {
  const payloads = world.fills(0, messages * eventsPerMessage, eventsPerMessage);
  const firstOffset = shard.offset;
  const histogram = atFixedRate({
    messages,
    intervalNs,
    eventsPerMessage,
    send: (i) => rig.tryOffer(shard, payloads[i]!),
    // Of a message, the rows of its first and of its last event: whichever way round the shard values them, one comes last.
    isSeen: (i) =>
      shard.probe.isPublished(world.accountOf(i * eventsPerMessage), firstOffset + i) &&
      shard.probe.isPublished(world.accountOf((i + 1) * eventsPerMessage - 1), firstOffset + i),
  });
  rig.awaitRows(shard);
  shard.probe.assertWhole(world.openingEvents + messages * eventsPerMessage);
  return latenciesOf(histogram);
}

export const latency: Line = { id: "latency", title: "Event to published row at a fixed rate", runs: "always", run };
