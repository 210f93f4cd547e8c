// Builds what runs: the shard kernel (AssemblyScript → WebAssembly), the command line and the worker threads (esbuild),
// the live page (Vite), all into dist/. A part whose sources have not changed since it was last built is left as it is.
//
//   node scripts/build.mjs [--force] [--only kernel,node,web]
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(root, "dist");
const stampFile = join(dist, ".built.json");
const only = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1].split(",") : null;
process.chdir(root);

/** Names of the files that an entry of the tree holds, sorted. */
function filesUnder(path) {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { recursive: true })
    .map((name) => join(path, name))
    .filter((file) => statSync(file).isFile())
    .sort();
}

function fingerprint(paths) {
  const hash = createHash("sha256");
  for (const path of paths)
    for (const file of filesUnder(path))
      hash
        .update(`${relative(root, file)}\0`)
        .update(readFileSync(file))
        .update("\0");
  return hash.digest("hex");
}

async function buildKernel() {
  const { default: asc } = await import("assemblyscript/asc");
  const { error, stderr } = await asc.main([
    "src/shards/kernel/index.ts",
    "--outFile",
    "dist/kernel.wasm",
    "--importMemory",
    "--sharedMemory",
    "--initialMemory",
    "1",
    "--maximumMemory",
    "65536",
    "--enable",
    "threads,simd",
    // Nothing is freed: what is allocated is allocated once, when an instance starts.
    "--runtime",
    "stub",
    "-O3",
    "--converge",
    "--noAssert",
    "--uncheckedBehavior",
    "always",
  ]);
  if (error) throw new Error(`kernel: ${error.message}\n${stderr}`);
}

/** What packages written for CommonJS expect to be there. */
const COMMONJS = [
  'import { createRequire as commonRequire } from "node:module";',
  "const require = commonRequire(import.meta.url);",
  "const __filename = import.meta.filename;",
  "const __dirname = import.meta.dirname;",
].join("\n");

async function buildNode() {
  const esbuild = await import("esbuild");
  const common = {
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    packages: "external",
    sourcemap: true,
    logLevel: "warning",
    absWorkingDir: root,
  };
  for (const file of readdirSync(dist)) if (/^chunk-.*\.js(\.map)?$/.test(file)) rmSync(join(dist, file));
  await esbuild.build({
    ...common,
    entryPoints: { plimsoll: "src/cli/plimsoll.ts" },
    outdir: dist,
    splitting: true,
    chunkNames: "chunk-[hash]",
  });
  await esbuild.build({
    ...common,
    entryPoints: {
      "shard-worker": "src/shards/worker.ts",
      "store-worker": "src/store/worker.ts",
    },
    outdir: dist,
  });
  // With its packages: some hundred small files take three times as long to load, and an engine that comes back waits for it.
  await esbuild.build({
    ...common,
    entryPoints: { "api-worker": "src/api/worker.ts" },
    outdir: dist,
    packages: "bundle",
    banner: { js: COMMONJS },
  });
  chmodSync(join(dist, "plimsoll.js"), 0o755);
}

async function buildWeb() {
  const vite = await import("vite");
  await vite.build({ configFile: join(root, "web/vite.config.ts"), logLevel: "warn" });
}

const parts = [
  {
    name: "kernel",
    inputs: [
      "src/shards/kernel",
      "src/risk",
      "src/shared/layout",
      "src/shared/limits.ts",
      "schemas/generated",
      "scripts/build.mjs",
    ],
    output: "dist/kernel.wasm",
    build: buildKernel,
  },
  {
    name: "node",
    inputs: ["src", "schemas/generated", "package.json", "scripts/build.mjs"],
    output: "dist/plimsoll.js",
    build: buildNode,
  },
  {
    name: "web",
    inputs: ["web", "src/shared/views/types.ts", "src/shared/freshness.ts", "package-lock.json", "scripts/build.mjs"],
    output: "dist/web/index.html",
    build: buildWeb,
  },
];

mkdirSync(dist, { recursive: true });
let stamps = {};
try {
  stamps = JSON.parse(readFileSync(stampFile, "utf8"));
} catch {}
for (const part of parts) {
  if (only && !only.includes(part.name)) continue;
  const wanted = fingerprint(part.inputs.map((input) => join(root, input)));
  if (stamps[part.name] === wanted && existsSync(part.output) && !process.argv.includes("--force")) continue;
  const started = performance.now();
  await part.build();
  stamps[part.name] = wanted;
  writeFileSync(stampFile, JSON.stringify(stamps));
  console.error(`built ${part.name} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}
