// The reading thread of the ring line. For each order it says "ready", reads as many records as it is told and answers
// when it had the last one, and the sum of what it read. Between orders it sleeps.
import { parentPort } from "node:worker_threads";
import { RingBuffer } from "ringbuf.js";
import { nowNs } from "../harness/clock";
import { RECORD_DOUBLES, type ReadAnswer, type ReadOrder } from "../harness/ring-orders";

function say(answer: ReadAnswer): void {
  parentPort!.postMessage(answer);
}

function sumOf(values: Float64Array, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i += RECORD_DOUBLES) {
    sum += values[i]! + values[i + 1]! + values[i + 2]! + values[i + 3]!;
    sum += values[i + 4]! + values[i + 5]! + values[i + 6]! + values[i + 7]!;
  }
  return sum;
}

function readRingbuf(storage: SharedArrayBuffer, records: number, batch: number): number {
  const ring = new RingBuffer(storage, Float64Array);
  const values = new Float64Array(batch * RECORD_DOUBLES);
  let left = records * RECORD_DOUBLES;
  let sum = 0;
  while (left > 0) {
    const got = ring.pop(values);
    if (got === 0) continue;
    // It hands over elements, not records; the writer pushes whole records, so what comes is whole.
    sum += sumOf(values, got);
    left -= got;
  }
  return sum;
}

parentPort!.on("message", (order: ReadOrder) => {
  switch (order.by) {
    case "plimsoll": {
      const { exports } = new WebAssembly.Instance(order.module, { env: { memory: order.memory, abort: () => {} } });
      const consume = exports.consume as (ring: number, count: number) => number;
      say({ type: "ready" });
      const sum = consume(order.header, order.records);
      say({ type: "done", endNs: nowNs(), sum });
      break;
    }
    case "ringbuf.js": {
      say({ type: "ready" });
      const sum = readRingbuf(order.storage, order.records, order.batch);
      say({ type: "done", endNs: nowNs(), sum });
      break;
    }
    case "postMessage": {
      let left = order.records;
      let sum = 0;
      order.port.on("message", (values: Float64Array) => {
        sum += sumOf(values, values.length);
        left -= values.length / RECORD_DOUBLES;
        if (left > 0) return;
        say({ type: "done", endNs: nowNs(), sum });
        order.port.close();
      });
      say({ type: "ready" });
      break;
    }
  }
});
