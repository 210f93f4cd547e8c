// Implied volatility: there and back over the whole domain, the answers where there is none, and published prices.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exp } from "../math/exp";
import { millsRatio } from "../math/mills";
import { black76, black76Price, blackScholes, CALL, OptionValues, PUT } from "./black";
import { ABOVE_LIMIT, BELOW_INTRINSIC, black76ImpliedVol, blackScholesImpliedVol, impliedTotalVol } from "./implied";
import { normalisedVega, timeValue, timeValueGap } from "./normalised";
import { rationalCubic, shapeControl } from "./rational-cubic";

const within = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const sign = fc.constantFrom(CALL, PUT);

describe("total volatility of the normalised price", () => {
  test("comes back to 14 digits wherever the price tells it, near the money and far, small and large", () => {
    let compared = 0;
    fc.assert(
      fc.property(within(-7, 2.7), within(-9, 4), (logX, logS) => {
        const x = -(10 ** logX);
        const s = Math.exp(logS);
        const h = x / s;
        const t = s / 2;
        const limit = exp(x / 2);
        const vega = normalisedVega(h, t);
        const near = millsRatio(Math.abs(h + t));
        const far = millsRatio(t - h);
        const beta = timeValue(h, t, near, far, vega, limit);
        const gap = timeValueGap(h, t, near, far, vega, limit);
        // Outside, the price is no number of full precision, or indistinguishable from its limit.
        if (beta < 1e-290 || gap < 1e-16 * limit) return;
        compared += 1;
        const back = impliedTotalVol(x, beta, gap);
        expect(Math.abs(back / s - 1), `x ${x}, s ${s}, back ${back}`).toBeLessThanOrEqual(1.5e-14);
      }),
      { numRuns: 20000 },
    );
    expect(compared).toBeGreaterThan(8000);
  });

  test("at the money it is known in closed form, for the smallest price too", () => {
    expect(impliedTotalVol(0, 1e-300, 1)).toBeCloseTo(0, 12);
    expect(impliedTotalVol(0, 1e-300, 1) / 1e-300).toBeCloseTo(Math.sqrt(2 * Math.PI), 12);
    expect(impliedTotalVol(0, 1 - 1e-15, 1e-15)).toBeGreaterThan(15);
  });
});

describe("there and back", () => {
  test("vol → price → vol keeps 12 digits wherever the price itself has them", () => {
    let compared = 0;
    fc.assert(
      fc.property(
        sign,
        within(0.001, 1e6),
        within(-6, 6),
        within(-5, 1.5),
        within(-3, 1),
        within(0.5, 1),
        (q, f, deviations, logS, logT, d) => {
          const s = 10 ** logS;
          const years = 10 ** logT;
          const vol = s / Math.sqrt(years);
          const strike = f * Math.exp(deviations * s);
          const values = new OptionValues();
          black76(values, q, f, strike, years, vol, d);
          const limit = d * (q === CALL ? f : strike);
          const back = black76ImpliedVol(q, values.price, f, strike, years, d);
          // A few roundings of price and limit, each felt as dσ = dp/vega.
          const attainable = (4 * 2.3e-16 * limit) / values.vega / vol;
          if (attainable > 1e-12) return;
          compared += 1;
          expect(Math.abs(back / vol - 1), `vol ${vol}, back ${back}`).toBeLessThanOrEqual(1e-12);
        },
      ),
      { numRuns: 5000 },
    );
    expect(compared).toBeGreaterThan(1500);
  });

  test("out of the money vol → price → vol keeps 12 digits however small the price", () => {
    let compared = 0;
    fc.assert(
      fc.property(sign, within(0.001, 1e6), within(0, 30), within(-5, 0.3), (q, f, deviations, logS) => {
        const vol = 10 ** logS;
        const strike = f * Math.exp(q * deviations * vol);
        const price = black76Price(q, f, strike, 1, vol, 1);
        if (price < 1e-280) return;
        compared += 1;
        expect(Math.abs(black76ImpliedVol(q, price, f, strike, 1, 1) / vol - 1)).toBeLessThanOrEqual(1e-12);
      }),
      { numRuns: 5000 },
    );
    expect(compared).toBeGreaterThan(3000);
  });

  test("price → vol → price is the price to its last digits", () => {
    fc.assert(
      fc.property(sign, within(0.01, 1e5), within(-1.5, 1.5), within(1e-3, 5), within(1e-6, 0.9999), (q, f, m, years, share) => {
        const strike = f * Math.exp(m);
        const intrinsic = Math.max(q * (f - strike), 0);
        const limit = q === CALL ? f : strike;
        const price = intrinsic + share * (limit - intrinsic);
        const vol = black76ImpliedVol(q, price, f, strike, years, 1);
        expect(vol).toBeGreaterThan(0);
        expect(Math.abs(black76Price(q, f, strike, years, vol, 1) - price)).toBeLessThanOrEqual(4e-15 * limit);
      }),
      { numRuns: 2000 },
    );
  });

  test("with rate and yield the same holds", () => {
    fc.assert(
      fc.property(
        sign,
        within(50, 200),
        within(0.1, 2),
        within(0.05, 1),
        within(-0.1, 0.2),
        within(-0.1, 0.2),
        (q, spot, t, v, r, y) => {
          const values = new OptionValues();
          blackScholes(values, q, spot, 100, t, v, r, y);
          const back = blackScholesImpliedVol(q, values.price, spot, 100, t, r, y);
          // The legs are rounded too, and their difference is part of an in-the-money price.
          const attainable = (8 * 2.3e-16 * (spot + 100) * Math.exp(0.1 * t)) / values.vega;
          if (attainable > 1e-8) return;
          expect(Math.abs(back - v)).toBeLessThanOrEqual(1e-13 + attainable);
        },
      ),
    );
  });

  test("call and put of one strike have one volatility", () => {
    fc.assert(
      fc.property(within(80, 125), within(0.1, 2), within(0.2, 1.5), (f, t, v) => {
        const call = black76ImpliedVol(CALL, black76Price(CALL, f, 100, t, v, 1), f, 100, t, 1);
        const put = black76ImpliedVol(PUT, black76Price(PUT, f, 100, t, v, 1), f, 100, t, 1);
        expect(Math.abs(call - put)).toBeLessThanOrEqual(1e-11);
      }),
    );
  });
});

