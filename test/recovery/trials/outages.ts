// Trial: the broker is killed with −9 and comes back, the database is stopped in the middle of its work, locked, refuses, or
// swallows the answers to its commits; both are away at once. Traffic goes on all the time, and so do the questions of a client,
// who must get an answer to each. In the end nothing is lost and nothing is there twice.
import postgres from "postgres";
import { ensureTopics } from "../../../src/ingest/kafka/admin";
import { plimsollTopics } from "../../../src/ingest/kafka/topics";
import { Prng } from "../../../src/sim/prng";
import { type RunningEngine, until } from "../../support/engine-process";
import type { TestKafka } from "../../support/kafka";
import { startCuttingProxy } from "../support/cutting-proxy";
import { examine } from "../support/outcome";
import { type Planted, tryPlanted } from "../support/planted";
import { openStage, pause, printReport, type Report, type Say, type Stage } from "../support/stage";
import { Traffic } from "../support/traffic";
import { TrialEngine } from "../support/trial-engine";

const PARTITIONS = 4;
const TRADERS = 200;
const FIRST_TRADER = 1_000_001;
const ASK_EVERY_MS = 40;
const COMMITS_CUT = 8;

export const OUTAGES = ["broker", "commits", "stopped", "locked", "refusing", "both", "long"] as const;
export type Outage = (typeof OUTAGES)[number];

export interface OutagesOptions {
  outages: readonly Outage[];
  seed: number;
  dist?: string;
}

/** Asks about one account after the other, and keeps count of what it got. */
class Client {
  asked = 0;
  failures: string[] = [];
  slowestMs = 0;
  readonly freshness = new Map<string, number>();
  private running = true;
  private readonly loop: Promise<void>;

  constructor(
    private readonly engine: RunningEngine,
    private readonly prng: Prng,
  ) {
    this.loop = this.ask();
  }

  private async ask(): Promise<void> {
    while (this.running) {
      const account = FIRST_TRADER + this.prng.below(TRADERS);
      const started = performance.now();
      try {
        const answer = await this.engine.get<{ freshness: string }>(`/api/v1/accounts/${account}`);
        this.freshness.set(answer.freshness, (this.freshness.get(answer.freshness) ?? 0) + 1);
      } catch (error) {
        this.failures.push((error as Error).message.slice(0, 200));
      }
      this.asked++;
      this.slowestMs = Math.max(this.slowestMs, performance.now() - started);
      await pause(ASK_EVERY_MS);
    }
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.loop;
  }
}

export async function outagesTrial({ outages, seed, dist }: OutagesOptions, say: Say = () => undefined): Promise<Report> {
  const prng = Prng.seeded(seed, 29);
  const stage = await openStage(true);
  const broker = stage.kafka.own as TestKafka;
  const { prefix, database } = stage;
  const { brokers } = stage.kafka;
  const proxy = await startCuttingProxy(database.port);
  const engine = new TrialEngine({
    name: "a",
    brokers,
    prefix,
    databaseUrl: database.url.replace(`:${database.port}/`, `:${proxy.port}/`),
    dir: stage.dir,
    dist,
    set: ["snapshot.intervalMs=500", "store.flushIntervalMs=100", "store.writeDeadlineMs=2000", "store.connectDeadlineMs=2000"],
  });
  const tried: string[] = [];
  const found: string[] = [];
  let traffic: Traffic | undefined;
  let client: Client | undefined;
  try {
    await ensureTopics({
      brokers,
      topics: plimsollTopics({ prefix, accountPartitions: PARTITIONS }),
    });
    const load = {
      seed,
      accounts: TRADERS,
      tradesPerSecond: 150,
      walkers: 4,
      damagedPerSecond: 1,
    };
    traffic = await Traffic.start({
      brokers,
      prefix,
      partitions: PARTITIONS,
      ...load,
    });
    const running = await engine.start();
    await until("the engine is ready", async () => (await fetch(`${running.page}/readyz`)).ok, 30_000);
    client = new Client(running, prng);
    for (const outage of outages) {
      const before = client.asked;
      const stepsBefore = traffic.walkers.steps;
      const started = performance.now();
      await OUTAGE[outage]({ stage, broker, proxy });
      // Over when events go through again: walkers get their alerts, which need the broker both ways.
      const { walkers } = traffic;
      const from = walkers.steps;
      await until(`events flow again after ${outage}`, async () => walkers.steps > from + 4, 40_000);
      const line = `${outage}: ${((performance.now() - started) / 1000).toFixed(1)} s, ${client.asked - before} questions, ${walkers.steps - stepsBefore} steps walked`;
      say(line);
      tried.push(line);
    }
    await pause(1000);
    await client.stop();
    if (client.failures.length > 0)
      found.push(`${client.failures.length} of ${client.asked} questions without an answer: ${client.failures[0]}`);
    await traffic.stop();
    const outcome = await examine({
      brokers,
      prefix,
      engines: [running],
      databaseUrl: database.url,
      damaged: traffic.damaged,
      walkers: traffic.walkers.expected,
      timeoutMs: 40_000,
    });
    found.push(...outcome.findings);
    const ended = await running.command.interrupt();
    if (ended.code !== 0) found.push(`the engine ended with ${ended.code}: ${ended.stderr.slice(-1000)}`);
    tried.push(
      `${client.asked} questions, slowest answer ${Math.round(client.slowestMs)} ms, ${[...client.freshness].map(([name, count]) => `${count} ${name}`).join(", ")}; ${proxy.cut} answers to commits swallowed`,
      Object.entries(outcome.counts)
        .map(([what, count]) => `${count.toLocaleString("en")} ${what}`)
        .join(", "),
    );
    return { tried: [`seed ${seed}`, ...tried], found };
  } finally {
    await client?.stop();
    // What waits for a broker would wait for ever.
    await broker.restart().catch(() => undefined);
    await traffic?.stop().catch(() => undefined);
    await engine.kill();
    await proxy.close();
    await stage.close();
  }
}

