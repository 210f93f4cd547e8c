// Real Kafka for tests: a broker of one's own (startKafka), or one shared by the whole run (sharedKafka), isolated by topic
// prefix. Where neither java nor the jars are there, tests say so and skip; with CI set that is a failure.
//
// This file is also a vitest globalSetup: put it into vitest.config.ts as `globalSetup: ["test/support/kafka.ts"]` and the shared
// broker is started by the first test file that asks, once for the run, and stopped at its end. PLIMSOLL_TEST_KAFKA=host:port
// uses a broker that runs already. Without either, each test file that asks starts one for itself.

import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Admin, Kafka, logLevel } from "kafkajs";
import { kafkaUnavailable as brokerUnavailable, startBroker } from "../../scripts/kafka/broker.mjs";

/** `host:port` of a broker to use instead of starting one. */
const BROKERS_VARIABLE = "PLIMSOLL_TEST_KAFKA";
/** Set by setup(): where to ask for the run's broker. */
const ON_DEMAND_VARIABLE = "PLIMSOLL_TEST_KAFKA_ON_DEMAND";

export interface TestKafka {
  /** `127.0.0.1:port` */
  readonly brokers: string;
  readonly dataDir: string;
  /** Stops the broker in order; its port and data stay for restart(). */
  stop(): Promise<void>;
  /** kill -9 */
  kill(): Promise<void>;
  /** Starts it again on the same port and data. */
  restart(): Promise<void>;
  /** Stops it and deletes its data. */
  remove(): Promise<void>;
}

export interface TestKafkaOptions {
  /** Partitions of topics made without a number, 4 by default. */
  partitions?: number;
  /** Further server.properties. */
  settings?: Record<string, string | number | boolean>;
}

/**
 * Why tests with a real broker cannot run here, or null if they can.
 *
 * @throws Error instead of an answer where CI is set: there a missing broker is a failure
 */
export function kafkaUnavailable(): string | null {
  if (process.env[BROKERS_VARIABLE] !== undefined) return null;
  const why = brokerUnavailable();
  if (why !== null && (process.env.CI ?? "") !== "") throw new Error(`CI must run the tests with a real Kafka broker: ${why}`);
  return why;
}

/** A broker of one's own on a free port, with its data in a temporary folder. Takes two to three seconds. */
export async function startKafka(options: TestKafkaOptions = {}): Promise<TestKafka> {
  const dataDir = await mkdtemp(join(tmpdir(), "plimsoll-kafka-"));
  const forget = () => rm(dataDir, { recursive: true, force: true });
  try {
    const settings = {
      "num.partitions": options.partitions ?? 4,
      // Tests need not wait as long for a member that is gone.
      "group.min.session.timeout.ms": 1000,
      ...options.settings,
    };
    const broker = await startBroker({ dataDir, quick: true, settings });
    const { brokers, stop, kill, restart } = broker;
    const remove = async () => {
      await broker.stop();
      await forget();
    };
    return { brokers, dataDir, stop, kill, restart, remove };
  } catch (error) {
    await forget();
    throw error;
  }
}

export interface SharedKafka {
  readonly brokers: string;
  /** A topic prefix nobody else in this run uses, such as `t4711-3.`. */
  prefix(): string;
  /** Call when done, in afterAll: stops the broker if it was started for this test file alone. */
  release(): Promise<void>;
}

let prefixes = 0;

/** The broker of this test run. Do not stop it, and keep to topics (and groups) under `prefix()`. */
export async function sharedKafka(): Promise<SharedKafka> {
  const prefix = () => `t${process.pid}-${Date.now().toString(36)}-${++prefixes}.`;
  const given = process.env[BROKERS_VARIABLE];
  if (given !== undefined) return { brokers: given, prefix, release: async () => undefined };

  const onDemand = process.env[ON_DEMAND_VARIABLE];
  if (onDemand !== undefined) {
    const answer = await fetch(onDemand);
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    return { brokers: text, prefix, release: async () => undefined };
  }
  const own = await startKafka();
  return { brokers: own.brokers, prefix, release: own.remove };
}

/** Makes a topic with an independent client (kafkajs), and waits until it can be written to. */
export async function createTopic(
  brokers: string,
  topic: string,
  numPartitions: number,
  config: Record<string, string> = {},
): Promise<void> {
  await withAdmin(brokers, async (admin) => {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    await admin.createTopics({ waitForLeaders: false, topics: [{ topic, numPartitions, configEntries }] });
    // kafkajs itself gives up on a topic that the broker has not heard of yet.
    const deadline = performance.now() + 15_000;
    for (;;) {
      try {
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
        if (topics[0]!.partitions.every((partition) => partition.leader >= 0)) return;
      } catch (error) {
        if (performance.now() > deadline) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
}

/** Does something to a cluster as an operator would, with an independent client (kafkajs). */
export async function withAdmin<T>(brokers: string, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Kafka({ clientId: "plimsoll-test", brokers: [brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Next offset of each partition. */
export async function logEnds(brokers: string, topic: string): Promise<Map<number, number>> {
  return withAdmin(
    brokers,
    async (admin) => new Map((await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, Number(high)])),
  );
}

let onDemandServer: Server | undefined;
let runBroker: Promise<TestKafka> | undefined;

/** vitest globalSetup: does not start a broker, but waits to be asked for one. */
export async function setup(): Promise<void> {
  if (process.env[BROKERS_VARIABLE] !== undefined) return;
  const server = createServer((_, response) => {
    runBroker ??= startKafka();
    runBroker.then(
      (kafka) => response.end(kafka.brokers),
      (error: Error) => {
        response.statusCode = 500;
        response.end(error.message);
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  onDemandServer = server;
  process.env[ON_DEMAND_VARIABLE] = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** vitest globalSetup: the end of the run. */
export async function teardown(): Promise<void> {
  delete process.env[ON_DEMAND_VARIABLE];
  onDemandServer?.close();
  onDemandServer?.closeAllConnections();
  const kafka = await runBroker?.catch(() => undefined);
  await kafka?.remove();
}
