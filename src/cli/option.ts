// `plimsoll option`: JSON lines in, JSON lines out; an option's price and Greeks from its volatility, or its implied
// volatility from its price. No server, no clock, no state between lines.

import type { Readable, Writable } from "node:stream";
import { Command } from "commander";
import { black76, blackScholes, CALL, OptionValues, PUT } from "../risk/options/black";
import { ABOVE_LIMIT, BELOW_INTRINSIC, black76ImpliedVol, blackScholesImpliedVol } from "../risk/options/implied";
import type { JsonObject } from "../risk/validate";
import {
  ANY_NUMBER,
  asObject,
  FieldError,
  has,
  NON_NEGATIVE,
  POSITIVE,
  readChoice,
  readNumber,
  readOptionalNumber,
  refuseUnknown,
} from "../risk/validate";
import { runFileLines } from "./jsonl";

const COMMON_FIELDS = ["id", "model", "type", "strike", "years", "vol", "price"];
const BLACK76_FIELDS: ReadonlySet<string> = new Set([...COMMON_FIELDS, "forward", "discount"]);
const BLACK_SCHOLES_FIELDS: ReadonlySet<string> = new Set([...COMMON_FIELDS, "spot", "rate", "dividendYield"]);

const MODELS = ["black76", "black-scholes"] as const;
const TYPES = ["call", "put"] as const;

/** What comes back for a `vol`: raw derivatives per unit (vega per 1.00 of vol, theta per year, rho per 1.00). */
export interface OptionPriceAnswer {
  readonly price: number;
  readonly delta: number;
  readonly gamma: number;
  readonly vega: number;
  readonly theta: number;
  readonly rho: number;
  readonly vanna: number;
  readonly volga: number;
}

/** What comes back for a `price`. */
export interface OptionVolAnswer {
  readonly iv: number;
}

// One line is evaluated at a time.
const values = new OptionValues();

/**
 * Answers one line of `plimsoll option`.
 *
 * @param line a parsed JSON value
 * @throws FieldError for whatever is wrong with it; `below-intrinsic` and `above-limit` where no volatility gives the price
 * @see docs/options.md#the-command
 */
export function evaluateOption(line: unknown): object {
  const input = asObject(line, "");
  const model = readChoice(input, "model", "", MODELS);
  refuseUnknown(input, "", model === "black76" ? BLACK76_FIELDS : BLACK_SCHOLES_FIELDS);
  const sign = readChoice(input, "type", "", TYPES) === "call" ? CALL : PUT;
  const answer = model === "black76" ? evaluateBlack76(input, sign) : evaluateBlackScholes(input, sign);
  return has(input, "id") ? { id: input.id, ...answer } : answer;
}

function evaluateBlack76(input: JsonObject, sign: number): OptionPriceAnswer | OptionVolAnswer {
  const forward = readNumber(input, "forward", "", POSITIVE);
  const strike = readNumber(input, "strike", "", POSITIVE);
  const years = readNumber(input, "years", "", NON_NEGATIVE);
  const discount = readOptionalNumber(input, "discount", "", POSITIVE, 1);
  if (isFromVol(input)) {
    black76(values, sign, forward, strike, years, readNumber(input, "vol", "", NON_NEGATIVE), discount);
    return priceAnswer();
  }
  const price = readNumber(input, "price", "", ANY_NUMBER);
  return volAnswer(price, years, black76ImpliedVol(sign, price, forward, strike, years, discount));
}

function evaluateBlackScholes(input: JsonObject, sign: number): OptionPriceAnswer | OptionVolAnswer {
  const spot = readNumber(input, "spot", "", POSITIVE);
  const strike = readNumber(input, "strike", "", POSITIVE);
  const years = readNumber(input, "years", "", NON_NEGATIVE);
  const rate = readOptionalNumber(input, "rate", "", ANY_NUMBER, 0);
  const dividendYield = readOptionalNumber(input, "dividendYield", "", ANY_NUMBER, 0);
  if (isFromVol(input)) {
    const vol = readNumber(input, "vol", "", NON_NEGATIVE);
    blackScholes(values, sign, spot, strike, years, vol, rate, dividendYield);
    return priceAnswer();
  }
  const price = readNumber(input, "price", "", ANY_NUMBER);
  return volAnswer(price, years, blackScholesImpliedVol(sign, price, spot, strike, years, rate, dividendYield));
}

