// The broker that other tests stand on, and `npm run kafka`.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { createTopic, kafkaUnavailable, startKafka, withAdmin } from "./kafka";
import { freePort } from "./ports";

const script = fileURLToPath(new URL("../../scripts/kafka/kafka.mjs", import.meta.url));

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

describe("where there is no broker", () => {
  const environment = { PATH: process.env.PATH, CI: process.env.CI, BROKERS: process.env.PLIMSOLL_TEST_KAFKA };
  const restore = (name: string, value: string | undefined) => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  afterEach(() => {
    restore("PATH", environment.PATH);
    restore("CI", environment.CI);
    restore("PLIMSOLL_TEST_KAFKA", environment.BROKERS);
  });

  test("tests are told why, so that they skip with a reason", () => {
    process.env.PATH = "/nowhere";
    delete process.env.CI;
    delete process.env.PLIMSOLL_TEST_KAFKA;
    expect(kafkaUnavailable()).toMatch(/^java was not found/);
  });

  test("in CI that is a failure", () => {
    process.env.PATH = "/nowhere";
    process.env.CI = "true";
    delete process.env.PLIMSOLL_TEST_KAFKA;
    expect(() => kafkaUnavailable()).toThrow(/java was not found/);
  });

  test("a broker named in the environment is as good as one's own", () => {
    process.env.PATH = "/nowhere";
    process.env.PLIMSOLL_TEST_KAFKA = "127.0.0.1:9092";
    expect(kafkaUnavailable()).toBeNull();
  });
});

const skip = kafkaUnavailable();

describe.skipIf(skip !== null)(skip ?? "a broker of one's own", () => {
  test("keeps its topics and its port through stop, kill -9 and restart, and leaves nothing behind", async () => {
    const kafka = await startKafka({ partitions: 3 });
    try {
      await createTopic(kafka.brokers, "kept", 2);
      await kafka.restart();
      await kafka.kill();
      await kafka.restart();
      const { topics } = await withAdmin(kafka.brokers, (admin) => admin.fetchTopicMetadata({ topics: ["kept"] }));
      expect(topics[0]!.partitions).toHaveLength(2);
      await createTopic(kafka.brokers, "default", -1);
      const made = await withAdmin(kafka.brokers, (admin) => admin.fetchTopicMetadata({ topics: ["default"] }));
      expect(made.topics[0]!.partitions).toHaveLength(3);
    } finally {
      await kafka.remove();
    }
    expect(existsSync(kafka.dataDir)).toBe(false);
    await expect(withAdmin(kafka.brokers, (admin) => admin.listTopics())).rejects.toThrow();
  }, 120_000);
});

describe("npm run kafka", () => {
  const folders: string[] = [];
  const children: ChildProcess[] = [];
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
  });

  /** Runs the script; `onReady` gets its first line and ends it. */
  function run(args: string[], options: { env?: NodeJS.ProcessEnv; onReady?: (line: string, child: ChildProcess) => void } = {}) {
    const child = spawn(process.execPath, [script, ...args], {
      env: options.env ?? process.env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.push(child);
    const ended: Ended = { code: null, out: "", err: "" };
    child.stderr.on("data", (chunk) => {
      ended.err += chunk;
    });
    child.stdout.on("data", (chunk) => {
      const first = !ended.out.includes("\n");
      ended.out += chunk;
      if (first && ended.out.includes("\n")) options.onReady?.(ended.out.split("\n")[0]!, child);
    });
    return new Promise<Ended>((resolve) => child.once("close", (code) => resolve({ ...ended, code })));
  }

  async function folder(): Promise<string> {
    const made = await mkdtemp(join(tmpdir(), "plimsoll-kafka-script-"));
    folders.push(made);
    return made;
  }

  test.each([
    [["--port", "x"], /--port must be a whole number from 0 to 65535/],
    [["--heap", "1"], /--heap must be a whole number/],
    [["--nonsense"], /nonsense/],
  ])("%j is wrong usage", async (args, message) => {
    const { code, out, err } = await run(args);
    expect(err).toMatch(message);
    expect([code, out]).toEqual([2, ""]);
  });

  test("--help says what it needs and what it does", async () => {
    const { code, out } = await run(["--help"]);
    expect(code).toBe(0);
    expect(out).toMatch(/Java 17[\s\S]*--port[\s\S]*--data[\s\S]*--json/);
  });

  test("without java it says so", async () => {
    const { code, err } = await run([], { env: { ...process.env, PATH: "/nowhere" } });
    expect([code, err]).toEqual([1, expect.stringMatching(/^java was not found.*Java 17/)]);
  });

  test.skipIf(skip !== null)(
    "it serves until Ctrl-C, and then the broker is gone",
    async () => {
      let ready: { brokers: string; pid: number } | undefined;
      let topics: Promise<string[]> | undefined;
      const data = await folder();
      const { code, err } = await run(["--port", "0", "--data", data, "--json"], {
        onReady: (line, child) => {
          ready = JSON.parse(line);
          topics = withAdmin(ready!.brokers, (admin) => admin.listTopics());
          topics.finally(() => child.kill("SIGINT")).catch(() => undefined);
        },
      });
      expect(await topics).toEqual([]);
      expect([code, err]).toEqual([0, ""]);
      expect(() => process.kill(ready!.pid, 0)).toThrow(/ESRCH/);
    },
    120_000,
  );

  test.skipIf(skip !== null)(
    "a port that is taken is named",
    async () => {
      const port = await freePort();
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
      try {
        const { code, err } = await run(["--port", String(port), "--data", await folder()]);
        expect([code, err]).toEqual([1, expect.stringContaining(`port ${port} of 127.0.0.1 is taken`)]);
      } finally {
        await new Promise((resolve) => server.close(resolve));
      }
    },
    120_000,
  );
});
