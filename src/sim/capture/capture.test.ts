import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CaptureEvent } from "../events";
import { instrumentFor, makeInstrument } from "../instruments";
import { CarefulLine } from "./careful-line";
import { CaptureContext } from "./context";
import { CaptureError } from "./error";
import { FastLine } from "./fast-line";
import { mergeCaptures } from "./merge";
import { type CaptureOptions, CaptureReader } from "./reader";
import { RECORDINGS, RECORDINGS_ABSENT, SKIPPED_BECAUSE } from "./recordings";

const NS = "1723161255088169167";

// One line of each kind and product, as the venue writes them.
const USDM_TICKER = `${NS} {"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":5123107839020,"s":"BTCUSDT","b":"61800.20","B":"2.507","a":"61800.30","A":"2.510","T":1723161256313,"E":1723161256314}}`;
const USDM_TRADE = `${NS} {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256322,"T":1723161256321,"s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006","X":"MARKET","m":false}}`;
const USDM_DELTA = `${NS} {"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256299,"T":1723161256298,"s":"BTCUSDT","U":12,"u":19,"pu":9,"b":[["58710.20","0.014"],["61510.90","0.000"]],"a":[["61900.00","1.000"]]}}`;
const USDM_SNAPSHOT = `${NS} {"lastUpdateId":15,"E":1723161256501,"T":1723161256493,"bids":[["61800.20","2.909"]],"asks":[["61800.30","0.696"],["61800.40","0.004"]]}`;
const COINM_TICKER = `${NS} {"stream":"btcusd_perp@bookTicker","data":{"u":1007198632021,"e":"bookTicker","s":"BTCUSD_PERP","ps":"BTCUSD","b":"61804.7","B":"35","a":"61804.8","A":"1645","T":1723161257465,"E":1723161257476}}`;
const COINM_TRADE = `${NS} {"stream":"btcusd_perp@trade","data":{"e":"trade","E":1723161257687,"T":1723161257679,"s":"BTCUSD_PERP","t":849714402,"p":"61804.8","q":"4","X":"MARKET","m":true}}`;
const COINM_DELTA = `${NS} {"stream":"btcusd_perp@depth@0ms","data":{"e":"depthUpdate","E":1723161257440,"T":1723161257432,"s":"BTCUSD_PERP","ps":"BTCUSD","U":12,"u":19,"pu":9,"b":[["61773.6","1001"]],"a":[]}}`;
const COINM_SNAPSHOT = `${NS} {"lastUpdateId":15,"E":1723161257835,"T":1723161257823,"symbol":"BTCUSD_PERP","pair":"BTCUSD","bids":[["61804.7","35"]],"asks":[]}`;
const SPOT_TICKER = `${NS} {"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64000000","A":"1.54698000"}}`;
const SPOT_TRADE = `${NS} {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}`;
const SPOT_DELTA = `${NS} {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":16,"u":18,"b":[["61737.63000000","0.00000000"]],"a":[["61837.64000000","1.54698000"]]}}`;
const SPOT_SNAPSHOT = `${NS} {"lastUpdateId":15,"bids":[["61837.63000000","3.78826000"]],"asks":[["61837.64000000","1.54698000"]]}`;

const ALL_LINES = [
  USDM_TICKER,
  USDM_TRADE,
  USDM_DELTA,
  USDM_SNAPSHOT,
  COINM_TICKER,
  COINM_TRADE,
  COINM_DELTA,
  COINM_SNAPSHOT,
  SPOT_TICKER,
  SPOT_TRADE,
  SPOT_DELTA,
  SPOT_SNAPSHOT,
];

let folder: string;
let files = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "capture-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(content: string | Uint8Array): string {
  const file = join(folder, `capture-${files++}`);
  writeFileSync(file, content);
  return file;
}

async function readAll(file: string, options?: CaptureOptions): Promise<CaptureEvent[]> {
  const events: CaptureEvent[] = [];
  for await (const batch of await CaptureReader.open(file, options)) events.push(...batch.events);
  return events;
}

/** The error that ends the reading, and the events before it. */
async function readToError(content: string | Uint8Array, options?: CaptureOptions) {
  const events: CaptureEvent[] = [];
  const file = write(content);
  try {
    for await (const batch of await CaptureReader.open(file, options)) events.push(...batch.events);
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    expect(error.message.startsWith(error.line > 0 ? `${file}:${error.line}: ` : `${file}: `)).toBe(true);
    return { error, events };
  }
  throw new Error("the capture was read to its end");
}

