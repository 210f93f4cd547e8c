// Migrations against real servers: PostgreSQL 18 from the package and, where Debian's is installed, 15.
import { existsSync } from "node:fs";
import { cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres, { type Sql } from "postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startEmbeddedPostgres } from "../embedded";
import { TABLES } from "../tables";
import { unmet } from "./capabilities";
import { findMigrationsDir, parseMigration, readMigrations } from "./files";
import { migrate } from "./runner";

/** Without TimescaleDB. */
const ON_POSTGRES = ["0001_tables", "0002_views", "0007_alert_worst_margin_ratio", "0008_account_worst_margin_ratio"];
const DIR = findMigrationsDir();
const SERVERS: [string, string | undefined][] = [["PostgreSQL 18", undefined]];
if (existsSync("/usr/lib/postgresql/15/bin")) SERVERS.push(["PostgreSQL 15", "/usr/lib/postgresql/15/bin"]);

describe.each(SERVERS)("on plain %s", (_, binDir) => {
  let dataDir: string;
  let server: Awaited<ReturnType<typeof startEmbeddedPostgres>>;
  let admin: Sql;
  let url: string;
  let count = 0;

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "plimsoll-migrations-"));
    server = await startEmbeddedPostgres({
      dataDir,
      port: 0,
      ...(binDir === undefined ? {} : { binDir }),
      settings: { fsync: "off" },
    });
    admin = postgres(server.url, { max: 1, onnotice: () => {} });
  });
  afterAll(async () => {
    await admin?.end({ timeout: 1 });
    await server?.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  beforeEach(async () => {
    const name = `m${++count}`;
    await admin.unsafe(`create database ${name}`);
    url = server.url.replace(/\/plimsoll$/, `/${name}`);
  });

  async function ask<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    const sql = postgres(url, { max: 1, onnotice: () => {} });
    try {
      return await work(sql);
    } finally {
      await sql.end({ timeout: 1 });
    }
  }

  it("a second run changes nothing, and what needs TimescaleDB is skipped with its reason", async () => {
    const first = await migrate({ url });
    expect(first.applied.map(({ name }) => name)).toEqual(ON_POSTGRES);
    expect(first.skipped.length).toBeGreaterThan(0);
    for (const { reason } of first.skipped) expect(reason).toMatch(/TimescaleDB/);
    const second = await migrate({ url });
    expect(second.applied).toEqual([]);
    expect(second.present).toEqual(first.applied.map(({ name }) => name));
  });

  it("tables have the columns, types and keys that rows are encoded for", async () => {
    await migrate({ url });
    const types: Record<string, string> = {
      boolean: "bool",
      smallint: "int2",
      integer: "int4",
      bigint: "int8",
      "double precision": "float8",
    };
    types["timestamp with time zone"] = "timestamptz";
    await ask(async (sql) => {
      for (const table of TABLES) {
        const columns = await sql`select column_name, data_type from information_schema.columns where table_name = ${table.name}`;
        const found = new Map(columns.map((row) => [row.column_name, types[row.data_type] ?? row.data_type]));
        for (const [name, type] of table.columns) expect([table.name, name, found.get(name)]).toEqual([table.name, name, type]);
        const key = await sql`
          select a.attname as name from pg_index i
          cross join lateral unnest(i.indkey) with ordinality as k (attnum, place)
          join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
          where i.indrelid = ${table.name}::regclass and i.indisprimary order by k.place`;
        expect(key.map(({ name }) => name)).toEqual(table.key);
      }
    });
  });

  it("a dry run says what would be done and does nothing", async () => {
    const report = await migrate({ url, dryRun: true });
    expect(report.applied.map(({ name }) => name)).toEqual(ON_POSTGRES);
    const [row] = await ask((sql) => sql`select count(*)::int as tables from pg_tables where schemaname = 'public'`);
    expect(row!.tables).toBe(0);
  });

  it("an applied file that reads differently now is refused, by name", async () => {
    const dir = await mkdtemp(join(tmpdir(), "plimsoll-sql-"));
    await cp(DIR, dir, { recursive: true });
    await migrate({ url, dir });
    await writeFile(join(dir, "0002_views.sql"), "select 1;\n");
    await expect(migrate({ url, dir })).rejects.toMatchObject({
      code: "STORE_MIGRATION_CHANGED",
      message: expect.stringContaining("0002_views"),
    });
    await rm(dir, { recursive: true });
  });

  it("a database of a newer version is refused", async () => {
    await migrate({ url });
    await ask(
      (sql) => sql`insert into plimsoll_migrations (number, name, checksum, duration_ms) values (9999, '9999_later', '', 0)`,
    );
    await expect(migrate({ url })).rejects.toMatchObject({
      code: "STORE_MIGRATION_UNKNOWN",
      message: expect.stringContaining("9999_later"),
    });
  });

  it("a migration that fails leaves nothing of itself, and the ones before it stay", async () => {
    const dir = await mkdtemp(join(tmpdir(), "plimsoll-sql-"));
    await writeFile(join(dir, "0001_tables.sql"), "create table kept (n int);");
    await writeFile(join(dir, "0002_broken.sql"), "create table gone (n int); select nonsense;");
    await expect(migrate({ url, dir })).rejects.toMatchObject({
      code: "STORE_MIGRATION_FAILED",
      message: expect.stringMatching(/0002_broken.*nonsense.*42703/),
    });
    const rows = await ask((sql) => sql`select tablename from pg_tables where schemaname = 'public' order by 1`);
    expect(rows.map(({ tablename }) => tablename)).toEqual(["kept", "plimsoll_migrations"]);
    await rm(dir, { recursive: true });
  });

  it("a migration may ask to run outside a transaction", async () => {
    const dir = await mkdtemp(join(tmpdir(), "plimsoll-sql-"));
    const sql =
      "-- plimsoll: no-transaction\ncreate table if not exists t (n int);\ncreate index concurrently if not exists t_n on t (n);";
    await writeFile(join(dir, "0001_tables.sql"), sql);
    const report = await migrate({ url, dir });
    expect(report.applied).toHaveLength(1);
    await rm(dir, { recursive: true });
  });

  it("two runs at once do each migration once", async () => {
    const reports = await Promise.all([migrate({ url }), migrate({ url }), migrate({ url })]);
    expect(reports.flatMap((report) => report.applied)).toHaveLength(ON_POSTGRES.length);
  });

  it("a run that meets another one waits no longer than it is told to", async () => {
    await ask(async (sql) => {
      await sql`select pg_advisory_lock(${0x504c494d})`;
      await expect(migrate({ url, lockWaitMs: 300 })).rejects.toMatchObject({ code: "STORE_MIGRATION_LOCKED" });
    });
  });

  it("expired rows go, a few at a time, and the others stay", async () => {
    await migrate({ url });
    await ask(async (sql) => {
      await sql`insert into logs (name) values ('a')`;
      await sql.unsafe(`insert into marks (event_time, inserted_at, sampled_at, instrument_id, log_id, freshness, book_state)
        select timestamptz '2020-01-01Z', now() - i * interval '1 day', now() - i * interval '1 day', 1, 1, 'OK', 'ok' from generate_series(1, 60) i`);
      const [one] = await sql`select plimsoll_expire(10)::int as rows`;
      const [two] = await sql`select plimsoll_expire(1000)::int as rows`;
      const [three] = await sql`select plimsoll_expire(1000)::int as rows`;
      expect([one!.rows, two!.rows, three!.rows]).toEqual([10, 21, 0]);
      const [left] = await sql`select count(*)::int as rows, min(inserted_at) > now() - interval '30 days' as young from marks`;
      expect(left).toEqual({ rows: 29, young: true });
    });
  });
});

