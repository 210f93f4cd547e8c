// The ladder: for each position where its liquidation, bankruptcy and entry prices lie, seen from the mark in the middle.
// The axis is relative to the mark, straight near it and compressed far away, so that half a per cent and fifty are both seen.
import { formatPercent, formatPrice } from "../format";
import { priceOffset } from "../state/positions";
import type { PositionRow } from "../wire/decode";
import { prepare } from "./canvas";
import { CHART_FONT, themeColor } from "./theme";

export const LADDER_ROW_PX = 34;
const AXIS_PX = 26;
/** Below this distance the axis is nearly straight. */
const KNEE = 0.02;
const OFFSET_MAX = 1;
/** Labels nearer to each other than this would run together. */
const LABEL_ROOM_PX = 38;
const TICKS = [-0.5, -0.2, -0.1, -0.05, -0.02, 0, 0.02, 0.05, 0.1, 0.2, 0.5];

/** −1..1 for an offset of −100 %..100 %; monotonic, odd, beyond the ends at the ends. */
export function ladderX(offset: number): number {
  const bounded = Math.min(Math.max(offset, -OFFSET_MAX), OFFSET_MAX);
  return Math.asinh(bounded / KNEE) / Math.asinh(OFFSET_MAX / KNEE);
}

export function ladderHeightPx(count: number): number {
  return AXIS_PX + Math.max(1, count) * LADDER_ROW_PX + 4;
}

/** One sentence on what the picture shows, for those who do not see it. */
export function ladderLabel(positions: readonly PositionRow[]): string {
  const parts = positions.map((position) => {
    const offset = priceOffset(position.liquidationPrice, position.markPrice);
    return `${position.symbol}: liquidation ${offset === null ? "at no price" : `${formatPercent(Math.abs(offset))} ${offset < 0 ? "below" : "above"} the mark`}`;
  });
  return `Liquidation prices seen from the marks. ${parts.join("; ")}`;
}

/** @param ticks tick size by symbol */
export function drawLadder(
  canvas: HTMLCanvasElement,
  widthPx: number,
  positions: readonly PositionRow[],
  ticks: (symbol: string) => number | null,
): void {
  const heightPx = ladderHeightPx(positions.length);
  const context = prepare(canvas, widthPx, heightPx);
  if (context === null) return;
  const labelPx = Math.min(150, Math.max(84, widthPx * 0.22));
  const left = labelPx + 14;
  const right = widthPx - 16;
  const middle = (left + right) / 2;
  const half = (right - left) / 2;
  const x = (offset: number): number => Math.round(middle + ladderX(offset) * half) + 0.5;
  const muted = themeColor("--text-muted");
  const text = themeColor("--text");
  context.font = CHART_FONT;
  context.textBaseline = "middle";

  context.textAlign = "center";
  let lastLabelX = Number.NEGATIVE_INFINITY;
  for (const tick of TICKS) {
    const tickX = x(tick);
    context.strokeStyle = themeColor(tick === 0 ? "--text-muted" : "--grid");
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(tickX, AXIS_PX - 6);
    context.lineTo(tickX, heightPx - 4);
    context.stroke();
    const crowded = tickX - lastLabelX < LABEL_ROOM_PX || Math.abs(tickX - x(0)) < LABEL_ROOM_PX;
    if (tick !== 0 && crowded) continue;
    lastLabelX = tickX;
    context.fillStyle = muted;
    context.fillText(tick === 0 ? "mark" : `${tick > 0 ? "+" : ""}${tick * 100}%`, tickX, 10);
  }

  positions.forEach((position, at) => {
    const y = AXIS_PX + at * LADDER_ROW_PX + LADDER_ROW_PX / 2;
    context.textAlign = "left";
    context.fillStyle = text;
    context.fillText(fitted(context, `${position.symbol}${position.leg === "net" ? "" : ` ${position.leg}`}`, labelPx), 2, y - 6);
    context.fillStyle = muted;
    context.fillText(formatPrice(position.markPrice, ticks(position.symbol)), 2, y + 8);

    const liquidation = priceOffset(position.liquidationPrice, position.markPrice);
    const bankruptcy = priceOffset(position.bankruptcyPrice, position.markPrice);
    const entry = priceOffset(position.entryPrice, position.markPrice);
    if (liquidation === null) {
      context.fillStyle = muted;
      context.textAlign = "center";
      context.fillText(
        position.markPrice === null ? "no mark" : "no liquidation price",
        liquidationLabelX(middle, left, right),
        y,
      );
    } else {
      // What is left between the mark and liquidation.
      context.fillStyle = themeColor("--ladder-room");
      context.fillRect(Math.min(x(0), x(liquidation)), y - 5, Math.abs(x(liquidation) - x(0)), 10);
      if (bankruptcy !== null) {
        context.fillStyle = themeColor("--ladder-loss");
        context.fillRect(Math.min(x(liquidation), x(bankruptcy)), y - 5, Math.abs(x(bankruptcy) - x(liquidation)), 10);
      }
      bar(context, x(liquidation), y, 10, themeColor("--status-liquidation"), 2);
      context.fillStyle = text;
      const labelX = x(liquidation);
      const price = formatPrice(position.liquidationPrice, ticks(position.symbol));
      const room = context.measureText(price).width / 2;
      context.textAlign = "center";
      context.fillText(price, Math.min(Math.max(labelX, left + room), right - room), y + 14);
    }
    if (bankruptcy !== null) bar(context, x(bankruptcy), y, 6, themeColor("--status-bankrupt"), 1.5);
    if (entry !== null) diamond(context, x(entry), y, muted);
    context.beginPath();
    context.arc(x(0), y, 3.5, 0, 2 * Math.PI);
    context.fillStyle = themeColor("--line-1");
    context.fill();
  });
}

function liquidationLabelX(middle: number, left: number, right: number): number {
  return middle + (right - left) / 4;
}

function bar(context: CanvasRenderingContext2D, x: number, y: number, half: number, color: string, width: number): void {
  context.strokeStyle = color;
  context.lineWidth = width;
  context.beginPath();
  context.moveTo(x, y - half);
  context.lineTo(x, y + half);
  context.stroke();
}

function diamond(context: CanvasRenderingContext2D, x: number, y: number, color: string): void {
  context.strokeStyle = color;
  context.lineWidth = 1.25;
  context.beginPath();
  context.moveTo(x, y - 4);
  context.lineTo(x + 4, y);
  context.lineTo(x, y + 4);
  context.lineTo(x - 4, y);
  context.closePath();
  context.stroke();
}

/** Cut with an ellipsis so that it fits. */
function fitted(context: CanvasRenderingContext2D, text: string, widthPx: number): string {
  if (context.measureText(text).width <= widthPx) return text;
  let low = 0;
  let high = text.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (context.measureText(`${text.slice(0, middle)}…`).width <= widthPx) low = middle;
    else high = middle - 1;
  }
  return `${text.slice(0, low)}…`;
}
