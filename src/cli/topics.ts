// `plimsoll topics`: makes Plimsoll's topics, or shows them as they are.

import { Command } from "commander";
import { describeTopics, ensureTopics, type TopicDescription, topicMismatches } from "../ingest/kafka/admin";
import { KafkaError } from "../ingest/kafka/errors";
import { checkBrokers } from "../ingest/kafka/settings";
import {
  DEFAULT_ACCOUNT_PARTITIONS,
  DEFAULT_MARKET_PARTITIONS,
  DEFAULT_TOPIC_PREFIX,
  plimsollTopics,
  type TopicSpec,
} from "../ingest/kafka/topics";

interface Flags {
  brokers?: string;
  prefix: string;
  partitions: string;
  marketPartitions: string;
  replication?: string;
  describe?: boolean;
  json?: boolean;
}

/** Where a command writes and how it ends; a test puts in its own. */
export interface CommandOutput {
  out(text: string): void;
  err(text: string): void;
  /** 0 success, 1 failure, 2 wrong usage */
  exit(code: number): void;
}

const standardOutput: CommandOutput = {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  exit: (code) => {
    process.exitCode = code;
  },
};

/** The `topics` command, for a parent command to add or a program to parse. */
export function topicsCommand(output: CommandOutput = standardOutput): Command {
  const command = new Command("topics");
  command
    .description("create Plimsoll's Kafka topics, and check those that exist")
    .option("--brokers <host:port,...>", "Kafka brokers (default: $KAFKA_BROKERS)")
    .option("--prefix <text>", "before each topic's name", DEFAULT_TOPIC_PREFIX)
    .option("--partitions <n>", "partitions of accounts, alerts and liquidations: the shards", String(DEFAULT_ACCOUNT_PARTITIONS))
    .option("--market-partitions <n>", "partitions of market", String(DEFAULT_MARKET_PARTITIONS))
    .option("--replication <n>", "copies of each partition (default: the brokers' default)")
    .option("--describe", "create nothing; exit 1 if a topic is missing or different")
    .option("--json", "one JSON document instead of a table")
    .configureOutput({ writeOut: (text) => output.out(text), writeErr: (text) => output.err(text) })
    .exitOverride((error) => {
      output.exit(error.exitCode === 0 ? 0 : 2);
      // commander expects not to come back; the real process ends here.
      if (output === standardOutput) process.exit();
      throw error;
    })
    .action(async (flags: Flags) => {
      output.exit(await run(flags, output));
    });
  return command;
}

async function run(flags: Flags, output: CommandOutput): Promise<number> {
  let topics: TopicSpec[];
  let brokers: string;
  let replicationFactor: number | undefined;
  try {
    const given = flags.brokers ?? process.env.KAFKA_BROKERS;
    if (given === undefined || given === "") {
      throw new KafkaError("KAFKA_CONFIG", "no brokers: give --brokers host:port or set KAFKA_BROKERS");
    }
    brokers = checkBrokers(given);
    topics = plimsollTopics({
      prefix: flags.prefix,
      accountPartitions: wholeNumber("--partitions", flags.partitions),
      marketPartitions: wholeNumber("--market-partitions", flags.marketPartitions),
    });
    if (flags.replication !== undefined) {
      replicationFactor = wholeNumber("--replication", flags.replication);
      if (replicationFactor < 1) throw new KafkaError("KAFKA_CONFIG", "--replication must be 1 or more");
    }
  } catch (error) {
    output.err(`${(error as Error).message}\n`);
    return 2;
  }

  try {
    const options = { brokers, topics, ...(replicationFactor === undefined ? {} : { replicationFactor }) };
    const found = flags.describe === true ? await describeTopics(options) : await ensureTopics(options);
    output.out(flags.json === true ? `${JSON.stringify({ brokers, topics: found }, null, 2)}\n` : table(found));
    if (flags.describe !== true) return 0;
    const wrong = topicMismatches(topics, found);
    for (const entry of found) if (entry.status === "missing") wrong.push(`topic ${entry.name} does not exist`);
    for (const line of wrong) output.err(`${line}\n`);
    return wrong.length === 0 ? 0 : 1;
  } catch (error) {
    const code = error instanceof KafkaError ? `${error.code}: ` : "";
    output.err(`${code}${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

function wholeNumber(flag: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new KafkaError("KAFKA_CONFIG", `${flag} must be a whole number, not "${text}"`);
  return Number(text);
}

function table(topics: readonly TopicDescription[]): string {
  const header = ["topic", "partitions", "copies", "cleanup", "retention", "messages", "status"];
  const rows = topics.map((topic) => [
    topic.name,
    topic.status === "missing" ? "" : String(topic.partitions),
    topic.status === "missing" ? "" : String(topic.replicationFactor),
    topic.config["cleanup.policy"] ?? "",
    retention(topic.config),
    topic.status === "missing" ? "" : String(topic.messages),
    topic.status,
  ]);
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const numeric = new Set(["partitions", "copies", "messages"]);
  const line = (cells: string[]) =>
    cells
      .map((cell, column) => (numeric.has(header[column]!) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join("  ")
      .trimEnd();
  return `${[header, ...rows].map(line).join("\n")}\n`;
}

function retention(config: Record<string, string>): string {
  const text = config["retention.ms"];
  if (text === undefined) return "";
  if (config["cleanup.policy"] === "compact") return "last of each key";
  const ms = Number(text);
  return ms < 0 ? "for ever" : `${ms / 86_400_000} d`;
}
