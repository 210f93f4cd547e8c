// Numbers that venues' documentation and public test suites print, each with its source, and what the evaluation answers to them.
// A row is one published example; the tolerance is half a unit of the last digit its source prints, unless it says otherwise.
// Examples that are explained step by step stand in docs/margin.md and docs/options.md and are run from there; Haug's and Strata's
// option tables are in options/black.test.ts.

import { describe, expect, it } from "vitest";
import { createPortfolioEvaluator } from "./evaluate";
import { black76, blackScholes, CALL, OptionValues, PUT } from "./options/black";
import { black76ImpliedVol } from "./options/implied";
import type { PortfolioRisk } from "./portfolio/write-line";

type Fields = Record<string, unknown>;

const evaluate = createPortfolioEvaluator();

/** A perpetual on X: linear and settled in USDT unless the fields say otherwise. */
function perpetual(symbol: string, margin: Fields, fields: Fields = {}): Fields {
  const isInverse = fields.payoff === "inverse";
  const currencies = isInverse ? { quote: "USD", settle: "X" } : { quote: "USDT", settle: "USDT" };
  return { symbol, kind: "perpetual", payoff: "linear", base: "X", contractSize: 1, ...currencies, margin, ...fields };
}

/** One tier; the initial rate is 10 % where the example has none. */
function oneTier(maintenanceRate: number, fields: Fields = {}, tier: Fields = {}): Fields {
  return { model: "tiered", tiers: [{ notionalFloor: 0, initialRate: 0.1, maintenanceRate, deduction: 0, ...tier }], ...fields };
}

/** Tiers by floor and rate, deductions derived. */
function tiers(...rows: [floor: number, rate: number][]): Fields {
  return {
    model: "tiered",
    tiers: rows.map(([notionalFloor, maintenanceRate]) => ({ notionalFloor, initialRate: 1, maintenanceRate })),
  };
}

function cross(symbol: string, qty: number, entryPrice: number, fields: Fields = {}): Fields {
  return { symbol, qty, entryPrice, mode: "cross", ...fields };
}

function isolated(symbol: string, qty: number, entryPrice: number, isolatedMargin: number, fields: Fields = {}): Fields {
  return { symbol, qty, entryPrice, mode: "isolated", isolatedMargin, ...fields };
}

interface Portfolio {
  instruments: Fields[];
  marks: Record<string, number>;
  positions: Fields[];
  balances?: Record<string, number>;
  orders?: Fields[];
  assets?: Fields;
  collateral?: string;
}

function riskOf(portfolio: Portfolio): PortfolioRisk {
  const { instruments, marks, positions, balances = {}, orders = [], assets = {}, collateral = "single-asset" } = portfolio;
  return evaluate({
    id: 1,
    asOf: 1718000000000,
    assets: { USDT: { price: 1 }, X: { price: Object.values(marks)[0] ?? 1 }, ...assets },
    instruments,
    market: Object.fromEntries(Object.entries(marks).map(([symbol, mark]) => [symbol, { mark }])),
    account: { id: "a", collateral, balances, positions, orders },
  });
}

function expectWithin(actual: number | null, published: number, tolerance: number, what: string): void {
  const error = actual === null ? Number.NaN : Math.abs(actual - published);
  if (!(error <= tolerance)) expect.fail(`${what} is ${actual}, published is ${published} ± ${tolerance}`);
}

