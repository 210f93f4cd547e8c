// Equity and margin of every account after all marks have moved: how much of what the memory can deliver to one core is used.
// The peer reads as many bytes as the margin pools in use have, once, and does nothing with them.
import { MemoryReader } from "../harness/bandwidth";
import type { Line, LineOptions, Row } from "../harness/line";
import { pairedRow, takeTurns } from "../harness/paired";
import { POSITIONS_PER_ACCOUNT, SweepRig } from "../harness/sweep-rig";

async function run({ quick, progress }: LineOptions): Promise<Row[]> {
  const rig = new SweepRig(quick ? 50_000 : 200_000, progress);
  const reader = new MemoryReader();
  const { poolBytes } = rig;
  let ticks = 0;
  const values = await takeTurns(
    { rounds: quick ? 5 : 21, budgetMs: quick ? 3000 : 120_000, onRound: (round) => progress(`round ${round + 1}`) },
    [
      {
        name: "sweep",
        measure: () => {
          // To and fro, by a mark's hundredth of a percent.
          ticks = ticks === 0 ? 60 : 0;
          return rig.revalue(ticks);
        },
      },
      { name: "read", measure: () => reader.readNs(poolBytes) },
    ],
  );
  const details = {
    accounts: rig.accounts,
    positionsPerAccount: POSITIONS_PER_ACCOUNT,
    poolMiB: Math.round(poolBytes / 2 ** 20),
    bandwidthGBps: (poolBytes / Math.min(...values.read)).toFixed(1),
  };
  return [
    pairedRow(
      {
        id: "revaluation/share",
        what: "all marks moved: equity and margin of every account, against reading all pools in use once, one core",
        unit: "ns",
        better: "lower",
        details,
      },
      { name: "Plimsoll", values: values.sweep },
      { name: "reading the same bytes", values: values.read },
    ),
  ];
}

export const revaluation: Line = { id: "revaluation", title: "Revaluation and memory bandwidth", runs: "always", run };
