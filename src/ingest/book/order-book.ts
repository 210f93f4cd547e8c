// Order book of one instrument from a snapshot and its deltas. Runs in the ingest thread; owns its arrays; reads no clock.
//
// States: `waiting` until the first snapshot; `live`; `resync` after a gap or a bad message, `crossed` after a book whose best
// bid is not below its best ask; from each of them the next snapshot leads back to `live`. A book that is not live answers NaN:
// a wrong number shown as right is worse than no number.
//
// A snapshot is asked for while deltas flow, so by the time it arrives some deltas that continue it have passed: while not
// live, the book holds the latest deltas and applies them after the snapshot.
import { BookSide, MAX_SIDE_LEVELS } from "./book-side";
import { continuation } from "./sequence";

export type BookState = "waiting" | "live" | "resync" | "crossed";

/** Deltas held while waiting for a snapshot: 40 s of the fastest stream (10 ms apart). Older ones give way. */
export const MAX_HELD_DELTAS = 4096;
/**
 * A repeated delta repeats its event time too. One whose ids are old but whose time is this much ahead of the book is no
 * repeat: the venue's ids have gone back, as after maintenance.
 */
export const IDS_WENT_BACK_MS = 1000;

interface HeldDelta {
  readonly prevId: number;
  readonly firstId: number;
  readonly lastId: number;
  readonly eventMs: number;
  readonly priceTicks: Float64Array;
  readonly qtyLots: Float64Array;
  readonly bidCount: number;
  readonly askCount: number;
}

/** Quantities near the top, in lots. */
export interface Depth {
  bidLots: number;
  askLots: number;
}

/** What a market order would get. */
export interface Slippage {
  /** Less than asked for where the book is too thin. */
  filledLots: number;
  /** Mean price of what was filled, in ticks; NaN where nothing was. */
  averageTicks: number;
  /** Price of the last level touched; NaN where none was. */
  worstTicks: number;
  /** Mean price against mid, in basis points, positive is worse for the taker; NaN where nothing was filled. */
  slippageBps: number;
}

export class OrderBook {
  private readonly bids = new BookSide(1);
  private readonly asks = new BookSide(-1);
  private held: HeldDelta[] = [];
  private anchored = false;
  private stateNow: BookState = "waiting";
  private why = "no snapshot yet";
  private lastIdNow = -1;
  private eventMsNow = 0;

  /** Snapshots applied, deltas applied, deltas dropped as old or repeated, and times the book left `live`. */
  snapshotCount = 0;
  deltaCount = 0;
  droppedCount = 0;
  resyncCount = 0;

  /** @param symbol for messages */
  constructor(readonly symbol: string) {}

  get state(): BookState {
    return this.stateNow;
  }

  /** Why the book is not live, with the ids or prices at fault; empty while it is. */
  get reason(): string {
    return this.why;
  }

  /** Update the book is at; −1 before the first snapshot. */
  get lastId(): number {
    return this.lastIdNow;
  }

  /** Latest event time applied, ms. */
  get eventMs(): number {
    return this.eventMsNow;
  }

  /**
   * Replaces the book: `bidCount` bids and then `askCount` asks from `offset` on, in any order. Deltas held since are applied.
   *
   * @param priceTicks whole and above 0
   * @param qtyLots    whole; a level of quantity 0 is skipped
   */
  applySnapshot(
    lastId: number,
    eventMs: number,
    priceTicks: Float64Array,
    qtyLots: Float64Array,
    offset: number,
    bidCount: number,
    askCount: number,
  ): BookState {
    this.bids.clear();
    this.asks.clear();
    this.lastIdNow = lastId;
    this.eventMsNow = eventMs;
    this.anchored = false;
    this.stateNow = "live";
    this.why = "";
    this.snapshotCount++;
    const held = this.held;
    this.held = [];
    if (!this.applyLevels(priceTicks, qtyLots, offset, bidCount, askCount)) return this.stateNow;
    for (const d of held)
      this.applyDelta(d.prevId, d.firstId, d.lastId, d.eventMs, d.priceTicks, d.qtyLots, 0, d.bidCount, d.askCount);
    return this.stateNow;
  }

