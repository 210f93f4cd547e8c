// Garbage collections of a shard worker, told when it has ended.
import { BroadcastChannel } from "node:worker_threads";

export const GC_CHANNEL = "plimsoll-bench-gc";

export interface GcPause {
  /** Since the epoch. */
  atMs: number;
  ms: number;
}

/** What the next worker to end will tell. Call it before the worker is stopped. */
export function nextPauses(deadlineMs: number): Promise<GcPause[]> {
  return new Promise((resolve, reject) => {
    const channel = new BroadcastChannel(GC_CHANNEL);
    const timer = setTimeout(() => {
      channel.close();
      reject(new Error("the worker ended without telling of its collections"));
    }, deadlineMs);
    channel.onmessage = ({ data }: { data: unknown }) => {
      clearTimeout(timer);
      channel.close();
      resolve(data as GcPause[]);
    };
  });
}
