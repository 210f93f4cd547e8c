// All snapshots an engine can reach: its own folder and, where there is one, a folder shared with the other engines of its group.
// Written to both, read from whichever has the newest that is whole.
import { readFile } from "node:fs/promises";
import { type SnapshotEntry, SnapshotFolder } from "./folder";
import { readSnapshot, type Snapshot, type SnapshotHeader, SnapshotUnusable } from "./format";

export interface LibraryOptions {
  /** Own folder first. */
  dirs: readonly string[];
  /** Cluster and topic. */
  log: string;
  /** Name of this engine: tells its temporary files from those of others. */
  writer: string;
  /** A line for a person: a damaged snapshot, a folder that cannot be read. */
  say(line: string): void;
}

export interface Candidate {
  folder: SnapshotFolder;
  entry: SnapshotEntry;
}

export class SnapshotLibrary {
  private readonly folders = new Map<number, SnapshotFolder[]>();

  constructor(private readonly options: LibraryOptions) {}

  private of(partition: number): SnapshotFolder[] {
    let folders = this.folders.get(partition);
    if (folders === undefined) {
      folders = this.options.dirs.map((dir) => new SnapshotFolder(dir, this.options.log, partition));
      this.folders.set(partition, folders);
    }
    return folders;
  }

  /** What there is of a partition, newest first; of two with the same offset, the own one first. */
  async candidates(partition: number): Promise<Candidate[]> {
    const all: Candidate[] = [];
    for (const folder of this.of(partition)) {
      try {
        for (const entry of await folder.list(this.options.say)) all.push({ folder, entry });
      } catch (error) {
        this.options.say(`snapshots in ${folder.dir} cannot be listed: ${(error as Error).message}`);
      }
    }
    return all.sort((a, b) => b.entry.nextOffset - a.entry.nextOffset);
  }

  /**
   * Reads and checks one. What is wrong with it is said aloud; a damaged one is set aside.
   *
   * @returns null where it cannot be used: try the next candidate
   */
  async read({ folder, entry }: Candidate): Promise<Snapshot | null> {
    const file = folder.file(entry);
    try {
      return await readSnapshot(await readFile(file), { log: this.options.log, partition: folder.partition });
    } catch (error) {
      await this.reject({ folder, entry }, (error as Error).message, error instanceof SnapshotUnusable && error.damaged);
      return null;
    }
  }

  /** Says that a snapshot is not used, and why; takes a damaged one out of the way. */
  async reject({ folder, entry }: Candidate, why: string, damaged: boolean): Promise<void> {
    this.options.say(`snapshot ${folder.file(entry)} is not used: ${why}; the one before it is looked at`);
    if (damaged) await folder.setAside(entry);
  }

  /**
   * Writes a snapshot into every folder.
   *
   * @throws what kept it from being written to one of them
   */
  async write(header: SnapshotHeader, body: Uint8Array): Promise<SnapshotEntry> {
    let written: SnapshotEntry | undefined;
    for (const folder of this.of(header.partition)) written = await folder.write(header, body, this.options.writer);
    return written as SnapshotEntry;
  }
}
