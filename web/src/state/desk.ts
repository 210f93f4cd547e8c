// The page's state and what keeps it current: the stream, the few REST answers, and the frame scheduler that tells views.
// Views read fields and watch topics; only this file writes.
import type { BalanceView } from "../../../src/shared/views/types";
import type { PushType } from "../wire/change";
import {
  type AccountHead,
  type AccountRow,
  type AlertRow,
  type InstrumentRow,
  readAccount,
  readAccounts,
  readAlerts,
  readBalances,
  readHeadOfAccount,
  readInstrument,
  readInstruments,
  readPositions,
  readRemoved,
} from "../wire/decode";
import { historyPath, POINTS_MAX, RANGES, type RangeName, readHistory } from "../wire/history";
import { isObject } from "../wire/json-rpc";
import { type EngineInfo, type PlatformView, readEngine, readPlatform, streamUrl, sumOf } from "../wire/platform";
import { type Fetch, Rest, RestError, reasonOf } from "../wire/rest";
import { type Credentials, NotSignedIn, StreamClient, type StreamHost } from "../wire/stream";
import { type AlertList, announcement, NO_ALERTS, newAlerts, withAlerts } from "./alerts";
import { FrameScheduler } from "./frame";
import { Mark } from "./mark";
import { type Positions, positionsOf, withChange } from "./positions";
import { parseRoute, type Route } from "./route";
import { Series } from "./series";
import { channelTrust, connectionTrust, engineTrust, STREAM_LIMIT_MS, type Trust, worst } from "./trust";

export const TOP = "risk.top.100ms";
export const ALERTS = "risk.alerts";
export const PLATFORM = "platform.state";
export const accountChannel = (accountId: string): string => `risk.account.${accountId}.100ms`;
export const positionsChannel = (accountId: string): string => `risk.positions.${accountId}.100ms`;
export const marketChannel = (symbol: string): string => `market.${symbol}.100ms`;

/** Channels that speak only when something changed: their silence is no news. The line itself is watched by platform.state. */
const ON_CHANGE = Number.POSITIVE_INFINITY;

/** Ten minutes at one sample a second. */
const ENGINE_SAMPLES = 600;
/** Half an hour of an account at four samples a second at most. */
const ACCOUNT_SAMPLES = 7_200;
const ACCOUNT_SAMPLE_EVERY_MS = 250;
/** How often views that show an age look at the clock. */
const TICK_MS = 250;
/** Instruments are listed seldom; their states come by the stream. */
const CATALOG_EVERY_MS = 60_000;
/** Balances change with the ledger; they are asked for when it moved, at most this often. */
const BALANCES_EVERY_MS = 1_000;
const REST_RETRY_MS = 5_000;

export interface DeskHost {
  stream: Omit<StreamHost, "locate">;
  fetch: Fetch;
  location: { protocol: string; hostname: string };
  requestFrame(callback: () => void): void;
  /** Loads the page anew. */
  reload(): void;
  /** ms since the epoch. */
  wallMs(): number;
}

/** What a REST answer brought, and whether it may be believed. */
export interface Loaded<T> {
  value: T | null;
  /** Why there is none, or why it is old; null where all is well. */
  reason: string | null;
  receivedMs: number | null;
}

export interface AccountState {
  readonly id: string;
  risk: AccountRow | null;
  positions: Positions | null;
  positionsHead: AccountHead | null;
  balances: Loaded<{ head: AccountHead; rows: BalanceView[] }>;
  alerts: AlertList;
  /** Why the engine does not have it; null where it does. */
  unavailable: string | null;
  /** Equity, initial margin, maintenance margin, USD, by event time: what came since the account was opened. */
  readonly series: Series;
  /** The same over a longer time, from the database and on from there; null: nobody asked. */
  past: Past | null;
}

export interface Past {
  readonly range: RangeName;
  readonly series: Series;
  state: "loading" | "loaded" | "failed";
  /** Why it failed. */
  reason: string | null;
}

export class Desk {
  readonly frame: FrameScheduler;
  readonly stream: StreamClient;
  readonly rest: Rest;