interface Parts {
  stage: Stage;
  broker: TestKafka;
  proxy: { cutCommits(count: number): void; readonly cut: number };
}

async function killBroker(broker: TestKafka, awayMs: number): Promise<void> {
  await broker.kill();
  await pause(awayMs);
  await broker.restart();
}

async function stopDatabase({ database }: Stage, awayMs: number): Promise<void> {
  await database.stopImmediate();
  await pause(awayMs);
  await database.restart();
}

const OUTAGE: Record<Outage, (parts: Parts) => Promise<void>> = {
  broker: ({ broker }) => killBroker(broker, 1000),
  // Longer than a session lasts: the group gives the engine up, and there is nobody else.
  long: ({ broker }) => killBroker(broker, 16_000),
  commits: async ({ proxy }) => {
    const from = proxy.cut;
    proxy.cutCommits(COMMITS_CUT);
    await until("answers to commits are swallowed", async () => proxy.cut >= from + COMMITS_CUT, 60_000);
  },
  stopped: ({ stage }) => stopDatabase(stage, 2000),
  locked: async ({ stage }) => {
    const sql = postgres(stage.database.url, {
      max: 1,
      onnotice: () => undefined,
    });
    try {
      await sql.begin(async (transaction) => {
        await transaction`lock table fills, alerts in access exclusive mode`;
        await pause(4000);
      });
    } finally {
      await sql.end();
    }
  },
  refusing: async ({ stage }) => {
    const url = new URL(stage.database.url);
    const name = url.pathname.slice(1);
    url.pathname = "/postgres";
    const sql = postgres(url.href, { max: 1, onnotice: () => undefined });
    try {
      await sql.unsafe(`alter database ${name} allow_connections false`);
      await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`;
      await pause(3000);
      await sql.unsafe(`alter database ${name} allow_connections true`);
    } finally {
      await sql.end();
    }
  },
  both: async ({ stage, broker }) => {
    await Promise.all([killBroker(broker, 2500), stopDatabase(stage, 5000)]);
  },
};

/** Bugs that this trial must find, and the outage that brings each out. */
export const PLANTED: readonly (Planted & { outages: readonly Outage[] })[] = [
  {
    what: "a batch whose commit was not answered counts as written",
    file: "src/store/lane.ts",
    from: "else await this.failed(error, head);",
    to: "else this.drop(head);",
    finds: /fill missing in the database|alert missing in the database/,
    outages: ["stopped"],
  },
  {
    what: "a shard is let go as soon as the session is lost",
    file: "src/ingest/ingest.ts",
    from: "if (this.brokersDown && !this.stopping) {",
    to: "if (this.brokersDown && this.stopping) {",
    finds: /questions without an answer/,
    outages: ["long"],
  },
];

export async function longForm(options: { seed: number; rounds?: number; planted?: boolean }, say: Say): Promise<number> {
  const { seed, rounds = 2 } = options;
  if (options.planted) return tryPlanted(PLANTED, (dist, { outages }) => outagesTrial({ seed, outages, dist }), say);
  const report = await outagesTrial({ seed, outages: Array.from({ length: rounds }, () => OUTAGES).flat() }, say);
  printReport("outages", report, say);
  return report.found.length;
}
