// The one writer of the market memory: reference data and the newest market state, from verified messages. Main thread.
//
// Every record is checked (src/ingest/verify) before it comes here; what is refused here is refused for what only this
// table can know: a contract that changes its terms, a pool of rows that is full.
import {
  AccountGroupAt,
  AssetAt as AssetStructAt,
  FundingRateAt,
  ImpliedVolAt,
  IndexPriceAt,
  InstrumentAt as InstrumentStructAt,
  MarginTableAt as MarginTableStructAt,
  MarginTierAt,
  MarkAt,
  QuoteAt,
  TradeAt,
} from "../../schemas/generated/offsets";
import { monotonicNs } from "../shared/clock";
import {
  AssetAt,
  GroupAt,
  InstrumentAt,
  MARKET_ASSETS_OFFSET,
  MARKET_BYTES,
  MARKET_GROUPS_OFFSET,
  MARKET_INSTRUMENTS_OFFSET,
  MARKET_TABLES_OFFSET,
  MARKET_TIERS_OFFSET,
  MARKET_VERSIONS_OFFSET,
  MarginTableAt,
  MarketHeaderAt,
  TierAt,
} from "../shared/layout/market";
import { ASSET_SLOTS, INSTRUMENT_SLOTS, MARGIN_TIER_SLOTS, TIERS_PER_TABLE_MAX } from "../shared/limits";
import { readBigInt64, readInt64 } from "../shared/wire/int64";
import type { AlignedMessage } from "./verify";

const E8 = 10n ** 8n;
const E12 = 10n ** 12n;
const I64_MAX = 2n ** 63n - 1n;

type Range = readonly [from: number, to: number];
/** Bytes of an instrument's row that its ledger rests on, as instrument() compares them: equal for ever, or it is another contract. */
const TERMS: readonly Range[] = [
  [InstrumentAt.symbol, InstrumentAt.contractSize],
  [InstrumentAt.expiryNs, InstrumentAt.ticksPerUnit],
  [InstrumentAt.lotNum, InstrumentAt.strikeE8 + 8],
];
/** All of the contract. */
const CONTRACT: readonly Range[] = [
  [InstrumentAt.id, InstrumentAt.markTicks],
  [InstrumentAt.lotNum, InstrumentAt.strikeE8 + 8],
];

/** Why a reference record was refused; null where it was taken. */
export type Refusal = string | null;

function reduce(num: bigint, den: bigint): [bigint, bigint] {
  let a = num;
  let b = den;
  while (b !== 0n) [a, b] = [b, a % b];
  return [num / a, den / a];
}

/**
 * Exact factors of a contract, in 1e-8 of the settle asset: value = lots·ticks·num/den (linear), lots·num/(ticks·den)
 * (inverse), and the size of a lot in 1e-8 of base (linear) or quote (inverse). Arguments in 1e-12.
 */
export function contractFactors(
  isInverse: boolean,
  tickE12: bigint,
  lotE12: bigint,
  contractE12: bigint,
): { value: [bigint, bigint]; lot: [bigint, bigint] } {
  const size = lotE12 * contractE12;
  return {
    value: isInverse ? reduce(size * E8, E12 * tickE12) : reduce(size * tickE12 * E8, E12 * E12 * E12),
    lot: reduce(size * E8, E12 * E12),
  };
}

