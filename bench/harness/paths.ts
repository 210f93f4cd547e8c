// Where things lie: the bundles of the bench are in dist/bench/, two folders below the project.
import { existsSync } from "node:fs";
import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "../..");
export const CACHE = join(ROOT, ".plimsoll", "bench");

/** A file of dist/, made by npm run build. */
export function built(name: string): string {
  const file = join(ROOT, "dist", name);
  if (!existsSync(file)) throw new Error(`dist/${name} is not built: npm run bench builds it first, or npm run build`);
  return file;
}

/** A worker of the bench, beside this bundle. */
export function benchFile(name: string): string {
  return join(import.meta.dirname, name);
}
