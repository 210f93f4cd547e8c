// Valuation: what an account's ledger is worth at the newest market. The formulas are src/risk/, the same files that REST
// and the command line run; here the rows of shared memory are put into their columns and the results back into the rows.

import { InstrumentKind } from "../../../schemas/generated/instrument-kind";
import { AlertAt } from "../../../schemas/generated/offsets";
import { OptionType } from "../../../schemas/generated/option-type";
import { Premium } from "../../../schemas/generated/premium";
import { prepareInstrument } from "../../risk/instruments/instrument";
import { evaluate } from "../../risk/portfolio/evaluate";
import { MODEL_FULLY_PAID, NO_ASSET, NO_ROW, PAYOFF_INVERSE, Workspace } from "../../risk/portfolio/workspace";
import { AssetAt, GroupAt, InstrumentAt, MarginTableAt, MarketHeaderAt, TierAt } from "../../shared/layout/market";
import { AccountAt, AccountFlag, BalanceAt, ControlAt, PositionAt, PositionFlag, ShardState } from "../../shared/layout/shard";
import {
  ASSET_SLOTS,
  BALANCES_PER_ACCOUNT_MAX,
  INSTRUMENT_SLOTS,
  MARGIN_TIER_SLOTS,
  POSITIONS_PER_ACCOUNT_MAX,
} from "../../shared/limits";
import {
  accountRow,
  alertRing,
  assetRow,
  balanceRow,
  beginWrite,
  CONTROL,
  count,
  endWrite,
  groupRow,
  instrumentRow,
  marginTableRow,
  market,
  partition,
  positionRow,
  tierRow,
} from "./memory";
import { publishOne, room, writeSlot } from "./ring";

const YEAR_NS: f64 = 365.0 * 86400.0 * 1e9;
const UNIT: f64 = 100000000;

const ws = new Workspace(ASSET_SLOTS, INSTRUMENT_SLOTS, MARGIN_TIER_SLOTS, POSITIONS_PER_ACCOUNT_MAX, POSITIONS_PER_ACCOUNT_MAX);
// Position row (slot) behind each row of the columns.
const slotOf = new Int32Array(POSITIONS_PER_ACCOUNT_MAX);
// Row in order* of an instrument while an account is being read, NO_ROW between.
const orderRowOf = new Int32Array(INSTRUMENT_SLOTS);
orderRowOf.fill(NO_ROW);
// 1: mark and, for an option, underlying and vol are there.
const marked = new Uint8Array(INSTRUMENT_SLOTS);

/** Reads assets, tiers and margin tables again, then every instrument. */
export function loadReference(): void {
  const assetEnd = load<u32>(market, MarketHeaderAt.assetEnd);
  for (let id: u32 = 0; id < assetEnd; ++id) loadAsset(id);
  const tierCount = load<u32>(market, MarketHeaderAt.tierCount);
  for (let index: u32 = 0; index < tierCount; ++index) {
    const row = tierRow(index);
    ws.tierFloor[index] = load<f64>(row, TierAt.notionalFloor);
    ws.tierInitialRate[index] = load<f64>(row, TierAt.initialRate);
    ws.tierMaintenanceRate[index] = load<f64>(row, TierAt.maintenanceRate);
    ws.tierDeduction[index] = load<f64>(row, TierAt.deduction);
  }
  const end = load<u32>(market, MarketHeaderAt.instrumentEnd);
  for (let id: u32 = 1; id < end; ++id) loadInstrument(id);
}

export function loadAsset(id: u32): void {
  const row = assetRow(id);
  ws.assetPriceUsd[id] = load<f64>(row, AssetAt.usdPrice);
  ws.assetHaircut[id] = load<f64>(row, AssetAt.haircut);
}

