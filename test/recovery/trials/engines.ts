// Trial: two engines of one group under load, a third joins, one is killed with −9, one stops in order. At every quiet moment each
// account is served by exactly one of them and the others say by which; at no moment by two. In the end ledgers, rows and alerts are
// as if there had been one.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ensureTopics } from "../../../src/ingest/kafka/admin";
import { plimsollTopics } from "../../../src/ingest/kafka/topics";
import { Prng } from "../../../src/sim/prng";
import { type RunningEngine, until } from "../../support/engine-process";
import { examine } from "../support/outcome";
import { type Planted, tryPlanted } from "../support/planted";
import { openStage, pause, printReport, type Report, type Say } from "../support/stage";
import { Traffic } from "../support/traffic";
import { TrialEngine } from "../support/trial-engine";

const PARTITIONS = 6;
const TRADERS = 200;
const FIRST_TRADER = 1_000_001;
/** Kafka gives a member up after its session timeout of ten seconds; then partitions move. */
const MOVE_MS = 40_000;

export interface EnginesOptions {
  /** Rounds of: one joins, one is killed, one comes back, one stops and comes back. */
  rounds: number;
  seed: number;
  dist?: string;
}

interface Member {
  trial: TrialEngine;
  running: RunningEngine;
}

interface Platform {
  shards: { partition: number; state: string }[];
}

/** What an engine says about an account: that it has it, or who has. */
async function ask(engine: RunningEngine, account: number): Promise<{ status: number; elsewhere: string | null }> {
  try {
    const response = await fetch(`${engine.page}/api/v1/accounts/${account}`);
    const body = (await response.json()) as { engine?: string };
    return {
      status: response.status,
      elsewhere: response.status === 421 ? (body.engine ?? "") : null,
    };
  } catch {
    return { status: 0, elsewhere: null };
  }
}

export async function enginesTrial({ rounds, seed, dist }: EnginesOptions, say: Say = () => undefined): Promise<Report> {
  const prng = Prng.seeded(seed, 23);
  const stage = await openStage();
  const { prefix, kafka } = stage;
  const found: string[] = [];
  const moves: string[] = [];
  const members = new Map<string, Member>();
  const trials = new Map<string, TrialEngine>();
  let traffic: Traffic | undefined;
  let watching = true;
  let probes = 0;

  const start = async (name: string) => {
    let trial = trials.get(name);
    if (!trial) {
      const dir = join(stage.dir, name);
      await mkdir(dir, { recursive: true });
      const set = ["snapshot.intervalMs=300", `snapshot.sharedDir=${join(stage.dir, "shared")}`];
      trial = new TrialEngine({
        name,
        brokers: kafka.brokers,
        prefix,
        databaseUrl: stage.database.url,
        dir,
        dist,
        set,
      });
      trials.set(name, trial);
    }
    members.set(name, { trial, running: await trial.start() });
  };
  const settled = (wanted: number) =>
    until(
      `${wanted} engines share the partitions and all shards run`,
      async () => {
        const platforms = await Promise.all(
          [...members.values()].map(({ running }) => running.get<Platform>("/api/v1/platform")),
        );
        const shards = platforms.flatMap((platform) => platform.shards);
        return (
          shards.length === PARTITIONS &&
          new Set(shards.map((shard) => shard.partition)).size === PARTITIONS &&
          shards.every((shard) => shard.state === "running") &&
          platforms.every((platform) => platform.shards.length > 0)
        );
      },
      MOVE_MS,
    );
  const step = async (what: string, act: () => Promise<unknown>) => {
    const started = performance.now();
    await act();
    await settled(members.size);
    const took = `${what}: settled after ${((performance.now() - started) / 1000).toFixed(1)} s`;
    moves.push(took);
    say(took);
    await everyAccountOnce(members, found, what);
  };
  // Never two: one that served before and after another one did.
  const watch = async () => {
    while (watching) {
      const account = FIRST_TRADER + prng.below(TRADERS);
      const names = [...members.keys()];
      if (names.length > 1) {
        const first = names[prng.below(names.length)];
        const second = names.filter((name) => name !== first)[prng.below(names.length - 1)];
        const a = members.get(first);
        const b = members.get(second);
        if (a && b) {
          const before = await ask(a.running, account);
          const between = before.status === 200 ? await ask(b.running, account) : null;
          const after = between?.status === 200 ? await ask(a.running, account) : null;
          if (after?.status === 200) found.push(`account ${account} was served by ${first} and ${second} at the same time`);
          probes++;
        }
      }
      await pause(20);
    }
  };

  try {
    await ensureTopics({
      brokers: kafka.brokers,
      topics: plimsollTopics({ prefix, accountPartitions: PARTITIONS }),
    });
    const load = {
      seed,
      accounts: TRADERS,
      tradesPerSecond: 100,
      walkers: 6,
      damagedPerSecond: 1,
    };
    traffic = await Traffic.start({
      brokers: kafka.brokers,
      prefix,
      partitions: PARTITIONS,
      ...load,
    });
    await Promise.all([start("a"), start("b")]);
    await step("two engines start", async () => undefined);
    const watcher = watch();
    for (let round = 0; round < rounds; round++) {
      await step("a third joins", () => start("c"));
      await pause(500);
      const victim = ["a", "b", "c"][prng.below(3)];
      await step(`${victim} is killed`, async () => {
        const { trial } = members.get(victim) as Member;
        members.delete(victim);
        await trial.kill();
      });
      await pause(500);
      if (round === rounds - 1) break;
      await step(`${victim} comes back`, () => start(victim));
      const leaver = ["a", "b", "c"][prng.below(3)];
      await step(`${leaver} stops in order`, async () => {
        const { running } = members.get(leaver) as Member;
        members.delete(leaver);
        const ended = await running.command.interrupt();
        if (ended.code !== 0) found.push(`${leaver} ended with ${ended.code}: ${ended.stderr.slice(-500)}`);
      });
      if (!members.has("a")) await step("a comes back", () => start("a"));
      if (!members.has("b")) await step("b comes back", () => start("b"));
      if (members.has("c")) {
        await step("c is killed", async () => {
          const { trial } = members.get("c") as Member;
          members.delete("c");
          await trial.kill();
        });
      }
    }
    watching = false;
    await watcher;
    await traffic.stop();
    const outcome = await examine({
      brokers: kafka.brokers,
      prefix,
      engines: [...members.values()].map(({ running }) => running),
      databaseUrl: stage.database.url,
      damaged: traffic.damaged,
      walkers: traffic.walkers.expected,
      timeoutMs: 30_000,
    });
    found.push(...outcome.findings);
    for (const [name, { running }] of members) {
      const ended = await running.command.interrupt();
      if (ended.code !== 0) found.push(`${name} ended with ${ended.code}: ${ended.stderr.slice(-500)}`);
    }
    return {
      tried: [
        `seed ${seed}: ${moves.join("; ")}`,
        `${probes} times two engines were asked for one account`,
        Object.entries(outcome.counts)
          .map(([what, count]) => `${count.toLocaleString("en")} ${what}`)
          .join(", "),
      ],
      found,
    };
  } finally {
    watching = false;
    await traffic?.stop().catch(() => undefined);
    for (const trial of trials.values()) await trial.kill();
    await stage.close();
  }
}

