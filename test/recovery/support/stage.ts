// Where a trial plays: a real broker, a real database, a folder; and what every trial prints.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SharedKafka, sharedKafka, startKafka, type TestKafka } from "../../support/kafka";
import { startPostgres, type TestPostgres } from "../../support/postgres";

export type Say = (line: string) => void;

export interface Stage {
  kafka: { brokers: string; own: TestKafka | null };
  prefix: string;
  database: TestPostgres;
  dir: string;
  close(): Promise<void>;
}

/** @param ownBroker a broker that may be killed; else one that others use too */
export async function openStage(ownBroker = false): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), "plimsoll-trial-"));
  let shared: SharedKafka | null = null;
  let own: TestKafka | null = null;
  let database: TestPostgres | null = null;
  const close = async () => {
    await database?.remove();
    await own?.remove();
    await shared?.release();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    if (ownBroker) own = await startKafka();
    else shared = await sharedKafka();
    database = await startPostgres();
    const brokers = own?.brokers ?? (shared as SharedKafka).brokers;
    const prefix = shared?.prefix() ?? "t.";
    return { kafka: { brokers, own }, prefix, database, dir, close };
  } catch (error) {
    await close();
    throw error;
  }
}

export interface Report {
  /** What was done, a line each. */
  tried: string[];
  /** What was wrong, a line each; empty: nothing. */
  found: string[];
}

export function printReport(name: string, report: Report, say: Say): void {
  say(`${name}: tried`);
  for (const line of report.tried) say(`  ${line}`);
  say(report.found.length === 0 ? `${name}: found nothing` : `${name}: FOUND`);
  for (const line of report.found) say(`  ${line}`);
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
