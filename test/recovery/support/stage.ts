// Where a trial plays: a real broker with the topics, a real database, a folder; and what every trial prints.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureTopics } from "../../../src/ingest/kafka/admin";
import { plimsollTopics } from "../../../src/ingest/kafka/topics";
import { type SharedKafka, sharedKafka, startKafka, type TestKafka } from "../../support/kafka";
import { startPostgres, type TestPostgres } from "../../support/postgres";

export type Say = (line: string) => void;

export interface Stage {
  brokers: string;
  /** The broker, where it is the trial's own. */
  ownBroker: TestKafka | null;
  prefix: string;
  /** Of the topic of account events. */
  partitions: number;
  database: TestPostgres;
  databaseUrl: string;
  dir: string;
  close(): Promise<void>;
}

/**
 * @param partitions of the topic of account events
 * @param withOwnBroker a broker that may be killed; else one that others use too
 */
export async function openStage(partitions: number, withOwnBroker = false): Promise<Stage> {
  const dir = await mkdtemp(join(tmpdir(), "plimsoll-trial-"));
  let shared: SharedKafka | null = null;
  let ownBroker: TestKafka | null = null;
  let database: TestPostgres | null = null;
  const close = async () => {
    await database?.remove();
    await ownBroker?.remove();
    await shared?.release();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    if (withOwnBroker) ownBroker = await startKafka();
    else shared = await sharedKafka();
    database = await startPostgres();
    const brokers = ownBroker?.brokers ?? (shared as SharedKafka).brokers;
    const prefix = shared?.prefix() ?? "t.";
    await ensureTopics({ brokers, topics: plimsollTopics({ prefix, accountPartitions: partitions }) });
    return { brokers, ownBroker, prefix, partitions, database, databaseUrl: database.url, dir, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What the long form of a trial takes from the command line beside `--seed` and `--planted`: whole numbers from 1. */
export type TrialOptions = Record<string, { what: string; default: number }>;

export type LongForm<Options extends TrialOptions> = { [Name in keyof Options]: number } & { seed: number; planted: boolean };

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
