// Accounts whose alerts are known in advance. Each holds one position at a mark that never moves and walks from one status to
// another by a deposit or a withdrawal; it takes its next step only when the alert of the last one is in Kafka's log. So however
// often the engine dies on the way, exactly these alerts must be there in the end, each once.
import { InstrumentKind, MarginModel, Payoff } from "../../../schemas/generated";
import { LogConsumer } from "../../../src/ingest/kafka/log-consumer";
import type { LogProducer } from "../../../src/ingest/kafka/log-producer";
import { partitionOf } from "../../../src/shared/partition";
import { AccountBatchWriter, decodeAlerts, MarketBatchWriter, ReferenceBatchWriter } from "../../../src/shared/wire/encode";
import { Prng } from "../../../src/sim/prng";

const INSTRUMENT = 900;
const FIRST_ACCOUNT = 7_000_001;
const USDT = 1;
const MARK_TICKS = 10_000;
/** USDT of equity, by status 0 ok … 4 bankrupt: 10 contracts at 100 need 50 of maintenance margin. */
const EQUITY_USDT = [200, 68, 56, 40, -10];
const MARK_EVERY_MS = 500;
const LOOK_MS = 10;

export interface ExpectedAlert {
  account: number;
  alertSeq: number;
  fromStatus: number;
  toStatus: number;
}

interface Walker {
  account: number;
  partition: number;
  seq: number;
  status: number;
  alerts: number;
}

export class Walkers {
  readonly expected: ExpectedAlert[] = [];
  private readonly walkers: Walker[];
  private readonly tail: LogConsumer;
  /** Alerts seen in the log, an account. */
  private readonly seen = new Map<number, number>();
  private readonly prng: Prng;
  private stopping = false;
  private running: Promise<unknown> | undefined;
  private markSeq = Date.now() * 1000;

  constructor(
    private readonly producer: LogProducer,
    private readonly options: {
      brokers: string;
      prefix: string;
      partitions: number;
      count: number;
      seed: number;
    },
  ) {
    this.prng = Prng.seeded(options.seed, 11);
    this.tail = new LogConsumer({
      brokers: options.brokers,
      groupId: `${options.prefix}trial`,
      onError: () => undefined,
    });
    this.walkers = Array.from({ length: options.count }, (_, i) => {
      const account = FIRST_ACCOUNT + i;
      return {
        account,
        partition: partitionOf(String(account), options.partitions),
        seq: 0,
        status: 0,
        alerts: 0,
      };
    });
  }

  /** The walkers' contract; USDT must be asset 1, as it is in every simulation. */
  reference(): Buffer {
    const writer = new ReferenceBatchWriter(2);
    writer.asset({ id: USDT, symbol: "USDT", usdPrice: 1 });
    writer.marginTable({ id: INSTRUMENT, model: MarginModel.Tiered });
    writer.marginTier({
      table: INSTRUMENT,
      notionalFloor: 0,
      initialRate: 0.1,
      maintenanceRate: 0.05,
    });
    writer.instrument({
      id: INSTRUMENT,
      symbol: "WALK-PERP",
      kind: InstrumentKind.Perpetual,
      payoff: Payoff.Linear,
      base: USDT,
      quote: USDT,
      settle: USDT,
      marginTable: INSTRUMENT,
      contractSize: 1,
      tickSize: "0.01",
      lotSize: 1,
    });
    return writer.finish();
  }

  async start(): Promise<void> {
    const topic = `${this.options.prefix}alerts`;
    await this.tail.connect();
    await this.tail.assign(
      Array.from({ length: this.options.partitions }, (_, partition) => ({
        topic,
        partition,
        offset: "beginning" as const,
      })),
    );
    this.running = Promise.all([this.watch(), this.mark(), ...this.walkers.map((walker) => this.walk(walker))]);
    // Whoever stops them hears of it.
    this.running.catch(() => undefined);
  }

  private async watch(): Promise<void> {
    while (!this.stopping) {
      for (const { payload } of await this.tail.poll(256))
        for (const { account, alertSeq } of decodeAlerts(payload!))
          this.seen.set(account, Math.max(this.seen.get(account) ?? 0, alertSeq));
    }
  }

  private async mark(): Promise<void> {
    while (!this.stopping) {
      const writer = new MarketBatchWriter(2);
      writer.mark({
        instrument: INSTRUMENT,
        seq: ++this.markSeq,
        timeMs: Date.now(),
        priceTicks: MARK_TICKS,
      });
      await this.send("market", null, writer.finish(), "WALK-PERP");
      await this.pause(MARK_EVERY_MS);
    }
  }

  private async walk(walker: Walker): Promise<void> {
    const writer = new AccountBatchWriter(2);
    const base = () => ({
      seq: ++walker.seq,
      account: walker.account,
      timeMs: Date.now(),
    });
    writer.transfer({ ...base(), asset: USDT, amount: EQUITY_USDT[0] * 1e8 });
    writer.fill({
      ...base(),
      instrument: INSTRUMENT,
      side: 1,
      qtyLots: 10,
      priceTicks: MARK_TICKS,
      fee: 0,
    });
    await this.send("accounts", walker.partition, writer.finish(), String(walker.account));
    while (!this.stopping) {
      const to = (walker.status + 1 + this.prng.below(4)) % 5;
      writer.transfer({
        ...base(),
        asset: USDT,
        amount: (EQUITY_USDT[to] - EQUITY_USDT[walker.status]) * 1e8,
      });
      const { account } = walker;
      this.expected.push({
        account,
        alertSeq: ++walker.alerts,
        fromStatus: walker.status,
        toStatus: to,
      });
      await this.send("accounts", walker.partition, writer.finish(), String(account));
      walker.status = to;
      while (!this.stopping && (this.seen.get(account) ?? 0) < walker.alerts) await this.pause(LOOK_MS);
    }
  }

  /** Steps that were answered by their alert. */
  get steps(): number {
    return this.walkers.reduce((sum, { account }) => sum + (this.seen.get(account) ?? 0), 0);
  }

  private async send(role: "accounts" | "market", partition: number | null, payload: Buffer, key: string): Promise<void> {
    while (!this.producer.send(`${this.options.prefix}${role}`, partition, payload, key)) await this.producer.room();
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  /** Marks go on until the end; walking stops. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.running;
    await this.tail.close();
  }
}
