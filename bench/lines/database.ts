// Fills into the database by method: the store's own writer (rows encoded once, binary COPY), INSERT … SELECT from unnest,
// and multi-row INSERT … VALUES. Everybody begins with the same FillRecords of shared memory, sends 5,000 rows at a time and
// waits for each batch to be committed; afterwards the table must say the same whoever filled it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sql } from "postgres";
import { AccountEventKind } from "../../schemas/generated";
import { FillAt } from "../../src/shared/layout/shard";
import { RowWriter } from "../../src/store/copy/row-writer";
import { DatabaseWriter } from "../../src/store/database";
import { startEmbeddedPostgres } from "../../src/store/embedded";
import { encodeFill } from "../../src/store/encode";
import { connect } from "../../src/store/link";
import { migrate } from "../../src/store/migrations/runner";
import { FILLS } from "../../src/store/tables";
import { cleanUp } from "../harness/cleanup";
import type { Line, LineOptions, Row } from "../harness/line";
import { pairedRow, takeTurns } from "../harness/paired";
import { ROOT } from "../harness/paths";
import { MARK_TICKS, START_MS } from "../harness/world";

const ROWS_PER_BATCH = 5000;
/** A statement takes 65,535 parameters at most. */
const PARAMETERS_MAX = 65_535;
const LOG_NAME = "bench";
/** All of a fill but the log's number, which is the first. */
const COLUMNS = FILLS.columns.map(([name]) => name);

/** FillRecords as a shard leaves them for the store. */
function fillRecords(count: number): { words: Int32Array; bytes: Uint8Array; longs: BigInt64Array } {
  const memory = new SharedArrayBuffer(count * FillAt.bytes);
  const words = new Int32Array(memory);
  const longs = new BigInt64Array(memory);
  const bytes = new Uint8Array(memory);
  for (let i = 0; i < count; i++) {
    const at = i * FillAt.bytes;
    longs[(at + FillAt.offset) / 8] = BigInt(Math.floor(i / 64));
    words[(at + FillAt.index) / 4] = i % 64;
    words[(at + FillAt.partition) / 4] = 0;
    longs[(at + FillAt.account) / 8] = BigInt(1 + ((i * 7919) % 10_000));
    longs[(at + FillAt.timeNs) / 8] = BigInt(START_MS + i) * 1_000_000n;
    longs[(at + FillAt.order) / 8] = BigInt(1_000_000 + i);
    longs[(at + FillAt.qtyLots) / 8] = BigInt(1 + (i % 50));
    longs[(at + FillAt.priceTicks) / 8] = BigInt(MARK_TICKS + (i % 100));
    longs[(at + FillAt.fee) / 8] = BigInt(100_000 + (i % 1000));
    longs[(at + FillAt.realizedPnl) / 8] = BigInt((i % 2001) - 1000);
    longs[(at + FillAt.positionLots) / 8] = BigInt((i % 401) - 200);
    longs[(at + FillAt.walletAfter) / 8] = BigInt(10 ** 12 + i);
    words[(at + FillAt.instrument) / 4] = 1 + (i % 16);
    bytes[at + FillAt.side] = 1 + (i % 2);
    bytes[at + FillAt.kind] = AccountEventKind.Fill;
    bytes[at + FillAt.flags] = i % 2;
  }
  return { words, bytes, longs };
}

type Records = ReturnType<typeof fillRecords>;

/** A record as the values of its columns, in order; 64-bit integers as text, as postgres.js takes them. */
function valuesOf({ words, bytes, longs }: Records, i: number, logId: number): (string | number | boolean | null)[] {
  const at = i * FillAt.bytes;
  const i64 = (field: number) => longs[(at + field) / 8]!.toString();
  const flags = bytes[at + FillAt.flags]!;
  return [
    logId,
    words[(at + FillAt.partition) / 4]!,
    i64(FillAt.offset),
    words[(at + FillAt.index) / 4]!,
    new Date(Number(longs[(at + FillAt.timeNs) / 8]! / 1_000_000n)).toISOString(),
    i64(FillAt.account),
    words[(at + FillAt.instrument) / 4]!,
    "fill",
    bytes[at + FillAt.side] === 1 ? "buy" : "sell",
    "net",
    (flags & 1) !== 0,
    (flags & 2) !== 0,
    (flags & 16) !== 0,
    i64(FillAt.order),
    i64(FillAt.qtyLots),
    i64(FillAt.priceTicks),
    i64(FillAt.fee),
    i64(FillAt.realizedPnl),
    i64(FillAt.positionLots),
    i64(FillAt.walletAfter),
  ];
}

async function copyBatch(writer: DatabaseWriter, records: Records, from: number): Promise<void> {
  const row = new RowWriter(ROWS_PER_BATCH * 256);
  for (let i = from; i < from + ROWS_PER_BATCH; i++) {
    row.begin(FILLS.columns.length);
    // Its number is the database's; the writer puts it in.
    row.int2(0);
    encodeFill(row, records, i * FillAt.bytes);
    row.end();
  }
  const batch = { table: FILLS, logName: LOG_NAME, rows: ROWS_PER_BATCH, fields: FILLS.columns.length, tick: 0 };
  const { inserted } = await writer.write(batch, row.take());
  if (inserted !== ROWS_PER_BATCH) throw new Error(`COPY: ${inserted} rows of ${ROWS_PER_BATCH} were new`);
}

