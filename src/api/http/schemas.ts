// One schema per thing that leaves: it makes the answer, types the handler and stands in /openapi.json.
import { type Static, type TSchema, Type } from "@sinclair/typebox";
import { STATUS_NAMES } from "../../shared/freshness";
import { STORE_STATES } from "../../shared/stats";
import { HISTORY_LIMIT_DEFAULT, HISTORY_LIMIT_MAX } from "../../store/limits";
import { PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX, TOP_ROWS_MAX } from "../limits";

const RESOLUTIONS = ["raw", "1m", "1h"] as const;

const Nullable = <T extends TSchema>(schema: T, description?: string) =>
  Type.Union([schema, Type.Null()], description === undefined ? {} : { description });
const literals = <T extends string>(values: readonly T[], options: { description?: string } = {}) =>
  Type.Unsafe<T>(Type.String({ enum: [...values], ...options }));

const Ms = (description: string) => Type.Number({ description: `${description}, ms since the epoch` });
const Exact = (description: string) => Type.String({ pattern: "^-?[0-9]+$", description });

export const Freshness = literals(["OK", "STALE", "GAP", "QUARANTINED", "RECOVERING"] as const, {
  description: "how far the numbers may be trusted; docs/api.md has the table",
});
const Status = literals(STATUS_NAMES);

/** What every answer about one account begins with. */
const head = {
  accountId: Type.String(),
  partition: Type.Integer(),
  freshness: Freshness,
  asOfMs: Nullable(Type.Number(), "event time of the newest input it rests on, ms since the epoch"),
  offset: Type.Integer({ description: "log offset of the last account event applied" }),
  index: Type.Integer({ description: "its place in that message" }),
};

export const Account = Type.Object(
  {
    id: Type.String(),
    partition: Type.Integer(),
    groupId: Type.Integer(),
    freshness: Freshness,
    asOfMs: head.asOfMs,
    offset: head.offset,
    index: head.index,
    seq: Type.Integer({ description: "highest sequence number of the account that was applied" }),
    walletBalanceUsd: Type.Number(),
    unrealizedPnlUsd: Type.Number(),
    equityUsd: Type.Number(),
    initialMarginUsd: Type.Number(),
    maintenanceMarginUsd: Type.Number(),
    orderMarginUsd: Type.Number(),
    availableUsd: Type.Number(),
    marginRatio: Nullable(Type.Number(), "maintenance margin ÷ equity over all pools; null where equity is not positive"),
    worstMarginRatio: Nullable(
      Type.Number(),
      "the largest maintenance margin ÷ equity of its pools, which its status goes by; null where one is bankrupt",
    ),
    leverage: Nullable(Type.Number()),
    grossExposureUsd: Type.Number(),
    netExposureUsd: Type.Number(),
    liquidationDistance: Nullable(Type.Number(), "smallest |mark − liquidation price| ÷ mark of its positions"),
    nearestInstrument: Nullable(Type.String()),
    status: Status,
    positionCount: Type.Integer(),
    openOrderCount: Type.Integer(),
    unmarkedCount: Type.Integer({ description: "positions without a mark: the valuation lacks them" }),
  },
  { $id: "Account" },
);

export const Position = Type.Object(
  {
    symbol: Type.String(),
    instrumentId: Type.Integer(),
    leg: literals(["net", "long", "short"] as const),
    mode: literals(["cross", "isolated"] as const),
    qty: Type.Number({ description: "signed, contracts" }),
    entryPrice: Nullable(Type.Number()),
    markPrice: Nullable(Type.Number()),
    notional: Type.Number({ description: "money per position is in the settle asset" }),
    unrealizedPnl: Type.Number(),
    initialMargin: Type.Number(),
    maintenanceMargin: Type.Number(),
    liquidationPrice: Nullable(Type.Number()),
    bankruptcyPrice: Nullable(Type.Number()),
    leverage: Nullable(Type.Number()),
    isolatedMargin: Type.Number(),
    realizedPnl: Type.Number(),
    fees: Type.Number(),
    funding: Type.Number(),
    settle: Type.String(),
    openBuyQty: Type.Number(),
    openSellQty: Type.Number(),
  },
  { $id: "Position" },
);

