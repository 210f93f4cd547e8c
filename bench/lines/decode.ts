// From the bytes of a message to structs that may be applied: the engine's own lane (verify, copy into the ring, check every
// value, publish) against the same events read by the accessors the FlatBuffers compiler generates, and as JSON. The peers
// only read; nothing is verified and nothing is kept but a sum, which must be everybody's.
import * as flatbuffers from "flatbuffers";
import { AccountBatch, AccountEvent } from "../../schemas/generated";
import { AccountEventAt } from "../../schemas/generated/offsets";
import { AccountLane } from "../../src/ingest/account-lane";
import { MarketTable } from "../../src/ingest/market-table";
import { ReferenceLane } from "../../src/ingest/reference-lane";
import { ControlAt } from "../../src/shared/layout/shard";
import { KERNEL_RESERVED_BYTES } from "../../src/shared/limits";
import { RingConsumer } from "../../src/shared/ring";
import { createShardMemory } from "../../src/shared/shard-memory";
import type { Line, LineOptions, Row } from "../harness/line";
import { pairedRow, takeTurns } from "../harness/paired";
import { World } from "../harness/world";

const EVENTS_PER_MESSAGE = 64;
const MESSAGES = 512;

/** What everybody must have read: whole numbers below 2^53. */
interface Digest {
  events: number;
  sum: number;
}

/** The lane into a ring that is read away at once, and a look at the records it left there. */
class LaneReader {
  private readonly lane: AccountLane;
  private readonly ring: RingConsumer;
  private readonly words: Int32Array;
  private offset = 0;

  constructor(world: World) {
    const table = new MarketTable();
    const refused = new ReferenceLane(table).take(world.reference());
    if (refused) throw new Error(`${refused.code}: ${refused.reason}`);
    const memory = createShardMemory(0, world.capacity()).buffer as unknown as SharedArrayBuffer;
    this.words = new Int32Array(memory);
    this.lane = new AccountLane(memory, table);
    this.ring = new RingConsumer(memory, this.words[(KERNEL_RESERVED_BYTES + ControlAt.inputRing) / 4]! >>> 0);
  }

  take(message: Uint8Array): void {
    const taken = this.lane.offer(message, this.offset++);
    if (taken !== "published") throw new Error(typeof taken === "string" ? taken : `${taken.code}: ${taken.reason}`);
    this.ring.release(this.ring.readable());
  }

  /** The same, with a look at what lies in the ring before it is released. */
  digest(messages: readonly Uint8Array[]): Digest {
    const digest = { events: 0, sum: 0 };
    const { words } = this;
    for (const message of messages) {
      const taken = this.lane.offer(message, this.offset++);
      if (taken !== "published") throw new Error(String(taken));
      const records = this.ring.readable();
      for (let i = 1; i < records; i++) {
        const at = this.ring.recordOffset(i) / 4;
        const u64 = (field: number) => (words[at + field / 4]! >>> 0) + words[at + field / 4 + 1]! * 2 ** 32;
        digest.sum += u64(AccountEventAt.seq) + u64(AccountEventAt.account) + u64(AccountEventAt.qtyLots);
        digest.sum += u64(AccountEventAt.priceTicks) + u64(AccountEventAt.amount) + u64(AccountEventAt.order);
        digest.sum += words[at + AccountEventAt.instrument / 4]!;
      }
      digest.events += records - 1;
      this.ring.release(records);
    }
    return digest;
  }
}

function readAccessors(messages: readonly Uint8Array[]): Digest {
  const batch = new AccountBatch();
  const event = new AccountEvent();
  let events = 0;
  let sum = 0;
  // A checksum of what only has to be read, so that reading it is not optimised away.
  let other = 0n;
  for (const message of messages) {
    AccountBatch.getRootAsAccountBatch(new flatbuffers.ByteBuffer(message), batch);
    const length = batch.eventsLength();
    for (let i = 0; i < length; i++) {
      const e = batch.events(i, event)!;
      sum += Number(e.seq()) + Number(e.account()) + Number(e.qtyLots());
      sum += Number(e.priceTicks()) + Number(e.amount()) + Number(e.order());
      sum += e.instrument();
      other ^= e.timeNs();
      other ^= BigInt(e.kind() + e.side() + e.flags());
    }
    events += length;
  }
  if (other === -1n) throw new Error("unreachable: keeps the fields read");
  return { events, sum };
}

