// A Kafka cluster inside this process: librdkafka's own mock broker, reached over loopback TCP like any other. It lets
// `npm start` and most tests run with nothing installed. What it is not: durable (it lives in memory), large (it keeps
// KAFKA_LIMITS.embeddedPartitionBytes or ...Messages of a partition and drops older ones), or configurable (every topic has
// EMBEDDED_PARTITION_COUNT partitions; librdkafka has no setting for it; topics come into being when first asked about). Its
// consumer groups work but take 3 s to form and nearly a session timeout to rebalance: assign partitions instead.

import { KafkaError, toKafkaError } from "./errors";
import { native } from "./native";

/** Partitions of every topic of the embedded cluster: fixed in librdkafka (rdkafka_mock.c, defaults.partition_cnt). */
export const EMBEDDED_PARTITION_COUNT = 4;

const START_TIMEOUT_MS = 10_000;

export interface EmbeddedKafka {
  /** `127.0.0.1:port`, for clients in this process or others on this machine. */
  readonly brokers: string;
  /** Brings topics into being (each with EMBEDDED_PARTITION_COUNT partitions); those that exist stay as they are. */
  createTopics(names: readonly string[]): Promise<void>;
  /** Ends the cluster and forgets its messages. Close the clients first: they would go on looking for it. */
  close(): Promise<void>;
}

/**
 * Starts an embedded cluster of one broker. Main thread only.
 *
 * Consumers of it must set `fetchWaitMaxMs: EMBEDDED_FETCH_WAIT_MS`: its broker answers an empty fetch when the wait is over,
 * not when a message arrives.
 *
 * @throws KafkaError KAFKA_FATAL where it does not come up
 */
export async function startEmbeddedKafka(): Promise<EmbeddedKafka> {
  const { Producer } = native();
  // The broker's address is not known before it exists; with test.mock.num.brokers librdkafka puts it there itself.
  const settings = { "test.mock.num.brokers": 1, "client.id": "plimsoll-embedded-kafka", "log.connection.close": false };
  const host = new Producer(settings as ConstructorParameters<typeof Producer>[0]);
  host.on("event.error", () => undefined); // its own connection comes and goes with the cluster
  const metadata = await new Promise<{ brokers: { host: string; port: number }[] }>((resolve, reject) => {
    host.connect({ timeout: START_TIMEOUT_MS, allTopics: false }, (error, data) => {
      if (error) reject(new KafkaError("KAFKA_FATAL", `embedded Kafka did not start: ${error.message}`));
      else resolve(data);
    });
  });
  if (metadata.brokers.length === 0) {
    host.disconnect();
    throw new KafkaError("KAFKA_FATAL", "embedded Kafka did not start: it names no broker");
  }
  let closing: Promise<void> | undefined;
  return {
    brokers: metadata.brokers.map((broker) => `${broker.host}:${broker.port}`).join(","),
    async createTopics(names) {
      for (const topic of names) {
        await new Promise<void>((resolve, reject) => {
          host.getMetadata({ topic, timeout: START_TIMEOUT_MS, allTopics: false }, (error, data) => {
            const made = data?.topics.find((found) => found.name === topic);
            if (error) reject(toKafkaError(error, `creating embedded topic ${topic}`));
            else if (made === undefined || made.partitions.length !== EMBEDDED_PARTITION_COUNT) {
              const count = made?.partitions.length ?? 0;
              reject(new KafkaError("KAFKA_TOPIC_MISMATCH", `embedded topic ${topic} has ${count} partitions`));
            } else resolve();
          });
        });
      }
    },
    close() {
      closing ??= new Promise<void>((resolve) => {
        host.disconnect(() => resolve());
      });
      return closing;
    },
  };
}
