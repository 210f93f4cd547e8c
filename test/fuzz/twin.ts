// The slow twin of the verifier: what docs/wire.md says, once more, in the plainest way. Structure by DataView, which throws where a
// read leaves the message; values through the accessors that the FlatBuffers compiler generated, with BigInt, over a buffer that
// throws likewise. It shares nothing with src/ingest/verify but the schema and the CRC table.
import * as flatbuffers from "flatbuffers";
import * as wire from "../../schemas/generated/index";
import { crc32ByTable } from "../../src/shared/wire/crc32";

export type Family = "accounts" | "market" | "reference" | "alerts";
/** Messages that are one table. */
export type TableFamily = "dead-letter" | "engines";

/** What exists, for both sides. */
export const INSTRUMENTS: ReadonlyMap<number, wire.InstrumentKind> = new Map([
  [1, wire.InstrumentKind.Perpetual],
  [2, wire.InstrumentKind.Option],
  [3, wire.InstrumentKind.Future],
  [4, wire.InstrumentKind.Spot],
  [4095, wire.InstrumentKind.Perpetual],
]);
export const ASSETS: ReadonlySet<number> = new Set([1, 2, 3, 255]);

const FAMILIES: Record<Family, { identifier: string; structBytes: number[]; required: boolean }> = {
  accounts: { identifier: "PLAC", structBytes: [64], required: true },
  market: { identifier: "PLMK", structBytes: [32, 32, 40, 56, 40, 48, 56], required: false },
  reference: { identifier: "PLRF", structBytes: [32, 120, 64, 40, 32], required: false },
  alerts: { identifier: "PLAL", structBytes: [88], required: true },
};

/** The accessors' buffer, of which only the first `limit` bytes exist. */
class CheckedBuffer extends flatbuffers.ByteBuffer {
  limit = 0;
  private need(offset: number, bytes: number): void {
    if (!(offset >= 0 && offset + bytes <= this.limit)) throw new RangeError(`read at ${offset} of ${this.limit}`);
  }
  override readUint8(offset: number): number {
    this.need(offset, 1);
    return super.readUint8(offset);
  }
  override readUint16(offset: number): number {
    this.need(offset, 2);
    return super.readUint16(offset);
  }
  override readInt32(offset: number): number {
    this.need(offset, 4);
    return super.readInt32(offset);
  }
}

const BYTES_MAX = 65536;
const copy = new Uint8Array(BYTES_MAX);
const buffer = new CheckedBuffer(copy);

