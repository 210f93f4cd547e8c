// What the api thread reads of the engine: the part of EngineView (src/shared/views) that routes and channels use, as an
// interface, so that tests can put a scripted engine in its place. Every reader copies; nothing here writes shared memory.
import { parseAccountId } from "../shared/views/shard-view";
import type {
  AccountRisk,
  AssetState,
  BalanceView,
  InstrumentState,
  LedgerView,
  PositionRisk,
  ShardStatus,
} from "../shared/views/types";

export interface MarketReader {
  instrument(id: number): InstrumentState | null;
  instrumentBySymbol(symbol: string): InstrumentState | null;
  instruments(): InstrumentState[];
  assets(): AssetState[];
  /** One more than the highest instrument id in use. */
  instrumentEnd(): number;
  /** u32; another one whenever the row is. */
  instrumentVersion(id: number): number;
  marketVersion(): number;
  eventTimeMs(): number | null;
  marginTables(): object[];
  groups(): object[];
}

export interface ShardReader {
  readonly partition: number;
  status(): ShardStatus;
  accountCount(): number;
  accountVersion(slot: number): number;
  /** null, here and below: the row kept changing while it was read. Ask again. */
  account(slot: number): AccountRisk | null;
  positions(slot: number): PositionRisk[] | null;
  balances(slot: number): BalanceView[] | null;
  ledger(slot: number): LedgerView | null;
  /** Cheap reads for scans, below; what is shown is read again, consistently. +Infinity where there is none. */
  liquidationDistance(slot: number): number;
  /** Place in STATUS_NAMES. */
  statusCode(slot: number): number;
  /** Counts of the latency histogram; src/shared/views/latency.ts names the buckets. */
  latencyCounts(): ArrayLike<number>;
}

export interface EngineReader {
  readonly market: MarketReader;
  readonly shards: readonly ShardReader[];
  findAccount(id: string): { shard: ShardReader; slot: number } | null;
  topByDistance(count: number): AccountRisk[];
}

/** Where an account lives that is not on this engine: name of the engine, addresses of its HTTP listener and its stream. */
export interface AccountLocation {
  engine: string;
  url: string | null;
  stream?: string | null;
}

/** Account ids are integers from 1 to 2^53 − 1, written in decimal. */
export function isAccountId(text: string): boolean {
  return parseAccountId(text) !== null;
}
