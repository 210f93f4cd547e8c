// Every librdkafka setting that Plimsoll does not leave at its default, with the reason. librdkafka's defaults are made for
// throughput and convenience: some lose data without a word, some hold a message back for a second.

import type { ConnectionOptions } from "node:tls";
import type { KafkaConfig, SASLOptions } from "kafkajs";
import { KafkaError } from "./errors";

/** How to talk to a cluster that is not open to everyone. Absent means plaintext without login. */
export interface KafkaSecurity {
  protocol: "plaintext" | "ssl" | "sasl_plaintext" | "sasl_ssl";
  /** PEM file of the authority that signed the brokers' certificates; the system's authorities where absent. */
  caLocation?: string;
  /** PEM files of our own certificate and key, for brokers that ask for one. */
  certificateLocation?: string;
  keyLocation?: string;
  keyPassword?: string;
  mechanism?: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";
  username?: string;
  password?: string;
}

/** Where the cluster is. */
export interface KafkaConnection {
  /** `host:port`, several separated by commas. */
  brokers: string;
  /** Shown in the broker's logs and quotas; `plimsoll` where absent. */
  clientId?: string;
  security?: KafkaSecurity;
}

export type Settings = Record<string, string | number | boolean>;

/**
 * Limits of this boundary, in one place.
 *
 * A record may be as large as Kafka's own default for a topic (max.message.bytes 1,048,588); dead-letter takes the record and
 * the reason beside it, hence twice that.
 */
export const KAFKA_LIMITS = {
  /** What may wait in librdkafka for poll(), all partitions of a consumer together. */
  fetchQueueBytes: 32 * 1024 * 1024,
  /** What may wait in a LogConsumer of partitions that are paused, before librdkafka is told to fetch no more of them. */
  heldBytes: 16 * 1024 * 1024,
  /** One fetch answer; it may exceed fetchQueueBytes by this much, as librdkafka looks before it asks, not after. */
  fetchAnswerBytes: 8 * 1024 * 1024,
  /** Of one partition in one answer. */
  fetchPartitionBytes: 1024 * 1024,
  /** What may wait in librdkafka for delivery, per producer; beyond it send() says no. */
  produceQueueBytes: 64 * 1024 * 1024,
  produceQueueMessages: 200_000,
  recordBytes: 2 * 1024 * 1024,
  /** What the embedded mock cluster keeps of a partition before it drops the oldest. */
  embeddedPartitionBytes: 5 * 1024 * 1024,
  embeddedPartitionMessages: 100_000,
} as const;

if (KAFKA_LIMITS.fetchAnswerBytes < KAFKA_LIMITS.recordBytes || KAFKA_LIMITS.fetchAnswerBytes > KAFKA_LIMITS.fetchQueueBytes) {
  throw new Error("KAFKA_LIMITS: recordBytes <= fetchAnswerBytes <= fetchQueueBytes does not hold");
}

function connectionSettings({ brokers, clientId = "plimsoll", security }: KafkaConnection): Settings {
  return {
    "metadata.broker.list": checkBrokers(brokers),
    "client.id": clientId,
    // A broker that comes back is found within a second; the default backs off to ten, and recovery is promised in five.
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 1000,
    // A broker that hangs instead of dying is given up after ten seconds, not sixty.
    "socket.timeout.ms": 10_000,
    "socket.connection.setup.timeout.ms": 10_000,
    // Firewalls drop idle connections without telling; a market can be quiet.
    "socket.keepalive.enable": true,
    // Prices and orders leave as they come: no waiting for a fuller packet.
    "socket.nagle.disable": true,
    // An idle connection closed by the broker is not news.
    "log.connection.close": false,
    // Do not push client telemetry to the cluster: nobody asked for it.
    "enable.metrics.push": false,
    ...securitySettings(security),
  };
}

function securitySettings(security: KafkaSecurity | undefined): Settings {
  if (security === undefined || security.protocol === "plaintext") return {};
  const settings: Settings = { "security.protocol": security.protocol };
  if (security.caLocation !== undefined) settings["ssl.ca.location"] = security.caLocation;
  if (security.certificateLocation !== undefined) settings["ssl.certificate.location"] = security.certificateLocation;
  if (security.keyLocation !== undefined) settings["ssl.key.location"] = security.keyLocation;
  if (security.keyPassword !== undefined) settings["ssl.key.password"] = security.keyPassword;
  if (security.protocol.startsWith("sasl")) {
    const { mechanism, username, password } = security;
    if (mechanism === undefined || username === undefined || password === undefined) {
      throw new KafkaError("KAFKA_CONFIG", `security protocol ${security.protocol} needs mechanism, username and password`);
    }
    settings["sasl.mechanisms"] = mechanism;
    settings["sasl.username"] = username;
    settings["sasl.password"] = password;
  }
  return settings;
}

