// `npm run check`: everything that must hold before a commit, in the order of what is cheapest to find out.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const bin = (name) => join(root, "node_modules/.bin", name);
const steps = [
  ["format and lint", bin("biome"), ["check", "--error-on-warnings", "."]],
  ["generated code is current", process.execPath, ["scripts/generate.mjs", "--check"]],
  ["types", bin("tsc"), ["-p", "tsconfig.json"]],
  ["types of the page", bin("tsc"), ["-p", "web/tsconfig.json"]],
  ["dashboards are current", process.execPath, ["scripts/grafana.mjs", "--check"]],
  ["tests", process.execPath, [join(root, "scripts/build.mjs")]],
  ["", bin("vitest"), ["run"]],
];
for (const [title, command, args] of steps) {
  if (title) console.log(`── ${title}`);
  const { status } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
