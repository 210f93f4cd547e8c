// Messages that must be refused, one kind after the other: torn, flipped, mislabelled, and whole ones that say what
// cannot be.

import { crc32 } from "node:zlib";
import { AccountEventAt, IndexPriceAt, MarkAt } from "../../schemas/generated/offsets";
import { AccountBatchWriter, MarketBatchWriter } from "../../src/shared/wire/encode";
import { Prng } from "../../src/sim/prng";

export interface Damaged {
  role: "accounts" | "market";
  partition: number;
  payload: Buffer;
  what: string;
}

const TIME_MS = 1_723_161_300_000;

function accounts(): Buffer {
  const writer = new AccountBatchWriter(99);
  for (let seq = 1; seq <= 3; seq++)
    writer.fill({ seq, account: 2_000_001, timeMs: TIME_MS, instrument: 1, side: 1, qtyLots: 5, priceTicks: 610_000, fee: 7 });
  return writer.finish();
}

function market(): Buffer {
  const writer = new MarketBatchWriter(99);
  writer.mark({ instrument: 1, seq: 1_800_000_000_000_000, timeMs: TIME_MS, priceTicks: 1 });
  writer.indexPrice({ asset: 3, seq: 1_800_000_000_000_000, timeMs: TIME_MS, price: 1 });
  return writer.finish();
}

/** Makes the checksum right again, so that only what the message says is wrong. */
function reseal(message: Buffer): Buffer {
  // BatchHeader is the table's first field: root → table → vtable → offset of field 0.
  const table = message.readUInt32LE(0);
  const vtable = table - message.readInt32LE(table);
  const checksumAt = table + message.readUInt16LE(vtable + 4) + 4;
  message.writeUInt32LE(0, checksumAt);
  message.writeUInt32LE(crc32(message), checksumAt);
  return message;
}

function structsOf(message: Buffer, field: number): number {
  const table = message.readUInt32LE(0);
  const vtable = table - message.readInt32LE(table);
  const at = table + message.readUInt16LE(vtable + 4 + 2 * field);
  return at + message.readUInt32LE(at) + 4;
}

const KINDS: readonly [what: string, role: Damaged["role"], make: (prng: Prng) => Buffer][] = [
  ["truncated accounts message", "accounts", (prng) => accounts().subarray(0, prng.below(accounts().length))],
  ["bit-flipped accounts message", "accounts", (prng) => flip(accounts(), prng)],
  ["accounts message with the identifier of market", "accounts", () => market()],
  [
    "unknown instrument",
    "accounts",
    () => edit(accounts(), 1, (message, at) => message.writeUInt32LE(4000, at + 64 + AccountEventAt.instrument)),
  ],
  [
    "negative price",
    "accounts",
    () => edit(accounts(), 1, (message, at) => message.writeBigInt64LE(-610_000n, at + AccountEventAt.priceTicks)),
  ],
  [
    "NaN where a price stands",
    "accounts",
    () => edit(accounts(), 1, (message, at) => message.writeDoubleLE(Number.NaN, at + 128 + AccountEventAt.priceTicks)),
  ],
  ["truncated market message", "market", (prng) => market().subarray(0, prng.below(market().length))],
  ["bit-flipped market message", "market", (prng) => flip(market(), prng)],
  [
    "market message with a foreign identifier",
    "market",
    () => edit(market(), 1, (message) => message.write("XXXX", 4, "latin1")),
  ],
  [
    "mark of an unknown instrument",
    "market",
    () => edit(market(), 1, (message, at) => message.writeUInt32LE(77, at + MarkAt.instrument)),
  ],
  ["negative mark", "market", () => edit(market(), 1, (message, at) => message.writeBigInt64LE(-5n, at + MarkAt.priceTicks))],
  [
    "index price that is no number",
    "market",
    () => edit(market(), 2, (message, at) => message.writeDoubleLE(Number.NaN, at + IndexPriceAt.price)),
  ],
];

function edit(message: Buffer, field: number, change: (message: Buffer, structsAt: number) => void): Buffer {
  change(message, structsOf(message, field));
  return reseal(message);
}

function flip(message: Buffer, prng: Prng): Buffer {
  const bit = prng.below(message.length * 8);
  message[bit >> 3] ^= 1 << (bit & 7);
  return message;
}

/** `count` damaged messages, all kinds in turn. Each would change numbers if it were taken for whole. */
export function damagedMessages(count: number, seed = 1): Damaged[] {
  const prng = Prng.seeded(seed, 3);
  return Array.from({ length: count }, (_, i) => {
    const [what, role, make] = KINDS[i % KINDS.length];
    return { role, partition: i % 4, payload: make(prng), what };
  });
}
