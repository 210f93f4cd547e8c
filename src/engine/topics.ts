// The topics, before anything reads or writes them: there, made, or wrong.
import { describeTopics, ensureTopics, topicMismatches } from "../ingest/kafka/admin";
import { KafkaError } from "../ingest/kafka/errors";
import { plimsollTopics, type TopicSpec } from "../ingest/kafka/topics";
import type { Config } from "./config";

export function topicsOf(config: Config): TopicSpec[] {
  return plimsollTopics({ prefix: config["kafka.prefix"], accountPartitions: config["kafka.accountPartitions"] });
}

/**
 * Looks at a cluster's topics and makes those that are missing.
 *
 * @returns partitions of `accounts`, and how many topics were made
 * @throws KafkaError KAFKA_UNAVAILABLE, KAFKA_TOPIC_MISMATCH, KAFKA_TOPIC_UNKNOWN where kafka.createTopics is false
 */
export async function prepareTopics(config: Config, brokers: string): Promise<{ partitions: number; made: number }> {
  const topics = topicsOf(config);
  const timeoutMs = config["kafka.connectTimeoutMs"];
  const found = await describeTopics({ brokers, topics, timeoutMs });
  // Partitions are what they are; what else differs is a mistake.
  const present = topics.map((topic, i) => ({ ...topic, partitions: found[i].partitions || topic.partitions }));
  const wrong = topicMismatches(present, found);
  if (wrong.length > 0) throw new KafkaError("KAFKA_TOPIC_MISMATCH", wrong.join("; "));
  const missing = present.filter((_, i) => found[i].status === "missing");
  if (missing.length > 0 && !config["kafka.createTopics"]) {
    throw new KafkaError(
      "KAFKA_TOPIC_UNKNOWN",
      `${brokers} has no topic ${missing.map((topic) => topic.name).join(", ")}: run plimsoll topics`,
    );
  }
  if (missing.length > 0) await ensureTopics({ brokers, topics: missing, timeoutMs });
  return { partitions: present[0].partitions, made: missing.length };
}
