// `plimsoll check-config`: the configuration as the engine would understand it, or the one line that says what is wrong.
import { Command } from "commander";
import { CONFIG_KEYS, type ConfigKey, environmentName } from "../engine/config";
import { flagsOf, withConfigFlags } from "./config-flags";

/** Passwords do not belong on a terminal. */
function shown(key: string, value: unknown): unknown {
  if (key !== "database.url" || typeof value !== "string" || value === "off") return value;
  const url = new URL(value);
  if (url.password) url.password = "***";
  return url.href;
}

export function checkConfigCommand(): Command {
  return withConfigFlags(
    new Command("check-config").description("print the configuration as the engine understands it, and start nothing"),
  )
    .option("--json", "as one JSON object")
    .option("--keys", "list every key with its default, environment variable and meaning")
    .action((flags: Record<string, unknown>) => {
      const config = flagsOf(flags);
      const rows = (Object.keys(CONFIG_KEYS) as ConfigKey[]).map((key) => ({
        key,
        value: shown(key, config[key]),
        ...CONFIG_KEYS[key],
      }));
      if (flags.json === true) {
        const sections: Record<string, Record<string, unknown>> = {};
        for (const { key, value } of rows) {
          const [section, name] = key.split(".");
          sections[section] ??= {};
          sections[section][name] = value;
        }
        process.stdout.write(`${JSON.stringify(sections, null, 2)}\n`);
        return;
      }
      const width = Math.max(...rows.map((row) => row.key.length));
      for (const row of rows) {
        const value = JSON.stringify(row.value);
        process.stdout.write(
          flags.keys === true
            ? `${row.key.padEnd(width)}  default ${JSON.stringify(row.default)}, ${environmentName(row.key)}\n${" ".repeat(width + 2)}${row.about}\n`
            : `${row.key.padEnd(width)}  ${value}\n`,
        );
      }
    });
}
