// Which cluster this is. Offsets mean something only within one cluster's log, so its id is part of the log's name.
import { readFileSync } from "node:fs";
import { Kafka, logLevel } from "kafkajs";
import { fromKafkajs, isUnanswered } from "./admin";
import { type KafkaConnection, kafkajsConnection } from "./settings";

const ASK_AGAIN_MS = 50;

/**
 * The cluster's own id, as its brokers tell it.
 *
 * @throws KafkaError KAFKA_UNAVAILABLE where none answers within the deadline
 */
export async function clusterId(connection: KafkaConnection, timeoutMs: number): Promise<string> {
  const kafka = new Kafka({
    ...kafkajsConnection(connection, (path) => readFileSync(path, "utf8")),
    connectionTimeout: timeoutMs,
    requestTimeout: timeoutMs,
    retry: { retries: 0 },
    logLevel: logLevel.NOTHING,
  });
  const admin = kafka.admin();
  const deadline = performance.now() + timeoutMs;
  try {
    await admin.connect();
    for (;;) {
      try {
        return (await admin.describeCluster()).clusterId;
      } catch (error) {
        if (!isUnanswered(error) || performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
      }
    }
  } catch (error) {
    throw fromKafkajs(error, connection.brokers);
  } finally {
    await admin.disconnect();
  }
}