describe("liquidation prices", () => {
  // entry, quantity (signed), isolated margin, maintenance rate, deduction, liquidation price, tolerance
  type Isolated = [
    source: string,
    entry: number,
    qty: number,
    margin: number,
    rate: number,
    cum: number,
    price: number,
    abs: number,
  ];
  const BINANCE = "Binance FAQ b3c689c1f50a44cabb3a84e663b81d93, as in freqtrade tests/exchange/test_binance.py";
  const FREQTRADE = "freqtrade tests/exchange/test_exchange.py, Binance rows";
  it.each<Isolated>([
    [BINANCE, 1456.84, 3683.979, 1535443.01, 0.1, 135365, 1114.78, 0.005],
    [BINANCE, 32481.98, 109.488, 1535443.01, 0.025, 16300, 18778.73, 0.005],
    [FREQTRADE, 10, -1, 10 / 5, 0.01, 0.01, 11.89108910891089, 1e-6],
    [FREQTRADE, 10, -1, 10 / 3, 0.01, 0.01, 13.211221122079207, 1e-6],
    [FREQTRADE, 8, -1, 8 / 5, 0.01, 0.01, 9.514851485148514, 1e-6],
    [FREQTRADE, 10, -0.6, 6 / 5, 0.01, 0.01, 11.897689768976898, 1e-6],
    [FREQTRADE, 10, 1, 10 / 5, 0.01, 0.01, 8.070707070707071, 1e-6],
    [FREQTRADE, 8, 1, 8 / 5, 0.01, 0.01, 6.454545454545454, 1e-6],
    [FREQTRADE, 10, 1, 10 / 3, 0.01, 0.01, 6.723905723905723, 1e-6],
    [FREQTRADE, 10, 0.6, 6 / 5, 0.01, 0.01, 8.063973063973064, 1e-6],
    ["docs.into.space, leverage and margin trading", 0.15, 3333, 100, 0.1, 0, 0.1333, 5e-5],
  ])("%s: entry %d, quantity %d", (_, entry, qty, margin, rate, cum, price, abs) => {
    const { positions } = riskOf({
      instruments: [perpetual("P", oneTier(rate, {}, { deduction: cum }))],
      marks: { P: entry },
      positions: [isolated("P", qty, entry, margin)],
    });
    expectWithin(positions[0]!.liquidationPrice, price, abs, "the liquidation price");
  });

  // Gate and OKX add the taker fee to the maintenance rate.
  it.each<[qty: number, leverage: number, entry: number, price: number]>([
    [-1, 5, 10, 11.87413417771621],
    [-2, 5, 10, 11.87413417771621],
    [-1, 3, 10, 13.193482419684678],
    [-1, 5, 8, 9.499307342172967],
    [1, 5, 10, 8.085708510208207],
    [1, 3, 10, 6.738090425173506],
  ])("freqtrade tests/exchange/test_exchange.py, Gate and OKX rows: %d at %dx from %d", (qty, leverage, entry, price) => {
    const margin = (Math.abs(qty) * entry) / leverage;
    const { positions } = riskOf({
      instruments: [perpetual("P", oneTier(0.01, { liquidationFeeRate: 0.0006 }))],
      marks: { P: entry },
      positions: [isolated("P", qty, entry, margin, { leverage })],
    });
    expectWithin(positions[0]!.liquidationPrice, price, 1e-6, "the liquidation price");
    expectWithin(positions[0]!.initialMargin, margin, 1e-12, "the initial margin");
  });

  // Bybit and KuCoin fix the margin at the entry price.
  const BYBIT = "freqtrade tests/exchange/test_exchange.py, Bybit rows";
  const KUCOIN = "KuCoin help 4408061803033";
  it.each<[source: string, qty: number, leverage: number, entry: number, contractSize: number, rate: number, price: number]>([
    [BYBIT, 1, 1, 10, 1, 0.01, 0.1],
    [BYBIT, 1, 3, 10, 1, 0.01, 6.7666666],
    [BYBIT, 1, 5, 10, 1, 0.01, 8.1],
    [BYBIT, 1, 10, 10, 1, 0.01, 9.1],
    [BYBIT, -1, 1, 10, 1, 0.01, 19.9],
    [BYBIT, -1, 3, 10, 1, 0.01, 13.233333],
    [BYBIT, -1, 5, 10, 1, 0.01, 11.9],
    [BYBIT, -1, 10, 10, 1, 0.01, 10.9],
    ["Bybit help, Liquidation Price (USDT Contract)", 1, 50, 20000, 1, 0.005, 19700],
    [KUCOIN, -5, 100, 28000, 0.001, 0.004, 28168],
  ])("%s: %d at %dx from %d", (_, qty, leverage, entry, contractSize, rate, price) => {
    const margin = (Math.abs(qty) * contractSize * entry) / leverage;
    const { positions } = riskOf({
      instruments: [perpetual("P", oneTier(rate, { notionalAt: "entry" }), { contractSize })],
      marks: { P: entry },
      positions: [isolated("P", qty, entry, margin, { leverage })],
    });
    expectWithin(positions[0]!.liquidationPrice, price, 1e-6, "the liquidation price");
    expectWithin(positions[0]!.maintenanceMargin, margin * leverage * rate, 1e-9, "the maintenance margin");
  });

  // Records of real positions; the rate is half of 1 ÷ the coin's largest leverage. The source holds itself to 1e-4.
  // coin's largest leverage, entry, quantity (signed), margin, liquidation price
  const HYPERLIQUID: [maxLeverage: number, entry: number, qty: number, margin: number, price: number][] = [
    [50, 2458.5, 0.015, 36.864593, 0.86915825],
    [50, 63287, 0.00039, 24.673292, 22.37166537],
    [20, 146.82, 0.16, 23.482979, 0.05269872],
    [20, 145.83, 0.33, 24.045107, 74.83696193],
    [50, 2459.5, 0.0199, 24.454895, 1243.0411908],
    [50, 62739, 0.00077, 24.137992, 31708.03843631],
    [20, 0.11586, 437, 25.29769, 0.05945697],
    [50, 2642.8, -0.019, 25.091876, 3924.18322043],
    [20, 155.89, -0.32, 24.924941, 228.07847866],
    [20, 0.14333, -351, 25.136807, 0.20970228],
    [50, 68595, -0.00069, 23.64871, 101849.99354283],
    [50, 65536, -0.00099, 21.604172, 86493.46174617],
    [20, 173.06, 0.6, 20.735658, 142.05186667],
    [50, 2545.5, 0.0329, 20.909894, 1929.23322895],
    [50, 67400, -0.00031, 20.887308, 133443.97317151],
    [50, 2552, -0.0327, 20.833393, 3157.53150453],
    [50, 66930, 0.0015, 20.043862, 54108.51043771],
    [50, 67033, 0.00121, 20.251817, 50804.00091827],
    [50, 2521.9, 0.0237, 19.902091, 1699.14071943],
    [50, 68139, -0.00145, 19.72573, 80933.61590987],
    [20, 178.29, -0.11, 19.605036, 347.82205322],
    [20, 176.23, 0.33, 19.364946, 120.56240404],
    [20, 173.08, -0.33, 19.01881, 225.08561715],
    [50, 68240, -0.00105, 17.887922, 84431.79820839],
    [50, 2518.4, -0.007, 17.62263, 4986.05799151],
    [50, 2533.2, 0.0347, 17.555195, 2047.7642302],
    [20, 0.13284, 360, 15.943218, 0.09082388],
    [20, 163.11, -0.48, 15.650731, 190.94213618],
    [50, 67141, 0.00067, 14.979079, 45236.52992613],
    [10, 250, 0.5, 25, 210.5263157894737],
    [10, 190, -0.5, 9.5, 199.04761904761904],
    [10, 350, 1, 50, 315.7894736842105],
  ];
  it.each(HYPERLIQUID)(
    "freqtrade tests/exchange/test_hyperliquid.py: up to %dx, entry %d, quantity %d, isolated and alone in a cross account",
    (maxLeverage, entry, qty, margin, price) => {
      const instruments = [perpetual("P", oneTier(0.5 / maxLeverage, {}, { initialRate: 1 / maxLeverage }))];
      const marks = { P: entry };
      const alone = riskOf({ instruments, marks, positions: [isolated("P", qty, entry, margin)] });
      const shared = riskOf({ instruments, marks, positions: [cross("P", qty, entry)], balances: { USDT: margin } });
      expectWithin(alone.positions[0]!.liquidationPrice, price, 1e-4 * price, "the isolated liquidation price");
      expectWithin(shared.positions[0]!.liquidationPrice, price, 1e-4 * price, "the cross liquidation price");
    },
  );

  it("dYdX v4 documentation, Liquidations: short 3 ETH on 1000, and 1.5 beside STRK", () => {
    const instruments = [perpetual("ETH", oneTier(0.05)), perpetual("STRK", oneTier(0.1))];
    const marks = { ETH: 3000, STRK: 1.75 };
    const balances = { USDT: 1000 };
    const alone = riskOf({ instruments, marks, balances, positions: [cross("ETH", -3, 3000)] });
    expectWithin(alone.positions[0]!.liquidationPrice, 3174.6, 0.005, "the liquidation price");
    const beside = riskOf({ instruments, marks, balances, positions: [cross("ETH", -1.5, 3000), cross("STRK", 1000, 1.75)] });
    expectWithin(beside.positions[0]!.liquidationPrice, 3380.95, 0.005, "the liquidation price");
  });

  it("Binance FAQ b3c689c1f50a44cabb3a84e663b81d93: two cross positions", () => {
    const { positions } = riskOf({
      instruments: [
        perpetual("ETH", oneTier(0.1, {}, { deduction: 135365 })),
        perpetual("BTC", oneTier(0.025, {}, { deduction: 16300 })),
      ],
      marks: { ETH: 1335.18, BTC: 31967.27 },
      positions: [cross("ETH", 3683.979, 1456.84), cross("BTC", 109.488, 32481.98)],
      balances: { USDT: 1535443.01 },
    });
    expectWithin(positions[0]!.liquidationPrice, 1153.26, 0.005, "that of ETH");
    expectWithin(positions[1]!.liquidationPrice, 26316.89, 0.005, "that of BTC");
  });

  it("TorchTrade issue 344: another position's margin of 4 brings it nearer", () => {
    const { positions } = riskOf({
      instruments: [perpetual("A", oneTier(0.004)), perpetual("B", oneTier(0.004, { notionalAt: "entry" }))],
      marks: { A: 100, B: 1000 },
      positions: [cross("A", 1, 100), cross("B", 1, 1000)],
      balances: { USDT: 5 },
    });
    expectWithin(positions[0]!.liquidationPrice, 99.4, 0.005, "the liquidation price");
  });

  // Inverse, margin fixed at entry: entry, quantity in USD (signed), leverage, maintenance rate
  it.each<[source: string, entry: number, qty: number, leverage: number, rate: number, price: number, abs: number]>([
    ["Bybit help, isolated mode of the unified account", 50000, -60000, 10, 0.005, 60000 / 1.086, 1e-6],
    ["help.mcs.io, liquidation", 2000, 2000, 10, 0.005, 1826.48, 0.005],
    ["get10101/10101 issue 2419", 110000, -10, 2, 0.1, 183333, 0.5],
  ])("%s: inverse, from %d, %d at %dx", (_, entry, qty, leverage, rate, price, abs) => {
    const { positions } = riskOf({
      instruments: [perpetual("P", oneTier(rate, { notionalAt: "entry" }), { payoff: "inverse" })],
      marks: { P: entry },
      positions: [isolated("P", qty, entry, Math.abs(qty) / entry / leverage, { leverage })],
    });
    expectWithin(positions[0]!.liquidationPrice, price, abs, "the liquidation price");
  });
});

