// The usual account, valued without the general workspace: single-asset margin, one-way positions in lean contracts (contracts.ts),
// cross or isolated, in one pool or several, with or without leverage and open orders, whatever else lies in its wallet. Every sum is
// taken in the same order and every product with the same operands as in src/risk/portfolio/evaluate.ts and liquidation.ts, so the bits
// are theirs: a test values random accounts both ways. What is left out here is what cannot apply: haircuts, pairs, other models, a
// second moving leg.
import { marginRatio, poolStatus, worseMarginRatio } from "../../risk/portfolio/status";
import { STATUS_OK } from "../../risk/portfolio/workspace";
import { GroupAt } from "../../shared/layout/market";
import { AccountAt, AccountFlag, BalanceAt, POOL_ISOLATED, PoolAt, PoolEntryAt, PoolEntryFlag, PositionAt, PositionFlag, PositionTermsAt } from "../../shared/layout/shard";
import { POSITIONS_PER_ACCOUNT_MAX } from "../../shared/limits";
import { assetPrice, ContractAt, ContractFlag, contractOf, INSIDE, PieceAt } from "./contracts";
import { balanceRow, groupRow, NONE, poolBlock, termsOf } from "./memory";
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
  /** u32: not 0 where the second pass has its liquidation price. */
  found = 60,
  bytes = 64,
}
const pass: usize = heap.alloc(POSITIONS_PER_ACCOUNT_MAX * PassAt.bytes);

// And of each pool: its sums, settle asset.
const enum SumAt {
  /** f64 pairs. */
  pnl = 0,
  initial = 8,
  maintenance = 16,
  openCash = 24,
  /** In USD. */
  gross = 32,
  net = 40,
  openCashScale = 48,
  orders = 56,
  wallet = 64,
  /** u32: address of the block, settle asset; POOL_ISOLATED or 0. */
  block = 72,
  settle = 76,
  isolated = 80,
  /** u32: where its positions end in the first pass, and its status. */
  last = 84,
  status = 88,
  bytes = 96,
}
/** Pools of an account valued here; whoever has more goes the general way. */
const SUMS_MAX: u32 = 32;
const sums: usize = heap.alloc(<usize>SUMS_MAX * SumAt.bytes);

const LEAN: u32 = ContractFlag.Lean | ContractFlag.Marked;

// Of the account at hand: times as bits, which for what is positive compare as they do, without a branch.
let asOf: i64 = 0;
let oldest: i64 = 0;
let hasOrders: u32 = 0;

/**
 * Values an account and publishes its row, if it is lean. The row is open when this returns false: the general path writes
 * all of it anew.
 * @returns false where it is not lean
 */