export const Balance = Type.Object({ asset: Type.String(), wallet: Type.Number(), transfers: Type.Number() }, { $id: "Balance" });

export const Ledger = Type.Object(
  {
    id: Type.String(),
    seq: Exact("highest sequence number applied"),
    holes: Exact("bit k set: number seq − 1 − k has not come"),
    holesLost: Type.Integer({ description: "missing numbers that cannot come any more" }),
    balances: Type.Array(
      Type.Object({
        assetId: Type.Integer(),
        wallet: Exact("1e-8 of the asset"),
        transfers: Exact("1e-8 of the asset"),
      }),
    ),
    positions: Type.Array(
      Type.Object({
        instrumentId: Type.Integer(),
        flags: Type.Integer({ description: "1 isolated, 2 long leg, 4 short leg" }),
        qtyLots: Exact("lots, signed"),
        openCash: Exact("1e-8 settle"),
        realizedPnl: Exact("1e-8 settle"),
        fees: Exact("1e-8 settle"),
        funding: Exact("1e-8 settle"),
        isolatedMargin: Exact("1e-8 settle"),
        leverage: Exact("1e-8; 0: none set"),
        buyLots: Exact("lots of open orders"),
        sellLots: Exact("lots of open orders"),
        buyValue: Exact("value of open orders, 1e-8 of the settle asset, each rounded up"),
        sellValue: Exact("value of open orders, 1e-8 of the settle asset, each rounded up"),
      }),
    ),
  },
  { $id: "Ledger", description: "the exact ledger: integers as decimal strings" },
);

export const Instrument = Type.Object(
  {
    id: Type.Integer(),
    symbol: Type.String(),
    kind: literals(["spot", "perpetual", "future", "option"] as const),
    payoff: literals(["linear", "inverse"] as const),
    premium: Nullable(literals(["base", "quote"] as const)),
    optionType: Nullable(literals(["call", "put"] as const)),
    base: Type.String(),
    quote: Type.String(),
    settle: Type.String(),
    contractSize: Type.Number(),
    tickSize: Type.Number(),
    lotSize: Type.Number(),
    strike: Nullable(Type.Number()),
    expiryMs: Nullable(Type.Number()),
    marginTableId: Type.Integer(),
    freshness: Freshness,
    mark: Nullable(Type.Number()),
    markTimeMs: Nullable(Type.Number()),
    index: Nullable(Type.Number()),
    fundingRate: Nullable(Type.Number()),
    nextFundingMs: Nullable(Type.Number()),
    bid: Nullable(Type.Number()),
    bidQty: Nullable(Type.Number()),
    ask: Nullable(Type.Number()),
    askQty: Nullable(Type.Number()),
    quoteTimeMs: Nullable(Type.Number()),
    lastPrice: Nullable(Type.Number()),
    lastQty: Nullable(Type.Number()),
    lastSide: Nullable(literals(["buy", "sell"] as const)),
    lastTradeTimeMs: Nullable(Type.Number()),
    volume: Type.Number({ description: "contracts since the engine started" }),
    tradeCount: Type.Number(),
    iv: Nullable(Type.Number()),
    underlying: Nullable(Type.Number()),
    bookState: literals(["ok", "resync", "none"] as const),
  },
  { $id: "Instrument" },
);

export const Asset = Type.Object(
  {
    id: Type.Integer(),
    symbol: Type.String(),
    haircut: Type.Number(),
    usdPrice: Type.Number(),
    priceTimeMs: Nullable(Type.Number()),
  },
  { $id: "Asset" },
);

