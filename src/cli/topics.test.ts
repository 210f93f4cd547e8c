import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kafkaUnavailable, type SharedKafka, sharedKafka } from "../../test/support/kafka";
import { freePort } from "../../test/support/ports";
import { topicsCommand } from "./topics";

interface Ended {
  code: number;
  out: string;
  err: string;
}

async function run(...args: string[]): Promise<Ended> {
  const ended: Ended = { code: -1, out: "", err: "" };
  const command = topicsCommand({
    out: (text) => {
      ended.out += text;
    },
    err: (text) => {
      ended.err += text;
    },
    exit: (code) => {
      ended.code = code;
    },
  });
  await command.parseAsync(args, { from: "user" }).catch(() => undefined);
  return ended;
}

describe("plimsoll topics, used wrongly", () => {
  test.each([
    [["--brokers", "nonsense"], /"nonsense" is not host:port/],
    [["--brokers", "a:1", "--partitions", "none"], /--partitions/],
    [["--brokers", "a:1", "--partitions", "0"], /accountPartitions must be .* not 0/],
    [["--brokers", "a:1", "--market-partitions", "-3"], /--market-partitions/],
    [["--brokers", "a:1", "--prefix", "a b"], /prefix/],
    [["--brokers", "a:1", "--replication", "0"], /--replication/],
    [["--nonsense"], /unknown option/],
    [["extra"], /too many arguments/],
  ])("%j ends with 2 and says what is wrong", async (args, message) => {
    const { code, out, err } = await run(...args);
    expect(err).toMatch(message);
    expect([code, out]).toEqual([2, ""]);
  });

  test("without any brokers ends with 2 and says where to name them", async () => {
    const before = process.env.KAFKA_BROKERS;
    delete process.env.KAFKA_BROKERS;
    try {
      expect(await run()).toMatchObject({ code: 2, err: expect.stringContaining("KAFKA_BROKERS") });
    } finally {
      if (before !== undefined) process.env.KAFKA_BROKERS = before;
    }
  });

  test("--help is text and ends with 0", async () => {
    const { code, out } = await run("--help");
    expect(code).toBe(0);
    expect(out).toContain("--describe");
  });

  test("a broker that is not there ends with 1 and names the address", async () => {
    const brokers = `127.0.0.1:${await freePort()}`;
    const { code, out, err } = await run("--brokers", brokers);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(new RegExp(`^KAFKA_UNAVAILABLE: .*${brokers}`));
  }, 20_000);
});

const skip = kafkaUnavailable();

describe.skipIf(skip !== null)(skip ?? "plimsoll topics", () => {
  let kafka: SharedKafka;
  beforeAll(async () => {
    kafka = await sharedKafka();
  }, 120_000);
  afterAll(async () => {
    await kafka.release();
  });

  test("describes, creates, and finds everything in place the second time", async () => {
    const prefix = kafka.prefix();
    const common = ["--brokers", kafka.brokers, "--prefix", prefix, "--partitions", "2"];
    const missing = await run(...common, "--describe");
    expect(missing.code).toBe(1);
    expect(missing.err).toContain(`topic ${prefix}accounts does not exist`);

    const created = await run(...common);
    expect(created).toMatchObject({ code: 0, err: "" });
    const rows = created.out.trimEnd().split("\n");
    expect(rows[0]).toMatch(/^topic +partitions +copies +cleanup +retention +messages +status$/);
    expect(rows[1]).toMatch(/accounts +2 +1 +delete +for ever +0 +created$/);
    expect(rows[3]).toMatch(/reference +1 +1 +compact +last of each key +0 +created$/);
    expect(rows).toHaveLength(8);

    const described = await run(...common, "--describe", "--json");
    expect(described).toMatchObject({ code: 0, err: "" });
    const { brokers, topics } = JSON.parse(described.out);
    expect(brokers).toBe(kafka.brokers);
    expect(topics.map((topic: { status: string }) => topic.status)).toEqual(new Array(7).fill("present"));
  }, 30_000);

  test("another number of partitions than there is ends with 1, created or described", async () => {
    const common = ["--brokers", kafka.brokers, "--prefix", kafka.prefix()];
    expect((await run(...common, "--partitions", "2")).code).toBe(0);
    const created = await run(...common, "--partitions", "5");
    expect(created).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringMatching(/^KAFKA_TOPIC_MISMATCH: .*has 2 partitions, not 5/),
    });
    const described = await run(...common, "--partitions", "5", "--describe");
    expect(described).toMatchObject({ code: 1, err: expect.stringMatching(/has 2 partitions, not 5/) });
  }, 30_000);

  test("the brokers may come from the environment", async () => {
    const before = process.env.KAFKA_BROKERS;
    process.env.KAFKA_BROKERS = kafka.brokers;
    try {
      expect((await run("--prefix", kafka.prefix())).code).toBe(0);
    } finally {
      if (before === undefined) delete process.env.KAFKA_BROKERS;
      else process.env.KAFKA_BROKERS = before;
    }
  }, 30_000);
});
