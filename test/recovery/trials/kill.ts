// Trial: the engine is killed with −9 again and again, at random and at named points of its code, also while it recovers, with
// traffic going on all the time. In the end every ledger equals the slow twin's over the same log, every fill is a row and every
// row a fill, every change of status was told once.
import { ensureTopics } from "../../../src/ingest/kafka/admin";
import { plimsollTopics } from "../../../src/ingest/kafka/topics";
import { FAULT_POINTS, type FaultPoint } from "../../../src/shared/fault-points";
import { Prng } from "../../../src/sim/prng";
import { examine } from "../support/outcome";
import { type Planted, tryPlanted } from "../support/planted";
import { openStage, pause, printReport, type Report, type Say } from "../support/stage";
import { Traffic } from "../support/traffic";
import { TrialEngine } from "../support/trial-engine";

const PARTITIONS = 4;
/** How long a named point may take to be reached before the engine is killed wherever it is. */
const POINT_MS = 5000;
/** A kill at random comes so long after the start of the process, at most: recovery included. */
const RANDOM_MS = 6000;
/** Kills that are enough to bring a planted bug out. */
const PLANTED_CYCLES = 4;

const POINTS = (Object.keys(FAULT_POINTS) as FaultPoint[]).filter((point) => point !== "shard-round");
/** Points that are passed with every message: not the first pass each time. */
const FREQUENT: readonly FaultPoint[] = ["ring-publish", "ring-published", "shard-recovering"];

export interface KillOptions {
  cycles: number;
  seed: number;
  dist?: string;
  /** Only these kills instead of a mixture. */
  points?: readonly FaultPoint[];
}

export async function killTrial({ cycles, seed, dist, points = [] }: KillOptions, say: Say = () => undefined): Promise<Report> {
  const prng = Prng.seeded(seed, 17);
  const stage = await openStage();
  const { prefix, kafka } = stage;
  const engine = new TrialEngine({
    name: "a",
    brokers: kafka.brokers,
    prefix,
    databaseUrl: stage.database.url,
    dir: stage.dir,
    dist,
    set: ["snapshot.intervalMs=200", "store.flushIntervalMs=100"],
  });
  const kills = new Map<string, number>();
  let traffic: Traffic | undefined;
  try {
    await ensureTopics({
      brokers: kafka.brokers,
      topics: plimsollTopics({ prefix, accountPartitions: PARTITIONS }),
    });
    traffic = await Traffic.start({
      brokers: kafka.brokers,
      prefix,
      partitions: PARTITIONS,
      seed,
      accounts: 300,
      tradesPerSecond: 200,
      walkers: 8,
      damagedPerSecond: 2,
    });
    for (let cycle = 1; cycle <= cycles; cycle++) {
      const named = points.length > 0 || prng.below(3) > 0;
      const point = named
        ? (points.length > 0 ? points : POINTS)[prng.below((points.length > 0 ? points : POINTS).length)]
        : null;
      let what = "at random";
      engine.forgetFault();
      if (point !== null) engine.askFault(point, FREQUENT.includes(point) ? 1 + prng.below(60) : 1 + prng.below(3));
      const started = performance.now();
      const command = engine.launch();
      if (point === null) await pause(prng.below(RANDOM_MS));
      else {
        await Promise.race([command.finished, engine.ready(command).catch(() => undefined)]);
        const untilMs = performance.now() + POINT_MS;
        while (!engine.faultTaken && performance.now() < untilMs) await pause(5);
        if (engine.faultTaken) what = point;
      }
      const ended = await Promise.race([
        command.finished,
        pause(engine.faultTaken && point !== null ? 1000 : 0).then(() => null),
      ]);
      if (ended !== null && ended.signal !== "SIGKILL")
        return {
          tried: [`cycle ${cycle}`],
          found: [`the engine ended by itself (${ended.code}): ${ended.stderr.slice(-2000)}`],
        };
      await engine.kill();
      kills.set(what, (kills.get(what) ?? 0) + 1);
      say(
        `cycle ${cycle}: killed ${what} after ${Math.round(performance.now() - started)} ms; ${traffic.walkers.steps} steps walked`,
      );
    }
    engine.forgetFault();
    const running = await engine.start();
    // A last stretch undisturbed: whoever waits for his alert gets it.
    await pause(500);
    await traffic.stop();
    const { findings, counts } = await examine({
      brokers: kafka.brokers,
      prefix,
      engines: [running],
      databaseUrl: stage.database.url,
      damaged: traffic.damaged,
      walkers: traffic.walkers.expected,
      timeoutMs: 30_000,
    });
    const ended = await running.command.interrupt();
    if (ended.code !== 0) findings.push(`the engine ended with ${ended.code}: ${ended.stderr.slice(-1000)}`);
    return {
      tried: [
        `seed ${seed}: ${cycles} kills: ${[...kills].map(([what, count]) => `${count} ${what}`).join(", ")}`,
        Object.entries(counts)
          .map(([what, count]) => `${count.toLocaleString("en")} ${what}`)
          .join(", "),
      ],
      found: findings,
    };
  } finally {
    await traffic?.stop().catch(() => undefined);
    await engine.kill();
    await stage.close();
  }
}

/** Bugs that this trial must find, and the kills that bring them out where any will not do. */
export const PLANTED: readonly (Planted & {
  points?: readonly FaultPoint[];
})[] = [
  {
    what: "a snapshot says one message more than it holds",
    finds: /not served|differs from the twin|SNAPSHOT|not at the end/,
    file: "src/shards/snapshot/image.ts",
    from: "      nextOffset: this.nextOffset,\n",
    to: "      nextOffset: this.nextOffset + 1,\n",
  },
  {
    what: "a snapshot counts before the rows that led up to it are safe",
    finds: /fill missing in the database/,
    file: "src/engine/snapshots.ts",
    from: "    await rowsAreSafe();\n",
    to: "",
    points: ["snapshot-counted"],
  },
  {
    what: "what was alerted before is not looked up",
    finds: /alert twice in Kafka|broken chain/,
    file: "src/engine/shard-set.ts",
    from: "pool.live(partition, alertedOf(last, ",
    to: "pool.live(partition, alertedOf(new Map(), ",
    points: ["alert-delivered"],
  },
  {
    what: "a repeated event is applied again",
    finds: /differs from the twin/,
    file: "src/shards/kernel/ledger.ts",
    from: "  if (alreadyApplied(account, seq)) {",
    to: "  if (seq == 0) {",
  },
];

export async function longForm(options: { seed: number; cycles?: number; planted?: boolean }, say: Say): Promise<number> {
  const { seed, cycles = 200 } = options;
  if (options.planted) {
    return tryPlanted(PLANTED, (dist, { points = [] }) => killTrial({ seed, cycles: PLANTED_CYCLES, dist, points }), say);
  }
  const report = await killTrial({ seed, cycles }, say);
  printReport("kill −9", report, say);
  return report.found.length;
}
