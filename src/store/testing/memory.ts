// Shard and market memory written by hand, for tests that need rows and fills without an engine around them.

import {
  InstrumentAt,
  MARKET_BYTES,
  MARKET_INSTRUMENTS_OFFSET,
  MARKET_VERSIONS_OFFSET,
  MarketHeaderAt,
} from "../../shared/layout/market";
import { AccountAt, ControlAt, FillAt, PositionAt, ShardState } from "../../shared/layout/shard";
import { KERNEL_RESERVED_BYTES, RING_RECORDS_MIN } from "../../shared/limits";
import { RingProducer } from "../../shared/ring";
import { createShardMemory } from "../../shared/shard-memory";

export const START_MS = 1_700_000_000_000;

export interface TestFill {
  offset: bigint;
  account: bigint;
  index?: number;
  timeNs?: bigint;
  walletAfter?: bigint;
  side?: 1 | 2;
  flags?: number;
}

export class TestShard {
  readonly memory: SharedArrayBuffer;
  readonly fills: RingProducer;
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly longs: BigInt64Array;
  private readonly halves: Uint16Array;
  private readonly bytes: Uint8Array;

  constructor(
    readonly partition: number,
    fillRecords = 4096,
  ) {
    const capacity = {
      accounts: 64,
      balances: 64,
      positions: 256,
      orders: 64,
      inputRecords: RING_RECORDS_MIN,
      fillRecords,
      alertRecords: 64,
    };
    this.memory = createShardMemory(partition, capacity).buffer as unknown as SharedArrayBuffer;
    this.words = new Int32Array(this.memory);
    this.doubles = new Float64Array(this.memory);
    this.longs = new BigInt64Array(this.memory);
    this.halves = new Uint16Array(this.memory);
    this.bytes = new Uint8Array(this.memory);
    this.setState(ShardState.Running);
    this.fills = new RingProducer(this.memory, this.control(ControlAt.fillRing));
  }

  setState(state: ShardState): void {
    this.words[(KERNEL_RESERVED_BYTES + ControlAt.state) / 4] = state;
  }

  private control(at: number): number {
    return this.words[(KERNEL_RESERVED_BYTES + at) / 4]! >>> 0;
  }

  /** Publishes fills; false, and nothing is published, where the ring has no room for all of them. */
  publish(fills: readonly TestFill[]): boolean {
    if (!this.fills.hasRoom(fills.length)) return false;
    for (const [i, fill] of fills.entries()) {
      const at = this.fills.recordOffset(i);
      this.bytes.fill(0, at, at + FillAt.bytes);
      const put = (field: number, value: bigint) => {
        this.longs[(at + field) / 8] = value;
      };
      put(FillAt.offset, fill.offset);
      this.words[(at + FillAt.index) / 4] = fill.index ?? 0;
      this.words[(at + FillAt.partition) / 4] = this.partition;
      put(FillAt.account, fill.account);
      put(FillAt.timeNs, fill.timeNs ?? BigInt(START_MS) * 1_000_000n + fill.offset * 1000n);
      put(FillAt.order, 77n);
      put(FillAt.qtyLots, 1500n);
      put(FillAt.priceTicks, 610_000n);
      put(FillAt.fee, 12_345_678n);
      put(FillAt.realizedPnl, -5n);
      put(FillAt.positionLots, -1500n);
      this.words[(at + FillAt.instrument) / 4] = 1;
      this.bytes[at + FillAt.side] = fill.side ?? 2;
      this.bytes[at + FillAt.kind] = 1;
      this.halves[(at + FillAt.flags) / 2] = fill.flags ?? 1;
      put(FillAt.walletAfter, fill.walletAfter ?? 1_000_000_000_000n);
    }
    this.fills.publish(fills.length);
    return true;
  }

