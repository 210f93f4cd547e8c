// A small engine for the page's tests: serves the built page and the REST answers it asks for, and speaks the live stream's
// protocol, all of it scripted. What a test pushes is what the page must show. It can go silent, lose an update, drop the
// connection and stay away, which a healthy engine does not do on request.
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { type WebSocket, WebSocketServer } from "ws";
import type { AccountRisk, AlertView, BalanceView, InstrumentState, PositionRisk } from "../../src/shared/views/types";
import { type Data, platformState } from "./rows";

/** Two policies at once, the strictest the page may meet: a page that breaks either is not shown. */
const POLICIES = (streamPort: number): string[] => [
  "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; style-src 'self'",
  `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' ws://*:${streamPort}; ` +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
];

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".md": "text/markdown; charset=utf-8",
};

const STREAM_PATH = "/api/v1/stream";

interface Client {
  socket: WebSocket;
  signedIn: boolean;
  /** Channel → change id of the last push to this client; 0 before the first. */
  channels: Map<string, number>;
}

interface ChannelState {
  changeId: number;
  /** What a new subscriber gets; null: nothing yet. */
  whole: Data | null;
}

export interface Request {
  method: string;
  params: Record<string, unknown>;
}

export class FixtureEngine {
  /** Every request of every client, in order. */
  readonly requests: Request[] = [];
  readonly accounts = new Map<string, AccountRisk>();
  readonly balances = new Map<string, BalanceView[]>();
  readonly positions = new Map<string, PositionRisk[]>();
  readonly instruments = new Map<string, InstrumentState>();
  readonly alerts: AlertView[] = [];
  /** Rows of the database by account; null: there is no database. */
  history: Map<string, { timeMs: number }[]> | null = null;
  platform: Data = platformState();
  mode = "embedded";
  readonly #webRoot: string;
  readonly #key: string | null;
  readonly #clients = new Set<Client>();
  readonly #channels = new Map<string, ChannelState>();
  readonly #http: Server;
  readonly #streamHttp: Server;
  readonly #stream: WebSocketServer;
  #httpPort = 0;
  #streamPort = 0;
  #pulse: NodeJS.Timeout | null = null;
  #away = false;
  #nextChangeId = 100;
  /** Connections since it started. */
  connections = 0;

