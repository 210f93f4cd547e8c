// What the shard kernel does with an event and with a mark, without threads: how fast, against the same in TypeScript, and
// what limits it.
//
//   npx esbuild bench/kernel.ts --bundle --platform=node --format=esm --packages=external --outfile=dist/bench/kernel.js
//   node dist/bench/kernel.js [--json] [--quick] [--only fills,sweep]
//
// Contestants take turns, A B C A B C …, and ratios are of each turn's pair; reported are medians and the spread.
import { cpus } from "node:os";
import { type FillsResult, runFills } from "./kernel/fills";

const wanted = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1]!.split(",") : null;
const isQuick = process.argv.includes("--quick");
const asJson = process.argv.includes("--json");
const kernelFile = process.env.PLIMSOLL_KERNEL ?? "dist/kernel.wasm";

const say = (line: string) => {
  if (!asJson) process.stdout.write(`${line}\n`);
};

const report: { machine: string; node: string; fills: FillsResult[] } = {
  machine: cpus()[0]?.model ?? "unknown",
  node: process.version,
  fills: [],
};
say(`${report.machine}, Node ${report.node}`);
if (!wanted || wanted.includes("fills")) report.fills = runFills(kernelFile, isQuick, say);
if (asJson) process.stdout.write(`${JSON.stringify(report)}\n`);
