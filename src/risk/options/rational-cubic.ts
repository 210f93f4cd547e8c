// Shape-preserving rational cubic interpolation on one interval, after R. Delbourgo and J. A. Gregory, "Shape preserving
// piecewise rational interpolation", SIAM J. Sci. Stat. Comput. 6 (1985): a cubic over a quadratic that meets values and
// slopes at both ends and has one parameter left, r > −1, that pulls it towards the chord as it grows (r = 3: the plain
// Hermite cubic). The initial guess of the implied volatility is made of it. Pure; compiled by tsc and by asc.

// Beyond this the interpolant is the chord to the last bit, and its formula could overflow.
const CHORD: f64 = 1e16;

/**
 * Smallest r with which an interpolant of convex or concave monotone data is convex or concave, and monotone.
 *
 * @param leftSlope  slope at the left end
 * @param rightSlope slope at the right end
 * @param chord      slope of the chord; not 0
 */
export function shapeControl(leftSlope: f64, rightSlope: f64, chord: f64): f64 {
  const turn: f64 = rightSlope - leftSlope;
  const monotone: f64 = (leftSlope + rightSlope) / chord;
  const bent: f64 = Math.max(Math.abs(turn / (rightSlope - chord)), Math.abs(turn / (chord - leftSlope)));
  return Math.max(monotone, bent);
}

/**
 * The interpolant's value.
 *
 * @param x  left ≤ x ≤ right
 * @param r  not above −1, NaN or very large values give the chord
 */
export function rationalCubic(
  x: f64,
  left: f64,
  right: f64,
  leftValue: f64,
  rightValue: f64,
  leftSlope: f64,
  rightSlope: f64,
  r: f64,
): f64 {
  const width: f64 = right - left;
  const a: f64 = (x - left) / width;
  const b: f64 = 1 - a;
  if (!(r > -1 && r < CHORD)) return leftValue * b + rightValue * a;
  const numerator: f64 =
    rightValue * a * a * a +
    (r * rightValue - width * rightSlope) * a * a * b +
    (r * leftValue + width * leftSlope) * a * b * b +
    leftValue * b * b * b;
  return numerator / (1 + (r - 3) * a * b);
}
