// What Kafka's clients complain of, for a person to read: each client of the process tells of the same outage, and again at every
// attempt. A line is passed on once in a while, and none before the brokers have been reached: until then the start itself
// says what is wrong.

/** How long a line that was just said is not said again. */
const QUIET_MS = 10_000;

export class Complaints {
  private readonly said = new Map<string, number>();
  private isOpen = false;

  constructor(
    private readonly say: (line: string) => void,
    private readonly nowMs: () => number,
  ) {}

  /** The brokers have been reached: from here on complaints are news. */
  open(): void {
    this.isOpen = true;
  }

  readonly take = (line: string): void => {
    if (!this.isOpen) return;
    const now = this.nowMs();
    for (const [each, atMs] of this.said) if (now - atMs >= QUIET_MS) this.said.delete(each);
    if (this.said.has(line)) return;
    this.said.set(line, now);
    this.say(line);
  };
}
