// Order books from Plimsoll's own book messages: one builder an instrument, fed level by level until a message is whole.
import { BookLevelAt } from "../../schemas/generated/offsets";
import { readInt64, readTimeMs } from "../shared/wire/int64";
import { BookFlag } from "../shared/wire/ranges";
import { OrderBook } from "./book/order-book";
import type { MarketTable } from "./market-table";
import type { AlignedMessage } from "./verify";

/** Levels of one book message; deeper ones are refused as a gap, and the next snapshot mends it. */
const LEVELS_MAX = 16_384;

interface Pending {
  book: OrderBook;
  ticks: Float64Array;
  lots: Float64Array;
  sides: Uint8Array;
  levels: number;
}

export class Books {
  private readonly pending = new Map<number, Pending>();
  private readonly ticks = new Float64Array(LEVELS_MAX);
  private readonly lots = new Float64Array(LEVELS_MAX);
  resyncs = 0;

  constructor(
    private readonly table: MarketTable,
    private readonly symbolOf: (id: number) => string,
  ) {}

  book(id: number): OrderBook | undefined {
    return this.pending.get(id)?.book;
  }

  /** Takes one level; at the last of its message the book moves. Returns whether it did. */
  level(s: AlignedMessage, at: number): boolean {
    const id = s.i32[(at + BookLevelAt.instrument) / 4];
    const flags = s.u8[at + BookLevelAt.flags];
    let entry = this.pending.get(id);
    if (!entry) {
      entry = {
        book: new OrderBook(this.symbolOf(id)),
        ticks: new Float64Array(LEVELS_MAX),
        lots: new Float64Array(LEVELS_MAX),
        sides: new Uint8Array(LEVELS_MAX),
        levels: 0,
      };
      this.pending.set(id, entry);
    }
    if ((flags & BookFlag.First) !== 0) entry.levels = 0;
    const side = s.u8[at + BookLevelAt.side];
    if (side !== 0 && entry.levels < LEVELS_MAX) {
      entry.ticks[entry.levels] = readInt64(s.i32, (at + BookLevelAt.priceTicks) / 4);
      entry.lots[entry.levels] = readInt64(s.i32, (at + BookLevelAt.qtyLots) / 4);
      entry.sides[entry.levels] = side;
      entry.levels++;
    }
    if ((flags & BookFlag.Last) === 0) return false;
    // The builder wants bids first, then asks.
    let bids = 0;
    let to = 0;
    for (const wanted of [1, 2]) {
      for (let i = 0; i < entry.levels; i++) {
        if (entry.sides[i] !== wanted) continue;
        this.ticks[to] = entry.ticks[i];
        this.lots[to] = entry.lots[i];
        to++;
      }
      if (wanted === 1) bids = to;
    }
    const firstId = readInt64(s.i32, (at + BookLevelAt.firstId) / 4);
    const lastId = readInt64(s.i32, (at + BookLevelAt.lastId) / 4);
    const prevId = readInt64(s.i32, (at + BookLevelAt.prevId) / 4);
    const eventMs = readTimeMs(s.i32, (at + BookLevelAt.timeNs) / 4);
    const before = entry.book.state;
    const state =
      (flags & BookFlag.Snapshot) !== 0
        ? entry.book.applySnapshot(lastId, eventMs, this.ticks, this.lots, 0, bids, to - bids)
        : entry.book.applyDelta(
            prevId === 0 ? firstId - 1 : prevId,
            firstId,
            lastId,
            eventMs,
            this.ticks,
            this.lots,
            0,
            bids,
            to - bids,
          );
    if (state !== "live" && before === "live") this.resyncs++;
    this.table.bookState(id, state === "live" ? 2 : 1);
    entry.levels = 0;
    return true;
  }
}
