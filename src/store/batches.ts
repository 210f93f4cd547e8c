// Gathers rows into batches, one open batch a table, and hands full ones to their lanes.
import { RowWriter } from "./copy/row-writer";
import { BATCH_BYTES_MAX, BATCH_ROWS_MAX } from "./limits";
import type { LoadedBatch } from "./spill/record";
import type { Table } from "./tables";

export class Batches {
  private readonly open = new Map<Table, RowWriter>();

  /**
   * @param tick      clock of the batches: whole flush intervals since 1970
   * @param deliver   takes a batch that is full or flushed
   */
  constructor(
    private readonly logName: string,
    private readonly tick: () => number,
    private readonly deliver: (batch: LoadedBatch) => void,
  ) {}

  /** Adds one row; `encode` writes the fields after the log's number. A row that throws is not added. */
  add(table: Table, encode: (row: RowWriter) => void): void {
    let rows = this.open.get(table);
    if (rows === undefined) {
      rows = new RowWriter();
      this.open.set(table, rows);
    }
    rows.begin(table.columns.length);
    try {
      rows.int2(0);
      encode(rows);
    } catch (error) {
      rows.abandon();
      throw error;
    }
    rows.end();
    if (rows.rows >= BATCH_ROWS_MAX || rows.byteLength >= BATCH_BYTES_MAX) this.flush(table);
  }

  /** Delivers what is open of one table. */
  flush(table: Table): void {
    const rows = this.open.get(table);
    if (rows === undefined || rows.rows === 0) return;
    const count = rows.rows;
    this.deliver({
      table,
      logName: this.logName,
      rows: count,
      fields: table.columns.length,
      tick: this.tick(),
      payload: rows.take(),
    });
  }

  /** Rows that wait in open batches. */
  get openRows(): number {
    let rows = 0;
    for (const writer of this.open.values()) rows += writer.rows;
    return rows;
  }
}
