// Trial: the broker is killed with −9 and comes back, the database is stopped in the middle of its work, locked, refuses, or
// swallows the answers to its commits; both are away at once. Traffic goes on all the time, and so do the questions of a client,
// who must get an answer to each: a fresh one while only the database is away, one that says it is stale when the broker has been
// away for longer than a mark is good. In the end nothing is lost and nothing is there twice.
import postgres from "postgres";
import { Prng } from "../../../src/sim/prng";
import { type RunningEngine, until } from "../../support/engine-process";
import type { TestKafka } from "../../support/kafka";
import { startCuttingProxy } from "../support/cutting-proxy";
import { examine } from "../support/outcome";
import { type Planted, tryPlanted } from "../support/planted";
import {
  type LongForm,
  openStage,
  pause,
  printReport,
  type Report,
  type Say,
  type Stage,
  type TrialOptions,
} from "../support/stage";
import { Traffic } from "../support/traffic";
import { TrialEngine } from "../support/trial-engine";

const PARTITIONS = 4;
const TRADERS = 200;
const FIRST_TRADER = 1_000_001;
const ASK_EVERY_MS = 40;
const COMMITS_CUT = 8;
/** How long a mark is good, and how long the group waits for an engine: so that an outage can be longer than both. */
const STALE_AFTER_MS = 4000;
const SESSION_MS = 3000;

export const OUTAGES = ["broker", "commits", "stopped", "locked", "refusing", "both", "long"] as const;
export type Outage = (typeof OUTAGES)[number];

export interface OutagesOptions {
  outages: readonly Outage[];
  seed: number;
  dist?: string;
}

/** What a client was told meanwhile. */
interface Told {
  asked: number;
  /** Answers by freshness. */
  freshness: Map<string, number>;
  /** States of the store, as the engine told them. */
  store: Set<string>;
}

/** Asks about one account after the other, and keeps count of what it got. */
class Client {
  asked = 0;
  failures: string[] = [];
  slowestMs = 0;
  told: Told = { asked: 0, freshness: new Map(), store: new Set() };
  private running = true;
  private readonly loop: Promise<void>;

  constructor(
    private readonly engine: RunningEngine,
    private readonly prng: Prng,
  ) {
    this.loop = this.ask();
  }

  /** Begins a new count. */
  begin(): Told {
    this.told = { asked: 0, freshness: new Map(), store: new Set() };
    return this.told;
  }

