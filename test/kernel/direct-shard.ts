// A shard's memory and kernel in the hands of a test: every step of the worker's round is the test's own.
import { existsSync, readFileSync } from "node:fs";
import { AlertAt } from "../../schemas/generated/offsets";
import { AccountLane } from "../../src/ingest/account-lane";
import { Books } from "../../src/ingest/books";
import { MarketLane } from "../../src/ingest/market-lane";
import { MarketTable } from "../../src/ingest/market-table";
import { ReferenceLane } from "../../src/ingest/reference-lane";
import {
  AssetAt,
  InstrumentAt,
  MARKET_ASSETS_OFFSET,
  MARKET_BYTES,
  MARKET_INSTRUMENTS_OFFSET,
  MarketHeaderAt,
} from "../../src/shared/layout/market";
import { AccountAt, ControlAt, PositionAt, PositionTermsAt, ShardState } from "../../src/shared/layout/shard";
import { KERNEL_RESERVED_BYTES } from "../../src/shared/limits";
import { RingConsumer } from "../../src/shared/ring";
import { createShardMemory, DEFAULT_SHARD_CAPACITY, type ShardCapacity } from "../../src/shared/shard-memory";
import { MarketView } from "../../src/shared/views/market-view";
import { ShardView } from "../../src/shared/views/shard-view";

const KERNEL = "dist/kernel.wasm";

export interface KernelExports {
  attach(): number;
  visible(): number;
  drain(limit: number): number;
  valueTouched(limit: number): number;
  referenceChanged(): void;
  instrumentChanged(id: number): void;
  assetChanged(id: number): void;
  revalueAll(): void;
  trigger(limit: number): number;
  walk(limit: number): number;
  refreshWatchedRows(): number;
  sweep(limit: number): number;
  setAlerted(accountId: bigint, seq: number, status: number): number;
  skipAlertNumbers(by: number): void;
  rebuildIndexes(): void;
  valueOne(slot: number, general: number): void;
}

export function loadKernel(): WebAssembly.Module {
  if (!existsSync(KERNEL)) throw new Error("dist/kernel.wasm is missing: run `npm run build` first");
  return new WebAssembly.Module(readFileSync(KERNEL));
}

export interface TakenAlert {
  account: number;
  from: number;
  to: number;
  seq: number;
  freshness: number;
  equityUsd: number;
  maintenanceMarginUsd: number;
  worstMarginRatio: number;
}

export class DirectShard {
  readonly table = new MarketTable();
  kernel: KernelExports;
  readonly buffer: SharedArrayBuffer;
  readonly words: Int32Array;
  readonly halves: Uint16Array;
  readonly floats: Float32Array;
  readonly doubles: Float64Array;
  readonly longs: BigInt64Array;
  readonly bytes: Uint8Array;
  readonly view: ShardView;
  private readonly referenceLane = new ReferenceLane(this.table);
  private readonly marketLane = new MarketLane(this.table, new Books(this.table, (id) => `#${id}`), this.table);
  private readonly lane: AccountLane;
  private readonly alerts: RingConsumer;
  private readonly market: number;
  private readonly memory: WebAssembly.Memory;
  /** Byte offset of the control page. */
  readonly controlAt = KERNEL_RESERVED_BYTES;
  private seen: Uint8Array;
  private offset = 0;

  /** @param poolUnits fewer units for pools than the capacities ask for */
  constructor(module: WebAssembly.Module, capacity: Partial<ShardCapacity> = {}, poolUnits?: number) {
    const memory = createShardMemory(0, { ...DEFAULT_SHARD_CAPACITY, ...capacity }, { recordFills: false });
    this.buffer = memory.buffer as SharedArrayBuffer;
    this.words = new Int32Array(this.buffer);
    this.halves = new Uint16Array(this.buffer);
    this.floats = new Float32Array(this.buffer);
    this.doubles = new Float64Array(this.buffer);
    this.longs = new BigInt64Array(this.buffer);
    this.bytes = new Uint8Array(this.buffer);
    if (poolUnits !== undefined) this.words[(KERNEL_RESERVED_BYTES + ControlAt.poolUnits) / 4] = poolUnits;
    this.memory = memory;
    this.kernel = this.attach(module);
    this.market = this.control(ControlAt.market);
    this.lane = new AccountLane(this.buffer, this.table);
    this.alerts = new RingConsumer(this.buffer, this.control(ControlAt.alertRing));
    this.view = new ShardView(this.buffer, new MarketView(this.table.memory, { staleAfterMs: 1e9 }), { staleAfterMs: 1e9 });
    this.seen = new Uint8Array(MARKET_BYTES);
    this.setState(ShardState.Running);
  }

