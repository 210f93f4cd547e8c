// A real Kafka broker of the bench's own, its data in a temporary folder; both are gone when the line ends.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type * as BrokerModule from "../../scripts/kafka/broker.mjs";
import { ensureTopics } from "../../src/ingest/kafka/admin";
import { LogProducer } from "../../src/ingest/kafka/log-producer";
import { plimsollTopics, topicName } from "../../src/ingest/kafka/topics";
import { cleanUp } from "./cleanup";
import { ROOT } from "./paths";

// Not bundled: it finds its pom.xml beside itself.
function brokerModule(): Promise<typeof BrokerModule> {
  return import(pathToFileURL(join(ROOT, "scripts", "kafka", "broker.mjs")).href);
}

/** Why no broker can be run here, or null. */
export async function kafkaMissing(): Promise<string | null> {
  return (await brokerModule()).kafkaUnavailable();
}

export interface BenchKafka {
  brokers: string;
  version: string;
  /** Topics under a prefix of their own, with one partition of accounts. */
  topics(prefix: string): Promise<void>;
}

export async function startKafka(onProgress: (text: string) => void): Promise<BenchKafka> {
  const { startBroker } = await brokerModule();
  const dataDir = mkdtempSync(join(tmpdir(), "plimsoll-bench-kafka-"));
  cleanUp(() => rmSync(dataDir, { recursive: true, force: true }));
  const broker = await startBroker({ dataDir, heapMb: 1024, onProgress });
  cleanUp(() => broker.stop());
  return {
    brokers: broker.brokers,
    version: broker.version,
    async topics(prefix) {
      await ensureTopics({
        brokers: broker.brokers,
        topics: plimsollTopics({ prefix, accountPartitions: 1, marketPartitions: 1 }),
      });
    },
  };
}

/** Writes messages, in order, to one partition, and waits until the broker has them all. */
export async function produceAll(
  producer: LogProducer,
  topic: { role: "accounts" | "market" | "reference"; prefix: string },
  messages: Iterable<Buffer>,
): Promise<void> {
  const name = topicName(topic.role, topic.prefix);
  for (const message of messages) while (!producer.send(name, 0, message, "bench")) await producer.room();
  if (!(await producer.flush(60_000))) throw new Error(`the broker did not take all messages of ${name} within a minute`);
}

/** @param lingerMs how long a message may wait for company */
export async function connectProducer(brokers: string, lingerMs = 5): Promise<LogProducer> {
  const producer = new LogProducer({
    brokers,
    lingerMs,
    reports: "failures",
    onError: (error) => process.stderr.write(`${error.message}\n`),
  });
  await producer.connect();
  cleanUp(async () => void (await producer.close(1000)));
  return producer;
}
