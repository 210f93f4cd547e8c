// The fast line parser: recognises the common lines of the current instrument byte by byte, exactly as the venue writes them
// (no white space, no escapes, exactly the documented fields, in any order), and turns prices into ticks without making a
// string. Whatever it does not recognise it leaves alone: the careful parser then decides. So it may refuse a good line, and
// may never accept one the careful parser would refuse or read differently; tests compare the two.

import { type DecimalStep, MAX_SAFE_DIGITS } from "../decimal";
import type { BookDeltaEvent, BookTickerEvent, CaptureEvent, TradeEvent } from "../events";
import type { Instrument } from "../instruments";
import { type CaptureContext, RECV_DIGITS, readReceiveUs } from "./context";

// One bit per field; a message is recognised by its exact set.
const F_e = 1 << 0;
const F_E = 1 << 1;
const F_T = 1 << 2;
const F_s = 1 << 3;
const F_ps = 1 << 4;
const F_u = 1 << 5;
const F_U = 1 << 6;
const F_pu = 1 << 7;
const F_b = 1 << 8;
const F_B = 1 << 9;
const F_a = 1 << 10;
const F_A = 1 << 11;
const F_t = 1 << 12;
const F_p = 1 << 13;
const F_q = 1 << 14;
const F_X = 1 << 15;
const F_m = 1 << 16;
const F_M = 1 << 17;
const F_bids = 1 << 18;
const F_asks = 1 << 19;

const SPOT_TICKER = F_u | F_s | F_b | F_B | F_a | F_A;
const USDM_TICKER = SPOT_TICKER | F_e | F_E | F_T;
const COINM_TICKER = USDM_TICKER | F_ps;
const TRADE = F_e | F_E | F_T | F_s | F_t | F_p | F_q | F_m;
const SPOT_DELTA = F_e | F_E | F_s | F_U | F_u | F_bids | F_asks;
const USDM_DELTA = SPOT_DELTA | F_T | F_pu;
const COINM_DELTA = USDM_DELTA | F_ps;

const NO_NAME = 0;
const TICKER = 1;
const TRADE_NAME = 2;
const DELTA = 3;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const ZERO = 0x30;

const WRAPPER_HEAD = Buffer.from('{"stream":"');
const WRAPPER_MIDDLE = Buffer.from('","data":{');
const TICKER_TEXT = Buffer.from('bookTicker"');
const TRADE_TEXT = Buffer.from('trade"');
const DELTA_TEXT = Buffer.from('depthUpdate"');
const MARKET_TEXT = Buffer.from('"MARKET"');
const TRUE_TEXT = Buffer.from("true");
const FALSE_TEXT = Buffer.from("false");

export class FastLine {
  private buf: Uint8Array = TRUE_TEXT;
  private pos = 0;
  private end = 0;
  // The fields of the line at hand, by their names on the wire.
  private seen = 0;
  private name = NO_NAME;
  private E = 0;
  private T = 0;
  private u = 0;
  private U = 0;
  private pu = 0;
  private b = 0;
  private B = 0;
  private a = 0;
  private A = 0;
  private t = 0;
  private p = 0;
  private q = 0;
  private buyerIsMaker = false;
  private offset = 0;
  private bidCount = 0;
  private askCount = 0;
  private symbolOf: Instrument | undefined;
  private symbolText: Uint8Array = TRUE_TEXT;

  constructor(private readonly context: CaptureContext) {}

  /** @returns the event, or undefined where the careful parser must decide; then nothing of the context has changed */
  parse(buf: Uint8Array, start: number, end: number): CaptureEvent | undefined {
    const instrument = this.context.current;
    if (instrument === undefined) return undefined;
    const recvUs = readReceiveUs(buf, start, end);
    if (recvUs < 0) return undefined;
    this.buf = buf;
    this.pos = start + RECV_DIGITS + 1;
    this.end = end;
    if (instrument !== this.symbolOf) {
      this.symbolOf = instrument;
      this.symbolText = Buffer.from(`"${instrument.venueSymbol}"`);
    }
    const pool = this.context.pool;
    const usedBefore = pool.used;
    const arraysBefore = pool.priceTicks;
    const event = this.root(instrument) ? this.event(instrument, recvUs) : undefined;
    // A refused line gives its levels back, unless the arrays changed under it: then they are just unused.
    if (event === undefined && pool.priceTicks === arraysBefore) pool.used = usedBefore;
    return event;
  }

  private root(instrument: Instrument): boolean {
    if (!this.literal(WRAPPER_HEAD)) {
      return this.byte(OPEN) && this.fields(instrument) && this.pos === this.end;
    }
    // Stream names are printable ASCII; a quote ends them, and a backslash is for the careful parser.
    while (this.pos < this.end) {
      const c = this.buf[this.pos]!;
      if (c === QUOTE) break;
      if (c < 0x20 || c > 0x7e || c === 0x5c) return false;
      this.pos++;
    }
    return this.literal(WRAPPER_MIDDLE) && this.fields(instrument) && this.byte(CLOSE) && this.pos === this.end;
  }

