// A long run on a real shard worker: does it stay as fast as it began, and does its thread ever stop for the garbage
// collector? `--events 1e8` for the long one.
import { AccountEventAt, BatchHeaderAt } from "../../schemas/generated/offsets";
import { ControlAt } from "../../src/shared/layout/shard";
import { ACCOUNT_BATCH } from "../../src/shared/wire/batch-layout";
import { crc32 } from "../../src/shared/wire/crc32";
import { nextPauses } from "../harness/gc-pauses";
import type { Line, LineOptions, Row } from "../harness/line";
import { pairedRow, singleRow } from "../harness/paired";
import { benchFile } from "../harness/paths";
import { ShardRig } from "../harness/shard-rig";
import { World } from "../harness/world";

const EVENTS_PER_MESSAGE = 64;
const PARTS = 10;
const EVENTS = { quick: 2_000_000, full: 20_000_000 };

/**
 * One cycle of messages, after which every position is what it was: to go round again, only sequence numbers and checksums
 * have to change.
 */
class Cycle {
  readonly messages: Buffer[];
  private readonly words: Int32Array[];
  private readonly step: number;

  constructor(world: World) {
    // Each account buys and sells once in each of its contracts.
    this.step = world.positionsPerAccount * 2;
    this.messages = world.fills(0, world.accounts * this.step, EVENTS_PER_MESSAGE).map((message) => {
      // In memory of its own, from its first byte: its structs can be reached as words.
      const copy = Buffer.from(new ArrayBuffer(message.length));
      copy.set(message);
      return copy;
    });
    this.words = this.messages.map((message) => new Int32Array(message.buffer, 0, Math.floor(message.length / 4)));
  }

  /** Message i as it is in the next cycle. Sequence numbers stay below 2^31 for as long as anybody will wait. */
  advance(i: number): void {
    const message = this.messages[i]!;
    const words = this.words[i]!;
    const first = ACCOUNT_BATCH.headBytes + 8;
    for (let at = first; at < message.length; at += AccountEventAt.bytes) words[(at + AccountEventAt.seq) / 4]! += this.step;
    const checksum = ACCOUNT_BATCH.headerAt + BatchHeaderAt.checksum;
    words[checksum / 4] = 0;
    words[checksum / 4] = crc32(message);
  }
}

async function run({ quick, events: wanted, progress }: LineOptions): Promise<Row[]> {
  const world = new World({ accounts: 10_000, instruments: 16, positionsPerAccount: 4 });
  const cycle = new Cycle(world);
  const messages = cycle.messages.length;
  const perPart = Math.ceil((wanted ?? (quick ? EVENTS.quick : EVENTS.full)) / EVENTS_PER_MESSAGE / PARTS);
  const rig = new ShardRig(world, { filename: benchFile("steady-worker.js") });
  const shard = await rig.open();
  const beganMs = performance.timeOrigin + performance.now();
  const rates: number[] = [];
  let sent = 0;
  for (let part = 0; part < PARTS; part++) {
    progress(
      `${((sent * EVENTS_PER_MESSAGE) / 1e6).toFixed(1)} M events${part > 0 ? `, ${(rates.at(-1)! / 1e6).toFixed(2)} M/s` : ""}`,
    );
    const start = performance.now();
    for (let i = 0; i < perPart; i++) {
      const at = sent % messages;
      rig.offer(shard, cycle.messages[at]!);
      // The lane has copied it: it may change.
      cycle.advance(at);
      sent++;
    }
    rig.awaitRows(shard);
    rates.push((perPart * EVENTS_PER_MESSAGE) / ((performance.now() - start) / 1000));
    // Timers and ports of this thread: the pool watches its worker.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const events = sent * EVENTS_PER_MESSAGE;
  shard.probe.assertWhole(world.openingEvents + events);
  const latency = shard.view.status().latencyNs;
  const endedMs = performance.timeOrigin + performance.now();
  const told = nextPauses(30_000);
  await rig.close(shard);
  await rig.stop();
  const all = await told;
  // Loading and compiling the worker is not the steady state, nor is giving its memory back; both are counted apart.
  const pauses = all.filter(({ atMs }) => atMs >= beganMs && atMs <= endedMs);
  const longestMs = pauses.reduce((longest, { ms }) => Math.max(longest, ms), 0);
  const totalMs = pauses.reduce((sum, { ms }) => sum + ms, 0);
  const details = {
    events,
    valuations: shard.probe.counter(ControlAt.valuations),
    receivedToRowP99Ns: latency?.p99 ?? "none",
    checked: "every event applied once",
  };
  const half = PARTS / 2;
  return [
    pairedRow(
      {
        id: "steady/rate",
        what: "the second half of the run against the first, tenth by tenth",
        unit: "events/s",
        better: "higher",
        details,
      },
      { name: "sixth to tenth part", values: rates.slice(half) },
      { name: "first to fifth", values: rates.slice(0, half) },
    ),
    singleRow(
      {
        id: "steady/longest-gc-pause",
        what: `longest pause of the shard's thread by the garbage collector in ${(events / 1e6).toFixed(0)} M events`,
        unit: "ns",
        better: "lower",
        details: {
          events,
          collections: pauses.length,
          allPausesMs: totalMs.toFixed(2),
          collectionsWhileItStarted: all.filter(({ atMs }) => atMs < beganMs).length,
          collectionsWhileItEnded: all.filter(({ atMs }) => atMs > endedMs).length,
        },
      },
      { name: "Plimsoll", values: [longestMs * 1e6] },
    ),
    singleRow(
      {
        id: "steady/gc-count",
        what: "collections on the shard's thread in that time",
        unit: "collections",
        better: "lower",
      },
      { name: "Plimsoll", values: [pauses.length] },
    ),
  ];
}

export const steady: Line = { id: "steady", title: "Steady state", runs: "always", run };
