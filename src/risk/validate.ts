// Strict reading of JSON that somebody else wrote: every field is asked for by name, with its type and range, and
// whatever is wrong is refused with the name of the field. Nothing is guessed, nothing is ignored.
// Pure: no I/O, no clock. Used by `plimsoll option`, `plimsoll eval` and whoever else takes JSON from outside.
//
// A field is named by its path from the root: "strike", "account.positions[3].qty". The root itself is "".

/**
 * A value was refused.
 *
 * | code             | meaning                                                              |
 * |------------------|----------------------------------------------------------------------|
 * | `not-json`       | the line is not one JSON value                                       |
 * | `not-utf8`       | the line is not UTF-8 text                                           |
 * | `line-too-long`  | the line is longer than the reader takes                             |
 * | `wrong-type`     | the value is of another type than the field takes                    |
 * | `not-a-number`   | a string stands where a number should, and is not a decimal number   |
 * | `not-finite`     | NaN, an infinity, or a number too large for a double                 |
 * | `out-of-range`   | a number outside what the field allows                               |
 * | `missing-field`  | a required field is not there                                        |
 * | `unknown-field`  | a field nobody reads                                                 |
 * | `unknown-value`  | a string that is not one of the words allowed                        |
 * | `conflict`       | two fields that exclude each other, or contradict each other         |
 * | `internal`       | a defect of this program; the line may be fine                       |
 *
 * Commands add codes of their own for what their formulas refuse (`below-intrinsic`, …) and list them in their help.
 */
export class FieldError extends Error {
  readonly code: string;
  readonly field: string;

  /**
   * @param code    stable, for programs: kebab-case
   * @param field   path from the root, "" for the root
   * @param message for people; should begin with the field's name
   */
  constructor(code: string, field: string, message: string) {
    super(message);
    this.name = "FieldError";
    this.code = code;
    this.field = field;
  }

  /** The answer that stands in the place of the refused line. */
  toJSON(): { code: string; field: string; message: string } {
    return { code: this.code, field: this.field, message: this.message };
  }
}

/** A JSON object whose fields have not been looked at. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** What a number may be. All bounds that are given must hold. */
export interface NumberRule {
  /** value ≥ min */
  readonly min?: number;
  /** value ≤ max */
  readonly max?: number;
  /** value > exclusiveMin */
  readonly exclusiveMin?: number;
  /** value < exclusiveMax */
  readonly exclusiveMax?: number;
  /** a whole number, exactly representable (|value| ≤ 2^53 − 1) */
  readonly integer?: boolean;
  /** value ≠ 0 */
  readonly nonZero?: boolean;
}

/** Finite, any sign. */
export const ANY_NUMBER: NumberRule = {};
/** Finite and > 0: prices, strikes, contract sizes. */
export const POSITIVE: NumberRule = { exclusiveMin: 0 };
/** Finite and ≥ 0: times, vols, fees. */
export const NON_NEGATIVE: NumberRule = { min: 0 };

/** Path of a field: `fieldPath("account", "id")` is "account.id", `fieldPath("", "id")` is "id". */
export function fieldPath(parentPath: string, key: string): string {
  return parentPath === "" ? key : `${parentPath}.${key}`;
}

/** Path of an array's element: `elementPath("account.orders", 2)` is "account.orders[2]". */
export function elementPath(arrayPath: string, index: number): string {
  return `${arrayPath}[${index}]`;
}

// A path for a sentence; the root has no name of its own.
function named(path: string): string {
  return path === "" ? "the line" : path;
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return "an object";
  return `a ${typeof value}`;
}

// What was given, short enough for a message and safe to print.
function shown(value: unknown): string {
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length <= 40 ? text : `${text.slice(0, 37)}...`;
}

function wrongType(path: string, wanted: string, value: unknown): FieldError {
  return new FieldError("wrong-type", path, `${named(path)} must be ${wanted}, got ${typeName(value)}`);
}

function missing(path: string): FieldError {
  return new FieldError("missing-field", path, `${named(path)} is missing`);
}

/** @throws FieldError `wrong-type` unless `value` is a JSON object (not null, not an array) */
export function asObject(value: unknown, path: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrongType(path, "an object", value);
  return value as JsonObject;
}

/** @throws FieldError `wrong-type` unless `value` is an array */
export function asArray(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw wrongType(path, "an array", value);
  return value;
}

// JSON's own grammar for a number, except that leading zeros pass ("007.50" comes from fixed-width sources and has
// only one reading). No sign "+", no "1.", no ".5", no hexadecimal, no blanks, no separators.
const DECIMAL = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * A number from a JSON number or a decimal string.
 *
 * @returns finite; never −0 (a negative zero reads as 0)
 * @throws FieldError `wrong-type`, `not-a-number`, `not-finite`, `out-of-range`
 */