  /** The fields up to and with the closing brace. */
  private fields(instrument: Instrument): boolean {
    this.seen = 0;
    this.name = NO_NAME;
    for (;;) {
      const bit = this.key();
      if (bit === 0 || (this.seen & bit) !== 0) return false;
      this.seen |= bit;
      if (!this.value(bit, instrument)) return false;
      const c = this.buf[this.pos++];
      if (c === CLOSE) return this.pos <= this.end;
      if (c !== COMMA) return false;
    }
  }

  /** `"name":` to its bit, 0 where unknown. */
  private key(): number {
    const buf = this.buf;
    const pos = this.pos;
    if (pos + 4 > this.end || buf[pos] !== QUOTE) return 0;
    const c = buf[pos + 1]!;
    const d = buf[pos + 2]!;
    if (d === QUOTE) {
      if (buf[pos + 3] !== COLON) return 0;
      this.pos = pos + 4;
      switch (c) {
        case 0x65:
          return F_e;
        case 0x45:
          return F_E;
        case 0x54:
          return F_T;
        case 0x73:
          return F_s;
        case 0x75:
          return F_u;
        case 0x55:
          return F_U;
        case 0x62:
          return buf[pos + 4] === OPEN_LIST ? F_bids : F_b;
        case 0x42:
          return F_B;
        case 0x61:
          return buf[pos + 4] === OPEN_LIST ? F_asks : F_a;
        case 0x41:
          return F_A;
        case 0x74:
          return F_t;
        case 0x70:
          return F_p;
        case 0x71:
          return F_q;
        case 0x58:
          return F_X;
        case 0x6d:
          return F_m;
        case 0x4d:
          return F_M;
        default:
          return 0;
      }
    }
    if (c !== 0x70 || buf[pos + 3] !== QUOTE || buf[pos + 4] !== COLON) return 0;
    this.pos = pos + 5;
    return d === 0x73 ? F_ps : d === 0x75 ? F_pu : 0;
  }

  private value(bit: number, instrument: Instrument): boolean {
    switch (bit) {
      case F_e:
        return this.eventName();
      case F_E:
        return (this.E = this.integer()) > 0;
      case F_T:
        return (this.T = this.integer()) > 0;
      case F_s:
        return this.literal(this.symbolText);
      case F_ps:
        return this.plainString();
      case F_u:
        return (this.u = this.integer()) >= 0;
      case F_U:
        return (this.U = this.integer()) >= 0;
      case F_pu:
        return (this.pu = this.integer()) >= 0;
      case F_t:
        return (this.t = this.integer()) >= 0;
      case F_b:
        return (this.b = this.steps(instrument.tick)) > 0;
      case F_B:
        return (this.B = this.steps(instrument.lot)) > 0;
      case F_a:
        return (this.a = this.steps(instrument.tick)) > 0;
      case F_A:
        return (this.A = this.steps(instrument.lot)) > 0;
      case F_p:
        return (this.p = this.steps(instrument.tick)) > 0;
      case F_q:
        return (this.q = this.steps(instrument.lot)) > 0;
      case F_X:
        return this.literal(MARKET_TEXT);
      case F_m:
        if (this.literal(TRUE_TEXT)) this.buyerIsMaker = true;
        else if (this.literal(FALSE_TEXT)) this.buyerIsMaker = false;
        else return false;
        return true;
      case F_M:
        return this.literal(TRUE_TEXT) || this.literal(FALSE_TEXT);
      case F_bids:
        // The pool holds bids, then asks; a message the other way round is for the careful parser.
        if ((this.seen & F_asks) !== 0) return false;
        this.offset = this.context.pool.used;
        this.bidCount = this.levels(instrument);
        return this.bidCount >= 0;
      case F_asks:
        if ((this.seen & F_bids) === 0) return false;
        this.askCount = this.levels(instrument);
        return this.askCount >= 0;
      default:
        return false;
    }
  }

  private event(instrument: Instrument, recvUs: number): CaptureEvent | undefined {
    const { product } = instrument;
    const seen = this.seen;
    switch (this.name) {
      case NO_NAME:
        return product === "spot" && seen === SPOT_TICKER ? this.ticker(instrument, recvUs, 0, 0) : undefined;
      case TICKER:
        if (seen !== (product === "coinm" ? COINM_TICKER : USDM_TICKER) || product === "spot") return undefined;
        return this.ticker(instrument, recvUs, this.E, this.T);
      case TRADE_NAME:
        return seen === (TRADE | (product === "spot" ? F_M : F_X)) ? this.trade(instrument, recvUs) : undefined;
      case DELTA: {
        const spot = product === "spot";
        if (seen !== (spot ? SPOT_DELTA : product === "coinm" ? COINM_DELTA : USDM_DELTA)) return undefined;
        const prevId = spot ? this.U - 1 : this.pu;
        if (this.u < this.U || prevId >= this.U) return undefined;
        return this.delta(instrument, recvUs, prevId, spot ? 0 : this.T);
      }
      default:
        return undefined;
    }
  }

