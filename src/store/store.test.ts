// The whole store, in this thread, from shared memory to a real PostgreSQL and back.
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres, { type Sql } from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startPostgres, type TestPostgres } from "../../test/support/postgres";
import { createStats, STORE_STATES, StatsView } from "../shared/stats";
import type { AlertView } from "../shared/views/types";
import { completeStoreConfig, type StoreConfig } from "./config";
import { Store } from "./store";
import { START_MS, type TestFill, TestMarket, TestShard } from "./testing/memory";

let server: TestPostgres;
let sql: Sql;
let dir: string;
const stores: Store[] = [];

beforeAll(async () => {
  server = await startPostgres();
  sql = postgres(server.url, { max: 2, onnotice: () => {} });
});
afterAll(async () => {
  await sql?.end({ timeout: 1 });
  await server?.remove();
});
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "plimsoll-store-"));
});
afterEach(async () => {
  for (const store of stores.splice(0)) await store.stop(2000).catch(() => undefined);
  await rm(dir, { recursive: true, force: true });
});

async function startStore(given: Partial<StoreConfig> = {}) {
  const config = completeStoreConfig({
    databaseUrl: server.url,
    logName: `log of ${dir}`,
    spillDir: join(dir, "spill"),
    flushIntervalMs: 20,
    drainIntervalMs: 2,
    engineSampleIntervalMs: 100,
    writeDeadlineMs: 2000,
    connectDeadlineMs: 1000,
    ...given,
  });
  const market = new TestMarket();
  const stats = createStats();
  const shards = [new TestShard(0), new TestShard(1)];
  const messages: string[] = [];
  const store = new Store({
    config,
    market: market.memory,
    stats,
    engine: { name: "test", version: "1.2.3", startedMs: START_MS },
    log: (level, message, code) => messages.push(`${level} ${code ?? ""} ${message}`),
    onFatal: (error) => {
      throw error;
    },
  });
  const started = await store.start();
  stores.push(store);
  store.setShards(shards.map((shard) => shard.memory));
  return { store, market, shards, started, messages, config, stats: new StatsView(stats) };
}

