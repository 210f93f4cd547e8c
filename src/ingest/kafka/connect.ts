// Reaching a cluster, the same for every native client: one deadline, and an error that says what to look at.
import type { LibrdKafkaError } from "node-rdkafka";
import { KafkaError, toKafkaError } from "./errors";

const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;

interface NativeClient {
  connect(options: { timeout: number; allTopics: boolean }, done: (error: LibrdKafkaError | null) => void): unknown;
}

/** The deadline of a client's calls that wait for a broker, ms. */
export function connectTimeoutMs(options: { connectTimeoutMs?: number }): number {
  return options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS;
}

/**
 * Waits until a broker has answered.
 *
 * @throws KafkaError KAFKA_UNAVAILABLE after the deadline; what librdkafka says where trying on would not help
 */
export function connectNative(client: NativeClient, options: { brokers: string; connectTimeoutMs?: number }): Promise<void> {
  const timeoutMs = connectTimeoutMs(options);
  const unavailable = () =>
    new KafkaError("KAFKA_UNAVAILABLE", `no Kafka broker answered at ${options.brokers} within ${timeoutMs} ms`);
  return new Promise((resolve, reject) => {
    // The native call keeps its own deadline; this one is for when it does not.
    const timer = setTimeout(() => reject(unavailable()), timeoutMs + 1000);
    client.connect({ timeout: timeoutMs, allTopics: false }, (error) => {
      clearTimeout(timer);
      if (!error) return resolve();
      const classified = toKafkaError(error, `connecting to Kafka at ${options.brokers}`);
      reject(classified.kind === "retriable" ? unavailable() : classified);
    });
  });
}
