// `plimsoll dead-letter list|show|redrive`: what was refused, why, and the way back into the log.
import { writeFile } from "node:fs/promises";
import { Command } from "commander";
import { CONFIG_KEYS } from "../engine/config";
import { LogProducer } from "../ingest/kafka/log-producer";
import { checkBrokers } from "../ingest/kafka/settings";
import { DEFAULT_TOPIC_PREFIX, plimsollTopics } from "../ingest/kafka/topics";
import { wallMs } from "../shared/clock";
import { PlimsollError } from "../shared/errors";
import { LETTER_CODES, letterCode } from "./dead-letter/codes";
import { Judge } from "./dead-letter/judge";
import { chosen, type Letter, type LetterBook, type LetterFilter, readLetters, readPayloads } from "./dead-letter/letters";
import { listJson, listText, table } from "./dead-letter/list";
import { LogReader } from "./dead-letter/log-reader";
import { parsePlace, parseRole, placeText } from "./dead-letter/place";
import { OUTCOMES, type Outcome, Redrive, type Redriven } from "./dead-letter/redrive";
import { letterJson, letterText } from "./dead-letter/show";
import { parseSince } from "./dead-letter/since";
import { ProgressBar } from "./progress";

/** Rows of `list` unless told otherwise: the newest. */
const LIST_LIMIT = 1000;
const HEX_BYTES = 256;
/** Market data older than the engine calls fresh by default is not news. */
const OUTDATED_AFTER_MS = CONFIG_KEYS["engine.staleAfterMs"].default as number;
/** A message that the brokers do not take within this time is given up, and said so. */
const SEND_TIMEOUT_MS = 30_000;

const LIST_HELP = `
A letter is one refused message, named by where it came to lie: topic/partition/offset. An engine that is restarted meets it
again and writes it again; that is one letter, seen twice. TIME is 2024-06-10, 2024-06-10T12:00 (UTC unless a zone is given),
milliseconds since the epoch, or how long ago: 30m, 12h, 7d. It is compared with the time of the message.`;

const REDRIVE_HELP = `
Each letter is judged as an engine would judge it now, by the reference data that is in the cluster. What passes is written
again, byte for byte, to its topic and partition, with a mark in the dead-letter topic: a second redrive does nothing.
Reference data goes first, then market data, then accounts. What is not written again, and why:

  refused       still wrong: correct it at the source, or publish what it refers to
  too-late      the account has come more than 64 numbers further: the ledger would pass it over
  outdated      market data older than ${OUTDATED_AFTER_MS / 1000} s: the feed's next record makes it good
  another-log   the topic was deleted and made again since
  failed        the brokers did not take it
  already, repeated, superseded
                nothing is left to do: it stands in the log again, or was said anew

The exit status is 1 if any letter ended as one of the first five. --force, for letters that are named, writes again also what
is already, repeated, superseded, too-late or outdated; never what is refused or from another log.`;

interface Flags {
  brokers?: string;
  prefix: string;
  json?: boolean;
  topic?: string;
  code?: string;
  since?: string;
  limit?: string;
  open?: boolean;
  raw?: string;
  hex?: string;
  all?: boolean;
  dryRun?: boolean;
  force?: boolean;
}

function wrong(message: string): PlimsollError {
  return new PlimsollError("CONFIG_INVALID", message);
}

function wholeNumber(flag: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw wrong(`${flag} must be a whole number from 1 to 999999999, not "${text}"`);
  return Number(text);
}

/** What all three are told, checked before anything is connected. */
function clusterOf(flags: Flags): { brokers: string; prefix: string } {
  if (!flags.brokers) throw wrong("--brokers or KAFKA_BROKERS must say where Kafka is");
  plimsollTopics({ prefix: flags.prefix });
  return { brokers: checkBrokers(flags.brokers), prefix: flags.prefix };
}

