// The stream's middle: sessions on one side, channels on the other. It looks at the rows of the channels that somebody
// listens to, as often as their interval says, and hands each change to its subscribers. One hub lives in the api thread
// and serves either transport.
import { monotonicNs, wallMs } from "../../shared/clock";
import { requireAccount } from "../accounts";
import type { AlertLogs } from "../alert-log";
import { authorize, CHANNEL_ACCESS, type Principal } from "../auth/access";
import type { Authenticator } from "../auth/authenticator";
import type { StreamConfig } from "../config";
import { ApiError } from "../errors";
import { INTERVALS, type Interval, intervalMs } from "../intervals";
import { KEYS_RELOAD_MS, STREAM_REFUSED_REQUESTS_MAX } from "../limits";
import type { ApiLog } from "../log";
import { type Channel, EventChannel, StateChannel, type Subscription } from "./channel";
import { type ChannelName, parseChannelName } from "./channel-name";
import { errorFrame, parseRequest, RpcError, receivedNow, resultFrame } from "./json-rpc";
import { METHODS } from "./methods";
import { Session } from "./session";
import { AccountRiskSource, InstrumentSource, PlatformSource, PositionsSource, type SourceContext, TopSource } from "./sources";
import type { Refusal, StreamHandlers, StreamSocket, UpgradeRequest } from "./transport";

/** Close codes of the WebSocket protocol (RFC 6455) and one of our own. */
export const CLOSE = { goingAway: 1001, unsupportedData: 1003, policy: 1008, keyWithdrawn: 4001 } as const;

export interface HubOptions {
  config: StreamConfig;
  sources: SourceContext;
  alerts: AlertLogs;
  auth: Authenticator;
  log: ApiLog;
  /** Before the handshake: null lets it pass. */
  admit: (request: UpgradeRequest) => Refusal | null;
  notUpgrade: () => Refusal;
  version: string;
  /** problem+json for a refusal by the hub itself. */
  refuse: (error: ApiError) => Refusal;
}

export interface HubCounters {
  frames: number;
  bytes: number;
  held: number;
  requests: number;
  errors: number;
  clients: number;
  opened: number;
  subscriptions: number;
}

/** A channel that somebody listens to. */
interface Entry {
  channel: Channel;
  interval: Interval | null;
  subscribers: number;
  /** Its last look failed, and the log knows. */
  failing: boolean;
}

export class Hub implements StreamHandlers {
  readonly config: StreamConfig;
  readonly version: string;
  readonly #options: HubOptions;
  readonly #sessions = new Set<Session>();
  readonly #channels = new Map<string, Entry>();
  /** The same entries by how often they are looked at; null: when alerts arrive. */
  readonly #byInterval = new Map<Interval | null, Set<Entry>>([...INTERVALS, null].map((interval) => [interval, new Set()]));
  readonly #timers = new Map<Interval, NodeJS.Timeout>();
  readonly #dirty = new Set<Session>();
  readonly #sweeper: NodeJS.Timeout;
  readonly #counters = { frames: 0, bytes: 0, held: 0, requests: 0, errors: 0, opened: 0, subscriptions: 0 };
  #lastId = 0;
  #reloadDueMs = 0;
  #stopped = false;

  constructor(options: HubOptions) {
    this.#options = options;
    this.config = options.config;
    this.version = options.version;
    this.#sweeper = setInterval(() => this.#sweep(), Math.min(1000, Math.max(50, options.config.idleTimeoutMs / 4)));
  }

  get authMode(): Authenticator["mode"] {
    return this.#options.auth.mode;
  }

  get channelCount(): number {
    return this.#channels.size;
  }

