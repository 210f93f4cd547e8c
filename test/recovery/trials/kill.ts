// Trial: the engine is killed with −9 again and again, at random and at named points of its code, also while it recovers, with
// traffic going on all the time. In the end every ledger equals the slow twin's over the same log, every fill is a row and every
// row a fill, every change of status was told once.
import { FAULT_POINTS, type FaultPoint } from "../../../src/shared/fault-points";
import { Prng } from "../../../src/sim/prng";
import { whenReady } from "../../support/engine-process";
import { examine } from "../support/outcome";
import { type Planted, tryPlanted } from "../support/planted";
import { type LongForm, openStage, pause, printReport, type Report, type Say, type TrialOptions } from "../support/stage";
import { Traffic } from "../support/traffic";
import { TrialEngine } from "../support/trial-engine";

const PARTITIONS = 4;
/** How long a named point may take to be reached, once the engine serves, before it is killed wherever it is. */
const POINT_MS = 5000;
/** How often a point is asked for that is not reached. */
const ASKED_MAX = 3;
/** A kill at random comes so long after the start of the process, at most: recovery included. */
const RANDOM_MS = 6000;
/** Kills at random for each round of the named points. */
const RANDOM_SHARE = 6;
/** Kills that are enough to bring a planted bug out. */
const PLANTED_CYCLES = 4;

/** All that there are. */
export const KILL_POINTS = Object.keys(FAULT_POINTS) as FaultPoint[];
/** Points that are passed with every message, for as long as it runs: not one of the first passes each time. */
const FREQUENT: readonly FaultPoint[] = ["ring-publish", "ring-published", "shard-round"];
const FREQUENT_PASSES = 100;
/** All others: few, as the log after a snapshot may be a handful of messages, and a point that is not reached says nothing. */
const RARE_PASSES = 3;
/** What the engine may only say of a snapshot that somebody damaged: a kill leaves whole ones. */
const UNUSABLE = /is not used|is damaged|no snapshot can be used/;

export interface KillOptions {
  cycles: number;
  seed: number;
  dist?: string;
  /** Where it is killed: all of them in turn, in an order of the seed's. null: at random. */
  points?: readonly (FaultPoint | null)[];
  randomMs?: number;
}

// All of `points` come before any comes again; one that was not reached is asked for again at once.
class Deck {
  private readonly left: (FaultPoint | null)[] = [];
  private readonly asked = new Map<FaultPoint, number>();
  private readonly reached = new Map<FaultPoint, number>();

  constructor(
    private readonly points: readonly (FaultPoint | null)[],
    private readonly prng: Prng,
  ) {}

  draw(): FaultPoint | null {
    if (this.left.length === 0) {
      const rest = [...this.points];
      while (rest.length > 0) this.left.push(...rest.splice(this.prng.below(rest.length), 1));
    }
    const point = this.left.shift() as FaultPoint | null;
    if (point !== null) this.asked.set(point, (this.asked.get(point) ?? 0) + 1);
    return point;
  }

  /** @returns whether it is asked for again, beside what was planned */
  note(point: FaultPoint, isReached: boolean): boolean {
    if (isReached) this.reached.set(point, (this.reached.get(point) ?? 0) + 1);
    else if (!this.reached.has(point) && (this.asked.get(point) ?? 0) < ASKED_MAX) return this.left.unshift(point) > 0;
    return false;
  }

  /** Points that were asked for, and not reached once. */
  missed(): FaultPoint[] {
    return [...this.asked.keys()].filter((point) => !this.reached.has(point));
  }

  summary(): string[] {
    return KILL_POINTS.filter((point) => this.asked.has(point)).map((point) => {
      const [asked, reached] = [this.asked.get(point), this.reached.get(point) ?? 0];
      return `${reached} ${point}${reached === asked ? "" : ` (asked for ${asked} times)`}`;
    });
  }
}

