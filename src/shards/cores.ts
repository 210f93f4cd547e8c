// Threads and cores. Node has no call for it, Linux has the tools: a thread finds its own number in /proc, and taskset(1) of
// util-linux pins it.
import { execFile } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";
import { PlimsollError } from "../shared/errors";

/** The system's number of the thread that calls; 0 where it has none that can be found out (not Linux). */
export function ownThreadId(): number {
  try {
    return Number(readlinkSync("/proc/thread-self").split("/").at(-1));
  } catch {
    return 0;
  }
}

/** Cores of a list as the kernel writes them: "0-3,8". */
export function parseCoreList(text: string): number[] {
  return text
    .trim()
    .split(",")
    .filter(Boolean)
    .flatMap((part) => {
      const [first, last = first] = part.split("-").map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
}

/** Cores a thread may run on. */
export function coresOfThread(threadId: number): number[] {
  const status = readFileSync(`/proc/self/task/${threadId}/status`, "utf8");
  return parseCoreList(/^Cpus_allowed_list:\s*(.*)$/m.exec(status)?.[1] ?? "");
}

/**
 * Numbers of cores as the configuration gives them.
 *
 * @throws PlimsollError CONFIG_INVALID where threads cannot be pinned here, or not to these
 */
export function checkCores(cores: readonly string[]): number[] {
  if (cores.length === 0) return [];
  if (process.platform !== "linux")
    throw new PlimsollError("CONFIG_INVALID", "engine.cores: threads can be pinned on Linux only");
  const allowed = coresOfThread(ownThreadId());
  const numbers = cores.map(Number);
  const wrong = numbers.find((core) => !allowed.includes(core));
  if (wrong !== undefined)
    throw new PlimsollError(
      "CONFIG_INVALID",
      `engine.cores: this process may run on cores ${allowed.join(",")}, not on ${wrong}`,
    );
  return numbers;
}

/** Pins a thread of this process to a core. */
export function pinThread(threadId: number, core: number): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile("taskset", ["-p", "-c", String(core), String(threadId)], (error, _, stderr) => {
      if (!error) return resolve();
      const why = (error as NodeJS.ErrnoException).code === "ENOENT" ? "taskset (util-linux) is not installed" : stderr.trim();
      reject(new Error(`thread ${threadId} is not pinned to core ${core}: ${why}`));
    });
  });
}
