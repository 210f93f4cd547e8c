// The short form of `npm run trial:kill`: every named point once, and twice at random.
import { describe, expect, it } from "vitest";
import { kafkaUnavailable } from "../support/kafka";
import { printReport } from "./support/stage";
import { KILL_POINTS, killTrial } from "./trials/kill";

const skipped = kafkaUnavailable();
const SEED = 20_251;
const AT_RANDOM = [null, null];

describe.skipIf(skipped !== null)(`an engine killed with −9${skipped === null ? "" : ` (skipped: ${skipped})`}`, () => {
  it("loses nothing and doubles nothing, wherever it was", async () => {
    const points = [...KILL_POINTS, ...AT_RANDOM];
    const lines: string[] = [];
    const say = (line: string) => void lines.push(line);
    try {
      const report = await killTrial({ seed: SEED, cycles: points.length, points, randomMs: 3000 }, say);
      printReport("kill −9", report, say);
      expect(report.found).toEqual([]);
    } finally {
      console.log(lines.join("\n"));
    }
  }, 300_000);
});