function isFromVol(input: JsonObject): boolean {
  const hasVol = has(input, "vol");
  const hasPrice = has(input, "price");
  if (hasVol && hasPrice) {
    throw new FieldError("conflict", "price", "vol and price exclude each other: give the one that is known");
  }
  if (!hasVol && !hasPrice) {
    throw new FieldError("missing-field", "vol", "vol is missing (or price, to have the implied volatility)");
  }
  return hasVol;
}

function priceAnswer(): OptionPriceAnswer {
  const { price, delta, gamma, vega, theta, rho, vanna, volga } = values;
  const answer = { price, delta, gamma, vega, theta, rho, vanna, volga };
  for (const [name, value] of Object.entries(answer)) {
    // Only inputs near the ends of a double's range lead here. JSON has no infinity, and null would be a lie.
    if (!Number.isFinite(value)) throw new FieldError("not-finite", "", `${name} is beyond the range of a double`);
  }
  return answer;
}

function volAnswer(price: number, years: number, iv: number): OptionVolAnswer {
  if (iv === BELOW_INTRINSIC) {
    throw new FieldError("below-intrinsic", "price", `price ${price} is below intrinsic value: no volatility gives it`);
  }
  if (iv === ABOVE_LIMIT) {
    const limit = years === 0 ? "intrinsic value, all that is left at expiry" : "the limit, what infinite volatility gives";
    throw new FieldError("above-limit", "price", `price ${price} is at or above ${limit}`);
  }
  if (!Number.isFinite(iv)) throw new FieldError("not-finite", "", "iv is beyond the range of a double");
  return { iv };
}

const HELP = `
Each line in is one option, each line out its answer, in order. Blank lines are skipped.
Numbers may be JSON numbers or decimal strings.

  model black76         forward, strike, years, discount (1 where left out)
  model black-scholes   spot, strike, years, rate, dividendYield (0 where left out)
  both                  type call or put; vol, or price to have the implied volatility;
                        id, echoed, if given

Answers are raw derivatives per unit: vega per 1.00 of vol, theta per year, rho per 1.00.

A line that cannot be evaluated answers {"error":{"code","field","message"}} in its place,
and the exit status is 1. Beside the codes of the input's form, price may be
below-intrinsic or above-limit: no volatility gives it.

Example:
  $ echo '{"model":"black76","type":"call","forward":104,"strike":100,"years":4.5,"vol":0.5}' | plimsoll option
  $ echo '{"model":"black76","type":"call","forward":104,"strike":100,"years":4.5,"price":43.25}' | plimsoll option
  $ plimsoll option --input options.jsonl > answers.jsonl
`;

/** Streams the command runs on; the process's own unless a test gives others. */
export interface OptionStreams {
  readonly stdin: Readable;
  readonly stdout: Writable;
}

/**
 * The `plimsoll option` command. Sets the process's exit code to 1 if any line failed. An input that cannot be read, or an output
 * that fails other than by being closed, makes the action throw.
 */
export function optionCommand(streams: OptionStreams = process): Command {
  return new Command("option")
    .description("option price and Greeks from volatility, or implied volatility from price (JSON lines)")
    .option("-i, --input <file>", "read lines from a file instead of standard input")
    .addHelpText("after", HELP)
    .action(async (options: { input?: string }) => {
      const file = options.input;
      if (file === undefined && streams.stdin === process.stdin && process.stdin.isTTY) {
        process.stderr.write("plimsoll option: reading options from the terminal, one a line\n");
      }
      const result = await runFileLines(file, streams.stdin, streams.stdout, evaluateOption);
      if (result.failed > 0) process.exitCode = 1;
    });
}
