// A progress bar on stderr, where stderr is a terminal; nothing otherwise. At most ten times a second.

const WIDTH = 28;

export class ProgressBar {
  private drawnMs = 0;
  private readonly isShown: boolean;
  private readonly color: boolean;

  constructor(
    private readonly title: string,
    private readonly stream: NodeJS.WriteStream = process.stderr,
  ) {
    this.isShown = stream.isTTY === true;
    this.color = this.isShown && !process.env.NO_COLOR;
  }

  /** @param share 0 … 1 */
  update(share: number, detail: string, force = false): void {
    if (!this.isShown) return;
    const now = Date.now();
    if (!force && now - this.drawnMs < 100) return;
    this.drawnMs = now;
    const filled = Math.round(Math.min(1, Math.max(0, share)) * WIDTH);
    const bar = `${"█".repeat(filled)}${"░".repeat(WIDTH - filled)}`;
    const shown = this.color ? `\u001b[36m${bar}\u001b[0m` : bar;
    const line = `${this.title} ${shown} ${String(Math.floor(share * 100)).padStart(3)} %  ${detail}`;
    this.stream.write(`\r\u001b[2K${line}`);
  }

  end(): void {
    if (this.isShown) this.stream.write("\r\u001b[2K");
  }
}
