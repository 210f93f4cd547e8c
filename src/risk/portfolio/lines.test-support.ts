// For tests: random portfolios over every instrument, margin model and mode, as lines of `plimsoll eval`.

import fc from "fast-check";
import type { Instrument, Line, Margin, Position, Tier } from "./plain.test-support";

const AS_OF_MS = 1_718_000_000_000;
const DAY_MS = 86_400_000;

/** A number between two, evenly spread over its magnitudes. */
export function logUniform(from: number, to: number): fc.Arbitrary<number> {
  return uniform(Math.log(from), Math.log(to)).map((x) => round(Math.exp(x)));
}

export function uniform(from: number, to: number): fc.Arbitrary<number> {
  return fc.double({ min: from, max: to, noNaN: true, noDefaultInfinity: true });
}

// Six digits: what people and venues write, and counterexamples that can be read.
function round(x: number): number {
  return Number(x.toPrecision(6));
}

/** Floors ascend, rates rise; `unit` is what one of a floor's units is worth in quote (1, or a coin's price for inverse). */
export function tierTable(unit: number): fc.Arbitrary<Tier[]> {
  return fc
    .record({
      steps: fc.array(fc.record({ floor: logUniform(1.2, 30), rate: uniform(1.1, 3) }), { maxLength: 6 }),
      first: logUniform(1e3, 1e6),
      rate: logUniform(0.001, 0.05),
    })
    .map(({ steps, first, rate }) => {
      const tiers: Tier[] = [{ notionalFloor: 0, initialRate: round(Math.min(rate * 2, 1)), maintenanceRate: rate }];
      let floor = first / unit;
      let stepped = rate;
      for (const step of steps) {
        stepped = round(Math.min(stepped * step.rate, 0.5));
        tiers.push({ notionalFloor: round(floor), initialRate: round(Math.min(stepped * 2, 1)), maintenanceRate: stepped });
        floor *= step.floor;
      }
      return tiers;
    });
}

function tieredMargin(unit: number): fc.Arbitrary<Margin> {
  return fc
    .record({
      tiers: tierTable(unit),
      liquidationFeeRate: fc.constantFrom(0, 0.0005, 0.01),
      notionalAt: fc.constantFrom("mark" as const, "mark" as const, "mark" as const, "entry" as const),
      given: fc.constantFrom("derived", "derived", "one table cut", "jumping"),
      cut: uniform(0, 0.2),
    })
    .map(({ tiers, liquidationFeeRate, notionalAt, given, cut }): Margin => {
      // A published table may come with its own deductions: one tier cut out of it, or numbers rounded so that floors jump.
      if (given === "one table cut") {
        const tier = { ...tiers[0]!, deduction: round((cut * 1e4) / unit) };
        return { model: "tiered", tiers: [tier], liquidationFeeRate, notionalAt };
      }
      if (given === "jumping") {
        let deduction = 0;
        const jumping = tiers.map((tier, i) => {
          const before = tiers[i - 1];
          if (before !== undefined) deduction += tier.notionalFloor * (tier.maintenanceRate - before.maintenanceRate) * (1 - cut);
          return { ...tier, deduction: round(deduction) };
        });
        return { model: "tiered", tiers: jumping, liquidationFeeRate, notionalAt };
      }
      return { model: "tiered", tiers, liquidationFeeRate, notionalAt };
    });
}

function sizeScaledMargin(): fc.Arbitrary<Margin> {
  return fc.record({ base: logUniform(0.005, 0.1), perUnit: logUniform(1e-6, 1e-3) }).map(
    ({ base, perUnit }): Margin => ({
      model: "size-scaled",
      initialBase: round(base * 2),
      initialPerUnit: perUnit,
      maintenanceBase: base,
      maintenancePerUnit: perUnit,
    }),
  );
}

function futuresMargin(unit: number): fc.Arbitrary<Margin> {
  return fc.oneof({ weight: 3, arbitrary: tieredMargin(unit) }, { weight: 1, arbitrary: sizeScaledMargin() });
}

interface Traded {
  instrument: Instrument;
  prices: { mark: number; underlying?: number; iv?: number };
}

