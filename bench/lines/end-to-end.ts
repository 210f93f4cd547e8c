// The whole way without a broker: bytes of messages on this thread, verified and copied to the ring; ledger, margin,
// liquidation price and published row on the shard's own. Its peer is the same code with one thread doing both in turn.
import { ControlAt } from "../../src/shared/layout/shard";
import type { Line, LineOptions, Row } from "../harness/line";
import { OneThread } from "../harness/one-thread";
import { pairedRow, takeTurns } from "../harness/paired";
import { ShardRig } from "../harness/shard-rig";
import { World } from "../harness/world";

const EVENTS_PER_MESSAGE = 64;

/** The kernel's two ways to value an account. */
interface Inside {
  kernel: { valueOne(slot: number, general: number): void };
}

/** Values everybody one way or the other. @returns accounts a second */
function valueEverybody({ shard, world }: OneThread, general: 0 | 1): number {
  const { kernel } = shard as unknown as Inside;
  const start = performance.now();
  for (let slot = 0; slot < world.accounts; slot++) kernel.valueOne(slot, general);
  return world.accounts / ((performance.now() - start) / 1000);
}

async function run({ quick, progress }: LineOptions): Promise<Row[]> {
  const world = new World({ accounts: 10_000, instruments: 16, positionsPerAccount: 4 });
  const events = EVENTS_PER_MESSAGE * (quick ? 8_192 : 32_768);
  progress(`writing ${events} events`);
  const messages = world.fills(0, events, EVENTS_PER_MESSAGE);
  const rig = new ShardRig(world, { spinRounds: 50_000 });
  let valuations = 0;
  let generalValuations = 0;
  const ledgers: string[] = [];
  const values = await takeTurns(
    { rounds: quick ? 5 : 15, budgetMs: quick ? 6000 : 120_000, onRound: (round) => progress(`round ${round + 1}`) },
    [
      {
        name: "two",
        measure: async () => {
          const shard = await rig.open();
          const before = shard.probe.counter(ControlAt.valuations);
          const generalBefore = shard.probe.counter(ControlAt.valuationsGeneral);
          const start = performance.now();
          for (const message of messages) rig.offer(shard, message);
          rig.awaitRows(shard);
          const seconds = (performance.now() - start) / 1000;
          shard.probe.assertWhole(world.openingEvents + events);
          valuations = shard.probe.counter(ControlAt.valuations) - before;
          generalValuations = shard.probe.counter(ControlAt.valuationsGeneral) - generalBefore;
          ledgers[0] = JSON.stringify(shard.view.ledger(0));
          await rig.close(shard);
          return events / seconds;
        },
      },
      {
        name: "one",
        measure: () => {
          const shard = new OneThread(world);
          const start = performance.now();
          for (const message of messages) shard.offer(message);
          shard.settle();
          const seconds = (performance.now() - start) / 1000;
          shard.probe.assertWhole(world.openingEvents + events);
          ledgers[1] = JSON.stringify(shard.view.ledger(0));
          if (ledgers[0] !== ledgers[1]) throw new Error("two threads and one came to different ledgers");
          return events / seconds;
        },
      },
    ],
  );
  const lanes = new OneThread(world);
  const valued = await takeTurns(
    { rounds: quick ? 5 : 15, budgetMs: 10_000, onRound: () => progress("fast lane and general path") },
    [
      { name: "lean", measure: () => valueEverybody(lanes, 0) },
      { name: "general", measure: () => valueEverybody(lanes, 1) },
    ],
  );
  return [
    pairedRow(
      {
        id: "end-to-end/two-threads",
        what: "bytes → verify → ring → ledger → margin and liquidation price → published row, messages of 64 fills",
        unit: "events/s",
        better: "higher",
        details: {
          accounts: world.accounts,
          instruments: world.instruments,
          positionsPerAccount: world.positionsPerAccount,
          events,
          valuationsPerEvent: (valuations / events).toFixed(2),
          leftTheFastLane: `${((100 * generalValuations) / valuations).toFixed(2)} %`,
          checked: "every event applied once; ledgers equal",
        },
      },
      { name: "two threads", values: values.two },
      { name: "one thread", values: values.one },
    ),
    pairedRow(
      {
        id: "end-to-end/fast-lane",
        what: "an account valued and its rows published on the fast lane, against the general path, which options, hedge pairs and multi-asset accounts take",
        unit: "accounts/s",
        better: "higher",
        details: { accounts: world.accounts, checked: "a test holds both to the same bits" },
      },
      { name: "fast lane", values: valued.lean },
      { name: "general path", values: valued.general },
    ),
  ];
}

export const endToEnd: Line = { id: "end-to-end", title: "Bytes to risk row, two threads", runs: "always", run };