/**
 * @param brokers `host:port[,host:port…]`; an IPv6 address in brackets
 * @returns the same list without blanks
 * @throws KafkaError KAFKA_CONFIG naming the entry that is not one
 */
export function checkBrokers(brokers: string): string {
  const entries = brokers.split(",").map((entry) => entry.trim());
  for (const entry of entries) {
    const match = /^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(entry);
    const port = Number(match?.[2]);
    if (match === null || port < 1 || port > 65_535) {
      throw new KafkaError("KAFKA_CONFIG", `brokers: "${entry}" is not host:port`);
    }
  }
  return entries.join(",");
}

export interface ConsumerSettingsOptions extends KafkaConnection {
  /** Consumer group: its members share the partitions; its committed offsets are what lag dashboards read. */
  groupId: string;
  /**
   * Kafka's static membership: a member that comes back under its name within the session timeout has its partitions again at
   * once, without a rebalance, and a second one under the same name puts the first out. Absent: every start is a new member.
   */
  instanceId?: string;
  /**
   * How long a member may be silent before its partitions go to another, 10,000 ms by default. The brokers set its limits
   * (group.min.session.timeout.ms, 6,000 by default, and group.max.session.timeout.ms).
   */
  sessionTimeoutMs?: number;
  /**
   * How long a broker may hold a fetch open while it has nothing, 20 ms by default. A real broker answers the moment something
   * arrives, so waiting costs no latency there and saves idle requests; but a seek or resume waits for an open fetch to end. The
   * embedded mock cluster does not wake up early: give it EMBEDDED_FETCH_WAIT_MS.
   */
  fetchWaitMaxMs?: number;
}

/** @see ConsumerSettingsOptions.sessionTimeoutMs */
export const SESSION_TIMEOUT_MS = 10_000;

/** @see ConsumerSettingsOptions.fetchWaitMaxMs */
export const EMBEDDED_FETCH_WAIT_MS = 2;

/**
 * Settings of a consumer: [global, per topic].
 */
export function consumerSettings(options: ConsumerSettingsOptions): [Settings, Settings] {
  const { sessionTimeoutMs = SESSION_TIMEOUT_MS } = options;
  if (options.groupId === "") throw new KafkaError("KAFKA_CONFIG", "groupId must not be empty");
  const global: Settings = {
    ...connectionSettings(options),
    "group.id": options.groupId,
    ...(options.instanceId === undefined ? {} : { "group.instance.id": options.instanceId }),
    // By default offsets are committed every 5 s for whatever was handed out, applied or not: a crash then skips messages.
    // Positions are ours (snapshot manifest); a commit happens when the engine says so.
    "enable.auto.commit": false,
    "enable.auto.offset.store": false,
    // A misspelt topic must be an error, not a new empty topic.
    "allow.auto.create.topics": false,
    // Off by default. TCP's own checksum is 16 bits; the disk has none.
    "check.crcs": true,
    // Aborted transactions of a gateway never become trades. (This is the default, and relied upon.)
    "isolation.level": "read_committed",
    // In a cooperative rebalance the partitions that stay keep flowing; an eager one stops them all, and each would have to be
    // rebuilt from its snapshot.
    "partition.assignment.strategy": "cooperative-sticky",
    // A dead member's partitions are on their way to another after 10 s (45 s by default).
    "session.timeout.ms": sessionTimeoutMs,
    // That somebody joined or left is heard with a heartbeat's answer, and a cooperative hand-over takes two rounds of that: with
    // one every 3 s, the default, partitions are without an owner for seconds.
    "heartbeat.interval.ms": Math.max(100, Math.floor(sessionTimeoutMs / 20)),
    // A member that lives but does not poll is not doing its work: a minute (5 min by default).
    "max.poll.interval.ms": 60_000,
    // Latency: the broker answers with the first byte there is.
    "fetch.min.bytes": 1,
    "fetch.wait.max.ms": options.fetchWaitMaxMs ?? 20,
    // By default, when the local queue was full, the partition is not asked again for a whole second.
    "fetch.queue.backoff.ms": 2,
    "fetch.error.backoff.ms": 100,
    // Memory: by default 64 MiB and 50 MiB more in one answer.
    "queued.max.messages.kbytes": KAFKA_LIMITS.fetchQueueBytes / 1024,
    "fetch.max.bytes": KAFKA_LIMITS.fetchAnswerBytes,
    "fetch.message.max.bytes": KAFKA_LIMITS.fetchPartitionBytes,
    // librdkafka refuses to run unless an answer of fetch.max.bytes plus framing fits.
    "receive.message.max.bytes": KAFKA_LIMITS.fetchAnswerBytes + 1024 * 1024,
    "message.max.bytes": KAFKA_LIMITS.recordBytes,
    // Lag, broker states and stuck partitions are read from here.
    "statistics.interval.ms": 1000,
  };
  // By default a consumer whose position is gone from the log jumps to its end without a word.
  return [global, { "auto.offset.reset": "error" }];
}

