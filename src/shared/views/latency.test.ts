// Latencies of the last samples.
import { expect, test } from "vitest";
import { LATENCY_BUCKETS } from "../layout/shard";
import { LatencyWindow, latencyBucketNs } from "./latency";

function shardOf(partition: number) {
  const counts = new Uint32Array(LATENCY_BUCKETS);
  return { partition, counts, latencyCounts: () => counts };
}

test("a shard that leaves takes nothing from the others' latencies, and one that comes brings its own", () => {
  const window = new LatencyWindow(1);
  const [stays, leaves, comes] = [shardOf(0), shardOf(1), shardOf(2)];
  leaves.counts[40] = 1000;
  stays.counts[40] = 5;
  window.sample([stays, leaves]);
  stays.counts[40] += 2;
  comes.counts[80] = 3;
  expect(window.summary([stays, comes])).toMatchObject({ p50: latencyBucketNs(81), count: 5 });
  expect(window.summary([stays])).toMatchObject({ max: latencyBucketNs(41), count: 2 });
});

test("it reaches back as many samples as it was told", () => {
  const window = new LatencyWindow(2);
  const shard = shardOf(0);
  for (let sample = 0; sample < 5; sample++) {
    window.sample([shard]);
    shard.counts[40]++;
  }
  expect(window.summary([shard])).toMatchObject({ count: 2 });
});

test("counts that fell are no events", () => {
  const window = new LatencyWindow(1);
  const shard = shardOf(0);
  shard.counts[40] = 9;
  window.sample([shard]);
  shard.counts[40] = 4;
  expect(window.summary([shard])).toBeNull();
});
