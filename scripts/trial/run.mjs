// Runs the long form of a trial of test/recovery/trials/:
//
//   node scripts/trial/run.mjs <trial> [--seed S] [--<option> value …]
//
// Prints what was tried and what was found; exit status 1 where anything was. `--planted` tries the trial itself: known bugs are
// planted into a copy of the program, one at a time, and each must be found.
import { readdirSync } from "node:fs";
import { register } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const folder = join(root, "test/recovery/trials");
const trials = readdirSync(folder).map((name) => name.replace(/\.ts$/, ""));
const [name, ...args] = process.argv.slice(2);

function usage(message) {
  console.error(`${message}\nusage: node scripts/trial/run.mjs ${trials.join("|")} [--seed S] [--planted] [--option value …]`);
  process.exit(2);
}

if (!trials.includes(name)) usage(name === undefined ? "which trial?" : `there is no trial ${name}`);
const options = {};
for (let i = 0; i < args.length; i++) {
  const key = /^--([a-z][A-Za-z]*)$/.exec(args[i])?.[1];
  if (!key) usage(`${args[i]} is no option`);
  if (key === "planted") options.planted = true;
  else {
    const value = Number(args[++i]);
    if (!Number.isSafeInteger(value) || value < 0) usage(`--${key} needs a whole number, not ${args[i]}`);
    options[key] = value;
  }
}
process.chdir(root);
register("./ts-hooks.mjs", import.meta.url);
const { longForm } = await import(pathToFileURL(join(folder, `${name}.ts`)).href);
const found = await longForm({ seed: Date.now() % 1_000_000, ...options }, (line) => console.log(line));
process.exit(found === 0 ? 0 : 1);
