import { describe, expect, it } from "vitest";
import { heldOrder } from "./hold";

describe("the order of a table", () => {
  it.each([
    ["follows the engine when nobody points", ["a", "b", "c"], ["c", "a", "b"], false, ["c", "a", "b"]],
    ["stands still while somebody points", ["a", "b", "c"], ["c", "a", "b"], true, ["a", "b", "c"]],
    ["lets go what is gone", ["a", "b", "c"], ["c", "a"], true, ["a", "c"]],
    ["puts what is new at the end", ["a", "b"], ["x", "b", "a", "y"], true, ["a", "b", "x", "y"]],
    ["begins as the engine says", [], ["b", "a"], true, ["b", "a"]],
  ])("%s", (_name, shown, incoming, held, expected) => {
    expect(heldOrder(shown, incoming, held)).toEqual(expected);
  });
});
