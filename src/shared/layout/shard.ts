// A shard's memory: everything known about one partition of `accounts`. One writer, the worker that runs the shard;
// ingest writes the records and the publish counter of the input ring; api and store read.
//
//   0            kernel: static data and scratch (KERNEL_RESERVED_BYTES)
//   control      4 KiB, below
//   input ring   64-byte records: batch headers and account events          ingest → shard
//   fill ring    128-byte FillRecords                                       shard → store
//   alert ring   128-byte AlertRecords                                      shard → main, which sends them to Kafka
//   market       copy of the market memory
//   account hash u32 × slots   account id → account slot + 1 (linear probing; accounts are never removed)
//   accounts     AccountRow × capacity
//   balances     BalanceEntry × capacity
//   positions    PositionRow × capacity
//   position terms   PositionTermsRow × (capacity of positions + 1): of those positions that need one; the first is nobody's
//   settlements  u64 × 2 × instruments: newest funding and expiry settlement applied
//   order hash   u32 × slots
//   orders       OrderEntry × capacity
//   pools        PoolBlock: what an account's margin pools hold, side by side    derived from the rows, see below
//   pool safe    f32 × pool units: how far marks may move before a pool's status can change
//   pool safe minima   f32 × groups of 64 units
//   watch        u32 × WATCH_SLOTS: accounts somebody is looking at             api → shard
//
// Where each section begins stands in the control page, so that the kernel and every reader find it there.

export const enum ControlAt {
  /** u32: 0x504c4d53. Anything else: this is not a shard, or one of another version. */
  magic = 0,
  /** u32: version of this layout. */
  layoutVersion = 4,
  partition = 8,
  /** u32: ShardState below, atomic. */
  state = 12,
  /** u32: byte offsets of the sections. */
  inputRing = 16,
  fillRing = 20,
  alertRing = 24,
  market = 28,
  accountHash = 32,
  accountHashSlots = 36,
  accounts = 40,
  accountCapacity = 44,
  balances = 48,
  balanceCapacity = 52,
  positions = 56,
  positionCapacity = 60,
  orderHash = 64,
  orderHashSlots = 68,
  orders = 72,
  orderCapacity = 76,
  settlements = 112,
  /** u32: section of position terms, which holds a row for each position the shard can have; rows in use, the first included. */
  positionTerms = 116,
  positionTermsCount = 120,
  /** u32, atomic: in use; a reader may look at slots below it. */
  accountCount = 80,
  balanceCount = 84,
  positionCount = 88,
  orderCount = 92,
  /** u32, head of the list of free order entries, slot + 1. */
  orderFree = 96,
  positionFree = 100,
  /** u32, head of the list of free terms rows; 0: none. */
  positionTermsFree = 124,
  /** u32, atomic: +1 every time the worker goes round; a supervisor sees a hung worker by it. */
  heartbeat = 104,
  /** u32: ErrorCode of the fault that stopped the shard, or 0. */
  fault = 108,

  /** i64: the next log offset to apply. Everything before it is in this memory. */
  nextOffset = 128,
  /** i64: event time of the newest applied event. */
  lastEventNs = 136,
  /** u64 counters, only ever rising. */
  eventsApplied = 144,
  batchesApplied = 152,
  duplicates = 160,
  gaps = 168,
  rejected = 176,
  valuations = 184,
  sweeps = 192,
  fills = 200,
  alerts = 208,
  /** u64: times the fill ring was full and the shard waited for the store. */
  fillRingWaits = 216,
  /** i64: offset and index of the event being applied: where to look after a crash. */
  currentOffset = 224,
  currentIndex = 232,
  /** u32: events of the batch at hand still to come. */
  batchRemaining = 240,
  /** u32: 1 where fills are recorded in the fill ring because a store reads it. Set before the shard runs. */
  recordFills = 244,
  /** u32: sweeps asked for and finished: equal when every account stands at the newest market. */
  sweepsDue = 256,
  sweepsDone = 260,
  /** i64: the log's end when the shard was opened; RECOVERING until nextOffset has come there. Set before it runs. */
  recoverTo = 264,
  /** f64: ns of the monotonic clock at which the oldest record of the batch at hand arrived. */
  batchReceivedNs = 248,

  /** u32: sections of what is derived: pools, their bounds, and the accounts that are watched. */
  pools = 512,
  /** u32: capacity in units of POOL_UNIT_BYTES. */
  poolUnits = 516,
  poolSafe = 520,
  poolSafeMinima = 524,
  watch = 528,
  /** u32: units in use or free below here; above it nothing has been written yet. */
  poolEnd = 532,
  /** u64: accounts valued without the general workspace, and with it. */
  valuationsLean = 544,
  valuationsGeneral = 552,
  /** u64: looks for pools that crossed a line after the market moved, pools looked at, and accounts valued because of it. */
  triggerPasses = 560,
  triggerPools = 568,
  triggerValuations = 576,
  /** u64: walks over all pools finished, and pools looked at on them. */
  poolWalks = 584,
  poolsWalked = 592,
  /** f64, ns of the monotonic clock: when the last finished round of row refreshing began. Every row rests on marks at least as new. */
  refreshedFromNs = 600,
  /** f64, ns of the monotonic clock: the worker's last reading. In memory, as a number handed to the kernel would be boxed. */
  nowNs = 608,
  /** u32, atomic: rounds of refreshing begun, modulo 2^32; what watch entries are dated by. */
  refreshPass = 536,
  /** u32, atomic: the market version every account has been looked at for: whoever crossed a line by then has been told of. */
  triggeredVersion = 540,

  /** u32 × LATENCY_BUCKETS: event received → row published. Bucket = 8 × log2(ns) + the next three bits. */
  latency = 1024,
  bytes = 4096,
}

