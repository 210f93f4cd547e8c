// Writing one batch to a real PostgreSQL: straight COPY, the careful way, and everything that can come between.
import { execFileSync, spawnSync } from "node:child_process";
import { chmod, chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres, { type Sql } from "postgres";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startPostgres, type TestPostgres } from "../../test/support/postgres";
import { Batches } from "./batches";
import { copyIn } from "./copy/copy-in";
import { DatabaseWriter } from "./database";
import { connect, type Link } from "./link";
import { migrate } from "./migrations/runner";
import type { LoadedBatch } from "./spill/record";
import { copySql, FILLS, INSTRUMENTS } from "./tables";
import { fillBatch, markBatch, TEST_LOG } from "./testing/rows";
import { startTcpProxy, type TcpProxy } from "./testing/tcp-proxy";

let server: TestPostgres;
let proxy: TcpProxy;
let sql: Sql;
let writer: DatabaseWriter;
const schema = { ready: async () => {}, lost: () => {} };

function newWriter(url = server.url, writeDeadlineMs = 10_000): DatabaseWriter {
  return new DatabaseWriter({ url, applicationName: "test", writeDeadlineMs, connectDeadlineMs: 2000, schema });
}

beforeAll(async () => {
  server = await startPostgres();
  await migrate({ url: server.url });
  proxy = await startTcpProxy({ host: "127.0.0.1", port: server.port });
  sql = postgres(server.url, { max: 2, onnotice: () => {} });
});
afterAll(async () => {
  await sql?.end({ timeout: 1 });
  await proxy?.close();
  await server?.remove();
});
beforeEach(async () => {
  await sql`truncate fills, marks, instruments`;
  writer = newWriter();
});
afterEach(async () => {
  await writer.close();
});

const write = (batch: LoadedBatch, by = writer) => by.write(batch, batch.payload);
const offsets = async () => (await sql`select log_offset::int as at from fills order by log_offset`).map(({ at }) => at);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

describe("a batch", () => {
  it("goes in whole, under the number of its log's name", async () => {
    expect(await write(fillBatch(0, 1000))).toEqual({ inserted: 1000, doubles: 0 });
    expect(await offsets()).toEqual(upTo(1000));
    const [row] = await sql`select l.name, f.* from fills f join logs l using (log_id) where log_offset = 7`;
    expect(row).toMatchObject({
      name: TEST_LOG,
      event_time: new Date(1_700_000_000_007),
      account_id: "1",
      kind: "fill",
      side: "buy",
      leg: "net",
      maker: true,
      order_id: "7",
      wallet_e8: "6",
    });
  });

  it("written twice counts once, also when only a part of it is there", async () => {
    await write(fillBatch(0, 10));
    expect(await write(fillBatch(0, 10))).toEqual({ inserted: 0, doubles: 10 });
    expect(await write(fillBatch(5, 10))).toEqual({ inserted: 5, doubles: 5 });
    expect(await write(fillBatch(15, 5))).toEqual({ inserted: 5, doubles: 0 });
    expect(await offsets()).toEqual(upTo(20));
  });

  it("goes the fast way again when a while has passed without doubles", async () => {
    await write(fillBatch(0, 1));
    await write(fillBatch(0, 1));
    for (let i = 1; i < 15; i++) await write(fillBatch(i, 1));
    expect(await offsets()).toEqual(upTo(15));
    expect(await write(fillBatch(3, 1))).toEqual({ inserted: 0, doubles: 1 });
  });

  it("of another log with the same offsets is another batch", async () => {
    await write(fillBatch(0, 5));
    expect(await write({ ...fillBatch(0, 5), logName: "another" })).toEqual({ inserted: 5, doubles: 0 });
  });

  it("of an older version, with fewer columns, still goes in", async () => {
    await sql`alter table marks alter book_state set default 'ok'`;
    const marks = markBatch(1, [1]);
    // Without the last field: 4 bytes of length and "ok".
    const payload = Buffer.from(marks.payload.subarray(0, marks.payload.length - 6));
    payload.writeInt16BE(marks.fields - 1, 0);
    expect(await write({ ...marks, fields: marks.fields - 1, payload })).toEqual({ inserted: 1, doubles: 0 });
    await sql`alter table marks alter book_state drop default`;
  });
});

