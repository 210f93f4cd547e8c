// The usual pool in a row of pools: the revaluation of everybody as a stream over the blocks, from first to last, with nothing in
// the loop but loads, products and sums. What it says of a pool is what lookAt (look.ts) says, by the same formulas; where there is
// more to do than to write it down (near a line, another status than before, a contract that is not lean, a tier left), it stops, and
// lookAt takes that pool. Nothing is called from the loop: a call would have its sums go through memory at each position.
import { WARNING_AT } from "../../risk/portfolio/status";
import { STATUS_OK } from "../../risk/portfolio/workspace";
import { MarketHeaderAt } from "../../shared/layout/market";
import { POOL_FREE, POOL_GROUP_UNITS, PoolAt, PoolEntryAt } from "../../shared/layout/shard";
import { ContractAt, contractOf, PieceAt } from "./contracts";
import { BOUND_MAX, NOISE, QUOTIENT_DOWN } from "./look";
import { market, poolBlock, poolSafe, poolSafeMinima } from "./memory";

/** What comparing a value with `from` and `to` of its tier gives. */
const FROM_ONLY: v128 = i64x2(-1, 0);

/** Pools that the last call has revalued. */
export let swept: u32 = 0;

/**
 * Revalues pools from unit `from` on, behind the walk, until `end`, until `limit` of them, or until one that is not usual. All contracts'
 * drifts since their anchors must be at most DRIFT_MAX.
 * @param drifts of contracts for pools behind the walk
 * @returns the unit it has come to: the first of a pool that is not usual, or of a group of bounds, or `end`
 */
export function sweepUsual(from: u32, end: u32, limit: u32, drifts: usize): u32 {
  const contracts = contractOf(0);
  const version = load<u32>(market, MarketHeaderAt.marketVersion);
  let count: u32 = 0;
  let unit = from;
  // To the end of the group of bounds at most: its minimum is the caller's.
  const last = min(end, (from & ~(POOL_GROUP_UNITS - 1)) + POOL_GROUP_UNITS);
  const minimumAt = poolSafeMinima + (<usize>(from / POOL_GROUP_UNITS) << 2);
  let minimum = load<f32>(minimumAt);
  while (unit < last && count < limit) {
    const block = poolBlock(unit);
    // u16 entries, u8 order, u8 isPooled.
    const shape = load<u32>(block, PoolAt.count);
    const next = unit + (<u32>1 << ((shape >> 16) & 0xff));
    if (load<u32>(block, PoolAt.account) == POOL_FREE) {
      unit = next;
      continue;
    }
    // Below 0 where a tier is not one of the table's, or the contract not lean; not 0 where a value is not between its tier's bounds.
    let outside: i32 = 0;
    let beyond = f64x2.splat(0);
    let value: f64 = 0;
    let constants: f64 = 0;
    let drifted: f64 = 0;
    let marginWeight = f64x2.splat(0);
    let entry = block + PoolAt.entries;
    for (const after = entry + <usize>(shape & 0xffff) * PoolEntryAt.bytes; entry < after; entry += PoolEntryAt.bytes) {
      // u16 instrument × 8 + mode, u8 flags, u8 tier.
      const key = load<u32>(entry, PoolEntryAt.key);
      const contract = contracts + ((key & 0xfff8) * (ContractAt.bytes / 8));
      const signed = load<f64>(entry, PoolEntryAt.qty) * load<f64>(contract, ContractAt.unitValue);
      const size = f64x2.splat(abs(signed));
      const piece = <usize>load<u32>(contract, ContractAt.pieces) + <usize>(key >> 24) * PieceAt.bytes;
      outside |= <i32>(load<u32>(contract, ContractAt.lastPiece) - piece);
      beyond = v128.or(beyond, v128.xor(f64x2.le(v128.load(piece, PieceAt.from), size), FROM_ONLY));
      const products = f64x2.mul(size, v128.load(piece, PieceAt.rate));
      value += signed;
      constants += load<f64>(piece, PieceAt.constant);
      marginWeight = f64x2.add(marginWeight, products);
      drifted += f64x2.extract_lane(products, 1) * load<f64>(drifts + (key & 0xfff8));
    }
    const margin = constants + f64x2.extract_lane(marginWeight, 0);
    const weight = f64x2.extract_lane(marginWeight, 1) + drifted;
    const equity = load<f64>(block, PoolAt.cash) + value;
    const distance = equity - WARNING_AT * margin - NOISE * (load<f64>(block, PoolAt.scale) + weight + margin);
    const safe = ((distance - drifted) / weight) * QUOTIENT_DOWN;
    // Clear of the first line, as it was before, and with something to lose: all else is lookAt's.
    const isOdd = outside < 0 || shape >> 24 != 0 || v128.any_true(beyond);
    if (isOdd || !(distance > 0) || <i32>load<u8>(block, PoolAt.status) != STATUS_OK || !(weight > 0) || !(safe >= 0)) break;
    store<f64>(block, equity, PoolAt.equity);
    store<f64>(block, margin, PoolAt.maintenance);
    store<u32>(block, version, PoolAt.marketVersion);
    const bound = <f32>(safe < BOUND_MAX ? safe : BOUND_MAX);
    store<f32>(poolSafe + (<usize>unit << 2), bound);
    minimum = bound < minimum ? bound : minimum;
    ++count;
    unit = next;
  }
  store<f32>(minimumAt, minimum);
  swept = count;
  return unit;
}
