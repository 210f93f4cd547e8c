// Writes messages of topic `accounts`. One method per kind of event; what a kind does not use stays zero.
import { AccountEventKind } from "../../../schemas/generated/account-event-kind";
import { AccountEventAt } from "../../../schemas/generated/offsets";
import { ASSET_SLOTS, GROUP_SLOTS, INSTRUMENT_SLOTS } from "../limits";
import { ACCOUNT_BATCH } from "./batch-layout";
import { BatchWriter } from "./batch-writer";
import { checkAmount, checkExact, checkFlags, checkInteger, checkTimeMs } from "./checks";
import { putInt64, putTimeNs } from "./int64";
import { FILL_FLAGS, FUNDING_RATE_MAX_E12, ORDER_FLAGS, POSITION_FLAGS } from "./ranges";

/** What every event of an account has. */
export interface AccountEventBase {
  /** The account's own sequence number, from 1 without gaps. */
  seq: number;
  /** 1 … 2^53 − 1. */
  account: number;
  /** Event time, ms since the epoch, exact to the microsecond. */
  timeMs: number;
}

export interface Fill extends AccountEventBase {
  instrument: number;
  /** 1 buy, 2 sell. */
  side: 1 | 2;
  /** > 0. */
  qtyLots: number;
  /** > 0. */
  priceTicks: number;
  /** 1e-8 of the settle asset; < 0 is a rebate. Default 0. */
  fee?: number;
  /** The order it filled. Default 0: none known. */
  order?: number;
  /** EventFlag: maker, isolated, long or short leg. Default 0. */
  flags?: number;
}

export interface Transfer extends AccountEventBase {
  asset: number;
  /** 1e-8 of the asset; > 0 into the account. */
  amount: number;
}

export interface OrderPlaced extends AccountEventBase {
  instrument: number;
  side: 1 | 2;
  qtyLots: number;
  priceTicks: number;
  /** 1 … 2^53 − 1, unique in the account while it is open; an id that is open already is amended. */
  order: number;
  /** EventFlag: isolated, long or short leg, reduce only. Default 0. */
  flags?: number;
}

export interface OrderCancelled extends AccountEventBase {
  instrument: number;
  order: number;
}

export interface Settlement {
  /** The instrument's own sequence of settlements, from 1. */
  seq: number;
  timeMs: number;
  instrument: number;
  /** > 0. Funding: the mark it is paid on. Expiry of a future: the settlement price; of an option: the delivery price in 1e-8 quote. */
  priceTicks: number;
}

export interface FundingSettlement extends Settlement {
  /** Fraction of notional, 1e-12; > 0: longs pay shorts. */
  rateE12: number;
}

export interface AccountSettings extends AccountEventBase {
  /** 0 … 1023. */
  group: number;
}

export interface PositionSettings extends AccountEventBase {
  instrument: number;
  /** 1e-8; 0: none set, the margin table's rate holds. */
  leverageE8: number;
  /** EventFlag: isolated, long or short leg. Default 0: cross, one-way. */
  flags?: number;
}

export interface IsolatedTransfer extends AccountEventBase {
  instrument: number;
  /** 1e-8 of the settle asset; > 0 from the wallet to the position's margin. */
  amount: number;
  /** EventFlag: isolated, long or short leg. Default 0. */
  flags?: number;
}

/**
 * Collects account events and lays them out as one message (docs/wire.md).
 *
 * Every method throws a RangeError that names the field, and leaves the batch as it was, where a value is not an integer, not a
 * number or out of range, and where the batch is full.
 */
export class AccountBatchWriter extends BatchWriter {
  private readonly events = this.columns[0];

  /**
   * @param producerId    0 … 2^53 − 1, unique among the producers of the topic
   * @param firstSequence the producer's count of events so far
   */
  constructor(producerId: number, firstSequence = 0) {
    super(ACCOUNT_BATCH, producerId, firstSequence);
  }

  fill(e: Fill): void {
    const { fee = 0, order = 0, flags = 0 } = e;
    checkSide(e.side);
    checkExact("qtyLots", e.qtyLots, 1);
    checkExact("priceTicks", e.priceTicks, 1);
    checkAmount("fee", fee);
    checkExact("order", order, 0);
    checkInstrument(e.instrument);
    checkFlags("flags", flags, FILL_FLAGS);
    const word = this.begin(AccountEventKind.Fill, e.side, flags, e.seq, e.account, e.timeMs, e.instrument);
    const i32 = this.events.i32;
    putInt64(i32, word + AccountEventAt.qtyLots / 4, e.qtyLots);
    putInt64(i32, word + AccountEventAt.priceTicks / 4, e.priceTicks);
    putInt64(i32, word + AccountEventAt.amount / 4, fee);
    putInt64(i32, word + AccountEventAt.order / 4, order);
  }

