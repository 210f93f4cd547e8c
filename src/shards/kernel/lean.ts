// The usual account, valued without the general workspace: one pool, cross, one-way, in lean contracts (contracts.ts), with or
// without leverage and open orders, whatever else lies in its wallet. Every sum is taken in the same order and every product
// with the same operands as in src/risk/portfolio/evaluate.ts and liquidation.ts, so the bits are theirs: a test values random
// accounts both ways. What is left out here is what cannot apply: haircuts, pairs, other models, a second moving leg.
import { marginRatio, poolStatus, worseMarginRatio } from "../../risk/portfolio/status";
import { STATUS_OK } from "../../risk/portfolio/workspace";
import { GroupAt } from "../../shared/layout/market";
import { AccountAt, AccountFlag, BalanceAt, POOL_ISOLATED, PoolAt, PoolEntryAt, PoolEntryFlag, PositionAt } from "../../shared/layout/shard";
import { POSITIONS_PER_ACCOUNT_MAX } from "../../shared/limits";
import { assetPrice, ContractAt, ContractFlag, contractOf, INSIDE, PieceAt } from "./contracts";
import { balanceRow, groupRow, NONE, poolBlock, positionRow } from "./memory";
import { balanceOf, setUnsafe } from "./pools";
import { openForValuation, publishAccount } from "./publish";

const UNIT: f64 = 100000000;

// What the first pass over the positions leaves for the second.
const enum PassAt {
  /** f64 pairs: profit and initial margin, maintenance margin and opening cash. */
  pnl = 0,
  maintenanceMargin = 16,
  openCash = 24,
  /** Quantity × contract size, signed. */
  size = 32,
  mark = 40,
  /** u32 addresses. */
  contract = 48,
  entry = 52,
  /** u32: 1 where the position gains as its value grows. */
  gains = 56,
  bytes = 64,
}
const pass: usize = heap.alloc(POSITIONS_PER_ACCOUNT_MAX * PassAt.bytes);

const LEAN: u32 = ContractFlag.Lean | ContractFlag.Marked;

/**
 * Values an account and publishes its row, if it is lean. The row is open when this returns false: the general path writes
 * all of it anew.
 * @returns false where it is not lean
 */
