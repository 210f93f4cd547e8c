// Reads one shard's memory: its counters and its accounts. Runs in any thread; changes nothing but the word of watch().

import { monotonicNs } from "../clock";
import { type Freshness, STATUS_NAMES } from "../freshness";
import {
  AccountAt,
  AccountFlag,
  BalanceAt,
  ControlAt,
  LATENCY_BUCKETS,
  PositionAt,
  PositionFlag,
  PositionTermsAt,
  ShardState,
} from "../layout/shard";
import { KERNEL_RESERVED_BYTES, SEQLOCK_TRIES_MAX, WATCH_SLOTS } from "../limits";
import { ringFill } from "../ring";
import { msOfNs } from "../wire/int64";
import { summarizeLatency } from "./latency";
import type { MarketView } from "./market-view";
import { beginRead, endRead } from "./seqlock";
import type { AccountRisk, BalanceView, LedgerView, PositionRisk, ShardStatus } from "./types";

const STATES = ["empty", "recovering", "running", "stopped", "faulted"] as const;
const CONTROL = KERNEL_RESERVED_BYTES;
const UNIT = 1e8;

const finite = (value: number) => (Number.isFinite(value) ? value : 0);
const finiteOrNull = (value: number) => (Number.isFinite(value) ? value : null);

/** Same function as hash64 in src/shards/kernel/accounts.ts. */
function hashAccount(low: number, high: number): number {
  let h = low ^ Math.imul(high, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Account ids are decimal integers 1 … 2^53 − 1; anything else is nobody's. */
export function parseAccountId(text: string): number | null {
  if (!/^[1-9]\d{0,15}$/.test(text)) return null;
  const id = Number(text);
  return id <= Number.MAX_SAFE_INTEGER ? id : null;
}

export class ShardView {
  readonly partition: number;
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly longs: BigInt64Array;
  private readonly halves: Uint16Array;
  private readonly accounts: number;
  private readonly balancesAt: number;
  private readonly positionsAt: number;
  private readonly positionTermsAt: number;
  private readonly hash: number;
  private readonly hashMask: number;
  private readonly watchAt: number;

  constructor(
    readonly memory: SharedArrayBuffer,
    readonly market: MarketView,
    private readonly options: { staleAfterMs: number },
  ) {
    this.words = new Int32Array(memory);
    this.doubles = new Float64Array(memory);
    this.longs = new BigInt64Array(memory);
    this.halves = new Uint16Array(memory);
    this.partition = this.control(ControlAt.partition);
    this.accounts = this.control(ControlAt.accounts);
    this.balancesAt = this.control(ControlAt.balances);
    this.positionsAt = this.control(ControlAt.positions);
    this.positionTermsAt = this.control(ControlAt.positionTerms);
    this.hash = this.control(ControlAt.accountHash);
    this.hashMask = this.control(ControlAt.accountHashSlots) - 1;
    this.watchAt = this.control(ControlAt.watch);
  }

  private control(at: number): number {
    return Atomics.load(this.words, (CONTROL + at) / 4) >>> 0;
  }

  private counter(at: number): number {
    return Number(Atomics.load(this.longs, (CONTROL + at) / 8));
  }

  accountCount(): number {
    return this.control(ControlAt.accountCount);
  }

  nextOffset(): number {
    return this.counter(ControlAt.nextOffset);
  }

  isRunning(): boolean {
    return this.control(ControlAt.state) === ShardState.Running;
  }

  status(): ShardStatus {
    const lastEventNs = this.counter(ControlAt.lastEventNs);
    return {
      partition: this.partition,
      state: STATES[this.control(ControlAt.state)] ?? "faulted",
      accounts: this.accountCount(),
      positions: this.control(ControlAt.positionCount),
      openOrders: this.control(ControlAt.orderCount),
      nextOffset: this.nextOffset(),
      lastEventMs: lastEventNs > 0 ? msOfNs(lastEventNs) : null,
      eventsApplied: this.counter(ControlAt.eventsApplied),
      batchesApplied: this.counter(ControlAt.batchesApplied),
      duplicates: this.counter(ControlAt.duplicates),
      gaps: this.counter(ControlAt.gaps),
      rejected: this.counter(ControlAt.rejected),
      valuations: this.counter(ControlAt.valuations),
      fills: this.counter(ControlAt.fills),
      alerts: this.counter(ControlAt.alerts),
      inputRing: ringFill(this.memory, this.control(ControlAt.inputRing)),
      fillRing: ringFill(this.memory, this.control(ControlAt.fillRing)),
      alertRing: ringFill(this.memory, this.control(ControlAt.alertRing)),
      latencyNs: summarizeLatency(new Uint32Array(this.memory, CONTROL + ControlAt.latency, LATENCY_BUCKETS)),
    };
  }

  /** Counts of the latency histogram (src/shared/views/latency.ts names the buckets). */
  latencyCounts(): Uint32Array {
    return new Uint32Array(this.memory, CONTROL + ControlAt.latency, LATENCY_BUCKETS).slice();
  }

  /** Slot of an account, −1 where this shard has never heard of it. */
  find(accountId: string): number {
    const id = parseAccountId(accountId);
    if (id === null) return -1;
    const low = id >>> 0;
    const high = Math.floor(id / 2 ** 32) >>> 0;
    let at = hashAccount(low, high) & this.hashMask;
    for (;;) {
      const entry = Atomics.load(this.words, this.hash / 4 + at);
      if (entry === 0) return -1;
      const word = (this.accounts + (entry - 1) * AccountAt.bytes + AccountAt.accountId) / 4;
      if (this.words[word] >>> 0 === low && this.words[word + 1] >>> 0 === high) return entry - 1;
      at = (at + 1) & this.hashMask;
    }
  }

  /**
   * Says that somebody looks at this account: its rows are then written at every mark, ahead of their turn. Say it again with every
   * look; it is forgotten after WATCH_PASSES rounds of refreshing. The one word of this memory that a reader changes.
   */
  watch(slot: number): void {
    if (slot >= 0xffffff) return;
    const entry = ((this.control(ControlAt.refreshPass) & 0xff) << 24) | (slot + 1);
    Atomics.store(this.words, this.watchAt / 4 + (slot & (WATCH_SLOTS - 1)), entry);
  }

  private row(slot: number): number {
    return this.accounts + slot * AccountAt.bytes;
  }

  /** Changes whenever the account's rows do. */
  accountVersion(slot: number): number {
    return Atomics.load(this.words, this.row(slot) / 4) >>> 0;
  }

  /** Cheap reads for scans; a torn value is possible and harmless there: what is shown is read again, consistently. */
  liquidationDistance(slot: number): number {
    return this.doubles[(this.row(slot) + AccountAt.liquidationDistance) / 8];
  }

  equityUsd(slot: number): number {
    return this.doubles[(this.row(slot) + AccountAt.equityUsd) / 8];
  }

  statusCode(slot: number): number {
    return this.words[(this.row(slot) + AccountAt.status) / 4];
  }

  accountId(slot: number): string {
    return String(BigInt.asUintN(64, this.longs[(this.row(slot) + AccountAt.accountId) / 8]));
  }

  // A consistent read of an account's rows (seqlock.ts), at rest and valued: ledger and valuation belong together.
  private consistent(slot: number, read: (row: number) => void, valued = true): boolean {
    const row = this.row(slot);
    for (let tries = 0; tries < SEQLOCK_TRIES_MAX; tries++) {
      const before = beginRead(this.words, row / 4);
      if ((before & 1) !== 0) continue;
      if (valued && (this.words[(row + AccountAt.flags) / 4] & AccountFlag.Touched) !== 0) continue;
      read(row);
      if (endRead(this.words, row / 4, before)) return true;
    }
    return false;
  }

  /** Worst of what is known about an account's numbers. */
  private freshness(row: number): Freshness {
    const state = this.control(ControlAt.state);
    if (state === ShardState.Empty || state === ShardState.Recovering) return "RECOVERING";
    const flags = this.words[(row + AccountAt.flags) / 4];
    if ((flags & AccountFlag.Quarantined) !== 0) return "QUARANTINED";
    if ((flags & AccountFlag.Gap) !== 0) return "GAP";
    if (state !== ShardState.Running) return "STALE";
    if (this.words[(row + AccountAt.unmarkedCount) / 4] !== 0) return "STALE";
    // A number that could not be computed (an instrument without a margin table, say) is served as 0: not as a fresh one.
    const known = this.doubles[(row + AccountAt.equityUsd) / 8] + this.doubles[(row + AccountAt.maintenanceMarginUsd) / 8];
    if (!Number.isFinite(known)) return "STALE";
    const staleNs = monotonicNs() - this.options.staleAfterMs * 1e6;
    // +∞ where it rests on no mark; prices of assets it rests on all the same.
    if (this.doubles[(row + AccountAt.oldestMarkReceivedNs) / 8] < staleNs) return "STALE";
    // Rows follow the marks within a round of refreshing: one that takes too long leaves them behind.
    const isRefreshing = this.control(ControlAt.sweepsDue) !== this.control(ControlAt.sweepsDone);
    if (isRefreshing && this.doubles[(CONTROL + ControlAt.refreshedFromNs) / 8] < staleNs) return "STALE";
    return "OK";
  }

  /** Null where the writer was too busy to be read: ask again. */
  account(slot: number): AccountRisk | null {
    let result: AccountRisk | null = null;
    const consistent = this.consistent(slot, (row) => {
      const f64 = (at: number) => this.doubles[(row + at) / 8];
      const u32 = (at: number) => this.words[(row + at) / 4] >>> 0;
      const asOfNs = Number(this.longs[(row + AccountAt.asOfNs) / 8]);
      result = {
        id: this.accountId(slot),
        partition: this.partition,
        groupId: u32(AccountAt.group),
        freshness: this.freshness(row),
        asOfMs: asOfNs > 0 ? msOfNs(asOfNs) : null,
        offset: Number(this.longs[(row + AccountAt.lastOffset) / 8]),
        index: u32(AccountAt.lastIndex),
        seq: Number(this.longs[(row + AccountAt.seqHigh) / 8]),
        walletBalanceUsd: finite(f64(AccountAt.walletUsd)),
        unrealizedPnlUsd: finite(f64(AccountAt.unrealizedPnlUsd)),
        equityUsd: finite(f64(AccountAt.equityUsd)),
        initialMarginUsd: finite(f64(AccountAt.initialMarginUsd)),
        maintenanceMarginUsd: finite(f64(AccountAt.maintenanceMarginUsd)),
        orderMarginUsd: finite(f64(AccountAt.orderMarginUsd)),
        availableUsd: finite(f64(AccountAt.availableUsd)),
        marginRatio: finiteOrNull(f64(AccountAt.marginRatio)),
        worstMarginRatio: finiteOrNull(f64(AccountAt.worstMarginRatio)),
        leverage: finiteOrNull(f64(AccountAt.leverage)),
        grossExposureUsd: finite(f64(AccountAt.grossExposureUsd)),
        netExposureUsd: finite(f64(AccountAt.netExposureUsd)),
        liquidationDistance: finiteOrNull(f64(AccountAt.liquidationDistance)),
        nearestInstrument: this.market.symbol(u32(AccountAt.nearestInstrument)) ?? null,
        status: STATUS_NAMES[u32(AccountAt.status)] ?? "bankrupt",
        positionCount: this.halves[(row + AccountAt.positionCount) / 2],
        openOrderCount: u32(AccountAt.openOrderCount),
        unmarkedCount: u32(AccountAt.unmarkedCount),
      };
    });
    return consistent ? result : null;
  }

  positions(slot: number): PositionRisk[] | null {
    let result: PositionRisk[] = [];
    const consistent = this.consistent(slot, (row) => {
      result = [];
      this.eachPosition(row, (at, termsAt) => {
        const f64 = (field: number) => this.doubles[(at + field) / 8];
        const i64 = (field: number) => Number(this.longs[(at + field) / 8]);
        const terms = (field: number) => Number(this.longs[(termsAt + field) / 8]);
        const id = this.halves[(at + PositionAt.instrument) / 2];
        const flags = this.halves[(at + PositionAt.flags) / 2];
        const lotSize = this.market.lotSize(id);
        const leverage = i64(PositionAt.leverage) / UNIT;
        result.push({
          symbol: this.market.symbol(id) ?? `#${id}`,
          instrumentId: id,
          leg: (flags & PositionFlag.Long) !== 0 ? "long" : (flags & PositionFlag.Short) !== 0 ? "short" : "net",
          mode: (flags & PositionFlag.Isolated) !== 0 ? "isolated" : "cross",
          qty: i64(PositionAt.qtyLots) * lotSize,
          entryPrice: finiteOrNull(f64(PositionAt.entryPrice)),
          markPrice: finiteOrNull(f64(PositionAt.markPrice)),
          notional: finite(f64(PositionAt.notional)),
          unrealizedPnl: finite(f64(PositionAt.unrealizedPnl)),
          initialMargin: finite(f64(PositionAt.initialMargin)),
          maintenanceMargin: finite(f64(PositionAt.maintenanceMargin)),
          liquidationPrice: finiteOrNull(f64(PositionAt.liquidationPrice)),
          bankruptcyPrice: finiteOrNull(f64(PositionAt.bankruptcyPrice)),
          leverage: leverage > 0 ? leverage : null,
          isolatedMargin: terms(PositionTermsAt.isolatedMargin) / UNIT,
          realizedPnl: i64(PositionAt.realizedPnl) / UNIT,
          fees: i64(PositionAt.fees) / UNIT,
          funding: i64(PositionAt.funding) / UNIT,
          settle: this.market.assetSymbol(this.market.settleAsset(id)),
          openBuyQty: terms(PositionTermsAt.buyLots) * lotSize,
          openSellQty: terms(PositionTermsAt.sellLots) * lotSize,
        });
      });
    });
    return consistent ? result : null;
  }

  balances(slot: number): BalanceView[] | null {
    let result: BalanceView[] = [];
    const consistent = this.consistent(slot, (row) => {
      result = [];
      this.eachBalance(row, (at) => {
        result.push({
          asset: this.market.assetSymbol(this.words[(at + BalanceAt.asset) / 4]),
          wallet: Number(this.longs[(at + BalanceAt.wallet) / 8]) / UNIT,
          transfers: Number(this.longs[(at + BalanceAt.transfers) / 8]) / UNIT,
        });
      });
    });
    return consistent ? result : null;
  }

  /** The exact ledger; does not wait for a valuation. */
  ledger(slot: number): LedgerView | null {
    let result: LedgerView | null = null;
    const consistent = this.consistent(
      slot,
      (row) => {
        const ledger: LedgerView = {
          id: this.accountId(slot),
          seq: String(this.longs[(row + AccountAt.seqHigh) / 8]),
          holes: String(BigInt.asUintN(64, this.longs[(row + AccountAt.holes) / 8])),
          holesLost: this.words[(row + AccountAt.holesLost) / 4] >>> 0,
          balances: [],
          positions: [],
        };
        this.eachBalance(row, (at) => {
          ledger.balances.push({
            assetId: this.words[(at + BalanceAt.asset) / 4],
            wallet: String(this.longs[(at + BalanceAt.wallet) / 8]),
            transfers: String(this.longs[(at + BalanceAt.transfers) / 8]),
          });
        });
        this.eachPosition(row, (at, termsAt) => {
          const i64 = (field: number) => String(this.longs[(at + field) / 8]);
          const terms = (field: number) => String(this.longs[(termsAt + field) / 8]);
          ledger.positions.push({
            instrumentId: this.halves[(at + PositionAt.instrument) / 2],
            flags: this.halves[(at + PositionAt.flags) / 2],
            qtyLots: i64(PositionAt.qtyLots),
            openCash: i64(PositionAt.openCash),
            realizedPnl: i64(PositionAt.realizedPnl),
            fees: i64(PositionAt.fees),
            funding: i64(PositionAt.funding),
            isolatedMargin: terms(PositionTermsAt.isolatedMargin),
            leverage: i64(PositionAt.leverage),
            buyLots: terms(PositionTermsAt.buyLots),
            sellLots: terms(PositionTermsAt.sellLots),
            buyValue: terms(PositionTermsAt.buyValue),
            sellValue: terms(PositionTermsAt.sellValue),
          });
        });
        result = ledger;
      },
      false,
    );
    return consistent ? result : null;
  }

  // Both walks are bounded by the account's own count: a list that changes under them ends, and is read again.
  private eachPosition(row: number, visit: (at: number, termsAt: number) => void): void {
    let link = this.words[(row + AccountAt.firstPosition) / 4];
    for (let left = this.halves[(row + AccountAt.positionCount) / 2]; link !== 0 && left > 0; left--) {
      const at = this.positionsAt + (link - 1) * PositionAt.bytes;
      visit(at, this.positionTermsAt + this.words[(at + PositionAt.terms) / 4] * PositionTermsAt.bytes);
      link = this.words[(at + PositionAt.next) / 4];
    }
  }

  private eachBalance(row: number, visit: (at: number) => void): void {
    let link = this.words[(row + AccountAt.firstBalance) / 4];
    for (let left = this.halves[(row + AccountAt.balanceCount) / 2]; link !== 0 && left > 0; left--) {
      const at = this.balancesAt + (link - 1) * BalanceAt.bytes;
      visit(at);
      link = this.words[(at + BalanceAt.next) / 4];
    }
  }
}