  private ticker(instrument: Instrument, recvUs: number, eventMs: number, transactMs: number): BookTickerEvent {
    const stamped = this.context.stamp(eventMs, recvUs);
    return {
      kind: "book-ticker",
      instrument,
      eventMs: stamped,
      transactMs,
      recvUs,
      timeSource: this.context.timeSource,
      updateId: this.u,
      bidTicks: this.b,
      bidLots: this.B,
      askTicks: this.a,
      askLots: this.A,
    };
  }

  private trade(instrument: Instrument, recvUs: number): TradeEvent {
    return {
      kind: "trade",
      instrument,
      eventMs: this.context.stamp(this.E, recvUs),
      transactMs: this.T,
      recvUs,
      timeSource: "event",
      tradeId: this.t,
      priceTicks: this.p,
      qtyLots: this.q,
      takerSide: this.buyerIsMaker ? -1 : 1,
    };
  }

  private delta(instrument: Instrument, recvUs: number, prevId: number, transactMs: number): BookDeltaEvent {
    const pool = this.context.pool;
    return {
      kind: "book-delta",
      instrument,
      eventMs: this.context.stamp(this.E, recvUs),
      transactMs,
      recvUs,
      timeSource: "event",
      prevId,
      firstId: this.U,
      lastId: this.u,
      priceTicks: pool.priceTicks,
      qtyLots: pool.qtyLots,
      offset: this.offset,
      bidCount: this.bidCount,
      askCount: this.askCount,
    };
  }

  /** `[["price","quantity"],…]` into the pool; returns how many, or −1. */
  private levels(instrument: Instrument): number {
    if (!this.byte(OPEN_LIST)) return -1;
    if (this.byte(CLOSE_LIST)) return 0;
    const pool = this.context.pool;
    const { tick, lot } = instrument;
    for (let count = 1; ; count++) {
      if (!this.byte(OPEN_LIST)) return -1;
      const priceTicks = this.steps(tick);
      if (priceTicks <= 0 || !this.byte(COMMA)) return -1;
      const qtyLots = this.steps(lot);
      if (qtyLots < 0 || !this.byte(CLOSE_LIST)) return -1;
      this.offset = pool.push(this.offset, priceTicks, qtyLots);
      const c = this.buf[this.pos++];
      if (c === CLOSE_LIST) return this.pos <= this.end ? count : -1;
      if (c !== COMMA) return -1;
    }
  }

  /** A quoted unsigned decimal as a number of steps, or −1. */
  private steps(step: DecimalStep): number {
    const buf = this.buf;
    const end = this.end;
    let pos = this.pos;
    if (buf[pos] !== QUOTE) return -1;
    const first = ++pos;
    let value = 0;
    let digits = 0;
    let c = ZERO;
    for (; pos < end; pos++) {
      c = buf[pos]! - ZERO;
      if (c < 0 || c > 9) break;
      value = value * 10 + c;
      digits++;
    }
    if (pos === first || pos >= end) return -1;
    let missing = step.decimals;
    if (buf[pos] === 0x2e) {
      const afterDot = ++pos;
      for (; pos < end; pos++) {
        c = buf[pos]! - ZERO;
        if (c < 0 || c > 9) break;
        if (missing > 0) {
          value = value * 10 + c;
          digits++;
          missing--;
        } else if (c !== 0) return -1;
      }
      if (pos === afterDot) return -1;
    }
    if (pos >= end || buf[pos] !== QUOTE || digits + missing > MAX_SAFE_DIGITS) return -1;
    for (; missing > 0; missing--) value *= 10;
    this.pos = pos + 1;
    if (step.mantissa === 1) return value;
    return value % step.mantissa === 0 ? value / step.mantissa : -1;
  }

  /** A JSON whole number of at most 15 digits, or −1. */
  private integer(): number {
    const buf = this.buf;
    const first = this.pos;
    let pos = first;
    let value = 0;
    for (; pos < this.end; pos++) {
      const digit = buf[pos]! - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    const digits = pos - first;
    if (digits === 0 || digits > MAX_SAFE_DIGITS || (digits > 1 && buf[first] === ZERO)) return -1;
    this.pos = pos;
    return value;
  }

  private eventName(): boolean {
    if (!this.byte(QUOTE)) return false;
    if (this.literal(TICKER_TEXT)) this.name = TICKER;
    else if (this.literal(TRADE_TEXT)) this.name = TRADE_NAME;
    else if (this.literal(DELTA_TEXT)) this.name = DELTA;
    else return false;
    return true;
  }

  private plainString(): boolean {
    if (!this.byte(QUOTE)) return false;
    for (; this.pos < this.end; this.pos++) {
      const c = this.buf[this.pos]!;
      if (c === QUOTE) {
        this.pos++;
        return true;
      }
      if (c < 0x20 || c > 0x7e || c === 0x5c) return false;
    }
    return false;
  }

  private literal(text: Uint8Array): boolean {
    const buf = this.buf;
    const pos = this.pos;
    const length = text.length;
    if (pos + length > this.end) return false;
    for (let i = 0; i < length; i++) if (buf[pos + i] !== text[i]) return false;
    this.pos = pos + length;
    return true;
  }

  private byte(wanted: number): boolean {
    if (this.pos >= this.end || this.buf[this.pos] !== wanted) return false;
    this.pos++;
    return true;
  }
}
