// Whatever the encoder takes, the verifier accepts and the accessors that flatc generated read back.
import fc from "fast-check";
import * as flatbuffers from "flatbuffers";
import { expect, it } from "vitest";
import { AccountBatch, MarketBatch } from "../../../schemas/generated/index";
import { MarketVector } from "../../shared/wire/batch-layout";
import { AccountBatchWriter, MarketBatchWriter } from "../../shared/wire/encode";
import {
  AlignedMessage,
  checkAccountEvents,
  checkMarketBatch,
  createLookup,
  VerifiedBatch,
  verifyAccounts,
  verifyMarket,
} from "./index";

const known = createLookup();
known.instrumentKinds.fill(2, 1);
const out = new VerifiedBatch();
const aligned = new AlignedMessage();

const exact = (min: number) => fc.integer({ min, max: Number.MAX_SAFE_INTEGER });
const microseconds = fc.integer({ min: 946_684_800_000_000, max: 4_000_000_000_000_000 });
const instrument = fc.integer({ min: 1, max: 4095 });

const fill = fc.record({
  seq: exact(1),
  account: exact(1),
  us: microseconds,
  instrument,
  side: fc.constantFrom(1 as const, 2 as const),
  qtyLots: exact(1),
  priceTicks: exact(1),
  fee: fc.maxSafeInteger(),
  order: exact(0),
  flags: fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
});

it("any fills", () => {
  const writer = new AccountBatchWriter(3);
  let sequence = 0;
  fc.assert(
    fc.property(fc.array(fill, { maxLength: 200 }), (fills) => {
      for (const { us, ...event } of fills) writer.fill({ ...event, timeMs: us / 1000 });
      expect(writer.count).toBe(fills.length);
      const bytes = writer.bytes;
      const message = writer.finish();
      expect(message.length).toBe(bytes);
      expect(verifyAccounts(message, out)).toBe(0);
      expect([out.producerId, out.firstSequence, out.eventCount]).toEqual([3, sequence, fills.length]);
      sequence += fills.length;
      aligned.load(message);
      expect(checkAccountEvents(aligned.i32, out.offsets[0], out.counts[0], known)).toBe(-1);
      const batch = AccountBatch.getRootAsAccountBatch(new flatbuffers.ByteBuffer(message));
      fills.forEach((event, i) => {
        const e = batch.events(i)!;
        expect([e.seq(), e.account(), e.timeNs(), e.qtyLots(), e.priceTicks(), e.amount(), e.order()]).toEqual(
          [event.seq, event.account, event.us, event.qtyLots, event.priceTicks, event.fee, event.order].map((value, field) =>
            field === 2 ? BigInt(value) * 1000n : BigInt(value),
          ),
        );
        expect([e.instrument(), e.side(), e.flags()]).toEqual([event.instrument, event.side, event.flags]);
      });
    }),
  );
});

const record = fc.record({ seq: exact(1), us: microseconds, instrument, a: exact(1), b: exact(1), lots: exact(1) });

it("any mixture of market records, each kind in its own order", () => {
  const writer = new MarketBatchWriter(3);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(2), record), { maxLength: 100 }), (records) => {
      const expected: bigint[][] = [[], [], []];
      for (const [kind, { us, a, b, lots, ...rest }] of records) {
        const base = { ...rest, timeMs: us / 1000 };
        expected[kind].push(BigInt(rest.seq));
        if (kind === 0) writer.mark({ ...base, priceTicks: a });
        else if (kind === 1) writer.trade({ ...base, aggressor: 0, priceTicks: a, qtyLots: lots });
        else writer.quote({ ...base, bidTicks: Math.min(a, b), bidLots: lots, askTicks: Math.max(a, b), askLots: lots });
      }
      const message = writer.finish();
      expect(verifyMarket(message, out)).toBe(0);
      expect(checkMarketBatch(aligned.load(message), out, known)).toBe(0);
      const [marks, trades, quotes] = [MarketVector.marks, MarketVector.trades, MarketVector.quotes];
      expect([out.counts[marks], out.counts[trades], out.counts[quotes]]).toEqual(expected.map((each) => each.length));
      const b = MarketBatch.getRootAsMarketBatch(new flatbuffers.ByteBuffer(message));
      expect(expected[0].map((_, i) => b.marks(i)!.seq())).toEqual(expected[0]);
      expect(expected[1].map((_, i) => b.trades(i)!.seq())).toEqual(expected[1]);
      expect(expected[2].map((_, i) => b.quotes(i)!.seq())).toEqual(expected[2]);
    }),
  );
});