export function valueLean(account: usize): bool {
  const link = load<u32>(account, AccountAt.firstPool);
  let block: usize = 0;
  let entry: usize = 0;
  let end: usize = 0;
  let settle: u32 = 0;
  let wallet: f64 = 0;
  if (link != 0) {
    block = poolBlock(link - 1);
    if ((load<u32>(block, PoolAt.next) | (load<u32>(block, PoolAt.id) & POOL_ISOLATED)) != 0) return false;
    settle = load<u8>(block, PoolAt.settle);
    entry = block + PoolAt.entries;
    end = entry + <usize>load<u16>(block, PoolAt.count) * PoolEntryAt.bytes;
    const balance = balanceOf(account, block);
    if (balance != NONE) wallet = <f64>load<i64>(balanceRow(balance), BalanceAt.wallet) / UNIT;
  }
  if (load<u8>(groupRow(load<u32>(account, AccountAt.group)), GroupAt.collateral) != 0) return false;
  openForValuation(account);

  const settlePrice = assetPrice(settle);
  let asOf = load<i64>(account, AccountAt.lastEventNs);
  // Times are positive: their bits compare as they do, without a branch.
  let oldest = reinterpret<i64>(Infinity);
  let orders: f64 = 0;
  let openCashScale: f64 = 0;
  // Sums in pairs: each lane adds up in the order of the positions, as one alone would.
  let pnlInitial = f64x2.splat(0);
  let maintenanceCash = f64x2.splat(0);
  let grossNet = f64x2.splat(0);
  let at = pass;
  for (; entry < end; entry += PoolEntryAt.bytes) {
    const qty = load<f64>(entry, PoolEntryAt.qty);
    const entryFlags = <u32>load<u16>(entry, PoolEntryAt.flags);
    const key = <u32>load<u16>(entry, PoolEntryAt.key);
    const contract = contractOf(key >> 3);
    const contractFlags = load<u32>(contract, ContractAt.flags);
    if (qty == 0) {
      clearFlat(entry, entryFlags, contract, contractFlags);
      if ((entryFlags & PoolEntryFlag.Orders) == 0) continue;
    }
    // Hedge-mode legs may be two of one instrument.
    if ((key & 7) != 0 || (contractFlags & LEAN) != LEAN) return false;
    asOf = max(asOf, load<i64>(contract, ContractAt.markTimeNs));
    oldest = min(oldest, load<i64>(contract, ContractAt.markReceivedNs));
    let value: f64 = 0;
    let initialMargin: f64 = 0;
    if (qty != 0) {
      const row = <usize>load<u32>(entry, PoolEntryAt.row);
      const openCash = load<f64>(entry, PoolEntryAt.openCash);
      const mark = load<f64>(contract, ContractAt.mark);
      const size = qty * load<f64>(contract, ContractAt.contractSize);
      const signedValue = qty * load<f64>(contract, ContractAt.unitValue);
      value = abs(signedValue);
      const positionPnl = openCash + signedValue;
      const piece = pieceOf(contract, value);
      const rate = load<f64>(piece, PieceAt.rate);
      const constant = load<f64>(piece, PieceAt.constant);
      initialMargin = value * load<f64>(piece, PieceAt.initialRate);
      if (entryFlags & PoolEntryFlag.Leverage) {
        const leverage = <f64>load<i64>(row, PositionAt.leverage) / UNIT;
        if (leverage > 0) initialMargin = value / leverage;
      }
      const maintenanceMargin = constant + rate * value;
      const exposureUsd = qty * load<f64>(contract, ContractAt.unitExposure) * settlePrice;
      const pnlAndInitial = f64x2.replace_lane(f64x2.splat(positionPnl), 1, initialMargin);
      const maintenanceAndCash = f64x2.replace_lane(f64x2.splat(maintenanceMargin), 1, openCash);
      v128.store(row, f64x2.replace_lane(f64x2.splat(mark), 1, value), PositionAt.markPrice);
      v128.store(row, pnlAndInitial, PositionAt.unrealizedPnl);
      store<f64>(row, maintenanceMargin, PositionAt.maintenanceMargin);
      if (entryFlags & PoolEntryFlag.Changed) {
        store<f64>(row, contractFlags & ContractFlag.Inverse ? size / openCash : -openCash / size, PositionAt.entryPrice);
        store<u16>(entry, <u16>(entryFlags & ~PoolEntryFlag.Changed), PoolEntryAt.flags);
      }
      v128.store(at, pnlAndInitial, PassAt.pnl);
      v128.store(at, maintenanceAndCash, PassAt.maintenanceMargin);
      store<f64>(at, size, PassAt.size);
      store<f64>(at, mark, PassAt.mark);
      store<u32>(at, <u32>contract, PassAt.contract);
      store<u32>(at, <u32>entry, PassAt.entry);
      store<u32>(at, <u32>(size > 0) ^ ((contractFlags / ContractFlag.Inverse) & 1), PassAt.gains);
      at += PassAt.bytes;
      pnlInitial = f64x2.add(pnlInitial, pnlAndInitial);
      maintenanceCash = f64x2.add(maintenanceCash, maintenanceAndCash);
      grossNet = f64x2.add(grossNet, f64x2.replace_lane(f64x2.splat(abs(exposureUsd)), 1, exposureUsd));
      openCashScale += abs(openCash);
    }
    if (entryFlags & PoolEntryFlag.Orders) orders += orderMargin(entry, contract, qty, value, initialMargin);
  }

  const pnl = f64x2.extract_lane(pnlInitial, 0);
  const initial = f64x2.extract_lane(pnlInitial, 1);
  const maintenance = f64x2.extract_lane(maintenanceCash, 0);
  const gross = f64x2.extract_lane(grossNet, 0);
  const net = f64x2.extract_lane(grossNet, 1);

  // Every asset of the wallet is a pool; the one with the positions is opened after them where no balance is.
  let status: i32 = STATUS_OK;
  let worstRatio: f64 = 0;
  let equityUsd: f64 = 0;
  let walletUsd: f64 = 0;
  let pnlUsd: f64 = 0;
  let initialUsd: f64 = 0;
  let maintenanceUsd: f64 = 0;
  let orderUsd: f64 = 0;
  let availableUsd: f64 = 0;
  let isOpen = block != 0;
  let ownStatus: i32 = STATUS_OK;
  let balance = load<u32>(account, AccountAt.firstBalance);
  while (balance != 0 || isOpen) {
    let units = wallet;
    let asset = settle;
    if (balance != 0) {
      const row = balanceRow(balance - 1);
      units = <f64>load<i64>(row, BalanceAt.wallet) / UNIT;
      asset = load<u32>(row, BalanceAt.asset);
      balance = load<u32>(row, BalanceAt.next);
    }
    if (isOpen && asset == settle) {
      isOpen = false;
      const equity = units + pnl;
      const available = equity - initial - orders;
      const poolsStatus = poolStatus(equity, maintenance);
      status = max(status, poolsStatus);
      ownStatus = poolsStatus;
      worstRatio = worseMarginRatio(worstRatio, equity, maintenance);
      equityUsd += equity * settlePrice;
      walletUsd += units * settlePrice;
      pnlUsd += pnl * settlePrice;
      initialUsd += initial * settlePrice;
      maintenanceUsd += maintenance * settlePrice;
      orderUsd += orders * settlePrice;
      availableUsd += available * settlePrice;
    } else {
      // A pool of cash alone: no profit, no margin.
      const price = assetPrice(asset);
      status = max(status, poolStatus(units, 0));
      worstRatio = worseMarginRatio(worstRatio, units, 0);
      equityUsd += units * price;
      walletUsd += units * price;
      availableUsd += units * price;
    }
  }
  // A valuation at new marks alone leaves the pool's bound as it is: it holds until the marks have reached it.
  const isTouched = (load<u32>(account, AccountAt.flags) & AccountFlag.Touched) != 0;
  if (block != 0 && (isTouched || <i32>load<u8>(block, PoolAt.status) != ownStatus)) {
    store<f64>(block, wallet + f64x2.extract_lane(maintenanceCash, 1), PoolAt.cash);
    store<f64>(block, abs(wallet) + openCashScale, PoolAt.scale);
    store<u8>(block, <u8>ownStatus, PoolAt.status);
    store<u8>(block, 0, PoolAt.isPooled);
    setUnsafe(block);
  }

  const last = at;
  let distance = Infinity;
  let nearest: u32 = 0;
  for (at = pass; at < last; at += PassAt.bytes) {
    entry = load<u32>(at, PassAt.entry);
    const row = <usize>load<u32>(entry, PoolEntryAt.row);
    const contract = <usize>load<u32>(at, PassAt.contract);
    const gains = load<u32>(at, PassAt.gains);
    const size = load<f64>(at, PassAt.size);
    const mark = load<f64>(at, PassAt.mark);
    const cash = load<f64>(at, PassAt.openCash) + wallet + (pnl - load<f64>(at, PassAt.pnl));
    const other = maintenance - load<f64>(at, PassAt.maintenanceMargin);
    const least = cash - other;
    const target = least * <f64>(1 - 2 * <i32>gains);
    const pairs = load<u32>(contract, ContractAt.boundPairs);
    const bounds = <usize>(load<u32>(contract, ContractAt.bounds) + pairs * (32 - 16 * gains));
    const piece = <usize>load<u32>(contract, ContractAt.pieces) + <usize>countBounds(bounds, pairs, target) * PieceAt.bytes;
    const absSize = abs(size);
    const rate = load<f64>(piece, PieceAt.rate) * absSize;
    const constant = least - (load<f64>(piece, PieceAt.constant) + 0);
    const from = load<f64>(piece, PieceAt.fromInside);
    const to = load<f64>(piece, PieceAt.toInside);
    // Liquidation and bankruptcy price in one division.
    let prices: v128;
    let isInside: u32;
    const isInverse = (load<u32>(contract, ContractAt.flags) & ContractFlag.Inverse) != 0;
    if (isInverse) {
      prices = f64x2.div(f64x2.replace_lane(f64x2.splat(-(0 - (size + rate))), 1, size), f64x2.replace_lane(f64x2.splat(constant), 1, cash));
      const root = f64x2.extract_lane(prices, 0);
      isInside = u32(absSize > from * root) & u32(absSize < to * root);
    } else {
      prices = f64x2.div(f64x2.replace_lane(f64x2.splat(-(constant + 0)), 1, -cash), f64x2.replace_lane(f64x2.splat(size - rate), 1, size));
      const reached = f64x2.extract_lane(prices, 0) * absSize;
      isInside = u32(reached > from) & u32(reached < to);
    }
    const root = f64x2.extract_lane(prices, 0);
    prices = v128.bitselect(prices, f64x2.splat(NaN), v128.and(f64x2.gt(prices, f64x2.splat(0)), f64x2.lt(prices, f64x2.splat(Infinity))));
    let price = f64x2.extract_lane(prices, 0);
    // Worth more than all margin even where the position is worth nothing: no mark is low (inverse short: high) enough, and the
    // root is negative.
    const none = gains & u32(target < 0);
    if (((isInside & u32(abs(root - mark) > INSIDE * mark) & u32(root > 0)) | none) == 0) {
      price = searchPrice(contract, isInverse, load<f64>(row, PositionAt.notional), mark, size, cash, other);
      prices = f64x2.replace_lane(prices, 0, price);
    }
    // Both lie side by side in the row.
    v128.store(row, prices, PositionAt.liquidationPrice);
    // Without a branch: which position is the nearest cannot be foretold, and a wrong guess would wait for both divisions.
    const share = abs(price - mark) / mark;
    nearest = select<u32>(<u32>entry, nearest, share < distance);
    distance = f64x2.extract_lane(f64x2.pmin(f64x2.splat(distance), f64x2.splat(share)), 0);
  }
  publishAccount(
    account,
    asOf,
    walletUsd,
    pnlUsd,
    equityUsd,
    initialUsd,
    maintenanceUsd,
    orderUsd,
    availableUsd,
    marginRatio(equityUsd, maintenanceUsd),
    worstRatio,
    marginRatio(equityUsd, gross),
    gross,
    net,
    distance,
    status,
    nearest == 0 ? 0 : <u32>load<u16>(nearest, PoolEntryAt.key) >> 3,
    reinterpret<f64>(oldest),
    0,
  );
  return true;
}

