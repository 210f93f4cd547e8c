// Trial: how long an engine is away. Ten thousand accounts, a snapshot, and then a million events that nobody has applied; from the
// start of the process until every account is served OK.
import { LogConsumer } from "../../../src/ingest/kafka/log-consumer";
import { LogProducer } from "../../../src/ingest/kafka/log-producer";
import { partitionOf } from "../../../src/shared/partition";
import type { AccountRisk } from "../../../src/shared/views/types";
import { AccountBatchWriter, MarketBatchWriter } from "../../../src/shared/wire/encode";
import { INSTRUMENTS } from "../../../src/sim/instruments";
import { Prng } from "../../../src/sim/prng";
import { SimPublisher } from "../../../src/sim/publisher";
import { type Command, type RunningEngine, until } from "../../support/engine-process";
import { logEnds, withAdmin } from "../../support/kafka";
import { freePort } from "../../support/ports";
import { examine, type ShardState } from "../support/outcome";
import { type Planted, tryPlanted } from "../support/planted";
import { type LongForm, openStage, pause, printReport, type Report, type Say, type TrialOptions } from "../support/stage";
import { TrialEngine } from "../support/trial-engine";

const PARTITIONS = 4;
const FIRST_ACCOUNT = 3_000_001;
const USDT = 1;
const CONTRACTS = INSTRUMENTS.filter((each) => each.symbol === "BTCUSDT" || each.symbol === "ETHUSDT");
const MARKS: Readonly<Record<string, number>> = { BTCUSDT: 600_000, ETHUSDT: 260_000 };

export interface RecoveryOptions {
  seed: number;
  accounts: number;
  /** Events after the snapshot. */
  backlog: number;
  /** Events a message. */
  batch: number;
  /** How often it is measured. */
  rounds: number;
  /** Whether ledgers and rows are compared in the end; true by default. */
  compare?: boolean;
  dist?: string;
}

/** Fills of all accounts in turn, in messages of `batch` events, a partition at a time. */
class Feed {
  private readonly writers: AccountBatchWriter[];
  /** The last sequence number written for each account. */
  readonly seqs: Float64Array;
  private readonly partitions: Uint8Array;
  private readonly prng: Prng;
  private markSeq = Date.now() * 1000;
  private marking: NodeJS.Timeout | undefined;

  constructor(
    private readonly producer: LogProducer,
    private readonly prefix: string,
    private readonly publisher: SimPublisher,
    private readonly options: RecoveryOptions,
  ) {
    this.prng = Prng.seeded(options.seed, 37);
    this.writers = Array.from({ length: PARTITIONS }, () => new AccountBatchWriter(5));
    this.seqs = new Float64Array(options.accounts);
    this.partitions = Uint8Array.from({ length: options.accounts }, (_, i) => partitionOf(String(FIRST_ACCOUNT + i), PARTITIONS));
  }

  async deposits(): Promise<void> {
    for (let i = 0; i < this.options.accounts; i++)
      await this.add(i, (writer, base) => writer.transfer({ ...base, asset: USDT, amount: 1_000_000e8 }));
    await this.flush();
  }

  async fills(count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const contract = CONTRACTS[this.prng.below(CONTRACTS.length)];
      await this.add(n % this.options.accounts, (writer, base) =>
        writer.fill({
          ...base,
          instrument: this.publisher.instrumentId(contract),
          side: this.prng.below(2) === 0 ? 1 : 2,
          qtyLots: 1 + this.prng.below(20),
          priceTicks: MARKS[contract.symbol] + this.prng.below(200) - 100,
          fee: 1000,
        }),
      );
    }
    await this.flush();
  }

  private async add(
    i: number,
    write: (writer: AccountBatchWriter, base: { seq: number; account: number; timeMs: number }) => void,
  ): Promise<void> {
    const partition = this.partitions[i];
    const writer = this.writers[partition];
    write(writer, { seq: ++this.seqs[i], account: FIRST_ACCOUNT + i, timeMs: Date.now() });
    if (writer.count >= this.options.batch) await this.send(partition);
  }

  private async send(partition: number): Promise<void> {
    const payload = this.writers[partition].finish();
    while (!this.producer.send(`${this.prefix}accounts`, partition, payload, `p${partition}`)) await this.producer.room();
  }

  private async flush(): Promise<void> {
    for (let partition = 0; partition < PARTITIONS; partition++)
      if (this.writers[partition].count > 0) await this.send(partition);
    while (!(await this.producer.flush(1000)));
  }

  /** A mark of each contract five times a second: a market goes on whether an engine does or not. */
  startMarks(): void {
    const send = () => {
      const writer = new MarketBatchWriter(5);
      for (const contract of CONTRACTS)
        writer.mark({
          instrument: this.publisher.instrumentId(contract),
          seq: ++this.markSeq,
          timeMs: Date.now(),
          priceTicks: MARKS[contract.symbol],
        });
      this.producer.send(`${this.prefix}market`, null, writer.finish(), "marks");
    };
    send();
    this.marking = setInterval(send, 200);
  }

  stopMarks(): void {
    clearInterval(this.marking);
  }
}

