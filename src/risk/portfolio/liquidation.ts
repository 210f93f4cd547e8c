// Liquidation and bankruptcy prices in closed form. Portable subset. See docs/margin.md#liquidation-price.
//
// Let h(p) be a pool's equity less its maintenance margin with one instrument's mark moved to p, everything else held. Between two
// neighbouring breakpoints (a tier's floor, the price where an asset's equity changes its sign and its haircut begins or ends) h is
//     h(p) = α·p + β + γ/p
// in every case short of portfolio margin: linear contracts and options directly; inverse contracts after multiplying by p, which
// is positive and keeps every root (γ is not 0 only for an inverse contract with size-scaled margin). So the search walks from the
// mark outward, one breakpoint after the other, and solves the first piece in which h changes its sign: no iteration but over tiers.
//
// Which root: h may have several. From a healthy mark the search goes first in the losing direction (against the slope of h at the
// mark), from a mark already under, first in the gaining direction; the other direction is tried only when the first has no root.

import { maintenancePiece } from "../margin/model";
import { collateralValueUsd } from "./collateral";
import { COLLATERAL_MULTI_ASSET, NO_ROW, PAYOFF_INVERSE, Workspace } from "./workspace";

/** Writes positionLiquidationPrice and positionBankruptcyPrice; reads the outputs of evaluateMargin for the same account. */
export function solveLiquidationPrices(ws: Workspace): void {
  for (let position = 0; position < ws.positionCount; position++) {
    const other = ws.scratchPositionPair[position];
    const isShared = other !== NO_ROW && ws.positionIsolated[position] === 0 && ws.positionIsolated[other] === 0;
    if (isShared && other < position) {
      // Both legs of a pair in one pool end at the same price.
      ws.positionLiquidationPrice[position] = ws.positionLiquidationPrice[other];
      ws.positionBankruptcyPrice[position] = ws.positionBankruptcyPrice[other];
    } else {
      const second: i32 = isShared ? other : NO_ROW;
      const isPooled = ws.collateral === COLLATERAL_MULTI_ASSET && ws.positionIsolated[position] === 0;
      prepare(ws, position, second);
      if (isPooled) preparePooled(ws, position, true);
      ws.positionLiquidationPrice[position] = solvePrice(ws, position, second, true);
      if (isPooled) preparePooled(ws, position, false);
      ws.solveOtherMaintenance = 0;
      ws.positionBankruptcyPrice[position] =
        ws.solveHaircut === 0 ? straightPrice(ws, position, second) : solvePrice(ws, position, second, false);
    }
  }
}

// What does not change while the price moves: the settle asset's equity is cash + qty·p (inverse: cash − qty/p), everything else of
// the pool is worth solveOtherUsd. A pool in one asset is counted in that asset, with scale 1.
function prepare(ws: Workspace, first: i32, second: i32): void {
  const contractSize = ws.instrumentContractSize[ws.positionInstrument[first]];
  let cash = ws.positionOpenCash[first];
  let qty = ws.positionQty[first];
  let unrealizedPnl = ws.positionUnrealizedPnl[first];
  let maintenance = ws.positionMaintenanceMargin[first];
  if (second !== NO_ROW) {
    cash += ws.positionOpenCash[second];
    qty += ws.positionQty[second];
    unrealizedPnl += ws.positionUnrealizedPnl[second];
    maintenance += ws.positionMaintenanceMargin[second];
  }
  ws.solveScale = 1;
  ws.solveQty = qty * contractSize;
  ws.solveOtherUsd = 0;
  ws.solveHaircut = 0;
  const pool = ws.scratchPositionPool[first];
  if (pool === NO_ROW) {
    ws.solveCash = cash + ws.positionIsolatedMargin[first];
    ws.solveOtherMaintenance = 0;
  } else {
    ws.solveCash = cash + ws.poolWalletBalance[pool] + (ws.poolUnrealizedPnl[pool] - unrealizedPnl);
    ws.solveOtherMaintenance = ws.poolMaintenanceMargin[pool] - maintenance;
  }
}

