// How numbers are written in the table and in the report.
import type { Spread } from "./spread";

const SI: readonly [number, string][] = [
  [1e9, " G"],
  [1e6, " M"],
  [1e3, " k"],
];

/** Three digits that mean something. */
export function digits(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(2);
  if (size >= 1000) return String(Math.round(value));
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

/** A value with its unit: 61.2 M records/s, 14.3 µs, 1.21 GiB, 47 %. */
export function withUnit(value: number, unit: string): string {
  switch (unit) {
    case "ns":
      if (value >= 1e9) return `${digits(value / 1e9)} s`;
      if (value >= 1e6) return `${digits(value / 1e6)} ms`;
      return value >= 1e3 ? `${digits(value / 1e3)} µs` : `${digits(value)} ns`;
    case "bytes":
      if (value >= 2 ** 30) return `${digits(value / 2 ** 30)} GiB`;
      return value >= 2 ** 20 ? `${digits(value / 2 ** 20)} MiB` : `${digits(value)} B`;
    case "share":
      return `${digits(value * 100)} %`;
  }
  for (const [size, letter] of SI)
    if (Math.abs(value) >= size) return `${digits(value / size)}${letter} ${unit}`.replace("  ", " ");
  return `${digits(value)} ${unit}`;
}

/** 12.1× (11.8 … 12.6) */
export function ratioText({ min, median, max }: Spread): string {
  return `${digits(median)}× (${digits(min)} … ${digits(max)})`;
}

export function spreadText({ min, median, max }: Spread, unit: string): string {
  if (min === max) return withUnit(median, unit);
  return `${withUnit(median, unit)} (${withUnit(min, unit)} … ${withUnit(max, unit)})`;
}
