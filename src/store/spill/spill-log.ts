// A queue of batches on disk: appended at one end, read and dropped at the other, in files of some MiB (record.ts has
// their bytes). One lane owns it. A file goes when all its records are dropped; what was dropped of the file at the head
// is not written down, so after a crash those records come again, and the database's unique keys let them count once.
//
// Durability: append() hands bytes to the operating system, sync() to the disk. Appends and thinning run one after the
// other; head(), read() and dropHead() may run beside them.
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, readFile, rename, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Batch } from "../database";
import { errorText, StoreError } from "../errors";
import { SEGMENT_BYTES_MAX, THIN_LEVEL_MAX } from "../limits";
import { decodeRecord, encodeRecord, FILE_HEAD, findMark, isWholeInLength, type LoadedBatch } from "./record";
import { thin } from "./thin";

/** A batch on disk. */
export interface StoredBatch extends Batch {
  readonly at: number;
  readonly bytes: number;
  readonly segment: Segment;
}

interface Segment {
  path: string;
  readonly number: number;
  /** Windows of 2^level ticks were thinned; 0: never. */
  level: number;
  /** Bytes of whole records, the file's head included. */
  bytes: number;
  /** Records not dropped yet, oldest first. */
  records: StoredBatch[];
}

export interface RecoveryReport {
  records: number;
  rows: number;
  /** Bytes at the end of the newest file that a crash left unfinished: cut off. */
  tornBytes: number;
  /** Bytes of records damaged otherwise: copied to the folder `damaged`, not lost from sight. */
  damagedBytes: number;
}

/** A record that was whole when it was written and is not any more. */
export class DamagedRecord extends StoreError {
  constructor(
    message: string,
    readonly bytes: Buffer,
  ) {
    super("STORE_SPILL_UNUSABLE", message);
  }
}

/** What an operator has to look at lies in these folders, beside the files. */
const DAMAGED_DIR = "damaged";

