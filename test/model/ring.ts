// The rings of src/shared/ring.ts and src/shards/kernel/ring.ts, step by step. Record k of the run holds k in each of its words, so
// a consumer that finds anything but the next number has lost, doubled, reordered or overwritten something, or read half of it.
import {
  type Action,
  atomicLoad,
  atomicStore,
  awaits,
  broken,
  end,
  go,
  load,
  type MachineKind,
  type Model,
  type Program,
  type Registers,
  store,
} from "./machine";

/** Mistakes that one can make in such a ring. */
export type RingFault =
  | "publishes before it writes"
  | "releases before it reads"
  | "publishes one record more than it wrote"
  | "takes one more record for free"
  | "takes its last known value of the consumer's word for the newest after looking"
  | "keeps the room it found, not the consumer's word"
  | "counts without wrapping"
  | "compares counters instead of their difference"
  | "masks with the record count"
  | "publishes with a plain store"
  | "looks with a plain load"
  | "releases with a plain store"
  | "releases what is visible instead of what it has read"
  | "reads on after what it has seen published";

export interface RingCase {
  machine: MachineKind;
  recordCount: number;
  wordsPerRecord: number;
  /** Records of each publication. */
  batches: number[];
  /** Where both counters begin. */
  counterStart: number;
  /** Most records the consumer takes at once, as drain(limit) of src/shards/kernel/index.ts does. */
  limit: number;
  /** RingProducer of src/shared/ring.ts, which keeps its last look at the consumer's word; else the kernel's, which always looks. */
  producer: "caching" | "looking";
  fault?: RingFault;
}

const PUBLISHED = 0;
const CONSUMED = 1;
const DATA = 2;

export function ringModel(ring: RingCase): Model {
  const { recordCount, wordsPerRecord, counterStart } = ring;
  const names = ["published", "consumed"];
  for (let i = 0; i < recordCount * wordsPerRecord; i++)
    names.push(`record place ${Math.floor(i / wordsPerRecord)}, word ${i % wordsPerRecord}`);
  const total = ring.batches.reduce((sum, records) => sum + records, 0);
  return {
    machine: ring.machine,
    memory: [counterStart | 0, counterStart | 0, ...new Array<number>(recordCount * wordsPerRecord).fill(0)],
    names,
    threads: [producer(ring), consumer(ring, total)],
    atEnd: ([published, consumed]) => {
      const expected = (counterStart + total) | 0;
      return published === expected && consumed === expected ? null : "the counters end where the records do";
    },
  };
}

/** recordOffset of both classes, writeSlot and readSlot of the kernel: the place of the record `ahead` after the counter. */
function recordAt({ recordCount, wordsPerRecord, fault }: RingCase, counter: number, ahead: number, word: number): number {
  const mask = fault === "masks with the record count" ? recordCount : recordCount - 1;
  const place = (counter + ahead) & mask;
  return DATA + Math.min(place, recordCount - 1) * wordsPerRecord + word;
}

function producer(ring: RingCase): Program {
  const { recordCount, wordsPerRecord, batches, counterStart, fault } = ring;
  const publishesFirst = fault === "publishes before it writes";
  const wrapped = (value: number) => (fault === "counts without wrapping" ? value : value | 0);
  // hasRoom(records): what is free by the last known value of the consumer's word.
  const hasRoom = ({ published, consumedSeen, lookedAt, batch }: Registers): boolean => {
    if (fault === "compares counters instead of their difference")
      return published! + batches[batch!]! <= consumedSeen! + recordCount;
    const from = fault === "keeps the room it found, not the consumer's word" ? lookedAt! : published!;
    const free = recordCount - wrapped(from - consumedSeen!);
    return free + (fault === "takes one more record for free" ? 1 : 0) >= batches[batch!]!;
  };
  const publish = ({ published, batch }: Registers): Action => {
    const records = batches[batch!]! + (fault === "publishes one record more than it wrote" ? 1 : 0);
    const value = wrapped(published! + records);
    const then = publishesFirst ? "recordOffset" : "published";
    return fault === "publishes with a plain store" ? store(PUBLISHED, value | 0, then) : atomicStore(PUBLISHED, value | 0, then);
  };
  const look = atomicLoad(CONSUMED, "consumedSeen", "hasRoom, again");
  return {
    name: "producer",
    registers: {
      published: counterStart | 0,
      consumedSeen: counterStart | 0,
      lookedAt: counterStart | 0,
      batch: 0,
      record: 0,
      word: 0,
      next: 1,
    },
    start: "next batch",
    steps: {
      "next batch": (r) => (r.batch! < batches.length ? go(ring.producer === "caching" ? "hasRoom" : "room") : end),
      // RingProducer.hasRoom: looks at the consumer's word only when its last known value does not suffice.
      hasRoom: (r) => (hasRoom(r) ? go("reserved") : look),
      // room() of the kernel.
      room: () => look,
      "hasRoom, again": (r) => {
        if (fault === "takes its last known value of the consumer's word for the newest after looking") return go("reserved");
        const lookedAt = fault === "keeps the room it found, not the consumer's word" ? r.published! : r.lookedAt!;
        return go(hasRoom({ ...r, lookedAt }) ? "reserved" : "next batch", { lookedAt });
      },
      reserved: () => go(publishesFirst ? "publish" : "recordOffset", { record: 0, word: 0 }),
      // AccountLane.offer, recordFill and alert of the kernel: the records' bytes.
      recordOffset: (r) => {
        if (r.record === batches[r.batch!]) return go(publishesFirst ? "published" : "publish");
        return store(recordAt(ring, r.published!, r.record!, r.word!), r.next! + r.record!, "next word");
      },
      "next word": (r) =>
        r.word! + 1 < wordsPerRecord
          ? go("recordOffset", { word: r.word! + 1 })
          : go("recordOffset", { word: 0, record: r.record! + 1 }),
      publish,
      published: (r) =>
        go("next batch", {
          published: wrapped(r.published! + batches[r.batch!]!),
          next: r.next! + batches[r.batch!]!,
          batch: r.batch! + 1,
          // Where the next batch begins does not depend on these.
          record: 0,
          word: 0,
        }),
    },
  };
}

