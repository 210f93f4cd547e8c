// Implied volatility after P. Jäckel, "Let's Be Rational" (Wilmott, January 2015): the normalised price is inverted from
// an initial guess in four segments by two third-order Householder steps, to the last attainable digits.
// Pure; no allocation; compiled by tsc and by asc. What follows the paper and what is ours: docs/options.md#implied-volatility.

import { exp } from "../math/exp";
import { log, logRatio } from "../math/log";
import { millsRatio } from "../math/mills";
import { inverseNormalCdf, inverseNormalCdfCentred, normalCdf, normalPdf } from "../math/normal";
import { logMoneyness } from "./black";
import { normalisedVega, timeValue, timeValueGap } from "./normalised";
import { rationalCubic, shapeControl } from "./rational-cubic";

/** Answer where the price is below intrinsic value: no volatility gives it. */
export const BELOW_INTRINSIC: f64 = -1;
/** Answer where the price is at or above what infinite volatility gives (or, at expiry, above intrinsic value). */
export const ABOVE_LIMIT: f64 = -2;

const SQRT_THREE: f64 = 1.7320508075688772;
const SQRT_PI_OVER_TWO: f64 = 1.2533141373155003;
const TWO_PI: f64 = 6.283185307179586;
const TWO_PI_OVER_SQRT_27: f64 = 1.2091995761561452;

// In the money the price's digits are shared with the intrinsic value. What is left of them is noise when it is no more
// than a few roundings (of price, forward, strike and their difference) of the larger leg: 2^−50.
const NOISE: f64 = 8.881784197001252e-16;

// After a step this small, relative to s, a fourth-order iteration has nothing more to find.
const LAST_STEP: f64 = 1e-5;
// Two steps are the rule. The bracket halves when a step leaves it, so this many always end it.
const MAX_STEPS: i32 = 100;

// The paper's transformation of the lowest segment, in which s is almost a straight line of the price:
// f(s) = (2π/√27)·|x|·N(−z)³ with z = |x|/(√3·s).
function lowerMap(absX: f64, s: f64): f64 {
  const p: f64 = normalCdf(-absX / (SQRT_THREE * s));
  return TWO_PI_OVER_SQRT_27 * absX * p * p * p;
}

function inverseLowerMap(absX: f64, f: f64): f64 {
  const cubeRoot: f64 = exp(log(f / (TWO_PI_OVER_SQRT_27 * absX)) / 3);
  return absX / (SQRT_THREE * -inverseNormalCdf(cubeRoot));
}

// Guess in the lowest segment, 0 < β < b(sLow): f interpolated between f(0) = 0, f′(0) = 1 and the segment's end.
function guessLowest(absX: f64, beta: f64, sLow: f64, bLow: f64): f64 {
  const f: f64 = lowerMap(absX, sLow);
  const z: f64 = absX / (SQRT_THREE * sLow);
  const mills: f64 = millsRatio(z);
  const ss: f64 = sLow * sLow;
  // df/dβ and d²f/dβ² at the end, N(−z) = φ(z)·M(z) put in so that only one exponential of each is left.
  const slope: f64 = z * z * mills * mills * exp(ss / 8);
  const bend: f64 = 8 * SQRT_THREE * sLow * absX + (3 * ss * (ss - 8) - 8 * absX * absX) * mills;
  const curvature: f64 = (TWO_PI / 12) * ((z * z) / (ss * sLow)) * mills * normalPdf(z) * bend * exp(2 * z * z + 0.25 * ss);
  const chord: f64 = f / bLow;
  const fit: f64 = (0.5 * bLow * curvature + (slope - 1)) / (slope - chord);
  const r: f64 = Math.max(fit, shapeControl(1, slope, chord));
  const value: f64 = rationalCubic(beta, 0, bLow, 0, f, 1, slope, r);
  return value > 0 && value < f ? inverseLowerMap(absX, value) : 0.5 * sLow;
}

// Guess in the highest segment, β > b(sHigh): f(s) = N(−s/2), which ends at f = 0 with slope −½ where β is the limit.
function guessHighest(absX: f64, gap: f64, sHigh: f64, gapHigh: f64): f64 {
  const f: f64 = normalCdf(-0.5 * sHigh);
  const h: f64 = absX / sHigh;
  const w: f64 = h * h;
  const slope: f64 = -0.5 * exp(0.5 * w);
  const curvature: f64 = SQRT_PI_OVER_TWO * exp(w + 0.125 * sHigh * sHigh) * (w / sHigh);
  const chord: f64 = -f / gapHigh;
  const fit: f64 = (0.5 * gapHigh * curvature + (-0.5 - slope)) / (chord - slope);
  const r: f64 = Math.max(fit, shapeControl(slope, -0.5, chord));
  const value: f64 = rationalCubic(gapHigh - gap, 0, gapHigh, f, 0, slope, -0.5, r);
  return value > 0 && value < f ? -2 * inverseNormalCdf(value) : 2 * sHigh;
}

