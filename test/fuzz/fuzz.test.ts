// The short forms of the fuzzer, in a process of their own: bundled, it is twice as fast as inside a test runner.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

async function run(...args: string[]): Promise<string> {
  const command = promisify(execFile)(process.execPath, [join(import.meta.dirname, "run.mjs"), ...args]);
  return (await command.catch((error: { stdout: string; stderr: string }) => error)).stdout;
}

// Another seed every time. It is printed: `node test/fuzz/run.mjs 1000000 <seed>` is the same run again.
it("a million changed messages: nothing wrong is accepted, nothing right is refused, nothing throws", {
  timeout: 240_000,
}, async () => {
  const report = await run("1000000");
  console.log(report);
  expect(report).toMatch(/1000000 of 1000000 mutations/);
  expect(report).toMatch(/found nothing\s*$/);
});

// A fifth of the bugs, and the same seed every time: how many are found in so short a run is known. The long form finds all of all.
it("a fuzzer that is blind shows: most planted bugs are found in a short run", { timeout: 240_000 }, async () => {
  const report = await run("--planted", "100000", "1", "5");
  const [, found, planted] = /(\d+) of (\d+) planted bugs found/.exec(report) ?? [];
  expect(Number(planted)).toBeGreaterThan(11);
  expect(Number(found) / Number(planted), report).toBeGreaterThan(0.8);
});
