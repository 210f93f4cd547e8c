// Reads the folder of migrations: NNNN_name.sql, each with a head of comments that may say how it is to be applied.
//
//   -- plimsoll: no-transaction                   statement by statement; every one must bear being run twice
//   -- plimsoll: requires timescaledb             skipped where the extension is absent, applied once it is there
//   -- plimsoll: requires timescaledb-community   the same, and only under TimescaleDB's own licence
//
// A migration that is skipped may be applied years after later ones: it must not depend on what they leave.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { StoreError } from "../errors";

export type Requirement = "timescaledb" | "timescaledb-community";

export interface Migration {
  readonly number: number;
  /** NNNN_name, as the file is called without .sql. */
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the text with LF line ends, hex. */
  readonly checksum: string;
  readonly transaction: boolean;
  readonly requires: Requirement | null;
}

const FILE_NAME = /^(\d{4})_[a-z0-9_]+\.sql$/;

/** Every migration of a folder, by number. */
export function readMigrations(dir: string): Migration[] {
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch (error) {
    throw new StoreError("STORE_MIGRATION_INVALID", `the folder of migrations ${dir} cannot be read`, null, { cause: error });
  }
  const migrations = names
    .filter((name) => name.endsWith(".sql"))
    .sort()
    .map((name) => parseMigration(name, readFileSync(join(dir, name), "utf8")));
  if (migrations.length === 0) throw new StoreError("STORE_MIGRATION_INVALID", `no migrations in ${dir}`);
  for (let i = 1; i < migrations.length; i++) {
    const [before, here] = [migrations[i - 1]!, migrations[i]!];
    if (before.number === here.number) {
      throw new StoreError("STORE_MIGRATION_INVALID", `${before.name} and ${here.name} have the same number`);
    }
  }
  return migrations;
}

/** One file. Exported for its test. */
export function parseMigration(fileName: string, text: string): Migration {
  const match = FILE_NAME.exec(fileName);
  if (!match) throw new StoreError("STORE_MIGRATION_INVALID", `${fileName}: a migration is named NNNN_name.sql, in lower case`);
  const sql = text.replaceAll("\r\n", "\n");
  let transaction = true;
  let requires: Requirement | null = null;
  for (const line of sql.split("\n")) {
    if (line.trim() !== "" && !line.startsWith("--")) break;
    const directive = /^--\s*plimsoll:\s*(.*?)\s*$/.exec(line)?.[1];
    if (directive === undefined) continue;
    if (directive === "no-transaction") transaction = false;
    else if (directive === "requires timescaledb") requires = "timescaledb";
    else if (directive === "requires timescaledb-community") requires = "timescaledb-community";
    else throw new StoreError("STORE_MIGRATION_INVALID", `${fileName}: unknown directive "${directive}"`);
  }
  return {
    number: Number(match[1]),
    name: fileName.slice(0, -".sql".length),
    sql,
    checksum: createHash("sha256").update(sql).digest("hex"),
    transaction,
    requires,
  };
}

/** The project's own folder `migrations`: beside the package's root, wherever this file was bundled to. */
export function findMigrationsDir(from: string = fileURLToPath(import.meta.url)): string {
  for (let dir = dirname(from); ; dir = dirname(dir)) {
    const candidate = join(dir, "migrations");
    if (existsSync(join(candidate, "0001_tables.sql"))) return candidate;
    if (dirname(dir) === dir) throw new StoreError("STORE_MIGRATION_INVALID", `no folder "migrations" above ${from}`);
  }
}