// In a pool valued in USD an inverse contract's settle asset is its base: the asset's price moves with the mark, in proportion. All
// other prices stand still.
function preparePooled(ws: Workspace, first: i32, withMargin: boolean): void {
  const instrument = ws.positionInstrument[first];
  const mark = ws.instrumentMark[instrument];
  const settle = ws.instrumentSettle[instrument];
  const isInverse = ws.instrumentPayoff[instrument] === PAYOFF_INVERSE;
  let otherUsd: f64 = 0;
  for (let pool = 0; pool < ws.poolCount; pool++) {
    const asset = ws.poolAsset[pool];
    if (asset === settle) continue;
    const priceUsd = ws.assetPriceUsd[asset];
    let worthUsd = collateralValueUsd(ws.poolEquity[pool], priceUsd, ws.assetHaircut[asset]);
    if (withMargin) worthUsd -= ws.poolMaintenanceMargin[pool] * priceUsd;
    otherUsd += worthUsd;
  }
  ws.solveOtherUsd = otherUsd;
  ws.solveScale = isInverse ? ws.assetPriceUsd[settle] / mark : ws.assetPriceUsd[settle];
  ws.solveHaircut = ws.assetHaircut[settle];
}

// The mark at which the equity of a pool without a haircut is zero: one line, one root.
function straightPrice(ws: Workspace, first: i32, second: i32): f64 {
  if (isFlat(ws, first, second)) return NaN;
  clearPieces(ws);
  setLine(ws, ws.instrumentPayoff[ws.positionInstrument[first]] === PAYOFF_INVERSE, true);
  const root = -ws.solveBeta / ws.solveAlpha;
  return root > 0 && root < Infinity ? root : NaN;
}

// The mark at which the pool's equity is its maintenance margin or, without margin, zero. NaN where there is none.
function solvePrice(ws: Workspace, first: i32, second: i32, withMargin: boolean): f64 {
  const instrument = ws.positionInstrument[first];
  const mark = ws.instrumentMark[instrument];
  const isInverse = ws.instrumentPayoff[instrument] === PAYOFF_INVERSE;
  if (isFlat(ws, first, second)) return NaN;
  const equity = isInverse ? ws.solveCash - ws.solveQty / mark : ws.solveCash + ws.solveQty * mark;

  setPieces(ws, instrument, first, second, withMargin);
  setLine(ws, isInverse, equity > 0);
  const excess = lineAt(ws, mark);
  if (excess === 0) return mark;
  if (!(excess > 0 || excess < 0)) return NaN;
  // In a pool valued in coin h is the line divided by p, and its slope has another sign than the line's.
  const isPooled = ws.collateral === COLLATERAL_MULTI_ASSET && ws.positionIsolated[first] === 0;
  const slope = isInverse && !isPooled ? -(ws.solveBeta * mark + 2 * ws.solveGamma) : ws.solveAlpha * mark - ws.solveGamma / mark;
  const isHealthy = excess > 0;
  const isUpFirst = isHealthy ? slope < 0 : slope > 0;
  const found = search(ws, first, second, isHealthy, isUpFirst, equity);
  if (found > 0) return found;
  setPieces(ws, instrument, first, second, withMargin);
  return search(ws, first, second, isHealthy, !isUpFirst, equity);
}

// A flat position's mark moves nothing.
function isFlat(ws: Workspace, first: i32, second: i32): boolean {
  return ws.positionQty[first] === 0 && (second === NO_ROW || ws.positionQty[second] === 0);
}

function positionValue(ws: Workspace, instrument: i32, position: i32): f64 {
  return Math.abs(ws.positionQty[position] * ws.unitValue[instrument]);
}