  route: Route = { view: "overview" };
  engine: EngineInfo | null = null;
  platform: PlatformView | null = null;
  top: readonly AccountRow[] | null = null;
  alerts: AlertList = NO_ALERTS;
  /** What a screen reader is told; changes with each announcement. */
  spoken = "";
  catalog: Loaded<ReadonlyMap<string, InstrumentRow>> = { value: null, reason: null, receivedMs: null };
  account: AccountState | null = null;
  readonly marks = new Map<string, Mark>();

  /** Messages and events per second. */
  readonly throughput = new Series(2, ENGINE_SAMPLES);
  /** p50, p99, p99.9 in µs. */
  readonly latency = new Series(3, ENGINE_SAMPLES);
  /** Messages. */
  readonly lag = new Series(1, ENGINE_SAMPLES);
  /** Rows per second. */
  readonly rows = new Series(1, ENGINE_SAMPLES);

  readonly #host: DeskHost;
  #shownSymbols: readonly string[] = [];
  #alertsSeen = false;
  #catalogDueMs = 0;
  #catalogBusy = false;
  #balances = { busy: false, dueMs: 0, seq: null as number | null };
  #accountSampledMs = Number.NEGATIVE_INFINITY;
  #running = false;

  constructor(host: DeskHost, credentials: Credentials | null = null) {
    this.#host = host;
    this.frame = new FrameScheduler(host.requestFrame);
    this.rest = new Rest(host.fetch);
    this.rest.credentials = credentials;
    this.stream = new StreamClient(
      { ...host.stream, locate: () => this.#locate() },
      {
        onPush: (channel, type, data, nowMs) => this.#pushed(channel, type, data, nowMs),
        onState: () => this.#streamMoved(),
      },
      credentials,
    );
  }

  /** Begins to connect, and to look at the clock. */
  start(hash: string): void {
    this.#running = true;
    this.go(hash);
    this.stream.start();
    this.#tick();
  }

  stop(): void {
    this.#running = false;
    this.stream.stop();
  }

  nowMs(): number {
    return this.#host.stream.nowMs();
  }

  wallMs(): number {
    return this.#host.wallMs();
  }

  /** Shows what the address says. */
  go(hash: string): void {
    this.route = parseRoute(hash);
    const id = this.route.view === "account" ? this.route.accountId : null;
    if (id !== (this.account?.id ?? null)) {
      this.account = id === null ? null : this.#newAccount(id);
      this.#balances = { busy: false, dueMs: 0, seq: null };
      this.#accountSampledMs = Number.NEGATIVE_INFINITY;
      if (this.account !== null) void this.#loadAccountAlerts(this.account);
      this.frame.mark("account");
    }
    this.frame.mark("route");
    this.#subscribe();
  }

  /** The instruments whose rows are on the page now. */
  showSymbols(symbols: readonly string[]): void {
    if (symbols.length === this.#shownSymbols.length && symbols.every((symbol, at) => symbol === this.#shownSymbols[at])) return;
    this.#shownSymbols = symbols;
    this.#subscribe();
  }

  /** Uses this key from now on. */
  signIn(credentials: Credentials | null): void {
    this.rest.credentials = credentials;
    this.#catalogDueMs = 0;
    this.stream.signIn(credentials);
  }

  // ---- may it be believed -----------------------------------------------------------------------------------------

  lineTrust(): Trust {
    return connectionTrust(this.stream.connection, this.nowMs());
  }

  /**
   * The line, and with it the engine: a connection on which `platform.state` no longer comes is open, and dead.
   */
  streamTrust(): Trust {
    return channelTrust(this.stream.connection, this.stream.channel(PLATFORM), STREAM_LIMIT_MS, this.nowMs());
  }

  /** A channel that speaks on change: as good as the line, its own chain of changes, and what the engine says of the row. */
  trustOf(channel: string, freshness?: string | null): Trust {
    const own = channelTrust(this.stream.connection, this.stream.channel(channel), ON_CHANGE, this.nowMs());
    const row = freshness === undefined ? own : worst(own, engineTrust(freshness));
    return worst(this.baseTrust(), row);
  }

  /**
   * What everything on the page rests on: the line, and platform.state where that once spoke. Where it is refused or not
   * there yet, other channels may still be right.
   */
  baseTrust(): Trust {
    const channel = this.stream.channel(PLATFORM);
    return channel?.state === "live" ? this.streamTrust() : this.lineTrust();
  }

  // ---- stream -----------------------------------------------------------------------------------------------------

  async #locate(): Promise<string> {
    let answer: Record<string, unknown>;
    try {
      answer = await this.rest.get("/engine");
    } catch (error) {
      if (error instanceof RestError && error.status === 401) throw new NotSignedIn(error.message);
      throw error;
    }
    const engine = readEngine(answer);
    if (engine === null) throw new Error("this address is not a Plimsoll engine");
    const before = this.engine;
    this.engine = engine;
    this.frame.mark("engine");
    // Another version has another page, and a page may connect to no other port than that of the engine it came from.
    if (before !== null && (before.version !== engine.version || before.streamPort !== engine.streamPort)) {
      this.#host.reload();
      throw new Error("the engine was replaced; loading its page");
    }
    if (engine.asksForKey && this.rest.credentials === null) throw new NotSignedIn("this engine asks for an API key");
    return streamUrl(engine, this.#host.location);
  }

  #subscribe(): void {
    const channels = [PLATFORM, TOP, ALERTS];
    if (this.account !== null) {
      channels.push(accountChannel(this.account.id), positionsChannel(this.account.id));
    } else {
      for (const symbol of this.#shownSymbols) channels.push(marketChannel(symbol));
    }
    this.stream.want(channels);
  }

  #streamMoved(): void {
    this.frame.mark("clock");
    this.frame.mark("connection");
  }

  #pushed(channel: string, type: PushType, data: Record<string, unknown>, nowMs: number): string | null {
    if (channel.startsWith("market.")) return this.#pushedMark(data);
    switch (channel) {
      case TOP:
        return this.#pushedTop(data);
      case ALERTS:
        return this.#pushedAlerts(type, data);
      case PLATFORM:
        return this.#pushedPlatform(data);
    }
    const { account } = this;
    if (account === null) return null;
    if (channel === accountChannel(account.id)) return this.#pushedAccount(account, type, data, nowMs);
    if (channel === positionsChannel(account.id)) return this.#pushedPositions(account, type, data);
    return null;
  }

