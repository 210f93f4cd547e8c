// The shard worker as the engine has it, with an observer of its garbage collections. The task never gives way while it runs,
// so the observer hears of all of them when it has ended, and then tells whoever listens.
import { PerformanceObserver } from "node:perf_hooks";
import { BroadcastChannel } from "node:worker_threads";
import runShards, { type ShardWorkerTask } from "../../src/shards/worker";
import { GC_CHANNEL, type GcPause } from "../harness/gc-pauses";

export default async function observed(task: ShardWorkerTask): Promise<unknown> {
  const pauses: GcPause[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) pauses.push({ atMs: performance.timeOrigin + entry.startTime, ms: entry.duration });
  });
  observer.observe({ entryTypes: ["gc"] });
  const result = runShards(task);
  // Two turns of the event loop: one in which the collections are reported, one in which the observer is called.
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setTimeout(resolve, 20));
  observer.disconnect();
  const channel = new BroadcastChannel(GC_CHANNEL);
  channel.postMessage(pauses);
  channel.close();
  return result;
}
