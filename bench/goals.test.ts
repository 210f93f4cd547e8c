import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { GOALS } from "./goals";

/** Row by row of the table of goals: what stands in its last column, `-p99` for what a name before it becomes. */
function documented(): string[] {
  const text = readFileSync(new URL("../docs/performance.md", import.meta.url), "utf8");
  const [, section = ""] = text.split("## Goals\n");
  const names: string[] = [];
  for (const line of section.split("\n## ")[0]!.split("\n")) {
    const cell = line.startsWith("|") ? line.split("|").at(-2)! : "";
    for (const [, name] of cell.matchAll(/`([^`]+)`/g)) {
      const last = names.at(-1) ?? "";
      names.push(name!.startsWith("-") ? last.slice(0, last.lastIndexOf("-")) + name : name!);
    }
  }
  return names;
}

describe("goals", () => {
  it("are those that docs/performance.md lists", () => {
    expect(documented().sort()).toEqual(Object.keys(GOALS).sort());
  });
});
