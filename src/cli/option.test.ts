// `plimsoll option`, from its lines in to its lines out and its exit status.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { FieldError } from "../risk/validate";
import { evaluateOption, optionCommand } from "./option";

afterEach(() => {
  process.exitCode = 0;
});

async function run(input: string, args: string[] = []): Promise<{ answers: Record<string, unknown>[]; status: number }> {
  let text = "";
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString("utf8");
      done();
    },
  });
  process.exitCode = 0;
  await optionCommand({ stdin: Readable.from([Buffer.from(input)]), stdout }).parseAsync(args, { from: "user" });
  const lines = text === "" ? [] : text.trimEnd().split("\n");
  return { answers: lines.map((line) => JSON.parse(line)), status: process.exitCode };
}

const CALL_LINE = { model: "black76", type: "call", forward: 104, strike: 100, years: 4.5, vol: 0.5, discount: 1 };
const PUT_LINE = {
  model: "black-scholes",
  type: "put",
  spot: 100,
  strike: 95,
  years: 0.5,
  vol: 0.2,
  rate: 0.1,
  dividendYield: 0.05,
};
const KEYS = ["price", "delta", "gamma", "vega", "theta", "rho", "vanna", "volga"];

test("a line with a vol answers the price and seven Greeks", async () => {
  const { answers, status } = await run(`${JSON.stringify(CALL_LINE)}\n${JSON.stringify(PUT_LINE)}\n`);
  expect(answers.map((answer) => Object.keys(answer))).toEqual([KEYS, KEYS]);
  expect(answers[0]?.price).toBeCloseTo(43.24555444486169, 12); // Strata
  expect(answers[1]?.price).toBeCloseTo(2.4648, 4); // Haug, page 6
  expect(status).toBe(0);
});

test("a line with a price answers the volatility that gives it", async () => {
  const { vol, ...rest } = CALL_LINE;
  const { answers, status } = await run(`${JSON.stringify({ ...rest, price: 43.24555444486169 })}\n`);
  expect(Object.keys(answers[0] as object)).toEqual(["iv"]);
  expect(answers[0]?.iv).toBeCloseTo(vol, 12);
  expect(status).toBe(0);
});

test("an id is echoed, whatever it is, with an answer and with an error", async () => {
  const lines = [
    { id: 7, ...CALL_LINE },
    { id: { a: [1] }, ...PUT_LINE, vol: -1 },
  ];
  const { answers, status } = await run(lines.map((line) => JSON.stringify(line)).join("\n"));
  expect(answers[0]?.id).toBe(7);
  expect(answers[1]?.id).toEqual({ a: [1] });
  expect((answers[1]?.error as FieldError | undefined)?.field).toBe("vol");
  expect(status).toBe(1);
});

test("a number and its decimal string are the same number", () => {
  const asStrings = { ...CALL_LINE, forward: "104", strike: "100.00", years: "45e-1", vol: "0.50", discount: "1" };
  expect(evaluateOption(asStrings)).toEqual(evaluateOption(CALL_LINE));
});

test("discount is 1, rate and yield are 0 where they are left out", () => {
  const { discount: _discount, ...withoutDiscount } = CALL_LINE;
  expect(evaluateOption(withoutDiscount)).toEqual(evaluateOption(CALL_LINE));
  const { rate: _rate, dividendYield: _yield, ...withoutRates } = PUT_LINE;
  expect(evaluateOption(withoutRates)).toEqual(evaluateOption({ ...PUT_LINE, rate: 0, dividendYield: 0 }));
});

function refusal(line: unknown): FieldError {
  try {
    evaluateOption(line);
  } catch (error) {
    expect(error).toBeInstanceOf(FieldError);
    return error as FieldError;
  }
  throw new Error(`nothing was refused in ${JSON.stringify(line)}`);
}

const without = (line: object, field: string) => Object.fromEntries(Object.entries(line).filter(([key]) => key !== field));

