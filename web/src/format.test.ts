import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  DASH,
  decimalsOf,
  formatAge,
  formatAmount,
  formatBytes,
  formatCompact,
  formatDateTime,
  formatFixed,
  formatLatency,
  formatPercent,
  formatPrice,
  formatQty,
  formatSigned,
  formatTime,
} from "./format";

describe("numbers on the page", () => {
  it.each([
    [0.1, 1],
    [0.5, 1],
    [0.01, 2],
    [0.00025, 5],
    [1e-8, 8],
    [1, 0],
    [25, 0],
    [2.5, 1],
    [0.0000001, 7],
  ])("a step of %s needs %s decimals", (step, decimals) => {
    expect(decimalsOf(step)).toBe(decimals);
  });

  it.each([[null], [undefined], [0], [-1], [Number.NaN], [Number.POSITIVE_INFINITY]])("a step of %s falls back", (step) => {
    expect(decimalsOf(step, 3)).toBe(3);
  });

  it("what does not exist is a dash and never a zero", () => {
    const formats = [
      formatPercent,
      formatAmount,
      formatCompact,
      formatLatency,
      formatAge,
      formatTime,
      formatDateTime,
      formatBytes,
    ];
    for (const format of formats) {
      for (const nothing of [null, undefined, Number.NaN, Number.POSITIVE_INFINITY]) expect(format(nothing)).toBe(DASH);
    }
    expect(formatFixed(null, 2)).toBe(DASH);
    expect(formatSigned(null, 2)).toBe(DASH);
  });

  it.each([
    [formatPrice(61234.5, 0.1), "61,234.5"],
    [formatPrice(0.00001234, 1e-8), "0.00001234"],
    [formatPrice(1234567, 25), "1,234,567"],
    [formatQty(-1.5, 0.001), "-1.500"],
    [formatFixed(-0.001, 2), "0.00"],
    [formatFixed(-0, 2), "0.00"],
    [formatFixed(1.005, 2), "1.01"],
    [formatSigned(12.3, 2), "+12.30"],
    [formatSigned(-12.3, 2), "-12.30"],
    [formatSigned(0.001, 2), "0.00"],
    [formatAmount(1.5), "1.50"],
    [formatAmount(0.00000001), "0.00000001"],
    [formatAmount(12345.678), "12,345.678"],
    [formatAmount(-3), "-3.00"],
    [formatPercent(0.0421), "4.21%"],
    [formatPercent(1.2, 1), "120.0%"],
    [formatCompact(999), "999"],
    [formatCompact(9_999), "9,999"],
    [formatCompact(12_345), "12.35k"],
    [formatCompact(123_456), "123.5k"],
    [formatCompact(999_960), "1.00M"],
    [formatCompact(61_000_000), "61.00M"],
    [formatCompact(1.5), "1.50"],
    [formatCompact(-45_000), "-45.00k"],
    [formatBytes(512), "512 B"],
    [formatBytes(1536), "1.50 KiB"],
    [formatBytes(5 * 1024 ** 3), "5.00 GiB"],
    [formatLatency(850), "850 ns"],
    [formatLatency(12_340), "12.3 µs"],
    [formatLatency(999_700), "1.00 ms"],
    [formatLatency(4_500_000), "4.50 ms"],
    [formatLatency(2.5e9), "2.50 s"],
    [formatAge(-5), "0.0 s"],
    [formatAge(400), "0.4 s"],
    [formatAge(12_000), "12 s"],
    [formatAge(180_000), "3 min"],
    [formatAge(7_200_000), "2 h"],
    [formatTime(1718000000042), "06:13:20.042"],
    [formatTime(1718000000042, false), "06:13:20"],
    [formatDateTime(1718000000042), "2024-06-10 06:13:20"],
    [formatTime(9e15), DASH],
  ])("%s", (shown, expected) => {
    expect(shown).toBe(expected);
  });

  it("a price shown on its tick grid reads back as that price", () => {
    const ticks = fc.constantFrom(0.1, 0.5, 0.01, 0.05, 0.001, 1, 5, 25, 0.0001, 0.00000001);
    fc.assert(
      fc.property(ticks, fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }), (tick, count) => {
        const price = Number((tick * count).toFixed(decimalsOf(tick)));
        expect(Number(formatPrice(price, tick).replaceAll(",", ""))).toBe(price + 0);
      }),
    );
  });
});
