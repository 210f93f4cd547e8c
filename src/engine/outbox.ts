// What the engine writes to Kafka while it runs: alerts, liquidation signals, dead letters, its announcements. Idempotent, never
// given up, and counted, so that a snapshot can wait until everything that led up to it is with the brokers. Main thread.
import type { Delivery, LogProducer } from "../ingest/kafka/log-producer";

export class Outbox {
  private sent = 0;
  /** Numbers of the messages on their way, ascending: in the order they were sent. */
  private readonly underWay = new Set<number>();
  private readonly waiting: { upTo: number; resolve: () => void }[] = [];

  /**
   * @param producer   gives nothing up (messageTimeoutMs 0)
   * @param onFailure  a message can never be delivered: what it said would be lost
   */
  constructor(
    private readonly producer: LogProducer,
    private readonly onFailure: (error: Error) => void,
  ) {}

  /**
   * As LogProducer.send().
   *
   * @param onDelivered the brokers have it
   * @returns false where there is no room: nothing was taken
   */
  send(
    topic: string,
    partition: number | null,
    payload: Buffer | null,
    key: string,
    onDelivered?: (delivery: Delivery) => void,
  ): boolean {
    const number = this.sent + 1;
    const taken = this.producer.send(topic, partition, payload, key, {
      onDelivery: (error, delivery) => {
        if (error !== null || delivery === null) {
          // It stays under way: nothing that rests on it ever counts.
          this.onFailure(error ?? new Error(`${topic}: not delivered`));
          return;
        }
        onDelivered?.(delivery);
        this.underWay.delete(number);
        this.settle();
      },
    });
    if (!taken) return false;
    this.sent = number;
    this.underWay.add(number);
    return true;
  }

  room(): Promise<void> {
    return this.producer.room();
  }

  /** Resolves when everything sent before this call is with the brokers, and its onDelivered was called. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push({ upTo: this.sent, resolve });
      this.settle();
    });
  }

  private settle(): void {
    const [oldest = Number.POSITIVE_INFINITY] = this.underWay;
    while (this.waiting.length > 0 && this.waiting[0].upTo < oldest) this.waiting.shift()?.resolve();
  }
}
