// Builds the page into a folder of its own, so that a test sees the source as it is now, whatever dist/ holds.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "vite";

export interface BuiltPage {
  webRoot: string;
  remove(): Promise<void>;
}

export async function buildPage(): Promise<BuiltPage> {
  const webRoot = await mkdtemp(join(tmpdir(), "plimsoll-web-"));
  const configFile = join(import.meta.dirname, "../../web/vite.config.ts");
  await build({ configFile, logLevel: "warn", build: { outDir: webRoot } });
  return { webRoot, remove: () => rm(webRoot, { recursive: true, force: true }) };
}
