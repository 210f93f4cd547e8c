// The verifier against messages of the stock builder, and against one wrong message for every code.

import * as flatbuffers from "flatbuffers";
import { describe, expect, it, vi } from "vitest";
import * as wire from "../../schemas/generated/index";
import {
  VERIFY_CODES,
  VerifiedBatch,
  VerifyCode,
  verifyAccounts,
  verifyAlerts,
  verifyMarket,
  verifyReference,
} from "../../src/ingest/verify/index";
import { EVENTS_PER_BATCH_MAX, MESSAGE_BYTES_MAX } from "../../src/shared/limits";
import { MarketVector, ReferenceVector } from "../../src/shared/wire/batch-layout";
import { AccountBatchWriter, MarketBatchWriter } from "../../src/shared/wire/encode";
import { goldenAccounts, goldenAlerts, goldenMarket, goldenReference } from "./golden";
import {
  emptyAccounts,
  header,
  headerAt,
  newerAccounts,
  seal,
  stockAccounts,
  stockAlerts,
  stockMarket,
  stockReference,
} from "./stock-builder";

// Messages behind a Proxy that throws on a read outside: zlib cannot read them, so the checksum sees the bytes themselves.
const behind = new WeakMap<object, Uint8Array>();
vi.mock("../../src/shared/wire/crc32", async (importOriginal) => {
  const original = await importOriginal<typeof import("../../src/shared/wire/crc32")>();
  return {
    ...original,
    messageChecksum: (bytes: Uint8Array, at: number) => original.messageChecksum(behind.get(bytes) ?? bytes, at),
  };
});

function guarded(bytes: Uint8Array): Uint8Array {
  const proxy = new Proxy(bytes, {
    get(target, key) {
      if (typeof key === "string" && /^-?[0-9.]+$/.test(key) && !(Number(key) < target.length && Number(key) >= 0))
        throw new Error(`read of byte ${key} of ${target.length}`);
      return Reflect.get(target, key, target);
    },
    set(target, key) {
      throw new Error(`write of ${String(key)} of ${target.length}`);
    },
  });
  behind.set(proxy, bytes);
  return proxy;
}

const out = new VerifiedBatch();

describe("messages of the stock builder", () => {
  it("account events are found where it put them", () => {
    const message = stockAccounts();
    expect(verifyAccounts(message, out)).toBe(VerifyCode.Ok);
    expect([out.producerId, out.firstSequence, out.schemaVersion, out.eventCount, out.counts[0]]).toEqual([7, 1000, 1, 4, 4]);
    const view = new DataView(message.buffer, message.byteOffset);
    expect([0, 1, 2, 3].map((i) => view.getBigUint64(out.offsets[0] + 64 * i, true))).toEqual([1n, 2n, 3n, 3n]);
  });

  it("market vectors are found whatever the order of the fields, and absent ones are empty", () => {
    for (const message of [stockMarket(true), stockMarket(false)]) {
      expect(verifyMarket(message, out)).toBe(VerifyCode.Ok);
      expect([...out.counts]).toEqual([2, 0, 0, 1, 0, 1, 0]);
      expect(out.eventCount).toBe(4);
      expect(out.offsets[MarketVector.bookLevels]).toBe(0);
      const view = new DataView(message.buffer, message.byteOffset);
      expect(view.getUint32(out.offsets[MarketVector.marks] + 32, true)).toBe(4);
      expect(view.getBigInt64(out.offsets[MarketVector.trades] + 24, true)).toBe(610_000n);
    }
  });

  it("reference and alert vectors too", () => {
    expect(verifyReference(stockReference(), out)).toBe(VerifyCode.Ok);
    expect([out.counts[ReferenceVector.marginTables], out.counts[ReferenceVector.marginTiers], out.eventCount]).toEqual([
      1, 2, 3,
    ]);
    expect(verifyAlerts(stockAlerts(), out)).toBe(VerifyCode.Ok);
    expect(out.eventCount).toBe(2);
  });

  it("fields that a newer schema added are passed over", () => {
    expect(verifyAccounts(newerAccounts(), out)).toBe(VerifyCode.Ok);
    expect(out.eventCount).toBe(1);
  });

  it("a batch may be empty", () => {
    expect(verifyAccounts(emptyAccounts(), out)).toBe(VerifyCode.Ok);
    expect(verifyAccounts(new AccountBatchWriter(1).finish(), out)).toBe(VerifyCode.Ok);
    expect(verifyMarket(new MarketBatchWriter(1).finish(), out)).toBe(VerifyCode.Ok);
    expect(out.eventCount).toBe(0);
  });

  it("a vtable that ends before the fields that are absent is understood", () => {
    // The stock builder trims a vtable after the last field that is there: here after the header.
    const b = new flatbuffers.Builder(64);
    wire.MarketBatch.startMarketBatch(b);
    wire.MarketBatch.addHeader(b, header(b));
    wire.MarketBatch.finishMarketBatchBuffer(b, wire.MarketBatch.endMarketBatch(b));
    const message = seal(b.asUint8Array());
    expect(message.length).toBeLessThan(56);
    expect(verifyMarket(message, out)).toBe(VerifyCode.Ok);
  });

  it("the largest batch of each kind fits", () => {
    const w = new AccountBatchWriter(1);
    for (let i = 0; i < EVENTS_PER_BATCH_MAX; i++)
      w.transfer({ seq: i + 1, account: 1, timeMs: 1_718_000_000_000, asset: 1, amount: i });
    expect(verifyAccounts(w.finish(), out)).toBe(VerifyCode.Ok);
    expect(out.eventCount).toBe(EVENTS_PER_BATCH_MAX);
  });
});

