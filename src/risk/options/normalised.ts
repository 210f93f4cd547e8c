// The time value of a European option in normalised form: forward and strike enter only through x = ln(F/K), volatility
// and time only through s = σ√T, money through a scale that is multiplied on. Everything here is about the
// out-of-the-money option (x ≤ 0 for a call); the other side is parity's business.
// Pure; no allocation; compiled by tsc and by asc. Derivations: docs/options.md#the-normalised-price.
//
// With h = x/s ≤ 0 and t = s/2 > 0, so that d1 = h + t and d2 = h − t, the normalised price is
//
//   b(x, s) = e^(x/2)·N(h + t) − e^(−x/2)·N(h − t) = v·[Y(h + t) − Y(h − t)]
//
// with v = e^(−(h² + t²)/2)/√(2π) = ∂b/∂s and Y(z) = N(z)/φ(z). For z ≤ 0, Y(z) is Mills' ratio M(−z).

import { exp } from "../math/exp";
import { millsRatio } from "../math/mills";

const INV_SQRT_TWO_PI: f64 = 0.3989422804014327;

// Where the step t is this small (in itself, or against |h|), the difference of Y is taken from its derivatives: the
// plain difference would lose the digits the two values share.
const SMALL_STEP: f64 = 0.1;
const SMALL_RATIO: f64 = 0.03;
// From here on the moments come from their continued fraction; below, from their recurrence, which loses digits as |h|
// grows: about one at this point.
const FRACTION_FROM: f64 = 5;
// Levels of the continued fraction that give the last bit at that point, with the tail estimated as below.
const FRACTION_LEVELS: f64 = 18;

/**
 * Derivative of the normalised price with respect to s: e^(−(h² + t²)/2)/√(2π).
 *
 * @param h x/s, any; ±Infinity gives 0
 * @param t s/2 ≥ 0
 */
export function normalisedVega(h: f64, t: f64): f64 {
  return INV_SQRT_TWO_PI * exp(-0.5 * (h * h + t * t));
}

// Y(t − u) − Y(−t − u) for u = −h ≥ 0 and a small t, by the odd derivatives of Y at −u, which are the moments
// I_n = ∫₀^∞ yⁿ·e^(−uy − y²/2) dy, n odd, all positive: 2·(I₁·t + I₃·t³/3! + I₅·t⁵/5! + …).
// Moments obey I_{n+1} = n·I_{n−1} − u·I_n, I₀ = M(u), I₁ = 1 − u·M(u).
function smallStepDifference(u: f64, t: f64): f64 {
  const w: f64 = t * t;
  let i1: f64 = 0;
  let i3: f64 = 0;
  let i5: f64 = 0;
  let i7: f64 = 0;
  let i9: f64 = 0;
  let i11: f64 = 0;
  const i0: f64 = millsRatio(u);
  if (u < FRACTION_FROM) {
    i1 = 1 - u * i0;
    const i2: f64 = i0 - u * i1;
    i3 = 2 * i1 - u * i2;
    const i4: f64 = 3 * i2 - u * i3;
    i5 = 4 * i3 - u * i4;
    const i6: f64 = 5 * i4 - u * i5;
    i7 = 6 * i5 - u * i6;
    const i8: f64 = 7 * i6 - u * i7;
    i9 = 8 * i7 - u * i8;
    const i10: f64 = 9 * i8 - u * i9;
    i11 = 10 * i9 - u * i10;
  } else {
    // The ratios r_n = I_n/I_{n−1} obey r_n = n/(u + r_{n+1}): only positive numbers, backwards from an estimate.
    let n: f64 = FRACTION_LEVELS;
    let r: f64 = 0.5 * (Math.sqrt(u * u + 4 * n + 3) - u);
    while (n > 11) {
      r = n / (u + r);
      n -= 1;
    }
    const r11: f64 = 11 / (u + r);
    const r10: f64 = 10 / (u + r11);
    const r9: f64 = 9 / (u + r10);
    const r8: f64 = 8 / (u + r9);
    const r7: f64 = 7 / (u + r8);
    const r6: f64 = 6 / (u + r7);
    const r5: f64 = 5 / (u + r6);
    const r4: f64 = 4 / (u + r5);
    const r3: f64 = 3 / (u + r4);
    const r2: f64 = 2 / (u + r3);
    const r1: f64 = 1 / (u + r2);
    i1 = i0 * r1;
    i3 = i1 * r2 * r3;
    i5 = i3 * r4 * r5;
    i7 = i5 * r6 * r7;
    i9 = i7 * r8 * r9;
    i11 = i9 * r10 * r11;
  }
  const sum: f64 = i1 + w * (i3 / 6 + w * (i5 / 120 + w * (i7 / 5040 + w * (i9 / 362880 + w * (i11 / 39916800)))));
  return 2 * t * sum;
}

/**
 * Price of an out-of-the-money option, to within some ulp times max(1, h²) of relative error.
 *
 * @param h     x/s ≤ 0, −Infinity … 0
 * @param t     s/2 > 0
 * @param near  millsRatio(|h + t|), which callers have already
 * @param far   millsRatio(t − h)
 * @param vega  scale · normalisedVega(h, t)
 * @param limit scale · e^(x/2): the price that infinite volatility has (the forward for a call, the strike for a put)
 * @returns 0 … limit, in the unit of the scale
 */
export function timeValue(h: f64, t: f64, near: f64, far: f64, vega: f64, limit: f64): f64 {
  if (vega === 0) return h + t > 0 ? limit : 0;
  if (t < SMALL_STEP || t < -SMALL_RATIO * h) return vega * smallStepDifference(-h, t);
  if (h + t <= 0) return vega * (near - far);
  return limit - vega * (near + far); // Y(d1) = 1/φ(d1) − M(d1): the first part is the limit
}

/**
 * How far the price of an out-of-the-money option is below its limit: limit − timeValue(…), without cancellation.
 *
 * @see timeValue for the parameters
 */
export function timeValueGap(h: f64, t: f64, near: f64, far: f64, vega: f64, limit: f64): f64 {
  if (h + t > 0) return vega * (near + far);
  return limit - timeValue(h, t, near, far, vega, limit);
}
