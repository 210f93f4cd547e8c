// What a run needs beside the bundles of the bench: the engine as npm run build makes it, and two small WebAssembly modules.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { benchFile, ROOT } from "./paths";

/** In bench/wasm/, as .as: AssemblyScript under a name that the type checker of TypeScript leaves alone. */
const MODULES = ["ring-reader", "memory-read"];
/** Files of the engine that they import. */
const IMPORTED = ["src/shards/kernel/ring.ts", "src/shared/layout/ring.ts"];

async function buildModule(name: string): Promise<void> {
  const source = readFileSync(join(ROOT, "bench", "wasm", `${name}.as`), "utf8");
  const output = benchFile(`${name}.wasm`);
  const stamp = `${output}.sha256`;
  const hash = createHash("sha256").update(source);
  for (const file of IMPORTED) hash.update(readFileSync(join(ROOT, file)));
  const wanted = hash.digest("hex");
  if (existsSync(output) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  const { default: asc } = await import("assemblyscript/asc");
  const entry = `bench/wasm/${name}.ts`;
  // The kernel's own flags (scripts/build.mjs).
  const flags = "--importMemory --sharedMemory --initialMemory 1 --maximumMemory 65536 --enable threads,simd --runtime stub";
  const speed = "-O3 --converge --noAssert --uncheckedBehavior always";
  const { error, stderr } = await asc.main(
    [entry, "--outFile", `dist/bench/${name}.wasm`, "--baseDir", ROOT, ...flags.split(" "), ...speed.split(" ")],
    {
      readFile(file: string, baseDir: string) {
        if (file === entry) return source;
        const path = join(baseDir, file);
        return existsSync(path) ? readFileSync(path, "utf8") : null;
      },
    },
  );
  if (error) throw new Error(`bench/wasm/${name}.as: ${error.message}\n${stderr.toString()}`);
  writeFileSync(stamp, wanted);
}

export async function buildParts(): Promise<void> {
  // Its progress belongs on stderr: stdout is the table, or the JSON.
  const { status } = spawnSync(process.execPath, ["scripts/build.mjs"], { cwd: ROOT, stdio: ["ignore", 2, 2] });
  if (status !== 0) throw new Error("the engine could not be built");
  for (const name of MODULES) await buildModule(name);
}