describe("what is wrong has its own code", () => {
  const set = (message: Uint8Array, at: number, value: number, bytes: 1 | 2 | 4 = 4): Uint8Array => {
    const view = new DataView(message.buffer, message.byteOffset);
    if (bytes === 4) view.setUint32(at, value, true);
    else if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint8(at, value);
    return message;
  };
  // The canonical account message: vtable at 8, table at 16, header at 24, vector's length at 52, events at 56 (docs/wire.md).
  const a = () => Uint8Array.from(goldenAccounts());
  const bytes = a().length;
  const count = (bytes - 56) / 64;
  const rules: [string, () => Uint8Array | null, VerifyCode][] = [
    ["a tombstone", () => null, VerifyCode.TooShort],
    ["no bytes", () => new Uint8Array(0), VerifyCode.TooShort],
    ["39 bytes", () => a().subarray(0, 39), VerifyCode.TooShort],
    ["more than a message may have", () => new Uint8Array(MESSAGE_BYTES_MAX + 1), VerifyCode.TooLong],
    ["the identifier of another family", () => Uint8Array.from(goldenMarket()), VerifyCode.BadIdentifier],
    ["a size prefix before the message", () => Uint8Array.from([0, 1, 0, 0, ...a()]), VerifyCode.BadIdentifier],
    ["root offset 0", () => set(a(), 0, 0), VerifyCode.BadRoot],
    ["root offset into the identifier", () => set(a(), 0, 4), VerifyCode.BadRoot],
    ["root offset not a multiple of 4", () => set(a(), 0, 18), VerifyCode.BadRoot],
    ["root offset at the end", () => set(a(), 0, bytes), VerifyCode.BadRoot],
    ["root offset of 2^32 - 4", () => set(a(), 0, 0xfffffffc), VerifyCode.BadRoot],
    ["vtable before the message", () => set(a(), 16, 20), VerifyCode.BadVtable],
    ["vtable beyond the message", () => set(a(), 16, -bytes), VerifyCode.BadVtable],
    ["vtable at an odd byte", () => set(a(), 16, 7), VerifyCode.BadVtable],
    ["vtable of 2 bytes", () => set(a(), 8, 2, 2), VerifyCode.BadVtable],
    ["vtable of an odd size", () => set(a(), 8, 9, 2), VerifyCode.BadVtable],
    ["vtable larger than the message", () => set(a(), 8, 0xfffe, 2), VerifyCode.BadVtable],
    ["table of 2 bytes", () => set(a(), 10, 2, 2), VerifyCode.BadTable],
    ["table larger than the message", () => set(a(), 10, 0xffff, 2), VerifyCode.BadTable],
    ["header field inside the vtable offset", () => set(a(), 12, 2, 2), VerifyCode.BadTable],
    ["header field beyond the table", () => set(a(), 12, 16, 2), VerifyCode.BadTable],
    ["no header", () => set(a(), 12, 0, 2), VerifyCode.MissingField],
    ["vtable without fields", () => set(a(), 8, 4, 2), VerifyCode.MissingField],
    ["header at a multiple of 4 only", () => set(set(a(), 10, 40, 2), 12, 12, 2), VerifyCode.Unaligned],
    ["schema version 2", () => set(a(), 24, 2, 2), VerifyCode.BadSchemaVersion],
    ["schema version 0", () => seal(set(a(), 24, 0, 2)), VerifyCode.BadSchemaVersion],
    ["a wrong checksum", () => set(a(), 28, 0), VerifyCode.BadChecksum],
    ["reserved bytes of the header", () => seal(set(a(), 26, 1, 2)), VerifyCode.BadHeader],
    ["a producer id of 2^53", () => seal(set(a(), 36, 0x200000)), VerifyCode.BadHeader],
    ["a first sequence of 2^63", () => seal(set(a(), 44, 0x80000000)), VerifyCode.BadHeader],
    ["no events vector", () => seal(set(a(), 14, 0, 2)), VerifyCode.MissingField],
    ["a vtable that ends before the events", () => seal(set(a(), 8, 6, 2)), VerifyCode.MissingField],
    ["events field inside the vtable offset", () => seal(set(a(), 14, 2, 2)), VerifyCode.BadTable],
    ["events field beyond the table", () => seal(set(a(), 14, 30, 2)), VerifyCode.BadTable],
    ["events field at an odd place", () => seal(set(a(), 14, 6, 2)), VerifyCode.Unaligned],
    ["a vector offset of 0", () => seal(set(a(), 20, 0)), VerifyCode.BadVector],
    ["a vector offset beyond the message", () => seal(set(a(), 20, bytes - 20)), VerifyCode.BadVector],
    ["a vector offset of 2^32 - 1", () => seal(set(a(), 20, 0xffffffff)), VerifyCode.BadVector],
    ["a vector offset of 2^32 - 20, which would wrap to 0", () => seal(set(a(), 20, 0xffffffff - 19)), VerifyCode.BadVector],
    ["a vector at a multiple of 2 only", () => seal(set(a(), 20, 34)), VerifyCode.Unaligned],
    ["a vector whose structs are at a multiple of 4 only", () => seal(set(set(a(), 20, 28), 48, 1)), VerifyCode.Unaligned],
    ["one element too many", () => seal(set(a(), 52, count + 1)), VerifyCode.VectorOutOfBounds],
    ["2^32 - 1 elements", () => seal(set(a(), 52, 0xffffffff)), VerifyCode.VectorOutOfBounds],
    ["2^26 elements, whose bytes are 2^32", () => seal(set(a(), 52, 0x4000000)), VerifyCode.VectorOutOfBounds],
  ];

  it.each(rules)("%s", (_, make, code) => {
    const name = (c: VerifyCode) => VERIFY_CODES[c].name;
    expect(name(verifyAccounts(make(), out))).toBe(name(code));
    expect([out.eventCount, ...out.counts, ...out.offsets]).toEqual(Array(15).fill(0));
    expect(out.producerId).toBeNaN();
  });

  it("more events than a message may hold, though the bytes are there", () => {
    const message = new Uint8Array(56 + 64 * (EVENTS_PER_BATCH_MAX + 1));
    message.set(a().subarray(0, 56));
    seal(set(message, 52, EVENTS_PER_BATCH_MAX + 1));
    expect(verifyAccounts(message, out)).toBe(VerifyCode.TooManyEvents);
    const w = new MarketBatchWriter(1);
    for (let i = 0; i < EVENTS_PER_BATCH_MAX; i++)
      w.mark({ instrument: 1, seq: i + 1, timeMs: 1_718_000_000_000, priceTicks: 1 });
    const full = w.finish();
    // Another vector that shows the same bytes: the sum counts.
    full.writeUInt16LE(full.readUInt16LE(8 + 6), 8 + 6 + 2 * MarketVector.indexPrices);
    expect(verifyMarket(seal(full), out)).toBe(VerifyCode.TooManyEvents);
  });
});

