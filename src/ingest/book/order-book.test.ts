import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MAX_SIDE_LEVELS } from "./book-side";
import { MAX_HELD_DELTAS, OrderBook } from "./order-book";
import { continuation } from "./sequence";
import { SlowOrderBook } from "./slow-order-book";

type Level = [priceTicks: number, qtyLots: number];

function arrays(bids: Level[], asks: Level[]) {
  const all = [...bids, ...asks];
  return { prices: Float64Array.from(all, ([price]) => price), lots: Float64Array.from(all, ([, lots]) => lots) };
}

function snapshot(book: OrderBook, lastId: number, bids: Level[], asks: Level[], eventMs = 0) {
  const { prices, lots } = arrays(bids, asks);
  return book.applySnapshot(lastId, eventMs, prices, lots, 0, bids.length, asks.length);
}

function delta(book: OrderBook, prevId: number, firstId: number, lastId: number, bids: Level[], asks: Level[], eventMs = 0) {
  const { prices, lots } = arrays(bids, asks);
  return book.applyDelta(prevId, firstId, lastId, eventMs, prices, lots, 0, bids.length, asks.length);
}

function levels(book: OrderBook, side: 1 | -1): Level[] {
  const count = side === 1 ? book.bidLevelCount : book.askLevelCount;
  return Array.from({ length: count }, (_, rank) => [book.levelTicks(side, rank), book.levelLots(side, rank)]);
}

function live(): OrderBook {
  const book = new OrderBook("BTCUSDT");
  snapshot(
    book,
    100,
    [
      [999, 5],
      [998, 7],
    ],
    [
      [1001, 2],
      [1003, 9],
    ],
  );
  return book;
}

describe("update ids", () => {
  it.each([
    // after the snapshot of update 100
    ["old news", 100, false, 90, 99, "drop"],
    ["the snapshot's own update", 100, false, 90, 100, "drop"],
    ["a delta that straddles it", 100, false, 95, 105, "apply"],
    ["a delta that follows it at once", 100, false, 100, 105, "apply"],
    ["a delta after a hole", 100, false, 101, 105, "gap"],
    // after a delta that ended at 100
    ["the next delta", 100, true, 100, 105, "apply"],
    ["the same delta again", 100, true, 90, 100, "drop"],
    ["a delta that overlaps", 100, true, 95, 105, "gap"],
    ["a delta that follows another", 100, true, 103, 105, "gap"],
  ] as const)(
    "%s: book at %d, anchored %s, delta after %d up to %d → %s",
    (_what, bookId, anchored, prevId, lastId, expected) => {
      expect(continuation(bookId, anchored, prevId, lastId)).toBe(expected);
    },
  );
});

