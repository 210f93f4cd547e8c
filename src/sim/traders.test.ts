import { describe, expect, it } from "vitest";
import type { AccountEvent, FillEvent, Side } from "./events";
import { feeE8Exact, feeFactors } from "./fees";
import { type Instrument, instrumentFor } from "./instruments";
import { Prng } from "./prng";
import { FIRST_ACCOUNT_ID, type TraderOptions, Traders } from "./traders";

const BTC = instrumentFor("BTCUSDT")!;
const ETH = instrumentFor("ETHUSDT")!;
const BTC_COIN = instrumentFor("BTCUSD_PERP")!;
const INSTRUMENTS = [BTC, ETH, BTC_COIN];
const START_TICKS = new Map([
  [BTC, 600_000],
  [ETH, 260_000],
  [BTC_COIN, 600_000],
]);
const T0 = 1_723_161_600_000;

interface Print {
  instrument: Instrument;
  eventMs: number;
  priceTicks: number;
  qtyLots: number;
  takerSide: Side;
  tradeId: number;
}

/** A tape of random prints whose times now and then go back. */
function tape(count: number, seed: number, stepTicks = 40): Print[] {
  const prng = Prng.seeded(seed, 99);
  const ticks = new Map(START_TICKS);
  return Array.from({ length: count }, (_, i) => {
    const instrument = INSTRUMENTS[prng.below(INSTRUMENTS.length)]!;
    const priceTicks = ticks.get(instrument)! + Math.round(prng.nextNormal() * stepTicks);
    ticks.set(instrument, priceTicks);
    return {
      instrument,
      eventMs: T0 + i * 20 - prng.below(50),
      priceTicks,
      qtyLots: (1 + prng.below(20)) * 2 ** prng.below(6),
      takerSide: prng.below(2) === 0 ? 1 : -1,
      tradeId: i + 1,
    };
  });
}

function run(prints: Print[], options: Partial<TraderOptions> = {}) {
  const traders = new Traders({ accounts: 200, seed: 7, instruments: INSTRUMENTS, ...options });
  const events: AccountEvent[] = [];
  const sink = (event: AccountEvent) => void events.push(event);
  traders.start(T0, sink);
  const deposits = events.length;
  for (const p of prints) traders.onTrade(p.instrument, p.eventMs, p.priceTicks, p.qtyLots, p.takerSide, p.tradeId, sink);
  return { traders, events, deposits: events.slice(0, deposits) };
}

const isFill = (event: AccountEvent): event is FillEvent => event.kind === "fill";