function contract(
  kind: "perpetual" | "future",
  payoff: "linear" | "inverse",
  base: string,
  basePrice: number,
): fc.Arbitrary<Traded> {
  const isInverse = payoff === "inverse";
  return fc
    .record({
      margin: futuresMargin(isInverse ? basePrice : 1),
      contractSize: isInverse ? fc.constantFrom(1, 10, 100) : fc.constantFrom(0.001, 1, 10),
      premium: uniform(0.9, 1.1),
    })
    .map(({ margin, contractSize, premium }) => ({
      instrument: {
        symbol: `${base}-${kind}-${payoff}`,
        kind,
        payoff,
        base,
        quote: isInverse ? "USD" : "USDT",
        settle: isInverse ? base : "USDT",
        contractSize,
        margin,
      },
      prices: { mark: round(basePrice * premium) },
    }));
}

function option(premium: "base" | "quote", optionType: "call" | "put", base: string, basePrice: number): fc.Arbitrary<Traded> {
  return fc
    .record({ moneyness: uniform(0.6, 1.6), days: logUniform(0.1, 400), iv: uniform(0.1, 2), mark: logUniform(0.0005, 1.5) })
    .map(({ moneyness, days, iv, mark }) => ({
      instrument: {
        symbol: `${base}-${premium}-${optionType}`,
        kind: "option" as const,
        payoff: "linear" as const,
        premium,
        optionType,
        strike: round(basePrice * moneyness),
        expiry: AS_OF_MS + Math.round(days * DAY_MS),
        base,
        quote: premium === "base" ? "USD" : "USDT",
        settle: premium === "base" ? base : "USDT",
        contractSize: 1,
        margin: { model: "deribit-option" as const },
      },
      prices: { mark: premium === "base" ? mark : round(mark * basePrice), underlying: basePrice, iv: round(iv) },
    }));
}

function spot(base: string, basePrice: number): fc.Arbitrary<Traded> {
  return fc.constant({
    instrument: {
      symbol: `${base}-spot`,
      kind: "spot" as const,
      payoff: "linear" as const,
      base,
      quote: "USDT",
      settle: "USDT",
      contractSize: 1,
    },
    prices: { mark: basePrice },
  });
}

// One or two legs in an instrument, sized in quote.
function legs({ instrument, prices }: Traded): fc.Arbitrary<Position[]> {
  const isOption = instrument.kind === "option";
  const leg = (sign: number): fc.Arbitrary<Position> =>
    fc
      .record({
        notional: logUniform(10, 1e6),
        entry: fc.oneof(uniform(0.95, 1.05), uniform(0.7, 1.4)),
        isolated: fc.boolean(),
        leverage: fc.constantFrom(0, 5, 20, 50),
        margin: logUniform(0.01, 1),
      })
      .map(({ notional, entry, isolated, leverage, margin }) => {
        const unitQuote = isOption
          ? prices.underlying! * instrument.contractSize
          : instrument.payoff === "inverse"
            ? instrument.contractSize
            : instrument.contractSize * prices.mark;
        const settleQuote = instrument.settle === "USDT" ? 1 : (prices.underlying ?? prices.mark);
        const position: Position = {
          symbol: instrument.symbol,
          qty: round((sign * notional) / unitQuote),
          entryPrice: round(prices.mark * entry),
          mode: isolated ? "isolated" : "cross",
        };
        if (isolated) position.isolatedMargin = round((notional * margin) / settleQuote);
        if (leverage > 0 && !isOption) position.leverage = leverage;
        return position;
      });
  const signs = instrument.kind === "spot" ? fc.constant([1]) : fc.constantFrom([1], [-1], [1], [-1], [1, -1], [-1, 1]);
  return signs.chain((chosen) => fc.tuple(...chosen.map(leg)));
}

// Up to two orders in an instrument.
function ordersIn({ instrument, prices }: Traded): fc.Arbitrary<NonNullable<Line["account"]["orders"]>> {
  const unitQuote = instrument.payoff === "inverse" ? instrument.contractSize : instrument.contractSize * prices.mark;
  const order = fc
    .record({
      side: fc.constantFrom("buy" as const, "sell" as const),
      notional: logUniform(10, 1e6),
      price: uniform(0.8, 1.2),
    })
    .map(({ side, notional, price }) => ({
      symbol: instrument.symbol,
      side,
      qty: round(notional / unitQuote),
      price: round(prices.mark * price),
    }));
  return fc.array(order, { maxLength: 2 });
}

