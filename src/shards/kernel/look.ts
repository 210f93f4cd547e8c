// Looking at a pool: what it is worth and what margin it needs at the marks of now, from its block alone, and how far the marks
// may move before its status can be another.
//
// Equity and margin are sums of the same terms as in src/risk/, taken in another order (cash first), so they differ from the
// exact ones by rounding and by nothing else. Where that could matter, because a line is nearer than any rounding, the account
// is valued exactly and its rows tell. Everything said here without that holds for the exact numbers too.
//
// The bound. Let D be the largest drift of any contract from its anchor: its value (an inverse one's too) lies between
// anchor ÷ (1 + D) and anchor × (1 + D). From marks that have drifted by c_i to marks that have drifted by D, a contract's value
// changes by less than (1 + c_i)(1 + D) − 1 of itself, and the distance E − ρ·M of a pool to a line by less than
//     Σ w_i · ((1 + c_i)(1 + D) − 1),   w_i = |V_i| · (1 + ρ·rate_i),
// rate_i being the steepest rate its margin can come to. So as long as
//     D < (distance − Σ w_i·c_i) ÷ Σ w_i·(1 + c_i)
// no line is crossed. That quotient is stored; one number says when to look again, whatever the pool holds.
import { pieceAt, maintenancePiece } from "../../risk/margin/model";
import { LIQUIDATION_AT, REDUCE_ONLY_AT, WARNING_AT } from "../../risk/portfolio/status";
import {
  STATUS_BANKRUPT,
  STATUS_LIQUIDATION,
  STATUS_OK,
  STATUS_REDUCE_ONLY,
  STATUS_WARNING,
} from "../../risk/portfolio/workspace";
import { MarketHeaderAt } from "../../shared/layout/market";
import {
  AccountAt,
  BalanceAt,
  POOL_ISOLATED,
  POOL_STATUS_UNKNOWN,
  PoolAt,
  PoolEntryAt,
  PoolEntryFlag,
} from "../../shared/layout/shard";
import { assetDrift, driftScaleOf, driftsOf } from "./anchors";
import { assetHaircut, assetPrice, ContractAt, ContractFlag, contractOf, PieceAt, ws } from "./contracts";
import { pieceOfEntry } from "./lean";
import { accountRow, balanceRow, market, poolBlock } from "./memory";
import { findPool, setSafe, setUnsafe, unitOf } from "./pools";
import { isTouched } from "./touched";
import { valueAccount } from "./valuation";

const UNIT: f64 = 100000000;

/** No mark that is there can change its status. */
const FOREVER: f64 = 1e30;
/** Beyond this drift since the anchors the bounds of rates do not hold: look again. */
export const BOUND_MAX: f64 = 0.25;
export const DRIFT_MAX: f64 = 0.2;
/** Sums of up to 256 terms are exact to 256 · 2^-53 = 3e-14 of what is added up; ten times that and more is called near. */
export const NOISE: f64 = 1e-12;
/** Rounds the bound down by more than its operations round. */
export const QUOTIENT_DOWN: f64 = 0.999999;
/** The line farthest from equity = 0 in units of margin: every distance changes by no more than this one's. */
const STEEPEST: f64 = WARNING_AT;

// Sums over a block's entries.
let value: f64 = 0;
let margin: f64 = 0;
/** Σ w·(1 + c) and Σ w·c. */
let weight: f64 = 0;
let drifted: f64 = 0;
let largestDrift: f64 = 0;
let isUnmarked: bool = false;
let isUnbounded: bool = false;

// What a contract other than a lean one adds.
function addOther(entry: usize, contract: usize, flags: u32, qty: f64, drift: f64): void {
  const instrument = <i32>(load<u16>(entry, PoolEntryAt.key) >> 3);
  const signed = qty * load<f64>(contract, ContractAt.unitValue);
  const size = abs(signed);
  value += signed;
  if (flags & ContractFlag.Unbounded) {
    isUnbounded = true;
    return;
  }
  let w: f64 = 0;
  if (flags & ContractFlag.Option) {
    // Long options need no margin, short ones so much a contract. Premiums may double in a moment: drift is measured against
    // the underlying.
    if (qty < 0) margin -= qty * load<f64>(contract, ContractAt.shortMargin);
    w = abs(qty) * driftScaleOf(instrument, contract) * (qty < 0 ? 1 + STEEPEST : 1);
  } else {
    maintenancePiece(ws, instrument, qty, abs(load<f64>(entry, PoolEntryAt.openCash)), size, false);
    margin += pieceAt(ws, size);
    // One piece for all values; a parabola is steepest where values are largest.
    if (ws.pieceTo != Infinity || ws.pieceFrom != 0) isUnbounded = true;
    w = size * (1 + STEEPEST * (ws.pieceRate + 3 * ws.pieceSquare * size));
  }
  weight += w * (1 + drift);
  drifted += w * drift;
}

