// The standard normal distribution and the complementary error function, accurate in relative terms in both tails.
// Pure; compiled by tsc and by asc.

import { expOfSquare } from "./exp";
import { log } from "./log";
import { scaledTail } from "./mills";

const INV_SQRT_TWO_PI: f64 = 0.3989422804014327;
const SQRT_TWO: f64 = Math.SQRT2;

// Rational fits of our own to the quantile z(p); the changes of variable are those of Wichura's algorithm AS 241.
// Middle, |q| ≤ 0.425, q = p − ½: z = q·P7(v)/Q7(v), v = 0.425² − q², relative error 7.2e-17.
const MIDDLE: f64 = 0.425;
const MIDDLE_SQUARED: f64 = 0.180625;
const A0: f64 = 3.3871328727963665;
const A1: f64 = 133.10963850692147;
const A2: f64 = 1970.549388205913;
const A3: f64 = 13719.699440162;
const A4: f64 = 45862.86948473598;
const A5: f64 = 67146.30786682542;
const A6: f64 = 33352.20434759632;
const A7: f64 = 2501.585588008658;
const B1: f64 = 42.30387450780343;
const B2: f64 = 686.8510836641192;
const B3: f64 = 5389.853924494311;
const B4: f64 = 21188.741531722964;
const B5: f64 = 39244.04660576981;
const B6: f64 = 28667.664260572277;
const B7: f64 = 5212.296002930244;

// Tail, p < 0.075, r = √(−2·ln p) < 6: −z = P7(r − 2.25)/Q7(r − 2.25), relative error 1.6e-18.
const TAIL_FROM: f64 = 2.25;
const C0: f64 = 1.4080407040990757;
const C1: f64 = 3.2118597414474204;
const C2: f64 = 2.7836605665980727;
const C3: f64 = 1.2167710488973347;
const C4: f64 = 0.29235656128125825;
const C5: f64 = 0.03858437090900281;
const C6: f64 = 0.002553815240490871;
const C7: f64 = 6.290031247365718e-5;
const D1: f64 = 1.422346178840749;
const D2: f64 = 0.7997933672924766;
const D3: f64 = 0.22600731855446765;
const D4: f64 = 0.03348616899905132;
const D5: f64 = 0.0024134573925239707;
const D6: f64 = 6.288809415835735e-5;
const D7: f64 = 1.0915087225447358e-10;

// Far tail, 6 ≤ r < 38.7 (down to the smallest double): −z = P7(r − 6)/Q7(r − 6), relative error 1.1e-16.
const FAR_TAIL_FROM: f64 = 6;
const E0: f64 = 5.538772166608072;
const E1: f64 = 3.6857405774201593;
const E2: f64 = 0.9649168036504103;
const E3: f64 = 0.1267821341323115;
const E4: f64 = 0.008827544940856063;
const E5: f64 = 0.0003155721825867133;
const E6: f64 = 5.134735363984508e-6;
const E7: f64 = 2.7644542952935174e-8;
const F1: f64 = 0.4756990090776935;
const F2: f64 = 0.08512156004763079;
const F3: f64 = 0.007137998207783031;
const F4: f64 = 0.00028594925343537915;
const F5: f64 = 4.968963674570659e-6;
const F6: f64 = 2.7644367982830722e-8;
const F7: f64 = 2.5885414790423047e-16;

/**
 * Density of the standard normal distribution, e^(−z²/2)/√(2π).
 *
 * @param z any; ±Infinity gives 0
 */
export function normalPdf(z: f64): f64 {
  return INV_SQRT_TWO_PI * expOfSquare(z, -0.5);
}

/**
 * Probability that a standard normal variable is below z; full relative accuracy for z → −∞ too.
 *
 * @param z any; −Infinity gives 0, Infinity gives 1
 */
export function normalCdf(z: f64): f64 {
  if (z <= 0) return 0.5 * expOfSquare(z, -0.5) * scaledTail(-z);
  return 1 - 0.5 * expOfSquare(z, -0.5) * scaledTail(z);
}

/**
 * Scaled complementary error function, e^(x²)·erfc(x).
 *
 * @param x any; Infinity below about −26.63, where it leaves the range of a double
 */
export function erfcx(x: f64): f64 {
  if (x >= 0) return scaledTail(SQRT_TWO * x);
  return 2 * expOfSquare(x, 1) - scaledTail(-SQRT_TWO * x);
}

/**
 * Complementary error function, 2/√π·∫ₓ^∞ e^(−t²) dt; full relative accuracy for x → ∞ too.
 *
 * @param x any; 2 at −Infinity, 0 at Infinity
 */
export function erfc(x: f64): f64 {
  if (x >= 0) return expOfSquare(x, -1) * scaledTail(SQRT_TWO * x);
  return 2 - expOfSquare(x, -1) * scaledTail(-SQRT_TWO * x);
}

// The quantile of a probability below 0.075, as a positive number.
function tailDistance(p: f64): f64 {
  const r: f64 = Math.sqrt(-2 * log(p));
  if (r < FAR_TAIL_FROM) {
    const v: f64 = r - TAIL_FROM;
    const a: f64 = C0 + v * (C1 + v * (C2 + v * (C3 + v * (C4 + v * (C5 + v * (C6 + v * C7))))));
    const b: f64 = 1 + v * (D1 + v * (D2 + v * (D3 + v * (D4 + v * (D5 + v * (D6 + v * D7))))));
    return a / b;
  }
  if (r === Infinity) return Infinity;
  const v: f64 = r - FAR_TAIL_FROM;
  const a: f64 = E0 + v * (E1 + v * (E2 + v * (E3 + v * (E4 + v * (E5 + v * (E6 + v * E7))))));
  const b: f64 = 1 + v * (F1 + v * (F2 + v * (F3 + v * (F4 + v * (F5 + v * (F6 + v * F7))))));
  return a / b;
}

/**
 * The z with N(z) = ½ + q, for a probability known by its distance from one half.
 *
 * @param q        −½ … ½
 * @param tailArea ½ − |q|, given apart because it cannot be had from q without loss where it is small
 * @returns −Infinity … Infinity; NaN outside
 */
export function inverseNormalCdfCentred(q: f64, tailArea: f64): f64 {
  if (Math.abs(q) <= MIDDLE) {
    const v: f64 = MIDDLE_SQUARED - q * q;
    const a: f64 = A0 + v * (A1 + v * (A2 + v * (A3 + v * (A4 + v * (A5 + v * (A6 + v * A7))))));
    const b: f64 = 1 + v * (B1 + v * (B2 + v * (B3 + v * (B4 + v * (B5 + v * (B6 + v * B7))))));
    return (q * a) / b;
  }
  const z: f64 = tailDistance(tailArea);
  return q < 0 ? -z : z;
}

/**
 * The z with N(z) = p: quantile of the standard normal distribution.
 *
 * @param p 0 … 1
 * @returns −Infinity at 0, Infinity at 1, NaN outside and for NaN
 */
export function inverseNormalCdf(p: f64): f64 {
  return inverseNormalCdfCentred(p - 0.5, p < 0.5 ? p : 1 - p);
}
