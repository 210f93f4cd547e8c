// The engine under trial: a process with a data folder that survives it, started, killed and started again, and a file through
// which a fault can be asked for at a named point of its code.
import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { FaultPoint } from "../../../src/shared/fault-points";
import { Command, type RunningEngine, whenReady } from "../../support/engine-process";

export interface TrialEngineOptions {
  name: string;
  brokers: string;
  prefix: string;
  databaseUrl: string;
  /** Folder of its own, for data and the fault file. */
  dir: string;
  /** Of another build. */
  dist?: string | undefined;
  /** Further keys, `section.key=value`. */
  set?: readonly string[];
}

export class TrialEngine {
  command: Command | undefined;
  private readonly faultFile: string;
  /** What it said on stderr over all its lives. */
  readonly said: string[] = [];

  constructor(readonly options: TrialEngineOptions) {
    this.faultFile = join(options.dir, "fault");
  }

  /** Starts the process; it may be killed before it is ready. */
  launch(): Command {
    const { brokers, prefix, databaseUrl, dir, name, dist, set = [] } = this.options;
    const command = new Command(
      [
        "up",
        "--json",
        ...["--http-port", "0", "--stream-port", "0", "--brokers", brokers, "--prefix", prefix, "--database", databaseUrl],
        ...["--data", join(dir, "data")],
        ...[`engine.name=${name}`, `kafka.groupId=${prefix}engine`, "engine.workers=1", ...set].flatMap((each) => [
          "--set",
          each,
        ]),
      ],
      {
        env: { PLIMSOLL_TEST_FAULT: this.faultFile },
        ...(dist === undefined ? {} : { dist }),
      },
    );
    this.command = command;
    void command.finished.then(({ stderr }) => this.said.push(...stderr.split("\n").filter(Boolean)));
    return command;
  }

  /** Starts it and waits until its ports are open. */
  async start(timeoutMs = 60_000): Promise<RunningEngine> {
    return whenReady(this.launch(), timeoutMs);
  }

  /** Asks for a fault at the n-th pass of a point from now on. */
  askFault(point: FaultPoint, n: number, how: "kill" | "throw" | "exit" | "hang" = "kill"): void {
    // Whole or not at all: a thread that finds half of it would keep to what it has read.
    writeFileSync(`${this.faultFile}.new`, `${point} ${n} ${how}`);
    renameSync(`${this.faultFile}.new`, this.faultFile);
  }

  /** Whether the fault that was asked for has come to pass. */
  get faultTaken(): boolean {
    return !existsSync(this.faultFile);
  }

  forgetFault(): void {
    rmSync(this.faultFile, { force: true });
  }

  /** Interrupts it as Ctrl-C does, waits for the end, and answers what was wrong about it. */
  async stop(): Promise<string[]> {
    const ended = await this.command?.interrupt();
    if (ended === undefined || ended.code === 0) return [];
    return [`engine ${this.options.name} ended with ${ended.code ?? ended.signal}: ${ended.stderr.slice(-1000)}`];
  }

  /** kill -9, and waits for the end. */
  async kill(): Promise<void> {
    this.command?.kill("SIGKILL");
    await this.command?.finished;
  }
}