  transfer(e: Transfer): void {
    checkAmount("amount", e.amount);
    checkInteger("asset", e.asset, 1, ASSET_SLOTS - 1);
    const word = this.begin(AccountEventKind.Transfer, 0, 0, e.seq, e.account, e.timeMs, e.asset);
    putInt64(this.events.i32, word + AccountEventAt.amount / 4, e.amount);
  }

  orderPlaced(e: OrderPlaced): void {
    const { flags = 0 } = e;
    checkSide(e.side);
    checkExact("qtyLots", e.qtyLots, 1);
    checkExact("priceTicks", e.priceTicks, 1);
    checkExact("order", e.order, 1);
    checkInstrument(e.instrument);
    checkFlags("flags", flags, ORDER_FLAGS);
    const word = this.begin(AccountEventKind.OrderPlaced, e.side, flags, e.seq, e.account, e.timeMs, e.instrument);
    const i32 = this.events.i32;
    putInt64(i32, word + AccountEventAt.qtyLots / 4, e.qtyLots);
    putInt64(i32, word + AccountEventAt.priceTicks / 4, e.priceTicks);
    putInt64(i32, word + AccountEventAt.order / 4, e.order);
  }

  /** What is left of an order is no longer open. */
  orderCancelled(e: OrderCancelled): void {
    checkExact("order", e.order, 1);
    checkInstrument(e.instrument);
    const word = this.begin(AccountEventKind.OrderCancelled, 0, 0, e.seq, e.account, e.timeMs, e.instrument);
    putInt64(this.events.i32, word + AccountEventAt.order / 4, e.order);
  }

  /** One event a partition: applies to every holder of the instrument there. */
  fundingSettlement(e: FundingSettlement): void {
    checkExact("priceTicks", e.priceTicks, 1);
    checkInteger("rateE12", e.rateE12, -FUNDING_RATE_MAX_E12, FUNDING_RATE_MAX_E12);
    checkInstrument(e.instrument);
    const word = this.begin(AccountEventKind.FundingSettlement, 0, 0, e.seq, 0, e.timeMs, e.instrument);
    const i32 = this.events.i32;
    putInt64(i32, word + AccountEventAt.priceTicks / 4, e.priceTicks);
    putInt64(i32, word + AccountEventAt.amount / 4, e.rateE12);
  }

  /** One event a partition: closes every position in the instrument there. */
  expirySettlement(e: Settlement): void {
    checkExact("priceTicks", e.priceTicks, 1);
    checkInstrument(e.instrument);
    const word = this.begin(AccountEventKind.ExpirySettlement, 0, 0, e.seq, 0, e.timeMs, e.instrument);
    putInt64(this.events.i32, word + AccountEventAt.priceTicks / 4, e.priceTicks);
  }

  /** The account joins a group. */
  accountSettings(e: AccountSettings): void {
    checkInteger("group", e.group, 0, GROUP_SLOTS - 1);
    this.begin(AccountEventKind.AccountSettings, 0, 0, e.seq, e.account, e.timeMs, e.group);
  }

  positionSettings(e: PositionSettings): void {
    const { flags = 0 } = e;
    checkExact("leverageE8", e.leverageE8, 0);
    checkInstrument(e.instrument);
    checkFlags("flags", flags, POSITION_FLAGS);
    const word = this.begin(AccountEventKind.PositionSettings, 0, flags, e.seq, e.account, e.timeMs, e.instrument);
    putInt64(this.events.i32, word + AccountEventAt.amount / 4, e.leverageE8);
  }

  isolatedTransfer(e: IsolatedTransfer): void {
    const { flags = 0 } = e;
    checkAmount("amount", e.amount);
    checkInstrument(e.instrument);
    checkFlags("flags", flags, POSITION_FLAGS);
    const word = this.begin(AccountEventKind.IsolatedTransfer, 0, flags, e.seq, e.account, e.timeMs, e.instrument);
    putInt64(this.events.i32, word + AccountEventAt.amount / 4, e.amount);
  }

  // Checks what all kinds share, then adds the event: nothing may throw after this.
  private begin(
    kind: AccountEventKind,
    side: number,
    flags: number,
    seq: number,
    account: number,
    timeMs: number,
    instrument: number,
  ): number {
    checkExact("seq", seq, 1);
    if (kind !== AccountEventKind.FundingSettlement && kind !== AccountEventKind.ExpirySettlement)
      checkExact("account", account, 1);
    checkTimeMs("timeMs", timeMs);
    const word = this.add(this.events);
    const i32 = this.events.i32;
    putInt64(i32, word + AccountEventAt.seq / 4, seq);
    putInt64(i32, word + AccountEventAt.account / 4, account);
    putTimeNs(i32, word + AccountEventAt.timeNs / 4, timeMs);
    i32[word + AccountEventAt.instrument / 4] = instrument;
    i32[word + AccountEventAt.kind / 4] = kind | (side << 8) | (flags << 16);
    return word;
  }
}

function checkSide(side: number): void {
  checkInteger("side", side, 1, 2);
}

function checkInstrument(instrument: number): void {
  checkInteger("instrument", instrument, 1, INSTRUMENT_SLOTS - 1);
}
