// One million accounts with eight positions each, in one shard: what they take of memory, how long valuing all of them
// takes, and how long it takes from a mark that moved to the flag of every account that crossed a band, against valuing
// everybody to find them.
import { MemoryReader } from "../harness/bandwidth";
import type { Line, LineOptions, Row } from "../harness/line";
import { pairedRow, takeTurns } from "../harness/paired";
import { residentBytes } from "../harness/resident";
import { POSITIONS_PER_ACCOUNT, SweepRig } from "../harness/sweep-rig";

const ACCOUNTS = { quick: 100_000, full: 1_000_000 };
/** Objects are weighed in a sample and counted up: a million would not fit the default heap. */
const SAMPLE = 20_000;
/** What an account would be as plain objects: no history, no orders, only what the rows hold. */
interface PlainAccount {
  id: number;
  seq: number;
  balances: Map<number, { wallet: number; transfers: number }>;
  positions: Map<number, Record<string, number>>;
  risk: Record<string, number>;
}

function plainAccount(id: number): PlainAccount {
  const positions = new Map<number, Record<string, number>>();
  for (let k = 0; k < POSITIONS_PER_ACCOUNT; k++) {
    const x = id + k + 0.5;
    const ledger = { qtyLots: id, openCash: x, realizedPnl: x, fees: x, funding: x, leverage: x, buyLots: 0, sellLots: 0 };
    const risk = { markPrice: x, notional: x, unrealizedPnl: x, initialMargin: x, maintenanceMargin: x, liquidationPrice: x };
    positions.set(k, { instrument: k, ...ledger, ...risk, bankruptcyPrice: x, entryPrice: x });
  }
  const x = id + 0.5;
  return {
    id,
    seq: id,
    balances: new Map([
      [1, { wallet: x, transfers: x }],
      [2, { wallet: x, transfers: x }],
    ]),
    positions,
    risk: { wallet: x, pnl: x, equity: x, initial: x, maintenance: x, orders: x, available: x, ratio: x, leverage: x, status: 0 },
  };
}

function objectBytes(accounts: number): number {
  global.gc!();
  const before = process.memoryUsage().heapUsed;
  const all = new Map<number, PlainAccount>();
  for (let i = 0; i < SAMPLE; i++) all.set(i, plainAccount(i));
  global.gc!();
  const bytes = process.memoryUsage().heapUsed - before;
  if (all.size !== SAMPLE) throw new Error("unreachable: keeps them alive");
  return (bytes / SAMPLE) * accounts;
}

function assertEqual(flagged: Uint8Array, brute: Uint8Array): void {
  for (let slot = 0; slot < flagged.length; slot++)
    if (flagged[slot] !== brute[slot])
      throw new Error(`slot ${slot} is flagged ${flagged[slot]}; valued by force it is ${brute[slot]}`);
}

async function run({ quick, progress }: LineOptions): Promise<Row[]> {
  if (!global.gc) throw new Error("node runs without --expose-gc");
  const accounts = quick ? ACCOUNTS.quick : ACCOUNTS.full;
  const objects = objectBytes(accounts);
  const rig = new SweepRig(accounts, progress);
  const resident = residentBytes(rig.shard.memory);
  // Where the system does not tell: all that was reserved, which is more.
  const bytes = resident ?? rig.shard.memory.byteLength;
  const reader = new MemoryReader();
  const details = { accounts, positionsPerAccount: POSITIONS_PER_ACCOUNT, rowMiB: Math.round(rig.rowBytes / 2 ** 20) };

  let ticks = 0;
  const rounds = { rounds: quick ? 3 : 11, warmUps: 1, budgetMs: quick ? 3000 : 180_000 };
  const sweeps = await takeTurns({ ...rounds, onRound: (round) => progress(`full sweep, round ${round + 1}`) }, [
    {
      name: "sweep",
      measure: () => {
        ticks = ticks === 0 ? 60 : 0;
        return rig.revalue(ticks);
      },
    },
    { name: "readPools", measure: () => reader.readNs(rig.poolBytes) },
    {
      name: "rows",
      measure: () => {
        ticks = ticks === 0 ? 60 : 0;
        return rig.move(ticks).settleNs;
      },
    },
    { name: "readRows", measure: () => reader.readNs(rig.rowBytes) },
  ]);

  // One contract's mark goes to and fro by a tenth of a percent: some of its holders cross a band each time.
  const alerts: number[] = [];
  let offset = 0;
  const flags = await takeTurns({ ...rounds, onRound: (round) => progress(`mark to flag, round ${round + 1}`) }, [
    {
      name: "flag",
      measure: (round) => {
        offset = offset === 0 ? 600 : 0;
        const flagged = rig.move(ticks + offset, [1]);
        if (flagged.alerts === 0) throw new Error("nobody crossed a band: this mark measures nothing");
        if (round >= 0) alerts.push(flagged.alerts);
        return flagged.flagNs;
      },
    },
    {
      name: "brute",
      measure: () => {
        const flagged = rig.statuses();
        const { settleNs } = rig.valueEverybody();
        assertEqual(flagged, rig.statuses());
        return settleNs;
      },
    },
  ]);
  return [
    pairedRow(
      {
        id: "million/memory",
        what: `${accounts.toLocaleString("en")} accounts × ${POSITIONS_PER_ACCOUNT} positions: memory in use, rings and market included`,
        unit: "bytes",
        better: "lower",
        smallerThanGoal: quick,
        details: {
          ...details,
          objectsWeighed: SAMPLE,
          reservedMiB: Math.round(rig.shard.memory.byteLength / 2 ** 20),
          counted: resident === null ? "all that is reserved" : "pages that are resident",
        },
      },
      { name: "Plimsoll", values: [bytes] },
      { name: "plain objects", values: [objects] },
    ),
    pairedRow(
      {
        id: "million/sweep",
        what: "all marks moved: equity and margin of every account, one core",
        unit: "ns",
        better: "lower",
        smallerThanGoal: quick,
        details: { ...details, poolMiB: Math.round(rig.poolBytes / 2 ** 20) },
      },
      { name: "Plimsoll", values: sweeps.sweep },
      { name: "reading all pools once", values: sweeps.readPools },
    ),
    pairedRow(
      {
        id: "million/rows",
        what: "all marks moved: every row published anew, every liquidation price with it, one core",
        unit: "ns",
        better: "lower",
        details,
      },
      { name: "Plimsoll", values: sweeps.rows },
      { name: "reading all rows once", values: sweeps.readRows },
    ),
    pairedRow(
      {
        id: "million/mark-to-flag",
        what: "one mark moved by 0.1 %: every account that crossed a band is flagged",
        unit: "ns",
        better: "lower",
        smallerThanGoal: quick,
        details: { ...details, flagged: alerts.join(" "), checked: "statuses equal those of valuing everybody" },
      },
      { name: "Plimsoll", values: flags.flag },
      { name: "valuing everybody", values: flags.brute },
    ),
  ];
}

export const million: Line = {
  id: "million",
  title: "One million accounts",
  nodeFlags: ["--expose-gc"],
  runs: "always",
  run,
};