export const MarginTable = Type.Object(
  {
    id: Type.Integer(),
    model: literals(["tiered", "size-scaled", "deribit-option"] as const),
    notionalAt: literals(["mark", "entry"] as const),
    liquidationFeeRate: Type.Number(),
    initialBase: Type.Number(),
    initialPerUnit: Type.Number(),
    maintenanceBase: Type.Number(),
    maintenancePerUnit: Type.Number(),
    tiers: Type.Array(
      Type.Object({
        notionalFloor: Type.Number(),
        initialRate: Type.Number(),
        maintenanceRate: Type.Number(),
        deduction: Type.Number(),
      }),
    ),
  },
  { $id: "MarginTable" },
);

export const Group = Type.Object(
  {
    id: Type.Integer(),
    name: Type.String(),
    collateral: literals(["single-asset", "multi-asset"] as const),
    hedgeMode: Type.Boolean(),
  },
  { $id: "Group" },
);

const Fill = Type.Object({ used: Type.Integer(), capacity: Type.Integer() }, { description: "records" });
const Latency = Type.Object(
  { p50: Type.Number(), p99: Type.Number(), p999: Type.Number(), max: Type.Number(), count: Type.Number() },
  { description: "event received → row published in the last ten seconds, ns" },
);

export const Shard = Type.Object(
  {
    partition: Type.Integer(),
    state: literals(["empty", "recovering", "running", "stopped", "faulted"] as const),
    accounts: Type.Integer(),
    positions: Type.Integer(),
    openOrders: Type.Integer(),
    nextOffset: Type.Integer(),
    lastEventMs: Nullable(Type.Number()),
    eventsApplied: Type.Number(),
    batchesApplied: Type.Number(),
    duplicates: Type.Number(),
    gaps: Type.Number(),
    rejected: Type.Number(),
    valuations: Type.Number(),
    fills: Type.Number(),
    alerts: Type.Number(),
    inputRing: Fill,
    fillRing: Fill,
    alertRing: Fill,
    latencyNs: Nullable(Latency),
  },
  { $id: "Shard" },
);

export const Alert = Type.Object(
  {
    key: Type.String({ description: "the same after every replay of the log" }),
    accountId: Type.String(),
    partition: Type.Integer(),
    offset: Type.Integer(),
    index: Type.Integer(),
    timeMs: Nullable(Type.Number()),
    fromStatus: Status,
    toStatus: Status,
    freshness: Freshness,
    equityUsd: Type.Number(),
    initialMarginUsd: Type.Number(),
    maintenanceMarginUsd: Type.Number(),
    worstMarginRatio: Nullable(
      Type.Number(),
      "maintenance margin ÷ equity of the pool that the status goes by; null where one is bankrupt",
    ),
    instrument: Nullable(Type.String()),
  },
  { $id: "Alert" },
);

export const Platform = Type.Object(
  {
    name: Type.String(),
    version: Type.String(),
    mode: Type.String(),
    startedMs: Ms("start of the engine"),
    nowMs: Ms("the engine's clock"),
    ready: Type.Boolean(),
    notReady: Type.Array(Type.String()),
    rates: Type.Object(
      {
        messages: Type.Number(),
        bytes: Type.Number(),
        accountEvents: Type.Number(),
        marketEvents: Type.Number(),
        eventsApplied: Type.Number(),
        valuations: Type.Number(),
        fills: Type.Number(),
        alerts: Type.Number(),
        rowsWritten: Type.Number(),
        frames: Type.Number(),
      },
      { description: "per second" },
    ),
    ingest: Type.Object({
      lagMessages: Type.Number(),
      pausedPartitions: Type.Number(),
      deadLetters: Type.Number(),
      ringFullWaits: Type.Number(),
      brokerErrors: Type.Number(),
      bookResyncs: Type.Number(),
    }),
    store: Type.Object({
      state: literals(STORE_STATES),
      rowsWritten: Type.Number(),
      rowsQueued: Type.Number(),
      rowsDropped: Type.Number(),
      rowsSpilled: Type.Number(),
      spillBytes: Type.Number(),
      writeErrors: Type.Number(),
      lastWriteMs: Nullable(Type.Number()),
      lastWriteLatencyMs: Type.Number(),
    }),
    stream: Type.Object({
      transport: Nullable(Type.String()),
      clients: Type.Number(),
      subscriptions: Type.Number(),
      conflated: Type.Number(),
    }),
    totals: Type.Object({
      accounts: Type.Integer(),
      positions: Type.Integer(),
      openOrders: Type.Integer(),
      instruments: Type.Integer(),
      eventsApplied: Type.Number(),
      duplicates: Type.Number(),
      gaps: Type.Number(),
      rejected: Type.Number(),
    }),
    marketEventMs: Nullable(Type.Number()),
    latencyNs: Nullable(Latency),
    shards: Type.Array(Type.Ref("Shard")),
    main: Type.Object({}, { additionalProperties: true, description: "as the main thread says it" }),
  },
  { $id: "Platform" },
);