export function asNumber(value: unknown, path: string, rule: NumberRule): number {
  let number: number;
  if (typeof value === "number") {
    number = value;
  } else if (typeof value === "string") {
    if (!DECIMAL.test(value)) {
      const code = /^[+-]?(?:nan|inf(?:inity)?)$/i.test(value) ? "not-finite" : "not-a-number";
      throw new FieldError(code, path, `${named(path)} must be a finite decimal number, got ${shown(value)}`);
    }
    number = Number(value);
  } else {
    throw wrongType(path, "a number or a decimal string", value);
  }
  if (!Number.isFinite(number)) {
    throw new FieldError("not-finite", path, `${named(path)} must be finite, got ${shown(value)}`);
  }
  const broken = brokenBound(number, rule);
  if (broken !== "") throw new FieldError("out-of-range", path, `${named(path)} must be ${broken}, got ${shown(value)}`);
  return number + 0; // −0 + 0 is 0
}

function brokenBound(number: number, rule: NumberRule): string {
  if (rule.exclusiveMin !== undefined && !(number > rule.exclusiveMin)) return `above ${rule.exclusiveMin}`;
  if (rule.min !== undefined && !(number >= rule.min)) return `${rule.min} or more`;
  if (rule.exclusiveMax !== undefined && !(number < rule.exclusiveMax)) return `below ${rule.exclusiveMax}`;
  if (rule.max !== undefined && !(number <= rule.max)) return `${rule.max} or less`;
  if (rule.nonZero === true && number === 0) return "other than 0";
  if (rule.integer === true && !Number.isSafeInteger(number)) return "a whole number";
  return "";
}

/** Whether the object itself has the field (whatever its value: a null field is there, and usually of the wrong type). */
export function has(parent: JsonObject, key: string): boolean {
  return Object.hasOwn(parent, key);
}

/** @throws FieldError `unknown-field` for the first field that is not in `allowed` */
export function refuseUnknown(parent: JsonObject, parentPath: string, allowed: ReadonlySet<string>): void {
  for (const key in parent) {
    if (!allowed.has(key)) {
      const path = fieldPath(parentPath, key.length <= 60 ? key : `${key.slice(0, 57)}...`);
      throw new FieldError("unknown-field", path, `${path} is not a field of ${named(parentPath)}`);
    }
  }
}

/** A required number. @see asNumber */
export function readNumber(parent: JsonObject, key: string, parentPath: string, rule: NumberRule): number {
  if (!has(parent, key)) throw missing(fieldPath(parentPath, key));
  return asNumber(parent[key], fieldPath(parentPath, key), rule);
}

/** A number, or `absent` where the field is left out. null is refused like any other wrong type. @see asNumber */
export function readOptionalNumber<T>(
  parent: JsonObject,
  key: string,
  parentPath: string,
  rule: NumberRule,
  absent: T,
): number | T {
  return has(parent, key) ? asNumber(parent[key], fieldPath(parentPath, key), rule) : absent;
}

/** A required string that is not empty. @throws FieldError `missing-field`, `wrong-type`, `out-of-range` (empty) */
export function readString(parent: JsonObject, key: string, parentPath: string): string {
  const path = fieldPath(parentPath, key);
  if (!has(parent, key)) throw missing(path);
  const value = parent[key];
  if (typeof value !== "string") throw wrongType(path, "a string", value);
  if (value === "") throw new FieldError("out-of-range", path, `${path} must not be empty`);
  return value;
}

/** One of a few words. @throws FieldError `missing-field`, `wrong-type`, `unknown-value` */
export function readChoice<T extends string>(parent: JsonObject, key: string, parentPath: string, choices: readonly T[]): T {
  const path = fieldPath(parentPath, key);
  if (!has(parent, key)) throw missing(path);
  const value = parent[key];
  for (const choice of choices) if (value === choice) return choice;
  if (typeof value !== "string") throw wrongType(path, "a string", value);
  throw new FieldError("unknown-value", path, `${path} must be one of ${choices.join(", ")}, got ${shown(value)}`);
}

/** One of a few words, or `absent` where the field is left out. @see readChoice */
export function readOptionalChoice<T extends string, A>(
  parent: JsonObject,
  key: string,
  parentPath: string,
  choices: readonly T[],
  absent: A,
): T | A {
  return has(parent, key) ? readChoice(parent, key, parentPath, choices) : absent;
}

/** A required object. @throws FieldError `missing-field`, `wrong-type` */
export function readObject(parent: JsonObject, key: string, parentPath: string): JsonObject {
  const path = fieldPath(parentPath, key);
  if (!has(parent, key)) throw missing(path);
  return asObject(parent[key], path);
}

/** A required array. @throws FieldError `missing-field`, `wrong-type` */
export function readArray(parent: JsonObject, key: string, parentPath: string): readonly unknown[] {
  const path = fieldPath(parentPath, key);
  if (!has(parent, key)) throw missing(path);
  return asArray(parent[key], path);
}