// Sums up a block. Drifts are those from the anchors that pools at `unit` are bound to: where the bound is kept. Lean contracts are
// summed up as in sweep.ts.
function sumEntries(block: usize, unit: u32): void {
  value = 0;
  margin = 0;
  weight = 0;
  drifted = 0;
  largestDrift = 0;
  isUnmarked = false;
  isUnbounded = false;
  const drifts = driftsOf(unit);
  let entry = block + PoolAt.entries;
  const end = entry + <usize>load<u16>(block, PoolAt.count) * PoolEntryAt.bytes;
  for (; entry < end; entry += PoolEntryAt.bytes) {
    const qty = load<f64>(entry, PoolEntryAt.qty);
    // Open orders cannot be valued without a mark either.
    if (qty == 0 && (load<u8>(entry, PoolEntryAt.flags) & PoolEntryFlag.Orders) == 0) continue;
    const instrument = <u32>load<u16>(entry, PoolEntryAt.key) >> 3;
    const contract = contractOf(instrument);
    const flags = load<u32>(contract, ContractAt.flags);
    if ((flags & ContractFlag.Marked) == 0) {
      isUnmarked = true;
      continue;
    }
    if (qty == 0) continue;
    const drift = load<f64>(drifts + (<usize>instrument << 3));
    largestDrift = max(largestDrift, drift);
    if ((flags & ContractFlag.Lean) == 0) {
      addOther(entry, contract, flags, qty, drift);
      continue;
    }
    const signed = qty * load<f64>(contract, ContractAt.unitValue);
    const size = abs(signed);
    const piece = pieceOfEntry(entry, contract, size);
    const w = size * load<f64>(piece, PieceAt.weight);
    value += signed;
    margin += load<f64>(piece, PieceAt.constant) + load<f64>(piece, PieceAt.rate) * size;
    weight += w + w * drift;
    drifted += w * drift;
  }
}

// Distance of a pool to the nearest line, and its status by these numbers.
let nearStatus: i32 = 0;
// @ts-expect-error: decorator
@inline function distanceToLine(equity: f64, maintenance: f64): f64 {
  if (equity > WARNING_AT * maintenance) {
    nearStatus = STATUS_OK;
    return equity - WARNING_AT * maintenance;
  }
  if (equity > REDUCE_ONLY_AT * maintenance) {
    nearStatus = STATUS_WARNING;
    return min(equity - REDUCE_ONLY_AT * maintenance, WARNING_AT * maintenance - equity);
  }
  if (equity > LIQUIDATION_AT * maintenance) {
    nearStatus = STATUS_REDUCE_ONLY;
    return min(equity - LIQUIDATION_AT * maintenance, REDUCE_ONLY_AT * maintenance - equity);
  }
  if (equity > 0) {
    nearStatus = STATUS_LIQUIDATION;
    return min(equity, LIQUIDATION_AT * maintenance - equity);
  }
  nearStatus = STATUS_BANKRUPT;
  return -equity;
}

/** Accounts valued because a pool of theirs was near or over a line, since the worker last noted it. */
export let lookValuations: u32 = 0;

export function clearLookValuations(): void {
  lookValuations = 0;
}

// Settles what a pool's numbers say: values the account where its status may be another, and stores how long it holds.
function settle(block: usize, equity: f64, maintenance: f64, noise: f64, hasStatus: bool): void {
  const unit = unitOf(block);
  store<f64>(block, equity, PoolAt.equity);
  store<f64>(block, maintenance, PoolAt.maintenance);
  store<u32>(block, load<u32>(market, MarketHeaderAt.marketVersion), PoolAt.marketVersion);
  // Without a mark an account has no status; the mark's appearing has everybody looked at, and this one valued.
  if (!hasStatus) {
    store<u8>(block, POOL_STATUS_UNKNOWN, PoolAt.status);
    setSafe(unit, <f32>FOREVER);
    return;
  }
  // Nothing held, nothing needed: what it is stays what it is.
  if (weight == 0 && maintenance == 0 && !isUnbounded && load<u8>(block, PoolAt.status) != POOL_STATUS_UNKNOWN) {
    setSafe(unit, <f32>FOREVER);
    return;
  }
  let distance = distanceToLine(equity, maintenance) - noise;
  let isCertain = distance > 0 && !isUnbounded;
  let status = nearStatus;
  if (weight == 0 && maintenance == 0 && !isUnbounded) {
    distance = 0;
    isCertain = true;
    status = equity < 0 ? STATUS_BANKRUPT : STATUS_OK;
  }
  // Valuing may move the account's blocks about only where a pool is added: a pool of cash, behind the others.
  if (!isCertain || <i32>load<u8>(block, PoolAt.status) != status) {
    ++lookValuations;
    const slot = load<u32>(block, PoolAt.account);
    const wasTouched = isTouched(slot);
    valueAccount(slot);
    // What was summed up was older than the ledger: the valuation has brought the pool up to date, and it is looked at again.
    if (wasTouched) {
      setUnsafe(block);
      return;
    }
    store<u8>(block, <u8>(isCertain ? status : POOL_STATUS_UNKNOWN), PoolAt.status);
  }
  let safe: f64 = -1;
  if (isCertain && largestDrift <= DRIFT_MAX) {
    const room = distance - drifted;
    safe = weight == 0 ? FOREVER : min(BOUND_MAX, (room / weight) * QUOTIENT_DOWN);
    if (!(safe >= 0)) safe = -1;
  }
  setSafe(unit, <f32>safe);
}

