// The exponential function, from additions, multiplications and one division: the same bits under V8 and under
// WebAssembly, whose own Math.exp differ. Pure; compiled by tsc and by asc.
// Error below 1 ulp (measured in math.test.ts). Method and coefficients: docs/options.md#elementary-functions.

const INV_LN2: f64 = Math.LOG2E;
// ln 2 in two parts; the first has 32 bits, so that k·LN2_HI is exact for every k that occurs.
const LN2_HI: f64 = 0.6931471803691238;
const LN2_LO: f64 = 1.9082149292705877e-10;

// Above this the result is no longer finite, below the other it is no longer positive.
const LARGEST: f64 = 709.782712893384;
const SMALLEST: f64 = -745.1332191019412;

// r·coth(r/2) = 2 + r²·(E0 + E1·r² + …), |r| ≤ ln2/2, relative error of the sum below 4e-16.
const E0: f64 = 0.1666666666666666;
const E1: f64 = -0.002777777777754701;
const E2: f64 = 6.613756463018086e-5;
const E3: f64 = -1.6534046791700553e-6;
const E4: f64 = 4.143142471824049e-8;

const TWO_TO_32: f64 = 4294967296;
const TWO_TO_64: f64 = TWO_TO_32 * TWO_TO_32;
const TWO_TO_MINUS_64: f64 = 1 / TWO_TO_64;
const TWO_TO_27_PLUS_1: f64 = 134217729;

/**
 * 2^k, exactly.
 *
 * @param k whole, −1022 … 1023
 */
export function powerOfTwo(k: f64): f64 {
  let bits: i32 = Math.abs(k) as i32;
  let factor: f64 = k < 0 ? 0.5 : 2;
  let power: f64 = 1;
  while (bits > 0) {
    if ((bits & 1) === 1) power *= factor;
    factor *= factor;
    bits >>= 1;
  }
  return power;
}

/**
 * e^x.
 *
 * @param x any; NaN gives NaN
 * @returns ≥ 0; 0 below −745.13, Infinity above 709.78
 */
export function exp(x: f64): f64 {
  if (x > LARGEST) return Infinity;
  if (x < SMALLEST) return 0;
  // x = k·ln2 + r. e^r = 1 + 2r/(r·coth(r/2) − r), with r kept as hi − lo to carry its rounding.
  const k: f64 = Math.floor(x * INV_LN2 + 0.5);
  const hi: f64 = x - k * LN2_HI;
  const lo: f64 = k * LN2_LO;
  const r: f64 = hi - lo;
  const rr: f64 = r * r;
  const c: f64 = r - rr * (E0 + rr * (E1 + rr * (E2 + rr * (E3 + rr * E4))));
  const y: f64 = 1 - (lo - (r * c) / (2 - c) - hi);
  if (k === 0) return y;
  if (k > 1023) return y * 2 * powerOfTwo(k - 1);
  // Only the last multiplication may round, or a subnormal result would be rounded twice.
  if (k < -1021) return y * powerOfTwo(k + 64) * TWO_TO_MINUS_64;
  return y * powerOfTwo(k);
}

/**
 * e^(c·z²), without the loss that rounding z² brings: at z = 30 that alone would cost 50 ulp of e^(−z²/2).
 *
 * @param z any; NaN gives NaN
 * @param c ±0.5 or ±1 (a power of two, so that c·z² adds no rounding)
 * @returns ≥ 0; 0 or Infinity where the range of a double ends
 */
export function expOfSquare(z: f64, c: f64): f64 {
  if (z > 40 || z < -40) return c < 0 ? 0 : Infinity;
  // Dekker's product: z·z = square + rest, exactly.
  const big: f64 = TWO_TO_27_PLUS_1 * z;
  const upper: f64 = big - (big - z);
  const lower: f64 = z - upper;
  const square: f64 = z * z;
  const rest: f64 = upper * upper - square + 2 * upper * lower + lower * lower;
  const y: f64 = exp(c * square);
  return y === Infinity ? y : y + y * (c * rest);
}
