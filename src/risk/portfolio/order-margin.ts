// Margin of open orders: what filling them would need beyond what the positions need already, as the worse of filling all buys or
// all sells. Source: Binance, max(|position + bids|, |position − asks|) of notionals; Paradex the same. Portable subset.
// See docs/margin.md#open-orders.

import { initialMargin, marginValue } from "../margin/model";
import { KIND_OPTION, NO_ROW, Workspace } from "./workspace";

/**
 * Order margin of one row of order*, settle asset, ≥ 0.
 *
 * In one-way mode an order that closes needs nothing. In a hedge-mode pair buys add to the long leg and sells to the short one: an
 * order does not say which leg it is for, so none counts as closing.
 *
 * @param row   of order*
 * @param first position row of the instrument, or NO_ROW
 */
export function orderMargin(ws: Workspace, row: i32, first: i32): f64 {
  const instrument = ws.orderInstrument[row];
  const leverage = ws.orderLeverage[row];
  const buyQty = ws.orderBuyQty[row];
  const sellQty = ws.orderSellQty[row];
  const second: i32 = first === NO_ROW ? NO_ROW : ws.scratchPositionPair[first];
  if (second === NO_ROW) {
    const qty: f64 = first === NO_ROW ? 0 : ws.positionQty[first];
    const held: f64 = first === NO_ROW ? 0 : ws.positionInitialMargin[first];
    const value: f64 = first === NO_ROW ? 0 : positionMarginValue(ws, first);
    const signedValue = qty < 0 ? -value : value;
    const bought = filledMargin(ws, instrument, qty, signedValue, buyQty, ws.orderBuyNotional[row], leverage);
    const sold = filledMargin(ws, instrument, qty, signedValue, -sellQty, -ws.orderSellNotional[row], leverage);
    return Math.max(Math.max(bought, sold) - held, 0);
  }
  const long = ws.positionQty[first] > 0 ? first : second;
  const short = long === first ? second : first;
  const longQty = ws.positionQty[long];
  const shortQty = ws.positionQty[short];
  const longValue = positionMarginValue(ws, long);
  const shortValue = -positionMarginValue(ws, short);
  const bought = filledMargin(ws, instrument, longQty, longValue, buyQty, ws.orderBuyNotional[row], leverage);
  const sold = filledMargin(ws, instrument, shortQty, shortValue, -sellQty, -ws.orderSellNotional[row], leverage);
  const boughtMore = bought - ws.positionInitialMargin[long];
  const soldMore = sold - ws.positionInitialMargin[short];
  return Math.max(Math.max(boughtMore, soldMore), 0);
}

// Initial margin once `orderQty` more contracts (signed) are held. What is bought of options beyond a short is paid for in full.
function filledMargin(
  ws: Workspace,
  instrument: i32,
  qty: f64,
  signedValue: f64,
  orderQty: f64,
  orderNotional: f64,
  leverage: f64,
): f64 {
  const filledQty = qty + orderQty;
  if (ws.instrumentKind[instrument] === KIND_OPTION) {
    const margin = initialMargin(ws, instrument, filledQty, Math.abs(filledQty * ws.unitValue[instrument]), 0);
    const opened = Math.max(filledQty, 0) - Math.max(qty, 0);
    return opened > 0 ? margin + orderNotional * (opened / orderQty) : margin;
  }
  return initialMargin(ws, instrument, filledQty, Math.abs(signedValue + orderNotional), leverage);
}

function positionMarginValue(ws: Workspace, position: i32): f64 {
  const instrument = ws.positionInstrument[position];
  const value = Math.abs(ws.positionQty[position] * ws.unitValue[instrument]);
  return marginValue(ws, instrument, Math.abs(ws.positionOpenCash[position]), value);
}
