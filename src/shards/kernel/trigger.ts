// After marks moved: every account whose status changed is found, and told of, without looking at those that cannot have changed.
//
// A pass runs over the pools' bounds (look.ts), 64 at a time by their smallest, and looks at the pools whose bound the drift has
// reached: those near a line, and those that a fill touched since the last pass. A walk runs over all pools, whenever marks
// have moved, and gives each a new bound from new anchors and its equity and margin at the marks of now; so drifts stay small, and
// passes short. Both go on in chunks, the pass before everything else.
import { MarketHeaderAt } from "../../shared/layout/market";
import { ControlAt, POOL_FREE, POOL_GROUP_UNITS, PoolAt } from "../../shared/layout/shard";
import { anchorWalk, driftsBehind, largestDrift } from "./anchors";
import { clearLookValuations, DRIFT_MAX, lookAt, lookValuations } from "./look";
import { CONTROL, count, market, poolBlock, poolSafe, poolSafeMinima } from "./memory";
import { rebuilds, setWalkUnit, walkUnit } from "./pools";
import { swept, sweepUsual } from "./sweep";
import { warmGroups } from "./warm";

/** What valuing an account costs beside looking at a pool, in the unit of a chunk's limit. */
const VALUATION_COST: u32 = 8;
/** Groups of bounds that cost as much as looking at one pool. */
const GROUPS_PER_LOOK: u32 = 16;
/** Above every bound of a pool, below those of free units. */
const EVERYBODY: f64 = 1e31;

let passDue: bool = false;
let everybodyDue: bool = false;
let passing: bool = false;
let group: u32 = 0;
let groupEnd: u32 = 0;
let reachBehind: f32 = 0;
let reachAhead: f32 = 0;
let passVersion: u32 = 0;
let seenRebuilds: u32 = 0;

let walkDue: bool = false;
let walking: bool = false;

/** Marks moved: pools may have crossed a line. */
export function markMoved(): void {
  passDue = true;
  walkDue = true;
}

/** Terms changed, or a mark appeared or vanished: every pool is looked at. */
export function markTermsChanged(): void {
  everybodyDue = true;
  markMoved();
}

function countLooks(looks: u32): u32 {
  count(ControlAt.triggerPools, looks);
  const valuations = lookValuations;
  if (valuations != 0) count(ControlAt.triggerValuations, valuations);
  if (valuations != 0) count(ControlAt.valuations, valuations);
  clearLookValuations();
  return valuations;
}

/** Whether the pass over what moved is not at its end. */
export function isTriggerDue(): bool {
  return passDue || passing;
}

function restartPass(): void {
  passing = false;
  passDue = true;
}

function beginPass(): void {
  passDue = false;
  passing = true;
  group = 0;
  seenRebuilds = rebuilds;
  passVersion = load<u32>(market, MarketHeaderAt.marketVersion);
  groupEnd = (load<u32>(CONTROL, ControlAt.poolEnd) + POOL_GROUP_UNITS - 1) / POOL_GROUP_UNITS;
  // A price that had been 0 has drifted by ∞; units that no pool begins at are out of reach all the same.
  reachBehind = reachOf(everybodyDue ? EVERYBODY : min(EVERYBODY, largestDrift(true)));
  reachAhead = reachOf(everybodyDue ? EVERYBODY : min(EVERYBODY, largestDrift(false)));
  everybodyDue = false;
}

// @ts-expect-error: decorator
@inline function minimumAt(at: u32): usize {
  return poolSafeMinima + (<usize>at << 2);
}

// Looks at the pools of a group whose bound is reached. Returns how many.
function lookAtGroup(at: u32, reach: f32): u32 {
  const first = at * POOL_GROUP_UNITS;
  let looks: u32 = 0;
  // What is set meanwhile, here or elsewhere, lowers it again.
  store<f32>(minimumAt(at), f32.MAX_VALUE);
  let minima = f32x4.splat(f32.MAX_VALUE);
  for (let four = first; four < first + POOL_GROUP_UNITS; four += 4) {
    const bounds = v128.load(poolSafe + (<usize>four << 2));
    if (!v128.any_true(f32x4.le(bounds, f32x4.splat(reach)))) {
      minima = f32x4.pmin(minima, bounds);
      continue;
    }
    for (let unit = four; unit < four + 4; ++unit) {
      // Looking at one may have set the next one's.
      const bound = load<f32>(poolSafe + (<usize>unit << 2));
      if (bound <= reach) {
        lookAt(poolBlock(unit));
        ++looks;
      } else minima = f32x4.pmin(minima, f32x4.splat(bound));
    }
  }
  const minimum = leastOf(minima);
  if (minimum < load<f32>(minimumAt(at))) store<f32>(minimumAt(at), minimum);
  return looks;
}

