// The normal tail with its exponential taken out. What is left is smooth, positive and falls from 1 like 1/u, so every
// tail, erfc, erfcx and option price is built on it.
// Pure; compiled by tsc and by asc. Coefficients: our own rational fits, docs/options.md#elementary-functions.

const SQRT_PI_OVER_TWO: f64 = 1.2533141373155003;

// 0 ≤ u < 4: P7(u)/Q8(u), relative error 3.6e-18. Every coefficient is positive: no cancellation.
const P1: f64 = 1.140120034720814;
const P2: f64 = 0.6538800246270475;
const P3: f64 = 0.2309258044202611;
const P4: f64 = 0.05341257771426496;
const P5: f64 = 0.008031594585116026;
const P6: f64 = 0.0007266625335297009;
const P7: f64 = 3.0658365430741606e-5;
const Q1: f64 = 1.9380045955236784;
const Q2: f64 = 1.7001839701604284;
const Q3: f64 = 0.884435567241031;
const Q4: f64 = 0.2994327252759365;
const Q5: f64 = 0.06785180249255415;
const Q6: f64 = 0.01010463373456425;
const Q7: f64 = 0.0009107326663090113;
const Q8: f64 = 3.842463346459961e-5;

// u ≥ 4: P6(w)/Q6(w)/u, w = 1/u², relative error 1.0e-17.
const R0: f64 = 0.7978845608028653;
const R1: f64 = 42.492407523112355;
const R2: f64 = 777.1628758628841;
const R3: f64 = 5958.830474376956;
const R4: f64 = 18620.19078278903;
const R5: f64 = 18953.22484824028;
const R6: f64 = 2734.2922582061906;
const S1: f64 = 54.25633507728814;
const S2: f64 = 1025.2855543931357;
const S3: f64 = 8345.803024498575;
const S4: f64 = 29315.73975347636;
const S5: f64 = 38660.040294918406;
const S6: f64 = 12549.416107305939;

/**
 * 2·N(−u)·e^(u²/2) = erfcx(u/√2).
 *
 * @param u ≥ 0; Infinity gives 0, NaN gives NaN
 * @returns 1 at 0, about √(2/π)/u for large u
 */
export function scaledTail(u: f64): f64 {
  if (u < 4) {
    const p: f64 = 1 + u * (P1 + u * (P2 + u * (P3 + u * (P4 + u * (P5 + u * (P6 + u * P7))))));
    const q: f64 = 1 + u * (Q1 + u * (Q2 + u * (Q3 + u * (Q4 + u * (Q5 + u * (Q6 + u * (Q7 + u * Q8)))))));
    return p / q;
  }
  const w: f64 = 1 / (u * u);
  const p: f64 = R0 + w * (R1 + w * (R2 + w * (R3 + w * (R4 + w * (R5 + w * R6)))));
  const q: f64 = 1 + w * (S1 + w * (S2 + w * (S3 + w * (S4 + w * (S5 + w * S6)))));
  return p / (q * u);
}

/**
 * Mills' ratio of the standard normal distribution, N(−u)/φ(u) = ∫₀^∞ e^(−uv − v²/2) dv.
 *
 * @param u ≥ 0; Infinity gives 0, NaN gives NaN
 * @returns √(π/2) at 0, about 1/u for large u
 */
export function millsRatio(u: f64): f64 {
  return SQRT_PI_OVER_TWO * scaledTail(u);
}
