// Ledger, margin and liquidation price per fill, without threads: the kernel against the same in plain TypeScript objects, in
// typed arrays, and in Java. Everybody is given the same fills in the same order and must come to the same numbers. The
// contestants are those of the kernel's own bench (bench/kernel.ts); Java takes its turn among them.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cleanUp } from "../harness/cleanup";
import { JavaPeer, javaMissing } from "../harness/java";
import type { LeftOut, Line, LineOptions, Row } from "../harness/line";
import { pairedRow, takeTurns } from "../harness/paired";
import { built } from "../harness/paths";
import { writeFills, writeWorld } from "../harness/risk-files";
import { FillSource, type Fills } from "../kernel/events";
import { checkFills } from "../kernel/fills";
import { ObjectRisk } from "../kernel/objects";
import { TypedArrayRisk } from "../kernel/typed-arrays";
import { BATCH, KernelWorld } from "../kernel/world";

/** Accounts and positions each; the first is the one the goals are about. */
const SHAPES: readonly (readonly [accounts: number, held: number])[] = [
  [10_000, 16],
  [1_000, 16],
  [10_000, 2],
  [250_000, 2],
];
/** A round. */
const FILLS = { quick: 25_000, full: 100_000 };

/** What RiskPeer.digest() says, of the typed arrays. */
function digestOf(risk: TypedArrayRisk): string {
  let equity = 0;
  let maintenance = 0;
  let statuses = 0;
  for (let account = 0; account < risk.equityUsd.length; account++) {
    equity += risk.equityUsd[account]!;
    maintenance += risk.maintenanceMarginUsd[account]!;
    statuses += risk.status[account]!;
  }
  let realized = 0;
  let prices = 0;
  let missing = 0;
  for (let p = 0; p < risk.realizedPnl.length; p++) {
    realized += risk.realizedPnl[p]!;
    if (Number.isNaN(risk.liquidationPrice[p]!)) missing++;
    else prices += risk.liquidationPrice[p]!;
  }
  return [equity, maintenance, realized, prices, missing, statuses].join(" ");
}

async function shape(
  [accounts, held]: readonly [number, number],
  isMain: boolean,
  { quick, progress }: LineOptions,
): Promise<(Row | LeftOut)[]> {
  const text = `${accounts.toLocaleString("en")} accounts × ${held}`;
  progress(`${text}: opening`);
  const folder = mkdtempSync(join(tmpdir(), "plimsoll-bench-risk-"));
  const forget = cleanUp(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string) => join(folder, name);
  const missing = javaMissing();
  const java = missing === null ? await JavaPeer.start("RiskPeer") : null;
  const kernel = new KernelWorld(built("kernel.wasm"), accounts, held);
  const arrays = new TypedArrayRisk(accounts, held);
  const objects = new ObjectRisk(accounts, held);
  const source = new FillSource(accounts, held);

  const applyJava = async (fills: Fills): Promise<number> => {
    writeFills(file("fills"), fills);
    await java!.ask(`load ${file("fills")}`);
    return Number((await java!.ask("apply"))[0]);
  };
  const timed = (apply: () => void): number => {
    const start = performance.now();
    apply();
    return (performance.now() - start) * 1e6;
  };
  const opening = source.opening();
  kernel.timedFills(opening, BATCH + 1);
  arrays.apply(opening);
  objects.apply(opening);
  if (java) {
    writeWorld(file("world"), accounts, held);
    await java.ask(`world ${file("world")}`);
    await applyJava(opening);
  }

  const fillsARound = quick ? FILLS.quick : FILLS.full;
  let fills = opening;
  const perSecond = (ns: number) => (fills.count / ns) * 1e9;
  type Name = "kernel" | "arrays" | "objects" | "java";
  const values = await takeTurns<Name>(
    {
      rounds: quick ? 5 : 21,
      // Java compiles in the background, after some tens of thousands of fills.
      warmUps: quick ? 3 : 6,
      budgetMs: quick ? 2500 : 60_000,
      onRound(round) {
        progress(`${text}, round ${round + 1}`);
        fills = source.next(fillsARound);
      },
    },
    [
      { name: "kernel", measure: () => perSecond(kernel.timedFills(fills, BATCH + 1)) },
      { name: "arrays", measure: () => perSecond(timed(() => arrays.apply(fills))) },
      { name: "objects", measure: () => perSecond(timed(() => objects.apply(fills))) },
      ...(java ? [{ name: "java" as const, measure: async () => perSecond(await applyJava(fills)) }] : []),
    ],
  );
  checkFills(kernel, arrays, objects, accounts, held);
  if (java) {
    const digest = (await java.ask("digest")).map(Number).join(" ");
    if (digest !== digestOf(arrays)) throw new Error(`Java came to ${digest}, typed arrays to ${digestOf(arrays)}`);
    await java.stop();
  }
  await forget();

  const suffix = isMain ? "" : `-${accounts}x${held}`;
  const row = (id: string, name: string, peer: readonly number[]): Row =>
    pairedRow(
      {
        id: `risk/${id}${suffix}`,
        what: `ledger + margin + liquidation price per fill, ${text} positions of 16 contracts; messages of 64`,
        unit: "fills/s",
        better: "higher",
        details: {
          accounts,
          positionsPerAccount: held,
          fillsARound,
          valued: "the kernel values an account once a message, its peers at each fill",
          checked: "everybody came to the same numbers",
        },
      },
      { name: "the kernel", values: values.kernel },
      { name, values: peer },
    );
  return [
    row("typed-arrays", "typed arrays", values.arrays),
    row("objects", "objects", values.objects),
    java
      ? row("java", "Java", values.java)
      : { id: `risk/java${suffix}`, what: `against the same algorithm in Java, ${text}`, leftOut: missing as string },
  ];
}

async function run(options: LineOptions): Promise<(Row | LeftOut)[]> {
  const rows: (Row | LeftOut)[] = [];
  for (const [i, each] of (options.quick ? SHAPES.slice(0, 1) : SHAPES).entries())
    rows.push(...(await shape(each, i === 0, options)));
  return rows;
}

export const risk: Line = { id: "risk", title: "Risk per fill", runs: "always", run };
