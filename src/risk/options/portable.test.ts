// The formulas are written in the common subset of TypeScript and AssemblyScript. This holds them to it: asc compiles
// them, and WebAssembly and V8 must give the same bits for any input, sensible or not.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import { beforeAll, describe, expect, test } from "vitest";
import { exp, expOfSquare } from "../math/exp";
import { log, logRatio } from "../math/log";
import { millsRatio } from "../math/mills";
import { erfc, erfcx, inverseNormalCdf, normalCdf, normalPdf } from "../math/normal";
import { black76, black76Price, blackScholes, blackScholesPrice, OptionValues } from "./black";
import { black76ImpliedVol, blackScholesImpliedVol, impliedTotalVol } from "./implied";
import { VenueGreeks, venueGreeks, yearsToExpiry } from "./venue";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

// What asc compiles: everything, and for the functions that fill an object a way to read its fields.
const ENTRY = `
export { exp, expOfSquare } from "./src/risk/math/exp";
export { log, logRatio } from "./src/risk/math/log";
export { millsRatio } from "./src/risk/math/mills";
export { erfc, erfcx, inverseNormalCdf, normalCdf, normalPdf } from "./src/risk/math/normal";
export { black76Price, blackScholesPrice } from "./src/risk/options/black";
export { black76ImpliedVol, blackScholesImpliedVol, impliedTotalVol } from "./src/risk/options/implied";
export { yearsToExpiry } from "./src/risk/options/venue";
import { black76, blackScholes, OptionValues } from "./src/risk/options/black";
import { VenueGreeks, venueGreeks } from "./src/risk/options/venue";
const values = new OptionValues();
const venue = new VenueGreeks();
function field(v: OptionValues, i: i32): f64 {
  if (i == 0) return v.price;
  if (i == 1) return v.delta;
  if (i == 2) return v.gamma;
  if (i == 3) return v.vega;
  if (i == 4) return v.theta;
  if (i == 5) return v.rho;
  if (i == 6) return v.vanna;
  return v.volga;
}
export function black76Field(i: i32, sign: f64, f: f64, k: f64, t: f64, v: f64, d: f64): f64 {
  black76(values, sign, f, k, t, v, d);
  return field(values, i);
}
export function blackScholesField(i: i32, sign: f64, f: f64, k: f64, t: f64, v: f64, r: f64, q: f64): f64 {
  blackScholes(values, sign, f, k, t, v, r, q);
  return field(values, i);
}
export function venueField(i: i32, sign: f64, f: f64, k: f64, t: f64, v: f64): f64 {
  venueGreeks(venue, sign, f, k, t, v, true);
  if (i == 0) return venue.mark;
  if (i == 1) return venue.netDelta;
  if (i == 2) return venue.vega;
  if (i == 3) return venue.theta;
  return venue.rho;
}
`;

type Numeric = (...args: number[]) => number;
let wasm: Record<string, Numeric>;

beforeAll(async () => {
  let binary: Uint8Array | undefined;
  const { error, stderr } = await asc.main(["portable-entry.ts", "--outFile", "portable.wasm", "-O3", "--runtime", "stub"], {
    readFile: (name) => {
      if (name === "portable-entry.ts") return ENTRY;
      const path = join(ROOT, name);
      return existsSync(path) ? readFileSync(path, "utf8") : null;
    },
    writeFile: (_name, contents) => {
      binary = contents as Uint8Array;
    },
    listFiles: () => [],
  });
  expect(error, stderr.toString()).toBeNull();
  const module = new WebAssembly.Module(binary as Uint8Array<ArrayBuffer>);
  const instance = new WebAssembly.Instance(module, { env: { abort: () => expect.unreachable("abort") } });
  wasm = instance.exports as Record<string, Numeric>;
});

const word = new Float64Array(1);
const bits = new BigUint64Array(word.buffer);
function bitsOf(x: number): bigint {
  word[0] = Number.isNaN(x) ? Number.NaN : x; // one NaN for all: its payload is not part of the promise
  return bits[0] as bigint;
}

