import { describe, expect, it } from "vitest";
import { instrumentFor } from "./instruments";
import { INDEX_MAX_AGE_MS, MarkPrice, NO_MARK } from "./mark";

const BTC = instrumentFor("BTCUSDT")!;
const ETH = instrumentFor("ETHUSDT")!;
const BTC_SPOT = instrumentFor("BTCUSDT", "spot")!;
const ETH_SPOT = instrumentFor("ETHUSDT", "spot")!;
const T0 = 1_723_161_600_000;

describe("mark price", () => {
  it("without an index is the mid of best bid and ask, rounded to a whole tick", () => {
    const mark = new MarkPrice(BTC);
    expect(mark.onBook(T0, 600_000, 600_002)).toBe(600_001);
    expect(mark.onBook(T0 + 100, 600_000, 600_001)).toBe(600_001);
    expect(mark.indexTicks(T0)).toBe(0);
  });

  it("is given at most once in each 100 ms of event time, on the first update of each", () => {
    const mark = new MarkPrice(BTC);
    const times = [0, 1, 99, 100, 150, 205, 299, 300, 1_050, 1_099, 1_100];
    const given = times.filter((ms) => mark.onBook(T0 + ms, 600_000, 600_001) !== NO_MARK);
    expect(given).toEqual([0, 100, 205, 300, 1_050, 1_100]);
  });

  it("is not given for a time that has gone back", () => {
    const mark = new MarkPrice(BTC);
    mark.onBook(T0 + 500, 600_000, 600_001);
    expect(mark.onBook(T0, 600_000, 600_001)).toBe(NO_MARK);
  });

  it.each([
    ["no bid", 0, 600_001],
    ["no ask", 600_000, 0],
    ["a book that is not live", Number.NaN, Number.NaN],
    ["a crossed book", 600_001, 600_000],
    ["a locked book", 600_000, 600_000],
  ])("is not given for %s, and the next good update is not delayed by it", (_what, bid, ask) => {
    const mark = new MarkPrice(BTC);
    expect(mark.onBook(T0, bid, ask)).toBe(NO_MARK);
    expect(mark.onBook(T0, 600_000, 600_001)).not.toBe(NO_MARK);
  });

  it.each([
    // Mid and basis average agree at first, so the median is theirs.
    ["starts at its own mid", BTC, BTC_SPOT, 5_999_000, 5_999_001, 600_000, 600_002, 600_001],
    ["takes an index of the same tick as it is", ETH, ETH_SPOT, 260_000, 260_002, 260_010, 260_012, 260_011],
  ])("%s", (_what, instrument, spot, indexBid, indexAsk, bid, ask, expected) => {
    const mark = new MarkPrice(instrument, spot);
    mark.onIndex(T0, indexBid, indexAsk);
    expect(mark.onBook(T0, bid, ask)).toBe(expected);
  });

  it("converts the index to its own ticks", () => {
    const mark = new MarkPrice(BTC, BTC_SPOT);
    mark.onIndex(T0, 5_999_994, 5_999_996);
    expect(mark.indexTicks(T0)).toBe(600_000);
  });

  it("does not follow its own book away from the index: the average basis moves by Δt ÷ (30 s + Δt) of the way", () => {
    const mark = new MarkPrice(BTC, BTC_SPOT);
    mark.onIndex(T0, 6_000_000, 6_000_000);
    // Price 1 is the index, 600,000; the basis starts at +10.
    expect(mark.onBook(T0, 600_009, 600_011)).toBe(600_010);
    // The book jumps by 1,000; basis 10 + 1,000 × 1 ÷ 31 = 42.3, between the index and the book: the median.
    mark.onIndex(T0 + 1_000, 6_000_000, 6_000_000);
    expect(mark.onBook(T0 + 1_000, 601_009, 601_011)).toBe(600_042);
  });

  it("with a funding rate has its first price between index and settlement", () => {
    const mark = new MarkPrice(BTC, BTC_SPOT);
    mark.onIndex(T0, 6_000_000, 6_000_000);
    // 0.1 % with half the interval to go: price 1 = 600,300. Basis average = mid = 600,500 and so the median.
    mark.onFunding(0.001, T0 + 4 * 3_600_000, 8 * 3_600_000);
    expect(mark.onBook(T0, 600_499, 600_501)).toBe(600_500);
    // The book falls below the index: price 2 = 600,000 + 500 − 1,000 ÷ 301 = 600,496.7, mid 599,500, price 1 about 600,300.
    expect(mark.onBook(T0 + 100, 599_499, 599_501)).toBe(600_300);
  });

  it("leaves an index that has stood still too long, and comes back to it", () => {
    const mark = new MarkPrice(BTC, BTC_SPOT);
    mark.onIndex(T0, 6_000_000, 6_000_000);
    mark.onBook(T0, 600_009, 600_011);
    const late = T0 + INDEX_MAX_AGE_MS + 1;
    expect(mark.onBook(late, 700_000, 700_002)).toBe(700_001);
    expect(mark.indexTicks(late)).toBe(0);
    mark.onIndex(late + 100, 6_000_000, 6_000_000);
    expect(mark.onBook(late + 100, 700_000, 700_002)).toBeLessThan(700_001);
    expect(mark.indexTicks(late + 100)).toBe(600_000);
  });
});
