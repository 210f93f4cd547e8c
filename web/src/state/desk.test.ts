import { beforeEach, describe, expect, it } from "vitest";
import { accountRow, alertRow, EVENT_TIME_MS, instrumentRow, platformState, positionRow } from "../../../test/browser/rows";
import type { SocketLike } from "../wire/stream";
import { ALERTS, accountChannel, Desk, marketChannel, PLATFORM, positionsChannel, TOP } from "./desk";

/** A desk whose socket, clock and answers are in the test's hands. */
class Bench {
  readonly sent: { id: number; method: string; params: { channels?: string[] } }[] = [];
  readonly answers = new Map<string, object>();
  now = 1_000;
  reloads = 0;
  #timers: { due: number; callback: () => void }[] = [];
  #frames: (() => void)[] = [];
  socket: SocketLike | null = null;
  readonly desk: Desk;
  #changeId = 0;
  readonly #last = new Map<string, number>();

  constructor() {
    this.answers.set("/api/v1/engine", {
      name: "plimsoll",
      version: "0.1.0",
      mode: "test",
      streamPort: 1,
      streamPath: "/s",
      auth: "open",
    });
    this.answers.set("/api/v1/instruments", { instruments: [instrumentRow(1, "BTCUSDT")] });
    this.desk = new Desk({
      stream: {
        openSocket: () => {
          this.socket = {
            onopen: null,
            onmessage: null,
            onclose: null,
            send: (text) => this.sent.push(JSON.parse(text)),
            close: () => {},
          };
          return this.socket;
        },
        nowMs: () => this.now,
        random: () => 0.5,
        after: (ms, callback) => {
          const timer = { due: this.now + ms, callback };
          this.#timers.push(timer);
          return () => {
            this.#timers = this.#timers.filter((each) => each !== timer);
          };
        },
      },
      fetch: async (path) => {
        const answer = this.answers.get(path);
        if (answer === undefined) return Response.json({ title: "not found", detail: `nothing at ${path}` }, { status: 404 });
        return Response.json(answer);
      },
      reload: () => this.reloads++,
      location: { protocol: "http:", hostname: "127.0.0.1" },
      requestFrame: (callback) => this.#frames.push(callback),
      wallMs: () => 1_700_000_000_000 + this.now,
    });
  }

  async settle(): Promise<void> {
    for (let at = 0; at < 30; at++) await Promise.resolve();
    await new Promise((resolve) => setTimeout(resolve, 0));
    for (const frame of this.#frames.splice(0)) frame();
  }

  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      await this.settle();
      const next = this.#timers.filter((timer) => timer.due <= end).sort((a, b) => a.due - b.due)[0];
      if (next === undefined) break;
      this.now = next.due;
      this.#timers = this.#timers.filter((each) => each !== next);
      next.callback();
    }
    this.now = end;
  }

  async open(hash = "#/"): Promise<Desk> {
    this.desk.start(hash);
    await this.settle();
    this.socket?.onopen?.();
    await this.settle();
    return this.desk;
  }

  /** A push that continues the last one of its channel, or begins it. */
  push(channel: string, data: object, type?: string): void {
    const last = this.#last.get(channel);
    const changeId = ++this.#changeId;
    this.#last.set(channel, changeId);
    const link = last === undefined ? {} : { prev_change_id: last };
    const head = { type: type ?? (last === undefined ? "snapshot" : "change"), change_id: changeId, ...link };
    this.socket?.onmessage?.(
      JSON.stringify({ jsonrpc: "2.0", method: "subscription", params: { channel, data: { ...head, ...data } } }),
    );
  }

  subscribed(): string[] {
    const channels = new Set<string>();
    for (const { method, params } of this.sent) {
      for (const channel of params.channels ?? []) {
        if (method === "public/subscribe") channels.add(channel);
        else channels.delete(channel);
      }
    }
    return [...channels];
  }
}