export async function killTrial(options: KillOptions, say: Say = () => undefined): Promise<Report> {
  const { cycles, seed, dist, randomMs = RANDOM_MS } = options;
  const points = options.points ?? [...KILL_POINTS, ...new Array<null>(RANDOM_SHARE).fill(null)];
  const prng = Prng.seeded(seed, 17);
  const deck = new Deck(points, prng);
  const stage = await openStage(PARTITIONS);
  const set = ["snapshot.intervalMs=200", "store.flushIntervalMs=100"];
  const engine = new TrialEngine({ ...stage, name: "a", dist, set });
  let kills = 0;
  let atRandom = 0;
  let traffic: Traffic | undefined;
  try {
    traffic = await Traffic.start({ ...stage, seed, accounts: 300, tradesPerSecond: 200, walkers: 8, damagedPerSecond: 2 });
    for (let planned = cycles; kills < planned; ) {
      const point = deck.draw();
      engine.forgetFault();
      if (point !== null) engine.askFault(point, 1 + prng.below(FREQUENT.includes(point) ? FREQUENT_PASSES : RARE_PASSES));
      const started = performance.now();
      const command = engine.launch();
      if (point === null) await Promise.race([command.finished, pause(prng.below(randomMs))]);
      else {
        await Promise.race([command.finished, whenReady(command).catch(() => undefined)]);
        const untilMs = performance.now() + POINT_MS;
        while (!engine.faultTaken && performance.now() < untilMs) await pause(5);
        // Taken is not yet dead.
        if (engine.faultTaken) await Promise.race([command.finished, pause(1000)]);
      }
      const ended = await Promise.race([command.finished, pause(0).then(() => null)]);
      const isReached = point !== null && ended?.signal === "SIGKILL";
      if (ended !== null && !isReached)
        return {
          tried: [`seed ${seed}: kill ${kills + 1}`],
          found: [`the engine ended by itself (${ended.code ?? ended.signal}): ${ended.stderr.slice(-2000)}`],
        };
      await engine.kill();
      kills++;
      if (point !== null && deck.note(point, isReached)) planned++;
      if (!isReached) atRandom++;
      const where = isReached ? `at ${point}` : point === null ? "at random" : `at random, ${point} was not reached`;
      say(`${kills}: killed ${where} after ${Math.round(performance.now() - started)} ms; ${traffic.walkers.steps} steps walked`);
    }
    engine.forgetFault();
    const running = await engine.start();
    // A last stretch undisturbed: whoever waits for his alert gets it.
    await pause(500);
    await traffic.stop();
    const { findings, compared } = await examine({ ...stage, engines: [running], traffic, timeoutMs: 30_000 });
    findings.push(...(await engine.stop()));
    const unusable = engine.said.filter((line) => UNUSABLE.test(line));
    if (unusable.length > 0) findings.push(`a kill left a snapshot that cannot be used: ${unusable.length} (${unusable[0]})`);
    for (const point of deck.missed()) findings.push(`${point} was never reached: nothing is known about a kill there`);
    return {
      tried: [`seed ${seed}: ${kills} kills: ${[...deck.summary(), `${atRandom} at random`].join(", ")}`, compared],
      found: findings,
    };
  } finally {
    await traffic?.stop().catch(() => undefined);
    await engine.kill();
    await stage.close();
  }
}

/** Bugs that this trial must find, and the kills that bring them out where any will not do. */
const PLANTED: readonly (Planted & {
  points?: KillOptions["points"];
})[] = [
  {
    what: "a snapshot acknowledges one message more than was applied",
    finds: /not served|differs from the twin|SNAPSHOT|not at the end/,
    file: "src/shards/snapshot/image.ts",
    from: "      nextOffset: this.nextOffset,\n",
    to: "      nextOffset: this.nextOffset + 1,\n",
    // Each that comes after a snapshot loses a message; those at named points come too early for many.
    points: [null],
  },
  {
    what: "a snapshot's offset is dropped: reading begins at the end of the log",
    finds: /not served|differs from the twin/,
    file: "src/engine/shard-set.ts",
    from: "this.opened(partition, memory, header.nextOffset, header.nextOffset)",
    to: "this.opened(partition, memory, log.high, header.nextOffset)",
  },
  {
    what: "a snapshot is written under its own name",
    finds: /cannot be used/,
    file: "src/shards/snapshot/folder.ts",
    from: "const temporary = join(this.path, ",
    to: "const temporary = join(this.path, name) || join(this.path, ",
    points: ["snapshot-half"],
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
  {
    what: "a fill that is sent again is another row",
    finds: /fill twice in the database/,
    file: "migrations/0001_tables.sql",
    from: ",\n  primary key (account_id, event_time, log_id, log_partition, log_offset, event_index)\n",
    to: "\n",
    points: ["store-committed"],
  },
];

/** Options of the long form. */
export const OPTIONS = {
  cycles: { what: "how often it is killed", default: 200 },
} as const satisfies TrialOptions;

export async function longForm({ seed, cycles, planted }: LongForm<typeof OPTIONS>, say: Say): Promise<number> {
  if (planted) return tryPlanted(PLANTED, (dist, { points }) => killTrial({ seed, cycles: PLANTED_CYCLES, dist, points }), say);
  const report = await killTrial({ seed, cycles }, say);
  printReport("kill −9", report, say);
  return report.found.length;
}
