// Decimal text to integer ticks or lots, exactly: digits only, no float on the way.

/** A step such as 0.1 or 0.00001 as `mantissa × 10^-decimals`. */
export interface DecimalStep {
  readonly mantissa: number;
  readonly decimals: number;
}

/** Longest run of significant digits whose value is a safe integer whatever the digits are. */
export const MAX_SAFE_DIGITS = 15;

const DECIMAL = /^[0-9]+(\.[0-9]+)?$/;

/**
 * A step from its decimal text.
 *
 * @param text digits with an optional fraction, above 0: `"0.1"`, `"0.00001"`, `"5"`
 * @throws RangeError where the text is not such a number
 */
export function parseStep(text: string): DecimalStep {
  if (!DECIMAL.test(text)) throw new RangeError(`"${text}" is not a plain decimal`);
  const [whole, fraction = ""] = text.split(".");
  const kept = fraction.replace(/0+$/, "");
  const mantissa = Number(whole + kept);
  if (mantissa === 0 || !Number.isSafeInteger(mantissa)) throw new RangeError(`step "${text}" must be above 0`);
  return { mantissa, decimals: kept.length };
}

/**
 * How many steps a decimal text is, exactly.
 *
 * @param text unsigned plain decimal, trailing zeros allowed: `"61737.63000000"`
 * @returns a safe integer, 0 or more
 * @throws RangeError naming the text where it is not a plain decimal, not a multiple of the step, or too large
 */
export function parseSteps(text: string, step: DecimalStep): number {
  if (!DECIMAL.test(text)) throw new RangeError(`"${text}" is not an unsigned plain decimal`);
  const dot = text.indexOf(".");
  const whole = dot < 0 ? text : text.slice(0, dot);
  const fraction = dot < 0 ? "" : text.slice(dot + 1);
  const kept = fraction.slice(0, step.decimals).padEnd(step.decimals, "0");
  const scaled = BigInt(whole + kept);
  const mantissa = BigInt(step.mantissa);
  if (/[1-9]/.test(fraction.slice(step.decimals)) || scaled % mantissa !== 0n) {
    throw new RangeError(`"${text}" is not a multiple of ${formatSteps(1, step)}`);
  }
  const steps = scaled / mantissa;
  if (steps > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError(`"${text}" is more than 2^53 − 1 steps`);
  return Number(steps);
}

/** The decimal text of an integer number of steps: `formatSteps(617376, {mantissa: 1, decimals: 1})` is `"61737.6"`. */
export function formatSteps(steps: number, step: DecimalStep): string {
  const digits = (BigInt(steps < 0 ? -steps : steps) * BigInt(step.mantissa)).toString().padStart(step.decimals + 1, "0");
  const sign = steps < 0 ? "-" : "";
  const cut = digits.length - step.decimals;
  return step.decimals === 0 ? sign + digits : `${sign}${digits.slice(0, cut)}.${digits.slice(cut)}`;
}
