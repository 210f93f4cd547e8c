#!/usr/bin/env node
// `npm run bench`: bundles bench/ into dist/bench/ and runs it. What it does with its arguments stands in
// bench/harness/args.ts; `npm run bench -- --help` prints it.
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(root, "dist", "bench");
process.chdir(root);

mkdirSync(dist, { recursive: true });
for (const file of readdirSync(dist)) if (/\.js(\.map)?$/.test(file)) rmSync(join(dist, file));
await build({
  entryPoints: ["bench/main.ts", "bench/line-process.ts", "bench/workers/*.ts"],
  outdir: dist,
  entryNames: "[name]",
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  packages: "external",
  sourcemap: true,
  logLevel: "warning",
});

const args = ["--enable-source-maps", join(dist, "main.js"), ...process.argv.slice(2)];
const child = spawn(process.execPath, args, { stdio: "inherit" });
// A Ctrl-C reaches the child as well; it ends what it has started, and we end when it has.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.once("close", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 1)));
