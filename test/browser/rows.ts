// Rows of the engine for tests of the page: plausible, complete, each field a number of its own so that one shown in the
// place of another is noticed.
import { fakeInstrument, fakePosition } from "../../src/api/testing/fake-rows";
import type { AccountRisk, AlertView, InstrumentState, PositionRisk, ShardStatus } from "../../src/shared/views/types";

/** The data of a push without its head. */
export type Data = Record<string, unknown>;

/** Event time of the scripted rows. */
export const EVENT_TIME_MS = 1_718_000_000_042;

export function accountRow(id: string, fields: Partial<AccountRisk> = {}): AccountRisk {
  return {
    id,
    partition: 0,
    groupId: 0,
    freshness: "OK",
    asOfMs: EVENT_TIME_MS,
    offset: 4_120,
    index: 3,
    seq: 57,
    walletBalanceUsd: 125_000,
    unrealizedPnlUsd: -2_345.678,
    equityUsd: 122_654.322,
    initialMarginUsd: 60_100.5,
    maintenanceMarginUsd: 30_050.25,
    orderMarginUsd: 1_200,
    availableUsd: 61_353.822,
    marginRatio: 0.245,
    worstMarginRatio: 0.245,
    leverage: 4.9,
    grossExposureUsd: 601_005,
    netExposureUsd: 400_100,
    liquidationDistance: 0.1532,
    nearestInstrument: "BTCUSDT",
    status: "ok",
    positionCount: 2,
    openOrderCount: 4,
    unmarkedCount: 0,
    ...fields,
  };
}

export function positionRow(symbol: string, fields: Partial<PositionRisk> = {}): PositionRisk {
  return fakePosition(symbol, {
    qty: 2.5,
    entryPrice: 62_000.25,
    markPrice: 61_234.5,
    notional: 153_086.25,
    unrealizedPnl: -1_914.375,
    initialMargin: 7_654.3125,
    maintenanceMargin: 612.345,
    liquidationPrice: 51_850.2,
    bankruptcyPrice: 51_000.1,
    leverage: 20,
    fees: 12.5,
    funding: -3.2,
    ...fields,
  });
}

export function instrumentRow(id: number, symbol: string, fields: Partial<InstrumentState> = {}): InstrumentState {
  return fakeInstrument(id, symbol, {
    mark: 61_234.5,
    markTimeMs: EVENT_TIME_MS,
    index: 61_230.12,
    nextFundingMs: EVENT_TIME_MS + 3_600_000,
    bid: 61_234.4,
    bidQty: 1.5,
    ask: 61_234.6,
    askQty: 0.75,
    quoteTimeMs: EVENT_TIME_MS,
    lastPrice: 61_234.4,
    lastQty: 0.012,
    lastSide: "sell",
    lastTradeTimeMs: EVENT_TIME_MS,
    volume: 1_234.5,
    tradeCount: 99,
    ...fields,
  });
}

export function alertRow(accountId: string, at: number, fields: Partial<AlertView> = {}): AlertView {
  return {
    key: `0/${4_000 + at}/0/${accountId}`,
    accountId,
    partition: 0,
    offset: 4_000 + at,
    index: 0,
    timeMs: EVENT_TIME_MS + at,
    fromStatus: "ok",
    toStatus: "warning",
    freshness: "OK",
    equityUsd: 10_000.5,
    initialMarginUsd: 9_000,
    maintenanceMarginUsd: 8_100.25,
    worstMarginRatio: 0.81,
    instrument: "BTCUSDT",
    ...fields,
  };
}

export function shardRow(partition: number, fields: Partial<ShardStatus> = {}): ShardStatus {
  return {
    partition,
    state: "running",
    accounts: 2_500,
    positions: 7_400,
    openOrders: 900,
    nextOffset: 10_000,
    lastEventMs: EVENT_TIME_MS,
    eventsApplied: 1_000_000,
    batchesApplied: 10_000,
    duplicates: 0,
    gaps: 0,
    rejected: 0,
    valuations: 5_000_000,
    fills: 100_000,
    alerts: 12,
    inputRing: { used: 1_024, capacity: 16_384 },
    fillRing: { used: 100, capacity: 16_384 },
    alertRing: { used: 0, capacity: 4_096 },
    latencyNs: { p50: 2_300, p99: 14_500, p999: 96_000, max: 1_200_000, count: 5_000_000 },
    ...fields,
  };
}

export function platformState(fields: Data = {}): Data {
  return {
    name: "plimsoll",
    version: "0.1.0",
    mode: "embedded",
    startedMs: 1_700_000_000_000,
    nowMs: EVENT_TIME_MS,
    ready: true,
    notReady: [],
    rates: {
      messages: 1_234,
      bytes: 65_000_000,
      accountEvents: 812_345,
      marketEvents: 45_678,
      eventsApplied: 812_345,
      valuations: 3_400_000,
      fills: 9_000,
      alerts: 2,
      rowsWritten: 52_100,
      frames: 900,
    },
    ingest: { lagMessages: 321, pausedPartitions: 0, deadLetters: 7, ringFullWaits: 0, brokerErrors: 0, bookResyncs: 1 },
    store: {
      state: "connected",
      rowsWritten: 9_876_543,
      rowsQueued: 1_500,
      rowsDropped: 0,
      rowsSpilled: 0,
      spillBytes: 0,
      writeErrors: 0,
      lastWriteMs: EVENT_TIME_MS,
      lastWriteLatencyMs: 12,
    },
    stream: { transport: "ws", clients: 3, subscriptions: 40, conflated: 0 },
    totals: {
      accounts: 10_000,
      positions: 29_600,
      openOrders: 3_600,
      instruments: 12,
      eventsApplied: 4_000_000,
      duplicates: 5,
      gaps: 0,
      rejected: 0,
    },
    marketEventMs: EVENT_TIME_MS,
    latencyNs: { p50: 2_300, p99: 14_500, p999: 96_000, max: 1_200_000, count: 20_000_000 },
    shards: [0, 1, 2, 3].map((partition) => shardRow(partition)),
    main: { mode: "embedded" },
    ...fields,
  };
}
