// One letter with everything that is known about it, as text or as one JSON object.

import { letterCode } from "./codes";
import { type Contents, namedIn, readContents, type Value, type Vector } from "./contents";
import type { Refusal } from "./judge";
import type { Letter } from "./letters";
import { placeText } from "./place";

/** What `show` finds out beside the letter itself. */
export interface Around {
  payload: Buffer;
  /** Key of the message where its log still holds it; undefined where not. */
  key: string | null | undefined;
  /** What an engine that starts now would say; undefined for a topic no engine reads. */
  now: Refusal | null | undefined;
}

/** Rows of a vector shown before and after the one that is named, and at its beginning. */
const ROWS_AROUND = 3;
const ROWS_FIRST = 10;

export function hexDump(bytes: Uint8Array, limit: number): string {
  const lines: string[] = [];
  const shown = Math.min(bytes.length, limit);
  for (let at = 0; at < shown; at += 16) {
    const line = [...bytes.subarray(at, Math.min(at + 16, shown))];
    const hex = line.map((byte) => byte.toString(16).padStart(2, "0"));
    const text = line.map((byte) => (byte >= 0x20 && byte <= 0x7e ? String.fromCharCode(byte) : ".")).join("");
    const halves = `${hex.slice(0, 8).join(" ").padEnd(23)}  ${hex.slice(8).join(" ").padEnd(23)}`;
    lines.push(`  ${at.toString(16).padStart(8, "0")}  ${halves}  ${text}`);
  }
  if (bytes.length > shown) lines.push(`  … ${bytes.length - shown} more bytes: --hex ${bytes.length}, or --raw FILE`);
  return lines.join("\n");
}

export function letterJson(letter: Letter, around: Around): Record<string, unknown> {
  const entry = letterCode(letter.code);
  const contents = letter.role === null ? null : readContents(letter.role, around.payload);
  return {
    ...summaryJson(letter),
    meaning: entry?.meaning ?? null,
    action: entry?.action ?? null,
    key: around.key ?? null,
    named: namedIn(letter.reason),
    now: around.now === undefined ? null : around.now === null ? { taken: true } : { taken: false, ...around.now },
    contents,
    payload: around.payload.toString("base64"),
  };
}

/** What `list` says of a letter, too. */
export function summaryJson(letter: Letter): Record<string, unknown> {
  return {
    letter: placeText(letter.place),
    ...letter.place,
    code: letter.code,
    reason: letter.reason,
    timeMs: letter.timeMs,
    sizeBytes: letter.sizeBytes,
    crc32: letter.crc32.toString(16).padStart(8, "0"),
    seen: letter.seen,
    redriven: letter.redriven.map(({ to, atMs }) => ({ to: placeText(to), atMs })),
    redriveOf: letter.redriveOf === null ? null : placeText(letter.redriveOf),
  };
}

export function letterText(letter: Letter, around: Around, hexBytes: number): string {
  const entry = letterCode(letter.code);
  const lines: [string, string][] = [
    ["letter", placeText(letter.place)],
    ["code", letter.code],
    ["reason", letter.reason],
    ["meaning", entry?.meaning ?? "a code of a newer release"],
    ["do", entry?.action ?? "read docs/operations.md of the release that wrote it"],
    ["now", nowText(around.now)],
    [
      "written",
      `${new Date(letter.timeMs).toISOString()}, ${letter.sizeBytes} bytes, crc32 ${letter.crc32.toString(16).padStart(8, "0")}`,
    ],
    ["key", around.key === undefined ? "its log does not hold the message any more" : (around.key ?? "none")],
    ["seen", `${letter.seen} time${letter.seen === 1 ? "" : "s"}`],
    ["redriven", redrivenText(letter)],
  ];
  if (letter.redriveOf !== null) lines.push(["redrive of", placeText(letter.redriveOf)]);
  const head = lines.map(([name, text]) => `${name.padEnd(11)}${text}`).join("\n");
  const parts = [head, contentsText(letter, around.payload), `payload\n${hexDump(around.payload, hexBytes)}`];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function nowText(now: Around["now"]): string {
  if (now === undefined) return "no engine reads this topic";
  return now === null ? "an engine would take it" : `still refused, ${now.code}: ${now.reason}`;
}

function redrivenText({ redriven }: Letter): string {
  if (redriven.length === 0) return "no";
  return redriven.map(({ to, atMs }) => `as ${placeText(to)} at ${new Date(atMs).toISOString()}`).join("; ");
}

function contentsText(letter: Letter, payload: Buffer): string {
  if (letter.role === null) return "";
  const contents = readContents(letter.role, payload);
  if ("unreadable" in contents) return `contents   cannot be read: ${contents.unreadable}`;
  const { producerId, firstSequence, vectors, warning } = contents as Contents;
  const lines = [`contents   producer ${producerId}, first sequence ${firstSequence}`];
  if (warning !== "") lines.push(`           ${warning}`);
  const named = namedIn(letter.reason);
  for (const vector of vectors) lines.push(...vectorText(vector, named?.vector === vector.name ? named.index : -1));
  return lines.join("\n");
}

function vectorText({ name, rows }: Vector, marked: number): string[] {
  const isShown = (i: number) => i < ROWS_FIRST || (marked >= 0 && Math.abs(i - marked) <= ROWS_AROUND);
  const lines = [`  ${name}: ${rows.length}`];
  const width = String(rows.length - 1).length;
  let hidden = 0;
  const skipped = () => {
    if (hidden > 0) lines.push(`    … ${hidden} more`);
    hidden = 0;
  };
  rows.forEach((row, i) => {
    if (!isShown(i)) {
      hidden++;
      return;
    }
    skipped();
    lines.push(`${i === marked ? "  > " : "    "}[${String(i).padStart(width)}] ${rowText(row)}`);
  });
  skipped();
  return lines;
}

/** What is zero, or nothing of its enumeration, is not used by its kind. */
function rowText(row: Record<string, Value>): string {
  return Object.entries(row)
    .filter(([, value]) => value !== 0 && value !== "" && value !== "None")
    .map(([field, value]) => `${field} ${value}`)
    .join("  ");
}
