// Builds grafana/built/ from grafana/*.ts.
//
//   node scripts/grafana.mjs           write
//   node scripts/grafana.mjs --check   exit 1 if what is committed is not what the code says
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "..");
const bundle = join(root, "dist/grafana-build.js");
mkdirSync(join(root, "dist"), { recursive: true });
await build({
  entryPoints: [join(root, "grafana/build.ts")],
  outfile: bundle,
  bundle: true,
  platform: "node",
  format: "esm",
  packages: "external",
  logLevel: "warning",
});
process.exit(spawnSync(process.execPath, [bundle, ...process.argv.slice(2)], { stdio: "inherit", cwd: root }).status ?? 1);
