// Price and Greeks: published values, 60-digit references, what must hold for every option, and the limits.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { black76, black76Price, blackScholes, blackScholesPrice, CALL, OptionValues, PUT } from "./black";
import reference from "./reference.json";

const values = new OptionValues();

function b76(sign: number, forward: number, strike: number, years: number, vol: number, discount: number): OptionValues {
  black76(values, sign, forward, strike, years, vol, discount);
  return { ...values };
}

function bs(sign: number, spot: number, strike: number, years: number, vol: number, rate: number, yield_: number): OptionValues {
  blackScholes(values, sign, spot, strike, years, vol, rate, yield_);
  return { ...values };
}

// E. G. Haug, "The Complete Guide to Option Pricing Formulas" (McGraw-Hill 1998), pages 2-8, 24 and 27, as QuantLib's
// test-suite/europeanoption.cpp lists them: sign, strike, spot, yield, rate, years, vol, value (to 1e-4).
const HAUG: [number, number, number, number, number, number, number, number][] = [
  [CALL, 65, 60, 0, 0.08, 0.25, 0.3, 2.1334],
  [PUT, 95, 100, 0.05, 0.1, 0.5, 0.2, 2.4648],
  [PUT, 19, 19, 0.1, 0.1, 0.75, 0.28, 1.7011],
  [CALL, 19, 19, 0.1, 0.1, 0.75, 0.28, 1.7011],
  [CALL, 1.6, 1.56, 0.08, 0.06, 0.5, 0.12, 0.0291],
  [PUT, 70, 75, 0.05, 0.1, 0.5, 0.35, 4.087],
  [CALL, 100, 90, 0.1, 0.1, 0.1, 0.15, 0.0205],
  [CALL, 100, 100, 0.1, 0.1, 0.1, 0.15, 1.8734],
  [CALL, 100, 110, 0.1, 0.1, 0.1, 0.15, 9.9413],
  [CALL, 100, 90, 0.1, 0.1, 0.1, 0.25, 0.315],
  [CALL, 100, 100, 0.1, 0.1, 0.1, 0.25, 3.1217],
  [CALL, 100, 110, 0.1, 0.1, 0.1, 0.25, 10.3556],
  [CALL, 100, 90, 0.1, 0.1, 0.1, 0.35, 0.9474],
  [CALL, 100, 100, 0.1, 0.1, 0.1, 0.35, 4.3693],
  [CALL, 100, 110, 0.1, 0.1, 0.1, 0.35, 11.1381],
  [CALL, 100, 90, 0.1, 0.1, 0.5, 0.15, 0.8069],
  [CALL, 100, 100, 0.1, 0.1, 0.5, 0.15, 4.0232],
  [CALL, 100, 110, 0.1, 0.1, 0.5, 0.15, 10.5769],
  [CALL, 100, 90, 0.1, 0.1, 0.5, 0.25, 2.7026],
  [CALL, 100, 100, 0.1, 0.1, 0.5, 0.25, 6.6997],
  [CALL, 100, 110, 0.1, 0.1, 0.5, 0.25, 12.7857],
  [CALL, 100, 90, 0.1, 0.1, 0.5, 0.35, 4.9329],
  [CALL, 100, 100, 0.1, 0.1, 0.5, 0.35, 9.3679],
  [CALL, 100, 110, 0.1, 0.1, 0.5, 0.35, 15.3086],
  [PUT, 100, 90, 0.1, 0.1, 0.1, 0.15, 9.921],
  [PUT, 100, 100, 0.1, 0.1, 0.1, 0.15, 1.8734],
  [PUT, 100, 110, 0.1, 0.1, 0.1, 0.15, 0.0408],
  [PUT, 100, 90, 0.1, 0.1, 0.1, 0.25, 10.2155],
  [PUT, 100, 100, 0.1, 0.1, 0.1, 0.25, 3.1217],
  [PUT, 100, 110, 0.1, 0.1, 0.1, 0.25, 0.4551],
  [PUT, 100, 90, 0.1, 0.1, 0.1, 0.35, 10.8479],
  [PUT, 100, 100, 0.1, 0.1, 0.1, 0.35, 4.3693],
  [PUT, 100, 110, 0.1, 0.1, 0.1, 0.35, 1.2376],
  [PUT, 100, 90, 0.1, 0.1, 0.5, 0.15, 10.3192],
  [PUT, 100, 100, 0.1, 0.1, 0.5, 0.15, 4.0232],
  [PUT, 100, 110, 0.1, 0.1, 0.5, 0.15, 1.0646],
  [PUT, 100, 90, 0.1, 0.1, 0.5, 0.25, 12.2149],
  [PUT, 100, 100, 0.1, 0.1, 0.5, 0.25, 6.6997],
  [PUT, 100, 110, 0.1, 0.1, 0.5, 0.25, 3.2734],
  [PUT, 100, 90, 0.1, 0.1, 0.5, 0.35, 14.4452],
  [PUT, 100, 100, 0.1, 0.1, 0.5, 0.35, 9.3679],
  [PUT, 100, 110, 0.1, 0.1, 0.5, 0.35, 5.7963],
  [CALL, 40, 42, 0.08, 0.04, 0.75, 0.35, 5.0975],
];

