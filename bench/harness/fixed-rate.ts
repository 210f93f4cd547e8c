// Latency at a fixed rate, without coordinated omission: when a message has to go is known before the run, and its latency
// counts from then, whether it could go in time or not. One that waits behind a slow one is late, and is recorded so.
import { build, type Histogram } from "hdr-histogram-js";

/** ns; above it there is nothing to tell apart. */
const LATENCY_MAX_NS = 60e9;

export interface FixedRate {
  messages: number;
  /** Between two messages. */
  intervalNs: number;
  /** Tries to send message i; false: not now. */
  send(i: number): boolean;
  /** Whether what message i leads to can be seen. Asked in order. */
  isSeen(i: number): boolean;
  /** Recorded for each message, so many times. */
  eventsPerMessage: number;
}

export interface Latencies {
  p50: number;
  p99: number;
  p999: number;
  max: number;
}

export const PERCENTILES = ["p50", "p99", "p999", "max"] as const;

export function newHistogram(): Histogram {
  return build({ lowestDiscernibleValue: 1, highestTrackableValue: LATENCY_MAX_NS, numberOfSignificantValueDigits: 3 });
}

export function latenciesOf(histogram: Histogram): Latencies {
  return {
    p50: histogram.getValueAtPercentile(50),
    p99: histogram.getValueAtPercentile(99),
    p999: histogram.getValueAtPercentile(99.9),
    max: histogram.maxValue,
  };
}

/** Spins on this thread: sends what is due, looks for what was sent. */
export function atFixedRate({ messages, intervalNs, send, isSeen, eventsPerMessage }: FixedRate): Histogram {
  const histogram = newHistogram();
  // The first one goes a moment after the loop has begun.
  const startNs = performance.now() * 1e6 + 100_000;
  const deadlineNs = startNs + messages * intervalNs + 30e9;
  let sent = 0;
  let seen = 0;
  while (seen < messages) {
    const nowNs = performance.now() * 1e6;
    if (sent < messages && nowNs >= startNs + sent * intervalNs && send(sent)) sent++;
    while (seen < sent && isSeen(seen)) {
      const latencyNs = performance.now() * 1e6 - (startNs + seen * intervalNs);
      histogram.recordValueWithCount(Math.max(1, Math.round(latencyNs)), eventsPerMessage);
      seen++;
    }
    if (nowNs > deadlineNs) throw new Error(`${seen} of ${messages} messages seen half a minute after the last was due`);
  }
  return histogram;
}
