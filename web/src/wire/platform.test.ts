import { describe, expect, it } from "vitest";
import { readEngine, readPlatform, streamUrl, sumOf } from "./platform";

describe("the state of the engine", () => {
  it("says nothing where nothing is said", () => {
    const platform = readPlatform({ mode: "embedded", ready: true, shards: [] });
    expect(platform).toMatchObject({ mode: "embedded", eventTimeMs: null, lagMessages: null, accounts: null, latency: null });
    expect(platform?.store).toMatchObject({ state: "unknown", rowsQueued: null });
  });

  it.each([
    [{}],
    [{ mode: "embedded", ready: true }],
    [{ mode: 7, ready: true, shards: [] }],
    [{ mode: "embedded", ready: "yes", shards: [] }],
    [{ mode: "embedded", ready: true, shards: [{}] }],
  ])("%j is none", (data) => {
    expect(readPlatform(data)).toBeNull();
  });

  it("the event time is the newest of market and shards", () => {
    const shards = [
      { partition: 1, lastEventMs: 30 },
      { partition: 0, lastEventMs: null },
    ];
    const platform = readPlatform({ mode: "m", ready: true, shards, marketEventMs: 20 });
    expect(platform?.eventTimeMs).toBe(30);
    expect(platform?.shards.map((shard) => shard.partition)).toEqual([0, 1]);
  });

  it("a ring without a capacity is unknown, not full and not empty", () => {
    const shards = [{ partition: 0, inputRing: { used: 3, capacity: 0 }, fillRing: { used: 3, capacity: 4 } }];
    const shard = readPlatform({ mode: "m", ready: true, shards })?.shards[0];
    expect(shard?.inputRing).toBeNull();
    expect(shard?.fillRing).toEqual({ used: 3, capacity: 4 });
  });

  it("a sum of what is unknown is unknown", () => {
    expect([sumOf(null, null), sumOf(1, null), sumOf(null, 2), sumOf(1, 2)]).toEqual([null, 1, 2, 3]);
  });
});

describe("where the stream is", () => {
  const answer = {
    name: "plimsoll",
    version: "0.1.0",
    mode: "embedded",
    auth: "open",
    streamPort: 8081,
    streamPath: "/api/v1/stream",
  };

  it.each([
    ["http:", "127.0.0.1", "ws://127.0.0.1:8081/api/v1/stream"],
    ["https:", "desk.example", "wss://desk.example:8081/api/v1/stream"],
    ["http:", "[::1]", "ws://[::1]:8081/api/v1/stream"],
  ])("seen from %s//%s it is %s", (protocol, hostname, url) => {
    expect(streamUrl(readEngine(answer)!, { protocol, hostname })).toBe(url);
  });

  it.each([
    [{ ...answer, streamPort: 0 }],
    [{ ...answer, streamPort: "8081" }],
    [{ ...answer, streamPort: 8081.5 }],
    [{ ...answer, streamPath: "@evil.example/" }],
    [{ ...answer, streamPath: "//evil".replace("//", "\\\\") }],
    [null],
  ])("%j is no engine", (value) => {
    expect(readEngine(value)).toBeNull();
  });

  it("asks for a key where the engine says so", () => {
    expect(readEngine({ ...answer, auth: "keys" })?.asksForKey).toBe(true);
    expect(readEngine(answer)?.asksForKey).toBe(false);
  });
});
