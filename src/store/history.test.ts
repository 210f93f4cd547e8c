// History queries against a real PostgreSQL with seeded rows.
import postgres, { type Sql } from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPostgres, type TestPostgres } from "../../test/support/postgres";
import { StoreError } from "./errors";
import { History } from "./history";
import { migrate } from "./migrations/runner";

const T0 = Date.UTC(2024, 0, 1);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let server: TestPostgres;
let sql: Sql;
let history: History;

beforeAll(async () => {
  server = await startPostgres();
  await migrate({ url: server.url });
  sql = postgres(server.url, { max: 1, onnotice: () => {} });
  await sql.unsafe(`
    insert into logs (name) values ('a'), ('b');
    insert into instruments (log_id, instrument_id, symbol, kind, payoff, base, quote, settle, contract_size, tick_size, lot_size, margin_table_id)
      values (1, 7, 'BTCUSDT', 'perpetual', 'linear', 'BTC', 'USDT', 'USDT', 1, 0.1, 0.001, 1),
             (2, 9, 'BTCUSDT', 'perpetual', 'linear', 'BTC', 'USDT', 'USDT', 1, 0.1, 0.001, 1);
    -- Account 5: a sample each 10 s for two hours; equity counts up. Another log has the same account.
    insert into account_risk (log_id, account_id, event_time, sampled_at, log_offset, account_seq, equity_usd, margin_ratio,
        log_partition, event_index, group_id, position_count, open_order_count, unmarked_count, status, freshness)
      select log, 5, t, t, i, i, i, i / 1000.0, 0, 0, 0, 1, 0, 0, case when i = 700 then 'warning' else 'ok' end, 'OK'
      from generate_series(0, 719) i, (values (1), (2)) l (log), lateral (select timestamptz '2024-01-01Z' + i * interval '10 s' as t) x
      where log = 1 or i < 3;
    insert into position_risk (log_id, account_id, event_time, sampled_at, instrument_id, leg, isolated, qty)
      select log_id, account_id, event_time, sampled_at, 7, 'net', false, account_seq * 0.5 from account_risk where log_id = 1 and account_seq < 700;
    insert into marks (log_id, instrument_id, event_time, sampled_at, mark, index_price, freshness, book_state)
      select 1, 7, t, t, 60000 + i % 6, 59990, 'OK', 'ok'
      from generate_series(0, 719) i, lateral (select timestamptz '2024-01-01Z' + i * interval '10 s' as t) x;
    -- Five fills in each of ten equal times.
    insert into fills (log_id, account_id, event_time, log_partition, log_offset, event_index, instrument_id, kind, side, leg, maker, isolated,
        reduce_only, order_id, qty_lots, price_ticks, fee_e8, realized_pnl_e8, position_lots, wallet_e8)
      select 1, 5, timestamptz '2024-01-01Z' + (i / 5) * interval '1 s' + interval '0.000001 s', 3, 1000 + i / 2, i % 2, 7, 'fill', 'buy', 'net', true, false,
        false, i, 1500, 600001, 12345678, -5, 1500, 0 from generate_series(0, 49) i;
    insert into alerts (log_id, alert_key, event_time, account_id, log_partition, log_offset, event_index, from_status, to_status, freshness)
      select 1, '0.' || i || '.x', case when i = 3 then null else timestamptz '2024-01-01Z' + (i / 2) * interval '1 s' end, 5 + i % 2, 0, i, 0, 'ok', 'warning', 'OK'
      from generate_series(0, 9) i;
  `);
  history = new History({ url: server.url, logName: "a" });
});
afterAll(async () => {
  await history?.close();
  await sql?.end({ timeout: 1 });
  await server?.remove();
});

const DAY = { fromMs: T0, toMs: T0 + 24 * HOUR };

describe("account risk", () => {
  it("comes raw, oldest first, between two times, the later one not included", async () => {
    const rows = await history.accountRisk("5", { fromMs: T0 + 10_000, toMs: T0 + 40_000 });
    expect(rows.map(({ timeMs, equityUsd }) => [timeMs - T0, equityUsd])).toEqual([
      [10_000, 1],
      [20_000, 2],
      [30_000, 3],
    ]);
    expect(rows[0]).toMatchObject({ status: "ok", freshness: "OK", samples: 1, equityMinUsd: 1, equityMaxUsd: 1 });
  });

  it("comes by the minute and the hour: the last of each, with the extremes", async () => {
    const minutes = await history.accountRisk("5", { fromMs: T0, toMs: T0 + 2 * MINUTE, resolution: "1m" });
    expect(minutes.map((row) => [row.timeMs - T0, row.equityUsd, row.equityMinUsd, row.equityMaxUsd, row.samples])).toEqual([
      [0, 5, 0, 5, 6],
      [MINUTE, 11, 6, 11, 6],
    ]);
    const hours = await history.accountRisk("5", { ...DAY, resolution: "1h" });
    expect(hours.map((row) => [row.timeMs - T0, row.equityUsd, row.samples, row.status])).toEqual([
      [0, 359, 360, "ok"],
      [HOUR, 719, 360, "ok"],
    ]);
  });

  it("is bounded by the limit", async () => {
    expect(await history.accountRisk("5", { ...DAY, limit: 7 })).toHaveLength(7);
    expect(await history.accountRisk("5", { ...DAY, limit: 10_000 })).toHaveLength(720);
  });

  it("is of one log, or of all", async () => {
    const all = new History({ url: server.url, logName: null });
    expect(await all.accountRisk("5", { ...DAY, limit: 10_000 })).toHaveLength(723);
    await all.close();
    const none = new History({ url: server.url, logName: "never heard of" });
    expect(await none.accountRisk("5", DAY)).toEqual([]);
    await none.close();
  });
});

