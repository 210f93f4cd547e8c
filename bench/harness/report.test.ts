import { describe, expect, it } from "vitest";
import type { Goal } from "../goals";
import type { Row } from "./line";
import { digits, withUnit } from "./numbers";
import { pairedRow, takeTurns } from "./paired";
import { buildReport, verdictOf, withLinesAgain } from "./report";
import { ratios, spread } from "./spread";

const row = (values: number[], peer: number[], better: "higher" | "lower"): Row =>
  pairedRow({ id: "a/b", what: "", unit: "x/s", better }, { name: "a", values }, { name: "b", values: peer });
const goal = (of: Goal["of"], target: number | null, stretch: number | null): Goal => ({ of, target, stretch, text: "" });

describe("a spread", () => {
  it("is the least, the middle and the greatest, whatever the order", () => {
    expect(spread([3, 1, 2])).toEqual({ min: 1, median: 2, max: 3 });
    expect(spread([4, 1, 2, 3])).toEqual({ min: 1, median: 2.5, max: 4 });
    expect(spread([7])).toEqual({ min: 7, median: 7, max: 7 });
  });

  it("refuses what is no measurement", () => {
    expect(() => spread([])).toThrow(RangeError);
    expect(() => spread([1, Number.NaN])).toThrow(RangeError);
  });
});

describe("a ratio", () => {
  it("is above 1 where the subject is ahead, whichever way is better", () => {
    expect(ratios([10], [5], "higher")).toEqual([2]);
    expect(ratios([5], [10], "lower")).toEqual([2]);
  });

  it("is of pairs, not of medians", () => {
    expect(row([10, 30], [10, 10], "higher").ratio).toEqual({ min: 1, median: 2, max: 3 });
    expect(() => ratios([1, 2], [1], "higher")).toThrow(RangeError);
  });

  it("does not exist of nothing against something", () => {
    expect(row([0], [5], "lower").ratio).toBeNull();
  });
});

describe("a verdict", () => {
  const cases: [string, Row, Goal | null, string | null][] = [
    ["no goal, no verdict", row([1], [1], "higher"), null, null],
    ["a ratio at its target is met", row([8], [1], "higher"), goal("ratio", 8, 10), "met"],
    ["a ratio at its stretch is the stretch", row([10], [1], "higher"), goal("ratio", 8, 10), "stretch"],
    ["a ratio below is missed", row([7.9], [1], "higher"), goal("ratio", 8, 10), "missed"],
    ["less is better of a latency", row([19], [1], "lower"), goal("value", 20, 5), "met"],
    ["a latency above is missed", row([21], [1], "lower"), goal("value", 20, 5), "missed"],
    ["more is better of a rate", row([12], [1], "higher"), goal("value", 5, 12), "stretch"],
    ["a stretch that is not reached is no miss", row([31], [1], "lower"), goal("value", null, 30), null],
    ["a world too small says nothing", { ...row([1], [1], "lower"), smallerThanGoal: true }, goal("value", 20, null), null],
  ];
  for (const [name, given, wanted, verdict] of cases) it(name, () => expect(verdictOf(given, wanted)).toBe(verdict));
});

describe("a line measured again", () => {
  const machine = { cpu: "c", cores: 2, memoryGiB: 8, system: "s", node: "20", v8: "11", java: null, loadAtStart: 0.1 };
  const made = (id: string, value: number, at: string, loadAtStart = 0.1) =>
    buildReport({
      machine: { ...machine, loadAtStart },
      commit: { hash: at, isDirty: false },
      startedAt: new Date(`2026-01-0${at}T00:00:00Z`),
      mode: "full",
      seconds: 1,
      results: [
        { id, title: id, rows: [row([value], [1], "higher")], failure: null, seconds: 1 },
        { id: "other", title: "other", rows: [row([7], [1], "higher")], failure: null, seconds: 1 },
      ],
    });

  it("takes its place in the full report and says when and of what it was made; the others stay", () => {
    const second = made("a", 3, "2", 0.5);
    const merged = withLinesAgain(made("a", 2, "1"), { ...second, lines: second.lines.slice(0, 1) });
    expect(merged.lines.map(({ id, again }) => [id, again?.date])).toEqual([
      ["a", "2026-01-02 00:00"],
      ["other", undefined],
    ]);
    expect(merged.lines[0]).toMatchObject({
      again: { commit: { hash: "2" }, loadAtStart: 0.5 },
      rows: [{ ratio: { median: 3 } }],
    });
    expect(merged.date).toBe("2026-01-01 00:00");
  });

  it("is refused in the report of another machine, or where there is no such line", () => {
    const other = made("a", 2, "1");
    expect(() => withLinesAgain({ ...other, machine: { ...machine, cores: 32 } }, other)).toThrow(/another machine/);
    expect(() => withLinesAgain(other, made("b", 1, "2"))).toThrow(/no line "b"/);
  });
});

describe("turns", () => {
  it("are taken A B A B, and the first rounds are thrown away", async () => {
    const order: string[] = [];
    const turn = (name: string) => ({
      name,
      measure(round: number) {
        order.push(`${name}${round}`);
        return round;
      },
    });
    const values = await takeTurns({ rounds: 2, warmUps: 1, budgetMs: 1e9 }, [turn("a"), turn("b")]);
    expect(order).toEqual(["a-1", "b-1", "a0", "b0", "a1", "b1"]);
    expect(values).toEqual({ a: [0, 1], b: [0, 1] });
  });

  it("end after three rounds when the time is over", async () => {
    const values = await takeTurns({ rounds: 100, budgetMs: 0 }, [{ name: "a", measure: () => 1 }]);
    expect(values.a).toHaveLength(3);
  });
});

describe("numbers", () => {
  const cases: [number, string, string][] = [
    [61.23e6, "records/s", "61.2 M records/s"],
    [999, "rows/s", "999 rows/s"],
    [14_321, "ns", "14.3 µs"],
    [950, "ns", "950 ns"],
    [2.5e9, "ns", "2.50 s"],
    [1.5 * 2 ** 30, "bytes", "1.50 GiB"],
    [0, "bytes/event", "0 bytes/event"],
  ];
  for (const [value, unit, text] of cases)
    it(`${value} ${unit} is written ${text}`, () => expect(withUnit(value, unit)).toBe(text));

  it("keep three digits", () => expect([1.234, 12.34, 123.4, 1234].map(digits)).toEqual(["1.23", "12.3", "123", "1234"]));
});
