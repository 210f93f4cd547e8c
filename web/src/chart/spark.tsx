// The last minutes of one number as a line without axes, small enough to stand in a table row by the dozen.
import { useEffect, useRef } from "preact/hooks";
import type { Series } from "../state/series";
import { useDesk } from "../view/hooks";
import { prepare } from "./canvas";
import { onThemeChange, themeColor } from "./theme";

const WIDTH_PX = 112;
const HEIGHT_PX = 22;

function draw(canvas: HTMLCanvasElement, series: Series): void {
  const context = prepare(canvas, WIDTH_PX, HEIGHT_PX);
  const times = series.columns[0];
  const values = series.columns[1];
  if (context === null || values === undefined || times.length < 2) return;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (value === null) continue;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  if (min > max) return;
  const first = times[0]!;
  const span = times[times.length - 1]! - first || 1;
  const height = max - min || 1;
  context.beginPath();
  let pen = false;
  let lastX = 0;
  let lastY = 0;
  for (let at = 0; at < times.length; at++) {
    const value = values[at];
    if (value === null || value === undefined) {
      pen = false;
      continue;
    }
    lastX = 1 + ((times[at]! - first) / span) * (WIDTH_PX - 5);
    lastY = max === min ? HEIGHT_PX / 2 : HEIGHT_PX - 3 - ((value - min) / height) * (HEIGHT_PX - 6);
    if (pen) context.lineTo(lastX, lastY);
    else context.moveTo(lastX, lastY);
    pen = true;
  }
  context.lineWidth = 1.25;
  context.lineJoin = "round";
  context.strokeStyle = themeColor("--line-1");
  context.stroke();
  context.beginPath();
  context.arc(lastX, lastY, 1.8, 0, 2 * Math.PI);
  context.fillStyle = themeColor("--line-1");
  context.fill();
}

export function Spark({ series, topic }: { series: Series; topic: string }) {
  const desk = useDesk();
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    if (element === null) return;
    let drawnVersion = -1;
    const redraw = (): void => {
      if (series.version === drawnVersion) return;
      drawnVersion = series.version;
      draw(element, series);
    };
    redraw();
    const endWatch = desk.frame.watch(topic, redraw);
    const endTheme = onThemeChange(() => draw(element, series));
    return () => {
      endWatch();
      endTheme();
    };
  }, [desk, series, topic]);
  return (
    <span class="spark" aria-hidden="true">
      <canvas ref={canvas} width={WIDTH_PX} height={HEIGHT_PX} />
    </span>
  );
}
