// The store thread's entry. One worker thread: it owns the connections to PostgreSQL and the spill files, reads the
// shards' and the market's memory, and is the only consumer of the fill rings. It writes no shared memory but its own
// statistics and the rings' consumer words.
//
//   main → store   shards, alerts, platform, barrier, stop
//   store → main   ready, failed, durable, log, warning, stopped
import { parentPort, workerData } from "node:worker_threads";
import { setMonotonicBase } from "../shared/clock";
import type { AlertView } from "../shared/views/types";
import type { StoreConfig } from "./config";
import { errorText, StoreError } from "./errors";
import { Store, type StoreCounts } from "./store";

export interface StoreWorkerData {
  market: SharedArrayBuffer;
  stats: SharedArrayBuffer;
  monotonicBase: number;
  /** As completeStoreConfig() returns it. */
  config: StoreConfig;
  engine: { name: string; version: string; startedMs: number };
}

export type ToStore =
  | { type: "shards"; memories: SharedArrayBuffer[] }
  | { type: "alerts"; alerts: AlertView[] }
  | { type: "platform"; state: unknown }
  /** Asks for `durable` once every fill and alert up to now is committed or safe on the disk: before a snapshot counts. */
  | { type: "barrier"; id: number }
  | { type: "stop"; deadlineMs: number };

export type FromStore =
  | { type: "ready"; connected: boolean; reason: { code: string; message: string } | null }
  | { type: "failed"; code: string; message: string }
  | { type: "durable"; id: number }
  | { type: "log"; message: string }
  | { type: "warning"; level: "warn" | "error"; message: string; code: string | null }
  | { type: "stopped"; counts: StoreCounts };

async function run(port: NonNullable<typeof parentPort>, data: StoreWorkerData): Promise<void> {
  const send = (message: FromStore) => port.postMessage(message);
  setMonotonicBase(data.monotonicBase);
  const store = new Store({
    config: data.config,
    market: data.market,
    stats: data.stats,
    engine: data.engine,
    log: (level, message, code) =>
      send(level === "info" ? { type: "log", message } : { type: "warning", level, message, code: code ?? null }),
    onFatal: (error) => {
      // A mistake of ours: the thread ends with it, the engine's supervisor sees that.
      setImmediate(() => {
        throw error;
      });
    },
  });
  const starting = store.start();
  let failed = false;
  const receive = async (message: ToStore): Promise<void> => {
    await starting;
    switch (message.type) {
      case "shards":
        store.setShards(message.memories);
        break;
      case "alerts":
        store.addAlerts(message.alerts);
        break;
      case "barrier":
        await store.barrier();
        send({ type: "durable", id: message.id });
        break;
      case "stop":
        send({ type: "stopped", counts: await store.stop(message.deadlineMs) });
        end(port);
        break;
      case "platform":
        // The counters it brings are in the statistics too, and engine_samples takes them from there.
        break;
    }
  };
  port.on("message", (message: ToStore) => {
    receive(message).catch((error) => {
      // start() failed: that was said already.
      if (!failed) throw error;
    });
  });
  try {
    send({ type: "ready", ...(await starting) });
  } catch (error) {
    failed = true;
    send({ type: "failed", code: error instanceof StoreError ? error.code : "STORE_FAILED", message: errorText(error) });
    end(port);
  }
}

// The thread ends when nothing is left that could go on; a connection attempt that hangs is not waited for.
function end(port: NonNullable<typeof parentPort>): void {
  port.close();
  setTimeout(() => process.exit(), 1000).unref();
}

if (parentPort !== null) void run(parentPort, workerData as StoreWorkerData);