test.each(HAUG)(
  "Haug: sign %d strike %d spot %d yield %d rate %d years %d vol %d is worth %d",
  (sign, k, s, q, r, t, v, value) => {
    expect(Math.abs(bs(sign, s, k, t, v, r, q).price - value)).toBeLessThanOrEqual(1e-4);
  },
);

// Haug, pages 11-16, from the same file.
test.each<[string, number, number]>([
  ["delta of a call on a future", bs(CALL, 105, 100, 0.5, 0.36, 0.1, 0.1).delta, 0.5946],
  ["delta of a put on a future", bs(PUT, 105, 100, 0.5, 0.36, 0.1, 0.1).delta, -0.3566],
  ["gamma of a call", bs(CALL, 55, 60, 0.75, 0.3, 0.1, 0).gamma, 0.0278],
  ["gamma of a put", bs(PUT, 55, 60, 0.75, 0.3, 0.1, 0).gamma, 0.0278],
  ["vega of a call", bs(CALL, 55, 60, 0.75, 0.3, 0.1, 0).vega, 18.9358],
  ["vega of a put", bs(PUT, 55, 60, 0.75, 0.3, 0.1, 0).vega, 18.9358],
  ["theta of a put", bs(PUT, 430, 405, 1 / 12, 0.2, 0.07, 0.05).theta, -31.1924],
  ["theta of a put, a day", bs(PUT, 430, 405, 1 / 12, 0.2, 0.07, 0.05).theta / 365, -0.0855],
  ["rho of a call", bs(CALL, 72, 75, 1, 0.19, 0.09, 0).rho, 38.7325],
])("Haug: %s", (_name, actual, expected) => {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-4);
});

// OpenGamma Strata, BlackFormulaRepositoryTest: calls on a forward of 104, 4.5 years, undiscounted.
const STRATA_VOLS = [0.1, 0.12, 0.15, 0.2, 0.3, 0.5, 0.8];
const STRATA: Record<number, number[]> = {
  85: [
    20.816241352493662, 21.901361401145017, 23.739999392248883, 27.103751052550102, 34.22506482807403, 48.312929458905,
    66.87809290575849,
  ],
  90: [
    17.01547107842069, 18.355904456594594, 20.492964568435653, 24.216799858954104, 31.81781516125381, 46.52941355755593,
    65.73985671517116,
  ],
  95: [
    13.655000481751557, 15.203913570037663, 17.57850003037605, 21.58860329455819, 29.58397731664536, 44.842632571211,
    64.65045683512315,
  ],
  100: [
    10.76221357246159, 12.452317171280882, 14.990716295389468, 19.207654124402573, 27.51258894693435, 43.24555444486169,
    63.606185385322505,
  ],
  103: [
    9.251680464551534, 10.990050517334176, 13.589326615797177, 17.892024398947207, 26.343236303647927, 42.327678792768694,
    62.99989771948578,
  ],
  108: [
    7.094602606393259, 8.852863501660629, 11.492701186228047, 15.876921735149438, 24.50948746286295, 40.86105495729011,
    62.02112426294542,
  ],
  120: [
    3.523029591534474, 5.0769317175689395, 7.551079210499658, 11.857770325364342, 20.641589813250427, 37.63447312094027,
    59.81944968154744,
  ],
  150: [
    0.4521972353043875, 1.0637022636084144, 2.442608010436077, 5.613178543779881, 13.579915684294491, 31.040979917191127,
    55.062112340600244,
  ],
  250: [
    1.328198130230618e-4, 0.0029567128738985232, 0.04468941116428932, 0.47558224046532205, 3.8091577630027356, 18.03481967011267,
    43.99634090899799,
  ],
};

