// Accounts whose status follows a mark that swings: what an engine alerts of by itself, without an event in its log. Which marks a
// shard sees depends on when it looks, so the alerts are not known in advance; but they form one chain an account, and whoever tells
// of a change that somebody else has told of already breaks it.
import { InstrumentKind, MarginModel, Payoff } from "../../../schemas/generated";
import { LogProducer } from "../../../src/ingest/kafka/log-producer";
import { partitionOf } from "../../../src/shared/partition";
import { AccountBatchWriter, MarketBatchWriter, ReferenceBatchWriter } from "../../../src/shared/wire/encode";

const INSTRUMENT = 901;
const SYMBOL = "SWING-PERP";
const FIRST_ACCOUNT = 7_100_001;
const USDT = 1;
/** 10 contracts from 100.00: with 200 USDT an account is well at the first mark, and not at the second. */
const MARKS_TICKS = [10_000, 8_500];
const SWING_MS = 150;

export class Swing {
  private readonly producer: LogProducer;
  private running: Promise<void> | undefined;
  private stopping = false;
  swings = 0;

  constructor(private readonly options: { brokers: string; prefix: string; partitions: number; accounts: number }) {
    this.producer = new LogProducer({ brokers: options.brokers });
  }

  /** USDT must be asset 1 of the reference data that is there. */
  async start(): Promise<void> {
    const { prefix, partitions, accounts } = this.options;
    await this.producer.connect();
    const reference = new ReferenceBatchWriter(5);
    reference.asset({ id: USDT, symbol: "USDT", usdPrice: 1 });
    reference.marginTable({ id: INSTRUMENT, model: MarginModel.Tiered });
    reference.marginTier({ table: INSTRUMENT, notionalFloor: 0, initialRate: 0.1, maintenanceRate: 0.05 });
    reference.instrument({
      id: INSTRUMENT,
      symbol: SYMBOL,
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
    await this.producer.sendAndWait(`${prefix}reference`, null, reference.finish(), "swing");
    for (let account = FIRST_ACCOUNT; account < FIRST_ACCOUNT + accounts; account++) {
      const writer = new AccountBatchWriter(5);
      const base = { account, timeMs: Date.now() };
      writer.transfer({ ...base, seq: 1, asset: USDT, amount: 200e8 });
      writer.fill({ ...base, seq: 2, instrument: INSTRUMENT, side: 1, qtyLots: 10, priceTicks: MARKS_TICKS[0], fee: 0 });
      const key = String(account);
      await this.producer.sendAndWait(`${prefix}accounts`, partitionOf(key, partitions), writer.finish(), key);
    }
    this.running = this.swing();
    this.running.catch(() => undefined);
  }

  private async swing(): Promise<void> {
    let seq = Date.now() * 1000;
    while (!this.stopping) {
      const writer = new MarketBatchWriter(5);
      writer.mark({ instrument: INSTRUMENT, seq: ++seq, timeMs: Date.now(), priceTicks: MARKS_TICKS[++this.swings % 2] });
      await this.producer.sendAndWait(`${this.options.prefix}market`, null, writer.finish(), SYMBOL);
      await new Promise((resolve) => setTimeout(resolve, SWING_MS));
    }
  }

  async stop(): Promise<void> {
    if (this.stopping) return;
    this.stopping = true;
    await this.running;
    await this.producer.close();
  }
}