/** A portfolio: the instruments of two coins, a few of them held, orders in a few, and balances that make accounts of every health. */
export function portfolio(): fc.Arbitrary<Line> {
  return fc.record({ btc: logUniform(5_000, 100_000), eth: logUniform(200, 5_000) }).chain(({ btc, eth }) =>
    fc
      .tuple(
        contract("perpetual", "linear", "BTC", btc),
        contract("perpetual", "inverse", "BTC", btc),
        contract("future", "inverse", "BTC", btc),
        contract("perpetual", "linear", "ETH", eth),
        contract("future", "linear", "ETH", eth),
        contract("perpetual", "inverse", "ETH", eth),
        option("base", "call", "BTC", btc),
        option("base", "put", "BTC", btc),
        option("quote", "call", "ETH", eth),
        option("quote", "put", "ETH", eth),
        spot("ETH", eth),
      )
      .chain((traded) =>
        fc
          .record({
            held: fc.subarray(traded, { minLength: 1, maxLength: 4 }),
            orders: fc
              .subarray(traded, { maxLength: 3 })
              .chain((ordered) => fc.tuple(...ordered.map(ordersIn)))
              .map((orders) => orders.flat()),
            collateral: fc.constantFrom("single-asset" as const, "multi-asset" as const),
            usdtPrice: uniform(0.95, 1.02),
            haircuts: fc.array(fc.constantFrom(0, 0.05, 0.3), { minLength: 3, maxLength: 3 }),
            balances: fc.array(logUniform(100, 1e7), { minLength: 3, maxLength: 3 }),
            debts: fc.array(fc.constantFrom(1, 1, 1, -0.3), { minLength: 3, maxLength: 3 }),
          })
          .chain(({ held, orders, collateral, usdtPrice, haircuts, balances, debts }) =>
            fc.tuple(...held.map(legs)).map((positions): Line => {
              const prices = [round(usdtPrice), btc, eth];
              const names = ["USDT", "BTC", "ETH"];
              const assets: Line["assets"] = {};
              const wallet: Line["account"]["balances"] = {};
              names.forEach((name, i) => {
                assets[name] = { price: prices[i]!, haircut: haircuts[i]! };
                wallet[name] = round((balances[i]! * debts[i]!) / prices[i]!);
              });
              return {
                id: "random",
                asOf: AS_OF_MS,
                assets,
                instruments: traded.map(({ instrument }) => instrument),
                market: Object.fromEntries(traded.map(({ instrument, prices }) => [instrument.symbol, prices])),
                account: { id: "a", collateral, balances: wallet, positions: positions.flat(), orders },
              };
            }),
          ),
      ),
  );
}

/** A line with what most tests leave alone filled in: one account, USDT and USD at 1. */
export function lineOf(parts: {
  assets?: Line["assets"];
  instruments: Instrument[];
  market: Line["market"];
  collateral?: Line["account"]["collateral"];
  balances: Record<string, number>;
  positions: Position[];
  orders?: Line["account"]["orders"];
}): Line {
  const { assets, instruments, market, collateral = "single-asset", balances, positions, orders } = parts;
  const account: Line["account"] = { id: "a", collateral, balances, positions };
  if (orders !== undefined) account.orders = orders;
  return {
    id: "test",
    asOf: AS_OF_MS,
    assets: { USDT: { price: 1 }, USD: { price: 1 }, ...assets },
    instruments,
    market,
    account,
  };
}

/** A linear perpetual of one tier, X-USDT. */
export function linearPerpetual(
  symbol: string,
  maintenanceRate: number,
  initialRate: number,
  extra?: Partial<Instrument>,
): Instrument {
  return {
    symbol,
    kind: "perpetual",
    payoff: "linear",
    base: symbol.replace(/USDT$/, ""),
    quote: "USDT",
    settle: "USDT",
    contractSize: 1,
    margin: { model: "tiered", tiers: [{ notionalFloor: 0, initialRate, maintenanceRate }] },
    ...extra,
  };
}

/** An inverse perpetual of one tier, X-USD, settled in X. */
export function inversePerpetual(
  symbol: string,
  maintenanceRate: number,
  initialRate: number,
  extra?: Partial<Instrument>,
): Instrument {
  const base = symbol.replace(/USD$/, "");
  return linearPerpetual(symbol, maintenanceRate, initialRate, { payoff: "inverse", base, quote: "USD", settle: base, ...extra });
}

/** An option on BTC with its premium in coin or in USDT. */
export function btcOption(premium: "base" | "quote", optionType: "call" | "put", strike: number, days = 30): Instrument {
  return {
    symbol: `BTC-${strike}-${optionType}`,
    kind: "option",
    payoff: "linear",
    premium,
    optionType,
    strike,
    expiry: AS_OF_MS + days * DAY_MS,
    base: "BTC",
    quote: premium === "base" ? "USD" : "USDT",
    settle: premium === "base" ? "BTC" : "USDT",
    contractSize: 1,
    margin: { model: "deribit-option" },
  };
}