describe("synthetic traders", () => {
  const prints = tape(8_000, 3);
  const { traders, events, deposits } = run(prints, { closeOuts: true });
  const fills = events.filter(isFill);

  it("take both sides of every print: two fills, of different accounts, at its price and quantity", () => {
    const byTrade = new Map<number, FillEvent[]>();
    for (const fill of fills) byTrade.set(fill.tradeId, [...(fill.tradeId > 0 ? (byTrade.get(fill.tradeId) ?? []) : []), fill]);
    for (const print of prints) {
      const pair = byTrade.get(print.tradeId)!;
      expect(pair.map((fill) => fill.liquidity).sort()).toEqual(["maker", "taker"]);
      expect(pair[0]!.accountId).not.toBe(pair[1]!.accountId);
      for (const fill of pair) {
        expect([fill.instrument, fill.priceTicks, fill.qtyLots]).toEqual([print.instrument, print.priceTicks, print.qtyLots]);
        expect(fill.side).toBe(fill.liquidity === "taker" ? print.takerSide : -print.takerSide);
      }
    }
  });

  it("conserve quantity: over all accounts every position is zero, at every event after a pair", () => {
    const open = new Map<Instrument, number>();
    for (const fill of fills) open.set(fill.instrument, (open.get(fill.instrument) ?? 0) + fill.side * fill.qtyLots);
    expect([...open.values()]).toEqual([0, 0, 0]);
    for (const instrument of INSTRUMENTS) {
      let sum = 0;
      for (let i = 0; i < traders.accountCount; i++) sum += traders.positionLots(i, instrument);
      expect(sum).toBe(0);
    }
  });

  it("number each account's events 1, 2, 3 … without gaps, over every kind", () => {
    const seqs = new Map<number, number>();
    for (const { accountId, seq } of events) {
      expect(seq).toBe((seqs.get(accountId) ?? 0) + 1);
      seqs.set(accountId, seq);
    }
    expect(Math.min(...seqs.keys())).toBe(FIRST_ACCOUNT_ID);
    expect(Math.max(...seqs.keys())).toBe(FIRST_ACCOUNT_ID + 199);
    expect(new Set(events.map((event) => event.kind))).toEqual(new Set(["transfer", "fill", "order-placed", "order-cancelled"]));
  });

  it("never go back in time, though the tape does", () => {
    expect(prints.some((print, i) => i > 0 && print.eventMs < prints[i - 1]!.eventMs)).toBe(true);
    for (let i = 1; i < events.length; i++) expect(events[i]!.eventMs).toBeGreaterThanOrEqual(events[i - 1]!.eventMs);
  });

  it("pay the exact fee, rounded up", () => {
    for (const fill of fills) {
      const rate = fill.liquidity === "maker" ? fill.instrument.makerFeeRateE8 : fill.instrument.takerFeeRateE8;
      expect(fill.feeE8).toBe(feeE8Exact(feeFactors(fill.instrument, rate), fill.qtyLots, fill.priceTicks));
      expect(fill.feeE8).toBeGreaterThan(0);
    }
  });

  it("fill and cancel only orders they placed, never beyond what is open, and never at a worse price than the limit", () => {
    const open = new Map<number, { accountId: number; side: Side; lots: number; priceTicks: number; instrument: Instrument }>();
    const seen = { placed: 0, filled: 0, cancelled: 0 };
    for (const event of events) {
      if (event.kind === "order-placed") {
        seen.placed++;
        expect(open.has(event.orderId)).toBe(false);
        expect(event.priceTicks).toBeGreaterThan(0);
        open.set(event.orderId, { ...event, lots: event.qtyLots });
      } else if (event.kind === "order-cancelled") {
        seen.cancelled++;
        expect(open.get(event.orderId)).toMatchObject({ accountId: event.accountId, side: event.side, lots: event.qtyLots });
        open.delete(event.orderId);
      } else if (event.kind === "fill" && event.fromOpenOrder) {
        seen.filled++;
        const order = open.get(event.orderId)!;
        expect(order).toMatchObject({ accountId: event.accountId, side: event.side, instrument: event.instrument });
        expect((order.priceTicks - event.priceTicks) * event.side).toBeGreaterThanOrEqual(0);
        order.lots -= event.qtyLots;
        expect(order.lots).toBeGreaterThanOrEqual(0);
        if (order.lots === 0) open.delete(event.orderId);
      } else if (event.kind === "fill") {
        expect(open.has(event.orderId)).toBe(false);
      }
    }
    expect(Math.min(seen.placed, seen.filled, seen.cancelled)).toBeGreaterThan(100);
  });

  it("begin with one deposit per account and settle asset, few large and many small", () => {
    expect(deposits).toHaveLength(200 * 2);
    const usdt = deposits.flatMap((event) => (event.kind === "transfer" && event.asset === "USDT" ? [event.amountE8 / 1e8] : []));
    expect(usdt).toHaveLength(200);
    const others = usdt.slice(traders.marketMakerCount);
    expect(usdt[0]).toBeGreaterThan(10_000_000);
    expect(others[0]).toBeGreaterThan(100 * others.at(-1)!);
    expect(others.at(-1)).toBeGreaterThan(0);
    expect(others.filter((amount) => amount > 50_000).length).toBeLessThan(others.length / 4);
  });

  it("keep the same books as a ledger that is told only the events", () => {
    // Equity per account and asset from scratch: transfers − fees + Σ value now − value paid.
    const last = new Map(prints.map((print) => [print.instrument, print.priceTicks]));
    const value = (instrument: Instrument, lots: number, ticks: number) =>
      instrument.payoff === "inverse"
        ? (-lots * instrument.contractSize) / (ticks * Number(instrument.tickSize))
        : lots * Number(instrument.lotSize) * ticks * Number(instrument.tickSize);
    const equity = new Map<string, number>();
    const add = (accountId: number, asset: string, amount: number) => {
      const key = `${accountId} ${asset}`;
      equity.set(key, (equity.get(key) ?? 0) + amount);
    };
    for (const event of events) {
      if (event.kind === "transfer") add(event.accountId, event.asset, event.amountE8 / 1e8);
      if (event.kind !== "fill") continue;
      const { instrument, side, qtyLots, priceTicks } = event;
      const gain = value(instrument, side * qtyLots, last.get(instrument)!) - value(instrument, side * qtyLots, priceTicks);
      add(event.accountId, instrument.settle, gain - event.feeE8 / 1e8);
    }
    for (let i = 0; i < traders.accountCount; i++) {
      for (const asset of traders.assets) {
        const expected = equity.get(`${traders.accountIdAt(i)} ${asset}`)!;
        expect(Math.abs(traders.pool(i, asset).equity - expected)).toBeLessThan(1e-6 * Math.max(1, Math.abs(expected)));
      }
    }
  });

  it("stand near their liquidation price here and there, without going beyond their leverage", () => {
    const { traders: calm } = run(tape(5_000, 4, 1));
    const leverages: number[] = [];
    for (let i = calm.marketMakerCount; i < calm.accountCount; i++) {
      const { equity, notional } = calm.pool(i, "BTC");
      leverages.push(notional / equity);
    }
    expect(Math.max(...leverages)).toBeGreaterThan(50);
    // 100 at the last addition; fees and a little drift since.
    expect(Math.max(...leverages)).toBeLessThan(130);
    expect(leverages.filter((leverage) => leverage > 40).length).toBeGreaterThan(3);
  });
});

