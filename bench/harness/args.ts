// The command line of the bench.
import { parseArgs } from "node:util";

export interface BenchArgs {
  help: boolean;
  list: boolean;
  json: boolean;
  quick: boolean;
  only: string[] | null;
  /** The lines take the place of those in the last full report. */
  again: boolean;
  events: number | null;
  /** Folder of the reports; null: docs/bench. */
  out: string | null;
}

export class UsageError extends Error {}

export const USAGE = `usage: npm run bench -- [options]

Measures Plimsoll against its peers on this machine. Contestants take turns in one run; a row is the ratio of each pair, as
least, median and greatest. The table goes to stdout, progress to stderr, a report to docs/bench/: report.* from a full run,
quick.* from --quick, partial.* from --only; with --again the lines take their places in report.*, dated.

  --quick           about two minutes: fewer rounds, smaller worlds
  --only <a,b,…>    these lines only (--list names them)
  --again           with --only: into the last full report, which must be of this machine
  --events <n>      events of the long run (steady), such as 1e8
  --json            the report as JSON on stdout instead of the table
  --out <folder>    where the report goes instead of docs/bench/
  --list            the lines there are
  --help            this text

Exit status: 0 everything that can be measured here was; 1 a line failed; 2 wrong usage. A goal that is missed is no failure:
it stands in the report.`;

/** "1e8", "5000000": a whole number from 1 to 1e12. */
function eventCount(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value) || value < 1 || value > 1e12)
    throw new UsageError(`--events must be a whole number from 1 to 1e12, not "${text}"`);
  return value;
}

/**
 * @param lines the ids there are
 * @throws UsageError
 */
export function readArgs(args: readonly string[], lines: readonly string[]): BenchArgs {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(args);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  const only = values.only === undefined ? null : [...new Set(values.only.split(",").map((id) => id.trim()))];
  for (const id of only ?? [])
    if (!lines.includes(id)) throw new UsageError(`--only: there is no line "${id}"; there are ${lines.join(", ")}`);
  if (values.again && (only === null || values.quick)) throw new UsageError("--again goes with --only, and not with --quick");
  return {
    help: values.help,
    list: values.list,
    json: values.json,
    quick: values.quick,
    only,
    again: values.again,
    events: values.events === undefined ? null : eventCount(values.events),
    out: values.out ?? null,
  };
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    strict: true,
    allowPositionals: false,
    options: {
      help: { type: "boolean", short: "h", default: false },
      list: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      again: { type: "boolean", default: false },
      events: { type: "string" },
      out: { type: "string" },
    },
  }).values;
}
