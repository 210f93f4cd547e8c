// The report as a table for a terminal.
import { isLeftOut } from "./line";
import { ratioText, withUnit } from "./numbers";
import type { Report, ReportRow, Verdict } from "./report";

const COLORS: Record<Verdict, string> = { stretch: "\x1b[32m", met: "\x1b[32m", missed: "\x1b[33m" };

/** A goal as it is written; in brackets where this run is too small to speak of it. */
export function goalText({ goal, smallerThanGoal }: ReportRow): string {
  if (goal === null) return "";
  return smallerThanGoal ? `(${goal.text})` : goal.text;
}

function cells(row: ReportRow): string[] {
  return [
    row.id,
    withUnit(row.subject.values.median, row.unit),
    row.peer ? `${row.peer.name} ${withUnit(row.peer.values.median, row.unit)}` : "",
    row.ratio ? ratioText(row.ratio) : "",
    goalText(row),
    row.verdict ?? "",
  ];
}

const HEAD = ["row", "Plimsoll", "against", "ratio (least … greatest)", "goal", ""];

export function machineText({ machine }: Report): string {
  const { cpu, cores, memoryGiB, system, node, java } = machine;
  return [`${cpu}, ${cores} cores, ${memoryGiB} GiB`, system, `Node ${node}`, ...(java ? [java] : [])].join(" · ");
}

export function commitText({ commit }: Pick<Report, "commit">): string {
  return commit ? `commit ${commit.hash}${commit.isDirty ? " with changes" : ""}` : "no commit";
}

/** @param colored ANSI colours for verdicts */
export function renderTable(report: Report, colored: boolean): string {
  const table: (string[] | string)[] = [];
  for (const line of report.lines) {
    table.push(`${line.title}${line.failure === null ? "" : ` — failed: ${line.failure}`}`);
    for (const row of line.rows) table.push(isLeftOut(row) ? `  ${row.id}: left out: ${row.leftOut}` : cells(row));
  }
  const rows = table.filter((each): each is string[] => typeof each !== "string");
  const widths = HEAD.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const laid = (row: readonly string[]) => `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ")}`.trimEnd();
  const out = [
    `${machineText(report)}`,
    `${report.date} UTC · ${commitText(report)} · ${report.mode} run, ${report.seconds} s`,
    "",
    laid(HEAD),
  ];
  for (const each of table) {
    if (typeof each === "string") {
      out.push(each.startsWith("  ") ? each : `\n${each}`);
      continue;
    }
    const verdict = each.at(-1) as Verdict | "";
    out.push(
      colored && verdict !== ""
        ? laid(each).replace(new RegExp(`${verdict}$`), `${COLORS[verdict]}${verdict}\x1b[0m`)
        : laid(each),
    );
  }
  return `${out.join("\n")}\n`;
}
