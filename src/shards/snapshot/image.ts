// A shard's ledger as one block of bytes: what of its memory cannot be computed from the rest. Taken by the shard's own worker
// at a batch boundary, a piece a round, so that other shards of the same thread go on and this one goes on valuing (which writes
// no ledger); events wait in its ring meanwhile.
//
// Left out: rings, the kernel's scratch, and the hashes, which follow from the rows and are built anew. So a snapshot also fits a
// shard whose capacities were raised. Of the market only the contracts and assets it knows are kept: what the integers of the
// ledger mean.
import {
  AssetAt,
  InstrumentAt,
  MARKET_ASSETS_OFFSET,
  MARKET_INSTRUMENTS_OFFSET,
  MarketHeaderAt,
} from "../../shared/layout/market";
import {
  AccountAt,
  BalanceAt,
  ControlAt,
  OrderAt,
  PositionAt,
  PositionTermsAt,
  SHARD_LAYOUT_VERSION,
} from "../../shared/layout/shard";
import { INSTRUMENT_SLOTS, KERNEL_RESERVED_BYTES } from "../../shared/limits";
import { crc32 } from "../../shared/wire/crc32";
import { type HashingKernel, hashText } from "./state-hash";

/** Each block of the body has a checksum of its own: a damaged file says where, and checking one takes a millisecond. */
export const BLOCK_BYTES = 1024 * 1024;
/** Copied in one round of the worker: about a millisecond. */
const STEP_BYTES = 2 * BLOCK_BYTES;
/** Accounts or orders hashed in one round. */
const STEP_SLOTS = 16_384;
/** Of the control page: the counters, not the latency histogram. */
export const CONTROL_BYTES = ControlAt.latency;

/** In the order they lie in the body. */
export const SECTION_NAMES = [
  "control",
  "instruments",
  "assets",
  "accounts",
  "balances",
  "positions",
  "positionTerms",
  "settlements",
  "orders",
] as const;
export type SectionName = (typeof SECTION_NAMES)[number];

export interface ImageSection {
  name: SectionName;
  bytes: number;
}

export interface ShardImage {
  partition: number;
  layoutVersion: number;
  /** The next log offset to apply. */
  nextOffset: number;
  /** 16 hexadecimal digits; see state-hash.ts. */
  stateHash: string;
  accounts: number;
  sections: ImageSection[];
  /** CRC-32 of each BLOCK_BYTES of the body, the last one shorter. */
  blocks: number[];
  body: ArrayBuffer;
}

export class ImageCopy {
  private readonly bytes: Uint8Array;
  private readonly control: Uint32Array;
  private readonly sections: ImageSection[] = [];
  /** What is still to be copied, as address and length, in order. */
  private readonly pieces: { at: number; bytes: number }[] = [];
  private readonly body: Uint8Array;
  private readonly blocks: number[] = [];
  private readonly nextOffset: number;
  private copied = 0;
  private hash = 0n;
  private hashedAccounts = 0;
  private hashedOrders = 0;
  private hashedSettlements = false;