  #pushedTop(data: Record<string, unknown>): string | null {
    const accounts = readAccounts(data.accounts);
    if (accounts === null) return UNREADABLE;
    this.top = accounts;
    this.frame.mark("top");
    return null;
  }

  #pushedAlerts(type: PushType, data: Record<string, unknown>): string | null {
    const pushed = readAlerts(data.alerts);
    if (pushed === null || type === "unavailable") return UNREADABLE;
    const before = this.alerts;
    const missed = typeof data.missed === "number" ? data.missed : 0;
    this.alerts = withAlerts(before, pushed, type, missed);
    // What was there when the page was opened is read, not announced; after a reconnect what came meanwhile is news.
    if (this.#alertsSeen) {
      const fresh = newAlerts(before.alerts, this.alerts.alerts);
      if (fresh.length > 0) {
        this.spoken = announcement(fresh);
        this.frame.mark("spoken");
      }
    }
    this.#alertsSeen = true;
    const { account } = this;
    if (account !== null) {
      const own = pushed.filter((alert) => alert.accountId === account.id);
      if (own.length > 0) account.alerts = withAlerts(account.alerts, own, "change", 0);
    }
    this.frame.mark("alerts");
    return null;
  }

  #pushedPlatform(data: Record<string, unknown>): string | null {
    const platform = readPlatform(data);
    if (platform === null) return UNREADABLE;
    this.platform = platform;
    const now = this.wallMs();
    const events = sumOf(platform.accountEventsPerSecond, platform.marketEventsPerSecond);
    this.throughput.append(now, [platform.messagesPerSecond, events]);
    const { latency } = platform;
    const micros = (ns: number | null | undefined): number | null => (ns === null || ns === undefined ? null : ns / 1_000);
    this.latency.append(now, [micros(latency?.p50), micros(latency?.p99), micros(latency?.p999)]);
    this.lag.append(now, [platform.lagMessages]);
    this.rows.append(now, [platform.rowsPerSecond]);
    this.frame.mark("platform");
    return null;
  }

  #pushedMark(data: Record<string, unknown>): string | null {
    const instrument = readInstrument(data);
    if (instrument === null) return UNREADABLE;
    this.#mark(instrument);
    return null;
  }

  #mark(instrument: InstrumentRow): void {
    const mark = this.marks.get(instrument.symbol);
    if (mark === undefined) this.marks.set(instrument.symbol, new Mark(instrument));
    else mark.apply(instrument, this.wallMs());
    this.frame.mark(`mark:${instrument.symbol}`);
  }

  #pushedAccount(account: AccountState, type: PushType, data: Record<string, unknown>, nowMs: number): string | null {
    if (type === "unavailable") return this.#left(account, data);
    const risk = readAccount(data);
    if (risk === null || risk.id !== account.id) return UNREADABLE;
    account.risk = risk;
    account.unavailable = null;
    if (risk.asOfMs !== null && nowMs - this.#accountSampledMs >= ACCOUNT_SAMPLE_EVERY_MS) {
      this.#accountSampledMs = nowMs;
      account.series.append(risk.asOfMs, lines(risk));
    }
    if (account.past?.state === "loaded" && risk.asOfMs !== null) continuePast(account.past, risk.asOfMs, lines(risk));
    this.frame.mark("account");
    return null;
  }

  #pushedPositions(account: AccountState, type: PushType, data: Record<string, unknown>): string | null {
    if (type === "unavailable") return this.#left(account, data);
    const head = readHeadOfAccount(data);
    const rows = readPositions(data.positions);
    const removed = readRemoved(data.removed);
    if (head === null || rows === null || removed === null) return UNREADABLE;
    account.positionsHead = head;
    account.positions =
      type === "snapshot" || account.positions === null ? positionsOf(rows) : withChange(account.positions, rows, removed);
    this.frame.mark("account");
    return null;
  }

  #left(account: AccountState, data: Record<string, unknown>): null {
    const where = isObject(data.location) && typeof data.location.engine === "string" ? ` (${data.location.engine})` : "";
    account.unavailable = `${typeof data.reason === "string" ? data.reason : "the account is not on this engine now"}${where}`;
    this.frame.mark("account");
    return null;
  }

  // ---- REST -------------------------------------------------------------------------------------------------------

  #tick(): void {
    if (!this.#running) return;
    this.frame.mark("clock");
    const now = this.nowMs();
    if (this.stream.connection.phase === "live") {
      if (now >= this.#catalogDueMs && !this.#catalogBusy) void this.#loadCatalog();
      const { account } = this;
      const moved = account?.risk != null && account.risk.seq !== this.#balances.seq;
      const failed = account?.balances.reason !== null;
      if (account !== null && (moved || failed) && now >= this.#balances.dueMs && !this.#balances.busy)
        void this.#loadBalances(account);
    }
    this.#host.stream.after(TICK_MS, () => this.#tick());
  }

  async #loadCatalog(): Promise<void> {
    this.#catalogBusy = true;
    try {
      const instruments = readInstruments((await this.rest.get("/instruments")).instruments);
      if (instruments === null) throw new Error("the list of instruments cannot be read");
      for (const instrument of instruments) if (!this.marks.has(instrument.symbol)) this.#mark(instrument);
      this.catalog = {
        value: new Map(instruments.map((instrument) => [instrument.symbol, instrument])),
        reason: null,
        receivedMs: this.nowMs(),
      };
      // An engine that knows none yet will know some soon.
      this.#catalogDueMs = this.nowMs() + (instruments.length === 0 ? REST_RETRY_MS : CATALOG_EVERY_MS);
    } catch (error) {
      this.catalog = { ...this.catalog, reason: reasonOf(error) };
      this.#catalogDueMs = this.nowMs() + REST_RETRY_MS;
    } finally {
      this.#catalogBusy = false;
      this.frame.mark("catalog");
    }
  }

  async #loadBalances(account: AccountState): Promise<void> {
    const state = this.#balances;
    state.busy = true;
    const seq = account.risk?.seq ?? null;
    try {
      const answer = await this.rest.get(`/accounts/${account.id}/balances`);
      const head = readHeadOfAccount(answer);
      const rows = readBalances(answer.balances);
      if (head === null || rows === null) throw new Error("the balances cannot be read");
      account.balances = { value: { head, rows }, reason: null, receivedMs: this.nowMs() };
      state.seq = seq;
      state.dueMs = this.nowMs() + BALANCES_EVERY_MS;
    } catch (error) {
      account.balances = { ...account.balances, reason: reasonOf(error) };
      state.dueMs = this.nowMs() + REST_RETRY_MS;
    } finally {
      state.busy = false;
      if (account === this.account) this.frame.mark("account");
    }
  }

  /** The chart of the account on the page goes this far back; null: as far as the page was open. */
  async showPast(range: RangeName | null): Promise<void> {
    const { account } = this;
    if (account === null) return;
    account.past = range === null ? null : { range, series: new Series(3, POINTS_MAX), state: "loading", reason: null };
    this.frame.mark("account");
    const { past } = account;
    if (past === null) return;
    // By event time, as everything about an account: a replay of last year has its history last year.
    const toMs = account.risk?.asOfMs ?? this.wallMs();
    try {
      const points = readHistory(await this.rest.get(historyPath(account.id, past.range, toMs)));
      if (points === null) throw new Error("the history cannot be read");
      past.series.prepend(points.map((point) => ({ timeMs: point.timeMs, values: lines(point) })));
      past.state = "loaded";
      if (account.risk !== null && account.risk.asOfMs !== null) continuePast(past, account.risk.asOfMs, lines(account.risk));
    } catch (error) {
      past.state = "failed";
      past.reason = reasonOf(error);
    }
    this.frame.mark("account");
  }

  async #loadAccountAlerts(account: AccountState): Promise<void> {
    try {
      const earlier = readAlerts((await this.rest.get(`/accounts/${account.id}/alerts`)).alerts);
      // Newest first; what came live meanwhile stays in front.
      if (earlier !== null)
        account.alerts = withAlerts(NO_ALERTS, [...account.alerts.alerts, ...earlier].reverse(), "snapshot", 0);
    } catch {
      // The live alerts go on; the earlier ones are also in the list of all.
      account.alerts = withAlerts(
        account.alerts,
        this.alerts.alerts.filter((alert: AlertRow) => alert.accountId === account.id).reverse(),
        "change",
        0,
      );
    }
    if (account === this.account) this.frame.mark("account");
  }

  #newAccount(id: string): AccountState {
    return {
      id,
      risk: null,
      positions: null,
      positionsHead: null,
      balances: { value: null, reason: null, receivedMs: null },
      alerts: NO_ALERTS,
      unavailable: null,
      series: new Series(3, ACCOUNT_SAMPLES),
      past: null,
    };
  }
}

type Lines = [number | null, number | null, number | null];

function lines(of: { equityUsd: number | null; initialMarginUsd: number | null; maintenanceMarginUsd: number | null }): Lines {
  return [of.equityUsd, of.initialMarginUsd, of.maintenanceMarginUsd];
}

/** Live samples go on behind the loaded ones, as far apart as those are. */
function continuePast(past: Past, timeMs: number, values: Lines): void {
  const newestMs = (past.series.columns[0].at(-1) ?? Number.NEGATIVE_INFINITY) * 1000;
  if (timeMs - newestMs >= RANGES[past.range].stepMs) past.series.append(timeMs, values);
}

const UNREADABLE = "an update could not be read";
