// A line chart by uPlot over a Series. It takes new data at most once a frame, is as wide as its place, and draws itself
// in the colours of the theme.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { DASH, formatDateTime, formatTime } from "../format";
import type { Series } from "../state/series";
import { useDesk } from "../view/hooks";
import { CHART_FONT, onThemeChange, themeColor } from "./theme";

export interface PlotLine {
  label: string;
  /** Custom property that holds its colour. */
  color: string;
  fill?: string;
  width?: number;
  dash?: number[];
}

interface PlotProps {
  /** What a screen reader is told; the numbers themselves stand beside the chart. */
  label: string;
  series: Series;
  /** Topic of the desk on which it looks for new samples. */
  topic: string;
  lines: readonly PlotLine[];
  heightPx: number;
  /** Writes a value. */
  format(value: number): string;
  /** Writes a value of the y axis, where that may be shorter. */
  formatAxis?(value: number): string;
  /** A sparkline has no axes. */
  axes?: boolean;
  logarithmic?: boolean;
  /** The newest seconds shown; all where left out. */
  windowSeconds?: number;
  /** Whether zero is on the y axis. */
  fromZero?: boolean;
}

/** A single sample still has a time axis around it. */
const SPAN_MIN_SECONDS = 10;

function scaleX({ windowSeconds, axes }: PlotProps): uPlot.Scale {
  return {
    time: true,
    range: (_plot, min, max) => {
      const end = max ?? 0;
      // A page that was just opened shows what it has, over the whole width.
      const begin = Math.max(min ?? 0, end - (windowSeconds ?? Number.POSITIVE_INFINITY));
      return [axes === true ? Math.min(begin, end - SPAN_MIN_SECONDS) : begin, end];
    },
  };
}

/** Times of day; dates where the axis is longer than a day and a half. */
function timeLabels(splits: number[]): string[] {
  const span = (splits.at(-1) ?? 0) - (splits[0] ?? 0);
  if (span > 129_600) return splits.map((split) => formatDateTime(split * 1000).slice(5, 16));
  return splits.map((split) => formatTime(split * 1000, false));
}

function scaleY(props: PlotProps): uPlot.Scale {
  if (props.logarithmic === true) {
    // Half a decade of room at least, or equal values would have no scale to stand on.
    return { distr: 3, log: 10, range: (_plot, min, max) => [Math.max(min ?? 1, 0.01) / 1.5, Math.max(max ?? 1, 0.02) * 1.5] };
  }
  const fromZero = props.fromZero !== false;
  return {
    range: (_plot, min, max) => {
      if (min === null || max === null) return [0, 1];
      const low = fromZero ? Math.min(0, min) : min;
      const room = (max - low) * 0.08 || Math.abs(max) * 0.01 || 1;
      return [fromZero && low === 0 ? 0 : low - room, max + room];
    },
  };
}

/** Away from the cursor the legend shows the newest values. */
function newestInLegend(plot: uPlot): void {
  const { idx } = plot.cursor;
  if (idx === null || idx === undefined) plot.setLegend({ idx: Math.max(0, plot.data[0].length - 1) }, false);
}

function options(props: PlotProps, widthPx: number): uPlot.Options {
  const axes = props.axes === true;
  const formatAxis = props.formatAxis ?? props.format;
  const axis: uPlot.Axis = {
    show: axes,
    font: CHART_FONT,
    stroke: () => themeColor("--text-muted"),
    grid: { stroke: () => themeColor("--grid"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: widthPx,
    height: props.heightPx,
    padding: axes ? [8, 8, 0, 0] : [3, 0, 3, 0],
    hooks: axes ? { ready: [newestInLegend], setData: [newestInLegend] } : {},
    legend: {
      show: axes,
      live: true,
      markers: {
        width: 0,
        fill: (_plot, at) => themeColor(props.lines[at - 1]?.color ?? "--text-muted"),
      },
    },
    cursor: { show: axes, y: false, points: { size: 6 } },
    scales: { x: scaleX(props), y: scaleY(props) },
    axes: [
      { ...axis, size: 28, space: 70, values: (_plot, splits) => timeLabels(splits) },
      {
        ...axis,
        size: 72,
        space: 36,
        values: (_plot, splits) => splits.map((split) => (split === null ? "" : formatAxis(split))),
      },
    ],
    series: [
      { label: "UTC", value: (_plot, time) => formatTime(time * 1000) },
      ...props.lines.map(
        (line): uPlot.Series => ({
          label: line.label,
          stroke: () => themeColor(line.color),
          width: line.width ?? 1.5,
          ...(line.fill === undefined ? {} : { fill: () => themeColor(line.fill as string) }),
          ...(line.dash === undefined ? {} : { dash: line.dash }),
          points: { show: false },
          value: (_plot, value) => (typeof value === "number" ? props.format(value) : DASH),
        }),
      ),
    ],
  };
}

export function Plot(props: PlotProps) {
  const desk = useDesk();
  const place = useRef<HTMLDivElement>(null);
  const { series, topic } = props;

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    let drawnVersion = series.version;
    const plot = new uPlot(options(props, Math.max(element.clientWidth, 40)), series.columns as uPlot.AlignedData, element);
    const endWatch = desk.frame.watch(topic, () => {
      if (series.version === drawnVersion || !element.isConnected) return;
      drawnVersion = series.version;
      plot.setData(series.columns as uPlot.AlignedData);
    });
    const resized = new ResizeObserver((entries) => {
      const width = Math.floor(entries.at(-1)?.contentRect.width ?? 0);
      if (width >= 40 && width !== plot.width) plot.setSize({ width, height: props.heightPx });
    });
    resized.observe(element);
    const endTheme = onThemeChange(() => plot.redraw(false, true));
    return () => {
      endWatch();
      endTheme();
      resized.disconnect();
      plot.destroy();
    };
    // A chart of another series is another chart.
  }, [desk, series, topic, props.heightPx, props.windowSeconds]);

  return <div class={props.axes === true ? "plot" : "plot plot-spark"} ref={place} role="img" aria-label={props.label} />;
}