describe("profit and notional", () => {
  // entry, quantity (signed), mark, profit, notional at the mark (null where none is printed), digits printed
  type Row = [payoff: string, entry: number, qty: number, mark: number, pnl: number, notional: number | null, abs: number];
  it.each<Row>([
    ["inverse", 10000, -100000, 11000, -0.90909091, 9.09090909, 5e-9],
    ["inverse", 375.95, -100000, 370, 4.27745208, 270.27027027, 5e-9],
    ["inverse", 2, 100000, 3, 16666.66666667, 33333.33333333, 4e-9],
    ["inverse", 1000, 1000, 1250, 0.2, 0.8, 1e-12],
    ["inverse", 10500, 100000, 11505.6, 0.83238969, null, 5e-9],
    ["inverse", 15500, -1250000, 12506.65, 19.301667, null, 5e-9],
    ["linear", 10500, 12, 10510, 120, null, 1e-8],
    ["linear", 10500, 12, 10480.5, -234, null, 1e-8],
    ["linear", 10500, -10.15, 10390, 1116.5, 105458.5, 1e-8],
    ["linear", 10500, -10, 10670.5, -1705, 106705, 1e-8],
    ["linear", 10500, 4, 11505.6, 4022.4, null, 1e-8],
    ["linear", 10505.6, -5.912, 10407.15, 582.0364, null, 1e-8],
  ])(
    "nautilus_trader tests/unit_tests/model/test_position.py: %s, from %d, %d, mark %d",
    (payoff, entry, qty, mark, pnl, notional, abs) => {
      const { positions } = riskOf({
        instruments: [perpetual("P", oneTier(0.005), { payoff })],
        marks: { P: mark },
        positions: [cross("P", qty, entry)],
        balances: { USDT: 1e7, X: 1e7 },
      });
      expectWithin(positions[0]!.unrealizedPnl, pnl, abs, "the profit");
      if (notional !== null) expectWithin(positions[0]!.notional, notional, abs, "the notional");
    },
  );
});

