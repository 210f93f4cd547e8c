// Rows for tests of the queue, the spill and the lanes: marks and fills with a number one can see again.
import { Batches } from "../batches";
import type { RowWriter } from "../copy/row-writer";
import type { LoadedBatch } from "../spill/record";
import { FILLS, MARKS, type Table } from "../tables";

export const TEST_LOG = "test-log";
const START_MS = 1_700_000_000_000;

/** A fill of account `account` at offset `offset`. */
export function writeFill(row: RowWriter, offset: number, account = 1): void {
  row.int4(0);
  row.int8(offset);
  row.int4(0);
  row.timeMs(START_MS + offset);
  row.int8(account);
  row.int4(1);
  row.text("fill");
  row.text("buy");
  row.text("net");
  row.bool(true);
  row.bool(false);
  row.bool(false);
  for (const value of [offset, 1, 2, 3, 4, 5, 6]) row.int8(value);
}

/** A mark of `instrument` sampled at `tick`. */
export function writeMark(row: RowWriter, instrument: number, tick: number): void {
  row.int4(instrument);
  row.timeMs(START_MS + tick);
  row.timeMs(START_MS + tick * 1000);
  row.text("OK");
  row.float8(tick);
  for (let i = 0; i < 13; i++) row.null();
  row.float8(null);
  row.text("ok");
}

function batchOf(table: Table, tick: number, count: number, write: (row: RowWriter, i: number) => void): LoadedBatch {
  let batch: LoadedBatch | undefined;
  const batches = new Batches(
    TEST_LOG,
    () => tick,
    (full) => {
      batch = full;
    },
  );
  for (let i = 0; i < count; i++) batches.add(table, (row) => write(row, i));
  batches.flush(table);
  return batch!;
}

/** Fills at offsets `from` … `from + count − 1`. */
export function fillBatch(from: number, count: number, account = 1): LoadedBatch {
  return batchOf(FILLS, from, count, (row, i) => writeFill(row, from + i, account));
}

/** One mark of each instrument, all of one tick. */
export function markBatch(tick: number, instruments: readonly number[]): LoadedBatch {
  return batchOf(MARKS, tick, instruments.length, (row, i) => writeMark(row, instruments[i]!, tick));
}
