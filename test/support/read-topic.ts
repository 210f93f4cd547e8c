// A whole topic, read by an independent client (kafkajs): what is really in the log, whatever the engine says.
import { Kafka, logLevel } from "kafkajs";

export interface LogRecord {
  partition: number;
  offset: number;
  key: string | null;
  value: Buffer;
}

/** Every record between the oldest and the newest offset as of the call, in order within each partition. */
export async function readTopic(brokers: string, topic: string): Promise<LogRecord[]> {
  const kafka = new Kafka({ clientId: "plimsoll-test-reader", brokers: [brokers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const ends = new Map(
    (await admin.fetchTopicOffsets(topic)).map(({ partition, low, high }) => [
      partition,
      { low: Number(low), high: Number(high) },
    ]),
  );
  await admin.disconnect();
  const left = new Set([...ends].filter(([, { low, high }]) => high > low).map(([partition]) => partition));
  const records: LogRecord[] = [];
  if (left.size === 0) return records;
  const consumer = kafka.consumer({
    groupId: `plimsoll-test-${process.pid}-${Date.now()}`,
    maxBytesPerPartition: 8 * 1024 * 1024,
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`reading ${topic}: partitions ${[...left].join(", ")} not read to their end within 60 s`)),
      60_000,
    );
    void consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        const end = ends.get(batch.partition)!;
        for (const message of batch.messages) {
          const offset = Number(message.offset);
          if (offset >= end.high) break;
          records.push({ partition: batch.partition, offset, key: message.key?.toString() ?? null, value: message.value! });
        }
        if (Number(batch.lastOffset()) >= end.high - 1) left.delete(batch.partition);
        if (left.size === 0) {
          clearTimeout(timer);
          resolve();
        }
      },
    });
  });
  await consumer.disconnect();
  return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
}
