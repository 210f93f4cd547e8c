// What the engine asks about the machine and about itself.
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

export function cpuCount(): number {
  return availableParallelism();
}

/** Version of package.json, which lies beside dist/. */
export function version(): string {
  return JSON.parse(readFileSync(join(import.meta.dirname, "../package.json"), "utf8")).version;
}