describe("positions as of a time", () => {
  it("are those of the newest sample up to then", async () => {
    const rows = await history.positions("5", T0 + 95_000);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ timeMs: T0 + 90_000, symbol: "BTCUSDT", qty: 4.5, mode: "cross", leg: "net" });
  });

  it("are none where the newest sample has none, and before the first", async () => {
    expect(await history.positions("5", T0 + 3 * HOUR)).toEqual([]);
    expect(await history.positions("5", T0 - 1)).toEqual([]);
  });
});

describe("fills", () => {
  it("come in natural units and as the ledger has them", async () => {
    const [fill] = await history.fills("5", { ...DAY, limit: 1 });
    expect(fill).toMatchObject({
      symbol: "BTCUSDT",
      partition: 3,
      offset: "1000",
      index: 0,
      side: "buy",
      maker: true,
      orderId: "0",
    });
    expect(fill).toMatchObject({ qty: 1.5, fee: 0.12345678, qtyLots: "1500", priceTicks: "600001", realizedPnlE8: "-5" });
    expect(fill!.price).toBeCloseTo(60000.1, 6);
    expect(fill!.timeMs).toBeCloseTo(T0 + 0.001, 3);
  });

  it("come page by page, each once, also where many have one time", async () => {
    const orders: string[] = [];
    let after: string | undefined;
    for (let page = 0; page < 20; page++) {
      const rows = await history.fills("5", { ...DAY, limit: 7, ...(after === undefined ? {} : { after }) });
      if (rows.length === 0) break;
      orders.push(...rows.map(({ orderId }) => orderId));
      after = rows.at(-1)!.cursor;
    }
    expect(orders).toEqual(Array.from({ length: 50 }, (_, i) => String(i)));
  });
});

describe("marks", () => {
  it("come by symbol, raw and with open, high, low and close", async () => {
    const raw = await history.marks("BTCUSDT", { fromMs: T0, toMs: T0 + 20_000 });
    expect(raw.map(({ close }) => close)).toEqual([60_000, 60_001]);
    const [minute] = await history.marks("BTCUSDT", { fromMs: T0, toMs: T0 + MINUTE, resolution: "1m" });
    expect(minute).toMatchObject({ open: 60_000, high: 60_005, low: 60_000, close: 60_005, index: 59_990, samples: 6 });
    expect(await history.marks("DOGE", DAY)).toEqual([]);
  });
});

describe("alerts", () => {
  it("come page by page, of one account or of all", async () => {
    const keys: string[] = [];
    let after: string | undefined;
    const span = { fromMs: T0, toMs: Date.now() + HOUR, limit: 3, accountId: null };
    for (let page = 0; page < 10; page++) {
      const rows = await history.alerts({ ...span, ...(after === undefined ? {} : { after }) });
      if (rows.length === 0) break;
      keys.push(...rows.map(({ key }) => key));
      after = rows.at(-1)!.cursor;
    }
    // The one without an event time stands where the database took it: last.
    expect(keys).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9, 3].map((i) => `0.${i}.x`));
    const one = await history.alerts({ ...span, limit: 100, accountId: "6" });
    expect(one.map(({ accountId }) => accountId)).toEqual(Array(5).fill("6"));
  });
});

describe("a question that cannot be answered", () => {
  it.each([
    ["accountId", () => history.accountRisk("x'; drop table fills", DAY)],
    ["accountId", () => history.fills("0", DAY)],
    ["accountId", () => history.fills("9007199254740993", DAY)],
    ["fromMs", () => history.accountRisk("5", { fromMs: Number.NaN, toMs: T0 })],
    ["toMs", () => history.accountRisk("5", { fromMs: T0, toMs: T0 })],
    ["limit", () => history.accountRisk("5", { ...DAY, limit: 0 })],
    ["limit", () => history.accountRisk("5", { ...DAY, limit: 1e6 })],
    ["resolution", () => history.marks("BTCUSDT", { ...DAY, resolution: "1s" as "1m" })],
    ["symbol", () => history.marks("", DAY)],
    ["after", () => history.fills("5", { ...DAY, after: "1.2.3" })],
    ["after", () => history.fills("5", { ...DAY, after: "1.2.3.4.x" })],
    ["atMs", () => history.positions("5", Number.POSITIVE_INFINITY)],
  ])("names the parameter: %s", async (field, question) => {
    const error = await (question() as Promise<unknown>).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({ code: "HISTORY_BAD_QUERY", field });
  });

  it("cannot write", async () => {
    const reader = history as unknown as { ask: (query: (sql: Sql) => Promise<object[]>) => Promise<object[]> };
    await expect(reader.ask((read) => read`delete from fills`)).rejects.toMatchObject({
      code: "HISTORY_UNAVAILABLE",
      message: expect.stringContaining("read-only"),
    });
    expect(await history.fills("5", DAY)).toHaveLength(50);
  });

  it("one that takes too long is ended by the server", async () => {
    const hasty = new History({ url: server.url, logName: null, deadlineMs: 100 });
    const reader = hasty as unknown as { ask: (query: (sql: Sql) => Promise<object[]>) => Promise<object[]> };
    await expect(reader.ask((read) => read`select pg_sleep(30)`)).rejects.toMatchObject({ code: "HISTORY_UNAVAILABLE" });
    expect(await hasty.fills("5", DAY)).toHaveLength(50);
    await hasty.close();
  });

  it("is answered again when the database is back", async () => {
    await server.stop();
    await expect(history.fills("5", DAY)).rejects.toMatchObject({ code: "HISTORY_UNAVAILABLE" });
    await expect(history.fills("5", DAY)).rejects.toMatchObject({ code: "HISTORY_UNAVAILABLE" });
    await server.restart();
    expect(await history.fills("5", DAY)).toHaveLength(50);
  });
});