test.each(Object.entries(STRATA))("Strata: seven prices at strike %s to 1e-12", (strike, prices) => {
  prices.forEach((price, i) => {
    const actual = b76(CALL, 104, Number(strike), 4.5, STRATA_VOLS[i] as number, 1).price;
    // Strata's own cumulative normal carries some 1e-12 of relative error far out of the money.
    expect(Math.abs(actual / price - 1)).toBeLessThanOrEqual(price > 0.01 ? 1e-13 : 2e-12);
  });
});

test("QuantLib: Greeks of a discounted call on a forward", () => {
  const v = b76(CALL, 100, 105, 1, 0.2, 0.95);
  expect(v.delta).toBeCloseTo(0.4206311695565335, 14);
  expect(v.gamma).toBeCloseTo(0.018754435012086908, 15);
  expect(v.vega).toBeCloseTo(37.508870024173795, 12);
  expect(v.volga).toBeCloseTo(9.285696424317775, 11);
});

describe("against 60-digit references", () => {
  test("price and every Greek keep 13 digits from far in to far out of the money", () => {
    expect(reference.length).toBeGreaterThan(200);
    for (const row of reference) {
      const [sign, forward, strike, years, vol, discount] = row as [number, number, number, number, number, number];
      const [price, delta, gamma, vega, theta, rho, vanna, volga] = row.slice(6) as number[] as [
        number,
        number,
        number,
        number,
        number,
        number,
        number,
        number,
      ];
      const s = vol * Math.sqrt(years);
      const h = Math.log(forward / strike) / s;
      const t = s / 2;
      // A rounding of s moves the price by h² + t² roundings; the rest is the calculation's own.
      const tolerance = 6e-15 + 5e-16 * (h * h + t * t);
      expect(tolerance).toBeLessThan(1.3e-13);
      const v = b76(sign, forward, strike, years, vol, discount);
      // Greeks that are a sum are measured by their parts: the sum may cancel.
      const rateCost = (-Math.log(discount) / years) * price;
      const checks: [string, number, number, number][] = [
        ["price", v.price, price, price],
        ["delta", v.delta, delta, delta],
        ["gamma", v.gamma, gamma, gamma],
        ["vega", v.vega, vega, vega],
        ["theta", v.theta, theta, Math.abs(theta - rateCost) + Math.abs(rateCost)],
        ["rho", v.rho, rho, rho],
        ["vanna", v.vanna, vanna, (vega / (forward * vol * Math.sqrt(years))) * (Math.abs(h) + t)],
        ["volga", v.volga, volga, (vega / vol) * (h * h + t * t)],
      ];
      for (const [name, actual, expected, size] of checks) {
        const error = Math.abs(actual - expected) / Math.abs(size);
        expect(error, `${name} of ${JSON.stringify(row.slice(0, 6))}: ${actual}, should be ${expected}`).toBeLessThanOrEqual(
          tolerance,
        );
      }
    }
  });
});

