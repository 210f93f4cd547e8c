// An engine whose rows a test sets directly: for what real shards cannot be brought to do on command, such as a row that
// never stands still or an account that moves away. The same interface as EngineView.

import { STATUS_NAMES } from "../../shared/freshness";
import { LATENCY_BUCKETS } from "../../shared/layout/shard";
import type {
  AccountRisk,
  AssetState,
  BalanceView,
  InstrumentState,
  LedgerView,
  PositionRisk,
  ShardStatus,
} from "../../shared/views/types";
import type { EngineReader, MarketReader, ShardReader } from "../engine";
import { fakeAccount, fakeInstrument, fakePosition } from "./fake-rows";

interface Slot {
  version: number;
  account: AccountRisk;
  positions: PositionRisk[];
  balances: BalanceView[];
  ledger: LedgerView;
  /** Reads of this row come back empty. */
  busy: boolean;
}

export class FakeShard implements ShardReader {
  state: ShardStatus["state"] = "running";
  readonly slots: Slot[] = [];
  readonly latency = new Uint32Array(LATENCY_BUCKETS);
  readonly #ids = new Map<string, number>();

  constructor(readonly partition: number) {}

  /** Adds an account, or changes it: its version moves, as a shard's does. */
  put(account: AccountRisk, parts: { positions?: PositionRisk[]; balances?: BalanceView[] } = {}): void {
    const row = { ...account, partition: this.partition };
    const slot = this.#ids.get(account.id);
    if (slot === undefined) {
      this.#ids.set(account.id, this.slots.length);
      const ledger: LedgerView = { id: account.id, seq: "1", holes: "0", holesLost: 0, balances: [], positions: [] };
      const { positions = [], balances = [] } = parts;
      this.slots.push({ version: 2, account: row, positions, balances, ledger, busy: false });
      return;
    }
    const before = this.slots[slot]!;
    before.version += 2;
    before.account = row;
    before.positions = parts.positions ?? before.positions;
    before.balances = parts.balances ?? before.balances;
  }

  slotOf(id: string): number {
    return this.#ids.get(id) ?? -1;
  }

  status(): ShardStatus {
    return {
      partition: this.partition,
      state: this.state,
      accounts: this.slots.length,
      positions: 0,
      openOrders: 0,
      nextOffset: 11,
      lastEventMs: 1_718_000_000_000,
      eventsApplied: 100,
      batchesApplied: 10,
      duplicates: 0,
      gaps: 0,
      rejected: 0,
      valuations: 50,
      fills: 40,
      alerts: 1,
      inputRing: { used: 0, capacity: 65_536 },
      fillRing: { used: 0, capacity: 65_536 },
      alertRing: { used: 0, capacity: 16_384 },
      latencyNs: null,
    };
  }

  accountCount(): number {
    return this.slots.length;
  }
  accountVersion(slot: number): number {
    return this.slots[slot]!.version;
  }
  account(slot: number): AccountRisk | null {
    return this.#unlessBusy(slot, (row) => row.account);
  }
  positions(slot: number): PositionRisk[] | null {
    return this.#unlessBusy(slot, (row) => row.positions);
  }
  balances(slot: number): BalanceView[] | null {
    return this.#unlessBusy(slot, (row) => row.balances);
  }
  ledger(slot: number): LedgerView | null {
    return this.#unlessBusy(slot, (row) => row.ledger);
  }
  #unlessBusy<T>(slot: number, read: (row: Slot) => T): T | null {
    const row = this.slots[slot]!;
    return row.busy ? null : read(row);
  }
  liquidationDistance(slot: number): number {
    return this.slots[slot]!.account.liquidationDistance ?? Number.POSITIVE_INFINITY;
  }
  statusCode(slot: number): number {
    return STATUS_NAMES.indexOf(this.slots[slot]!.account.status);
  }
  latencyCounts(): Uint32Array {
    return this.latency;
  }
}

export class FakeMarket implements MarketReader {
  readonly rows = new Map<number, { version: number; state: InstrumentState }>();
  assetStates: AssetState[] = [{ id: 1, symbol: "USDT", haircut: 0, usdPrice: 1, priceTimeMs: null }];

  put(state: InstrumentState): void {
    this.rows.set(state.id, { version: (this.rows.get(state.id)?.version ?? 0) + 2, state });
  }
  instrument(id: number): InstrumentState | null {
    return this.rows.get(id)?.state ?? null;
  }
  instrumentBySymbol(symbol: string): InstrumentState | null {
    return this.instruments().find((state) => state.symbol === symbol) ?? null;
  }
  instruments(): InstrumentState[] {
    return [...this.rows.values()].map((row) => row.state);
  }
  assets(): AssetState[] {
    return this.assetStates;
  }
  instrumentEnd(): number {
    return Math.max(0, ...this.rows.keys()) + 1;
  }
  instrumentVersion(id: number): number {
    return this.rows.get(id)?.version ?? 0;
  }
  marketVersion(): number {
    return 1;
  }
  eventTimeMs(): number | null {
    return 1_718_000_000_000;
  }
  marginTables(): object[] {
    const tier = { notionalFloor: 0, initialRate: 0.01, maintenanceRate: 0.004, deduction: 0 };
    const rates = { initialBase: 0, initialPerUnit: 0, maintenanceBase: 0, maintenancePerUnit: 0 };
    return [{ id: 1, model: "tiered", notionalAt: "mark", liquidationFeeRate: 0, ...rates, tiers: [tier] }];
  }
  groups(): object[] {
    return [{ id: 0, name: "default", collateral: "single-asset", hedgeMode: false }];
  }
}

export class FakeEngine implements EngineReader {
  readonly market = new FakeMarket();
  shards: FakeShard[] = [new FakeShard(0)];

  /** One instrument and accounts 1 … count, each further from liquidation than the one before. */
  static withAccounts(count: number): FakeEngine {
    const engine = new FakeEngine();
    engine.market.put(fakeInstrument(1, "BTCUSDT"));
    for (let id = 1; id <= count; id++) {
      engine.shards[0]!.put(fakeAccount(String(id), { liquidationDistance: id / 100 }), {
        positions: [fakePosition("BTCUSDT")],
        balances: [{ asset: "USDT", wallet: 1000, transfers: 1000 }],
      });
    }
    return engine;
  }

  findAccount(id: string): { shard: FakeShard; slot: number } | null {
    for (const shard of this.shards) {
      const slot = shard.slotOf(id);
      if (slot >= 0) return { shard, slot };
    }
    return null;
  }

  topByDistance(count: number): AccountRisk[] {
    const rows = this.shards.flatMap((shard) => shard.slots.map((slot) => slot.account));
    const near = rows.filter((row) => row.liquidationDistance !== null);
    return near.sort((a, b) => a.liquidationDistance! - b.liquidationDistance!).slice(0, count);
  }
}