describe("instruments", () => {
  it("are kept as they were last, also when one batch has an instrument twice", async () => {
    const rows: LoadedBatch[] = [];
    const batches = new Batches(
      TEST_LOG,
      () => 0,
      (batch) => rows.push(batch),
    );
    const add = (id: number, symbol: string, margin: number) =>
      batches.add(INSTRUMENTS, (row) => {
        row.int4(id);
        for (const text of [symbol, "perpetual", "linear", null, null, "BTC", "USDT", "USDT"]) row.text(text);
        for (const value of [1, 0.1, 0.001, null]) row.float8(value);
        row.timeMs(null);
        row.int4(margin);
      });
    add(1, "BTCUSDT", 1);
    add(2, "ETHUSDT", 1);
    batches.flush(INSTRUMENTS);
    add(1, "BTCUSDT", 2);
    add(1, "BTCUSDT", 3);
    batches.flush(INSTRUMENTS);
    for (const batch of rows) await write(batch);
    const found = await sql`select instrument_id, symbol, margin_table_id from instruments order by 1`;
    expect([...found]).toEqual([
      { instrument_id: 1, symbol: "BTCUSDT", margin_table_id: 3 },
      { instrument_id: 2, symbol: "ETHUSDT", margin_table_id: 1 },
    ]);
  });
});

describe("trouble on the way", () => {
  it("the reply to a commit is lost: the next attempt finds the rows there", async () => {
    const through = newWriter(proxy.url(server.url));
    await write(fillBatch(0, 10), through);
    proxy.dropNextReply();
    await expect(write(fillBatch(10, 10), through)).rejects.toThrow();
    expect(proxy.dropped).toBe(1);
    expect(await offsets()).toEqual(upTo(20));
    expect(await write(fillBatch(10, 10), through)).toEqual({ inserted: 0, doubles: 10 });
    expect(await write(fillBatch(20, 10), through)).toEqual({ inserted: 10, doubles: 0 });
    expect(await offsets()).toEqual(upTo(30));
    await through.close();
  });

  it("a connection that stalls fails at the deadline, and the next attempt takes a new one", async () => {
    const through = newWriter(proxy.url(server.url), 400);
    await write(fillBatch(0, 1), through);
    proxy.stall();
    await expect(write(fillBatch(1, 1), through)).rejects.toMatchObject({ code: "STORE_WRITE_DEADLINE" });
    await expect(write(fillBatch(1, 1), through)).rejects.toMatchObject({ code: "STORE_WRITE_DEADLINE" });
    await proxy.pass();
    expect((await write(fillBatch(1, 1), through)).inserted).toBe(1);
    await through.close();
  });

  it("a server that refuses is reached again once it does not", async () => {
    const through = newWriter(proxy.url(server.url));
    await proxy.refuse();
    await expect(write(fillBatch(0, 1), through)).rejects.toThrow("ECONNREFUSED");
    await expect(write(fillBatch(0, 1), through)).rejects.toThrow("ECONNREFUSED");
    await proxy.pass();
    expect((await write(fillBatch(0, 1), through)).inserted).toBe(1);
    await through.close();
  });

  it("a table that is locked longer than the deadline fails the write, leaves no statement behind, and takes the rows later", async () => {
    const short = newWriter(server.url, 500);
    await write(fillBatch(0, 1), short);
    await sql.begin(async (tx) => {
      await tx`lock table fills in access exclusive mode`;
      await expect(write(fillBatch(1, 5), short)).rejects.toThrow();
      await expect(write(fillBatch(1, 5), short)).rejects.toThrow();
    });
    expect((await write(fillBatch(1, 5), short)).inserted).toBe(5);
    expect(await offsets()).toEqual(upTo(6));
    const waiting = await sql`select query from pg_stat_activity where application_name = 'test' and wait_event_type = 'Lock'`;
    expect([...waiting]).toEqual([]);
    await short.close();
  });

  it("a server that is stopped at once in mid-write loses nothing it said it has", async () => {
    let accepted = 0;
    const failures: unknown[] = [];
    const stop = new Promise((resolve) => setTimeout(resolve, 60)).then(() => server.stopImmediate());
    for (let i = 0; i < 200 && failures.length === 0; i++) {
      try {
        await write(fillBatch(i * 100, 100));
        accepted = (i + 1) * 100;
      } catch (error) {
        failures.push(error);
      }
    }
    await stop;
    expect(failures).toHaveLength(1);
    await server.restart();
    await sql`select 1`.catch(() => undefined);
    const there = await offsets();
    expect(there.slice(0, accepted)).toEqual(upTo(accepted));
    // The batch that failed is there or it is not; written again it counts once.
    await write(fillBatch(accepted, 100));
    expect(await offsets()).toEqual(upTo(accepted + 100));
  });

  it("a missing table is told apart from a server in trouble", async () => {
    let lost = 0;
    const other = new DatabaseWriter({
      url: server.url,
      applicationName: "test",
      writeDeadlineMs: 2000,
      connectDeadlineMs: 2000,
      schema: { ready: async () => {}, lost: () => lost++ },
    });
    await sql`alter table fills rename to hidden`;
    await expect(write(fillBatch(0, 1), other)).rejects.toMatchObject({ code: "42P01" });
    expect(lost).toBe(1);
    await sql`alter table hidden rename to fills`;
    expect((await write(fillBatch(0, 1), other)).inserted).toBe(1);
    await other.close();
  });
});