const sign = fc.constantFrom(CALL, PUT);
const within = (min: number, max: number) => fc.double({ min, max, noNaN: true });
// Everyday options: forward, moneyness in standard deviations, total volatility, years, rate, yield.
const option = fc
  .tuple(sign, within(0.01, 1e5), within(-3, 3), within(0.02, 1.5), within(0.01, 3), within(-0.05, 0.15), within(-0.05, 0.15))
  .map(([q, forward, deviations, total, years, rate, yield_]) => ({
    sign: q,
    forward,
    strike: forward * Math.exp(deviations * total),
    years,
    vol: total / Math.sqrt(years),
    rate,
    yield: yield_,
  }));

describe("for any option", () => {
  test("call less put is the discounted forward less strike", () => {
    fc.assert(
      fc.property(option, ({ forward, strike, years, vol, rate }) => {
        const discount = Math.exp(-rate * years);
        const difference =
          b76(CALL, forward, strike, years, vol, discount).price - b76(PUT, forward, strike, years, vol, discount).price;
        expect(Math.abs(difference - discount * (forward - strike))).toBeLessThanOrEqual(4e-16 * (forward + strike) * 2);
      }),
    );
  });

  test("the deltas of call and put differ by the discount factor", () => {
    fc.assert(
      fc.property(option, ({ forward, strike, years, vol, rate }) => {
        const discount = Math.exp(-rate * years);
        const difference =
          b76(CALL, forward, strike, years, vol, discount).delta - b76(PUT, forward, strike, years, vol, discount).delta;
        expect(Math.abs(difference - discount)).toBeLessThanOrEqual(1e-15);
      }),
    );
  });

  test("a call on F at K is a put on K at F", () => {
    fc.assert(
      fc.property(option, ({ forward, strike, years, vol }) => {
        const call = b76(CALL, forward, strike, years, vol, 1).price;
        const put = b76(PUT, strike, forward, years, vol, 1).price;
        expect(Math.abs(call - put)).toBeLessThanOrEqual(5e-14 * call); // ln(F/K) and ln(K/F) round apart
      }),
    );
  });

  test("the price lies between intrinsic value and its limit, and grows with volatility", () => {
    fc.assert(
      fc.property(option, within(1.001, 2), ({ sign: q, forward, strike, years, vol }, more) => {
        const price = b76(q, forward, strike, years, vol, 1).price;
        expect(price).toBeGreaterThanOrEqual(Math.max(q * (forward - strike), 0));
        expect(price).toBeLessThan(q === CALL ? forward : strike);
        expect(b76(q, forward, strike, years, vol * more, 1).price).toBeGreaterThan(price);
      }),
    );
  });

  test("the price alone is the price with its Greeks, to the bit", () => {
    fc.assert(
      fc.property(option, ({ sign: q, forward, strike, years, vol, rate, yield: y }) => {
        expect(black76Price(q, forward, strike, years, vol, 0.9)).toBe(b76(q, forward, strike, years, vol, 0.9).price);
        const alone = blackScholesPrice(q, forward, strike, years, vol, rate, y);
        expect(alone).toBe(bs(q, forward, strike, years, vol, rate, y).price);
      }),
    );
  });

  test("Black–Scholes on a spot is Black-76 on its forward", () => {
    fc.assert(
      fc.property(option, ({ sign: q, forward: spot, strike, years, vol, rate, yield: y }) => {
        const discount = Math.exp(-rate * years);
        const onSpot = bs(q, spot, strike, years, vol, rate, y);
        const onForward = b76(q, spot * Math.exp((rate - y) * years), strike, years, vol, discount);
        // The forward's rounding is felt through delta.
        const slack = 1e-14 * (onSpot.price + Math.abs(onSpot.delta) * spot);
        expect(Math.abs(onSpot.price - onForward.price)).toBeLessThanOrEqual(slack);
        expect(Math.abs(onSpot.vega - onForward.vega)).toBeLessThanOrEqual(1e-12 * onSpot.vega);
        expect(Math.abs(onSpot.rho - onForward.rho)).toBeLessThanOrEqual(1e-12 * (strike * years + Math.abs(onSpot.rho)));
      }),
    );
  });

  // Five-point central difference: error of fourth order in the step.
  function slope(f: (x: number) => number, x: number, step: number): number {
    return (8 * (f(x + step) - f(x - step)) - (f(x + 2 * step) - f(x - 2 * step))) / (12 * step);
  }

  function expectSlope(name: string, greek: number, f: (x: number) => number, x: number, step: number, size: number): void {
    const difference = slope(f, x, step);
    expect(Math.abs(greek - difference), `${name} ${greek}, by differences ${difference}`).toBeLessThanOrEqual(1e-7 * size);
  }

  test("Black-76 Greeks are the slopes of the price", () => {
    fc.assert(
      fc.property(option, ({ sign: q, forward: f, strike: k, years: t, vol: v, rate: r }) => {
        const d = Math.exp(-r * t);
        const g = b76(q, f, k, t, v, d);
        const s = v * Math.sqrt(t);
        const stepF = f * s * 1e-3;
        const stepV = v * 1e-3;
        expectSlope("delta", g.delta, (x) => b76(q, x, k, t, v, d).price, f, stepF, 1);
        expectSlope("gamma", g.gamma, (x) => b76(q, x, k, t, v, d).delta, f, stepF, 1 / (f * s));
        expectSlope("vega", g.vega, (x) => b76(q, f, k, t, x, d).price, v, stepV, f * Math.sqrt(t));
        expectSlope("vanna", g.vanna, (x) => b76(q, f, k, t, x, d).delta, v, stepV, 1 / v);
        expectSlope("volga", g.volga, (x) => b76(q, f, k, t, x, d).vega, v, stepV, (f * Math.sqrt(t)) / v);
        expectSlope("theta", -g.theta, (x) => b76(q, f, k, x, v, Math.exp(-r * x)).price, t, t * 1e-3, (f + k) / t);
        // Spot stays, the forward and the discount move with the rate.
        const onRate = (x: number) => b76(q, f * Math.exp((x - r) * t), k, t, v, Math.exp(-x * t)).price;
        expectSlope("rho", g.rho, onRate, r, (s / t) * 1e-3, (f + k) * t * Math.max(1, 1 / s));
      }),
    );
  });

  test("Black–Scholes Greeks are the slopes of the price", () => {
    fc.assert(
      fc.property(option, ({ sign: q, forward: p, strike: k, years: t, vol: v, rate: r, yield: y }) => {
        const g = bs(q, p, k, t, v, r, y);
        const s = v * Math.sqrt(t);
        const stepS = p * s * 1e-3;
        const stepV = v * 1e-3;
        expectSlope("delta", g.delta, (x) => bs(q, x, k, t, v, r, y).price, p, stepS, 1);
        expectSlope("gamma", g.gamma, (x) => bs(q, x, k, t, v, r, y).delta, p, stepS, 1 / (p * s));
        expectSlope("vega", g.vega, (x) => bs(q, p, k, t, x, r, y).price, v, stepV, p * Math.sqrt(t));
        expectSlope("vanna", g.vanna, (x) => bs(q, p, k, t, x, r, y).delta, v, stepV, 1 / v);
        expectSlope("volga", g.volga, (x) => bs(q, p, k, t, x, r, y).vega, v, stepV, (p * Math.sqrt(t)) / v);
        expectSlope(
          "theta",
          -g.theta,
          (x) => bs(q, p, k, x, v, r, y).price,
          t,
          Math.min(t, s) * 1e-3,
          ((p + k) / t) * Math.max(1, 1 / s),
        );
        expectSlope("rho", g.rho, (x) => bs(q, p, k, t, v, x, y).price, r, (s / t) * 1e-3, (p + k) * t * Math.max(1, 1 / s));
      }),
    );
  });

  test("everything is finite, at any distance from the money, with any time and volatility", () => {
    const anySize = within(-12, 12).map((x) => 10 ** x);
    const orZero = fc.oneof(fc.constant(0), anySize);
    fc.assert(
      fc.property(sign, anySize, anySize, orZero, orZero, (q, forward, strike, years, vol) => {
        const g = b76(q, forward, strike, years, vol, 1);
        for (const [name, value] of Object.entries(g)) expect(Number.isFinite(value), `${name} ${value}`).toBe(true);
        expect(g.price).toBeGreaterThanOrEqual(Math.max(q * (forward - strike), 0));
        expect(g.price).toBeLessThanOrEqual(q === CALL ? forward : strike);
        expect(q * g.delta).toBeGreaterThanOrEqual(0);
        expect(q * g.delta).toBeLessThanOrEqual(1);
      }),
      { numRuns: 2000 },
    );
  });
});

