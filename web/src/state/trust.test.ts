import { describe, expect, it } from "vitest";
import type { Channel, Connection } from "../wire/stream";
import { channelTrust, connectionTrust, engineTrust, STREAM_LIMIT_MS, worst } from "./trust";

const NOW = 100_000;

function connection(fields: Partial<Connection> = {}): Connection {
  return {
    phase: "live",
    sinceMs: NOW - 60_000,
    lastFrameMs: NOW - 100,
    reason: null,
    retryAtMs: null,
    attempt: 0,
    drops: 0,
    malformed: 0,
    malformedReason: null,
    ...fields,
  };
}

function channel(fields: Partial<Channel> = {}): Channel {
  return {
    name: "a",
    state: "live",
    changeId: 7,
    lastPushMs: NOW - 500,
    reason: null,
    gaps: 0,
    askedMs: 0,
    mayAppear: false,
    ...fields,
  };
}

describe("trust", () => {
  it.each([
    ["OK", true, null],
    ["STALE", false, "stale: inputs not current"],
    ["GAP", false, "gap: events are missing"],
    ["QUARANTINED", false, "quarantined"],
    ["RECOVERING", false, "recovering"],
    ["ok", false, "freshness unknown"],
    ["toString", false, "freshness unknown"],
    [null, false, "freshness unknown"],
    [undefined, false, "freshness unknown"],
  ])("the engine's %s is fresh: %s, %s", (freshness, fresh, reason) => {
    expect(engineTrust(freshness)).toEqual({ fresh, reason });
  });

  it.each([
    [{}, true, null],
    [{ lastFrameMs: NOW - STREAM_LIMIT_MS }, true, null],
    [{ lastFrameMs: NOW - STREAM_LIMIT_MS - 1 }, false, "no update for 3.0 s"],
    [{ lastFrameMs: null, sinceMs: NOW - 5_000 }, false, "no update for 5.0 s"],
    [{ phase: "connecting" as const }, false, "connecting"],
    [{ phase: "connecting" as const, drops: 1 }, false, "reconnecting"],
    [{ phase: "waiting" as const }, false, "disconnected"],
    [{ phase: "refused" as const }, false, "not signed in"],
    [{ phase: "stopped" as const }, false, "stopped"],
  ])("a connection %j is fresh: %s, %s", (fields, fresh, reason) => {
    expect(connectionTrust(connection(fields), NOW)).toEqual({ fresh, reason });
  });

  it.each([
    [channel(), 1_000, true, null],
    [channel({ lastPushMs: NOW - 1_001 }), 1_000, false, "no update for 1.0 s"],
    [channel({ lastPushMs: NOW - 3_600_000 }), Number.POSITIVE_INFINITY, true, null],
    [channel({ state: "asked" }), 1_000, false, "waiting for the first update"],
    [channel({ state: "gap", reason: "an update went missing" }), 1_000, false, "an update went missing; asked again"],
    [channel({ state: "refused", reason: "no account 7" }), 1_000, false, "no account 7"],
    [undefined, 1_000, false, "not subscribed"],
  ])("a channel %j with a limit of %s ms is fresh: %s, %s", (of, limitMs, fresh, reason) => {
    expect(channelTrust(connection(), of, limitMs, NOW)).toEqual({ fresh, reason });
  });

  it("no channel is fresh on a line that is not", () => {
    expect(channelTrust(connection({ phase: "waiting" }), channel(), 1_000, NOW).reason).toBe("disconnected");
  });

  it("the first reason stands", () => {
    const fresh = engineTrust("OK");
    expect(worst(fresh, engineTrust("GAP"), engineTrust("STALE")).reason).toBe("gap: events are missing");
    expect(worst(fresh, fresh).fresh).toBe(true);
  });
});