/**
 * Total volatility s = σ√T at which the normalised out-of-the-money price is β.
 *
 * @param x    ln(F/K) for a call, ln(K/F) for a put; ≤ 0
 * @param beta price / √(F·K), 0 < β
 * @param gap  e^(x/2) − β, given apart because it cannot be had from β without loss where it is small; > 0
 * @returns s > 0
 */
export function impliedTotalVol(x: f64, beta: f64, gap: f64): f64 {
  // At the money the price is N(s/2) − N(−s/2).
  if (x === 0) return 2 * inverseNormalCdfCentred(0.5 * beta, 0.5 * gap);
  const absX: f64 = -x;
  const limit: f64 = exp(0.5 * x);
  // The price is convex in s below sMid and concave above. The tangent there meets 0 and the limit at sLow and sHigh.
  const tMid: f64 = Math.sqrt(0.5 * absX);
  const sMid: f64 = 2 * tMid;
  const vMid: f64 = normalisedVega(-tMid, tMid);
  const bMid: f64 = timeValue(-tMid, tMid, SQRT_PI_OVER_TWO, millsRatio(sMid), vMid, limit);

  let s: f64 = 0;
  let low: f64 = 0;
  let high: f64 = Infinity;
  let segment: i32 = 0; // 1: lowest, 2: the two in the middle, 3: highest
  if (beta < bMid) {
    const sLow: f64 = sMid - bMid / vMid;
    const vLow: f64 = normalisedVega(x / sLow, 0.5 * sLow);
    const bLow: f64 = priceAt(x, sLow, vLow, limit);
    if (beta < bLow) {
      segment = 1;
      high = sLow;
      s = guessLowest(absX, beta, sLow, bLow);
    } else {
      segment = 2;
      low = sLow;
      high = sMid;
      const chord: f64 = (sMid - sLow) / (bMid - bLow);
      const fit: f64 = (1 / vMid - 1 / vLow) / (1 / vMid - chord); // the curve has no curvature at sMid
      const r: f64 = Math.max(fit, shapeControl(1 / vLow, 1 / vMid, chord));
      s = rationalCubic(beta, bLow, bMid, sLow, sMid, 1 / vLow, 1 / vMid, r);
    }
  } else {
    const sHigh: f64 = sMid + (limit - bMid) / vMid;
    const vHigh: f64 = normalisedVega(x / sHigh, 0.5 * sHigh);
    const gapHigh: f64 = gapAt(x, sHigh, vHigh, limit);
    if (gap >= gapHigh) {
      segment = 2;
      low = sMid;
      high = sHigh;
      const bHigh: f64 = limit - gapHigh;
      const chord: f64 = (sHigh - sMid) / (bHigh - bMid);
      const fit: f64 = (1 / vHigh - 1 / vMid) / (chord - 1 / vMid);
      const r: f64 = Math.max(fit, shapeControl(1 / vMid, 1 / vHigh, chord));
      s = rationalCubic(beta, bMid, bHigh, sMid, sHigh, 1 / vMid, 1 / vHigh, r);
    } else {
      segment = gap < 0.5 * limit ? 3 : 2;
      low = sHigh;
      s = guessHighest(absX, gap, sHigh, gapHigh);
    }
  }
  return polish(x, beta, gap, limit, s, low, high, segment);
}

function priceAt(x: f64, s: f64, vega: f64, limit: f64): f64 {
  const h: f64 = x / s;
  const t: f64 = 0.5 * s;
  return timeValue(h, t, millsRatio(Math.abs(h + t)), millsRatio(t - h), vega, limit);
}

function gapAt(x: f64, s: f64, vega: f64, limit: f64): f64 {
  const h: f64 = x / s;
  const t: f64 = 0.5 * s;
  return timeValueGap(h, t, millsRatio(Math.abs(h + t)), millsRatio(t - h), vega, limit);
}

