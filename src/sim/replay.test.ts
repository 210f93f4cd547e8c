import { describe, expect, it } from "vitest";
import { OrderBook } from "../ingest/book/order-book";
import { SlowOrderBook } from "../ingest/book/slow-order-book";
import { mergeCaptures } from "./capture/merge";
import { CaptureReader } from "./capture/reader";
import { RECORDINGS, RECORDINGS_ABSENT, SKIPPED_BECAUSE } from "./capture/recordings";
import type { BookDeltaEvent, BookTickerEvent, SimEvent, TradeEvent } from "./events";
import { instrumentFor } from "./instruments";
import { MARK_INTERVAL_MS } from "./mark";
import { ReplaySession } from "./replay";

const BTC = instrumentFor("BTCUSDT")!;
const SPOT = instrumentFor("BTCUSDT", "spot")!;
const MIDNIGHT = Date.parse("2024-08-09T00:00:00Z");

const stamp = (eventMs: number) => ({ eventMs, transactMs: eventMs, recvUs: eventMs * 1000, timeSource: "event" }) as const;

function ticker(eventMs: number, bidTicks: number, askTicks: number, instrument = BTC): BookTickerEvent {
  return { kind: "book-ticker", instrument, ...stamp(eventMs), updateId: 1, bidTicks, bidLots: 5, askTicks, askLots: 5 };
}

function trade(eventMs: number, priceTicks: number, instrument = BTC): TradeEvent {
  return { kind: "trade", instrument, ...stamp(eventMs), tradeId: 1, priceTicks, qtyLots: 10, takerSide: 1 };
}

describe("a replay", () => {
  function session(options = {}) {
    const events: SimEvent[] = [];
    const replay = new ReplaySession(
      { accounts: 10, seed: 1, instruments: [BTC, SPOT], openingPositions: false, ...options },
      (event) => events.push(event),
    );
    return { replay, events };
  }

  it("pays the traders in before anything else, at the time of the first event", () => {
    const { replay, events } = session();
    replay.onEvent(ticker(MIDNIGHT - 1_000, 600_000, 600_001));
    expect(events.slice(0, 10).every((event) => event.kind === "transfer" && event.eventMs === MIDNIGHT - 1_000)).toBe(true);
    expect(events.slice(10).map((event) => event.kind)).toEqual(["book-ticker", "mark"]);
  });

  it("pays accounts in by parts where it is asked to, each once", () => {
    const { replay, events } = session();
    expect(replay.payIn(MIDNIGHT - 1_000, 4)).toBe(6);
    expect(replay.payIn(MIDNIGHT - 1_000, 4)).toBe(2);
    replay.onEvent(ticker(MIDNIGHT - 1_000, 600_000, 600_001));
    const accounts = events.flatMap((event) => (event.kind === "transfer" ? [event.accountId] : []));
    expect(accounts).toHaveLength(10);
    expect(new Set(accounts).size).toBe(10);
  });

  it("follows a print of a perpetual by its fills, and a print of the spot market by nothing", () => {
    const { replay, events } = session();
    replay.onEvent(trade(MIDNIGHT - 1_000, 6_000_000, SPOT));
    expect(events.at(-1)!.kind).toBe("trade");
    replay.onEvent(trade(MIDNIGHT - 900, 600_000));
    expect(events.filter((event) => event.kind === "fill")).toHaveLength(2);
  });

  it("settles funding at the first event of the new interval, before that event, at the last mark", () => {
    const { replay, events } = session({ fundingRateE8: -2_500 });
    replay.onEvent(ticker(MIDNIGHT - 1_000, 600_000, 600_002));
    replay.onEvent(trade(MIDNIGHT - 1, 600_000));
    const before = events.length;
    replay.onEvent(trade(MIDNIGHT + 3, 600_100));
    replay.onEvent(trade(MIDNIGHT + 4, 600_100));
    expect(events[before]).toEqual({
      kind: "funding-settlement",
      instrument: BTC,
      eventMs: MIDNIGHT,
      rateE8: -2_500,
      markTicks: 600_001,
    });
    expect(events.filter((event) => event.kind === "funding-settlement")).toHaveLength(1);
  });

  it("takes the spot market of the base as the index of its marks", () => {
    const { replay, events } = session();
    replay.onEvent(ticker(MIDNIGHT - 1_000, 5_999_000, 5_999_002, SPOT));
    replay.onEvent(ticker(MIDNIGHT - 990, 600_000, 600_002));
    expect(events.at(-1)).toMatchObject({ kind: "mark", instrument: BTC, markTicks: 600_001, indexTicks: 599_900 });
  });

  it("refuses an event of an instrument it was not told of", () => {
    expect(() => session({ instruments: [SPOT] }).replay.onEvent(ticker(MIDNIGHT, 1, 2))).toThrow(/BTCUSDT is not one/);
  });

  it("refuses a funding rate that is not whole", () => {
    expect(() => session({ fundingRateE8: 0.5 })).toThrow(/fundingRateE8/);
  });
});