  /** At a batch boundary; nothing may be applied to the shard until done() is true. */
  constructor(
    memory: SharedArrayBuffer,
    private readonly kernel: HashingKernel,
  ) {
    this.bytes = new Uint8Array(memory);
    this.control = new Uint32Array(memory, KERNEL_RESERVED_BYTES, ControlAt.bytes / 4);
    const word = (at: number) => this.control[at / 4];
    this.nextOffset = word(ControlAt.nextOffset) + word(ControlAt.nextOffset + 4) * 2 ** 32;
    const market = word(ControlAt.market);
    const marketWords = new Uint32Array(memory, market, MarketHeaderAt.bytes / 4);
    const instruments = [];
    for (let id = 1; id < marketWords[MarketHeaderAt.instrumentEnd / 4]; id++) {
      const at = market + MARKET_INSTRUMENTS_OFFSET + id * InstrumentAt.bytes;
      if (new Uint32Array(memory, at, 1)[0] === id) instruments.push({ at, bytes: InstrumentAt.bytes });
    }
    const assets = [];
    for (let id = 1; id < marketWords[MarketHeaderAt.assetEnd / 4]; id++) {
      const at = market + MARKET_ASSETS_OFFSET + id * AssetAt.bytes;
      if (new Uint32Array(memory, at, 1)[0] === id) assets.push({ at, bytes: AssetAt.bytes });
    }
    this.section("control", [{ at: KERNEL_RESERVED_BYTES, bytes: CONTROL_BYTES }]);
    this.section("instruments", instruments);
    this.section("assets", assets);
    this.rows("accounts", ControlAt.accounts, ControlAt.accountCount, AccountAt.bytes);
    this.rows("balances", ControlAt.balances, ControlAt.balanceCount, BalanceAt.bytes);
    this.rows("positions", ControlAt.positions, ControlAt.positionCount, PositionAt.bytes);
    this.rows("positionTerms", ControlAt.positionTerms, ControlAt.positionTermsCount, PositionTermsAt.bytes);
    this.section("settlements", [{ at: word(ControlAt.settlements), bytes: INSTRUMENT_SLOTS * 16 }]);
    this.rows("orders", ControlAt.orders, ControlAt.orderCount, OrderAt.bytes);
    this.body = new Uint8Array(this.sections.reduce((sum, section) => sum + section.bytes, 0));
  }

  private section(name: SectionName, pieces: { at: number; bytes: number }[]): void {
    this.sections.push({ name, bytes: pieces.reduce((sum, piece) => sum + piece.bytes, 0) });
    this.pieces.push(...pieces);
  }

  private rows(name: SectionName, offsetAt: number, countAt: number, rowBytes: number): void {
    this.section(name, [{ at: this.control[offsetAt / 4], bytes: this.control[countAt / 4] * rowBytes }]);
  }

  /** Does a piece of the work. True when all of it is done. */
  step(): boolean {
    if (!this.hashed()) return false;
    const until = this.copied + STEP_BYTES;
    while (this.pieces.length > 0 && this.copied < until) {
      const piece = this.pieces[0];
      const bytes = Math.min(piece.bytes, until - this.copied);
      this.body.set(this.bytes.subarray(piece.at, piece.at + bytes), this.copied);
      this.copied += bytes;
      piece.at += bytes;
      piece.bytes -= bytes;
      if (piece.bytes === 0) this.pieces.shift();
    }
    const whole = this.pieces.length === 0;
    for (let at = this.blocks.length * BLOCK_BYTES; at < this.copied; at += BLOCK_BYTES) {
      if (at + BLOCK_BYTES > this.copied && !whole) break;
      this.blocks.push(crc32(this.body.subarray(at, Math.min(this.copied, at + BLOCK_BYTES))));
    }
    return whole;
  }

  private hashed(): boolean {
    const accounts = this.control[ControlAt.accountCount / 4];
    const orders = this.control[ControlAt.orderCount / 4];
    if (this.hashedAccounts < accounts) {
      const end = Math.min(accounts, this.hashedAccounts + STEP_SLOTS);
      this.hash += this.kernel.hashAccounts(this.hashedAccounts, end);
      this.hashedAccounts = end;
    } else if (this.hashedOrders < orders) {
      const end = Math.min(orders, this.hashedOrders + STEP_SLOTS);
      this.hash += this.kernel.hashOrders(this.hashedOrders, end);
      this.hashedOrders = end;
    } else if (!this.hashedSettlements) {
      this.hash += this.kernel.hashSettlements();
      this.hashedSettlements = true;
    }
    return this.hashedSettlements;
  }

  /** Once step() was true. */
  image(): ShardImage {
    return {
      partition: this.control[ControlAt.partition / 4],
      layoutVersion: SHARD_LAYOUT_VERSION,
      nextOffset: this.nextOffset,
      stateHash: hashText(this.hash),
      accounts: this.control[ControlAt.accountCount / 4],
      sections: this.sections,
      blocks: this.blocks,
      body: this.body.buffer as ArrayBuffer,
    };
  }
}
