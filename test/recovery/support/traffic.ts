// What goes on while things are broken: a synthetic market with its traders, walkers whose alerts are known, repeated messages,
// and damaged ones. Written to Kafka as a feed gateway would; the engine under trial is another process.
import { LogProducer } from "../../../src/ingest/kafka/log-producer";
import { AccountBatchWriter } from "../../../src/shared/wire/encode";
import { SyntheticMarket } from "../../../src/sim/market";
import { Prng } from "../../../src/sim/prng";
import { type OutgoingMessage, SimPublisher } from "../../../src/sim/publisher";
import { Walkers } from "./walkers";

const STEP_MS = 50;
/** One message of accounts in so many is written twice. */
const REPEAT_ONE_IN = 20;

export interface TrafficOptions {
  brokers: string;
  prefix: string;
  partitions: number;
  seed: number;
  /** Traders. */
  accounts: number;
  /** Prints a second; each is a fill of two accounts, and some orders. */
  tradesPerSecond: number;
  walkers: number;
  /** Damaged messages a second. */
  damagedPerSecond: number;
}

/** Where a damaged message lies: as its dead letter says. */
type Damaged = `${string}/${number}/${number}`;

export class Traffic {
  readonly damaged: Damaged[] = [];
  readonly walkers: Walkers;
  private readonly producer: LogProducer;
  private readonly market: SyntheticMarket;
  private readonly publisher: SimPublisher;
  private readonly prng: Prng;
  private running: Promise<unknown> | undefined;
  private stopping = false;

  private constructor(private readonly options: TrafficOptions) {
    const { brokers, seed, accounts, tradesPerSecond, partitions, walkers, prefix } = options;
    this.prng = Prng.seeded(seed, 13);
    this.producer = new LogProducer({ brokers });
    this.market = new SyntheticMarket({ seed, accounts, tradesPerSecond });
    this.publisher = new SimPublisher({
      instruments: this.market.instruments,
      accountPartitions: partitions,
      producerId: 1,
      assetPricesUsd: { BTC: 60_000, ETH: 2_600 },
    });
    this.walkers = new Walkers(this.producer, {
      brokers,
      prefix,
      partitions,
      count: walkers,
      seed,
    });
  }

  /** The topics must be there. */
  static async start(options: TrafficOptions): Promise<Traffic> {
    const traffic = new Traffic(options);
    await traffic.producer.connect();
    await traffic.send(traffic.publisher.reference());
    await traffic.send({
      role: "reference",
      partition: 0,
      key: "walk",
      payload: traffic.walkers.reference(),
    });
    if (!(await traffic.producer.flush(10_000))) throw new Error("the reference data was not taken within 10 s");
    await traffic.walkers.start();
    traffic.running = Promise.all([traffic.trade(), traffic.damage()]);
    traffic.running.catch(() => undefined);
    return traffic;
  }

  private async trade(): Promise<void> {
    while (!this.stopping) {
      for (const event of this.market.step(Date.now())) this.publisher.add(event);
      this.publisher.flush();
      for (const message of this.publisher.take()) {
        await this.send(message);
        if (message.role !== "accounts" || this.prng.below(REPEAT_ONE_IN) !== 0) continue;
        await this.send(message);
      }
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    }
  }

  // A bit of a good message flipped: it would change a ledger if it were taken for whole.
  private async damage(): Promise<void> {
    const { damagedPerSecond, partitions, prefix } = this.options;
    while (!this.stopping && damagedPerSecond > 0) {
      const writer = new AccountBatchWriter(3);
      writer.transfer({
        seq: 1_000_000 + this.damaged.length,
        account: 1_000_001,
        timeMs: Date.now(),
        asset: 1,
        amount: 1e8,
      });
      const payload = writer.finish();
      payload[payload.length - 1 - this.prng.below(64)] ^= 1 << this.prng.below(8);
      const topic = `${prefix}accounts`;
      const sent = await this.producer.sendAndWait(topic, this.prng.below(partitions), payload, "damaged");
      this.damaged.push(`${topic}/${sent.partition}/${sent.offset}`);
      await new Promise((resolve) => setTimeout(resolve, 1000 / damagedPerSecond));
    }
  }

  private async send({ role, partition, payload, key }: OutgoingMessage): Promise<void> {
    const topic = `${this.options.prefix}${role}`;
    while (!this.producer.send(topic, partition, payload, key)) await this.producer.room();
  }

  /** Ends it; resolves when the brokers have all of it. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all([this.running, this.walkers.stop()]);
    const failed = await this.producer.close(30_000);
    if (failed > 0) throw new Error(`${failed} messages of the traffic were not delivered`);
  }
}
