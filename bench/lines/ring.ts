// Records of 64 bytes from one thread to another: the engine's ring, written by src/shared/ring.ts and read by the kernel's
// own functions, against the LMAX Disruptor, ringbuf.js and postMessage. Everyone moves the same eight doubles a record,
// and everyone's reader adds them up: a sum that is wrong ends the line.
import { readFileSync } from "node:fs";
import { MessageChannel, Worker } from "node:worker_threads";
import { RingBuffer } from "ringbuf.js";
import { RingAt } from "../../src/shared/layout/ring";
import { initRing, RingProducer } from "../../src/shared/ring";
import { cleanUp } from "../harness/cleanup";
import { nowNs } from "../harness/clock";
import { disruptorMissing, JavaPeer } from "../harness/java";
import type { LeftOut, Line, LineOptions, Row } from "../harness/line";
import { pairedRow, type Turn, takeTurns } from "../harness/paired";
import { benchFile } from "../harness/paths";
import { RECORD_DOUBLES, type ReadAnswer, type ReadOrder } from "../harness/ring-orders";

/** Of every ring here: the smallest that a shard may have. */
const RING_RECORDS = 16_384;
const RECORD_BYTES = RECORD_DOUBLES * 8;
const HEADER = 65_536;
const PAGES = Math.ceil((HEADER + RingAt.bytes + RING_RECORDS * RECORD_BYTES) / 65_536) + 1;

/** Sum over records i of i + (i + 1) + … + (i + 7): whole numbers below 2^53 for as many records as are sent here. */
function sumExpected(records: number): number {
  return 8 * ((records * (records - 1)) / 2) + 28 * records;
}

/** The thread that reads, and what it is told. */
class Reader {
  private readonly worker = new Worker(benchFile("ring-worker.js"));
  private next: ((answer: ReadAnswer) => void) | null = null;

  constructor() {
    this.worker.on("message", (answer: ReadAnswer) => this.next?.(answer));
    cleanUp(async () => void (await this.worker.terminate()));
  }

  private answer(): Promise<ReadAnswer> {
    return new Promise((resolve) => {
      this.next = resolve;
    });
  }

  /** Lets it read, writes meanwhile, and says how many records a second went through. */
  async time(order: ReadOrder, write: () => void): Promise<number> {
    const ready = this.answer();
    this.worker.postMessage(order, order.by === "postMessage" ? [order.port] : []);
    await ready;
    const done = this.answer();
    const startNs = nowNs();
    write();
    const answer = await done;
    if (answer.type !== "done") throw new Error("the reader is out of step");
    if (answer.sum !== sumExpected(order.records)) throw new Error(`${order.by}: records were lost or changed on the way`);
    return (order.records / (answer.endNs - startNs)) * 1e9;
  }
}

// Eight doubles of record i.
function put(doubles: Float64Array, at: number, i: number): void {
  doubles[at] = i;
  doubles[at + 1] = i + 1;
  doubles[at + 2] = i + 2;
  doubles[at + 3] = i + 3;
  doubles[at + 4] = i + 4;
  doubles[at + 5] = i + 5;
  doubles[at + 6] = i + 6;
  doubles[at + 7] = i + 7;
}

function writeRing(ring: RingProducer, doubles: Float64Array, records: number, batch: number): void {
  for (let i = 0; i < records; i += batch) {
    while (!ring.hasRoom(batch));
    for (let k = 0; k < batch; k++) put(doubles, ring.recordOffset(k) / 8, i + k);
    ring.publish(batch);
  }
}

function writeRingbuf(storage: SharedArrayBuffer, records: number, batch: number): void {
  const ring = new RingBuffer(storage, Float64Array);
  const values = new Float64Array(batch * RECORD_DOUBLES);
  for (let i = 0; i < records; i += batch) {
    for (let k = 0; k < batch; k++) put(values, k * RECORD_DOUBLES, i + k);
    while (ring.available_write() < values.length);
    ring.push(values);
  }
}

/** Records of one measurement, so that everybody takes about as long. */
const RECORDS = {
  quick: { batched: 1 << 23, single: 1 << 20, ringbufSingle: 1 << 19, postedBatched: 1 << 19, postedSingle: 1 << 15 },
  full: { batched: 1 << 25, single: 1 << 22, ringbufSingle: 1 << 21, postedBatched: 1 << 21, postedSingle: 1 << 17 },
};
const BATCH = 64;