describe("margins", () => {
  const DERIBIT_FUTURES = {
    model: "size-scaled",
    initialBase: 0.02,
    initialPerUnit: 0.00005,
    maintenanceBase: 0.015,
    maintenancePerUnit: 0.00005,
  };
  const BINANCE_COIN = tiers([0, 0.004], [5, 0.005], [10, 0.01], [20, 0.025], [50, 0.05], [100, 0.1], [200, 0.125]);
  const BYBIT_XYZ = tiers([0, 0.02], [1000, 0.025], [2000, 0.03], [3000, 0.035], [4000, 0.04]);
  const INVERSE = { payoff: "inverse" };
  // margin parameters, the instrument's other fields, mark, quantity, leverage (0: none), initial and maintenance margin, tolerance
  type Row = [
    source: string,
    margin: Fields,
    fields: Fields,
    mark: number,
    qty: number,
    leverage: number,
    initial: number | null,
    maintenance: number | null,
    abs: number,
  ];
  it.each<Row>([
    [
      "test.deribit.com, futures: 25 BTC",
      DERIBIT_FUTURES,
      { ...INVERSE, contractSize: 10 },
      10000,
      25000,
      0,
      0.53125,
      null,
      1e-9,
    ],
    [
      "test.deribit.com, futures: 350 BTC",
      DERIBIT_FUTURES,
      { ...INVERSE, contractSize: 10 },
      10000,
      350000,
      0,
      13.125,
      null,
      1e-9,
    ],
    [
      "Binance FAQ ceccfcfb4e3a45e3b48b0b1bb1a8ae46: 300 BTC",
      BINANCE_COIN,
      { ...INVERSE, contractSize: 100 },
      50000,
      150000,
      1,
      300,
      300 * 0.125 - 11.605,
      1e-9,
    ],
    ["the same: 100 contracts", BINANCE_COIN, { ...INVERSE, contractSize: 100 }, 25000, 100, 10, 0.04, 0.0016, 1e-12],
    ["Bybit help, Maintenance Margin (USDT Contract)", BYBIT_XYZ, {}, 35, 100, 10, 350, 92.5, 1e-9],
    ["KuCoin help 26694703491737", oneTier(0.004), { contractSize: 0.001 }, 30000, 10000, 0, null, 1200, 1e-9],
    ["bitmex.com isolatedMarginExamples", oneTier(0.01, {}, { initialRate: 0.02 }), {}, 1000, 20, 0, 400, 200, 1e-9],
    [
      "nautilus_trader tests/unit_tests/accounting/test_margin.py",
      oneTier(0.0035, {}, { initialRate: 0.01 }),
      INVERSE,
      11493.6,
      100000,
      0,
      0.08700494,
      0.03045173,
      5e-9,
    ],
  ])("%s", (_, margin, fields, mark, qty, leverage, initial, maintenance, abs) => {
    const { positions } = riskOf({
      instruments: [perpetual("P", margin, fields)],
      marks: { P: mark },
      positions: [cross("P", qty, mark, leverage > 0 ? { leverage } : {})],
      balances: { USDT: 1e6, X: 1e6 },
    });
    if (initial !== null) expectWithin(positions[0]!.initialMargin, initial, abs, "the initial margin");
    if (maintenance !== null) expectWithin(positions[0]!.maintenanceMargin, maintenance, abs, "the maintenance margin");
  });
});

