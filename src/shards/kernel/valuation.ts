// Valuation: what an account's ledger is worth at the newest market. The formulas are src/risk/, the same files that REST
// and the command line run. The usual account takes the lean path; here every other one is put into the columns of the
// workspace row by row, evaluated, and put back.
import { evaluate } from "../../risk/portfolio/evaluate";
import { NO_ROW, PAYOFF_INVERSE } from "../../risk/portfolio/workspace";
import { GroupAt, InstrumentAt } from "../../shared/layout/market";
import { AccountAt, AccountFlag, BalanceAt, PositionAt, PositionFlag, PositionTermsAt } from "../../shared/layout/shard";
import { INSTRUMENT_SLOTS, POSITIONS_PER_ACCOUNT_MAX } from "../../shared/limits";
import { isMarked, ws } from "./contracts";
import { clearPosition, valueLean } from "./lean";
import { accountRow, balanceRow, groupRow, instrumentRow, positionRow, termsOf } from "./memory";
import { markPooled, sumPools } from "./pools";
import { openForValuation, publishAccount } from "./publish";

const UNIT: f64 = 100000000;

// Position row (slot) behind each row of the columns.
const slotOf = new Int32Array(POSITIONS_PER_ACCOUNT_MAX);
// Row in order* of an instrument while an account is being read, NO_ROW between.
const orderRowOf = new Int32Array(INSTRUMENT_SLOTS);
orderRowOf.fill(NO_ROW);

/** Accounts valued on each path since the worker last noted it. */
export let leanCount: u32 = 0;
export let generalCount: u32 = 0;

export function clearCounts(): void {
  leanCount = 0;
  generalCount = 0;
}

/** Values one account, publishes its row and tells of a change of status. */
export function valueAccount(slot: u32): void {
  const account = accountRow(slot);
  if (valueLean(account)) {
    ++leanCount;
    return;
  }
  ++generalCount;
  valueGeneral(account, slot);
}

function addOrders(instrument: u32, terms: usize, leverage: f64): void {
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
  ws.orderBuyQty[row] += <f64>load<i64>(terms, PositionTermsAt.buyLots) * lotSize;
  ws.orderBuyNotional[row] += <f64>load<i64>(terms, PositionTermsAt.buyValue) / UNIT;
  ws.orderSellQty[row] += <f64>load<i64>(terms, PositionTermsAt.sellLots) * lotSize;
  ws.orderSellNotional[row] += <f64>load<i64>(terms, PositionTermsAt.sellValue) / UNIT;
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

// Average entry: what openCash says per contract.
function entryPrice(instrument: u32, qty: f64, openCash: f64): f64 {
  const size = ws.instrumentContractSize[instrument];
  return ws.instrumentPayoff[instrument] == PAYOFF_INVERSE ? (qty * size) / openCash : -openCash / (qty * size);
}

/** Values any account through the workspace. */
export function valueGeneral(account: usize, slot: u32): void {
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
    const id = <u32>load<u16>(row, PositionAt.instrument);
    const lots = load<i64>(row, PositionAt.qtyLots);
    const terms = termsOf(row);
    if (lots != 0 || load<u32>(terms, PositionTermsAt.openOrderCount) != 0) {
      const instrument = instrumentRow(id);
      if (!isMarked(id)) ++unmarked;
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
          ws.positionIsolated[rows] = <u32>load<u16>(row, PositionAt.flags) & PositionFlag.Isolated;
          ws.positionIsolatedMargin[rows] = <f64>load<i64>(terms, PositionTermsAt.isolatedMargin) / UNIT;
          ws.positionLeverage[rows] = leverage;
          ++rows;
        }
        if (load<u32>(terms, PositionTermsAt.openOrderCount) != 0) addOrders(id, terms, leverage);
      }
    }
    link = load<u32>(row, PositionAt.next);
  }
  ws.positionCount = rows;
  for (let row = 0; row < ws.orderCount; ++row) chooseOrderLeverage(row);
  evaluate(ws);
  for (let row = 0; row < ws.orderCount; ++row) orderRowOf[ws.orderInstrument[row]] = NO_ROW;
  markPooled(account, slot, ws.collateral);
  if (load<u32>(account, AccountAt.flags) & AccountFlag.Touched) sumPools(account);

  openForValuation(account);
  let distance = Infinity;
  let nearest: u32 = 0;
  let index = 0;
  link = load<u32>(account, AccountAt.firstPosition);
  while (link != 0) {
    const row = positionRow(link - 1);
    const id = <u32>load<u16>(row, PositionAt.instrument);
    const mark = isMarked(id) ? ws.instrumentMark[id] : NaN;
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
  publishAccount(
    account,
    asOf,
    ws.walletBalanceUsd,
    ws.unrealizedPnlUsd,
    ws.equityUsd,
    ws.initialMarginUsd,
    ws.maintenanceMarginUsd,
    ws.orderMarginUsd,
    ws.availableUsd,
    ws.marginRatio,
    ws.worstMarginRatio,
    ws.leverage,
    ws.grossExposureUsd,
    ws.netExposureUsd,
    distance,
    ws.status,
    nearest,
    oldest,
    unmarked,
  );
}
