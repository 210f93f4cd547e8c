// How fast `plimsoll eval` answers portfolios of one position from a file, against parsing and printing the same lines with JSON alone.
//
//   npx esbuild bench/eval.ts --bundle --platform=node --format=cjs --outfile=dist/bench/eval.cjs && node dist/bench/eval.cjs [--json]
//
// The two are run in turn, each through the same line reader and writer, from the same file into nowhere; reported are the medians, the
// spread, and the ratio of each pair. The last figure is the evaluation alone, on a workspace already filled.

import { createReadStream, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { runEval } from "../src/cli/eval";
import { runJsonLines } from "../src/cli/jsonl";
import { evaluate } from "../src/risk/portfolio/evaluate";
import { readLine } from "../src/risk/portfolio/read-line";
import { Workspace } from "../src/risk/portfolio/workspace";

const LINES = 40_000;
const ROUNDS = 9;
const EVALUATIONS = 1_000_000;
const TARGET_PER_SECOND = 20_000;

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

async function perSecond(run: () => Promise<unknown>): Promise<number> {
  const start = process.hrtime.bigint();
  await run();
  return LINES / (Number(process.hrtime.bigint() - start) / 1e9);
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "plimsoll-bench-"));
  const file = join(folder, "portfolios.jsonl");
  const lines = Array.from({ length: LINES }, (_, index) => JSON.stringify(portfolio(index)));
  writeFileSync(file, `${lines.join("\n")}\n`);
  try {
    const evalRuns: number[] = [];
    const jsonRuns: number[] = [];
    // The first round warms up both and is thrown away.
    for (let round = 0; round <= ROUNDS; round++) {
      const evaluated = await perSecond(async () => {
        if ((await runEval(createReadStream(file), nowhere())) !== 0) throw new Error("a line was refused");
      });
      const parsed = await perSecond(() => runJsonLines(createReadStream(file), nowhere(), (value) => value as object));
      if (round === 0) continue;
      evalRuns.push(evaluated);
      jsonRuns.push(parsed);
    }
    const ratios = evalRuns.map((value, index) => value / jsonRuns[index]!);

    const ws = new Workspace(16, 16, 64, 16, 16);
    readLine(JSON.parse(lines[1]!), ws);
    for (let i = 0; i < EVALUATIONS / 10; i++) evaluate(ws);
    const start = process.hrtime.bigint();
    for (let i = 0; i < EVALUATIONS; i++) evaluate(ws);
    const nsPerAccount = Number(process.hrtime.bigint() - start) / EVALUATIONS;

    const result = {
      lines: LINES,
      bytesPerLine: Math.round(statSync(file).size / LINES),
      portfoliosPerSecond: Math.round(median(evalRuns)),
      spread: [Math.round(Math.min(...evalRuns)), Math.round(Math.max(...evalRuns))],
      jsonLinesPerSecond: Math.round(median(jsonRuns)),
      ratioToJson: median(ratios),
      ratioSpread: [Math.min(...ratios), Math.max(...ratios)],
      evaluationNsPerAccount: nsPerAccount,
      targetPerSecond: TARGET_PER_SECOND,
      meetsTarget: median(evalRuns) >= TARGET_PER_SECOND,
    };
    if (process.argv.includes("--json")) {
      process.stdout.write(`${JSON.stringify(result)}\n`);
      return;
    }
    const [low, high] = result.ratioSpread as [number, number];
    process.stdout.write(
      [
        `plimsoll eval, ${LINES} portfolios of one position, ${result.bytesPerLine} bytes a line, ${ROUNDS} paired rounds`,
        `  eval                 ${result.portfoliosPerSecond} portfolios/s (${result.spread.join(" … ")}; target ${TARGET_PER_SECOND})`,
        `  JSON parse and print ${result.jsonLinesPerSecond} lines/s`,
        `  ratio                ${result.ratioToJson.toFixed(2)} (${low.toFixed(2)} … ${high.toFixed(2)})`,
        `  evaluation alone     ${nsPerAccount.toFixed(0)} ns an account, liquidation and bankruptcy price included`,
        "",
      ].join("\n"),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
