// The store thread as the engine runs it: built, in a worker, over shared memory, to its end.
import { mkdirSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import postgres, { type Sql } from "postgres";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startPostgres, type TestPostgres } from "../../test/support/postgres";
import { monotonicBase } from "../shared/clock";
import { createStats } from "../shared/stats";
import { completeStoreConfig, type StoreConfig } from "./config";
import { START_MS, TestMarket, TestShard } from "./testing/memory";
import type { FromStore, StoreWorkerData, ToStore } from "./worker";

// Beside node_modules, so that the bundle finds its packages.
const folder = resolve("dist", `test-store-${process.pid}`);
const bundle = join(folder, "store-worker.js");

let server: TestPostgres;
let sql: Sql;
let spillDir: string;
const threads: Thread[] = [];

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  await build({
    entryPoints: ["src/store/worker.ts"],
    outfile: bundle,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    packages: "external",
    logLevel: "warning",
  });
  server = await startPostgres();
  sql = postgres(server.url, { max: 1, onnotice: () => {} });
  spillDir = await mkdtemp(join(tmpdir(), "plimsoll-store-worker-"));
});
afterAll(async () => {
  await sql?.end({ timeout: 1 });
  await server?.remove();
  await rm(folder, { recursive: true, force: true });
  if (spillDir) await rm(spillDir, { recursive: true, force: true });
});
afterEach(async () => {
  for (const thread of threads.splice(0)) await thread.end();
});

class Thread {
  readonly messages: FromStore[] = [];
  readonly market = new TestMarket();
  readonly stats = createStats();
  readonly exited: Promise<number>;
  private readonly worker: Worker;

  constructor(config: Partial<StoreConfig> & Pick<StoreConfig, "logName">) {
    const workerData: StoreWorkerData = {
      market: this.market.memory,
      stats: this.stats,
      monotonicBase: monotonicBase(),
      config: completeStoreConfig({ databaseUrl: server.url, spillDir, flushIntervalMs: 50, connectDeadlineMs: 1000, ...config }),
      engine: { name: "test", version: "0.0.0-test", startedMs: START_MS },
    };
    this.worker = new Worker(bundle, { workerData });
    this.worker.on("message", (message: FromStore) => this.messages.push(message));
    this.exited = new Promise((done, fail) => this.worker.once("exit", done).once("error", fail));
    threads.push(this);
  }

  say(message: ToStore): void {
    this.worker.postMessage(message);
  }

  async heard<T extends FromStore["type"]>(type: T): Promise<Extract<FromStore, { type: T }>> {
    const until = performance.now() + 15_000;
    for (;;) {
      const found = this.messages.find((message) => message.type === type);
      if (found) return found as Extract<FromStore, { type: T }>;
      if (performance.now() > until) throw new Error(`no ${type}; heard ${JSON.stringify(this.messages)}`);
      await new Promise((done) => setTimeout(done, 10));
    }
  }

  async end(): Promise<void> {
    await this.worker.terminate();
  }
}

const fills = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ offset: BigInt(from + i), account: 9n }));

describe("the store thread", () => {
  it("is ready, writes what it is shown, answers a barrier, reports its counts and ends by itself", async () => {
    const thread = new Thread({ logName: "thread" });
    expect(await thread.heard("ready")).toEqual({ type: "ready", connected: true, reason: null });
    const shard = new TestShard(0);
    thread.market.setInstrument(1, "BTCUSDT", 60_000);
    shard.setAccount(0, { id: 9n, equityUsd: 100 });
    thread.say({ type: "shards", memories: [shard.memory] });
    thread.say({ type: "platform", state: {} });
    shard.publish(fills(0, 500));
    thread.say({ type: "barrier", id: 7 });
    expect(await thread.heard("durable")).toEqual({ type: "durable", id: 7 });
    const [row] = await sql`select count(*)::int as fills from fills join logs using (log_id) where name = 'thread'`;
    expect(row!.fills).toBe(500);

    shard.publish(fills(500, 100));
    thread.say({ type: "stop", deadlineMs: 5000 });
    const { counts } = await thread.heard("stopped");
    expect(counts).toMatchObject({ ringRecords: 0, journal: { rowsQueued: 0, rowsDropped: 0, rowsRefused: 0 } });
    expect(counts.journal.writtenByTable).toMatchObject({ fills: 600, instruments: 1 });
    expect(await thread.exited).toBe(0);
    expect(await readdir(spillDir)).toEqual([]);
  });

  it("is ready without a database too, says why, and stops with everything on disk", async () => {
    const thread = new Thread({ logName: "away", databaseUrl: "postgres://u:secret@127.0.0.1:1/x" });
    const ready = await thread.heard("ready");
    expect(ready).toMatchObject({ connected: false, reason: { code: "STORE_DATABASE_UNREACHABLE" } });
    expect(await thread.heard("warning")).toMatchObject({ level: "warn", code: "STORE_DATABASE_UNREACHABLE" });
    const shard = new TestShard(0);
    thread.say({ type: "shards", memories: [shard.memory] });
    shard.publish(fills(0, 40));
    thread.say({ type: "stop", deadlineMs: 3000 });
    const { counts } = await thread.heard("stopped");
    expect(counts.journal).toMatchObject({ rowsQueued: 40, memoryBytes: 0 });
    expect(await thread.exited).toBe(0);
    expect(JSON.stringify(thread.messages)).not.toContain("secret");
  });

  it("says why it cannot start, and ends", async () => {
    await sql`create database bare`;
    const thread = new Thread({ logName: "bare", databaseUrl: server.url.replace(/\/plimsoll$/, "/bare"), migrate: false });
    expect(await thread.heard("failed")).toMatchObject({ code: "STORE_SCHEMA_MISSING" });
    expect(await thread.exited).toBe(0);
  });
});
