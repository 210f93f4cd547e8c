// The careful line parser: `JSON.parse`, every field checked by name. It is the definition of what a capture line means, takes
// the lines the fast parser hands on (rare kinds, new symbols, anything odd), and words every error.
//
// Shapes (developers.binance.com, market streams): a line is `<receive ns> <json>`, the JSON bare or in the combined stream's
// wrapper `{"stream","data"}`. What tells the products apart, since spot and USD-M share symbols:
//   bookTicker   spot has no `e`; coin-margined carries `ps`
//   trade        derivatives carry `X` (execution type), spot the `M` its documentation says to ignore
//   depthUpdate  derivatives carry `pu`
//   REST depth   derivatives carry `E` and `T`; only coin-margined names its symbol

import { type DecimalStep, parseSteps } from "../decimal";
import type { BookDeltaEvent, BookSnapshotEvent, BookTickerEvent, CaptureEvent, TradeEvent } from "../events";
import { type Instrument, type Product, productOfSymbol } from "../instruments";
import { type CaptureContext, RECV_DIGITS, readReceiveUs } from "./context";
import { CaptureError, type CaptureErrorCode } from "./error";

type Json = Record<string, unknown>;

/** Execution types of a derivative's trade that are no print of the public book. */
const NON_PRINT_TYPES = new Set(["INSURANCE_FUND", "ADL", "NA"]);

export class CarefulLine {
  private line = 0;

  constructor(private readonly context: CaptureContext) {}

  /**
   * @param line 1-based number, for errors
   * @returns the event, or null for a trade that is no print
   * @throws CaptureError
   */
  parse(buf: Buffer, start: number, end: number, line: number): CaptureEvent | null {
    this.line = line;
    if (start === end) throw this.error("bad-receive-time", "the line is empty");
    const recvUs = readReceiveUs(buf, start, end);
    if (recvUs < 0) {
      const head = buf.toString("utf8", start, Math.min(end, start + 24));
      throw this.error(
        "bad-receive-time",
        `line begins with ${JSON.stringify(head)}, not with 19 digits of nanoseconds and a space`,
      );
    }
    const data = this.unwrap(this.parseJson(buf.toString("utf8", start + RECV_DIGITS + 1, end)));
    if (data.e === undefined && "lastUpdateId" in data) return this.snapshot(data, recvUs);
    if (data.e === undefined && "A" in data) return this.bookTicker(data, recvUs);
    switch (data.e) {
      case "bookTicker":
        return this.bookTicker(data, recvUs);
      case "trade":
        return this.trade(data, recvUs);
      case "depthUpdate":
        return this.delta(data, recvUs);
      case undefined:
        throw this.error("unknown-event", `no event name "e", and neither a book ticker nor a depth snapshot`);
      default:
        throw this.error("unknown-event", `event ${JSON.stringify(data.e)} is not one this reader knows`, "e");
    }
  }

