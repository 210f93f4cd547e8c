// The end of a test run in words: what was skipped and why (a skipped suite says so in its name), and the counts on a
// line of their own.
import type { Reporter, TestModule } from "vitest/node";

export default class ClosingReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const reasons = new Map<string, number>();
    for (const module of modules) {
      if (module.state() === "failed" && [...module.children.allTests()].length === 0) counts.failed++;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") counts.passed++;
        else if (state === "failed") counts.failed++;
        else {
          counts.skipped++;
          const why = /\(skipped: (.*?)\)/.exec(test.fullName)?.[1] ?? "no reason given";
          const what = `${module.relativeModuleId}: ${why}`;
          reasons.set(what, (reasons.get(what) ?? 0) + 1);
        }
      }
    }
    if (reasons.size > 0) {
      console.log("\nskipped:");
      for (const [what, count] of [...reasons].sort()) console.log(`  ${String(count).padStart(4)}  ${what}`);
    } else console.log("\nnothing was skipped");
    console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  }
}