/** Rounds come faster than a database takes their rows: they wait on the store's disk, and here until all are in. */
const ROWS_MS = 600_000;
/** How long it may take until every account is OK. */
const OK_MS = 120_000;
/** An engine of which no shard has moved for so long, and not every account is OK, will not get there. */
const STILL_MS = 10_000;
/** How often it is looked whether one has moved: seldom, as asking is work for the engine that is measured. */
const LOOK_MS = 1000;

export interface RecoveryTimes {
  /** From exec until the engine said that it is ready, and every account asked for from then on was OK. */
  readyMs: number;
  /** Until the last of them had been asked for, a thousand at a time. */
  askedMs: number;
  /** A client that reads the same messages and does nothing with them; connecting included. */
  clientMs: number;
}

export async function recoveryTimeTrial(
  options: RecoveryOptions,
  say: Say = () => undefined,
): Promise<Report & { rounds: RecoveryTimes[] }> {
  const { accounts, backlog, batch, rounds, compare = true, dist } = options;
  const stage = await openStage(PARTITIONS);
  const { brokers, prefix } = stage;
  const port = await freePort();
  const engine = new TrialEngine({ ...stage, name: "a", dist, set: [`http.port=${port}`, "snapshot.intervalMs=500"] });
  const producer = new LogProducer({ brokers, reports: "failures", lingerMs: 5 });
  const publisher = new SimPublisher({ instruments: CONTRACTS, accountPartitions: PARTITIONS, producerId: 5 });
  const feed = new Feed(producer, prefix, publisher, options);
  const found: string[] = [];
  const times: RecoveryTimes[] = [];
  try {
    await producer.connect();
    const reference = publisher.reference();
    producer.send(`${prefix}reference`, null, reference.payload, reference.key);
    await producer.flush(10_000);
    feed.startMarks();
    await feed.deposits();
    await feed.fills(accounts);
    let running: RunningEngine | undefined;
    for (let round = 0; round < rounds; round++) {
      running = await engine.start();
      const page = running.page;
      await until("the engine is ready", async () => (await fetch(`${page}/readyz`)).ok, 60_000);
      await untilSnapshotted(brokers, prefix);
      await engine.kill();
      const starts = await logEnds(brokers, `${prefix}accounts`);
      await feed.fills(backlog);
      const clientMs = await clientAlone(brokers, prefix, starts);
      const { answersMs, readyMs, askedMs, behind } = await measure(engine, port, feed.seqs);
      if (behind !== null) found.push(behind);
      times.push({ readyMs, askedMs, clientMs });
      say(
        `round ${round + 1}: every account OK ${readyMs} ms after exec (it answers after ${answersMs}, all have been asked for after ${askedMs}; a client alone reads the backlog in ${clientMs})`,
      );
      if (round < rounds - 1) await engine.kill();
    }
    feed.stopMarks();
    // Each life has the same address.
    const outcome = compare ? await examine({ ...stage, engines: [running as RunningEngine], timeoutMs: ROWS_MS }) : null;
    found.push(...(outcome?.findings ?? []), ...(await engine.stop()));
    return {
      rounds: times,
      tried: [
        `seed ${options.seed}: ${accounts.toLocaleString("en")} accounts, behind by ${backlog.toLocaleString("en")} events, ${batch} a message, after kill −9: every account OK after ${times.map(({ readyMs }) => readyMs).join(", ")} ms`,
        outcome?.compared ?? "ledgers and rows were not compared",
      ],
      found,
    };
  } finally {
    feed.stopMarks();
    await producer.close();
    await engine.kill();
    await stage.close();
  }
}

/** Until the newest snapshot of every shard holds all that its log does: the group's offsets follow the snapshots. */
async function untilSnapshotted(brokers: string, prefix: string): Promise<void> {
  const topic = `${prefix}accounts`;
  await withAdmin(brokers, async (admin) => {
    const ends = new Map((await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, high]));
    const isWhole = async () => {
      const [group] = await admin.fetchOffsets({ groupId: `${prefix}engine`, topics: [topic] });
      return group.partitions.every(({ partition, offset }) => offset === ends.get(partition));
    };
    await until("snapshots of everything", isWhole, 60_000);
  });
}

/** What there is to be had: how long a client takes that connects, reads the same backlog and does nothing with it. */
async function clientAlone(brokers: string, prefix: string, starts: Map<number, number>): Promise<number> {
  const topic = `${prefix}accounts`;
  const started = performance.now();
  const consumer = new LogConsumer({ brokers, groupId: `${prefix}alone` });
  try {
    await consumer.connect();
    await consumer.assign([...starts].map(([partition, offset]) => ({ topic, partition, offset })));
    const left = new Map<number, number>();
    for (const [partition, offset] of starts) left.set(partition, (await consumer.watermarks(topic, partition)).high - offset);
    let messages = [...left.values()].reduce((sum, count) => sum + count, 0);
    while (messages > 0) messages -= (await consumer.poll(512)).length;
    return Math.round(performance.now() - started);
  } finally {
    await consumer.close();
  }
}

