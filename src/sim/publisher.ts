// Simulated events as Plimsoll messages: batches them, a partition of `accounts` or a symbol of `market` at a time, and
// hands whole messages on in order. What a feed gateway of an exchange does.
import { InstrumentKind, MarginModel, Payoff } from "../../schemas/generated";
import { partitionOf } from "../shared/partition";
import { AccountBatchWriter, BookFlag, EventFlag, MarketBatchWriter, ReferenceBatchWriter } from "../shared/wire/encode";
import type { BookDeltaEvent, BookSnapshotEvent, SimEvent } from "./events";
import { INSTRUMENTS, type Instrument } from "./instruments";

/** A message ready to be sent. `partition` null: by its key. */
export interface OutgoingMessage {
  role: "accounts" | "market" | "reference";
  partition: number | null;
  key: string;
  payload: Buffer;
}

export interface PublisherOptions {
  instruments: readonly Instrument[];
  accountPartitions: number;
  producerId: number;
  /** Events a message, at most; 64 unless told otherwise. */
  batchEvents?: number;
  /** Send the levels of order books too. */
  books?: boolean;
  /** US dollars for one unit of each asset until an index price comes; 1 where an asset is not named. */
  assetPricesUsd?: Readonly<Record<string, number>>;
}

/** The interval whose count numbers an instrument's settlements. */
const SETTLEMENT_INTERVAL_MS = 3_600_000;
/** Assets with an id of their own in every simulation; others follow in alphabetical order. */
const ASSETS = ["USDT", "USD", "BTC", "ETH"];
const KINDS = { spot: InstrumentKind.Spot, perpetual: InstrumentKind.Perpetual } as const;

interface MarketLane {
  id: number;
  baseAsset: number;
  writer: MarketBatchWriter;
  perUnit: number;
  /** Last sequence given, a kind: event time in ms × 1000 and a count within it, so that it rises over runs too. */
  marks: number;
  funding: number;
  index: number;
}

export class SimPublisher {
  private readonly ids = new Map<Instrument, number>();
  private readonly assets = new Map<string, number>();
  private readonly accounts: AccountBatchWriter[];
  private readonly markets = new Map<Instrument, MarketLane>();
  private readonly partitions = new Map<number, number>();
  private readonly batchEvents: number;
  private ready: OutgoingMessage[] = [];
  /** Events taken, a family. */
  accountEvents = 0;
  marketEvents = 0;

  constructor(private readonly options: PublisherOptions) {
    this.batchEvents = options.batchEvents ?? 64;
    this.accounts = Array.from({ length: options.accountPartitions }, () => new AccountBatchWriter(options.producerId));
    const named = new Set<string>();
    for (const instrument of options.instruments)
      for (const asset of [instrument.settle, instrument.quote, instrument.base]) named.add(asset);
    // Ids are the same whatever is published together, so that two markets may feed one engine.
    for (const asset of [...new Set([...ASSETS, ...[...named].sort()])]) this.assets.set(asset, this.assets.size + 1);
    for (const instrument of options.instruments) {
      const known = INSTRUMENTS.indexOf(instrument);
      const id = known >= 0 ? known + 1 : INSTRUMENTS.length + 1 + this.ids.size;
      this.ids.set(instrument, id);
      this.markets.set(instrument, {
        id,
        baseAsset: this.assets.get(instrument.base) as number,
        writer: new MarketBatchWriter(options.producerId),
        perUnit: 1 / Number(instrument.tickSize),
        marks: 0,
        funding: 0,
        index: 0,
      });
    }
  }

  instrumentId(instrument: Instrument): number {
    return this.ids.get(instrument) as number;
  }

  /** Assets, margin tables, instruments: one message, so that whoever reads it has all that belongs together. */
  reference(): OutgoingMessage {
    const writer = new ReferenceBatchWriter(this.options.producerId);
    for (const [symbol, id] of this.assets) writer.asset({ id, symbol, usdPrice: this.options.assetPricesUsd?.[symbol] ?? 1 });
    for (const [instrument, id] of this.ids) {
      if (instrument.kind === "spot") continue;
      writer.marginTable({ id, model: MarginModel.Tiered });
      for (const tier of instrument.tiers) writer.marginTier({ table: id, ...tier });
    }
    for (const [instrument, id] of this.ids) {
      const asset = (symbol: string) => this.assets.get(symbol) as number;
      writer.instrument({
        id,
        symbol: instrument.symbol,
        marginTable: instrument.kind === "spot" ? 0 : id,
        base: asset(instrument.base),
        quote: asset(instrument.quote),
        settle: asset(instrument.settle),
        kind: KINDS[instrument.kind],
        payoff: instrument.payoff === "inverse" ? Payoff.Inverse : Payoff.Linear,
        contractSize: instrument.contractSize,
        tickSize: instrument.tickSize,
        lotSize: instrument.lotSize,
      });
    }
    return { role: "reference", partition: null, key: "sim", payload: writer.finish() };
  }

  private partition(account: number): number {
    let partition = this.partitions.get(account);
    if (partition === undefined) {
      partition = partitionOf(String(account), this.options.accountPartitions);
      this.partitions.set(account, partition);
    }
    return partition;
  }

  private static next(last: number, eventMs: number): number {
    return Math.max(last + 1, Math.floor(eventMs) * 1000);
  }

