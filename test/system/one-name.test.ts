// Two engines by one name: the second takes the first one's place in the group, and the first says so and leaves it alone.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeEngine } from "../../src/shared/wire/encode";
import { type RunningEngine, startEngine, until } from "../support/engine-process";
import { kafkaUnavailable, type SharedKafka, sharedKafka } from "../support/kafka";
import { readTopic } from "../support/read-topic";

const withoutKafka = kafkaUnavailable();

describe.skipIf(withoutKafka !== null)(
  `two engines by one name${withoutKafka === null ? "" : ` (skipped: ${withoutKafka})`}`,
  () => {
    let folder: string;
    let kafka: SharedKafka;
    const engines: RunningEngine[] = [];

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "plimsoll-one-name-"));
      kafka = await sharedKafka();
    }, 120_000);
    afterAll(async () => {
      for (const { command } of engines) command.kill("SIGKILL");
      await kafka?.release();
      await rm(folder, { recursive: true, force: true });
    });

    it("end with the first saying who has its partitions, and the second announced as their owner", async () => {
      const prefix = kafka.prefix();
      const start = async (data: string) => {
        const engine = await startEngine([
          ...["--brokers", kafka.brokers, "--prefix", prefix, "--database", "off", "--data", join(folder, data)],
          ...["engine.name=margin-1", `kafka.groupId=${prefix}e`, "kafka.accountPartitions=2", "engine.workers=1"].flatMap(
            (each) => ["--set", each],
          ),
        ]);
        engines.push(engine);
        return engine;
      };
      const owns = (engine: RunningEngine) => () =>
        engine.get<{ shards: unknown[] }>("/api/v1/platform").then(({ shards }) => shards.length === 2);
      const first = await start("first");
      await until("the first has both partitions", owns(first));
      const second = await start("second");
      const { code, stderr } = await first.command.finished;
      expect(stderr).toMatch(
        /^plimsoll: KAFKA_FENCED: another engine named margin-1 joined the group \S+ and has this one's partitions/m,
      );
      expect(code).toBe(1);
      await until("the second has both partitions", owns(second));
      const records = await until("the second has said so", async () => {
        const all = await readTopic(kafka.brokers, `${prefix}engines`);
        return all.some(({ value }) => value !== null && decodeEngine(value).http === second.page) && all;
      });
      // The first did not withdraw the name that is the second's now.
      expect(records.filter(({ value }) => value === null)).toEqual([]);
      expect((await second.command.interrupt()).code).toBe(0);
    }, 120_000);
  },
);
