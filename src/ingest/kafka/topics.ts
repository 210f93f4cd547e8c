// Plimsoll's topics: names, partitions and retention, each with its reason. Pure; admin.ts carries it out.

import { KafkaError } from "./errors";

export const DEFAULT_TOPIC_PREFIX = "plimsoll.";
export const DEFAULT_ACCOUNT_PARTITIONS = 4;
export const DEFAULT_MARKET_PARTITIONS = 4;

/** What a topic is for; its name is the prefix and this. */
export type TopicRole = "accounts" | "market" | "reference" | "alerts" | "liquidations" | "dead-letter" | "engines";

export interface TopicSpec {
  role: TopicRole;
  name: string;
  /** 1 or more. */
  partitions: number;
  cleanupPolicy: "delete" | "compact";
  /** Topic settings, as Kafka names them. */
  config: Record<string, string>;
}

export interface TopicLayout {
  /** `plimsoll.` where absent. */
  prefix?: string;
  /** Shards of the engine: the partitions of accounts, alerts and liquidations. */
  accountPartitions?: number;
  marketPartitions?: number;
}

const DAY_MS = 86_400_000;
const FOREVER = "-1";

// Kafka's own limit is 249 characters; the longest role is 12.
const PREFIX = /^[A-Za-z0-9._-]{0,200}$/;
// Each partition is a ring and a block of shared memory; beyond this the machine is the limit, not Kafka.
const MAX_PARTITIONS = 1024;

/** Topic name of a role. */
export function topicName(role: TopicRole, prefix = DEFAULT_TOPIC_PREFIX): string {
  return `${prefix}${role}`;
}

/**
 * The topics, in the order they are listed and made.
 *
 * @throws KafkaError KAFKA_CONFIG naming the field: prefix with other characters than letters, digits, `.`, `_`, `-`; partitions
 *   not a whole number from 1 to 1,024
 */
export function plimsollTopics(layout: TopicLayout = {}): TopicSpec[] {
  const { prefix = DEFAULT_TOPIC_PREFIX } = layout;
  const accounts = layout.accountPartitions ?? DEFAULT_ACCOUNT_PARTITIONS;
  const market = layout.marketPartitions ?? DEFAULT_MARKET_PARTITIONS;
  if (!PREFIX.test(prefix)) {
    throw new KafkaError("KAFKA_CONFIG", `prefix: "${prefix}" may hold letters, digits, ".", "_" and "-" only, 200 at most`);
  }
  for (const [field, value] of [
    ["accountPartitions", accounts],
    ["marketPartitions", market],
  ] as const) {
    if (!(Number.isInteger(value) && value >= 1 && value <= MAX_PARTITIONS)) {
      throw new KafkaError("KAFKA_CONFIG", `${field} must be a whole number from 1 to ${MAX_PARTITIONS}, not ${value}`);
    }
  }
  const spec = (role: TopicRole, partitions: number, config: Record<string, string>): TopicSpec => {
    const cleanupPolicy = role === "reference" || role === "engines" ? "compact" : "delete";
    return {
      role,
      name: topicName(role, prefix),
      partitions,
      cleanupPolicy,
      config: { "cleanup.policy": cleanupPolicy, ...config },
    };
  };
  return [
    // The truth: every ledger is a function of it. Kept until an operator decides how far back snapshots reach.
    spec("accounts", accounts, { "retention.ms": FOREVER }),
    // State, not history: the newest value counts.
    spec("market", market, { "retention.ms": String(DAY_MS) }),
    // Instruments, margin tables, account groups: the last word on each key, for ever. One partition keeps them in order.
    spec("reference", 1, {}),
    // The memory of what was told: an engine that rebuilds its accounts reads from it what it need not tell again.
    spec("alerts", accounts, { "retention.ms": FOREVER }),
    spec("liquidations", accounts, { "retention.ms": FOREVER }),
    // Bytes that were acknowledged and could not be applied: until a person has looked. It must take a message of the largest
    // size and, beside it, where it came from and why it is here.
    spec("dead-letter", 1, { "retention.ms": FOREVER, "max.message.bytes": String(2 * 1024 * 1024) }),
    // Which engine has which partitions: the last word of each engine. One partition, so that of two claims the later one holds.
    spec("engines", 1, {}),
  ];
}
