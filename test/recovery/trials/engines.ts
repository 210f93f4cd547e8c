// Trial: two engines of one group under load, a third joins, one stands still for longer than a session and comes back believing
// that it has what others have by then, one is killed with −9, one stops in order. At every quiet moment each
// account is served by exactly one of them, and the others say by which, with addresses at which it is; at no moment by two. Who
// subscribed to an account that moved is told where it went. In the end ledgers, rows and alerts are as if there had been one.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Prng } from "../../../src/sim/prng";
import { type RunningEngine, until } from "../../support/engine-process";
import { StreamClient } from "../../support/stream-client";
import { examine } from "../support/outcome";
import { type Planted, tryPlanted } from "../support/planted";
import { type LongForm, openStage, pause, printReport, type Report, type Say, type TrialOptions } from "../support/stage";
import { Swing } from "../support/swing";
import { Traffic } from "../support/traffic";
import { TrialEngine } from "../support/trial-engine";

const PARTITIONS = 6;
const TRADERS = 200;
const SWINGING = 24;
const FIRST_TRADER = 1_000_001;
/** At rest every so many-th account is asked for. */
const ASKED_EVERY = 7;
/** Kafka gives a member up after its session timeout; then partitions move. */
const SESSION_MS = 3000;
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

interface Location {
  engine: string;
  url: string;
  stream: string;
}

/** What an engine says about an account: that it has it, or who has. */
interface Answer {
  status: number;
  elsewhere: Location | null;
}

async function ask(page: string, account: number): Promise<Answer> {
  try {
    const response = await fetch(`${page}/api/v1/accounts/${account}`);
    const body = (await response.json()) as Location;
    return { status: response.status, elsewhere: response.status === 421 ? body : null };
  } catch {
    return { status: 0, elsewhere: null };
  }
}

async function platformOf(name: string, { get, command }: RunningEngine): Promise<Platform> {
  try {
    return await get<Platform>("/api/v1/platform");
  } catch (error) {
    const ended = await Promise.race([command.finished, pause(500).then(() => null)]);
    const how = ended === null ? "it runs" : `it ended with ${ended.code ?? ended.signal}`;
    throw new Error(`${name} does not answer: ${(error as Error).message}; ${how}: ${command.stderr.slice(-500)}`);
  }
}

const channelOf = (account: number) => `risk.account.${account}.100ms`;

