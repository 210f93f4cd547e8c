import { describe, expect, it } from "vitest";
import {
  BookLevelAt,
  FundingRateAt,
  ImpliedVolAt,
  IndexPriceAt,
  MarkAt,
  QuoteAt,
  TradeAt,
} from "../../../schemas/generated/offsets";
import { BookFlag, MarketBatchWriter } from "../../shared/wire/encode";
import {
  AlignedMessage,
  checkMarketBatch,
  createLookup,
  lastFault,
  lastReason,
  VERIFY_CODES,
  VerifiedBatch,
  verifyMarket,
} from "./index";

const known = createLookup();
for (const [id, kind] of [
  [1, 2],
  [2, 4],
  [3, 3],
  [4, 1],
])
  known.instrumentKinds[id] = kind;
known.assets[1] = 1;

const timeMs = 1_718_000_000_000;
const aligned = new AlignedMessage();
const batch = new VerifiedBatch();

/** Name of the code that a message gets after `change` was made to its first record; "" where it is taken. */
function outcome(write: (w: MarketBatchWriter) => void, change: (view: DataView, first: number) => void = () => {}): string {
  const w = new MarketBatchWriter(1);
  write(w);
  const message = w.finish();
  expect(verifyMarket(message, batch)).toBe(0);
  aligned.load(message);
  change(new DataView(aligned.u8.buffer), 96);
  return VERIFY_CODES[checkMarketBatch(aligned, batch, known)].name.replace(/^ok$/, "");
}

const base = { instrument: 1, seq: 1, timeMs };
const writes: Record<string, (w: MarketBatchWriter) => void> = {
  marks: (w) => w.mark({ ...base, priceTicks: 5 }),
  indexPrices: (w) => w.indexPrice({ asset: 1, seq: 1, timeMs, price: 5 }),
  fundingRates: (w) => w.fundingRate({ ...base, rate: 0.1 }),
  quotes: (w) => w.quote({ ...base, bidTicks: 5, bidLots: 1, askTicks: 6, askLots: 1 }),
  impliedVols: (w) => w.impliedVol({ ...base, instrument: 2, vol: 0.5, underlying: 10 }),
  trades: (w) => w.trade({ ...base, aggressor: 1, priceTicks: 5, qtyLots: 6 }),
  bookLevels: (w) =>
    w.bookLevel({ instrument: 1, side: 1, flags: 6, firstId: 5, lastId: 9, prevId: 4, timeMs, priceTicks: 5, qtyLots: 6 }),
};

const E53 = 2n ** 53n;
const INF = Number.POSITIVE_INFINITY;
const positive: [bigint, string][] = [
  [1n, ""],
  [E53 - 1n, ""],
  [0n, "out-of-range"],
  [-1n, "out-of-range"],
  [E53, "out-of-range"],
];
const nonNegative: [bigint, string][] = [
  [0n, ""],
  [E53 - 1n, ""],
  [-1n, "out-of-range"],
  [E53, "out-of-range"],
];
const time: [bigint, string][] = [
  [0n, "bad-time"],
  [946_684_800_000_000_000n, ""],
  [7_258_118_400_000_000_000n, "bad-time"],
];
const finite: [number, string][] = [
  [1e-300, ""],
  [1e300, ""],
  [0, "out-of-range"],
  [-0, "out-of-range"],
  [-1, "out-of-range"],
  [Number.NaN, "out-of-range"],
  [INF, "out-of-range"],
  [-INF, "out-of-range"],
];
const instrument: [number, string][] = [
  [4, ""],
  [3, ""],
  [0, "unknown-instrument"],
  [4096, "unknown-instrument"],
  [0xffffffff, "unknown-instrument"],
];