export class MarketTable {
  readonly memory: SharedArrayBuffer;
  /** Per instrument id: 0 unknown, else InstrumentKind of the wire; what the event checks look at. */
  readonly instrumentKinds = new Uint8Array(INSTRUMENT_SLOTS);
  /** Per asset id: 1 where it is known. */
  readonly assets = new Uint8Array(ASSET_SLOTS);
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly bytes: Uint8Array;
  private readonly longs: BigInt64Array;
  private readonly symbols = new Map<string, number>();
  /** How long before now the message at hand came into the log, ns: a mark read back after a restart is as old as it is. */
  ageNs = 0;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(MARKET_BYTES)) {
    this.memory = memory;
    this.words = new Int32Array(memory);
    this.doubles = new Float64Array(memory);
    this.bytes = new Uint8Array(memory);
    this.longs = new BigInt64Array(memory);
    // Group 0 is there from the start: accounts that never joined one.
    const group = MARKET_GROUPS_OFFSET;
    this.bytes[group + GroupAt.present] = 1;
    this.bytes.set(Buffer.from("default"), group + GroupAt.name);
    this.words[MarketHeaderAt.groupEnd / 4] = 1;
  }

  assetKnown(id: number): boolean {
    return this.assets[id] === 1;
  }

  private row(id: number): number {
    return MARKET_INSTRUMENTS_OFFSET + id * InstrumentAt.bytes;
  }

  // Both ends are read-modify-write operations: see src/shared/views/seqlock.ts.
  private beginRow(id: number): void {
    Atomics.add(this.words, MARKET_VERSIONS_OFFSET / 4 + id, 1);
  }

  private endRow(id: number): void {
    Atomics.add(this.words, MARKET_VERSIONS_OFFSET / 4 + id, 1);
    this.dirty = true;
  }

  private dirty = false;

  /**
   * Tells the readers that something moved; they look no further where nothing was told. Due before anything is published that
   * rests on it. Returns whether anything did.
   */
  publish(): boolean {
    if (!this.dirty) return false;
    this.dirty = false;
    Atomics.add(this.words, MarketHeaderAt.marketVersion / 4, 1);
    return true;
  }

  private noteTime(timeNs: number): void {
    const at = MarketHeaderAt.eventTimeNs / 8;
    if (timeNs > this.doubles[at]) this.doubles[at] = timeNs;
  }

  // ── market state; `at` is the byte offset of the struct in the scratch copy of the message. False: older than what is there ──

  mark(s: AlignedMessage, at: number): boolean {
    const id = s.i32[(at + MarkAt.instrument) / 4];
    const row = this.row(id);
    const seq = readInt64(s.i32, (at + MarkAt.seq) / 4);
    if (seq <= this.doubles[(row + InstrumentAt.markSeq) / 8]) return false;
    const ticks = readInt64(s.i32, (at + MarkAt.priceTicks) / 4);
    const timeNs = readInt64(s.i32, (at + MarkAt.timeNs) / 4);
    this.beginRow(id);
    this.doubles[(row + InstrumentAt.markSeq) / 8] = seq;
    this.doubles[(row + InstrumentAt.markTicks) / 8] = ticks;
    this.doubles[(row + InstrumentAt.mark) / 8] = this.price(row, ticks);
    this.doubles[(row + InstrumentAt.markTimeNs) / 8] = timeNs;
    this.doubles[(row + InstrumentAt.markReceivedNs) / 8] = monotonicNs() - this.ageNs;
    this.endRow(id);
    this.noteTime(timeNs);
    return true;
  }

  quote(s: AlignedMessage, at: number): boolean {
    const id = s.i32[(at + QuoteAt.instrument) / 4];
    const row = this.row(id);
    const seq = readInt64(s.i32, (at + QuoteAt.seq) / 4);
    if (seq <= this.doubles[(row + InstrumentAt.quoteSeq) / 8]) return false;
    const timeNs = readInt64(s.i32, (at + QuoteAt.timeNs) / 4);
    const lotSize = this.doubles[(row + InstrumentAt.lotSize) / 8];
    this.beginRow(id);
    this.doubles[(row + InstrumentAt.quoteSeq) / 8] = seq;
    this.doubles[(row + InstrumentAt.bid) / 8] = this.price(row, readInt64(s.i32, (at + QuoteAt.bidTicks) / 4));
    this.doubles[(row + InstrumentAt.bidQty) / 8] = readInt64(s.i32, (at + QuoteAt.bidLots) / 4) * lotSize;
    this.doubles[(row + InstrumentAt.ask) / 8] = this.price(row, readInt64(s.i32, (at + QuoteAt.askTicks) / 4));
    this.doubles[(row + InstrumentAt.askQty) / 8] = readInt64(s.i32, (at + QuoteAt.askLots) / 4) * lotSize;
    this.doubles[(row + InstrumentAt.quoteTimeNs) / 8] = timeNs;
    this.endRow(id);
    this.noteTime(timeNs);
    return true;
  }

  trade(s: AlignedMessage, at: number): boolean {
    const id = s.i32[(at + TradeAt.instrument) / 4];
    const row = this.row(id);
    const seq = readInt64(s.i32, (at + TradeAt.seq) / 4);
    if (seq <= this.doubles[(row + InstrumentAt.tradeSeq) / 8]) return false;
    const timeNs = readInt64(s.i32, (at + TradeAt.timeNs) / 4);
    const qty = readInt64(s.i32, (at + TradeAt.qtyLots) / 4) * this.doubles[(row + InstrumentAt.lotSize) / 8];
    this.beginRow(id);
    this.doubles[(row + InstrumentAt.tradeSeq) / 8] = seq;
    this.doubles[(row + InstrumentAt.lastPrice) / 8] = this.price(row, readInt64(s.i32, (at + TradeAt.priceTicks) / 4));
    this.doubles[(row + InstrumentAt.lastQty) / 8] = qty;
    this.doubles[(row + InstrumentAt.lastTradeTimeNs) / 8] = timeNs;
    this.doubles[(row + InstrumentAt.volume) / 8] += qty;
    this.doubles[(row + InstrumentAt.tradeCount) / 8] += 1;
    this.words[(row + InstrumentAt.lastSide) / 4] = s.u8[at + TradeAt.aggressor];
    this.endRow(id);
    this.noteTime(timeNs);
    return true;
  }

  fundingRate(s: AlignedMessage, at: number): boolean {
    const id = s.i32[(at + FundingRateAt.instrument) / 4];
    const row = this.row(id);
    const seq = readInt64(s.i32, (at + FundingRateAt.seq) / 4);
    if (seq <= this.doubles[(row + InstrumentAt.fundingSeq) / 8]) return false;
    const timeNs = readInt64(s.i32, (at + FundingRateAt.timeNs) / 4);
    this.beginRow(id);
    this.doubles[(row + InstrumentAt.fundingSeq) / 8] = seq;
    this.doubles[(row + InstrumentAt.fundingRate) / 8] = s.f64[(at + FundingRateAt.rate) / 8];
    this.doubles[(row + InstrumentAt.nextFundingNs) / 8] = readInt64(s.i32, (at + FundingRateAt.nextSettlementNs) / 4);
    this.doubles[(row + InstrumentAt.fundingTimeNs) / 8] = timeNs;
    this.endRow(id);
    this.noteTime(timeNs);
    return true;
  }

  impliedVol(s: AlignedMessage, at: number): boolean {
    const id = s.i32[(at + ImpliedVolAt.instrument) / 4];
    const row = this.row(id);
    const seq = readInt64(s.i32, (at + ImpliedVolAt.seq) / 4);
    if (seq <= this.doubles[(row + InstrumentAt.volSeq) / 8]) return false;
    const timeNs = readInt64(s.i32, (at + ImpliedVolAt.timeNs) / 4);
    this.beginRow(id);
    this.doubles[(row + InstrumentAt.volSeq) / 8] = seq;
    this.doubles[(row + InstrumentAt.iv) / 8] = s.f64[(at + ImpliedVolAt.vol) / 8];
    this.doubles[(row + InstrumentAt.underlying) / 8] = s.f64[(at + ImpliedVolAt.underlying) / 8];
    this.doubles[(row + InstrumentAt.volTimeNs) / 8] = timeNs;
    this.endRow(id);
    this.noteTime(timeNs);
    return true;
  }

  indexPrice(s: AlignedMessage, at: number): boolean {
    const id = s.i32[(at + IndexPriceAt.asset) / 4];
    const row = MARKET_ASSETS_OFFSET + id * AssetAt.bytes;
    const seq = readInt64(s.i32, (at + IndexPriceAt.seq) / 4);
    if (seq <= this.doubles[(row + AssetAt.priceSeq) / 8]) return false;
    const timeNs = readInt64(s.i32, (at + IndexPriceAt.timeNs) / 4);
    this.moveAsset(row);
    this.doubles[(row + AssetAt.priceSeq) / 8] = seq;
    this.doubles[(row + AssetAt.usdPrice) / 8] = s.f64[(at + IndexPriceAt.price) / 8];
    this.doubles[(row + AssetAt.priceTimeNs) / 8] = timeNs;
    this.doubles[(row + AssetAt.receivedNs) / 8] = monotonicNs() - this.ageNs;
    this.moveAsset(row);
    this.dirty = true;
    this.noteTime(timeNs);
    return true;
  }

  /** 2: live; 1: waiting for a snapshot after a gap; 0: no book. */
  bookState(id: number, state: 0 | 1 | 2): void {
    const at = (this.row(id) + InstrumentAt.bookState) / 4;
    if (this.words[at] === state) return;
    this.beginRow(id);
    this.words[at] = state;
    this.endRow(id);
  }

  // A price as the decimal number nearest to ticks × tick, not as a rounded product: 608040 ticks of 0.1 are 60804.
  private price(row: number, ticks: number): number {
    const perUnit = this.doubles[(row + InstrumentAt.ticksPerUnit) / 8];
    return perUnit > 0 ? ticks / perUnit : ticks * this.doubles[(row + InstrumentAt.tickSize) / 8];
  }

  // ── reference ──

  private beginReference(): void {
    Atomics.add(this.words, MarketHeaderAt.referenceVersion / 4, 1);
  }

  private endReference(): void {
    Atomics.add(this.words, MarketHeaderAt.referenceVersion / 4, 1);
    this.dirty = true;
  }

  // Opens an asset's row, or closes it.
  private moveAsset(row: number): void {
    Atomics.add(this.words, (row + AssetAt.version) / 4, 1);
  }

  private raise(at: number, end: number): void {
    if (this.words[at / 4] < end) Atomics.store(this.words, at / 4, end);
  }

  asset(s: AlignedMessage, at: number): Refusal {
    const id = s.i32[(at + AssetStructAt.id) / 4];
    const row = MARKET_ASSETS_OFFSET + id * AssetAt.bytes;
    const symbol = s.u8.subarray(at + AssetStructAt.symbol, at + AssetStructAt.symbol + 12);
    const known = this.assetKnown(id);
    if (known && !equalBytes(this.bytes, row + AssetAt.symbol, symbol))
      return `asset ${id} is ${text(this.bytes, row + AssetAt.symbol, 12)} and cannot become ${text(symbol, 0, 12)}`;
    for (let other = 1; other < this.words[MarketHeaderAt.assetEnd / 4]; other++) {
      if (
        other !== id &&
        this.assets[other] === 1 &&
        equalBytes(this.bytes, MARKET_ASSETS_OFFSET + other * AssetAt.bytes + AssetAt.symbol, symbol)
      )
        return `asset ${id}: symbol ${text(symbol, 0, 12)} is that of asset ${other}`;
    }
    this.beginReference();
    this.moveAsset(row);
    this.bytes.set(symbol, row + AssetAt.symbol);
    this.doubles[(row + AssetAt.haircut) / 8] = s.f64[(at + AssetStructAt.haircut) / 8];
    // Once an index price has come, it is the price.
    if (this.doubles[(row + AssetAt.priceSeq) / 8] === 0)
      this.doubles[(row + AssetAt.usdPrice) / 8] = s.f64[(at + AssetStructAt.usdPrice) / 8];
    this.words[(row + AssetAt.id) / 4] = id;
    this.assets[id] = 1;
    this.moveAsset(row);
    this.raise(MarketHeaderAt.assetEnd, id + 1);
    this.endReference();
    return null;
  }

  instrument(s: AlignedMessage, at: number): Refusal {
    const id = s.i32[(at + InstrumentStructAt.id) / 4];
    const row = this.row(id);
    const symbolBytes = s.u8.subarray(at + InstrumentStructAt.symbol, at + InstrumentStructAt.symbol + 40);
    const symbol = text(symbolBytes, 0, 40);
    for (const field of [InstrumentStructAt.base, InstrumentStructAt.quote, InstrumentStructAt.settle]) {
      const asset = s.i32[(at + field) / 4];
      if (!this.assetKnown(asset)) return `instrument ${symbol}: asset ${asset} is not known`;
    }
    const table = s.i32[(at + InstrumentStructAt.marginTable) / 4];
    if (
      s.u8[at + InstrumentStructAt.kind] !== 1 &&
      this.words[(MARKET_TABLES_OFFSET + table * MarginTableAt.bytes + MarginTableAt.id) / 4] !== table
    )
      return `instrument ${symbol}: margin table ${table} is not known`;
    const holder = this.symbols.get(symbol);
    if (holder !== undefined && holder !== id) return `instrument ${id}: symbol ${symbol} is that of instrument ${holder}`;

    const i64 = (field: number) => readBigInt64(s.i32, (at + field) / 4);
    const isInverse = s.u8[at + InstrumentStructAt.payoff] === 2;
    const tick = i64(InstrumentStructAt.tickSize);
    const lot = i64(InstrumentStructAt.lotSize);
    const contract = i64(InstrumentStructAt.contractSize);
    const { value, lot: lotFactor } = contractFactors(isInverse, tick, lot, contract);
    for (const number of [...value, ...lotFactor])
      if (number > I64_MAX || number <= 0n)
        return `instrument ${symbol}: tick, lot and contract size have no exact factor in 64 bits`;

    if (this.instrumentKinds[id] !== 0) {
      const same =
        equalBytes(this.bytes, row + InstrumentAt.symbol, symbolBytes) &&
        this.longs[(row + InstrumentAt.valueNum) / 8] === value[0] &&
        this.longs[(row + InstrumentAt.valueDen) / 8] === value[1] &&
        this.longs[(row + InstrumentAt.lotNum) / 8] === lotFactor[0] &&
        this.longs[(row + InstrumentAt.lotDen) / 8] === lotFactor[1] &&
        this.longs[(row + InstrumentAt.strikeE8) / 8] === i64(InstrumentStructAt.strike) &&
        this.longs[(row + InstrumentAt.expiryNs) / 8] === i64(InstrumentStructAt.expiryNs) &&
        this.words[(row + InstrumentAt.base) / 4] === s.i32[(at + InstrumentStructAt.base) / 4] &&
        this.words[(row + InstrumentAt.quote) / 4] === s.i32[(at + InstrumentStructAt.quote) / 4] &&
        this.words[(row + InstrumentAt.settle) / 4] === s.i32[(at + InstrumentStructAt.settle) / 4] &&
        this.words[(row + InstrumentAt.kind) / 4] === s.i32[(at + InstrumentStructAt.kind) / 4];
      if (!same)
        return `instrument ${id} (${text(this.bytes, row + InstrumentAt.symbol, 40)}): the terms of a published contract never change`;
      if (this.words[(row + InstrumentAt.marginTable) / 4] !== table) {
        this.beginRow(id);
        this.words[(row + InstrumentAt.marginTable) / 4] = table;
        this.endRow(id);
        this.beginReference();
        this.endReference();
      }
      return null;
    }
    this.beginReference();
    this.beginRow(id);
    this.bytes.set(symbolBytes, row + InstrumentAt.symbol);
    this.words[(row + InstrumentAt.marginTable) / 4] = table;
    this.words[(row + InstrumentAt.base) / 4] = s.i32[(at + InstrumentStructAt.base) / 4];
    this.words[(row + InstrumentAt.quote) / 4] = s.i32[(at + InstrumentStructAt.quote) / 4];
    this.words[(row + InstrumentAt.settle) / 4] = s.i32[(at + InstrumentStructAt.settle) / 4];
    // kind, payoff, premium, option type: the same four bytes in both layouts.
    this.words[(row + InstrumentAt.kind) / 4] = s.i32[(at + InstrumentStructAt.kind) / 4];
    this.doubles[(row + InstrumentAt.contractSize) / 8] = Number(contract) / 1e12;
    this.doubles[(row + InstrumentAt.tickSize) / 8] = Number(tick) / 1e12;
    this.doubles[(row + InstrumentAt.ticksPerUnit) / 8] = E12 % tick === 0n ? Number(E12 / tick) : 0;
    this.doubles[(row + InstrumentAt.lotSize) / 8] = Number(lot) / 1e12;
    this.doubles[(row + InstrumentAt.strike) / 8] = Number(i64(InstrumentStructAt.strike)) / 1e8;
    this.longs[(row + InstrumentAt.strikeE8) / 8] = i64(InstrumentStructAt.strike);
    this.longs[(row + InstrumentAt.expiryNs) / 8] = i64(InstrumentStructAt.expiryNs);
    this.longs[(row + InstrumentAt.valueNum) / 8] = value[0];
    this.longs[(row + InstrumentAt.valueDen) / 8] = value[1];
    this.longs[(row + InstrumentAt.lotNum) / 8] = lotFactor[0];
    this.longs[(row + InstrumentAt.lotDen) / 8] = lotFactor[1];
    this.words[(row + InstrumentAt.id) / 4] = id;
    this.symbols.set(symbol, id);
    this.raise(MarketHeaderAt.instrumentEnd, id + 1);
    this.endRow(id);
    this.endReference();
    this.instrumentKinds[id] = s.u8[at + InstrumentStructAt.kind];
    return null;
  }

  /**
   * A contract that a snapshot's ledger was kept in, as its row was: it must be the one that is known now. One that is not known
   * any more is taken back, so that its holders can still be valued.
   */
  adoptInstrument(saved: Uint8Array): Refusal {
    const view = new DataView(saved.buffer, saved.byteOffset, saved.byteLength);
    const id = view.getUint32(InstrumentAt.id, true);
    const row = this.row(id);
    const symbol = text(saved, InstrumentAt.symbol, 40);
    if (this.instrumentKinds[id] !== 0) {
      const same = TERMS.every(([from, to]) => equalBytes(this.bytes, row + from, saved.subarray(from, to)));
      return same ? null : `the terms of instrument ${id} (${symbol}) are not those its positions were made in`;
    }
    const holder = this.symbols.get(symbol);
    if (holder !== undefined) return `instrument ${id}: symbol ${symbol} is now that of instrument ${holder}`;
    this.beginReference();
    this.beginRow(id);
    for (const [from, to] of CONTRACT) this.bytes.set(saved.subarray(from, to), row + from);
    this.symbols.set(symbol, id);
    this.raise(MarketHeaderAt.instrumentEnd, id + 1);
    this.endRow(id);
    this.endReference();
    this.instrumentKinds[id] = saved[InstrumentAt.kind];
    return null;
  }

  /** An asset that a snapshot's ledger was kept in, likewise. */
  adoptAsset(saved: Uint8Array): Refusal {
    const id = new DataView(saved.buffer, saved.byteOffset, saved.byteLength).getUint32(AssetAt.id, true);
    const row = MARKET_ASSETS_OFFSET + id * AssetAt.bytes;
    const symbol = saved.subarray(AssetAt.symbol, AssetAt.symbol + 12);
    if (this.assetKnown(id)) {
      if (equalBytes(this.bytes, row + AssetAt.symbol, symbol)) return null;
      return `asset ${id} is ${text(this.bytes, row + AssetAt.symbol, 12)} and was ${text(symbol, 0, 12)} to the ledger`;
    }
    this.beginReference();
    this.moveAsset(row);
    this.bytes.set(symbol, row + AssetAt.symbol);
    // At the price it had: without one its holders would look bankrupt. The next price that comes takes its place.
    for (const at of [AssetAt.haircut, AssetAt.usdPrice, AssetAt.priceTimeNs])
      this.bytes.set(saved.subarray(at, at + 8), row + at);
    this.words[(row + AssetAt.id) / 4] = id;
    this.assets[id] = 1;
    this.moveAsset(row);
    this.raise(MarketHeaderAt.assetEnd, id + 1);
    this.endReference();
    return null;
  }

  /** A table comes with all its tiers in one message: `tiers` are the byte offsets of those that name it, ascending. */
  marginTable(s: AlignedMessage, at: number, tiers: number[]): Refusal {
    const id = s.i32[(at + MarginTableStructAt.id) / 4];
    const row = MARKET_TABLES_OFFSET + id * MarginTableAt.bytes;
    if (tiers.length > TIERS_PER_TABLE_MAX) return `margin table ${id}: ${tiers.length} tiers, at most ${TIERS_PER_TABLE_MAX}`;
    const held = this.words[(row + MarginTableAt.id) / 4] === id ? this.words[(row + MarginTableAt.tierCount) / 4] : 0;
    let first = this.words[(row + MarginTableAt.firstTier) / 4];
    const end = this.words[MarketHeaderAt.tierCount / 4];
    if (tiers.length > held) {
      first = end;
      if (end + tiers.length > MARGIN_TIER_SLOTS) return `margin table ${id}: all ${MARGIN_TIER_SLOTS} tier rows are in use`;
    }
    this.beginReference();
    let cum = 0;
    let rateBefore = 0;
    tiers.forEach((tier, i) => {
      const to = (MARKET_TIERS_OFFSET + (first + i) * TierAt.bytes) / 8;
      const floor = s.f64[(tier + MarginTierAt.notionalFloor) / 8];
      const rate = s.f64[(tier + MarginTierAt.maintenanceRate) / 8];
      const given = s.f64[(tier + MarginTierAt.deduction) / 8];
      // cum_n = cum_{n−1} + floor_n · (rate_n − rate_{n−1}), the recursion of src/risk/margin/tiered.ts.
      cum = i === 0 ? 0 : cum + floor * (rate - rateBefore);
      if (!Number.isNaN(given)) cum = given;
      rateBefore = rate;
      this.doubles[to + TierAt.notionalFloor / 8] = floor;
      this.doubles[to + TierAt.initialRate / 8] = s.f64[(tier + MarginTierAt.initialRate) / 8];
      this.doubles[to + TierAt.maintenanceRate / 8] = rate;
      this.doubles[to + TierAt.deduction / 8] = cum;
    });
    if (first + tiers.length > end) this.words[MarketHeaderAt.tierCount / 4] = first + tiers.length;
    this.bytes[row + MarginTableAt.model] = s.u8[at + MarginTableStructAt.model];
    this.bytes[row + MarginTableAt.notionalAt] = s.u8[at + MarginTableStructAt.notionalAt];
    this.words[(row + MarginTableAt.firstTier) / 4] = first;
    this.words[(row + MarginTableAt.tierCount) / 4] = tiers.length;
    const copy = (to: number, from: number) => {
      this.doubles[(row + to) / 8] = s.f64[(at + from) / 8];
    };
    copy(MarginTableAt.liquidationFeeRate, MarginTableStructAt.liquidationFeeRate);
    copy(MarginTableAt.initialBase, MarginTableStructAt.initialBase);
    copy(MarginTableAt.initialPerUnit, MarginTableStructAt.initialPerUnit);
    copy(MarginTableAt.maintenanceBase, MarginTableStructAt.maintenanceBase);
    copy(MarginTableAt.maintenancePerUnit, MarginTableStructAt.maintenancePerUnit);
    this.words[(row + MarginTableAt.id) / 4] = id;
    this.raise(MarketHeaderAt.tableEnd, id + 1);
    this.endReference();
    return null;
  }

  accountGroup(s: AlignedMessage, at: number): Refusal {
    const id = s.i32[(at + AccountGroupAt.id) / 4];
    const row = MARKET_GROUPS_OFFSET + id * GroupAt.bytes;
    this.beginReference();
    this.words[(row + GroupAt.id) / 4] = id;
    this.bytes[row + GroupAt.present] = 1;
    this.bytes[row + GroupAt.collateral] = s.u8[at + AccountGroupAt.collateral];
    this.bytes[row + GroupAt.hedgeMode] = s.u8[at + AccountGroupAt.hedgeMode];
    this.bytes.set(s.u8.subarray(at + AccountGroupAt.name, at + AccountGroupAt.name + 24), row + GroupAt.name);
    this.raise(MarketHeaderAt.groupEnd, id + 1);
    this.endReference();
    return null;
  }
}

function equalBytes(memory: Uint8Array, at: number, other: Uint8Array): boolean {
  for (let i = 0; i < other.length; i++) if (memory[at + i] !== other[i]) return false;
  return true;
}

function text(memory: Uint8Array, at: number, length: number): string {
  let end = at;
  while (end < at + length && memory[end] !== 0) end++;
  return Buffer.from(memory.slice(at, end)).toString("latin1");
}