describe("an order book", () => {
  it("without a snapshot has no prices", () => {
    const book = new OrderBook("BTCUSDT");
    expect([book.state, book.bestBidTicks, book.midTicks, book.depthWithin(10)]).toEqual([
      "waiting",
      Number.NaN,
      Number.NaN,
      { bidLots: Number.NaN, askLots: Number.NaN },
    ]);
  });

  it("after its snapshot has its best prices, mid and micro price", () => {
    const book = live();
    expect([book.bestBidTicks, book.bestBidLots, book.bestAskTicks, book.bestAskLots]).toEqual([999, 5, 1001, 2]);
    expect(book.midTicks).toBe(1000);
    // Few offered, many bid: nearer to the ask. (999 × 2 + 1001 × 5) ÷ 7
    expect(book.microTicks).toBeCloseTo(7003 / 7, 10);
  });

  it("takes quantities as absolute, and zero as gone, even for a level it does not have", () => {
    const book = live();
    delta(
      book,
      100,
      101,
      102,
      [
        [999, 0],
        [998, 8],
        [500, 0],
      ],
      [[1002, 1]],
    );
    expect(levels(book, 1)).toEqual([[998, 8]]);
    expect(levels(book, -1)).toEqual([
      [1001, 2],
      [1002, 1],
      [1003, 9],
    ]);
    expect([book.state, book.lastId]).toEqual(["live", 102]);
  });

  it("with a planted gap goes to resync, says why, answers no price, and comes back with the next snapshot", () => {
    const book = live();
    delta(book, 100, 101, 102, [[999, 6]], []);
    expect(delta(book, 104, 105, 106, [[999, 7]], [])).toBe("resync");
    expect(book.reason).toBe("gap: book at 102, next delta 105…106 follows 104");
    expect([book.bestBidTicks, book.bidLevelCount, book.slippage(1, 1).filledLots]).toEqual([Number.NaN, 0, 0]);
    expect(delta(book, 106, 107, 108, [[999, 9]], [])).toBe("resync");
    expect(snapshot(book, 106, [[999, 7]], [[1001, 2]])).toBe("live");
    expect([book.reason, book.lastId, book.bestBidLots, book.resyncCount]).toEqual(["", 108, 9, 1]);
  });

  it("with a gap right after its snapshot goes to resync", () => {
    expect(delta(live(), 101, 102, 103, [], [])).toBe("resync");
  });

  it("continues its snapshot with the deltas that came before it", () => {
    const book = new OrderBook("BTCUSDT");
    delta(book, 80, 81, 90, [[990, 1]], []);
    delta(book, 90, 93, 104, [[999, 6]], []);
    delta(book, 104, 105, 107, [], [[1001, 4]]);
    expect(snapshot(book, 100, [[999, 5]], [[1001, 2]])).toBe("live");
    expect([book.lastId, book.bestBidLots, book.bestAskLots, book.bidLevelCount]).toEqual([107, 6, 4, 1]);
    expect([book.deltaCount, book.droppedCount]).toEqual([2, 1]);
  });

  it("finds a gap among the deltas that came before its snapshot", () => {
    const book = new OrderBook("BTCUSDT");
    delta(book, 90, 93, 104, [[999, 6]], []);
    delta(book, 105, 106, 107, [], [[1001, 4]]);
    expect(snapshot(book, 100, [[999, 5]], [[1001, 2]])).toBe("resync");
    // What it held is not lost: a later snapshot is continued by it.
    expect(snapshot(book, 106, [[999, 5]], [[1001, 2]])).toBe("live");
    expect([book.lastId, book.bestAskLots]).toEqual([107, 4]);
  });

  it("holds a limited number of deltas, the latest", () => {
    const book = new OrderBook("BTCUSDT");
    const count = 5 * MAX_HELD_DELTAS;
    for (let id = 1; id <= count; id++) delta(book, id - 1, id, id, [[900, id]], []);
    expect(snapshot(book, count - MAX_HELD_DELTAS, [[999, 1]], [[1001, 1]])).toBe("live");
    expect([book.lastId, book.levelLots(1, 1)]).toEqual([count, count]);
  });

  it("is left as it was by a repeated delta", () => {
    const book = live();
    delta(book, 100, 101, 105, [[999, 6]], [], 10);
    delta(book, 105, 106, 107, [[999, 1]], [], 11);
    expect(delta(book, 100, 101, 105, [[999, 6]], [], 10)).toBe("live");
    expect([book.bestBidLots, book.lastId, book.droppedCount]).toEqual([1, 107, 1]);
  });

  it("whose venue counts from the beginning again asks for a snapshot instead of ignoring it for ever", () => {
    const book = live();
    delta(book, 100, 101, 105, [[999, 6]], [], 1_000);
    expect(delta(book, 4, 5, 6, [[999, 3]], [], 2_001)).toBe("resync");
    expect(book.reason).toBe("ids went back: at 105, then 6 1001 ms later");
    expect(snapshot(book, 5, [[999, 5]], [[1001, 2]], 2_002)).toBe("live");
    expect([book.lastId, book.bestBidLots]).toEqual([6, 3]);
  });

  it.each([
    ["crossed", [[1001, 1]], []],
    ["crossed", [], [[999, 1]]],
  ] as [string, Level[], Level[]][])("that is %s by a delta says so until the next snapshot", (state, bids, asks) => {
    const book = live();
    expect(delta(book, 100, 101, 102, bids, asks)).toBe(state);
    expect(book.reason).toMatch(/best bid \d+ is not below best ask \d+ at update 102/);
    expect(book.midTicks).toBeNaN();
    delta(book, 102, 103, 104, [[999, 6]], []);
    expect(snapshot(book, 103, [[999, 5]], [[1001, 2]])).toBe("live");
    expect(book.bestBidLots).toBe(6);
  });

  it("may cross inside a delta, as long as it does not when the delta ends", () => {
    expect(delta(live(), 100, 101, 102, [[1001, 4]], [[1001, 0]])).toBe("live");
  });

  it("refuses a crossed snapshot", () => {
    expect(snapshot(new OrderBook("BTCUSDT"), 1, [[1001, 1]], [[1001, 1]])).toBe("crossed");
  });

  it.each([
    ["a price of zero", [[0, 1]]],
    ["a negative quantity", [[999, -1]]],
    ["a price that is no number", [[Number.NaN, 1]]],
  ] as [string, Level[]][])("goes to resync for %s", (_what, bids) => {
    const book = live();
    expect(delta(book, 100, 101, 102, bids, [])).toBe("resync");
    expect(book.reason).toMatch(/^level 0 of update 102/);
  });

  it("goes to resync for arrays that are too short", () => {
    expect(live().applyDelta(100, 101, 102, 0, new Float64Array(1), new Float64Array(1), 0, 2, 0)).toBe("resync");
  });

  it("goes to resync for ids out of order", () => {
    expect(delta(live(), 100, 100, 102, [], [])).toBe("resync");
    expect(delta(live(), 100, 103, 102, [], [])).toBe("resync");
  });

  it("grows to its limit of levels and no further", () => {
    const book = live();
    const bids: Level[] = Array.from({ length: MAX_SIDE_LEVELS - 1 }, (_, i) => [1_000_000 + i, 1]);
    const far: Level[] = [[5_000_000, 1]];
    snapshot(book, 200, bids, far);
    expect([book.state, book.bidLevelCount]).toEqual(["live", MAX_SIDE_LEVELS - 1]);
    delta(book, 200, 201, 202, [[10, 1]], []);
    expect(book.state).toBe("live");
    expect(delta(book, 202, 203, 204, [[11, 1]], [])).toBe("resync");
    expect(book.reason).toMatch(/more than 131072 levels/);
  });

  it("with one side empty has no mid and fills nothing from it", () => {
    const book = live();
    delta(
      book,
      100,
      101,
      102,
      [],
      [
        [1001, 0],
        [1003, 0],
      ],
    );
    expect([book.bestBidTicks, book.bestAskTicks, book.midTicks]).toEqual([999, Number.NaN, Number.NaN]);
    expect(book.slippage(1, 1)).toEqual({
      filledLots: 0,
      averageTicks: Number.NaN,
      worstTicks: Number.NaN,
      slippageBps: Number.NaN,
    });
  });

  it("knows what a market order would get", () => {
    const book = live();
    // Buys 2 at 1001 and 3 at 1003: mean 1002.2, 22 bps above the mid of 1000.
    const buy = book.slippage(1, 5);
    expect([buy.filledLots, buy.averageTicks, buy.worstTicks]).toEqual([5, 1002.2, 1003]);
    expect(buy.slippageBps).toBeCloseTo(22, 9);
    const sell = book.slippage(-1, 100);
    expect([sell.filledLots, sell.worstTicks]).toEqual([12, 998]);
    expect(sell.slippageBps).toBeGreaterThan(0);
  });

  it("knows what rests within a distance of mid, bounds included", () => {
    const book = live();
    expect(book.depthWithin(10)).toEqual({ bidLots: 5, askLots: 2 });
    expect(book.depthWithin(20)).toEqual({ bidLots: 12, askLots: 2 });
    expect(book.depthWithin(30)).toEqual({ bidLots: 12, askLots: 11 });
  });
});

