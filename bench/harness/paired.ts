// Contestants take turns, A B C A B C …, in one process and one stretch of time. One round before the first is thrown
// away: it warms compilers, caches and page tables up.
import type { Contestant, Row } from "./line";
import { type Better, ratios, spread } from "./spread";

export interface Turn<Name extends string> {
  name: Name;
  /** One measurement, in the unit of the line. */
  measure(round: number): number | Promise<number>;
}

/** Each contestant's values, round by round. */
export async function takeTurns<Name extends string>(
  rounds: number,
  turns: readonly Turn<Name>[],
  onRound: (round: number) => void = () => {},
  warmUps = 1,
): Promise<Record<Name, number[]>> {
  const values = Object.fromEntries(turns.map(({ name }) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = -warmUps; round < rounds; round++) {
    onRound(round);
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
  details?: Record<string, string | number>;
}

/** A row of two contestants measured in turn. */
export function pairedRow(
  text: RowText,
  subject: { name: string; values: readonly number[] },
  peer: { name: string; values: readonly number[] },
): Row {
  return {
    ...text,
    details: text.details ?? {},
    subject: contestant(subject),
    peer: contestant(peer),
    ratio: spread(ratios(subject.values, peer.values, text.better)),
    pairs: subject.values.length,
  };
}

function contestant({ name, values }: { name: string; values: readonly number[] }): Contestant {
  return { name, values: spread(values) };
}
