// The bench: runs each line in a process of its own, one after the other, and reports. See harness/args.ts for the command line.
import { type ChildProcess, fork } from "node:child_process";
import { readArgs, USAGE, UsageError } from "./harness/args";
import { buildParts } from "./harness/build-parts";
import type { LeftOut, Line, Row } from "./harness/line";
import { commit, machine } from "./harness/machine";
import { benchFile } from "./harness/paths";
import { buildReport, type LineResult, withLinesAgain } from "./harness/report";
import { renderTable } from "./harness/table";
import { readReport, writeReport } from "./harness/write-report";
import type { LineOrder, LineReport } from "./line-process";
import { LINES } from "./lines";

/** A line that takes longer hangs. */
const LINE_DEADLINE_MS = { quick: 120_000, full: 3_600_000 };

let running: ChildProcess | null = null;
/** Exit status of the signal that ended the run; 0 while none did. */
let interrupted = 0;

function progressLine(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text.slice(0, 160)}`);
}

function runLine(line: Line, order: LineOrder, where: string): Promise<(Row | LeftOut)[]> {
  return new Promise((resolve, reject) => {
    const child = fork(benchFile("line-process.js"), {
      execArgv: ["--enable-source-maps", ...(line.nodeFlags ?? [])],
      // What a line prints is for the person who waits: stdout is the report's.
      stdio: ["ignore", 2, 2, "ipc"],
      serialization: "advanced",
    });
    running = child;
    const timer = setTimeout(() => child.kill("SIGTERM"), order.quick ? LINE_DEADLINE_MS.quick : LINE_DEADLINE_MS.full);
    let rows: (Row | LeftOut)[] | null = null;
    let failure: string | null = null;
    child.on("message", (report: LineReport) => {
      if (report.type === "progress") progressLine(`${where} ${line.title}: ${report.text}`);
      else if (report.type === "rows") rows = report.rows;
      else failure = report.message;
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      running = null;
      if (rows !== null) resolve(rows);
      else reject(new Error(failure ?? `its process ended (${signal ?? code}) without a word`));
    });
    child.send(order);
  });
}

async function main(): Promise<number> {
  const args = readArgs(
    process.argv.slice(2),
    LINES.map(({ id }) => id),
  );
  if (args.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  if (args.list) {
    const width = Math.max(...LINES.map(({ id }) => id.length));
    for (const { id, title, runs } of LINES)
      process.stdout.write(`${id.padEnd(width)}  ${title}${runs === "full" ? " (not with --quick)" : ""}\n`);
    return 0;
  }
  const before = args.again ? readReport(args.out) : null;
  const lines = LINES.filter(({ id, runs }) => (args.only ? args.only.includes(id) : runs === "always" || !args.quick));
  await buildParts();
  const started = performance.now();
  const head = { machine: machine(), commit: commit(), startedAt: new Date() };
  const results: LineResult[] = [];
  for (const [i, line] of lines.entries()) {
    if (interrupted !== 0) break;
    const where = `[${i + 1}/${lines.length}]`;
    const lineStarted = performance.now();
    progressLine(`${where} ${line.title}`);
    let result: LineResult;
    try {
      const rows = await runLine(line, { id: line.id, quick: args.quick, events: args.events }, where);
      result = { id: line.id, title: line.title, rows, failure: null, seconds: 0 };
    } catch (error) {
      result = { id: line.id, title: line.title, rows: [], failure: (error as Error).message, seconds: 0 };
    }
    if (interrupted !== 0) break;
    result.seconds = (performance.now() - lineStarted) / 1000;
    results.push(result);
    progressLine("");
    const said = result.failure === null ? "" : `: failed: ${result.failure}`;
    process.stderr.write(`${where} ${line.title}, ${result.seconds.toFixed(1)} s${said}\n`);
  }
  if (interrupted !== 0) {
    process.stderr.write("interrupted: nothing was written\n");
    return interrupted;
  }
  const kind = args.again ? "report" : args.only ? "partial" : args.quick ? "quick" : "report";
  const report = buildReport({
    ...head,
    mode: args.quick ? "quick" : "full",
    results,
    seconds: (performance.now() - started) / 1000,
  });
  const files = writeReport(before ? withLinesAgain(before, report) : report, kind, args.out);
  if (args.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else process.stdout.write(renderTable(report, process.stdout.isTTY === true && !process.env.NO_COLOR));
  process.stderr.write(`report: ${files.join(", ")}\n`);
  return results.some(({ failure }) => failure !== null) ? 1 : 0;
}

for (const [signal, status] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)
  process.on(signal, () => {
    interrupted = status;
    // The terminal's Ctrl-C has reached it too; a kill from elsewhere has not.
    running?.kill("SIGTERM");
  });

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    if (error instanceof UsageError) {
      process.stderr.write(`bench: ${error.message}\n\n${USAGE}\n`);
      process.exit(2);
    }
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
