// A shard's kernel without threads: its memory, a market, and records written straight into its input ring.
import { readFileSync } from "node:fs";
import { AccountEventKind } from "../../schemas/generated/account-event-kind";
import { AccountEventAt } from "../../schemas/generated/offsets";
import { MarketTable } from "../../src/ingest/market-table";
import { ReferenceLane } from "../../src/ingest/reference-lane";
import { InstrumentAt, MARKET_INSTRUMENTS_OFFSET } from "../../src/shared/layout/market";
import { AccountAt, BATCH_RECORD_KIND, BatchRecordAt, ControlAt, PositionAt, ShardState } from "../../src/shared/layout/shard";
import { KERNEL_RESERVED_BYTES } from "../../src/shared/limits";
import { RingConsumer, RingProducer } from "../../src/shared/ring";
import { createShardMemory, type ShardCapacity } from "../../src/shared/shard-memory";
import { CONTRACTS, depositOf, referenceMessage, USDT } from "./contracts";
import type { Fills } from "./events";

/** Events of one Kafka message. */
export const BATCH = 64;
const FIRST_ACCOUNT = 1_000_001;

export interface KernelExports {
  attach(): number;
  visible(): number;
  drain(limit: number): number;
  valueTouched(limit: number): number;
  referenceChanged(): void;
  instrumentChanged(id: number): void;
  sweep(limit: number): number;
}

export class KernelWorld {
  readonly kernel: KernelExports;
  readonly buffer: SharedArrayBuffer;
  private readonly words: Int32Array;
  private readonly halves: Uint16Array;
  private readonly doubles: Float64Array;
  private readonly bytes: Uint8Array;
  private readonly ring: RingProducer;
  private readonly alerts: RingConsumer;
  private readonly market: number;
  private readonly accountsAt: number;
  private readonly positionsAt: number;
  private readonly seq: Uint32Array;
  private offset = 0;

  constructor(kernelFile: string, accounts: number, held: number, capacity: Partial<ShardCapacity> = {}) {
    const memory = createShardMemory(
      0,
      {
        accounts,
        balances: accounts,
        positions: accounts * held,
        orders: 1024,
        inputRecords: 131_072,
        fillRecords: 1024,
        alertRecords: 1_048_576,
        ...capacity,
      },
      { recordFills: false },
    );
    this.buffer = memory.buffer as SharedArrayBuffer;
    this.words = new Int32Array(this.buffer);
    this.halves = new Uint16Array(this.buffer);
    this.doubles = new Float64Array(this.buffer);
    this.bytes = new Uint8Array(this.buffer);
    const abort = () => {
      throw new Error("the kernel aborted");
    };
    const module = new WebAssembly.Module(readFileSync(kernelFile));
    this.kernel = new WebAssembly.Instance(module, { env: { memory, abort } }).exports as unknown as KernelExports;
    if (!this.kernel.attach()) throw new Error("not a shard");
    this.market = this.control(ControlAt.market);
    this.accountsAt = this.control(ControlAt.accounts);
    this.positionsAt = this.control(ControlAt.positions);
    this.ring = new RingProducer(this.buffer, this.control(ControlAt.inputRing));
    this.alerts = new RingConsumer(this.buffer, this.control(ControlAt.alertRing));
    this.seq = new Uint32Array(accounts);
    const table = new MarketTable();
    const refused = new ReferenceLane(table).take(referenceMessage());
    if (refused) throw new Error(JSON.stringify(refused));
    this.bytes.set(new Uint8Array(table.memory), this.market);
    for (const contract of CONTRACTS) this.writeMark(contract.id, contract.ticks * contract.tickSize);
    this.kernel.referenceChanged();
    Atomics.store(this.words, (KERNEL_RESERVED_BYTES + ControlAt.state) / 4, ShardState.Running);
    this.deposit(accounts, held);
  }

  control(at: number): number {
    return this.words[(KERNEL_RESERVED_BYTES + at) / 4]! >>> 0;
  }

  counter(at: number): number {
    return Number(new BigInt64Array(this.buffer)[(KERNEL_RESERVED_BYTES + at) / 8]);
  }

  private writeMark(id: number, price: number): void {
    const row = this.market + MARKET_INSTRUMENTS_OFFSET + id * InstrumentAt.bytes;
    this.doubles[(row + InstrumentAt.mark) / 8] = price;
    this.doubles[(row + InstrumentAt.markTimeNs) / 8] += 1e6;
    this.doubles[(row + InstrumentAt.markReceivedNs) / 8] += 1e6;
  }

  /** A new mark, as if the worker had copied it from the market memory. */
  setMark(id: number, price: number): void {
    this.words[this.market / 4 + 1]!++;
    this.writeMark(id, price);
    this.kernel.instrumentChanged(id);
  }