  /**
   * Applies a delta of absolute quantities (0 removes a level), or drops it as old, or leaves `live` for a gap.
   *
   * @param prevId  last id of the update before it; for venues whose ids have no holes, `firstId − 1`
   * @param firstId `prevId < firstId ≤ lastId`
   */
  applyDelta(
    prevId: number,
    firstId: number,
    lastId: number,
    eventMs: number,
    priceTicks: Float64Array,
    qtyLots: Float64Array,
    offset: number,
    bidCount: number,
    askCount: number,
  ): BookState {
    if (this.stateNow !== "live") {
      this.hold(prevId, firstId, lastId, eventMs, priceTicks, qtyLots, offset, bidCount, askCount);
      return this.stateNow;
    }
    if (prevId >= firstId || firstId > lastId) {
      return this.leave("resync", `ids out of order: previous ${prevId}, first ${firstId}, last ${lastId}`);
    }
    switch (continuation(this.lastIdNow, this.anchored, prevId, lastId)) {
      case "drop":
        this.droppedCount++;
        if (eventMs > this.eventMsNow + IDS_WENT_BACK_MS) {
          this.leave("resync", `ids went back: at ${this.lastIdNow}, then ${lastId} ${eventMs - this.eventMsNow} ms later`);
          this.hold(prevId, firstId, lastId, eventMs, priceTicks, qtyLots, offset, bidCount, askCount);
        }
        return this.stateNow;
      case "gap": {
        const at = this.anchored ? "book" : "snapshot";
        this.leave("resync", `gap: ${at} at ${this.lastIdNow}, next delta ${firstId}…${lastId} follows ${prevId}`);
        this.hold(prevId, firstId, lastId, eventMs, priceTicks, qtyLots, offset, bidCount, askCount);
        return this.stateNow;
      }
      default:
        this.lastIdNow = lastId;
        this.anchored = true;
        if (eventMs > this.eventMsNow) this.eventMsNow = eventMs;
        this.deltaCount++;
        this.applyLevels(priceTicks, qtyLots, offset, bidCount, askCount);
        return this.stateNow;
    }
  }

  /** Price in ticks, NaN where there is none or the book is not live. */
  get bestBidTicks(): number {
    return this.stateNow === "live" ? this.bids.bestTicks : Number.NaN;
  }

  get bestAskTicks(): number {
    return this.stateNow === "live" ? this.asks.bestTicks : Number.NaN;
  }

  get bestBidLots(): number {
    return this.stateNow === "live" ? this.bids.bestLots : Number.NaN;
  }

  get bestAskLots(): number {
    return this.stateNow === "live" ? this.asks.bestLots : Number.NaN;
  }

  /** Half way between best bid and best ask, in ticks (a multiple of one half); NaN where either is missing. */
  get midTicks(): number {
    return (this.bestBidTicks + this.bestAskTicks) / 2;
  }

  /**
   * Best bid and ask weighted by the quantity on the other side, in ticks: nearer to the side that is about to give way.
   * NaN where either is missing.
   */
  get microTicks(): number {
    const bidLots = this.bestBidLots;
    const askLots = this.bestAskLots;
    return (this.bestBidTicks * askLots + this.bestAskTicks * bidLots) / (bidLots + askLots);
  }

  get bidLevelCount(): number {
    return this.stateNow === "live" ? this.bids.count : 0;
  }

  get askLevelCount(): number {
    return this.stateNow === "live" ? this.asks.count : 0;
  }

  /** Price and quantity of the level `rank` places behind the best bid (side +1) or ask (side −1); NaN where there is none. */
  levelTicks(side: 1 | -1, rank: number): number {
    const levels = side === 1 ? this.bids : this.asks;
    return this.stateNow === "live" && rank < levels.count ? levels.ticksAt(rank) : Number.NaN;
  }