export interface ProducerSettingsOptions extends KafkaConnection {
  /** How long a message may wait for company, 0 ms and up. 1 by default; 5–20 for bulk. */
  lingerMs?: number;
  /** `none` by default: on loopback and in small batches compression costs more than it saves. */
  compression?: "none" | "lz4" | "snappy" | "gzip";
  /** Give up on a message after this long; 0, the default, means never: it waits for the broker as long as the process lives. */
  messageTimeoutMs?: number;
  queueMessages?: number;
  queueBytes?: number;
  /** `failures` leaves out the report of each success, which costs up to half of the throughput of small messages. */
  reports?: "each" | "failures";
}

/**
 * Settings of a producer: [global, per topic].
 */
export function producerSettings(options: ProducerSettingsOptions): [Settings, Settings] {
  const global: Settings = {
    ...connectionSettings(options),
    // Each message once and in order also when a request is retried; implies acks=all.
    "enable.idempotence": true,
    "linger.ms": options.lingerMs ?? 1,
    "compression.codec": options.compression ?? "none",
    "batch.num.messages": 10_000,
    "batch.size": 1_000_000,
    "queue.buffering.max.messages": options.queueMessages ?? KAFKA_LIMITS.produceQueueMessages,
    "queue.buffering.max.kbytes": Math.max(1, Math.floor((options.queueBytes ?? KAFKA_LIMITS.produceQueueBytes) / 1024)),
    "message.max.bytes": KAFKA_LIMITS.recordBytes,
    // A topic that nobody made is reported after five seconds instead of thirty.
    "topic.metadata.propagation.max.ms": 5_000,
    "delivery.report.only.error": options.reports === "failures",
    "statistics.interval.ms": 0,
  };
  const perTopic: Settings = {
    // By default an alert that could not be delivered for five minutes is dropped.
    "message.timeout.ms": options.messageTimeoutMs ?? 0,
    // The same partition for the same key as Java clients choose; librdkafka's own default differs, and an account whose
    // events are spread over two partitions has no order.
    partitioner: "murmur2_random",
  };
  return [global, perTopic];
}

/**
 * The same connection for kafkajs, which the administration of topics uses.
 *
 * @param readFile reads a PEM file; passed in so that this file touches no disk
 */
export function kafkajsConnection(connection: KafkaConnection, readFile: (path: string) => string): KafkaConfig {
  const { brokers, clientId = "plimsoll", security } = connection;
  const base = { brokers: checkBrokers(brokers).split(","), clientId };
  if (security === undefined || security.protocol === "plaintext") return base;
  securitySettings(security); // the same checks
  const ssl = security.protocol.endsWith("ssl") ? tlsOptions(security, readFile) : false;
  if (!security.protocol.startsWith("sasl")) return { ...base, ssl };
  return { ...base, ssl, sasl: saslOptions(security) };
}

function tlsOptions(security: KafkaSecurity, readFile: (path: string) => string): ConnectionOptions {
  const options: ConnectionOptions = {};
  if (security.caLocation !== undefined) options.ca = [readFile(security.caLocation)];
  if (security.certificateLocation !== undefined) options.cert = readFile(security.certificateLocation);
  if (security.keyLocation !== undefined) options.key = readFile(security.keyLocation);
  if (security.keyPassword !== undefined) options.passphrase = security.keyPassword;
  return options;
}

function saslOptions({ mechanism, username, password }: KafkaSecurity): SASLOptions {
  const login = { username: username!, password: password! };
  switch (mechanism!) {
    case "PLAIN":
      return { mechanism: "plain", ...login };
    case "SCRAM-SHA-256":
      return { mechanism: "scram-sha-256", ...login };
    case "SCRAM-SHA-512":
      return { mechanism: "scram-sha-512", ...login };
  }
}