describe.skipIf(RECORDINGS_ABSENT)(`the recorded books${SKIPPED_BECAUSE}`, () => {
  it.each([
    [RECORDINGS.usdmBtc, 629],
    [RECORDINGS.usdmEth, 551],
    [RECORDINGS.coinmBtc, 1_124],
    [RECORDINGS.spotBtc, 564],
  ])(
    "of %s stay live, agree with the slow twin, and with the book ticker at each of the %d update ids both have",
    async (file, coinciding) => {
      const fast = new OrderBook(file);
      const slow = new SlowOrderBook();
      const before: BookDeltaEvent[] = [];
      const tops = new Map<number, string>();
      const tickers = new Map<number, string>();
      let deltas = 0;
      for await (const { events } of await CaptureReader.open(file)) {
        for (const event of events) {
          if (event.kind === "book-ticker") {
            tickers.set(event.updateId, [event.bidTicks, event.bidLots, event.askTicks, event.askLots].join());
          } else if (event.kind === "book-snapshot") {
            fast.applySnapshot(
              event.lastId,
              event.eventMs,
              event.priceTicks,
              event.qtyLots,
              event.offset,
              event.bidCount,
              event.askCount,
            );
            for (const e of [event, ...before.filter((delta) => delta.lastId > event.lastId)]) {
              slow.apply(e.priceTicks, e.qtyLots, e.offset, e.bidCount, e.askCount);
            }
          } else if (event.kind === "book-delta") {
            const { prevId, firstId, lastId, eventMs, priceTicks, qtyLots, offset, bidCount, askCount } = event;
            fast.applyDelta(prevId, firstId, lastId, eventMs, priceTicks, qtyLots, offset, bidCount, askCount);
            if (fast.state === "waiting") {
              before.push(event);
              continue;
            }
            slow.apply(priceTicks, qtyLots, offset, bidCount, askCount);
            if (++deltas % 997 === 0) agree(fast, slow);
            tops.set(lastId, [fast.bestBidTicks, fast.bestBidLots, fast.bestAskTicks, fast.bestAskLots].join());
          }
        }
      }
      agree(fast, slow);
      expect([fast.state, fast.resyncCount, fast.snapshotCount]).toEqual(["live", 0, 1]);
      expect(fast.deltaCount + fast.droppedCount).toBe(deltas + before.length);
      const both = [...tops].filter(([id]) => tickers.has(id));
      expect(both.filter(([id, top]) => tickers.get(id) !== top)).toEqual([]);
      expect(both).toHaveLength(coinciding);
    },
  );

  function agree(fast: OrderBook, slow: SlowOrderBook) {
    for (const side of [1, -1] as const) {
      const count = side === 1 ? fast.bidLevelCount : fast.askLevelCount;
      const levels = Array.from({ length: count }, (_, rank) => [fast.levelTicks(side, rank), fast.levelLots(side, rank)]);
      expect(levels).toEqual(slow.levels(side));
      const qtyLots = fast.bestAskLots * 50;
      const { filledLots, averageTicks, worstTicks } = fast.slippage(side, qtyLots);
      expect({ filledLots, averageTicks, worstTicks }).toEqual(slow.slippage(side, qtyLots));
    }
    expect(fast.depthWithin(10)).toEqual(slow.depthWithin(10));
  }
});

