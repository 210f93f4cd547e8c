// What the code of a dead letter means and what the operator does: the verifier's table, and what only ingest can find out.
import { VERIFY_CODES, type VerifyCodeEntry } from "../../ingest/verify/codes";

/** src/ingest/market-table.ts: a reference record that is right by itself and does not fit what was published before. */
const REFERENCE_REFUSED: VerifyCodeEntry = {
  name: "reference-refused",
  meaning: "a reference record that contradicts, or lacks, what was published before it",
  action:
    "The reason names the record. Publish what it refers to first; where it changes the terms of a contract, publish a new id and symbol.",
};

/** Every code that a dead letter can have, in the order of the verifier's table. */
export const LETTER_CODES: readonly VerifyCodeEntry[] = [
  ...Object.values(VERIFY_CODES).filter(({ name }) => name !== "ok"),
  REFERENCE_REFUSED,
];

const byName = new Map(LETTER_CODES.map((entry) => [entry.name, entry]));

/** Undefined for a code of a newer release. */
export function letterCode(name: string): VerifyCodeEntry | undefined {
  return byName.get(name);
}
