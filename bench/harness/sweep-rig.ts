// A shard on this thread whose accounts stand at every distance from their liquidation, for what follows when marks move: every
// account that crossed a band flagged, every margin pool revalued, every row published anew.
import { AccountAt, BalanceAt, ControlAt, POOL_UNIT_BYTES, PositionAt } from "../../src/shared/layout/shard";
import { RingConsumer } from "../../src/shared/ring";
import { OneThread } from "./one-thread";
import { World } from "./world";

const INSTRUMENTS = 64;
export const POSITIONS_PER_ACCOUNT = 8;
/** Dollars over which a hundred accounts more stand between a balance and its liquidation: the same at every size. */
const DEPOSIT_FROM_USD = 150;
const ACCOUNTS_PER_USD = 100;

/** Of a chunk of work: as much as there is. */
const EVERYTHING = 0x7fffffff;

/** What the rig drives by hand of what a round does. */
interface Inside {
  copyMarket(): void;
  kernel: { trigger(limit: number): number; walk(limit: number): number; revalueAll(): void };
}

/** Deposits spread evenly, neighbours far apart. */
function depositOf(accounts: number): (account: number) => number {
  return (account) => DEPOSIT_FROM_USD + (((account * 0.618033988749895) % 1) * accounts) / ACCOUNTS_PER_USD;
}

export interface Flagged {
  /** From the published mark to the last alert that it led to. */
  flagNs: number;
  /** To every row valued at it. */
  settleNs: number;
  alerts: number;
}

export class SweepRig {
  readonly world: World;
  readonly shard: OneThread;
  private readonly alertRing: RingConsumer;

  constructor(
    readonly accounts: number,
    progress: (text: string) => void = () => {},
  ) {
    this.world = new World({
      accounts,
      instruments: INSTRUMENTS,
      positionsPerAccount: POSITIONS_PER_ACCOUNT,
      depositUsd: depositOf(accounts),
    });
    const messages = Math.ceil(this.world.openingEvents / 4096);
    this.shard = new OneThread(this.world, this.world.capacity({ alertRecords: 1 << 16 }), (done) => {
      if (done % 64 === 0)
        progress(`opening ${accounts.toLocaleString("en")} accounts: ${Math.round((done / messages) * 100)} %`);
    });
    this.alertRing = new RingConsumer(this.shard.memory, this.shard.probe.word(ControlAt.alertRing));
    this.takeAlerts();
    this.shard.settle();
    this.takeAlerts();
  }

  private takeAlerts(): number {
    const count = this.alertRing.readable();
    this.alertRing.release(count);
    return count;
  }

  private get inside(): Inside {
    return this.shard.shard as unknown as Inside;
  }

  /** Bytes of the pools that are in use: what revaluing everybody has to read. */
  get poolBytes(): number {
    return this.shard.probe.word(ControlAt.poolEnd) * POOL_UNIT_BYTES;
  }

  /** Bytes of the rows that are in use: what publishing everybody anew has to read. */
  get rowBytes(): number {
    const { probe } = this.shard;
    return (
      probe.word(ControlAt.accountCount) * AccountAt.bytes +
      probe.word(ControlAt.balanceCount) * BalanceAt.bytes +
      probe.word(ControlAt.positionCount) * PositionAt.bytes
    );
  }

  /** Moves marks and runs the worker's rounds until nothing is left to do. */
  move(ticks: number, instruments?: readonly number[]): Flagged {
    this.shard.mark(ticks, instruments);
    return this.rounds();
  }

  /**
   * Moves all marks and revalues every pool, nothing between: equity and margin of everybody at the new marks, and whoever crossed
   * a band told of. Rows follow afterwards, outside of the clock.
   * @returns ns
   */
  revalue(ticks: number): number {
    this.shard.mark(ticks);
    const { kernel } = this.inside;
    const before = this.shard.probe.counter(ControlAt.poolsWalked);
    const start = performance.now();
    this.inside.copyMarket();
    while (kernel.trigger(EVERYTHING) > 0);
    while (kernel.walk(EVERYTHING) > 0);
    const ns = (performance.now() - start) * 1e6;
    const swept = this.shard.probe.counter(ControlAt.poolsWalked) - before;
    if (swept < this.accounts) throw new Error(`${swept} pools were revalued, of ${this.accounts} accounts`);
    this.rounds();
    return ns;
  }

  /** Every account's row valued again, whatever moved: brute force. */
  valueEverybody(): Flagged {
    this.inside.kernel.revalueAll();
    return this.rounds();
  }

  private rounds(): Flagged {
    const { shard } = this.shard;
    const start = performance.now();
    let flagged = start;
    let alerts = 0;
    while (shard.round()) {
      const count = this.takeAlerts();
      if (count === 0) continue;
      alerts += count;
      flagged = performance.now();
    }
    const end = performance.now();
    return { flagNs: (flagged - start) * 1e6, settleNs: (end - start) * 1e6, alerts };
  }

  /** Status of everybody, in order of slots. */
  statuses(): Uint8Array {
    const { view } = this.shard;
    return Uint8Array.from({ length: this.accounts }, (_, slot) => view.statusCode(slot));
  }
}