/** An event with its levels as lists, so that two can be compared. */
function plain(event: CaptureEvent | null | undefined) {
  if (event === null || event === undefined || !("offset" in event)) return event;
  const { priceTicks, qtyLots, offset, ...rest } = event;
  const end = offset + event.bidCount + event.askCount;
  return { ...rest, prices: [...priceTicks.subarray(offset, end)], lots: [...qtyLots.subarray(offset, end)] };
}

/** The same without what a line takes from the lines before it, for a parser that has not seen them all. */
function plainTimeless(event: CaptureEvent | null) {
  const { eventMs, timeSource, ...rest } = plain(event)!;
  return timeSource === "event" ? { eventMs, timeSource, ...rest } : rest;
}

describe("a capture line", () => {
  it("of each kind and product is read, exactly", async () => {
    const events = (await readAll(write(ALL_LINES.join("\n")))).map(plain);
    const recvUs = 1723161255088169;
    const usdm = { instrument: instrumentFor("BTCUSDT"), recvUs, timeSource: "event" };
    const coinm = { ...usdm, instrument: instrumentFor("BTCUSD_PERP") };
    const spot = { ...usdm, instrument: instrumentFor("BTCUSDT", "spot") };
    const carried = { ...spot, eventMs: 1723161257835, transactMs: 0, timeSource: "carried" };
    const top = { kind: "book-ticker", bidTicks: 618_002, bidLots: 2_507, askTicks: 618_003, askLots: 2_510 };
    const spotTop = { bidTicks: 6_183_763, bidLots: 378_826_000, askTicks: 6_183_764, askLots: 154_698_000 };
    const delta = { kind: "book-delta", prevId: 9, firstId: 12, lastId: 19 };
    const snapshot = { kind: "book-snapshot", lastId: 15 };
    expect(events).toEqual([
      { ...usdm, ...top, eventMs: 1723161256314, transactMs: 1723161256313, updateId: 5123107839020 },
      {
        ...usdm,
        kind: "trade",
        eventMs: 1723161256322,
        transactMs: 1723161256321,
        tradeId: 5266583935,
        priceTicks: 618_003,
        qtyLots: 6,
        takerSide: 1,
      },
      {
        ...usdm,
        ...delta,
        eventMs: 1723161256299,
        transactMs: 1723161256298,
        bidCount: 2,
        askCount: 1,
        prices: [587_102, 615_109, 619_000],
        lots: [14, 0, 1_000],
      },
      {
        ...usdm,
        ...snapshot,
        eventMs: 1723161256501,
        transactMs: 1723161256493,
        bidCount: 1,
        askCount: 2,
        prices: [618_002, 618_003, 618_004],
        lots: [2_909, 696, 4],
      },
      {
        ...coinm,
        kind: "book-ticker",
        eventMs: 1723161257476,
        transactMs: 1723161257465,
        updateId: 1007198632021,
        bidTicks: 618_047,
        bidLots: 35,
        askTicks: 618_048,
        askLots: 1_645,
      },
      {
        ...coinm,
        kind: "trade",
        eventMs: 1723161257687,
        transactMs: 1723161257679,
        tradeId: 849714402,
        priceTicks: 618_048,
        qtyLots: 4,
        takerSide: -1,
      },
      {
        ...coinm,
        ...delta,
        eventMs: 1723161257440,
        transactMs: 1723161257432,
        bidCount: 1,
        askCount: 0,
        prices: [617_736],
        lots: [1_001],
      },
      {
        ...coinm,
        ...snapshot,
        eventMs: 1723161257835,
        transactMs: 1723161257823,
        bidCount: 1,
        askCount: 0,
        prices: [618_047],
        lots: [35],
      },
      { ...carried, ...spotTop, kind: "book-ticker", updateId: 50093239212 },
      {
        ...spot,
        kind: "trade",
        eventMs: 1723161255343,
        transactMs: 1723161255342,
        tradeId: 3735683259,
        priceTicks: 6_183_763,
        qtyLots: 2_000_000,
        takerSide: -1,
      },
      {
        ...spot,
        ...delta,
        eventMs: 1723161255208,
        transactMs: 0,
        prevId: 15,
        firstId: 16,
        lastId: 18,
        bidCount: 1,
        askCount: 1,
        prices: [6_173_763, 6_183_764],
        lots: [0, 154_698_000],
      },
      { ...carried, ...snapshot, bidCount: 1, askCount: 1, prices: [6_183_763, 6_183_764], lots: [378_826_000, 154_698_000] },
    ]);
  });

  it("without the combined stream's wrapper means the same", async () => {
    const bare = ALL_LINES.map((line) => line.replace(/^(\d+) \{"stream":"[^"]*","data":(.*)\}$/, "$1 $2"));
    expect(bare[0]).not.toBe(ALL_LINES[0]);
    expect((await readAll(write(bare.join("\n")))).map(plain)).toEqual((await readAll(write(ALL_LINES.join("\n")))).map(plain));
  });

  it("that carries no time, before any did, is stamped with the recorder's clock and says so", async () => {
    const [event] = await readAll(write(SPOT_TICKER));
    expect(event).toMatchObject({ eventMs: 1723161255088, timeSource: "received" });
  });

  it("that is a trade but no print of the public book is counted and not delivered", async () => {
    const file = write([USDM_TICKER, USDM_TRADE.replace("MARKET", "INSURANCE_FUND")].join("\n"));
    const reader = await CaptureReader.open(file);
    let delivered = 0;
    for await (const { events } of reader) delivered += events.length;
    expect([delivered, reader.nonPrintCount, reader.lineCount]).toEqual([1, 1, 2]);
  });

  it("may end in CR LF", async () => {
    expect(await readAll(write(`${USDM_TICKER}\r\n${USDM_TRADE}\r\n`))).toHaveLength(2);
  });

  it("of an instrument the table lacks is read where the caller gives its terms", async () => {
    const line = USDM_TRADE.replace('"BTCUSDT"', '"DOGEUSDT"').replace("61800.30", "0.10570").replace('"0.006"', '"17"');
    const doge = makeInstrument({
      ...instrumentFor("BTCUSDT")!,
      venueSymbol: "DOGEUSDT",
      base: "DOGE",
      tickSize: "0.00001",
      lotSize: "1",
    });
    const [event] = await readAll(write(line), { instruments: [doge] });
    expect(event).toMatchObject({ instrument: doge, priceTicks: 10_570, qtyLots: 17 });
  });

  it.each([
    ["torn in the middle", `${USDM_TICKER.slice(0, 180)}`, "bad-json", undefined],
    ["torn before its last brace", USDM_TICKER.slice(0, -1), "bad-json", undefined],
    ["that is a list", `${NS} []`, "bad-json", undefined],
    ["that is empty", "", "bad-receive-time", undefined],
    ["without a receive time", USDM_TICKER.slice(20), "bad-receive-time", undefined],
    ["with milliseconds for a receive time", `1723161255088 ${USDM_TICKER.slice(20)}`, "bad-receive-time", undefined],
    ["of an event it does not know", USDM_TRADE.replace('"trade"', '"aggTrade"'), "unknown-event", "e"],
    ["of no event at all", `${NS} {"result":null,"id":1}`, "unknown-event", undefined],
    ["whose stream has no data", `${NS} {"stream":"btcusdt@trade"}`, "missing-field", "data"],
    ["without its price", USDM_TRADE.replace('"p":"61800.30",', ""), "missing-field", "p"],
    ["without its time", USDM_DELTA.replace('"E":1723161256299,', ""), "missing-field", "E"],
    ["without a symbol", USDM_TRADE.replace('"s":"BTCUSDT",', ""), "missing-field", "s"],
    ["that is a trade of no known product", USDM_TRADE.replace('"X":"MARKET",', ""), "missing-field", "X"],
    ["with an unknown execution type", USDM_TRADE.replace("MARKET", "ODD"), "bad-field", "X"],
    ["with a price that is a number", USDM_TRADE.replace('"61800.30"', "61800.30"), "bad-field", "p"],
    ["with a negative price", USDM_TRADE.replace("61800.30", "-61800.30"), "bad-field", "p"],
    ["with an exponent", USDM_TRADE.replace("61800.30", "6e4"), "bad-field", "p"],
    ["with a price of zero", USDM_TRADE.replace("61800.30", "0.00"), "bad-field", "p"],
    ["with a quantity of zero", USDM_TRADE.replace("0.006", "0.000"), "bad-field", "q"],
    ["with a price off the tick", USDM_TRADE.replace("61800.30", "61800.35"), "off-step", "p"],
    ["with a quantity off the lot", USDM_TRADE.replace("0.006", "0.0065"), "off-step", "q"],
    ["with a level off the tick", USDM_DELTA.replace("58710.20", "58710.25"), "off-step", "b"],
    ["with a level of one number", USDM_DELTA.replace('["61900.00","1.000"]', '["61900.00"]'), "bad-field", "a"],
    ["with a level at price zero", USDM_DELTA.replace("61900.00", "0"), "bad-field", "a"],
    ["with a quantity but no price", USDM_TICKER.replace("61800.20", "0.00"), "bad-field", "b"],
    ["with a trade id beyond exact numbers", USDM_TRADE.replace("5266583935", "9007199254740993"), "bad-field", "t"],
    ["whose ids go backwards", USDM_DELTA.replace('"u":19', '"u":11'), "bad-field", "u"],
    ["whose previous id is not before its first", USDM_DELTA.replace('"pu":9', '"pu":12'), "bad-field", "pu"],
    ["of an unknown symbol", USDM_TRADE.replace('"BTCUSDT"', '"DOGEUSDT"'), "unknown-instrument", "s"],
    ["that is a spot snapshot in a file of derivatives", SPOT_SNAPSHOT, "ambiguous-symbol", undefined],
  ])("%s is one clear error, after the lines before it", async (_what, line, code, field) => {
    const { error, events } = await readToError(`${USDM_TICKER}\n${USDM_TRADE}\n${line}\n${USDM_TRADE}\n`);
    expect({ code: error.code, line: error.line, field: error.field }).toEqual({ code, line: 3, field });
    expect(events).toHaveLength(2);
  });

  it("off the tick says line, field and value", async () => {
    const { error } = await readToError(`${USDM_TRADE.replace("61800.30", "61800.35")}\n`);
    expect(error.message).toMatch(/:1: "p": price "61800\.35" is not a multiple of 0\.1, the tick of BTCUSDT/);
  });
});

describe("a depth snapshot that names no symbol", () => {
  it("belongs to the only instrument of its file", async () => {
    const events = await readAll(write([SPOT_DELTA, SPOT_SNAPSHOT].join("\n")));
    expect(events[1]).toMatchObject({ kind: "book-snapshot", instrument: instrumentFor("BTCUSDT", "spot") });
  });

  it("at the head of a file needs the caller to name it", async () => {
    const { error } = await readToError(`${USDM_SNAPSHOT}\n${USDM_TICKER}\n`);
    expect(error).toMatchObject({ code: "ambiguous-symbol", line: 1 });
    const [event] = await readAll(write(`${USDM_SNAPSHOT}\n`), { symbol: "BTCUSDT" });
    expect(event).toMatchObject({ instrument: instrumentFor("BTCUSDT") });
  });

  it("in a file of two instruments is refused", async () => {
    const eth = USDM_TICKER.replaceAll("BTCUSDT", "ETHUSDT");
    const { error } = await readToError([USDM_TICKER, eth, USDM_SNAPSHOT].join("\n"));
    expect(error).toMatchObject({ code: "ambiguous-symbol", line: 3 });
  });
});

describe("a capture file", () => {
  const many = Array.from({ length: 3_000 }, (_, i) => ALL_LINES[i % 3]).join("\n");

  it("compressed reads as it does plain, whatever its name", async () => {
    const events = await readAll(write(gzipSync(many)));
    expect(events.map(plain)).toEqual((await readAll(write(many))).map(plain));
    expect(events).toHaveLength(3_000);
  });

  it("tells how far it is, and ends at its size", async () => {
    const file = write(many);
    const reader = await CaptureReader.open(file);
    expect(reader.instruments.map((one) => one.symbol)).toEqual(["BTCUSDT"]);
    const progress: number[] = [];
    for await (const batch of reader) progress.push(batch.bytesRead);
    expect(progress.length).toBeGreaterThan(1);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(progress.at(-1)).toBe(reader.totalBytes);
  });

  it("compressed and cut short is an error, after the events that are whole", async () => {
    const compressed = gzipSync(many);
    const { error, events } = await readToError(compressed.subarray(0, compressed.length - 9));
    expect(error.code).toBe("bad-gzip");
    expect(error.line).toBe(events.length + 1);
    expect(events.length).toBeGreaterThan(0);
  });

  it("that is not there, is empty, or has no line end is an error without guesses", async () => {
    await expect(CaptureReader.open(join(folder, "absent"))).rejects.toMatchObject({ code: "cannot-read" });
    expect((await readToError("")).error.code).toBe("empty-file");
    expect((await readToError("x".repeat(5 * 1024 * 1024))).error.code).toBe("line-too-long");
  });

  it("can be left in the middle", async () => {
    const reader = await CaptureReader.open(write(many));
    for await (const _ of reader) break;
    await reader.close();
    expect(reader.lineCount).toBeLessThan(3_000);
  });

  it("merges with others by receive time, each in its own order", async () => {
    const at = (line: string, ns: number) => `17231612550881${String(ns).padStart(5, "0")}${line.slice(19)}`;
    const a = write([1, 4, 4, 9].map((ns) => at(USDM_TICKER, ns * 1000)).join("\n"));
    const b = write([2, 4, 5].map((ns) => at(COINM_TICKER, ns * 1000)).join("\n"));
    const merged: string[] = [];
    let last = { bytesRead: 0, totalBytes: 1 };
    for await (const batch of mergeCaptures([await CaptureReader.open(a), await CaptureReader.open(b)])) {
      last = batch;
      for (const event of batch.events) merged.push(`${event.instrument.symbol[6] === "_" ? "b" : "a"}${event.recvUs % 10}`);
    }
    expect(merged).toEqual(["a1", "b2", "a4", "a4", "b4", "b5", "a9"]);
    expect(last.bytesRead).toBe(last.totalBytes);
  });
});

describe("the fast parser", () => {
  /** Both parsers on one line, each in a recording that has just met the line's instrument. */
  function both(first: string, line: Buffer) {
    const before = Buffer.from(first);
    const outcome = (parse: (context: CaptureContext) => CaptureEvent | null | undefined) => {
      const context = new CaptureContext("file");
      new CarefulLine(context).parse(before, 0, before.length, 1);
      try {
        return { event: plain(parse(context)), used: context.pool.used };
      } catch (error) {
        return { error: (error as CaptureError).message };
      }
    };
    return {
      fast: outcome((context) => new FastLine(context).parse(line, 0, line.length)),
      careful: outcome((context) => new CarefulLine(context).parse(line, 0, line.length, 2)),
    };
  }

  const FIRST_LINES = [USDM_TICKER, COINM_TICKER, SPOT_TICKER];

  it("takes the common lines", () => {
    for (const line of [USDM_TRADE, USDM_DELTA, USDM_TICKER])
      expect(both(USDM_TICKER, Buffer.from(line)).fast.event).toBeDefined();
    for (const line of [COINM_TRADE, COINM_DELTA, COINM_TICKER])
      expect(both(COINM_TICKER, Buffer.from(line)).fast.event).toBeDefined();
    for (const line of [SPOT_TRADE, SPOT_DELTA, SPOT_TICKER])
      expect(both(SPOT_TICKER, Buffer.from(line)).fast.event).toBeDefined();
  });

  it.each([
    [
      "asks given twice",
      USDM_DELTA.replace('"a":[["61900.00","1.000"]]', '"a":[["61900.00","1.000"]],"a":[["61901.00","2.000"]]'),
    ],
    ["bids given twice", USDM_DELTA.replace('"a":[', '"b":[["61000.00","1.000"]],"a":[')],
    ["asks before bids", USDM_DELTA.replace(/"b":(.*),"a":(.*)\}\}$/, '"a":$2,"b":$1}}')],
    ["a number with a leading zero", USDM_TRADE.replace('"t":5', '"t":05')],
    ["a field it does not know", USDM_TRADE.replace('"m":false', '"m":false,"z":1')],
    ["something after its end", `${USDM_TRADE}}`],
    ["white space", USDM_TRADE.replace('"e":"trade",', '"e": "trade",')],
    ["an escape", USDM_TRADE.replace('"X":"MARKET"', '"X":"M\\u0041RKET"')],
    ["a price of more digits than are exact whatever they are", USDM_TRADE.replace("61800.30", "00000000000061800.30")],
  ])("leaves a line with %s to the careful one", (_what, line) => {
    expect(line).not.toBe(USDM_TRADE);
    expect(both(USDM_TICKER, Buffer.from(line)).fast).toEqual({ event: undefined, used: 0 });
  });

  it("never reads a damaged line differently from the careful one, and gives back the levels of a line it refuses", () => {
    const damage = fc.record({
      line: fc.constantFrom(...ALL_LINES),
      first: fc.constantFrom(...FIRST_LINES),
      edits: fc.array(
        fc.record({
          at: fc.nat({ max: 420 }),
          what: fc.constantFrom("replace", "insert", "remove", "cut", "repeat"),
          byte: fc.constantFrom(...Buffer.from('0159.,:"[]{}\\ -eEpmsutUTbBaAx\n')),
        }),
        { maxLength: 3 },
      ),
    });
    let taken = 0;
    fc.assert(
      fc.property(damage, ({ line, first, edits }) => {
        let bytes = [...Buffer.from(line)];
        for (const { at, what, byte } of edits) {
          const i = at % (bytes.length + 1);
          if (what === "replace") bytes[i] = byte;
          else if (what === "insert") bytes.splice(i, 0, byte);
          else if (what === "remove") bytes.splice(i, 1);
          else if (what === "cut") bytes = bytes.slice(0, i);
          else bytes.splice(i, 0, ...bytes.slice(Math.max(0, i - 12), i));
        }
        const { fast, careful } = both(first, Buffer.from(bytes));
        if (fast.event === undefined) {
          expect(fast).toEqual({ event: undefined, used: 0 });
          return;
        }
        taken++;
        expect(fast).toEqual(careful);
      }),
      { numRuns: 4_000 },
    );
    expect(taken).toBeGreaterThan(100);
  });
});