describe("the desk", () => {
  let bench: Bench;

  beforeEach(() => {
    bench = new Bench();
  });

  it("subscribes to what the address shows, and to the marks that are on the page", async () => {
    const desk = await bench.open();
    expect(bench.subscribed()).toEqual([PLATFORM, TOP, ALERTS]);
    desk.showSymbols(["BTCUSDT"]);
    expect(bench.subscribed()).toEqual([PLATFORM, TOP, ALERTS, marketChannel("BTCUSDT")]);
    desk.go("#/account/42");
    expect(bench.subscribed()).toEqual([PLATFORM, TOP, ALERTS, accountChannel("42"), positionsChannel("42")]);
    desk.go("#/account/43");
    expect(bench.subscribed()).toContain(accountChannel("43"));
    expect(bench.subscribed()).not.toContain(accountChannel("42"));
    desk.go("#/");
    expect(bench.subscribed()).toEqual([PLATFORM, TOP, ALERTS, marketChannel("BTCUSDT")]);
  });

  it("shows what was pushed, row by row", async () => {
    const desk = await bench.open();
    await bench.pass(500);
    const rows = [accountRow("7"), accountRow("8")];
    bench.push(TOP, { accounts: rows });
    expect(desk.top).toEqual(rows);
    bench.push(PLATFORM, platformState());
    expect(desk.platform).toMatchObject({ lagMessages: 321, deadLetters: 7, accounts: 10_000, eventTimeMs: EVENT_TIME_MS });
    desk.showSymbols(["BTCUSDT"]);
    bench.push(marketChannel("BTCUSDT"), instrumentRow(1, "BTCUSDT", { mark: 5 }));
    expect(desk.marks.get("BTCUSDT")?.instrument.mark).toBe(5);
    expect(desk.marks.get("BTCUSDT")?.direction).toBe("down");
  });

  it("is stale as a whole as soon as platform.state stays away, whatever else arrives", async () => {
    const desk = await bench.open();
    bench.push(PLATFORM, platformState());
    bench.push(TOP, { accounts: [accountRow("7")] });
    expect(desk.trustOf(TOP, "OK")).toEqual({ fresh: true, reason: null });
    for (let at = 0; at < 8; at++) {
      await bench.pass(500);
      bench.push(TOP, { accounts: [accountRow("7")] });
    }
    expect(desk.streamTrust()).toEqual({ fresh: false, reason: "no update for 4.0 s" });
    expect(desk.trustOf(TOP, "OK")).toEqual({ fresh: false, reason: "no update for 4.0 s" });
    bench.push(PLATFORM, platformState());
    expect(desk.trustOf(TOP, "OK").fresh).toBe(true);
  });

  it("what the engine does not vouch for is stale though it just arrived", async () => {
    const desk = await bench.open();
    bench.push(PLATFORM, platformState());
    bench.push(TOP, { accounts: [accountRow("7", { freshness: "GAP" })] });
    expect(desk.trustOf(TOP, desk.top?.[0]?.freshness)).toEqual({ fresh: false, reason: "gap: events are missing" });
  });

  it("a row that lacks a field is not shown, and its channel is asked for again", async () => {
    const desk = await bench.open();
    bench.push(PLATFORM, platformState());
    bench.push(TOP, { accounts: [accountRow("7")] });
    const { equityUsd: _, ...rest } = accountRow("7");
    await bench.pass(2_000);
    bench.sent.length = 0;
    bench.push(TOP, { accounts: [rest] });
    expect(desk.top?.[0]?.equityUsd).toBe(accountRow("7").equityUsd);
    expect(desk.trustOf(TOP).fresh).toBe(false);
    expect(bench.sent.map(({ method, params }) => [method, params.channels])).toEqual([
      ["public/unsubscribe", [TOP]],
      ["public/subscribe", [TOP]],
    ]);
  });

  it("builds an account from its snapshot, its changes and its balances", async () => {
    const [first, second, third] = [positionRow("A"), positionRow("B"), positionRow("C")];
    const head = { accountId: "42", partition: 0, freshness: "OK", asOfMs: EVENT_TIME_MS, offset: 4_120, index: 0 };
    bench.answers.set("/api/v1/accounts/42/balances", { ...head, balances: [{ asset: "USDT", wallet: 5, transfers: 4 }] });
    bench.answers.set("/api/v1/accounts/42/alerts", { alerts: [alertRow("42", 2), alertRow("42", 1)] });
    const desk = await bench.open("#/account/42");
    bench.push(PLATFORM, platformState());
    bench.push(accountChannel("42"), accountRow("42"));
    bench.push(positionsChannel("42"), { ...head, positions: [first, second], removed: [] });
    bench.push(positionsChannel("42"), { ...head, positions: [third], removed: [{ symbol: "A", leg: "net", mode: "cross" }] });
    await bench.pass(500);
    const { account } = desk;
    expect([...(account?.positions?.values() ?? [])].map((row) => row.symbol)).toEqual(["B", "C"]);
    expect(account?.balances.value?.rows).toEqual([{ asset: "USDT", wallet: 5, transfers: 4 }]);
    expect(account?.alerts.alerts.map((alert) => alert.key)).toEqual([alertRow("42", 2).key, alertRow("42", 1).key]);
    expect(account?.series.columns).toEqual([
      [EVENT_TIME_MS / 1000],
      [accountRow("42").equityUsd],
      [accountRow("42").initialMarginUsd],
      [accountRow("42").maintenanceMarginUsd],
    ]);
  });

  it("asks for balances again when the ledger moved, and not otherwise", async () => {
    const asked: string[] = [];
    const head = { accountId: "42", partition: 0, freshness: "OK", asOfMs: 1, offset: 1, index: 0 };
    bench.answers.set("/api/v1/accounts/42/balances", { ...head, balances: [] });
    const get = bench.desk.rest.get.bind(bench.desk.rest);
    bench.desk.rest.get = (path) => {
      asked.push(path);
      return get(path);
    };
    await bench.open("#/account/42");
    const balances = (): number => asked.filter((path) => path.endsWith("/balances")).length;
    bench.push(accountChannel("42"), accountRow("42", { seq: 1 }));
    await bench.pass(3_000);
    bench.push(accountChannel("42"), accountRow("42", { seq: 1, equityUsd: 7 }));
    await bench.pass(3_000);
    expect(balances()).toBe(1);
    bench.push(accountChannel("42"), accountRow("42", { seq: 2 }));
    await bench.pass(3_000);
    expect(balances()).toBe(2);
  });

  it("the past stands in front of what comes live, each as far apart as the range wants", async () => {
    const desk = await bench.open("#/account/42");
    bench.push(accountChannel("42"), accountRow("42", { asOfMs: EVENT_TIME_MS }));
    const point = (timeMs: number) => ({ timeMs, equityUsd: 5, initialMarginUsd: 4, maintenanceMarginUsd: null });
    const fromMs = EVENT_TIME_MS - 86_400_000;
    bench.answers.set(`/api/v1/history/accounts/42/risk?fromMs=${fromMs}&toMs=${EVENT_TIME_MS + 1}&resolution=1m&limit=10000`, {
      points: [point(fromMs), point(EVENT_TIME_MS - 90_000)],
    });
    await desk.showPast("24h");
    const times = (): number[] => [...(desk.account?.past?.series.columns[0] ?? [])].map((time) => Math.round(time * 1000));
    expect(desk.account?.past).toMatchObject({ state: "loaded", reason: null });
    expect(times()).toEqual([fromMs, EVENT_TIME_MS - 90_000, EVENT_TIME_MS]);
    for (let second = 1; second <= 120; second++) {
      bench.push(accountChannel("42"), accountRow("42", { asOfMs: EVENT_TIME_MS + second * 1_000 }));
    }
    expect(times().slice(3)).toEqual([EVENT_TIME_MS + 60_000, EVENT_TIME_MS + 120_000]);
    await desk.showPast("7d");
    expect(desk.account?.past).toMatchObject({ state: "failed" });
    expect(desk.account?.past?.reason).toMatch(/^nothing at/);
    await desk.showPast(null);
    expect(desk.account?.past).toBeNull();
  });

  it("an account that leaves the engine says where it went, and is whole again when it is back", async () => {
    const desk = await bench.open("#/account/42");
    bench.push(accountChannel("42"), accountRow("42"));
    bench.push(
      accountChannel("42"),
      { accountId: "42", reason: "another engine has this account", location: { engine: "b" } },
      "unavailable",
    );
    expect(desk.account?.unavailable).toBe("another engine has this account (b)");
    bench.push(accountChannel("42"), accountRow("42", { equityUsd: 5 }), "snapshot");
    expect(desk.account?.unavailable).toBeNull();
    expect(desk.account?.risk?.equityUsd).toBe(5);
  });

  it("the row of another account is never shown as this one", async () => {
    const desk = await bench.open("#/account/42");
    bench.push(accountChannel("42"), accountRow("43"));
    expect(desk.account?.risk).toBeNull();
  });

  it("announces what is new, and not what was there when the page was opened", async () => {
    const desk = await bench.open();
    bench.push(ALERTS, { alerts: [alertRow("1", 1), alertRow("2", 2)] });
    expect(desk.spoken).toBe("");
    bench.push(ALERTS, { alerts: [alertRow("3", 3, { toStatus: "liquidation" })] });
    expect(desk.spoken).toBe("Account 3: liquidation");
    expect(desk.alerts.alerts.map((alert) => alert.accountId)).toEqual(["3", "2", "1"]);
    // After a reconnect the snapshot holds old and new: the new ones are news.
    bench.push(ALERTS, { alerts: [alertRow("2", 2), alertRow("3", 3), alertRow("4", 4)] }, "snapshot");
    expect(desk.spoken).toBe("Account 4: warning");
    expect(desk.alerts.alerts).toHaveLength(3);
  });

  it("asks for a key where the engine wants one, and says the engine's own reason", async () => {
    bench.answers.set("/api/v1/engine", { mode: "test", version: "1", streamPort: 1, streamPath: "/s", auth: "keys" });
    const desk = await bench.open();
    expect(desk.stream.connection).toMatchObject({ phase: "refused", reason: "this engine asks for an API key" });
    desk.signIn({ id: "a", secret: "b" });
    await bench.settle();
    expect(desk.stream.connection.phase).toBe("connecting");
    bench.socket?.onopen?.();
    expect(bench.sent[0]?.method).toBe("public/auth");
  });

  it.each([
    [{ version: "0.2.0" }, 1],
    [{ streamPort: 2 }, 1],
    [{ mode: "external" }, 0],
  ])("an engine that comes back with %j has the page loaded anew %i times", async (difference, reloads) => {
    const desk = await bench.open();
    bench.answers.set("/api/v1/engine", { ...bench.answers.get("/api/v1/engine"), ...difference });
    bench.socket?.onclose?.(1006, "");
    await bench.pass(300);
    expect(bench.reloads).toBe(reloads);
    expect(desk.stream.connection.phase).toBe(reloads === 1 ? "waiting" : "connecting");
  });

  it("something else at this address is said to be no engine", async () => {
    bench.answers.set("/api/v1/engine", { hello: "world" });
    const desk = await bench.open();
    expect(desk.stream.connection).toMatchObject({ phase: "waiting", reason: "this address is not a Plimsoll engine" });
  });
});
