// Called wrongly, or into a world that is not as it should be: one clear line that names what is wrong, the right exit
// status, and nothing left behind.
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { migrate } from "../../src/store/migrations/runner";
import { Command, startEngine, until } from "../support/engine-process";
import { kafkaUnavailable, type SharedKafka, sharedKafka } from "../support/kafka";
import { freePort } from "../support/ports";
import { startPostgres } from "../support/postgres";

let folder: string;
let taken: Server;
let takenPort: number;
let closedPort: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "plimsoll-wrong-"));
  taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  takenPort = (taken.address() as { port: number }).port;
  closedPort = await freePort();
});

afterAll(async () => {
  taken?.close();
  await rm(folder, { recursive: true, force: true });
});

const line =
  '1723161256172216566 {"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}\n';

/** A case a line: what is wrong, the command, its exit status, what its one line says. */
const CASES: readonly [what: string, args: () => string[], exit: number, says: RegExp][] = [
  [
    "an unknown key in the file",
    () => ["up", "--config", join(folder, "unknown.json")],
    2,
    /CONFIG_UNKNOWN_KEY: .*unknown key kafka\.broker \(did you mean kafka\.brokers\?\)/,
  ],
  [
    "an unknown section in the file",
    () => ["up", "--config", join(folder, "section.json")],
    2,
    /CONFIG_UNKNOWN_KEY: .*unknown key kafak\.brokers/,
  ],
  ["a core that there is not", () => ["up", "--cores", "4095"], 2, /CONFIG_INVALID: engine\.cores: .*not on 4095/],
  ["a core that is no number", () => ["up", "--cores", "1,two"], 2, /CONFIG_INVALID: .*two is not the number of a core/],
  [
    "a file that is not JSON",
    () => ["up", "--config", join(folder, "torn.json")],
    2,
    /CONFIG_FILE_UNREADABLE: .*torn\.json: not JSON/,
  ],
  [
    "a file that is not there",
    () => ["up", "--config", join(folder, "none.json")],
    2,
    /CONFIG_FILE_UNREADABLE: .*none\.json: no such file/,
  ],
  ["a value out of range", () => ["up", "--set", "http.port=99999"], 2, /http\.port must be from 0 to 65535, not 99999/],
  ["a value of another type", () => ["up", "--set", "http.port=many"], 2, /http\.port must be a whole number, not "many"/],
  ["a database URL that is none", () => ["up", "--database", "nonsense"], 2, /database\.url .*postgres:\/\//],
  ["a database of another kind", () => ["up", "--database", "mysql://localhost/x"], 2, /must begin with postgres:\/\//],
  ["brokers that are no addresses", () => ["up", "--brokers", "nonsense"], 2, /"nonsense" is not host:port/],
  ["a flag nobody knows", () => ["up", "--nonsense"], 2, /unknown option '--nonsense'/],
  ["a command nobody knows", () => ["nonsense"], 2, /unknown command 'nonsense'/],
  [
    "the HTTP port in use",
    () => ["up", "--http-port", String(takenPort), "--stream-port", "0", "--database", "off"],
    1,
    /API_FAILED: 127\.0\.0\.1:\d+ is in use/,
  ],
  [
    "the stream's port in use",
    () => ["up", "--http-port", "0", "--stream-port", String(takenPort), "--database", "off"],
    1,
    /API_FAILED: 127\.0\.0\.1:\d+ is in use/,
  ],
  [
    "a broker that is away",
    () => ["up", "--brokers", `127.0.0.1:${closedPort}`, "--http-port", "0", "--stream-port", "0", "--database", "off"],
    1,
    /KAFKA_UNAVAILABLE: no Kafka broker answered at 127\.0\.0\.1:\d+/,
  ],
  [
    "a replay of a file that is not there",
    () => ["replay", join(folder, "none.gz"), "--brokers", `127.0.0.1:${closedPort}`],
    1,
    /CAPTURE_UNREADABLE: .*none\.gz/,
  ],
  [
    "a replay of a capture with a torn line",
    () => ["replay", join(folder, "torn.txt"), "--brokers", `127.0.0.1:${closedPort}`],
    1,
    /CAPTURE_UNREADABLE: .*torn\.txt:2: /,
  ],
  ["a replay without brokers", () => ["replay", join(folder, "whole.txt")], 2, /--brokers or KAFKA_BROKERS/],
  [
    "a replay to a broker that is away",
    () => ["replay", join(folder, "whole.txt"), "--brokers", `127.0.0.1:${closedPort}`],
    1,
    /KAFKA_UNAVAILABLE/,
  ],
];

describe("used wrongly, the command says one line and ends", () => {
  beforeAll(async () => {
    await writeFile(join(folder, "unknown.json"), '{"kafka":{"broker":"x:1"}}');
    await writeFile(join(folder, "section.json"), '{"kafak":{"brokers":"x:1"}}');
    await writeFile(join(folder, "torn.json"), "{");
    await writeFile(join(folder, "whole.txt"), line);
    await writeFile(join(folder, "torn.txt"), line + line.slice(0, 80));
  });

  it.each(CASES)("%s", async (_, args, exit, says) => {
    const { code, stderr } = await new Command(args(), { cwd: folder }).finished;
    const lines = stderr
      .trim()
      .split("\n")
      .filter((each) => !each.startsWith("(plimsoll"));
    expect(lines, stderr).toHaveLength(1);
    expect(lines[0]).toMatch(says);
    expect(code).toBe(exit);
    // Nothing half-started: no data folder of a database or spill was made.
    expect(existsSync(join(folder, ".plimsoll"))).toBe(false);
  });
});

describe("a database of a newer version", () => {
  it("ends the start with the code to look up", async () => {
    const database = await startPostgres();
    const ports = ["--http-port", "0", "--stream-port", "0"];
    try {
      const sql = postgres(database.url, { max: 1, onnotice: () => {} });
      await migrate({ url: database.url });
      await sql`insert into plimsoll_migrations (number, name, checksum, duration_ms) values (9999, '9999_later', '', 0)`;
      await sql.end();
      const up = new Command(["up", "--database", database.url, "--data", join(folder, "newer"), ...ports], { cwd: folder });
      const { code, stderr } = await up.finished;
      expect(stderr).toMatch(/STORE_FAILED: the store could not start: STORE_MIGRATION_UNKNOWN: .*9999_later/);
      expect(code).toBe(1);
    } finally {
      await database.remove();
    }
  }, 60_000);
});

const withoutKafka = kafkaUnavailable();

describe.skipIf(withoutKafka !== null)(
  `a database that is away${withoutKafka === null ? "" : ` (skipped: ${withoutKafka})`}`,
  () => {
    let kafka: SharedKafka;
    beforeAll(async () => {
      kafka = await sharedKafka();
    }, 120_000);
    afterAll(async () => kafka?.release());

    it("at the start does not stop risk from being served, and gets its rows when it comes", async () => {
      const database = await startPostgres();
      await database.stop();
      const prefix = kafka.prefix();
      const capture = join(folder, "whole-capture.txt");
      await pipeline(createReadStream(join(folder, "whole.txt")), createWriteStream(capture));
      const engine = await startEngine([
        "--brokers",
        kafka.brokers,
        "--prefix",
        prefix,
        "--database",
        database.url,
        "--data",
        join(folder, "away"),
        "--set",
        `kafka.groupId=${prefix}e`,
      ]);
      try {
        const { code } = await new Command(["replay", "--brokers", kafka.brokers, "--prefix", prefix, "--no-check", capture])
          .finished;
        expect(code).toBe(0);
        const served = await until("the market is served without a database", async () => {
          const { instruments } = await engine.get<{ instruments: { symbol: string; bid: number | null }[] }>(
            "/api/v1/instruments",
          );
          return instruments.find(({ bid }) => bid !== null);
        });
        expect(served.bid).toBe(61837.63);
        expect((await fetch(`${engine.page}/livez`)).status).toBe(200);
        const state = () => engine.get<{ store: { state: string } }>("/api/v1/platform").then((platform) => platform.store.state);
        expect(await state()).not.toBe("connected");
        await database.restart();
        await until("the store is connected", async () => (await state()) === "connected", 60_000);
        const ended = await engine.command.interrupt();
        expect(ended.code).toBe(0);
      } finally {
        engine.command.kill("SIGKILL");
        await database.remove();
      }
    }, 120_000);
  },
);
