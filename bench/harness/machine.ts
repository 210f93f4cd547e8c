// The machine a report was made on. No host name and no path: a report is read elsewhere.
import { execFileSync } from "node:child_process";
import { arch, availableParallelism, cpus, loadavg, platform, release, totalmem } from "node:os";
import { ROOT } from "./paths";

export interface Machine {
  cpu: string;
  cores: number;
  memoryGiB: number;
  system: string;
  node: string;
  v8: string;
  /** Java of the peers; null where there is none. */
  java: string | null;
  /** Load of the last minute when the run began: what else the machine was doing. */
  loadAtStart: number;
}

function firstLine(command: string, args: readonly string[]): string | null {
  try {
    // java prints its version on stderr in some releases, on stdout in others.
    return execFileSync(command, args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).split("\n")[0]!;
  } catch {
    return null;
  }
}

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    system: `${platform()} ${release().split("-")[0]} ${arch()}`,
    node: process.versions.node,
    v8: process.versions.v8,
    java: firstLine("java", ["--version"]),
    loadAtStart: Math.round(loadavg()[0]! * 100) / 100,
  };
}

/** Commit of the tree, and whether files differ from it; null outside a checkout. */
export function commit(): { hash: string; isDirty: boolean } | null {
  const hash = firstLine("git", ["rev-parse", "--short=12", "HEAD"]);
  if (hash === null) return null;
  return { hash, isDirty: (firstLine("git", ["status", "--porcelain", "--", "src", "bench", "schemas"]) ?? "") !== "" };
}