/** The same from the live stream: 200 for a subscription that was taken. */
async function askStream(client: StreamClient, account: number): Promise<Answer> {
  try {
    await client.subscribe(channelOf(account));
    return { status: 200, elsewhere: null };
  } catch (error) {
    const { code, data } = JSON.parse((error as Error).message.replace(/^[^{]*/, "")) as { code: number; data: Location };
    return { status: code, elsewhere: code === 20002 ? data : null };
  }
}

const askedAccounts = Array.from({ length: Math.ceil(TRADERS / ASKED_EVERY) }, (_, i) => FIRST_TRADER + i * ASKED_EVERY);

/** Subscribed to whatever accounts its engine has; the others it asked for in vain. */
class Watcher {
  readonly answers = new Map<number, Answer>();

  private constructor(
    readonly name: string,
    readonly client: StreamClient,
  ) {}

  static async open(name: string, { running }: Member): Promise<Watcher> {
    const watcher = new Watcher(name, await StreamClient.open(running.stream));
    for (const account of askedAccounts) watcher.answers.set(account, await askStream(watcher.client, account));
    return watcher;
  }
}

export async function enginesTrial({ rounds, seed, dist }: EnginesOptions, say: Say = () => undefined): Promise<Report> {
  const prng = Prng.seeded(seed, 23);
  const stage = await openStage(PARTITIONS);
  const found: string[] = [];
  const moves: string[] = [];
  const members = new Map<string, Member>();
  const trials = new Map<string, TrialEngine>();
  let traffic: Traffic | undefined;
  let swing: Swing | undefined;
  let watching = true;
  let probes = 0;
  let asked = 0;
  let toldMoves = 0;
  const stoodStillMs: number[] = [];

  const start = async (name: string) => {
    let trial = trials.get(name);
    if (!trial) {
      const dir = join(stage.dir, name);
      await mkdir(dir, { recursive: true });
      trial = new TrialEngine({
        ...stage,
        name,
        dir,
        dist,
        set: [
          "snapshot.intervalMs=300",
          `snapshot.sharedDir=${join(stage.dir, "shared")}`,
          `kafka.sessionTimeoutMs=${SESSION_MS}`,
        ],
      });
      trials.set(name, trial);
    }
    members.set(name, { trial, running: await trial.start() });
  };
  const settled = (wanted: number) =>
    until(
      `${wanted} engines share the partitions and all shards run`,
      async () => {
        const platforms = await Promise.all([...members].map(([name, { running }]) => platformOf(name, running)));
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
  /** At rest: one engine serves an account, and every other one says which, by REST and by stream, where it truly is. */
  const everyAccountOnce = async (when: string, watchers: Watcher[]) => {
    let wrong = 0;
    for (const account of askedAccounts) {
      const answers: [string, Answer][] = [];
      for (const [name, { running }] of members) answers.push([name, await ask(running.page, account)]);
      for (const { name, answers: streamed } of watchers) answers.push([name, streamed.get(account) as Answer]);
      asked += answers.length;
      const serving = [...new Set(answers.filter(([, { status }]) => status === 200).map(([name]) => name))];
      const owner = members.get(serving[0])?.running;
      const right = answers.every(([name, { status, elsewhere }]) =>
        name === serving[0]
          ? status === 200
          : elsewhere?.engine === serving[0] && elsewhere.url === owner?.page && elsewhere.stream === owner?.stream,
      );
      if (serving.length === 1 && right) continue;
      if (wrong++ === 0) found.push(`after ${when}: account ${account}: ${JSON.stringify(answers)}`);
    }
  };
  const openWatchers = () => Promise.all([...members].map(([name, member]) => Watcher.open(name, member)));
  let watchers: Watcher[] = [];
  /** Whom an account left was told so, and where it is. */
  const movesWereTold = async (when: string) => {
    for (const { name, client, answers } of watchers) {
      const member = members.get(name);
      if (member) {
        for (const [account, { status }] of answers) {
          if (status !== 200) continue;
          const now = await ask(member.running.page, account);
          if (now.elsewhere === null) continue;
          const told = () => client.last(channelOf(account))?.type === "unavailable";
          const where = () => (client.last(channelOf(account))?.location as Location | null | undefined)?.engine;
          const isTold = await until("", async () => told() && where() === now.elsewhere?.engine, 3000).catch(() => false);
          if (isTold) toldMoves++;
          else
            found.push(
              `after ${when}: who subscribed to ${account} on ${name} was told ${JSON.stringify(client.last(channelOf(account)))}, and it is on ${now.elsewhere.engine}`,
            );
        }
        found.push(...client.broken);
      }
      client.close();
    }
  };
  const step = async (what: string, act: () => Promise<unknown>) => {
    const started = performance.now();
    await act();
    await settled(members.size);
    const took = `${what}: settled after ${((performance.now() - started) / 1000).toFixed(1)} s`;
    moves.push(took);
    say(took);
    // What the engines announce takes a moment to be read.
    await pause(300);
    await movesWereTold(what);
    watchers = await openWatchers();
    await everyAccountOnce(what, watchers);
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
          const before = await ask(a.running.page, account);
          const between = before.status === 200 ? await ask(b.running.page, account) : null;
          const after = between?.status === 200 ? await ask(a.running.page, account) : null;
          if (after?.status === 200) found.push(`account ${account} was served by ${first} and ${second} at the same time`);
          probes++;
        }
      }
      await pause(20);
    }
  };
  const kill = async (name: string) => {
    const { trial } = members.get(name) as Member;
    members.delete(name);
    await trial.kill();
  };
  const stop = async (name: string) => {
    const { trial } = members.get(name) as Member;
    members.delete(name);
    found.push(...(await trial.stop()));
  };
  // As a machine that is paused or swaps: the others take its accounts, and it comes back believing it has them.
  const freeze = async (name: string) => {
    const member = members.get(name) as Member;
    members.delete(name);
    stoodStillMs.push(Date.now());
    member.running.command.kill("SIGSTOP");
    try {
      await settled(members.size);
      await pause(1000);
    } finally {
      member.running.command.kill("SIGCONT");
      members.set(name, member);
    }
  };
  const anyone = () => [...members.keys()][prng.below(members.size)];

  try {
    traffic = await Traffic.start({ ...stage, seed, accounts: TRADERS, tradesPerSecond: 100, walkers: 6, damagedPerSecond: 1 });
    swing = new Swing({ ...stage, accounts: SWINGING });
    await swing.start();
    let watcher: Promise<void> | undefined;
    const run = async () => {
      await Promise.all([start("a"), start("b")]);
      await step("two engines start", async () => undefined);
      watcher = watch();
      for (let round = 0; round < rounds; round++) {
        await step("a third joins", () => start("c"));
        await pause(500);
        const frozen = anyone();
        await step(`${frozen} stands still for longer than a session`, () => freeze(frozen));
        await pause(500);
        const victim = anyone();
        await step(`${victim} is killed`, () => kill(victim));
        await pause(500);
        if (round === rounds - 1) break;
        await step(`${victim} comes back`, () => start(victim));
        const leaver = anyone();
        await step(`${leaver} stops in order`, () => stop(leaver));
        if (!members.has("a")) await step("a comes back", () => start("a"));
        if (!members.has("b")) await step("b comes back", () => start("b"));
        if (members.has("c")) await step("c is killed", () => kill("c"));
      }
    };
    // What came to no end is a finding beside what was found before.
    const isOver = await run().then(
      () => true,
      (error: Error) => {
        found.push(error.message.split("\n").join(" | "));
        return false;
      },
    );
    watching = false;
    await watcher;
    if (!isOver) return { tried: [`seed ${seed}: ${moves.join("; ")}`], found };
    await traffic.stop();
    await swing.stop();
    await pause(1000);
    const engines = [...members.values()].map(({ running }) => running);
    const { findings, compared } = await examine({ ...stage, engines, traffic, stoodStillMs, timeoutMs: 30_000 });
    found.push(...findings);
    for (const { client } of watchers) client.close();
    await Promise.all([...members.keys()].map(stop));
    return {
      tried: [
        `seed ${seed}: ${moves.join("; ")}`,
        `at rest ${asked} answers by REST and stream; ${toldMoves} subscribers told where their account went; ` +
          `${probes} times two engines were asked for one account; a mark swung ${swing.swings} times`,
        compared,
      ],
      found,
    };
  } finally {
    watching = false;
    await traffic?.stop().catch(() => undefined);
    await swing?.stop().catch(() => undefined);
    for (const trial of trials.values()) await trial.kill();
    await stage.close();
  }
}

/** Bugs that this trial must find. */
const PLANTED: readonly Planted[] = [
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
  {
    what: "what the engines say of themselves is not listened to",
    file: "src/engine/directory.ts",
    from: "    for (const partition of partitions) this.owners.set(partition, engine);\n",
    to: "",
    finds: /after .*: account/,
  },
  {
    what: "an engine that stood still tells before it asks",
    file: "src/engine/lease.ts",
    from: "if (pausedMs > this.options.sessionTimeoutMs / 2) {",
    to: "if (pausedMs < 0) {",
    finds: /alert twice in Kafka|alert out of turn|broken chain of statuses/,
  },
];

/** Options of the long form. */
export const OPTIONS = {
  rounds: { what: "of: one joins, one stands still, one is killed and comes back, one stops and comes back", default: 3 },
} as const satisfies TrialOptions;

export async function longForm({ seed, rounds, planted }: LongForm<typeof OPTIONS>, say: Say): Promise<number> {
  if (planted) return tryPlanted(PLANTED, (dist) => enginesTrial({ seed, rounds: 1, dist }), say);
  const report = await enginesTrial({ seed, rounds }, say);
  printReport("engines", report, say);
  return report.found.length;
}
