// What a line of the bench is: something that is run in a process of its own and comes back with rows.
import type { Better, Spread } from "./spread";

export interface LineOptions {
  /** Everything in about two minutes: fewer rounds, smaller worlds. */
  quick: boolean;
  /** Events of the long run, where the line has one. */
  events: number | null;
  /** What is going on, for the person who waits. */
  progress(text: string): void;
}

/** One contestant's measurements, one a round. */
export interface Contestant {
  name: string;
  values: Spread;
}

export interface Row {
  /** line/row, stable: goals and notes refer to it. */
  id: string;
  what: string;
  /** "events/s", "ns", "bytes", "bytes/event", "share": how numbers are written. */
  unit: string;
  better: Better;
  subject: Contestant;
  peer: Contestant | null;
  /** How many times better the subject did, pair by pair; null without a peer. */
  ratio: Spread | null;
  pairs: number;
  /** A quick run's world is smaller than the one the goal is about: no verdict. */
  smallerThanGoal?: boolean;
  /** What was held equal, what was checked, what else was counted. */
  details: Record<string, string | number>;
}

/** A row that could not be measured here, and why. */
export interface LeftOut {
  id: string;
  what: string;
  leftOut: string;
}

export interface Line {
  id: string;
  title: string;
  /** Flags of node for the process of this line. */
  nodeFlags?: readonly string[];
  /** Only where it is asked for by name, or in a full run (`full`). */
  runs: "always" | "full";
  /** Things that must be built: files of dist/. */
  run(options: LineOptions): Promise<(Row | LeftOut)[]>;
}

export function isLeftOut(row: Row | LeftOut): row is LeftOut {
  return "leftOut" in row;
}
