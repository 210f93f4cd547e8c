// From what the engine shows to rows: one function a table, fields in the order of tables.ts (after log_id).
import { AccountEventKind } from "../../schemas/generated/account-event-kind";
import { FillAt } from "../shared/layout/shard";
import type { AccountRisk, AlertView, InstrumentState, PositionRisk } from "../shared/views/types";
import type { RowWriter } from "./copy/row-writer";

// Bits of AccountEvent.flags, which a FillRecord carries over (schemas/accounts.fbs).
const MAKER = 1;
const ISOLATED = 2;
const LONG_LEG = 4;
const SHORT_LEG = 8;
const REDUCE_ONLY = 16;

const KINDS: Readonly<Record<number, string>> = {
  [AccountEventKind.Fill]: "fill",
  [AccountEventKind.FundingSettlement]: "funding",
  [AccountEventKind.ExpirySettlement]: "expiry",
};

/** Views of one shard's memory, for its fill records. */
export interface FillMemory {
  words: Int32Array;
  bytes: Uint8Array;
}

/** A FillRecord at byte offset `at`; every integer exact. */
export function encodeFill(row: RowWriter, memory: FillMemory, at: number): void {
  const { words, bytes } = memory;
  const low = (field: number) => words[(at + field) >>> 2]!;
  const int8 = (field: number) => row.int8Halves(low(field), low(field + 4));
  const flags = bytes[at + FillAt.flags]! | (bytes[at + FillAt.flags + 1]! << 8);
  const side = bytes[at + FillAt.side];
  const kind = bytes[at + FillAt.kind]!;
  row.int4(low(FillAt.partition));
  int8(FillAt.offset);
  row.int4(low(FillAt.index));
  row.timeNs(low(FillAt.timeNs), low(FillAt.timeNs + 4));
  int8(FillAt.account);
  row.int4(low(FillAt.instrument));
  row.text(KINDS[kind] ?? `kind ${kind}`);
  row.text(side === 1 ? "buy" : side === 2 ? "sell" : null);
  row.text((flags & LONG_LEG) !== 0 ? "long" : (flags & SHORT_LEG) !== 0 ? "short" : "net");
  row.bool((flags & MAKER) !== 0);
  row.bool((flags & ISOLATED) !== 0);
  row.bool((flags & REDUCE_ONLY) !== 0);
  int8(FillAt.order);
  int8(FillAt.qtyLots);
  int8(FillAt.priceTicks);
  int8(FillAt.fee);
  int8(FillAt.realizedPnl);
  int8(FillAt.positionLots);
  int8(FillAt.walletAfter);
}

export function encodeAlert(row: RowWriter, alert: AlertView): void {
  row.text(alert.key);
  row.timeMs(alert.timeMs);
  row.int8(accountNumber(alert.accountId));
  row.int4(alert.partition);
  row.int8(alert.offset);
  row.int4(alert.index);
  row.text(alert.fromStatus);
  row.text(alert.toStatus);
  row.text(alert.freshness);
  row.float8(alert.equityUsd);
  row.float8(alert.initialMarginUsd);
  row.float8(alert.maintenanceMarginUsd);
  row.float8(alert.worstMarginRatio);
  row.text(alert.instrument);
}

export function encodeInstrument(row: RowWriter, instrument: InstrumentState): void {
  row.int4(instrument.id);
  row.text(instrument.symbol);
  row.text(instrument.kind);
  row.text(instrument.payoff);
  row.text(instrument.premium);
  row.text(instrument.optionType);
  row.text(instrument.base);
  row.text(instrument.quote);
  row.text(instrument.settle);
  row.float8(instrument.contractSize);
  row.float8(instrument.tickSize);
  row.float8(instrument.lotSize);
  row.float8(instrument.strike);
  row.timeMs(instrument.expiryMs);
  row.int4(instrument.marginTableId);
}