// --- rows of the past (src/store/history.ts) ------------------------------------------------------------------------

export const RiskPoint = Type.Object(
  {
    timeMs: Ms("event time of the sample, or start of the minute or hour"),
    equityUsd: Nullable(Type.Number()),
    equityMinUsd: Nullable(Type.Number()),
    equityMaxUsd: Nullable(Type.Number()),
    walletBalanceUsd: Nullable(Type.Number()),
    unrealizedPnlUsd: Nullable(Type.Number()),
    initialMarginUsd: Nullable(Type.Number()),
    maintenanceMarginUsd: Nullable(Type.Number()),
    availableUsd: Nullable(Type.Number()),
    marginRatio: Nullable(Type.Number()),
    marginRatioMax: Nullable(Type.Number()),
    grossExposureUsd: Nullable(Type.Number()),
    netExposureUsd: Nullable(Type.Number()),
    liquidationDistanceMin: Nullable(Type.Number()),
    status: Type.String(),
    freshness: Nullable(Type.String(), "of the sample; null for minutes and hours"),
    samples: Type.Number({ description: "samples the point is made of" }),
  },
  { $id: "RiskPoint" },
);

export const PastPosition = Type.Object(
  {
    timeMs: Ms("event time of the sample"),
    symbol: Nullable(Type.String()),
    instrumentId: Type.Integer(),
    leg: Type.String(),
    mode: literals(["cross", "isolated"] as const),
    qty: Type.Number(),
    entryPrice: Nullable(Type.Number()),
    markPrice: Nullable(Type.Number()),
    notional: Nullable(Type.Number()),
    unrealizedPnl: Nullable(Type.Number()),
    initialMargin: Nullable(Type.Number()),
    maintenanceMargin: Nullable(Type.Number()),
    liquidationPrice: Nullable(Type.Number()),
    bankruptcyPrice: Nullable(Type.Number()),
    leverage: Nullable(Type.Number()),
    realizedPnl: Nullable(Type.Number()),
    fees: Nullable(Type.Number()),
    funding: Nullable(Type.Number()),
  },
  { $id: "PastPosition" },
);

export const PastFill = Type.Object(
  {
    timeMs: Ms("event time"),
    cursor: Type.String(),
    partition: Type.Integer(),
    offset: Exact("log offset"),
    index: Type.Integer(),
    symbol: Nullable(Type.String()),
    kind: Type.String(),
    side: Nullable(Type.String()),
    leg: Type.String(),
    maker: Type.Boolean(),
    isolated: Type.Boolean(),
    reduceOnly: Type.Boolean(),
    orderId: Exact("0: none known"),
    qty: Nullable(Type.Number()),
    price: Nullable(Type.Number()),
    fee: Type.Number(),
    realizedPnl: Type.Number(),
    positionQty: Nullable(Type.Number()),
    settle: Nullable(Type.String()),
    qtyLots: Exact("as the ledger has it"),
    priceTicks: Exact("as the ledger has it"),
    feeE8: Exact("1e-8 settle"),
    realizedPnlE8: Exact("1e-8 settle"),
  },
  { $id: "PastFill" },
);

