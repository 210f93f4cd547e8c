// The spill files: order, recovery after a crash at every byte, damage, thinning, budgets.
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eachRow, fieldKey } from "../copy/row-reader";
import { columnIndex, FILLS, MARKS } from "../tables";
import { fillBatch, markBatch, TEST_LOG } from "../testing/rows";
import { lockFolder } from "./folder-lock";
import { decodeRecord, encodeRecord, FILE_HEAD, type LoadedBatch } from "./record";
import { DamagedRecord, SpillLog } from "./spill-log";
import { thin } from "./thin";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "plimsoll-spill-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

/** Offsets of the fills in a batch. */
function offsets(batch: LoadedBatch): number[] {
  const found: number[] = [];
  const field = columnIndex(FILLS, "log_offset");
  eachRow(batch.payload, (row) =>
    found.push(Number(Buffer.from(fieldKey(batch.payload, row, field), "latin1").readBigInt64BE())),
  );
  return found;
}

/** Reads and drops everything. */
async function empty(log: SpillLog): Promise<number[]> {
  const found: number[] = [];
  for (let head = log.head(); head !== null; head = log.head()) {
    found.push(...offsets(await log.read(head)));
    log.dropHead(head);
  }
  return found;
}

const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i);
const spillFiles = async () => (await readdir(dir)).filter((name) => name.endsWith(".spill")).sort();

