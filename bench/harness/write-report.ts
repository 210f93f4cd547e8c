// The report as files: JSON for programs, Markdown for people.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { isLeftOut } from "./line";
import { ratioText, spreadText } from "./numbers";
import { ROOT } from "./paths";
import type { Report, ReportLine, ReportRow } from "./report";
import { commitText, goalText, machineText } from "./table";

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

function markdownRow(row: ReportRow): string {
  const cells = [
    `\`${row.id}\`<br>${row.what}`,
    spreadText(row.subject.values, row.unit),
    row.peer ? `${row.peer.name}: ${spreadText(row.peer.values, row.unit)}` : "",
    row.ratio ? ratioText(row.ratio) : "",
    String(row.pairs),
    goalText(row),
    row.verdict === null ? "" : row.verdict === "missed" ? "**missed**" : row.verdict,
  ];
  return `| ${cells.map(cell).join(" | ")} |`;
}

function detailsOf(row: ReportRow): string | null {
  const entries = Object.entries(row.details);
  return entries.length === 0 ? null : `\`${row.id}\`: ${entries.map(([name, value]) => `${name} ${value}`).join(", ")}`;
}

function markdownLine(line: ReportLine): string[] {
  const again = line.again
    ? `; measured again ${line.again.date} UTC, ${commitText(line.again)}, load before it ${line.again.loadAtStart}`
    : "";
  const out = [`## ${line.title}`, "", `\`npm run bench -- --only ${line.id}\`, ${line.seconds} s${again}`, ""];
  if (line.failure !== null) out.push(`**Failed:** ${line.failure}`, "");
  const rows = line.rows.filter((row): row is ReportRow => !isLeftOut(row));
  if (rows.length > 0) {
    out.push(
      "| row | Plimsoll | against | ratio | pairs | goal | |",
      "|---|---|---|---|---|---|---|",
      ...rows.map(markdownRow),
      "",
    );
  }
  for (const row of line.rows) if (isLeftOut(row)) out.push(`- \`${row.id}\` (${row.what}) is left out: ${row.leftOut}`);
  if (line.rows.some(isLeftOut)) out.push("");
  for (const note of line.notes) out.push(note, "");
  const details = [...new Set(rows.map(detailsOf).filter((text): text is string => text !== null))];
  if (details.length > 0)
    out.push(
      "<details><summary>held equal, checked, counted</summary>",
      "",
      ...details.map((text) => `- ${text}`),
      "",
      "</details>",
      "",
    );
  return out;
}

export function renderMarkdown(report: Report): string {
  const { lines } = report;
  const verdicts = lines.flatMap(({ rows }) =>
    rows.flatMap((row) => (isLeftOut(row) || row.verdict === null ? [] : [row.verdict])),
  );
  const count = (verdict: string) => verdicts.filter((each) => each === verdict).length;
  return [
    "# Measured",
    "",
    "Made by `npm run bench`; not edited by hand. How to read it, and what limits each line: [performance.md](../performance.md).",
    "",
    `- ${machineText(report)}`,
    `- ${report.date} UTC, ${commitText(report)}, ${report.mode} run of ${report.seconds} s; load before it began: ${report.machine.loadAtStart}`,
    `- goals: ${count("stretch")} at their stretch, ${count("met")} met, ${count("missed")} missed`,
    "",
    "Every number is the median with the least and the greatest of its rounds. A ratio is of a pair measured one after the other, and above 1 where Plimsoll is ahead.",
    "",
    ...lines.flatMap(markdownLine),
  ].join("\n");
}

/** @throws where there is none */
export function readReport(out: string | null): Report {
  return JSON.parse(readFileSync(join(out ?? join(ROOT, "docs", "bench"), "report.json"), "utf8")) as Report;
}

/** @returns the files written, relative to the project */
export function writeReport(report: Report, name: "report" | "quick" | "partial", out: string | null): string[] {
  const folder = out ?? join(ROOT, "docs", "bench");
  mkdirSync(folder, { recursive: true });
  const files = [join(folder, `${name}.json`), join(folder, `${name}.md`)];
  writeFileSync(files[0]!, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(files[1]!, renderMarkdown(report));
  return files.map((file) => relative(ROOT, file));
}
