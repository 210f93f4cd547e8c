// One connection to the database and what a lane does with it: write one batch, within a deadline, once.
//
// The fast way is COPY straight into the table: one statement, one transaction. Where a row of the batch is there
// already (the reply to a commit was lost, or the log is replayed) it fails as a whole; then the batch goes the careful
// way, over a table of the session with ON CONFLICT, and so do the next few.
//
// A connection that failed in any way is thrown away with its pool: after an error in the middle of a COPY, or a
// teardown, postgres.js may hold a connection that answers nothing, or answers wrongly.
import type { Sql } from "postgres";
import { copyIn } from "./copy/copy-in";
import { setLogId } from "./copy/row-reader";
import { withDeadline } from "./deadline";
import { classifyWriteFailure, errorCode, StoreError } from "./errors";
import { STAGED_BATCHES_AFTER_DOUBLE } from "./limits";
import { connect, type Link } from "./link";
import { copySql, stageCopySql, stageSql, type Table, unstageSql } from "./tables";

const UNIQUE_VIOLATION = "23505";
/** The server gives up a statement this much before we do, so that none is left running when we try again. */
const SERVER_DEADLINE_SHARE = 0.8;

/** Rows of one table, encoded, ready to be sent. */
export interface Batch {
  readonly table: Table;
  /** Name of the log the rows belong to; its number goes into them when they are sent. */
  readonly logName: string;
  readonly rows: number;
  /** Fields of each row: those of the table, or fewer in a spill file of an older version. */
  readonly fields: number;
  /** When the rows were taken, in units of the flush interval: what thinning counts in. */
  readonly tick: number;
}

export interface WriteResult {
  /** Rows that are new in the table. */
  inserted: number;
  /** Rows that were there already. */
  doubles: number;
}

/** What a lane needs of a database; a test puts a scripted one in its place. */
export interface BatchWriter {
  /** Resolves when the rows are committed. After an error nothing is known: they may be. */
  write(batch: Batch, payload: Buffer): Promise<WriteResult>;
  close(): Promise<void>;
}

export interface DatabaseWriterOptions {
  url: string;
  applicationName: string;
  writeDeadlineMs: number;
  connectDeadlineMs: number;
  /** Waits until the tables are there. */
  schema: { ready(): Promise<void>; lost(): void };
}

export class DatabaseWriter implements BatchWriter {
  private link: Link | null = null;
  /** Of this connection: another server may sit behind the same address next time. */
  private readonly logIds = new Map<string, number>();
  /** Batches of a table, by its code, that still go the careful way. */
  private readonly stagedLeft = new Map<number, number>();

  constructor(private readonly options: DatabaseWriterOptions) {}

  async write(batch: Batch, payload: Buffer): Promise<WriteResult> {
    await this.options.schema.ready();
    const attempt = { givenUp: false };
    try {
      return await withDeadline(this.attempt(batch, payload, attempt), this.options.writeDeadlineMs, () => {
        const seconds = this.options.writeDeadlineMs / 1000;
        return new StoreError("STORE_WRITE_DEADLINE", `${batch.rows} rows of ${batch.table.name}: no answer within ${seconds} s`);
      });
    } catch (error) {
      attempt.givenUp = true;
      this.discard();
      if (classifyWriteFailure(error) === "schema") this.options.schema.lost();
      throw error;
    }
  }

  private async attempt(batch: Batch, payload: Buffer, attempt: { givenUp: boolean }): Promise<WriteResult> {
    const { table } = batch;
    if (table.onConflict === "update") return this.staged(batch, payload);
    const left = this.stagedLeft.get(table.code) ?? 0;
    if (left > 0) {
      const result = await this.staged(batch, payload);
      this.stagedLeft.set(table.code, result.doubles > 0 ? STAGED_BATCHES_AFTER_DOUBLE : left - 1);
      return result;
    }
    try {
      const { sql } = this.connection();
      setLogId(payload, await this.logId(sql, batch.logName));
      await copyIn(sql, copySql(table, batch.fields), payload);
      return { inserted: batch.rows, doubles: 0 };
    } catch (error) {
      if (errorCode(error) !== UNIQUE_VIOLATION || attempt.givenUp) throw error;
      this.discard();
      this.stagedLeft.set(table.code, STAGED_BATCHES_AFTER_DOUBLE);
      return this.staged(batch, payload);
    }
  }

  // Three statements, of which only the last one matters: it is a transaction of its own. If the connection is lost
  // before it and comes back, the session's table is gone and the statement fails.
  private async staged(batch: Batch, payload: Buffer): Promise<WriteResult> {
    const { table, rows } = batch;
    const { sql } = this.connection();
    setLogId(payload, await this.logId(sql, batch.logName));
    await sql.unsafe(stageSql(table));
    await copyIn(sql, stageCopySql(table, batch.fields), payload);
    const result = await sql.unsafe(unstageSql(table, batch.fields));
    const inserted = Math.min(rows, result.count);
    return { inserted, doubles: rows - inserted };
  }

  private async logId(sql: Sql, name: string): Promise<number> {
    const known = this.logIds.get(name);
    if (known !== undefined) return known;
    // Looked for before it is inserted: an insert that finds it there would use up a number each time.
    let [row] = await sql<{ log_id: number }[]>`select log_id from logs where name = ${name}`;
    if (row === undefined) {
      await sql`insert into logs (name) values (${name}) on conflict (name) do nothing`;
      [row] = await sql<{ log_id: number }[]>`select log_id from logs where name = ${name}`;
    }
    this.logIds.set(name, row!.log_id);
    return row!.log_id;
  }

  private connection(): Link {
    this.link ??= connect({
      url: this.options.url,
      applicationName: this.options.applicationName,
      connectDeadlineMs: this.options.connectDeadlineMs,
      statementDeadlineMs: this.options.writeDeadlineMs * SERVER_DEADLINE_SHARE,
    });
    return this.link;
  }

  private discard(): void {
    this.link?.destroy();
    this.link = null;
    this.logIds.clear();
  }

  async close(): Promise<void> {
    const link = this.link;
    this.link = null;
    await link?.end();
  }
}