  private parseJson(text: string): Json {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw this.error("bad-json", `not complete JSON, a torn line perhaps: ${(cause as Error).message}`);
    }
    return this.object(value, "the line");
  }

  private unwrap(root: Json): Json {
    if (!("stream" in root)) return root;
    this.string(root, "stream");
    if (!("data" in root)) throw this.error("missing-field", `"stream" without "data"`, "data");
    return this.object(root.data, `"data"`);
  }

  private bookTicker(data: Json, recvUs: number): BookTickerEvent {
    const derivative = data.e !== undefined;
    const instrument = this.instrument(data, derivative);
    const bidTicks = this.ticks(data, "b", instrument);
    const askTicks = this.ticks(data, "a", instrument);
    const bidLots = this.lots(data, "B", instrument);
    const askLots = this.lots(data, "A", instrument);
    if ((bidTicks === 0) !== (bidLots === 0)) throw this.error("bad-field", `"b" ${data.b} with "B" ${data.B}`, "b");
    if ((askTicks === 0) !== (askLots === 0)) throw this.error("bad-field", `"a" ${data.a} with "A" ${data.A}`, "a");
    const eventMs = this.context.stamp(derivative ? this.time(data, "E") : 0, recvUs);
    return {
      kind: "book-ticker",
      instrument,
      eventMs,
      transactMs: derivative ? this.time(data, "T") : 0,
      recvUs,
      timeSource: this.context.timeSource,
      updateId: this.integer(data, "u"),
      bidTicks,
      bidLots,
      askTicks,
      askLots,
    };
  }

  private trade(data: Json, recvUs: number): TradeEvent | null {
    const derivative = "X" in data;
    if (!derivative && !("M" in data))
      throw this.error("missing-field", `trade with neither "X" (derivatives) nor "M" (spot)`, "X");
    const instrument = this.instrument(data, derivative);
    const tradeId = this.integer(data, "t");
    const priceTicks = this.ticks(data, "p", instrument);
    const qtyLots = this.lots(data, "q", instrument);
    const buyerIsMaker = this.boolean(data, "m");
    const eventMs = this.context.stamp(this.time(data, "E"), recvUs);
    const transactMs = this.time(data, "T");
    if (derivative && data.X !== "MARKET") {
      if (!NON_PRINT_TYPES.has(this.string(data, "X"))) {
        throw this.error("bad-field", `"X" ${JSON.stringify(data.X)} is not a known execution type`, "X");
      }
      this.context.nonPrintCount++;
      return null;
    }
    if (priceTicks === 0) throw this.error("bad-field", `trade at price 0`, "p");
    if (qtyLots === 0) throw this.error("bad-field", `trade of quantity 0`, "q");
    return {
      kind: "trade",
      instrument,
      eventMs,
      transactMs,
      recvUs,
      timeSource: this.context.timeSource,
      tradeId,
      priceTicks,
      qtyLots,
      takerSide: buyerIsMaker ? -1 : 1,
    };
  }

  private delta(data: Json, recvUs: number): BookDeltaEvent {
    const derivative = "pu" in data;
    const instrument = this.instrument(data, derivative);
    const firstId = this.integer(data, "U");
    const lastId = this.integer(data, "u");
    if (lastId < firstId) throw this.error("bad-field", `"u" ${lastId} is below "U" ${firstId}`, "u");
    // Spot numbers its updates without holes, so the previous id is the one before the first.
    const prevId = derivative ? this.integer(data, "pu") : firstId - 1;
    if (prevId >= firstId) throw this.error("bad-field", `"pu" ${prevId} is not below "U" ${firstId}`, "pu");
    const eventMs = this.context.stamp(this.time(data, "E"), recvUs);
    const transactMs = derivative ? this.time(data, "T") : 0;
    const timeSource = this.context.timeSource;
    const pool = this.context.pool;
    const start = pool.used;
    const afterBids = this.levels(data, "b", instrument, start);
    const bidCount = pool.used - afterBids;
    const offset = this.levels(data, "a", instrument, afterBids);
    const askCount = pool.used - offset - bidCount;
    return {
      kind: "book-delta",
      instrument,
      eventMs,
      transactMs,
      recvUs,
      timeSource,
      prevId,
      firstId,
      lastId,
      priceTicks: pool.priceTicks,
      qtyLots: pool.qtyLots,
      offset,
      bidCount,
      askCount,
    };
  }

  private snapshot(data: Json, recvUs: number): BookSnapshotEvent {
    const derivative = "E" in data || "T" in data;
    const instrument = this.snapshotInstrument(data, derivative);
    const lastId = this.integer(data, "lastUpdateId");
    const eventMs = this.context.stamp(derivative ? this.time(data, "E") : 0, recvUs);
    const transactMs = derivative ? this.time(data, "T") : 0;
    const timeSource = this.context.timeSource;
    const pool = this.context.pool;
    const start = pool.used;
    const afterBids = this.levels(data, "bids", instrument, start);
    const bidCount = pool.used - afterBids;
    const offset = this.levels(data, "asks", instrument, afterBids);
    const askCount = pool.used - offset - bidCount;
    return {
      kind: "book-snapshot",
      instrument,
      eventMs,
      transactMs,
      recvUs,
      timeSource,
      lastId,
      priceTicks: pool.priceTicks,
      qtyLots: pool.qtyLots,
      offset,
      bidCount,
      askCount,
    };
  }

  private instrument(data: Json, derivative: boolean): Instrument {
    const symbol = this.string(data, "s");
    return this.resolve(symbol, this.product(symbol, derivative, "ps" in data));
  }

  private product(symbol: string, derivative: boolean, hasPair: boolean): Product {
    if (!derivative) return "spot";
    return hasPair ? "coinm" : productOfSymbol(symbol);
  }

  private snapshotInstrument(data: Json, derivative: boolean): Instrument {
    if ("symbol" in data) {
      const symbol = this.string(data, "symbol");
      return this.resolve(symbol, this.product(symbol, derivative, "pair" in data));
    }
    const named = this.context.plainSymbol;
    if (named !== undefined) return this.resolve(named, this.product(named, derivative, false));
    const seen = this.context.instruments.filter((one) => (one.product !== "spot") === derivative);
    if (seen.length === 1) return this.resolve(seen[0]!.venueSymbol, seen[0]!.product);
    const which = seen.length === 0 ? "no line before it tells" : `${seen.map((one) => one.symbol).join(" and ")} would do`;
    throw this.error("ambiguous-symbol", `a depth snapshot that names no symbol, and ${which}`);
  }

  private resolve(symbol: string, product: Product): Instrument {
    const instrument = this.context.resolve(symbol, product);
    if (instrument === undefined) throw this.error("unknown-instrument", `no contract terms for ${product} ${symbol}`, "s");
    return instrument;
  }

  /** Appends the levels of one side to the pool; returns where the message begins now. */
  private levels(data: Json, field: string, instrument: Instrument, offset: number): number {
    const side = this.required(data, field);
    if (!Array.isArray(side)) throw this.error("bad-field", `"${field}" is not an array`, field);
    let start = offset;
    for (const level of side) {
      if (!Array.isArray(level) || level.length !== 2 || typeof level[0] !== "string" || typeof level[1] !== "string") {
        throw this.error("bad-field", `"${field}" has a level ${JSON.stringify(level)} that is not ["price","quantity"]`, field);
      }
      const priceTicks = this.steps(level[0], field, "price", instrument, instrument.tick);
      if (priceTicks === 0) throw this.error("bad-field", `"${field}" has a level at price 0`, field);
      start = this.context.pool.push(start, priceTicks, this.steps(level[1], field, "quantity", instrument, instrument.lot));
    }
    return start;
  }

  private ticks(data: Json, field: string, instrument: Instrument): number {
    return this.steps(this.string(data, field), field, "price", instrument, instrument.tick);
  }

  private lots(data: Json, field: string, instrument: Instrument): number {
    return this.steps(this.string(data, field), field, "quantity", instrument, instrument.lot);
  }

  private steps(text: string, field: string, what: string, instrument: Instrument, step: DecimalStep): number {
    try {
      return parseSteps(text, step);
    } catch (cause) {
      const message = (cause as Error).message;
      const code = message.includes("multiple") ? "off-step" : "bad-field";
      const unit = what === "price" ? "tick" : "lot";
      throw this.error(code, `"${field}": ${what} ${message}, the ${unit} of ${instrument.symbol}`, field);
    }
  }

  private required(data: Json, field: string): unknown {
    const value = data[field];
    if (value === undefined) throw this.error("missing-field", `"${field}" is missing`, field);
    return value;
  }

  private integer(data: Json, field: string): number {
    const value = this.required(data, field);
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
      throw this.error("bad-field", `"${field}" ${JSON.stringify(value)} is not a whole number from 0 to 2^53 − 1`, field);
    }
    return value;
  }

  private time(data: Json, field: string): number {
    const value = this.integer(data, field);
    if (value === 0) throw this.error("bad-field", `"${field}" is a time of 0`, field);
    return value;
  }

  private string(data: Json, field: string): string {
    const value = this.required(data, field);
    if (typeof value !== "string") throw this.error("bad-field", `"${field}" ${JSON.stringify(value)} is not a string`, field);
    return value;
  }

  private boolean(data: Json, field: string): boolean {
    const value = this.required(data, field);
    if (typeof value !== "boolean")
      throw this.error("bad-field", `"${field}" ${JSON.stringify(value)} is not true or false`, field);
    return value;
  }

  private object(value: unknown, what: string): Json {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw this.error("bad-json", `${what} is not a JSON object`);
    }
    return value as Json;
  }

  private error(code: CaptureErrorCode, detail: string, field?: string): CaptureError {
    return new CaptureError(code, this.context.file, this.line, detail, field);
  }
}
