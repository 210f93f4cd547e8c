// Reads the market memory: instruments with their state, assets, margin tables, groups.

import { monotonicNs } from "../clock";
import {
  AssetAt,
  GroupAt,
  InstrumentAt,
  MARKET_ASSETS_OFFSET,
  MARKET_GROUPS_OFFSET,
  MARKET_INSTRUMENTS_OFFSET,
  MARKET_TABLES_OFFSET,
  MARKET_TIERS_OFFSET,
  MARKET_VERSIONS_OFFSET,
  MarginTableAt,
  MarketHeaderAt,
  TierAt,
} from "../layout/market";
import { INSTRUMENT_SLOTS } from "../limits";
import { msOfNs } from "../wire/int64";
import { readConsistent } from "./seqlock";
import type { AssetState, InstrumentState } from "./types";

export interface MarginTableState {
  id: number;
  model: "tiered" | "size-scaled" | "deribit-option";
  notionalAt: "mark" | "entry";
  liquidationFeeRate: number;
  initialBase: number;
  initialPerUnit: number;
  maintenanceBase: number;
  maintenancePerUnit: number;
  tiers: { notionalFloor: number; initialRate: number; maintenanceRate: number; deduction: number }[];
}

export interface GroupState {
  id: number;
  name: string;
  collateral: "single-asset" | "multi-asset";
  hedgeMode: boolean;
}

const KINDS = ["spot", "spot", "perpetual", "future", "option"] as const;
const MODELS = ["tiered", "tiered", "size-scaled", "deribit-option"] as const;

/** NaN and 0 mean "none yet" in the state columns. */
const orNull = (value: number) => (value > 0 || value < 0 ? value : null);
const msOrNull = (ns: number) => (ns > 0 ? msOfNs(ns) : null);

export class MarketView {
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly bytes: Uint8Array;
  private readonly longs: BigInt64Array;
  private readonly symbols: (string | undefined)[] = [];
  private readonly ids = new Map<string, number>();
  private readonly assetSymbols: string[] = [];
  private readonly staleAfterNs: number;

  constructor(
    readonly memory: SharedArrayBuffer,
    options: { staleAfterMs: number },
  ) {
    this.words = new Int32Array(memory);
    this.doubles = new Float64Array(memory);
    this.bytes = new Uint8Array(memory);
    this.longs = new BigInt64Array(memory);
    this.staleAfterNs = options.staleAfterMs * 1e6;
  }

  marketVersion(): number {
    return Atomics.load(this.words, MarketHeaderAt.marketVersion / 4) >>> 0;
  }

  referenceVersion(): number {
    return Atomics.load(this.words, MarketHeaderAt.referenceVersion / 4) >>> 0;
  }

  instrumentEnd(): number {
    return Atomics.load(this.words, MarketHeaderAt.instrumentEnd / 4);
  }

  /** Changes whenever the row does; 0 where there is none. */
  instrumentVersion(id: number): number {
    return Atomics.load(this.words, MARKET_VERSIONS_OFFSET / 4 + id) >>> 0;
  }

  eventTimeMs(): number | null {
    return msOrNull(this.doubles[MarketHeaderAt.eventTimeNs / 8]);
  }

  private text(offset: number, length: number): string {
    let end = offset;
    while (end < offset + length && this.bytes[end] !== 0) end++;
    // Buffer refuses views of shared memory in some decoders: copy, it is short and cached.
    return Buffer.from(this.bytes.slice(offset, end)).toString("latin1");
  }

  private row(id: number): number {
    return MARKET_INSTRUMENTS_OFFSET + id * InstrumentAt.bytes;
  }

  /** Symbol of an instrument, cached: it never changes. Undefined where there is none. */
  symbol(id: number): string | undefined {
    const known = this.symbols[id];
    if (known !== undefined) return known;
    if (id <= 0 || id >= INSTRUMENT_SLOTS || this.instrumentVersion(id) === 0) return undefined;
    const row = this.row(id);
    let text = "";
    if (!readConsistent(this.words, MARKET_VERSIONS_OFFSET / 4 + id, () => (text = this.text(row + InstrumentAt.symbol, 40))))
      return undefined;
    if (text === "") return undefined;
    this.symbols[id] = text;
    this.ids.set(text, id);
    return text;
  }

