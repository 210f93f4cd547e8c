// Entry of the api thread. Owns both listeners and every client connection; reads the market and shard memories, writes
// only its own counters. Talks to the main thread by messages:
//   main → api   shards {memories}, alerts {alerts}, platform {state}, database {url, logName}, engines {partitions, owners},
//                stop {deadlineMs}
//   api → main   ready {addresses}, failed {code, message}, stopped {}
import { parentPort, workerData } from "node:worker_threads";
import { setMonotonicBase } from "../shared/clock";
import { partitionOf } from "../shared/partition";
import { EngineView } from "../shared/views/engine-view";
import type { AlertView } from "../shared/views/types";
import { History } from "../store/history";
import { type Api, startApi } from "./api";
import { completeApiConfig, type PartialApiConfig } from "./config";
import type { AccountLocation } from "./engine";
import { ApiStartError } from "./errors";
import { createLog } from "./log";
import type { EngineIdentity, MainState } from "./platform";

export interface ApiWorkerData {
  market: SharedArrayBuffer;
  stats: SharedArrayBuffer;
  monotonicBase: number;
  config: PartialApiConfig;
  engine: EngineIdentity;
}

export type ToApi =
  | { type: "shards"; memories: SharedArrayBuffer[] }
  | { type: "alerts"; alerts: AlertView[] }
  | { type: "platform"; state: MainState }
  /** Where the past can be asked for; logName: rows of this log only, left out: of all in the database. */
  | { type: "database"; url: string | null; logName?: string | null }
  /** How many partitions `accounts` has, and which engine has said that it has which of them. */
  | { type: "engines"; partitions: number; owners: Record<number, AccountLocation> }
  | { type: "stop"; deadlineMs: number };

export type FromApi =
  | ({ type: "ready" } & Api["addresses"])
  | { type: "failed"; code: string; message: string }
  | { type: "stopped" };

async function main(): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error("src/api/worker.ts is the entry of a worker thread");
  const data = workerData as ApiWorkerData;
  setMonotonicBase(data.monotonicBase);
  const config = completeApiConfig(data.config);
  const log = createLog(config.logLevel);
  const engine = new EngineView(data.market, { staleAfterMs: config.staleAfterMs });
  const say = (message: FromApi) => port.postMessage(message);

  // Messages that come while the listeners open are kept: the first `shards` may be among them.
  const early: ToApi[] = [];
  let api: Api | null = null;
  let history: History | null = null;
  let stopping = false;
  let engines: { partitions: number; owners: Record<number, AccountLocation> } = { partitions: 0, owners: {} };
  const locate = (accountId: string): AccountLocation | null => {
    if (engines.partitions === 0) return null;
    const owner = engines.owners[partitionOf(accountId, engines.partitions)] ?? null;
    return owner === null || owner.engine === data.engine.name ? null : owner;
  };
  const handle = async (running: Api, message: ToApi) => {
    switch (message.type) {
      case "shards":
        engine.setShards(message.memories);
        running.ownershipChanged();
        break;
      case "alerts":
        running.alerts(message.alerts);
        break;
      case "platform":
        running.platform(message.state);
        break;
      case "database": {
        const before = history;
        history = message.url === null ? null : new History({ url: message.url, logName: message.logName ?? null });
        running.setHistory(history);
        await before?.close();
        break;
      }
      case "engines":
        engines = message;
        running.ownershipChanged();
        break;
      case "stop":
        if (stopping) break;
        stopping = true;
        await running.stop(message.deadlineMs);
        await history?.close();
        say({ type: "stopped" });
        // Nothing is open any more: the thread ends by itself.
        port.close();
        break;
    }
  };
  port.on("message", (message: ToApi) => {
    if (api === null) early.push(message);
    else void handle(api, message);
  });

  try {
    api = await startApi({ config, engine, identity: data.engine, stats: data.stats, log, locate });
  } catch (error) {
    const failure = error instanceof ApiStartError ? error : new ApiStartError("API_START_FAILED", (error as Error).message);
    say({ type: "failed", code: failure.code, message: failure.message });
    port.close();
    return;
  }
  say({ type: "ready", ...api.addresses });
  for (const message of early) await handle(api, message);
}

await main();