// Rules of the input: [line, code, field].
test.each<[string, unknown, string, string]>([
  ["a line that is an array", [1], "wrong-type", ""],
  ["a line that is null", null, "wrong-type", ""],
  ["no model", without(CALL_LINE, "model"), "missing-field", "model"],
  ["a model nobody knows", { ...CALL_LINE, model: "bachelier" }, "unknown-value", "model"],
  ["no type", without(CALL_LINE, "type"), "missing-field", "type"],
  ["a type nobody knows", { ...CALL_LINE, type: "Call" }, "unknown-value", "type"],
  ["no forward", without(CALL_LINE, "forward"), "missing-field", "forward"],
  ["no strike", without(CALL_LINE, "strike"), "missing-field", "strike"],
  ["no years", without(CALL_LINE, "years"), "missing-field", "years"],
  ["no spot", without(PUT_LINE, "spot"), "missing-field", "spot"],
  ["neither vol nor price", without(CALL_LINE, "vol"), "missing-field", "vol"],
  ["both vol and price", { ...CALL_LINE, price: 1 }, "conflict", "price"],
  ["a rate for black76", { ...CALL_LINE, rate: 0 }, "unknown-field", "rate"],
  ["a discount for black-scholes", { ...PUT_LINE, discount: 1 }, "unknown-field", "discount"],
  ["a misspelt field", { ...CALL_LINE, strke: 100 }, "unknown-field", "strke"],
  ["a forward of zero", { ...CALL_LINE, forward: 0 }, "out-of-range", "forward"],
  ["a negative strike", { ...CALL_LINE, strike: -1 }, "out-of-range", "strike"],
  ["negative years", { ...CALL_LINE, years: -0.1 }, "out-of-range", "years"],
  ["a negative vol", { ...CALL_LINE, vol: "-0.5" }, "out-of-range", "vol"],
  ["a discount of zero", { ...CALL_LINE, discount: 0 }, "out-of-range", "discount"],
  ["a negative price", { ...without(CALL_LINE, "vol"), price: -1 }, "below-intrinsic", "price"],
  ["NaN as a string", { ...CALL_LINE, vol: "NaN" }, "not-finite", "vol"],
  ["Infinity as a string", { ...CALL_LINE, forward: "Infinity" }, "not-finite", "forward"],
  ["a number beyond a double", JSON.parse(`{"model":"black76","type":"put","forward":1e999}`), "not-finite", "forward"],
  ["hexadecimal", { ...CALL_LINE, strike: "0x64" }, "not-a-number", "strike"],
  ["a null vol", { ...CALL_LINE, vol: null }, "wrong-type", "vol"],
  ["a boolean", { ...CALL_LINE, years: true }, "wrong-type", "years"],
  ["a price below intrinsic value", { ...without(CALL_LINE, "vol"), price: 3.9 }, "below-intrinsic", "price"],
  ["a price at the limit", { ...without(CALL_LINE, "vol"), price: 104 }, "above-limit", "price"],
  ["a price above intrinsic value at expiry", { ...without(CALL_LINE, "vol"), years: 0, price: 5 }, "above-limit", "price"],
  ["a gamma no double can hold", { ...CALL_LINE, forward: 1e-200, strike: 1e-200, vol: 1e-9 }, "not-finite", ""],
])("%s is refused by code and field", (_name, line, code, field) => {
  const error = refusal(line);
  expect([error.code, error.field]).toEqual([code, field]);
});

test("a price at intrinsic value has a volatility of 0", () => {
  expect(evaluateOption({ ...without(CALL_LINE, "vol"), price: 4 })).toEqual({ iv: 0 });
});

test("whatever JSON comes, a line answers finite numbers or a refusal", () => {
  const value = fc.oneof(fc.double(), fc.constantFrom(0, 1, -1, "1", "x", null, 1e300, 1e-300));
  const line = fc.record(
    {
      model: fc.constantFrom("black76", "black-scholes"),
      type: fc.constantFrom("call", "put"),
      forward: value,
      spot: value,
      strike: value,
      years: value,
      vol: value,
      price: value,
      rate: value,
      discount: value,
    },
    { requiredKeys: ["model", "type", "strike", "years"] },
  );
  fc.assert(
    fc.property(line, (input) => {
      try {
        for (const number of Object.values(evaluateOption(input))) expect(Number.isFinite(number)).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(FieldError);
      }
    }),
    { numRuns: 3000 },
  );
});