export const SHARD_MAGIC = 0x504c4d53;
export const SHARD_LAYOUT_VERSION = 4;
export const LATENCY_BUCKETS = 512;

export const enum ShardState {
  Empty = 0,
  Recovering = 1,
  Running = 2,
  Stopped = 3,
  Faulted = 4,
}

/** Record of the input ring that stands before the events of one message. */
export const enum BatchRecordAt {
  offset = 0,
  /** f64, ns of the monotonic clock. */
  receivedNs = 8,
  producerId = 16,
  /** u32: events that follow. */
  count = 24,
  /** u8 at AccountEventAt.kind: BATCH_RECORD_KIND. */
  bytes = 64,
}
export const BATCH_RECORD_KIND = 255;

/** Why a shard stopped (ControlAt.fault). */
export const enum ShardFault {
  None = 0,
  AccountsFull = 1,
  NotAShard = 2,
  BadRecord = 3,
}

/** Bits of AccountRow.flags. */
export const enum AccountFlag {
  Gap = 1,
  Quarantined = 2,
  /** The ledger changed and the valuation has not followed yet. */
  Touched = 256,
  /** An alert for the last change of status waits for room in the ring. */
  AlertPending = 512,
}

// AccountRow: 256 bytes, one writer (its shard), many readers (seqlock). The positions of an account change under the
// same seqlock. A reader may use what it read only if seq was even and is unchanged after the read.
//   0..79 ledger | 80..255 valuation
export const enum AccountAt {
  /** u32, atomic. */
  seq = 0,
  flags = 4,
  accountId = 8,
  /** u64: highest sequence number applied. */
  seqHigh = 16,
  /** u64: bit k set: number seqHigh − 1 − k has not come yet. */
  holes = 24,
  /** u32: missing numbers that have left the window of 64; they cannot be filled. */
  holesLost = 32,
  group = 36,
  /** u32, slot + 1. */
  firstPosition = 40,
  firstBalance = 44,
  /** u16, u16, u32. */
  positionCount = 48,
  balanceCount = 50,
  openOrderCount = 52,
  duplicates = 56,
  /** u32: index in its batch of the last applied event. */
  lastIndex = 60,
  lastOffset = 64,
  lastEventNs = 72,

  /** i64, ns: the newest of ledger event and marks that the valuation rests on. */
  asOfNs = 80,
  walletUsd = 88,
  unrealizedPnlUsd = 96,
  equityUsd = 104,
  initialMarginUsd = 112,
  maintenanceMarginUsd = 120,
  orderMarginUsd = 128,
  availableUsd = 136,
  /** maintenance ÷ equity; NaN where equity ≤ 0. */
  marginRatio = 144,
  leverage = 152,
  grossExposureUsd = 160,
  netExposureUsd = 168,
  /** f64: smallest |mark − liquidation price| ÷ mark of its positions; +∞ where there is none. */
  liquidationDistance = 176,
  /** u32: AccountStatus of schemas/outputs.fbs. */
  status = 184,
  /** u32: instrument of that smallest distance. */
  nearestInstrument = 188,
  /** f64, ns of the monotonic clock: arrival of the oldest mark it rests on; +∞ where it rests on none. */
  oldestMarkReceivedNs = 192,
  /** u32: market version it was valued at. */
  marketVersion = 200,
  /** u32: positions without a mark: the valuation lacks them. */
  unmarkedCount = 204,
  /** u32: status at the last alert sent. */
  alertedStatus = 208,
  /** u32: alerts sent for this account so far; the next one's number is one more. */
  alertSeq = 212,
  /** u32, unit + 1 of its first PoolBlock. Derived. */
  firstPool = 216,
  /** The largest maintenance ÷ equity of its pools: what its status goes by. ∞ where one is bankrupt. */
  worstMarginRatio = 224,
  /** u64: the kernel's own count of market changes when it was valued. */
  valuedChange = 232,
  bytes = 256,
}