export class SpillLog {
  private readonly segments: Segment[] = [];
  /** The file being appended to: the last segment, or none. */
  private file: FileHandle | null = null;
  private unsynced = false;
  private readers: { segment: Segment; file: FileHandle } | null = null;
  private nextNumber = 1;
  private thinned = 0;
  private chain: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly dir: string,
    private readonly prefix: string,
    private readonly segmentBytesMax: number,
  ) {}

  /**
   * Opens the queue `prefix` in `dir`, with what an earlier run left there.
   *
   * @throws StoreError STORE_SPILL_UNUSABLE
   */
  static async open(
    dir: string,
    prefix: string,
    segmentBytesMax = SEGMENT_BYTES_MAX,
  ): Promise<{ log: SpillLog; report: RecoveryReport }> {
    const log = new SpillLog(dir, prefix, segmentBytesMax);
    try {
      await mkdir(dir, { recursive: true });
      return { log, report: await log.recover() };
    } catch (error) {
      throw new StoreError("STORE_SPILL_UNUSABLE", `spill folder ${dir}: ${errorText(error)}`, null, { cause: error });
    }
  }

  /** Bytes on disk. */
  get bytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  get rows(): number {
    return this.segments.reduce((sum, segment) => sum + segment.records.reduce((rows, record) => rows + record.rows, 0), 0);
  }

  get records(): number {
    return this.segments.reduce((sum, segment) => sum + segment.records.length, 0);
  }

  /** Rows that thinning took, since the queue was opened; changes together with `rows`. */
  get rowsThinned(): number {
    return this.thinned;
  }

  /** The oldest batch, or null. */
  head(): StoredBatch | null {
    for (const segment of this.segments) if (segment.records.length > 0) return segment.records[0]!;
    return null;
  }

  /** The rows of a stored batch, checked again. */
  async read(stored: StoredBatch): Promise<LoadedBatch> {
    const { segment } = stored;
    if (this.readers?.segment !== segment) {
      await this.readers?.file.close();
      this.readers = null;
      this.readers = { segment, file: await open(segment.path, constants.O_RDONLY) };
    }
    const bytes = Buffer.allocUnsafe(stored.bytes);
    const { bytesRead } = await this.readers.file.read(bytes, 0, stored.bytes, stored.at);
    const record = bytesRead === stored.bytes ? decodeRecord(bytes, 0) : null;
    if (record === null)
      throw new DamagedRecord(`${segment.path}: the record at byte ${stored.at} changed on disk`, bytes.subarray(0, bytesRead));
    return record.batch;
  }

  /** Takes a damaged record at the head out of the queue; its bytes are kept in the folder `damaged`. */
  async setAsideHead(stored: StoredBatch, error: DamagedRecord): Promise<void> {
    await this.setAside(stored.segment.path, stored.at, error.bytes);
    if (this.head() === stored) this.dropHead(stored);
  }

  /** Forgets the oldest batch: its rows are committed. */
  dropHead(stored: StoredBatch): void {
    const { segment } = stored;
    if (segment.records[0] !== stored) throw new RangeError("not the head of the spill queue");
    segment.records.shift();
    // The file being appended to stays until it is full or the queue is idle; see trim().
    if (segment.records.length === 0 && segment !== this.segments[this.segments.length - 1]) this.removeLater(segment);
  }

  /** Removes the last file too where nothing is left in it. */
  trim(): Promise<void> {
    return this.serial(async () => {
      const last = this.segments[this.segments.length - 1];
      if (last === undefined || last.records.length > 0) return;
      await this.closeFile();
      await this.remove(last);
    });
  }

  /**
   * Appends batches in order. After an error none of them is in the queue.
   *
   * @param placed called at the moment they are in the queue, before anybody else can look at it, with where they lie
   */
  append(batches: readonly LoadedBatch[], placed: (stored: readonly StoredBatch[]) => void = () => {}): Promise<void> {
    return this.serial(async () => {
      const stored: StoredBatch[] = [];
      try {
        for (const batch of batches) stored.push(await this.appendOne(batch));
      } catch (error) {
        await this.undo(stored);
        throw error;
      }
      for (const record of stored) record.segment.records.push(record);
      placed(stored);
    });
  }

  /** Puts what was appended on the disk. */
  sync(): Promise<void> {
    return this.serial(async () => {
      if (!this.unsynced || this.file === null) return;
      await this.file.datasync();
      this.unsynced = false;
    });
  }

  /**
   * Makes the queue smaller by thinning its oldest files (thin.ts), or, where they are as thin as they get, by dropping
   * the oldest. The file at the head and the one being appended to are left alone.
   *
   * @returns false where nothing can be thinned
   */
  thinOldest(): Promise<boolean> {
    return this.serial(async () => {
      const head = this.head()?.segment;
      const inner = this.segments.slice(head === undefined ? this.segments.length : this.segments.indexOf(head) + 1, -1);
      const thinnable = inner.filter((segment) => segment.level < THIN_LEVEL_MAX);
      const level = Math.min(...thinnable.map((segment) => segment.level));
      const first = thinnable.find((segment) => segment.level === level);
      if (first === undefined) {
        const oldest = inner[0];
        if (oldest === undefined) return false;
        this.thinned += oldest.records.reduce((sum, record) => sum + record.rows, 0);
        await this.remove(oldest);
        return true;
      }
      // Two neighbours of one level become one of the next: files keep their size while windows double.
      const next = inner[inner.indexOf(first) + 1];
      await this.rewrite(next !== undefined && next.level === level ? [first, next] : [first], level + 1);
      return true;
    });
  }

  async close(): Promise<void> {
    await this.serial(async () => {
      if (this.file !== null && this.unsynced) await this.file.datasync();
      await this.closeFile();
    });
    await this.readers?.file.close();
    this.readers = null;
  }

  private serial<T>(work: () => Promise<T>): Promise<T> {
    const result = this.chain.then(work, work);
    this.chain = result.catch(() => undefined);
    return result;
  }

  private async appendOne(batch: LoadedBatch): Promise<StoredBatch> {
    let segment = this.segments[this.segments.length - 1];
    if (this.file === null || segment === undefined || segment.bytes >= this.segmentBytesMax) {
      await this.closeFile();
      if (segment !== undefined && segment.records.length === 0 && segment.bytes <= FILE_HEAD.length) await this.remove(segment);
      segment = await this.begin();
    }
    const record = encodeRecord(batch);
    const at = segment.bytes;
    await writeWhole(this.file!, record, at);
    segment.bytes += record.length;
    this.unsynced = true;
    const { table, logName, rows, fields, tick } = batch;
    return { table, logName, rows, fields, tick, at, bytes: record.length, segment };
  }

  private async begin(): Promise<Segment> {
    const number = this.nextNumber++;
    const path = this.pathOf(number, 0);
    this.file = await open(path, "wx", 0o600);
    await writeWhole(this.file, FILE_HEAD, 0);
    const segment: Segment = { path, number, level: 0, bytes: FILE_HEAD.length, records: [] };
    this.segments.push(segment);
    // The name itself must survive too.
    await syncDir(this.dir);
    return segment;
  }

  // Takes back what an append wrote before it failed, so that the file ends with a whole record again.
  private async undo(stored: StoredBatch[]): Promise<void> {
    for (const { segment, at } of stored) segment.bytes = Math.min(segment.bytes, at);
    const last = this.segments[this.segments.length - 1];
    if (this.file === null || last === undefined) return;
    await this.file.truncate(last.bytes).catch(() => undefined);
    // Whatever is behind the last whole record now is cut at the next start; nothing is appended after it.
    await this.closeFile().catch(() => undefined);
  }

  private async closeFile(): Promise<void> {
    const file = this.file;
    this.file = null;
    if (file === null) return;
    try {
      if (this.unsynced) await file.datasync();
      this.unsynced = false;
    } finally {
      await file.close();
    }
  }

  private removeLater(segment: Segment): void {
    void this.serial(() => this.remove(segment));
  }

  private async remove(segment: Segment): Promise<void> {
    const index = this.segments.indexOf(segment);
    if (index < 0) return;
    this.segments.splice(index, 1);
    if (this.readers?.segment === segment) {
      await this.readers.file.close().catch(() => undefined);
      this.readers = null;
    }
    await unlink(segment.path).catch(() => undefined);
  }

  private pathOf(number: number, level: number): string {
    return join(this.dir, `${this.prefix}-${String(number).padStart(10, "0")}-${level}.spill`);
  }

  private async rewrite(group: Segment[], level: number): Promise<void> {
    const batches: LoadedBatch[] = [];
    let unreadable = 0;
    for (const segment of group) {
      const bytes = await readFile(segment.path);
      for (const record of segment.records) {
        const decoded = decodeRecord(bytes, record.at);
        if (decoded !== null) batches.push(decoded.batch);
        else {
          unreadable += record.rows;
          await this.setAside(segment.path, record.at, bytes.subarray(record.at, record.at + record.bytes));
        }
      }
    }
    const { batches: left, dropped } = thin(batches, level);
    const first = group[0]!;
    const rewritten: Segment = {
      path: this.pathOf(first.number, level),
      number: first.number,
      level,
      bytes: FILE_HEAD.length,
      records: [],
    };
    const parts: Buffer[] = [FILE_HEAD];
    for (const batch of left) {
      const record = encodeRecord(batch);
      const { table, logName, rows, fields, tick } = batch;
      rewritten.records.push({
        table,
        logName,
        rows,
        fields,
        tick,
        at: rewritten.bytes,
        bytes: record.length,
        segment: rewritten,
      });
      rewritten.bytes += record.length;
      parts.push(record);
    }
    const temporary = `${rewritten.path}.tmp`;
    await writeFile(temporary, Buffer.concat(parts), { mode: 0o600 });
    await rename(temporary, rewritten.path);
    // The old files go after the new one is there: a crash in between leaves rows twice, and they count once.
    const index = this.segments.indexOf(first);
    this.segments.splice(index, group.length, rewritten);
    this.thinned += dropped + unreadable;
    for (const segment of group) await unlink(segment.path).catch(() => undefined);
  }

  private async recover(): Promise<RecoveryReport> {
    const report: RecoveryReport = { records: 0, rows: 0, tornBytes: 0, damagedBytes: 0 };
    const pattern = new RegExp(`^${this.prefix}-(\\d{10})-(\\d+)\\.spill$`);
    const found: { name: string; number: number; level: number }[] = [];
    for (const name of await readdir(this.dir)) {
      const match = pattern.exec(name);
      if (match) found.push({ name, number: Number(match[1]), level: Number(match[2]) });
      else if (name.startsWith(`${this.prefix}-`) && name.endsWith(".tmp")) await unlink(join(this.dir, name));
    }
    found.sort((a, b) => a.number - b.number || a.level - b.level);
    for (const [index, { name, number, level }] of found.entries()) {
      await this.recoverFile(join(this.dir, name), number, level, index === found.length - 1, report);
      this.nextNumber = number + 1;
    }
    return report;
  }

  private async recoverFile(path: string, number: number, level: number, newest: boolean, report: RecoveryReport): Promise<void> {
    const bytes = await readFile(path);
    const segment: Segment = { path, number, level, bytes: bytes.length, records: [] };
    let at = bytes.subarray(0, FILE_HEAD.length).equals(FILE_HEAD) ? FILE_HEAD.length : 0;
    while (at < bytes.length) {
      const record = decodeRecord(bytes, at);
      if (record !== null) {
        const { table, logName, rows, fields, tick } = record.batch;
        segment.records.push({ table, logName, rows, fields, tick, at, bytes: record.bytes, segment });
        report.records++;
        report.rows += rows;
        at += record.bytes;
        continue;
      }
      const next = this.nextWhole(bytes, at + 1);
      if (next < 0 && newest && !isWholeInLength(bytes, at)) {
        // The end of the newest file: a record whose writing a crash cut short.
        report.tornBytes += bytes.length - at;
        const file = await open(path, "r+");
        await file.truncate(at);
        await file.close();
        segment.bytes = at;
        break;
      }
      const end = next < 0 ? bytes.length : next;
      report.damagedBytes += end - at;
      await this.setAside(path, at, bytes.subarray(at, end));
      at = end;
    }
    if (segment.records.length > 0) this.segments.push(segment);
    else await unlink(path);
  }

  private nextWhole(bytes: Buffer, from: number): number {
    for (let at = findMark(bytes, from); at >= 0; at = findMark(bytes, at + 1)) if (decodeRecord(bytes, at) !== null) return at;
    return -1;
  }

  private async setAside(path: string, at: number, bytes: Buffer): Promise<void> {
    const dir = join(this.dir, DAMAGED_DIR);
    await mkdir(dir, { recursive: true });
    const name = `${path.slice(this.dir.length + 1)}.${at}`;
    await writeFile(join(dir, name), bytes, { mode: 0o600 });
  }
}

async function writeWhole(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, at + written);
    written += bytesWritten;
  }
}

async function syncDir(dir: string): Promise<void> {
  const handle = await open(dir, constants.O_RDONLY);
  try {
    await handle.sync();
  } catch {
    // Some file systems have no such thing for folders.
  } finally {
    await handle.close();
  }
}
