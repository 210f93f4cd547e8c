// Where state channels take their state from: rows of shared memory, looked at by their version word, rendered only when
// that word moved or RENDER_AT_LEAST_EVERY_MS has gone by (freshness depends on the clock as well as on the row).
import type { AccountRisk, PositionRisk } from "../../shared/views/types";
import { headOf, readAtOneVersion } from "../accounts";
import type { AccountLocation, EngineReader, ShardReader } from "../engine";
import { RENDER_AT_LEAST_EVERY_MS, SCAN_TIME_SHARE, UNREADABLE_AFTER_MS } from "../limits";
import { membersOf, type Rendered, type StateSource } from "./channel";

/** What sources read; `ownership` changes whenever the engine's shards do, so that a remembered place is looked up again. */
export interface SourceContext {
  readonly engine: EngineReader;
  readonly ownership: () => number;
  readonly locate: (accountId: string) => AccountLocation | null;
  readonly topCount: number;
  readonly platform: () => object;
  /** ns, monotonic. */
  readonly nowNs: () => number;
}

const RENDER_EVERY_NS = RENDER_AT_LEAST_EVERY_MS * 1e6;
const UNREADABLE_NS = UNREADABLE_AFTER_MS * 1e6;

/** Shared part of the channels of one account: where it is, and whether its row moved. */
abstract class AccountSource implements StateSource {
  #place: { shard: ShardReader; slot: number } | null = null;
  #ownership = -1;
  #version = -1;
  #renderedNs = Number.NEGATIVE_INFINITY;
  #unreadableSinceNs: number | null = null;
  #present = false;
  /** The engine that was named when the account went; null: none yet. Undefined: the account was never here. */
  #toldEngine: string | null | undefined;

  constructor(
    protected readonly context: SourceContext,
    protected readonly accountId: string,
  ) {}