type Width = "u8" | "u32" | "i64" | "f64";
// One line a field: vector, field, where, how wide, values and what becomes of them.
const rules: [string, string, number, Width, [bigint | number, string][]][] = [
  ["marks", "instrument", MarkAt.instrument, "u32", instrument],
  ["marks", "seq", MarkAt.seq, "i64", positive],
  ["marks", "timeNs", MarkAt.timeNs, "i64", time],
  ["marks", "priceTicks", MarkAt.priceTicks, "i64", positive],
  [
    "indexPrices",
    "asset",
    IndexPriceAt.asset,
    "u32",
    [
      [1, ""],
      [0, "unknown-asset"],
      [2, "unknown-asset"],
      [256, "unknown-asset"],
    ],
  ],
  ["indexPrices", "seq", IndexPriceAt.seq, "i64", positive],
  ["indexPrices", "price", IndexPriceAt.price, "f64", finite],
  [
    "fundingRates",
    "instrument",
    FundingRateAt.instrument,
    "u32",
    [
      [1, ""],
      [2, "wrong-instrument-kind"],
      [3, "wrong-instrument-kind"],
      [4, "wrong-instrument-kind"],
      [5, "unknown-instrument"],
    ],
  ],
  [
    "fundingRates",
    "rate",
    FundingRateAt.rate,
    "f64",
    [
      [0, ""],
      [-1, ""],
      [1, ""],
      [1.0001, "out-of-range"],
      [Number.NaN, "out-of-range"],
      [-INF, "out-of-range"],
    ],
  ],
  [
    "fundingRates",
    "nextSettlementNs",
    FundingRateAt.nextSettlementNs,
    "i64",
    [
      [0n, ""],
      [1n, "bad-time"],
      [946_684_800_000_000_000n, ""],
    ],
  ],
  ["quotes", "seq", QuoteAt.seq, "i64", positive],
  [
    "quotes",
    "bidTicks",
    QuoteAt.bidTicks,
    "i64",
    [
      [6n, ""],
      [7n, "crossed-quote"],
      [-1n, "out-of-range"],
      [E53, "out-of-range"],
    ],
  ],
  ["quotes", "bidLots", QuoteAt.bidLots, "i64", positive],
  [
    "quotes",
    "askTicks",
    QuoteAt.askTicks,
    "i64",
    [
      [5n, ""],
      [E53 - 1n, ""],
      [-1n, "out-of-range"],
    ],
  ],
  ["quotes", "askLots", QuoteAt.askLots, "i64", positive],
  [
    "impliedVols",
    "instrument",
    ImpliedVolAt.instrument,
    "u32",
    [
      [2, ""],
      [1, "wrong-instrument-kind"],
      [0, "unknown-instrument"],
    ],
  ],
  ["impliedVols", "vol", ImpliedVolAt.vol, "f64", finite],
  ["impliedVols", "underlying", ImpliedVolAt.underlying, "f64", finite],
  [
    "trades",
    "aggressor",
    TradeAt.aggressor,
    "u8",
    [
      [0, ""],
      [2, ""],
      [3, "out-of-range"],
    ],
  ],
  ["trades", "priceTicks", TradeAt.priceTicks, "i64", positive],
  ["trades", "qtyLots", TradeAt.qtyLots, "i64", positive],
  ["trades", "tradeId", TradeAt.tradeId, "i64", nonNegative],
  ["bookLevels", "instrument", BookLevelAt.instrument, "u32", instrument],
  [
    "bookLevels",
    "side",
    BookLevelAt.side,
    "u8",
    [
      [1, ""],
      [2, ""],
      [3, "out-of-range"],
    ],
  ],
  [
    "bookLevels",
    "flags",
    BookLevelAt.flags,
    "u8",
    [
      [0, ""],
      [7, ""],
      [8, "bad-flags"],
    ],
  ],
  [
    "bookLevels",
    "firstId",
    BookLevelAt.firstId,
    "i64",
    [
      [0n, ""],
      [9n, ""],
      [-1n, "out-of-range"],
    ],
  ],
  [
    "bookLevels",
    "lastId",
    BookLevelAt.lastId,
    "i64",
    [
      [5n, ""],
      [4n, "out-of-range"],
      [E53, "out-of-range"],
    ],
  ],
  ["bookLevels", "prevId", BookLevelAt.prevId, "i64", nonNegative],
  ["bookLevels", "timeNs", BookLevelAt.timeNs, "i64", time],
  ["bookLevels", "priceTicks", BookLevelAt.priceTicks, "i64", positive],
  ["bookLevels", "qtyLots", BookLevelAt.qtyLots, "i64", nonNegative],
];