  private async ask(): Promise<void> {
    while (this.running) {
      const account = FIRST_TRADER + this.prng.below(TRADERS);
      const started = performance.now();
      try {
        const { freshness } = await this.engine.get<{ freshness: string }>(`/api/v1/accounts/${account}`);
        const { told } = this;
        told.asked++;
        told.freshness.set(freshness, (told.freshness.get(freshness) ?? 0) + 1);
        if (this.asked % 8 === 0)
          told.store.add((await this.engine.get<{ store: { state: string } }>("/api/v1/platform")).store.state);
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

/** What must not be among the answers, or is missing, in an outage. */
function judge(outage: Outage, { asked, freshness }: Told, steps: number): string[] {
  const wrong: string[] = [];
  if (asked === 0) wrong.push("no question was answered");
  const { broker } = AWAY[outage];
  for (const [name, count] of freshness)
    if (name !== "OK" && !(broker && name === "STALE")) wrong.push(`${count} answers were ${name}`);
  if (!broker && steps === 0) wrong.push("events stood still, and only the database was away");
  if (outage === "long" && !freshness.has("STALE")) wrong.push("old numbers were passed for fresh ones");
  return wrong.map((what) => `${outage}: ${what}`);
}

export async function outagesTrial({ outages, seed, dist }: OutagesOptions, say: Say = () => undefined): Promise<Report> {
  const prng = Prng.seeded(seed, 29);
  const stage = await openStage(PARTITIONS, true);
  const broker = stage.ownBroker as TestKafka;
  const { database } = stage;
  const proxy = await startCuttingProxy(database.port);
  const engine = new TrialEngine({
    ...stage,
    name: "a",
    databaseUrl: database.url.replace(`:${database.port}/`, `:${proxy.port}/`),
    dist,
    set: [
      "snapshot.intervalMs=500",
      "store.flushIntervalMs=100",
      "store.writeDeadlineMs=2000",
      "store.connectDeadlineMs=2000",
      `engine.staleAfterMs=${STALE_AFTER_MS}`,
      `kafka.sessionTimeoutMs=${SESSION_MS}`,
    ],
  });
  const tried: string[] = [];
  const found: string[] = [];
  let read = 0;
  /** What the engine has said since the last call, each line once. */
  const newLines = ({ command }: RunningEngine) => {
    const text = command.stderr.slice(read);
    read += text.length;
    return new Set(text.split("\n").filter((line) => line !== ""));
  };
  let traffic: Traffic | undefined;
  let client: Client | undefined;
  try {
    traffic = await Traffic.start({ ...stage, seed, accounts: TRADERS, tradesPerSecond: 150, walkers: 4, damagedPerSecond: 1 });
    const running = await engine.start();
    await until("the engine is ready", async () => (await fetch(`${running.page}/readyz`)).ok, 30_000);
    client = new Client(running, prng);
    const { walkers } = traffic;
    const calm = client;
    const events = (after: string, from: number) =>
      until(`events flow again after ${after}`, async () => walkers.steps > from + 4, 40_000);
    await events("the start", walkers.steps);
    const suffer = async (outage: Outage) => {
      const told = calm.begin();
      const stepsBefore = walkers.steps;
      const started = performance.now();
      await OUTAGE[outage]({ stage, broker, proxy });
      const during = walkers.steps - stepsBefore;
      const back = performance.now();
      // Over when events go through again: walkers get their alerts, which need the broker both ways.
      await events(outage, walkers.steps).finally(() => found.push(...judge(outage, told, during)));
      const seconds = (from: number, to: number) => ((to - from) / 1000).toFixed(1);
      const took = `${seconds(started, back)} s, events flow ${seconds(back, performance.now())} s after it`;
      const answers = [...told.freshness].map(([name, count]) => `${count} ${name}`).join(", ");
      const line = `${outage}: ${took}; answers ${answers}; ${during} steps walked meanwhile; store ${[...told.store].join(", ")}`;
      say(line);
      for (const each of newLines(running)) say(`  the engine says: ${each}`);
      tried.push(line);
      const after = calm.begin();
      await until(`answers are fresh again after ${outage}`, async () => {
        if (after.freshness.has("STALE")) after.freshness.clear();
        return (after.freshness.get("OK") ?? 0) > 5;
      });
    };
    newLines(running);
    let isOver = true;
    for (const outage of outages) {
      await suffer(outage).catch((error: Error) => {
        isOver = false;
        found.push(error.message.split("\n")[0]);
      });
      if (!isOver) break;
    }
    await pause(1000);
    await client.stop();
    if (client.failures.length > 0)
      found.push(`${client.failures.length} of ${client.asked} questions without an answer: ${client.failures[0]}`);
    if (!isOver) return { tried: [`seed ${seed}`, ...tried], found };
    await traffic.stop();
    const { findings, compared } = await examine({ ...stage, engines: [running], traffic, timeoutMs: 40_000 });
    found.push(...findings, ...(await engine.stop()));
    tried.push(
      `${client.asked} questions, slowest answer ${Math.round(client.slowestMs)} ms; ${proxy.cut} answers to commits swallowed`,
      compared,
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

/** Whether the broker is away in it, and not only the database. */
const AWAY: Record<Outage, { broker: boolean }> = {
  broker: { broker: true },
  long: { broker: true },
  commits: { broker: false },
  stopped: { broker: false },
  locked: { broker: false },
  refusing: { broker: false },
  both: { broker: true },
};

const OUTAGE: Record<Outage, (parts: Parts) => Promise<void>> = {
  broker: ({ broker }) => killBroker(broker, 1000),
  // Longer than a session lasts, and than a mark is good: the group gives the engine up, and there is nobody else.
  long: ({ broker }) => killBroker(broker, SESSION_MS + STALE_AFTER_MS),
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
const PLANTED: readonly (Planted & { outages: readonly Outage[] })[] = [
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
    finds: /questions without an answer|answers were RECOVERING/,
    outages: ["long"],
  },
  {
    what: "numbers that rest on an old mark pass for fresh ones",
    file: "src/shared/views/shard-view.ts",
    from: 'if (this.doubles[(row + AccountAt.oldestMarkReceivedNs) / 8] < staleNs) return "STALE";',
    to: "",
    finds: /old numbers were passed for fresh ones/,
    outages: ["long"],
  },
];

/** Options of the long form. */
export const OPTIONS = {
  rounds: { what: "how often each outage comes", default: 2 },
} as const satisfies TrialOptions;

export async function longForm({ seed, rounds, planted }: LongForm<typeof OPTIONS>, say: Say): Promise<number> {
  if (planted) return tryPlanted(PLANTED, (dist, { outages }) => outagesTrial({ seed, outages, dist }), say);
  const report = await outagesTrial({ seed, outages: Array.from({ length: rounds }, () => OUTAGES).flat() }, say);
  printReport("outages", report, say);
  return report.found.length;
}
