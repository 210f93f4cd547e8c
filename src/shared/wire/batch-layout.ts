// The message families: identifier, vectors in schema order with their structs' sizes. The encoder lays a message out by this
// table, the verifier (src/ingest/verify) walks one by it.
import {
  AccountEventAt,
  AccountGroupAt,
  AlertAt,
  AssetAt,
  BatchHeaderAt,
  BookLevelAt,
  FundingRateAt,
  ImpliedVolAt,
  IndexPriceAt,
  InstrumentAt,
  MarginTableAt,
  MarginTierAt,
  MarkAt,
  QuoteAt,
  TradeAt,
} from "../../../schemas/generated/offsets";

/** BatchHeader.schema_version of this release. Fields may be added under it; what would be misread raises it. */
export const SCHEMA_VERSION = 1;

export interface VectorLayout {
  /** As in the schema, in camel case. */
  readonly name: string;
  readonly structBytes: number;
}

export interface BatchLayout {
  readonly name: string;
  /** Four ASCII letters at byte 4 of the message. */
  readonly identifier: string;
  /** The same as a little-endian u32. */
  readonly identifierWord: number;
  /** In schema order; vector i is table field i + 1, field 0 is the header. */
  readonly vectors: readonly VectorLayout[];
  /** The one vector of the family must be there (it may be empty); otherwise any may be absent. */
  readonly vectorsRequired: boolean;
  /** Where the encoder puts things. Other builders put them elsewhere, and are understood as well. */
  readonly tableAt: number;
  readonly headerAt: number;
  /** End of the table: the vectors follow. */
  readonly headBytes: number;
}

function batchLayout(name: string, identifier: string, vectorsRequired: boolean, vectors: VectorLayout[]): BatchLayout {
  const vtableEnd = 8 + 4 + 2 * (vectors.length + 1);
  const slotsBytes = 4 + 4 * vectors.length;
  // The table begins after its vtable, where the header inside it falls on a multiple of 8.
  const headerAt = Math.ceil((vtableEnd + slotsBytes) / 8) * 8;
  const tableAt = headerAt - slotsBytes;
  const word = [...identifier].reduce((sum, letter, i) => sum + letter.charCodeAt(0) * 256 ** i, 0);
  const headBytes = headerAt + BatchHeaderAt.bytes;
  return { name, identifier, identifierWord: word, vectors, vectorsRequired, tableAt, headerAt, headBytes };
}

export const ACCOUNT_BATCH = batchLayout("AccountBatch", "PLAC", true, [{ name: "events", structBytes: AccountEventAt.bytes }]);

export const MARKET_BATCH = batchLayout("MarketBatch", "PLMK", false, [
  { name: "marks", structBytes: MarkAt.bytes },
  { name: "indexPrices", structBytes: IndexPriceAt.bytes },
  { name: "fundingRates", structBytes: FundingRateAt.bytes },
  { name: "quotes", structBytes: QuoteAt.bytes },
  { name: "impliedVols", structBytes: ImpliedVolAt.bytes },
  { name: "trades", structBytes: TradeAt.bytes },
  { name: "bookLevels", structBytes: BookLevelAt.bytes },
]);

export const REFERENCE_BATCH = batchLayout("ReferenceBatch", "PLRF", false, [
  { name: "assets", structBytes: AssetAt.bytes },
  { name: "instruments", structBytes: InstrumentAt.bytes },
  { name: "marginTables", structBytes: MarginTableAt.bytes },
  { name: "marginTiers", structBytes: MarginTierAt.bytes },
  { name: "accountGroups", structBytes: AccountGroupAt.bytes },
]);

export const ALERT_BATCH = batchLayout("AlertBatch", "PLAL", true, [{ name: "alerts", structBytes: AlertAt.bytes }]);

/** Index of each vector in its family's `vectors`. */
export const enum MarketVector {
  marks = 0,
  indexPrices = 1,
  fundingRates = 2,
  quotes = 3,
  impliedVols = 4,
  trades = 5,
  bookLevels = 6,
}

export const enum ReferenceVector {
  assets = 0,
  instruments = 1,
  marginTables = 2,
  marginTiers = 3,
  accountGroups = 4,
}

/** The most vectors a family has. */
export const VECTORS_MAX = 7;
