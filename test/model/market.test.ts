// The market's way into a shard, in everything that can happen, under both machines of machine.ts; each mistake one can make is
// made, and found. PLIMSOLL_MODEL=large looks at larger sizes, for some minutes.
import { describe, expect, test } from "vitest";
import { countedSearch, LARGE, MACHINES } from "./counted";
import { explore } from "./machine";
import { type MarketCase, type MarketFault, marketModel } from "./market";

const broken = countedSearch("market");

describe.each(MACHINES)("on a %s machine", (machine) => {
  test.each([true, false])("a shard computes with whole rows and ends with the newest; with records: %s", (records) => {
    for (let versions = 1; versions <= (LARGE ? 4 : 3); versions++)
      for (let words = 1; words <= (LARGE ? 3 : 2); words++)
        for (const triesMax of [1, 2]) {
          const model = marketModel({ machine, versions, words, triesMax, records });
          expect(broken(model), `${versions} versions of ${words} words, ${triesMax} tries`).toBeNull();
        }
  });
});

describe("the search finds", () => {
  const usual: MarketCase = { machine: "weak", versions: 2, words: 2, triesMax: 2, records: true };
  const faults: [fault: MarketFault, onX86: "too" | "forgiven", where: Partial<MarketCase>][] = [
    ["copies into the shard's row at once", "too", {}],
    ["copies without looking whether the row is at rest", "too", {}],
    ["looks a second time with an atomic load", "forgiven", {}],
    ["forgets a row that it could not copy", "too", {}],
    ["notes a version that it did not copy", "too", {}],
    ["applies records though a row could not be copied", "too", {}],
    ["copies before it looks at the ring", "too", {}],
    ["says that the market moved before it wrote the row", "too", {}],
    ["says it after the record was published", "too", {}],
    ["tells a change by a plain sequence number behind the row", "forgiven", { words: 1 }],
  ];

  test.each(faults)("one that %s (on x86-64: %s)", (fault, onX86, where) => {
    const market = { ...usual, ...where };
    expect(explore(marketModel(market)).broken, "without the fault").toBeNull();
    expect(explore(marketModel({ ...market, fault })).broken, "with it").not.toBeNull();
    const broken = explore(marketModel({ ...market, machine: "tso", fault })).broken;
    if (onX86 === "forgiven") expect(broken).toBeNull();
    else expect(broken).not.toBeNull();
  });
});