// BalanceEntry: 32 bytes
export const enum BalanceAt {
  asset = 0,
  /** u32, slot + 1. */
  next = 4,
  /** i64, 1e-8 of the asset: transfers + realised PnL − fees + funding − what was moved to isolated positions. */
  wallet = 8,
  /** i64: net deposits. */
  transfers = 16,
  bytes = 32,
}

export const enum PositionFlag {
  Isolated = 1,
  /** Hedge mode legs; neither: one-way. */
  Long = 2,
  Short = 4,
}

// PositionRow: 128 bytes, two cache lines: 0..63 the ledger, in exact integers, but for what is in its PositionTermsRow; 64..127 the
// valuation (float64).
export const enum PositionAt {
  /** u16, u16: PositionFlag. */
  instrument = 0,
  flags = 2,
  /** u32, slot + 1, next position of the account. */
  next = 4,
  account = 8,
  /** u32: slot of its terms; 0 where it has none, which is the row of zeros. */
  terms = 12,
  qtyLots = 16,
  /** i64, 1e-8 settle: cash that opening the position brought (linear: −cost; inverse: coin value at entry). */
  openCash = 24,
  realizedPnl = 32,
  fees = 40,
  funding = 48,
  /** i64, 1e-8; 0: none set. */
  leverage = 56,

  markPrice = 64,
  notional = 72,
  unrealizedPnl = 80,
  initialMargin = 88,
  maintenanceMargin = 96,
  /** f64; NaN where there is none. */
  liquidationPrice = 104,
  bankruptcyPrice = 112,
  entryPrice = 120,
  bytes = 128,
}

// PositionTermsRow: 64 bytes: isolated margin and open orders of a position, in exact integers. Most have neither, so a position is given
// a row when it first needs one, and has it until it is removed. The row of slot 0 is nobody's and always zero: whoever reads a
// position without terms reads there, and finds what a row of zeros says, so that having one makes no difference to any number.
// Changed and read under the seqlock of the position's account.
export const enum PositionTermsAt {
  /** i64, 1e-8 settle. */
  isolatedMargin = 0,
  buyLots = 8,
  sellLots = 16,
  /** i64, 1e-8 settle: Σ of what its open orders are worth, each rounded up. */
  buyValue = 24,
  sellValue = 32,
  /** u32. */
  openOrderCount = 40,
  /** u32: next in the list of free rows; 0: none. */
  next = 44,
  bytes = 64,
}