// mulberry32: small, and the same numbers on every machine.
function randomSource(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const SEED = 20240108;
const EXTREMES = [0, -0, 1, -1, 5e-324, -5e-324, 1.7e308, -1.7e308, Infinity, -Infinity, Number.NaN, 2 ** -1022, 40, -40];

function compare(name: string, native: Numeric, inputs: Iterable<number[]>): void {
  const compiled = wasm[name] as Numeric;
  let count = 0;
  for (const args of inputs) {
    const here = native(...args);
    const there = compiled(...args);
    if (bitsOf(here) !== bitsOf(there)) {
      expect.unreachable(`${name}(${args.join(", ")}): V8 ${here}, WebAssembly ${there} (seed ${SEED})`);
    }
    count += 1;
  }
  expect(count).toBeGreaterThan(1000);
}

function* arguments1(from: number, to: number): Iterable<number[]> {
  const random = randomSource(SEED);
  for (const x of EXTREMES) yield [x];
  for (let i = 0; i < 4000; i++) yield [from + random() * (to - from)];
  for (let i = 0; i < 1000; i++) yield [(random() < 0.5 ? -1 : 1) * 10 ** (random() * 600 - 300)];
}

function* arguments2(): Iterable<number[]> {
  const random = randomSource(SEED);
  for (const x of EXTREMES) for (const y of EXTREMES) yield [x, y];
  for (let i = 0; i < 4000; i++) yield [10 ** (random() * 12 - 6), 10 ** (random() * 12 - 6)];
}

describe("V8 and WebAssembly give the same bits", () => {
  const ONE: [string, Numeric, number, number][] = [
    ["exp", exp, -750, 715],
    ["log", log, 0, 10],
    ["millsRatio", millsRatio, 0, 50],
    ["normalPdf", normalPdf, -40, 40],
    ["normalCdf", normalCdf, -40, 40],
    ["erfc", erfc, -6, 28],
    ["erfcx", erfcx, -27, 50],
    ["inverseNormalCdf", inverseNormalCdf, 0, 1],
  ];
  test.each(ONE)("%s", (name, native, from, to) => compare(name, native, arguments1(from, to)));

  test("logRatio", () => compare("logRatio", logRatio, arguments2()));
  test("yearsToExpiry", () => compare("yearsToExpiry", yearsToExpiry, arguments2()));
  test("expOfSquare", () => {
    const random = randomSource(SEED);
    const inputs = Array.from({ length: 4000 }, () => [
      random() * 90 - 45,
      [-1, -0.5, 0.5, 1][Math.floor(random() * 4)] as number,
    ]);
    compare("expOfSquare", expOfSquare, inputs);
  });

  // Options from the everyday to the absurd, zero time and zero volatility among them.
  function* options(): Iterable<[number, number, number, number, number]> {
    const random = randomSource(SEED);
    for (let i = 0; i < 4000; i++) {
      const sign = random() < 0.5 ? 1 : -1;
      const forward = 10 ** (random() * 8 - 3);
      const wide = i % 4 === 3 ? 40 : 2;
      const strike = i % 50 === 0 ? forward : forward * Math.exp((random() - 0.5) * wide);
      const years = i % 37 === 0 ? 0 : 10 ** (random() * 6 - 4);
      const vol = i % 41 === 0 ? 0 : 10 ** (random() * 5 - 3);
      yield [sign, forward, strike, years, vol];
    }
  }

  test("black76: price and every Greek", () => {
    const out = new OptionValues();
    const fields = ["price", "delta", "gamma", "vega", "theta", "rho", "vanna", "volga"] as const;
    fields.forEach((field, index) => {
      const native: Numeric = (_i, sign, f, k, t, v, d) => {
        black76(out, sign as number, f as number, k as number, t as number, v as number, d as number);
        return out[field];
      };
      const inputs = Array.from(options(), (o) => [index, ...o, 0.97]);
      compare("black76Field", native, inputs);
    });
  });

  test("blackScholes: price and every Greek", () => {
    const out = new OptionValues();
    const fields = ["price", "delta", "gamma", "vega", "theta", "rho", "vanna", "volga"] as const;
    fields.forEach((field, index) => {
      const native: Numeric = (_i, sign, s, k, t, v, r, q) => {
        blackScholes(out, sign as number, s as number, k as number, t as number, v as number, r as number, q as number);
        return out[field];
      };
      const inputs = Array.from(options(), (o) => [index, ...o, 0.05, -0.02]);
      compare("blackScholesField", native, inputs);
    });
  });

  test("venue Greeks", () => {
    const out = new VenueGreeks();
    const fields = ["mark", "netDelta", "vega", "theta", "rho"] as const;
    fields.forEach((field, index) => {
      const native: Numeric = (_i, sign, f, k, t, v) => {
        venueGreeks(out, sign as number, f as number, k as number, t as number, v as number, true);
        return out[field];
      };
      const inputs = Array.from(options(), (o) => [index, ...o]);
      compare("venueField", native, inputs);
    });
  });

  test("prices and implied volatilities", () => {
    const list = Array.from(options());
    compare(
      "black76Price",
      black76Price,
      Array.from(list, (o) => [...o, 0.9]),
    );
    compare(
      "blackScholesPrice",
      blackScholesPrice,
      Array.from(list, (o) => [...o, 0.05, 0.03]),
    );
    const priced = Array.from(list, ([sign, f, k, t, v]) => [sign, black76Price(sign, f, k, t, v, 0.9), f, k, t, 0.9]);
    compare("black76ImpliedVol", black76ImpliedVol, priced);
    const spots = Array.from(list, ([sign, s, k, t, v]) => {
      return [sign, blackScholesPrice(sign, s, k, t, v, 0.05, 0.03), s, k, t, 0.05, 0.03];
    });
    compare("blackScholesImpliedVol", blackScholesImpliedVol, spots);
    const random = randomSource(SEED);
    const normalised = Array.from({ length: 4000 }, () => {
      const x = -(10 ** (random() * 4 - 3));
      const limit = Math.exp(x / 2);
      const beta = limit * random() ** 8;
      return [x, beta, limit - beta];
    });
    compare("impliedTotalVol", impliedTotalVol, normalised);
  });
});