function filterOf(flags: Flags): LetterFilter {
  if (flags.code !== undefined && letterCode(flags.code) === undefined)
    throw wrong(`--code "${flags.code}" is none of ${LETTER_CODES.map(({ name }) => name).join(", ")}`);
  return {
    role: flags.topic === undefined ? undefined : parseRole(flags.topic),
    code: flags.code,
    sinceMs: flags.since === undefined ? undefined : parseSince(flags.since, wallMs()),
    open: flags.open,
  };
}

async function withReader<T>(brokers: string, work: (reader: LogReader) => Promise<T>): Promise<T> {
  const reader = await LogReader.open(brokers);
  try {
    return await work(reader);
  } finally {
    await reader.close();
  }
}

async function readBook(reader: LogReader, prefix: string): Promise<LetterBook> {
  const bar = new ProgressBar("dead letters");
  try {
    return await readLetters(reader, prefix, (share) => bar.update(share, "reading"));
  } finally {
    bar.end();
  }
}

function letterAt(book: LetterBook, text: string, prefix: string): Letter {
  const place = placeText(parsePlace(text, prefix));
  const letter = book.letters.get(place);
  if (letter === undefined) throw new Error(`there is no dead letter ${place}`);
  return letter;
}

async function list(flags: Flags): Promise<void> {
  const { brokers, prefix } = clusterOf(flags);
  const filter = filterOf(flags);
  const limit = wholeNumber("--limit", flags.limit, LIST_LIMIT);
  const book = await withReader(brokers, (reader) => readBook(reader, prefix));
  const listing = { letters: chosen(book, filter), limit, unreadable: book.unreadable };
  process.stdout.write(flags.json ? listJson(listing) : listText(listing));
}

async function show(name: string, flags: Flags): Promise<void> {
  const { brokers, prefix } = clusterOf(flags);
  const hexBytes = wholeNumber("--hex", flags.hex, HEX_BYTES);
  parsePlace(name, prefix);
  await withReader(brokers, async (reader) => {
    const letter = letterAt(await readBook(reader, prefix), name, prefix);
    const payload = (await readPayloads(reader, prefix, [letter])).get(letter) as Buffer;
    if (flags.raw !== undefined)
      await writeFile(flags.raw, payload).catch((error: Error) => {
        throw wrong(`--raw: ${error.message}`);
      });
    const { topic, partition, offset } = letter.place;
    const original = letter.role === null ? null : await reader.one(topic, partition, offset);
    const around = {
      payload,
      key: original?.payload?.equals(payload) ? (original.key?.toString("utf8") ?? null) : undefined,
      now: letter.role === null ? undefined : (await Judge.open(reader, prefix)).judge(letter.role, payload),
    };
    process.stdout.write(flags.json ? `${JSON.stringify(letterJson(letter, around))}\n` : letterText(letter, around, hexBytes));
  });
}

async function redrive(names: string[], flags: Flags): Promise<void> {
  const { brokers, prefix } = clusterOf(flags);
  for (const name of names) parsePlace(name, prefix);
  const forms = [names.length > 0, flags.code !== undefined, flags.all === true].filter(Boolean).length;
  if (forms !== 1) throw wrong("redrive needs letters (topic/partition/offset …), --code or --all: one of the three");
  if (names.length > 0 && (flags.topic ?? flags.since) !== undefined)
    throw wrong("--topic and --since go with --code or --all, not with letters that are named");
  if (names.length === 0 && flags.force === true) throw wrong("--force goes with letters that are named");
  // A letter that is named says that it was redriven; among many those say nothing.
  const filter = { ...filterOf(flags), open: true };
  const results = await withReader(brokers, async (reader) => {
    const book = await readBook(reader, prefix);
    const letters = names.length > 0 ? [...new Set(names.map((name) => letterAt(book, name, prefix)))] : chosen(book, filter);
    const producer = flags.dryRun ? null : new LogProducer({ brokers, lingerMs: 0, messageTimeoutMs: SEND_TIMEOUT_MS });
    const bar = new ProgressBar("redrive");
    try {
      await producer?.connect();
      return await Redrive.run(reader, producer, book, letters, {
        prefix,
        dryRun: flags.dryRun === true,
        force: flags.force === true,
        outdatedAfterMs: OUTDATED_AFTER_MS,
        nowMs: wallMs,
        progress: (what, share) => bar.update(share, what),
      });
    } finally {
      bar.end();
      await producer?.close();
    }
  });
  process.stdout.write(flags.json ? redriveJson(results) : redriveText(results));
  const undone = results.filter(({ outcome }) => !OUTCOMES[outcome].isDone).length;
  if (undone === 0) return;
  process.stderr.write(`plimsoll: ${undone} of ${results.length} letters not written again\n`);
  process.exitCode = 1;
}

