// The api thread as the engine runs it: built, in a worker, over real shared memory, to its end.
import { mkdirSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { monotonicBase } from "../shared/clock";
import { createStats, StatsView } from "../shared/stats";
import type { PartialApiConfig } from "./config";
import { fakeAlert } from "./testing/fake-rows";
import { TRANSPORTS } from "./testing/harness";
import { RealMarket, RealShard } from "./testing/real-memory";
import { assertChain, type Json, StreamClient } from "./testing/stream-client";
import type { FromApi, ToApi } from "./worker";

// Beside node_modules, so that the bundle finds its packages.
const folder = resolve("dist", `test-api-${process.pid}`);
const bundle = join(folder, "api-worker.js");

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  await build({
    entryPoints: ["src/api/worker.ts"],
    outfile: bundle,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    packages: "external",
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

class Thread {
  readonly messages: FromApi[] = [];
  readonly market = new RealMarket();
  readonly stats = createStats();
  readonly exited: Promise<number>;
  readonly #worker: Worker;

  constructor(config: PartialApiConfig) {
    this.#worker = new Worker(bundle, {
      workerData: {
        market: this.market.buffer,
        stats: this.stats,
        monotonicBase: monotonicBase(),
        config: { logLevel: "silent", ...config },
        engine: { name: "plimsoll", version: "0.0.0-test", startedMs: Date.now() },
      },
    });
    this.exited = new Promise((done, fail) => this.#worker.once("exit", done).once("error", fail));
  }

  say(message: ToApi): void {
    this.#worker.postMessage(message);
  }

  async heard<T extends FromApi["type"]>(type: T): Promise<Extract<FromApi, { type: T }>> {
    for (;;) {
      const found = this.messages.find((message) => message.type === type);
      if (found !== undefined) return found as Extract<FromApi, { type: T }>;
      this.messages.push(await new Promise<FromApi>((done) => this.#worker.once("message", done)));
    }
  }
}

describe.each(TRANSPORTS)("the api thread with %s", (transport) => {
  it("listens, serves real memory, follows it, and ends in order with clients still connected", async () => {
    const thread = new Thread({ http: { port: 0, webRoot: null }, stream: { port: 0, transport } });
    const shard = new RealShard(3);
    const slot = shard.add(42);
    shard.add(43);
    shard.setEquity(slot, 1000);
    // Before it listens: kept until it does.
    thread.say({ type: "shards", memories: [shard.buffer] });
    const ready = await thread.heard("ready");
    expect(ready.stream.transport).toBe(transport);
    thread.say({ type: "platform", state: { mode: "embedded", kafka: { brokers: "127.0.0.1:1" } } });

    const ask = async (path: string): Promise<Json> => (await fetch(ready.http.url + path)).json();
    expect(await ask("/api/v1/accounts/42")).toMatchObject({ id: "42", partition: 3, equityUsd: 1000, freshness: "OK" });
    expect((await ask("/api/v1/accounts/42/positions")).positions).toMatchObject([
      { symbol: "BTCUSDT", qty: -1.5, liquidationPrice: null },
    ]);
    expect((await ask("/api/v1/accounts/42/balances")).balances).toMatchObject([{ asset: "USDT", wallet: 1234.56789012 }]);
    expect((await ask("/api/v1/accounts/42/ledger")).ledger.balances).toMatchObject([{ wallet: "123456789012" }]);
    expect((await ask("/api/v1/ledger")).ledgers).toHaveLength(2);
    expect((await ask("/api/v1/top")).accounts[0].id).toBe("42");
    expect((await ask("/api/v1/instruments/BTCUSDT")).mark).toBe(61_000);
    expect(await ask("/api/v1/platform")).toMatchObject({
      ready: true,
      mode: "embedded",
      main: { kafka: { brokers: "127.0.0.1:1" } },
    });

    const past = "/api/v1/history/accounts/42/fills?fromMs=1";
    expect(await ask(past)).toMatchObject({ code: "HISTORY_UNAVAILABLE", detail: expect.stringContaining("has no database") });
    // Nobody listens on port 1: a database that is away.
    thread.say({ type: "database", url: "postgres://nobody@127.0.0.1:1/none" });
    expect(await ask(past)).toMatchObject({ code: "HISTORY_UNAVAILABLE", detail: "the database does not answer right now" });

    const client = await StreamClient.connect(ready.stream.url);
    await client.subscribe("risk.account.42.raw", "market.BTCUSDT.raw", "risk.alerts", "risk.top.raw");
    await client.until(() => client.pushes.length >= 4);
    for (let equityUsd = 1001; equityUsd <= 1050; equityUsd++) {
      shard.setEquity(slot, equityUsd, equityUsd % 2 === 0 ? Number.NaN : 0.5);
      thread.market.setMark(61_000 + equityUsd);
      await new Promise((done) => setTimeout(done, 2));
    }
    thread.say({ type: "alerts", alerts: [fakeAlert(1, { accountId: "42" })] });
    await client.until(
      () =>
        client.of("risk.account.42.raw").at(-1).equityUsd === 1050 &&
        client.of("market.BTCUSDT.raw").at(-1).mark === 62_050 &&
        client.of("risk.alerts").length === 2,
    );
    for (const channel of ["risk.account.42.raw", "market.BTCUSDT.raw", "risk.alerts"]) assertChain(client.of(channel));
    expect(client.of("risk.account.42.raw").at(-1).marginRatio).toBeNull();

    thread.say({ type: "shards", memories: [] });
    await client.until(() => client.of("risk.account.42.raw").at(-1).type === "unavailable");
    const idle = await StreamClient.connect(ready.stream.url);
    thread.say({ type: "stop", deadlineMs: 1000 });
    expect(await client.closed()).toBe(1001);
    await thread.heard("stopped");
    expect(await thread.exited).toBe(0);
    expect(await idle.closed()).toBe(1001);
    expect(new StatsView(thread.stats).get("http.requests")).toBeGreaterThanOrEqual(8);
    await expect(fetch(ready.http.url)).rejects.toThrow();
  });

  it("says in one line that a port is taken, and its thread ends", async () => {
    const taken = createServer();
    await new Promise<void>((done) => taken.listen(0, "127.0.0.1", done));
    const { port } = taken.address() as AddressInfo;
    for (const [config, code] of [
      [{ http: { port: 0 }, stream: { port, transport } }, "STREAM_PORT_IN_USE"],
      [{ http: { port }, stream: { port: 0, transport } }, "HTTP_PORT_IN_USE"],
    ] as const) {
      const thread = new Thread(config);
      const failed = await thread.heard("failed");
      expect(failed).toMatchObject({ code, message: expect.stringContaining(`127.0.0.1:${port}`) });
      expect(failed.message).not.toContain("\n");
      expect(await thread.exited).toBe(0);
    }
    await new Promise((done) => taken.close(done));
  });
});
