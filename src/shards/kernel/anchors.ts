// Anchors: what contracts and assets were worth when the last walk over all pools began, and how far they have drifted since.
// There are two sets, because a walk takes a while: pools it has passed are bound to the new anchors, those ahead of it to the
// ones before.
//
// Drift of a linear or inverse contract: max(value ÷ anchor, anchor ÷ value) − 1, the same for the value and for its inverse. Of an
// option: the change of its value or of its margin, whichever is larger, as a share of its underlying.
import { MarketHeaderAt } from "../../shared/layout/market";
import { ASSET_SLOTS, INSTRUMENT_SLOTS } from "../../shared/limits";
import { assetPrice, ContractAt, ContractFlag, contractOf } from "./contracts";
import { market } from "./memory";
import { walkUnit } from "./pools";

/** A drift is never said to be smaller than it is: rounding up by more than any of these operations rounds. */
const ROUND_UP: f64 = 1.000000000001;
const TINY: f64 = 1e-14;

// Set × instrument.
const anchors = new Float64Array(2 * INSTRUMENT_SLOTS);
const shortAnchors = new Float64Array(2 * INSTRUMENT_SLOTS);
const scaleAnchors = new Float64Array(2 * INSTRUMENT_SLOTS);
const drifts = new Float64Array(2 * INSTRUMENT_SLOTS);
const assetAnchors = new Float64Array(2 * ASSET_SLOTS);
const assetDrifts = new Float64Array(2 * ASSET_SLOTS);

/** The set that pools behind the walk are bound to; those at and ahead of walkUnit are bound to the other. */
let newSet: u32 = 0;

// @ts-expect-error: decorator
@inline function setOf(unit: u32): u32 {
  return unit < walkUnit ? newSet : newSet ^ 1;
}

/** Drifts of all contracts for a pool: f64 by instrument. */
// @ts-expect-error: decorator
@inline export function driftsOf(unit: u32): usize {
  return drifts.dataStart + (<usize>(setOf(unit) * INSTRUMENT_SLOTS) << 3);
}

/** The same for pools behind the walk. */
export function driftsBehind(): usize {
  return drifts.dataStart + (<usize>(newSet * INSTRUMENT_SLOTS) << 3);
}

/** What an option's drift is measured against. */
export function driftScaleOf(instrument: u32, contract: usize): f64 {
  return max(load<f64>(contract, ContractAt.scale), max(scaleAnchors[instrument], scaleAnchors[INSTRUMENT_SLOTS + instrument]));
}

export function assetDrift(asset: u32, unit: u32): f64 {
  return assetDrifts[setOf(unit) * ASSET_SLOTS + asset];
}

function anchor(set: u32, id: u32): void {
  const contract = contractOf(id);
  const at = set * INSTRUMENT_SLOTS + id;
  anchors[at] = abs(load<f64>(contract, ContractAt.unitValue));
  shortAnchors[at] = load<f64>(contract, ContractAt.shortMargin);
  scaleAnchors[at] = load<f64>(contract, ContractAt.scale);
  drifts[at] = 0;
}

/** A walk over all pools begins: its anchors are the marks of now. */
export function anchorWalk(): void {
  newSet ^= 1;
  const end = load<u32>(market, MarketHeaderAt.instrumentEnd);
  for (let id: u32 = 1; id < end; ++id) anchor(newSet, id);
  for (let id: u32 = 0; id < <u32>ASSET_SLOTS; ++id) {
    assetAnchors[newSet * ASSET_SLOTS + id] = assetPrice(id);
    assetDrifts[newSet * ASSET_SLOTS + id] = 0;
  }
}

/** Anchors a contract anew in both sets. Whoever holds it must be looked at. */
export function anchorContract(id: u32): void {
  anchor(0, id);
  anchor(1, id);
}

/** Anchors an asset anew in both sets, likewise. */
export function anchorAsset(id: u32): void {
  for (let set: u32 = 0; set < 2; ++set) {
    assetAnchors[set * ASSET_SLOTS + id] = assetPrice(id);
    assetDrifts[set * ASSET_SLOTS + id] = 0;
  }
}

/** A contract's mark moved. */
export function driftContract(id: u32): void {
  const contract = contractOf(id);
  const value = abs(load<f64>(contract, ContractAt.unitValue));
  const isOption = (load<u32>(contract, ContractAt.flags) & ContractFlag.Option) != 0;
  for (let set: u32 = 0; set < 2; ++set) {
    const at = set * INSTRUMENT_SLOTS + id;
    const anchored = anchors[at];
    if (isOption) {
      const moved = max(abs(value - anchored), abs(load<f64>(contract, ContractAt.shortMargin) - shortAnchors[at]));
      drifts[at] = (moved / scaleAnchors[at]) * ROUND_UP + TINY;
    } else drifts[at] = max(value / anchored, anchored / value) * ROUND_UP + TINY - 1;
    if (!(drifts[at] >= 0)) drifts[at] = Infinity;
  }
}

export function driftAsset(id: u32): void {
  const price = assetPrice(id);
  for (let set: u32 = 0; set < 2; ++set) {
    const at = set * ASSET_SLOTS + id;
    const anchored = assetAnchors[at];
    assetDrifts[at] = price == anchored ? 0 : max(price / anchored, anchored / price) * ROUND_UP + TINY - 1;
    if (!(assetDrifts[at] >= 0)) assetDrifts[at] = Infinity;
  }
}

/** The largest drift of anything held, for pools behind the walk (true) or at and ahead of it (false). */
export function largestDrift(isBehind: bool): f64 {
  const set = isBehind ? newSet : newSet ^ 1;
  let largest: f64 = 0;
  const end = load<u32>(market, MarketHeaderAt.instrumentEnd);
  for (let id: u32 = 1; id < end; ++id) {
    const contract = contractOf(id);
    if ((load<u32>(contract, ContractAt.flags) & ContractFlag.Marked) == 0 || load<u32>(contract, ContractAt.holders) == 0) continue;
    largest = max(largest, drifts[set * INSTRUMENT_SLOTS + id]);
  }
  const assetEnd = load<u32>(market, MarketHeaderAt.assetEnd);
  for (let id: u32 = 0; id < assetEnd; ++id) largest = max(largest, assetDrifts[set * ASSET_SLOTS + id]);
  return largest;
}
