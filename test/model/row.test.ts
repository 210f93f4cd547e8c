// A row that its one writer changes while others read it, in everything that can happen, under both machines of machine.ts; each
// mistake one can make is made, and found. PLIMSOLL_MODEL=large looks at larger sizes, for some minutes.
import { describe, expect, test } from "vitest";
import { countedSearch, LARGE, MACHINES } from "./counted";
import { explore } from "./machine";
import { type Deed, type RowCase, type RowFault, rowModel } from "./row";

const DEEDS: Deed[] = ["event", "valuation", "settlement"];

/** Every order of so many deeds that begins with a change of the ledger and ends at rest. A settlement of an open row leaves it open. */
function histories(length: number): Deed[][] {
  const all = (left: number): Deed[][] =>
    left === 0 ? [[]] : DEEDS.flatMap((deed) => all(left - 1).map((rest) => [deed, ...rest]));
  return all(length).filter(
    (deeds) => deeds[0] !== "valuation" && deeds.at(-1) === "valuation" && !deeds.join().includes("event,settlement"),
  );
}

const broken = countedSearch("rows");
const look = (row: RowCase) => broken(rowModel(row));

describe.each(MACHINES)("on a %s machine", (machine) => {
  describe.each([true, false])("a reader that wants it valued: %s", (valued) => {
    test("accepts no row that is torn, half valued or older than the one before, and ends", () => {
      for (let length = 2; length <= (LARGE ? 4 : 3); length++)
        for (const deeds of histories(length))
          for (const words of length < 3 || LARGE ? [1, 2] : [1])
            expect(look({ machine, deeds, words, readers: 1, reads: 2, triesMax: 2, valued }), String(deeds)).toBeNull();
    });

    test("is not disturbed by another reader, whose second look is a write", () => {
      const deeds: Deed[] = ["event", "valuation"];
      expect(look({ machine, deeds, words: 1, readers: 2, reads: 1, triesMax: LARGE ? 2 : 1, valued })).toBeNull();
    });

    test("ends also where the writer never rests", () => {
      const deeds: Deed[] = ["event", "event", "valuation"];
      expect(look({ machine, deeds, words: 1, readers: 1, reads: 1, triesMax: 3, valued, endless: true })).toBeNull();
    });

    test("reads a row at rest at once", () => {
      expect(look({ machine, deeds: [], words: 2, readers: 2, reads: 1, triesMax: 1, valued })).toBeNull();
    });
  });
});

describe("the search finds", () => {
  const flawless = new Set<string>();
  const usual: RowCase = {
    machine: "weak",
    deeds: ["event", "valuation", "settlement"],
    words: 2,
    readers: 1,
    reads: 1,
    triesMax: 2,
    valued: true,
  };
  const faults: [fault: RowFault, onX86: "too" | "forgiven", where: Partial<RowCase>][] = [
    ["never opens the row", "too", {}],
    ["opens the row with a plain store", "forgiven", {}],
    ["opens the row with an atomic store", "forgiven", {}],
    ["opens the row after its first word", "too", {}],
    ["closes the row with a plain store", "forgiven", {}],
    ["closes the row before its last word", "too", {}],
    ["closes an open row by opening it again", "too", { deeds: ["event", "event", "valuation"], valued: false }],
    ["counts versions in one bit", "too", {}],
    ["does not look a second time", "too", {}],
    ["looks a second time with a plain load", "forgiven", {}],
    ["looks a second time with an atomic load", "forgiven", {}],
    ["looks first with a plain load", "forgiven", {}],
    ["takes rows that are open", "too", {}],
    ["takes only rows that are open", "too", {}],
    ["only makes sure that the row is closed", "too", {}],
    ["does not ask whether the row was valued", "too", {}],
    ["tries for ever", "too", { endless: true, words: 1, deeds: ["event", "valuation"] }],
  ];

  test.each(faults)("one that %s (on x86-64: %s)", (fault, onX86, where) => {
    const row = { ...usual, ...where };
    const key = JSON.stringify(row);
    if (!flawless.has(key)) expect(explore(rowModel(row)).broken, "without the fault").toBeNull();
    flawless.add(key);
    expect(explore(rowModel({ ...row, fault })).broken, "with it").not.toBeNull();
    const broken = explore(rowModel({ ...row, machine: "tso", fault })).broken;
    if (onX86 === "forgiven") expect(broken).toBeNull();
    else expect(broken).not.toBeNull();
  });
});
