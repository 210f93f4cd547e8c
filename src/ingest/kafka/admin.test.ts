import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTopic, kafkaUnavailable, type SharedKafka, sharedKafka } from "../../../test/support/kafka";
import { freePort } from "../../../test/support/ports";
import { describeTopics, ensureTopics, fromKafkajs } from "./admin";
import { KafkaError } from "./errors";
import { plimsollTopics } from "./topics";

const skip = kafkaUnavailable();

test("a question that no broker answered, over which kafkajs trips, is an unreachable broker in the engine's words", () => {
  const error = fromKafkajs(
    new TypeError("Cannot destructure property 'brokers' of '(intermediate value)' as it is null."),
    "h:9092",
  );
  expect(error).toMatchObject({ code: "KAFKA_UNAVAILABLE", message: "no Kafka broker answered at h:9092" });
});

describe.skipIf(skip !== null)(skip ?? "administration of topics", () => {
  let kafka: SharedKafka;
  beforeAll(async () => {
    kafka = await sharedKafka();
  }, 120_000);
  afterAll(async () => {
    await kafka.release();
  });

  test("makes what is missing, and doing it again changes nothing", async () => {
    const topics = plimsollTopics({ prefix: kafka.prefix(), accountPartitions: 3, marketPartitions: 2 });
    const options = { brokers: kafka.brokers, topics };
    const before = await describeTopics(options);
    expect(before.map((topic) => topic.status)).toEqual(new Array(topics.length).fill("missing"));

    const made = await ensureTopics(options);
    expect(made.map(({ role, partitions, status }) => [role, partitions, status])).toEqual([
      ["accounts", 3, "created"],
      ["market", 2, "created"],
      ["reference", 1, "created"],
      ["alerts", 3, "created"],
      ["liquidations", 3, "created"],
      ["dead-letter", 1, "created"],
      ["engines", 1, "created"],
    ]);
    const again = await ensureTopics(options);
    expect(again).toEqual(made.map((topic) => ({ ...topic, status: "present" })));
    expect(await describeTopics(options)).toEqual(again);
    expect(again.map((topic) => topic.config["cleanup.policy"])).toEqual(topics.map((topic) => topic.cleanupPolicy));
    expect(again[0]).toMatchObject({ replicationFactor: 1, messages: 0, config: { "retention.ms": "-1" } });
    expect(again.find(({ role }) => role === "dead-letter")!.config["max.message.bytes"]).toBe("2097152");
  }, 30_000);

  test("only the missing ones are made", async () => {
    const topics = plimsollTopics({ prefix: kafka.prefix() });
    await createTopic(kafka.brokers, topics[1]!.name, topics[1]!.partitions);
    const made = await ensureTopics({ brokers: kafka.brokers, topics });
    expect(made.map((topic) => topic.status)).toEqual(topics.map((_, index) => (index === 1 ? "present" : "created")));
  }, 30_000);

  test("a topic with another number of partitions, or another policy, is refused by name and nothing is made", async () => {
    const prefix = kafka.prefix();
    const topics = plimsollTopics({ prefix, accountPartitions: 4 });
    await createTopic(kafka.brokers, `${prefix}accounts`, 3);
    await createTopic(kafka.brokers, `${prefix}reference`, 1); // cleanup.policy is delete where nobody says
    const refused = ensureTopics({ brokers: kafka.brokers, topics });
    await expect(refused).rejects.toMatchObject({
      code: "KAFKA_TOPIC_MISMATCH",
      kind: "config",
      message:
        `topic ${prefix}accounts has 3 partitions, not 4; ` + `topic ${prefix}reference has cleanup.policy delete, not compact`,
    });
    const after = await describeTopics({ brokers: kafka.brokers, topics });
    expect(after.filter((topic) => topic.status === "missing")).toHaveLength(topics.length - 2);
  }, 30_000);

  test("two engines that start together make one set of topics", async () => {
    const topics = plimsollTopics({ prefix: kafka.prefix() });
    const both = await Promise.all([1, 2].map(() => ensureTopics({ brokers: kafka.brokers, topics })));
    for (const described of both) expect(described.every((topic) => topic.status !== "missing")).toBe(true);
  }, 30_000);

  test("more copies than brokers is a configuration error that names the topic", async () => {
    const topics = plimsollTopics({ prefix: kafka.prefix() });
    await expect(ensureTopics({ brokers: kafka.brokers, topics, replicationFactor: 3 })).rejects.toMatchObject({
      code: "KAFKA_CONFIG",
      message: expect.stringContaining(topics[0]!.name),
    });
  }, 30_000);
});

test("without a broker the answer comes before the deadline and names the address", async () => {
  const brokers = `127.0.0.1:${await freePort()}`;
  const asked = describeTopics({ brokers, topics: plimsollTopics(), timeoutMs: 5000 });
  await expect(asked).rejects.toBeInstanceOf(KafkaError);
  await expect(asked).rejects.toMatchObject({ code: "KAFKA_UNAVAILABLE", message: expect.stringContaining(brokers) });
});