  instrumentId(symbol: string): number | undefined {
    const known = this.ids.get(symbol);
    if (known !== undefined) return known;
    const end = this.instrumentEnd();
    for (let id = 1; id < end; id++) if (this.symbol(id) === symbol) return id;
    return undefined;
  }

  assetSymbol(id: number): string {
    const known = this.assetSymbols[id];
    if (known) return known;
    const row = MARKET_ASSETS_OFFSET + id * AssetAt.bytes;
    let text = "";
    if (!readConsistent(this.words, (row + AssetAt.version) / 4, () => (text = this.text(row + AssetAt.symbol, 12)))) return "";
    if (text) this.assetSymbols[id] = text;
    return text;
  }

  /** Contracts in a lot, price in a tick: what turns a ledger's integers into natural units. */
  lotSize(id: number): number {
    return this.doubles[(this.row(id) + InstrumentAt.lotSize) / 8];
  }

  tickSize(id: number): number {
    return this.doubles[(this.row(id) + InstrumentAt.tickSize) / 8];
  }

  settleAsset(id: number): number {
    return this.words[(this.row(id) + InstrumentAt.settle) / 4];
  }

  instrumentBySymbol(symbol: string): InstrumentState | null {
    const id = this.instrumentId(symbol);
    return id === undefined ? null : this.instrument(id);
  }

  instruments(): InstrumentState[] {
    const all: InstrumentState[] = [];
    const end = this.instrumentEnd();
    for (let id = 1; id < end; id++) {
      const state = this.instrument(id);
      if (state) all.push(state);
    }
    return all;
  }

  instrument(id: number): InstrumentState | null {
    const symbol = this.symbol(id);
    if (symbol === undefined) return null;
    const row = this.row(id);
    const f64 = (at: number) => this.doubles[(row + at) / 8];
    const u8 = (at: number) => this.bytes[row + at];
    const u32 = (at: number) => this.words[(row + at) / 4];
    let state: InstrumentState | null = null;
    const consistent = readConsistent(this.words, MARKET_VERSIONS_OFFSET / 4 + id, () => {
      const mark = orNull(f64(InstrumentAt.mark));
      const received = f64(InstrumentAt.markReceivedNs);
      const lotSize = f64(InstrumentAt.lotSize);
      const expiryNs = Number(this.longs[(row + InstrumentAt.expiryNs) / 8]);
      const isOption = u8(InstrumentAt.kind) === 4;
      state = {
        id,
        symbol,
        kind: KINDS[u8(InstrumentAt.kind)],
        payoff: u8(InstrumentAt.payoff) === 2 ? "inverse" : "linear",
        premium: isOption ? (u8(InstrumentAt.premium) === 1 ? "base" : "quote") : null,
        optionType: isOption ? (u8(InstrumentAt.optionType) === 1 ? "call" : "put") : null,
        base: this.assetSymbol(u32(InstrumentAt.base)),
        quote: this.assetSymbol(u32(InstrumentAt.quote)),
        settle: this.assetSymbol(u32(InstrumentAt.settle)),
        contractSize: f64(InstrumentAt.contractSize),
        tickSize: f64(InstrumentAt.tickSize),
        lotSize,
        strike: isOption ? f64(InstrumentAt.strike) : null,
        expiryMs: msOrNull(expiryNs),
        marginTableId: u32(InstrumentAt.marginTable),
        freshness: mark === null || monotonicNs() - received > this.staleAfterNs ? "STALE" : "OK",
        mark,
        markTimeMs: msOrNull(f64(InstrumentAt.markTimeNs)),
        index: orNull(this.doubles[(MARKET_ASSETS_OFFSET + u32(InstrumentAt.base) * AssetAt.bytes + AssetAt.usdPrice) / 8]),
        fundingRate: f64(InstrumentAt.fundingTimeNs) > 0 ? f64(InstrumentAt.fundingRate) : null,
        nextFundingMs: msOrNull(f64(InstrumentAt.nextFundingNs)),
        bid: orNull(f64(InstrumentAt.bid)),
        bidQty: orNull(f64(InstrumentAt.bidQty)),
        ask: orNull(f64(InstrumentAt.ask)),
        askQty: orNull(f64(InstrumentAt.askQty)),
        quoteTimeMs: msOrNull(f64(InstrumentAt.quoteTimeNs)),
        lastPrice: orNull(f64(InstrumentAt.lastPrice)),
        lastQty: orNull(f64(InstrumentAt.lastQty)),
        lastSide: u32(InstrumentAt.lastSide) === 1 ? "buy" : u32(InstrumentAt.lastSide) === 2 ? "sell" : null,
        lastTradeTimeMs: msOrNull(f64(InstrumentAt.lastTradeTimeNs)),
        volume: f64(InstrumentAt.volume),
        tradeCount: f64(InstrumentAt.tradeCount),
        iv: orNull(f64(InstrumentAt.iv)),
        underlying: orNull(f64(InstrumentAt.underlying)),
        bookState: u32(InstrumentAt.bookState) === 2 ? "ok" : u32(InstrumentAt.bookState) === 1 ? "resync" : "none",
      };
    });
    return consistent ? state : null;
  }

