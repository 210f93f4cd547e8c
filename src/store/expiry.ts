// Deletes expired rows, a few at a time, and drops expired chunks (plimsoll_expire in the migrations, retention_policies). Where
// TimescaleDB runs jobs, one of them asks for the same each hour.
import { withDeadline } from "./deadline";
import { StoreError } from "./errors";
import { connect } from "./link";

/** Rows of a table deleted in one transaction: a short one, so that nobody waits behind it. */
export const EXPIRE_ROWS_MAX = 10_000;
/** ms between two rounds. */
export const EXPIRE_INTERVAL_MS = 60_000;
const DEADLINE_MS = 30_000;
/** Rounds without a pause while there is more to delete: what a minute must keep up with at full write speed. */
const ROUNDS_MAX = 100;

/** As many rounds as there is something to delete. Returns how many rows and chunks went. */
export async function expireRows(url: string, connectDeadlineMs: number, goOn: () => boolean = () => true): Promise<number> {
  const link = connect({ url, applicationName: "plimsoll-expire", connectDeadlineMs, statementDeadlineMs: DEADLINE_MS });
  let total = 0;
  try {
    for (let round = 0; round < ROUNDS_MAX && goOn(); round++) {
      const query = link.sql<{ rows: string }[]>`select plimsoll_expire(${EXPIRE_ROWS_MAX}) as rows`;
      const [row] = await withDeadline(query, DEADLINE_MS, () => new StoreError("STORE_WRITE_DEADLINE", "expiry took too long"));
      const rows = Number(row!.rows);
      total += rows;
      if (rows < EXPIRE_ROWS_MAX) break;
    }
    return total;
  } finally {
    await link.end();
  }
}