export const MarkPoint = Type.Object(
  {
    timeMs: Ms("event time of the sample, or start of the minute or hour"),
    open: Nullable(Type.Number()),
    high: Nullable(Type.Number()),
    low: Nullable(Type.Number()),
    close: Nullable(Type.Number()),
    index: Nullable(Type.Number()),
    fundingRate: Nullable(Type.Number()),
    bid: Nullable(Type.Number()),
    ask: Nullable(Type.Number()),
    iv: Nullable(Type.Number()),
    samples: Type.Number(),
  },
  { $id: "MarkPoint" },
);

export const PastAlert = Type.Object(
  {
    timeMs: Ms("event time; where the alert has none, when the database took it"),
    cursor: Type.String(),
    key: Type.String(),
    accountId: Type.String(),
    partition: Type.Integer(),
    offset: Exact("log offset"),
    index: Type.Integer(),
    fromStatus: Type.String(),
    toStatus: Type.String(),
    freshness: Type.String(),
    equityUsd: Nullable(Type.Number()),
    initialMarginUsd: Nullable(Type.Number()),
    maintenanceMarginUsd: Nullable(Type.Number()),
    worstMarginRatio: Nullable(
      Type.Number(),
      "maintenance margin ÷ equity of the pool that the status goes by; null where one is bankrupt",
    ),
    instrument: Nullable(Type.String()),
  },
  { $id: "PastAlert" },
);

export const ProblemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String(),
    instance: Type.Optional(Type.String()),
    field: Type.Optional(Type.String()),
  },
  { $id: "Problem", additionalProperties: true, description: "RFC 9457" },
);

/** Registered under their $id, so that routes refer to them. */
export const SHARED_SCHEMAS = [
  Account,
  Position,
  Balance,
  Ledger,
  Instrument,
  Asset,
  MarginTable,
  Group,
  Shard,
  Alert,
  Platform,
  RiskPoint,
  PastPosition,
  PastFill,
  MarkPoint,
  PastAlert,
  ProblemSchema,
] as const;

// --- answers --------------------------------------------------------------------------------------------------------

const listOf = (name: string, id: string) => Type.Object({ [name]: Type.Array(Type.Ref(id)) });

export const Answers = {
  engine: Type.Object({
    name: Type.String(),
    version: Type.String(),
    mode: Type.String(),
    startedMs: Ms("start of the engine"),
    nowMs: Ms("the engine's clock"),
    ready: Type.Boolean(),
    notReady: Type.Array(Type.String()),
    auth: literals(["open", "keys"] as const),
    streamPort: Type.Integer(),
    streamPath: Type.String(),
    transport: Type.String(),
  }),
  stream: Type.Object({
    url: Type.String(),
    port: Type.Integer(),
    path: Type.String(),
    protocol: Type.String(),
    methods: Type.Array(Type.String()),
    channels: Type.Array(Type.String()),
    intervals: Type.Array(Type.String()),
    limits: Type.Object({
      payloadBytes: Type.Integer(),
      subscriptions: Type.Integer(),
      channelsPerRequest: Type.Integer(),
      requestsPerSecond: Type.Integer(),
      clients: Type.Integer(),
      idleTimeoutMs: Type.Integer(),
      topCount: Type.Integer(),
    }),
  }),
  account: Type.Ref("Account"),
  accounts: Type.Object({ accounts: Type.Array(Type.Ref("Account")), nextCursor: Nullable(Type.String()) }),
  top: listOf("accounts", "Account"),
  positions: Type.Object({ ...head, positions: Type.Array(Type.Ref("Position")) }),
  balances: Type.Object({ ...head, balances: Type.Array(Type.Ref("Balance")) }),
  ledger: Type.Object({ ...head, ledger: Type.Ref("Ledger") }),
  ledgers: Type.Object({
    ledgers: Type.Array(Type.Object({ ...head, ledger: Type.Ref("Ledger") })),
    nextAfter: Nullable(Type.String()),
  }),
  alerts: listOf("alerts", "Alert"),
  instruments: listOf("instruments", "Instrument"),
  instrument: Type.Ref("Instrument"),
  assets: listOf("assets", "Asset"),
  marginTables: listOf("marginTables", "MarginTable"),
  groups: listOf("groups", "Group"),
  shards: listOf("shards", "Shard"),
  platform: Type.Ref("Platform"),
  riskHistory: Type.Object({ accountId: Type.String(), resolution: Type.String(), points: Type.Array(Type.Ref("RiskPoint")) }),
  pastPositions: Type.Object({ accountId: Type.String(), atMs: Type.Number(), positions: Type.Array(Type.Ref("PastPosition")) }),
  fills: Type.Object({ accountId: Type.String(), fills: Type.Array(Type.Ref("PastFill")), nextAfter: Nullable(Type.String()) }),
  markHistory: Type.Object({ symbol: Type.String(), resolution: Type.String(), points: Type.Array(Type.Ref("MarkPoint")) }),
  pastAlerts: Type.Object({ alerts: Type.Array(Type.Ref("PastAlert")), nextAfter: Nullable(Type.String()) }),
  health: Type.Object({ status: Type.String() }),
} as const satisfies Record<string, TSchema>;