  /** Takes one event; whole messages wait in take(). */
  add(event: SimEvent): void {
    if ("accountId" in event) {
      this.accountEvents++;
      const partition = this.partition(event.accountId);
      const writer = this.accounts[partition];
      const base = { seq: event.seq, account: event.accountId, timeMs: event.eventMs };
      switch (event.kind) {
        case "transfer":
          writer.transfer({ ...base, asset: this.assets.get(event.asset) as number, amount: event.amountE8 });
          break;
        case "fill":
          writer.fill({
            ...base,
            instrument: this.instrumentId(event.instrument),
            side: event.side === 1 ? 1 : 2,
            qtyLots: event.qtyLots,
            priceTicks: event.priceTicks,
            fee: event.feeE8,
            order: event.orderId,
            flags: event.liquidity === "maker" ? EventFlag.Maker : 0,
          });
          break;
        case "order-placed":
          writer.orderPlaced({
            ...base,
            instrument: this.instrumentId(event.instrument),
            side: event.side === 1 ? 1 : 2,
            qtyLots: event.qtyLots,
            priceTicks: event.priceTicks,
            order: event.orderId,
          });
          break;
        case "order-cancelled":
          writer.orderCancelled({ ...base, instrument: this.instrumentId(event.instrument), order: event.orderId });
          break;
      }
      if (writer.count >= this.batchEvents) this.closeAccounts(partition);
      return;
    }
    if (event.kind === "funding-settlement") {
      const settlement = {
        seq: Math.floor(event.eventMs / SETTLEMENT_INTERVAL_MS),
        timeMs: event.eventMs,
        instrument: this.instrumentId(event.instrument),
        priceTicks: event.markTicks,
        rateE12: event.rateE8 * 10_000,
      };
      for (let partition = 0; partition < this.accounts.length; partition++) {
        this.accounts[partition].fundingSettlement(settlement);
        this.accountEvents++;
        if (this.accounts[partition].count >= this.batchEvents) this.closeAccounts(partition);
      }
      return;
    }
    this.marketEvents++;
    const lane = this.markets.get(event.instrument) as MarketLane;
    const { id: instrument, writer } = lane;
    switch (event.kind) {
      case "book-ticker":
        writer.quote({
          instrument,
          seq: event.updateId,
          timeMs: event.eventMs,
          bidTicks: event.bidTicks,
          bidLots: event.bidLots,
          askTicks: event.askTicks,
          askLots: event.askLots,
        });
        break;
      case "trade":
        writer.trade({
          instrument,
          seq: event.tradeId,
          tradeId: event.tradeId,
          timeMs: event.eventMs,
          aggressor: event.takerSide === 1 ? 1 : 2,
          priceTicks: event.priceTicks,
          qtyLots: event.qtyLots,
        });
        break;
      case "mark": {
        lane.marks = SimPublisher.next(lane.marks, event.eventMs);
        writer.mark({ instrument, seq: lane.marks, timeMs: event.eventMs, priceTicks: event.markTicks });
        // Where no spot market is recorded the mark stands in for the index.
        const indexTicks = event.indexTicks > 0 ? event.indexTicks : event.markTicks;
        lane.index = SimPublisher.next(lane.index, event.eventMs);
        writer.indexPrice({ asset: lane.baseAsset, seq: lane.index, timeMs: event.eventMs, price: indexTicks / lane.perUnit });
        break;
      }
      case "funding-rate":
        lane.funding = SimPublisher.next(lane.funding, event.eventMs);
        writer.fundingRate({
          instrument,
          seq: lane.funding,
          timeMs: event.eventMs,
          rate: event.rateE8 / 1e8,
          nextSettlementMs: event.nextFundingMs,
        });
        break;
      default:
        if (this.options.books) this.bookLevels(lane, event);
    }
    if (writer.count >= this.batchEvents) this.closeMarket(event.instrument, lane);
  }

  private bookLevels(lane: MarketLane, event: BookDeltaEvent | BookSnapshotEvent): void {
    const isSnapshot = event.kind === "book-snapshot";
    const levels = event.bidCount + event.askCount;
    const ids = isSnapshot
      ? { firstId: event.lastId, lastId: event.lastId, prevId: 0 }
      : { firstId: event.firstId, lastId: event.lastId, prevId: event.prevId };
    for (let i = 0; i < Math.max(1, levels); i++) {
      const flags = (isSnapshot ? BookFlag.Snapshot : 0) | (i === 0 ? BookFlag.First : 0) | (i >= levels - 1 ? BookFlag.Last : 0);
      const at = event.offset + i;
      const level =
        i < levels
          ? { side: (i < event.bidCount ? 1 : 2) as 1 | 2, priceTicks: event.priceTicks[at], qtyLots: event.qtyLots[at] }
          : { side: 0 as const, priceTicks: 0, qtyLots: 0 };
      lane.writer.bookLevel({ instrument: lane.id, timeMs: event.eventMs, ...ids, ...level, flags });
    }
  }

  private closeAccounts(partition: number): void {
    this.ready.push({ role: "accounts", partition, key: `p${partition}`, payload: this.accounts[partition].finish() });
  }

  private closeMarket(instrument: Instrument, lane: MarketLane): void {
    this.ready.push({ role: "market", partition: null, key: instrument.symbol, payload: lane.writer.finish() });
  }

  /** Ends every batch that has something in it. */
  flush(): void {
    this.accounts.forEach((writer, partition) => {
      if (writer.count > 0) this.closeAccounts(partition);
    });
    for (const [instrument, lane] of this.markets) if (lane.writer.count > 0) this.closeMarket(instrument, lane);
  }

  /** The messages that are ready, oldest first. */
  take(): OutgoingMessage[] {
    const ready = this.ready;
    this.ready = [];
    return ready;
  }
}