  private readReference(read: () => void): void {
    readConsistent(this.words, MarketHeaderAt.referenceVersion / 4, read);
  }

  assets(): AssetState[] {
    let all: AssetState[] = [];
    this.readReference(() => {
      all = [];
      const end = this.words[MarketHeaderAt.assetEnd / 4];
      for (let id = 1; id < end; id++) {
        const row = MARKET_ASSETS_OFFSET + id * AssetAt.bytes;
        if (this.words[(row + AssetAt.id) / 4] !== id) continue;
        const asset: AssetState = { id, symbol: this.assetSymbol(id), haircut: 0, usdPrice: 0, priceTimeMs: null };
        // Prices move without the rest, each with its time.
        readConsistent(this.words, (row + AssetAt.version) / 4, () => {
          asset.haircut = this.doubles[(row + AssetAt.haircut) / 8];
          asset.usdPrice = this.doubles[(row + AssetAt.usdPrice) / 8];
          asset.priceTimeMs = msOrNull(this.doubles[(row + AssetAt.priceTimeNs) / 8]);
        });
        all.push(asset);
      }
    });
    return all;
  }

  marginTables(): MarginTableState[] {
    let all: MarginTableState[] = [];
    this.readReference(() => {
      all = [];
      const end = this.words[MarketHeaderAt.tableEnd / 4];
      for (let id = 1; id < end; id++) {
        const row = MARKET_TABLES_OFFSET + id * MarginTableAt.bytes;
        if (this.words[(row + MarginTableAt.id) / 4] !== id) continue;
        const f64 = (at: number) => this.doubles[(row + at) / 8];
        const first = this.words[(row + MarginTableAt.firstTier) / 4];
        const count = this.words[(row + MarginTableAt.tierCount) / 4];
        all.push({
          id,
          model: MODELS[this.bytes[row + MarginTableAt.model]],
          notionalAt: this.bytes[row + MarginTableAt.notionalAt] === 1 ? "entry" : "mark",
          liquidationFeeRate: f64(MarginTableAt.liquidationFeeRate),
          initialBase: f64(MarginTableAt.initialBase),
          initialPerUnit: f64(MarginTableAt.initialPerUnit),
          maintenanceBase: f64(MarginTableAt.maintenanceBase),
          maintenancePerUnit: f64(MarginTableAt.maintenancePerUnit),
          tiers: Array.from({ length: count }, (_, i) => {
            const tier = (MARKET_TIERS_OFFSET + (first + i) * TierAt.bytes) / 8;
            return {
              notionalFloor: this.doubles[tier],
              initialRate: this.doubles[tier + TierAt.initialRate / 8],
              maintenanceRate: this.doubles[tier + TierAt.maintenanceRate / 8],
              deduction: this.doubles[tier + TierAt.deduction / 8],
            };
          }),
        });
      }
    });
    return all;
  }

  groups(): GroupState[] {
    let all: GroupState[] = [];
    this.readReference(() => {
      all = [];
      const end = this.words[MarketHeaderAt.groupEnd / 4];
      for (let id = 0; id < end; id++) {
        const row = MARKET_GROUPS_OFFSET + id * GroupAt.bytes;
        if (this.bytes[row + GroupAt.present] === 0) continue;
        all.push({
          id,
          name: this.text(row + GroupAt.name, 24),
          collateral: this.bytes[row + GroupAt.collateral] === 1 ? "multi-asset" : "single-asset",
          hedgeMode: this.bytes[row + GroupAt.hedgeMode] === 1,
        });
      }
    });
    return all;
  }
}
