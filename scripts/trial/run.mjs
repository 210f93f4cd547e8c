// Runs the long form of a trial of test/recovery/trials/:
//
//   node scripts/trial/run.mjs <trial> [--seed S] [--<option> value …]     `<trial> --help` names the options
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
const isHelp = (arg) => arg === "--help" || arg === "-h";

/** Says how it is used, after a message where it was used wrongly, and ends the process. */
function usage(lines, message) {
  const text = lines.join("\n");
  if (message === undefined) console.log(text);
  else console.error(`${message}\n${text}`);
  process.exit(message === undefined ? 0 : 2);
}

if (!trials.includes(name)) {
  const lines = [`usage: node scripts/trial/run.mjs ${trials.join("|")} [--help] [--seed S] [--planted] [--option value …]`];
  usage(lines, isHelp(name) ? undefined : name === undefined ? "which trial?" : `there is no trial ${name}`);
}
process.chdir(root);
register("./ts-hooks.mjs", import.meta.url);
const { longForm, OPTIONS } = await import(pathToFileURL(join(folder, `${name}.ts`)).href);

const own = Object.entries(OPTIONS);
const usageLines = [
  `usage: node scripts/trial/run.mjs ${name} [options]`,
  `  ${"--seed S".padEnd(16)}what is chosen at random (another one each time)`,
  ...own.map(([option, { what, default: value }]) => `  ${`--${option} N`.padEnd(16)}${what} (${value})`),
  `  ${"--planted".padEnd(16)}tries the trial: known bugs are planted one at a time, and each must be found`,
];
if (args.some(isHelp)) usage(usageLines);
const options = {
  seed: Date.now() % 1_000_000,
  planted: false,
  ...Object.fromEntries(own.map(([option, { default: value }]) => [option, value])),
};
for (let i = 0; i < args.length; i++) {
  const key = args[i].slice(2);
  if (!args[i].startsWith("--") || !Object.hasOwn(options, key)) usage(usageLines, `${args[i]} is no option of ${name}`);
  if (key === "planted") options.planted = true;
  else {
    const from = key === "seed" ? 0 : 1;
    const value = Number(args[++i]?.trim() || Number.NaN);
    if (!Number.isSafeInteger(value) || value < from)
      usage(usageLines, `--${key} needs a whole number from ${from}, not ${args[i] ?? "nothing"}`);
    options[key] = value;
  }
}
const found = await longForm(options, (line) => console.log(line));
process.exit(found === 0 ? 0 : 1);
