// Trial: shard workers throw, end their thread, or hang in the middle of their work, under load. Each is noticed and replaced, its
// shards are rebuilt and go on, and the process stays. Beside that an event that no ledger can take: its account is quarantined,
// and nobody else notices.
import { LogProducer } from "../../../src/ingest/kafka/log-producer";
import { partitionOf } from "../../../src/shared/partition";
import type { AccountRisk } from "../../../src/shared/views/types";
import { AccountBatchWriter } from "../../../src/shared/wire/encode";
import { Prng } from "../../../src/sim/prng";
import { type RunningEngine, until } from "../../support/engine-process";
import { examine } from "../support/outcome";
import { type Planted, tryPlanted } from "../support/planted";
import { type LongForm, openStage, printReport, type Report, type Say, type Stage, type TrialOptions } from "../support/stage";
import { Traffic } from "../support/traffic";
import { TrialEngine } from "../support/trial-engine";

const PARTITIONS = 4;
const HANG_MS = 500;
const WAYS = ["throw", "exit", "hang"] as const;
const POISONED = 8_000_001;

export interface WorkersOptions {
  cycles: number;
  seed: number;
  dist?: string;
}

interface Platform {
  shards: { partition: number; state: string; nextOffset: number }[];
}

async function allRunning(engine: RunningEngine): Promise<boolean> {
  const { shards } = await engine.get<Platform>("/api/v1/platform");
  return shards.length === PARTITIONS && shards.every((shard) => shard.state === "running");
}

export async function workersTrial({ cycles, seed, dist }: WorkersOptions, say: Say = () => undefined): Promise<Report> {
  const prng = Prng.seeded(seed, 19);
  const stage = await openStage(PARTITIONS);
  const set = ["snapshot.intervalMs=300", `engine.hangMs=${HANG_MS}`, "engine.workers=2"];
  const engine = new TrialEngine({ ...stage, name: "a", dist, set });
  const found: string[] = [];
  const backMs: number[] = [];
  let traffic: Traffic | undefined;
  let served: RunningEngine | undefined;
  try {
    traffic = await Traffic.start({ ...stage, seed, accounts: 200, tradesPerSecond: 150, walkers: 4, damagedPerSecond: 1 });
    const running = await engine.start();
    served = running;
    await until("the shards run", () => allRunning(running));
    await poison(stage);
    for (let cycle = 0; cycle < cycles; cycle++) {
      const how = WAYS[cycle % WAYS.length];
      engine.askFault("shard-round", 1 + prng.below(30), how);
      await until(`a worker ${how}s`, async () => engine.faultTaken, 20_000);
      const taken = performance.now();
      await until("the loss is noticed", async () => lostIn(running.command.stderr) > cycle, 20_000);
      await until("the shards run again", () => allRunning(running), 20_000);
      backMs.push(Math.round(performance.now() - taken));
      say(`cycle ${cycle + 1}: ${how}; all shards live again after ${backMs.at(-1)} ms`);
    }
    const poisoned = await running.get<AccountRisk>(`/api/v1/accounts/${POISONED}`).then(
      ({ freshness }) => freshness,
      (error: Error) => `not served: ${error.message}`,
    );
    if (poisoned !== "QUARANTINED") found.push(`the poisoned account is ${poisoned}`);
    await traffic.stop();
    const { findings, compared } = await examine({ ...stage, engines: [running], traffic, timeoutMs: 30_000 });
    found.push(...findings, ...(await engine.stop()));
    const lost = lostIn(running.command.stderr);
    if (lost !== cycles) found.push(`the engine speaks of ${lost} lost workers, not of ${cycles}`);
    return {
      tried: [
        `seed ${seed}: ${cycles} workers lost by ${WAYS.join(", ")} in turn; live again after ${backMs.join(", ")} ms (a hang is noticed after ${HANG_MS} ms)`,
        compared,
      ],
      found,
    };
  } catch (error) {
    const platform = await served?.get("/api/v1/platform").catch((reason: Error) => reason.message);
    throw new Error(`${(error as Error).message}\n${JSON.stringify(platform)}\n${served?.command.stderr.slice(-4000)}`);
  } finally {
    await traffic?.stop().catch(() => undefined);
    await engine.kill();
    await stage.close();
  }
}

const lostIn = (stderr: string) => stderr.split("\n").filter((line) => line.includes("was lost")).length;

/** A fill whose value no ledger can hold: 2^52 lots at 2^52 ticks. */
async function poison({ brokers, prefix }: Stage): Promise<void> {
  const producer = new LogProducer({ brokers });
  await producer.connect();
  const writer = new AccountBatchWriter(4);
  const base = { account: POISONED, timeMs: Date.now() };
  writer.transfer({ ...base, seq: 1, asset: 1, amount: 1e10 });
  writer.fill({
    ...base,
    seq: 2,
    instrument: 900,
    side: 1,
    qtyLots: 2 ** 52,
    priceTicks: 2 ** 52,
    fee: 0,
  });
  writer.transfer({ ...base, seq: 3, asset: 1, amount: 1e8 });
  const key = String(POISONED);
  await producer.sendAndWait(`${prefix}accounts`, partitionOf(key, PARTITIONS), writer.finish(), key);
  await producer.close();
}

/** An engine stops where the same shard is lost more than five times in ten minutes, as it should: so many cycles, then another. */
const LIFE_CYCLES = 6;

/** Bugs that this trial must find. */
const PLANTED: readonly Planted[] = [
  {
    what: "a shard that is rebuilt goes on from where its old ring was",
    file: "src/engine/shard-set.ts",
    from: "return this.opened(partition, memory, header.nextOffset, header.nextOffset);",
    to: "return this.opened(partition, memory, log.high, header.nextOffset);",
    finds: /differs from the twin|not at the end|not served|KAFKA_LOG_GAP|GAP/,
  },
  {
    what: "a hanging worker is not noticed",
    file: "src/shards/pool.ts",
    from: "if (worker.still * this.watchMs < limitMs) continue;",
    to: "if (limitMs > 0) continue;",
    finds: /the loss is noticed/,
  },
];

/** Options of the long form. */
export const OPTIONS = {
  cycles: { what: "how many workers are lost", default: 30 },
} as const satisfies TrialOptions;

export async function longForm({ seed, cycles, planted }: LongForm<typeof OPTIONS>, say: Say): Promise<number> {
  if (planted) return tryPlanted(PLANTED, (dist) => workersTrial({ seed, cycles: 3, dist }), say);
  let found = 0;
  for (let done = 0; done < cycles; done += LIFE_CYCLES) {
    const report = await workersTrial({ seed: seed + done, cycles: Math.min(LIFE_CYCLES, cycles - done) }, say);
    printReport("workers", report, say);
    found += report.found.length;
  }
  return found;
}