/** Looks at the pool in a block, and values its account where its status may have changed. */
export function lookAt(block: usize): void {
  if (load<u8>(block, PoolAt.isPooled) != 0 && (load<u32>(block, PoolAt.id) & POOL_ISOLATED) == 0) {
    lookAtPooled(block);
    return;
  }
  sumEntries(block, unitOf(block));
  const equity = load<f64>(block, PoolAt.cash) + value;
  settle(block, equity, margin, NOISE * (load<f64>(block, PoolAt.scale) + weight + margin), !isUnmarked);
}

// A multi-asset account's one pool, in USD: looked at through the first of its blocks.
function lookAtPooled(block: usize): void {
  const account = accountRow(load<u32>(block, PoolAt.account));
  let link = load<u32>(account, AccountAt.firstPool);
  let isFirst = true;
  let equityUsd: f64 = 0;
  let marginUsd: f64 = 0;
  let weightUsd: f64 = 0;
  let driftedUsd: f64 = 0;
  let noiseUsd: f64 = 0;
  let drift: f64 = 0;
  let unmarked = false;
  let unbounded = false;
  while (link != 0) {
    const each = poolBlock(link - 1);
    link = load<u32>(each, PoolAt.next);
    // Has a status of its own. Where a mark is missing there it is looked at, and the account valued, as soon as that appears.
    if (load<u32>(each, PoolAt.id) & POOL_ISOLATED) continue;
    if (isFirst && each != block) {
      setSafe(unitOf(block), <f32>FOREVER);
      return;
    }
    isFirst = false;
    sumEntries(each, unitOf(block));
    const asset = <u32>load<u8>(each, PoolAt.settle);
    const price = assetPrice(asset);
    const equity = load<f64>(each, PoolAt.cash) + value;
    const worth = equity * price;
    const priceDrift = assetDrift(asset, unitOf(block));
    equityUsd += min(worth * (1 - assetHaircut(asset)), worth);
    marginUsd += margin * price;
    // The price moves too: of what the positions gain, by half at most (BOUND_MAX), and of equity and margin as a whole.
    const w = (abs(equity) + STEEPEST * margin) * price;
    weightUsd += weight * price * 1.5 + w * (1 + priceDrift);
    driftedUsd += drifted * price * 1.5 + w * priceDrift;
    noiseUsd += (load<f64>(each, PoolAt.scale) + weight + margin) * price;
    drift = max(drift, max(largestDrift, priceDrift));
    unmarked = unmarked || isUnmarked;
    unbounded = unbounded || isUnbounded;
  }
  let balance = load<u32>(account, AccountAt.firstBalance);
  while (balance != 0) {
    const row = balanceRow(balance - 1);
    balance = load<u32>(row, BalanceAt.next);
    const asset = load<u32>(row, BalanceAt.asset);
    if (findPool(account, asset) != 0) continue;
    const price = assetPrice(asset);
    const worth = (<f64>load<i64>(row, BalanceAt.wallet) / UNIT) * price;
    const priceDrift = assetDrift(asset, unitOf(block));
    equityUsd += min(worth * (1 - assetHaircut(asset)), worth);
    weightUsd += abs(worth) * (1 + priceDrift);
    driftedUsd += abs(worth) * priceDrift;
    noiseUsd += abs(worth);
    drift = max(drift, priceDrift);
  }
  weight = weightUsd;
  drifted = driftedUsd;
  largestDrift = drift;
  isUnbounded = unbounded;
  settle(block, equityUsd, marginUsd, NOISE * noiseUsd, !unmarked);
}
