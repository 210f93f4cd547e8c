// Whether this engine may still speak for its accounts. The group gives up who is not heard of for a session, and a process that
// stood still for so long, or was cut off from the brokers, comes back believing that it has what another one has by then. Before it
// tells anything it asks: a commit is only taken from who has the partition. Main thread.

const ASK_AGAIN_MS = 50;
/** How long one answer is waited for. */
const ANSWER_MS = 2000;

export interface LeaseOptions {
  /** After how much silence the group gives a member up. */
  sessionTimeoutMs: number;
  /** Asks the group; false: not ours, or it cannot be said now. */
  ask(): Promise<boolean>;
  /** A line for a person: why nothing is told. */
  say(line: string): void;
  /** Time of day: it goes on while the process does not. */
  nowMs(): number;
}

export class Lease {
  /** When it was last looked at; before the first time there is nothing that could have been lost. */
  private seenMs = Number.POSITIVE_INFINITY;
  private inDoubt = false;
  private asking = false;
  private ended = false;

  constructor(private readonly options: LeaseOptions) {}

  /** Asked before anything is said, and every few milliseconds: a pause shows in between. False: not now. */
  holds(): boolean {
    const now = this.options.nowMs();
    const pausedMs = now - this.seenMs;
    this.seenMs = now;
    if (pausedMs > this.options.sessionTimeoutMs / 2) {
      this.options.say(`the engine stood still for ${pausedMs} ms: alerts wait until the group says whose its accounts are`);
      this.doubt();
    }
    return !this.inDoubt;
  }

  /** Something happened after which another engine may have our partitions. */
  doubt(): void {
    if (this.ended) return;
    this.inDoubt = true;
    void this.ask();
  }

  /** The group has just handed out partitions: what we have now is ours. */
  confirm(): void {
    this.inDoubt = false;
  }

  /** Nothing is asked any more; a doubt that there is stays. */
  end(): void {
    this.ended = true;
  }

  private async ask(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    while (this.inDoubt && !this.ended) {
      // What is asked before a pause says nothing of the time after it.
      const askedMs = this.options.nowMs();
      const isOurs = await this.answer();
      if (isOurs && this.options.nowMs() - askedMs <= this.options.sessionTimeoutMs / 2) this.confirm();
      else await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
    }
    this.asking = false;
  }

  private async answer(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), ANSWER_MS);
    });
    try {
      return await Promise.race([this.options.ask().catch(() => false), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
