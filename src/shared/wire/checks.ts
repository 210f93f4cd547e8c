// What the encoders ask of their arguments. Each throws a RangeError that names the field; nothing is rounded or clipped.
import { EXACT_INTEGER_MAX } from "../limits";
import { EventFlag, TIME_FROM_MS, TIME_TO_MS } from "./ranges";

function refuse(field: string, value: unknown, rule: string): never {
  throw new RangeError(`${field} must be ${rule}; it is ${typeof value === "string" ? JSON.stringify(value) : String(value)}`);
}

/** An integer min … max, both at most 2^53 − 1 in size. */
export function checkInteger(field: string, value: number, min: number, max: number): void {
  if (!(Number.isSafeInteger(value) && value >= min && value <= max)) refuse(field, value, `an integer from ${min} to ${max}`);
}

/** An id, count, price in ticks or quantity in lots: min … 2^53 − 1. */
export function checkExact(field: string, value: number, min: number): void {
  if (!(Number.isSafeInteger(value) && value >= min)) refuse(field, value, `an integer from ${min} to ${EXACT_INTEGER_MAX}`);
}

/** |value| ≤ 2^53 − 1. */
export function checkAmount(field: string, value: number): void {
  if (!Number.isSafeInteger(value)) refuse(field, value, `an integer from -${EXACT_INTEGER_MAX} to ${EXACT_INTEGER_MAX}`);
}

export function checkTimeMs(field: string, value: number): void {
  if (!(value >= TIME_FROM_MS && value < TIME_TO_MS)) refuse(field, value, "ms since the epoch, from year 2000 to 2199");
}

export function checkFinite(field: string, value: number): void {
  if (!(typeof value === "number" && Number.isFinite(value))) refuse(field, value, "a finite number");
}

export function checkPositive(field: string, value: number): void {
  if (!(typeof value === "number" && value > 0 && value < Number.POSITIVE_INFINITY)) refuse(field, value, "finite and > 0");
}

/** min ≤ value ≤ max, or < max where `belowMax`. */
export function checkRange(field: string, value: number, min: number, max: number, belowMax = false): void {
  if (!(typeof value === "number" && value >= min && (belowMax ? value < max : value <= max)))
    refuse(field, value, `from ${min} to ${belowMax ? "below " : ""}${max}`);
}

export function checkFlags(field: string, value: number, allowed: number): void {
  const legs = EventFlag.LongLeg | EventFlag.ShortLeg;
  if (!Number.isSafeInteger(value) || value < 0 || value > 0xffff || (value & ~allowed) !== 0)
    refuse(field, value, `flags of 0x${allowed.toString(16)} only`);
  if ((value & legs) === legs) refuse(field, value, "of one leg, long or short");
}

/** Printable ASCII from `charFrom` to "~", minChars … maxChars long. */
export function checkAscii(field: string, value: string, charFrom: number, minChars: number, maxChars: number): void {
  const rule = `${minChars} to ${maxChars} printable ASCII characters${charFrom > 0x20 ? " without spaces" : ""}`;
  if (typeof value !== "string" || value.length < minChars || value.length > maxChars) refuse(field, value, rule);
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code < charFrom || code > 0x7e) refuse(field, value, rule);
  }
}
