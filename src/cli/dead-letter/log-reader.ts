// Reads pieces of logs for the tool: by offset, without a group, so that nothing is left behind in the cluster.
import { KafkaError } from "../../ingest/kafka/errors";
import { LogConsumer, type LogMessage } from "../../ingest/kafka/log-consumer";

/** A partition's part from `from` up to, not including, `to`. */
export interface LogRange {
  partition: number;
  from: number;
  to: number;
}

const POLL_MESSAGES = 1024;
/** A broker that is there sends something within this time. */
const SILENCE_MS = 30_000;

export class LogReader {
  private constructor(
    private readonly consumer: LogConsumer,
    private readonly lastError: () => string,
  ) {}

  /** @throws KafkaError KAFKA_UNAVAILABLE, KAFKA_CONFIG */
  static async open(brokers: string): Promise<LogReader> {
    let last = "";
    const consumer = new LogConsumer({
      brokers,
      clientId: "plimsoll-dead-letter",
      // A name librdkafka insists on. Partitions are assigned and nothing is committed: the brokers never hear of a group.
      groupId: "plimsoll-dead-letter",
      onError: (error) => {
        last = `: ${error.message}`;
      },
    });
    await consumer.connect();
    return new LogReader(consumer, () => last);
  }

  /**
   * What a topic holds now.
   *
   * @throws KafkaError KAFKA_TOPIC_UNKNOWN
   */
  async ranges(topic: string): Promise<LogRange[]> {
    const count = await this.consumer.partitionCount(topic);
    const ranges: LogRange[] = [];
    for (let partition = 0; partition < count; partition++) {
      const { low, high } = await this.consumer.watermarks(topic, partition);
      ranges.push({ partition, from: low, to: high });
    }
    return ranges;
  }

  /**
   * Gives every message of these ranges, in order within each partition. A range may begin before the log does.
   *
   * @param progress called now and then with the share read, 0 … 1
   * @throws KafkaError KAFKA_TIMEOUT where nothing comes for 30 s
   */
  async read(
    topic: string,
    ranges: readonly LogRange[],
    take: (message: LogMessage) => void,
    progress: (share: number) => void = () => undefined,
  ): Promise<void> {
    const open = new Map<number, LogRange>();
    for (const { partition, from, to } of ranges) {
      const { low, high } = await this.consumer.watermarks(topic, partition);
      const range = { partition, from: Math.max(from, low), to: Math.min(to, high) };
      if (range.from < range.to) open.set(partition, range);
    }
    if (open.size === 0) return;
    const reading = [...open.values()];
    const total = reading.reduce((sum, { from, to }) => sum + to - from, 0);
    const position = (partition: number) => this.consumer.position(topic, partition);
    await this.consumer.assign(reading.map(({ partition, from }) => ({ topic, partition, offset: from })));
    let heardMs = performance.now();
    while (open.size > 0) {
      const messages = await this.consumer.poll(POLL_MESSAGES);
      for (const message of messages) if (message.offset < (open.get(message.partition)?.to ?? 0)) take(message);
      if (messages.length > 0) heardMs = performance.now();
      else if (performance.now() - heardMs > SILENCE_MS)
        throw new KafkaError("KAFKA_TIMEOUT", `reading ${topic}: nothing came for ${SILENCE_MS / 1000} s${this.lastError()}`);
      // By position, not by count: compaction leaves holes.
      for (const { partition, to } of [...open.values()]) if (position(partition) >= to) open.delete(partition);
      progress(reading.reduce((sum, { partition, from, to }) => sum + Math.min(to, position(partition)) - from, 0) / total);
    }
    await this.consumer.unassign(reading.map(({ partition }) => ({ topic, partition })));
  }

  /** The message at a place, or null where the log does not hold it (any more). */
  async one(topic: string, partition: number, offset: number): Promise<LogMessage | null> {
    if (partition >= (await this.consumer.partitionCount(topic))) return null;
    let found: LogMessage | null = null;
    await this.read(topic, [{ partition, from: offset, to: offset + 1 }], (message) => {
      found = message;
    });
    return found;
  }

  async close(): Promise<void> {
    await this.consumer.close();
  }
}
