// The plain events that recorded and synthetic markets are made of. Producers (`capture/`, `traders.ts`, `market.ts`,
// `replay.ts`) hand them to a sink; whoever owns the sink encodes them. Nothing here knows a wire format.
//
// Prices are integer ticks and quantities integer lots of the event's instrument: safe integers, never rounded. Event times
// are milliseconds since the epoch on the venue's clock; receive times are microseconds since the epoch on the recorder's
// clock (a nanosecond stamp does not fit a safe integer, its microsecond does until the year 2255).
import type { Instrument } from "./instruments";

/** Buyer is +1, seller is −1. */
export type Side = 1 | -1;

/**
 * Where an event's `eventMs` comes from: `event`, the line carried it; `carried`, the line has no time of its own and takes
 * the latest event time seen before it on the same recording; `received`, nothing carried a time yet, so it is the
 * recorder's clock.
 */
export type TimeSource = "event" | "carried" | "received";

interface MarketEventBase {
  readonly instrument: Instrument;
  /** When the venue published the event, ms. */
  readonly eventMs: number;
  /** When its matching engine acted, ms; 0 where the venue does not say. */
  readonly transactMs: number;
  /** When the recorder received it, µs; 0 for a synthetic market. */
  readonly recvUs: number;
  readonly timeSource: TimeSource;
}

/** Best bid and ask. A side with no order has price 0 and quantity 0. */
export interface BookTickerEvent extends MarketEventBase {
  readonly kind: "book-ticker";
  readonly updateId: number;
  readonly bidTicks: number;
  readonly bidLots: number;
  readonly askTicks: number;
  readonly askLots: number;
}

/** One print on the public tape. */
export interface TradeEvent extends MarketEventBase {
  readonly kind: "trade";
  readonly tradeId: number;
  readonly priceTicks: number;
  readonly qtyLots: number;
  /** Side of the order that took liquidity. */
  readonly takerSide: Side;
}

/**
 * Levels of a book message: `bidCount` bids and then `askCount` asks, from `offset` on in both arrays. The arrays are shared
 * by the events of a batch and are never written again, so an event may be kept, at the price of its batch's levels.
 */
export interface Levels {
  readonly priceTicks: Float64Array;
  readonly qtyLots: Float64Array;
  readonly offset: number;
  readonly bidCount: number;
  readonly askCount: number;
}

/** Absolute quantities of changed levels (0 removes); continues the update whose last id is `prevId`. */
export interface BookDeltaEvent extends MarketEventBase, Levels {
  readonly kind: "book-delta";
  readonly prevId: number;
  readonly firstId: number;
  readonly lastId: number;
}

/** The whole book (or its top levels) as of update `lastId`. */
export interface BookSnapshotEvent extends MarketEventBase, Levels {
  readonly kind: "book-snapshot";
  readonly lastId: number;
}

/** Mark and index price. */
export interface MarkEvent extends MarketEventBase {
  readonly kind: "mark";
  readonly markTicks: number;
  /** Index in ticks of this instrument, rounded to the nearest; 0 where there is none. */
  readonly indexTicks: number;
}

/** The funding rate that would be settled at `nextFundingMs`, in 1e-8 (10_000 is 0.01 %). */
export interface FundingRateEvent extends MarketEventBase {
  readonly kind: "funding-rate";
  readonly rateE8: number;
  readonly nextFundingMs: number;
}

/** What a capture file can hold. */
export type CaptureEvent = BookTickerEvent | TradeEvent | BookDeltaEvent | BookSnapshotEvent;
export type MarketEvent = CaptureEvent | MarkEvent | FundingRateEvent;

interface AccountEventBase {
  readonly accountId: number;
  /** The account's own sequence number: 1, 2, 3 … without gaps, over all kinds of account event. */
  readonly seq: number;
  /** Never goes back within one run, so not within one account either. */
  readonly eventMs: number;
}

/** Money in (positive) or out (negative), in 1e-8 of `asset`. */
export interface TransferEvent extends AccountEventBase {
  readonly kind: "transfer";
  readonly asset: string;
  readonly amountE8: number;
}

export interface OrderPlacedEvent extends AccountEventBase {
  readonly kind: "order-placed";
  readonly instrument: Instrument;
  readonly orderId: number;
  readonly side: Side;
  readonly qtyLots: number;
  readonly priceTicks: number;
}

export interface OrderCancelledEvent extends AccountEventBase {
  readonly kind: "order-cancelled";
  readonly instrument: Instrument;
  readonly orderId: number;
  readonly side: Side;
  /** What was still open and is now gone. */
  readonly qtyLots: number;
  readonly priceTicks: number;
}

export interface FillEvent extends AccountEventBase {
  readonly kind: "fill";
  readonly instrument: Instrument;
  readonly orderId: number;
  /** The print this fill is one side of; 0 for an opening position or a close-out, which have none. */
  readonly tradeId: number;
  readonly side: Side;
  readonly qtyLots: number;
  readonly priceTicks: number;
  /** Paid by the account, in 1e-8 of the settle asset, rounded up. */
  readonly feeE8: number;
  readonly liquidity: "maker" | "taker";
  /** True where an `order-placed` event with this order id came before, so that open quantity shrinks by `qtyLots`. */
  readonly fromOpenOrder: boolean;
}

export type AccountEvent = TransferEvent | OrderPlacedEvent | OrderCancelledEvent | FillEvent;

/**
 * A funding settlement concerns every account with a position; it is written once into every account partition, so it has
 * no account and no account sequence number. A long pays `rateE8 × notional at markTicks`; a negative rate is paid by shorts.
 */
export interface FundingSettlementEvent {
  readonly kind: "funding-settlement";
  readonly instrument: Instrument;
  /** The boundary it is for, a multiple of the funding interval; also its event time. */
  readonly eventMs: number;
  readonly rateE8: number;
  readonly markTicks: number;
}

export type SimEvent = MarketEvent | AccountEvent | FundingSettlementEvent;

/** Takes events one by one; must not throw for a full queue but hold (the producers do not retry). */
export type SimSink = (event: SimEvent) => void;
