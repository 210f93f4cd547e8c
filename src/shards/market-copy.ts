// From the market memory to a shard's copy of it, row by row. One for each shard, in its worker's thread. All views are made
// once, an instrument's when it is first copied: in steady state copying allocates nothing.
//
// A row is copied aside first and comes into the shard's copy only when it is known to be whole: the kernel computes with what is
// there also where the writer was too busy for the row to be read.
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
import { beginRead, endRead } from "../shared/views/seqlock";

/** The writer was too busy: try again in the next round. */
export const TORN = -1;

/** A piece of the market memory, where it waits until it is known to be whole, and its place in the copy. */
interface Piece {
  from: Float64Array;
  aside: Float64Array;
  to: Float64Array;
}

export class MarketCopy {
  private readonly words: Int32Array;
  private readonly aside: Float64Array;
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
    this.aside = new Float64Array((MARKET_BYTES - MARKET_ASSETS_OFFSET) / 8);
    this.header = this.piece(0, MarketHeaderAt.bytes);
    this.reference = this.piece(MARKET_ASSETS_OFFSET, MARKET_BYTES - MARKET_ASSETS_OFFSET);
  }

  private piece(at: number, bytes: number): Piece {
    return {
      from: new Float64Array(this.market, at, bytes / 8),
      aside: this.aside.subarray(0, bytes / 8),
      to: new Float64Array(this.shard, this.copyAt + at, bytes / 8),
    };
  }

  /** Counts and times, each of which stands for itself. */
  copyHeader(): void {
    this.header.to.set(this.header.from);
  }

  /** Assets, margin tables, tiers and groups, all of one version. @returns the version copied, or TORN */
  copyReference(): number {
    return this.copyGuarded(this.reference, MarketHeaderAt.referenceVersion / 4);
  }

  /** An instrument's row. @returns the version copied, or TORN */
  copyInstrument(id: number): number {
    const piece = (this.instrumentPieces[id] ??= this.piece(
      MARKET_INSTRUMENTS_OFFSET + id * InstrumentAt.bytes,
      InstrumentAt.bytes,
    ));
    return this.copyGuarded(piece, MARKET_VERSIONS_OFFSET / 4 + id);
  }

  /** Changes with the asset's row. */
  assetVersion(id: number): number {
    return Atomics.load(this.words, assetVersionAt(id));
  }

  /** An asset's row. @returns the version copied, or TORN */
  copyAsset(id: number): number {
    const piece = (this.assetPieces[id] ??= this.piece(MARKET_ASSETS_OFFSET + id * AssetAt.bytes, AssetAt.bytes));
    return this.copyGuarded(piece, assetVersionAt(id));
  }

  // The read side of src/shared/views/seqlock.ts, without a closure.
  private copyGuarded(piece: Piece, version: number): number {
    for (let tries = 0; tries < SEQLOCK_TRIES_MAX; tries++) {
      const before = beginRead(this.words, version);
      if ((before & 1) !== 0) continue;
      piece.aside.set(piece.from);
      if (!endRead(this.words, version, before)) continue;
      piece.to.set(piece.aside);
      return before;
    }
    return TORN;
  }
}

function assetVersionAt(id: number): number {
  return (MARKET_ASSETS_OFFSET + id * AssetAt.bytes + AssetAt.version) / 4;
}
