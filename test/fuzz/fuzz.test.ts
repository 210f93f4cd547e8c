// The short form of the fuzzer, with another seed every time: it is printed, and `node test/fuzz/run.mjs 1000000 <seed>` is the same
// run again.
import { expect, it } from "vitest";
import { fuzz, report } from "./fuzz";

it("a million changed messages: nothing wrong is accepted, nothing right is refused, nothing throws", {
  timeout: 240_000,
}, () => {
  const result = fuzz(Date.now() % 4294967296, 1_000_000);
  console.log(report(result));
  expect(result.failures).toEqual([]);
  // It is worth something only if it gets past every check.
  for (const code of [
    "ok",
    "bad-checksum",
    "vector-out-of-bounds",
    "out-of-range",
    "bad-tiers",
    "crossed-quote",
    "broken-book-message",
  ])
    expect(result.counts.get(code) ?? 0).toBeGreaterThan(500);
});