describe("a database that does not answer", () => {
  it("is said to be unreachable, without its password", async () => {
    await expect(migrate({ url: "postgres://u:secret@127.0.0.1:1/x", connectDeadlineMs: 500 })).rejects.toMatchObject({
      code: "STORE_DATABASE_UNREACHABLE",
      message: expect.not.stringContaining("secret"),
    });
  });
});

describe("migration files", () => {
  it("are numbered without doubles, and each can be read", async () => {
    const names = (await readdir(DIR)).filter((name) => name.endsWith(".sql"));
    const migrations = readMigrations(DIR);
    expect(migrations).toHaveLength(names.length);
    expect(migrations.map(({ number }) => number)).toEqual(migrations.map((_, i) => i + 1));
  });

  it("say in their head how they are applied", () => {
    const head =
      "-- plimsoll: requires timescaledb-community\n-- plimsoll: no-transaction\n-- words\n\nselect 1;\n-- plimsoll: requires nothing\n";
    expect(parseMigration("0007_a.sql", head)).toMatchObject({
      number: 7,
      name: "0007_a",
      requires: "timescaledb-community",
      transaction: false,
    });
    expect(parseMigration("0007_a.sql", "select 1")).toMatchObject({ requires: null, transaction: true });
  });

  it("have one checksum whatever their line ends", () => {
    expect(parseMigration("0001_a.sql", "a;\r\nb;\r\n").checksum).toBe(parseMigration("0001_a.sql", "a;\nb;\n").checksum);
  });

  it.each([
    ["1_a.sql", "select 1", "NNNN_name.sql"],
    ["0001_A.sql", "select 1", "NNNN_name.sql"],
    ["0001_a.sql", "-- plimsoll: requires oracle\n", "requires oracle"],
    ["0001_a.sql", "-- plimsoll: no transaction\n", "no transaction"],
  ])("%s with %j is refused", (name, sql, words) => {
    expect(() => parseMigration(name, sql)).toThrow(words);
  });
});

describe("what a server can do", () => {
  const server = (timescale: { version: string; license: "timescale" | "apache" } | null, timescaleAvailable = false) => ({
    serverVersion: "18.4",
    timescale,
    timescaleAvailable,
  });
  it.each([
    ["no extension", server(null), "no TimescaleDB", "no TimescaleDB"],
    ["an extension not created", server(null, true), "CREATE EXTENSION", "CREATE EXTENSION"],
    ["an old one", server({ version: "2.9.3", license: "timescale" }), "older than 2.13", "older than 2.13"],
    ["the Apache edition", server({ version: "2.13.0", license: "apache" }), null, "Apache licence"],
    ["the community edition", server({ version: "2.30.0-dev", license: "timescale" }), null, null],
  ])("%s", (_, capabilities, hypertables, community) => {
    for (const [requirement, words] of [
      ["timescaledb", hypertables],
      ["timescaledb-community", community],
    ] as const) {
      const reason = unmet(requirement, capabilities);
      if (words === null) expect(reason).toBeNull();
      else expect(reason).toContain(words);
    }
  });
});
