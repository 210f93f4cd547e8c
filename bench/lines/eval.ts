// `plimsoll eval`: the standalone bench/eval.ts, run as it is, its numbers taken over.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Line, LineOptions, Row } from "../harness/line";
import { benchFile } from "../harness/paths";

/** What bench/eval.ts prints with --json. */
interface EvalReport {
  lines: number;
  rounds?: number;
  bytesPerLine: number;
  portfoliosPerSecond: number;
  spread: [number, number];
  jsonLinesPerSecond: number;
  jsonSpread?: [number, number];
  ratioToJson: number;
  ratioSpread: [number, number];
  evaluationNsPerAccount: number;
}

async function run({ quick }: LineOptions): Promise<Row[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [benchFile("eval.js"), "--json", ...(quick ? ["--quick"] : [])]);
  const report = JSON.parse(stdout) as EvalReport;
  const [min, max] = report.spread;
  const json = report.jsonLinesPerSecond;
  return [
    {
      id: "eval/portfolios",
      what: `plimsoll eval, ${report.lines} portfolios of one position, against parsing and printing the same lines`,
      unit: "portfolios/s",
      better: "higher",
      subject: { name: "plimsoll eval", values: { min, median: report.portfoliosPerSecond, max } },
      peer: {
        name: "JSON.parse and stringify",
        values: { min: report.jsonSpread?.[0] ?? json, median: json, max: report.jsonSpread?.[1] ?? json },
      },
      ratio: { min: report.ratioSpread[0], median: report.ratioToJson, max: report.ratioSpread[1] },
      pairs: report.rounds ?? 9,
      details: { bytesPerLine: report.bytesPerLine, evaluationAloneNs: Math.round(report.evaluationNsPerAccount) },
    },
  ];
}

export const evalLine: Line = { id: "eval", title: "plimsoll eval", runs: "always", run };