function countOutcomes(results: readonly Redriven[]): Partial<Record<Outcome, number>> {
  const counts: Partial<Record<Outcome, number>> = {};
  for (const { outcome } of results) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

function redriveJson(results: readonly Redriven[]): string {
  const letters = results.map(({ letter, outcome, to, detail }) => ({
    letter: placeText(letter.place),
    code: letter.code,
    outcome,
    to: to === null ? null : placeText(to),
    detail,
  }));
  return `${JSON.stringify({ letters, outcomes: countOutcomes(results) })}\n`;
}

function redriveText(results: readonly Redriven[]): string {
  if (results.length === 0) return "no letters to write again\n";
  const rows = results.map(({ letter, outcome, to, detail }) => [
    placeText(letter.place),
    outcome,
    to === null ? "" : placeText(to),
    detail,
  ]);
  const counts = Object.entries(countOutcomes(results)).map(
    ([outcome, count]) => `${count} ${OUTCOMES[outcome as Outcome].about}`,
  );
  return `${table(["letter", "outcome", "stands as", "detail"], rows, new Set())}\n${counts.join(", ")}\n`;
}

/** One of the three; commander hands down nothing of what its parent is told later. */
function subcommand(name: string, about: string): Command {
  return new Command(name)
    .description(about)
    .option("--brokers <host:port,…>", "Kafka cluster (KAFKA_BROKERS)", process.env.KAFKA_BROKERS)
    .option("--prefix <text>", "what the topics' names begin with", DEFAULT_TOPIC_PREFIX)
    .option("--json", "one JSON document instead of text")
    .exitOverride()
    .showHelpAfterError(`(plimsoll dead-letter ${name} --help)`);
}

export function deadLetterCommand(): Command {
  return new Command("dead-letter")
    .description("messages the engine refused: list them, show one, write them again")
    .argument("[command]", "list, show or redrive")
    .action((command: string | undefined) => {
      throw wrong(`dead-letter needs list, show or redrive${command === undefined ? "" : `, not "${command}"`}`);
    })
    .addCommand(
      subcommand("list", "what was refused, and counts by code")
        .option("--topic <name>", "only accounts, market or reference")
        .option("--code <code>", "only this code")
        .option("--since <time>", "only messages from this time on")
        .option("--open", "only letters that were not written again")
        .option("--limit <count>", "the newest so many", String(LIST_LIMIT))
        .addHelpText("after", LIST_HELP)
        .action(list),
    )
    .addCommand(
      subcommand("show", "everything that is known about one letter")
        .argument("<letter>", "topic/partition/offset, as list prints it")
        .option("--raw <file>", "write the message to a file, byte for byte")
        .option("--hex <bytes>", "bytes of the payload shown", String(HEX_BYTES))
        .action(show),
    )
    .addCommand(
      subcommand("redrive", "judge letters once more, and write those that pass to their topic again")
        .argument("[letter...]", "topic/partition/offset, as list prints it")
        .option("--code <code>", "all letters of this code")
        .option("--all", "all letters")
        .option("--topic <name>", "with --code or --all: only accounts, market or reference")
        .option("--since <time>", "with --code or --all: only messages from this time on")
        .option("--dry-run", "say what would be done, write nothing")
        .option("--force", "also what was written again before, or would change nothing")
        .addHelpText("after", REDRIVE_HELP)
        .action(redrive),
    );
}
