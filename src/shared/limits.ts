// Every limit of the engine, in one place, with its reason. Relations between them are asserted by limits-hold.ts before
// a thread starts. The shard kernel compiles this file too: plain constants only.

/** The kernel's static data, scratch columns and tier tables live below this address of a shard's memory. */
export const KERNEL_RESERVED_BYTES = 8 * 1024 * 1024;
/** A page of WebAssembly memory, fixed by its specification. */
export const WASM_PAGE_BYTES = 65536;
/** 32-bit WebAssembly memory ends here. */
export const SHARD_BYTES_MAX = 4 * 1024 * 1024 * 1024;

/** Row index = instrument id, so that no lookup stands between an event and its instrument. */
export const INSTRUMENT_SLOTS = 4096;
export const ASSET_SLOTS = 256;
export const MARGIN_TABLE_SLOTS = 1024;
export const MARGIN_TIER_SLOTS = 8192;
export const GROUP_SLOTS = 1024;
/** Venues publish up to about 20 brackets; a table above this is a mistake. */
export const TIERS_PER_TABLE_MAX = 64;

/** One account's positions fit the kernel's scratch columns. */
export const POSITIONS_PER_ACCOUNT_MAX = 256;
/** Distinct assets in one account's wallet. */
export const BALANCES_PER_ACCOUNT_MAX = 64;

/** A batch must fit a ring of the smallest allowed size beside its header record. */
export const EVENTS_PER_BATCH_MAX = 8192;
export const RING_RECORDS_MIN = 16384;
/** Kafka's own default is 1 MiB; 8,192 events of 64 bytes and their header are 524,344 bytes. */
export const MESSAGE_BYTES_MAX = 1_048_576;

/** Ticks, lots, ids and amounts stay exactly representable in a float64. */
export const EXACT_INTEGER_MAX = 9007199254740991;

/** A reader of a row that its writer keeps changing gives up after so many tries and calls the row STALE. */
export const SEQLOCK_TRIES_MAX = 1000;

/** Records applied in one round of a shard's worker: bounds how long the market waits behind a backlog of events. */
export const ROUND_RECORDS = 4096;
/** Records applied before the accounts they touched are valued: few enough that their rows are still in the cache. */
export const PIECE_RECORDS = 256;
/**
 * Work done between two looks at the input ring when marks move: telling who crossed a line, revaluing all pools, refreshing rows. In units
 * of a look at one pool or account, some tens of ns; valuing one counts eight more. An event waits behind one chunk of the first or,
 * when nobody is left to be told, behind one of each of the others: of the order of a millisecond for accounts of some ten positions.
 */
export const TRIGGER_CHUNK = 4096;
export const WALK_CHUNK = 4096;
export const REFRESH_CHUNK = 1024;
/** Watched accounts valued ahead of their turn, between two looks as well. */
export const WATCHED_CHUNK = 512;

/** Accounts that readers can have kept fresh at every mark at the same time; two that share a slot take turns. */
export const WATCH_SLOTS = 4096;
/** Rounds of refreshing for which a reader's interest lasts; whoever goes on looking says so again. */
export const WATCH_PASSES = 4;
