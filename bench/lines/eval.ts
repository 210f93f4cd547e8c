// `plimsoll eval`: how fast it answers portfolios of one position from a file, against parsing and printing the same lines with JSON
// alone, both through the same line reader and writer, from the same file into nowhere.
import { createReadStream, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { runEval } from "../../src/cli/eval";
import { runJsonLines } from "../../src/cli/jsonl";
import { evaluate } from "../../src/risk/portfolio/evaluate";
import { readLine } from "../../src/risk/portfolio/read-line";
import { Workspace } from "../../src/risk/portfolio/workspace";
import { cleanUp } from "../harness/cleanup";
import type { Line, LineOptions, Row } from "../harness/line";
import { pairedRow, takeTurns } from "../harness/paired";

const PORTFOLIOS = { quick: 10_000, full: 40_000 };
const EVALUATIONS = { quick: 200_000, full: 1_000_000 };

const TIERS = [
  [0, 0.008, 0.004],
  [50_000, 0.01, 0.005],
  [250_000, 0.02, 0.01],
  [1_000_000, 0.05, 0.025],
  [10_000_000, 0.1, 0.05],
].map(([notionalFloor, initialRate, maintenanceRate]) => ({ notionalFloor, initialRate, maintenanceRate }));

// Longs and shorts of every size, cross and isolated, in a linear or an inverse perpetual with five tiers.
function portfolio(index: number): object {
  const isInverse = index % 4 === 3;
  const mark = 20_000 + (index % 1000) * 40;
  const size = 0.01 * 1.01 ** (index % 700) * (index % 2 === 0 ? 1 : -1);
  const position = { symbol: "P", qty: isInverse ? Math.round(size * mark) : size, entryPrice: mark * 0.98, leverage: 10 };
  const settle = isInverse ? "BTC" : "USDT";
  const margin = Math.abs(size) * (isInverse ? 1 : mark) * 0.1;
  const isIsolated = index % 3 === 0;
  return {
    id: index,
    asOf: 1_718_000_000_000,
    assets: { USDT: { price: 1 }, BTC: { price: mark, haircut: 0.05 } },
    instruments: [
      {
        symbol: "P",
        kind: "perpetual",
        payoff: isInverse ? "inverse" : "linear",
        base: "BTC",
        quote: isInverse ? "USD" : "USDT",
        settle,
        contractSize: 1,
        margin: { model: "tiered", tiers: TIERS },
      },
    ],
    market: { P: { mark } },
    account: {
      id: `account-${index}`,
      collateral: "single-asset",
      balances: { [settle]: margin * 2 },
      positions: [isIsolated ? { ...position, mode: "isolated", isolatedMargin: margin } : { ...position, mode: "cross" }],
    },
  };
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}

async function perSecond(portfolios: number, run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return portfolios / ((performance.now() - start) / 1000);
}

/** ns an account takes without reading and printing, on a workspace already filled; liquidation and bankruptcy price included. */
function evaluationNs(line: string, evaluations: number): number {
  const ws = new Workspace(16, 16, 64, 16, 16);
  readLine(JSON.parse(line), ws);
  for (let i = 0; i < evaluations / 10; i++) evaluate(ws);
  const start = performance.now();
  for (let i = 0; i < evaluations; i++) evaluate(ws);
  return ((performance.now() - start) * 1e6) / evaluations;
}

async function run({ quick, progress }: LineOptions): Promise<Row[]> {
  const count = quick ? PORTFOLIOS.quick : PORTFOLIOS.full;
  const folder = mkdtempSync(join(tmpdir(), "plimsoll-bench-eval-"));
  cleanUp(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "portfolios.jsonl");
  const lines = Array.from({ length: count }, (_, index) => JSON.stringify(portfolio(index)));
  writeFileSync(file, `${lines.join("\n")}\n`);
  const evaluated = async () => {
    if ((await runEval(createReadStream(file), nowhere())) !== 0) throw new Error("a portfolio was refused");
  };
  const parsed = () => runJsonLines(createReadStream(file), nowhere(), (value) => value as object);
  const values = await takeTurns(
    { rounds: quick ? 5 : 15, budgetMs: quick ? 3000 : 60_000, onRound: (round) => progress(`round ${round + 1}`) },
    [
      { name: "eval", measure: () => perSecond(count, evaluated) },
      { name: "json", measure: () => perSecond(count, parsed) },
    ],
  );
  const details = {
    bytesPerLine: Math.round(statSync(file).size / count),
    evaluationAloneNs: Math.round(evaluationNs(lines[1]!, quick ? EVALUATIONS.quick : EVALUATIONS.full)),
  };
  return [
    pairedRow(
      {
        id: "eval/portfolios",
        what: `plimsoll eval, ${count.toLocaleString("en")} portfolios of one position, against parsing and printing the same lines`,
        unit: "portfolios/s",
        better: "higher",
        details,
      },
      { name: "plimsoll eval", values: values.eval },
      { name: "JSON.parse and stringify", values: values.json },
    ),
  ];
}

export const evalLine: Line = { id: "eval", title: "plimsoll eval", runs: "always", run };
