// Errors a person meets when the engine starts or runs: one line that names what is wrong, and the exit status that goes
// with it. Parts have tables of their own (Kafka, store, api); theirs end in the same line.

export const ENGINE_ERRORS = {
  CONFIG_FILE_UNREADABLE: {
    exit: 2,
    meaning: "the configuration file cannot be read or is not JSON",
    remedy: "correct the path or the file",
  },
  CONFIG_UNKNOWN_KEY: {
    exit: 2,
    meaning: "a key that no part of the engine knows",
    remedy: "correct its spelling; `plimsoll check-config --keys` lists all",
  },
  CONFIG_INVALID: { exit: 2, meaning: "a value that its key does not allow", remedy: "the message says what is allowed" },
  BUILD_MISSING: { exit: 1, meaning: "the built kernel, workers or page are not there", remedy: "run `npm run build`" },
  API_FAILED: { exit: 1, meaning: "the api thread could not start or ended by itself", remedy: "the message says why" },
  STORE_FAILED: {
    exit: 1,
    meaning: "the store thread ended by itself",
    remedy: "the message says why; rows not yet written are in the spill files",
  },
  SHARD_FULL: {
    exit: 1,
    meaning: "a pool of rows of a shard is full",
    remedy: "raise the capacity that is named, or use more partitions",
  },
  SHARD_FAILED: {
    exit: 1,
    meaning: "a shard's worker was lost again and again, though it was rebuilt each time",
    remedy: "the message says what it met; restart, and report it if it comes again",
  },
  SNAPSHOT_MISSING: {
    exit: 1,
    meaning: "a log that does not begin at its first offset, and no snapshot to begin from",
    remedy: "bring the snapshot folder back (engine.dataDir, snapshot.sharedDir), or the log",
  },
  CONTRACT_CHANGED: {
    exit: 1,
    meaning: "`reference` has other terms for a contract or asset than those the ledger was kept in",
    remedy: "publish the terms as they were under their id; new terms need a new id",
  },
  OUTPUT_LOST: {
    exit: 1,
    meaning: "an alert or a dead letter cannot be delivered to Kafka",
    remedy: "the message says why; what was not delivered is made again from the last snapshot",
  },
  CAPTURE_UNREADABLE: {
    exit: 1,
    meaning: "a capture file cannot be read or has a line that is none",
    remedy: "the message names file and line",
  },
  REPLAY_REFUSED: { exit: 1, meaning: "the replay cannot go into this cluster", remedy: "the message says why" },
} as const;

export type EngineErrorCode = keyof typeof ENGINE_ERRORS;

export class PlimsollError extends Error {
  override readonly name = "PlimsollError";

  constructor(
    readonly code: EngineErrorCode,
    message: string,
  ) {
    super(message);
  }

  get exitStatus(): number {
    return ENGINE_ERRORS[this.code].exit;
  }
}
