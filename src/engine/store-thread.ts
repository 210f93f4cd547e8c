// The store thread as the main thread sees it: told of shards and alerts from the first moment, though it may start late (an
// embedded database takes its time), and asked whether rows are safe.
import type { AlertView } from "../shared/views/types";
import type { ThreadMessage } from "./thread";
import { Thread } from "./thread";

export interface StoreThreadOptions {
  filename: string;
  /** Asked for when everything else is there. */
  workerData(): Promise<unknown>;
  warn(line: string): void;
  onFailure(error: Error): void;
}

export class StoreThread {
  private thread: Thread | undefined;
  private early: ThreadMessage[] = [];
  private barriers = 0;
  private readonly waiting = new Map<number, () => void>();

  constructor(private readonly options: StoreThreadOptions) {}

  /**
   * @returns whether it has reached its database
   * @throws what the thread failed with
   */
  async start(): Promise<boolean> {
    const { thread, ready } = Thread.start({
      filename: this.options.filename,
      workerData: await this.options.workerData(),
      onFailure: this.options.onFailure,
      onMessage: (message) => this.take(message),
    });
    const { connected } = await ready;
    this.thread = thread;
    for (const message of this.early.splice(0)) thread.post(message);
    return connected !== false;
  }

  private take(message: ThreadMessage): void {
    if (message.type === "durable") {
      this.waiting.get(message.id as number)?.();
      this.waiting.delete(message.id as number);
    } else if (message.type === "warning") this.options.warn(String(message.message));
  }

  // In order, whether the thread is there yet or not.
  private post(message: ThreadMessage): void {
    if (this.thread) this.thread.post(message);
    else this.early.push(message);
  }

  shards(memories: SharedArrayBuffer[]): void {
    this.post({ type: "shards", memories });
  }

  alerts(alerts: AlertView[]): void {
    this.post({ type: "alerts", alerts });
  }

  platform(state: object): void {
    this.thread?.post({ type: "platform", state });
  }

  /** Resolves when every fill in the rings and every alert handed over so far is committed, or synced to the store's disk. */
  rowsAreSafe(): Promise<void> {
    return new Promise((resolve) => {
      const id = ++this.barriers;
      this.waiting.set(id, resolve);
      this.post({ type: "barrier", id });
    });
  }

  stop(deadlineMs: number): Promise<unknown> {
    return this.thread?.stop(deadlineMs) ?? Promise.resolve();
  }
}