/** At rest: one engine serves an account, and every other one says which. */
async function everyAccountOnce(members: Map<string, Member>, found: string[], when: string): Promise<void> {
  // What the engines announce takes a moment to be read.
  await pause(300);
  let wrong = 0;
  for (let account = FIRST_TRADER; account < FIRST_TRADER + TRADERS; account += 7) {
    const answers = new Map<string, { status: number; elsewhere: string | null }>();
    for (const [name, { running }] of members) answers.set(name, await ask(running, account));
    const serving = [...answers].filter(([, { status }]) => status === 200).map(([name]) => name);
    const pointing = [...answers.values()].filter(({ elsewhere }) => elsewhere !== null).map(({ elsewhere }) => elsewhere);
    if (serving.length === 1 && pointing.length === members.size - 1 && pointing.every((name) => name === serving[0])) continue;
    if (wrong++ === 0) found.push(`after ${when}: account ${account}: ${JSON.stringify([...answers])}`);
  }
}

/** Bugs that this trial must find. */
export const PLANTED: readonly Planted[] = [
  {
    what: "an engine goes on serving what was taken away from it",
    file: "src/engine/shard-set.ts",
    from: "    this.shards.delete(shard.partition);\n    this.leaving.add(shard);\n",
    to: "    this.leaving.add(shard);\n",
    finds: /share the partitions|at the same time|after .*: account/,
  },
  {
    what: "the new owner begins with the events that come from now on",
    file: "src/engine/shard-set.ts",
    from: "return this.opened(partition, memory, header.nextOffset, header.nextOffset);",
    to: "return this.opened(partition, memory, log.high, header.nextOffset);",
    finds: /differs from the twin|not at the end|not served|KAFKA_LOG_GAP/,
  },
];

export async function longForm(options: { seed: number; rounds?: number; planted?: boolean }, say: Say): Promise<number> {
  const { seed, rounds = 3 } = options;
  if (options.planted) return tryPlanted(PLANTED, (dist) => enginesTrial({ seed, rounds: 1, dist }), say);
  const report = await enginesTrial({ seed, rounds }, say);
  printReport("engines", report, say);
  return report.found.length;
}
