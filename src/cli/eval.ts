// `plimsoll eval`: portfolios in as JSON lines on stdin, their risk out as JSON lines on stdout. No server, no database.

import type { Readable, Writable } from "node:stream";
import { Command } from "commander";
import { createPortfolioEvaluator } from "../risk/evaluate";
import { runFileLines } from "./jsonl";

const HELP = `
One line is one portfolio: id, asOf, assets, instruments, market, account. The answer comes in its place:
account, pools, positions and greeks. The formulas with their sources: docs/margin.md.

A line that cannot be evaluated answers {"error":{"code","field","message"}}, with its id, and the next one is read:
  not-json, not-utf8, line-too-long   the line is no JSON value that can be read
  missing-field, unknown-field        a field is not there, or nobody knows it
  wrong-type, not-a-number, not-finite, out-of-range, unknown-value
                                      a value is not what its field takes
  conflict                            two fields contradict each other
The exit status is 1 if any line did, 0 otherwise.

Example:
  $ plimsoll eval < portfolios.jsonl | jq .account.status
  $ plimsoll eval --input portfolios.jsonl > risk.jsonl
`;

/** The `eval` command, to be added to the program. */
export function evalCommand(): Command {
  return new Command("eval")
    .description("evaluate portfolios: JSON lines in on stdin, one portfolio a line; JSON lines out, its risk")
    .option("-i, --input <file>", "read lines from a file instead of standard input")
    .addHelpText("after", HELP)
    .action(async (options: { input?: string }) => {
      if (options.input === undefined && process.stdin.isTTY) {
        process.stderr.write("plimsoll eval: reading portfolios from the terminal, one a line\n");
      }
      process.exitCode = await runEval(process.stdin, process.stdout, options.input);
    });
}

/**
 * Evaluates every line of a stream, or of a file where one is named.
 *
 * @returns the exit status: 1 if any line was answered with an error, else 0; a reader who went away is no error
 * @throws what the streams fail with: an input that cannot be opened or read, an output that cannot be written
 */
export async function runEval(stdin: Readable, output: Writable, file?: string): Promise<number> {
  const { failed } = await runFileLines(file, stdin, output, createPortfolioEvaluator());
  return failed > 0 ? 1 : 0;
}
