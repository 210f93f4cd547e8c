// Trial: between two lives of the engine its snapshots are damaged, every region of a file in turn, and the log is cut off. The
// newest snapshot that is whole is used, it is said which were not, and the ledgers are the twin's; without a snapshot they are
// rebuilt from the log's beginning; where that is gone the engine stops and says what is missing.
import { appendFile, cp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { SnapshotHeader } from "../../../src/shards/snapshot/format";
import { Prng } from "../../../src/sim/prng";
import { until, whenReady } from "../../support/engine-process";
import { withAdmin } from "../../support/kafka";
import { examine } from "../support/outcome";
import { type Planted, tryPlanted } from "../support/planted";
import { type LongForm, openStage, pause, printReport, type Report, type Say, type TrialOptions } from "../support/stage";
import { Traffic } from "../support/traffic";
import { TrialEngine } from "../support/trial-engine";

/** Of each start, so many damages are looked at. */
const PARTITIONS = 8;
/** Of a snapshot file: magic, bytes of the header, its checksum. */
const PREFIX_BYTES = 16;

export interface DamageOptions {
  seed: number;
  dist?: string;
  /** Left out, a part: `regions` the newest snapshot, everywhere; `older` also those before it; `log` the log's beginning. */
  parts?: readonly ("regions" | "older" | "log")[];
}

interface Region {
  name: string;
  from: number;
  to: number;
}

/** What a snapshot file consists of. */
function regionsOf(file: Buffer): Region[] {
  const bodyAt = PREFIX_BYTES + file.readUInt32LE(8);
  const header = JSON.parse(file.toString("utf8", PREFIX_BYTES, bodyAt)) as SnapshotHeader;
  const regions: Region[] = [
    { name: "magic", from: 0, to: 8 },
    { name: "length of the header", from: 8, to: 12 },
    { name: "checksum of the header", from: 12, to: PREFIX_BYTES },
  ];
  // The header, field by field: where each name stands, up to the next one.
  const text = file.toString("latin1", PREFIX_BYTES, bodyAt);
  const names = Object.keys(header);
  for (const [i, name] of names.entries()) {
    const next = names[i + 1];
    const to = next === undefined ? text.length : text.indexOf(`"${next}":`);
    regions.push({ name: `header, ${name}`, from: PREFIX_BYTES + text.indexOf(`"${name}":`), to: PREFIX_BYTES + to });
  }
  let at = bodyAt;
  for (const { name, bytes } of header.sections) {
    if (bytes > 0) regions.push({ name: `section ${name}`, from: at, to: at + bytes });
    at += bytes;
  }
  return regions;
}

interface Damage {
  name: string;
  make(file: string): Promise<void>;
}

/** Every region with one bit changed, and the file as a whole: cut off anywhere, too long, gone. */
async function damagesOf(file: string, prng: Prng): Promise<Damage[]> {
  const bytes = await readFile(file);
  const flips = regionsOf(bytes).map(({ name, from, to }) => ({
    name: `a bit of the ${name}`,
    make: async (path: string) => {
      const damaged = await readFile(path);
      // Files of other partitions are laid out alike, and are as long or longer in places: the region is looked for in each.
      const region = regionsOf(damaged).find((each) => each.name === name) ?? { from, to: Math.min(to, damaged.length) };
      damaged[region.from + prng.below(region.to - region.from)] ^= 1 << prng.below(8);
      await writeFile(path, damaged);
    },
  }));
  const cut = (name: string, length: (whole: number) => number): Damage => ({
    name,
    make: async (path) => truncate(path, length((await readFile(path)).length)),
  });
  return [
    ...flips,
    cut("empty", () => 0),
    cut("cut off in its first bytes", () => 1 + prng.below(PREFIX_BYTES - 1)),
    cut("cut off anywhere", (whole) => PREFIX_BYTES + prng.below(whole - PREFIX_BYTES)),
    cut("its last byte missing", (whole) => whole - 1),
    { name: "a byte too many", make: (path) => appendFile(path, Buffer.of(prng.below(256))) },
    { name: "gone", make: (path) => rm(path) },
  ];
}

/** The snapshots of all partitions, newest first. */
async function snapshotFiles(folder: string): Promise<string[][]> {
  const [log] = await readdir(folder);
  const files: string[][] = [];
  for (const partition of (await readdir(join(folder, log))).sort()) {
    const names = (await readdir(join(folder, log, partition))).filter((name) => name.endsWith(".snap")).sort();
    files.push(names.reverse().map((name) => join(folder, log, partition, name)));
  }
  return files;
}

/** Offsets that each manifest names. */
async function manifests(folder: string): Promise<number[][]> {
  const [log] = await readdir(folder);
  const all: number[][] = [];
  for (const partition of (await readdir(join(folder, log))).sort()) {
    const text = await readFile(join(folder, log, partition, "manifest.json"), "utf8");
    all.push((JSON.parse(text) as { snapshots: { nextOffset: number }[] }).snapshots.map((each) => each.nextOffset));
  }
  return all;
}

const offsetOf = (file: string) => Number(/(\d{20})\.snap$/.exec(file)?.[1]);
const countOf = (text: string, what: string) => text.split(what).length - 1;

export async function damageTrial(options: DamageOptions, say: Say = () => undefined): Promise<Report> {
  const { seed, dist, parts = ["regions", "older", "log"] } = options;
  const prng = Prng.seeded(seed, 31);
  const stage = await openStage(PARTITIONS);
  const tried: string[] = [];
  const found: string[] = [];
  const engineWith = (...set: string[]) => new TrialEngine({ ...stage, name: "a", dist, set });
  const writing = engineWith("snapshot.intervalMs=300");
  // Makes none of its own while it is looked at.
  const engine = engineWith("snapshot.intervalMs=600000");
  const snapshots = join(stage.dir, "data", "snapshots");
  const saved = join(stage.dir, "saved");
  const note = (line: string) => {
    tried.push(line);
    say(line);
  };
  let traffic: Traffic | undefined;
  let last = "";
  try {
    traffic = await Traffic.start({ ...stage, seed, accounts: 200, tradesPerSecond: 150, walkers: 4, damagedPerSecond: 2 });
    await writing.start();
    await until(
      "three snapshots of every shard",
      async () => {
        const all = await manifests(snapshots).catch(() => []);
        return all.length === PARTITIONS && all.every((offsets) => offsets.length === 3 && offsets[2] > 0);
      },
      30_000,
    );
    await writing.kill();
    // More that only the log has.
    await pause(700);
    await cp(snapshots, saved, { recursive: true });
    // One that was being made when the engine was killed: it has its name and does not count.
    const counted = await manifests(saved);
    for (const [i, files] of (await snapshotFiles(saved)).entries())
      for (const file of files) if (!counted[i].includes(offsetOf(file))) await rm(file);

    const restore = async () => {
      await rm(snapshots, { recursive: true, force: true });
      await cp(saved, snapshots, { recursive: true });
      return snapshotFiles(snapshots);
    };
    /** Starts the engine on what lies there, sees what it says of it, and compares everything with the twin's. */
    const expectUse = async (what: string, unused: number, older: number, rebuilt: number) => {
      const command = engine.launch();
      try {
        const running = await whenReady(command);
        await until("the shards run", async () => (await running.get<{ ready: boolean }>("/api/v1/platform")).ready, 30_000);
        // The first life goes on under load; all others find the same log.
        await traffic?.stop();
        const { findings, compared } = await examine({ ...stage, engines: [running], traffic, timeoutMs: 30_000 });
        found.push(...findings.map((finding) => `${what}: ${finding}`));
        last = compared;
      } catch (error) {
        found.push(`${what}: the engine does not serve: ${(error as Error).message.split("\n")[0]}`);
      }
      await engine.kill();
      const { stderr } = command;
      const said = [
        countOf(stderr, ".snap is not used"),
        countOf(stderr, "goes on from an older snapshot"),
        countOf(stderr, "rebuilt from the log's beginning"),
      ];
      if (said.join() !== [unused, older, rebuilt].join())
        found.push(
          `${what}: ${said[0]} snapshots said not to be used, ${said[1]} shards on an older one, ${said[2]} rebuilt; ` +
            `expected ${unused}, ${older}, ${rebuilt}: ${stderr.trim().split("\n").slice(-4).join(" | ")}`,
        );
    };
    /** Starts an engine that cannot go on, and answers what it says. */
    const refusal = async () => {
      const command = engine.launch();
      const ended = await Promise.race([command.finished, pause(60_000).then(() => null)]);
      return { code: ended?.code ?? null, text: command.stderr };
    };

    if (parts.includes("regions")) {
      const damages = await damagesOf((await snapshotFiles(saved))[0][0], prng);
      for (let at = 0; at < damages.length; at += PARTITIONS) {
        const now = damages.slice(at, at + PARTITIONS);
        const files = await restore();
        for (const [partition, damage] of now.entries()) await damage.make(files[partition][0]);
        await expectUse(`newest snapshots: ${now.map(({ name }) => name).join("; ")}`, now.length, now.length, 0);
      }
      note(
        `the newest snapshot damaged in ${damages.length} ways, the one before it used each time: ${damages.map(({ name }) => name).join("; ")}`,
      );
      await restore();
      const [log] = await readdir(snapshots);
      const names = (await readdir(join(snapshots, log))).sort();
      const manifest = (partition: number) => join(snapshots, log, names[partition], "manifest.json");
      const text = await readFile(manifest(0));
      text[prng.below(text.length - 1)] ^= 1;
      await writeFile(manifest(0), text);
      await truncate(manifest(1), 20);
      await truncate(manifest(2), 0);
      await rm(manifest(3));
      await expectUse("manifests damaged", 0, 0, 0);
      note("manifests with a bit changed, cut off, empty, gone: the newest snapshot in the folder used");
    }

    if (parts.includes("older")) {
      for (const damaged of [2, 3]) {
        for (const files of await restore()) {
          const damages = await damagesOf(files[0], prng);
          for (const file of files.slice(0, damaged)) await damages[prng.below(damages.length)].make(file);
        }
        const lost = damaged === 3 ? PARTITIONS : 0;
        await expectUse(`the last ${damaged} damaged`, damaged * PARTITIONS, PARTITIONS - lost, lost);
        const used = damaged === 3 ? "rebuilt from the log's beginning" : "the third one used";
        note(`the last ${damaged} snapshots of every shard damaged: ${used}`);
        if (damaged === 3) note(last);
      }
    }

    if (parts.includes("log")) {
      const files = await restore();
      const { brokers } = stage;
      const topic = `${stage.prefix}accounts`;
      // The log's beginning is gone up to the newest snapshot, and that snapshot is not whole.
      const cut = offsetOf(files[0][0]);
      for (const file of files[0]) await truncate(file, 1000);
      await deleteBelow(brokers, topic, cut);
      const missing = await refusal();
      if (missing.code !== 1 || !/SNAPSHOT_MISSING: \S*accounts\/0 begins at offset \d+/.test(missing.text))
        found.push(`without snapshot and beginning the engine ended with ${missing.code}: ${missing.text.slice(-400)}`);
      else note(`no snapshot and no beginning: ${lastLine(missing.text)}`);
      // And beyond it: what was deleted was never applied.
      await restore();
      await deleteBelow(brokers, topic, cut + 1);
      const gone = await refusal();
      const expected = `KAFKA_OFFSET_OUT_OF_RANGE: \\S*accounts/0: next offset is ${cut} but the log holds ${cut + 1} to`;
      if (gone.code !== 1 || !new RegExp(expected).test(gone.text))
        found.push(`with a log cut off below its position the engine ended with ${gone.code}: ${gone.text.slice(-400)}`);
      else note(`a log cut off below our position: ${lastLine(gone.text)}`);
    }
    return { tried: [`seed ${seed}`, ...tried], found };
  } finally {
    await traffic?.stop().catch(() => undefined);
    await writing.kill();
    await engine.kill();
    await stage.close();
  }
}

/** Deletes the beginning of partition 0. */
async function deleteBelow(brokers: string, topic: string, offset: number): Promise<void> {
  await withAdmin(brokers, async (admin) => {
    // Its client asks only brokers that it has heard of the topic from.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
  });
}

const lastLine = (text: string) => text.trim().split("\n").at(-1) ?? "";

/** Bugs that this trial must find, and the part that brings each out. */
const PLANTED: readonly (Planted & Required<Pick<DamageOptions, "parts">>)[] = [
  {
    what: "the search ends at the first snapshot that cannot be used",
    file: "src/engine/shard-set.ts",
    from: "      if (snapshot === null) continue;\n",
    to: "      if (snapshot === null) break;\n",
    finds: /said not to be used/,
    parts: ["older"],
  },
  {
    what: "the checksums of a snapshot's blocks are not looked at",
    file: "src/shards/snapshot/format.ts",
    from: "if (crc32(file.subarray(from, to)) !== header.blocks[block])",
    to: "if (crc32(file.subarray(from, to)) !== header.blocks[block] && block < 0)",
    // What the state hash covers is found by it all the same; a counter or a contract is not.
    finds: /said not to be used|does not serve/,
    parts: ["regions"],
  },
  {
    what: "the checksum of a snapshot's header is not looked at",
    file: "src/shards/snapshot/format.ts",
    from: "if (crc32(text) !== file.readUInt32LE(12)) throw",
    to: "if (text.length < 0) throw",
    finds: /said not to be used|does not serve/,
    parts: ["regions"],
  },
  {
    what: "where the log begins too late for an empty shard, it is read from there",
    file: "src/engine/shard-set.ts",
    from: "    if (log.low > 0) {\n",
    to: "    if (log.low < 0) {\n",
    finds: /without snapshot and beginning/,
    parts: ["log"],
  },
];

/** Options of the long form. */
export const OPTIONS = {
  rounds: { what: "each with another seed", default: 3 },
} as const satisfies TrialOptions;

export async function longForm({ seed, rounds, planted }: LongForm<typeof OPTIONS>, say: Say): Promise<number> {
  if (planted) return tryPlanted(PLANTED, (dist, { parts }) => damageTrial({ seed, dist, parts }), say);
  let found = 0;
  for (let round = 0; round < rounds; round++) {
    const report = await damageTrial({ seed: seed + round }, say);
    printReport("damage", report, say);
    found += report.found.length;
  }
  return found;
}