  /** @param options key: `id.secret` that it asks for; null: it asks for none */
  constructor(options: { webRoot: string; key?: string | null }) {
    this.#webRoot = options.webRoot;
    this.#key = options.key ?? null;
    this.#http = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
    this.#streamHttp = createServer((_request, response) => response.writeHead(426).end());
    this.#stream = new WebSocketServer({ noServer: true, maxPayload: 4096 });
    this.#streamHttp.on("upgrade", (request, connection, head) => {
      if (this.#away || request.url !== STREAM_PATH) return void connection.destroy();
      this.#stream.handleUpgrade(request, connection, head, (socket) => this.#opened(socket));
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#httpPort}/`;
  }

  async start(): Promise<void> {
    this.#streamPort = await listen(this.#streamHttp);
    this.#httpPort = await listen(this.#http);
    this.pulse(true);
  }

  async stop(): Promise<void> {
    this.pulse(false);
    for (const client of this.#clients) client.socket.terminate();
    this.#stream.close();
    this.#http.closeAllConnections();
    this.#streamHttp.closeAllConnections();
    await Promise.all([close(this.#http), close(this.#streamHttp)]);
  }

  // ---- script -----------------------------------------------------------------------------------------------------

  /** platform.state once a second, or not: without it the stream is open and says nothing. */
  pulse(on: boolean): void {
    if (this.#pulse !== null) clearInterval(this.#pulse);
    this.#pulse = on ? setInterval(() => this.pushPlatform(), 500) : null;
    if (on) this.pushPlatform();
  }

  pushPlatform(): void {
    this.push("platform.state", { ...this.platform, mode: this.mode, nowMs: Date.now() });
  }

  pushTop(accounts: readonly AccountRisk[]): void {
    for (const account of accounts) this.accounts.set(account.id, account);
    this.push("risk.top.100ms", { accounts });
  }

  pushAccount(account: AccountRisk): void {
    this.accounts.set(account.id, account);
    this.push(`risk.account.${account.id}.100ms`, { ...account });
  }

  /** A snapshot to new subscribers is everything; those who are there get `rows` as the change. */
  pushPositions(accountId: string, rows: readonly PositionRisk[], removed: readonly PositionRisk[] = []): void {
    const name = (row: PositionRisk): string => `${row.symbol} ${row.leg} ${row.mode}`;
    const all = new Map((this.positions.get(accountId) ?? []).map((row) => [name(row), row]));
    for (const row of removed) all.delete(name(row));
    for (const row of rows) all.set(name(row), row);
    this.positions.set(accountId, [...all.values()]);
    const head = this.#head(accountId);
    const keys = removed.map(({ symbol, leg, mode }) => ({ symbol, leg, mode }));
    this.push(
      `risk.positions.${accountId}.100ms`,
      { ...head, positions: [...all.values()], removed: [] },
      { ...head, positions: rows, removed: keys },
    );
  }

  pushMark(instrument: InstrumentState): void {
    this.instruments.set(instrument.symbol, instrument);
    this.push(`market.${instrument.symbol}.100ms`, { ...instrument });
  }

  pushAlert(alert: AlertView): void {
    this.alerts.push(alert);
    this.push("risk.alerts", { alerts: this.alerts.slice(-100) }, { alerts: [alert] });
  }

  /** An account leaves the engine. */
  pushUnavailable(accountId: string, reason: string): void {
    for (const kind of ["account", "positions"]) {
      const channel = `risk.${kind}.${accountId}.100ms`;
      const state = this.#channel(channel);
      state.changeId = this.#nextChangeId++;
      state.whole = null;
      this.#each(channel, (client, last) =>
        this.#send(client, channel, "unavailable", state.changeId, last, { accountId, reason, location: null }),
      );
    }
  }

  /**
   * One update of a channel.
   *
   * @param whole what a snapshot holds
   * @param change what a change holds, where that is less
   */
  push(channel: string, whole: Data, change: Data = whole): void {
    const state = this.#channel(channel);
    state.changeId = this.#nextChangeId++;
    state.whole = whole;
    this.#each(channel, (client, last) => {
      this.#send(client, channel, last === 0 ? "snapshot" : "change", state.changeId, last, last === 0 ? whole : change);
    });
  }

  /** An update that is lost on its way: nobody gets it, and the next one continues it. */
  lose(channel: string): void {
    const changeId = this.#nextChangeId++;
    this.#channel(channel).changeId = changeId;
    this.#each(channel, (client) => client.channels.set(channel, changeId));
  }

  /** Text as it is, to everybody. */
  sendRaw(text: string): void {
    for (const client of this.#clients) client.socket.send(text);
  }

  /** Cuts every connection without a word. */
  drop(): void {
    for (const client of this.#clients) client.socket.terminate();
    this.#clients.clear();
  }

  /** Away: connections are cut, and new ones refused, as by an engine that restarts. */
  away(away: boolean): void {
    this.#away = away;
    if (away) this.drop();
  }

  subscribers(channel: string): number {
    let count = 0;
    for (const client of this.#clients) if (client.channels.has(channel)) count++;
    return count;
  }

  // ---- stream -----------------------------------------------------------------------------------------------------

  #channel(name: string): ChannelState {
    let state = this.#channels.get(name);
    if (state === undefined) {
      state = { changeId: this.#nextChangeId++, whole: this.#initial(name) };
      this.#channels.set(name, state);
    }
    return state;
  }

  /** What a channel begins with, from the rows the test put in. */
  #initial(name: string): Data | null {
    const [kind, part] = name.split(".", 2) as [string, string];
    const id = name.slice(`${kind}.${part}.`.length).replace(/\.100ms$/, "");
    if (name === "risk.alerts") return { alerts: this.alerts.slice(-100) };
    if (kind === "market") return { ...this.instruments.get(name.slice("market.".length, -".100ms".length)) };
    if (part === "account") return this.accounts.has(id) ? { ...this.accounts.get(id) } : null;
    if (part === "positions") return { ...this.#head(id), positions: this.positions.get(id) ?? [], removed: [] };
    return null;
  }

  #head(accountId: string): Data {
    const account = this.accounts.get(accountId);
    const { partition = 0, freshness = "OK", asOfMs = null, offset = 0, index = 0 } = account ?? {};
    return { accountId, partition, freshness, asOfMs, offset, index };
  }

  #each(channel: string, callback: (client: Client, lastChangeId: number) => void): void {
    for (const client of this.#clients) {
      const last = client.channels.get(channel);
      if (last !== undefined) callback(client, last);
    }
  }

  #send(client: Client, channel: string, type: string, changeId: number, last: number, data: Data): void {
    const link = last === 0 ? {} : { prev_change_id: last };
    client.channels.set(channel, changeId);
    const params = { channel, data: { type, timestamp: Date.now(), change_id: changeId, ...link, ...data } };
    client.socket.send(JSON.stringify({ jsonrpc: "2.0", method: "subscription", params }));
  }

  #opened(socket: WebSocket): void {
    this.connections++;
    const client: Client = { socket, signedIn: this.#key === null, channels: new Map() };
    this.#clients.add(client);
    socket.on("close", () => this.#clients.delete(client));
    socket.on("error", () => {});
    socket.on("message", (message) => this.#asked(client, String(message)));
  }

  #asked(client: Client, text: string): void {
    const { id, method, params = {} } = JSON.parse(text) as { id: number; method: string; params?: Record<string, unknown> };
    this.requests.push({ method, params });
    const reply = (body: object): void => client.socket.send(JSON.stringify({ jsonrpc: "2.0", id, ...body }));
    const refuse = (code: number, message: string, reason: string): void => reply({ error: { code, message, data: { reason } } });
    const channels = (params.channels ?? []) as string[];
    switch (method) {
      case "public/auth": {
        client.signedIn = this.#key === null || `${params.client_id}.${params.client_secret}` === this.#key;
        if (!client.signedIn) return refuse(13004, "invalid_credentials", "unknown key or wrong secret");
        return reply({ result: { client_id: params.client_id, scope: "read:all", expires_in: null } });
      }
      case "public/subscribe": {
        if (!client.signedIn) return refuse(10000, "authorization_required", "this needs an API key");
        for (const channel of channels) {
          const missing = this.#missing(channel);
          if (missing !== null) return refuse(13020, "not_found", missing);
        }
        reply({ result: channels });
        for (const channel of channels) {
          const state = this.#channel(channel);
          state.whole ??= this.#initial(channel);
          client.channels.set(channel, 0);
          if (state.whole !== null) this.#send(client, channel, "snapshot", state.changeId, 0, state.whole);
        }
        return;
      }
      case "public/unsubscribe":
        for (const channel of channels) client.channels.delete(channel);
        return reply({ result: channels });
      default:
        return reply({ result: "ok" });
    }
  }

  #missing(channel: string): string | null {
    const account = /^risk\.(?:account|positions)\.(.+)\.100ms$/.exec(channel)?.[1];
    if (account !== undefined && !this.accounts.has(account)) return `no account ${account} on this engine`;
    const symbol = /^market\.(.+)\.100ms$/.exec(channel)?.[1];
    if (symbol !== undefined && !this.instruments.has(symbol)) return `no instrument ${symbol}`;
    return null;
  }

  // ---- HTTP -------------------------------------------------------------------------------------------------------

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://fixture");
    response.setHeader("content-security-policy", POLICIES(this.#streamPort));
    response.setHeader("x-content-type-options", "nosniff");
    if (pathname.startsWith("/api/v1/")) {
      const signedIn = this.#key === null || request.headers.authorization === `Bearer ${this.#key}`;
      const [status, body] =
        signedIn || pathname === "/api/v1/engine"
          ? this.#rest(pathname.slice("/api/v1".length), searchParams)
          : [401, { title: "a key is required", status: 401, detail: "this needs an API key" }];
      response.writeHead(status, { "content-type": status === 200 ? "application/json" : "application/problem+json" });
      response.end(JSON.stringify(body));
      return;
    }
    const file = pathname === "/" ? "index.html" : normalize(pathname).replace(/^[/\\]+/, "");
    const type = CONTENT_TYPES[extname(file)];
    if (type === undefined || file.startsWith("..") || (pathname !== "/" && !pathname.startsWith("/assets/"))) {
      response.writeHead(404).end();
      return;
    }
    try {
      const content = await readFile(join(this.#webRoot, file));
      response.writeHead(200, { "content-type": type }).end(content);
    } catch {
      response.writeHead(404).end();
    }
  }

  #rest(path: string, query: URLSearchParams): [number, object] {
    if (path === "/engine") {
      const auth = this.#key === null ? "open" : "keys";
      const where = { streamPort: this.#streamPort, streamPath: STREAM_PATH, transport: "ws" };
      const startedMs = 1_700_000_000_000;
      return [200, { name: "plimsoll", version: "0.1.0", mode: this.mode, startedMs, ready: true, notReady: [], auth, ...where }];
    }
    if (path === "/instruments") return [200, { instruments: [...this.instruments.values()] }];
    const past = /^\/history\/accounts\/(\d+)\/risk$/.exec(path)?.[1];
    if (past !== undefined) {
      const [fromMs, toMs] = [Number(query.get("fromMs")), Number(query.get("toMs"))];
      const points = this.history?.get(past)?.filter((point) => point.timeMs >= fromMs && point.timeMs < toMs);
      if (points !== undefined) return [200, { accountId: past, resolution: query.get("resolution"), points }];
      return [503, { title: "the database is away", status: 503, detail: "the database does not answer right now" }];
    }
    const [, id, part] = /^\/accounts\/([^/]+)\/(\w+)$/.exec(path) ?? [];
    if (id === undefined || !this.accounts.has(id))
      return [404, { title: "not found", status: 404, detail: `nothing at ${path}` }];
    if (part === "balances") return [200, { ...this.#head(id), balances: this.balances.get(id) ?? [] }];
    if (part === "alerts") return [200, { alerts: this.alerts.filter((alert) => alert.accountId === id).reverse() }];
    return [404, { title: "not found", status: 404, detail: `nothing at ${path}` }];
  }
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port: 0 }, () => resolve((server.address() as AddressInfo).port));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