async function valuesBatch(sql: Sql, records: Records, from: number, logId: number): Promise<void> {
  const rowsPerStatement = Math.floor(PARAMETERS_MAX / COLUMNS.length);
  await sql.begin(async (transaction) => {
    for (let start = from; start < from + ROWS_PER_BATCH; start += rowsPerStatement) {
      const end = Math.min(start + rowsPerStatement, from + ROWS_PER_BATCH);
      const parameters: (string | number | boolean | null)[] = [];
      const tuples: string[] = [];
      for (let i = start; i < end; i++) {
        const base = parameters.length;
        parameters.push(...valuesOf(records, i, logId));
        tuples.push(`(${COLUMNS.map((_, column) => `$${base + column + 1}`).join(",")})`);
      }
      await transaction.unsafe(`insert into fills (${COLUMNS.join(", ")}) values ${tuples.join(",")}`, parameters as never[], {
        prepare: true,
      });
    }
  });
}

async function unnestBatch(sql: Sql, records: Records, from: number, logId: number): Promise<void> {
  const columns: (string | number | boolean | null)[][] = COLUMNS.map(() => []);
  for (let i = from; i < from + ROWS_PER_BATCH; i++)
    for (const [c, value] of valuesOf(records, i, logId).entries()) columns[c]!.push(value);
  const arrays = FILLS.columns.map(([, type], c) => `$${c + 1}::text[]::${type}[]`).join(", ");
  const literals = columns.map((values) => `{${values.map((value) => (value === null ? "NULL" : String(value))).join(",")}}`);
  await sql.unsafe(`insert into fills (${COLUMNS.join(", ")}) select * from unnest(${arrays})`, literals as never[], {
    prepare: true,
  });
}

async function run({ quick, progress }: LineOptions): Promise<Row[]> {
  const dataDir = mkdtempSync(join(tmpdir(), "plimsoll-bench-postgres-"));
  cleanUp(() => rmSync(dataDir, { recursive: true, force: true }));
  progress("starting PostgreSQL");
  const postgres = await startEmbeddedPostgres({ dataDir, port: 0 });
  cleanUp(() => postgres.stop());
  await migrate({ url: postgres.url, dir: join(ROOT, "migrations") });
  const link = connect({ url: postgres.url, applicationName: "bench", connectDeadlineMs: 5000, statementDeadlineMs: 60_000 });
  cleanUp(() => link.end());
  const { sql } = link;
  const writer = new DatabaseWriter({
    url: postgres.url,
    applicationName: "bench-store",
    writeDeadlineMs: 60_000,
    connectDeadlineMs: 5000,
    schema: { ready: async () => {}, lost: () => {} },
  });
  cleanUp(() => writer.close());
  await sql`insert into logs (name) values (${LOG_NAME})`;
  const [log] = await sql<{ log_id: number }[]>`select log_id from logs where name = ${LOG_NAME}`;
  const logId = log!.log_id;

  const batches = quick ? 4 : 20;
  const rowCount = batches * ROWS_PER_BATCH;
  const records = fillRecords(rowCount);
  let said: string | null = null;
  const timed = async (write: (from: number) => Promise<void>): Promise<number> => {
    await sql`truncate fills`;
    const start = performance.now();
    for (let from = 0; from < rowCount; from += ROWS_PER_BATCH) await write(from);
    const seconds = (performance.now() - start) / 1000;
    // Everything that was written, in one number: the same whoever wrote it.
    const [digest] = await sql.unsafe(
      `select count(*)::text as rows,
              md5(string_agg(md5(row(${COLUMNS.join(", ")})::text), '' order by log_offset, event_index)) as hash
       from fills`,
    );
    const says = `${digest!.rows} ${digest!.hash}`;
    said ??= says;
    if (says !== said || Number(digest!.rows) !== rowCount) throw new Error(`the table says ${says}, and said ${said} before`);
    return rowCount / seconds;
  };
  const values = await takeTurns(
    { rounds: quick ? 3 : 11, budgetMs: quick ? 5000 : 120_000, onRound: (round) => progress(`round ${round + 1}`) },
    [
      { name: "copy", measure: () => timed((from) => copyBatch(writer, records, from)) },
      { name: "unnest", measure: () => timed((from) => unnestBatch(sql, records, from, logId)) },
      { name: "values", measure: () => timed((from) => valuesBatch(sql, records, from, logId)) },
    ],
  );
  const row = (id: string, name: string, peer: readonly number[]) =>
    pairedRow(
      {
        id: `database/${id}`,
        what: `fills into the table, ${ROWS_PER_BATCH} a batch, each batch awaited`,
        unit: "rows/s",
        better: "higher",
        details: { rows: rowCount, columns: COLUMNS.length, checked: "the tables are equal, row by row" },
      },
      { name: "the store's COPY", values: values.copy },
      { name, values: peer },
    );
  return [row("insert", "multi-row INSERT", values.values), row("unnest", "INSERT from unnest", values.unnest)];
}

export const database: Line = { id: "database", title: "Rows into the database", runs: "always", run };
