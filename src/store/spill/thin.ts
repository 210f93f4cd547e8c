// Thinning samples: of each account (or instrument) the newest sample of a window stays, the others go. Resolution is
// lost, the last state of each window is not, and an account that was sampled once in a window keeps that sample.
import { eachRow, fieldKey } from "../copy/row-reader";
import { columnIndex } from "../tables";
import type { LoadedBatch } from "./record";

/**
 * Batches of samples, oldest first, with windows of 2^level ticks.
 *
 * @returns the batches with the rows that stay (a batch without any is left out), and how many rows went
 */
export function thin(batches: readonly LoadedBatch[], level: number): { batches: LoadedBatch[]; dropped: number } {
  const windowTicks = 2 ** level;
  // (log, table, window, account) → the newest tick that has it. An account and its positions are sampled in one tick,
  // so that they stay and go together.
  const newest = new Map<string, number>();
  const kept: LoadedBatch[] = [];
  let dropped = 0;
  for (let i = batches.length - 1; i >= 0; i--) {
    const batch = batches[i]!;
    const { table, payload } = batch;
    if (table.thinBy === undefined) {
      kept.push(batch);
      continue;
    }
    const field = columnIndex(table, table.thinBy);
    const window = `${batch.logName}\n${table.code}\n${Math.floor(batch.tick / windowTicks)}\n`;
    const stay: Buffer[] = [];
    let rows = 0;
    eachRow(payload, (row) => {
      const key = window + fieldKey(payload, row, field);
      const tick = newest.get(key);
      if (tick === undefined) newest.set(key, batch.tick);
      if (tick === undefined || tick === batch.tick) {
        stay.push(payload.subarray(row.begin, row.end));
        rows++;
      } else dropped++;
    });
    if (rows === batch.rows) kept.push(batch);
    else if (rows > 0) kept.push({ ...batch, rows, payload: Buffer.concat(stay) });
  }
  return { batches: kept.reverse(), dropped };
}