  poll(nowNs: number): Rendered | null {
    const place = this.#find();
    if (place === null) return this.#absent();
    const version = place.shard.accountVersion(place.slot);
    if (version === this.#version && nowNs - this.#renderedNs < RENDER_EVERY_NS) return null;
    const rendered = this.render(place.shard, place.slot, !this.#present);
    if (rendered === undefined) return this.#unreadable(nowNs);
    this.#unreadableSinceNs = null;
    this.#version = version;
    this.#renderedNs = nowNs;
    this.#present = true;
    return rendered;
  }

  /**
   * @param fresh  there is nothing a difference could be told from
   * @returns undefined: could not be read; null: the same as before
   */
  protected abstract render(shard: ShardReader, slot: number, fresh: boolean): Rendered | null | undefined;

  /** The last state, marked STALE; null where there is none. */
  protected abstract stale(): Rendered | null;

  protected abstract forget(): void;

  #find(): { shard: ShardReader; slot: number } | null {
    const ownership = this.context.ownership();
    // An account that is not here is looked for again at each poll: it exists from its first event on.
    if (ownership !== this.#ownership || this.#place === null) {
      this.#place = this.context.engine.findAccount(this.accountId);
      this.#ownership = ownership;
      this.#version = -1;
    }
    return this.#place;
  }

  #absent(): Rendered | null {
    if (!this.#present && this.#toldEngine === undefined) return null;
    const location = this.context.locate(this.accountId);
    // Who has it next is known a moment after it went: that is said too.
    if (!this.#present && (location === null || location.engine === this.#toldEngine)) return null;
    if (this.#present) this.forget();
    this.#present = false;
    this.#toldEngine = location?.engine ?? null;
    const reason = location === null ? "the account is not on this engine now" : "another engine has this account";
    return { whole: membersOf({ accountId: this.accountId, reason, location }), unavailable: true };
  }

  #unreadable(nowNs: number): Rendered | null {
    this.#unreadableSinceNs ??= nowNs;
    if (nowNs - this.#unreadableSinceNs < UNREADABLE_NS) return null;
    return this.stale();
  }
}

export class AccountRiskSource extends AccountSource {
  #last: AccountRisk | null = null;
  #whole = "";

  protected override render(shard: ShardReader, slot: number): Rendered | null | undefined {
    const account = shard.account(slot);
    if (account === null) return undefined;
    return this.#say(account);
  }

  protected override stale(): Rendered | null {
    return this.#last === null || this.#last.freshness !== "OK" ? null : this.#say({ ...this.#last, freshness: "STALE" });
  }

  protected override forget(): void {
    this.#last = null;
    this.#whole = "";
  }

  #say(account: AccountRisk): Rendered | null {
    this.#last = account;
    const whole = membersOf(account);
    if (whole === this.#whole) return null;
    this.#whole = whole;
    return { whole };
  }
}

interface PositionKey {
  symbol: string;
  leg: PositionRisk["leg"];
  mode: PositionRisk["mode"];
}

export class PositionsSource extends AccountSource {
  #account: AccountRisk | null = null;
  #head = "";
  #rows = new Map<string, { key: PositionKey; json: string }>();

  protected override render(shard: ShardReader, slot: number, fresh: boolean): Rendered | null | undefined {
    const read = readAtOneVersion(shard, slot, () => shard.positions(slot));
    if (read === null) return undefined;
    return this.#say(read.account, read.rows, fresh);
  }

  protected override stale(): Rendered | null {
    if (this.#account === null || this.#account.freshness !== "OK") return null;
    return this.#say({ ...this.#account, freshness: "STALE" }, null, false);
  }

  protected override forget(): void {
    this.#account = null;
    this.#head = "";
    this.#rows = new Map();
  }

  /** @param positions null: as they were */
  #say(account: AccountRisk, positions: readonly PositionRisk[] | null, fresh: boolean): Rendered | null {
    this.#account = account;
    const before = this.#rows;
    const changed: string[] = [];
    const removed: PositionKey[] = [];
    if (positions !== null) {
      this.#rows = new Map();
      for (const position of positions) {
        const { symbol, leg, mode } = position;
        const name = `${symbol} ${leg} ${mode}`;
        const json = JSON.stringify(position);
        if (before.get(name)?.json !== json) changed.push(json);
        this.#rows.set(name, { key: { symbol, leg, mode }, json });
      }
      for (const [name, { key }] of before) if (!this.#rows.has(name)) removed.push(key);
    }
    const head = membersOf(headOf(account));
    if (!fresh && head === this.#head && changed.length === 0 && removed.length === 0) return null;
    this.#head = head;
    const all = [...this.#rows.values()].map((row) => row.json);
    return {
      whole: `${head},"positions":[${all.join(",")}],"removed":[]`,
      difference: `${head},"positions":[${changed.join(",")}],"removed":${JSON.stringify(removed)}`,
    };
  }
}

export class InstrumentSource implements StateSource {
  #version = -1;
  #renderedNs = Number.NEGATIVE_INFINITY;
  #whole = "";

  constructor(
    private readonly context: SourceContext,
    private readonly instrumentId: number,
  ) {}

  poll(nowNs: number): Rendered | null {
    const { market } = this.context.engine;
    const version = market.instrumentVersion(this.instrumentId);
    if (version === this.#version && nowNs - this.#renderedNs < RENDER_EVERY_NS) return null;
    const instrument = market.instrument(this.instrumentId);
    if (instrument === null) return null;
    this.#version = version;
    this.#renderedNs = nowNs;
    const whole = membersOf(instrument);
    if (whole === this.#whole) return null;
    this.#whole = whole;
    return { whole };
  }
}

/** A scan over all accounts: looked at as often as the interval says, unless that would take too much of the thread. */
export class TopSource implements StateSource {
  #notBeforeNs = Number.NEGATIVE_INFINITY;
  #whole = "";

  constructor(private readonly context: SourceContext) {}

  poll(nowNs: number): Rendered | null {
    if (nowNs < this.#notBeforeNs) return null;
    const startedNs = this.context.nowNs();
    const whole = membersOf({ accounts: this.context.engine.topByDistance(this.context.topCount) });
    const tookNs = this.context.nowNs() - startedNs;
    this.#notBeforeNs = nowNs + tookNs * SCAN_TIME_SHARE;
    if (whole === this.#whole) return null;
    this.#whole = whole;
    return { whole };
  }
}

export class PlatformSource implements StateSource {
  constructor(private readonly context: SourceContext) {}

  poll(): Rendered {
    return { whole: membersOf(this.context.platform()) };
  }
}
