// `plimsoll migrate`: brings the database up to date, or says what that would take.
import { Command } from "commander";
import { StoreError } from "../store/errors";
import { type MigrateReport, migrate } from "../store/migrations/runner";

interface Flags {
  database?: string;
  dryRun?: boolean;
  json?: boolean;
}

const HELP = `
Applies the migrations that are missing, each in a transaction of its own where it can be, under a lock: two runs at once
do each once. A second run changes nothing. What needs TimescaleDB is skipped where the server has none, and applied by a
later run once it is there; tables and views have the same names and columns either way.

Examples:
  plimsoll migrate --database postgres://plimsoll@127.0.0.1/plimsoll --dry-run
  DATABASE_URL=postgres://plimsoll@127.0.0.1/plimsoll plimsoll migrate --json`;

/** The `migrate` command. `write` is where its answer goes: standard output, but for tests. */
export function migrateCommand(write: (text: string) => void = (text) => process.stdout.write(text)): Command {
  return new Command("migrate")
    .description("bring the database up to date")
    .option("--database <url>", "postgres://user:password@host:port/database (default: $DATABASE_URL)")
    .option("--dry-run", "change nothing; say what would be done")
    .option("--json", "one JSON document instead of lines")
    .addHelpText("after", HELP)
    .action(async (flags: Flags) => {
      const url = flags.database ?? process.env.DATABASE_URL ?? "";
      if (url === "") {
        throw new StoreError(
          "STORE_CONFIG_INVALID",
          "no database: give --database postgres://… or set DATABASE_URL",
          "databaseUrl",
        );
      }
      const report = await migrate({ url, dryRun: flags.dryRun === true });
      write(flags.json === true ? `${JSON.stringify(report, null, 2)}\n` : lines(report));
    });
}

function lines(report: MigrateReport): string {
  const { timescale, serverVersion } = report.capabilities;
  const extension =
    timescale === null ? "without TimescaleDB" : `TimescaleDB ${timescale.version} (${timescale.license} licence)`;
  const text = [`${report.database}: PostgreSQL ${serverVersion}, ${extension}`];
  for (const name of report.present) text.push(`  present   ${name}`);
  for (const { name, durationMs } of report.applied) {
    text.push(report.dryRun ? `  to apply  ${name}` : `  applied   ${name}, ${durationMs} ms`);
  }
  for (const { name, reason } of report.skipped) text.push(`  skipped   ${name}: ${reason}`);
  if (report.applied.length === 0) text.push("up to date");
  return `${text.join("\n")}\n`;
}
