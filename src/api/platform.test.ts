// What the platform says of itself beyond what it passes on.
import { describe, expect, it } from "vitest";
import { createStats, StatsView } from "../shared/stats";
import { latencyBucketNs } from "../shared/views/latency";
import { Platform } from "./platform";
import type { HubCounters } from "./stream/hub";
import { FakeEngine } from "./testing/fake-engine";

const counters = { frames: 0, clients: 0, subscriptions: 0, held: 0 } as HubCounters;

describe("latency", () => {
  it("of a shard and of all is that of the last ten seconds: a slow start is forgotten", () => {
    const engine = FakeEngine.withAccounts(1);
    const [shard] = engine.shards;
    const platform = new Platform(
      { name: "p", version: "0", startedMs: 0 },
      engine,
      new StatsView(createStats()),
      () => counters,
    );
    const [fast, slow] = [8 * 12, 8 * 27];
    shard!.latency[slow] = 100;
    platform.sample(0);
    shard!.latency[slow] += 100;
    expect(platform.state().latencyNs).toMatchObject({ p99: latencyBucketNs(slow + 1), count: 100 });
    for (let second = 1; second <= 11; second++) {
      platform.sample(second * 1e9);
      shard!.latency[fast] += 10;
    }
    const recent = { p50: latencyBucketNs(fast + 1), p99: latencyBucketNs(fast + 1), max: latencyBucketNs(fast + 1), count: 110 };
    expect(platform.state().latencyNs).toMatchObject(recent);
    expect(platform.state().shards[0]!.latencyNs).toMatchObject(recent);
    expect(platform.shards()[0]!.latencyNs).toMatchObject(recent);
  });

  it("where nothing came is none", () => {
    const engine = FakeEngine.withAccounts(1);
    const platform = new Platform(
      { name: "p", version: "0", startedMs: 0 },
      engine,
      new StatsView(createStats()),
      () => counters,
    );
    engine.shards[0]!.latency[8] = 7;
    for (let second = 0; second <= 11; second++) platform.sample(second * 1e9);
    expect(platform.shards()[0]!.latencyNs).toBeNull();
    expect(platform.state().latencyNs).toBeNull();
  });
});
