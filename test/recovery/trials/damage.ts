// Trial: snapshots are damaged between two lives of the engine, and the log is cut off. The newest snapshot that is whole is used,
// and it is said which were not; without one the ledger is rebuilt from the log's beginning; where that is gone the engine stops
// and says what is missing.
import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ensureTopics } from "../../../src/ingest/kafka/admin";
import { plimsollTopics } from "../../../src/ingest/kafka/topics";
import { Prng } from "../../../src/sim/prng";
import { until } from "../../support/engine-process";
import { withAdmin } from "../../support/kafka";
import { examine } from "../support/outcome";
import { type Planted, tryPlanted } from "../support/planted";
import { openStage, pause, printReport, type Report, type Say } from "../support/stage";
import { Traffic } from "../support/traffic";
import { TrialEngine } from "../support/trial-engine";

const PARTITIONS = 4;

export interface DamageOptions {
  seed: number;
  dist?: string;
  /** How many of the newest are damaged, case by case. */
  cases?: readonly number[];
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

export async function damageTrial({ seed, dist, cases = [1, 2, 3] }: DamageOptions, say: Say = () => undefined): Promise<Report> {
  const prng = Prng.seeded(seed, 31);
  const stage = await openStage();
  const { prefix, kafka, database } = stage;
  const { brokers } = kafka;
  const tried: string[] = [];
  const found: string[] = [];
  const engine = new TrialEngine({
    name: "a",
    brokers,
    prefix,
    databaseUrl: database.url,
    dir: stage.dir,
    dist,
    set: ["snapshot.intervalMs=300"],
  });
  const snapshots = join(stage.dir, "data", "snapshots");
  const saved = join(stage.dir, "saved");
  let traffic: Traffic | undefined;
  try {
    await ensureTopics({
      brokers,
      topics: plimsollTopics({ prefix, accountPartitions: PARTITIONS }),
    });
    const load = {
      seed,
      accounts: 200,
      tradesPerSecond: 150,
      walkers: 4,
      damagedPerSecond: 2,
    };
    traffic = await Traffic.start({
      brokers,
      prefix,
      partitions: PARTITIONS,
      ...load,
    });
    await engine.start();
    await until(
      "three snapshots of every shard",
      async () => {
        const all = await manifests(snapshots).catch(() => []);
        return all.length === PARTITIONS && all.every((offsets) => offsets.length === 3 && offsets[2] > 0);
      },
      30_000,
    );
    await engine.kill();
    // More that only the log has.
    await pause(700);
    await cp(snapshots, saved, { recursive: true });
    // One that was being made when the engine was killed: it has its name and does not count.
    const counted = await manifests(saved);
    for (const [i, files] of (await snapshotFiles(saved)).entries())
      for (const file of files) if (!counted[i].includes(offsetOf(file))) await rm(file);
    const restore = async (damaged: number) => {
      await rm(snapshots, { recursive: true, force: true });
      await cp(saved, snapshots, { recursive: true });
      const files = await snapshotFiles(snapshots);
      for (const each of files) {
        for (const file of each.slice(0, damaged)) {
          const bytes = await readFile(file);
          bytes[prng.below(bytes.length)] ^= 1 << prng.below(8);
          await writeFile(file, prng.below(4) === 0 ? bytes.subarray(0, prng.below(bytes.length)) : bytes);
        }
      }
      return files;
    };
    /** Starts an engine that cannot go on, and answers what it says. */
    const refusal = async () => {
      const command = engine.launch();
      const ended = await Promise.race([command.finished, pause(60_000).then(() => null)]);
      return { code: ended?.code ?? null, text: command.stderr };
    };

    for (const damaged of cases) {
      await restore(damaged);
      const running = await engine.start();
      await until("the shards run", async () => (await running.get<{ ready: boolean }>("/api/v1/platform")).ready, 30_000);
      if (damaged === cases.at(-1)) {
        await traffic.stop();
        const outcome = await examine({
          brokers,
          prefix,
          engines: [running],
          databaseUrl: database.url,
          damaged: traffic.damaged,
          walkers: traffic.walkers.expected,
          timeoutMs: 30_000,
        });
        found.push(...outcome.findings);
        tried.push(
          Object.entries(outcome.counts)
            .map(([what, count]) => `${count.toLocaleString("en")} ${what}`)
            .join(", "),
        );
      }
      const { stderr } = running.command;
      const unused = stderr.split("is not used").length - 1;
      const rebuilt = stderr.split("rebuilt from the log's beginning").length - 1;
      const line = `${damaged} damaged of each shard: ${unused} said not to be used, ${rebuilt} shards rebuilt from the log's beginning`;
      tried.push(line);
      say(line);
      if (unused !== damaged * PARTITIONS || rebuilt !== (damaged === 3 ? PARTITIONS : 0))
        found.push(
          `${line} (expected ${damaged * PARTITIONS}): ${stderr
            .match(/p\d+\/\d+\.snap is not used/g)
            ?.sort()
            .join(", ")}; ${JSON.stringify(await manifests(saved))}`,
        );
      await engine.kill();
    }

    if (cases.includes(3)) {
      const files = await restore(3);
      const topic = `${prefix}accounts`;
      // The log's beginning is gone up to the newest snapshot, which is whole: nothing is missing.
      const cut = offsetOf(files[0][0]);
      await deleteBelow(brokers, topic, cut);
      const missing = await refusal();
      if (missing.code !== 1 || !/SNAPSHOT_MISSING: \S*accounts\/0 begins at offset \d+/.test(missing.text))
        found.push(`without snapshot and beginning the engine ended with ${missing.code}: ${missing.text.slice(-400)}`);
      else tried.push(`no snapshot and no beginning: ${lastLine(missing.text)}`);
      // And beyond it: what was deleted was never applied.
      await restore(0);
      await deleteBelow(brokers, topic, cut + 1);
      const gone = await refusal();
      if (
        gone.code !== 1 ||
        !new RegExp(`KAFKA_OFFSET_OUT_OF_RANGE: \\S*accounts/0: next offset is ${cut} but the log holds ${cut + 1} to`).test(
          gone.text,
        )
      )
        found.push(`with a log cut off below its position the engine ended with ${gone.code}: ${gone.text.slice(-400)}`);
      else tried.push(`a log cut off below our position: ${lastLine(gone.text)}`);
      for (const each of tried.slice(-2)) say(each);
    }
    return { tried: [`seed ${seed}`, ...tried], found };
  } finally {
    await traffic?.stop().catch(() => undefined);
    await engine.kill();
    await stage.close();
  }
}

/** Deletes the beginning of partition 0. */
async function deleteBelow(brokers: string, topic: string, offset: number): Promise<void> {
  await withAdmin(brokers, async (admin) => {
    // Its client asks only brokers that it has heard of the topic from.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({
      topic,
      partitions: [{ partition: 0, offset: String(offset) }],
    });
  });
}

const lastLine = (text: string) => text.trim().split("\n").at(-1) ?? "";

/** Bugs that this trial must find. */
export const PLANTED: readonly Planted[] = [
  {
    what: "the search ends at the first snapshot that cannot be used",
    file: "src/engine/shard-set.ts",
    from: "      if (snapshot === null) continue;\n",
    to: "      if (snapshot === null) break;\n",
    finds: /said not to be used/,
  },
];

export async function longForm(options: { seed: number; rounds?: number; planted?: boolean }, say: Say): Promise<number> {
  const { seed, rounds = 3 } = options;
  if (options.planted) return tryPlanted(PLANTED, (dist) => damageTrial({ seed, dist, cases: [1, 2] }), say);
  let found = 0;
  for (let round = 0; round < rounds; round++) {
    const report = await damageTrial({ seed: seed + round }, say);
    printReport("damage", report, say);
    found += report.found.length;
  }
  return found;
}
