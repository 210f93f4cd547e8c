// How the cost of a fill grows with the world it falls into: accounts, positions an account, contracts; and what more
// worker threads bring. One thing changes at a time. The peer of each size is the smallest one, taken in turn with it.
import { availableParallelism } from "node:os";
import type { Line, LineOptions, Row } from "../harness/line";
import { OneThread } from "../harness/one-thread";
import { pairedRow, type Turn, takeTurns } from "../harness/paired";
import { type OpenShard, ShardRig } from "../harness/shard-rig";
import { World, type WorldSize } from "../harness/world";

const EVENTS_PER_MESSAGE = 64;
const USUAL: WorldSize = { accounts: 10_000, instruments: 16, positionsPerAccount: 4 };

interface Axis {
  id: string;
  what: string;
  sizes: readonly number[];
  world(size: number): WorldSize;
}

function axes(quick: boolean): readonly Axis[] {
  return [
    {
      id: "accounts",
      what: "accounts",
      sizes: quick ? [1000, 10_000, 100_000] : [1000, 10_000, 100_000, 1_000_000],
      world: (accounts) => ({ ...USUAL, accounts }),
    },
    {
      id: "positions",
      what: "positions an account",
      sizes: [1, 4, 16, 64],
      world: (positionsPerAccount) => ({ accounts: 2000, instruments: 64, positionsPerAccount }),
    },
    { id: "instruments", what: "instruments", sizes: [16, 256, 4000], world: (instruments) => ({ ...USUAL, instruments }) },
  ];
}

/** ns a fill, the lane included: everything on this thread. */
class FillCost {
  private readonly world: World;
  private readonly shard: OneThread;
  private next = 0;

  constructor(size: WorldSize) {
    this.world = new World(size);
    this.shard = new OneThread(this.world);
  }

  measure(events: number): number {
    const messages = this.world.fills(this.next, events, EVENTS_PER_MESSAGE);
    this.next += events;
    const start = performance.now();
    for (const message of messages) this.shard.offer(message);
    this.shard.settle();
    const ns = ((performance.now() - start) * 1e6) / events;
    this.shard.probe.assertWhole(this.world.openingEvents + this.next);
    return ns;
  }
}

async function alongAxis(axis: Axis, quick: boolean, progress: (text: string) => void): Promise<Row[]> {
  const costs = axis.sizes.map((size) => {
    progress(`${size.toLocaleString("en")} ${axis.what}: opening`);
    return { size, cost: new FillCost(axis.world(size)) };
  });
  const events = quick ? 64 * 1024 : 64 * 4096;
  const turns: Turn<string>[] = costs.map(({ size, cost }) => ({ name: String(size), measure: () => cost.measure(events) }));
  const onRound = (round: number) => progress(`${axis.what}, round ${round + 1}`);
  const values = await takeTurns({ rounds: quick ? 3 : 9, budgetMs: quick ? 10_000 : 300_000, onRound }, turns);
  const [smallest, ...larger] = axis.sizes;
  return larger.map((size) => {
    const { accounts, instruments, positionsPerAccount } = axis.world(size);
    return pairedRow(
      {
        id: `scaling/${axis.id}-${size}`,
        what: `a fill, from bytes to row, with ${size.toLocaleString("en")} ${axis.what}`,
        unit: "ns",
        better: "lower",
        details: { accounts, instruments, positionsPerAccount },
      },
      { name: `${size.toLocaleString("en")} ${axis.what}`, values: values[String(size)]! },
      { name: smallest!.toLocaleString("en"), values: values[String(smallest)]! },
    );
  });
}

/** Events a second over as many shards as there are workers, all fed from this thread in turn. */
async function withWorkers(workers: number, quick: boolean): Promise<{ measure(): Promise<number> }> {
  const world = new World(USUAL);
  const messages = world.fills(0, 64 * (quick ? 2048 : 8192), EVENTS_PER_MESSAGE);
  return {
    async measure() {
      const rig = new ShardRig(world, { workers, spinRounds: 50 });
      const shards: OpenShard[] = [];
      for (let i = 0; i < workers; i++) shards.push(await rig.open());
      const start = performance.now();
      for (const message of messages) for (const shard of shards) rig.offer(shard, message);
      for (const shard of shards) rig.awaitRows(shard);
      const seconds = (performance.now() - start) / 1000;
      for (const shard of shards) shard.probe.assertWhole(world.openingEvents + messages.length * EVENTS_PER_MESSAGE);
      await rig.stop();
      return (messages.length * EVENTS_PER_MESSAGE * workers) / seconds;
    },
  };
}

async function overCores(quick: boolean, progress: (text: string) => void): Promise<Row[]> {
  const cores = availableParallelism();
  const counts = [1, 2, 4, 8, 16].filter((workers) => workers === 1 || workers <= cores);
  const turns: Turn<string>[] = [];
  for (const workers of counts) turns.push({ name: String(workers), measure: (await withWorkers(workers, quick)).measure });
  const onRound = (round: number) => progress(`workers, round ${round + 1}`);
  const values = await takeTurns({ rounds: quick ? 3 : 9, budgetMs: quick ? 10_000 : 300_000, onRound }, turns);
  return counts.slice(1).map((workers) =>
    pairedRow(
      {
        id: `scaling/workers-${workers}`,
        what: `fills through ${workers} shard workers, fed by one thread, on ${cores} cores`,
        unit: "events/s",
        better: "higher",
        details: { cores },
      },
      { name: `${workers} workers`, values: values[String(workers)]! },
      { name: "1 worker", values: values["1"]! },
    ),
  );
}

async function run({ quick, progress }: LineOptions): Promise<Row[]> {
  const rows: Row[] = [];
  for (const axis of axes(quick)) rows.push(...(await alongAxis(axis, quick, progress)));
  rows.push(...(await overCores(quick, progress)));
  return rows;
}

export const scaling: Line = { id: "scaling", title: "How cost grows", runs: "full", run };
