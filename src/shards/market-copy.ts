// From the market memory to a shard's copy of it, row by row. One for each shard, in its worker's thread. All views are made
// once, an instrument's when it is first copied: in steady state copying allocates nothing.
import {
  AssetAt,
  InstrumentAt,
  MARKET_ASSETS_OFFSET,
  MARKET_BYTES,
  MARKET_INSTRUMENTS_OFFSET,
  MARKET_VERSIONS_OFFSET,
  MarketHeaderAt,
} from "../shared/layout/market";
import { ASSET_SLOTS, INSTRUMENT_SLOTS, SEQLOCK_TRIES_MAX } from "../shared/limits";

/** The writer was too busy: try again in the next round. */
export const TORN = -1;

/** A piece of the market memory, and its place in the copy. */
interface Piece {
  from: Float64Array;
  to: Float64Array;
}

export class MarketCopy {
  private readonly words: Int32Array;
  private readonly assets: Float64Array;
  private readonly header: Piece;
  private readonly reference: Piece;
  private readonly instrumentPieces: (Piece | null)[] = new Array(INSTRUMENT_SLOTS).fill(null);
  private readonly assetPieces: (Piece | null)[] = new Array(ASSET_SLOTS).fill(null);

  /** @param copyAt byte offset of the copy in the shard's memory */
  constructor(
    private readonly market: SharedArrayBuffer,
    private readonly shard: SharedArrayBuffer,
    private readonly copyAt: number,
  ) {
    this.words = new Int32Array(market);
    this.assets = new Float64Array(market, MARKET_ASSETS_OFFSET, (ASSET_SLOTS * AssetAt.bytes) / 8);
    this.header = this.piece(0, MarketHeaderAt.bytes);
    this.reference = this.piece(MARKET_ASSETS_OFFSET, MARKET_BYTES - MARKET_ASSETS_OFFSET);
  }

  private piece(at: number, bytes: number): Piece {
    return { from: new Float64Array(this.market, at, bytes / 8), to: new Float64Array(this.shard, this.copyAt + at, bytes / 8) };
  }

  copyHeader(): void {
    this.header.to.set(this.header.from);
  }

  /** Assets, margin tables, tiers and groups, all of one version. False where the writer was too busy. */
  copyReference(): boolean {
    return this.copyGuarded(this.reference, MarketHeaderAt.referenceVersion / 4) !== TORN;
  }

  /** An instrument's row. @returns the version copied, or TORN */
  copyInstrument(id: number): number {
    const piece = (this.instrumentPieces[id] ??= this.piece(
      MARKET_INSTRUMENTS_OFFSET + id * InstrumentAt.bytes,
      InstrumentAt.bytes,
    ));
    return this.copyGuarded(piece, MARKET_VERSIONS_OFFSET / 4 + id);
  }

  /** Changes after the asset's price has. */
  assetPriceSeq(id: number): number {
    return this.assets[(id * AssetAt.bytes + AssetAt.priceSeq) / 8];
  }

  /** An asset's row. Each of its numbers is whole; its price is that of the sequence number read before, or newer. */
  copyAsset(id: number): void {
    const piece = (this.assetPieces[id] ??= this.piece(MARKET_ASSETS_OFFSET + id * AssetAt.bytes, AssetAt.bytes));
    piece.to.set(piece.from);
  }

  // The read side of the seqlock of src/shared/views/seqlock.ts, without a closure.
  private copyGuarded(piece: Piece, version: number): number {
    for (let tries = 0; tries < SEQLOCK_TRIES_MAX; tries++) {
      const before = Atomics.load(this.words, version);
      if ((before & 1) !== 0) continue;
      piece.to.set(piece.from);
      if (Atomics.load(this.words, version) === before) return before;
    }
    return TORN;
  }
}