  counters(): HubCounters {
    return { ...this.#counters, clients: this.#sessions.size };
  }

  /** What each session holds back; for tests of the bounds. */
  *sessions(): Iterable<Session> {
    yield* this.#sessions;
  }

  // --- transport ----------------------------------------------------------------------------------------------------

  admit(request: UpgradeRequest): Refusal | null {
    if (this.#stopped) return this.#options.refuse(new ApiError("NOT_READY", "the engine is stopping"));
    if (this.#sessions.size >= this.config.maxClients) {
      return this.#options.refuse(new ApiError("TOO_MANY_CLIENTS", `${this.config.maxClients} clients are connected`));
    }
    return this.#options.admit(request);
  }

  notUpgrade(): Refusal {
    return this.#options.notUpgrade();
  }

  open(socket: StreamSocket): void {
    const session = new Session(socket, this.#options.auth.initial(), this.#counters, monotonicNs());
    socket.session = session;
    this.#sessions.add(session);
    this.#counters.opened++;
  }

  text(socket: StreamSocket, text: string): void {
    const session = socket.session as Session;
    if (session.closed) return;
    const received = receivedNow();
    session.lastSeenNs = received.monotonicNs;
    session.spoke = true;
    session.testAwaited = false;
    this.#counters.requests++;
    let reply: string;
    try {
      const request = parseRequest(text);
      try {
        if (!session.takeRequest(received.monotonicNs)) throw new ApiError("TOO_MANY_REQUESTS", "slow down");
        const method = METHODS[request.method];
        if (method === undefined) throw new ApiError("METHOD_NOT_FOUND", "no such method", "method");
        reply = resultFrame(request.id, method(this, session, request.params), received);
      } catch (error) {
        throw new RpcError(request.id, this.#asApiError(error));
      }
    } catch (error) {
      const { id, cause } = error as RpcError;
      this.#counters.errors++;
      if (cause.code === "TOO_MANY_REQUESTS" && ++session.refusedRequests > STREAM_REFUSED_REQUESTS_MAX) {
        this.#end(session, CLOSE.policy, "too many requests");
        return;
      }
      reply = errorFrame(id, cause, received);
    }
    if (session.reply(reply)) session.flush();
    else this.#end(session, CLOSE.policy, "answers are not read");
  }

  #asApiError(error: unknown): ApiError {
    if (error instanceof ApiError) return error;
    this.#options.log.error({ err: error }, "a stream request failed");
    return new ApiError("INTERNAL", "see the engine's log");
  }

  binary(socket: StreamSocket): void {
    this.#end(socket.session as Session, CLOSE.unsupportedData, "text frames only");
  }

  drain(socket: StreamSocket): void {
    (socket.session as Session).flush();
  }

  pong(socket: StreamSocket, payload: string): void {
    const session = socket.session as Session;
    session.lastSeenNs = monotonicNs();
    session.pong(payload);
    session.flush();
  }

  close(socket: StreamSocket): void {
    this.#forget(socket.session as Session);
  }

  /** Ends a session from this side: its subscriptions go first, so that nothing more is sent. */
  #end(session: Session, code: number, reason: string): void {
    if (session.closed) return;
    this.#forget(session);
    session.socket.close(code, reason);
  }

  #forget(session: Session): void {
    if (session.closed) return;
    session.closed = true;
    for (const { channel } of [...session.subscriptions.values()]) this.#remove(session, channel);
    this.#sessions.delete(session);
    this.#dirty.delete(session);
  }

  // --- what methods ask for -----------------------------------------------------------------------------------------

  /** @throws ApiError INVALID_CREDENTIALS, CREDENTIALS_EXPIRED */
  authenticate(session: Session, id: string, secret: string): Principal {
    const principal = this.#options.auth.authenticate(id, secret, wallMs());
    session.principal = principal;
    // With another key the subscriptions are another question.
    for (const { channel } of [...session.subscriptions.values()]) {
      try {
        this.#authorize(session, parseChannelName(channel.name));
      } catch {
        this.#remove(session, channel);
      }
    }
    return principal;
  }

  /**
   * Subscribes to all or to none.
   *
   * @returns the channels, each once, in the order asked for
   * @throws ApiError INVALID_PARAMS, AUTHORIZATION_REQUIRED, FORBIDDEN, ACCOUNT_NOT_FOUND, ACCOUNT_ELSEWHERE,
   *   INSTRUMENT_NOT_FOUND, TOO_MANY_SUBSCRIPTIONS
   */
  subscribe(session: Session, names: readonly string[]): string[] {
    const wanted = new Map<string, ChannelName>();
    for (const name of names) if (!wanted.has(name)) wanted.set(name, parseChannelName(name));
    // Whether one may ask comes before whether there is an answer.
    for (const name of wanted.values()) this.#authorize(session, name);
    for (const name of wanted.values()) this.#mustExist(name);
    let added = 0;
    for (const name of wanted.keys()) if (!session.subscriptions.has(name)) added++;
    if (session.subscriptions.size + added > this.config.maxSubscriptions) {
      throw new ApiError("TOO_MANY_SUBSCRIPTIONS", `at most ${this.config.maxSubscriptions} channels a connection`, "channels");
    }
    for (const [name, parsed] of wanted) if (!session.subscriptions.has(name)) this.#add(session, name, parsed);
    return [...wanted.keys()];
  }

  /** @returns those that were subscribed and are not any more; @throws ApiError INVALID_PARAMS */
  unsubscribe(session: Session, names: readonly string[]): string[] {
    for (const name of names) parseChannelName(name);
    const removed: string[] = [];
    for (const name of names) {
      const subscription = session.subscriptions.get(name);
      if (subscription === undefined) continue;
      this.#remove(session, subscription.channel);
      removed.push(name);
    }
    return removed;
  }

  setHeartbeat(session: Session, seconds: number): void {
    session.heartbeatSeconds = seconds;
    session.heartbeatDueNs = monotonicNs() + seconds * 1e9;
    session.testAwaited = false;
    session.spoke = true;
  }

  #authorize(session: Session, name: ChannelName): void {
    const accountId = "accountId" in name ? name.accountId : null;
    authorize(session.principal, CHANNEL_ACCESS[name.kind], accountId, wallMs());
  }

