// Percentiles of the latency histogram that the kernel keeps: eight buckets an octave, so a value is known to 12.5 %.
import { LATENCY_BUCKETS } from "../layout/shard";

/** Lower edge of a bucket in ns; the kernel's latencyBucket() turned round. */
export function latencyBucketNs(bucket: number): number {
  if (bucket < 8) return 0;
  const exponent = Math.floor(bucket / 8);
  return 2 ** exponent * (1 + (bucket % 8) / 8);
}

export interface LatencySummary {
  p50: number;
  p99: number;
  p999: number;
  max: number;
  count: number;
}

/** Upper edges of the buckets in which the percentiles lie, ns; null where nothing was measured. */
export function summarizeLatency(counts: ArrayLike<number>): LatencySummary | null {
  let count = 0;
  let top = 0;
  for (let bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
    if (counts[bucket] === 0) continue;
    count += counts[bucket];
    top = bucket;
  }
  if (count === 0) return null;
  const percentile = (share: number) => {
    let seen = 0;
    for (let bucket = 0; bucket <= top; bucket++) {
      seen += counts[bucket];
      if (seen >= share * count) return latencyBucketNs(bucket + 1);
    }
    return latencyBucketNs(top + 1);
  };
  return { p50: percentile(0.5), p99: percentile(0.99), p999: percentile(0.999), max: latencyBucketNs(top + 1), count };
}

interface LatencySource {
  readonly partition: number;
  latencyCounts(): ArrayLike<number>;
}

/** What came lately: differences of the shards' histograms, which count from their start on. */
export class LatencyWindow {
  /** Counts by partition, oldest first. */
  private readonly samples: Map<number, ArrayLike<number>>[] = [];

  /** @param samplesMax how many samples back it reaches */
  constructor(private readonly samplesMax: number) {}

  sample(shards: readonly LatencySource[]): void {
    this.samples.push(new Map(shards.map((shard) => [shard.partition, Array.from(shard.latencyCounts())])));
    if (this.samples.length > this.samplesMax) this.samples.shift();
  }

  /**
   * What came in these shards together since the oldest sample kept; all there is of one that was not there then. Counts that fell
   * (the shard left and came back) are no events.
   */
  summary(shards: readonly LatencySource[]): LatencySummary | null {
    const recent = new Float64Array(LATENCY_BUCKETS);
    for (const shard of shards) {
      const oldest = this.samples[0]?.get(shard.partition);
      const counts = shard.latencyCounts();
      for (let bucket = 0; bucket < LATENCY_BUCKETS; bucket++)
        recent[bucket] += Math.max(0, counts[bucket] - (oldest?.[bucket] ?? 0));
    }
    return summarizeLatency(recent);
  }
}
