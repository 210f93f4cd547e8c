// A worker thread of the engine, as the main thread sees it: started, ready or failed, told things, stopped in time.
import { Worker } from "node:worker_threads";

export interface ThreadMessage {
  type: string;
  [field: string]: unknown;
}

export interface ThreadOptions {
  filename: string;
  workerData: unknown;
  /** It ended or threw after it was ready. */
  onFailure(error: Error): void;
  onMessage?(message: ThreadMessage): void;
}

export class Thread {
  private stopping = false;
  private readonly ended: Promise<void>;

  private constructor(
    private readonly worker: Worker,
    private readonly waiting: Map<string, (message: ThreadMessage) => void>,
  ) {
    this.ended = new Promise((resolve) => worker.once("exit", () => resolve()));
  }

  /** `ready` resolves with the thread's `ready`; it rejects with its `failed`, or with what it threw. */
  static start(options: ThreadOptions): { thread: Thread; ready: Promise<ThreadMessage> } {
    const worker = new Worker(options.filename, { workerData: options.workerData });
    const waiting = new Map<string, (message: ThreadMessage) => void>();
    const thread = new Thread(worker, waiting);
    const ready = new Promise<ThreadMessage>((resolve, reject) => {
      let isReady = false;
      const fail = (error: Error) => {
        if (!isReady) reject(error);
        else if (!thread.stopping) options.onFailure(error);
      };
      worker.on("message", (message: ThreadMessage) => {
        if (message.type === "ready") {
          isReady = true;
          resolve(message);
        } else if (message.type === "failed") fail(Object.assign(new Error(String(message.message)), { code: message.code }));
        const waiter = waiting.get(message.type);
        if (waiter) {
          waiting.delete(message.type);
          waiter(message);
        } else options.onMessage?.(message);
      });
      worker.on("error", (error) => fail(error as Error));
      worker.on("exit", (code) => fail(new Error(`the thread ended by itself (${code})`)));
    });
    return { thread, ready };
  }

  /** Told in order; what comes before it is ready waits for it. */
  post(message: ThreadMessage): void {
    this.worker.postMessage(message);
  }

  /** Says `stop`, waits for `stopped` and for the thread to end; ends it by force after the deadline. */
  async stop(deadlineMs: number): Promise<ThreadMessage | null> {
    this.stopping = true;
    const stopped = new Promise<ThreadMessage>((resolve) => this.waiting.set("stopped", resolve));
    this.post({ type: "stop", deadlineMs });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), deadlineMs + 2000);
    });
    const message = await Promise.race([stopped, this.ended.then(() => null), late]);
    await Promise.race([this.ended, late]);
    clearTimeout(timer);
    await this.worker.terminate();
    return message;
  }
}
