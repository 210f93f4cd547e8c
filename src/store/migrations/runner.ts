// Brings a database up to date: applies the migrations that are missing, one after the other, under an advisory lock.
// Used by `plimsoll migrate` and by the store thread before its first write.
//
// The table plimsoll_migrations says what was applied, with a checksum. A transactional migration and its row in that
// table commit together; one outside a transaction is written so that it may be run again, and its row comes last.
import type { Sql, TransactionSql } from "postgres";
import { checkDatabaseUrl, publicUrl } from "../config";
import { withDeadline } from "../deadline";
import { errorCode, errorText, StoreError } from "../errors";
import { connect } from "../link";
import { type Capabilities, probe, unmet } from "./capabilities";
import { findMigrationsDir, type Migration, readMigrations } from "./files";
import { splitStatements } from "./split";

/** Key of the advisory lock: "PLIM". One number for all databases of a server is right: locks are per database. */
const LOCK_KEY = 0x504c494d;
const LOCK_POLL_MS = 200;
/** A table may be locked that long by somebody else. */
const LOCK_DEADLINE_MS = 60_000;

export interface MigrateOptions {
  url: string;
  /** Folder of migrations; the project's own by default. */
  dir?: string;
  /** true: nothing is changed; the report says what would be. */
  dryRun?: boolean;
  /** ms to wait for another migration of the same database. */
  lockWaitMs?: number;
  connectDeadlineMs?: number;
  /** Called before each migration is applied. */
  onApply?: (name: string) => void;
}

export interface MigrateReport {
  /** The address without its password. */
  database: string;
  capabilities: Capabilities;
  dryRun: boolean;
  /** Were there before. */
  present: string[];
  /** Applied now; with dryRun: would be. */
  applied: { name: string; durationMs: number }[];
  /** Not applied, and why. A later run applies them once the reason is gone. */
  skipped: { name: string; reason: string }[];
}

/**
 * Applies what is missing.
 *
 * @throws StoreError STORE_DATABASE_UNREACHABLE, STORE_SERVER_TOO_OLD, STORE_MIGRATION_*
 */
export async function migrate(options: MigrateOptions): Promise<MigrateReport> {
  checkDatabaseUrl(options.url);
  const migrations = readMigrations(options.dir ?? findMigrationsDir());
  const connectDeadlineMs = options.connectDeadlineMs ?? 10_000;
  // A statement may take as long as it needs, a lock may not: what waits behind a waiting migration waits too. The lock
  // of the run goes with its connection; each migration that is a transaction holds without it.
  const { sql, end } = connect({
    url: options.url,
    applicationName: "plimsoll-migrate",
    connectDeadlineMs,
    statementDeadlineMs: 0,
    lockDeadlineMs: LOCK_DEADLINE_MS,
  });
  try {
    const capabilities = await reach(sql, options.url, connectDeadlineMs);
    const dryRun = options.dryRun === true;
    if (!dryRun) await lock(sql, options.lockWaitMs ?? 60_000);
    return await run(sql, migrations, { ...options, dryRun }, capabilities);
  } finally {
    // Ends the session, and with it the lock.
    await end();
  }
}

async function reach(sql: Sql, url: string, deadlineMs: number): Promise<Capabilities> {
  try {
    return await withDeadline(probe(sql), deadlineMs, () => new Error(`no answer within ${deadlineMs} ms`));
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw new StoreError("STORE_DATABASE_UNREACHABLE", `${publicUrl(url)}: ${errorText(error)}`, null, { cause: error });
  }
}

async function lock(sql: Sql, waitMs: number): Promise<void> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const [row] = await sql<{ locked: boolean }[]>`select pg_try_advisory_lock(${LOCK_KEY}) as locked`;
    if (row!.locked) return;
    if (performance.now() >= deadline) {
      throw new StoreError(
        "STORE_MIGRATION_LOCKED",
        `another migration of this database has run for ${Math.round(waitMs / 1000)} s`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
  }
}

async function run(
  sql: Sql,
  migrations: Migration[],
  options: MigrateOptions & { dryRun: boolean },
  capabilities: Capabilities,
): Promise<MigrateReport> {
  if (!options.dryRun) {
    await sql`
      create table if not exists plimsoll_migrations (
        number integer primary key,
        name text not null,
        checksum text not null,
        duration_ms double precision not null,
        applied_at timestamptz not null default now()
      )`;
  }
  const applied = await readApplied(sql);
  checkHistory(migrations, applied);
  const report: MigrateReport = {
    database: publicUrl(options.url),
    capabilities,
    dryRun: options.dryRun,
    present: [],
    applied: [],
    skipped: [],
  };
  for (const migration of migrations) {
    if (applied.has(migration.number)) {
      report.present.push(migration.name);
      continue;
    }
    const reason = migration.requires === null ? null : unmet(migration.requires, capabilities);
    if (reason !== null) {
      report.skipped.push({ name: migration.name, reason });
      continue;
    }
    if (options.dryRun) {
      report.applied.push({ name: migration.name, durationMs: 0 });
      continue;
    }
    options.onApply?.(migration.name);
    report.applied.push({ name: migration.name, durationMs: await apply(sql, migration) });
  }
  return report;
}

async function readApplied(sql: Sql): Promise<Map<number, { name: string; checksum: string }>> {
  const [there] = await sql<{ there: boolean }[]>`select to_regclass('plimsoll_migrations') is not null as there`;
  if (!there!.there) return new Map();
  const rows = await sql<{ number: number; name: string; checksum: string }[]>`
    select number, name, checksum from plimsoll_migrations order by number`;
  return new Map(rows.map((row) => [row.number, row]));
}

function checkHistory(migrations: Migration[], applied: Map<number, { name: string; checksum: string }>): void {
  const known = new Map(migrations.map((migration) => [migration.number, migration]));
  for (const [number, row] of applied) {
    const migration = known.get(number);
    if (migration === undefined) {
      throw new StoreError("STORE_MIGRATION_UNKNOWN", `the database has migration ${row.name}, which this program does not have`);
    }
    if (migration.name !== row.name || migration.checksum !== row.checksum) {
      throw new StoreError("STORE_MIGRATION_CHANGED", `migration ${row.name} was applied, and its file reads differently now`);
    }
  }
}

async function apply(sql: Sql, migration: Migration): Promise<number> {
  const started = performance.now();
  const elapsed = () => Math.round((performance.now() - started) * 10) / 10;
  try {
    if (migration.transaction) {
      await sql.begin(async (tx) => {
        await tx.unsafe(migration.sql);
        await record(tx, migration, elapsed());
      });
    } else {
      for (const statement of splitStatements(migration.sql)) await sql.unsafe(statement);
      await record(sql, migration, elapsed());
    }
  } catch (error) {
    const state = errorCode(error);
    throw new StoreError(
      "STORE_MIGRATION_FAILED",
      `migration ${migration.name}: ${errorText(error)}${state === "" ? "" : ` (${state})`}`,
      null,
      { cause: error },
    );
  }
  return elapsed();
}

async function record(sql: Sql | TransactionSql, migration: Migration, durationMs: number): Promise<void> {
  await sql`
    insert into plimsoll_migrations (number, name, checksum, duration_ms)
    values (${migration.number}, ${migration.name}, ${migration.checksum}, ${durationMs})`;
}