  #mustExist(name: ChannelName): void {
    const { sources } = this.#options;
    if ("accountId" in name && this.config.unknownAccounts === "error") {
      requireAccount(sources.engine, name.accountId, sources.locate);
    }
    if (name.kind === "market" && sources.engine.market.instrumentBySymbol(name.symbol) === null) {
      throw new ApiError("INSTRUMENT_NOT_FOUND", `no instrument ${JSON.stringify(name.symbol)}`, "channels");
    }
  }

  // --- channels -----------------------------------------------------------------------------------------------------

  #create(name: string, parsed: ChannelName): { channel: Channel; interval: Interval | null } {
    const { sources, alerts } = this.#options;
    const state = (source: ConstructorParameters<typeof StateChannel>[1], interval: Interval) => ({
      channel: new StateChannel(name, source, this.#lastId + 1),
      interval,
    });
    switch (parsed.kind) {
      case "risk.account":
        return state(new AccountRiskSource(sources, parsed.accountId), parsed.interval);
      case "risk.positions":
        return state(new PositionsSource(sources, parsed.accountId), parsed.interval);
      case "risk.top":
        return state(new TopSource(sources), parsed.interval);
      case "market": {
        const instrument = sources.engine.market.instrumentBySymbol(parsed.symbol);
        if (instrument === null) throw new ApiError("INSTRUMENT_NOT_FOUND", `no instrument ${parsed.symbol}`, "channels");
        return state(new InstrumentSource(sources, instrument.id), parsed.interval);
      }
      case "platform.state":
        return state(new PlatformSource(sources), "1s");
      case "risk.alerts":
        return { channel: new EventChannel(name, alerts.all), interval: null };
      case "risk.liquidations":
        return { channel: new EventChannel(name, alerts.liquidations), interval: null };
    }
  }

  #add(session: Session, name: string, parsed: ChannelName): void {
    let entry = this.#channels.get(name);
    if (entry === undefined) {
      entry = { ...this.#create(name, parsed), subscribers: 0, failing: false };
      this.#channels.set(name, entry);
      this.#byInterval.get(entry.interval)!.add(entry);
      this.#poll(entry, monotonicNs());
      if (entry.interval !== null) this.#startTimer(entry.interval);
    }
    const subscription: Subscription = { channel: entry.channel, session, lastChangeId: 0 };
    entry.subscribers++;
    session.subscriptions.set(name, subscription);
    this.#counters.subscriptions++;
    // The caller flushes after it has answered.
    session.owe(subscription);
  }

  #remove(session: Session, channel: Channel): void {
    const entry = this.#channels.get(channel.name);
    if (entry === undefined || !session.subscriptions.has(channel.name)) return;
    session.drop(channel);
    this.#counters.subscriptions--;
    if (--entry.subscribers > 0) return;
    this.#channels.delete(channel.name);
    this.#byInterval.get(entry.interval)!.delete(entry);
    if (channel instanceof StateChannel) this.#lastId = Math.max(this.#lastId, channel.changeId);
    if (entry.interval !== null) this.#stopIdleTimer(entry.interval);
  }

  #startTimer(interval: Interval): void {
    if (this.#timers.has(interval)) return;
    this.#timers.set(
      interval,
      setInterval(() => this.#tick(interval), intervalMs(interval, this.config.rawPollMs)),
    );
  }

  #stopIdleTimer(interval: Interval): void {
    if (this.#byInterval.get(interval)!.size > 0) return;
    clearInterval(this.#timers.get(interval));
    this.#timers.delete(interval);
  }

  #tick(interval: Interval | null): void {
    const nowNs = monotonicNs();
    for (const entry of this.#byInterval.get(interval)!) {
      if (!this.#poll(entry, nowNs)) continue;
      const { current } = entry.channel;
      for (const subscription of current) {
        subscription.session.owe(subscription);
        this.#dirty.add(subscription.session);
      }
      current.clear();
    }
    for (const session of this.#dirty) session.flush();
    this.#dirty.clear();
  }

  /** One channel that fails must not stop the others, nor fill the log. */
  #poll(entry: Entry, nowNs: number): boolean {
    try {
      const changed = entry.channel.poll(nowNs);
      entry.failing = false;
      return changed;
    } catch (error) {
      if (!entry.failing) this.#options.log.error({ err: error, channel: entry.channel.name }, "a channel cannot be read");
      entry.failing = true;
      return false;
    }
  }

  /** To be called when alerts were added to the log. */
  alertsArrived(): void {
    this.#tick(null);
  }

  // --- once a second ------------------------------------------------------------------------------------------------

  #sweep(): void {
    const nowMs = wallMs();
    const nowNs = monotonicNs();
    if (nowMs >= this.#reloadDueMs) {
      this.#reloadDueMs = nowMs + KEYS_RELOAD_MS;
      const outcome = this.#options.auth.reload();
      if (outcome !== null) this.#options.log[outcome.ok ? "info" : "error"](outcome.message);
    }
    for (const session of [...this.#sessions]) {
      if (session.principal !== null && !this.#options.auth.isCurrent(session.principal, nowMs)) {
        this.#end(session, CLOSE.keyWithdrawn, "the key has expired or was withdrawn");
        continue;
      }
      const quietMs = (nowNs - session.lastSeenNs) / 1e6;
      if (quietMs > this.config.idleTimeoutMs) {
        // Nothing was heard for long: a close frame would wait behind what is not read.
        this.#forget(session);
        session.socket.terminate();
        continue;
      }
      if (quietMs > this.config.idleTimeoutMs / 3) session.ping();
      if (session.heartbeatSeconds > 0 && nowNs >= session.heartbeatDueNs) this.#heartbeat(session, nowNs);
      session.flush();
    }
  }

  /** As Deribit does: a heartbeat each interval; a client that said nothing in it is asked for public/test, once. */
  #heartbeat(session: Session, nowNs: number): void {
    if (session.testAwaited) {
      this.#end(session, CLOSE.policy, "no public/test after test_request");
      return;
    }
    session.heartbeatDueNs = nowNs + session.heartbeatSeconds * 1e9;
    session.testAwaited = !session.spoke;
    const type = session.spoke ? "heartbeat" : "test_request";
    session.spoke = false;
    if (!session.reply(`{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"${type}"}}`)) {
      this.#end(session, CLOSE.policy, "heartbeats are not read");
    }
  }

  /** Closes every session and all timers; nothing is admitted any more. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#sweeper);
    for (const session of [...this.#sessions]) this.#end(session, CLOSE.goingAway, "the engine stops");
    for (const timer of this.#timers.values()) clearInterval(timer);
    this.#timers.clear();
  }
}