export function valueLean(account: usize): bool {
  if (load<u8>(groupRow(load<u32>(account, AccountAt.group)), GroupAt.collateral) != 0) return false;
  openForValuation(account);
  asOf = load<i64>(account, AccountAt.lastEventNs);
  oldest = reinterpret<i64>(Infinity);
  hasOrders = 0;
  let sum = sums;
  let at = pass;
  let crossPools: u32 = 0;
  let isolatedPools: u32 = 0;
  let link = load<u32>(account, AccountAt.firstPool);
  while (link != 0) {
    const block = poolBlock(link - 1);
    if (sum == sums + <usize>SUMS_MAX * SumAt.bytes) return false;
    at = sumPositions(block, sum, at);
    if (at == 0) return false;
    if (load<u32>(sum, SumAt.isolated)) ++isolatedPools;
    else ++crossPools;
    sum += SumAt.bytes;
    link = load<u32>(block, PoolAt.next);
  }
  const lastSum = sum;
  // Orders of isolated positions stand in the cross pool.
  if (isolatedPools != 0 && hasOrders) return false;

  // Every asset of the wallet is a pool; one with positions and without a balance is opened after them, with more than one the order
  // is the positions'.
  let status: i32 = STATUS_OK;
  let worstRatio: f64 = 0;
  // Lanes that add up side by side: equity and wallet, profit and initial margin, maintenance and order margin, gross and net exposure.
  let equityWallet = f64x2.splat(0);
  let pnlInitial = f64x2.splat(0);
  let maintenanceOrders = f64x2.splat(0);
  let grossNet = f64x2.splat(0);
  let availableUsd: f64 = 0;
  let balance = load<u32>(account, AccountAt.firstBalance);
  let unopened = crossPools;
  while (balance != 0 || unopened != 0) {
    let units: f64 = 0;
    let asset: u32 = 0;
    if (balance != 0) {
      const row = balanceRow(balance - 1);
      units = <f64>load<i64>(row, BalanceAt.wallet) / UNIT;
      asset = load<u32>(row, BalanceAt.asset);
      balance = load<u32>(row, BalanceAt.next);
      for (sum = sums; sum < lastSum; sum += SumAt.bytes) if (load<u32>(sum, SumAt.settle) == asset && load<u32>(sum, SumAt.isolated) == 0) break;
    } else {
      if (unopened != 1) return false;
      for (sum = sums; sum < lastSum; sum += SumAt.bytes) if (load<u32>(sum, SumAt.isolated) == 0 && balanceOf(account, load<u32>(sum, SumAt.block)) == NONE) break;
      asset = load<u32>(sum, SumAt.settle);
    }
    const price = assetPrice(asset);
    if (sum == lastSum) {
      // A pool of cash alone: no profit, no margin.
      status = max(status, poolStatus(units, 0));
      worstRatio = worseMarginRatio(worstRatio, units, 0);
      equityWallet = f64x2.add(equityWallet, f64x2.splat(units * price));
      availableUsd += units * price;
      continue;
    }
    --unopened;
    const maintenance = load<f64>(sum, SumAt.maintenance);
    const equity = units + load<f64>(sum, SumAt.pnl);
    const available = equity - load<f64>(sum, SumAt.initial) - load<f64>(sum, SumAt.orders);
    const ownStatus = poolStatus(equity, maintenance);
    store<f64>(sum, units, SumAt.wallet);
    store<u32>(sum, ownStatus, SumAt.status);
    status = max(status, ownStatus);
    worstRatio = worseMarginRatio(worstRatio, equity, maintenance);
    const prices = f64x2.splat(price);
    equityWallet = f64x2.add(equityWallet, f64x2.mul(f64x2.replace_lane(f64x2.splat(equity), 1, units), prices));
    pnlInitial = f64x2.add(pnlInitial, f64x2.mul(v128.load(sum, SumAt.pnl), prices));
    maintenanceOrders = f64x2.add(maintenanceOrders, f64x2.mul(f64x2.replace_lane(f64x2.splat(maintenance), 1, load<f64>(sum, SumAt.orders)), prices));
    availableUsd += available * price;
    grossNet = f64x2.add(grossNet, v128.load(sum, SumAt.gross));
  }
  if (isolatedPools != 0) {
    // Each a pool of its own, whose money is the account's, but not available to anything else.
    let first = pass;
    for (sum = sums; sum < lastSum; sum += SumAt.bytes) {
      const end = <usize>load<u32>(sum, SumAt.last);
      const isHeld = end != first;
      first = end;
      if (load<u32>(sum, SumAt.isolated) == 0) continue;
      const margin = load<f64>(sum, SumAt.wallet);
      const maintenance = load<f64>(sum, SumAt.maintenance);
      const equity = margin + load<f64>(sum, SumAt.pnl);
      const ownStatus = poolStatus(equity, maintenance);
      store<u32>(sum, ownStatus, SumAt.status);
      if (!isHeld) continue;
      status = max(status, ownStatus);
      worstRatio = worseMarginRatio(worstRatio, equity, maintenance);
      const prices = f64x2.splat(assetPrice(load<u32>(sum, SumAt.settle)));
      equityWallet = f64x2.add(equityWallet, f64x2.mul(f64x2.replace_lane(f64x2.splat(equity), 1, margin), prices));
      pnlInitial = f64x2.add(pnlInitial, f64x2.mul(v128.load(sum, SumAt.pnl), prices));
      maintenanceOrders = f64x2.add(maintenanceOrders, f64x2.mul(f64x2.replace_lane(f64x2.splat(maintenance), 1, 0), prices));
      grossNet = f64x2.add(grossNet, v128.load(sum, SumAt.gross));
    }
  }

  const isTouched = (load<u32>(account, AccountAt.flags) & AccountFlag.Touched) != 0;
  let distance = Infinity;
  let nearest: u32 = 0;
  at = pass;
  for (sum = sums; sum < lastSum; sum += SumAt.bytes) {
    const block = <usize>load<u32>(sum, SumAt.block);
    const ownStatus = load<u32>(sum, SumAt.status);
    // A valuation at new marks alone leaves the pool's bound as it is: it holds until the marks have reached it.
    if (isTouched || <u32>load<u8>(block, PoolAt.status) != ownStatus) {
      const wallet = load<f64>(sum, SumAt.wallet);
      store<f64>(block, wallet + load<f64>(sum, SumAt.openCash), PoolAt.cash);
      store<f64>(block, abs(wallet) + load<f64>(sum, SumAt.openCashScale), PoolAt.scale);
      store<u8>(block, <u8>ownStatus, PoolAt.status);
      store<u8>(block, 0, PoolAt.isPooled);
      setUnsafe(block);
    }
    const end = <usize>load<u32>(sum, SumAt.last);
    setPrices(sum, at, end);
    at = end;
    if (poolNearest == 0 || !(poolDistance <= distance)) continue;
    // Equally near in two pools: the position that comes first in the account's list is named, which is not known here.
    if (poolDistance == distance) return false;
    distance = poolDistance;
    nearest = <u32>load<u16>(poolNearest, PoolEntryAt.key) >> 3;
  }
  const equityUsd = f64x2.extract_lane(equityWallet, 0);
  const maintenanceUsd = f64x2.extract_lane(maintenanceOrders, 0);
  const gross = f64x2.extract_lane(grossNet, 0);
  publishAccount(
    account,
    asOf,
    f64x2.extract_lane(equityWallet, 1),
    f64x2.extract_lane(pnlInitial, 0),
    equityUsd,
    f64x2.extract_lane(pnlInitial, 1),
    maintenanceUsd,
    f64x2.extract_lane(maintenanceOrders, 1),
    availableUsd,
    marginRatio(equityUsd, maintenanceUsd),
    worstRatio,
    marginRatio(equityUsd, gross),
    gross,
    f64x2.extract_lane(grossNet, 1),
    distance,
    status,
    nearest,
    reinterpret<f64>(oldest),
    0,
  );
  return true;
}