describe("the command", () => {
  test("answers errors in their place, skips blank lines, and ends with status 1", async () => {
    const good = JSON.stringify(CALL_LINE);
    const { answers, status } = await run(`${good}\n\nnope\n${JSON.stringify({ ...CALL_LINE, vol: -1 })}\n${good}\n`);
    expect(answers.map((answer) => (answer.error as FieldError | undefined)?.code)).toEqual([
      undefined,
      "not-json",
      "out-of-range",
      undefined,
    ]);
    expect(status).toBe(1);
  });

  test("reads a file with --input, and says so when there is none", async () => {
    const folder = mkdtempSync(join(tmpdir(), "plimsoll-option-"));
    try {
      const file = join(folder, "lines.jsonl");
      writeFileSync(file, `${JSON.stringify(CALL_LINE)}\n`.repeat(3));
      const { answers, status } = await run("", ["--input", file]);
      expect(answers.length).toBe(3);
      expect(status).toBe(0);

      const command = optionCommand({ stdin: Readable.from([]), stdout: new Writable({ write: (_c, _e, done) => done() }) });
      const absent = join(folder, "absent.jsonl");
      await expect(command.parseAsync(["--input", absent], { from: "user" })).rejects.toThrow(`cannot read ${absent}`);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("explains itself with an example that works", async () => {
    let help = "";
    optionCommand()
      .configureOutput({ writeOut: (text) => (help += text) })
      .outputHelp();
    const examples = [...help.matchAll(/echo '([^']+)'/g)].map((match) => match[1] as string);
    expect(examples.length).toBe(2);
    const { answers, status } = await run(examples.join("\n"));
    expect(status).toBe(0);
    expect(answers[0]?.price).toBeCloseTo(43.25, 2);
    expect(answers[1]?.iv).toBeCloseTo(0.5, 3);
  });
});

describe("the examples of docs/options.md", () => {
  test("each line in gives the line that follows it", async () => {
    const text = readFileSync(fileURLToPath(new URL("../../docs/options.md", import.meta.url)), "utf8");
    const blocks = [...text.matchAll(/```json\n([\s\S]*?)```/g)].map((match) => match[1] as string);
    let pairs = 0;
    for (const block of blocks) {
      const lines = block.trim().split("\n");
      expect(lines.length % 2).toBe(0);
      for (let i = 0; i < lines.length; i += 2) {
        const { answers } = await run(`${lines[i]}\n`);
        expect(answers[0]).toEqual(JSON.parse(lines[i + 1] as string));
        pairs += 1;
      }
    }
    expect(pairs).toBeGreaterThanOrEqual(3);
  });
});

const VECTORS = fileURLToPath(new URL("../../../shared/vectors/option.jsonl", import.meta.url));
const hasVectors = existsSync(VECTORS);
if (!hasVectors) console.warn(`published option values are not there (${VECTORS}): their tests are skipped`);

interface Vector {
  case: string;
  input: object;
  expect: Record<string, { value: number; abs?: number; rel?: number }>;
}

describe.skipIf(!hasVectors)("published values", () => {
  test("every case comes out of the command within its tolerance", async () => {
    const vectors: Vector[] = readFileSync(VECTORS, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const { answers, status } = await run(vectors.map((vector) => `${JSON.stringify(vector.input)}\n`).join(""));
    expect(status).toBe(0);
    expect(answers.length).toBe(vectors.length);
    vectors.forEach((vector, i) => {
      for (const [path, { value, abs, rel }] of Object.entries(vector.expect)) {
        const tolerance = abs ?? (rel as number) * Math.abs(value);
        const actual = answers[i]?.[path] as number;
        expect(Math.abs(actual - value), `${vector.case}: ${path} is ${actual}, published ${value}`).toBeLessThanOrEqual(
          tolerance,
        );
      }
    });
  });
});