describe("market records", () => {
  it.each(Object.keys(writes))("%s are taken as the encoder writes them", (vector) => {
    expect(outcome(writes[vector])).toBe("");
  });

  it.each(rules)("%s: %s is held to its range", (vector, field, at, width, values) => {
    for (const [value, code] of values) {
      const got = outcome(writes[vector], (view, first) => {
        if (width === "u8") view.setUint8(first + at, Number(value));
        else if (width === "u32") view.setUint32(first + at, Number(value), true);
        else if (width === "i64") view.setBigInt64(first + at, BigInt(value), true);
        else view.setFloat64(first + at, Number(value), true);
      });
      expect(`${value}: ${got}`).toBe(`${value}: ${code}`);
      if (code !== "") expect([lastFault.vector, lastFault.index, lastFault.field]).toEqual([vector, 0, field]);
    }
  });

  it("a side of a quote is there with price and lots, or empty in both", () => {
    const empty = { bidTicks: 0, bidLots: 0, askTicks: 0, askLots: 0 };
    expect(outcome((w) => w.quote({ ...base, ...empty }))).toBe("");
    expect(outcome((w) => w.quote({ ...base, ...empty, bidTicks: 9, bidLots: 1 }))).toBe("");
    expect(outcome((w) => w.quote({ ...base, ...empty, askTicks: 9, askLots: 1 }))).toBe("");
    expect(
      outcome(
        (w) => w.quote({ ...base, ...empty }),
        (view, first) => view.setUint8(first + QuoteAt.bidLots, 1),
      ),
    ).toBe("not-zero");
    expect(lastReason()).toBe("quotes[0].bidLots is 1; it must be 0: bidTicks is 0, the side is empty");
  });

  it("a locked quote is taken, a crossed one is not", () => {
    const quote = { ...base, bidTicks: 6, bidLots: 1, askTicks: 6, askLots: 1 };
    expect(outcome((w) => w.quote(quote))).toBe("");
    const high = 2 ** 32;
    const cross = (view: DataView, first: number) => view.setBigInt64(first + QuoteAt.bidTicks, BigInt(high) + 1n, true);
    expect(outcome((w) => w.quote({ ...quote, askTicks: high + 1 }), cross)).toBe("");
    expect(outcome((w) => w.quote({ ...quote, askTicks: high }), cross)).toBe("crossed-quote");
    expect(lastReason()).toBe("quotes[0].bidTicks is 4294967297; it must be at most askTicks");
  });
});

describe("levels of book messages", () => {
  const level = {
    instrument: 1,
    side: 1 as 0 | 1 | 2,
    flags: 0,
    firstId: 5,
    lastId: 9,
    prevId: 4,
    timeMs,
    priceTicks: 5,
    qtyLots: 6,
  };
  const { First, Last, Snapshot } = { First: BookFlag.First, Last: BookFlag.Last, Snapshot: BookFlag.Snapshot };
  const none = { side: 0 as const, priceTicks: 0, qtyLots: 0 };
  const runs: [string, Partial<typeof level>[], string][] = [
    ["one message of three levels", [{ flags: First }, { priceTicks: 4 }, { side: 2, flags: Last }], ""],
    ["two messages", [{ flags: First }, { flags: Last }, { flags: First | Last, firstId: 10, lastId: 10, prevId: 9 }], ""],
    [
      "a message that began in the batch before, and one that goes on in the next",
      [{}, { flags: Last }, { flags: First | Snapshot }],
      "",
    ],
    ["a message without levels", [{ flags: First | Last, ...none }], ""],
    ["a message without levels that is not whole", [{ flags: First, ...none }], "broken-book-message"],
    ["a first without a last before it", [{ flags: First }, { flags: First | Last }], "broken-book-message"],
    ["a level after the last", [{ flags: First | Last }, { flags: Last }], "broken-book-message"],
    ["another instrument inside", [{ flags: First }, { instrument: 3, flags: Last }], "broken-book-message"],
    ["another first id inside", [{ flags: First }, { firstId: 6, flags: Last }], "broken-book-message"],
    ["another last id inside", [{ flags: First }, { lastId: 10, flags: Last }], "broken-book-message"],
    ["another previous id inside", [{ flags: First }, { prevId: 3, flags: Last }], "broken-book-message"],
    ["another time inside", [{ flags: First }, { timeMs: timeMs + 1, flags: Last }], "broken-book-message"],
    ["a snapshot that turns into a delta", [{ flags: First | Snapshot }, { flags: Last }], "broken-book-message"],
  ];
  it.each(runs)("%s", (_, levels, code) => {
    const write = (w: MarketBatchWriter) => {
      for (const change of levels) w.bookLevel({ ...level, ...change });
    };
    expect(outcome(write)).toBe(code);
    if (code !== "") expect(lastFault.index).toBe(levels.length - 1);
  });

  it("a record without side has neither price nor lots", () => {
    const write = (w: MarketBatchWriter) => w.bookLevel({ ...level, ...none, flags: First | Last });
    expect(outcome(write, (view, first) => view.setUint8(first + BookLevelAt.priceTicks, 1))).toBe("not-zero");
    expect(outcome(write, (view, first) => view.setUint8(first + BookLevelAt.qtyLots, 1))).toBe("not-zero");
  });
});
