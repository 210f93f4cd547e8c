// Workers where and as the operator wants them: on a core of their own, never asleep, and still serving.
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { coresOfThread, ownThreadId, parseCoreList } from "../../src/shards/cores";
import { startEngine, until } from "../support/engine-process";

const isLinux = process.platform === "linux";

/** Threads of a process that may run on one core only, by core. */
function pinned(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`)
    .map((thread) =>
      parseCoreList(/^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8"))![1]),
    )
    .filter((cores) => cores.length === 1)
    .map(([core]) => core);
}

// On a machine with one core every thread is where it was told to be.
it.runIf(isLinux && coresOfThread(ownThreadId()).length > 1)(
  "shard workers are pinned to the cores that are named, spin, take orders and serve",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "plimsoll-cores-"));
    const core = coresOfThread(ownThreadId()).at(-1) as number;
    const placed = ["--workers", "2", "--cores", String(core), "--busy-spin"];
    const engine = await startEngine(["--data", folder, "--database", "off", "--accounts", "50", ...placed]);
    try {
      await until("both workers are pinned", async () => pinned(engine.command.pid).length === 2);
      expect(pinned(engine.command.pid)).toEqual([core, core]);
      await until("it serves", async () => (await fetch(`${engine.page}/readyz`)).ok);
      const { code, stderr } = await engine.command.interrupt();
      expect(stderr).toBe("");
      expect(code).toBe(0);
    } finally {
      engine.command.kill("SIGKILL");
      await rm(folder, { recursive: true, force: true });
    }
  },
);