async function run({ quick, progress }: LineOptions): Promise<(Row | LeftOut)[]> {
  const records = quick ? RECORDS.quick : RECORDS.full;
  const reader = new Reader();

  const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES, shared: true });
  const shared = memory.buffer as SharedArrayBuffer;
  initRing(shared, HEADER, HEADER + RingAt.bytes, RING_RECORDS, RECORD_BYTES);
  const producer = new RingProducer(shared, HEADER);
  const doubles = new Float64Array(shared);
  const module = new WebAssembly.Module(readFileSync(benchFile("ring-reader.wasm")));
  const plimsoll = (count: number, batch: number) =>
    reader.time({ by: "plimsoll", memory, module, header: HEADER, records: count }, () =>
      writeRing(producer, doubles, count, batch),
    );

  const ringbuf = (count: number, batch: number) => {
    const storage = RingBuffer.getStorageForCapacity(RING_RECORDS * RECORD_DOUBLES, Float64Array);
    return reader.time({ by: "ringbuf.js", storage, records: count, batch }, () => writeRingbuf(storage, count, batch));
  };

  const posted = (count: number, batch: number) => {
    const { port1, port2 } = new MessageChannel();
    return reader.time({ by: "postMessage", port: port2, records: count }, () => {
      for (let i = 0; i < count; i += batch) {
        const values = new Float64Array(batch * RECORD_DOUBLES);
        for (let k = 0; k < batch; k++) put(values, k * RECORD_DOUBLES, i + k);
        port1.postMessage(values);
      }
    });
  };

  const missing = disruptorMissing();
  const peer = missing === null ? await JavaPeer.start("DisruptorPeer", { withDisruptor: true }) : null;
  const disruptor = async (count: number, batch: number) => {
    const [ns, sum] = await peer!.ask(`run ${count} ${batch} ${RING_RECORDS}`);
    if (Number(sum) !== sumExpected(count)) throw new Error("Disruptor: records were lost or changed on the way");
    return (count / Number(ns)) * 1e9;
  };

  type Name = `${"plimsoll" | "disruptor" | "ringbuf" | "posted"}-${1 | 64}`;
  const withPeer: Turn<Name>[] = [
    { name: "disruptor-64", measure: () => disruptor(records.batched, BATCH) },
    { name: "disruptor-1", measure: () => disruptor(records.batched >> 2, 1) },
  ];
  const values = await takeTurns<Name>(
    {
      rounds: quick ? 7 : 21,
      warmUps: 2,
      budgetMs: quick ? 6000 : 90_000,
      onRound: (round) => progress(`round ${round + 1}`),
    },
    [
      { name: "plimsoll-64", measure: () => plimsoll(records.batched, BATCH) },
      ...(peer ? withPeer.slice(0, 1) : []),
      { name: "ringbuf-64", measure: () => ringbuf(records.batched >> 1, BATCH) },
      { name: "posted-64", measure: () => posted(records.postedBatched, BATCH) },
      { name: "plimsoll-1", measure: () => plimsoll(records.single, 1) },
      ...(peer ? withPeer.slice(1) : []),
      { name: "ringbuf-1", measure: () => ringbuf(records.ringbufSingle, 1) },
      { name: "posted-1", measure: () => posted(records.postedSingle, 1) },
    ],
  );
  await peer?.stop();

  const row = (id: string, how: string, ours: Name, theirs: Name, name: string): Row | LeftOut =>
    theirs.startsWith("disruptor") && !peer
      ? { id: `ring/${id}`, what: `against the ${name}, ${how}`, leftOut: missing as string }
      : pairedRow(
          {
            id: `ring/${id}`,
            what: `64-byte records between two threads, ${how}`,
            unit: "records/s",
            better: "higher",
            details: { ringRecords: RING_RECORDS, records: records.batched, checked: "sums of all doubles are equal" },
          },
          { name: "Plimsoll", values: values[ours] },
          { name, values: values[theirs] },
        );
  const each = "published every 64, against one at a time";
  const batched = "published every 64";
  const single = "published one by one";
  return [
    row("disruptor-64", batched, "plimsoll-64", "disruptor-64", "LMAX Disruptor 3.4.4"),
    row("ringbuf-each", each, "plimsoll-64", "ringbuf-1", "ringbuf.js 0.4.0"),
    row("postMessage-each", each, "plimsoll-64", "posted-1", "postMessage"),
    row("ringbuf-64", batched, "plimsoll-64", "ringbuf-64", "ringbuf.js 0.4.0"),
    row("postMessage-64", batched, "plimsoll-64", "posted-64", "postMessage"),
    row("disruptor-1", single, "plimsoll-1", "disruptor-1", "LMAX Disruptor 3.4.4"),
    row("ringbuf-1", single, "plimsoll-1", "ringbuf-1", "ringbuf.js 0.4.0"),
    row("postMessage-1", single, "plimsoll-1", "posted-1", "postMessage"),
  ];
}

export const ring: Line = { id: "ring", title: "Ring between two threads", runs: "always", run };
