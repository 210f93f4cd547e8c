// Makes and checks Plimsoll's topics. Over kafkajs, not node-rdkafka: it is no hot path, it reads topic settings (node-rdkafka
// cannot), and the command line starts without a native module.

import { readFileSync } from "node:fs";
import { type Admin, Kafka, logLevel } from "kafkajs";
import { KafkaError, type KafkaErrorCode } from "./errors";
import { type KafkaConnection, kafkajsConnection } from "./settings";
import type { TopicRole, TopicSpec } from "./topics";

export interface TopicDescription {
  role: TopicRole;
  name: string;
  /** Partitions there are; 0 where the topic does not exist. */
  partitions: number;
  replicationFactor: number;
  /** Kafka's cleanup.policy, retention.ms (-1: for ever) and max.message.bytes; absent where the topic does not exist. */
  config: Record<string, string>;
  /** Over all partitions: messages between the oldest and the newest offset. */
  messages: number;
  status: "created" | "present" | "missing";
}

export interface TopicOptions extends KafkaConnection {
  topics: readonly TopicSpec[];
  /** Copies of each partition; -1 (the default) leaves it to the brokers' default. */
  replicationFactor?: number;
  /** Deadline of the whole, 15,000 ms by default. */
  timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 15_000;
const ASK_AGAIN_MS = 50;
const RESOURCE_TOPIC = 2; // kafkajs ConfigResourceTypes.TOPIC
const WITHOUT_LEADER = new Set(["NOT_LEADER_FOR_PARTITION", "LEADER_NOT_AVAILABLE", "UNKNOWN_TOPIC_OR_PARTITION"]);
const SHOWN_CONFIG = ["cleanup.policy", "retention.ms", "max.message.bytes"];

/**
 * Creates the topics that do not exist and checks those that do. Running it again changes nothing.
 *
 * @throws KafkaError KAFKA_TOPIC_MISMATCH naming every topic whose partition count or cleanup policy differs (nothing is created
 *   then), KAFKA_UNAVAILABLE, KAFKA_AUTH, KAFKA_CONFIG
 */
export async function ensureTopics(options: TopicOptions): Promise<TopicDescription[]> {
  return withAdmin(options, async (admin, signal) => {
    const before = await describeWhenLed(admin, options.topics, signal);
    refuseMismatch(options.topics, before);
    const missing = options.topics.filter((_, index) => before[index]!.status === "missing");
    if (missing.length === 0) return before;
    await admin.createTopics({
      waitForLeaders: false, // kafkajs takes a topic that the brokers do not know of yet for an error; we wait below
      topics: missing.map((spec) => ({
        topic: spec.name,
        numPartitions: spec.partitions,
        replicationFactor: options.replicationFactor ?? -1,
        configEntries: Object.entries(spec.config).map(([name, value]) => ({ name, value })),
      })),
    });
    // What another process made in the same moment counts as made, if it is right.
    let after = await describeWhenLed(admin, options.topics, signal);
    while (after.some((topic) => topic.status === "missing")) {
      await pause(signal);
      after = await describeWhenLed(admin, options.topics, signal);
    }
    refuseMismatch(options.topics, after);
    const created = new Set(missing.map((spec) => spec.name));
    return after.map((entry) => (created.has(entry.name) ? { ...entry, status: "created" } : entry));
  });
}

/** The topics as they are; creates nothing. */
export async function describeTopics(options: TopicOptions): Promise<TopicDescription[]> {
  return withAdmin(options, (admin, signal) => describeWhenLed(admin, options.topics, signal));
}

/**
 * Differences that would make Plimsoll wrong, one line each: another number of partitions moves accounts to other shards;
 * another cleanup policy deletes reference data, or compacts a log that must keep every event.
 */
export function topicMismatches(specs: readonly TopicSpec[], found: readonly TopicDescription[]): string[] {
  const lines: string[] = [];
  for (const [index, spec] of specs.entries()) {
    const topic = found[index]!;
    if (topic.status === "missing") continue;
    if (topic.partitions !== spec.partitions) {
      lines.push(`topic ${spec.name} has ${topic.partitions} partitions, not ${spec.partitions}`);
    }
    const policy = topic.config["cleanup.policy"];
    if (policy !== undefined && policy !== spec.cleanupPolicy) {
      lines.push(`topic ${spec.name} has cleanup.policy ${policy}, not ${spec.cleanupPolicy}`);
    }
  }
  return lines;
}

function refuseMismatch(specs: readonly TopicSpec[], found: readonly TopicDescription[]): void {
  const lines = topicMismatches(specs, found);
  if (lines.length > 0) throw new KafkaError("KAFKA_TOPIC_MISMATCH", lines.join("; "));
}

/** A topic that was made a moment ago has no leader yet to answer for it; the deadline of the whole bounds the asking. */
async function describeWhenLed(admin: Admin, specs: readonly TopicSpec[], signal: AbortSignal): Promise<TopicDescription[]> {
  for (;;) {
    try {
      return await describe(admin, specs);
    } catch (error) {
      if (!isUnanswered(error) && !WITHOUT_LEADER.has((error as { type?: string }).type ?? "")) throw error;
      await pause(signal);
    }
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  signal.throwIfAborted();
}

async function describe(admin: Admin, specs: readonly TopicSpec[]): Promise<TopicDescription[]> {
  const existing = new Set(await admin.listTopics());
  const names = specs.map((spec) => spec.name).filter((name) => existing.has(name));
  const metadata = names.length === 0 ? [] : (await admin.fetchTopicMetadata({ topics: names })).topics;
  const configs = names.length === 0 ? [] : await describeConfigs(admin, names);
  return Promise.all(
    specs.map(async ({ role, name }): Promise<TopicDescription> => {
      const topic = metadata.find((entry) => entry.name === name);
      if (topic === undefined) {
        return { role, name, partitions: 0, replicationFactor: 0, config: {}, messages: 0, status: "missing" };
      }
      const offsets = await admin.fetchTopicOffsets(name);
      return {
        role,
        name,
        partitions: topic.partitions.length,
        replicationFactor: Math.min(...topic.partitions.map((partition) => partition.replicas.length)),
        config: configs.find((entry) => entry.name === name)?.config ?? {},
        messages: offsets.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0),
        status: "present",
      };
    }),
  );
}

async function describeConfigs(admin: Admin, names: string[]): Promise<{ name: string; config: Record<string, string> }[]> {
  const answer = await admin.describeConfigs({
    includeSynonyms: false,
    resources: names.map((name) => ({ type: RESOURCE_TOPIC, name, configNames: SHOWN_CONFIG })),
  });
  return answer.resources.map(({ resourceName, configEntries }) => ({
    name: resourceName,
    config: Object.fromEntries(
      SHOWN_CONFIG.flatMap((wanted) => {
        const entry = configEntries.find((each) => each.configName === wanted);
        return entry === undefined ? [] : [[wanted, entry.configValue]];
      }),
    ),
  }));
}

async function withAdmin<T>(options: TopicOptions, work: (admin: Admin, signal: AbortSignal) => Promise<T>): Promise<T> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const connection = kafkajsConnection(options, (path) => readFileSync(path, "utf8"));
  const admin = new Kafka({
    ...connection,
    logLevel: logLevel.NOTHING, // its errors are thrown as well
    connectionTimeout: Math.min(3000, timeoutMs),
    requestTimeout: timeoutMs,
    retry: { retries: 3, initialRetryTime: 100, maxRetryTime: 1000 },
  }).admin();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new KafkaError("KAFKA_UNAVAILABLE", `no Kafka broker answered at ${options.brokers} within ${timeoutMs} ms`);
    timer = setTimeout(() => reject(error), timeoutMs);
  });
  const over = new AbortController();
  const run = async () => {
    await admin.connect();
    return work(admin, over.signal);
  };
  try {
    return await Promise.race([run(), late]);
  } catch (error) {
    throw fromKafkajs(error, options.brokers);
  } finally {
    clearTimeout(timer);
    over.abort();
    await admin.disconnect().catch(() => undefined);
  }
}

