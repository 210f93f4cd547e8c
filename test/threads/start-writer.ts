// Starts writer.ts on a thread of its own.
import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { build } from "esbuild";
import type { WriterOrder } from "./orders";

let bundle: Promise<string> | undefined;

async function bundled(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, "writer.ts")],
    bundle: true,
    write: false,
    platform: "node",
    target: "node20",
    format: "cjs",
    logLevel: "warning",
  });
  return outputFiles[0]!.text;
}

export interface Writer {
  /** It has written all it was told to. */
  hasEnded(): boolean;
  /** Ends it. Throws what it threw. */
  stop(): Promise<void>;
}

type Order<T> = T extends unknown ? Omit<T, "stop"> : never;

/** Returns when the writer is about to begin. */
export async function startWriter(order: Order<WriterOrder>): Promise<Writer> {
  const stop = new SharedArrayBuffer(4);
  bundle ??= bundled();
  const worker = new Worker(await bundle, { eval: true, workerData: { ...order, stop } });
  let failure: unknown = null;
  let ended = false;
  worker.on("error", (error) => (failure = error));
  const exited = once(worker, "exit").then(() => (ended = true));
  await Promise.race([once(worker, "message"), exited]);
  return {
    hasEnded: () => ended,
    async stop() {
      Atomics.store(new Int32Array(stop), 0, 1);
      await exited;
      if (failure !== null) throw failure;
    },
  };
}
