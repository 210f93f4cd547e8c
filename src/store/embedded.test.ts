// The embedded database: made, used again, taken over after a crash, started beside a taken port.
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEmbeddedPostgres } from "./embedded";

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return [...(await sql.unsafe(text))];
  } finally {
    await sql.end({ timeout: 1 });
  }
}

describe("the embedded database", () => {
  let root: string;
  let dataDir: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "plimsoll-embedded-"));
    // What mkdtemp makes is its owner's alone; the server of a root process has another one.
    await chmod(root, 0o755);
    dataDir = join(root, "made", "on the way", "postgres");
  });
  afterAll(async () => {
    await rm(root, { recursive: true, force: true });
  });

  it("keeps its rows from one start to the next, and ends with stop()", async () => {
    const first = await startEmbeddedPostgres({ dataDir, port: 0 });
    await query(first.url, "create table kept (n int); insert into kept values (7)");
    expect(first.takenOver).toBe(false);
    await first.stop();
    expect(() => process.kill(first.pid, 0)).toThrow();

    const second = await startEmbeddedPostgres({ dataDir, port: 0 });
    expect(await query(second.url, "select n from kept")).toEqual([{ n: 7 }]);
    await second.stop();
  });

  it("writes its log to a file and keeps its password to itself", async () => {
    expect(await readFile(join(dataDir, "postgres.log"), "utf8")).toContain("database system is ready");
    expect((await stat(join(dataDir, "password"))).mode & 0o077).toBe(0);
  });

  it("takes over a server that an engine left running when it was killed", async () => {
    const first = await startEmbeddedPostgres({ dataDir, port: 0 });
    const second = await startEmbeddedPostgres({ dataDir, port: 0 });
    expect(second.takenOver).toBe(true);
    expect(second.pid).toBe(first.pid);
    expect(second.port).toBe(first.port);
    await second.stop();
    await first.stop();
  });

  it("starts over a pid file that no server stands behind", async () => {
    // This test's own process id: alive, and no PostgreSQL.
    await writeFile(join(dataDir, "pg", "postmaster.pid"), `${process.pid}\n${dataDir}/pg\n0\n1\n\n127.0.0.1\n`);
    const server = await startEmbeddedPostgres({ dataDir, port: 0 });
    expect(server.takenOver).toBe(false);
    expect(await query(server.url, "select n from kept")).toEqual([{ n: 7 }]);
    await server.stop();
  });

  it("recovers what was committed when the server is killed", async () => {
    const first = await startEmbeddedPostgres({ dataDir, port: 0 });
    await query(first.url, "insert into kept values (8)");
    process.kill(first.pid, "SIGKILL");
    while (alive(first.pid)) await new Promise((resolve) => setTimeout(resolve, 20));
    const second = await startEmbeddedPostgres({ dataDir, port: 0 });
    expect(await query(second.url, "select n from kept order by n")).toEqual([{ n: 7 }, { n: 8 }]);
    await second.stop();
  });

  it("takes a free port where the preferred one is in use", async () => {
    const other = net.createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as net.AddressInfo;
    const server = await startEmbeddedPostgres({ dataDir, port });
    expect(server.port).not.toBe(port);
    expect(await query(server.url, "select 1 as one")).toEqual([{ one: 1 }]);
    await server.stop();
    other.close();
  });

  it("says what is wrong when it cannot start", async () => {
    const broken = await mkdtemp(join(tmpdir(), "plimsoll-embedded-"));
    await expect(startEmbeddedPostgres({ dataDir: broken, binDir: "/nowhere" })).rejects.toMatchObject({
      code: "STORE_EMBEDDED_FAILED",
      message: expect.stringContaining("/nowhere"),
    });
    await rm(broken, { recursive: true, force: true });
  });
});

const DEBIAN_BIN = "/usr/lib/postgresql/15/bin";

describe("another PostgreSQL than the package's", () => {
  it.skipIf(!existsSync(DEBIAN_BIN))("runs from a folder of binaries", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "plimsoll-embedded-"));
    const server = await startEmbeddedPostgres({ dataDir, port: 0, binDir: DEBIAN_BIN });
    const [row] = await query(server.url, "show server_version");
    expect(String(row!.server_version)).toMatch(/^15\./);
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
});

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
