// Times as people give them on the command line.
import { PlimsollError } from "../../shared/errors";

const UNITS_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * @param text a date, a date and time (UTC unless a zone is given), ms since the epoch, or how long ago: 30m, 12h, 7d
 * @returns ms since the epoch
 * @throws PlimsollError CONFIG_INVALID
 */
export function parseSince(text: string, nowMs: number): number {
  const ago = /^(\d{1,6})([smhd])$/.exec(text);
  if (ago !== null) return nowMs - Number(ago[1]) * UNITS_MS[ago[2]];
  if (/^\d{12,14}$/.test(text)) return Number(text);
  const date = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/.exec(text);
  // Date.parse takes a date for UTC and a date with a time for local time.
  const ms = date === null ? Number.NaN : Date.parse(date[1] !== undefined && date[4] === undefined ? `${text}Z` : text);
  if (Number.isNaN(ms))
    throw new PlimsollError(
      "CONFIG_INVALID",
      `--since must be a date, a date and time, ms since the epoch, or 30m, 12h, 7d ago; not "${text}"`,
    );
  return ms;
}
