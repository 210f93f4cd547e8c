// A market and a shard in real shared memory, written by a test with the layouts in hand: what EngineView reads in the
// engine, without Kafka and without the kernel. One instrument (id 1, BTCUSDT), one asset (id 1, USDT).
import { monotonicNs } from "../../shared/clock";
import {
  AssetAt,
  InstrumentAt,
  MARKET_ASSETS_OFFSET,
  MARKET_BYTES,
  MARKET_INSTRUMENTS_OFFSET,
  MARKET_VERSIONS_OFFSET,
  MarketHeaderAt,
} from "../../shared/layout/market";
import { AccountAt, BalanceAt, ControlAt, PositionAt, ShardState } from "../../shared/layout/shard";
import { KERNEL_RESERVED_BYTES } from "../../shared/limits";
import { createShardMemory } from "../../shared/shard-memory";

class Memory {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly longs: BigInt64Array;
  readonly halves: Uint16Array;
  readonly bytes: Uint8Array;

  constructor(readonly buffer: SharedArrayBuffer) {
    this.words = new Int32Array(buffer);
    this.doubles = new Float64Array(buffer);
    this.longs = new BigInt64Array(buffer);
    this.halves = new Uint16Array(buffer);
    this.bytes = new Uint8Array(buffer);
  }
}

const INSTRUMENT = MARKET_INSTRUMENTS_OFFSET + InstrumentAt.bytes;

export class RealMarket extends Memory {
  constructor() {
    super(new SharedArrayBuffer(MARKET_BYTES));
    const asset = MARKET_ASSETS_OFFSET + AssetAt.bytes;
    this.words[(asset + AssetAt.id) / 4] = 1;
    this.bytes.set(Buffer.from("USDT"), asset + AssetAt.symbol);
    this.doubles[(asset + AssetAt.usdPrice) / 8] = 1;
    this.words[MarketHeaderAt.assetEnd / 4] = 2;
    this.write(() => {
      this.words[(INSTRUMENT + InstrumentAt.id) / 4] = 1;
      this.bytes.set(Buffer.from("BTCUSDT"), INSTRUMENT + InstrumentAt.symbol);
      for (const at of [InstrumentAt.base, InstrumentAt.quote, InstrumentAt.settle]) this.words[(INSTRUMENT + at) / 4] = 1;
      this.bytes[INSTRUMENT + InstrumentAt.kind] = 2;
      this.bytes[INSTRUMENT + InstrumentAt.payoff] = 1;
      this.doubles[(INSTRUMENT + InstrumentAt.contractSize) / 8] = 1;
      this.doubles[(INSTRUMENT + InstrumentAt.tickSize) / 8] = 0.1;
      this.doubles[(INSTRUMENT + InstrumentAt.lotSize) / 8] = 0.001;
    });
    Atomics.store(this.words, MarketHeaderAt.instrumentEnd / 4, 2);
    this.setMark(61_000);
  }

  private write(change: () => void): void {
    const version = MARKET_VERSIONS_OFFSET / 4 + 1;
    Atomics.add(this.words, version, 1);
    change();
    Atomics.add(this.words, version, 1);
  }

  setMark(price: number): void {
    this.write(() => {
      this.doubles[(INSTRUMENT + InstrumentAt.mark) / 8] = price;
      this.doubles[(INSTRUMENT + InstrumentAt.markReceivedNs) / 8] = monotonicNs();
      this.doubles[(INSTRUMENT + InstrumentAt.markTimeNs) / 8] = 1_718_000_000_000e6;
    });
  }
}

const CAPACITY = {
  accounts: 64,
  balances: 256,
  positions: 256,
  orders: 64,
  inputRecords: 16_384,
  fillRecords: 1024,
  alertRecords: 1024,
};

/** The kernel's own hash of an account id (src/shards/kernel/accounts.ts). */
function hashAccount(low: number, high: number): number {
  let h = low ^ Math.imul(high, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

export class RealShard extends Memory {
  constructor(partition: number) {
    super(createShardMemory(partition, CAPACITY).buffer as unknown as SharedArrayBuffer);
    this.setControl(ControlAt.state, ShardState.Running);
  }

  private control(at: number): number {
    return this.words[(KERNEL_RESERVED_BYTES + at) / 4]! >>> 0;
  }

  private setControl(at: number, value: number): void {
    Atomics.store(this.words, (KERNEL_RESERVED_BYTES + at) / 4, value);
  }

  /** Adds an account with one USDT balance and one position in instrument 1. Ids below 2^32. @returns its slot */
  add(id: number): number {
    const slot = this.control(ControlAt.accountCount);
    const row = this.row(slot);
    this.longs[(row + AccountAt.accountId) / 8] = BigInt(id);
    this.words[(row + AccountAt.firstBalance) / 4] = slot + 1;
    this.halves[(row + AccountAt.balanceCount) / 2] = 1;
    this.words[(row + AccountAt.firstPosition) / 4] = slot + 1;
    this.halves[(row + AccountAt.positionCount) / 2] = 1;
    this.doubles[(row + AccountAt.oldestMarkReceivedNs) / 8] = Number.POSITIVE_INFINITY;
    this.doubles[(row + AccountAt.liquidationDistance) / 8] = id / 100;
    const balance = this.control(ControlAt.balances) + slot * BalanceAt.bytes;
    this.words[(balance + BalanceAt.asset) / 4] = 1;
    this.longs[(balance + BalanceAt.wallet) / 8] = 123_456_789_012n;
    const position = this.control(ControlAt.positions) + slot * PositionAt.bytes;
    this.halves[(position + PositionAt.instrument) / 2] = 1;
    this.longs[(position + PositionAt.qtyLots) / 8] = -1500n;
    this.doubles[(position + PositionAt.liquidationPrice) / 8] = Number.NaN;
    this.doubles[(position + PositionAt.markPrice) / 8] = 61_000;
    const mask = this.control(ControlAt.accountHashSlots) - 1;
    let at = hashAccount(id, 0) & mask;
    const hash = this.control(ControlAt.accountHash) / 4;
    while (this.words[hash + at] !== 0) at = (at + 1) & mask;
    Atomics.store(this.words, hash + at, slot + 1);
    this.setControl(ControlAt.accountCount, slot + 1);
    return slot;
  }

  private row(slot: number): number {
    return this.control(ControlAt.accounts) + slot * AccountAt.bytes;
  }

  /** Changes an account's numbers under its seqlock. */
  setEquity(slot: number, equityUsd: number, marginRatio = 0.1): void {
    const row = this.row(slot);
    Atomics.add(this.words, row / 4, 1);
    this.doubles[(row + AccountAt.equityUsd) / 8] = equityUsd;
    this.doubles[(row + AccountAt.marginRatio) / 8] = marginRatio;
    Atomics.add(this.words, row / 4, 1);
  }
}
