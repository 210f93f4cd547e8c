import { describe, expect, it } from "vitest";
import { decimalToScaled, wholeUnits } from "./decimal";

describe("decimals", () => {
  it.each([
    ["0.1", 12, 10n ** 11n],
    [0.1, 12, 10n ** 11n],
    [1e-12, 12, 1n],
    ["1E+2", 12, 10n ** 14n],
    [5e-7, 12, 500_000n],
    ["-0.5", 1, -5n],
    ["0.100000000000000", 12, 10n ** 11n],
    ["007", 0, 7n],
  ] as [string | number, number, bigint][])("%s with %i places is %s", (value, places, scaled) => {
    expect(decimalToScaled("x", value, places)).toBe(scaled);
  });

  it.each(["", ".5", "5.", "1e", "0x10", " 1", "1_000", "Infinity", Number.NaN, "1e9999"])("%s is not a decimal", (value) => {
    expect(() => decimalToScaled("tickSize", value, 12)).toThrow(/^tickSize must be a decimal number/);
  });

  it("a price is a whole number of ticks or refused", () => {
    expect(wholeUnits("price", "61000.1", "0.1")).toBe(610_001);
    expect(wholeUnits("price", 0.3, 0.1)).toBe(3);
    expect(wholeUnits("qty", "-1.5", 0.001)).toBe(-1500);
    expect(() => wholeUnits("price", "61000.15", "0.1")).toThrow(/^price must be a multiple of 0.1/);
    expect(() => wholeUnits("price", 1, 0)).toThrow(/^unit of price/);
    expect(() => wholeUnits("price", "1e17", "0.1")).toThrow(/^price is/);
  });
});
