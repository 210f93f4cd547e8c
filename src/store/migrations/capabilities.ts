// What the server can do: asked before migrations are chosen.
import type { Sql } from "postgres";
import { StoreError } from "../errors";
import type { Requirement } from "./files";

/** PostgreSQL 15, as server_version_num. */
const SERVER_VERSION_MIN = 150_000;
/** by_range() came with TimescaleDB 2.13. */
const TIMESCALE_MIN: readonly [number, number] = [2, 13];

export interface Capabilities {
  /** As the server says it, for instance "18.4". */
  serverVersion: string;
  /** null: the extension is not in this database. */
  timescale: { version: string; license: "timescale" | "apache" } | null;
  /** The extension is installed on the server, but not created in this database. */
  timescaleAvailable: boolean;
}

/** @throws StoreError STORE_SERVER_TOO_OLD */
export async function probe(sql: Sql): Promise<Capabilities> {
  const [server] = await sql<{ num: number; version: string }[]>`
    select current_setting('server_version_num')::int as num, current_setting('server_version') as version`;
  if (server!.num < SERVER_VERSION_MIN) {
    throw new StoreError("STORE_SERVER_TOO_OLD", `the server is PostgreSQL ${server!.version}; Plimsoll needs 15 or newer`);
  }
  const [extension] = await sql<{ available: boolean; version: string | null }[]>`
    select
      exists (select from pg_available_extensions where name = 'timescaledb') as available,
      (select extversion from pg_extension where extname = 'timescaledb') as version`;
  const version = extension!.version;
  if (version === null) {
    return { serverVersion: server!.version, timescale: null, timescaleAvailable: extension!.available };
  }
  // The setting exists once the library is loaded, and any of the extension's functions loads it.
  const [license] = await sql<{ license: string | null }[]>`select current_setting('timescaledb.license', true) as license`;
  return {
    serverVersion: server!.version,
    timescale: { version, license: license!.license === "timescale" ? "timescale" : "apache" },
    timescaleAvailable: true,
  };
}

/** Why a requirement is not met, or null where it is. */
export function unmet(requirement: Requirement, capabilities: Capabilities): string | null {
  const { timescale } = capabilities;
  if (timescale === null) {
    return capabilities.timescaleAvailable
      ? "TimescaleDB is installed on the server but not in this database (CREATE EXTENSION timescaledb)"
      : "the server has no TimescaleDB";
  }
  const [major, minor] = timescale.version.split(".").map(Number) as [number, number];
  if (major < TIMESCALE_MIN[0] || (major === TIMESCALE_MIN[0] && minor < TIMESCALE_MIN[1])) {
    return `TimescaleDB ${timescale.version} is older than ${TIMESCALE_MIN.join(".")}`;
  }
  if (requirement === "timescaledb-community" && timescale.license !== "timescale") {
    return "TimescaleDB runs under the Apache licence, without continuous aggregates, columnstore and retention";
  }
  return null;
}