describe("close-outs", () => {
  // Ticks of a thousandth of the price: high leverage does not survive it.
  const prints = tape(10_000, 5, 600);

  it("leave no account under water for long, and pay it in again", () => {
    const off = run(prints).traders;
    const on = run(prints, { closeOuts: true });
    const underWater = (traders: Traders) => {
      let count = 0;
      for (let i = 0; i < traders.accountCount; i++)
        for (const asset of traders.assets) if (traders.pool(i, asset).equity < 0) count++;
      return count;
    };
    expect(underWater(off)).toBeGreaterThan(10);
    expect(underWater(on.traders)).toBeLessThan(underWater(off) / 3);
    const later = on.events.slice(on.deposits.length);
    expect(later.filter((event) => event.kind === "transfer" && event.amountE8 > 0).length).toBeGreaterThan(20);
    const extra = later.filter((event) => event.kind === "fill" && event.tradeId === 0);
    expect(extra.length % 2).toBe(0);
  });

  it("and opening positions switched off, the log has exactly two fills per print", () => {
    const { events } = run(prints, { openingPositions: false });
    expect(events.filter(isFill)).toHaveLength(2 * prints.length);
  });
});

describe("a run", () => {
  const prints = tape(3_000, 6);

  it("is repeated to the last event by the same seed, and is another one by another", () => {
    expect(run(prints).events).toEqual(run(prints).events);
    expect(run(prints, { seed: 8 }).events).not.toEqual(run(prints).events);
  });

  it("of the fewest accounts works", () => {
    const { events } = run(prints, { accounts: 4, closeOuts: true });
    expect(events.filter(isFill).reduce((sum, fill) => sum + fill.side * fill.qtyLots, 0)).toBe(0);
  });

  it("numbers its accounts from where it is told", () => {
    const { events } = run(prints, { firstAccountId: 5 });
    expect(Math.min(...events.map((event) => event.accountId))).toBe(5);
  });

  it.each([
    ["accounts", { accounts: 3 }],
    ["accounts", { accounts: 10.5 }],
    ["instruments", { instruments: [] }],
    ["firstAccountId", { firstAccountId: 0 }],
    ["seed", { seed: -1 }],
  ])("with wrong %s is refused by name", (name, options) => {
    expect(() => new Traders({ accounts: 10, seed: 1, instruments: INSTRUMENTS, ...options })).toThrow(new RegExp(`^${name}`));
  });

  it("refuses a print of an instrument it does not trade", () => {
    const { traders } = run([]);
    const other = instrumentFor("ETHUSD_PERP")!;
    expect(() => traders.onTrade(other, T0, 1, 1, 1, 1, () => {})).toThrow(/ETHUSD_PERP/);
    expect(() => traders.fundingSettlement(other, T0, 1, 1)).toThrow(/ETHUSD_PERP/);
  });
});

describe("a funding settlement", () => {
  it("belongs to no account, and takes from one side what it gives to the other", () => {
    const { traders } = run(tape(3_000, 6));
    const total = () => {
      let sum = 0;
      for (let i = 0; i < traders.accountCount; i++) sum += traders.pool(i, "USDT").equity;
      return sum;
    };
    const before = total();
    const longIndex = Array.from({ length: 200 }, (_, i) => i).find((i) => traders.positionLots(i, BTC) > 0)!;
    const equityBefore = traders.pool(longIndex, "USDT").equity;
    const event = traders.fundingSettlement(BTC, T0 + 100_000, 10_000, 600_000);
    expect(event).toEqual({
      kind: "funding-settlement",
      instrument: BTC,
      eventMs: T0 + 100_000,
      rateE8: 10_000,
      markTicks: 600_000,
    });
    const paid = traders.positionLots(longIndex, BTC) * 0.001 * 60_000 * 0.0001;
    expect(equityBefore - traders.pool(longIndex, "USDT").equity).toBeCloseTo(paid, 6);
    expect(Math.abs(total() - before)).toBeLessThan(1e-4);
  });
});
