// Events and marks written one by one, for tests in which each of them counts.
import { AccountBatchWriter, EventFlag, MarketBatchWriter } from "../../src/shared/wire/encode";
import { DESK, START_MS } from "./desk";

/** Events and marks with their sequence numbers. */
export class Script {
  private readonly events = new AccountBatchWriter(1);
  private readonly quotes = new MarketBatchWriter(1);
  private readonly seqs = new Map<number, number>();
  private marks = 0;

  private on(account: number) {
    const seq = (this.seqs.get(account) ?? 0) + 1;
    this.seqs.set(account, seq);
    return { seq, account, timeMs: START_MS + seq };
  }

  transfer(account: number, asset: number, amount: number): this {
    this.events.transfer({ ...this.on(account), asset, amount: Math.round(amount * 1e8) });
    return this;
  }

  isolated(account: number, instrument: number, amount: number): this {
    const flags = EventFlag.Isolated;
    this.events.isolatedTransfer({ ...this.on(account), instrument, amount: Math.round(amount * 1e8), flags });
    return this;
  }

  group(account: number, group: number): this {
    this.events.accountSettings({ ...this.on(account), group });
    return this;
  }

  /** Buys (lots > 0) or sells. */
  fill(account: number, instrument: number, lots: number, priceTicks = DESK[instrument - 1]!.ticks, flags = 0): this {
    const side = lots > 0 ? 1 : 2;
    this.events.fill({ ...this.on(account), instrument, side, qtyLots: Math.abs(lots), priceTicks, fee: 0, flags });
    return this;
  }

  order(account: number, instrument: number, qtyLots: number): this {
    const priceTicks = DESK[instrument - 1]!.ticks;
    this.events.orderPlaced({ ...this.on(account), instrument, side: 1, qtyLots, priceTicks, order: 1, flags: 0 });
    return this;
  }

  expiry(instrument: number): this {
    this.events.expirySettlement({ seq: 1, timeMs: START_MS, instrument, priceTicks: DESK[instrument - 1]!.ticks });
    return this;
  }

  funding(instrument: number, seq: number, rate: number): this {
    const priceTicks = DESK[instrument - 1]!.ticks;
    this.events.fundingSettlement({ seq, timeMs: START_MS, instrument, priceTicks, rateE12: Math.round(rate * 1e12) });
    return this;
  }

  done(): Buffer {
    return this.events.finish();
  }

  /** A mark at `factor` times the first. */
  mark(instrument: number, factor: number): Buffer {
    const seq = ++this.marks;
    const priceTicks = Math.round(DESK[instrument - 1]!.ticks * factor);
    this.quotes.mark({ instrument, seq, timeMs: START_MS + seq, priceTicks });
    return this.quotes.finish();
  }
}