  private header(count: number): void {
    const at = this.ring.recordOffset(0);
    this.doubles[(at + BatchRecordAt.offset) / 8] = 0;
    this.words[(at + BatchRecordAt.offset) / 4] = this.offset++;
    this.words[(at + BatchRecordAt.count) / 4] = count;
    this.bytes[at + AccountEventAt.kind] = BATCH_RECORD_KIND;
  }

  private record(ahead: number, kind: number, account: number, amount: number): number {
    const at = this.ring.recordOffset(ahead);
    const word = at / 4;
    this.words[word + AccountEventAt.seq / 4] = ++this.seq[account]!;
    this.words[word + AccountEventAt.seq / 4 + 1] = 0;
    this.words[word + AccountEventAt.account / 4] = FIRST_ACCOUNT + account;
    this.words[word + AccountEventAt.account / 4 + 1] = 0;
    this.words[word + AccountEventAt.timeNs / 4] = this.offset;
    this.words[word + AccountEventAt.timeNs / 4 + 1] = 400_000_000;
    this.long(at + AccountEventAt.amount, amount);
    this.long(at + AccountEventAt.order, 0);
    this.words[word + 15] = 0;
    this.bytes[at + AccountEventAt.kind] = kind;
    return at;
  }

  private long(at: number, value: number): void {
    this.words[at / 4] = value % 2 ** 32;
    this.words[at / 4 + 1] = Math.floor(value / 2 ** 32);
  }

  private deposit(accounts: number, held: number): void {
    for (let first = 0; first < accounts; first += BATCH) {
      const count = Math.min(BATCH, accounts - first);
      this.header(count);
      for (let i = 0; i < count; i++) {
        const at = this.record(1 + i, AccountEventKind.Transfer, first + i, depositOf(first + i, held));
        this.words[(at + AccountEventAt.instrument) / 4] = USDT;
      }
      this.ring.publish(count + 1);
      if (!this.ring.hasRoom(BATCH * 8)) this.run(1e9);
    }
    this.run(1e9);
  }

  /** Puts fills from … to − 1 into the ring, 64 a message. Returns how many went in before it was full. */
  offer(fills: Fills, from: number, to: number): number {
    let next = from;
    while (next < to && this.ring.hasRoom(BATCH + 1)) {
      const count = Math.min(BATCH, to - next);
      this.header(count);
      for (let i = 0; i < count; i++, next++) {
        const at = this.record(1 + i, AccountEventKind.Fill, fills.account[next]!, fills.fee[next]!);
        this.words[(at + AccountEventAt.instrument) / 4] = CONTRACTS[fills.contract[next]!]!.id;
        this.long(at + AccountEventAt.qtyLots, fills.qtyLots[next]!);
        this.long(at + AccountEventAt.priceTicks, fills.priceTicks[next]!);
        this.bytes[at + AccountEventAt.side] = fills.side[next]!;
      }
      this.ring.publish(count + 1);
    }
    return next - from;
  }

  /** Applies what is in the ring, `records` at a time, and values what each piece touched. */
  run(records: number): void {
    const { kernel } = this;
    for (;;) {
      const visible = kernel.visible();
      if (visible === 0) break;
      if (kernel.drain(Math.min(visible, records)) === 0) throw new Error("the kernel stopped");
      kernel.valueTouched(0x7fffffff);
    }
    this.alerts.release(this.alerts.readable());
  }

  /** Applies fills and returns the ns spent in the kernel. */
  timedFills(fills: Fills, records: number): number {
    let spent = 0;
    for (let next = 0; next < fills.count; ) {
      next += this.offer(fills, next, fills.count);
      const start = process.hrtime.bigint();
      this.run(records);
      spent += Number(process.hrtime.bigint() - start);
    }
    return spent;
  }

  drainAlerts(): number {
    const count = this.alerts.readable();
    this.alerts.release(count);
    return count;
  }

  /** Accounts lie in their slots in the order of their deposits. */
  account(slot: number, field: number): number {
    return this.doubles[(this.accountsAt + slot * AccountAt.bytes + field) / 8]!;
  }

  status(slot: number): number {
    return this.words[(this.accountsAt + slot * AccountAt.bytes + AccountAt.status) / 4]!;
  }

  /** Position rows of an account, by contract index. */
  positions(slot: number): Map<number, (field: number) => number> {
    const rows = new Map<number, (field: number) => number>();
    let link = this.words[(this.accountsAt + slot * AccountAt.bytes + AccountAt.firstPosition) / 4]!;
    while (link !== 0) {
      const row = this.positionsAt + (link - 1) * PositionAt.bytes;
      rows.set(this.halves[(row + PositionAt.instrument) / 2]! - 1, (field) => this.doubles[(row + field) / 8]!);
      link = this.words[(row + PositionAt.next) / 4]!;
    }
    return rows;
  }
}
