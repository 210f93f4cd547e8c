import { beforeEach, describe, expect, it } from "vitest";
import { BACKOFF_MAX_MS, backoffMs } from "./backoff";
import {
  type Credentials,
  inFrames,
  NotSignedIn,
  SILENCE_LIMIT_MS,
  type SocketLike,
  StreamClient,
  type StreamHost,
} from "./stream";

class FakeSocket implements SocketLike {
  onopen: (() => void) | null = null;
  onmessage: ((text: string) => void) | null = null;
  onclose: ((code: number, reason: string) => void) | null = null;
  readonly sent: { id: number; method: string; params: Record<string, unknown> }[] = [];
  closed = false;
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {
    this.closed = true;
  }
  methods(): string[] {
    return this.sent.map((request) => request.method);
  }
  requests(method: string): string[][] {
    return this.sent.filter((request) => request.method === method).map((request) => request.params.channels as string[]);
  }
  push(channel: string, data: Record<string, unknown>): void {
    this.onmessage?.(JSON.stringify({ jsonrpc: "2.0", method: "subscription", params: { channel, data } }));
  }
  refuse(channel: string, code: number, reason: string): void {
    const request = this.sent.findLast(
      (each) => each.method === "public/subscribe" && (each.params.channels as string[]).includes(channel),
    );
    const error = { code, message: "refused", data: { reason } };
    this.onmessage?.(JSON.stringify({ jsonrpc: "2.0", id: request?.id, error }));
  }
}

