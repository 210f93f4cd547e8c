// The kinds of panel the dashboards are made of, each with what all of its kind share.
import {
  type BigValueColorMode,
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  StackingConfigBuilder,
  type StackingMode,
  TableSortByFieldStateBuilder,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import {
  type Dashboard,
  type DynamicConfigValue,
  QueryVariableBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { PanelBuilder as HeatmapBuilder } from "@grafana/grafana-foundation-sdk/heatmap";
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as StateTimelineBuilder } from "@grafana/grafana-foundation-sdk/statetimeline";
import { PanelBuilder as TableBuilder } from "@grafana/grafana-foundation-sdk/table";
import { PanelBuilder as TimeseriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries";
import { POSTGRES, PROMETHEUS, promTarget, type SqlQuery, SqlTarget } from "./query";

/** Rows are 24 columns wide. */
const HALF = 12;
const HEIGHT = 8;

/** Where a value turns from one colour to the next: [from, colour], the first from −∞. */
export type Steps = readonly (readonly [from: number | null, color: string])[];

export interface Look {
  unit?: string;
  span?: number;
  height?: number;
  description?: string;
  min?: number;
  max?: number;
  steps?: Steps;
}

export const STATUS_COLORS: Readonly<Record<string, string>> = {
  ok: "green",
  warning: "yellow",
  "reduce-only": "orange",
  liquidation: "red",
  bankrupt: "purple",
};

const STATUS_MAPPINGS = [
  {
    type: "value" as const,
    options: Object.fromEntries(
      Object.entries(STATUS_COLORS).map(([status, color], index) => [status, { color, text: status, index }]),
    ),
  },
];

/** Gathers a dashboard's SQL, so that the tests find it. */
export class Queries {
  readonly all: SqlQuery[] = [];

  add(title: string, format: SqlQuery["format"], columns: readonly string[], text: string): SqlTarget {
    const query: SqlQuery = { title, format, columns, sql: text };
    this.all.push(query);
    return new SqlTarget(query);
  }
}

function thresholds(steps: Steps): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps(steps.map(([value, color]) => ({ value, color })) as { value: number; color: string }[]);
}

interface Styled {
  title(title: string): unknown;
  span(columns: number): unknown;
  height(rows: number): unknown;
  description(text: string): unknown;
  unit(unit: string): unknown;
  min(value: number): unknown;
  max(value: number): unknown;
  thresholds(steps: ThresholdsConfigBuilder): unknown;
}

function style(panel: Styled, title: string, look: Look): void {
  panel.title(title);
  panel.span(look.span ?? HALF);
  panel.height(look.height ?? HEIGHT);
  if (look.description !== undefined) panel.description(look.description);
  if (look.unit !== undefined) panel.unit(look.unit);
  if (look.min !== undefined) panel.min(look.min);
  if (look.max !== undefined) panel.max(look.max);
  if (look.steps !== undefined) panel.thresholds(thresholds(look.steps));
}

/** Lines over time. */
export function lines(
  title: string,
  target: SqlTarget,
  look: Look & { stack?: StackingMode; bars?: boolean } = {},
): TimeseriesBuilder {
  const panel = new TimeseriesBuilder()
    .datasource(POSTGRES)
    .withTarget(target)
    .lineWidth(1)
    .showPoints(VisibilityMode.Never)
    .spanNulls(false)
    .legend(new VizLegendOptionsBuilder().displayMode(LegendDisplayMode.List).placement(LegendPlacement.Bottom).showLegend(true))
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi));
  if (look.stack !== undefined) panel.stacking(new StackingConfigBuilder().mode(look.stack)).fillOpacity(40);
  if (look.bars) panel.drawStyle(GraphDrawStyle.Bars).fillOpacity(60);
  style(panel, title, look);
  return panel;
}

/** Lines over time, from Prometheus. */
export function promLines(title: string, queries: readonly [expr: string, legend: string][], look: Look = {}): TimeseriesBuilder {
  const panel = new TimeseriesBuilder().datasource(PROMETHEUS).lineWidth(1).showPoints(VisibilityMode.Never);
  for (const [i, [expr, legend]] of queries.entries()) panel.withTarget(promTarget(expr, legend, String.fromCharCode(65 + i)));
  style(panel, title, look);
  return panel;
}

/** One number, the last there is. */
export function stat(
  title: string,
  target: SqlTarget,
  look: Look & { text?: boolean; color?: BigValueColorMode } = {},
): StatBuilder {
  const reduce = new ReduceDataOptionsBuilder().calcs(["lastNotNull"]).values(false);
  // A text is no number: the column has to be named.
  if (look.text) reduce.fields("/.*/");
  const panel = new StatBuilder().datasource(POSTGRES).withTarget(target).reduceOptions(reduce);
  if (look.text) panel.mappings(STATUS_MAPPINGS as never);
  if (look.color !== undefined) panel.colorMode(look.color);
  style(panel, title, { span: 4, height: 4, ...look });
  return panel;
}

export interface TableLook extends Look {
  /** Column → its unit, decimals, links and so on. */
  columns?: Readonly<Record<string, DynamicConfigValue[]>>;
  sortBy?: { column: string; descending: boolean };
}

export function table(title: string, target: SqlTarget, look: TableLook = {}): TableBuilder {
  const panel = new TableBuilder().datasource(POSTGRES).withTarget(target);
  for (const [name, properties] of Object.entries(look.columns ?? {})) panel.overrideByName(name, properties);
  if (look.sortBy !== undefined) {
    panel.sortBy([new TableSortByFieldStateBuilder().displayName(look.sortBy.column).desc(look.sortBy.descending)]);
  }
  style(panel, title, { span: 24, ...look });
  return panel;
}

/** Which state held when. */
export function states(title: string, target: SqlTarget, look: Look = {}): StateTimelineBuilder {
  const panel = new StateTimelineBuilder()
    .datasource(POSTGRES)
    .withTarget(target)
    .mappings(STATUS_MAPPINGS as never);
  panel.showValue(VisibilityMode.Auto).mergeValues(true).rowHeight(0.9);
  style(panel, title, { span: 24, height: 4, ...look });
  return panel;
}

/** A Prometheus histogram over time. */
export function promHeatmap(title: string, expr: string, look: Look = {}): HeatmapBuilder {
  const panel = new HeatmapBuilder()
    .datasource(PROMETHEUS)
    .withTarget(promTarget(expr, "{{le}}").format("heatmap" as never))
    .calculate(false);
  style(panel, title, look);
  return panel;
}

/** A choice at the head of the dashboard, from the database. */
export function variable(
  name: string,
  label: string,
  target: SqlTarget,
  refresh = VariableRefresh.OnDashboardLoad,
): QueryVariableBuilder {
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(POSTGRES)
    .query(target.query.sql)
    .definition(target.query.sql)
    .refresh(refresh)
    .allowCustomValue(true);
}

/** Numbers the panels in their order: ids that links and screenshots may rest on. */
export function numbered(dashboard: Dashboard): Dashboard {
  for (const [i, panel] of (dashboard.panels ?? []).entries()) (panel as { id?: number }).id = i + 1;
  return dashboard;
}

export const unit = (value: string): DynamicConfigValue => ({ id: "unit", value });
export const decimals = (value: number): DynamicConfigValue => ({ id: "decimals", value });
export const link = (title: string, url: string): DynamicConfigValue => ({ id: "links", value: [{ title, url }] });
export const statusColors = (): DynamicConfigValue[] => [
  { id: "mappings", value: STATUS_MAPPINGS },
  { id: "custom.cellOptions", value: { type: "color-text" } },
];