// The first price from the mark in one direction at which the excess leaves the sign it has at the mark; NaN where it keeps it.
// The pieces that hold at the mark are set. Where the mark lies on a floor, the first step may have no length.
function search(ws: Workspace, first: i32, second: i32, isHealthy: boolean, isUp: boolean, equity: f64): f64 {
  const instrument = ws.positionInstrument[first];
  const isInverse = ws.instrumentPayoff[instrument] === PAYOFF_INVERSE;
  const isFalling = isInverse === isUp; // the positions' values fall in this direction
  const end: f64 = isUp ? Infinity : 0;
  let price = ws.instrumentMark[instrument];

  // The settle asset's equity rises with the price if the net quantity is long; its haircut ends or begins where it is zero.
  const isRising = ws.solveQty > 0 === isUp;
  let isPositive = equity > 0 || (equity === 0 && isRising);
  let turn = isPositive === isRising || ws.solveHaircut === 0 ? end : settleTurn(ws, isInverse, price, end, isUp);

  // Each step leaves a tier or the turn behind.
  const stepLimit = 4 * (ws.instrumentTierCount[instrument] + 4);
  for (let step = 0; step < stepLimit; step++) {
    const firstEdge = edgePrice(isInverse, ws.firstSize, isFalling ? ws.firstFrom : ws.firstTo, price, isUp);
    const secondEdge: f64 =
      second === NO_ROW ? end : edgePrice(isInverse, ws.secondSize, isFalling ? ws.secondFrom : ws.secondTo, price, isUp);
    const edge = isUp ? Math.min(Math.min(firstEdge, secondEdge), turn) : Math.max(Math.max(firstEdge, secondEdge), turn);

    setLine(ws, isInverse, isPositive);
    // A table with given deductions may jump at a floor: then the floor is where the sign changes.
    const excess = lineAt(ws, price);
    if (isHealthy ? excess < 0 : excess > 0) return price;
    const root = lineRoot(ws.solveAlpha, ws.solveBeta, ws.solveGamma, price, edge, isHealthy, isUp);
    if (root > 0) return root;
    if (edge === end) return NaN;

    if (firstEdge === edge) setFirst(ws, instrument, first, isFalling ? ws.firstFrom : ws.firstTo, isFalling);
    if (secondEdge === edge) setSecond(ws, instrument, second, isFalling ? ws.secondFrom : ws.secondTo, isFalling);
    if (turn === edge) {
      isPositive = !isPositive;
      turn = end;
    }
    price = edge;
  }
  return NaN;
}

// The price, in the direction of the search, where the settle asset's equity is zero; `end` where it never is.
function settleTurn(ws: Workspace, isInverse: boolean, price: f64, end: f64, isUp: boolean): f64 {
  const turn = isInverse ? ws.solveQty / ws.solveCash : -ws.solveCash / ws.solveQty;
  if (!(turn > 0 && turn < Infinity)) return end;
  return isUp ? Math.max(turn, price) : Math.min(turn, price);
}

// The price at which a position comes to the end of its piece; never behind the price the search has come to.
function edgePrice(isInverse: boolean, size: f64, value: f64, price: f64, isUp: boolean): f64 {
  if (size === 0) return isUp ? Infinity : 0;
  const found = isInverse ? size / value : value / size;
  return isUp ? Math.max(found, price) : Math.min(found, price);
}

// The pieces of the positions' margins at the mark; with no margin to be met, one piece of none.
function setPieces(ws: Workspace, instrument: i32, first: i32, second: i32, withMargin: boolean): void {
  clearPieces(ws);
  if (!withMargin) return;
  setFirst(ws, instrument, first, positionValue(ws, instrument, first), false);
  if (second !== NO_ROW) setSecond(ws, instrument, second, positionValue(ws, instrument, second), false);
}

function clearPieces(ws: Workspace): void {
  ws.firstSize = 0;
  ws.firstConstant = 0;
  ws.firstRate = 0;
  ws.firstSquare = 0;
  ws.secondSize = 0;
  ws.secondConstant = 0;
  ws.secondRate = 0;
  ws.secondSquare = 0;
}