// First pass over a pool's positions: all that does not depend on the others. Returns where the next pool's begin in the pass, or 0
// where a position is not lean. What is rare waits until the pass is over: a call from its loop would have all sums go through memory.
function sumPositions(block: usize, sum: usize, first: usize): usize {
  const last = sumUsual(block, sum, first);
  if (last != TIER_LEFT) return last;
  findTiers(block);
  // A value that no tier holds is no number.
  const again = sumUsual(block, sum, first);
  return again == TIER_LEFT ? 0 : again;
}

/** A value is not in the tier it was found in last. */
const TIER_LEFT: usize = 1;

function sumUsual(block: usize, sum: usize, first: usize): usize {
  const id = load<u32>(block, PoolAt.id);
  const settle = <u32>load<u8>(block, PoolAt.settle);
  // Of the bits of a key those that a position of this pool may have.
  const usual: u32 = id & POOL_ISOLATED ? PositionFlag.Isolated : 0;
  store<u32>(sum, <u32>block, SumAt.block);
  store<u32>(sum, settle, SumAt.settle);
  store<u32>(sum, id & POOL_ISOLATED, SumAt.isolated);
  const settlePrice = assetPrice(settle);
  let newest = asOf;
  let eldest = oldest;
  let openCashScale: f64 = 0;
  // Flags of all entries, those of flat ones apart.
  let held: u32 = 0;
  let flat: u32 = 0;
  // Sums in pairs: each lane adds up in the order of the positions, as one alone would.
  let pnlInitial = f64x2.splat(0);
  let maintenanceCash = f64x2.splat(0);
  let grossNet = f64x2.splat(0);
  let at = first;
  let entry = block + PoolAt.entries;
  if (usual) store<f64>(sum, <f64>load<i64>(termsOf(load<u32>(entry, PoolEntryAt.row)), PositionTermsAt.isolatedMargin) / UNIT, SumAt.wallet);
  const end = entry + <usize>load<u16>(block, PoolAt.count) * PoolEntryAt.bytes;
  for (; entry < end; entry += PoolEntryAt.bytes) {
    const qty = load<f64>(entry, PoolEntryAt.qty);
    const entryFlags = <u32>load<u8>(entry, PoolEntryAt.flags);
    const key = <u32>load<u16>(entry, PoolEntryAt.key);
    const contract = contractOf(key >> 3);
    const contractFlags = load<u32>(contract, ContractAt.flags);
    if (qty == 0) {
      // The row of a flat position shows the mark and nothing else.
      store<f64>(<usize>load<u32>(entry, PoolEntryAt.row), contractFlags & ContractFlag.Marked ? load<f64>(contract, ContractAt.mark) : NaN, PositionAt.markPrice);
      flat |= entryFlags;
      if ((entryFlags & PoolEntryFlag.Orders) == 0) continue;
    }
    // Hedge-mode legs may be two of one instrument.
    if ((key & 7) != usual || (contractFlags & LEAN) != LEAN) return 0;
    newest = max(newest, load<i64>(contract, ContractAt.markTimeNs));
    eldest = min(eldest, load<i64>(contract, ContractAt.markReceivedNs));
    held |= entryFlags;
    if (qty != 0) {
      const row = <usize>load<u32>(entry, PoolEntryAt.row);
      const openCash = load<f64>(entry, PoolEntryAt.openCash);
      const mark = load<f64>(contract, ContractAt.mark);
      const size = qty * load<f64>(contract, ContractAt.contractSize);
      const signedValue = qty * load<f64>(contract, ContractAt.unitValue);
      const value = abs(signedValue);
      const positionPnl = openCash + signedValue;
      const piece = lastPieceOf(entry, contract);
      if (!isInPiece(piece, contract, value)) return TIER_LEFT;
      const rate = load<f64>(piece, PieceAt.rate);
      const constant = load<f64>(piece, PieceAt.constant);
      let initialMargin = value * load<f64>(piece, PieceAt.initialRate);
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
        store<u8>(entry, <u8>(entryFlags & ~PoolEntryFlag.Changed), PoolEntryAt.flags);
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
  }
  if (flat & PoolEntryFlag.Changed) clearFlat(block);
  asOf = newest;
  oldest = eldest;
  v128.store(sum, pnlInitial, SumAt.pnl);
  v128.store(sum, maintenanceCash, SumAt.maintenance);
  v128.store(sum, grossNet, SumAt.gross);
  store<f64>(sum, openCashScale, SumAt.openCashScale);
  store<f64>(sum, held & PoolEntryFlag.Orders ? sumOrders(block) : 0, SumAt.orders);
  store<u32>(sum, <u32>at, SumAt.last);
  return at;
}

// What setPrices found: the smallest distance of a mark to its liquidation price, and the entry it is of; 0: there is none.
let poolDistance: f64 = 0;
let poolNearest: usize = 0;

// Second pass over a pool's positions: liquidation and bankruptcy price of each, nearest mark. Nothing is called from the loop.
function setPrices(sum: usize, first: usize, last: usize): void {
  const wallet = load<f64>(sum, SumAt.wallet);
  const pnl = load<f64>(sum, SumAt.pnl);
  const maintenance = load<f64>(sum, SumAt.maintenance);
  let distance = Infinity;
  let nearest: u32 = 0;
  let found: u32 = 1;
  for (let at = first; at < last; at += PassAt.bytes) {
    const entry = <usize>load<u32>(at, PassAt.entry);
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
    const price = f64x2.extract_lane(prices, 0);
    // Worth more than all margin even where the position is worth nothing: no mark is low (inverse short: high) enough, and the
    // root is negative.
    const none = gains & u32(target < 0);
    const isFound = (isInside & u32(abs(root - mark) > INSIDE * mark) & u32(root > 0)) | none;
    store<u32>(at, isFound, PassAt.found);
    found &= isFound;
    // Both lie side by side in the row.
    v128.store(row, prices, PositionAt.liquidationPrice);
    // Without a branch: which position is the nearest cannot be foretold, and a wrong guess would wait for both divisions.
    const share = abs(price - mark) / mark;
    nearest = select<u32>(<u32>entry, nearest, share < distance);
    distance = f64x2.extract_lane(f64x2.pmin(f64x2.splat(distance), f64x2.splat(share)), 0);
  }
  poolDistance = distance;
  poolNearest = nearest;
  if (found == 0) searchPrices(sum, first, last);
}

// The liquidation prices that the second pass has left, and the nearest mark anew.
function searchPrices(sum: usize, first: usize, last: usize): void {
  const wallet = load<f64>(sum, SumAt.wallet);
  const pnl = load<f64>(sum, SumAt.pnl);
  const maintenance = load<f64>(sum, SumAt.maintenance);
  poolDistance = Infinity;
  poolNearest = 0;
  for (let at = first; at < last; at += PassAt.bytes) {
    const entry = <usize>load<u32>(at, PassAt.entry);
    const row = <usize>load<u32>(entry, PoolEntryAt.row);
    const contract = <usize>load<u32>(at, PassAt.contract);
    const mark = load<f64>(at, PassAt.mark);
    if (load<u32>(at, PassAt.found) == 0) {
      const cash = load<f64>(at, PassAt.openCash) + wallet + (pnl - load<f64>(at, PassAt.pnl));
      const other = maintenance - load<f64>(at, PassAt.maintenanceMargin);
      const isInverse = (load<u32>(contract, ContractAt.flags) & ContractFlag.Inverse) != 0;
      const price = searchPrice(contract, isInverse, load<f64>(row, PositionAt.notional), mark, load<f64>(at, PassAt.size), cash, other);
      store<f64>(row, price, PositionAt.liquidationPrice);
    }
    const share = abs(load<f64>(row, PositionAt.liquidationPrice) - mark) / mark;
    if (!(share < poolDistance)) continue;
    poolDistance = share;
    poolNearest = entry;
  }
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

/**
 * The same for the value of a pool's entry, which mostly lies in the tier where it was found last. A tier of the contract's own table
 * that has the value between its bounds is the right one, whatever has happened to the table since.
 */
// @ts-expect-error: decorator
@inline export function pieceOfEntry(entry: usize, contract: usize, value: f64): usize {
  const piece = lastPieceOf(entry, contract);
  return isInPiece(piece, contract, value) ? piece : findPiece(entry, contract, value);
}

// @ts-expect-error: decorator
@inline function lastPieceOf(entry: usize, contract: usize): usize {
  return <usize>load<u32>(contract, ContractAt.pieces) + <usize>load<u8>(entry, PoolEntryAt.tier) * PieceAt.bytes;
}

// @ts-expect-error: decorator
@inline function isInPiece(piece: usize, contract: usize, value: f64): bool {
  const reached = i64x2.bitmask(f64x2.le(v128.load(piece, PieceAt.from), f64x2.splat(value)));
  return (u32(reached == 1) & u32(piece < <usize>load<u32>(contract, ContractAt.piecesEnd))) != 0;
}

export function findPiece(entry: usize, contract: usize, value: f64): usize {
  const piece = pieceOf(contract, value);
  store<u8>(entry, <u8>((piece - <usize>load<u32>(contract, ContractAt.pieces)) / PieceAt.bytes), PoolEntryAt.tier);
  return piece;
}

// Finds the tiers of a pool's positions anew.
function findTiers(block: usize): void {
  let entry = block + PoolAt.entries;
  const end = entry + <usize>load<u16>(block, PoolAt.count) * PoolEntryAt.bytes;
  for (; entry < end; entry += PoolEntryAt.bytes) {
    const contract = contractOf(<u32>load<u16>(entry, PoolEntryAt.key) >> 3);
    if (load<u32>(contract, ContractAt.flags) & ContractFlag.Lean) findPiece(entry, contract, abs(load<f64>(entry, PoolEntryAt.qty) * load<f64>(contract, ContractAt.unitValue)));
  }
}

// Clears the rows of positions that have become flat; their marks stand there already.
function clearFlat(block: usize): void {
  let entry = block + PoolAt.entries;
  const end = entry + <usize>load<u16>(block, PoolAt.count) * PoolEntryAt.bytes;
  for (; entry < end; entry += PoolEntryAt.bytes) {
    const flags = load<u8>(entry, PoolEntryAt.flags);
    if (load<f64>(entry, PoolEntryAt.qty) != 0 || (flags & PoolEntryFlag.Changed) == 0) continue;
    store<u8>(entry, flags & ~PoolEntryFlag.Changed, PoolEntryAt.flags);
    const row = <usize>load<u32>(entry, PoolEntryAt.row);
    clearPosition(row, load<f64>(row, PositionAt.markPrice));
  }
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

function sumOrders(block: usize): f64 {
  hasOrders = 1;
  let orders: f64 = 0;
  let entry = block + PoolAt.entries;
  const end = entry + <usize>load<u16>(block, PoolAt.count) * PoolEntryAt.bytes;
  for (; entry < end; entry += PoolEntryAt.bytes) {
    if ((load<u8>(entry, PoolEntryAt.flags) & PoolEntryFlag.Orders) == 0) continue;
    const row = <usize>load<u32>(entry, PoolEntryAt.row);
    const contract = contractOf(<u32>load<u16>(entry, PoolEntryAt.key) >> 3);
    // Both 0 where the position is flat.
    orders += orderMargin(row, contract, load<f64>(entry, PoolEntryAt.qty), load<f64>(row, PositionAt.notional), load<f64>(row, PositionAt.initialMargin));
  }
  return orders;
}

function orderMargin(row: usize, contract: usize, qty: f64, value: f64, held: f64): f64 {
  const lotSize = load<f64>(contract, ContractAt.lotSize);
  const terms = termsOf(row);
  const leverage = <f64>load<i64>(row, PositionAt.leverage) / UNIT;
  const buyQty = <f64>load<i64>(terms, PositionTermsAt.buyLots) * lotSize;
  const buyNotional = <f64>load<i64>(terms, PositionTermsAt.buyValue) / UNIT;
  const sellQty = <f64>load<i64>(terms, PositionTermsAt.sellLots) * lotSize;
  const sellNotional = <f64>load<i64>(terms, PositionTermsAt.sellValue) / UNIT;
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
