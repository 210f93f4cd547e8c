// Samples what changed: instruments by their version, accounts and their positions by theirs. Samples are state, not
// events: when more changed than a flush takes, accounts take turns, those near liquidation first, and each sample shows
// the newest state there is.
import type { AccountRisk, InstrumentState, PositionRisk } from "../shared/views/types";
import type { Batches } from "./batches";
import { encodeAccountRisk, encodeInstrument, encodeMark, encodePositionRisk, instrumentKey, marketTimeMs } from "./encode";
import { SAMPLE_ACCOUNTS_SLICE, SAMPLE_TRIES_MAX, SCAN_SLOTS_MAX } from "./limits";
import { ACCOUNT_RISK, INSTRUMENTS, MARKS, POSITION_RISK } from "./tables";

/** The part of ShardView that is sampled. */
export interface SampledShard {
  readonly partition: number;
  accountCount(): number;
  accountVersion(slot: number): number;
  account(slot: number): AccountRisk | null;
  positions(slot: number): PositionRisk[] | null;
  statusCode(slot: number): number;
}

/** The part of MarketView that is sampled. */
export interface SampledMarket {
  instrumentEnd(): number;
  instrumentVersion(id: number): number;
  instrument(id: number): InstrumentState | null;
}

export interface SampleResult {
  accounts: number;
  rows: number;
  /** Accounts that changed and have to wait for the next flush. */
  delayed: number;
}

interface ShardState {
  shard: SampledShard;
  /** Version of each slot at its last sample. */
  seen: Uint32Array;
}

export class Sampler {
  private readonly instrumentsSeen: number[] = [];
  private readonly instrumentKeys: string[] = [];
  private states: ShardState[] = [];
  /** Where the next turn begins. */
  private resume = { shard: 0, slot: 0 };

  /**
   * @param breathe called between slices of work, so that the rings are drained meanwhile
   */
  constructor(
    private readonly market: SampledMarket,
    private readonly batches: Batches,
    private readonly breathe: () => Promise<void>,
  ) {}

  setShards(shards: readonly SampledShard[]): void {
    const known = new Map(this.states.map((state) => [state.shard, state]));
    this.states = shards.map((shard) => known.get(shard) ?? { shard, seen: new Uint32Array(1024) });
    this.resume = { shard: 0, slot: 0 };
  }

  /** Rows of the instruments that changed; new or changed contracts go to `instruments` too. Returns the rows. */
  sampleMarket(sampledAtMs: number): number {
    let rows = 0;
    const end = this.market.instrumentEnd();
    for (let id = 1; id < end; id++) {
      const version = this.market.instrumentVersion(id);
      if (version === (this.instrumentsSeen[id] ?? 0)) continue;
      const state = this.market.instrument(id);
      if (state === null) continue;
      const key = instrumentKey(state);
      if (key !== this.instrumentKeys[id]) {
        this.batches.add(INSTRUMENTS, (row) => encodeInstrument(row, state));
        this.instrumentKeys[id] = key;
      }
      this.instrumentsSeen[id] = version;
      // A contract nothing has happened in has no event time, and so no sample.
      if (marketTimeMs(state) === null) continue;
      this.batches.add(MARKS, (row) => encodeMark(row, state, sampledAtMs));
      rows++;
    }
    return rows;
  }

  /**
   * Rows of the accounts that changed, with their positions, up to about `rowsMax` rows.
   *
   * @param sampledAtMs the same for all rows of one call, and later than any before
   */
  async sampleAccounts(sampledAtMs: number, rowsMax: number): Promise<SampleResult> {
    const result: SampleResult = { accounts: 0, rows: 0, delayed: 0 };
    // First those that are not ok: they are few, and they are what people look for.
    for (const state of this.states) await this.pass(state, 0, state.shard.accountCount(), true, sampledAtMs, rowsMax, result);
    // Then all, from where the last turn ended, round the shards, to where it ended.
    const { shard: first, slot: from } = this.resume;
    let resume: { shard: number; slot: number } | null = null;
    for (let i = 0; i <= this.states.length; i++) {
      const index = (first + i) % this.states.length;
      const state = this.states[index];
      if (state === undefined) break;
      const begin = i === 0 ? from : 0;
      const end = i === this.states.length ? from : state.shard.accountCount();
      const stoppedAt = await this.pass(state, begin, end, false, sampledAtMs, rowsMax, result);
      if (stoppedAt >= 0) resume ??= { shard: index, slot: stoppedAt };
    }
    this.resume = resume ?? { shard: 0, slot: 0 };
    return result;
  }

  // Walks over the slots begin … end − 1. Returns the first changed one there was no room for, or −1.
  private async pass(
    state: ShardState,
    begin: number,
    end: number,
    urgent: boolean,
    sampledAtMs: number,
    rowsMax: number,
    result: SampleResult,
  ): Promise<number> {
    const { shard } = state;
    if (end > state.seen.length) {
      const grown = new Uint32Array(Math.max(end, state.seen.length * 2));
      grown.set(state.seen);
      state.seen = grown;
    }
    const { seen } = state;
    let stoppedAt = -1;
    let read = 0;
    for (let slot = begin; slot < end; slot++) {
      if (slot % SCAN_SLOTS_MAX === SCAN_SLOTS_MAX - 1) await this.breathe();
      if (shard.accountVersion(slot) === seen[slot]) continue;
      if (urgent && shard.statusCode(slot) === 0) continue;
      if (result.rows >= rowsMax) {
        if (stoppedAt < 0) stoppedAt = slot;
        // The first walk sees only some; the second counts them all.
        if (!urgent) result.delayed++;
        continue;
      }
      if (++read % SAMPLE_ACCOUNTS_SLICE === 0) await this.breathe();
      const sample = readAccount(shard, slot);
      if (sample === null) continue;
      seen[slot] = sample.version;
      this.add(sample.account, sample.positions, sampledAtMs);
      result.accounts++;
      result.rows += 1 + sample.positions.length;
    }
    return stoppedAt;
  }

  private add(account: AccountRisk, positions: readonly PositionRisk[], sampledAtMs: number): void {
    this.batches.add(ACCOUNT_RISK, (row) => encodeAccountRisk(row, account, sampledAtMs));
    for (const position of positions) {
      this.batches.add(POSITION_RISK, (row) => encodePositionRisk(row, account, position, sampledAtMs));
    }
  }
}

// Account and positions of one version, or null: it kept changing, or nothing was valued yet. It comes next time.
function readAccount(
  shard: SampledShard,
  slot: number,
): { version: number; account: AccountRisk; positions: PositionRisk[] } | null {
  for (let tries = 0; tries < SAMPLE_TRIES_MAX; tries++) {
    const version = shard.accountVersion(slot);
    const account = shard.account(slot);
    const positions = shard.positions(slot);
    if (account === null || positions === null || account.asOfMs === null) return null;
    if (shard.accountVersion(slot) === version) return { version, account, positions };
  }
  return null;
}
