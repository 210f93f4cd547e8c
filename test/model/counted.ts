// What the tests of the models share: the machines they look at, how large they go, and a search that is counted.
import { afterAll } from "vitest";
import { explore, type MachineKind, type Model, type Outcome } from "./machine";

/** PLIMSOLL_MODEL=large looks at larger sizes, for some minutes. */
export const LARGE = process.env.PLIMSOLL_MODEL === "large";
export const MACHINES: MachineKind[] = ["weak", "tso"];

/** A search that says what promise a model breaks, or null; at the end of the file's tests it prints how much was looked at. */
export function countedSearch(name: string): (model: Model) => Outcome["broken"] {
  let cases = 0;
  let states = 0;
  let steps = 0;
  afterAll(() => console.log(`${name}: ${cases} cases, ${states} states, ${steps} steps`));
  return (model) => {
    const outcome = explore(model);
    cases++;
    states += outcome.states;
    steps += outcome.steps;
    return outcome.broken;
  };
}
