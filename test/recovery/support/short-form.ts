// A trial as a test: it prints what it tried and found, with its seed, and fails where it found anything.
import { describe, expect, it } from "vitest";
import { kafkaUnavailable } from "../../support/kafka";
import { printReport, type Report, type Say } from "./stage";

/** SEED=… runs the same again, as far as threads and processes allow. */
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);

/**
 * @param what    what is done to it
 * @param promise what holds all the same
 * @param trial   its short form
 */
export function shortForm(what: string, promise: string, trial: (seed: number, say: Say) => Promise<Report>): void {
  const skipped = kafkaUnavailable();
  describe.skipIf(skipped !== null)(`${what}${skipped === null ? "" : ` (skipped: ${skipped})`}`, () => {
    it(promise, { timeout: 300_000 }, async () => {
      const lines = [`seed ${seed}`];
      try {
        const said: string[] = [];
        const report = await trial(seed, (line) => said.push(line)).catch((error) => {
          lines.push(...said);
          throw error;
        });
        printReport(what, report, (line) => lines.push(line));
        expect(report.found).toEqual([]);
      } finally {
        console.log(lines.join("\n"));
      }
    });
  });
}
