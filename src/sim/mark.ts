// Mark price of a perpetual made from what a recording has: its own best bid and ask, and the spot market of its base as the
// index. Deterministic, in integer ticks, on event time only.
//
// The rule is Binance's (binance.com/en/support/faq/360033525071), with the inputs at hand:
//
//   mark    = median(price 1, price 2, contract price), rounded to the nearest tick
//   price 1 = index × (1 + funding rate × time until funding ÷ funding interval)
//   price 2 = index + moving average of (mid − index)
//   contract price = mid of best bid and best ask (Binance takes the last trade, which one small order can move)
//   index   = mid of the spot market's best bid and best ask (Binance averages several venues)
//   moving average: exponential, time constant 30 s, one sample per mark: average += (sample − average) × Δt ÷ (τ + Δt)
//
// Where no index is known, or it is older than 10 s, mark = mid. For an inverse perpetual (quoted in USD) the USDT spot price
// stands in for the index: the moving average takes the difference up.
import type { Instrument } from "./instruments";

/** Least distance of two marks of one instrument, ms of event time; marks fall on the first update of each such slot. */
export const MARK_INTERVAL_MS = 100;
/** Binance averages the basis over 30 s (since 2025-09). */
const BASIS_TIME_MS = 30_000;
/** An index that has not moved for this long is a broken feed, not a quiet market. */
export const INDEX_MAX_AGE_MS = 10_000;

/** `onBook` answers this where no mark is due. */
export const NO_MARK = 0;

export class MarkPrice {
  /** Twice the prices, so that mids are whole; 0 where unknown. Index in twice this instrument's ticks. */
  private index2 = 0;
  private indexMs = 0;
  private basis2 = 0;
  private basisMs = 0;
  private nextMs = 0;
  private fundingRate = 0;
  private nextFundingMs = 0;
  private fundingIntervalMs = 8 * 3_600_000;
  private readonly indexNum: number;
  private readonly indexDen: number;

  /**
   * @param instrument what is marked
   * @param spot       whose best bid and ask are the index; undefined where the recording has none
   */
  constructor(
    readonly instrument: Instrument,
    readonly spot?: Instrument,
  ) {
    const from = spot?.tick ?? instrument.tick;
    const to = instrument.tick;
    // One spot tick is this many of our ticks, as a fraction of whole numbers.
    this.indexNum = from.mantissa * 10 ** Math.max(0, to.decimals - from.decimals);
    this.indexDen = to.mantissa * 10 ** Math.max(0, from.decimals - to.decimals);
  }

  /** Best bid and ask of the spot market, in its own ticks, both above 0. */
  onIndex(eventMs: number, bidTicks: number, askTicks: number): void {
    this.index2 = ((bidTicks + askTicks) * this.indexNum) / this.indexDen;
    this.indexMs = eventMs;
  }

  /** Rate to be settled at `nextFundingMs`, as a fraction; without it price 1 is the index. */
  onFunding(rate: number, nextFundingMs: number, intervalMs: number): void {
    this.fundingRate = rate;
    this.nextFundingMs = nextFundingMs;
    this.fundingIntervalMs = intervalMs;
  }

  /**
   * Best bid and ask of the instrument, NaN or 0 where a side is missing.
   *
   * @returns the mark in ticks, above 0, where one is due; else `NO_MARK`
   */
  onBook(eventMs: number, bidTicks: number, askTicks: number): number {
    if (eventMs < this.nextMs || !(bidTicks > 0 && askTicks > bidTicks)) return NO_MARK;
    this.nextMs = eventMs - (eventMs % MARK_INTERVAL_MS) + MARK_INTERVAL_MS;
    const mid2 = bidTicks + askTicks;
    if (!this.indexIsFresh(eventMs)) return Math.round(mid2 / 2);
    this.averageBasis(eventMs, mid2 - this.index2);
    const untilFunding = Math.max(0, this.nextFundingMs - eventMs) / this.fundingIntervalMs;
    const price1 = this.index2 * (1 + this.fundingRate * untilFunding);
    const price2 = this.index2 + this.basis2;
    return Math.round(median(price1, price2, mid2) / 2);
  }

  /** Index in ticks of the instrument, rounded to the nearest; 0 where there is none or it is stale. */
  indexTicks(eventMs: number): number {
    return this.indexIsFresh(eventMs) ? Math.round(this.index2 / 2) : 0;
  }

  private indexIsFresh(eventMs: number): boolean {
    return this.index2 > 0 && eventMs - this.indexMs <= INDEX_MAX_AGE_MS;
  }

  private averageBasis(eventMs: number, sample2: number): void {
    // The first sample starts the average; so does one after a silence that outlasts it.
    const elapsedMs = eventMs - this.basisMs;
    if (this.basisMs === 0 || elapsedMs > BASIS_TIME_MS) this.basis2 = sample2;
    else this.basis2 += ((sample2 - this.basis2) * elapsedMs) / (BASIS_TIME_MS + elapsedMs);
    this.basisMs = eventMs;
  }
}

function median(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