// Householder's third-order steps within a bracket that always holds the answer. The function whose zero is sought is
// the paper's for each segment, chosen so that it is nearly straight there:
//   lowest   1/ln b(s) − 1/ln β
//   middle   b(s) − β
//   highest  ln((limit − β)/(limit − b(s)))
function polish(x: f64, beta: f64, gap: f64, limit: f64, guess: f64, left: f64, right: f64, segment: i32): f64 {
  let s: f64 = guess;
  let low: f64 = left;
  let high: f64 = right;
  const logBeta: f64 = segment === 1 ? log(beta) : 0;
  for (let step: i32 = 0; step < MAX_STEPS; step++) {
    if (!(s >= low && s <= high)) s = middle(low, high);
    const h: f64 = x / s;
    const t: f64 = 0.5 * s;
    const v: f64 = normalisedVega(h, t);
    const near: f64 = millsRatio(Math.abs(h + t));
    const far: f64 = millsRatio(t - h);
    // b″/b′ and b‴/b′
    const second: f64 = ((h - t) * (h + t)) / s;
    const third: f64 = second * second - 3 * (h / s) * (h / s) - 0.25;
    let newton: f64 = 0; // −g/g′
    let halley: f64 = 0; // g″/g′
    let hh3: f64 = 0; // g‴/g′
    let isShort: boolean = false; // b(s) < β
    if (segment === 3) {
      const gapHere: f64 = timeValueGap(h, t, near, far, v, limit);
      const ratio: f64 = v / gapHere;
      isShort = gapHere > gap;
      newton = log(gapHere / gap) / ratio;
      halley = second + ratio;
      hh3 = third + ratio * (2 * ratio + 3 * second);
    } else {
      const b: f64 = timeValue(h, t, near, far, v, limit);
      isShort = b < beta;
      if (segment === 1) {
        const logB: f64 = log(b);
        const ratio: f64 = v / b;
        newton = ((logBeta - logB) * logB) / (logBeta * ratio);
        const twist: f64 = 1 + 2 / logB;
        halley = second - ratio * twist;
        hh3 = third + 2 * ratio * ratio * (1 + (3 / logB) * (1 + 1 / logB)) - 3 * second * ratio * twist;
      } else {
        newton = (beta - b) / v;
        halley = second;
        hh3 = third;
      }
    }
    if (isShort) low = s;
    else high = s;
    const move: f64 = (newton * (1 + 0.5 * halley * newton)) / (1 + newton * (halley + (hh3 * newton) / 6));
    const next: f64 = s + move;
    if (Math.abs(move) <= LAST_STEP * s) return next;
    // Outside the bracket, or not a number because the price has underflowed: halve the bracket instead.
    s = next > low && next < high ? next : middle(low, high);
    if (s <= low || s >= high) return s; // no double is left between them
  }
  return s;
}

function middle(low: f64, high: f64): f64 {
  return high === Infinity ? 2 * low : 0.5 * (low + high);
}

/**
 * Implied volatility on two legs.
 *
 * @param sign      CALL or PUT
 * @param price     in the unit of the legs
 * @param assetLeg  > 0
 * @param strikeLeg > 0
 * @param x         ln(assetLeg / strikeLeg)
 * @param years     ≥ 0
 * @returns vol ≥ 0, BELOW_INTRINSIC or ABOVE_LIMIT
 */
function impliedVol(sign: f64, price: f64, assetLeg: f64, strikeLeg: f64, x: f64, years: f64): f64 {
  const limit: f64 = sign > 0 ? assetLeg : strikeLeg;
  if (!(price < limit)) return ABOVE_LIMIT;
  let value: f64 = price;
  if (sign * x > 0) {
    const noise: f64 = NOISE * limit;
    value -= Math.max(sign * (assetLeg - strikeLeg), 0);
    if (value < -noise) return BELOW_INTRINSIC;
    if (value <= noise) return 0;
  } else {
    if (value < 0) return BELOW_INTRINSIC;
    if (value === 0) return 0;
  }
  if (years === 0) return ABOVE_LIMIT;
  const scale: f64 = Math.sqrt(assetLeg) * Math.sqrt(strikeLeg);
  return impliedTotalVol(-Math.abs(x), value / scale, (limit - price) / scale) / Math.sqrt(years);
}

/**
 * Volatility at which Black-76 gives this price.
 *
 * Exactly at intrinsic value the answer is 0; in the money, "exactly" allows for the rounding of a few last bits.
 *
 * @param sign     CALL or PUT
 * @param price    ≥ 0
 * @param forward  > 0
 * @param strike   > 0
 * @param years    ≥ 0; at 0 only intrinsic value has an answer
 * @param discount > 0
 * @returns per √year, ≥ 0; BELOW_INTRINSIC or ABOVE_LIMIT where there is none
 */
export function black76ImpliedVol(sign: f64, price: f64, forward: f64, strike: f64, years: f64, discount: f64): f64 {
  return impliedVol(sign, price / discount, forward, strike, logRatio(forward, strike), years);
}

/** Volatility at which generalised Black–Scholes gives this price. @see black76ImpliedVol, blackScholes */
export function blackScholesImpliedVol(
  sign: f64,
  price: f64,
  spot: f64,
  strike: f64,
  years: f64,
  rate: f64,
  dividendYield: f64,
): f64 {
  const assetLeg: f64 = spot * exp(-dividendYield * years);
  const strikeLeg: f64 = strike * exp(-rate * years);
  return impliedVol(sign, price, assetLeg, strikeLeg, logMoneyness(spot, strike, years, rate, dividendYield), years);
}