describe("accounts", () => {
  const ALICE = {
    instruments: [perpetual("BTC", oneTier(0.01)), perpetual("ETH", oneTier(0.01))],
    marks: { BTC: 54800, ETH: 3400 },
  };

  it("Paradex documentation, Liquidations: worth 80 against 88.8, it is liquidated", () => {
    const { account, positions } = riskOf({
      ...ALICE,
      positions: [cross("BTC", 0.1, 60000), cross("ETH", -1, 3000)],
      balances: { USDT: 1000 },
    });
    expectWithin(positions[0]!.unrealizedPnl, -520, 1e-9, "the profit on BTC");
    expectWithin(positions[1]!.unrealizedPnl, -400, 1e-9, "the profit on ETH");
    expectWithin(account.equityUsd, 80, 1e-9, "the equity");
    expectWithin(account.maintenanceMarginUsd, 88.8, 1e-9, "the maintenance margin");
    expectWithin(account.marginRatio, 1.11, 1e-9, "the margin ratio");
    expect(account.status).toBe("liquidation");
  });

  it("the same, with 40 % of the positions taken over: a margin ratio of 85.6 %", () => {
    const { account } = riskOf({
      ...ALICE,
      positions: [cross("BTC", 0.06, 60000), cross("ETH", -0.6, 3000)],
      balances: { USDT: 614.24 },
    });
    expectWithin(account.marginRatio, 0.856, 0.0005, "the margin ratio");
  });

  it("Paradex documentation, risk checks: an order that closes needs nothing", () => {
    const sell = (qty: number) => ({ symbol: "P", side: "sell", qty, price: 98 });
    const { account } = riskOf({
      instruments: [perpetual("P", oneTier(0.05))],
      marks: { P: 98 },
      positions: [cross("P", 10, 100)],
      balances: { USDT: 100 },
      orders: [sell(5)],
    });
    expectWithin(account.initialMarginUsd, 98, 1e-9, "the initial margin");
    expectWithin(account.equityUsd, 80, 1e-9, "the equity");
    expectWithin(account.orderMarginUsd, 0, 0, "the order margin");
  });

  it("Paradex documentation, cross margin requirement: short 1, buying 3, selling 2", () => {
    const order = (side: string, qty: number) => ({ symbol: "P", side, qty, price: 90000 });
    const { pools } = riskOf({
      instruments: [perpetual("P", oneTier(0.01, {}, { initialRate: 0.02 }))],
      marks: { P: 90000 },
      positions: [cross("P", -1, 90000)],
      balances: { USDT: 100000 },
      orders: [order("buy", 3), order("sell", 2)],
    });
    expectWithin(pools.USDT!.initialMargin + pools.USDT!.orderMargin, 5400, 1e-9, "the requirement");
  });

  it("Toobit help 14253344654105: an isolated position at 115.38 %", () => {
    const { account, positions } = riskOf({
      instruments: [perpetual("P", oneTier(0.01, { notionalAt: "entry" }))],
      marks: { P: 1483 },
      positions: [isolated("P", 10, 1500, 300, { leverage: 50 })],
    });
    expectWithin(positions[0]!.unrealizedPnl, -170, 1e-9, "the profit");
    expectWithin(positions[0]!.maintenanceMargin, 150, 1e-9, "the maintenance margin");
    expectWithin(account.marginRatio, 1.1538, 5e-5, "the margin ratio");
  });

  it("Binance c983a9268cfa4e70a4916c276bb3b7bc, multi-assets mode: USDT counts at its bid rate", () => {
    const assets = { USDT: { price: 0.99, haircut: 0.01 }, USDC: { price: 1 } };
    const { account, pools } = riskOf({
      assets,
      instruments: [perpetual("BTCUSDT", oneTier(0.008)), perpetual("ETHUSDC", oneTier(0.01), { quote: "USDC", settle: "USDC" })],
      marks: { BTCUSDT: 20000, ETHUSDC: 600 },
      positions: [cross("BTCUSDT", 0.5, 20000, { leverage: 100 }), cross("ETHUSDC", 20, 600, { leverage: 50 })],
      balances: { USDT: 200, USDC: 220 },
      collateral: "multi-asset",
    });
    expectWithin(account.equityUsd, 416.02, 1e-9, "the equity");
    expectWithin(pools.USD!.equity, 416.02, 1e-9, "the pool's equity");
  });
});