const OPENSSL = spawnSync("openssl", ["version"]).status === 0;

describe("over TLS", () => {
  it.skipIf(!OPENSSL)("rows go in, doubles count once, and a connection given up leaves no error behind", async () => {
    const dir = await mkdtemp(join(tmpdir(), "plimsoll-tls-"));
    await chmod(dir, 0o755);
    const [key, certificate] = [join(dir, "server.key"), join(dir, "server.crt")];
    const request = [
      "req",
      "-new",
      "-x509",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=localhost",
      "-keyout",
      key,
      "-out",
      certificate,
    ];
    execFileSync("openssl", request, { stdio: "ignore" });
    await chmod(key, 0o600);
    if (process.getuid?.() === 0) await chown(key, Number(execFileSync("id", ["-u", "postgres"])), 0);
    const secure = await startPostgres({ settings: { ssl: "on", ssl_key_file: key, ssl_cert_file: certificate } });
    const tlsProxy = await startTcpProxy({ host: "127.0.0.1", port: secure.port });
    try {
      const url = `${tlsProxy.url(secure.url)}?sslmode=require`;
      await migrate({ url });
      const through = newWriter(url, 4000);
      expect(await write(fillBatch(0, 100), through)).toEqual({ inserted: 100, doubles: 0 });
      expect(await write(fillBatch(50, 100), through)).toEqual({ inserted: 50, doubles: 50 });
      tlsProxy.stall();
      await expect(write(fillBatch(150, 10), through)).rejects.toMatchObject({ code: "STORE_WRITE_DEADLINE" });
      await tlsProxy.pass();
      expect((await write(fillBatch(150, 10), through)).inserted).toBe(10);
      await through.close();
      const link = connect({ url, applicationName: "tls", connectDeadlineMs: 2000, statementDeadlineMs: 2000 });
      const [row] = await link.sql`select ssl from pg_stat_ssl where pid = pg_backend_pid()`;
      expect(row!.ssl).toBe(true);
      await link.end();
    } finally {
      await tlsProxy.close();
      await secure.remove();
      await rm(dir, { recursive: true });
    }
  });
});

describe("COPY over postgres.js", () => {
  let link: Link;
  beforeEach(() => {
    link = connect({ url: server.url, applicationName: "copy", connectDeadlineMs: 2000, statementDeadlineMs: 5000 });
  });
  afterEach(() => link.end());

  it("that violates a key after its last byte was sent fails at once, with the server's error", async () => {
    await sql`insert into logs (name) values (${TEST_LOG}) on conflict do nothing`;
    const { payload } = fillBatch(0, 3);
    await copyIn(link.sql, copySql(FILLS, FILLS.columns.length), payload);
    await expect(copyIn(link.sql, copySql(FILLS, FILLS.columns.length), payload)).rejects.toMatchObject({ code: "23505" });
  });

  it("whose connection dies after its last byte was sent fails at once", async () => {
    const through = connect({
      url: proxy.url(server.url),
      applicationName: "copy",
      connectDeadlineMs: 2000,
      statementDeadlineMs: 5000,
    });
    await through.sql`select 1`;
    proxy.dropNextReply();
    await expect(copyIn(through.sql, copySql(FILLS, FILLS.columns.length), fillBatch(0, 3).payload)).rejects.toThrow();
    through.destroy();
  });

  it("of bytes that are no rows fails with the server's error", async () => {
    await expect(copyIn(link.sql, copySql(FILLS, FILLS.columns.length), Buffer.from("nonsense"))).rejects.toMatchObject({
      code: "22P04",
    });
  });

  it("to a table that is not there fails with the server's error", async () => {
    await expect(copyIn(link.sql, "copy nowhere from stdin", Buffer.alloc(0))).rejects.toMatchObject({ code: "42P01" });
  });
});