// How many of a row of bounds are ≤ x. They ascend, so the bits that say so are the lowest.
// @ts-expect-error: decorator
@inline function countBounds(bounds: usize, pairs: u32, x: f64): u32 {
  const xs = f64x2.splat(x);
  let count = <u32>popcnt(i64x2.bitmask(f64x2.le(v128.load(bounds), xs)) + 4 * i64x2.bitmask(f64x2.le(v128.load(bounds, 16), xs)));
  if (pairs > 2) count += countMore(bounds, pairs, x);
  return count;
}

export function countMore(bounds: usize, pairs: u32, x: f64): u32 {
  const xs = f64x2.splat(x);
  let count: u32 = 0;
  for (let n: u32 = 2; n < pairs; ++n) count += <u32>popcnt(i64x2.bitmask(f64x2.le(v128.load(bounds + (<usize>n << 4)), xs)));
  return count;
}

/** The tier a value lies in. */
// @ts-expect-error: decorator
@inline export function pieceOf(contract: usize, value: f64): usize {
  const tier = countBounds(load<u32>(contract, ContractAt.bounds), load<u32>(contract, ContractAt.boundPairs), value);
  return <usize>load<u32>(contract, ContractAt.pieces) + <usize>tier * PieceAt.bytes;
}

// The row of a flat position shows the mark and nothing else.
function clearFlat(entry: usize, entryFlags: u32, contract: usize, contractFlags: u32): void {
  const mark = contractFlags & ContractFlag.Marked ? load<f64>(contract, ContractAt.mark) : NaN;
  const row = <usize>load<u32>(entry, PoolEntryAt.row);
  store<f64>(row, mark, PositionAt.markPrice);
  if ((entryFlags & PoolEntryFlag.Changed) == 0) return;
  store<u16>(entry, <u16>(entryFlags & ~PoolEntryFlag.Changed), PoolEntryAt.flags);
  clearPosition(row, mark);
}