// A piece in terms of the price: margin = constant + rate·size·p + square·size²·p² (inverse: 1/p in place of p).
function setFirst(ws: Workspace, instrument: i32, position: i32, value: f64, below: boolean): void {
  const qty = ws.positionQty[position];
  const size = Math.abs(qty) * ws.instrumentContractSize[instrument];
  maintenancePiece(ws, instrument, qty, Math.abs(ws.positionOpenCash[position]), value, below);
  ws.firstSize = size;
  ws.firstConstant = ws.pieceConstant;
  ws.firstRate = ws.pieceRate * size;
  ws.firstSquare = ws.pieceSquare * size * size;
  ws.firstFrom = ws.pieceFrom;
  ws.firstTo = ws.pieceTo;
}

function setSecond(ws: Workspace, instrument: i32, position: i32, value: f64, below: boolean): void {
  const qty = ws.positionQty[position];
  const size = Math.abs(qty) * ws.instrumentContractSize[instrument];
  maintenancePiece(ws, instrument, qty, Math.abs(ws.positionOpenCash[position]), value, below);
  ws.secondSize = size;
  ws.secondConstant = ws.pieceConstant;
  ws.secondRate = ws.pieceRate * size;
  ws.secondSquare = ws.pieceSquare * size * size;
  ws.secondFrom = ws.pieceFrom;
  ws.secondTo = ws.pieceTo;
}

// α, β and γ of the pool under the pieces that hold; isPositive: the settle asset's equity is above 0, its haircut applies.
function setLine(ws: Workspace, isInverse: boolean, isPositive: boolean): void {
  const scale = ws.solveScale;
  const weight: f64 = isPositive ? 1 - ws.solveHaircut : 1;
  const constant = weight * ws.solveCash - ws.solveOtherMaintenance - (ws.firstConstant + ws.secondConstant);
  const rate = ws.firstRate + ws.secondRate;
  if (isInverse) {
    ws.solveAlpha = scale * constant;
    ws.solveBeta = ws.solveOtherUsd - scale * (weight * ws.solveQty + rate);
    ws.solveGamma = -scale * (ws.firstSquare + ws.secondSquare);
  } else {
    ws.solveAlpha = scale * (weight * ws.solveQty - rate);
    ws.solveBeta = scale * constant + ws.solveOtherUsd;
    ws.solveGamma = 0;
  }
}

function lineAt(ws: Workspace, price: f64): f64 {
  const straight = ws.solveAlpha * price + ws.solveBeta;
  return ws.solveGamma === 0 ? straight : straight + ws.solveGamma / price;
}

// The first root of α·p + β + γ/p after `price` up to `edge` (included unless it is 0 or infinite); 0 where there is none.
function lineRoot(alpha: f64, beta: f64, gamma: f64, price: f64, edge: f64, isHealthy: boolean, isUp: boolean): f64 {
  if (gamma !== 0) {
    const discriminant = beta * beta - 4 * alpha * gamma;
    if (!(discriminant >= 0)) return 0;
    const root = Math.sqrt(discriminant);
    const sum = -0.5 * (beta < 0 ? beta - root : beta + root);
    return nearer(sum / alpha, gamma / sum, price, edge, isUp);
  }
  // The sign at the far end says whether there is a root; where it lies is then only arithmetic.
  let far: f64 = beta;
  let isEnd = false;
  if (edge === Infinity) {
    far = alpha;
    isEnd = true;
  } else if (edge === 0) {
    isEnd = true;
  } else {
    far = alpha * edge + beta;
  }
  if (far === 0 ? isEnd : far > 0 === isHealthy) return 0;
  const root = -beta / alpha;
  return isUp ? Math.min(Math.max(root, price), edge) : Math.max(Math.min(root, price), edge);
}

// Of two candidates the one that comes first after `price`; 0 where neither lies between `price` and `edge`.
function nearer(a: f64, b: f64, price: f64, edge: f64, isUp: boolean): f64 {
  const hasA = isUp ? a > price && a <= edge && a < Infinity : a < price && a >= edge && a > 0;
  const hasB = isUp ? b > price && b <= edge && b < Infinity : b < price && b >= edge && b > 0;
  if (hasA && hasB) return isUp ? Math.min(a, b) : Math.max(a, b);
  if (hasA) return a;
  return hasB ? b : 0;
}