async function until(condition: () => boolean | Promise<boolean>, what = "condition"): Promise<void> {
  const end = performance.now() + 15_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`timed out: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const fills = (from: number, count: number, account = 9n): TestFill[] =>
  Array.from({ length: count }, (_, i) => ({ offset: BigInt(from + i), account }));
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** Offsets of this test's log in order of arrival, and then of the log. */
async function storedFills(config: StoreConfig, partition = 0): Promise<number[]> {
  const rows = await sql`
    select log_offset::int as at from fills join logs using (log_id)
    where name = ${config.logName} and log_partition = ${partition} order by inserted_at, log_offset`;
  return rows.map(({ at }) => at);
}

function alert(key: string, more: Partial<AlertView> = {}): AlertView {
  return {
    key,
    accountId: "9",
    partition: 0,
    offset: 5,
    index: 1,
    timeMs: START_MS + 5,
    fromStatus: "ok",
    toStatus: "liquidation",
    freshness: "OK",
    equityUsd: 10,
    initialMarginUsd: 20,
    maintenanceMarginUsd: 15,
    worstMarginRatio: null,
    instrument: "BTCUSDT",
    ...more,
  };
}

describe("from shared memory to the database", () => {
  it("every fill arrives exact: integers beyond 2^53, times to the µs", async () => {
    const { store, market, shards, config } = await startStore();
    market.setInstrument(1, "BTCUSDT", 60_000);
    const wallet = 2n ** 62n + 12345n;
    const timeNs = BigInt(START_MS) * 1_000_000n + 123_456_789n;
    shards[0]!.publish([
      { offset: 2n ** 60n + 1n, account: 9_007_199_254_740_991n, index: 7, walletAfter: wallet, timeNs, flags: 2 + 8 + 16 },
    ]);
    await store.barrier();
    await until(
      async () => (await sql`select 1 from instruments join logs using (log_id) where name = ${config.logName}`).length === 1,
    );
    const [row] =
      await sql`select f.*, to_char(event_time, 'SS.US') as second from fills f join logs using (log_id) where name = ${config.logName}`;
    expect(row).toMatchObject({
      log_offset: String(2n ** 60n + 1n),
      account_id: "9007199254740991",
      event_index: 7,
      wallet_e8: String(wallet),
      second: "20.123456",
      fee_e8: "12345678",
      realized_pnl_e8: "-5",
      position_lots: "-1500",
      side: "sell",
      leg: "short",
      maker: false,
      isolated: true,
      reduce_only: true,
    });
    const [shown] = await sql`select symbol, qty, price, fee from fill_history where log_name = ${config.logName}`;
    expect(shown).toEqual({ symbol: "BTCUSDT", qty: 1.5, price: 61_000, fee: 0.12345678 });
  });

  it("samples carry their event time, and positions belong to their account's row", async () => {
    const { market, shards, config } = await startStore();
    market.setInstrument(1, "BTCUSDT", 60_000, START_MS + 1000);
    market.setInstrument(2, "ETHUSDT", 3000, START_MS + 2000);
    shards[1]!.setAccount(0, { id: 42n, equityUsd: 1234.5, asOfMs: START_MS + 3000, status: 1, positions: [1500, -250] });
    const mine = sql`log_id = (select log_id from logs where name = ${config.logName})`;
    await until(async () => (await sql`select 1 from position_risk where ${mine}`).length === 2, "positions");
    const [risk] = await sql`select * from account_risk where ${mine}`;
    expect(risk).toMatchObject({
      account_id: "42",
      event_time: new Date(START_MS + 3000),
      log_partition: 1,
      log_offset: "40",
      event_index: 3,
      account_seq: "5",
      status: "warning",
      freshness: "OK",
      equity_usd: 1234.5,
      margin_ratio: null,
      liquidation_distance: null,
      position_count: 2,
    });
    const positions = await sql`
      select p.instrument_id, p.leg, p.qty, p.event_time
      from position_risk p join account_risk a using (log_id, account_id, sampled_at) join logs l using (log_id)
      where l.name = ${config.logName} order by 1`;
    expect([...positions]).toEqual([
      { instrument_id: 1, leg: "net", qty: 1.5, event_time: new Date(START_MS + 3000) },
      { instrument_id: 2, leg: "net", qty: -0.25, event_time: new Date(START_MS + 3000) },
    ]);
    // A batch of their own, after that of the positions.
    await until(async () => (await sql`select 1 from marks where ${mine}`).length >= 2, "marks");
    const marks = await sql`select instrument_id, event_time, mark from marks where ${mine} order by 1`;
    expect([...marks]).toEqual([
      { instrument_id: 1, event_time: new Date(START_MS + 1000), mark: 60_000 },
      { instrument_id: 2, event_time: new Date(START_MS + 2000), mark: 3000 },
    ]);
    await until(async () => (await sql`select 1 from engine_samples where ${mine} and accounts = 1`).length > 0, "engine sample");
    const [engine] = await sql`select * from engine_samples where ${mine} and accounts = 1 limit 1`;
    expect(engine).toMatchObject({
      engine: "test",
      version: "1.2.3",
      shards: 2,
      shards_running: 2,
      equity_usd: 1234.5,
      accounts_warning: "1",
      accounts_liquidation: "0",
      accounts: "1",
      started_at: new Date(START_MS),
    });
    expect(engine!.counters).toHaveProperty(["store.rowsWritten"]);
  });

  it("an alert that comes twice counts once", async () => {
    const { store, config } = await startStore();
    store.addAlerts([alert("0:5:1:3"), alert("0:5:1:4", { timeMs: null, instrument: null })]);
    store.addAlerts([alert("0:5:1:3")]);
    await store.barrier();
    const rows =
      await sql`select alert_key, event_time, to_status from alerts join logs using (log_id) where name = ${config.logName} order by 1`;
    expect([...rows]).toEqual([
      { alert_key: "0:5:1:3", event_time: new Date(START_MS + 5), to_status: "liquidation" },
      { alert_key: "0:5:1:4", event_time: null, to_status: "liquidation" },
    ]);
  });

  it("a log replayed from an earlier offset doubles nothing", async () => {
    const first = await startStore();
    first.shards[0]!.publish(fills(0, 500));
    await first.store.stop(5000);
    stores.pop();
    const second = await startStore();
    second.shards[0]!.publish(fills(200, 600));
    await second.store.barrier();
    expect((await storedFills(second.config)).sort((a, b) => a - b)).toEqual(range(0, 800));
  });

  it("its counters are in the statistics", async () => {
    const { store, shards, stats } = await startStore();
    shards[0]!.publish(fills(0, 100));
    await store.barrier();
    await until(() => stats.get("store.fillsWritten") === 100);
    expect(STORE_STATES[stats.get("store.state")]).toBe("connected");
    expect(stats.get("store.rowsDropped")).toBe(0);
  });
});

describe("a database in trouble", () => {
  it("stopped at once in mid-flow and started again: every fill is there once, in order", async () => {
    const { store, shards, config, stats } = await startStore();
    let offset = 0;
    const publish = () => {
      if (shards[0]!.publish(fills(offset, 200))) offset += 200;
    };
    const flow = setInterval(publish, 4);
    try {
      await until(() => stats.get("store.fillsWritten") > 1000);
      await server.stopImmediate();
      await until(() => stats.get("store.rowsSpilled") > 1000, "spilling");
      expect(STORE_STATES[stats.get("store.state")]).toBe("away");
      await server.restart();
      await until(() => STORE_STATES[stats.get("store.state")] === "connected", "connected again");
    } finally {
      clearInterval(flow);
    }
    await store.barrier();
    await until(() => store.counts().journal.rowsQueued === 0);
    await sql`select 1`.catch(() => undefined);
    expect(await storedFills(config)).toEqual(range(0, offset));
    expect(stats.get("store.rowsDropped")).toBe(0);
    await until(
      async () => (await readdir(config.spillDir)).filter((name) => name.startsWith("journal")).length === 0,
      "spill emptied",
    );
  });

  it("away at the start: the store is ready all the same, and what it spilled goes in at the next start", async () => {
    const away = await startStore({ databaseUrl: "postgres://u:p@127.0.0.1:1/none" });
    expect(away.started).toMatchObject({ connected: false, reason: { code: "STORE_DATABASE_UNREACHABLE" } });
    away.shards[0]!.publish(fills(0, 300));
    away.store.addAlerts([alert("1:1:1:1")]);
    await away.store.barrier();
    const counts = await away.store.stop(3000);
    stores.pop();
    expect(counts.journal).toMatchObject({ rowsQueued: 301, memoryBytes: 0 });

    const there = await startStore();
    expect(there.started.connected).toBe(true);
    await until(async () => (await storedFills(there.config)).length === 300);
    expect(await storedFills(there.config)).toEqual(range(0, 300));
  });

  it("that appears only later gets its tables then", async () => {
    await sql`create database later`;
    const url = server.url.replace(/\/plimsoll$/, "/later");
    await sql`alter database later allow_connections false`;
    const { shards, started, stats } = await startStore({ databaseUrl: url });
    expect(started.connected).toBe(false);
    shards[0]!.publish(fills(0, 50));
    await sql`alter database later allow_connections true`;
    await until(() => stats.get("store.fillsWritten") === 50, "written");
  });

  it("with migrations in conflict is refused at the start, with the code to look up", async () => {
    await sql`create database newer`;
    const url = server.url.replace(/\/plimsoll$/, "/newer");
    const first = await startStore({ databaseUrl: url });
    await first.store.stop(2000);
    stores.pop();
    const other = postgres(url, { max: 1, onnotice: () => {} });
    await other`insert into plimsoll_migrations (number, name, checksum, duration_ms) values (9999, '9999_later', '', 0)`;
    await other.end();
    await expect(startStore({ databaseUrl: url })).rejects.toMatchObject({ code: "STORE_MIGRATION_UNKNOWN" });
    // The folder is free again.
    expect(await readdir(join(dir, "spill"))).toEqual([]);
  });

  it("that has no tables is refused where the store may not make them", async () => {
    await sql`create database bare`;
    const url = server.url.replace(/\/plimsoll$/, "/bare");
    await expect(startStore({ databaseUrl: url, migrate: false })).rejects.toMatchObject({ code: "STORE_SCHEMA_MISSING" });
  });
});

describe("stopping", () => {
  it("takes what lies in the rings and the last state of each account", async () => {
    const { store, shards, config } = await startStore({ flushIntervalMs: 60_000, drainIntervalMs: 1000 });
    shards[0]!.publish(fills(0, 250));
    shards[1]!.publish(fills(0, 250));
    shards[0]!.setAccount(0, { id: 9n, equityUsd: 5 });
    store.addAlerts([alert("2:2:2:2")]);
    const counts = await store.stop(5000);
    stores.pop();
    expect(counts).toMatchObject({ ringRecords: 0, journal: { rowsQueued: 0 }, samples: { rowsQueued: 0 } });
    expect(await storedFills(config, 0)).toEqual(range(0, 250));
    expect(await storedFills(config, 1)).toEqual(range(0, 250));
    const risk = await sql`select equity_usd from account_risk join logs using (log_id) where name = ${config.logName}`;
    expect([...risk]).toEqual([{ equity_usd: 5 }]);
    expect(await readdir(config.spillDir)).toEqual([]);
  });

  it("a second engine in the same spill folder is refused while the first runs", async () => {
    const { config } = await startStore();
    // Another process' lock looks like this one's, but for the number.
    await writeFile(join(config.spillDir, "lock"), "1\n");
    await expect(startStore()).rejects.toMatchObject({ code: "STORE_SPILL_LOCKED" });
  });
});
