// The worked examples of docs/margin.md are what they say.
// biome-ignore-all lint/suspicious/noExplicitAny: answers and kernels are looked into by name

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createPortfolioEvaluator } from "../evaluate";

interface Example {
  input: { id: string };
  expect: Record<string, { value: number; abs?: number; rel?: number }>;
}

const text = readFileSync(new URL("../../../docs/margin.md", import.meta.url), "utf8");
const examples = Array.from(text.matchAll(/```json eval\n(.*?)```/gs), ([, block]) => JSON.parse(block!) as Example);

function at(answer: unknown, path: string): unknown {
  return path.split(".").reduce<any>((value, key) => value?.[key], answer);
}

describe("docs/margin.md", () => {
  it("has a worked example after each of its formulas", () => {
    expect(examples.length).toBeGreaterThanOrEqual(12);
    expect(text.match(/^Worked example/gm)).toHaveLength(examples.length);
  });

  it.each(examples.map((example) => [example.input.id, example] as const))("is right about %s", (_, example) => {
    const answer = createPortfolioEvaluator()(example.input);
    for (const [path, { value, abs = 0, rel = 0 }] of Object.entries(example.expect)) {
      const actual = at(answer, path);
      expect(typeof actual, path).toBe("number");
      expect(Math.abs((actual as number) - value), `${path}: ${actual}`).toBeLessThanOrEqual(abs + rel * Math.abs(value));
    }
  });
});
