// The database that other tests stand on.

import { existsSync } from "node:fs";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startPostgres, type TestPostgres } from "./postgres";

describe("a PostgreSQL of one's own", () => {
  let server: TestPostgres;
  const connect = () => postgres(server.url, { max: 1, onnotice: () => undefined });

  beforeAll(async () => {
    server = await startPostgres({ database: "desk", settings: { max_connections: 17 } });
  });
  afterAll(async () => {
    await server.remove();
    expect(existsSync(server.dataDir)).toBe(false);
  });

  test("is UTF-8, takes settings, and holds the database that was asked for", async () => {
    const sql = connect();
    const [row] = await sql`select current_database() as name, current_setting('server_encoding') as encoding,
      current_setting('max_connections') as connections, '€' as sign`;
    expect(row).toEqual({ name: "desk", encoding: "UTF8", connections: "17", sign: "€" });
    await sql.end();
  });

  test("an immediate stop drops a statement under way, keeps what was committed and loses what was not", async () => {
    let sql = connect();
    await sql`create table kept (n int)`;
    await sql`insert into kept values (1)`;
    // Two statements in one message are one transaction.
    const underWay = sql.unsafe("insert into kept values (2); select pg_sleep(60)").then(
      () => "committed",
      () => "dropped",
    );
    const watching = connect();
    while (
      (await watching`select 1 from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()`).length === 0
    );
    await server.stopImmediate();
    expect(await underWay).toBe("dropped");
    await Promise.all([sql, watching].map((each) => each.end({ timeout: 1 }).catch(() => undefined)));

    await server.restart();
    sql = connect();
    expect(await sql`select n from kept`).toEqual([{ n: 1 }]);
    await sql.end();
  });

  test("a stop in order and a restart keep everything, on the same address", async () => {
    let sql = connect();
    await sql`create table again (n int)`;
    await sql.end();
    await server.stop();
    await server.restart();
    sql = connect();
    expect(await sql`select count(*)::int as n from again`).toEqual([{ n: 0 }]);
    await sql.end();
  });
});