/** The valuation of a position that is flat or cannot be valued. */
export function clearPosition(row: usize, mark: f64): void {
  store<f64>(row, mark, PositionAt.markPrice);
  store<f64>(row, 0, PositionAt.notional);
  store<f64>(row, 0, PositionAt.unrealizedPnl);
  store<f64>(row, 0, PositionAt.initialMargin);
  store<f64>(row, 0, PositionAt.maintenanceMargin);
  store<f64>(row, NaN, PositionAt.liquidationPrice);
  store<f64>(row, NaN, PositionAt.bankruptcyPrice);
  store<f64>(row, NaN, PositionAt.entryPrice);
}

// ── margin of open orders: src/risk/portfolio/order-margin.ts, one-way ──

function orderMargin(entry: usize, contract: usize, qty: f64, value: f64, held: f64): f64 {
  const row = <usize>load<u32>(entry, PoolEntryAt.row);
  const lotSize = load<f64>(contract, ContractAt.lotSize);
  const leverage = <f64>load<i64>(row, PositionAt.leverage) / UNIT;
  const buyQty = <f64>load<i64>(row, PositionAt.buyLots) * lotSize;
  const buyNotional = <f64>load<i64>(row, PositionAt.buyValue) / UNIT;
  const sellQty = <f64>load<i64>(row, PositionAt.sellLots) * lotSize;
  const sellNotional = <f64>load<i64>(row, PositionAt.sellValue) / UNIT;
  const signedValue = qty < 0 ? -value : value;
  const bought = filledMargin(contract, qty + buyQty, abs(signedValue + buyNotional), leverage);
  const sold = filledMargin(contract, qty + -sellQty, abs(signedValue + -sellNotional), leverage);
  return max(max(bought, sold) - held, 0);
}

