// An account's past, by REST from the database: GET /api/v1/history/accounts/{id}/risk?fromMs=&toMs=&resolution=&limit= answers
// { points: [{ timeMs, equityUsd, initialMarginUsd, maintenanceMarginUsd, … }] }, oldest first.
import { isObject } from "./json-rpc";

export interface Range {
  label: string;
  spanMs: number;
  resolution: "raw" | "1m" | "1h";
  /** Live samples that are added behind the loaded ones are at least this far apart. */
  stepMs: number;
}

const HOUR_MS = 3_600_000;

export const RANGES = {
  "1h": { label: "1 h", spanMs: HOUR_MS, resolution: "raw", stepMs: 1_000 },
  "24h": { label: "24 h", spanMs: 24 * HOUR_MS, resolution: "1m", stepMs: 60_000 },
  "7d": { label: "7 d", spanMs: 168 * HOUR_MS, resolution: "1h", stepMs: 600_000 },
} as const satisfies Record<string, Range>;

export type RangeName = keyof typeof RANGES;

/** The store answers no more than this in one go; an hour of samples a second is 3,600. */
export const POINTS_MAX = 10_000;

/** @param toMs event time of the newest that is known, ms; it is included */
export function historyPath(accountId: string, name: RangeName, toMs: number): string {
  const { spanMs, resolution } = RANGES[name];
  return `/history/accounts/${accountId}/risk?fromMs=${Math.floor(toMs - spanMs)}&toMs=${Math.floor(toMs) + 1}&resolution=${resolution}&limit=${POINTS_MAX}`;
}

export interface HistoryPoint {
  timeMs: number;
  equityUsd: number | null;
  initialMarginUsd: number | null;
  maintenanceMarginUsd: number | null;
}

function numberOrNull(value: unknown): boolean {
  return typeof value === "number" || value === null;
}

/** null where it is no history: a field is missing, or times do not ascend. */
export function readHistory(answer: Record<string, unknown>): HistoryPoint[] | null {
  const { points } = answer;
  if (!Array.isArray(points)) return null;
  let before = Number.NEGATIVE_INFINITY;
  for (const point of points) {
    if (!isObject(point) || typeof point.timeMs !== "number" || !(point.timeMs >= before)) return null;
    if (!numberOrNull(point.equityUsd) || !numberOrNull(point.initialMarginUsd) || !numberOrNull(point.maintenanceMarginUsd))
      return null;
    before = point.timeMs;
  }
  return points as HistoryPoint[];
}
