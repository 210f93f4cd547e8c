// `plimsoll replay`: recorded markets, and synthetic traders at their prints, through Kafka into a running engine.
import { Command } from "commander";
import { describeTopics, ensureTopics } from "../ingest/kafka/admin";
import { KafkaError } from "../ingest/kafka/errors";
import { LogProducer } from "../ingest/kafka/log-producer";
import { checkBrokers } from "../ingest/kafka/settings";
import { DEFAULT_TOPIC_PREFIX, plimsollTopics, topicName } from "../ingest/kafka/topics";
import { PlimsollError } from "../shared/errors";
import { CaptureError } from "../sim/capture/error";
import { mergeCaptures } from "../sim/capture/merge";
import { CaptureReader } from "../sim/capture/reader";
import { formatSteps } from "../sim/decimal";
import type { SimEvent } from "../sim/events";
import type { Instrument } from "../sim/instruments";
import { SimPublisher } from "../sim/publisher";
import { ReplaySession } from "../sim/replay";
import { ProgressBar } from "./progress";

/** Not the synthetic market's accounts: both may feed one engine. */
const FIRST_ACCOUNT = 2_000_001;
/** Deposits go out in parts of so many accounts, so that the queue to Kafka stays small. */
const PAY_IN_ACCOUNTS = 1000;
/** Events between two looks at the clock when the replay is paced. */
const PACE_EVENTS = 64;

const HELP = `
Captures are Binance's, plain or gzip: a line is "<receive time, ns> <json as received>" with bookTicker, trade and
depthUpdate events and the REST depth snapshot; USD-M, COIN-M and spot. Several files are merged by receive time.

Written are instruments and margin tables to \`reference\`; marks, best bid and ask, trades to \`market\`; and, with
--accounts, the traders' deposits, orders, fills and funding to \`accounts\`. A mark is the middle of the book tied to the
spot market where that is among the files, at most ten a second.

Examples:
  plimsoll replay --brokers 127.0.0.1:9092 --accounts 10000 --speed max usdm_btcusdt.gz cm_btcusd_perp.gz
  plimsoll replay --brokers 127.0.0.1:9092 --speed 10 usdm_btcusdt.gz spot_btcusdt.gz`;

interface Flags {
  brokers?: string;
  prefix: string;
  accounts: string;
  seed: string;
  speed: string;
  firstAccount: string;
  batch: string;
  books?: boolean;
  check: boolean;
  json?: boolean;
}

export interface ReplaySummary {
  files: string[];
  instruments: string[];
  accounts: number;
  lines: number;
  events: { market: number; accounts: number };
  messages: number;
  bytes: number;
  seconds: number;
  eventsPerSecond: number;
  failedMessages: number;
  /** Last mark written, a symbol. */
  lastMarks: Record<string, string>;
}

function wholeNumber(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max)
    throw new PlimsollError("CONFIG_INVALID", `${flag} must be a whole number from ${min} to ${max}, not ${text}`);
  return value;
}

export function replayCommand(): Command {
  return new Command("replay")
    .description("feed recorded market data, and synthetic traders at its prints, through Kafka into a running engine")
    .argument("<capture...>", "capture files, plain or gzip")
    .option("--brokers <host:port,…>", "Kafka cluster (KAFKA_BROKERS)", process.env.KAFKA_BROKERS)
    .option("--prefix <text>", "what the topics' names begin with", DEFAULT_TOPIC_PREFIX)
    .option("--accounts <count>", "synthetic traders who trade at the prints; 0: only the market", "0")
    .option("--seed <number>", "seed of the traders", "1")
    .option("--first-account <id>", "id of the first trader", String(FIRST_ACCOUNT))
    .option("--speed <1|10|max>", "times as fast as recorded, or as fast as it goes", "max")
    .option("--batch <events>", "events a message", "64")
    .option("--books", "send the levels of the order books too")
    .option("--no-check", "do not read the files to their end before anything is written")
    .option("--json", "the summary as JSON")
    .addHelpText("after", HELP)
    .action(async (captures: string[], flags: Flags) => {
      const summary = await replay(captures, flags);
      process.stdout.write(flags.json ? `${JSON.stringify(summary)}\n` : text(summary));
      if (summary.failedMessages > 0)
        throw new PlimsollError("REPLAY_REFUSED", `${summary.failedMessages} messages were not taken by the brokers`);
    });
}