describe("no byte outside the message is read, and none is written", () => {
  const families: [string, (p: Uint8Array | null, o: VerifiedBatch) => VerifyCode, Uint8Array[]][] = [
    ["accounts", verifyAccounts, [goldenAccounts(), stockAccounts(), newerAccounts(), emptyAccounts()]],
    ["market", verifyMarket, [goldenMarket(), stockMarket()]],
    ["reference", verifyReference, [goldenReference(), stockReference()]],
    ["alerts", verifyAlerts, [goldenAlerts(), stockAlerts()]],
  ];

  it.each(families)("%s: cut short anywhere, whatever its offsets say", (_, verify, messages) => {
    for (const message of messages) {
      expect(verify(guarded(Uint8Array.from(message)), out)).toBe(VerifyCode.Ok);
      for (let length = 0; length < message.length; length++)
        expect(verify(guarded(Uint8Array.from(message.subarray(0, length))), out)).not.toBe(VerifyCode.Ok);
      // Every 16-bit and 32-bit place of the frame takes every size that could lead out of the message.
      const frame = Math.min(message.length, headerAt(message) + 64);
      const ends = [
        0,
        1,
        2,
        3,
        4,
        6,
        8,
        message.length - 8,
        message.length - 4,
        message.length - 2,
        message.length - 1,
        message.length,
      ];
      for (let at = 0; at + 4 <= frame; at += 2)
        for (const value of [
          ...ends,
          ...ends.map((end) => end - at),
          0x7fffffff,
          0x80000000,
          0xfffffffc,
          0xffffffff,
          0xffff,
          0xfffe,
        ]) {
          const bad = Uint8Array.from(message);
          new DataView(bad.buffer).setUint32(at, value, true);
          verify(guarded(bad), out);
          const short = Uint8Array.from(message);
          new DataView(short.buffer).setUint16(at, value, true);
          try {
            seal(short);
          } catch {
            // The header went out of reach: it stays unsealed.
          }
          verify(guarded(short), out);
        }
    }
  });
});