// --- parameters -----------------------------------------------------------------------------------------------------

const limit = (max: number) => Type.Integer({ minimum: 1, maximum: max, default: Math.min(PAGE_ROWS_DEFAULT, max) });
const cursor = (description: string) => Type.String({ minLength: 1, maxLength: 64, description });

const time = (description: string) =>
  Type.Number({ minimum: 0, maximum: 8.64e15, description: `${description}, ms since the epoch` });
const span = { fromMs: time("start, inclusive"), toMs: Type.Optional(time("end, exclusive; default now")) };
const resolution = literals(RESOLUTIONS, { description: "raw: every sample; 1m, 1h: one point a minute or an hour" });
const historyLimit = Type.Integer({ minimum: 1, maximum: HISTORY_LIMIT_MAX, default: HISTORY_LIMIT_DEFAULT });
const after = Type.String({ minLength: 1, maxLength: 200, description: "nextAfter of the page before" });

export const Queries = {
  series: Type.Object({ ...span, resolution: Type.Optional(resolution), limit: historyLimit }, { additionalProperties: false }),
  moment: Type.Object({ atMs: time("as of") }, { additionalProperties: false }),
  events: Type.Object({ ...span, limit: historyLimit, after: Type.Optional(after) }, { additionalProperties: false }),
  none: Type.Object({}, { additionalProperties: false }),
  accounts: Type.Object(
    {
      status: Type.Optional(Status),
      sort: Type.Optional(
        literals(["partition", "distance"] as const, {
          description: "default partition; distance: nearest to liquidation first",
        }),
      ),
      limit: limit(PAGE_ROWS_MAX),
      cursor: Type.Optional(cursor("nextCursor of the page before")),
    },
    { additionalProperties: false },
  ),
  top: Type.Object({ limit: limit(TOP_ROWS_MAX) }, { additionalProperties: false }),
  alerts: Type.Object(
    { limit: limit(PAGE_ROWS_MAX), kind: Type.Optional(literals(["all", "liquidations"] as const)) },
    { additionalProperties: false },
  ),
  accountAlerts: Type.Object({ limit: limit(PAGE_ROWS_MAX) }, { additionalProperties: false }),
  ledger: Type.Object(
    { after: Type.Optional(cursor("nextAfter of the page before")), limit: limit(PAGE_ROWS_MAX) },
    { additionalProperties: false },
  ),
} as const;

export type AccountsQuery = Static<typeof Queries.accounts>;
export type LedgerQuery = Static<typeof Queries.ledger>;

export const Params = {
  account: Type.Object({ accountId: Type.String({ minLength: 1, maxLength: 20, description: "an integer from 1 to 2^53 − 1" }) }),
  symbol: Type.Object({ symbol: Type.String({ minLength: 1, maxLength: 40 }) }),
} as const;
