import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatSteps, parseStep, parseSteps } from "./decimal";

describe("decimal text", () => {
  it.each([
    ["0.1", 1, 1],
    ["0.00000001", 1, 8],
    ["0.50", 5, 1],
    ["5", 5, 0],
    ["10.0", 10, 0],
  ])("the step %s is %d × 10^-%d", (text, mantissa, decimals) => {
    expect(parseStep(text)).toEqual({ mantissa, decimals });
  });

  it.each(["0", "0.000", "-0.1", "1e-3", ".1", "1.", "", " 1", "NaN"])("%j is no step", (text) => {
    expect(() => parseStep(text)).toThrow(RangeError);
  });

  it.each([
    ["61737.63000000", "0.01", 6_173_763],
    ["61800.20", "0.1", 618_002],
    ["0.000", "0.001", 0],
    ["1001", "1", 1001],
    ["2.5", "0.5", 5],
    ["90071992.54740991", "0.00000001", Number.MAX_SAFE_INTEGER],
  ])("%s is a whole number of steps of %s", (text, step, expected) => {
    expect(parseSteps(text, parseStep(step))).toBe(expected);
  });

  it.each([
    ["61737.63", "0.1", /multiple of 0\.1/],
    ["2.6", "0.5", /multiple of 0\.5/],
    ["0.0001", "0.001", /multiple/],
    ["90071992.54740992", "0.00000001", /2\^53/],
    ["-1", "1", /plain decimal/],
    ["1e3", "1", /plain decimal/],
    ["1.", "1", /plain decimal/],
    ["", "1", /plain decimal/],
  ])("%s in steps of %s is refused", (text, step, message) => {
    expect(() => parseSteps(text, parseStep(step))).toThrow(message);
  });

  it("what is written is read back as it was", () => {
    fc.assert(
      fc.property(
        fc.nat({ max: Number.MAX_SAFE_INTEGER }),
        fc.constantFrom("0.1", "0.01", "0.00000001", "0.5", "5", "1"),
        (steps, text) => {
          const step = parseStep(text);
          expect(parseSteps(formatSteps(steps, step), step)).toBe(steps);
        },
      ),
    );
  });
});