describe("options", () => {
  const values = new OptionValues();

  // Standard deviation 0.2 to expiry, undiscounted.
  it.each<[type: string, strike: number, price: number]>([
    ["call", 100, 7.9655674554058038],
    ["put", 100, 7.9655674554058038],
    ["call", 90, 13.589108116054803],
    ["put", 110, 14.292010941409899],
    ["call", 110, 4.2920109414098846],
    ["put", 90, 3.5891081160548062],
  ])("QuantLib test-suite/blackcalculator.cpp: a %s at %d on a forward of 100, and its volatility", (type, strike, price) => {
    const sign = type === "call" ? CALL : PUT;
    black76(values, sign, 100, strike, 1, 0.2, 1);
    expectWithin(values.price, price, 1e-13, "the price");
    expectWithin(black76ImpliedVol(sign, price, 100, strike, 1, 1), 0.2, 1e-13, "the volatility");
  });

  it("QuantLib test-suite/blackcalculator.cpp: Greeks on a spot of 98 with a forward of 100", () => {
    const rate = -Math.log(0.95);
    blackScholes(values, CALL, 98, 105, 1, 0.2, rate, rate - Math.log(100 / 98));
    expectWithin(values.delta, 0.42921547913932068, 1e-12, "delta");
    expectWithin(values.gamma, 0.019527733248736884, 1e-12, "gamma");
    expectWithin(values.theta, -4.31290436588883, 1e-11, "theta");
    expectWithin(values.vega, 37.508870024173795, 1e-11, "vega");
    expectWithin(values.rho, 36.452803157675653, 1e-11, "rho");
    expectWithin(values.vanna, 0.65822482825836837, 1e-12, "vanna");
    expectWithin(values.volga, 9.2856964243177753, 1e-11, "volga");
    black76(values, CALL, 100, 105, 1, 0.2, 0.95);
    expectWithin(values.rho, 36.452803157675653, 1e-11, "rho on the forward");
  });

  it("py_vollib, docstrings of black and its Greeks: forward 49, strike 50, 5 %, 0.3846 years, 20 %", () => {
    const discount = Math.exp(-0.05 * 0.3846);
    black76(values, CALL, 49, 50, 0.3846, 0.2, discount);
    expectWithin(values.delta, 0.45107017482201828, 1e-12, "delta");
    expectWithin(values.gamma, 0.0640646705882, 5e-13, "gamma");
    expectWithin(values.vega / 100, 0.118317785624, 5e-13, "vega a point");
    expectWithin(values.theta / 365, -0.00816236877462, 5e-15, "theta a day");
    black76(values, PUT, 49, 50, 0.3846, 0.2, discount);
    expectWithin(values.theta / 365, -0.00802799155312, 5e-15, "theta of the put a day");
    black76(values, CALL, 100, 100, 0.5, 0.2, Math.exp(-0.01));
    expectWithin(values.price, 5.5811067246048118, 1e-13, "the price");
  });

  // Strike 1000 at 5 %; of the call price, delta, gamma, theta, vega and rho, of the put price and rho. Printed to ten digits.
  it.each([
    [450, 0.5, 0.3, 0.004524592, 0.000199848, 7.9333e-6, -0.076562227, 0.24097291, 0.042703539, 525.3144366, -487.6122525],
    [800, 0.5, 0.3, 17.61118068, 0.203837617, 0.001668569, -55.32773095, 160.1826177, 72.72945638, 192.9210927, -414.9254996],
    [1150, 0.5, 0.3, 202.7305835, 0.811317363, 0.001107618, -102.4313639, 219.7238158, 365.1421918, 28.04049549, -122.5127642],
    [1850, 0.5, 0.3, 874.791811, 0.999107736, 7.7269e-6, -49.86791447, 3.96679824, 486.77875, 0.101723014, -0.876206023],
    [750, 0.1, 0.3, 0.033604597, 0.001682327, 7.61407e-5, -1.988718127, 1.28487407, 0.122814042, 245.0460838, -99.37843388],
    [1100, 0.1, 0.3, 112.3867216, 0.865376068, 0.002076594, -155.0469083, 75.38037377, 83.95269533, 7.399200751, -15.54855259],
    [1050, 0.01, 2, 109.3347269, 0.635498031, 0.001789069, -3972.793095, 39.44896185, 5.579382059, 58.83485188, -4.415619191],
    [1400, 0.01, 2, 404.971886, 0.962858082, 0.000289721, -1182.857007, 11.35705535, 9.430294286, 4.472011012, -0.564706964],
  ])(
    "py_vollib tests/test_data.json: spot %d, %d years, vol %d",
    (spot, years, vol, price, delta, gamma, theta, vega, rho, put, putRho) => {
      blackScholes(values, CALL, spot, 1000, years, vol, 0.05, 0);
      expectWithin(values.price, price, 5e-7, "the price");
      expectWithin(values.delta, delta, 5e-10, "delta");
      expectWithin(values.gamma, gamma, 5e-10, "gamma");
      expectWithin(values.theta, theta, 5e-7, "theta");
      expectWithin(values.vega, vega, 5e-7, "vega");
      expectWithin(values.rho, rho, 5e-7, "rho");
      blackScholes(values, PUT, spot, 1000, years, vol, 0.05, 0);
      expectWithin(values.price, put, 5e-7, "the price of the put");
      expectWithin(values.rho, putRho, 5e-7, "rho of the put");
    },
  );
});