/** Sockets, time and chance by hand. */
class FakeHost implements StreamHost {
  readonly sockets: FakeSocket[] = [];
  now = 1_000;
  locateError: Error | null = null;
  #timers: { due: number; callback: () => void }[] = [];
  async locate(): Promise<string> {
    if (this.locateError !== null) throw this.locateError;
    return "ws://engine/stream";
  }
  openSocket(): SocketLike {
    const socket = new FakeSocket();
    this.sockets.push(socket);
    return socket;
  }
  nowMs(): number {
    return this.now;
  }
  random(): number {
    return 0.5;
  }
  after(ms: number, callback: () => void): () => void {
    const timer = { due: this.now + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer);
    };
  }
  /** Lets time pass, a timer after the other, with what promises do in between. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      await Promise.resolve();
      await Promise.resolve();
      const next = this.#timers.filter((timer) => timer.due <= end).sort((a, b) => a.due - b.due)[0];
      if (next === undefined) break;
      this.now = next.due;
      this.#timers = this.#timers.filter((each) => each !== next);
      next.callback();
    }
    this.now = end;
  }
  get socket(): FakeSocket {
    return this.sockets.at(-1)!;
  }
}

interface Seen {
  channel: string;
  type: string;
  data: Record<string, unknown>;
}

describe("the live stream", () => {
  let host: FakeHost;
  let seen: Seen[];
  let unreadable: string | null;
  let client: StreamClient;

  beforeEach(() => {
    host = new FakeHost();
    seen = [];
    unreadable = null;
  });

  async function connected(channels: string[], credentials: Credentials | null = null): Promise<FakeSocket> {
    client = new StreamClient(
      host,
      {
        onPush: (channel, type, data) => {
          if (unreadable === null) seen.push({ channel, type, data });
          return unreadable;
        },
        onState: () => {},
      },
      credentials,
    );
    client.want(channels);
    client.start();
    await host.pass(0);
    host.socket.onopen?.();
    return host.socket;
  }

  it("subscribes to what is wanted, once it is connected", async () => {
    const socket = await connected(["risk.top.100ms", "market.BTCUSDT.100ms", "market.ETHUSDT.100ms"]);
    expect(client.connection.phase).toBe("live");
    expect(socket.methods()[0]).toBe("public/set_heartbeat");
    expect(socket.requests("public/subscribe")).toEqual([["risk.top.100ms"], ["market.BTCUSDT.100ms", "market.ETHUSDT.100ms"]]);
  });

  it("asks only for the difference when something else is wanted", async () => {
    const socket = await connected(["risk.top.100ms", "risk.alerts"]);
    socket.sent.length = 0;
    client.want(["risk.alerts", "platform.state"]);
    expect(socket.requests("public/unsubscribe")).toEqual([["risk.top.100ms"]]);
    expect(socket.requests("public/subscribe")).toEqual([["platform.state"]]);
    socket.push("risk.top.100ms", { change_id: 1 });
    expect(seen).toEqual([]);
  });

  it("hands on a snapshot and the changes that continue it", async () => {
    const socket = await connected(["a"]);
    socket.push("a", { type: "snapshot", change_id: 17 });
    socket.push("a", { type: "change", change_id: 18, prev_change_id: 17 });
    socket.push("a", { type: "snapshot", change_id: 30, prev_change_id: 18 });
    socket.push("a", { type: "change", change_id: 31, prev_change_id: 30 });
    expect(seen.map((each) => each.type)).toEqual(["snapshot", "change", "snapshot", "change"]);
    expect(client.channel("a")).toMatchObject({ state: "live", changeId: 31, gaps: 0 });
  });

  it("a change that does not continue the last one is not shown, and the channel is asked for again", async () => {
    const socket = await connected(["a"]);
    socket.push("a", { type: "snapshot", change_id: 1 });
    await host.pass(2_000);
    socket.sent.length = 0;
    socket.push("a", { type: "change", change_id: 3, prev_change_id: 2 });
    expect(seen).toHaveLength(1);
    expect(client.channel("a")).toMatchObject({ state: "gap", reason: "an update went missing", gaps: 1 });
    expect(socket.methods()).toEqual(["public/unsubscribe", "public/subscribe"]);
    // What the old subscription still sends is not shown either, though it looks like a chain.
    socket.push("a", { type: "change", change_id: 4, prev_change_id: 3 });
    expect(seen).toHaveLength(1);
    expect(client.channel("a")?.state).toBe("gap");
    socket.push("a", { type: "snapshot", change_id: 9 });
    expect(client.channel("a")).toMatchObject({ state: "live", changeId: 9, reason: null });
  });

  it("a channel that loses every update is asked for once a second, not once an update", async () => {
    const socket = await connected(["a"]);
    await host.pass(2_000);
    socket.sent.length = 0;
    for (let at = 1; at <= 50; at++) {
      socket.push("a", { type: "snapshot", change_id: at * 10 });
      socket.push("a", { type: "change", change_id: at * 10 + 5, prev_change_id: at * 10 + 4 });
      await host.pass(100);
    }
    expect(client.channel("a")?.gaps).toBe(50);
    expect(socket.requests("public/subscribe").length).toBeLessThanOrEqual(6);
  });

  it("an update that cannot be read is a gap", async () => {
    const socket = await connected(["a"]);
    unreadable = "an update could not be read";
    socket.push("a", { type: "snapshot", change_id: 1 });
    expect(client.channel("a")).toMatchObject({ state: "gap", changeId: null });
    unreadable = null;
    await host.pass(2_500);
    expect(socket.requests("public/subscribe").length).toBeGreaterThan(1);
    socket.push("a", { type: "snapshot", change_id: 2 });
    expect(client.channel("a")?.state).toBe("live");
  });

  it.each([
    [{ type: "snapshot" }],
    [{ type: "snapshot", change_id: "7" }],
    [{ type: "change", change_id: 7, prev_change_id: "6" }],
    [{ type: "snapshot", change_id: 0.5 }],
    [{ type: "news", change_id: 7 }],
  ])("a push with the head %j is not shown", async (data) => {
    const socket = await connected(["a"]);
    socket.push("a", data);
    expect(seen).toEqual([]);
    expect(client.channel("a")?.state).toBe("gap");
  });

  it.each([["}"], ["[]"], ["null"], ["7"], ['{"jsonrpc":"1.0"}'], ['{"jsonrpc":"2.0","method":"subscription","params":[]}']])(
    "the frame %s is counted and changes nothing",
    async (frame) => {
      const socket = await connected(["a"]);
      socket.onmessage?.(frame);
      expect(client.connection).toMatchObject({ phase: "live", malformed: 1 });
      expect(seen).toEqual([]);
    },
  );

  it("after a lost connection it waits, connects again and subscribes to everything anew", async () => {
    const first = await connected(["a", "b"]);
    first.push("a", { type: "snapshot", change_id: 5 });
    first.onclose?.(1006, "");
    expect(client.connection).toMatchObject({ phase: "waiting", reason: "the connection was lost", drops: 1 });
    await host.pass(1_000);
    expect(host.sockets).toHaveLength(2);
    host.socket.onopen?.();
    expect(host.socket.requests("public/subscribe")).toEqual([["a"], ["b"]]);
    expect(client.channel("a")).toMatchObject({ state: "asked", changeId: null });
    // The old chain means nothing on a new connection.
    host.socket.push("a", { type: "change", change_id: 6, prev_change_id: 5 });
    expect(seen).toHaveLength(1);
    // A frame of the old socket means nothing at all.
    first.push("a", { type: "snapshot", change_id: 6 });
    expect(seen).toHaveLength(1);
  });

  it("waits longer after each failure, and shortly again after a connection that was good", async () => {
    const waits: number[] = [];
    await connected([]);
    for (let at = 0; at < 8; at++) {
      host.socket.onclose?.(1006, "");
      const waitMs = client.connection.retryAtMs! - host.now;
      waits.push(waitMs);
      await host.pass(waitMs);
    }
    expect(waits).toEqual([188, 375, 750, 1500, 3000, 6000, 7500, 7500]);
    host.socket.onopen?.();
    await host.pass(6_000);
    host.socket.onclose?.(1006, "");
    expect(client.connection.retryAtMs! - host.now).toBe(188);
  });

  it("an engine that cannot be found is looked for again", async () => {
    host.locateError = new Error("the engine does not answer");
    client = new StreamClient(host, { onPush: () => null, onState: () => {} });
    client.start();
    await host.pass(0);
    expect(client.connection).toMatchObject({ phase: "waiting", reason: "the engine does not answer" });
    host.locateError = null;
    await host.pass(1_000);
    expect(host.sockets).toHaveLength(1);
  });

  it("silence on the line is a lost connection", async () => {
    const socket = await connected(["a"]);
    await host.pass(SILENCE_LIMIT_MS + 1_500);
    expect(client.connection).toMatchObject({ reason: "the stream fell silent" });
    expect(socket.closed).toBe(true);
  });

  it("answers when it is asked for a sign of life", async () => {
    const socket = await connected([]);
    socket.onmessage?.('{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"heartbeat"}}');
    expect(socket.methods()).not.toContain("public/test");
    socket.onmessage?.('{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"test_request"}}');
    expect(socket.methods()).toContain("public/test");
  });

  it("a subscription that stays without an answer is asked for again", async () => {
    const socket = await connected(["a"]);
    for (let at = 0; at < 7; at++) {
      socket.onmessage?.('{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"heartbeat"}}');
      await host.pass(1_000);
    }
    expect(socket.requests("public/subscribe")).toEqual([["a"], ["a"]]);
  });

  it("one refused name does not take the others of its request with it", async () => {
    const socket = await connected(["market.A.100ms", "market.B.100ms"]);
    socket.refuse("market.A.100ms", 13020, "no instrument A");
    expect(socket.requests("public/subscribe").slice(1)).toEqual([["market.A.100ms"], ["market.B.100ms"]]);
    socket.refuse("market.A.100ms", 13020, "no instrument A");
    expect(client.channel("market.A.100ms")).toMatchObject({ state: "refused", reason: "no instrument A" });
    expect(client.channel("market.B.100ms")?.state).toBe("asked");
  });

  it("what is not here is asked for again after a while, what is forbidden is not", async () => {
    const socket = await connected(["here", "forbidden"]);
    socket.refuse("here", 13020, "no account here");
    socket.refuse("forbidden", 13021, "this needs scope read:all");
    socket.sent.length = 0;
    for (let at = 0; at < 8; at++) {
      socket.onmessage?.('{"jsonrpc":"2.0","method":"heartbeat","params":{"type":"heartbeat"}}');
      await host.pass(1_000);
    }
    expect(socket.requests("public/subscribe")).toEqual([["here"]]);
  });

  it("signs in before it subscribes, and stops where the key is not accepted", async () => {
    const socket = await connected(["a"], { id: "desk-1", secret: "s3cret" });
    expect(socket.sent).toEqual([
      {
        jsonrpc: "2.0",
        id: 1,
        method: "public/auth",
        params: { grant_type: "client_credentials", client_id: "desk-1", client_secret: "s3cret" },
      },
    ]);
    expect(client.connection.phase).toBe("connecting");
    const error = { code: 13004, message: "invalid_credentials", data: { reason: "unknown key or wrong secret" } };
    socket.onmessage?.(JSON.stringify({ jsonrpc: "2.0", id: 1, error }));
    expect(client.connection).toMatchObject({ phase: "refused", reason: "unknown key or wrong secret" });
    await host.pass(60_000);
    expect(host.sockets).toHaveLength(1);
    client.signIn({ id: "desk-1", secret: "better" });
    await host.pass(0);
    host.socket.onopen?.();
    host.socket.onmessage?.(JSON.stringify({ jsonrpc: "2.0", id: host.socket.sent[0]!.id, result: {} }));
    expect(client.connection.phase).toBe("live");
    expect(host.socket.requests("public/subscribe")).toEqual([["a"]]);
  });

  it("a withdrawn key and a missing key end in a question, not in a loop", async () => {
    const socket = await connected(["a"]);
    socket.onclose?.(4001, "the key has expired or was withdrawn");
    expect(client.connection).toMatchObject({ phase: "refused", reason: "the key has expired or was withdrawn" });
    host.locateError = new NotSignedIn("this engine asks for an API key");
    client.signIn(null);
    await host.pass(0);
    expect(client.connection).toMatchObject({ phase: "refused", reason: "this engine asks for an API key" });
  });
});

describe("requests", () => {
  it("stay below the engine's frame limit and lose no channel", () => {
    const names = Array.from({ length: 300 }, (_, at) => `market.SYMBOL-${at}-"quoted"-ß.100ms`);
    const frames = inFrames(names);
    expect(frames.flat()).toEqual(names);
    for (const frame of frames) {
      const text = JSON.stringify({ jsonrpc: "2.0", id: 123456, method: "public/unsubscribe", params: { channels: frame } });
      expect(new TextEncoder().encode(text).length).toBeLessThan(4096);
    }
  });

  it("the wait doubles up to its limit, half of it by chance", () => {
    for (let attempt = 0; attempt < 40; attempt++) {
      const least = backoffMs(attempt, 0);
      const most = backoffMs(attempt, 0.999999);
      expect(least).toBeGreaterThanOrEqual(125);
      expect(most).toBeLessThanOrEqual(BACKOFF_MAX_MS);
      expect(most).toBeLessThanOrEqual(least * 2 + 1);
    }
  });
});