// PoolBlock: what one margin pool holds, as the sweeps read it: a header of 64 bytes and an entry of 24 bytes for each position row,
// flat ones included, in the order of the account's list. One pool for each settle asset of an account's cross positions, one for
// each isolated position. Private to the kernel, and derived: rebuilt from the rows when a kernel attaches.
//
//   units of 128 bytes; a block is 1, 2, 4 … 64 of them, aligned to its size (buddy allocation)
//   header | entry 0 | entry 1 | …
export const enum PoolAt {
  /** u32, account slot; POOL_FREE: the block is free. */
  account = 0,
  /** u32, unit + 1: the account's next pool. Free blocks: the next free block of this size. */
  next = 4,
  /** u32: settle asset, or POOL_ISOLATED + key of its one entry. Free blocks: unit + 1 of the free block before. */
  id = 8,
  /** u16: entries. */
  count = 12,
  /** u8: the block is 2^order units. */
  order = 14,
  /** u8: 1: a part of a multi-asset account's one pool. */
  isPooled = 15,
  /** f64, settle asset: wallet (isolated: the position's margin) + Σ openCash. */
  cash = 16,
  /** f64: |wallet| + Σ |openCash|: what the rounding of `cash` is measured by. */
  scale = 24,
  /** f64, settle asset: as the last sweep left them. */
  equity = 32,
  maintenance = 40,
  /** u32, slot + 1 of the settle asset's balance. */
  balance = 48,
  /** u8: status of this pool when last looked at; POOL_STATUS_UNKNOWN: too near a line to say without valuing it. */
  status = 52,
  /** u8: settle asset. */
  settle = 53,
  /** u32: market version of equity and maintenance. */
  marketVersion = 56,
  /** Entries follow. */
  entries = 64,
}

export const enum PoolEntryAt {
  /** f64, contracts, signed. */
  qty = 0,
  /** f64, settle asset. */
  openCash = 8,
  /** u32, address of the position row. */
  row = 16,
  /** u16: instrument × 8 + PositionFlag. */
  key = 20,
  /** u8: PoolEntryFlag. */
  flags = 22,
  /** u8: tier that its value was last found in: where the next search begins. */
  tier = 23,
  bytes = 24,
}

export const enum PoolEntryFlag {
  /** The row has open orders. */
  Orders = 1,
  /** The row has a leverage. */
  Leverage = 2,
  /** Quantity or cash changed since the row was last valued. */
  Changed = 4,
}

export const POOL_STATUS_UNKNOWN = 255;
export const POOL_UNIT_BYTES = 128;
/** 64 units: 338 entries, more than an account may have. */
export const POOL_ORDER_MAX = 6;
export const POOL_FREE = 0xffffffff;
export const POOL_ISOLATED = 0x80000000;
/** Units whose bounds are summed up in one minimum. */
export const POOL_GROUP_UNITS = 64;

// OrderEntry: 64 bytes
export const enum OrderAt {
  orderId = 0,
  /** u32, account slot. */
  account = 8,
  /** u32, slot + 1 of the position row the order counts in. */
  position = 12,
  priceTicks = 16,
  remainingLots = 24,
  /** u8: 1 buy, 2 sell. */
  side = 32,
  /** u32, slot + 1: next in the free list. */
  next = 36,
  bytes = 64,
}

// FillRecord: 128 bytes, shard → store. (partition, offset, index) is its key.
export const enum FillAt {
  offset = 0,
  index = 8,
  partition = 12,
  account = 16,
  timeNs = 24,
  order = 32,
  qtyLots = 40,
  priceTicks = 48,
  fee = 56,
  realizedPnl = 64,
  positionLots = 72,
  instrument = 80,
  /** u8 each. */
  side = 84,
  kind = 85,
  flags = 86,
  /** i64, 1e-8 settle: wallet of the settle asset after it. */
  walletAfter = 88,
  bytes = 128,
}

// AlertRecord: 128 bytes, shard → main: the fields of Alert in schemas/outputs.fbs at the same offsets.
export const ALERT_RECORD_BYTES = 128;
