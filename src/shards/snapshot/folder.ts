// The folder of a partition's snapshots. Main thread; every call of the file system is asynchronous.
//
//   <dir>/<log>/p<partition>/00000000000000012345.snap     named by the next offset
//                            manifest.json                 the snapshots that count, newest first
//                            *.tmp-*                       being written; left behind by a crash
//                            *.damaged                     set aside: did not read back as it was written
//
// A snapshot counts when the manifest names it. What is written is synced before it gets its name, the name before the manifest,
// the manifest before older snapshots are deleted: whenever the process or the machine stops, what the manifest names is whole.
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { faultPoint } from "../../shared/fault-points";
import { crc32 } from "../../shared/wire/crc32";
import { encodeHeader, type SnapshotHeader } from "./format";

/** The newest, the one before, and the one before that. */
export const SNAPSHOTS_KEPT = 3;
const MANIFEST = "manifest.json";
const NAME = /^(\d{20})\.snap$/;
/** One write: long enough for the disk, short enough that memory is not pinned for long. */
const WRITE_BYTES = 4 * 1024 * 1024;

export interface SnapshotEntry {
  file: string;
  nextOffset: number;
  bytes: number;
  stateHash: string;
  createdMs: number;
}

/** Name of a log as a folder: what a file system may not take in a name becomes "_". */
export function logFolder(log: string): string {
  return log.replace(/[^A-Za-z0-9._-]/g, "_");
}

export class SnapshotFolder {
  private readonly path: string;

  constructor(
    readonly dir: string,
    log: string,
    readonly partition: number,
  ) {
    this.path = join(dir, logFolder(log), `p${partition}`);
  }

  /**
   * The snapshots there are, newest first. Where the manifest is damaged or missing, what lies in the folder.
   *
   * @param say told when the manifest cannot be used
   */
  async list(say: (line: string) => void): Promise<SnapshotEntry[]> {
    let text: string;
    try {
      text = await readFile(join(this.path, MANIFEST), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      // Renamed but never named by a manifest: whole all the same, and better than nothing.
      return this.found();
    }
    const entries = readManifest(text);
    if (entries !== null) return entries;
    say(`${join(this.path, MANIFEST)} is damaged: the snapshots in its folder are used as they are`);
    return this.found();
  }

  private async found(): Promise<SnapshotEntry[]> {
    const names = await readdir(this.path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    return names
      .filter((name) => NAME.test(name))
      .map((file) => ({ file, nextOffset: Number(NAME.exec(file)?.[1]), bytes: 0, stateHash: "", createdMs: 0 }))
      .sort((a, b) => b.nextOffset - a.nextOffset);
  }

  file(entry: SnapshotEntry): string {
    return join(this.path, entry.file);
  }

  /** Takes a snapshot out of the way that did not read back as it was written. It is kept, for whoever wants to know why. */
  async setAside(entry: SnapshotEntry): Promise<void> {
    await rename(this.file(entry), `${this.file(entry)}.damaged`).catch(() => undefined);
  }

  /**
   * Writes a snapshot, makes it count, and deletes those older than the third.
   *
   * @param writer told apart from other writers of the same folder
   * @throws what the file system says; the snapshots that were there still count
   */
  async write(header: SnapshotHeader, body: Uint8Array, writer: string): Promise<SnapshotEntry> {
    await mkdir(this.path, { recursive: true });
    const file = `${String(header.nextOffset).padStart(20, "0")}.snap`;
    const head = encodeHeader(header);
    await this.replace(file, writer, async (handle) => {
      await writeAll(handle, head);
      // Two pieces at least, so that there is a middle.
      const piece = Math.max(1, Math.min(WRITE_BYTES, Math.ceil(body.length / 2)));
      for (let at = 0; at < body.length; at += piece) {
        await writeAll(handle, body.subarray(at, Math.min(body.length, at + piece)));
        if (at < body.length / 2 && at + piece >= body.length / 2) faultPoint("snapshot-half");
      }
    });
    const { nextOffset, stateHash, createdMs } = header;
    const entry = { file, nextOffset, bytes: head.length + body.length, stateHash, createdMs };
    const before = (await this.list(() => undefined)).filter((each) => each.file !== file);
    const kept = [entry, ...before].sort((a, b) => b.nextOffset - a.nextOffset).slice(0, SNAPSHOTS_KEPT);
    await this.replace(MANIFEST, writer, (handle) => writeAll(handle, Buffer.from(writeManifest(kept))));
    faultPoint("snapshot-counted");
    await this.tidy(kept, writer);
    return entry;
  }

  // Temporary name, contents, fdatasync, rename, sync of the folder: the name stands for the whole contents or is not there.
  private async replace(name: string, writer: string, fill: (handle: FileHandle) => Promise<unknown>): Promise<void> {
    const temporary = join(this.path, `${name}.tmp-${writer}`);
    const handle = await open(temporary, "w");
    try {
      await fill(handle);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    if (name !== MANIFEST) faultPoint("snapshot-before-rename");
    await rename(temporary, join(this.path, name));
    if (name !== MANIFEST) faultPoint("snapshot-renamed");
    const folder = await open(this.path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  private async tidy(kept: readonly SnapshotEntry[], writer: string): Promise<void> {
    const names = await readdir(this.path);
    const stays = new Set(kept.map((entry) => entry.file));
    const damaged = names.filter((name) => name.endsWith(".damaged")).sort();
    const goes = names.filter((name) => (NAME.test(name) && !stays.has(name)) || name.endsWith(`.tmp-${writer}`));
    for (const name of [...goes, ...damaged.slice(0, -SNAPSHOTS_KEPT)]) await rm(join(this.path, name), { force: true });
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at, bytes.length - at)).bytesWritten;
}

function writeManifest(snapshots: readonly SnapshotEntry[]): string {
  const list = JSON.stringify(snapshots);
  return `${JSON.stringify({ checksum: crc32(Buffer.from(list)), snapshots }, null, 1)}\n`;
}

/** Null where it is not what was written. */
function readManifest(text: string): SnapshotEntry[] | null {
  try {
    const { checksum, snapshots } = JSON.parse(text) as { checksum: number; snapshots: SnapshotEntry[] };
    return crc32(Buffer.from(JSON.stringify(snapshots))) === checksum ? snapshots : null;
  } catch {
    return null;
  }
}
