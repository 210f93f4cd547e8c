import { describe, expect, test } from "vitest";
import { KafkaError } from "./errors";
import {
  checkBrokers,
  consumerSettings,
  KAFKA_LIMITS,
  type KafkaSecurity,
  kafkajsConnection,
  producerSettings,
} from "./settings";

const brokers = "127.0.0.1:9092";
const security: KafkaSecurity = {
  protocol: "sasl_ssl",
  caLocation: "/ca.pem",
  mechanism: "SCRAM-SHA-512",
  username: "plimsoll",
  password: "secret",
};

describe("Kafka settings", () => {
  test("whatever loses input without a word is off", () => {
    const [global, perTopic] = consumerSettings({ brokers, groupId: "g" });
    expect(global).toMatchObject({
      "enable.auto.commit": false,
      "enable.auto.offset.store": false,
      "allow.auto.create.topics": false,
      "check.crcs": true,
      "isolation.level": "read_committed",
    });
    expect(perTopic).toEqual({ "auto.offset.reset": "error" });
  });

  test("a producer keeps order, writes once, and does not give a message up by itself", () => {
    const [global, perTopic] = producerSettings({ brokers });
    expect(global["enable.idempotence"]).toBe(true);
    expect(perTopic.partitioner).toBe("murmur2_random");
    expect(perTopic["message.timeout.ms"]).toBe(0);
  });

  test("memory is bounded: what is fetched ahead and what waits to be sent", () => {
    const [consumer] = consumerSettings({ brokers, groupId: "g" });
    expect(consumer["queued.max.messages.kbytes"]).toBe(KAFKA_LIMITS.fetchQueueBytes / 1024);
    expect(consumer["receive.message.max.bytes"]).toBeGreaterThan((consumer["fetch.max.bytes"] as number) + 512);
    const [producer] = producerSettings({ brokers, queueBytes: 1024 * 1024 });
    expect(producer["queue.buffering.max.kbytes"]).toBe(1024);
  });

  test.each([["localhost:9092"], ["10.0.0.1:9092, kafka-2.example.com:9093"], ["[::1]:9092"]])(
    "%s is a list of brokers",
    (list) => {
      expect(checkBrokers(list)).toBe(list.replaceAll(" ", ""));
    },
  );

  test.each([[""], ["localhost"], ["localhost:"], ["localhost:0"], ["localhost:70000"], ["a:1,,b:2"], ["http://a:1"], ["a b:1"]])(
    "%j is not a list of brokers, and the error names the entry",
    (list) => {
      expect(() => checkBrokers(list)).toThrow(/is not host:port/);
    },
  );

  test("the same login serves both clients", () => {
    const [global] = consumerSettings({ brokers, groupId: "g", security });
    expect(global).toMatchObject({
      "security.protocol": "sasl_ssl",
      "ssl.ca.location": "/ca.pem",
      "sasl.mechanisms": "SCRAM-SHA-512",
      "sasl.username": "plimsoll",
      "sasl.password": "secret",
    });
    expect(kafkajsConnection({ brokers, security }, (path) => `contents of ${path}`)).toEqual({
      brokers: [brokers],
      clientId: "plimsoll",
      ssl: { ca: ["contents of /ca.pem"] },
      sasl: { mechanism: "scram-sha-512", username: "plimsoll", password: "secret" },
    });
    expect(kafkajsConnection({ brokers }, () => "")).toEqual({ brokers: [brokers], clientId: "plimsoll" });
    expect(kafkajsConnection({ brokers, security: { protocol: "ssl" } }, () => "")).toMatchObject({ ssl: {} });
    expect(kafkajsConnection({ brokers, security: { ...security, protocol: "sasl_plaintext" } }, () => "")).toMatchObject({
      ssl: false,
    });
  });

  test("a login that is not whole is refused before anything connects", () => {
    const half: KafkaSecurity = { protocol: "sasl_ssl", username: "plimsoll" };
    expect(() => consumerSettings({ brokers, groupId: "g", security: half })).toThrow(KafkaError);
    expect(() => consumerSettings({ brokers, groupId: "" })).toThrow(/groupId/);
  });
});
