// The report: every row with its goal and whether it was reached. Pure; rendering and writing are elsewhere.
import { GOALS, type Goal } from "../goals";
import { NOTES } from "../notes";
import { isLeftOut, type LeftOut, type Row } from "./line";
import type { Machine } from "./machine";

export type Verdict = "stretch" | "met" | "missed";

export interface ReportRow extends Row {
  goal: Goal | null;
  verdict: Verdict | null;
}

export interface LineResult {
  id: string;
  title: string;
  rows: (Row | LeftOut)[];
  /** Why there are no rows. */
  failure: string | null;
  seconds: number;
}

export interface ReportLine {
  id: string;
  title: string;
  rows: (ReportRow | LeftOut)[];
  failure: string | null;
  seconds: number;
  notes: string[];
  /** Where it was not measured with the others. */
  again?: Pick<Report, "date" | "commit"> & { loadAtStart: number };
}

export interface Report {
  machine: Machine;
  commit: { hash: string; isDirty: boolean } | null;
  date: string;
  mode: "quick" | "full";
  seconds: number;
  lines: ReportLine[];
}

/** Medians decide. A row that says it is smaller than what the goal is about has no verdict. */
export function verdictOf(row: Row, goal: Goal | null): Verdict | null {
  if (goal === null || row.smallerThanGoal === true) return null;
  const reached = goal.of === "ratio" ? row.ratio?.median : row.subject.values.median;
  if (reached === undefined) throw new Error(`${row.id} has a goal for a ratio and no peer`);
  const isLower = goal.of === "value" && row.better === "lower";
  const meets = (bound: number) => (isLower ? reached <= bound : reached >= bound);
  if (goal.stretch !== null && meets(goal.stretch)) return "stretch";
  if (goal.target === null) return null;
  return meets(goal.target) ? "met" : "missed";
}

export interface ReportParts {
  machine: Machine;
  commit: { hash: string; isDirty: boolean } | null;
  startedAt: Date;
  mode: "quick" | "full";
  seconds: number;
  results: readonly LineResult[];
}

export function buildReport(parts: ReportParts): Report {
  return {
    machine: parts.machine,
    commit: parts.commit,
    date: parts.startedAt.toISOString().slice(0, 16).replace("T", " "),
    mode: parts.mode,
    seconds: Math.round(parts.seconds),
    lines: parts.results.map((result) => {
      const rows = result.rows.map((row) => {
        if (isLeftOut(row)) return row;
        const goal = GOALS[row.id] ?? null;
        return { ...row, goal, verdict: verdictOf(row, goal) };
      });
      return {
        ...result,
        // The first line says what failed; the rest is for stderr.
        failure: result.failure?.split("\n")[0] ?? null,
        seconds: Math.round(result.seconds * 10) / 10,
        rows,
        notes: notesOf(result.id, rows),
      };
    }),
  };
}

/**
 * A full report with lines that were measured again.
 *
 * @throws Error where the two are not of one machine, or `before` has no such line
 */
export function withLinesAgain(before: Report, again: Report): Report {
  const { loadAtStart, ...machine } = again.machine;
  const { loadAtStart: _, ...machineBefore } = before.machine;
  if (JSON.stringify(machine) !== JSON.stringify(machineBefore))
    throw new Error("--again: the last full report is of another machine");
  const missing = again.lines.find(({ id }) => !before.lines.some((line) => line.id === id));
  if (missing) throw new Error(`--again: the last full report has no line "${missing.id}"`);
  const lines = before.lines.map((line) => {
    const measured = again.lines.find(({ id }) => id === line.id);
    if (measured) return { ...measured, again: { date: again.date, commit: again.commit, loadAtStart } };
    // What is remarked is what is known today.
    return { ...line, notes: notesOf(line.id, line.rows) };
  });
  return { ...before, lines };
}

function notesOf(line: string, rows: readonly (ReportRow | LeftOut)[]): string[] {
  const notes = [...(NOTES[line]?.always ?? [])];
  for (const row of rows) {
    notes.push(...(NOTES[row.id]?.always ?? []));
    if (!isLeftOut(row) && row.verdict === "missed")
      notes.push(...(NOTES[row.id]?.missed ?? []).map((text) => `\`${row.id}\` is missed. ${text}`));
  }
  return notes;
}
