// What the api asks of the past. The store owns the database and the SQL (src/store/history.ts); here its answers and
// errors are turned into REST's.
import { StoreError } from "../../store/errors";
import type { History } from "../../store/history";
import type { ApiContext } from "../context";
import { ApiError } from "../errors";

/** The questions; tests put a scripted reader in the place of the database's. */
export type HistoryReader = Pick<History, "accountRisk" | "positions" | "fills" | "marks" | "alerts">;

/** JSON has no other numbers: what is not finite in an old row is not there. */
function finiteRow<T extends object>(row: T): T {
  const entries = Object.entries(row).map(([name, value]) => [
    name,
    typeof value === "number" && !Number.isFinite(value) ? null : value,
  ]);
  return Object.fromEntries(entries) as T;
}

/**
 * Asks the database.
 *
 * @throws ApiError HISTORY_UNAVAILABLE (there is none, or it does not answer), INVALID_PARAMS
 */
export async function askHistory<T extends object>(
  context: ApiContext,
  ask: (reader: HistoryReader) => Promise<T[]>,
): Promise<T[]> {
  const reader = context.history();
  if (reader === null) throw new ApiError("HISTORY_UNAVAILABLE", "this engine has no database, or has not reached it yet");
  try {
    return (await ask(reader)).map(finiteRow);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.code === "HISTORY_BAD_QUERY") throw new ApiError("INVALID_PARAMS", error.message, error.field);
    // What the database said names its address; that is for the log.
    context.log.warn({ code: error.code }, error.message);
    throw new ApiError("HISTORY_UNAVAILABLE", "the database does not answer right now");
  }
}
