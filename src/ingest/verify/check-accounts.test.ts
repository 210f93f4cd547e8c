import { describe, expect, it } from "vitest";
import { AccountEventAt as At } from "../../../schemas/generated/offsets";
import { AccountBatchWriter, EventFlag } from "../../shared/wire/encode";
import { checkAccountEvents, createLookup, lastFault, lastReason, VERIFY_CODES } from "./index";

const known = createLookup();
// Instruments 1 perpetual, 2 option, 3 future, 4 spot, 4095 perpetual; assets 1 and 255.
for (const [id, kind] of [
  [1, 2],
  [2, 4],
  [3, 3],
  [4, 1],
  [4095, 2],
])
  known.instrumentKinds[id] = kind;
known.assets[1] = 1;
known.assets[255] = 1;

const timeMs = 1_718_000_000_000;
const base = { seq: 1, account: 42, timeMs };
const kinds: Record<string, (w: AccountBatchWriter) => void> = {
  fill: (w) => w.fill({ ...base, instrument: 1, side: 1, qtyLots: 5, priceTicks: 7 }),
  transfer: (w) => w.transfer({ ...base, asset: 1, amount: 5 }),
  orderPlaced: (w) => w.orderPlaced({ ...base, instrument: 1, side: 2, qtyLots: 5, priceTicks: 7, order: 9 }),
  orderCancelled: (w) => w.orderCancelled({ ...base, instrument: 1, order: 9 }),
  funding: (w) => w.fundingSettlement({ seq: 1, timeMs, instrument: 1, priceTicks: 7, rateE12: 5 }),
  optionExpiry: (w) => w.expirySettlement({ seq: 1, timeMs, instrument: 2, priceTicks: 7 }),
  futureExpiry: (w) => w.expirySettlement({ seq: 1, timeMs, instrument: 3, priceTicks: 7 }),
  accountSettings: (w) => w.accountSettings({ ...base, group: 3 }),
  positionSettings: (w) => w.positionSettings({ ...base, instrument: 1, leverageE8: 5 }),
  isolatedTransfer: (w) => w.isolatedTransfer({ ...base, instrument: 1, amount: 5 }),
};

/** One event of a kind, in words as a ring holds it. */
function eventOf(kind: string): { i32: Int32Array; view: DataView } {
  const w = new AccountBatchWriter(1);
  kinds[kind](w);
  const memory = new ArrayBuffer(64);
  new Uint8Array(memory).set(w.finish().subarray(56));
  return { i32: new Int32Array(memory), view: new DataView(memory) };
}

const E53 = 2n ** 53n;
const positive = [
  [1n, ""],
  [E53 - 1n, ""],
  [0n, "out-of-range"],
  [-1n, "out-of-range"],
  [E53, "out-of-range"],
  [2n ** 63n - 1n, "out-of-range"],
  [2n ** 32n, ""],
] as const;
const nonNegative = [
  [0n, ""],
  [E53 - 1n, ""],
  [-1n, "out-of-range"],
  [E53, "out-of-range"],
] as const;
const amount = [
  [0n, ""],
  [-1n, ""],
  [E53 - 1n, ""],
  [1n - E53, ""],
  [E53, "out-of-range"],
  [-E53, "out-of-range"],
  [-(2n ** 63n), "out-of-range"],
  [2n ** 63n - 1n, "out-of-range"],
  [-(2n ** 32n), ""],
] as const;
const zero = [
  [0n, ""],
  [1n, "not-zero"],
  [-1n, "not-zero"],
  [2n ** 32n, "not-zero"],
] as const;
const rate = [
  [0n, ""],
  [-1_000_000_000_000n, ""],
  [1_000_000_000_000n, ""],
  [1_000_000_000_001n, "out-of-range"],
  [-1_000_000_000_001n, "out-of-range"],
  [2n ** 63n - 1n, "out-of-range"],
] as const;
const FROM = 946_684_800_000_000_000n;
const TO = 7_258_118_400_000_000_000n;
const time = [
  [FROM, ""],
  [FROM - 1n, "bad-time"],
  [TO - 1n, ""],
  [TO, "bad-time"],
  [0n, "bad-time"],
  [-1n, "bad-time"],
  [1_718_000_000_000n, "bad-time"],
] as const;
const known32 = [
  [1n, ""],
  [4095n, ""],
  [0n, "unknown-instrument"],
  [5n, "unknown-instrument"],
  [4096n, "unknown-instrument"],
  [0xffffffffn, "unknown-instrument"],
] as const;
const side = [
  [1n, ""],
  [2n, ""],
  [0n, "out-of-range"],
  [3n, "out-of-range"],
  [255n, "out-of-range"],
] as const;
const flagsOf = (allowed: number) =>
  Array.from({ length: 16 }, (_, bit) => [BigInt(1 << bit), allowed & (1 << bit) ? "" : "bad-flags"] as const).concat([
    [12n, "bad-flags"],
    [0n, ""],
  ]);
const tradableFlags = EventFlag.Isolated | EventFlag.LongLeg | EventFlag.ShortLeg;

const places = {
  seq: At.seq,
  account: At.account,
  timeNs: At.timeNs,
  qtyLots: At.qtyLots,
  priceTicks: At.priceTicks,
  amount: At.amount,
  order: At.order,
  instrument: At.instrument,
  side: At.side,
  flags: At.flags,
};
type Field = keyof typeof places;
type Rules = Partial<Record<Field, readonly (readonly [bigint, string])[]>>;
const always: Rules = { seq: positive, timeNs: time };
const ofAccount: Rules = { ...always, account: positive };
const bare: Rules = {
  ...ofAccount,
  qtyLots: zero,
  priceTicks: zero,
  amount: zero,
  order: zero,
  side: zero.slice(0, 2),
  flags: zero.slice(0, 2),
};
const settlement: Rules = { ...bare, account: zero };

