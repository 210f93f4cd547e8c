// Which cluster this is. Offsets mean something only within one cluster's log, so its id is part of the log's name.
import { readFileSync } from "node:fs";
import { Kafka, logLevel } from "kafkajs";
import { fromKafkajs } from "./admin";
import { type KafkaConnection, kafkajsConnection } from "./settings";

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
  try {
    await admin.connect();
    return (await admin.describeCluster()).clusterId;
  } catch (error) {
    throw fromKafkajs(error, connection.brokers);
  } finally {
    await admin.disconnect();
  }
}