export function loadInstrument(id: u32): void {
  const row = instrumentRow(id);
  if (load<u32>(row, InstrumentAt.id) != id) return;
  const kind = load<u8>(row, InstrumentAt.kind);
  // The wire counts its enumerations from 1, 0 being "none"; the columns count from 0.
  ws.instrumentKind[id] = <i32>kind - 1;
  ws.instrumentPayoff[id] = <i32>load<u8>(row, InstrumentAt.payoff) - 1;
  ws.instrumentPremium[id] = load<u8>(row, InstrumentAt.premium) == Premium.Base ? 1 : 0;
  ws.instrumentOptionType[id] = load<u8>(row, InstrumentAt.optionType) == OptionType.Put ? 1 : 0;
  ws.instrumentStrike[id] = load<f64>(row, InstrumentAt.strike);
  ws.instrumentContractSize[id] = load<f64>(row, InstrumentAt.contractSize);
  ws.instrumentSettle[id] = load<u32>(row, InstrumentAt.settle);
  const base = load<u32>(row, InstrumentAt.base);
  ws.instrumentBase[id] = base == 0 ? NO_ASSET : <i32>base;
  const table = marginTableRow(load<u32>(row, InstrumentAt.marginTable));
  ws.instrumentModel[id] = kind == InstrumentKind.Spot ? MODEL_FULLY_PAID : <i32>load<u8>(table, MarginTableAt.model);
  ws.instrumentNotionalAt[id] = load<u8>(table, MarginTableAt.notionalAt);
  ws.instrumentLiquidationFeeRate[id] = load<f64>(table, MarginTableAt.liquidationFeeRate);
  ws.instrumentTierFirst[id] = load<u32>(table, MarginTableAt.firstTier);
  ws.instrumentTierCount[id] = load<u32>(table, MarginTableAt.tierCount);
  ws.instrumentInitialBase[id] = load<f64>(table, MarginTableAt.initialBase);
  ws.instrumentInitialPerUnit[id] = load<f64>(table, MarginTableAt.initialPerUnit);
  ws.instrumentMaintenanceBase[id] = load<f64>(table, MarginTableAt.maintenanceBase);
  ws.instrumentMaintenancePerUnit[id] = load<f64>(table, MarginTableAt.maintenancePerUnit);

  const mark = load<f64>(row, InstrumentAt.mark);
  let whole = mark > 0;
  ws.instrumentMark[id] = mark;
  if (kind == InstrumentKind.Option) {
    const underlying = load<f64>(row, InstrumentAt.underlying);
    const iv = load<f64>(row, InstrumentAt.iv);
    ws.instrumentUnderlying[id] = underlying;
    ws.instrumentIv[id] = iv;
    const left = (<f64>load<i64>(row, InstrumentAt.expiryNs) - load<f64>(market, MarketHeaderAt.eventTimeNs)) / YEAR_NS;
    ws.instrumentYears[id] = left > 0 ? left : 0;
    // An option's mark may be nothing; what it is valued on may not.
    whole = mark >= 0 && underlying > 0 && iv > 0 && load<f64>(row, InstrumentAt.markTimeNs) > 0;
  }
  marked[id] = whole ? 1 : 0;
  if (whole) prepareInstrument(ws, id);
}

function addOrders(instrument: u32, position: usize, leverage: f64): void {
  let row = orderRowOf[instrument];
  if (row == NO_ROW) {
    row = ws.orderCount;
    ws.orderCount = row + 1;
    orderRowOf[instrument] = row;
    ws.orderInstrument[row] = instrument;
    ws.orderBuyQty[row] = 0;
    ws.orderBuyNotional[row] = 0;
    ws.orderSellQty[row] = 0;
    ws.orderSellNotional[row] = 0;
    ws.orderLeverage[row] = leverage;
  }
  const lotSize = load<f64>(instrumentRow(instrument), InstrumentAt.lotSize);
  ws.orderBuyQty[row] += <f64>load<i64>(position, PositionAt.buyLots) * lotSize;
  ws.orderBuyNotional[row] += <f64>load<i64>(position, PositionAt.buyValue) / UNIT;
  ws.orderSellQty[row] += <f64>load<i64>(position, PositionAt.sellLots) * lotSize;
  ws.orderSellNotional[row] += <f64>load<i64>(position, PositionAt.sellValue) / UNIT;
}

// Orders stand under the leverage of the position they would change; of a hedge-mode pair under the lower one, which needs
// more; where nothing is held, under the one set. The same rule as `plimsoll eval` has for its lines.
function chooseOrderLeverage(row: i32): void {
  let chosen: f64 = -1;
  for (let position = 0; position < ws.positionCount; ++position) {
    if (ws.positionInstrument[position] != ws.orderInstrument[row]) continue;
    const leverage = ws.positionLeverage[position];
    if (chosen <= 0 || (leverage != 0 && leverage < chosen)) chosen = leverage;
  }
  if (chosen >= 0) ws.orderLeverage[row] = chosen;
}

function clearPosition(row: usize, mark: f64): void {
  store<f64>(row, mark, PositionAt.markPrice);
  store<f64>(row, 0, PositionAt.notional);
  store<f64>(row, 0, PositionAt.unrealizedPnl);
  store<f64>(row, 0, PositionAt.initialMargin);
  store<f64>(row, 0, PositionAt.maintenanceMargin);
  store<f64>(row, f64.NaN, PositionAt.liquidationPrice);
  store<f64>(row, f64.NaN, PositionAt.bankruptcyPrice);
  store<f64>(row, f64.NaN, PositionAt.entryPrice);
}

