// Strict reading: one row a rule.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ANY_NUMBER,
  asArray,
  asNumber,
  asObject,
  elementPath,
  FieldError,
  fieldPath,
  has,
  type JsonObject,
  NON_NEGATIVE,
  type NumberRule,
  POSITIVE,
  readArray,
  readChoice,
  readNumber,
  readObject,
  readOptionalChoice,
  readOptionalNumber,
  readString,
  refuseUnknown,
} from "./validate";

function refusal(read: () => unknown): FieldError {
  try {
    read();
  } catch (error) {
    if (error instanceof FieldError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

test.each<[unknown, number]>([
  [1, 1],
  [-1.5, -1.5],
  [0, 0],
  [-0, 0],
  ["1", 1],
  ["-1.50", -1.5],
  ["007.50", 7.5],
  ["1e-3", 0.001],
  ["1E+3", 1000],
  ["-0", 0],
  ["0.1", 0.1],
  ["123456789012345678901234567890", 1.2345678901234568e29],
  ["1e-999", 0],
])("%j reads as the number %d", (value, expected) => {
  expect(asNumber(value, "x", ANY_NUMBER)).toBe(expected);
});

test.each<[unknown, NumberRule, string]>([
  [null, ANY_NUMBER, "wrong-type"],
  [undefined, ANY_NUMBER, "wrong-type"],
  [true, ANY_NUMBER, "wrong-type"],
  [[1], ANY_NUMBER, "wrong-type"],
  [{}, ANY_NUMBER, "wrong-type"],
  ["", ANY_NUMBER, "not-a-number"],
  [" 1", ANY_NUMBER, "not-a-number"],
  ["1 ", ANY_NUMBER, "not-a-number"],
  ["1\n", ANY_NUMBER, "not-a-number"],
  ["+1", ANY_NUMBER, "not-a-number"],
  [".5", ANY_NUMBER, "not-a-number"],
  ["1.", ANY_NUMBER, "not-a-number"],
  ["0x10", ANY_NUMBER, "not-a-number"],
  ["1_000", ANY_NUMBER, "not-a-number"],
  ["1,000", ANY_NUMBER, "not-a-number"],
  ["--1", ANY_NUMBER, "not-a-number"],
  ["1e", ANY_NUMBER, "not-a-number"],
  ["٣", ANY_NUMBER, "not-a-number"],
  ["NaN", ANY_NUMBER, "not-finite"],
  ["Infinity", ANY_NUMBER, "not-finite"],
  ["-inf", ANY_NUMBER, "not-finite"],
  ["1e999", ANY_NUMBER, "not-finite"],
  [Infinity, ANY_NUMBER, "not-finite"],
  [Number.NaN, ANY_NUMBER, "not-finite"],
  [0, POSITIVE, "out-of-range"],
  [-1, POSITIVE, "out-of-range"],
  ["-1", POSITIVE, "out-of-range"],
  [-1e-300, NON_NEGATIVE, "out-of-range"],
  [1, { exclusiveMax: 1 }, "out-of-range"],
  [1.1, { max: 1 }, "out-of-range"],
  [0, { nonZero: true }, "out-of-range"],
  ["-0", { nonZero: true }, "out-of-range"],
  [1.5, { integer: true }, "out-of-range"],
  [2 ** 53, { integer: true }, "out-of-range"],
])("%j under %j is refused as %s, by its name", (value, rule, code) => {
  const error = refusal(() => asNumber(value, "a.b[3].qty", rule));
  expect(error.code).toBe(code);
  expect(error.field).toBe("a.b[3].qty");
  expect(error.message).toContain("a.b[3].qty");
  expect(error.message.length).toBeLessThan(160);
});

test.each<[unknown, NumberRule]>([
  [0, NON_NEGATIVE],
  [5e-324, POSITIVE],
  [1, { max: 1 }],
  [-3, { integer: true }],
  [2 ** 53 - 1, { integer: true }],
])("%j passes under %j", (value, rule) => {
  expect(asNumber(value, "x", rule)).toBe(value);
});

describe("fields", () => {
  const line: JsonObject = JSON.parse('{"n":"2","s":"text","e":"","o":{"k":1},"a":[1],"z":null,"__proto__":1}');

  test("what is there is read", () => {
    expect(readNumber(line, "n", "", POSITIVE)).toBe(2);
    expect(readOptionalNumber(line, "n", "", POSITIVE, null)).toBe(2);
    expect(readOptionalNumber(line, "absent", "", POSITIVE, null)).toBeNull();
    expect(readString(line, "s", "")).toBe("text");
    expect(readChoice(line, "s", "", ["other", "text"])).toBe("text");
    expect(readOptionalChoice(line, "absent", "", ["x"], undefined)).toBeUndefined();
    expect(readObject(line, "o", "")).toEqual({ k: 1 });
    expect(readArray(line, "a", "")).toEqual([1]);
    expect(has(line, "z")).toBe(true);
    expect(has(line, "toString")).toBe(false);
  });

  test.each<[string, () => unknown, string, string]>([
    ["a missing number", () => readNumber(line, "m", "a", POSITIVE), "missing-field", "a.m"],
    ["a field only the prototype has", () => readNumber(line, "valueOf", "", POSITIVE), "missing-field", "valueOf"],
    ["a null number, even if optional", () => readOptionalNumber(line, "z", "", POSITIVE, 1), "wrong-type", "z"],
    ["a missing string", () => readString(line, "m", ""), "missing-field", "m"],
    ["an empty string", () => readString(line, "e", ""), "out-of-range", "e"],
    ["a number for a string", () => readString(line, "a", ""), "wrong-type", "a"],
    ["a word nobody knows", () => readChoice(line, "s", "", ["call", "put"]), "unknown-value", "s"],
    ["a null word", () => readChoice(line, "z", "", ["call", "put"]), "wrong-type", "z"],
    ["an array for an object", () => readObject(line, "a", ""), "wrong-type", "a"],
    ["a missing object", () => readObject(line, "m", ""), "missing-field", "m"],
    ["an object for an array", () => readArray(line, "o", "x"), "wrong-type", "x.o"],
    ["a missing array", () => readArray(line, "m", ""), "missing-field", "m"],
    ["null for the line", () => asObject(null, ""), "wrong-type", ""],
    ["a number for an array", () => asArray(1, "p"), "wrong-type", "p"],
    [
      "__proto__ as a field",
      () => refuseUnknown(line, "", new Set(["n", "s", "e", "o", "a", "z"])),
      "unknown-field",
      "__proto__",
    ],
    ["a field that is nobody's", () => refuseUnknown({ x: 1 }, "market.BTC", new Set()), "unknown-field", "market.BTC.x"],
  ])("%s is refused", (_name, read, code, field) => {
    const error = refusal(read);
    expect([error.code, error.field]).toEqual([code, field]);
  });

  test("fields that are all known pass", () => {
    expect(() => refuseUnknown({ a: 1, b: 2 }, "", new Set(["a", "b", "c"]))).not.toThrow();
  });

  test("paths read like the JSON they point into", () => {
    expect(fieldPath("", "id")).toBe("id");
    expect(fieldPath("account", "id")).toBe("account.id");
    expect(elementPath("account.orders", 2)).toBe("account.orders[2]");
  });
});

test("an error goes out as code, field and message", () => {
  expect(JSON.stringify({ error: new FieldError("out-of-range", "qty", "qty must not be 0") })).toBe(
    '{"error":{"code":"out-of-range","field":"qty","message":"qty must not be 0"}}',
  );
});

test("any finite double survives the way through its decimal string", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) => {
      expect(asNumber(String(x), "x", ANY_NUMBER)).toBe(x + 0);
      expect(asNumber(x, "x", ANY_NUMBER)).toBe(x + 0);
    }),
  );
});

test("no JSON value makes the reader fail in any way but a refusal", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      try {
        const line = asObject(value, "");
        refuseUnknown(line, "", new Set(["a"]));
        readNumber(line, "a", "", POSITIVE);
      } catch (error) {
        expect(error).toBeInstanceOf(FieldError);
      }
    }),
  );
});
