// What the store thread is told. The main thread validates with completeStoreConfig() and hands the result on.
import { StoreError } from "./errors";

export interface StoreConfig {
  /** postgres://user:password@host:port/database; query parameters become settings of the session. */
  databaseUrl: string;
  /**
   * Identity of the Kafka log the engine reads, for instance "<cluster id>/plimsoll.accounts". Offsets are keys only
   * within one log, so a new cluster (or the embedded broker of a new run) is a new name.
   */
  logName: string;
  /** Folder of the spill files; this engine's alone. Made if missing. */
  spillDir: string;
  /** false: tables must be there (`plimsoll migrate`), the store makes none. */
  migrate: boolean;
  /** ms between two samples of what changed, and the longest a row waits in an open batch. */
  flushIntervalMs: number;
  /** ms between two looks at the fill rings. */
  drainIntervalMs: number;
  /** ms between two rows of engine_samples. */
  engineSampleIntervalMs: number;
  /** Rows of accounts and positions sampled a flush; more changed accounts than that take turns. */
  sampleRowsPerFlush: number;
  /** ms after which a mark is STALE, as everywhere in the engine. */
  staleAfterMs: number;
  /** Bytes of fills and alerts held in memory; beyond, the rings fill and the shards wait. */
  journalQueueBytes: number;
  /** Bytes of samples held in memory. */
  sampleQueueBytes: number;
  /** Bytes of fills and alerts on disk; beyond, the rings fill and the shards wait. Nothing is dropped. */
  journalSpillBytes: number;
  /** Bytes of samples on disk; beyond, the oldest are thinned, counted and shown. */
  sampleSpillBytes: number;
  /** ms a write may take before it counts as failed. */
  writeDeadlineMs: number;
  /** ms to a new connection. */
  connectDeadlineMs: number;
  /** false: rows older than the table retention_policies says stay for ever (TimescaleDB has its own jobs). */
  expire: boolean;
}

const MIB = 1024 * 1024;

export const STORE_CONFIG_DEFAULTS: Omit<StoreConfig, "databaseUrl" | "logName" | "spillDir"> = {
  migrate: true,
  flushIntervalMs: 1000,
  drainIntervalMs: 5,
  engineSampleIntervalMs: 5000,
  sampleRowsPerFlush: 20_000,
  staleAfterMs: 5000,
  journalQueueBytes: 32 * MIB,
  sampleQueueBytes: 16 * MIB,
  journalSpillBytes: 4096 * MIB,
  sampleSpillBytes: 512 * MIB,
  writeDeadlineMs: 10_000,
  connectDeadlineMs: 5000,
  expire: true,
};

// A line a setting: the smallest and largest value that makes sense.
const RANGES: readonly [keyof StoreConfig, number, number][] = [
  ["flushIntervalMs", 10, 3_600_000],
  ["drainIntervalMs", 1, 1000],
  ["engineSampleIntervalMs", 100, 3_600_000],
  ["sampleRowsPerFlush", 1, 1_000_000],
  ["staleAfterMs", 1, 86_400_000],
  ["journalQueueBytes", 4 * MIB, 4096 * MIB],
  ["sampleQueueBytes", 4 * MIB, 4096 * MIB],
  ["journalSpillBytes", 16 * MIB, 2 ** 50],
  ["sampleSpillBytes", 16 * MIB, 2 ** 50],
  ["writeDeadlineMs", 100, 600_000],
  ["connectDeadlineMs", 100, 120_000],
];

/**
 * The given settings with the defaults where they say nothing.
 *
 * @throws StoreError STORE_CONFIG_INVALID naming the setting
 */
export function completeStoreConfig(
  given: Partial<StoreConfig> & Pick<StoreConfig, "databaseUrl" | "logName" | "spillDir">,
): StoreConfig {
  const config: StoreConfig = { ...STORE_CONFIG_DEFAULTS, ...given };
  for (const field of ["databaseUrl", "logName", "spillDir"] as const) {
    if (typeof config[field] !== "string" || config[field] === "") throw invalid(field, "must be a text that is not empty");
  }
  checkDatabaseUrl(config.databaseUrl);
  if (Buffer.byteLength(config.logName) > 200) throw invalid("logName", "must be at most 200 bytes");
  for (const field of ["migrate", "expire"] as const)
    if (typeof config[field] !== "boolean") throw invalid(field, "must be true or false");
  for (const [field, low, high] of RANGES) {
    const value = config[field];
    if (typeof value !== "number" || !Number.isInteger(value) || value < low || value > high) {
      throw invalid(field, `must be a whole number from ${low} to ${high}, not ${value}`);
    }
  }
  return config;
}

/** @throws StoreError STORE_CONFIG_INVALID; the message shows no password */
export function checkDatabaseUrl(url: string): void {
  const refuse = (what: string) => new StoreError("STORE_CONFIG_INVALID", `the database URL must ${what}`, "databaseUrl");
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw refuse("be of the form postgres://user:password@host:port/database");
  }
  if (parsed.protocol !== "postgres:" && parsed.protocol !== "postgresql:") {
    throw refuse(`begin with postgres://, not ${parsed.protocol}//`);
  }
}

/** The address without its password, for logs and messages. */
export function publicUrl(url: string): string {
  try {
    const parsed = new URL(url);
    return `${parsed.protocol}//${parsed.host}${parsed.pathname}`;
  } catch {
    return "the database";
  }
}

function invalid(field: string, what: string): StoreError {
  return new StoreError("STORE_CONFIG_INVALID", `store.${field} ${what}`, field);
}