describe.skipIf(RECORDINGS_ABSENT)(`the recordings${SKIPPED_BECAUSE}`, () => {
  it.each([
    [RECORDINGS.usdmBtc, "BTCUSDT", 93_954, { "book-ticker": 66_089, trade: 21_313, "book-delta": 6_551, "book-snapshot": 1 }],
    [RECORDINGS.usdmEth, "ETHUSDT", 74_655, { "book-ticker": 53_992, trade: 14_076, "book-delta": 6_586, "book-snapshot": 1 }],
    [
      RECORDINGS.coinmBtc,
      "BTCUSD_PERP",
      48_270,
      { "book-ticker": 19_136, trade: 2_286, "book-delta": 26_847, "book-snapshot": 1 },
    ],
    [
      RECORDINGS.spotBtc,
      "BTCUSDT-SPOT",
      41_249,
      { "book-ticker": 28_040, trade: 9_757, "book-delta": 3_451, "book-snapshot": 1 },
    ],
  ])("%s has every line, and no gap in its update ids", async (file, symbol, lineCount, expected) => {
    const reader = await CaptureReader.open(file);
    const counts: Record<string, number> = {};
    let lastId = -1;
    let gaps = 0;
    for await (const { events } of reader) {
      for (const event of events) {
        counts[event.kind] = (counts[event.kind] ?? 0) + 1;
        if (event.kind !== "book-delta") continue;
        if (lastId >= 0 && event.prevId !== lastId) gaps++;
        lastId = event.lastId;
      }
    }
    expect(counts).toEqual(expected);
    expect(gaps).toBe(0);
    expect(reader.lineCount).toBe(lineCount);
    expect(reader.instruments.map((one) => one.symbol)).toEqual([symbol]);
  });

  it.each(Object.entries(RECORDINGS))(
    "the fast parser takes all but a handful of lines of %s, and reads them as the careful one",
    (_name, file) => {
      const buf = gunzipSync(readFileSync(file));
      const fastContext = new CaptureContext(file);
      const carefulContext = new CaptureContext(file);
      const fast = new FastLine(fastContext);
      const careful = new CarefulLine(carefulContext);
      const fallback = new CarefulLine(fastContext);
      let refused = 0;
      let line = 0;
      for (let start = 0; start < buf.length; line++) {
        const stop = buf.indexOf(10, start);
        const event = fast.parse(buf, start, stop);
        if (event === undefined) {
          refused++;
          fallback.parse(buf, start, stop, line);
        }
        // Every line through the fast parser, every seventh also through the careful one: enough, and quick.
        if (line % 7 === 0 && event !== undefined)
          expect(plain(event)).toMatchObject(plainTimeless(careful.parse(buf, start, stop, line)));
        start = stop + 1;
      }
      // The first line, which makes the instrument known, and the depth snapshot.
      expect(refused).toBe(2);
    },
  );
});