  private attach(module: WebAssembly.Module): KernelExports {
    const abort = () => {
      throw new Error("the kernel aborted");
    };
    const kernel = new WebAssembly.Instance(module, { env: { memory: this.memory, abort } }).exports as unknown as KernelExports;
    if (!kernel.attach()) throw new Error("not a shard of this version");
    return kernel;
  }

  /** Another kernel takes over the memory, as after a restart: of what was derived it knows nothing. */
  attachAnew(module: WebAssembly.Module): void {
    this.kernel = this.attach(module);
    this.kernel.referenceChanged();
  }

  control(at: number): number {
    return this.words[(KERNEL_RESERVED_BYTES + at) / 4]! >>> 0;
  }

  counter(at: number): number {
    return Number(this.longs[(KERNEL_RESERVED_BYTES + at) / 8]);
  }

  setState(state: ShardState): void {
    Atomics.store(this.words, (KERNEL_RESERVED_BYTES + ControlAt.state) / 4, state);
  }

  reference(message: Uint8Array): void {
    const refused = this.referenceLane.take(message);
    if (refused) throw new Error(JSON.stringify(refused));
    this.table.publish();
    this.copyMarket();
    this.kernel.referenceChanged();
  }

  /** Takes market data and brings it to the kernel as the worker does: one call for each row that changed. */
  marketData(message: Uint8Array): void {
    const refused = this.marketLane.take(message);
    if (refused) throw new Error(JSON.stringify(refused));
    this.table.publish();
    const before = this.seen;
    this.copyMarket();
    const now = this.seen;
    const words = new Int32Array(now.buffer);
    const changed = (at: number, bytes: number) =>
      Buffer.compare(before.subarray(at, at + bytes), now.subarray(at, at + bytes)) !== 0;
    for (let id = 1; id < words[MarketHeaderAt.instrumentEnd / 4]!; id++)
      if (changed(MARKET_INSTRUMENTS_OFFSET + id * InstrumentAt.bytes, InstrumentAt.bytes)) this.kernel.instrumentChanged(id);
    for (let id = 1; id < words[MarketHeaderAt.assetEnd / 4]!; id++)
      if (changed(MARKET_ASSETS_OFFSET + id * AssetAt.bytes, AssetAt.bytes)) this.kernel.assetChanged(id);
  }

  private priceOf(asset: number): number {
    return (this.market + MARKET_ASSETS_OFFSET + asset * AssetAt.bytes + AssetAt.usdPrice) / 8;
  }

  /** USD for one unit of an asset, in the shard's copy of the market. */
  price(asset: number): number {
    return this.doubles[this.priceOf(asset)]!;
  }

  /** @param withReference told as reference data are, of which a price may be a part, and not by itself */
  setPrice(asset: number, price: number, withReference = false): void {
    this.doubles[this.priceOf(asset)] = price;
    if (withReference) this.kernel.referenceChanged();
    else this.kernel.assetChanged(asset);
  }

  /** A field of an instrument's row in the shard's copy of the market gets another value, likewise. */
  setInstrument(id: number, field: number, value: number, withReference = false): void {
    this.doubles[(this.market + MARKET_INSTRUMENTS_OFFSET + id * InstrumentAt.bytes + field) / 8] = value;
    if (withReference) this.kernel.referenceChanged();
    else this.kernel.instrumentChanged(id);
  }

  private copyMarket(): void {
    this.seen = new Uint8Array(this.table.memory).slice();
    this.bytes.set(this.seen, this.market);
  }

  /** Applies a message and values what it touched. */
  accounts(message: Uint8Array, value = true): void {
    for (;;) {
      const taken = this.lane.offer(message, this.offset);
      if (taken === "published") break;
      if (taken !== "full") throw new Error(JSON.stringify(taken));
      this.drain(value);
    }
    this.offset++;
    this.drain(value);
  }

