// The whole way without a broker: bytes of messages on this thread, verified and copied to the ring; ledger, margin,
// liquidation price and published row on the shard's own. Its peer is the same code with one thread doing both in turn.
import { ControlAt } from "../../src/shared/layout/shard";
import type { Line, LineOptions, Row } from "../harness/line";
import { OneThread } from "../harness/one-thread";
import { pairedRow, takeTurns } from "../harness/paired";
import { ShardRig } from "../harness/shard-rig";
import { World } from "../harness/world";

const EVENTS_PER_MESSAGE = 64;

async function run({ quick, progress }: LineOptions): Promise<Row[]> {
  const world = new World({ accounts: 10_000, instruments: 16, positionsPerAccount: 4 });
  const events = EVENTS_PER_MESSAGE * (quick ? 8_192 : 32_768);
  progress(`writing ${events} events`);
  const messages = world.fills(0, events, EVENTS_PER_MESSAGE);
  const rig = new ShardRig(world, { spinRounds: 50_000 });
  let valuations = 0;
  const ledgers: string[] = [];
  const values = await takeTurns(
    { rounds: quick ? 5 : 15, budgetMs: quick ? 6000 : 120_000, onRound: (round) => progress(`round ${round + 1}`) },
    [
      {
        name: "two",
        measure: async () => {
          const shard = await rig.open();
          const before = shard.probe.counter(ControlAt.valuations);
          const start = performance.now();
          for (const message of messages) rig.offer(shard, message);
          rig.awaitRows(shard);
          const seconds = (performance.now() - start) / 1000;
          shard.probe.assertWhole(world.openingEvents + events);
          valuations = shard.probe.counter(ControlAt.valuations) - before;
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
          checked: "every event applied once; ledgers equal",
        },
      },
      { name: "two threads", values: values.two },
      { name: "one thread", values: values.one },
    ),
  ];
}

export const endToEnd: Line = { id: "end-to-end", title: "Bytes to risk row, two threads", runs: "always", run };