interface JsonEvent {
  kind: string;
  seq: number;
  account: number;
  timeMs: number;
  qtyLots: number;
  priceTicks: number;
  amount: number;
  order: number;
  instrument: number;
  side: string;
  flags: number;
}

function readJson(messages: readonly Buffer[]): Digest {
  let events = 0;
  let sum = 0;
  for (const message of messages) {
    const batch = JSON.parse(message.toString()) as { events: JsonEvent[] };
    for (const e of batch.events) sum += e.seq + e.account + e.qtyLots + e.priceTicks + e.amount + e.order + e.instrument;
    events += batch.events.length;
  }
  return { events, sum };
}

/** The same events as a producer that speaks JSON would write them. */
function asJson(message: Uint8Array): Buffer {
  const batch = AccountBatch.getRootAsAccountBatch(new flatbuffers.ByteBuffer(message));
  const events: JsonEvent[] = [];
  for (let i = 0; i < batch.eventsLength(); i++) {
    const e = batch.events(i)!;
    events.push({
      kind: "fill",
      seq: Number(e.seq()),
      account: Number(e.account()),
      timeMs: Number(e.timeNs() / 1_000_000n),
      qtyLots: Number(e.qtyLots()),
      priceTicks: Number(e.priceTicks()),
      amount: Number(e.amount()),
      order: Number(e.order()),
      instrument: e.instrument(),
      side: e.side() === 1 ? "buy" : "sell",
      flags: e.flags(),
    });
  }
  return Buffer.from(JSON.stringify({ producerId: 4, events }));
}

function assertSame(name: string, got: Digest, want: Digest): void {
  if (got.events !== want.events || got.sum !== want.sum)
    throw new Error(`${name} read ${got.events} events summing to ${got.sum}, not ${want.events} and ${want.sum}`);
}

async function run({ quick, progress }: LineOptions): Promise<Row[]> {
  const world = new World({ accounts: 10_000, instruments: 16, positionsPerAccount: 4 });
  const messages = world.fills(0, EVENTS_PER_MESSAGE * MESSAGES, EVENTS_PER_MESSAGE);
  const json = messages.map(asJson);
  const lane = new LaneReader(world);
  const want = lane.digest(messages);
  assertSame("the accessors", readAccessors(messages), want);
  assertSame("JSON", readJson(json), want);

  // Passes over all messages, so that everybody is timed for about as long.
  const passes = quick ? { lane: 100, accessors: 6, json: 2 } : { lane: 400, accessors: 24, json: 8 };
  const timed = (count: number, read: () => Digest | undefined) => {
    const start = performance.now();
    for (let pass = 0; pass < count; pass++) {
      const digest = read();
      if (digest) assertSame("a pass", digest, want);
    }
    return (count * want.events) / ((performance.now() - start) / 1000);
  };
  const onRound = (round: number) => progress(`round ${round + 1}`);
  const values = await takeTurns({ rounds: quick ? 7 : 21, budgetMs: quick ? 5000 : 60_000, onRound }, [
    {
      name: "lane",
      measure: () =>
        timed(passes.lane, () => {
          for (const message of messages) lane.take(message);
          return undefined;
        }),
    },
    { name: "accessors", measure: () => timed(passes.accessors, () => readAccessors(messages)) },
    { name: "json", measure: () => timed(passes.json, () => readJson(json)) },
  ]);
  const row = (id: string, name: string, peer: readonly number[], bytes: number) =>
    pairedRow(
      {
        id: `decode/${id}`,
        what: `account events out of messages of ${EVENTS_PER_MESSAGE}: verified, copied to the ring and checked, against only read`,
        unit: "events/s",
        better: "higher",
        details: {
          eventsPerMessage: EVENTS_PER_MESSAGE,
          bytesPerMessage: messages[0]!.length,
          bytesPerMessageOfPeer: bytes,
          checked: "all read the same numbers",
        },
      },
      { name: "Plimsoll", values: values.lane },
      { name, values: peer },
    );
  return [
    row("accessors", "generated accessors", values.accessors, messages[0]!.length),
    row("json", "JSON.parse", values.json, json[0]!.length),
  ];
}

export const decode: Line = { id: "decode", title: "Decoding messages", runs: "always", run };
