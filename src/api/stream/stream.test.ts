// The stream over real sockets, on both transports: snapshots, unbroken chains, slow clients, hostile frames, limits.
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { ApiOptions } from "../api";
import type { AccountLocation } from "../engine";
import { STREAM_BACKPRESSURE_BYTES_MAX, STREAM_FRAME_BYTES_MAX, STREAM_WINDOW_BYTES } from "../limits";
import { FakeEngine, FakeShard } from "../testing/fake-engine";
import { fakeAccount, fakeAlert, fakeInstrument, fakePosition } from "../testing/fake-rows";
import { type Running, startTestApi, TRANSPORTS } from "../testing/harness";
import { assertChain, type Json, StreamClient } from "../testing/stream-client";

const open: { close(): unknown }[] = [];
let running: Running | null = null;

afterEach(async () => {
  for (const client of open.splice(0)) client.close();
  await running?.stop();
  running = null;
});

describe.each(TRANSPORTS)("the stream on %s", (transport) => {
  async function start(engine: FakeEngine, stream: object = {}, more: Partial<ApiOptions> = {}): Promise<Running> {
    running = await startTestApi(engine, { stream: { transport, ...stream } }, more);
    expect(running.api.addresses.stream.transport).toBe(transport);
    return running;
  }

  async function client(): Promise<StreamClient> {
    const connected = await StreamClient.connect(running!.stream);
    open.push(connected);
    return connected;
  }

  it("answers the basics of Deribit's protocol", async () => {
    await start(FakeEngine.withAccounts(1));
    const one = await client();
    expect((await one.call("public/test")).result).toEqual({ version: "0.0.0-test" });
    expect((await one.call("public/test", { expected_result: "exception" })).error.code).toBe(-32600);
    expect((await one.call("public/hello", { client_name: "t", client_version: "1" })).result.version).toBe("0.0.0-test");
    expect(Math.abs((await one.call("public/get_time")).result - Date.now())).toBeLessThan(60_000);
    expect((await one.call("public/set_heartbeat", { interval: 30 })).result).toBe("ok");
    expect((await one.call("public/disable_heartbeat")).result).toBe("ok");
    const auth = await one.call("public/auth", { grant_type: "client_credentials", client_id: "a", client_secret: "b" });
    expect(auth.result).toEqual({ client_id: "open", scope: "admin read:all", expires_in: null });
    expect(auth).toMatchObject({
      jsonrpc: "2.0",
      usIn: expect.any(Number),
      usOut: expect.any(Number),
      usDiff: expect.any(Number),
    });
  });

  it("pushes a snapshot first, after the answer, then changes in one unbroken chain under a fast writer", async () => {
    const engine = FakeEngine.withAccounts(1);
    await start(engine);
    const one = await client();
    await one.subscribe("risk.account.1.raw", "risk.account.1.100ms");
    const shard = engine.shards[0]!;
    let equityUsd = 1000;
    for (let round = 0; round < 100; round++) {
      for (let write = 0; write < 20; write++) shard.put(fakeAccount("1", { equityUsd: ++equityUsd }));
      await pause(2);
    }
    await one.until(() =>
      ["raw", "100ms"].every((interval) => one.of(`risk.account.1.${interval}`).at(-1)?.equityUsd === equityUsd),
    );
    const raw = one.of("risk.account.1.raw");
    const slower = one.of("risk.account.1.100ms");
    assertChain(raw);
    assertChain(slower);
    expect(one.frames[0].result).toEqual(["risk.account.1.raw", "risk.account.1.100ms"]);
    expect(raw[0]).toMatchObject({ type: "snapshot", id: "1", equityUsd: 1000, freshness: "OK", offset: 10 });
    expect(raw.slice(1).every((data) => data.type === "change")).toBe(true);
    expect(raw.length).toBeGreaterThan(slower.length);
    const numbers = raw.map((data) => data.equityUsd);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  });

  it("gives two subscribers who came at different times chains of their own over the same changes", async () => {
    const engine = FakeEngine.withAccounts(1);
    await start(engine);
    const early = await client();
    await early.subscribe("risk.account.1.raw");
    for (let equityUsd = 1; equityUsd <= 5; equityUsd++) {
      engine.shards[0]!.put(fakeAccount("1", { equityUsd }));
      await early.until(() => early.of("risk.account.1.raw").at(-1)?.equityUsd === equityUsd);
    }
    const late = await client();
    await late.subscribe("risk.account.1.raw");
    await late.until(() => late.pushes.length > 0);
    engine.shards[0]!.put(fakeAccount("1", { equityUsd: 77 }));
    for (const one of [early, late]) await one.until(() => one.of("risk.account.1.raw").at(-1)?.equityUsd === 77);
    assertChain(early.of("risk.account.1.raw"));
    assertChain(late.of("risk.account.1.raw"));
    expect(late.of("risk.account.1.raw").map((data) => data.type)).toEqual(["snapshot", "change"]);
    expect(late.of("risk.account.1.raw").at(-1).change_id).toBe(early.of("risk.account.1.raw").at(-1).change_id);
  });

  it("sends only the positions that changed, and those that went", async () => {
    const engine = FakeEngine.withAccounts(1);
    const shard = engine.shards[0]!;
    const three = ["A", "B", "C"].map((symbol) => fakePosition(symbol));
    shard.put(fakeAccount("1"), { positions: three });
    await start(engine);
    const one = await client();
    const channel = "risk.positions.1.raw";
    await one.subscribe(channel);
    await one.until(() => one.of(channel).length === 1);
    expect(one.of(channel)[0]).toMatchObject({ type: "snapshot", accountId: "1", freshness: "OK", offset: 10, removed: [] });
    expect(one.of(channel)[0].positions.map((row: Json) => row.symbol)).toEqual(["A", "B", "C"]);
    shard.put(fakeAccount("1", { offset: 11 }), { positions: [three[0]!, fakePosition("B", { qty: 7 })] });
    await one.until(() => one.of(channel).length === 2);
    const change = one.of(channel)[1];
    expect(change).toMatchObject({ type: "change", offset: 11, removed: [{ symbol: "C", leg: "net", mode: "cross" }] });
    expect(change.positions).toMatchObject([{ symbol: "B", qty: 7 }]);
    assertChain(one.of(channel));
  });

  it("pushes markets, the top list and the platform's state", async () => {
    const engine = FakeEngine.withAccounts(30);
    await start(engine, { topCount: 5 });
    const one = await client();
    await one.subscribe("market.BTCUSDT.raw", "risk.top.100ms", "platform.state");
    await one.until(() => one.pushes.length >= 3);
    expect(one.of("market.BTCUSDT.raw")[0]).toMatchObject({ symbol: "BTCUSDT", mark: 61_000, freshness: "OK" });
    expect(one.of("risk.top.100ms")[0].accounts.map((row: Json) => row.id)).toEqual(["1", "2", "3", "4", "5"]);
    expect(one.of("platform.state")[0]).toMatchObject({ ready: true, shards: [{ partition: 0, state: "running" }] });
    engine.market.put(fakeInstrument(1, "BTCUSDT", { mark: 50_000 }));
    engine.shards[0]!.put(fakeAccount("30", { liquidationDistance: 0.001 }));
    await one.until(
      () => one.of("market.BTCUSDT.raw").at(-1).mark === 50_000 && one.of("risk.top.100ms").at(-1).accounts[0].id === "30",
    );
    assertChain(one.of("market.BTCUSDT.raw"));
    assertChain(one.of("risk.top.100ms"));
  });

  it("replays alerts from before, then pushes each one that follows, in order", async () => {
    await start(FakeEngine.withAccounts(1));
    const { api } = running!;
    api.alerts([fakeAlert(1), fakeAlert(2, { toStatus: "liquidation" })]);
    const one = await client();
    await one.subscribe("risk.alerts", "risk.liquidations");
    await one.until(() => one.pushes.length === 2);
    api.alerts([fakeAlert(3)]);
    api.alerts([fakeAlert(4), fakeAlert(5, { toStatus: "bankrupt" })]);
    await one.until(() => one.of("risk.alerts").length === 3 && one.of("risk.liquidations").length === 2);
    assertChain(one.of("risk.alerts"));
    assertChain(one.of("risk.liquidations"));
    expect(one.of("risk.alerts").flatMap((data) => data.alerts.map((alert: Json) => alert.offset))).toEqual([1, 2, 3, 4, 5]);
    expect(one.of("risk.liquidations").flatMap((data) => data.alerts.map((alert: Json) => alert.offset))).toEqual([2, 5]);
  });

  it("says that an account is not here any more, and begins anew when it is back", async () => {
    const engine = FakeEngine.withAccounts(2);
    await start(engine);
    const one = await client();
    const channel = "risk.account.2.raw";
    await one.subscribe(channel);
    await one.until(() => one.of(channel).length === 1);
    const shards = engine.shards;
    engine.shards = [];
    running!.api.ownershipChanged();
    await one.until(() => one.of(channel).length === 2);
    expect(one.of(channel)[1]).toMatchObject({ type: "unavailable", accountId: "2", reason: expect.any(String) });
    expect(one.of(channel)[1].equityUsd).toBeUndefined();
    engine.shards = shards;
    running!.api.ownershipChanged();
    await one.until(() => one.of(channel).length === 3);
    expect(one.of(channel)[2]).toMatchObject({ type: "snapshot", id: "2" });
    expect(one.of(channel)[2].prev_change_id).toBe(one.of(channel)[1].change_id);
  });

  it("says where an account went as soon as that is known, once", async () => {
    const engine = FakeEngine.withAccounts(2);
    let location: AccountLocation | null = null;
    await start(engine, {}, { locate: (id) => (id === "2" ? location : null) });
    const one = await client();
    const channel = "risk.account.2.raw";
    await one.subscribe(channel);
    await one.until(() => one.of(channel).length === 1);
    engine.shards = [];
    running!.api.ownershipChanged();
    await one.until(() => one.of(channel).length === 2);
    expect(one.of(channel)[1]).toMatchObject({ type: "unavailable", accountId: "2", location: null });
    location = { engine: "b", url: "http://b:8080", stream: "ws://b:8081" };
    running!.api.ownershipChanged();
    running!.api.ownershipChanged();
    await one.until(() => one.of(channel).length === 3);
    expect(one.of(channel)[2]).toMatchObject({ type: "unavailable", accountId: "2", location });
    location = { ...location, engine: "c" };
    await one.until(() => one.of(channel).length === 4);
    expect(one.of(channel)[3].location.engine).toBe("c");
    assertChain(one.of(channel));
  });

  it("marks a row STALE that its writer never leaves at rest", async () => {
    const engine = FakeEngine.withAccounts(1);
    await start(engine);
    const one = await client();
    await one.subscribe("risk.account.1.raw", "risk.positions.1.raw");
    await one.until(() => one.pushes.length === 2);
    engine.shards[0]!.slots[0]!.busy = true;
    await one.until(() => one.pushes.filter((push) => push.data.freshness === "STALE").length === 2);
    engine.shards[0]!.slots[0]!.busy = false;
    await one.until(() => ["account", "positions"].every((kind) => one.of(`risk.${kind}.1.raw`).at(-1).freshness === "OK"));
    assertChain(one.of("risk.account.1.raw"));
  });

  it("pushes a freshness that changed by the clock alone", async () => {
    const engine = FakeEngine.withAccounts(1);
    await start(engine);
    const one = await client();
    await one.subscribe("risk.account.1.100ms");
    await one.until(() => one.pushes.length === 1);
    // The row's version stays as it is: only what is said about it changes.
    engine.shards[0]!.slots[0]!.account = fakeAccount("1", { freshness: "STALE" });
    await one.until(() => one.of("risk.account.1.100ms").at(-1).freshness === "STALE");
  });

  it("refuses an unknown account by name, or waits for it where the configuration says so", async () => {
    const engine = FakeEngine.withAccounts(1);
    await start(engine);
    const one = await client();
    const refused = await one.call("public/subscribe", { channels: ["risk.account.1.raw", "risk.account.9.raw"] });
    expect(refused.error).toMatchObject({
      code: 13020,
      message: "account_not_found",
      data: { reason: "no account 9 on this engine" },
    });
    expect((await one.call("public/unsubscribe", { channels: ["risk.account.1.raw"] })).result).toEqual([]);
    await running!.stop();
    await start(engine, { unknownAccounts: "wait" });
    const two = await client();
    await two.subscribe("risk.account.9.raw");
    await pause(30);
    expect(two.pushes).toEqual([]);
    engine.shards[0]!.put(fakeAccount("9"));
    await two.until(() => two.of("risk.account.9.raw").length === 1);
    expect(two.of("risk.account.9.raw")[0]).toMatchObject({ type: "snapshot", id: "9" });
  });

  it("keeps the latest state, not a queue, for a client that does not read, and leaves others alone", async () => {
    const engine = FakeEngine.withAccounts(1);
    const shard = engine.shards[0]!;
    // Rows wide enough to fill a window soon: about 50 kB a frame.
    const wide = (qty: number) => Array.from({ length: 100 }, (_, at) => fakePosition(`S${at}`, { qty }));
    shard.put(fakeAccount("1"), { positions: wide(0) });
    await start(engine);
    const slow = await client();
    const healthy = await client();
    const channel = "risk.positions.1.raw";
    await slow.subscribe(channel);
    await healthy.subscribe(channel);
    await slow.until(() => slow.of(channel).length > 0);
    slow.socket.pause();
    const rounds = 200;
    for (let qty = 1; qty <= rounds; qty++) {
      shard.put(fakeAccount("1"), { positions: wide(qty) });
      await healthy.until(() => healthy.of(channel).at(-1)?.positions[0]?.qty === qty);
    }
    assertChain(healthy.of(channel));
    const sessions = [...running!.api.hub.sessions()];
    const unread = Math.max(...sessions.map((session) => session.unreadBytes));
    expect(unread).toBeLessThanOrEqual(STREAM_WINDOW_BYTES + STREAM_FRAME_BYTES_MAX);
    const held = Math.max(...sessions.map((session) => session.socket.bufferedBytes()));
    expect(held).toBeLessThanOrEqual(STREAM_WINDOW_BYTES + STREAM_FRAME_BYTES_MAX);
    const before = slow.of(channel).length;
    slow.socket.resume();
    await slow.until(() => slow.of(channel).at(-1).positions[0].qty === rounds);
    const missed = slow.of(channel).slice(before);
    // What was on the way, and one snapshot of the latest state.
    expect(missed.length).toBeLessThan(20);
    expect(missed.at(-1)).toMatchObject({ type: "snapshot" });
    expect(missed.at(-1).positions).toHaveLength(100);
    assertChain(slow.of(channel));
  });

  it("keeps alerts in order for a slow client and tells it how many are gone from the replay list", async () => {
    await start(FakeEngine.withAccounts(1));
    const { api } = running!;
    const slow = await client();
    await slow.subscribe("risk.alerts");
    await slow.until(() => slow.pushes.length === 1);
    slow.socket.pause();
    const total = 30_000;
    for (let from = 0; from < total; from += 100) {
      api.alerts(Array.from({ length: 100 }, (_, at) => fakeAlert(from + at)));
      if (from % 1000 === 0) await pause(1);
    }
    slow.socket.resume();
    await slow.until(() => slow.of("risk.alerts").at(-1).alerts.at(-1)?.offset === total - 1);
    const pushes = slow.of("risk.alerts");
    assertChain(pushes);
    const offsets: number[] = pushes.flatMap((data) => data.alerts.map((alert: Json) => alert.offset));
    expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
    const missed = pushes.reduce((sum, data) => sum + (data.missed ?? 0), 0);
    expect(missed).toBeGreaterThan(0);
    expect(offsets.length + missed).toBe(total);
    expect(pushes.filter((data) => data.type === "resync").every((data) => data.missed > 0)).toBe(true);
  });

  describe("a malformed or hostile frame", () => {
    const cases: [string, string, number, string?][] = [
      ["is not JSON", "{", -32700],
      ["is empty", "", -32700],
      ["is a number", "1", -32600],
      ["is null", "null", -32600],
      ["is a batch", '[{"jsonrpc":"2.0","id":1,"method":"public/test"}]', -32600],
      ["has no version", '{"id":1,"method":"public/test"}', -32600, "jsonrpc"],
      ["has another version", '{"jsonrpc":"1.0","id":1,"method":"public/test"}', -32600, "jsonrpc"],
      ["has no id", '{"jsonrpc":"2.0","method":"public/test"}', -32600, "id"],
      ["has null as id", '{"jsonrpc":"2.0","id":null,"method":"public/test"}', -32600, "id"],
      ["has an object as id", '{"jsonrpc":"2.0","id":{},"method":"public/test"}', -32600, "id"],
      ["has infinity as id", '{"jsonrpc":"2.0","id":1e999,"method":"public/test"}', -32600, "id"],
      ["has no method", '{"jsonrpc":"2.0","id":1}', -32600, "method"],
      ["has a number as method", '{"jsonrpc":"2.0","id":1,"method":5}', -32600, "method"],
      ["has positional parameters", '{"jsonrpc":"2.0","id":1,"method":"public/test","params":[1]}', -32600, "params"],
      ["has an unknown member", '{"jsonrpc":"2.0","id":1,"method":"public/test","extra":1}', -32600, "extra"],
      ["has a prototype member", '{"jsonrpc":"2.0","id":1,"method":"public/test","__proto__":{"a":1}}', -32600, "__proto__"],
      ["asks for an unknown method", '{"jsonrpc":"2.0","id":1,"method":"private/buy"}', -32601],
      ["asks for an inherited property", '{"jsonrpc":"2.0","id":1,"method":"constructor"}', -32601],
      ["has an unknown parameter", '{"jsonrpc":"2.0","id":1,"method":"public/test","params":{"x":1}}', -32602, "x"],
      ["subscribes to nothing", '{"jsonrpc":"2.0","id":1,"method":"public/subscribe","params":{}}', -32602, "channels"],
      [
        "subscribes to no channel",
        '{"jsonrpc":"2.0","id":1,"method":"public/subscribe","params":{"channels":[]}}',
        -32602,
        "channels",
      ],
      [
        "subscribes to a number",
        '{"jsonrpc":"2.0","id":1,"method":"public/subscribe","params":{"channels":[1]}}',
        -32602,
        "channels[0]",
      ],
      ["subscribes to an unknown kind", sub("risk.nothing.1.raw"), -32602, "channels"],
      ["subscribes to an unknown interval", sub("risk.account.1.10ms"), -32602, "channels"],
      ["subscribes without an interval", sub("risk.account.1"), -32602, "channels"],
      ["subscribes to no account", sub("risk.account..raw"), -32602, "channels"],
      ["subscribes to a negative account", sub("risk.account.-1.raw"), -32602, "channels"],
      ["subscribes to account 2^53", sub("risk.account.9007199254740992.raw"), -32602, "channels"],
      ["subscribes to an inherited name", sub("__proto__"), -32602, "channels"],
      ["subscribes to a name too long", sub(`market.${"x".repeat(500)}.raw`), -32602, "channels"],
      ["subscribes to an unknown instrument", sub("market.NOPE.raw"), 13020, "channels"],
      ["asks for a heartbeat of 1 s", rpc("public/set_heartbeat", { interval: 1 }), -32602, "interval"],
      ["asks for a heartbeat of 1.5", rpc("public/set_heartbeat", { interval: 30.5 }), -32602, "interval"],
      ["authenticates without a grant", rpc("public/auth", { client_id: "a", client_secret: "b" }), -32602, "grant_type"],
    ];

    it.each(cases)("%s: one error that names it, and the connection lives", async (_name, frame, code, param) => {
      await start(FakeEngine.withAccounts(1));
      const one = await client();
      one.socket.send(frame);
      await one.until(() => one.frames.length === 1);
      expect(one.frames[0].error.code).toBe(code);
      if (param !== undefined) expect(one.frames[0].error.data.param).toBe(param);
      expect((await one.call("public/test")).result).toBeDefined();
    });

    it.each<[string, (one: StreamClient) => void]>([
      ["binary", (one) => one.socket.send(Buffer.from('{"jsonrpc":"2.0","id":1,"method":"public/test"}'))],
      ["larger than 4 KiB", (one) => one.socket.send("x".repeat(5000))],
      [
        "larger than 4 KiB in fragments",
        (one) => {
          for (let part = 0; part < 10; part++) one.socket.send("x".repeat(1000), { fin: part === 9 });
        },
      ],
      ["not UTF-8", (one) => rawSocket(one).write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28]))],
      ["a fragmented ping", (one) => rawSocket(one).write(Buffer.from([0x09, 0x80, 0, 0, 0, 0]))],
      ["of a reserved opcode", (one) => rawSocket(one).write(Buffer.from([0x83, 0x80, 0, 0, 0, 0]))],
    ])("%s: the connection is closed and others live", async (_name, send) => {
      await start(FakeEngine.withAccounts(1));
      const bad = await client();
      const good = await client();
      send(bad);
      await bad.closed();
      expect((await good.call("public/test")).result).toBeDefined();
      expect([...running!.api.hub.sessions()]).toHaveLength(1);
    });
  });

  it("refuses requests above the allowance and closes who does not stop", async () => {
    await start(FakeEngine.withAccounts(1));
    const one = await client();
    for (let at = 0; at < 1500; at++) one.socket.send(rpc("public/test", {}));
    expect(await one.closed()).toBe(1008);
    const codes = one.frames.map((frame) => frame.error?.code ?? 0);
    expect(codes.filter((code) => code === 0).length).toBeGreaterThanOrEqual(200);
    expect(codes.filter((code) => code === 10028).length).toBeGreaterThanOrEqual(900);
  });

  it("bounds subscriptions of a client and clients in all", async () => {
    await start(FakeEngine.withAccounts(5), { maxSubscriptions: 3, maxClients: 2 });
    const one = await client();
    const four = [1, 2, 3, 4].map((id) => `risk.account.${id}.raw`);
    expect((await one.call("public/subscribe", { channels: four })).error.code).toBe(20001);
    await one.subscribe(...four.slice(0, 3), ...four.slice(0, 3));
    expect((await one.call("public/subscribe", { channels: [four[3]] })).error.code).toBe(20001);
    await one.call("public/unsubscribe", { channels: [four[0]] });
    await one.subscribe(four[3]!);
    await client();
    await expect(client()).rejects.toMatchObject({ status: 503 });
    one.close();
    await waitFor(() => [...running!.api.hub.sessions()].length === 1);
    await client();
  });

  it("drops a client that shows no sign of life, and keeps one that only answers pings", async () => {
    await start(FakeEngine.withAccounts(1), { idleTimeoutMs: 600 });
    const quiet = await client();
    const dead = await client();
    dead.socket.pause();
    await waitFor(() => [...running!.api.hub.sessions()].length === 1);
    await pause(600);
    expect((await quiet.call("public/test")).result).toBeDefined();
  });

  it("does not let a client fill the memory with pings it does not read the answers of", async () => {
    await start(FakeEngine.withAccounts(1));
    const one = await client();
    expect(await new Promise((resolve) => one.socket.once("pong", (payload) => resolve(String(payload))).ping("hello"))).toBe(
      "hello",
    );
    one.socket.pause();
    const payload = Buffer.alloc(125, 1);
    // Far more than the kernel's socket buffers hold of the answers.
    for (let round = 0; round < 250; round++) {
      for (let at = 0; at < 1000; at++) one.socket.ping(payload);
      while (one.socket.bufferedAmount > 0) await pause(1);
    }
    const held = Math.max(...[...running!.api.hub.sessions()].map((session) => session.socket.bufferedBytes()));
    expect(held).toBeLessThanOrEqual(STREAM_BACKPRESSURE_BYTES_MAX + 1024);
  });

  it("frees channels and timers when their last subscriber goes", async () => {
    await start(FakeEngine.withAccounts(3));
    const one = await client();
    await one.subscribe("risk.account.1.raw", "risk.positions.1.100ms", "risk.alerts", "platform.state");
    expect(running!.api.hub.counters().subscriptions).toBe(4);
    expect((await one.call("public/unsubscribe_all")).result).toBe("ok");
    expect(running!.api.hub.counters().subscriptions).toBe(0);
    expect(running!.api.hub.channelCount).toBe(0);
    await one.subscribe("risk.account.1.raw");
    await one.until(() => one.of("risk.account.1.raw").length === 2);
    const [first, second] = one.of("risk.account.1.raw");
    expect(second).toMatchObject({ type: "snapshot" });
    expect(second.change_id).toBeGreaterThan(first.change_id);
    one.close();
    await waitFor(() => running!.api.hub.channelCount === 0);
  });

  it("refuses pages of other origins, tokens in the address and other paths before the handshake", async () => {
    await start(FakeEngine.withAccounts(1));
    const { port } = running!.api.addresses.http;
    const connectAs = (url: string, origin?: string) => StreamClient.connect(url, origin === undefined ? {} : { origin });
    for (const origin of ["http://evil.example", "null", `https://127.0.0.1:${port}`, `http://127.0.0.1:${port + 1}`]) {
      await expect(connectAs(running!.stream, origin)).rejects.toMatchObject({ status: 403 });
    }
    await expect(connectAs(`${running!.stream}?access_token=x`)).rejects.toMatchObject({ status: 400 });
    await expect(connectAs(running!.stream.replace("/stream", "/other"))).rejects.toMatchObject({ status: 404 });
    for (const origin of [`http://127.0.0.1:${port}`, `http://localhost:${port}`])
      open.push(await connectAs(running!.stream, origin));
    const refused = await fetch(running!.stream.replace("ws:", "http:"));
    expect(refused.status).toBe(426);
    expect(((await refused.json()) as Json).code).toBe("UPGRADE_REQUIRED");
  });

  it("says goodbye to its clients when the engine stops", async () => {
    await start(FakeEngine.withAccounts(1));
    const one = await client();
    await one.subscribe("risk.account.1.raw");
    await running!.stop();
    expect(await one.closed()).toBe(1001);
    await expect(StreamClient.connect(running!.stream)).rejects.toThrow();
  });

  it("asks a silent client for a sign of life and closes it when none comes", async () => {
    await start(FakeEngine.withAccounts(1), { idleTimeoutMs: 800 });
    const one = await client();
    await one.call("public/set_heartbeat", { interval: 10 });
    const session = [...running!.api.hub.sessions()][0]!;
    const soon = () => (session.heartbeatDueNs = 0);
    const beats = () => one.frames.filter((frame) => frame.method === "heartbeat").map((frame) => frame.params.type);
    soon();
    await one.until(() => beats().length === 1);
    soon();
    await one.until(() => beats().length === 2);
    expect(beats()).toEqual(["heartbeat", "test_request"]);
    await one.call("public/test");
    soon();
    await one.until(() => beats().length === 3);
    expect(beats().at(-1)).toBe("heartbeat");
    soon();
    await one.until(() => beats().length === 4);
    soon();
    expect(await one.closed()).toBe(1008);
  });
});

it("an account on two shards in turn is found where it is", async () => {
  const engine = FakeEngine.withAccounts(1);
  running = await startTestApi(engine);
  const one = await StreamClient.connect(running.stream);
  open.push(one);
  await one.subscribe("risk.account.1.raw");
  await one.until(() => one.pushes.length === 1);
  const rebuilt = new FakeShard(0);
  rebuilt.put(fakeAccount("0"));
  rebuilt.put(fakeAccount("1", { equityUsd: 5 }));
  engine.shards = [rebuilt];
  running.api.ownershipChanged();
  await one.until(() => one.of("risk.account.1.raw").at(-1).equityUsd === 5);
  assertChain(one.of("risk.account.1.raw"));
});

function rpc(method: string, params: object): string {
  return JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
}

function sub(channel: string): string {
  return rpc("public/subscribe", { channels: [channel] });
}

function rawSocket(one: StreamClient): { write(bytes: Buffer): void } {
  return (one.socket as unknown as { _socket: { write(bytes: Buffer): void } })._socket;
}

async function waitFor(condition: () => boolean, forMs = 20_000): Promise<void> {
  const until = Date.now() + forMs;
  while (!condition()) {
    if (Date.now() > until) throw new Error("it did not happen in time");
    await pause(10);
  }
}