// Average entry: what openCash says per contract.
function entryPrice(instrument: u32, qty: f64, openCash: f64): f64 {
  const size = ws.instrumentContractSize[instrument];
  return ws.instrumentPayoff[instrument] == PAYOFF_INVERSE ? (qty * size) / openCash : -openCash / (qty * size);
}

/** Values one account and publishes its row. */
export function valueAccount(slot: u32): void {
  const account = accountRow(slot);
  let asOf = load<i64>(account, AccountAt.lastEventNs);
  let oldest = Infinity;
  let unmarked: u32 = 0;
  ws.collateral = load<u8>(groupRow(load<u32>(account, AccountAt.group)), GroupAt.collateral);

  let rows = 0;
  let link = load<u32>(account, AccountAt.firstBalance);
  while (link != 0) {
    const row = balanceRow(link - 1);
    ws.walletAsset[rows] = load<u32>(row, BalanceAt.asset);
    ws.walletBalance[rows] = <f64>load<i64>(row, BalanceAt.wallet) / UNIT;
    ++rows;
    link = load<u32>(row, BalanceAt.next);
  }
  ws.walletCount = rows;

  rows = 0;
  ws.orderCount = 0;
  link = load<u32>(account, AccountAt.firstPosition);
  while (link != 0) {
    const row = positionRow(link - 1);
    const id = load<u32>(row, PositionAt.instrument);
    const lots = load<i64>(row, PositionAt.qtyLots);
    if (lots != 0 || load<u32>(row, PositionAt.openOrderCount) != 0) {
      const instrument = instrumentRow(id);
      if (marked[id] == 0) ++unmarked;
      else {
        const markTime = load<f64>(instrument, InstrumentAt.markTimeNs);
        if (<i64>markTime > asOf) asOf = <i64>markTime;
        oldest = min(oldest, load<f64>(instrument, InstrumentAt.markReceivedNs));
        const leverage = <f64>load<i64>(row, PositionAt.leverage) / UNIT;
        if (lots != 0) {
          slotOf[rows] = link - 1;
          ws.positionInstrument[rows] = id;
          ws.positionQty[rows] = <f64>lots * load<f64>(instrument, InstrumentAt.lotSize);
          ws.positionOpenCash[rows] = <f64>load<i64>(row, PositionAt.openCash) / UNIT;
          ws.positionIsolated[rows] = load<u32>(row, PositionAt.flags) & PositionFlag.Isolated;
          ws.positionIsolatedMargin[rows] = <f64>load<i64>(row, PositionAt.isolatedMargin) / UNIT;
          ws.positionLeverage[rows] = leverage;
          ++rows;
        }
        if (load<u32>(row, PositionAt.openOrderCount) != 0) addOrders(id, row, leverage);
      }
    }
    link = load<u32>(row, PositionAt.next);
  }
  ws.positionCount = rows;
  for (let row = 0; row < ws.orderCount; ++row) chooseOrderLeverage(row);
  evaluate(ws);
  for (let row = 0; row < ws.orderCount; ++row) orderRowOf[ws.orderInstrument[row]] = NO_ROW;

  beginWrite(account);
  let distance = Infinity;
  let nearest: u32 = 0;
  let index = 0;
  link = load<u32>(account, AccountAt.firstPosition);
  while (link != 0) {
    const row = positionRow(link - 1);
    const id = load<u32>(row, PositionAt.instrument);
    const mark = marked[id] != 0 ? ws.instrumentMark[id] : f64.NaN;
    if (index < rows && slotOf[index] == link - 1) {
      const price = ws.positionLiquidationPrice[index];
      store<f64>(row, mark, PositionAt.markPrice);
      store<f64>(row, ws.positionNotional[index], PositionAt.notional);
      store<f64>(row, ws.positionUnrealizedPnl[index], PositionAt.unrealizedPnl);
      store<f64>(row, ws.positionInitialMargin[index], PositionAt.initialMargin);
      store<f64>(row, ws.positionMaintenanceMargin[index], PositionAt.maintenanceMargin);
      store<f64>(row, price, PositionAt.liquidationPrice);
      store<f64>(row, ws.positionBankruptcyPrice[index], PositionAt.bankruptcyPrice);
      store<f64>(row, entryPrice(id, ws.positionQty[index], ws.positionOpenCash[index]), PositionAt.entryPrice);
      const away = abs(price - mark) / mark;
      if (away < distance) {
        distance = away;
        nearest = id;
      }
      ++index;
    } else clearPosition(row, mark);
    link = load<u32>(row, PositionAt.next);
  }
  store<i64>(account, asOf, AccountAt.asOfNs);
  store<f64>(account, ws.walletBalanceUsd, AccountAt.walletUsd);
  store<f64>(account, ws.unrealizedPnlUsd, AccountAt.unrealizedPnlUsd);
  store<f64>(account, ws.equityUsd, AccountAt.equityUsd);
  store<f64>(account, ws.initialMarginUsd, AccountAt.initialMarginUsd);
  store<f64>(account, ws.maintenanceMarginUsd, AccountAt.maintenanceMarginUsd);
  store<f64>(account, ws.orderMarginUsd, AccountAt.orderMarginUsd);
  store<f64>(account, ws.availableUsd, AccountAt.availableUsd);
  store<f64>(account, ws.marginRatio, AccountAt.marginRatio);
  store<f64>(account, ws.leverage, AccountAt.leverage);
  store<f64>(account, ws.grossExposureUsd, AccountAt.grossExposureUsd);
  store<f64>(account, ws.netExposureUsd, AccountAt.netExposureUsd);
  store<f64>(account, distance, AccountAt.liquidationDistance);
  store<u32>(account, ws.status, AccountAt.status);
  store<u32>(account, nearest, AccountAt.nearestInstrument);
  store<f64>(account, oldest, AccountAt.oldestMarkReceivedNs);
  store<u32>(account, load<u32>(market, MarketHeaderAt.marketVersion), AccountAt.marketVersion);
  store<u32>(account, unmarked, AccountAt.unmarkedCount);
  store<u32>(account, load<u32>(account, AccountAt.flags) & ~AccountFlag.Touched, AccountAt.flags);
  // A valuation that lacks a mark says nothing about the account's status.
  // Nor does one of a ledger that is still being rebuilt.
  if (
    unmarked == 0 &&
    atomic.load<u32>(CONTROL, ControlAt.state) == ShardState.Running &&
    <u32>ws.status != load<u32>(account, AccountAt.alertedStatus)
  )
    alert(account);
  endWrite(account);
}

