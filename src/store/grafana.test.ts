// Every query of the dashboards and alert rules, run against a migrated PostgreSQL with rows in it; and the built files.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import postgres, { type Sql } from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { account } from "../../grafana/account";
import { ALERT_RULES, alertProvisioning } from "../../grafana/alerts";
import { builtFiles, differences } from "../../grafana/build";
import { overview } from "../../grafana/overview";
import { POSTGRES, PROMETHEUS, type SqlQuery } from "../../grafana/query";
import { startPostgres, type TestPostgres } from "../../test/support/postgres";
import { migrate } from "./migrations/runner";

const ROOT = join(fileURLToPath(import.meta.url), "../../..");
const NOW_MS = Date.now();
const FROM_MS = NOW_MS - 15 * 60_000;

/** What Grafana's PostgreSQL data source puts in place of its macros, and Grafana of a dashboard's variables. */
function expand(sql: string): string {
  const time = (ms: number) => `'${new Date(ms).toISOString()}'`;
  const variables: Record<string, string> = {
    log: "'the log'",
    account: "'42'",
    engine: "'test'",
    symbol: "'BTCUSDT','ETHUSDT'",
  };
  // The macro's argument may hold parentheses of its own.
  const argument = "((?:[^()]|\\([^()]*\\))*)";
  const expanded = sql
    .replaceAll(
      new RegExp(`\\$__timeFilter\\(${argument}\\)`, "g"),
      (_, column) => `${column} BETWEEN ${time(FROM_MS)} AND ${time(NOW_MS)}`,
    )
    .replaceAll(
      /\$__timeGroupAlias\(([^,]+),\s*\$__interval\)/g,
      (_, column) => `floor(extract(epoch from ${column})/5)*5 AS "time"`,
    )
    .replaceAll("$__timeFrom()", time(FROM_MS))
    .replaceAll("$__timeTo()", time(NOW_MS))
    .replaceAll(/\$\{(\w+):sqlstring\}/g, (whole, name) => variables[name] ?? whole);
  expect(expanded, "a macro or variable nobody expands").not.toMatch(/\$(__|\{)/);
  return expanded;
}

const NUMBERS = new Set([20, 21, 23, 700, 701, 1700]);
const TEXT = new Set([25, 1043]);
const TIMES = new Set([1184, 701, 1700]);

let server: TestPostgres;
let sql: Sql;

beforeAll(async () => {
  server = await startPostgres();
  await migrate({ url: server.url });
  sql = postgres(server.url, { max: 1, onnotice: () => {} });
  await sql.unsafe(`
    insert into logs (name) values ('the log');
    insert into instruments (log_id, instrument_id, symbol, kind, payoff, base, quote, settle, contract_size, tick_size, lot_size, margin_table_id) values
      (1, 1, 'BTCUSDT', 'perpetual', 'linear', 'BTC', 'USDT', 'USDT', 1, 0.1, 0.001, 1),
      (1, 2, 'ETHUSD', 'perpetual', 'inverse', 'ETH', 'USD', 'ETH', 10, 0.05, 1, 1);
    insert into account_risk (log_id, account_id, event_time, sampled_at, log_offset, account_seq, equity_usd, wallet_balance_usd, unrealized_pnl_usd,
        initial_margin_usd, maintenance_margin_usd, available_usd, margin_ratio, worst_margin_ratio, gross_exposure_usd, net_exposure_usd, liquidation_distance,
        log_partition, event_index, group_id, position_count, open_order_count, unmarked_count, status, freshness, nearest_instrument)
      select 1, 40 + a, t, t, i, i, 1000 * a, 900, 100, 50, 40, 900, 0.04, 0.05, 5000, -100, 0.1 * a, 0, 0, 0, 2, 0, 0, 'ok', 'OK', 'BTCUSDT'
      from generate_series(1, 600, 5) i, generate_series(1, 3) a, lateral (select now() - i * interval '1 s' as t) x;
    insert into position_risk (log_id, account_id, event_time, sampled_at, instrument_id, leg, isolated, qty, notional, leverage)
      select log_id, account_id, event_time, sampled_at, p, 'net', false, 1, 1000 * p, 10 from account_risk, generate_series(1, 2) p;
    insert into marks (log_id, instrument_id, event_time, sampled_at, mark, index_price, funding_rate, freshness, book_state)
      select 1, k, t, t, 60000, 59990, 0.0001, 'OK', 'ok'
      from generate_series(1, 600, 5) i, generate_series(1, 2) k, lateral (select now() - i * interval '1 s' as t) x;
    insert into fills (log_id, account_id, event_time, log_partition, log_offset, event_index, instrument_id, kind, side, leg, maker, isolated,
        reduce_only, order_id, qty_lots, price_ticks, fee_e8, realized_pnl_e8, position_lots, wallet_e8)
      select 1, 42, now() - i * interval '20 s', 0, i, 0, 1 + i % 2, 'fill', 'buy', 'net', true, false, false, i, 1500, 600000, 12345678, -500, 1500, 0
      from generate_series(1, 30) i;
    insert into alerts (log_id, alert_key, event_time, account_id, log_partition, log_offset, event_index, from_status, to_status, freshness, equity_usd)
      select 1, i::text, now() - i * interval '1 min', 42, 0, i, 0, 'ok', 'warning', 'OK', 100 from generate_series(1, 5) i;
  `);
  await sampleEngine(100);
});
afterAll(async () => {
  await sql?.end({ timeout: 1 });
  await server?.remove();
});

/** Engine samples of the last ten minutes, one each five seconds, all well but for what `change` sets. */
async function sampleEngine(count: number, change: Record<string, string> = {}): Promise<void> {
  const columns: Record<string, string> = {
    log_id: "1",
    event_time: "now() - i * interval '5 s'",
    started_at: "timestamptz 'epoch'",
    engine: "'test'",
    version: "'1'",
    market_event_time: "now() - i * interval '5 s' - interval '1 s'",
    account_event_time: "now() - i * interval '5 s'",
    counters: "'{}'",
    lag_messages: "5",
    input_ring_fill: "0.1",
    fill_ring_fill: "0.1",
    alert_ring_fill: "0",
    latency_p50_ns: "2000",
    latency_p99_ns: "20000",
    latency_p999_ns: "90000",
    latency_max_ns: "300000",
    shards: "4",
    shards_running: "4",
    accounts: "3",
    events_applied: `${count} - i`,
  };
  for (const name of ["equity_usd", "unrealized_pnl_usd", "initial_margin_usd", "maintenance_margin_usd", "gross_exposure_usd"])
    columns[name] = "100";
  const zeros =
    "accounts_warning accounts_reduce_only accounts_liquidation accounts_bankrupt positions open_orders batches_applied duplicates gaps rejected valuations fills alerts dead_letters messages rows_written rows_queued rows_dropped spill_bytes";
  for (const name of zeros.split(" ")) columns[name] = "0";
  Object.assign(columns, change);
  await sql`truncate engine_samples`;
  await sql.unsafe(
    `insert into engine_samples (${Object.keys(columns)}) select ${Object.values(columns)} from generate_series(0, ${count - 1}) i`,
  );
}

const boards = { "Plimsoll overview": overview(), "Plimsoll account": account() };
const panelQueries: [string, SqlQuery][] = Object.entries(boards).flatMap(([name, { queries }]) =>
  queries.all.map((query): [string, SqlQuery] => [`${name}: ${query.title}`, query]),
);

describe("the dashboards' queries", () => {
  it.each(panelQueries)("%s answers with its columns and rows", async (_, query) => {
    const rows = await sql.unsafe(expand(query.sql));
    const columns = rows.columns.map(({ name, type }) => ({ name: String(name), type }));
    expect(columns.map(({ name }) => name)).toEqual(query.columns);
    expect(rows.length).toBeGreaterThan(0);
    if (query.format === "time_series") {
      expect(columns[0]!.name).toBe("time");
      expect(TIMES.has(columns[0]!.type)).toBe(true);
      const texts = columns.slice(1).filter(({ type }) => TEXT.has(type));
      const numbers = columns.slice(1).filter(({ type }) => NUMBERS.has(type));
      expect(texts.length).toBeLessThanOrEqual(1);
      expect(texts.length + numbers.length).toBe(columns.length - 1);
      for (const { name } of numbers)
        expect(
          rows.some((row) => row[name] !== null),
          `${name} is always null`,
        ).toBe(true);
      const times = rows.map((row) => Number(row.time));
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }
  });
});

describe("the overview", () => {
  it("shows the engine chosen, where several share the log", async () => {
    await sql.unsafe(`
      insert into engine_samples
      select (jsonb_populate_record(e, '{"engine": "other", "started_at": "1990-01-01T00:00:00Z", "accounts": 99}')).*
      from engine_samples e`);
    const asked = (title: string) => boards["Plimsoll overview"].queries.all.find((query) => query.title === title)!;
    expect(await sql.unsafe(expand(asked("Accounts").sql))).toMatchObject([{ accounts: "3" }]);
    const lag = await sql.unsafe(expand(asked("Messages behind").sql));
    expect(new Set(lag.map(({ time }) => Number(time))).size).toBe(lag.length);
    expect(await sql.unsafe(expand(asked("engine").sql))).toMatchObject([{ engine: "other" }, { engine: "test" }]);
    await sql`delete from engine_samples where engine = 'other'`;
  });
});

describe("the dashboards", () => {
  it.each(Object.entries(boards))(
    "%s: panels have ids of their own, do not overlap, and ask known data sources",
    (_, { dashboard, queries }) => {
      const panels = (dashboard.panels ?? []) as unknown as {
        id?: number;
        type: string;
        title?: string;
        gridPos: { x: number; y: number; w: number; h: number };
        datasource?: { uid: string };
        targets?: { rawSql?: string; expr?: string; datasource: { uid: string } }[];
      }[];
      expect(panels.length).toBeGreaterThan(5);
      const taken = new Set<string>();
      expect(new Set(panels.map(({ id }) => id))).toEqual(new Set(panels.map((_, i) => i + 1)));
      const known = new Set(queries.all.map((query) => query.sql));
      for (const panel of panels) {
        const { x, y, w, h } = panel.gridPos;
        expect(x + w).toBeLessThanOrEqual(24);
        for (let column = x; column < x + w; column++) {
          for (let row = y; row < y + h; row++) {
            expect(taken.has(`${column}/${row}`), `${panel.title} lies on another panel`).toBe(false);
            taken.add(`${column}/${row}`);
          }
        }
        if (panel.type === "row") continue;
        expect(panel.title).toBeTruthy();
        expect(panel.targets ?? []).not.toHaveLength(0);
        for (const target of panel.targets ?? []) {
          expect([POSTGRES.uid, PROMETHEUS.uid]).toContain(target.datasource.uid);
          if (target.rawSql !== undefined) expect(known.has(target.rawSql), `${panel.title}: a query no test runs`).toBe(true);
          else expect(target.expr).toMatch(/plimsoll_|process_|nodejs_/);
        }
      }
    },
  );

  it("have the addresses others link to", () => {
    expect(boards["Plimsoll overview"].dashboard.uid).toBe("plimsoll-overview");
    expect(boards["Plimsoll account"].dashboard.uid).toBe("plimsoll-account");
  });

  it("are in grafana/built as the sources say", async () => {
    expect(await differences(join(ROOT, "grafana/built"))).toEqual([]);
    expect([...builtFiles().keys()]).toEqual(["overview.json", "account.json", "alerts.json"]);
  });
});

describe("alert rules", () => {
  const value = async (rule: (typeof ALERT_RULES)[number]): Promise<number> => {
    const rows = await sql.unsafe(expand(rule.sql));
    expect(rows.columns.map(({ name, type }) => [name, NUMBERS.has(type)])).toEqual([["value", true]]);
    expect(rows).toHaveLength(1);
    return Number(rows[0]!.value);
  };

  /** What makes each of them fire. */
  const TROUBLE: Record<string, Record<string, string>> = {
    "plimsoll-engine-silent": { event_time: "now() - interval '2 min' - i * interval '5 s'" },
    "plimsoll-shard-not-running": { shards_running: "3" },
    "plimsoll-accounts-liquidation": { accounts_liquidation: "1" },
    "plimsoll-dead-letters": { dead_letters: "case when i < 10 then 3 else 2 end" },
    "plimsoll-gaps": { gaps: "100 - i" },
    "plimsoll-lag": { lag_messages: "20000" },
    "plimsoll-latency": { latency_p99_ns: "6e7" },
    "plimsoll-market-old": { market_event_time: "now() - interval '1 min' - i * interval '5 s'" },
    "plimsoll-spilling": { spill_bytes: "1" },
    "plimsoll-samples-thinned": { rows_dropped: "case when i < 3 then 1 else 0 end" },
    "plimsoll-fill-ring": { fill_ring_fill: "0.95" },
  };

  it.each(ALERT_RULES.map((rule) => [rule.title, rule] as const))(
    '"%s" is quiet when all is well and fires when it is not',
    async (_, rule) => {
      await sampleEngine(100);
      expect(await value(rule)).toBeLessThanOrEqual(rule.above);
      expect(TROUBLE).toHaveProperty(rule.uid);
      await sampleEngine(100, TROUBLE[rule.uid]);
      expect(await value(rule)).toBeGreaterThan(rule.above);
    },
  );

  it("say nothing but that no engine samples, where there are no rows at all", async () => {
    await sql`truncate engine_samples`;
    const firing: string[] = [];
    for (const rule of ALERT_RULES) if ((await value(rule)) > rule.above) firing.push(rule.uid);
    expect(firing).toEqual(["plimsoll-engine-silent"]);
  });

  it("are provisioned with identities of their own and the query that is tested", async () => {
    const file = JSON.parse(await readFile(join(ROOT, "grafana/built/alerts.json"), "utf8"));
    expect(file).toEqual(alertProvisioning().file);
    const rules = file.groups[0].rules as { uid: string; data: { model: { rawSql?: string } }[] }[];
    expect(new Set(rules.map(({ uid }) => uid)).size).toBe(rules.length);
    for (const { uid } of rules) expect(uid).toMatch(/^[a-z-]{1,40}$/);
  });
});
