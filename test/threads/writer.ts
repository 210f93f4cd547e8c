// The thread that writes while the test reads: the engine's own writers. Bundled by start-writer.ts.
import { parentPort, workerData } from "node:worker_threads";
import { Books } from "../../src/ingest/books";
import { MarketLane } from "../../src/ingest/market-lane";
import { MarketTable } from "../../src/ingest/market-table";
import { ReferenceLane } from "../../src/ingest/reference-lane";
import { RunningShard } from "../../src/shards/worker";
import { RingProducer } from "../../src/shared/ring";
import { MarketBatchWriter } from "../../src/shared/wire/encode";
import { RECORD_WORDS, referenceMessage, TIME_MS, type WriterOrder } from "./orders";

const VERSIONS_PER_MESSAGE = 8;
const BATCHES = [1, 3, 2, 7, 1, 5];

const order = workerData as WriterOrder;
const stop = new Int32Array(order.stop);
const isStopped = () => Atomics.load(stop, 0) !== 0;

function runShard(memory: WebAssembly.Memory, kernel: WebAssembly.Module, market: SharedArrayBuffer): void {
  const shard = new RunningShard(memory, kernel, market);
  parentPort!.postMessage("ready");
  while (!isStopped()) shard.round();
}

function writeMarket(market: SharedArrayBuffer, versions: number): void {
  const table = new MarketTable(market);
  new ReferenceLane(table).take(referenceMessage());
  table.publish();
  const lane = new MarketLane(table, new Books(table, (id) => `#${id}`), table);
  parentPort!.postMessage("ready");
  for (let version = 1; version <= versions && !isStopped(); ) {
    const batch = new MarketBatchWriter(1);
    for (let i = 0; i < VERSIONS_PER_MESSAGE; i++, version++) {
      const common = { seq: version, timeMs: TIME_MS + version };
      const asked = { askTicks: 3 * version, askLots: 7 * version };
      batch.quote({ instrument: 1, ...common, bidTicks: version, bidLots: 5 * version, ...asked });
      batch.trade({ instrument: 1, ...common, aggressor: 1, priceTicks: version, qtyLots: 1 });
      batch.indexPrice({ asset: 2, ...common, price: version });
    }
    const refused = lane.take(batch.finish());
    if (refused) throw new Error(refused.reason);
    table.publish();
  }
}

function fillRing(memory: SharedArrayBuffer, records: number, publishesFirst: boolean): void {
  const ring = new RingProducer(memory, 0);
  const words = new Int32Array(memory);
  parentPort!.postMessage("ready");
  for (let next = 1, turn = 0; next <= records && !isStopped(); turn++) {
    const batch = Math.min(BATCHES[turn % BATCHES.length]!, records - next + 1);
    if (!ring.hasRoom(batch)) continue;
    const at = Array.from({ length: batch }, (_, i) => ring.recordOffset(i) / 4);
    if (publishesFirst) ring.publish(batch);
    for (let i = 0; i < batch; i++) words.fill(next + i, at[i], at[i]! + RECORD_WORDS);
    if (!publishesFirst) ring.publish(batch);
    next += batch;
  }
}

if (order.type === "shard") runShard(order.memory, order.kernel, order.market);
else if (order.type === "market") writeMarket(order.market, order.versions);
else fillRing(order.memory, order.records, order.publishesFirst);
