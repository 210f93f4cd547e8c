// The market of the embedded engine: the synthetic traders' events, written to Kafka as a feed gateway would, as fast as
// the clock says and no faster than the engine reads.
import { LogProducer } from "../ingest/kafka/log-producer";
import { topicName } from "../ingest/kafka/topics";
import { wallMs } from "../shared/clock";
import { SyntheticMarket } from "../sim/market";
import { type OutgoingMessage, SimPublisher } from "../sim/publisher";

const STEP_MS = 50;
/** The embedded cluster keeps 100,000 messages a partition and forgets older ones: wait long before that. */
const LAG_MAX_MESSAGES = 20_000;

export interface SyntheticFeedOptions {
  brokers: string;
  prefix: string;
  partitions: number;
  accounts: number;
  seed: number;
  tradesPerSecond: number;
  lagMessages(): number;
  onFailure(error: Error): void;
}

export class SyntheticFeed {
  private readonly producer: LogProducer;
  private readonly market: SyntheticMarket;
  private readonly publisher: SimPublisher;
  private running: Promise<void> | undefined;
  private stopping = false;

  constructor(private readonly options: SyntheticFeedOptions) {
    this.producer = new LogProducer({ brokers: options.brokers });
    this.market = new SyntheticMarket({
      seed: options.seed,
      accounts: options.accounts,
      tradesPerSecond: options.tradesPerSecond,
    });
    this.publisher = new SimPublisher({
      instruments: this.market.instruments,
      accountPartitions: options.partitions,
      producerId: 1,
      assetPricesUsd: { BTC: 60_000, ETH: 2_600 },
    });
  }

  /** Publishes the reference data, so that the engine finds it when it starts. */
  async prepare(): Promise<void> {
    await this.producer.connect();
    await this.send([this.publisher.reference()]);
    if (!(await this.producer.flush(10_000))) throw new Error("the synthetic market could not publish its instruments");
  }

  start(): void {
    this.running = this.loop().catch((error: Error) => {
      if (!this.stopping) this.options.onFailure(error);
    });
  }

  private async loop(): Promise<void> {
    while (!this.stopping) {
      if (this.options.lagMessages() < LAG_MAX_MESSAGES) {
        for (const event of this.market.step(wallMs())) this.publisher.add(event);
        this.publisher.flush();
        await this.send(this.publisher.take());
      }
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    }
  }

  private async send(messages: OutgoingMessage[]): Promise<void> {
    for (const { role, partition, payload, key } of messages)
      while (!this.producer.send(topicName(role, this.options.prefix), partition, payload, key)) await this.producer.room();
  }

  async stop(): Promise<void> {
    this.stopping = true;
    await this.running;
    await this.producer.close();
  }
}
