// A lane with a scripted database: order, retries, the way over the disk, bounds, barriers, stopping.
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { eachRow, fieldKey } from "./copy/row-reader";
import type { Batch, BatchWriter, WriteResult } from "./database";
import { backoffMs } from "./deadline";
import { Lane, type LaneOptions } from "./lane";
import { SpillLog } from "./spill/spill-log";
import { columnIndex, FILLS, MARKS } from "./tables";
import { fillBatch, markBatch } from "./testing/rows";

/** Fails as it is told, and remembers the offsets (fills) or ticks (marks) it took; a double counts once. */
class ScriptedDatabase implements BatchWriter {
  readonly rows: number[] = [];
  doubles = 0;
  attempts = 0;
  /** Decides what happens to an attempt. "lost": committed, but the reply is lost. */
  answer: (attempt: number, batch: Batch) => "ok" | "lost" | "hang" | Error = () => "ok";
  private readonly seen = new Set<string>();
  private release: (() => void) | null = null;

  async write(batch: Batch, payload: Buffer): Promise<WriteResult> {
    const answer = this.answer(++this.attempts, batch);
    if (answer === "hang") {
      await new Promise<void>((resolve) => {
        this.release = resolve;
      });
      throw new Error("connection lost");
    }
    await new Promise((resolve) => setImmediate(resolve));
    if (answer instanceof Error) throw answer;
    let inserted = 0;
    const field = columnIndex(batch.table, batch.table === FILLS ? "log_offset" : "instrument_id");
    eachRow(payload, (row) => {
      const bytes = Buffer.from(fieldKey(payload, row, field), "latin1");
      const value = batch.table === FILLS ? Number(bytes.readBigInt64BE()) : batch.tick;
      const key = `${batch.table.name} ${batch.table === FILLS ? "" : bytes.toString("hex")} ${value}`;
      if (this.seen.has(key)) return;
      this.seen.add(key);
      this.rows.push(value);
      inserted++;
    });
    this.doubles += batch.rows - inserted;
    if (answer === "lost") throw new Error("connection lost after commit");
    return { inserted, doubles: batch.rows - inserted };
  }

  async close(): Promise<void> {
    this.release?.();
  }
}

const AWAY = Object.assign(new Error("connection refused"), { code: "ECONNREFUSED" });
const REFUSED = Object.assign(new Error("a trigger says no"), { code: "P0001" });

let dir: string;
const lanes: Lane[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "plimsoll-lane-"));
});
afterEach(async () => {
  for (const lane of lanes.splice(0)) await lane.stop(2000).catch(() => undefined);
  await rm(dir, { recursive: true, force: true });
});

async function lane(database: BatchWriter, options: Partial<LaneOptions> = {}) {
  const name = options.name ?? "journal";
  const { log: spill, report } = await SpillLog.open(dir, name, 4000);
  const refused: number[] = [];
  const made = new Lane({
    name,
    writer: database,
    spill,
    refuse: async (batch) => {
      refused.push(batch.rows);
    },
    queueBytesMax: 100_000,
    spillBytesMax: 10_000_000,
    random: () => 0,
    log: () => {},
    onFatal: (error) => {
      throw error;
    },
    ...options,
  });
  made.start();
  lanes.push(made);
  return { lane: made, spill, refused, report };
}