describe("where no volatility gives the price", () => {
  test.each<[string, number, number]>([
    ["a call below intrinsic", black76ImpliedVol(CALL, 3.9, 104, 100, 1, 1), BELOW_INTRINSIC],
    ["a put below intrinsic", black76ImpliedVol(PUT, 3.9, 100, 104, 1, 1), BELOW_INTRINSIC],
    ["a discounted call below intrinsic", black76ImpliedVol(CALL, 3.5, 104, 100, 1, 0.9), BELOW_INTRINSIC],
    ["a call below intrinsic on a spot", blackScholesImpliedVol(CALL, 4, 104, 100, 1, 0.05, 0), BELOW_INTRINSIC],
    ["a call at the forward", black76ImpliedVol(CALL, 104, 104, 100, 1, 1), ABOVE_LIMIT],
    ["a call above the forward", black76ImpliedVol(CALL, 105, 104, 100, 1, 1), ABOVE_LIMIT],
    ["a put at the strike", black76ImpliedVol(PUT, 100, 104, 100, 1, 1), ABOVE_LIMIT],
    ["a discounted put above the discounted strike", black76ImpliedVol(PUT, 90.1, 104, 100, 1, 0.9), ABOVE_LIMIT],
    ["anything above intrinsic at expiry", black76ImpliedVol(CALL, 4.1, 104, 100, 0, 1), ABOVE_LIMIT],
    ["less than intrinsic at expiry", black76ImpliedVol(CALL, 3.9, 104, 100, 0, 1), BELOW_INTRINSIC],
    ["intrinsic at expiry", black76ImpliedVol(CALL, 4, 104, 100, 0, 1), 0],
    ["nothing for a worthless option at expiry", black76ImpliedVol(PUT, 0, 104, 100, 0, 1), 0],
    ["exactly intrinsic", black76ImpliedVol(CALL, 4, 104, 100, 1, 1), 0],
    ["nothing out of the money", black76ImpliedVol(PUT, 0, 104, 100, 1, 1), 0],
    ["nothing at the money", black76ImpliedVol(CALL, 0, 100, 100, 1, 1), 0],
  ])("%s", (_name, actual, expected) => {
    expect(actual).toBe(expected);
  });

  // 0.8 − 0.7 is 0.10000000000000009 in doubles, 0.3 − 0.1 is 0.19999999999999998.
  test.each([
    [0.8, 0.7, 0.1],
    [0.3, 0.1, 0.2],
    [1.1, 1, 0.1],
    [41250.3, 41000.1, 250.2],
  ])("intrinsic value in decimals is intrinsic value: %d less %d is %d", (forward, strike, price) => {
    expect(black76ImpliedVol(CALL, price, forward, strike, 0.1, 1)).toBe(0);
    expect(black76ImpliedVol(PUT, price, strike, forward, 0.1, 1)).toBe(0);
  });

  test("any price has a finite answer or a code", () => {
    const size = within(-10, 10).map((x) => 10 ** x);
    fc.assert(
      fc.property(sign, size, size, size, within(0, 1.2), (q, forward, strike, years, share) => {
        const limit = q === CALL ? forward : strike;
        const vol = black76ImpliedVol(q, share * limit, forward, strike, years, 1);
        expect(Number.isFinite(vol)).toBe(true);
        expect(vol >= 0 || vol === BELOW_INTRINSIC || vol === ABOVE_LIMIT).toBe(true);
        if (share >= 1) expect(vol).toBe(ABOVE_LIMIT);
      }),
      { numRuns: 5000 },
    );
  });
});

describe("the interpolant of the guess", () => {
  test("meets values and slopes at both ends and stays between them", () => {
    const rise = (x: number, r: number) => rationalCubic(x, 1, 3, 10, 20, 2, 8, r);
    const chord = 5;
    const r = shapeControl(2, 8, chord);
    expect(rise(1, r)).toBe(10);
    expect(rise(3, r)).toBe(20);
    expect((rise(1 + 1e-7, r) - 10) / 1e-7).toBeCloseTo(2, 4);
    expect((20 - rise(3 - 1e-7, r)) / 1e-7).toBeCloseTo(8, 4);
    for (let x = 1; x < 2.99; x += 0.01) expect(rise(x + 0.01, r)).toBeGreaterThan(rise(x, r));
  });

  test("becomes the chord where its parameter cannot be had", () => {
    expect(rationalCubic(2, 1, 3, 10, 20, 2, 8, Number.NaN)).toBe(15);
    expect(rationalCubic(2, 1, 3, 10, 20, 2, 8, 1e300)).toBe(15);
  });
});