async function replay(captures: string[], flags: Flags): Promise<ReplaySummary> {
  const accounts = wholeNumber("--accounts", flags.accounts, 0, 10_000_000);
  const seed = wholeNumber("--seed", flags.seed, 0, 2 ** 32 - 1);
  const batchEvents = wholeNumber("--batch", flags.batch, 1, 4096);
  const firstAccountId = wholeNumber("--first-account", flags.firstAccount, 1, Number.MAX_SAFE_INTEGER - accounts);
  const speed = flags.speed === "max" ? Number.POSITIVE_INFINITY : wholeNumber("--speed", flags.speed, 1, 1_000_000);
  if (!flags.brokers) throw new PlimsollError("CONFIG_INVALID", "--brokers or KAFKA_BROKERS must say where Kafka is");
  const brokers = checkBrokers(flags.brokers);

  // Files first, to their last line: a capture that is torn somewhere stops the replay before anything is written.
  if (flags.check) await checkCaptures(captures);
  const readers: CaptureReader[] = [];
  try {
    for (const file of captures) readers.push(await CaptureReader.open(file));
  } catch (error) {
    for (const reader of readers) await reader.close();
    throw error instanceof CaptureError ? new PlimsollError("CAPTURE_UNREADABLE", error.message) : error;
  }
  const instruments = [...new Set(readers.flatMap((reader) => reader.instruments))];
  const partitions = await accountPartitions(brokers, flags.prefix);
  // Counted reports: one object a message would cost more than the message.
  const producer = new LogProducer({ brokers, reports: "failures" });
  await producer.connect();
  const publisher = new SimPublisher({
    instruments,
    accountPartitions: partitions,
    producerId: process.pid,
    batchEvents,
    books: flags.books === true,
  });
  const lastMarks = new Map<Instrument, number>();
  const session = new ReplaySession({ accounts: Math.max(4, accounts), seed, instruments, firstAccountId }, (event) => {
    if (event.kind === "mark") lastMarks.set(event.instrument, event.markTicks);
    if (accounts > 0 || !isOfAccounts(event)) publisher.add(event);
  });
  const bar = new ProgressBar("replay");
  const started = performance.now();
  let messages = 0;
  let bytes = 0;
  const send = async () => {
    for (const { role, partition, payload, key } of publisher.take()) {
      while (!producer.send(topicName(role, flags.prefix), partition, payload, key)) await producer.room();
      messages++;
      bytes += payload.length;
    }
  };
  const rate = () => (publisher.accountEvents + publisher.marketEvents) / ((performance.now() - started) / 1000);
  try {
    const reference = publisher.reference();
    while (!producer.send(topicName("reference", flags.prefix), null, reference.payload, reference.key)) await producer.room();
    messages++;
    bytes += reference.payload.length;
    // The engine must know the instruments before the first fill names one.
    if (!(await producer.flush(10_000)))
      throw new KafkaError("KAFKA_TIMEOUT", `${brokers} did not take the reference data within 10 s`);
    let firstUs = 0;
    let paid = accounts === 0;
    let paced = 0;
    for await (const { events, bytesRead, totalBytes } of mergeCaptures(readers)) {
      if (firstUs === 0) firstUs = events[0].recvUs;
      while (!paid) {
        const left = session.payIn(events[0].eventMs, PAY_IN_ACCOUNTS);
        paid = left === 0;
        await send();
        bar.update(0, `deposits of ${(accounts - left).toLocaleString("en")} accounts`);
      }
      for (const event of events) {
        if (speed !== Number.POSITIVE_INFINITY && ++paced % PACE_EVENTS === 0) {
          const dueMs = started + (event.recvUs - firstUs) / 1000 / speed;
          if (dueMs > performance.now() + 1) {
            publisher.flush();
            await send();
            await new Promise((resolve) => setTimeout(resolve, dueMs - performance.now()));
          }
        }
        session.onEvent(event);
      }
      await send();
      bar.update(bytesRead / totalBytes, `${Math.round(rate()).toLocaleString("en")} events/s`);
    }
    publisher.flush();
    await send();
    while (!(await producer.flush(1000))) bar.update(1, "waiting for the brokers", true);
  } catch (error) {
    throw error instanceof CaptureError ? new PlimsollError("CAPTURE_UNREADABLE", error.message) : error;
  } finally {
    bar.end();
    await producer.close();
    for (const reader of readers) await reader.close();
  }
  const seconds = (performance.now() - started) / 1000;
  return {
    files: captures,
    instruments: instruments.map((instrument) => instrument.symbol),
    accounts,
    lines: readers.reduce((sum, reader) => sum + reader.lineCount, 0),
    events: { market: publisher.marketEvents, accounts: publisher.accountEvents },
    messages,
    bytes,
    seconds,
    eventsPerSecond: rate(),
    failedMessages: producer.counters.failed,
    lastMarks: Object.fromEntries(
      [...lastMarks].map(([instrument, ticks]) => [instrument.symbol, formatSteps(ticks, instrument.tick)]),
    ),
  };
}

async function checkCaptures(files: string[]): Promise<void> {
  const bar = new ProgressBar("check");
  try {
    for (const [index, file] of files.entries()) {
      const reader = await CaptureReader.open(file);
      for await (const { bytesRead, totalBytes } of reader) bar.update((index + bytesRead / totalBytes) / files.length, file);
    }
  } catch (error) {
    throw error instanceof CaptureError ? new PlimsollError("CAPTURE_UNREADABLE", error.message) : error;
  } finally {
    bar.end();
  }
}

function isOfAccounts(event: SimEvent): boolean {
  return "accountId" in event || event.kind === "funding-settlement";
}

/** As many as the topic has; topics that are not there are made as the engine would. */
async function accountPartitions(brokers: string, prefix: string): Promise<number> {
  const topics = plimsollTopics({ prefix });
  const found = await describeTopics({ brokers, topics });
  const missing = topics.filter((_, i) => found[i].status === "missing");
  if (missing.length > 0) await ensureTopics({ brokers, topics: missing });
  return found[0].partitions || topics[0].partitions;
}

function text(summary: ReplaySummary): string {
  const n = (value: number) => Math.round(value).toLocaleString("en");
  const lines = [
    `replayed  ${summary.files.length} file${summary.files.length === 1 ? "" : "s"}, ${n(summary.lines)} lines: ${summary.instruments.join(", ")}`,
    `market    ${n(summary.events.market)} events`,
    `accounts  ${n(summary.events.accounts)} events of ${n(summary.accounts)} accounts`,
    `written   ${n(summary.messages)} messages, ${(summary.bytes / 1e6).toFixed(1)} MB in ${summary.seconds.toFixed(1)} s: ${n(summary.eventsPerSecond)} events/s`,
    ...Object.entries(summary.lastMarks).map(([symbol, mark]) => `last mark ${symbol} ${mark}`),
  ];
  return `${lines.join("\n")}\n`;
}
