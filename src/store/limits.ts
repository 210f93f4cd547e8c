// Every limit of the store, with its reason. What an operator may change is in config.ts.

/** Rows of one batch: one COPY, one transaction. Enough that a round trip and a commit hardly show. */
export const BATCH_ROWS_MAX = 5000;
/** Bytes of one batch: what one attempt sends and what a retry sends again. */
export const BATCH_BYTES_MAX = 2 * 1024 * 1024;

/** Bytes after which a spill file is closed and the next begun: what is read again after a crash, at most, is one file. */
export const SEGMENT_BYTES_MAX = 8 * 1024 * 1024;
/** A longer record is not one of ours: it bounds what a corrupt length makes us read. */
export const RECORD_BYTES_MAX = 16 * 1024 * 1024;
/** Thinning doubles the window each time; 2^12 flushes of a second are 68 minutes. After that whole files go. */
export const THIN_LEVEL_MAX = 12;

/** Failures in a row before rows move from memory to disk: the first may be a dropped connection. */
export const SPILL_AFTER_FAILURES = 2;
/** Waiting between attempts: doubles from the first to the second, each with jitter. */
export const RETRY_FIRST_MS = 50;
export const RETRY_MAX_MS = 5000;
/** A database whose migrations are in conflict is asked again this often: somebody has to act first. */
export const SCHEMA_RETRY_MS = 30_000;
/** A barrier waits this long for the database before it makes rows durable on disk instead. */
export const BARRIER_GRACE_MS = 500;
/** Part of a stop's deadline kept for writing the rest to disk. */
export const STOP_SPILL_SHARE = 0.4;

/** Fill records taken from one ring before the next has its turn. */
export const DRAIN_RECORDS_MAX = 8192;
/** Account slots looked at before the rings are drained again: 14 ns each. */
export const SCAN_SLOTS_MAX = 16_384;
/** Accounts read in one go, for the same reason: each is a few µs. */
export const SAMPLE_ACCOUNTS_SLICE = 256;
/** Tries to read account and positions of the same version. */
export const SAMPLE_TRIES_MAX = 3;
/** After a batch without doubles, so many more go the careful way before the fast way is tried again. */
export const STAGED_BATCHES_AFTER_DOUBLE = 8;

/** Points of one history answer. */
export const HISTORY_LIMIT_MAX = 10_000;
export const HISTORY_LIMIT_DEFAULT = 1000;
/** Connections of the history reader: it serves people, not the live path. */
export const HISTORY_CONNECTIONS = 2;
