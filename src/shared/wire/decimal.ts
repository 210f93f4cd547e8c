// Decimals to integers, exactly: contract sizes, tick sizes and lot sizes travel as multiples of 1e-12.

const DECIMAL = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/;

/**
 * Value of a decimal as an integer count of 10^-places.
 *
 * @param field  for the error
 * @param value  "0.1", "1e-7", or a finite number, which stands for its shortest decimal form (0.1 is 0.1, not 0.1000000000000000055)
 * @param places 0 … 18
 * @throws RangeError where it is no decimal, or has more decimals than `places`
 */
export function decimalToScaled(field: string, value: string | number, places: number): bigint {
  const text = typeof value === "number" ? String(value) : value;
  const match = typeof text === "string" ? DECIMAL.exec(text) : null;
  if (match === null) throw new RangeError(`${field} must be a decimal number; it is ${JSON.stringify(value) ?? String(value)}`);
  const [, sign, whole, fraction = "", exponent = "0"] = match;
  const digits = BigInt(whole + fraction);
  const shift = places + Number(exponent) - fraction.length;
  let scaled: bigint;
  if (shift >= 0) scaled = digits * 10n ** BigInt(shift);
  else {
    const divisor = 10n ** BigInt(-shift);
    if (digits % divisor !== 0n) throw new RangeError(`${field} must have at most ${places} decimals; it is ${text}`);
    scaled = digits / divisor;
  }
  return sign === "-" ? -scaled : scaled;
}

/** 1e-8 is the unit of strike; 1e-12 of contract_size, tick_size and lot_size. */
export const E8_PLACES = 8;
export const E12_PLACES = 12;

/**
 * How many whole units a decimal has: price "61000.1" of tick "0.1" is 610001 ticks. Exact.
 *
 * @throws RangeError where it is not a whole number of units, or not within ±(2^53 − 1)
 */
export function wholeUnits(field: string, value: string | number, unit: string | number): number {
  const scaledUnit = decimalToScaled(`unit of ${field}`, unit, 18);
  if (scaledUnit <= 0n) throw new RangeError(`unit of ${field} must be > 0; it is ${unit}`);
  const scaled = decimalToScaled(field, value, 18);
  if (scaled % scaledUnit !== 0n) throw new RangeError(`${field} must be a multiple of ${unit}; it is ${value}`);
  const units = Number(scaled / scaledUnit);
  if (!Number.isSafeInteger(units)) throw new RangeError(`${field} is ${value}, more than 2^53 - 1 units of ${unit}`);
  return units;
}
