// Writes the dashboards and alert rules as Grafana reads them, into grafana/built/; with --check writes nothing and fails
// where a file is not what the sources say.
//
//   npx esbuild grafana/build.ts --bundle --platform=node --format=esm --packages=external --outfile=dist/grafana-build.js
//   node dist/grafana-build.js [--check] [folder, grafana/built by default]
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { account } from "./account";
import { alertProvisioning } from "./alerts";
import { overview } from "./overview";

/** File name → content. */
export function builtFiles(): Map<string, string> {
  const text = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  return new Map([
    ["overview.json", text(overview().dashboard)],
    ["account.json", text(account().dashboard)],
    ["alerts.json", text(alertProvisioning().file)],
  ]);
}

/** Names of files that are missing, different or too many. */
export async function differences(dir: string): Promise<string[]> {
  const wanted = builtFiles();
  const found = await readdir(dir).catch(() => [] as string[]);
  const wrong = found.filter((name) => !wanted.has(name));
  for (const [name, content] of wanted) {
    if ((await readFile(join(dir, name), "utf8").catch(() => null)) !== content) wrong.push(name);
  }
  return wrong.sort();
}

async function main(args: readonly string[]): Promise<number> {
  const dir = args.find((arg) => !arg.startsWith("--")) ?? "grafana/built";
  if (args.includes("--check")) {
    const wrong = await differences(dir);
    for (const name of wrong) process.stderr.write(`${join(dir, name)} is not what grafana/*.ts builds\n`);
    return wrong.length === 0 ? 0 : 1;
  }
  await mkdir(dir, { recursive: true });
  for (const [name, content] of builtFiles()) await writeFile(join(dir, name), content);
  return 0;
}

// Run as a program, not when a test imports it.
if (/grafana-build\.m?js$|build\.ts$/.test(process.argv[1] ?? "")) process.exitCode = await main(process.argv.slice(2));