/** Whether a message of the family, at most 64 KiB, is right in structure, checksum and every value. */
export function isRight(message: Uint8Array, family: Family): boolean {
  if (message.length > BYTES_MAX) throw new Error("the twin reads small messages only");
  try {
    if (!hasStructure(message, family)) return false;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
  copy.set(message);
  buffer.limit = message.length;
  // From here on a read outside would be an error of hasStructure, not of the message: it is not caught.
  if (family === "accounts") return accountsAreRight();
  if (family === "market") return marketIsRight();
  if (family === "reference") return referenceIsRight();
  return alertsAreRight();
}

/** Root, vtable, table and header of a message, and where its fields lie. Null where one of them is wrong. */
function frameOf(message: Uint8Array, identifier: string) {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const reach = (at: number, bytes: number, alignment: number) => at >= 0 && at % alignment === 0 && at + bytes <= message.length;
  for (let i = 0; i < 4; i++) if (view.getUint8(4 + i) !== identifier.charCodeAt(i)) return null;
  const table = view.getUint32(0, true);
  if (table < 8 || !reach(table, 4, 4)) return null;
  const vtable = table - view.getInt32(table, true);
  if (vtable < 8 || !reach(vtable, 4, 2)) return null;
  const vtableBytes = view.getUint16(vtable, true);
  const tableBytes = view.getUint16(vtable + 2, true);
  if (vtableBytes < 4 || vtableBytes % 2 !== 0 || !reach(vtable, vtableBytes, 2)) return null;
  if (tableBytes < 4 || !reach(table, tableBytes, 4)) return null;
  /** Place of a field of the table: −1 absent, −2 wrong. */
  const place = (index: number, bytes: number, alignment: number) => {
    const entry = 4 + 2 * index;
    const field = entry < vtableBytes ? view.getUint16(vtable + entry, true) : 0;
    if (field === 0) return -1;
    return field >= 4 && field + bytes <= tableBytes && (table + field) % alignment === 0 ? table + field : -2;
  };

  const header = place(0, 24, 8);
  if (header < 0) return null;
  if (view.getUint16(header, true) !== 1 || view.getUint16(header + 2, true) !== 0) return null;
  const zeroed = Uint8Array.from(message);
  zeroed.fill(0, header + 4, header + 8);
  if (view.getUint32(header + 4, true) !== crc32ByTable(zeroed)) return null;
  if (view.getBigUint64(header + 8, true) >= 2n ** 53n || view.getBigUint64(header + 16, true) >= 2n ** 53n) return null;
  return { view, reach, place };
}

function hasStructure(message: Uint8Array, family: Family): boolean {
  const { identifier, structBytes, required } = FAMILIES[family];
  if (message.length > 1_048_576) return false;
  const frame = frameOf(message, identifier);
  if (frame === null) return false;
  const { view, reach, place } = frame;
  let events = 0;
  for (let i = 0; i < structBytes.length; i++) {
    const slot = place(i + 1, 4, 4);
    if (slot === -2 || (slot === -1 && required)) return false;
    if (slot === -1) continue;
    const offset = view.getUint32(slot, true);
    if (offset < 4 || !reach(slot + offset, 4, 4)) return false;
    const count = view.getUint32(slot + offset, true);
    if (count > 0 && !reach(slot + offset + 4, count * structBytes[i], 8)) return false;
    events += count;
  }
  return events <= 8192;
}

/** Whether a message that is one table is right in structure, checksum and every value. */
export function isRightTable(message: Uint8Array, family: TableFamily): boolean {
  try {
    return tableIsRight(message, family);
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function tableIsRight(message: Uint8Array, family: TableFamily): boolean {
  const frame = frameOf(message, family === "engines" ? "PLEN" : "PLDL");
  if (frame === null) return false;
  const { view, reach, place } = frame;
  /** The bytes of a vector that must be there; null: it is wrong. */
  const vector = (index: number, elementBytes: number): Uint8Array | null => {
    const slot = place(index, 4, 4);
    if (slot < 0) return null;
    const at = slot + view.getUint32(slot, true);
    if (at < slot + 4 || !reach(at, 4, 4)) return null;
    const bytes = view.getUint32(at, true) * elementBytes;
    return reach(at + 4, bytes, 4) ? message.subarray(at + 4, at + 4 + bytes) : null;
  };
  const isText = (index: number) => {
    const bytes = vector(index, 1);
    if (bytes === null) return false;
    const end = bytes.byteOffset - message.byteOffset + bytes.length;
    return view.getUint8(end) === 0 && Buffer.from(Buffer.from(bytes).toString("utf8"), "utf8").equals(bytes);
  };
  if (family === "engines") return isText(1) && isText(2) && isText(3) && vector(4, 4) !== null;
  const partition = place(2, 4, 4);
  const offset = place(3, 8, 8);
  const timestamp = place(6, 8, 8);
  const isLong = (at: number, below: bigint) => {
    if (at === -1) return true;
    const value = at < 0 ? -1n : view.getBigInt64(at, true);
    return value >= 0n && value < below;
  };
  return (
    (partition === -1 || (partition >= 0 && view.getInt32(partition, true) >= 0)) &&
    isLong(offset, 2n ** 53n) &&
    isLong(timestamp, 2n ** 63n) &&
    isText(1) &&
    isText(4) &&
    isText(5) &&
    vector(7, 1) !== null
  );
}

const E53 = 2n ** 53n;
const positive = (v: bigint) => v > 0n && v < E53;
const natural = (v: bigint) => v >= 0n && v < E53;
const signed = (v: bigint) => v > -E53 && v < E53;
const zero = (v: bigint) => v === 0n;
const time = (v: bigint) => v >= BigInt(Date.UTC(2000, 0, 1)) * 1_000_000n && v < BigInt(Date.UTC(2200, 0, 1)) * 1_000_000n;
const rateE12 = (v: bigint) => v >= -(10n ** 12n) && v <= 10n ** 12n;
const isInstrument = (id: number) => INSTRUMENTS.has(id);
const isKind = (id: number, ...kinds: wire.InstrumentKind[]) => kinds.includes(INSTRUMENTS.get(id) ?? wire.InstrumentKind.None);
const isPositiveNumber = (v: number) => Number.isFinite(v) && v > 0;

/** What a kind of account event may hold. */
interface KindRule {
  account: (v: bigint) => boolean;
  qty: (v: bigint) => boolean;
  price: (v: bigint) => boolean;
  amount: (v: bigint) => boolean;
  order: (v: bigint) => boolean;
  side: boolean;
  flags: number[];
  instrument: (id: number) => boolean;
}
const nothing: KindRule = {
  account: positive,
  qty: zero,
  price: zero,
  amount: zero,
  order: zero,
  side: false,
  flags: [],
  instrument: isInstrument,
};
const [maker, isolated, long, short, reduceOnly] = [1, 2, 4, 8, 16];
const K = wire.AccountEventKind;
const KIND_RULES = new Map<number, KindRule>([
  [
    K.Fill,
    {
      ...nothing,
      qty: positive,
      price: positive,
      amount: signed,
      order: natural,
      side: true,
      flags: [maker, isolated, long, short],
    },
  ],
  [K.Transfer, { ...nothing, amount: signed, instrument: (id) => ASSETS.has(id) }],
  [
    K.OrderPlaced,
    { ...nothing, qty: positive, price: positive, order: positive, side: true, flags: [isolated, long, short, reduceOnly] },
  ],
  [K.OrderCancelled, { ...nothing, order: positive }],
  [
    K.FundingSettlement,
    {
      ...nothing,
      account: zero,
      price: positive,
      amount: rateE12,
      instrument: (id) => isKind(id, wire.InstrumentKind.Perpetual),
    },
  ],
  [
    K.ExpirySettlement,
    {
      ...nothing,
      account: zero,
      price: positive,
      instrument: (id) => isKind(id, wire.InstrumentKind.Future, wire.InstrumentKind.Option),
    },
  ],
  [K.AccountSettings, { ...nothing, instrument: (id) => id < 1024 }],
  [K.PositionSettings, { ...nothing, amount: natural, flags: [isolated, long, short] }],
  [K.IsolatedTransfer, { ...nothing, amount: signed, flags: [isolated, long, short] }],
]);

function accountsAreRight(): boolean {
  const batch = wire.AccountBatch.getRootAsAccountBatch(buffer);
  for (let i = 0; i < batch.eventsLength(); i++) {
    const e = batch.events(i)!;
    const rule = KIND_RULES.get(e.kind());
    if (!rule) return false;
    const side: number = e.side();
    const flags = e.flags();
    const allowed = rule.flags.reduce((sum, flag) => sum + flag, 0);
    const isFine =
      positive(e.seq()) &&
      time(e.timeNs()) &&
      rule.account(e.account()) &&
      rule.qty(e.qtyLots()) &&
      rule.price(e.priceTicks()) &&
      rule.amount(e.amount()) &&
      rule.order(e.order()) &&
      (rule.side ? side === 1 || side === 2 : side === 0) &&
      (flags | allowed) === allowed &&
      !(flags & long && flags & short) &&
      rule.instrument(e.instrument());
    if (!isFine) return false;
  }
  return true;
}

function marketIsRight(): boolean {
  const b = wire.MarketBatch.getRootAsMarketBatch(buffer);
  for (let i = 0; i < b.marksLength(); i++) {
    const r = b.marks(i)!;
    if (!(isInstrument(r.instrument()) && positive(r.seq()) && time(r.timeNs()) && positive(r.priceTicks()))) return false;
  }
  for (let i = 0; i < b.indexPricesLength(); i++) {
    const r = b.indexPrices(i)!;
    if (!(ASSETS.has(r.asset()) && positive(r.seq()) && time(r.timeNs()) && isPositiveNumber(r.price()))) return false;
  }
  for (let i = 0; i < b.fundingRatesLength(); i++) {
    const r = b.fundingRates(i)!;
    if (!(isKind(r.instrument(), wire.InstrumentKind.Perpetual) && positive(r.seq()) && time(r.timeNs()))) return false;
    if (!(Math.abs(r.rate()) <= 1)) return false;
    if (r.nextSettlementNs() !== 0n && !time(r.nextSettlementNs())) return false;
  }
  for (let i = 0; i < b.quotesLength(); i++) {
    const r = b.quotes(i)!;
    if (!(isInstrument(r.instrument()) && positive(r.seq()) && time(r.timeNs()))) return false;
    for (const [ticks, lots] of [
      [r.bidTicks(), r.bidLots()],
      [r.askTicks(), r.askLots()],
    ])
      if (!((positive(ticks) && positive(lots)) || (ticks === 0n && lots === 0n))) return false;
    if (r.askTicks() !== 0n && r.bidTicks() > r.askTicks()) return false;
  }
  for (let i = 0; i < b.impliedVolsLength(); i++) {
    const r = b.impliedVols(i)!;
    if (!(isKind(r.instrument(), wire.InstrumentKind.Option) && positive(r.seq()) && time(r.timeNs()))) return false;
    if (!(isPositiveNumber(r.vol()) && isPositiveNumber(r.underlying()))) return false;
  }
  for (let i = 0; i < b.tradesLength(); i++) {
    const r = b.trades(i)!;
    if (!(isInstrument(r.instrument()) && positive(r.seq()) && time(r.timeNs()) && r.aggressor() <= 2)) return false;
    if (!(positive(r.priceTicks()) && positive(r.qtyLots()) && natural(r.tradeId()))) return false;
  }
  let open = "";
  for (let i = 0; i < b.bookLevelsLength(); i++) {
    const r = b.bookLevels(i)!;
    const flags = r.flags();
    if (!(isInstrument(r.instrument()) && time(r.timeNs()) && flags < 8)) return false;
    if (!(natural(r.firstId()) && natural(r.lastId()) && natural(r.prevId()) && r.firstId() <= r.lastId())) return false;
    const side: number = r.side();
    const isLevel = (side === 1 || side === 2) && positive(r.priceTicks()) && natural(r.qtyLots());
    const isNone = side === 0 && r.priceTicks() === 0n && r.qtyLots() === 0n && (flags & 6) === 6;
    if (!isLevel && !isNone) return false;
    // What a message's levels share; "" while none is open.
    const own = [r.instrument(), r.firstId(), r.lastId(), r.prevId(), r.timeNs(), flags & 1].join();
    if (i > 0 && ((flags & 2) !== 0) !== (open === "")) return false;
    if (i > 0 && open !== "" && open !== own) return false;
    open = (flags & 4) !== 0 ? "" : own;
  }
  return true;
}

/** The text of a field, or null where it is not printable ASCII and then zeros. */
function text(at: (i: number) => number | null, bytes: number, pattern: RegExp): string | null {
  let chars = "";
  for (let i = 0; i < bytes; i++) chars += String.fromCharCode(at(i)!);
  const trimmed = chars.replace(/\0+$/, "");
  return pattern.test(trimmed) ? trimmed : null;
}
const SYMBOL = /^[!-~]+$/;
const NAME = /^[ -~]*$/;
const between = (v: number, from: number, to: number) => v >= from && v <= to;

function referenceIsRight(): boolean {
  const b = wire.ReferenceBatch.getRootAsReferenceBatch(buffer);
  const unique = new Set<string>();
  const claim = (key: string) => !unique.has(key) && unique.add(key) !== undefined;
  for (let i = 0; i < b.assetsLength(); i++) {
    const r = b.assets(i)!;
    const symbol = text((k) => r.symbol(k), 12, SYMBOL);
    if (symbol === null || !between(r.id(), 1, 255) || !claim(`asset ${r.id()}`) || !claim(`asset symbol ${symbol}`))
      return false;
    if (!(r.haircut() >= 0 && r.haircut() < 1 && isPositiveNumber(r.usdPrice()))) return false;
  }
  for (let i = 0; i < b.instrumentsLength(); i++) {
    const r = b.instruments(i)!;
    const symbol = text((k) => r.symbol(k), 40, SYMBOL);
    if (symbol === null || !between(r.id(), 1, 4095) || !claim(`instrument ${r.id()}`) || !claim(`symbol ${symbol}`))
      return false;
    const kind = r.kind();
    if (!between(kind, 1, 4) || !between(r.marginTable(), kind === wire.InstrumentKind.Spot ? 0 : 1, 1023)) return false;
    if (!(between(r.base(), 1, 255) && between(r.quote(), 1, 255) && between(r.settle(), 1, 255))) return false;
    const isOption = kind === wire.InstrumentKind.Option;
    const mayBeInverse = kind === wire.InstrumentKind.Perpetual || kind === wire.InstrumentKind.Future;
    if (!between(r.payoff(), 1, mayBeInverse ? 2 : 1)) return false;
    if (isOption ? !between(r.premium(), 1, 2) || !between(r.optionType(), 1, 2) : r.premium() + r.optionType() !== 0)
      return false;
    if (!(r.contractSize() > 0n && r.tickSize() > 0n && r.lotSize() > 0n)) return false;
    if (isOption ? !positive(r.strike()) : r.strike() !== 0n) return false;
    if (isOption || kind === wire.InstrumentKind.Future ? !time(r.expiryNs()) : r.expiryNs() !== 0n) return false;
    if (r.reserved(0) !== 0n || r.reserved(1) !== 0n) return false;
  }
  const models = new Map<number, number>();
  for (let i = 0; i < b.marginTablesLength(); i++) {
    const r = b.marginTables(i)!;
    if (!between(r.id(), 1, 1023) || models.has(r.id()) || !between(r.model(), 1, 3) || r.notionalAt() > 1) return false;
    models.set(r.id(), r.model());
    if (r.reserved() !== 0 || r.reserved2(0) !== 0n || r.reserved2(1) !== 0n) return false;
    if (!(r.liquidationFeeRate() >= 0 && r.liquidationFeeRate() < 1)) return false;
    const [ib, iu, mb, mu] = [r.initialBase(), r.initialPerUnit(), r.maintenanceBase(), r.maintenancePerUnit()];
    if (r.model() === wire.MarginModel.SizeScaled) {
      if (!(mb > 0 && mb <= ib && ib <= 1 && mu >= 0 && mu <= iu && Number.isFinite(iu))) return false;
    } else if (![ib, iu, mb, mu].every((v) => v === 0)) return false;
  }
  const tiers = new Map<number, number>();
  let floor = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < b.marginTiersLength(); i++) {
    const r = b.marginTiers(i)!;
    const follows = i > 0 && b.marginTiers(i - 1)!.table() === r.table();
    if (models.get(r.table()) !== wire.MarginModel.Tiered) return false;
    if (follows ? !(r.notionalFloor() > floor) : r.notionalFloor() !== 0 || tiers.has(r.table())) return false;
    floor = r.notionalFloor();
    const count = (tiers.get(r.table()) ?? 0) + 1;
    tiers.set(r.table(), count);
    if (count > 64 || !Number.isFinite(floor)) return false;
    if (!(r.maintenanceRate() > 0 && r.maintenanceRate() <= r.initialRate() && r.initialRate() <= 1)) return false;
    if (!Number.isNaN(r.deduction()) && !(r.deduction() >= 0 && Number.isFinite(r.deduction()))) return false;
  }
  for (const [id, model] of models) if (model === wire.MarginModel.Tiered && !tiers.has(id)) return false;
  for (let i = 0; i < b.accountGroupsLength(); i++) {
    const r = b.accountGroups(i)!;
    if (r.id() > 1023 || !claim(`group ${r.id()}`) || r.collateral() > 1 || r.hedgeMode() > 1 || r.reserved() !== 0) return false;
    if (text((k) => r.name(k), 24, NAME) === null) return false;
  }
  return true;
}

function alertsAreRight(): boolean {
  const b = wire.AlertBatch.getRootAsAlertBatch(buffer);
  for (let i = 0; i < b.alertsLength(); i++) {
    const r = b.alerts(i)!;
    if (!(positive(r.account()) && time(r.timeNs()) && natural(r.logOffset()) && natural(r.marketSeq()))) return false;
    if (!(r.logPartition() < 2 ** 31 && r.instrument() < 4096)) return false;
    if (![r.equityUsd(), r.initialMarginUsd(), r.maintenanceMarginUsd()].every(Number.isFinite)) return false;
    if (!Number.isFinite(r.worstMarginRatio()) && !Number.isNaN(r.worstMarginRatio())) return false;
    if (r.fromStatus() > 4 || r.toStatus() > 4 || r.freshness() > 4 || r.reserved() !== 0) return false;
    if (!positive(r.alertSeq())) return false;
  }
  return true;
}