async function until(condition: () => boolean | Promise<boolean>, what = "condition"): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`timed out: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);
const spillFiles = async () => (await readdir(dir)).filter((name) => name.endsWith(".spill"));

describe("while the database takes rows", () => {
  it("they go in as they come, and nothing touches the disk", async () => {
    const database = new ScriptedDatabase();
    const { lane: journal } = await lane(database);
    expect(journal.state()).toBe("starting");
    for (let i = 0; i < 20; i++) journal.push(fillBatch(i * 5, 5));
    await until(() => database.rows.length === 100);
    expect(database.rows).toEqual(upTo(100));
    expect(journal.state()).toBe("connected");
    expect(journal.counts()).toMatchObject({ rowsWritten: 100, rowsQueued: 0, memoryBytes: 0, spillBytes: 0 });
    expect(await spillFiles()).toEqual([]);
  });

  it("one that is behind gets the rest over the disk, in order", async () => {
    const database = new ScriptedDatabase();
    const { lane: journal } = await lane(database, { queueBytesMax: 8000 });
    for (let i = 0; i < 100; i++) {
      await until(() => journal.hasRoom(), "room");
      journal.push(fillBatch(i * 5, 5));
    }
    await until(() => database.rows.length === 500);
    expect(database.rows).toEqual(upTo(500));
    expect(database.doubles).toBe(0);
    expect(journal.counts().rowsSpilled).toBeGreaterThan(0);
    await until(() => journal.counts().spillBytes === 0);
  });
});

describe("while the database is away", () => {
  it("rows go to disk, and come back in order when it is there again", async () => {
    const database = new ScriptedDatabase();
    database.answer = () => AWAY;
    const { lane: journal } = await lane(database);
    for (let i = 0; i < 30; i++) {
      journal.push(fillBatch(i * 5, 5));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await until(() => journal.counts().memoryBytes === 0, "all on disk");
    expect(journal.state()).toBe("away");
    expect(journal.counts()).toMatchObject({ rowsQueued: 150, rowsDropped: 0, rowsWritten: 0 });
    database.answer = () => "ok";
    await until(() => database.rows.length === 150);
    expect(database.rows).toEqual(upTo(150));
    await until(() => journal.state() === "connected");
    await until(async () => (await spillFiles()).length === 0, "spill files gone");
  });

  it("a commit whose reply is lost does not double its rows", async () => {
    const database = new ScriptedDatabase();
    database.answer = (attempt) => (attempt % 2 === 1 ? "lost" : "ok");
    const { lane: journal } = await lane(database);
    for (let i = 0; i < 10; i++) journal.push(fillBatch(i * 5, 5));
    await until(() => journal.counts().rowsQueued === 0);
    expect(database.rows).toEqual(upTo(50));
    expect(database.doubles).toBe(50);
    expect(journal.counts()).toMatchObject({ rowsWritten: 0, rowsDoubled: 50 });
  });

  it("and what was on disk when the engine ended comes first at the next start", async () => {
    const away = new ScriptedDatabase();
    away.answer = () => AWAY;
    const first = await lane(away);
    for (let i = 0; i < 10; i++) first.lane.push(fillBatch(i * 5, 5));
    await first.lane.stop(500);
    lanes.pop();
    expect(first.lane.counts()).toMatchObject({ rowsQueued: 50, memoryBytes: 0 });

    const database = new ScriptedDatabase();
    const second = await lane(database);
    expect(second.report).toMatchObject({ rows: 50, tornBytes: 0 });
    second.lane.push(fillBatch(50, 5));
    await until(() => database.rows.length === 55);
    expect(database.rows).toEqual(upTo(55));
  });

  it("the journal stops taking rows when memory and disk are full, and loses none", async () => {
    const database = new ScriptedDatabase();
    database.answer = () => AWAY;
    const { lane: journal } = await lane(database, { queueBytesMax: 6000, spillBytesMax: 6000 });
    let pushed = 0;
    for (let i = 0; i < 200 && pushed < 10_000; i++) {
      if (journal.hasRoom()) journal.push(fillBatch((pushed += 5) - 5, 5));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(journal.hasRoom()).toBe(false);
    expect(journal.state()).toBe("blocked");
    const { memoryBytes, spillBytes, rowsQueued, rowsDropped } = journal.counts();
    // One batch may cross each bound.
    expect(memoryBytes).toBeLessThan(6000 + 2000);
    expect(spillBytes).toBeLessThan(6000 + 6000 + 2000);
    expect([rowsQueued, rowsDropped]).toEqual([pushed, 0]);
    database.answer = () => "ok";
    await until(() => database.rows.length === pushed);
    expect(database.rows).toEqual(upTo(pushed));
  });

  it("samples beyond their disk budget are thinned, the oldest first, and counted", async () => {
    const database = new ScriptedDatabase();
    database.answer = () => AWAY;
    const { lane: samples } = await lane(database, { name: "samples", spillBytesMax: 30_000 });
    const ticks = 600;
    for (let tick = 0; tick < ticks; tick++) {
      samples.push(markBatch(tick, [1, 2]));
      if (tick % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await until(() => samples.counts().memoryBytes === 0);
    await until(() => samples.counts().spillBytes <= 30_000, "thinned");
    expect(samples.hasRoom()).toBe(true);
    const { rowsThinned, rowsQueued } = samples.counts();
    expect(rowsThinned).toBeGreaterThan(0);
    expect(rowsThinned + rowsQueued).toBe(2 * ticks);
    database.answer = () => "ok";
    await until(() => samples.counts().rowsQueued === 0);
    expect(database.rows.length).toBe(2 * ticks - rowsThinned);
    // The newest are all there, the oldest are not.
    const count = (from: number, to: number) => database.rows.filter((tick) => tick >= from && tick < to).length;
    expect(count(ticks - 10, ticks)).toBe(20);
    expect(count(20, 120)).toBeLessThan(200);
    expect(database.rows.at(-1)).toBe(ticks - 1);
  });
});

describe("rows the database refuses for what they hold", () => {
  it("are put aside one by one; the others of their batch go in", async () => {
    const database = new ScriptedDatabase();
    const bad = new Set([7, 23]);
    const { lane: journal, refused } = await lane({
      async write(batch, payload) {
        const found: number[] = [];
        const field = columnIndex(FILLS, "log_offset");
        eachRow(payload, (row) => found.push(Number(Buffer.from(fieldKey(payload, row, field), "latin1").readBigInt64BE())));
        if (found.some((offset) => bad.has(offset))) throw REFUSED;
        return database.write(batch, payload);
      },
      close: () => database.close(),
    });
    journal.push(fillBatch(0, 10));
    journal.push(fillBatch(10, 10));
    journal.push(fillBatch(20, 10));
    await until(() => journal.counts().rowsQueued === 0);
    expect(database.rows).toEqual(upTo(30).filter((offset) => !bad.has(offset)));
    expect(refused).toEqual([1, 1]);
    expect(journal.counts()).toMatchObject({ rowsRefused: 2, rowsWritten: 28, rowsDropped: 0 });
  });
});

describe("a record that was damaged on disk after it was written", () => {
  it("is set aside and counted; the others go in", async () => {
    const database = new ScriptedDatabase();
    database.answer = () => AWAY;
    const { lane: journal } = await lane(database);
    for (let i = 0; i < 3; i++) {
      journal.push(fillBatch(i * 5, 5));
      await until(() => journal.counts().memoryBytes === 0, "on disk");
    }
    const [name] = await spillFiles();
    const bytes = await readFile(join(dir, name!));
    bytes[Math.floor(bytes.length / 2)]! ^= 1;
    await writeFile(join(dir, name!), bytes);
    database.answer = () => "ok";
    await until(() => journal.counts().rowsQueued === 0);
    expect(database.rows).toEqual([0, 1, 2, 3, 4, 10, 11, 12, 13, 14]);
    expect(journal.counts()).toMatchObject({ rowsRefused: 5, rowsWritten: 10, rowsDropped: 0 });
    expect(await readdir(join(dir, "damaged"))).toHaveLength(1);
  });
});

describe("a barrier", () => {
  it("is passed when the rows before it are committed", async () => {
    const database = new ScriptedDatabase();
    const { lane: journal } = await lane(database);
    journal.push(fillBatch(0, 5));
    await journal.barrier();
    expect(database.rows).toEqual(upTo(5));
    await journal.barrier();
  });

  it("is passed over the disk where the database does not answer", async () => {
    const database = new ScriptedDatabase();
    database.answer = () => "hang";
    const { lane: journal, spill } = await lane(database);
    journal.push(fillBatch(0, 5));
    await journal.barrier();
    expect(spill.rows).toBe(5);
    journal.push(fillBatch(5, 5));
    await journal.barrier();
    expect(spill.rows).toBe(10);
  });
});

describe("stopping", () => {
  it("writes what waits", async () => {
    const database = new ScriptedDatabase();
    const { lane: journal } = await lane(database);
    for (let i = 0; i < 50; i++) journal.push(fillBatch(i * 5, 5));
    await journal.stop(5000);
    expect(database.rows).toEqual(upTo(250));
    expect(await spillFiles()).toEqual([]);
  });

  it("puts on disk what a database that hangs does not take, within its deadline", async () => {
    const database = new ScriptedDatabase();
    database.answer = (attempt) => (attempt > 3 ? "hang" : "ok");
    const { lane: journal } = await lane(database);
    for (let i = 0; i < 10; i++) journal.push(fillBatch(i * 5, 5));
    await journal.stop(800);
    const { report } = await SpillLog.open(dir, "journal");
    expect(database.rows).toEqual(upTo(15));
    expect(report.rows).toBe(35);
  });
});

describe("whatever the database does", () => {
  it("every row is there once in the end, in order", async () => {
    const action = fc.constantFrom("ok", "lost", "away", "ok", "ok");
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ rows: fc.integer({ min: 1, max: 8 }), pause: fc.integer({ min: 0, max: 3 }) }), {
          minLength: 1,
          maxLength: 40,
        }),
        fc.array(action, { maxLength: 30 }),
        fc.integer({ min: 2500, max: 20_000 }),
        async (pushes, answers, queueBytesMax) => {
          await rm(dir, { recursive: true, force: true });
          const database = new ScriptedDatabase();
          database.answer = (attempt) => {
            const answer = answers[attempt - 1] ?? "ok";
            return answer === "away" ? AWAY : (answer as "ok" | "lost");
          };
          const { lane: journal } = await lane(database, { queueBytesMax });
          let offset = 0;
          for (const { rows, pause } of pushes) {
            journal.push(fillBatch(offset, rows));
            offset += rows;
            if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
          }
          await until(() => journal.counts().rowsQueued === 0, "all rows written");
          expect(database.rows).toEqual(upTo(offset));
          await until(() => journal.counts().memoryBytes === 0, "memory empty");
          if (!answers.includes("lost")) expect(database.doubles).toBe(0);
          await journal.stop(1000);
          lanes.pop();
          expect(await spillFiles()).toEqual([]);
        },
      ),
      { numRuns: 20 },
    );
  }, 60_000);
});

describe("waiting between attempts", () => {
  it("doubles up to its bound, with jitter in the upper half", () => {
    for (const [failures, low, high] of [
      [1, 25, 50],
      [2, 50, 100],
      [8, 2500, 5000],
      [100, 2500, 5000],
    ] as const) {
      expect(backoffMs(failures, 50, 5000, 0)).toBe(low);
      expect(backoffMs(failures, 50, 5000, 0.999_999)).toBeCloseTo(high, 1);
    }
  });
});

// The tables are what thinning and the tests above rest on.
it("samples say what they are thinned by, the journal does not", () => {
  expect(MARKS.thinBy).toBe("instrument_id");
  expect(FILLS.thinBy).toBeUndefined();
});
