// The errors of the store, one table: code, what it means, what the operator does. A code is stable; its words may change.

export const STORE_ERRORS = {
  STORE_CONFIG_INVALID: {
    meaning: "a setting of the store is missing or out of range",
    remedy: "correct the setting that is named",
  },
  STORE_DATABASE_UNREACHABLE: {
    meaning: "no connection to the database within the deadline",
    remedy: "start the database or correct its address; until then rows go to the spill files",
  },
  STORE_WRITE_DEADLINE: {
    meaning: "the database did not finish a statement within the deadline",
    remedy: "look for locks and a full disk on the server; the rows are kept and written again",
  },
  STORE_SERVER_TOO_OLD: { meaning: "the server is older than PostgreSQL 15", remedy: "upgrade the server" },
  STORE_MIGRATION_INVALID: { meaning: "a migration file cannot be read as one", remedy: "correct the file that is named" },
  STORE_MIGRATION_CHANGED: {
    meaning: "a migration that was applied reads differently now",
    remedy: "restore the file as it was; put the change into a new migration",
  },
  STORE_MIGRATION_UNKNOWN: {
    meaning: "the database has migrations this program does not have: it was used by a newer version",
    remedy: "run the newer version",
  },
  STORE_MIGRATION_FAILED: {
    meaning: "a statement of a migration failed",
    remedy: "read the server's message, correct, run `plimsoll migrate` again",
  },
  STORE_MIGRATION_LOCKED: { meaning: "another program is migrating this database", remedy: "wait for it, then try again" },
  STORE_SCHEMA_MISSING: { meaning: "tables are missing and the store may not make them", remedy: "run `plimsoll migrate`" },
  STORE_ROWS_REFUSED: {
    meaning: "the database refuses rows for what they hold, not for its own state",
    remedy: "the rows are kept in the folder `refused` beside the spill files; read the server's message; report it",
  },
  STORE_SPILL_LOCKED: { meaning: "another engine uses the same spill folder", remedy: "give each engine a folder of its own" },
  STORE_SPILL_UNUSABLE: { meaning: "the spill folder cannot be written", remedy: "make room or correct its permissions" },
  STORE_EMBEDDED_FAILED: {
    meaning: "the embedded PostgreSQL could not be created or started",
    remedy: "read the end of its log, which the message names",
  },
  HISTORY_BAD_QUERY: { meaning: "a parameter of a history query is wrong", remedy: "correct the parameter that is named" },
  HISTORY_UNAVAILABLE: {
    meaning: "the database cannot answer history queries now",
    remedy: "live numbers go on; try again later",
  },
} as const satisfies Record<string, { meaning: string; remedy: string }>;

export type StoreErrorCode = keyof typeof STORE_ERRORS;

/** An error of the store: `message` is one line and names what it is about. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  constructor(
    readonly code: StoreErrorCode,
    message: string,
    /** The setting or parameter that is wrong, where there is one. */
    readonly field: string | null = null,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const NEEDS_OPERATOR = new Set<StoreErrorCode>([
  "STORE_MIGRATION_CHANGED",
  "STORE_MIGRATION_UNKNOWN",
  "STORE_MIGRATION_INVALID",
  "STORE_SERVER_TOO_OLD",
  "STORE_SCHEMA_MISSING",
]);

/** True where no waiting heals: somebody has to act on the database first. */
export function needsOperator(error: unknown): boolean {
  return error instanceof StoreError && NEEDS_OPERATOR.has(error.code);
}

/** SQLSTATE of a server error, or the code of a client or system error; "" where there is none. */
export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "";
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * What a failed write says about trying again.
 *
 * - `retry`: the server or the way to it is in trouble; the same rows may go in later.
 * - `schema`: tables or columns are missing; migrate first.
 * - `refused`: the server refuses these rows; trying them again gives the same answer.
 */
export type WriteFailure = "retry" | "schema" | "refused";

// A rule a line: SQLSTATE or its class → what it means. What is not listed is worth another try: rows are never given up
// because of an error nobody has thought about.
const RULES: readonly [prefix: string, failure: WriteFailure][] = [
  ["42P01", "schema"], // undefined table
  ["42703", "schema"], // undefined column
  ["3F000", "schema"], // undefined schema
  ["22", "refused"], // data exception
  ["23", "refused"], // constraint violated (a double is not an error: it is told apart before)
  ["42804", "refused"], // datatype mismatch
  ["P0001", "refused"], // a trigger raised an exception
];

export function classifyWriteFailure(error: unknown): WriteFailure {
  const code = errorCode(error);
  for (const [prefix, failure] of RULES) if (code.length === 5 && code.startsWith(prefix)) return failure;
  return "retry";
}