  levelLots(side: 1 | -1, rank: number): number {
    const levels = side === 1 ? this.bids : this.asks;
    return this.stateNow === "live" && rank < levels.count ? levels.lotsAt(rank) : Number.NaN;
  }

  /**
   * Quantity resting within `bps` basis points of mid, each side, bounds included; NaN where there is no mid.
   *
   * @param out filled and returned, so that a caller on a hot path can reuse it
   */
  depthWithin(bps: number, out: Depth = { bidLots: 0, askLots: 0 }): Depth {
    const mid = this.midTicks;
    const reach = (mid * bps) / 10_000;
    out.bidLots = sumWithin(this.bids, mid, reach);
    out.askLots = sumWithin(this.asks, mid, reach);
    return out;
  }

  /**
   * What a market order of `qtyLots` would get from the book as it stands.
   *
   * @param side    +1 buys (takes asks), −1 sells (takes bids)
   * @param qtyLots above 0
   */
  slippage(side: 1 | -1, qtyLots: number): Slippage {
    const levels = side === 1 ? this.asks : this.bids;
    const count = this.stateNow === "live" ? levels.count : 0;
    let left = qtyLots;
    let paid = 0;
    let worstTicks = Number.NaN;
    for (let rank = 0; rank < count && left > 0; rank++) {
      const take = Math.min(left, levels.lotsAt(rank));
      worstTicks = levels.ticksAt(rank);
      paid += take * worstTicks;
      left -= take;
    }
    const filledLots = qtyLots - left;
    const averageTicks = filledLots > 0 ? paid / filledLots : Number.NaN;
    const mid = this.midTicks;
    return { filledLots, averageTicks, worstTicks, slippageBps: ((averageTicks - mid) / mid) * 10_000 * side };
  }

  private applyLevels(
    priceTicks: Float64Array,
    qtyLots: Float64Array,
    offset: number,
    bidCount: number,
    askCount: number,
  ): boolean {
    const asksAt = offset + bidCount;
    const end = asksAt + askCount;
    for (let i = offset; i < end; i++) {
      const price = priceTicks[i]!;
      const qty = qtyLots[i]!;
      // Written so that NaN, from an array that is too short, fails too.
      if (!(price > 0 && qty >= 0)) {
        this.leave("resync", `level ${i - offset} of update ${this.lastIdNow} has price ${price}, quantity ${qty}`);
        return false;
      }
      if (!(i < asksAt ? this.bids : this.asks).set(price, qty)) {
        this.leave("resync", `more than ${MAX_SIDE_LEVELS} levels on one side at update ${this.lastIdNow}`);
        return false;
      }
    }
    const bid = this.bids.bestTicks;
    const ask = this.asks.bestTicks;
    if (bid >= ask) {
      this.leave("crossed", `best bid ${bid} is not below best ask ${ask} at update ${this.lastIdNow}`);
      return false;
    }
    return true;
  }

  private leave(state: BookState, reason: string): BookState {
    this.stateNow = state;
    this.why = reason;
    this.resyncCount++;
    return state;
  }

  private hold(
    prevId: number,
    firstId: number,
    lastId: number,
    eventMs: number,
    priceTicks: Float64Array,
    qtyLots: Float64Array,
    offset: number,
    bidCount: number,
    askCount: number,
  ): void {
    const end = offset + bidCount + askCount;
    this.held.push({
      prevId,
      firstId,
      lastId,
      eventMs,
      priceTicks: priceTicks.slice(offset, end),
      qtyLots: qtyLots.slice(offset, end),
      bidCount,
      askCount,
    });
    // Trimmed by halves, so that holding costs O(1) a delta.
    if (this.held.length >= 2 * MAX_HELD_DELTAS) this.held.splice(0, this.held.length - MAX_HELD_DELTAS);
  }
}

function sumWithin(side: BookSide, mid: number, reach: number): number {
  if (Number.isNaN(mid)) return Number.NaN;
  let sum = 0;
  for (let rank = 0; rank < side.count; rank++) {
    if ((mid - side.ticksAt(rank)) * side.direction > reach) break;
    sum += side.lotsAt(rank);
  }
  return sum;
}