describe("a spill queue", () => {
  it("gives back what was put in, in order, over many files and a restart", async () => {
    const { log } = await SpillLog.open(dir, "journal", 2000);
    for (let i = 0; i < 10; i++) await log.append([fillBatch(i * 10, 5), fillBatch(i * 10 + 5, 5)]);
    expect((await spillFiles()).length).toBeGreaterThan(3);
    expect(log.rows).toBe(100);
    await log.close();

    const { log: again, report } = await SpillLog.open(dir, "journal", 2000);
    expect(report).toEqual({ records: 20, rows: 100, tornBytes: 0, damagedBytes: 0 });
    await again.append([fillBatch(100, 5)]);
    expect(await empty(again)).toEqual(upTo(105));
    await again.trim();
    await again.close();
    expect(await spillFiles()).toEqual([]);
  });

  it("keeps the log's name, the width and the tick of a batch", async () => {
    const { log } = await SpillLog.open(dir, "journal");
    await log.append([fillBatch(7, 2)]);
    const batch = await log.read(log.head()!);
    expect(batch).toMatchObject({ logName: TEST_LOG, rows: 2, fields: FILLS.columns.length, tick: 7, table: FILLS });
    await log.close();
  });

  it("removes files as they are emptied, and hands a dropped head out no more", async () => {
    const { log } = await SpillLog.open(dir, "journal", 1000);
    for (let i = 0; i < 8; i++) await log.append([fillBatch(i, 1)]);
    const before = (await spillFiles()).length;
    for (let i = 0; i < 5; i++) log.dropHead(log.head()!);
    await log.sync();
    expect((await spillFiles()).length).toBeLessThan(before);
    expect(await empty(log)).toEqual([5, 6, 7]);
    await log.close();
  });

  it("is cut back to its last whole record after a crash at any byte of the last one", async () => {
    const { log } = await SpillLog.open(dir, "journal");
    await log.append([fillBatch(0, 2), fillBatch(2, 2)]);
    await log.close();
    const [name] = await spillFiles();
    const whole = await readFile(join(dir, name!));
    const first = FILE_HEAD.length + decodeRecord(whole, FILE_HEAD.length)!.bytes;
    for (let cut = first; cut < whole.length; cut++) {
      await writeFile(join(dir, name!), whole.subarray(0, cut));
      const { log: again, report } = await SpillLog.open(dir, "journal");
      expect(report).toEqual({ records: 1, rows: 2, tornBytes: cut - first, damagedBytes: 0 });
      expect((await readFile(join(dir, name!))).length).toBe(first);
      await again.close();
    }
  });

  it("takes no record with a flipped bit; the others are saved and the damage is kept", async () => {
    const { log } = await SpillLog.open(dir, "journal");
    await log.append([fillBatch(0, 2), fillBatch(2, 2), fillBatch(4, 2)]);
    await log.close();
    const [name] = await spillFiles();
    const whole = await readFile(join(dir, name!));
    const begin = FILE_HEAD.length + decodeRecord(whole, FILE_HEAD.length)!.bytes;
    const end = begin + decodeRecord(whole, begin)!.bytes;
    for (let at = begin; at < end; at += 3) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 1 << (at % 8);
      await writeFile(join(dir, name!), damaged);
      const { log: again, report } = await SpillLog.open(dir, "journal");
      expect(report).toEqual({ records: 2, rows: 4, tornBytes: 0, damagedBytes: end - begin });
      const rest: number[] = [];
      for (const record of [again.head()!]) rest.push(...offsets(await again.read(record)));
      expect(rest).toEqual([0, 1]);
      await again.close();
    }
    expect((await readFile(join(dir, "damaged", `${name}.${begin}`))).length).toBe(end - begin);
  });

  it("keeps a damaged last record too, where it was not cut short", async () => {
    const { log } = await SpillLog.open(dir, "journal");
    await log.append([fillBatch(0, 2)]);
    await log.close();
    const [name] = await spillFiles();
    const damaged = await readFile(join(dir, name!));
    damaged[damaged.length - 1]! ^= 1;
    await writeFile(join(dir, name!), damaged);
    const { report } = await SpillLog.open(dir, "journal");
    expect(report).toEqual({ records: 0, rows: 0, tornBytes: 0, damagedBytes: damaged.length - FILE_HEAD.length });
    expect(await readdir(join(dir, "damaged"))).toHaveLength(1);
  });

  it("keeps of a record that was cut short after it was written what is there of it, and nothing else", async () => {
    const { log } = await SpillLog.open(dir, "journal");
    await log.append([fillBatch(0, 2)]);
    const path = join(dir, (await spillFiles())[0]!);
    const whole = await readFile(path);
    await truncate(path, whole.length - 10);
    const error = await log.read(log.head()!).catch((failure: unknown) => failure);
    expect(error).toBeInstanceOf(DamagedRecord);
    expect((error as DamagedRecord).bytes).toEqual(whole.subarray(FILE_HEAD.length, -10));
    await log.close();
  });

  it("goes on in a new file after a failed append, and nothing of that append is in it", async () => {
    const { log } = await SpillLog.open(dir, "journal");
    await log.append([fillBatch(0, 2)]);
    const bad = { ...fillBatch(2, 2), logName: null as unknown as string };
    await expect(log.append([fillBatch(50, 2), bad])).rejects.toThrow();
    await log.append([fillBatch(2, 2)]);
    await log.close();
    const { log: again, report } = await SpillLog.open(dir, "journal");
    expect(report).toMatchObject({ rows: 4, tornBytes: 0, damagedBytes: 0 });
    expect(await empty(again)).toEqual([0, 1, 2, 3]);
    await again.close();
  });

  it("leaves the files of other queues in the folder alone", async () => {
    const { log: journal } = await SpillLog.open(dir, "journal");
    const { log: samples } = await SpillLog.open(dir, "samples");
    await journal.append([fillBatch(0, 1)]);
    await samples.append([markBatch(0, [1])]);
    await journal.close();
    await samples.close();
    const { report } = await SpillLog.open(dir, "samples");
    expect(report.records).toBe(1);
  });

  it("says so when the folder cannot be used", async () => {
    await writeFile(join(dir, "file"), "");
    await expect(SpillLog.open(join(dir, "file"), "journal")).rejects.toMatchObject({ code: "STORE_SPILL_UNUSABLE" });
  });

  it("reads a record of fewer columns, as an older version wrote it", () => {
    const batch = fillBatch(3, 1);
    const narrow = { ...batch, fields: 1, payload: Buffer.from("0001000000020000", "hex") };
    expect(decodeRecord(encodeRecord(narrow), 0)!.batch).toMatchObject({ fields: 1, rows: 1 });
  });

  it("refuses a record whose head and rows disagree", () => {
    const batch = fillBatch(3, 2);
    expect(decodeRecord(encodeRecord({ ...batch, rows: 3 }), 0)).toBeNull();
    expect(decodeRecord(encodeRecord({ ...batch, fields: 3 }), 0)).toBeNull();
  });
});