// The table of docs/wire.md: per kind and field, values and what becomes of them ("": taken).
const table: Record<string, Rules> = {
  fill: {
    ...ofAccount,
    qtyLots: positive,
    priceTicks: positive,
    amount,
    order: nonNegative,
    instrument: known32,
    side,
    flags: flagsOf(tradableFlags | EventFlag.Maker),
  },
  transfer: {
    ...bare,
    amount,
    instrument: [
      [1n, ""],
      [255n, ""],
      [0n, "unknown-asset"],
      [2n, "unknown-asset"],
      [256n, "unknown-asset"],
      [0xffffffffn, "unknown-asset"],
    ],
  },
  orderPlaced: {
    ...ofAccount,
    qtyLots: positive,
    priceTicks: positive,
    amount: zero,
    order: positive,
    instrument: known32,
    side,
    flags: flagsOf(tradableFlags | EventFlag.ReduceOnly),
  },
  orderCancelled: { ...bare, order: positive, instrument: known32 },
  funding: {
    ...settlement,
    priceTicks: positive,
    amount: rate,
    instrument: [...known32, [2n, "wrong-instrument-kind"], [3n, "wrong-instrument-kind"], [4n, "wrong-instrument-kind"]],
  },
  optionExpiry: {
    ...settlement,
    priceTicks: positive,
    instrument: [
      [2n, ""],
      [3n, ""],
      [1n, "wrong-instrument-kind"],
      [4n, "wrong-instrument-kind"],
      [5n, "unknown-instrument"],
    ],
  },
  futureExpiry: {
    ...settlement,
    priceTicks: positive,
    instrument: [
      [3n, ""],
      [2n, ""],
      [1n, "wrong-instrument-kind"],
      [4096n, "unknown-instrument"],
    ],
  },
  accountSettings: {
    ...bare,
    instrument: [
      [0n, ""],
      [1023n, ""],
      [1024n, "out-of-range"],
      [0xffffffffn, "out-of-range"],
    ],
  },
  positionSettings: { ...bare, amount: nonNegative, instrument: known32, flags: flagsOf(tradableFlags) },
  isolatedTransfer: { ...bare, amount, instrument: known32, flags: flagsOf(tradableFlags) },
};

const sizes: Record<string, 1 | 2 | 4 | 8> = { instrument: 4, kind: 1, side: 1, flags: 2 };

describe.each(Object.keys(kinds))("account event: %s", (kind) => {
  it("is taken as the encoder writes it", () => {
    expect(checkAccountEvents(eventOf(kind).i32, 0, 1, known)).toBe(-1);
  });

  it.each(Object.entries(table[kind]))("%s is held to its range", (field, values) => {
    for (const [value, code] of values) {
      const { i32, view } = eventOf(kind);
      const at = places[field as Field];
      const bytes = sizes[field] ?? 8;
      if (bytes === 8) view.setBigUint64(at, BigInt.asUintN(64, value), true);
      else if (bytes === 4) view.setUint32(at, Number(value), true);
      else if (bytes === 2) view.setUint16(at, Number(value), true);
      else view.setUint8(at, Number(BigInt.asUintN(8, value)));
      const index = checkAccountEvents(i32, 0, 1, known);
      const got = index < 0 ? "" : VERIFY_CODES[lastFault.code].name;
      expect(`${field} ${value}: ${got}`).toBe(`${field} ${value}: ${code}`);
      if (code === "") continue;
      expect(lastFault.field).toBe(field);
      expect(lastReason()).toMatch(/^events\[0\]\.\w+ is .+; it must be .+/);
    }
  });
});

describe("a run of account events", () => {
  it("a kind that is not known is refused", () => {
    for (const kind of [0, 10, 255]) {
      const { i32, view } = eventOf("fill");
      view.setUint8(At.kind, kind);
      expect(checkAccountEvents(i32, 0, 1, known)).toBe(0);
      expect(lastReason()).toBe(`events[0].kind is ${kind}; it must be a kind of account event, 1 to 9`);
    }
  });

  it("the first wrong event is named by index, field and value, wherever the run begins", () => {
    const w = new AccountBatchWriter(1);
    for (let i = 0; i < 10; i++) kinds.fill(w);
    const message = w.finish();
    const memory = new SharedArrayBuffer(4096);
    const i32 = new Int32Array(memory);
    new Uint8Array(memory).set(message.subarray(56), 1024);
    expect(checkAccountEvents(i32, 1024, 10, known)).toBe(-1);
    new DataView(memory).setBigInt64(1024 + 64 * 7 + At.qtyLots, -5n, true);
    new DataView(memory).setBigInt64(1024 + 64 * 9 + At.qtyLots, 0n, true);
    expect(checkAccountEvents(i32, 1024, 10, known)).toBe(7);
    expect(lastReason()).toBe("events[7].qtyLots is -5; it must be 1 to 2^53 - 1");
    expect(checkAccountEvents(i32, 1024, 7, known)).toBe(-1);
    expect(checkAccountEvents(i32, 1024 + 64 * 8, 2, known)).toBe(1);
    expect(checkAccountEvents(i32, 1024, 0, known)).toBe(-1);
  });

  it("every code has a name of its own, a meaning and something to do", () => {
    const entries = Object.entries(VERIFY_CODES).filter(([code]) => code !== "0");
    expect(new Set(entries.map(([, entry]) => entry.name)).size).toBe(entries.length);
    for (const [, entry] of entries) {
      expect(entry.name).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(entry.meaning.length * entry.action.length).toBeGreaterThan(0);
    }
  });
});