describe.skipIf(RECORDINGS_ABSENT)(`all recordings replayed together${SKIPPED_BECAUSE}`, () => {
  async function replayAll(accounts: number, sink: (event: SimEvent, session: ReplaySession) => void) {
    const readers = await Promise.all(Object.values(RECORDINGS).map((file) => CaptureReader.open(file)));
    const instruments = readers.flatMap((reader) => [...reader.instruments]);
    const session: ReplaySession = new ReplaySession({ accounts, seed: 20240809, instruments }, (event) => sink(event, session));
    for await (const { events } of mergeCaptures(readers)) for (const event of events) session.onEvent(event);
    return session;
  }

  it("give every print two fills, funding at midnight, marks in order near their books, and accounts near liquidation", async () => {
    const counts: Record<string, number> = {};
    const open = new Map<string, number>();
    const lastMark = new Map<string, number>();
    const settlements: [string, number][] = [];
    let tapeFills = 0;
    const { traders } = await replayAll(1_000, (event, session) => {
      counts[event.kind] = (counts[event.kind] ?? 0) + 1;
      if (event.kind === "fill") {
        if (event.tradeId > 0) tapeFills++;
        const { symbol } = event.instrument;
        open.set(symbol, (open.get(symbol) ?? 0) + event.side * event.qtyLots);
      } else if (event.kind === "funding-settlement") settlements.push([event.instrument.symbol, event.eventMs]);
      else if (event.kind === "mark") {
        const { symbol } = event.instrument;
        const last = lastMark.get(symbol);
        if (last !== undefined)
          expect(Math.floor(event.eventMs / MARK_INTERVAL_MS)).toBeGreaterThan(Math.floor(last / MARK_INTERVAL_MS));
        lastMark.set(symbol, event.eventMs);
        const mid = session.book(event.instrument)!.midTicks;
        if (mid > 0) expect(Math.abs(event.markTicks / mid - 1)).toBeLessThan(0.003);
      }
    });
    expect(counts).toMatchObject({ "book-ticker": 167_257, trade: 47_432, "book-delta": 43_435, "book-snapshot": 4 });
    expect(counts.mark).toBeGreaterThan(10_000);
    expect(tapeFills).toBe(2 * (21_313 + 14_076 + 2_286));
    expect([...open.values()]).toEqual([0, 0, 0]);
    expect(settlements).toEqual(["BTCUSDT", "ETHUSDT", "BTCUSD_PERP"].map((symbol) => [symbol, MIDNIGHT]));
    let near = 0;
    for (let i = traders!.marketMakerCount; i < 1_000; i++) {
      for (const asset of traders!.assets) {
        const { equity, notional } = traders!.pool(i, asset);
        if (notional * 0.004 > equity * 0.3) near++;
      }
    }
    expect(near).toBeGreaterThan(20);
    expect(near).toBeLessThan(400);
  });

  it("give the same log each time", async () => {
    const digest = async () => {
      let hash = 0;
      let count = 0;
      await replayAll(100, (event) => {
        if (!("seq" in event)) return;
        count++;
        const value =
          event.accountId +
          event.seq * 31 +
          ("qtyLots" in event ? event.qtyLots * 7 + event.priceTicks : event.amountE8 % 99_991);
        hash = (hash * 1_000_003 + value) % 9_007_199_254;
      });
      return [count, hash];
    };
    expect(await digest()).toEqual(await digest());
  });
});
