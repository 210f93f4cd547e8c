import { describe, expect, it } from "vitest";
import type { SimEvent } from "./events";
import { FUNDING_INTERVAL_MS } from "./funding";
import { MAX_CATCH_UP_MS, type MarketOptions, SyntheticMarket } from "./market";

const T0 = 1_723_161_600_000 + 3_600_000;

function run(stepMs: number, seconds: number, options: Partial<MarketOptions> = {}, startMs = T0) {
  const market = new SyntheticMarket({ seed: 42, accounts: 200, ...options });
  const events: SimEvent[] = [];
  for (let ms = 0; ms <= seconds * 1000; ms += stepMs) for (const event of market.step(startMs + ms)) events.push(event);
  return { market, events };
}

describe("the synthetic market", () => {
  const { market, events } = run(100, 120);
  const of = <K extends SimEvent["kind"]>(kind: K) =>
    events.filter((event): event is Extract<SimEvent, { kind: K }> => event.kind === kind);

  it("has a linear and an inverse perpetual of BTC and of ETH", () => {
    expect(market.instruments.map((one) => [one.symbol, one.payoff])).toEqual([
      ["BTCUSDT", "linear"],
      ["ETHUSDT", "linear"],
      ["BTCUSD_PERP", "inverse"],
      ["ETHUSD_PERP", "inverse"],
    ]);
  });

  it("gives its events in the order of their times", () => {
    for (let i = 1; i < events.length; i++) expect(events[i]!.eventMs).toBeGreaterThanOrEqual(events[i - 1]!.eventMs);
    expect(events.at(-1)!.eventMs).toBe(T0 + 120_000);
  });

  it("quotes and marks every instrument every 100 ms, in whole ticks, bid below ask, mark near both", () => {
    expect(of("book-ticker")).toHaveLength(4 * 1_201);
    expect(of("mark")).toHaveLength(4 * 1_201);
    const tops = new Map<string, number>();
    for (const event of events) {
      if (event.kind === "book-ticker") {
        expect(event.bidTicks).toBeLessThan(event.askTicks);
        expect(Math.min(event.bidLots, event.askLots)).toBeGreaterThan(0);
        expect([event.bidTicks, event.askTicks, event.bidLots, event.askLots].every(Number.isSafeInteger)).toBe(true);
        tops.set(event.instrument.symbol, event.bidTicks);
      }
      if (event.kind !== "mark") continue;
      expect(Number.isSafeInteger(event.markTicks) && Number.isSafeInteger(event.indexTicks)).toBe(true);
      expect(Math.abs(event.markTicks / tops.get(event.instrument.symbol)! - 1)).toBeLessThan(0.002);
      expect(Math.abs(event.markTicks / event.indexTicks - 1)).toBeLessThan(0.002);
    }
  });

  it("prints at the best prices of the moment, about as often as it is told", () => {
    const tops = new Map<string, [number, number]>();
    for (const event of events) {
      if (event.kind === "book-ticker") tops.set(event.instrument.symbol, [event.bidTicks, event.askTicks]);
      if (event.kind !== "trade") continue;
      const [bidTicks, askTicks] = tops.get(event.instrument.symbol)!;
      expect(event.priceTicks).toBe(event.takerSide === 1 ? askTicks : bidTicks);
    }
    expect(of("trade").length).toBeGreaterThan(120 * 30);
    expect(new Set(of("trade").map((event) => event.instrument.symbol)).size).toBe(4);
  });

  it("fills both sides of every print, and quantity is conserved", () => {
    const onTape = of("fill").filter((fill) => fill.tradeId > 0);
    expect(onTape).toHaveLength(2 * of("trade").length);
    for (const instrument of market.instruments) {
      const fills = of("fill").filter((fill) => fill.instrument === instrument);
      expect(fills.reduce((sum, fill) => sum + fill.side * fill.qtyLots, 0)).toBe(0);
    }
  });

  it("begins with deposits in every settle asset, a quote, a mark and a funding rate of every instrument", () => {
    const first = new SyntheticMarket({ seed: 42, accounts: 200 }).step(T0);
    const counts: Record<string, number> = {};
    for (const event of first) counts[event.kind] = (counts[event.kind] ?? 0) + 1;
    expect(counts).toEqual({ transfer: 200 * 3, "book-ticker": 4, mark: 4, "funding-rate": 4 });
    expect(first[0]!.kind).toBe("transfer");
  });

  it("moves BTC and ETH together", () => {
    const closes = (symbol: string) => of("mark").flatMap((e) => (e.instrument.symbol === symbol ? [e.indexTicks] : []));
    const returns = (prices: number[]) => prices.slice(1).map((price, i) => price / prices[i]! - 1);
    const a = returns(closes("BTCUSDT"));
    const b = returns(closes("ETHUSDT"));
    const mean = (xs: number[]) => xs.reduce((sum, x) => sum + x, 0) / xs.length;
    const covariance = (xs: number[], ys: number[]) => mean(xs.map((x, i) => (x - mean(xs)) * (ys[i]! - mean(ys))));
    expect(covariance(a, b) / Math.sqrt(covariance(a, a) * covariance(b, b))).toBeGreaterThan(0.6);
  });

  it("is repeated to the last event by the same seed, and is another one by another", () => {
    expect(run(100, 20).events).toEqual(run(100, 20).events);
    expect(run(100, 20, { seed: 43 }).events).not.toEqual(run(100, 20).events);
  });

  it("is the same however its steps are cut", () => {
    const fine = run(100, 30).events;
    expect(run(1_000, 30).events).toEqual(fine);
    expect(run(30, 30).events).toEqual(fine);
  });

  it("settles funding once for each instrument when the hour comes", () => {
    const boundary = Math.ceil(T0 / FUNDING_INTERVAL_MS) * FUNDING_INTERVAL_MS;
    const settled = run(100, 20, {}, boundary - 10_000).events.filter((event) => event.kind === "funding-settlement");
    expect(settled.map((event) => [event.instrument.symbol, event.eventMs])).toEqual(
      ["BTCUSDT", "ETHUSDT", "BTCUSD_PERP", "ETHUSD_PERP"].map((symbol) => [symbol, boundary]),
    );
    for (const event of settled) expect(event.markTicks).toBeGreaterThan(0);
  });

  it("catches up a minute at most", () => {
    const asleep = new SyntheticMarket({ seed: 1, accounts: 200 });
    asleep.step(T0);
    const late = asleep.step(T0 + 3_600_000);
    expect(late[0]!.eventMs).toBe(T0 + 3_600_000 - MAX_CATCH_UP_MS + 100);
    expect(late.at(-1)!.eventMs).toBe(T0 + 3_600_000);
  });

  it("gives nothing for a time that has gone back or not gone on", () => {
    const still = new SyntheticMarket({ seed: 1, accounts: 200 });
    still.step(T0);
    expect([still.step(T0 - 5_000), still.step(T0 + 99)]).toEqual([[], []]);
    expect(still.step(T0 + 100).length).toBeGreaterThan(0);
  });

  it("brings some accounts near their liquidation price, and beyond, within ten minutes", () => {
    const { market: busy } = run(1_000, 600, { accounts: 1_000 });
    let near = 0;
    for (let i = busy.traders.marketMakerCount; i < 1_000; i++) {
      for (const asset of busy.traders.assets) {
        const { equity, notional } = busy.traders.pool(i, asset);
        if (notional * 0.004 > equity * 0.3) near++;
      }
    }
    expect(near).toBeGreaterThan(10);
    expect(near).toBeLessThan(600);
  });

  it.each([
    ["tradesPerSecond", { tradesPerSecond: -1 }],
    ["volatilityScale", { volatilityScale: Number.NaN }],
    ["startPricesUsd.BTC", { startPricesUsd: { BTC: 0, ETH: 1 } }],
    ["accounts", { accounts: 1 }],
    ["seed", { seed: 1.5 }],
  ])("refuses a wrong %s by name", (name, options) => {
    expect(() => new SyntheticMarket({ seed: 1, ...options })).toThrow(name);
  });

  it("refuses a time that is none", () => {
    expect(() => new SyntheticMarket({ seed: 1 }).step(Number.NaN)).toThrow(/nowMs/);
  });
});
