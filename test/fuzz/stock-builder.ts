// Messages as another language's program would write them: the stock FlatBuffers builder, which lays a message out from its end, and
// then the checksum. Also a builder of tables with fields that a newer schema might add.
import * as flatbuffers from "flatbuffers";
import * as wire from "../../schemas/generated/index";
import { crc32ByTable } from "../../src/shared/wire/crc32";

/** Where the header lies, found as any reader would: root, vtable, field 0. */
export function headerAt(message: Uint8Array): number {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const table = view.getUint32(0, true);
  const vtable = table - view.getInt32(table, true);
  return table + view.getUint16(vtable + 4, true);
}

/** Computes and stores the checksum as docs/wire.md says, in the plainest way. @returns the message */
export function seal<T extends Uint8Array>(message: T): T {
  const at = headerAt(message) + 4;
  message.fill(0, at, at + 4);
  new DataView(message.buffer, message.byteOffset).setUint32(at, crc32ByTable(message), true);
  return message;
}

const TIME = 1_718_000_000_000_125_000n;

export function header(builder: flatbuffers.Builder, producer = 7n, sequence = 1000n): number {
  return wire.BatchHeader.createBatchHeader(builder, 1, 0, 0, producer, sequence);
}

/** Two fills, a transfer and a settlement. */
export function stockAccounts(): Uint8Array {
  const b = new flatbuffers.Builder(64);
  wire.AccountBatch.startEventsVector(b, 4);
  const event = wire.AccountEvent.createAccountEvent;
  event(b, 3n, 0n, TIME, 0n, 610_050n, -100_000_000n, 0n, 1, wire.AccountEventKind.FundingSettlement, 0, 0);
  event(b, 3n, 42n, TIME, 0n, 0n, -5_000n, 0n, 1, wire.AccountEventKind.Transfer, 0, 0);
  event(b, 2n, 42n, TIME, 7n, 610_001n, 12n, 0n, 1, wire.AccountEventKind.Fill, 2, 1);
  event(b, 1n, 42n, TIME, 9n, 610_000n, -3n, 55n, 1, wire.AccountEventKind.Fill, 1, 0);
  const events = b.endVector();
  wire.AccountBatch.startAccountBatch(b);
  wire.AccountBatch.addHeader(b, header(b));
  wire.AccountBatch.addEvents(b, events);
  wire.AccountBatch.finishAccountBatchBuffer(b, wire.AccountBatch.endAccountBatch(b));
  return seal(b.asUint8Array());
}

/** Marks, quotes and trades; the other vectors are absent. `inOrder` false: fields added in another order. */
export function stockMarket(inOrder = true): Uint8Array {
  const b = new flatbuffers.Builder(64);
  wire.MarketBatch.startQuotesVector(b, 1);
  wire.Quote.createQuote(b, 1, 13n, TIME, 610_000n, 20n, 610_000n, 35n);
  const quotes = b.endVector();
  wire.MarketBatch.startMarksVector(b, 2);
  wire.Mark.createMark(b, 4, 11n, TIME, 610_051n);
  wire.Mark.createMark(b, 1, 10n, TIME, 610_050n);
  const marks = b.endVector();
  wire.MarketBatch.startTradesVector(b, 1);
  wire.Trade.createTrade(b, 1, 0, 16n, TIME, 610_000n, 3n, 0n);
  const trades = b.endVector();
  wire.MarketBatch.startMarketBatch(b);
  if (inOrder) wire.MarketBatch.addHeader(b, header(b));
  wire.MarketBatch.addTrades(b, trades);
  wire.MarketBatch.addMarks(b, marks);
  if (!inOrder) wire.MarketBatch.addHeader(b, header(b));
  wire.MarketBatch.addQuotes(b, quotes);
  wire.MarketBatch.finishMarketBatchBuffer(b, wire.MarketBatch.endMarketBatch(b));
  return seal(b.asUint8Array());
}

/** One margin table and its tiers. */
export function stockReference(): Uint8Array {
  const b = new flatbuffers.Builder(64);
  wire.ReferenceBatch.startMarginTiersVector(b, 2);
  wire.MarginTier.createMarginTier(b, 7, 50_000, 0.02, 0.01, 300);
  wire.MarginTier.createMarginTier(b, 7, 0, 0.01, 0.004, Number.NaN);
  const tiers = b.endVector();
  wire.ReferenceBatch.startMarginTablesVector(b, 1);
  wire.MarginTable.createMarginTable(b, 7, 1, 0, 0, 0.0125, 0, 0, 0, 0, [0n, 0n]);
  const tables = b.endVector();
  wire.ReferenceBatch.startReferenceBatch(b);
  wire.ReferenceBatch.addHeader(b, header(b));
  wire.ReferenceBatch.addMarginTables(b, tables);
  wire.ReferenceBatch.addMarginTiers(b, tiers);
  wire.ReferenceBatch.finishReferenceBatchBuffer(b, wire.ReferenceBatch.endReferenceBatch(b));
  return seal(b.asUint8Array());
}

export function stockAlerts(): Uint8Array {
  const b = new flatbuffers.Builder(64);
  wire.AlertBatch.startAlertsVector(b, 2);
  for (const account of [43n, 42n])
    wire.Alert.createAlert(b, account, TIME, 12n, 3, 63, 99n, 1000.5, 900, 450.25, 0.45, 0, 1, 0, 0, 1, 7n);
  const alerts = b.endVector();
  wire.AlertBatch.startAlertBatch(b);
  wire.AlertBatch.addHeader(b, header(b));
  wire.AlertBatch.addAlerts(b, alerts);
  wire.AlertBatch.finishAlertBatchBuffer(b, wire.AlertBatch.endAlertBatch(b));
  return seal(b.asUint8Array());
}

/** An account batch of a schema with four more fields: a scalar, a string, a table with a vtable of its own, a vector of doubles. */
export function newerAccounts(): Uint8Array {
  const b = new flatbuffers.Builder(64);
  const text = b.createString("of a newer release");
  b.startObject(1);
  b.addFieldInt64(0, 5n, 0n);
  const table = b.endObject();
  b.startVector(8, 3, 8);
  for (let i = 0; i < 3; i++) b.addFloat64(i);
  const doubles = b.endVector();
  wire.AccountBatch.startEventsVector(b, 1);
  wire.AccountEvent.createAccountEvent(b, 1n, 42n, TIME, 9n, 610_000n, -3n, 55n, 1, wire.AccountEventKind.Fill, 1, 0);
  const events = b.endVector();
  b.startObject(6);
  b.addFieldOffset(5, doubles, 0);
  b.addFieldStruct(0, header(b), 0);
  b.addFieldInt16(2, 77, 0);
  b.addFieldOffset(4, table, 0);
  b.addFieldOffset(1, events, 0);
  b.addFieldOffset(3, text, 0);
  b.finish(b.endObject(), "PLAC");
  return seal(b.asUint8Array());
}

/** An account batch whose events vector is there and empty. */
export function emptyAccounts(): Uint8Array {
  const b = new flatbuffers.Builder(64);
  wire.AccountBatch.startEventsVector(b, 0);
  const events = b.endVector();
  wire.AccountBatch.startAccountBatch(b);
  wire.AccountBatch.addHeader(b, header(b));
  wire.AccountBatch.addEvents(b, events);
  wire.AccountBatch.finishAccountBatchBuffer(b, wire.AccountBatch.endAccountBatch(b));
  return seal(b.asUint8Array());
}
