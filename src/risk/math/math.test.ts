// The elementary functions against 60-digit references (reference.json, written by precision.py), their limits, and what
// they promise each other.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exp, expOfSquare, powerOfTwo } from "./exp";
import { log, logRatio } from "./log";
import { millsRatio } from "./mills";
import { erfc, erfcx, inverseNormalCdf, inverseNormalCdfCentred, normalCdf, normalPdf } from "./normal";
import reference from "./reference.json";

/** Distance of two doubles in units in the last place of the expected one. */
function ulpsBetween(actual: number, expected: number): number {
  if (Object.is(actual, expected) || actual === expected) return 0;
  const magnitude = Math.abs(expected);
  const exponent = magnitude < 2 ** -1022 ? -1022 : Math.floor(Math.log2(magnitude));
  // Math.log2 may round up to the next power; the unit is then twice too large for this one number.
  const unit = 2 ** Math.max(exponent - 52 - (2 ** exponent > magnitude ? 1 : 0), -1074);
  return Math.abs(actual - expected) / unit;
}

// What is promised in docs/options.md#elementary-functions, in ulp.
const PROMISES: [name: keyof typeof reference, f: (x: number) => number, ulps: number][] = [
  ["exp", exp, 1.5],
  ["log", log, 1.5],
  ["millsRatio", millsRatio, 6],
  ["normalPdf", normalPdf, 4],
  ["normalCdf", normalCdf, 8],
  ["erfc", erfc, 8],
  ["erfcx", erfcx, 8],
  ["inverseNormalCdf", inverseNormalCdf, 8],
];

describe("against 60-digit references", () => {
  test.each(PROMISES)("%s is within its promised ulps", (name, f, ulps) => {
    const rows = reference[name] as [number, number][];
    expect(rows.length).toBeGreaterThan(25);
    for (const [x, expected] of rows) {
      const actual = f(x);
      expect(ulpsBetween(actual, expected), `${name}(${x}) = ${actual}, should be ${expected}`).toBeLessThanOrEqual(ulps);
    }
  });
});

// Abramowitz & Stegun, Handbook of Mathematical Functions: tables 7.1 (erf), 26.1 (normal), 26.5 (quantiles).
test.each([
  ["erfc(0.5)", erfc(0.5), 1 - 0.5204998778, 1e-10],
  ["erfc(1)", erfc(1), 1 - 0.8427007929, 1e-10],
  ["erfc(2)", erfc(2), 1 - 0.995322265, 1e-10],
  ["N(1)", normalCdf(1), 0.841344746068543, 1e-15],
  ["N(2)", normalCdf(2), 0.977249868051821, 1e-15],
  ["N(-3)", normalCdf(-3), 1 - 0.99865010196837, 1e-14],
  ["φ(0)", normalPdf(0), 0.398942280401433, 1e-15],
  ["φ(1)", normalPdf(1), 0.241970724519143, 1e-15],
  ["quantile of 0.975", inverseNormalCdf(0.975), 1.95996, 5e-6],
  ["quantile of 0.99", inverseNormalCdf(0.99), 2.32635, 5e-6],
  ["quantile of 0.9995", inverseNormalCdf(0.9995), 3.29053, 5e-6],
])("%s agrees with Abramowitz & Stegun", (_name, actual, expected, tolerance) => {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(tolerance);
});

// Each row is exact.
test.each([
  ["exp(0)", exp(0), 1],
  ["exp(-0)", exp(-0), 1],
  ["exp(Infinity)", exp(Infinity), Infinity],
  ["exp(-Infinity)", exp(-Infinity), 0],
  ["exp just above the range", exp(709.7827128933842), Infinity],
  ["exp far below the range", exp(-746), 0],
  ["exp at the smallest result", exp(-745.1), 5e-324],
  ["exp(NaN)", exp(Number.NaN), Number.NaN],
  ["e^(z²) beyond the range", expOfSquare(41, 1), Infinity],
  ["e^(−z²/2) beyond the range", expOfSquare(-1e300, -0.5), 0],
  ["2^-1022", powerOfTwo(-1022), 2 ** -1022],
  ["2^1023", powerOfTwo(1023), 2 ** 1023],
  ["log(1)", log(1), 0],
  ["log(0)", log(0), -Infinity],
  ["log(-1)", log(-1), Number.NaN],
  ["log(Infinity)", log(Infinity), Infinity],
  ["log(NaN)", log(Number.NaN), Number.NaN],
  ["log of the smallest double", log(5e-324), -744.4400719213812],
  ["logRatio of equals", logRatio(123.4, 123.4), 0],
  ["logRatio beyond the quotient's range", logRatio(1e-300, 1e300), log(1e-300) - log(1e300)],
  ["M(Infinity)", millsRatio(Infinity), 0],
  ["N(0)", normalCdf(0), 0.5],
  ["N(-Infinity)", normalCdf(-Infinity), 0],
  ["N(Infinity)", normalCdf(Infinity), 1],
  ["φ(Infinity)", normalPdf(Infinity), 0],
  ["erfc(0)", erfc(0), 1],
  ["erfc(Infinity)", erfc(Infinity), 0],
  ["erfc(-Infinity)", erfc(-Infinity), 2],
  ["erfcx(0)", erfcx(0), 1],
  ["erfcx(-27)", erfcx(-27), Infinity],
  ["quantile of 0", inverseNormalCdf(0), -Infinity],
  ["quantile of 1", inverseNormalCdf(1), Infinity],
  ["quantile of ½", inverseNormalCdf(0.5), 0],
  ["quantile of -0.1", inverseNormalCdf(-0.1), Number.NaN],
  ["quantile of 1.1", inverseNormalCdf(1.1), Number.NaN],
  ["quantile of NaN", inverseNormalCdf(Number.NaN), Number.NaN],
])("limit: %s", (_name, actual, expected) => {
  expect(actual).toBe(expected);
});

