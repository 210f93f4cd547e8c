// One engine, one spill folder: a file with the process id of whoever uses it.
import { mkdir, open, readFile, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errorCode, errorText, StoreError } from "../errors";

/**
 * Takes the folder. A lock whose process has ended is taken over; so is one of this very process, whose earlier store
 * thread has ended (there is one at a time).
 *
 * @returns gives the folder back
 * @throws StoreError STORE_SPILL_LOCKED, STORE_SPILL_UNUSABLE
 */
export async function lockFolder(dir: string): Promise<() => Promise<void>> {
  const path = join(dir, "lock");
  try {
    // Only the folder itself is closed to others: the one above may have other users.
    await mkdir(dirname(dir), { recursive: true });
    await mkdir(dir, { recursive: true, mode: 0o700 });
    for (;;) {
      try {
        const file = await open(path, "wx", 0o600);
        await file.writeFile(`${process.pid}\n`);
        await file.close();
        return () => unlink(path).catch(() => undefined);
      } catch (error) {
        if (errorCode(error) !== "EEXIST") throw error;
        const holder = Number((await readFile(path, "utf8").catch(() => "")).trim());
        if (holder > 0 && holder !== process.pid && isAlive(holder)) {
          throw new StoreError("STORE_SPILL_LOCKED", `the spill folder ${dir} is used by the engine with process id ${holder}`);
        }
        await unlink(path).catch(() => undefined);
      }
    }
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw new StoreError("STORE_SPILL_UNUSABLE", `spill folder ${dir}: ${errorText(error)}`, null, { cause: error });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}