// Tells of a change of status. Where the ring is full nothing is noted, so that the next valuation tries again.
function alert(account: usize): void {
  if (room(alertRing) == 0) {
    store<u32>(account, load<u32>(account, AccountAt.flags) | AccountFlag.AlertPending, AccountAt.flags);
    return;
  }
  const flags = load<u32>(account, AccountAt.flags) & ~AccountFlag.AlertPending;
  store<u32>(account, flags, AccountAt.flags);
  const record = writeSlot(alertRing);
  memory.fill(record, 0, 128);
  store<u64>(record, load<u64>(account, AccountAt.accountId), AlertAt.account);
  store<i64>(record, load<i64>(account, AccountAt.asOfNs), AlertAt.timeNs);
  store<i64>(record, load<i64>(account, AccountAt.lastOffset), AlertAt.logOffset);
  store<u32>(record, partition, AlertAt.logPartition);
  store<u32>(record, load<u32>(account, AccountAt.lastIndex), AlertAt.eventIndex);
  store<u64>(record, load<u32>(market, MarketHeaderAt.marketVersion), AlertAt.marketSeq);
  store<f64>(record, ws.equityUsd, AlertAt.equityUsd);
  store<f64>(record, ws.initialMarginUsd, AlertAt.initialMarginUsd);
  store<f64>(record, ws.maintenanceMarginUsd, AlertAt.maintenanceMarginUsd);
  store<f64>(record, ws.marginRatio, AlertAt.marginRatio);
  store<u8>(record, <u8>load<u32>(account, AccountAt.alertedStatus), AlertAt.fromStatus);
  store<u8>(record, <u8>ws.status, AlertAt.toStatus);
  // The wire's numbers: 3 quarantined, 2 gap, 0 fine.
  const freshness: u8 = flags & AccountFlag.Quarantined ? 3 : flags & AccountFlag.Gap ? 2 : 0;
  store<u8>(record, freshness, AlertAt.freshness);
  store<u32>(record, load<u32>(account, AccountAt.nearestInstrument), AlertAt.instrument);
  const seq = load<u32>(account, AccountAt.alertSeq) + 1;
  store<u64>(record, seq, AlertAt.alertSeq);
  store<u32>(account, seq, AccountAt.alertSeq);
  publishOne(alertRing);
  store<u32>(account, ws.status, AccountAt.alertedStatus);
  count(ControlAt.alerts, 1);
}
