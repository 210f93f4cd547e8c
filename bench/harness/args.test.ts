import { describe, expect, it } from "vitest";
import { readArgs, UsageError } from "./args";

const LINES = ["ring", "decode"];

describe("the bench's command line", () => {
  it("runs everything unless it is told otherwise", () => {
    const nothing = { help: false, list: false, json: false, quick: false, only: null, again: false, events: null, out: null };
    expect(readArgs([], LINES)).toEqual(nothing);
  });

  it("takes lines by name, each once", () => {
    expect(readArgs(["--only", "decode, ring,decode"], LINES).only).toEqual(["decode", "ring"]);
  });

  it("takes a count of events as people write it", () => {
    expect(readArgs(["--events", "1e8"], LINES).events).toBe(100_000_000);
  });

  const wrong: [string, string[]][] = [
    ["a flag there is not", ["--fast"]],
    ["a line there is not", ["--only", "rings"]],
    ["an argument without a flag", ["ring"]],
    ["events that are no count", ["--events", "many"]],
    ["events that are no whole number", ["--events", "1.5"]],
    ["no events", ["--events", "0"]],
    ["a flag without its value", ["--only"]],
    ["everything again", ["--again"]],
    ["a quick line again", ["--only", "ring", "--again", "--quick"]],
  ];
  for (const [name, args] of wrong) it(`refuses ${name}`, () => expect(() => readArgs(args, LINES)).toThrow(UsageError));
});