describe("thinning", () => {
  /** tick → instruments that still have a sample of it. */
  function kept(batches: readonly LoadedBatch[]): Record<number, number[]> {
    const found: Record<number, number[]> = {};
    const field = columnIndex(MARKS, "instrument_id");
    for (const batch of batches) {
      eachRow(batch.payload, (row) => {
        (found[batch.tick] ??= []).push(Buffer.from(fieldKey(batch.payload, row, field), "latin1").readInt32BE());
      });
    }
    return found;
  }

  it("keeps the newest sample of each instrument in a window", () => {
    const batches = [markBatch(0, [1, 2, 3]), markBatch(1, [1, 2]), markBatch(2, [1]), markBatch(3, [1, 3])];
    const { batches: left, dropped } = thin(batches, 1);
    expect(kept(left)).toEqual({ 0: [3], 1: [1, 2], 3: [1, 3] });
    expect(dropped).toBe(3);
  });

  it("drops nothing where every window has one sample", () => {
    const { batches, dropped } = thin([markBatch(0, [1]), markBatch(2, [1]), markBatch(4, [2])], 1);
    expect(batches).toHaveLength(3);
    expect(dropped).toBe(0);
  });

  it("keeps all rows an account has in the tick that stays", () => {
    // Two rows of one key in one tick stand for an account's positions.
    const { batches, dropped } = thin([markBatch(0, [1, 1]), markBatch(1, [1, 1])], 1);
    expect(kept(batches)).toEqual({ 1: [1, 1] });
    expect(dropped).toBe(2);
  });

  it("never thins fills", () => {
    const batches = [fillBatch(0, 3), fillBatch(1, 3)];
    expect(thin(batches, 12)).toEqual({ batches, dropped: 0 });
  });

  it("of the oldest files halves a queue again and again, counts what goes, and keeps the newest of each", async () => {
    const { log } = await SpillLog.open(dir, "samples", 1500);
    for (let tick = 0; tick < 256; tick++) await log.append([markBatch(tick, [1, 2])]);
    const before = log.bytes;
    const rows = log.rows;
    while (log.bytes > before / 4) expect(await log.thinOldest()).toBe(true);
    const gone = log.rowsThinned;
    expect(log.rows).toBe(rows - gone);
    await log.close();

    const { log: again, report } = await SpillLog.open(dir, "samples", 1500);
    expect(report).toMatchObject({ rows: rows - gone, tornBytes: 0, damagedBytes: 0 });
    const ticks: number[] = [];
    for (let head = again.head(); head !== null; head = again.head()) {
      ticks.push((await again.read(head)).tick);
      again.dropHead(head);
    }
    expect(ticks).toEqual([...ticks].sort((a, b) => a - b));
    expect(ticks.at(-1)).toBe(255);
    expect(ticks[0]).toBe(0);
    await again.close();
  });

  it("comes to an end: what cannot be thinned further goes, but for the head and the newest", async () => {
    const { log } = await SpillLog.open(dir, "samples", 300);
    for (let tick = 0; tick < 20; tick++) await log.append([markBatch(tick * 10_000, [1])]);
    let steps = 0;
    while (await log.thinOldest()) expect(++steps).toBeLessThan(1000);
    expect(log.records).toBeGreaterThan(0);
    await log.close();
  });
});

describe("the folder's lock", () => {
  it("keeps a second engine out, names the first, and gives way when it has ended", async () => {
    await writeFile(join(dir, "lock"), "1\n"); // process 1 always runs
    await expect(lockFolder(dir)).rejects.toMatchObject({
      code: "STORE_SPILL_LOCKED",
      message: expect.stringContaining("process id 1"),
    });
    await writeFile(join(dir, "lock"), "4194304999\n"); // above every process id there can be
    const unlock = await lockFolder(dir);
    await unlock();
    const again = await lockFolder(dir);
    await again();
    expect(await readdir(dir)).toEqual([]);
  });
});