function filledMargin(contract: usize, qty: f64, notional: f64, leverage: f64): f64 {
  if (qty == 0) return 0;
  if (leverage > 0) return notional / leverage;
  return notional * load<f64>(pieceOf(contract, notional), PieceAt.initialRate);
}

// ── liquidation price: src/risk/portfolio/liquidation.ts for one leg in a pool of one asset ──

// With V = |size|·mark (inverse: |size|/mark) the excess of the pool is h(V) = cash − other ± V − margin(V), with + where the position
// gains as V grows. Rates are at most LEAN_RATE_MAX and never fall, so V − margin(V) and V + margin(V) grow throughout: there is one root
// at most, and which tier it lies in is found by counting bounds. A root clearly inside its tier and clearly away from the mark is the
// one that the search of src/risk/ comes to step by step, and is computed from the same α and β: that is valueLean's second pass. The
// rest is searched for.

/**
 * Liquidation price with every step taken as src/risk/ takes it.
 *
 * @param value |quantity × unit value|
 * @param size  quantity × contract size, signed, not 0
 * @param cash  of the pool, less what the position is worth
 * @param other maintenance margin of the pool's other positions
 */
export function searchPrice(contract: usize, isInverse: bool, value: f64, mark: f64, size: f64, cash: f64, other: f64): f64 {
  const piece = pieceOf(contract, value);
  const rate = load<f64>(piece, PieceAt.rate) * abs(size);
  const constant = cash - other - (load<f64>(piece, PieceAt.constant) + 0);
  const alpha = isInverse ? constant : size - rate;
  const beta = isInverse ? 0 - (size + rate) : constant + 0;
  const excess = alpha * mark + beta;
  if (excess == 0) return mark;
  if (!(excess > 0 || excess < 0)) return NaN;
  const slope = isInverse ? -(beta * mark) : alpha * mark;
  const isHealthy = excess > 0;
  const isUpFirst = isHealthy ? slope < 0 : slope > 0;
  const found = search(piece, isInverse, mark, size, cash, other, isHealthy, isUpFirst);
  if (found > 0) return found;
  return search(piece, isInverse, mark, size, cash, other, isHealthy, !isUpFirst);
}

function search(
  first: usize,
  isInverse: bool,
  mark: f64,
  size: f64,
  cash: f64,
  other: f64,
  isHealthy: bool,
  isUp: bool,
): f64 {
  const isFalling = isInverse == isUp;
  const end: f64 = isUp ? Infinity : 0;
  const absSize = abs(size);
  let piece = first;
  let price = mark;
  while (true) {
    const bound = isFalling ? load<f64>(piece, PieceAt.from) : load<f64>(piece, PieceAt.to);
    const reached = isInverse ? absSize / bound : bound / absSize;
    const edge = isUp ? max(reached, price) : min(reached, price);
    const rate = load<f64>(piece, PieceAt.rate) * absSize;
    const constant = cash - other - (load<f64>(piece, PieceAt.constant) + 0);
    const alpha = isInverse ? constant : size - rate;
    const beta = isInverse ? 0 - (size + rate) : constant + 0;
    const excess = alpha * price + beta;
    if (isHealthy ? excess < 0 : excess > 0) return price;
    const root = lineRoot(alpha, beta, price, edge, isHealthy, isUp);
    if (root > 0) return root;
    if (edge == end) return NaN;
    // Every other edge is a floor with a tier on its other side.
    if (isFalling) piece -= PieceAt.bytes;
    else piece += PieceAt.bytes;
    price = edge;
  }
}

function lineRoot(alpha: f64, beta: f64, price: f64, edge: f64, isHealthy: bool, isUp: bool): f64 {
  let far: f64 = beta;
  let isEnd = false;
  if (edge == Infinity) {
    far = alpha;
    isEnd = true;
  } else if (edge == 0) isEnd = true;
  else far = alpha * edge + beta;
  if (far == 0 ? isEnd : far > 0 == isHealthy) return 0;
  const root = -beta / alpha;
  return isUp ? min(max(root, price), edge) : max(min(root, price), edge);
}
