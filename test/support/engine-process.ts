// The built command as a process, the way a user runs it: started, asked, interrupted, and what it said kept.
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { LedgerView } from "../../src/shared/views/types";

const DIST = join(import.meta.dirname, "../../dist");

export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export class Command {
  stdout = "";
  stderr = "";
  readonly finished: Promise<Finished>;
  private readonly child: ChildProcess;
  private readonly lines: string[] = [];
  private readonly waiters: { test(line: string): boolean; resolve(line: string): void }[] = [];

  /** @param options.dist folder of another build */
  constructor(args: string[], options: { env?: Record<string, string>; cwd?: string; input?: string; dist?: string } = {}) {
    const env: NodeJS.ProcessEnv = { ...process.env, ...options.env };
    delete env.KAFKA_BROKERS;
    delete env.DATABASE_URL;
    Object.assign(env, options.env);
    this.child = spawn(process.execPath, [join(options.dist ?? DIST, "plimsoll.js"), ...args], {
      env,
      cwd: options.cwd,
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.child.stdin!.end(options.input ?? "");
    createInterface({ input: this.child.stdout! }).on("line", (line) => {
      this.stdout += `${line}\n`;
      this.lines.push(line);
      for (const waiter of [...this.waiters]) {
        if (!waiter.test(line)) continue;
        this.waiters.splice(this.waiters.indexOf(waiter), 1);
        waiter.resolve(line);
      }
    });
    this.child.stderr!.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.finished = new Promise((resolve) => {
      this.child.once("close", (code, signal) => resolve({ code, signal, stdout: this.stdout, stderr: this.stderr }));
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** The first line of stdout that fits; rejects when the process ends or the time is over before. */
  line(test: (line: string) => boolean, timeoutMs: number): Promise<string> {
    const found = this.lines.find(test);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no such line within ${timeoutMs} ms\n${this.stdout}\n${this.stderr}`)),
        timeoutMs,
      );
      this.waiters.push({
        test,
        resolve: (line) => {
          clearTimeout(timer);
          resolve(line);
        },
      });
      void this.finished.then(({ code }) => {
        clearTimeout(timer);
        reject(new Error(`the command ended with ${code} before it said so\n${this.stdout}\n${this.stderr}`));
      });
    });
  }

  /** Interrupts it as Ctrl-C does and waits for its end. */
  async interrupt(timeoutMs = 30_000): Promise<Finished> {
    this.kill("SIGINT");
    const timer = setTimeout(() => this.kill("SIGKILL"), timeoutMs);
    const finished = await this.finished;
    clearTimeout(timer);
    return finished;
  }
}

export interface RunningEngine {
  command: Command;
  /** http://127.0.0.1:port */
  page: string;
  /** ws://… */
  stream: string;
  get<T>(path: string): Promise<T>;
}

/** `plimsoll up` on free ports, once it has said that it is ready. */
export async function startEngine(args: string[], env: Record<string, string> = {}, timeoutMs = 60_000): Promise<RunningEngine> {
  return whenReady(new Command(["up", "--json", "--http-port", "0", "--stream-port", "0", ...args], { env }), timeoutMs);
}

/** `plimsoll up --json`, once it has said that it is ready. */
export async function whenReady(command: Command, timeoutMs = 60_000): Promise<RunningEngine> {
  const ready = JSON.parse(await command.line((line) => line.includes('"ready"'), timeoutMs)) as { page: string; stream: string };
  return {
    command,
    ...ready,
    async get<T>(path: string): Promise<T> {
      // Again where it closed an idle connection in the moment in which we asked.
      const response = await fetch(ready.page + path).catch(() => fetch(ready.page + path));
      if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
      return (await response.json()) as T;
    },
  };
}

/** Every account's exact ledger, page by page. */
export async function servedLedgers(engine: RunningEngine): Promise<LedgerView[]> {
  const ledgers: LedgerView[] = [];
  let after: string | null = null;
  do {
    const page: { ledgers: { ledger: LedgerView }[]; nextAfter: string | null } = await engine.get(
      `/api/v1/ledger?limit=1000${after === null ? "" : `&after=${encodeURIComponent(after)}`}`,
    );
    for (const { ledger } of page.ledgers) ledgers.push(ledger);
    after = page.nextAfter;
  } while (after !== null);
  return ledgers;
}

/** Asks again every 50 ms until the answer will do. */
export async function until<T>(what: string, ask: () => Promise<T | undefined | false | null>, timeoutMs = 30_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