const finite = (min: number, max: number) => fc.double({ min, max, noNaN: true });

describe("for any argument", () => {
  test("log undoes exp", () => {
    fc.assert(
      fc.property(finite(-700, 700), (x) => {
        expect(Math.abs(log(exp(x)) - x)).toBeLessThanOrEqual(2e-16 * (1 + Math.abs(x)) * 2);
      }),
    );
  });

  test("logRatio keeps its digits where the two are close", () => {
    fc.assert(
      fc.property(finite(1e-3, 1e6), finite(-1e-9, 1e-9), (b, offset) => {
        const a = b * (1 + offset);
        const f = (a - b) / b;
        const series = f - (f * f) / 2 + (f * f * f) / 3;
        expect(Math.abs(logRatio(a, b) - series)).toBeLessThanOrEqual(4e-16 * Math.abs(series));
      }),
    );
  });

  test("logRatio changes sign when the two change places", () => {
    fc.assert(
      fc.property(finite(1e-8, 1e8), finite(1e-8, 1e8), (a, b) => {
        expect(Math.abs(logRatio(a, b) + logRatio(b, a))).toBeLessThanOrEqual(1e-15 * (1 + Math.abs(logRatio(a, b))));
      }),
    );
  });

  test("the two tails of the normal distribution add up to one", () => {
    fc.assert(
      fc.property(finite(-40, 40), (z) => {
        expect(Math.abs(normalCdf(z) + normalCdf(-z) - 1)).toBeLessThanOrEqual(4e-16);
      }),
    );
  });

  test("the quantile undoes the distribution in the lower tail, to its relative accuracy", () => {
    fc.assert(
      fc.property(finite(-37, -0.001), (z) => {
        // dz/z = dp/p · p/(z·φ): the conditioning of the quantile, at least one ulp of z itself.
        const slack = 4e-15 * Math.max(1, 1 / Math.abs(z), normalCdf(z) / (Math.abs(z) * normalPdf(z)));
        expect(Math.abs(inverseNormalCdf(normalCdf(z)) - z)).toBeLessThanOrEqual(slack * Math.abs(z));
      }),
    );
  });

  test("the centred quantile keeps its digits near one half, where the plain one cannot have them", () => {
    fc.assert(
      fc.property(finite(1e-300, 1e-5), (q) => {
        // z = q·√(2π)·(1 + π·q²/3 + …)
        const expected = q * Math.sqrt(2 * Math.PI) * (1 + (Math.PI / 3) * q * q);
        expect(Math.abs(inverseNormalCdfCentred(q, 0.5 - q) / expected - 1)).toBeLessThanOrEqual(1e-15);
      }),
    );
  });

  test("functions that should rise or fall never turn", () => {
    fc.assert(
      fc.property(finite(-30, 30), finite(1e-6, 1), (x, step) => {
        expect(exp(x + step)).toBeGreaterThan(exp(x));
        expect(normalCdf(x + step)).toBeGreaterThanOrEqual(normalCdf(x));
        expect(erfc(x + step)).toBeLessThanOrEqual(erfc(x));
        expect(millsRatio(Math.abs(x) + step)).toBeLessThan(millsRatio(Math.abs(x)));
      }),
    );
  });

  test("the pieces of Mills' ratio meet", () => {
    expect(Math.abs(millsRatio(4) / millsRatio(4 - 2 ** -50) - 1)).toBeLessThanOrEqual(1e-15);
  });
});
