// The program with a known bug in it, built beside the real one: a trial that does not find it is blind there.

import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Report, Say } from "./stage";

const ROOT = join(import.meta.dirname, "../../..");

export interface Planted {
  /** What is wrong then. */
  what: string;
  file: string;
  /** Text that stands in the file once, and what stands there instead. */
  from: string;
  to: string;
  /** What the trial has to say about it: that it fails for another reason does not count. */
  finds: RegExp;
}

/** Builds a copy of the program with the bug in it. */
async function plantedBuild(bug: Planted): Promise<{ dist: string; remove(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), "plimsoll-planted-"));
  const remove = () => rm(dir, { recursive: true, force: true });
  try {
    for (const name of ["src", "schemas", "dist", "migrations", "package.json", "tsconfig.json"])
      await cp(join(ROOT, name), join(dir, name), { recursive: true });
    await mkdir(join(dir, "scripts"));
    await cp(join(ROOT, "scripts/build.mjs"), join(dir, "scripts/build.mjs"));
    await symlink(join(ROOT, "node_modules"), join(dir, "node_modules"));
    const file = join(dir, bug.file);
    const text = await readFile(file, "utf8");
    if (text.split(bug.from).length !== 2) throw new Error(`${bug.file}: "${bug.from}" does not stand there once: ${bug.what}`);
    await writeFile(file, text.replace(bug.from, bug.to));
    const part = bug.file.startsWith("src/shards/kernel/") ? "kernel" : "node";
    await new Promise<void>((resolve, reject) => {
      const child = spawn(process.execPath, [join(dir, "scripts/build.mjs"), "--only", part], {
        stdio: ["ignore", "ignore", "pipe"],
      });
      let said = "";
      child.stderr.setEncoding("utf8").on("data", (chunk: string) => (said += chunk));
      child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(`building ${bug.what}: ${said}`))));
    });
    return { dist: join(dir, "dist"), remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/**
 * Plants one bug after the other and sees whether a trial finds it.
 *
 * @returns how many it missed
 */
export async function tryPlanted<T extends Planted>(
  bugs: readonly T[],
  trial: (dist: string, bug: T) => Promise<Report>,
  say: Say,
): Promise<number> {
  let missed = 0;
  for (const bug of bugs) {
    const build = await plantedBuild(bug);
    let found: string[];
    try {
      found = (await trial(build.dist, bug)).found;
    } catch (error) {
      // A trial may also end because what it waits for never comes.
      found = [(error as Error).message.split("\n")[0]];
    } finally {
      await build.remove();
    }
    const hit = found.find((line) => bug.finds.test(line));
    say(`${hit ? "found " : "MISSED"}  ${bug.what}: ${hit ?? found[0] ?? "nothing"}`);
    if (!hit) missed++;
  }
  return missed;
}
