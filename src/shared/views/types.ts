// What readers of shared memory get: plain objects with numbers in natural units (prices, contracts, asset units, USD),
// times in ms since the epoch. NaN never leaves: what does not exist is null.
import type { AccountStatusName, Freshness } from "../freshness";

export interface AccountRisk {
  id: string;
  partition: number;
  groupId: number;
  freshness: Freshness;
  /** Event time of the newest input it rests on, ms; null before any. */
  asOfMs: number | null;
  /** Log offset and index of the last applied account event. */
  offset: number;
  index: number;
  seq: number;
  walletBalanceUsd: number;
  unrealizedPnlUsd: number;
  equityUsd: number;
  initialMarginUsd: number;
  maintenanceMarginUsd: number;
  orderMarginUsd: number;
  availableUsd: number;
  /** Maintenance margin ÷ equity over all its pools; null where equity is not positive. */
  marginRatio: number | null;
  /** The largest maintenance margin ÷ equity of its pools, which its status goes by; null where one is bankrupt. */
  worstMarginRatio: number | null;
  leverage: number | null;
  grossExposureUsd: number;
  netExposureUsd: number;
  /** Smallest relative distance of a position's mark to its liquidation price; null where none has one. */
  liquidationDistance: number | null;
  nearestInstrument: string | null;
  status: AccountStatusName;
  positionCount: number;
  openOrderCount: number;
  unmarkedCount: number;
}

export interface PositionRisk {
  symbol: string;
  instrumentId: number;
  leg: "net" | "long" | "short";
  mode: "cross" | "isolated";
  qty: number;
  entryPrice: number | null;
  markPrice: number | null;
  notional: number;
  unrealizedPnl: number;
  initialMargin: number;
  maintenanceMargin: number;
  liquidationPrice: number | null;
  bankruptcyPrice: number | null;
  leverage: number | null;
  isolatedMargin: number;
  realizedPnl: number;
  fees: number;
  funding: number;
  settle: string;
  openBuyQty: number;
  openSellQty: number;
}

export interface BalanceView {
  asset: string;
  wallet: number;
  transfers: number;
}

/** The exact ledger of one account, integers as decimal strings: what the slow twin is compared with. */
export interface LedgerView {
  id: string;
  seq: string;
  holes: string;
  holesLost: number;
  balances: { assetId: number; wallet: string; transfers: string }[];
  positions: {
    instrumentId: number;
    flags: number;
    qtyLots: string;
    openCash: string;
    realizedPnl: string;
    fees: string;
    funding: string;
    isolatedMargin: string;
    leverage: string;
    buyLots: string;
    sellLots: string;
    buyValue: string;
    sellValue: string;
  }[];
}

export interface InstrumentState {
  id: number;
  symbol: string;
  kind: "spot" | "perpetual" | "future" | "option";
  payoff: "linear" | "inverse";
  premium: "base" | "quote" | null;
  optionType: "call" | "put" | null;
  base: string;
  quote: string;
  settle: string;
  contractSize: number;
  tickSize: number;
  lotSize: number;
  strike: number | null;
  expiryMs: number | null;
  marginTableId: number;

  freshness: Freshness;
  mark: number | null;
  markTimeMs: number | null;
  index: number | null;
  fundingRate: number | null;
  nextFundingMs: number | null;
  bid: number | null;
  bidQty: number | null;
  ask: number | null;
  askQty: number | null;
  quoteTimeMs: number | null;
  lastPrice: number | null;
  lastQty: number | null;
  lastSide: "buy" | "sell" | null;
  lastTradeTimeMs: number | null;
  volume: number;
  tradeCount: number;
  iv: number | null;
  underlying: number | null;
  bookState: "ok" | "resync" | "none";
}

export interface AssetState {
  id: number;
  symbol: string;
  haircut: number;
  usdPrice: number;
  priceTimeMs: number | null;
}

export interface ShardStatus {
  partition: number;
  state: "empty" | "recovering" | "running" | "stopped" | "faulted";
  accounts: number;
  positions: number;
  openOrders: number;
  nextOffset: number;
  lastEventMs: number | null;
  eventsApplied: number;
  batchesApplied: number;
  duplicates: number;
  gaps: number;
  rejected: number;
  valuations: number;
  fills: number;
  alerts: number;
  /** Records waiting and capacity of the shard's rings. */
  inputRing: { used: number; capacity: number };
  fillRing: { used: number; capacity: number };
  alertRing: { used: number; capacity: number };
  /** Event received → row published since the shard was opened, ns; null before the first. */
  latencyNs: { p50: number; p99: number; p999: number; max: number; count: number } | null;
}

export interface AlertView {
  /** partition/account/number of the alert: the same however often it is sent. */
  key: string;
  accountId: string;
  partition: number;
  offset: number;
  index: number;
  timeMs: number | null;
  fromStatus: AccountStatusName;
  toStatus: AccountStatusName;
  freshness: Freshness;
  equityUsd: number;
  initialMarginUsd: number;
  maintenanceMarginUsd: number;
  /** Of the pool that the status goes by; null where one is bankrupt. */
  worstMarginRatio: number | null;
  instrument: string | null;
}
