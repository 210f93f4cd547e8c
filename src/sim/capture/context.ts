// What one recording knows while its lines are read: its instruments, its latest event time, and the arrays its levels go to.
// Shared by the fast and the careful line parser, so that either can take any line.
import type { TimeSource } from "../events";
import { INSTRUMENTS, type Instrument, type Product } from "../instruments";

/** Levels per pool array; a batch of lines rarely fills one. */
const POOL_LEVELS = 1 << 14;

/** Where the levels of book events are written, one after the other; a full array is left to its events and replaced. */
export class LevelPool {
  priceTicks = new Float64Array(POOL_LEVELS);
  qtyLots = new Float64Array(POOL_LEVELS);
  /** First free slot. */
  used = 0;

  /** Appends a level of the message that began at `offset`; returns the message's offset, which moves when arrays change. */
  push(offset: number, priceTicks: number, qtyLots: number): number {
    let start = offset;
    if (this.used === this.priceTicks.length) start = this.renew(offset);
    this.priceTicks[this.used] = priceTicks;
    this.qtyLots[this.used++] = qtyLots;
    return start;
  }

  private renew(offset: number): number {
    const begun = this.used - offset;
    const size = Math.max(POOL_LEVELS, begun * 2);
    const priceTicks = new Float64Array(size);
    const qtyLots = new Float64Array(size);
    priceTicks.set(this.priceTicks.subarray(offset, this.used));
    qtyLots.set(this.qtyLots.subarray(offset, this.used));
    this.priceTicks = priceTicks;
    this.qtyLots = qtyLots;
    this.used = begun;
    return 0;
  }
}

export class CaptureContext {
  /** In the order of their first line. */
  readonly instruments: Instrument[] = [];
  readonly pool = new LevelPool();
  /** Instrument of the latest line; the fast parser takes lines of this one only. */
  current: Instrument | undefined;
  /** Trades the venue marks as no print of the public book (insurance fund, auto-deleveraging): read, not delivered. */
  nonPrintCount = 0;
  private latestEventMs = 0;
  /** Result of `stamp`, beside its return value. */
  timeSource: TimeSource = "event";

  /**
   * @param file        name for error messages
   * @param further     instruments besides the built-in table; these win
   * @param plainSymbol venue symbol of lines that name none and cannot be told from the lines before them
   */
  constructor(
    readonly file: string,
    private readonly further: readonly Instrument[] = [],
    readonly plainSymbol?: string,
  ) {}

  /** The instrument of a symbol, or undefined where nobody has told its terms. Makes it the current one. */
  resolve(venueSymbol: string, product: Product): Instrument | undefined {
    const wanted = (one: Instrument) => one.venueSymbol === venueSymbol && one.product === product;
    const found = this.instruments.find(wanted) ?? this.further.find(wanted) ?? INSTRUMENTS.find(wanted);
    if (found !== undefined) {
      if (!this.instruments.includes(found)) this.instruments.push(found);
      this.current = found;
    }
    return found;
  }

  /**
   * Event time of a line, ms; sets `timeSource`.
   *
   * @param eventMs the line's own, or 0 where it has none
   */
  stamp(eventMs: number, recvUs: number): number {
    if (eventMs > 0) {
      if (eventMs > this.latestEventMs) this.latestEventMs = eventMs;
      this.timeSource = "event";
      return eventMs;
    }
    this.timeSource = this.latestEventMs > 0 ? "carried" : "received";
    return this.latestEventMs > 0 ? this.latestEventMs : Math.floor(recvUs / 1000);
  }
}

/** Digits of a nanosecond stamp between 2001 and 2286. */
export const RECV_DIGITS = 19;

/**
 * Receive time at the head of a line.
 *
 * @returns µs since the epoch, or −1 where the line does not begin with 19 digits and a space
 */
export function readReceiveUs(buf: Uint8Array, start: number, end: number): number {
  if (end - start <= RECV_DIGITS || buf[start + RECV_DIGITS] !== 0x20) return -1;
  let us = 0;
  for (let i = 0; i < RECV_DIGITS; i++) {
    const digit = buf[start + i]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    if (i < RECV_DIGITS - 3) us = us * 10 + digit;
  }
  return buf[start] === 0x30 ? -1 : us;
}
