// What a panel asks: SQL for PostgreSQL, PromQL for Prometheus. A SQL query says which columns it answers with; the tests
// run every query against a real database and hold it to that.
import type { Builder, Dataquery } from "@grafana/grafana-foundation-sdk/cog";
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";

/** Fixed, so that dashboards and alert rules find them wherever they are provisioned (deploy/grafana). */
export const POSTGRES = { type: "grafana-postgresql-datasource", uid: "plimsoll-postgres" };
export const PROMETHEUS = { type: "prometheus", uid: "plimsoll-prometheus" };

/** A variable of the dashboard, quoted by Grafana as SQL text. */
export function reference(name: string): string {
  return `$\{${name}:sqlstring}`;
}

/** The log chosen at the head of the dashboard. */
export const OF_LOG = `log_id = (select log_id from logs where name = ${reference("log")})`;

/** Of that log, the engine chosen: several may share one, each with accounts of its own. */
export const OF_ENGINE = `${OF_LOG} and engine = ${reference("engine")}`;

export interface SqlQuery {
  /** Title of the panel, rule, variable or annotation. */
  title: string;
  sql: string;
  /** time_series: `time`, numbers, and at most one text that names the series. */
  format: "time_series" | "table";
  /** Names of the columns, in order. */
  columns: readonly string[];
}

/** A SQL query as a target of a panel. */
export class SqlTarget implements Builder<Dataquery> {
  constructor(
    readonly query: SqlQuery,
    private readonly refId = "A",
  ) {}

  build(): Dataquery {
    const { sql, format } = this.query;
    // The variant marker is of the types only; Grafana reads the fields.
    return {
      refId: this.refId,
      datasource: POSTGRES,
      editorMode: "code",
      format,
      rawQuery: true,
      rawSql: sql,
    } as unknown as Dataquery;
  }
}

export function promTarget(expr: string, legend: string, refId = "A"): DataqueryBuilder {
  return new DataqueryBuilder().datasource(PROMETHEUS).expr(expr).legendFormat(legend).refId(refId);
}

/** Takes the indentation of the source off a query. */
export function sql(strings: TemplateStringsArray, ...values: string[]): string {
  const text = String.raw({ raw: strings }, ...values);
  const indent = Math.min(
    ...text
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => /^ */.exec(line)![0].length),
  );
  return text
    .split("\n")
    .map((line) => line.slice(Number.isFinite(indent) ? indent : 0))
    .join("\n")
    .trim();
}
