// Contestants take turns, A B C A B C …, in one process and one stretch of time. The first rounds are thrown away: they
// warm compilers, caches and page tables up.
import type { Contestant, Row } from "./line";
import { type Better, ratios, spread } from "./spread";

export interface Turn<Name extends string> {
  name: Name;
  /** One measurement, in the unit of the line. */
  measure(round: number): number | Promise<number>;
}

export interface Rounds {
  rounds: number;
  /** Thrown away before the first; their numbers are negative. 1 by default. */
  warmUps?: number;
  /** No further round begins once this much time has gone by, ROUNDS_MIN excepted: a busy machine makes the run no longer. */
  budgetMs: number;
  onRound?(round: number): void;
}

/** Fewer pairs than this say nothing of their spread. */
export const ROUNDS_MIN = 3;

/** Each contestant's values, round by round. */
export async function takeTurns<Name extends string>(
  { rounds, warmUps = 1, budgetMs, onRound }: Rounds,
  turns: readonly Turn<Name>[],
): Promise<Record<Name, number[]>> {
  const values = Object.fromEntries(turns.map(({ name }) => [name, [] as number[]])) as Record<Name, number[]>;
  const until = performance.now() + budgetMs;
  for (let round = -warmUps; round < rounds; round++) {
    if (round >= ROUNDS_MIN && performance.now() > until) break;
    onRound?.(round);
    for (const { name, measure } of turns) {
      const value = await measure(round);
      if (round >= 0) values[name].push(value);
    }
  }
  return values;
}

export interface RowText {
  id: string;
  what: string;
  unit: string;
  better: Better;
  smallerThanGoal?: boolean;
  details?: Record<string, string | number>;
}

export interface Measured {
  name: string;
  values: readonly number[];
}

function contestant({ name, values }: Measured): Contestant {
  return { name, values: spread(values) };
}

/** A row of two contestants measured in turn. Nothing at all (0 bytes, say) against something has no ratio. */
export function pairedRow(text: RowText, subject: Measured, peer: Measured): Row {
  const pairs = ratios(subject.values, peer.values, text.better);
  return {
    ...text,
    details: text.details ?? {},
    subject: contestant(subject),
    peer: contestant(peer),
    ratio: pairs.every(Number.isFinite) ? spread(pairs) : null,
    pairs: subject.values.length,
  };
}

/** A row of a value that has nothing to be set against: a count, a size. */
export function singleRow(text: RowText, subject: Measured): Row {
  return {
    ...text,
    details: text.details ?? {},
    subject: contestant(subject),
    peer: null,
    ratio: null,
    pairs: subject.values.length,
  };
}
