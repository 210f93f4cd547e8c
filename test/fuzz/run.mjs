// Bundles and runs what stands in this folder, without a test runner:
//
//   node test/fuzz/run.mjs [mutations] [seed]     long form of the fuzzer; default 10,000,000 and a seed of the clock
//   node test/fuzz/run.mjs --planted [mutations] [seed] [every]
//                                                 plants known bugs into the verifier, one at a time (every 5: a fifth
//                                                 of them), and sees each found
//   node test/fuzz/run.mjs --write-golden         writes golden/*.hex anew, after an intended change of the format
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));

/** Bundles a module of this folder and imports it. */
async function load(name, plugins = []) {
  const folder = mkdtempSync(join(tmpdir(), "plimsoll-fuzz-"));
  try {
    const outfile = join(folder, "bundle.mjs");
    await build({
      entryPoints: [join(here, name)],
      outfile,
      bundle: true,
      platform: "node",
      format: "esm",
      plugins,
      logLevel: "error",
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const USAGE = "usage: node test/fuzz/run.mjs [mutations] [seed] | --planted [mutations] [seed] [every] | --write-golden";

/** The arguments as mutations, seed and every; ends the process where they are not. */
function counted(mutationsDefault, mutationsText, seedText, everyText) {
  const mutations = Number(mutationsText ?? mutationsDefault);
  const seed = Number(seedText ?? Date.now() % 4294967296);
  const every = Number(everyText ?? 1);
  const isCount = (value) => Number.isSafeInteger(value) && value > 0;
  if (isCount(mutations) && Number.isSafeInteger(seed) && isCount(every)) return [mutations, seed, every];
  console.error(USAGE);
  process.exit(2);
}

const [first, ...rest] = process.argv.slice(2);
if (first === "--help" || first === "-h") console.log(USAGE);
else if (first === "--write-golden") {
  const { GOLDEN, toHex } = await load("golden.ts");
  for (const [name, make] of Object.entries(GOLDEN)) writeFileSync(join(here, "golden", `${name}.hex`), toHex(make()));
} else if (first === "--planted") {
  const { runPlanted } = await import("./planted.mjs");
  process.exitCode = (await runPlanted(load, ...counted(3_000_000, ...rest))) === 0 ? 0 : 1;
} else {
  const { fuzz, report } = await load("fuzz.ts");
  const [mutations, seed] = counted(10_000_000, first, ...rest);
  const result = fuzz(seed, mutations);
  console.log(report(result));
  process.exitCode = result.failures.length === 0 ? 0 : 1;
}