/** Everything of an instrument that its row in `instruments` shows, to see a change by. */
export function instrumentKey(instrument: InstrumentState): string {
  const { symbol, contractSize, tickSize, lotSize, strike, expiryMs, marginTableId } = instrument;
  return [symbol, contractSize, tickSize, lotSize, strike, expiryMs, marginTableId].join("|");
}

/** @param account with an event time */
export function encodeAccountRisk(row: RowWriter, account: AccountRisk, sampledAtMs: number): void {
  row.int8(accountNumber(account.id));
  row.timeMs(account.asOfMs);
  row.timeMs(sampledAtMs);
  row.int4(account.partition);
  row.int8(account.offset);
  row.int4(account.index);
  row.int8(account.seq);
  row.int4(account.groupId);
  row.text(account.status);
  row.text(account.freshness);
  row.float8(account.equityUsd);
  row.float8(account.walletBalanceUsd);
  row.float8(account.unrealizedPnlUsd);
  row.float8(account.initialMarginUsd);
  row.float8(account.maintenanceMarginUsd);
  row.float8(account.orderMarginUsd);
  row.float8(account.availableUsd);
  row.float8(account.marginRatio);
  row.float8(account.leverage);
  row.float8(account.grossExposureUsd);
  row.float8(account.netExposureUsd);
  row.float8(account.liquidationDistance);
  row.text(account.nearestInstrument);
  row.int4(account.positionCount);
  row.int4(account.openOrderCount);
  row.int4(account.unmarkedCount);
  row.float8(account.worstMarginRatio);
}

export function encodePositionRisk(row: RowWriter, account: AccountRisk, position: PositionRisk, sampledAtMs: number): void {
  row.int8(accountNumber(account.id));
  row.int4(position.instrumentId);
  row.text(position.leg);
  row.bool(position.mode === "isolated");
  row.timeMs(account.asOfMs);
  row.timeMs(sampledAtMs);
  row.float8(position.qty);
  row.float8(position.entryPrice);
  row.float8(position.markPrice);
  row.float8(position.notional);
  row.float8(position.unrealizedPnl);
  row.float8(position.initialMargin);
  row.float8(position.maintenanceMargin);
  row.float8(position.liquidationPrice);
  row.float8(position.bankruptcyPrice);
  row.float8(position.leverage);
  row.float8(position.isolatedMargin);
  row.float8(position.realizedPnl);
  row.float8(position.fees);
  row.float8(position.funding);
  row.float8(position.openBuyQty);
  row.float8(position.openSellQty);
}

/** Newest event time of an instrument's state, ms; null before any. */
export function marketTimeMs(state: InstrumentState): number | null {
  const newest = Math.max(state.markTimeMs ?? 0, state.quoteTimeMs ?? 0, state.lastTradeTimeMs ?? 0);
  return newest > 0 ? newest : null;
}

/** @param state with an event time */
export function encodeMark(row: RowWriter, state: InstrumentState, sampledAtMs: number): void {
  row.int4(state.id);
  row.timeMs(marketTimeMs(state));
  row.timeMs(sampledAtMs);
  row.text(state.freshness);
  row.float8(state.mark);
  row.timeMs(state.markTimeMs);
  row.float8(state.index);
  row.float8(state.fundingRate);
  row.timeMs(state.nextFundingMs);
  row.float8(state.bid);
  row.float8(state.bidQty);
  row.float8(state.ask);
  row.float8(state.askQty);
  row.float8(state.lastPrice);
  row.float8(state.lastQty);
  row.float8(state.volume);
  row.float8(state.tradeCount);
  row.float8(state.iv);
  row.float8(state.underlying);
  row.text(state.bookState);
}

/** Account ids are decimal integers up to 2^53 − 1. */
function accountNumber(id: string): number {
  const value = Number(id);
  if (!Number.isSafeInteger(value)) throw new RangeError(`account id ${id} is not an exact integer`);
  return value;
}
