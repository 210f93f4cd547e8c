// `plimsoll eval` as a program sees it: lines in, lines out, an exit status.
// biome-ignore-all lint/suspicious/noExplicitAny: answers and kernels are looked into by name

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { describe, expect, it } from "vitest";
import { evalCommand, runEval } from "./eval";

const VECTORS = fileURLToPath(new URL("../../../shared/vectors/eval.jsonl", import.meta.url));

async function answersTo(text: string): Promise<{ status: number; answers: any[] }> {
  const chunks: Buffer[] = [];
  const output = new Writable({
    write(chunk, _, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  const status = await runEval(Readable.from([Buffer.from(text)]), output);
  const lines = Buffer.concat(chunks).toString("utf8").split("\n");
  expect(lines.pop()).toBe("");
  return { status, answers: lines.map((line) => JSON.parse(line)) };
}

// A line with every field there is.
const SAMPLE = JSON.stringify({
  id: "sample",
  asOf: 1718000000000,
  assets: { USDT: { price: 1, haircut: 0 }, BTC: { price: 60000, haircut: 0.05 } },
  instruments: [
    {
      symbol: "BTCUSDT",
      kind: "perpetual",
      payoff: "linear",
      base: "BTC",
      quote: "USDT",
      settle: "USDT",
      contractSize: 1,
      tickSize: 0.1,
      lotSize: 0.001,
      margin: {
        model: "tiered",
        liquidationFeeRate: 0.001,
        notionalAt: "mark",
        tiers: [
          { notionalFloor: 0, initialRate: 0.01, maintenanceRate: 0.004, deduction: 0 },
          { notionalFloor: 50000, initialRate: 0.02, maintenanceRate: 0.005, deduction: 50 },
        ],
      },
    },
    {
      symbol: "BTCUSD",
      kind: "future",
      payoff: "inverse",
      base: "BTC",
      quote: "USD",
      settle: "BTC",
      contractSize: 100,
      expiry: 1727424000000,
      margin: {
        model: "size-scaled",
        initialBase: 0.02,
        initialPerUnit: 0.00005,
        maintenanceBase: 0.01,
        maintenancePerUnit: 0.00005,
      },
    },
    {
      symbol: "BTC-40000-C",
      kind: "option",
      payoff: "linear",
      premium: "base",
      optionType: "call",
      strike: 40000,
      expiry: 1727424000000,
      base: "BTC",
      quote: "USD",
      settle: "BTC",
      contractSize: 1,
      margin: { model: "deribit-option" },
    },
  ],
  market: {
    BTCUSDT: { mark: 61000, index: 60990 },
    BTCUSD: { mark: 61000 },
    "BTC-40000-C": { mark: 0.35, underlying: 61500, iv: 0.6 },
  },
  account: {
    id: "a1",
    collateral: "single-asset",
    balances: { USDT: 10000, BTC: 1 },
    positions: [
      { symbol: "BTCUSDT", qty: -1.5, entryPrice: 59000, mode: "cross", leverage: 20 },
      { symbol: "BTCUSD", qty: 10, entryPrice: 50000, mode: "isolated", isolatedMargin: 0.02 },
      { symbol: "BTC-40000-C", qty: -0.5, entryPrice: 0.3, mode: "cross" },
    ],
    orders: [{ symbol: "BTCUSDT", side: "buy", qty: 0.5, price: 58000 }],
  },
});

// Puts the JSON text of a value (or nothing) in the place of a field.
function withField(path: string, json: string | undefined): string {
  const line = JSON.parse(SAMPLE);
  const keys = path.split(/[.[\]]+/).filter((key) => key !== "");
  const last = keys.pop()!;
  const parent = keys.reduce((value, key) => value[key], line);
  expect(parent, path).toHaveProperty([last]);
  if (json === undefined) delete parent[last];
  else parent[last] = "@";
  return JSON.stringify(line).replace('"@"', json ?? "");
}

// What each field may not be. A field that is left out of `missing` may be left out of the line.
type Bad = "missing" | "zero" | "negative" | "absurd";
const NUMBERS: Record<string, Bad[]> = {
  asOf: ["missing", "negative", "absurd"],
  "assets.BTC.price": ["missing", "zero", "negative", "absurd"],
  "assets.BTC.haircut": ["negative", "absurd"],
  "instruments[0].contractSize": ["missing", "zero", "negative", "absurd"],
  "instruments[0].tickSize": ["zero", "negative", "absurd"],
  "instruments[0].lotSize": ["zero", "negative", "absurd"],
  "instruments[0].margin.liquidationFeeRate": ["negative", "absurd"],
  "instruments[0].margin.tiers[0].notionalFloor": ["missing", "negative", "absurd"],
  "instruments[0].margin.tiers[1].notionalFloor": ["missing", "zero", "negative", "absurd"],
  "instruments[0].margin.tiers[0].initialRate": ["missing", "zero", "negative", "absurd"],
  "instruments[0].margin.tiers[0].maintenanceRate": ["missing", "negative", "absurd"],
  "instruments[0].margin.tiers[1].deduction": ["negative", "absurd"],
  "instruments[1].expiry": ["negative", "absurd"],
  "instruments[1].margin.initialBase": ["missing", "negative", "absurd"],
  "instruments[1].margin.initialPerUnit": ["missing", "negative", "absurd"],
  "instruments[1].margin.maintenanceBase": ["missing", "negative", "absurd"],
  "instruments[1].margin.maintenancePerUnit": ["missing", "negative", "absurd"],
  "instruments[2].strike": ["missing", "zero", "negative", "absurd"],
  "instruments[2].expiry": ["missing", "zero", "negative", "absurd"],
  "market.BTCUSDT.mark": ["missing", "zero", "negative", "absurd"],
  "market.BTCUSDT.index": ["zero", "negative", "absurd"],
  "market.BTC-40000-C.mark": ["missing", "negative", "absurd"],
  "market.BTC-40000-C.underlying": ["missing", "zero", "negative", "absurd"],
  "market.BTC-40000-C.iv": ["missing", "zero", "negative", "absurd"],
  "account.balances.USDT": ["absurd"],
  "account.positions[0].qty": ["missing", "absurd"],
  "account.positions[0].entryPrice": ["missing", "zero", "negative", "absurd"],
  "account.positions[0].leverage": ["zero", "negative", "absurd"],
  "account.positions[1].isolatedMargin": ["missing", "negative", "absurd"],
  "account.positions[2].entryPrice": ["missing", "negative", "absurd"],
  "account.orders[0].qty": ["missing", "zero", "negative", "absurd"],
  "account.orders[0].price": ["missing", "zero", "negative", "absurd"],
};
const WORDS: Record<string, boolean> = {
  "instruments[0].symbol": true,
  "instruments[0].kind": true,
  "instruments[0].payoff": true,
  "instruments[0].base": true,
  "instruments[0].quote": true,
  "instruments[0].settle": true,
  "instruments[0].margin.model": true,
  "instruments[0].margin.notionalAt": false,
  "instruments[2].premium": true,
  "instruments[2].optionType": true,
  "account.id": true,
  "account.collateral": true,
  "account.positions[0].symbol": true,
  "account.positions[0].mode": true,
  "account.orders[0].symbol": true,
  "account.orders[0].side": true,
};
const HOLDERS: Record<string, boolean> = {
  assets: true,
  "assets.BTC": false,
  instruments: true,
  "instruments[0]": true,
  "instruments[0].margin": true,
  "instruments[0].margin.tiers": true,
  "instruments[0].margin.tiers[0]": true,
  market: true,
  "market.BTCUSDT": true,
  account: true,
  "account.balances": true,
  "account.positions": true,
  "account.positions[0]": true,
  "account.orders": false,
  "account.orders[0]": true,
};

const FREE_TEXT = new Set(["account.id", "instruments[0].quote"]);

interface Refusal {
  line: string;
  field: string;
  codes: string[];
}

function refusals(): [string, Refusal][] {
  const found: [string, Refusal][] = [];
  const add = (what: string, field: string, json: string | undefined, ...codes: string[]): void => {
    found.push([`${field} ${what}`, { line: withField(field, json), field, codes }]);
  };
  for (const [field, bad] of Object.entries(NUMBERS)) {
    for (const json of ["true", "null", "[]", "{}"]) add(`is ${json}`, field, json, "wrong-type");
    for (const json of ['"abc"', '""', '"0x10"', '" 1"', '"1,000"']) add(`is ${json}`, field, json, "not-a-number");
    for (const json of ['"NaN"', '"Infinity"', "1e999", '"-1e999"']) add(`is ${json}`, field, json, "not-finite");
    if (bad.includes("zero")) add("is zero", field, "0", "out-of-range");
    if (bad.includes("negative")) add("is negative", field, "-1", "out-of-range");
    if (bad.includes("absurd")) add("is absurd", field, "1e30", "out-of-range");
    if (bad.includes("missing") && !field.endsWith("initialRate")) add("is missing", field, undefined, "missing-field");
  }
  for (const [field, isRequired] of Object.entries(WORDS)) {
    for (const json of ["1", "null", "{}"]) add(`is ${json}`, field, json, "wrong-type");
    add("is empty", field, '""', "out-of-range", "unknown-value");
    if (!FREE_TEXT.has(field) && !/symbol|base/.test(field)) add("is another word", field, '"nonsense"', "unknown-value");
    if (isRequired) add("is missing", field, undefined, "missing-field");
  }
  for (const [field, isRequired] of Object.entries(HOLDERS)) {
    for (const json of ["1", '"x"', "null"]) add(`is ${json}`, field, json, "wrong-type");
    if (isRequired && !field.endsWith("]")) add("is missing", field, undefined, "missing-field");
  }
  return found;
}

// A rule a row: what is done to the sample, and the error's field and code.
const CONTRADICTIONS: [string, (line: any) => void, string, string][] = [
  ["an unknown field of the line", (l) => (l.extra = 1), "extra", "unknown-field"],
  ["an unknown field of an asset", (l) => (l.assets.BTC.extra = 1), "assets.BTC.extra", "unknown-field"],
  ["an unknown field of an instrument", (l) => (l.instruments[1].extra = 1), "instruments[1].extra", "unknown-field"],
  ["an option's field on a perpetual", (l) => (l.instruments[0].strike = 1), "instruments[0].strike", "unknown-field"],
  ["an unknown field of a margin", (l) => (l.instruments[0].margin.extra = 1), "instruments[0].margin.extra", "unknown-field"],
  ["a parameter of another model", (l) => (l.instruments[1].margin.tiers = []), "instruments[1].margin.tiers", "unknown-field"],
  [
    "an unknown field of a tier",
    (l) => (l.instruments[0].margin.tiers[1].cap = 1),
    "instruments[0].margin.tiers[1].cap",
    "unknown-field",
  ],
  ["an unknown field of a market", (l) => (l.market.BTCUSDT.last = 1), "market.BTCUSDT.last", "unknown-field"],
  ["an unknown field of an account", (l) => (l.account.extra = 1), "account.extra", "unknown-field"],
  ["an unknown field of a position", (l) => (l.account.positions[2].side = "buy"), "account.positions[2].side", "unknown-field"],
  ["an unknown field of an order", (l) => (l.account.orders[0].type = "limit"), "account.orders[0].type", "unknown-field"],
  ["no id", (l) => delete l.id, "id", "missing-field"],
  ["no tiers in a table", (l) => (l.instruments[0].margin.tiers = []), "instruments[0].margin.tiers", "out-of-range"],
  [
    "a first tier that leaves a gap",
    (l) => (l.instruments[0].margin.tiers[0].notionalFloor = 1),
    "instruments[0].margin.tiers[0].notionalFloor",
    "out-of-range",
  ],
  [
    "floors that do not rise",
    (l) => (l.instruments[0].margin.tiers[1].notionalFloor = 0),
    "instruments[0].margin.tiers[1].notionalFloor",
    "out-of-range",
  ],
  ["two instruments of one symbol", (l) => (l.instruments[1].symbol = "BTCUSDT"), "instruments[1].symbol", "conflict"],
  ["an inverse option", (l) => (l.instruments[2].payoff = "inverse"), "instruments[2].payoff", "conflict"],
  [
    "an inverse spot",
    (l) => Object.assign(l.instruments[0], { kind: "spot", payoff: "inverse" }),
    "instruments[0].payoff",
    "conflict",
  ],
  ["an inverse contract settled in quote", (l) => (l.instruments[1].settle = "USDT"), "instruments[1].settle", "conflict"],
  ["a linear contract settled in its base", (l) => (l.instruments[0].settle = "BTC"), "instruments[0].settle", "conflict"],
  ["a coin option settled in quote", (l) => (l.instruments[2].settle = "USDT"), "instruments[2].settle", "conflict"],
  [
    "an option's model on a perpetual",
    (l) => (l.instruments[0].margin = { model: "deribit-option" }),
    "instruments[0].margin.model",
    "conflict",
  ],
  ["a table on an option", (l) => (l.instruments[2].margin = l.instruments[0].margin), "instruments[2].margin.model", "conflict"],
  ["an option that has expired", (l) => (l.instruments[2].expiry = l.asOf), "instruments[2].expiry", "out-of-range"],
  ["a settle asset without a price", (l) => (l.instruments[0].settle = "USDC"), "instruments[0].settle", "unknown-value"],
  ["a balance in an asset without a price", (l) => (l.account.balances.DOGE = 1), "account.balances.DOGE", "unknown-value"],
  ["a position in no instrument", (l) => (l.account.positions[0].symbol = "X"), "account.positions[0].symbol", "unknown-value"],
  ["an order in no instrument", (l) => (l.account.orders[0].symbol = "X"), "account.orders[0].symbol", "unknown-value"],
  ["a position without a market", (l) => delete l.market.BTCUSD, "market.BTCUSD", "missing-field"],
  [
    "an isolated margin on a cross position",
    (l) => (l.account.positions[0].isolatedMargin = 1),
    "account.positions[0].isolatedMargin",
    "conflict",
  ],
  [
    "two longs of one symbol",
    (l) => (l.account.positions[1] = { ...l.account.positions[0] }),
    "account.positions[1].symbol",
    "conflict",
  ],
  [
    "three positions of one symbol",
    (l) => {
      l.account.positions[1] = { ...l.account.positions[0], qty: 1 };
      l.account.positions[2] = { ...l.account.positions[0], qty: 2 };
    },
    "account.positions[2].symbol",
    "conflict",
  ],
  [
    "no initial rate and no leverage",
    (l) => {
      delete l.instruments[0].margin.tiers[1].initialRate;
      delete l.account.positions[0].leverage;
    },
    "instruments[0].margin.tiers[1].initialRate",
    "missing-field",
  ],
  [
    "an order without initial rate or leverage",
    (l) => {
      delete l.instruments[0].margin.tiers[0].initialRate;
      l.account.positions.shift();
    },
    "instruments[0].margin.tiers[0].initialRate",
    "missing-field",
  ],
];

describe("plimsoll eval", () => {
  it.skipIf(!existsSync(VECTORS))("gives the published numbers (skipped where the shared vectors are absent)", async () => {
    const cases = readFileSync(VECTORS, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const { status, answers } = await answersTo(`${cases.map(({ input }) => JSON.stringify(input)).join("\n")}\n`);
    expect(status).toBe(0);
    expect(answers).toHaveLength(cases.length);
    const valueAt = (answer: unknown, path: string): number =>
      path.startsWith("sum:")
        ? path
            .slice(4)
            .split("+")
            .reduce((sum, part) => sum + valueAt(answer, part), 0)
        : path.split(".").reduce<any>((value, key) => value?.[key], answer);
    cases.forEach(({ case: name, input, expect: expected }, index) => {
      expect(answers[index].id).toBe(input.id);
      for (const [path, { value, abs = 0, rel = 0 }] of Object.entries<any>(expected)) {
        const actual = valueAt(answers[index], path);
        const error = Math.abs(actual - value);
        if (!(error <= abs + rel * Math.abs(value))) expect.fail(`${name}: ${path} is ${actual}, published is ${value}`);
      }
    });
  });

  it("answers in the shape of its interface", async () => {
    const { answers } = await answersTo(SAMPLE);
    const greeks = ["delta", "gamma", "vega", "theta", "rho"];
    expect(Object.keys(answers[0])).toEqual(["id", "account", "pools", "positions", "greeks"]);
    expect(Object.keys(answers[0].account)).toEqual([
      "equityUsd",
      "walletBalanceUsd",
      "unrealizedPnlUsd",
      "initialMarginUsd",
      "maintenanceMarginUsd",
      "orderMarginUsd",
      "availableUsd",
      "marginRatio",
      "worstMarginRatio",
      "leverage",
      "grossExposureUsd",
      "netExposureUsd",
      "status",
    ]);
    expect(Object.keys(answers[0].pools)).toEqual(["USDT", "BTC"]);
    expect(Object.keys(answers[0].pools.USDT)).toEqual([
      "walletBalance",
      "equity",
      "unrealizedPnl",
      "initialMargin",
      "maintenanceMargin",
      "orderMargin",
      "available",
      "marginRatio",
    ]);
    expect(answers[0].positions.map(({ symbol }: { symbol: string }) => symbol)).toEqual(["BTCUSDT", "BTCUSD", "BTC-40000-C"]);
    expect(Object.keys(answers[0].positions[0])).toEqual([
      "symbol",
      "qty",
      "entryPrice",
      "markPrice",
      "notional",
      "unrealizedPnl",
      "initialMargin",
      "maintenanceMargin",
      "liquidationPrice",
      "bankruptcyPrice",
      ...greeks,
    ]);
    expect(Object.keys(answers[0].greeks)).toEqual(["BTC"]);
    expect(Object.keys(answers[0].greeks.BTC)).toEqual(greeks);
  });

  it("takes every number as a decimal string and answers the same", async () => {
    const quoted = SAMPLE.replace(/([:[,])(-?[\d.]+(?:e-?\d+)?)/g, '$1"$2"');
    expect(quoted).toContain('"qty":"-1.5"');
    const { status, answers } = await answersTo(`${SAMPLE}\n${quoted}`);
    expect(status).toBe(0);
    expect(answers[1]).toEqual(answers[0]);
  });

  it("echoes any id", async () => {
    const ids = ["x", "", 7, null, true, { a: [1] }, ["b"]];
    const { answers } = await answersTo(ids.map((id) => withField("id", JSON.stringify(id))).join("\n"));
    expect(answers.map(({ id }) => id)).toEqual(ids);
  });

  it("names the field that holds a NaN or an infinity, though that is no JSON", async () => {
    const fields = ["market.BTCUSDT.mark", "account.positions[0].qty", "instruments[0].margin.tiers[0].maintenanceRate"];
    const words = ["NaN", "Infinity", "-Infinity"];
    const lines = fields.flatMap((field) => words.map((word) => ({ field, line: withField(field, word) })));
    const { status, answers } = await answersTo(lines.map(({ line }) => `${line}\n${SAMPLE}`).join("\n"));
    expect(status).toBe(1);
    lines.forEach(({ field }, index) => {
      expect(answers[index * 2]).toMatchObject({ id: "sample", error: { code: "not-finite", field } });
      expect(answers[index * 2 + 1].id).toBe("sample");
    });
  });

  it("takes any time since the epoch, that one included", async () => {
    const year = 365 * 24 * 3600 * 1000;
    const line = (asOf: number) =>
      SAMPLE.replace('"asOf":1718000000000', `"asOf":${asOf}`).replaceAll("1727424000000", `${asOf + year}`);
    const { status, answers } = await answersTo(`${line(0)}\n${line(1718000000000)}`);
    expect(status).toBe(0);
    expect(answers[0]).toEqual(answers[1]);
  });

  it("takes a leverage on an option and an isolated margin of 0 on a cross position, which change nothing", async () => {
    const line = JSON.parse(SAMPLE);
    line.account.positions[2].leverage = 3;
    line.account.positions[0].isolatedMargin = "0.00000000";
    const { answers } = await answersTo(`${SAMPLE}\n${JSON.stringify(line)}`);
    expect(answers[1]).toEqual(answers[0]);
  });

  it("answers every line in its place, errors among them, and ends with status 1", async () => {
    const { status, answers } = await answersTo(`${SAMPLE}\nnot json\n\n${withField("asOf", '"soon"')}\n[]\n${SAMPLE}\n`);
    expect(status).toBe(1);
    expect(answers.map((answer) => answer.error?.code ?? "answered")).toEqual([
      "answered",
      "not-json",
      "not-a-number",
      "wrong-type",
      "answered",
    ]);
    expect(answers[4]).toEqual(answers[0]);
    expect(answers[2]).toMatchObject({ id: "sample", error: { field: "asOf" } });
  });

  it("refuses every field that is missing, mistyped, not finite, zero, negative or absurd by its name, and goes on", async () => {
    const cases = refusals();
    expect(cases.length).toBeGreaterThan(500);
    const text = cases.map(([, { line }]) => `${line}\n${SAMPLE}`).join("\n");
    const { status, answers } = await answersTo(text);
    expect(status).toBe(1);
    expect(answers).toHaveLength(cases.length * 2);
    const [, healthy] = answers;
    cases.forEach(([what, { field, codes }], index) => {
      const { error } = answers[index * 2];
      expect(error, what).toBeDefined();
      expect(error.field, what).toBe(field);
      expect(codes, what).toContain(error.code);
      expect(error.message, what).toContain(field);
      expect(answers[index * 2 + 1], `the line after: ${what}`).toEqual(healthy);
    });
  });

  it.each(CONTRADICTIONS)("refuses %s", async (_, change, field, code) => {
    const line = JSON.parse(SAMPLE);
    change(line);
    const { answers } = await answersTo(JSON.stringify(line));
    expect(answers[0].error).toMatchObject({ field, code });
  });

  it("does without every field that may be left out", async () => {
    const optional = [
      "assets.BTC.haircut",
      "instruments[0].tickSize",
      "instruments[0].lotSize",
      "instruments[0].margin.liquidationFeeRate",
      "instruments[0].margin.notionalAt",
      "instruments[0].margin.tiers[0].initialRate",
      "instruments[0].margin.tiers[1].deduction",
      "instruments[1].expiry",
      "market.BTCUSDT.index",
      "account.positions[0].leverage",
      "account.orders",
    ];
    const { status, answers } = await answersTo(optional.map((field) => withField(field, undefined)).join("\n"));
    expect(answers.map(({ error }) => error)).toEqual(optional.map(() => undefined));
    expect(status).toBe(0);
  });

  it("takes a portfolio of any size up to its limits, and refuses a larger one by name", async () => {
    const large = (count: number) => {
      const line = JSON.parse(SAMPLE);
      const [instrument] = line.instruments;
      line.instruments = Array.from({ length: count }, (_, i) => ({ ...instrument, symbol: `S${i}` }));
      line.market = Object.fromEntries(line.instruments.map(({ symbol }: { symbol: string }) => [symbol, { mark: 61000 }]));
      line.account.positions = line.instruments.map(({ symbol }: { symbol: string }) => ({
        symbol,
        qty: 0.001,
        entryPrice: 60000,
        mode: "cross",
      }));
      line.account.orders = line.instruments.map(({ symbol }: { symbol: string }) => ({
        symbol,
        side: "sell",
        qty: 0.003,
        price: 61000,
      }));
      return JSON.stringify(line);
    };
    const { answers } = await answersTo([SAMPLE, large(2000), SAMPLE, large(20_001)].join("\n"));
    expect(answers[1].positions).toHaveLength(2000);
    expect(answers[1].account.unrealizedPnlUsd).toBeCloseTo(2000, 6);
    expect(answers[1].pools.USDT.orderMargin).toBeCloseTo(2000 * 0.61, 6);
    expect(answers[2]).toEqual(answers[0]);
    expect(answers[3].error).toMatchObject({ code: "out-of-range", field: "instruments" });
  });

  it("is not misled by the names of assets and symbols", async () => {
    const line = SAMPLE.replaceAll('"BTC":', '"__proto__":')
      .replaceAll('"base":"BTC"', '"base":"__proto__"')
      .replaceAll('"settle":"BTC"', '"settle":"__proto__"')
      .replaceAll("BTCUSDT", "constructor");
    const { answers } = await answersTo(line);
    expect(Object.keys(answers[0].pools)).toEqual(["USDT", "__proto__"]);
    expect(answers[0].positions[0].symbol).toBe("constructor");
  });

  it("exits as its answers went", () => {
    const folder = mkdtempSync(join(tmpdir(), "plimsoll-eval-"));
    try {
      const outfile = join(folder, "eval.cjs");
      const contents = 'import { evalCommand } from "./eval"; evalCommand().parseAsync();';
      buildSync({
        stdin: { contents, resolveDir: fileURLToPath(new URL(".", import.meta.url)), loader: "ts" },
        bundle: true,
        platform: "node",
        format: "cjs",
        outfile,
      });
      const run = (input: string) => spawnSync(process.execPath, [outfile], { input, encoding: "utf8" });
      const good = run(`${SAMPLE}\n`);
      expect([good.status, good.stderr]).toEqual([0, ""]);
      expect(JSON.parse(good.stdout).id).toBe("sample");
      const bad = run(`${SAMPLE}\n{}\n${SAMPLE}\n`);
      expect([bad.status, bad.stderr]).toEqual([1, ""]);
      expect(bad.stdout.trimEnd().split("\n")).toHaveLength(3);
      expect(run("").status).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("explains itself", () => {
    expect(evalCommand().name()).toBe("eval");
    expect(evalCommand().helpInformation()).toContain("JSON lines");
  });
});
