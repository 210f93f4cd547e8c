// What was alerted before: the logs of alerts and liquidation signals, read back from where a shard's ledger knows them to their
// ends. They are the memory of what was sent: an engine that starts, or takes a partition over, neither repeats nor skips a
// change of status. Main thread.
import type { Alert } from "../shared/wire/alert-batch-writer";
import { decodeAlerts } from "../shared/wire/encode";
import { LogConsumer, type LogConsumerOptions } from "./kafka/log-consumer";

const POLL_MESSAGES = 512;

/** Next offsets of a partition of both logs. */
export interface OutputOffsets {
  alerts: number;
  liquidations: number;
}

export interface Remembered {
  /** In the order they were sent. */
  alerts: Alert[];
  liquidations: Alert[];
  /** The ends that were read to. */
  ends: OutputOffsets;
  /** A part of the log of alerts that should have been read is not there any more. */
  forgotten: boolean;
}

interface Request {
  partition: number;
  from: OutputOffsets;
  resolve(remembered: Remembered): void;
  reject(error: Error): void;
}

export interface AlertMemoryOptions extends LogConsumerOptions {
  topics: { alerts: string; liquidations: string };
  /** A message that is no batch of alerts: somebody else wrote to the topic. */
  onWarning(text: string): void;
}

export class AlertMemory {
  private readonly consumer: LogConsumer;
  private waiting: Request[] = [];
  private isReading = false;

  constructor(private readonly options: AlertMemoryOptions) {
    this.consumer = new LogConsumer(options);
  }

  connect(): Promise<void> {
    return this.consumer.connect();
  }

  /** Ends of both logs of a partition. */
  async ends(partition: number): Promise<OutputOffsets> {
    const { alerts, liquidations } = this.options.topics;
    const [a, l] = await Promise.all([
      this.consumer.watermarks(alerts, partition),
      this.consumer.watermarks(liquidations, partition),
    ]);
    return { alerts: a.high, liquidations: l.high };
  }

  /** Everything from `from` to the ends that both logs have now. Requests that come together are read together. */
  read(partition: number, from: OutputOffsets): Promise<Remembered> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ partition, from, resolve, reject });
      if (!this.isReading) void this.readWaiting();
    });
  }

  private async readWaiting(): Promise<void> {
    this.isReading = true;
    // Whoever asks in the same turn is among them.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const requests = this.waiting.splice(0);
      try {
        await this.readTogether(requests);
      } catch (error) {
        await this.consumer.unassign(this.consumer.assignment()).catch(() => undefined);
        for (const request of requests) request.reject(error as Error);
      }
    }
    // In the same turn as the look that found nobody waiting: whoever asks from now on begins anew.
    this.isReading = false;
  }

  private async readTogether(requests: Request[]): Promise<void> {
    const { topics } = this.options;
    const results = new Map<number, Remembered>();
    const assigned: { topic: string; partition: number; offset: number; end: number }[] = [];
    await Promise.all(
      requests.map(async ({ partition, from }) => {
        const result: Remembered = { alerts: [], liquidations: [], ends: { alerts: 0, liquidations: 0 }, forgotten: false };
        results.set(partition, result);
        for (const log of ["alerts", "liquidations"] as const) {
          const topic = topics[log];
          const { low, high } = await this.consumer.watermarks(topic, partition);
          // Beyond the end: the topic was made anew. Whatever is in it now is all there is to know.
          const offset = from[log] > high ? low : Math.max(from[log], low);
          if (offset !== from[log] && log === "alerts") result.forgotten = true;
          result.ends[log] = high;
          if (offset < high) assigned.push({ topic, partition, offset, end: high });
        }
      }),
    );
    if (assigned.length > 0) {
      await this.consumer.assign(assigned.map(({ topic, partition, offset }) => ({ topic, partition, offset })));
      const left = new Set(assigned);
      while (left.size > 0) {
        for (const message of await this.consumer.poll(POLL_MESSAGES)) {
          const result = results.get(message.partition) as Remembered;
          const log = message.topic === topics.alerts ? "alerts" : "liquidations";
          if (message.offset >= result.ends[log]) continue;
          try {
            if (message.payload !== null) result[log].push(...decodeAlerts(message.payload));
          } catch (error) {
            const where = `${message.topic}/${message.partition}/${message.offset}`;
            this.options.onWarning(`${where} is passed over: ${(error as Error).message}`);
          }
        }
        for (const each of left) if (this.consumer.position(each.topic, each.partition) >= each.end) left.delete(each);
      }
      await this.consumer.unassign(assigned.map(({ topic, partition }) => ({ topic, partition })));
    }
    for (const request of requests) request.resolve(results.get(request.partition) as Remembered);
  }

  close(timeoutMs: number): Promise<void> {
    return this.consumer.close(timeoutMs);
  }
}
