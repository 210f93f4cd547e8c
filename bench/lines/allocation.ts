// Bytes that JavaScript's heap grows by for each event in steady state: in the shard's round (all that the worker thread
// does), and in the lane that feeds it. The young generation is made so large that nothing is collected meanwhile, so growth
// is all that was allocated. The peer parses the same events from JSON.
import { PerformanceObserver } from "node:perf_hooks";
import type { Line, LineOptions, Row } from "../harness/line";
import { OneThread } from "../harness/one-thread";
import { pairedRow, takeTurns } from "../harness/paired";
import { World } from "../harness/world";

const EVENTS_PER_MESSAGE = 64;
/** A ring's worth. */
const MESSAGES = 512;

let collections = 0;

/** Bytes allocated by `work`, less what looking costs. */
function allocated(work: () => void): number {
  const look = () => process.memoryUsage().heapUsed;
  global.gc!();
  // What looking itself leaves behind: the least of a few looks at nothing.
  let overhead = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 8; i++) {
    const before = look();
    overhead = Math.min(overhead, look() - before);
  }
  const before = look();
  work();
  return Math.max(0, look() - before - overhead);
}

/** The instrument itself: objects that are known to be there must be seen. What compilers allocate meanwhile comes on top, once. */
function assertSeen(): void {
  let bytes = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    const kept: object[] = new Array(10_000);
    const seen = allocated(() => {
      for (let k = 0; k < kept.length; k++) kept[k] = { k, other: kept };
    });
    bytes = Math.min(bytes, seen);
  }
  if (bytes < 10_000 * 16 || bytes > 10_000 * 80)
    throw new Error(`10,000 small objects were seen as ${bytes} bytes: this Node cannot be measured so`);
}

async function run({ quick, progress }: LineOptions): Promise<Row[]> {
  if (!global.gc) throw new Error("node runs without --expose-gc");
  const observer = new PerformanceObserver((list) => {
    // Flag 4 is FORCED: those are ours, between the measurements.
    for (const entry of list.getEntries())
      if (((entry as { detail?: { flags: number } }).detail?.flags ?? 0) === 0) collections++;
  });
  observer.observe({ entryTypes: ["gc"] });
  const world = new World({ accounts: 10_000, instruments: 16, positionsPerAccount: 4 });
  const shard = new OneThread(world);
  const events = EVENTS_PER_MESSAGE * MESSAGES;
  let next = 0;
  const messages = (eventsPerMessage: number, count: number) => {
    const made = world.fills(next, count * eventsPerMessage, eventsPerMessage);
    next += count * eventsPerMessage;
    return made;
  };
  const singles = quick ? 4096 : 16_384;
  const json = JSON.stringify({
    events: Array.from({ length: EVENTS_PER_MESSAGE }, (_, i) => ({
      kind: "fill",
      seq: 100 + i,
      account: 1 + i,
      timeMs: 1_718_000_000_000 + i,
      qtyLots: 1 + i,
      priceTicks: 600_000 + i,
      amount: 1000 + i,
      order: i,
      instrument: 1 + (i % 16),
      side: "buy",
      flags: 0,
    })),
  });
  assertSeen();
  // Compilers allocate too: everything runs often enough to be compiled before it is counted.
  for (let i = 0; i < 40; i++) {
    for (const message of messages(EVENTS_PER_MESSAGE, 64)) shard.offer(message);
    shard.settle();
    for (const message of messages(1, 1024)) {
      shard.offer(message);
      shard.shard.round();
    }
  }
  let parsed = 0;
  const values = await takeTurns(
    { rounds: quick ? 5 : 15, warmUps: 2, budgetMs: quick ? 4000 : 60_000, onRound: (round) => progress(`round ${round + 1}`) },
    [
      {
        name: "lane",
        measure: () => {
          shard.settle();
          const batch = messages(EVENTS_PER_MESSAGE, MESSAGES);
          return (
            allocated(() => {
              for (let i = 0; i < batch.length; i++) shard.offer(batch[i]!);
            }) / events
          );
        },
      },
      // Drains what the lane has just left in the ring.
      { name: "round", measure: () => allocated(() => shard.settle()) / events },
      {
        name: "single",
        measure: () => {
          // One event a round: the lane's share is counted alone, with as many messages, and taken off.
          const batch = messages(1, singles);
          const both = allocated(() => {
            for (let i = 0; i < batch.length; i++) {
              shard.offer(batch[i]!);
              shard.shard.round();
            }
          });
          shard.settle();
          const again = messages(1, singles);
          const lane = allocated(() => {
            for (let i = 0; i < again.length; i++) shard.offer(again[i]!);
          });
          shard.settle();
          return Math.max(0, both - lane) / singles;
        },
      },
      {
        name: "json",
        measure: () =>
          allocated(() => {
            for (let i = 0; i < 64; i++) parsed += (JSON.parse(json) as { events: unknown[] }).events.length;
          }) /
          (64 * EVENTS_PER_MESSAGE),
      },
    ],
  );
  await new Promise((resolve) => setTimeout(resolve, 10));
  observer.disconnect();
  if (parsed === 0) throw new Error("nothing was parsed");
  if (collections > 0) throw new Error(`${collections} collections ran while allocations were counted`);
  const peer = { name: "JSON.parse", values: values.json };
  const row = (id: string, what: string, name: "lane" | "round" | "single") =>
    pairedRow(
      { id: `allocation/${id}`, what, unit: "bytes/event", better: "lower" },
      { name: "Plimsoll", values: values[name] },
      peer,
    );
  return [
    row("round", "the shard's rounds, a full ring", "round"),
    row("round-single", "the shard's round, one event each", "single"),
    row("lane", "the lane, messages of 64", "lane"),
  ];
}

export const allocation: Line = {
  id: "allocation",
  title: "Bytes allocated per event",
  nodeFlags: ["--expose-gc", "--min-semi-space-size=256", "--max-semi-space-size=256"],
  runs: "always",
  run,
};
