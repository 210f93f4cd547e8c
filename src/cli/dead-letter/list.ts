// The letters as a table, or as one JSON document.
import { letterCode } from "./codes";
import type { Letter, Unreadable } from "./letters";
import { placeText } from "./place";
import { summaryJson } from "./show";

export interface Listing {
  /** Those that fit the filter, oldest first. */
  letters: readonly Letter[];
  /** Of them, the newest so many are shown. */
  limit: number;
  unreadable: readonly Unreadable[];
}

interface CodeCount {
  code: string;
  letters: number;
  open: number;
}

/** How many letters have which code, most first. */
export function countCodes(letters: readonly Letter[]): CodeCount[] {
  const counts = new Map<string, CodeCount>();
  for (const { code, redriven } of letters) {
    const count = counts.get(code) ?? { code, letters: 0, open: 0 };
    counts.set(code, count);
    count.letters++;
    if (redriven.length === 0) count.open++;
  }
  return [...counts.values()].sort((a, b) => b.letters - a.letters || a.code.localeCompare(b.code));
}

function stateOf({ redriven, redriveOf }: Letter): string {
  if (redriven.length > 0) return `redriven as ${(redriven.at(-1) as { to: { offset: number } }).to.offset}`;
  return redriveOf === null ? "open" : `open, redrive of ${redriveOf.offset}`;
}

/** Columns side by side; those named in `right` are numbers. */
export function table(header: readonly string[], rows: readonly string[][], right: ReadonlySet<string>): string {
  const widths = header.map((title, i) => rows.reduce((width, row) => Math.max(width, row[i].length), title.length));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (right.has(header[i]) ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join("  ")
      .trimEnd();
  return `${[header, ...rows].map(line).join("\n")}\n`;
}

export function listText({ letters, limit, unreadable }: Listing): string {
  if (letters.length === 0 && unreadable.length === 0) return "no dead letters\n";
  const shown = letters.slice(-limit);
  const parts: string[] = [];
  if (shown.length > 0) {
    const rows = shown.map((letter) => [
      placeText(letter.place),
      letter.code,
      new Date(letter.timeMs).toISOString(),
      String(letter.sizeBytes),
      String(letter.seen),
      stateOf(letter),
      letter.reason,
    ]);
    const header = ["letter", "code", "time", "bytes", "seen", "state", "reason"];
    parts.push(table(header, rows, new Set(["bytes", "seen"])));
  }
  if (shown.length < letters.length)
    parts.push(`${(letters.length - shown.length).toLocaleString("en")} older ones are not shown: --limit ${letters.length}\n`);
  const counts = countCodes(letters).map(({ code, letters: all, open }) => [
    code,
    String(all),
    String(open),
    letterCode(code)?.meaning ?? "a code of a newer release",
  ]);
  if (counts.length > 0) parts.push(table(["code", "letters", "open", "meaning"], counts, new Set(["letters", "open"])));
  for (const { partition, offset, why } of unreadable) parts.push(`record ${partition}/${offset} of the topic: ${why}\n`);
  return parts.join("\n");
}

export function listJson({ letters, limit, unreadable }: Listing): string {
  const shown = letters.slice(-limit);
  const body = { matching: letters.length, letters: shown.map(summaryJson), codes: countCodes(letters), unreadable };
  return `${JSON.stringify(body)}\n`;
}