describe("the fast book and its slow twin", () => {
  const level = (low: number) =>
    fc.tuple(fc.integer({ min: low, max: low + 60 }), fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 50 })));
  const message = fc.record({
    bids: fc.array(level(900), { maxLength: 12 }),
    asks: fc.array(level(961), { maxLength: 12 }),
  });

  it("agree after any stream of changes", () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 400 }), (messages, qtyLots) => {
        const fast = new OrderBook("BTCUSDT");
        const slow = new SlowOrderBook();
        messages.forEach(({ bids, asks }, i) => {
          const { prices, lots } = arrays(bids, asks);
          if (i === 0) fast.applySnapshot(0, 0, prices, lots, 0, bids.length, asks.length);
          else fast.applyDelta(i - 1, i, i, i, prices, lots, 0, bids.length, asks.length);
          slow.apply(prices, lots, 0, bids.length, asks.length);
          expect(fast.state).toBe("live");
          expect(levels(fast, 1)).toEqual(slow.levels(1));
          expect(levels(fast, -1)).toEqual(slow.levels(-1));
        });
        for (const side of [1, -1] as const) {
          const { filledLots, averageTicks, worstTicks } = fast.slippage(side, qtyLots);
          expect({ filledLots, averageTicks, worstTicks }).toEqual(slow.slippage(side, qtyLots));
        }
        for (const bps of [0, 55, 300]) expect(fast.depthWithin(bps)).toEqual(slow.depthWithin(bps));
      }),
      { numRuns: 300 },
    );
  });

  it("agree on a deep book, where levels are moved by the block", () => {
    const fast = new OrderBook("BTCUSDT");
    const slow = new SlowOrderBook();
    const start: Level[] = Array.from({ length: 3_000 }, (_, i) => [10_000 + 3 * i, 1 + (i % 7)]);
    const at = arrays(start, []);
    fast.applySnapshot(0, 0, at.prices, at.lots, 0, start.length, 0);
    slow.apply(at.prices, at.lots, 0, start.length, 0);
    // A linear congruential walk over the whole depth: inserts, changes and removals everywhere.
    for (let i = 1, x = 1; i <= 20_000; i++) {
      x = (x * 48_271) % 2_147_483_647;
      const { prices, lots } = arrays([[10_000 + (x % 9_000), x % 5]], []);
      fast.applyDelta(i - 1, i, i, i, prices, lots, 0, 1, 0);
      slow.apply(prices, lots, 0, 1, 0);
    }
    expect(levels(fast, 1)).toEqual(slow.levels(1));
  });
});