// kafkajs names the broker's errors by type; connection trouble by the name of its class.
const BY_TYPE: Readonly<Record<string, KafkaErrorCode>> = {
  TOPIC_AUTHORIZATION_FAILED: "KAFKA_AUTH",
  CLUSTER_AUTHORIZATION_FAILED: "KAFKA_AUTH",
  SASL_AUTHENTICATION_FAILED: "KAFKA_AUTH",
  INVALID_PARTITIONS: "KAFKA_CONFIG",
  INVALID_REPLICATION_FACTOR: "KAFKA_CONFIG",
  INVALID_CONFIG: "KAFKA_CONFIG",
  POLICY_VIOLATION: "KAFKA_CONFIG",
  INVALID_TOPIC_EXCEPTION: "KAFKA_CONFIG",
  UNKNOWN_TOPIC_OR_PARTITION: "KAFKA_TOPIC_UNKNOWN",
};

/** kafkajs keeps to itself why no broker answered a question about the cluster, and trips over the answer that is not there. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof TypeError;
}

/** One of our errors for one of kafkajs's, which has other names for them than librdkafka. */
export function fromKafkajs(error: unknown, brokers: string): KafkaError {
  if (error instanceof KafkaError) return error;
  const { name, message, type, cause, errors } = error as Error & { type?: string; cause?: unknown; errors?: Error[] };
  if (name === "KafkaJSAggregateError" && errors?.[0] !== undefined) {
    const first = fromKafkajs(errors[0], brokers);
    const topic = (errors[0] as { topic?: string }).topic;
    return new KafkaError(first.code, topic === undefined ? first.message : `topic ${topic}: ${first.message}`);
  }
  if (isUnanswered(error)) return new KafkaError("KAFKA_UNAVAILABLE", `no Kafka broker answered at ${brokers}`);
  if (type !== undefined && type in BY_TYPE) return new KafkaError(BY_TYPE[type]!, message);
  if (/SASLAuthentication/.test(name)) return new KafkaError("KAFKA_AUTH", message);
  if (/Connection|NumberOfRetriesExceeded|RequestTimeout|BrokerNotFound/.test(name)) {
    const reason = cause instanceof Error ? cause.message : message;
    return new KafkaError("KAFKA_UNAVAILABLE", `no Kafka broker answered at ${brokers}: ${reason}`);
  }
  return new KafkaError("KAFKA_BROKER_ERROR", `Kafka at ${brokers}: ${message}`);
}