function consumer(ring: RingCase, total: number): Program {
  const { wordsPerRecord, counterStart, limit, recordCount, fault } = ring;
  const releasesFirst = fault === "releases before it reads";
  const wrapped = (value: number) => (fault === "counts without wrapping" ? value : value | 0);
  const most = Math.min(limit, recordCount) + (fault === "reads on after what it has seen published" ? 1 : 0);
  const cells: string[] = [];
  for (let i = 0; i < most * wordsPerRecord; i++) cells.push(`cell${i}`);
  const registers: Registers = { consumed: counterStart | 0, seen: counterStart | 0, visible: 0, i: 0, next: 1 };
  for (const cell of cells) registers[cell] = 0;
  const release = (r: Registers): Action => {
    const value = wrapped(r.consumed! + r.visible!);
    const then = releasesFirst ? "readSlot" : "check";
    if (fault === "releases with a plain store") return store(CONSUMED, value | 0, then);
    if (fault === "releases what is visible instead of what it has read") return atomicLoad(PUBLISHED, "seen", "release it");
    return atomicStore(CONSUMED, value | 0, then);
  };
  return {
    name: "consumer",
    registers,
    start: "readable",
    steps: {
      readable: (r) => {
        if (r.next! > total) return end;
        if (fault === "looks with a plain load") return load(PUBLISHED, "seen", "read ahead");
        return atomicLoad(PUBLISHED, "seen", "visible");
      },
      // Behind a plain look a processor guesses that there is something, and reads it ahead.
      "read ahead": (r) => load(recordAt(ring, r.consumed!, 0, 0), "cell0", "was it there"),
      "was it there": awaits((r) =>
        r.seen === r.consumed ? go("readable", { cell0: 0 }) : go("release", { visible: 1, i: 0, seen: r.consumed! }),
      ),
      // visible() and drain(limit) of the kernel; readable() and a loop in the store and the alert outbox.
      visible: awaits((r) => {
        let visible = wrapped(r.seen! - r.consumed!);
        if (fault === "compares counters instead of their difference" && r.seen! < r.consumed!) visible = 0;
        if (visible <= 0) return go("readable", { seen: r.consumed! });
        if (fault === "reads on after what it has seen published") visible++;
        return go(releasesFirst ? "release" : "readSlot", { visible: Math.min(visible, most), i: 0, seen: r.consumed! });
      }),
      readSlot: (r) => {
        if (r.i === r.visible! * wordsPerRecord) return go(releasesFirst ? "check" : "release");
        const word = r.i! % wordsPerRecord;
        return load(recordAt(ring, r.consumed!, (r.i! - word) / wordsPerRecord, word), `cell${r.i}`, "next slot");
      },
      "next slot": (r) => go("readSlot", { i: r.i! + 1 }),
      release,
      "release it": (r) => atomicStore(CONSUMED, r.seen!, "check"),
      // What the reader made of the records.
      check: awaits((r) => {
        for (let i = 0; i < r.visible! * wordsPerRecord; i++) {
          const expected = r.next! + Math.floor(i / wordsPerRecord);
          if (r[`cell${i}`] !== expected) return broken(`record ${expected} is read once, whole and in its turn`);
        }
        const cleared: Registers = { consumed: wrapped(r.consumed! + r.visible!), next: r.next! + r.visible!, visible: 0, i: 0 };
        for (const cell of cells) cleared[cell] = 0;
        return go("readable", cleared);
      }),
    },
  };
}