  private drain(value: boolean): void {
    for (let visible = this.kernel.visible(); visible > 0; visible = this.kernel.visible()) {
      if (this.kernel.drain(visible) === 0) throw new Error("the kernel stopped");
      if (value) this.kernel.valueTouched(0x7fffffff);
    }
  }

  /** Tells of everybody who crossed a line, `chunk` pools at a time. */
  triggerAll(chunk = 0x7fffffff): void {
    while (this.kernel.trigger(chunk) > 0);
  }

  /** Refreshes rows until all stand at the newest market. */
  refreshAll(): void {
    while (this.kernel.sweep(1024) > 0);
  }

  /** Changes of status in the alert ring, taken out of it. */
  takeAlerts(): TakenAlert[] {
    const count = this.alerts.readable();
    const alerts: TakenAlert[] = [];
    for (let i = 0; i < count; i++) {
      const at = this.alerts.recordOffset(i);
      const f64 = (field: number) => this.doubles[(at + field) / 8]!;
      const account = Number(this.longs[(at + AlertAt.account) / 8]);
      const seq = Number(this.longs[(at + AlertAt.alertSeq) / 8]);
      alerts.push({
        account,
        from: this.bytes[at + AlertAt.fromStatus]!,
        to: this.bytes[at + AlertAt.toStatus]!,
        seq,
        freshness: this.bytes[at + AlertAt.freshness]!,
        equityUsd: f64(AlertAt.equityUsd),
        maintenanceMarginUsd: f64(AlertAt.maintenanceMarginUsd),
        worstMarginRatio: f64(AlertAt.worstMarginRatio),
      });
    }
    this.alerts.release(count);
    return alerts;
  }

  get accountCount(): number {
    return this.control(ControlAt.accountCount);
  }

  accountAt(slot: number): number {
    return this.control(ControlAt.accounts) + slot * AccountAt.bytes;
  }

  /** What was last told of an account's status. */
  toldStatus(slot: number): number {
    return this.words[(this.accountAt(slot) + AccountAt.alertedStatus) / 4]!;
  }

  accountId(slot: number): number {
    return Number(this.longs[(this.accountAt(slot) + AccountAt.accountId) / 8]);
  }

  /** Addresses of the account's position rows, in the order of its list. */
  positionsOf(slot: number): number[] {
    const rows: number[] = [];
    let link = this.words[(this.accountAt(slot) + AccountAt.firstPosition) / 4]!;
    while (link !== 0) {
      const row = this.control(ControlAt.positions) + (link - 1) * PositionAt.bytes;
      rows.push(row);
      link = this.words[(row + PositionAt.next) / 4]!;
    }
    return rows;
  }

  /** Address of the terms of a position by its row's: those of one that has none are zero. */
  termsOf(position: number): number {
    return this.control(ControlAt.positionTerms) + this.words[(position + PositionAt.terms) / 4]! * PositionTermsAt.bytes;
  }

  /** Every byte a valuation writes of an account, but for counts of alerts: by name, NaN being equal to NaN. */
  valuation(slot: number): Map<string, number> {
    const found = new Map<string, number>();
    const account = this.accountAt(slot);
    found.set("asOfNs", Number(this.longs[(account + AccountAt.asOfNs) / 8]));
    for (let at = AccountAt.walletUsd; at <= AccountAt.liquidationDistance; at += 8)
      found.set(`account+${at}`, this.doubles[(account + at) / 8]!);
    found.set("worstMarginRatio", this.doubles[(account + AccountAt.worstMarginRatio) / 8]!);
    for (const at of [AccountAt.status, AccountAt.nearestInstrument, AccountAt.unmarkedCount, AccountAt.flags])
      found.set(`account+${at}`, this.words[(account + at) / 4]!);
    found.set("oldestMarkReceivedNs", this.doubles[(account + AccountAt.oldestMarkReceivedNs) / 8]!);
    for (const [index, row] of this.positionsOf(slot).entries())
      for (let at = PositionAt.markPrice; at <= PositionAt.entryPrice; at += 8)
        found.set(`position ${index}+${at}`, this.doubles[(row + at) / 8]!);
    return found;
  }
}