  /** Sets an account's row as a valuation would, and counts its version up by two. */
  setAccount(
    slot: number,
    account: { id: bigint; equityUsd: number; asOfMs?: number; status?: number; positions?: number[] },
  ): void {
    const row = this.control(ControlAt.accounts) + slot * AccountAt.bytes;
    Atomics.add(this.words, row / 4, 1);
    this.longs[(row + AccountAt.accountId) / 8] = account.id;
    this.longs[(row + AccountAt.seqHigh) / 8] = 5n;
    this.longs[(row + AccountAt.lastOffset) / 8] = 40n + BigInt(slot);
    this.words[(row + AccountAt.lastIndex) / 4] = 3;
    this.longs[(row + AccountAt.asOfNs) / 8] = BigInt(account.asOfMs ?? START_MS) * 1_000_000n;
    this.doubles[(row + AccountAt.equityUsd) / 8] = account.equityUsd;
    this.doubles[(row + AccountAt.marginRatio) / 8] = Number.NaN;
    this.doubles[(row + AccountAt.liquidationDistance) / 8] = Number.POSITIVE_INFINITY;
    this.doubles[(row + AccountAt.oldestMarkReceivedNs) / 8] = Number.POSITIVE_INFINITY;
    this.words[(row + AccountAt.status) / 4] = account.status ?? 0;
    const positions = account.positions ?? [];
    this.halves[(row + AccountAt.positionCount) / 2] = positions.length;
    // Four position rows are kept for each account.
    for (const [i, lots] of positions.entries()) {
      const at = this.control(ControlAt.positions) + (slot * 4 + i) * PositionAt.bytes;
      this.halves[(at + PositionAt.instrument) / 2] = i + 1;
      this.words[(at + PositionAt.next) / 4] = i + 1 < positions.length ? slot * 4 + i + 2 : 0;
      this.longs[(at + PositionAt.qtyLots) / 8] = BigInt(lots);
      this.doubles[(at + PositionAt.liquidationPrice) / 8] = Number.NaN;
    }
    this.words[(row + AccountAt.firstPosition) / 4] = positions.length > 0 ? slot * 4 + 1 : 0;
    Atomics.add(this.words, row / 4, 1);
    const count = (KERNEL_RESERVED_BYTES + ControlAt.accountCount) / 4;
    if (this.words[count]! <= slot) Atomics.store(this.words, count, slot + 1);
  }
}

export class TestMarket {
  readonly memory = new SharedArrayBuffer(MARKET_BYTES);
  private readonly words = new Int32Array(this.memory);
  private readonly doubles = new Float64Array(this.memory);
  private readonly bytes = new Uint8Array(this.memory);

  /** A linear perpetual; without `mark` it has no state yet. */
  setInstrument(id: number, symbol: string, mark?: number, timeMs = START_MS): void {
    const row = MARKET_INSTRUMENTS_OFFSET + id * InstrumentAt.bytes;
    Atomics.add(this.words, MARKET_VERSIONS_OFFSET / 4 + id, 1);
    this.words[(row + InstrumentAt.id) / 4] = id;
    this.bytes.set(Buffer.from(symbol, "latin1"), row + InstrumentAt.symbol);
    this.bytes[row + InstrumentAt.kind] = 2;
    this.bytes[row + InstrumentAt.payoff] = 1;
    this.doubles[(row + InstrumentAt.contractSize) / 8] = 1;
    this.doubles[(row + InstrumentAt.tickSize) / 8] = 0.1;
    this.doubles[(row + InstrumentAt.lotSize) / 8] = 0.001;
    if (mark !== undefined) {
      this.doubles[(row + InstrumentAt.mark) / 8] = mark;
      this.doubles[(row + InstrumentAt.markTimeNs) / 8] = timeMs * 1e6;
    }
    Atomics.add(this.words, MARKET_VERSIONS_OFFSET / 4 + id, 1);
    const end = MarketHeaderAt.instrumentEnd / 4;
    if (this.words[end]! <= id) Atomics.store(this.words, end, id + 1);
    Atomics.add(this.words, MarketHeaderAt.marketVersion / 4, 1);
  }
}
