// What a test and the thread that it starts agree on.
import { InstrumentKind, MarginModel, Payoff } from "../../schemas/generated";
import { ReferenceBatchWriter } from "../../src/shared/wire/encode";

export type WriterOrder =
  /** Runs the kernel on a shard's memory until `stop` is set. */
  | { type: "shard"; memory: WebAssembly.Memory; market: SharedArrayBuffer; kernel: WebAssembly.Module; stop: SharedArrayBuffer }
  /** Writes so many versions of the rows of instrument 1 and asset 2, or until `stop` is set. */
  | { type: "market"; market: SharedArrayBuffer; versions: number; stop: SharedArrayBuffer }
  /** Puts so many records into a ring, or until `stop` is set. */
  | { type: "ring"; memory: SharedArrayBuffer; records: number; publishesFirst: boolean; stop: SharedArrayBuffer };

/** 4-byte words of a record of the ring test: each holds the record's number. */
export const RECORD_WORDS = 16;

export const TIME_MS = Date.UTC(2025, 5, 1);
/** Contracts whose numbers are whole, so that what a row must say follows exactly from how many fills, or quotes, it has seen. */
export const PRICE = 100;
export const MARK = 110;
export const WALLET = 10_000_000;
export const INITIAL_RATE = 0.5;

/** Perpetuals 1 and 2 and future 3 in asset 1; one lot is one contract of one unit, one tick is one. */
export function referenceMessage(): Buffer {
  const writer = new ReferenceBatchWriter(1);
  writer.asset({ id: 1, symbol: "USDT", usdPrice: 1 });
  writer.asset({ id: 2, symbol: "X", usdPrice: 1 });
  writer.marginTable({ id: 1, model: MarginModel.Tiered });
  writer.marginTier({ table: 1, notionalFloor: 0, initialRate: INITIAL_RATE, maintenanceRate: INITIAL_RATE / 2 });
  const terms = { payoff: Payoff.Linear, base: 2, quote: 1, settle: 1, marginTable: 1, contractSize: 1, tickSize: 1, lotSize: 1 };
  for (const id of [1, 2]) writer.instrument({ id, symbol: `X${id}`, kind: InstrumentKind.Perpetual, ...terms });
  writer.instrument({ id: 3, symbol: "X3", kind: InstrumentKind.Future, expiryMs: TIME_MS + 1e9, ...terms });
  return writer.finish();
}
