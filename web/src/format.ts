// Numbers and times as the page shows them: plain functions of their arguments, no clock, no document.
// A hyphen-minus is used for negative numbers so that what is copied from the page can be pasted into a spreadsheet.

/** Shown wherever the engine says null: "there is no such number", which is not zero. */
export const DASH = "–";

const DECIMALS_MAX = 12;
const fixedFormats: Intl.NumberFormat[] = [];

function fixedFormat(decimals: number): Intl.NumberFormat {
  const at = Math.min(Math.max(decimals, 0), DECIMALS_MAX);
  let format = fixedFormats[at];
  if (format === undefined) {
    // One locale for everyone: two people on one desk must read the same digits.
    format = new Intl.NumberFormat("en-US", { minimumFractionDigits: at, maximumFractionDigits: at, signDisplay: "negative" });
    fixedFormats[at] = format;
  }
  return format;
}

/**
 * Decimals a value on a grid of `step` needs: 0.1 → 1, 0.5 → 1, 0.00025 → 5, 25 → 0.
 *
 * @param step tick or lot size; null, 0 or a non-number gives `fallback`
 * @returns 0..12
 */
export function decimalsOf(step: number | null | undefined, fallback = 2): number {
  if (step === null || step === undefined || !(step > 0) || !Number.isFinite(step)) return fallback;
  for (let decimals = 0; decimals < DECIMALS_MAX; decimals++) {
    const scaled = step * 10 ** decimals;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-9 * Math.max(1, scaled) && Math.round(scaled) > 0) return decimals;
  }
  return DECIMALS_MAX;
}

/** Thousands separated, rounded half away from zero to `decimals`; "–" for null; never "-0.00". */
export function formatFixed(value: number | null | undefined, decimals: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  return fixedFormat(decimals).format(value);
}

/** As formatFixed, with a plus sign on what is above zero: for profit, loss and funding. */
export function formatSigned(value: number | null | undefined, decimals: number): string {
  const text = formatFixed(value, decimals);
  return value !== null && value !== undefined && value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

/** A price on the instrument's tick grid. */
export function formatPrice(value: number | null | undefined, tickSize: number | null | undefined): string {
  return formatFixed(value, decimalsOf(tickSize));
}

/** A quantity on the instrument's lot grid. */
export function formatQty(value: number | null | undefined, lotSize: number | null | undefined): string {
  return formatFixed(value, decimalsOf(lotSize, 4));
}

/** US dollars to the cent. */
export function formatUsd(value: number | null | undefined): string {
  return formatFixed(value, 2);
}

/** An amount of an asset: up to 8 decimals, as many as the value has, at least 2. */
export function formatAmount(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  const text = fixedFormat(8).format(value);
  return text.replace(/(\.\d\d\d*?)0+$/, "$1");
}

/** A fraction as per cent: 0.0421 → "4.21%". */
export function formatPercent(fraction: number | null | undefined, decimals = 2): string {
  return fraction === null || fraction === undefined || !Number.isFinite(fraction)
    ? DASH
    : `${fixedFormat(decimals).format(fraction * 100)}%`;
}

const COMPACT_STEPS: [number, string][] = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "k"],
];

/** Three or four significant digits with k, M, B, T: for rates and counts, where the order of magnitude is the message. */
export function formatCompact(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  const size = Math.abs(value);
  if (size >= 1e15) return value.toExponential(2);
  for (let at = 0; at < COMPACT_STEPS.length; at++) {
    const [step, suffix] = COMPACT_STEPS[at]!;
    // 999,960 would round to "1000.0k": it belongs to the next step.
    if (size < step * (step === 1e3 ? 10 : 0.99995)) continue;
    const scaled = value / step;
    return `${fixedFormat(Math.abs(scaled) >= 99.995 ? 1 : 2).format(scaled)}${suffix}`;
  }
  return fixedFormat(size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2).format(value);
}

/** Whole numbers with separators. */
export function formatCount(value: number | null | undefined): string {
  return formatFixed(value, 0);
}

/** 1536 → "1.50 KiB". */
export function formatBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined || !Number.isFinite(bytes)) return DASH;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let scaled = bytes;
  let at = 0;
  while (Math.abs(scaled) >= 1023.995 && at < units.length - 1) {
    scaled /= 1024;
    at++;
  }
  return `${fixedFormat(at === 0 ? 0 : 2).format(scaled)} ${units[at]}`;
}

/** A latency: 850 → "850 ns", 12_340 → "12.3 µs", 4_500_000 → "4.50 ms". */
export function formatLatency(ns: number | null | undefined): string {
  if (ns === null || ns === undefined || !Number.isFinite(ns)) return DASH;
  const three = (value: number): string => fixedFormat(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2).format(value);
  if (ns < 999.5) return `${fixedFormat(0).format(ns)} ns`;
  if (ns < 999_500) return `${three(ns / 1e3)} µs`;
  if (ns < 999_500_000) return `${three(ns / 1e6)} ms`;
  return `${three(ns / 1e9)} s`;
}

/** How long ago, coarse enough not to flicker: "0.4 s", "12 s", "3 min", "2 h". Below zero counts as zero. */
export function formatAge(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return DASH;
  const age = Math.max(0, ms);
  if (age < 9_950) return `${fixedFormat(1).format(age / 1000)} s`;
  if (age < 119_500) return `${Math.round(age / 1000)} s`;
  if (age < 5_370_000) return `${Math.round(age / 60_000)} min`;
  if (age < 171_000_000) return `${Math.round(age / 3_600_000)} h`;
  return `${Math.round(age / 86_400_000)} d`;
}

function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

function validDate(ms: number | null | undefined): Date | null {
  if (ms === null || ms === undefined || !Number.isFinite(ms) || Math.abs(ms) > 8.64e15) return null;
  return new Date(ms);
}

/** Time of day in UTC, "07:51:36.042": venues, logs and the engine speak UTC. */
export function formatTime(ms: number | null | undefined, withMillis = true): string {
  const date = validDate(ms);
  if (date === null) return DASH;
  const clock = `${twoDigits(date.getUTCHours())}:${twoDigits(date.getUTCMinutes())}:${twoDigits(date.getUTCSeconds())}`;
  return withMillis ? `${clock}.${String(date.getUTCMilliseconds()).padStart(3, "0")}` : clock;
}

/** Date and time in UTC, "2026-03-01 07:51:36". */
export function formatDateTime(ms: number | null | undefined): string {
  const date = validDate(ms);
  return date === null ? DASH : `${date.toISOString().slice(0, 10)} ${formatTime(ms, false)}`;
}
