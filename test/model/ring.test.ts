// The ring, for small sizes in everything that can happen, under both machines of machine.ts; each mistake one can make in it is
// made, and found. PLIMSOLL_MODEL=large looks at larger sizes, for some minutes.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RingAt } from "../../src/shared/layout/ring";
import { initRing, RingConsumer, RingProducer } from "../../src/shared/ring";
import { countedSearch, LARGE, MACHINES } from "./counted";
import { explore, OneAtATime } from "./machine";
import { type RingCase, type RingFault, ringModel } from "./ring";

const RECORDS_MAX = LARGE ? 10 : 6;
/** Where the counters begin: at 0, before the sign changes, before they come round. */
const STARTS = [0, 0x7ffffffe, -3];

/** Every way to publish `records` records in batches that fit the ring. */
function batchings(records: number, recordCount: number): number[][] {
  if (records === 0) return [[]];
  const all: number[][] = [];
  for (let first = 1; first <= Math.min(records, recordCount); first++)
    for (const rest of batchings(records - first, recordCount)) all.push([first, ...rest]);
  return all;
}

const broken = countedSearch("ring");

describe.each(MACHINES)("on a %s machine", (machine) => {
  describe.each(["caching", "looking"] as const)("a %s producer", (producer) => {
    test.each([2, 4])("loses, doubles, reorders and overwrites nothing in a ring of %i", (recordCount) => {
      for (const counterStart of STARTS)
        for (const batches of batchings(RECORDS_MAX, recordCount))
          for (const limit of [1, 3, 99]) {
            const model = ringModel({ machine, recordCount, wordsPerRecord: 1, batches, counterStart, limit, producer });
            expect(broken(model), `${batches}, limit ${limit}, from ${counterStart}`).toBeNull();
          }
    });

    test("hands over records of several words whole", () => {
      for (const batches of batchings(LARGE ? 6 : 4, 2)) {
        const sizes = { recordCount: 2, wordsPerRecord: LARGE ? 3 : 2, counterStart: -1, limit: 99 };
        expect(broken(ringModel({ machine, ...sizes, batches, producer })), String(batches)).toBeNull();
      }
    });
  });
});

describe("the search finds", () => {
  /** Mistakes that x86-64 forgives: it keeps plain stores and loads in an order of their own that suffices. */
  const forgiven: RingFault[] = ["publishes with a plain store", "looks with a plain load", "releases with a plain store"];
  const faults: [RingFault, Partial<RingCase>][] = [
    ["publishes before it writes", {}],
    ["releases before it reads", {}],
    ["publishes one record more than it wrote", {}],
    ["takes one more record for free", {}],
    ["takes its last known value of the consumer's word for the newest after looking", {}],
    ["keeps the room it found, not the consumer's word", {}],
    ["counts without wrapping", { counterStart: 0x7ffffffe }],
    ["compares counters instead of their difference", { counterStart: 0x7ffffffe }],
    ["masks with the record count", { batches: [1, 1, 1] }],
    ["publishes with a plain store", {}],
    ["looks with a plain load", { batches: [1, 1], limit: 1 }],
    ["releases with a plain store", {}],
    ["releases what is visible instead of what it has read", { limit: 1 }],
    ["reads on after what it has seen published", {}],
  ];

  test.each(faults)("one that %s", (fault, where) => {
    const ring: RingCase = {
      machine: "weak",
      recordCount: 2,
      wordsPerRecord: 1,
      batches: [1, 2, 1, 1],
      counterStart: 0,
      limit: 99,
      producer: "caching",
      ...where,
    };
    expect(explore(ringModel(ring)).broken, "without the fault").toBeNull();
    const { broken } = explore(ringModel({ ...ring, fault }));
    expect(broken, "with it").not.toBeNull();
    const onX86 = explore(ringModel({ ...ring, machine: "tso", fault })).broken;
    if (forgiven.includes(fault)) expect(onX86, "x86-64 forgives it").toBeNull();
    else expect(onX86, "on x86-64 too").not.toBeNull();
  });

  test("a trace that says who did what before the promise was broken", () => {
    const { broken } = explore(
      ringModel({
        machine: "weak",
        recordCount: 2,
        wordsPerRecord: 1,
        batches: [1],
        counterStart: 0,
        limit: 1,
        producer: "caching",
        fault: "publishes before it writes",
      }),
    );
    expect(broken).toEqual({
      promise: "record 1 is read once, whole and in its turn",
      trace: [
        "producer: atomically writes published = 1",
        "consumer, readable: atomically reads published = 1",
        "consumer: reads record place 0, word 0 = 0",
      ],
    });
  });
});

test("the model's steps, one thread at a time, do to the memory what the code does", () => {
  const schedule = fc.array(fc.constantFrom("producer", "consumer"), { minLength: 1, maxLength: 60 });
  const run = fc.record({
    recordCount: fc.constantFrom(2, 4, 8),
    batches: fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 20 }),
    counterStart: fc.oneof(fc.constantFrom(...STARTS), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
    limit: fc.integer({ min: 1, max: 9 }),
    schedule,
  });
  fc.assert(
    fc.property(run, ({ recordCount, batches: sizes, counterStart, limit, schedule }) => {
      const batches = sizes.map((size) => Math.min(size, recordCount));
      const model = new OneAtATime(
        ringModel({ machine: "tso", recordCount, wordsPerRecord: 1, batches, counterStart, limit, producer: "caching" }),
      );
      const memory = new SharedArrayBuffer(RingAt.bytes + recordCount * 8);
      const words = new Int32Array(memory);
      initRing(memory, 0, RingAt.bytes, recordCount, 8);
      words[RingAt.published / 4] = words[RingAt.consumed / 4] = counterStart;
      const producer = new RingProducer(memory, 0);
      const consumer = new RingConsumer(memory, 0);
      let batch = 0;
      let next = 1;
      for (const who of schedule) {
        if (who === "producer" && batch < batches.length) {
          model.run("producer", ["next batch"]);
          const records = batches[batch]!;
          if (!producer.hasRoom(records)) continue;
          for (let i = 0; i < records; i++) words[producer.recordOffset(i) / 4] = next + i;
          producer.publish(records);
          next += records;
          batch++;
        } else if (who === "consumer") {
          model.run("consumer", ["readable"]);
          const records = Math.min(consumer.readable(), limit);
          if (records > 0) consumer.release(records);
        }
        const records = Array.from({ length: recordCount }, (_, i) => words[(RingAt.bytes + i * 8) / 4]);
        expect([words[RingAt.published / 4], words[RingAt.consumed / 4], ...records]).toEqual(model.memory);
      }
    }),
  );
});