/** From exec to every account OK, as a client at the HTTP port sees it. */
async function measure(engine: TrialEngine, port: number, seqs: Float64Array) {
  const base = `http://127.0.0.1:${port}`;
  const started = performance.now();
  const since = () => Math.round(performance.now() - started);
  const command = engine.launch();
  const progress = new Progress(base, command);
  let answersMs = 0;
  for (;;) {
    const response = await fetch(`${base}/readyz`).catch(() => null);
    if (response !== null) answersMs ||= since();
    await response?.text();
    const readyMs = since();
    // It says so. And every single one of them, asked for: asking takes its time, too.
    if (response?.ok) {
      const { ok, behind } = await countOk(base, seqs);
      if (ok === seqs.length || behind !== null) return { answersMs, readyMs, askedMs: since(), behind };
    }
    await progress.check();
    await pause(5);
  }
}

/** Whether an engine that is starting is still on its way. */
class Progress {
  private readonly started = performance.now();
  private looked = this.started;
  private moved = this.started;
  private shards = "";
  private hasEnded = false;

  constructor(
    private readonly base: string,
    private readonly command: Command,
  ) {
    void command.finished.then(() => (this.hasEnded = true));
  }

  /** @throws Error when it has ended, stands still or takes too long: says where its shards are */
  async check(): Promise<void> {
    const now = performance.now();
    if (!this.hasEnded && now - this.looked < LOOK_MS) return;
    this.looked = now;
    const platform = (await fetch(`${this.base}/api/v1/platform`)
      .then((response) => response.json())
      .catch(() => ({}))) as { shards?: ShardState[] };
    const shards = (platform.shards ?? []).map(({ partition, state, nextOffset }) => `${partition}: ${state} at ${nextOffset}`);
    // One that does not answer yet is starting: nothing is known of its shards.
    if (shards.length === 0 || shards.join() !== this.shards) this.moved = now;
    this.shards = shards.join();
    const why = this.hasEnded
      ? "the engine ended by itself"
      : now - this.moved >= STILL_MS
        ? `the shards stand still for ${STILL_MS / 1000} s`
        : now - this.started >= OK_MS
          ? `${OK_MS / 1000} s are over`
          : null;
    if (why !== null) throw new Error(`not every account was OK when ${why} (${this.shards}): ${this.command.stderr}`);
  }
}

/** How many accounts are OK, and one that says so without all that the log held for it when the process was started. */
async function countOk(base: string, seqs: Float64Array): Promise<{ ok: number; behind: string | null }> {
  let ok = 0;
  let behind: string | null = null;
  let cursor: string | null = null;
  do {
    const url = `${base}/api/v1/accounts?limit=1000${cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`}`;
    const page = (await (await fetch(url)).json()) as { accounts: AccountRisk[]; nextCursor: string | null };
    for (const { id, seq, freshness } of page.accounts) {
      if (freshness !== "OK") continue;
      const last = seqs[Number(id) - FIRST_ACCOUNT];
      if (seq < last) behind ??= `account ${id} is OK at event ${seq} of ${last}`;
      ok++;
    }
    cursor = page.nextCursor;
  } while (cursor !== null);
  return { ok, behind };
}

/** Enough to look at, where the time itself does not matter. */
export const SHORT = { accounts: 1000, backlog: 20_000, batch: 256, rounds: 1 };

/** Bugs that this trial must find. */
const PLANTED: readonly Planted[] = [
  {
    what: "what the log holds behind the snapshot is passed over",
    file: "src/engine/shard-set.ts",
    from: "return this.opened(partition, memory, header.nextOffset, header.nextOffset);",
    to: "return this.opened(partition, memory, log.high, header.nextOffset);",
    finds: /the shards stand still|is OK at event \d+ of \d+/,
  },
];

/** Options of the long form. */
export const OPTIONS = {
  accounts: { what: "that there are", default: 10000 },
  backlog: { what: "events that nobody has applied", default: 1000000 },
  batch: { what: "events a message", default: 256 },
  rounds: { what: "how often it is measured", default: 3 },
} as const satisfies TrialOptions;

export async function longForm({ planted, ...options }: LongForm<typeof OPTIONS>, say: Say): Promise<number> {
  const { seed } = options;
  if (planted) return tryPlanted(PLANTED, (dist) => recoveryTimeTrial({ seed, ...SHORT, compare: false, dist }), say);
  const report = await recoveryTimeTrial(options, say);
  printReport("recovery time", report, say);
  return report.found.length;
}