// @ts-expect-error: decorator
@inline function leastOf(four: v128): f32 {
  return min(min(f32x4.extract_lane(four, 0), f32x4.extract_lane(four, 1)), min(f32x4.extract_lane(four, 2), f32x4.extract_lane(four, 3)));
}

// Bounds are kept in 32 bits, and rounded down: the reach is rounded up, by more than a conversion rounds.
function reachOf(drift: f64): f32 {
  return <f32>(drift * 1.0000002);
}

/**
 * Goes on with the pass at hand, or begins one where marks have moved, until the work of looking at `limit` pools is done.
 * @returns work done; 0: nothing is due
 */
export function triggerSome(limit: u32): u32 {
  // All blocks lie elsewhere since then, and all are unsafe.
  if (passing && seenRebuilds != rebuilds) restartPass();
  if (!passing) {
    if (!passDue) return 0;
    beginPass();
  }
  let work: u32 = 0;
  let groups: u32 = 0;
  let looks: u32 = 0;
  let warmed = group;
  for (; group < groupEnd && work + groups / GROUPS_PER_LOOK < limit; ++group) {
    ++groups;
    const first = group * POOL_GROUP_UNITS;
    const reach = first + POOL_GROUP_UNITS <= walkUnit ? reachBehind : first >= walkUnit ? reachAhead : max(reachBehind, reachAhead);
    if (!(load<f32>(minimumAt(group)) <= reach)) continue;
    if (group >= warmed) warmed = warmGroups(group, groupEnd, max(reachBehind, reachAhead));
    const looked = lookAtGroup(group, reach);
    looks += looked;
    work += looked + countLooks(looked) * VALUATION_COST;
  }
  if (group >= groupEnd) {
    passing = false;
    count(ControlAt.triggerPasses, 1);
    atomic.store<u32>(CONTROL, passVersion, ControlAt.triggeredVersion);
  }
  return max(work + groups / GROUPS_PER_LOOK, 1);
}

/**
 * Goes on with the walk over all pools, or begins one where marks have moved since the last began, until `limit` pools have
 * been looked at.
 * @returns work done; 0: nothing is due
 */
export function walkSome(limit: u32): u32 {
  if (!walking) {
    if (!walkDue) return 0;
    walkDue = false;
    walking = true;
    // The reach of a pass at hand was that to the anchors which are now given up.
    if (passing) restartPass();
    setWalkUnit(0);
    anchorWalk();
  }
  let work: u32 = 0;
  let looks: u32 = 0;
  let at = walkUnit;
  const end = load<u32>(CONTROL, ControlAt.poolEnd);
  // No mark moves within a chunk.
  const isNear = largestDrift(true) <= DRIFT_MAX;
  while (at < end && work < limit) {
    let next = at;
    if (isNear) {
      next = sweepUsual(at, end, limit - work, driftsBehind());
      looks += swept;
      work += swept;
    }
    if (next != at) setWalkUnit(next);
    else {
      const block = poolBlock(at);
      next = at + (<u32>1 << <u32>load<u8>(block, PoolAt.order));
      // Behind the walk now: what it is given is a bound to the new anchors.
      setWalkUnit(next);
      if (load<u32>(block, PoolAt.account) != POOL_FREE) {
        const valuations = lookValuations;
        lookAt(block);
        ++looks;
        work += 1 + (lookValuations - valuations) * VALUATION_COST;
      }
    }
    // Looking may have valued an account, and that may have moved blocks: walkUnit stands where one begins.
    if (at / POOL_GROUP_UNITS != walkUnit / POOL_GROUP_UNITS) settleGroups(at / POOL_GROUP_UNITS, walkUnit / POOL_GROUP_UNITS);
    at = walkUnit;
  }
  countLooks(0);
  count(ControlAt.poolsWalked, looks);
  if (at >= end) {
    walking = false;
    setWalkUnit(u32.MAX_VALUE);
    count(ControlAt.poolWalks, 1);
  }
  return max(work, 1);
}

// The walk has left these groups: their minima are what their bounds are now.
function settleGroups(from: u32, to: u32): void {
  for (let at = from; at < to; ++at) {
    let minima = f32x4.splat(f32.MAX_VALUE);
    const first = poolSafe + (<usize>at * POOL_GROUP_UNITS << 2);
    for (let unit: u32 = 0; unit < <u32>POOL_GROUP_UNITS; unit += 4) minima = f32x4.pmin(minima, v128.load(first + (<usize>unit << 2)));
    store<f32>(minimumAt(at), leastOf(minima));
  }
}
