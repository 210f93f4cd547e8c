// What the page uses of each thing the engine sends, checked field by field before it is shown. The types are the engine's
// own; a field that is missing or of another kind refuses the whole row, as half a row would be a guess.
import type { AccountRisk, AlertView, BalanceView, InstrumentState, PositionRisk } from "../../../src/shared/views/types";
import { isObject } from "./json-rpc";

export type AccountRow = Pick<
  AccountRisk,
  | "id"
  | "partition"
  | "freshness"
  | "asOfMs"
  | "offset"
  | "seq"
  | "walletBalanceUsd"
  | "unrealizedPnlUsd"
  | "equityUsd"
  | "initialMarginUsd"
  | "maintenanceMarginUsd"
  | "orderMarginUsd"
  | "availableUsd"
  | "marginRatio"
  | "worstMarginRatio"
  | "leverage"
  | "grossExposureUsd"
  | "netExposureUsd"
  | "liquidationDistance"
  | "nearestInstrument"
  | "status"
  | "positionCount"
  | "openOrderCount"
  | "unmarkedCount"
>;

export type PositionRow = Omit<PositionRisk, "instrumentId">;

export type InstrumentRow = Pick<
  InstrumentState,
  | "symbol"
  | "kind"
  | "payoff"
  | "base"
  | "quote"
  | "settle"
  | "tickSize"
  | "lotSize"
  | "freshness"
  | "mark"
  | "markTimeMs"
  | "index"
  | "fundingRate"
  | "nextFundingMs"
  | "bid"
  | "bidQty"
  | "ask"
  | "askQty"
  | "quoteTimeMs"
  | "lastPrice"
  | "lastQty"
  | "lastSide"
  | "lastTradeTimeMs"
  | "iv"
>;

export type AlertRow = Omit<AlertView, "offset" | "index" | "initialMarginUsd" | "maintenanceMarginUsd">;

/** number and text: also null, which is shown as "–" (JSON has no NaN); key: text that must be there, as rows are told apart by it. */
type Kind = "number" | "text" | "key";

type Shape<T> = Readonly<Record<keyof T & string, Kind>>;

const ACCOUNT: Shape<AccountRow> = {
  id: "key",
  partition: "number",
  freshness: "key",
  asOfMs: "number",
  offset: "number",
  seq: "number",
  walletBalanceUsd: "number",
  unrealizedPnlUsd: "number",
  equityUsd: "number",
  initialMarginUsd: "number",
  maintenanceMarginUsd: "number",
  orderMarginUsd: "number",
  availableUsd: "number",
  marginRatio: "number",
  worstMarginRatio: "number",
  leverage: "number",
  grossExposureUsd: "number",
  netExposureUsd: "number",
  liquidationDistance: "number",
  nearestInstrument: "text",
  status: "key",
  positionCount: "number",
  openOrderCount: "number",
  unmarkedCount: "number",
};

const POSITION: Shape<PositionRow> = {
  symbol: "key",
  leg: "key",
  mode: "key",
  qty: "number",
  entryPrice: "number",
  markPrice: "number",
  notional: "number",
  unrealizedPnl: "number",
  initialMargin: "number",
  maintenanceMargin: "number",
  liquidationPrice: "number",
  bankruptcyPrice: "number",
  leverage: "number",
  isolatedMargin: "number",
  realizedPnl: "number",
  fees: "number",
  funding: "number",
  settle: "key",
  openBuyQty: "number",
  openSellQty: "number",
};

const INSTRUMENT: Shape<InstrumentRow> = {
  symbol: "key",
  kind: "key",
  payoff: "key",
  base: "key",
  quote: "key",
  settle: "key",
  tickSize: "number",
  lotSize: "number",
  freshness: "key",
  mark: "number",
  markTimeMs: "number",
  index: "number",
  fundingRate: "number",
  nextFundingMs: "number",
  bid: "number",
  bidQty: "number",
  ask: "number",
  askQty: "number",
  quoteTimeMs: "number",
  lastPrice: "number",
  lastQty: "number",
  lastSide: "text",
  lastTradeTimeMs: "number",
  iv: "number",
};

const ALERT: Shape<AlertRow> = {
  key: "key",
  accountId: "key",
  partition: "number",
  timeMs: "number",
  fromStatus: "key",
  toStatus: "key",
  freshness: "key",
  equityUsd: "number",
  worstMarginRatio: "number",
  instrument: "text",
};

const BALANCE: Shape<BalanceView> = { asset: "key", wallet: "number", transfers: "number" };

function fits(shape: Readonly<Record<string, Kind>>, value: Record<string, unknown>): boolean {
  for (const field in shape) {
    const found = value[field];
    switch (shape[field]) {
      case "number":
        if (typeof found !== "number" && found !== null) return false;
        break;
      case "text":
        if (typeof found !== "string" && found !== null) return false;
        break;
      default:
        if (typeof found !== "string") return false;
    }
  }
  return true;
}

/** The row itself where every field of the shape is there and of its kind; null otherwise. */
function row<T>(shape: Shape<T>, value: unknown): T | null {
  return isObject(value) && fits(shape, value) ? (value as T) : null;
}

/** All rows, or null where one of them does not fit. */
function rows<T>(shape: Shape<T>, value: unknown): T[] | null {
  if (!Array.isArray(value)) return null;
  for (const each of value) if (row(shape, each) === null) return null;
  return value as T[];
}

export const readAccount = (value: unknown): AccountRow | null => row(ACCOUNT, value);
export const readAccounts = (value: unknown): AccountRow[] | null => rows(ACCOUNT, value);
export const readPositions = (value: unknown): PositionRow[] | null => rows(POSITION, value);
export const readInstrument = (value: unknown): InstrumentRow | null => row(INSTRUMENT, value);
export const readInstruments = (value: unknown): InstrumentRow[] | null => rows(INSTRUMENT, value);
export const readAlerts = (value: unknown): AlertRow[] | null => rows(ALERT, value);
export const readBalances = (value: unknown): BalanceView[] | null => rows(BALANCE, value);

/** What tells a position from the others of its account. */
export interface PositionKey {
  symbol: string;
  leg: string;
  mode: string;
}

export function positionKey(position: PositionKey): string {
  return JSON.stringify([position.symbol, position.leg, position.mode]);
}

/** `removed[]` of a change of positions: absent means none; null where it cannot be read. */
export function readRemoved(value: unknown): PositionKey[] | null {
  if (value === undefined) return [];
  if (!Array.isArray(value)) return null;
  for (const each of value) {
    const whole =
      isObject(each) && typeof each.symbol === "string" && typeof each.leg === "string" && typeof each.mode === "string";
    if (!whole) return null;
  }
  return value as PositionKey[];
}

/** What stands beside positions and balances. */
export interface AccountHead {
  freshness: string;
  asOfMs: number | null;
  offset: number | null;
}

export function readHeadOfAccount(value: Record<string, unknown>): AccountHead | null {
  const { freshness, asOfMs, offset } = value;
  if (typeof freshness !== "string") return null;
  if (asOfMs !== null && typeof asOfMs !== "number") return null;
  if (offset !== null && typeof offset !== "number") return null;
  return { freshness, asOfMs, offset };
}