// Options with nothing left to happen: [name, values, expected fields].
const ATM_VEGA = 100 / Math.sqrt(2 * Math.PI);
test.each<[string, OptionValues, Partial<OptionValues>]>([
  ["an expired call in the money", b76(CALL, 110, 100, 0, 0.5, 1), { price: 10, delta: 1, gamma: 0, vega: 0, theta: 0, rho: 0 }],
  [
    "an expired call out of the money",
    b76(CALL, 90, 100, 0, 0.5, 1),
    { price: 0, delta: 0, gamma: 0, vega: 0, theta: 0, rho: 0 },
  ],
  ["an expired put in the money", b76(PUT, 90, 100, 0, 0.5, 1), { price: 10, delta: -1, gamma: 0, vega: 0, theta: 0 }],
  [
    "an expired call at the money",
    b76(CALL, 100, 100, 0, 0.5, 1),
    { price: 0, delta: 0.5, gamma: 0, vega: 0, theta: 0, vanna: 0 },
  ],
  ["a call without volatility in the money", b76(CALL, 110, 100, 1, 0, 1), { price: 10, delta: 1, gamma: 0, vega: 0, rho: 100 }],
  ["a put without volatility out of the money", b76(PUT, 110, 100, 1, 0, 1), { price: 0, gamma: 0, vega: 0, volga: 0 }],
  [
    "a call without volatility at the money",
    b76(CALL, 100, 100, 4, 0, 1),
    { price: 0, delta: 0.5, gamma: 0, vega: 2 * ATM_VEGA, vanna: ATM_VEGA / 100, volga: 0, theta: 0 },
  ],
  [
    "a call with endless volatility",
    b76(CALL, 110, 100, 1, 1e9, 1),
    { price: 110, delta: 1, gamma: 0, vega: 0, volga: 0, rho: 0 },
  ],
  ["a put with endless volatility", b76(PUT, 110, 100, 1, 1e9, 1), { price: 100, gamma: 0, vega: 0, volga: 0, rho: -100 }],
  ["a call far in the money", b76(CALL, 1e6, 1, 1, 0.2, 1), { price: 999999, delta: 1, gamma: 0, vega: 0 }],
  ["a put far out of the money", b76(PUT, 1e6, 1, 0.01, 0.5, 1), { price: 0, gamma: 0, vega: 0 }],
  ["a discounted call without volatility", b76(CALL, 110, 100, 1, 0, 0.9), { price: 9, delta: 0.9, rho: 90 }],
])("limit: %s", (_name, actual, expected) => {
  for (const [name, value] of Object.entries(expected)) {
    const got = actual[name as keyof OptionValues];
    expect(Math.abs(got - value), `${name} is ${got}, should be ${value}`).toBeLessThanOrEqual(1e-14 * Math.abs(value));
  }
});

test("a volatility going to zero leads to the option without volatility", () => {
  const limit = b76(CALL, 100, 100, 4, 0, 1);
  const close = b76(CALL, 100, 100, 4, 1e-12, 1);
  expect(close.vega).toBeCloseTo(limit.vega, 9);
  expect(close.vanna).toBeCloseTo(limit.vanna, 9);
  expect(close.delta).toBeCloseTo(limit.delta, 9);
  expect(close.volga).toBeCloseTo(limit.volga, 9);
});
