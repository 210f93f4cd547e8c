// The instruments that recorded and synthetic markets can be about: contract terms, fees and margin tiers as Binance published
// them, each with its source. A symbol that is not in the table is refused, never guessed; callers may pass further ones.
import { type DecimalStep, parseStep } from "./decimal";

/** Spot, USD-margined (linear) or coin-margined (inverse) derivatives: at Binance three systems with colliding symbols. */
export type Product = "spot" | "usdm" | "coinm";

export interface MarginTier {
  /** Lower bound of the tier: quote for linear, base for inverse. */
  readonly notionalFloor: number;
  readonly initialRate: number;
  readonly maintenanceRate: number;
}

export interface Instrument {
  /** Plimsoll's symbol, unique over all products: spot carries a `-SPOT` suffix because the perpetual has the bare name. */
  readonly symbol: string;
  readonly venueSymbol: string;
  readonly product: Product;
  readonly kind: "spot" | "perpetual";
  readonly payoff: "linear" | "inverse";
  readonly base: string;
  readonly quote: string;
  readonly settle: string;
  /** Whole number: units of base a linear contract stands for, units of quote an inverse one. */
  readonly contractSize: number;
  readonly tickSize: string;
  readonly lotSize: string;
  readonly tick: DecimalStep;
  readonly lot: DecimalStep;
  /** Fee rates in 1e-8 of the notional. */
  readonly makerFeeRateE8: number;
  readonly takerFeeRateE8: number;
  /** Ascending; empty for spot. */
  readonly tiers: readonly MarginTier[];
  readonly source: string;
}

/** The terms an instrument is built from; the steps are derived. */
export type InstrumentTerms = Omit<Instrument, "tick" | "lot" | "symbol">;

/**
 * An instrument from its terms.
 *
 * @throws RangeError naming the field that is wrong
 */
export function makeInstrument(terms: InstrumentTerms): Instrument {
  if (!Number.isSafeInteger(terms.contractSize) || terms.contractSize < 1) {
    throw new RangeError(`${terms.venueSymbol}: contractSize ${terms.contractSize} must be a whole number above 0`);
  }
  for (const field of ["makerFeeRateE8", "takerFeeRateE8"] as const) {
    if (!Number.isSafeInteger(terms[field]) || terms[field] < 0) {
      throw new RangeError(`${terms.venueSymbol}: ${field} ${terms[field]} must be a whole number, 0 or more`);
    }
  }
  return {
    ...terms,
    symbol: terms.product === "spot" ? `${terms.venueSymbol}-SPOT` : terms.venueSymbol,
    tick: stepOf(terms, "tickSize"),
    lot: stepOf(terms, "lotSize"),
  };
}

function stepOf(terms: InstrumentTerms, field: "tickSize" | "lotSize"): DecimalStep {
  try {
    return parseStep(terms[field]);
  } catch (cause) {
    throw new RangeError(`${terms.venueSymbol}: ${field}: ${(cause as Error).message}`);
  }
}

/** Rows of `[notional floor, highest leverage, maintenance rate]`; the initial rate of a tier is 1 ÷ its highest leverage. */
function tiers(rows: readonly (readonly [floor: number, maxLeverage: number, maintenanceRate: number])[]): MarginTier[] {
  return rows.map(([notionalFloor, maxLeverage, maintenanceRate]) => ({
    notionalFloor,
    initialRate: 1 / maxLeverage,
    maintenanceRate,
  }));
}

// USD-M: Binance's leverage and margin table as of October 2024 (the response of GET /fapi/v1/leverageBracket), the same
// quarter as the recordings. Floors in USDT.
const BTCUSDT_TIERS = tiers([
  [0, 125, 0.004],
  [50_000, 100, 0.005],
  [600_000, 75, 0.0065],
  [3_000_000, 50, 0.01],
  [12_000_000, 25, 0.02],
  [70_000_000, 20, 0.025],
  [100_000_000, 10, 0.05],
  [230_000_000, 5, 0.1],
  [480_000_000, 4, 0.125],
  [600_000_000, 3, 0.15],
  [800_000_000, 2, 0.25],
  [1_200_000_000, 1, 0.5],
]);
const ETHUSDT_TIERS = tiers([
  [0, 125, 0.004],
  [50_000, 100, 0.005],
  [600_000, 75, 0.0065],
  [3_000_000, 50, 0.01],
  [12_000_000, 25, 0.02],
  [50_000_000, 20, 0.025],
  [65_000_000, 10, 0.05],
  [150_000_000, 5, 0.1],
  [320_000_000, 4, 0.125],
  [400_000_000, 3, 0.15],
  [530_000_000, 2, 0.25],
  [800_000_000, 1, 0.5],
]);

// COIN-M: position limits per leverage from Binance's "Leverage and Margin in Coin-Margined Futures Contracts"
// (binance.com/en/support/faq/be2c7d9d95b04a7e8044ed02dd7dfe5c); floors in the base coin. That page gives leverage only; the
// maintenance rate is the one Binance's USD-M table pairs with the same leverage (125x 0.4 %, 100x 0.5 %, 75x 0.65 %, 50x 1 %,
// 20x 2.5 %, 10x 5 %, 5x 10 %, 4x 12.5 %, 3x 15 %, 2x 25 %).
const BTCUSD_TIERS = tiers([
  [0, 125, 0.004],
  [10, 100, 0.005],
  [20, 50, 0.01],
  [30, 20, 0.025],
  [50, 10, 0.05],
  [100, 5, 0.1],
  [200, 4, 0.125],
  [400, 3, 0.15],
  [1_000, 2, 0.25],
]);
const ETHUSD_TIERS = tiers([
  [0, 100, 0.005],
  [100, 75, 0.0065],
  [500, 50, 0.01],
  [1_000, 20, 0.025],
  [2_000, 10, 0.05],
  [4_000, 5, 0.1],
  [6_000, 4, 0.125],
  [8_000, 3, 0.15],
  [10_000, 2, 0.25],
]);

// Regular-user fees: futures 0.02 % maker, 0.05 % taker; spot 0.1 % both (binance.com/en/fee/futureFee, …/fee/trading).
const FUTURES_FEES = { makerFeeRateE8: 20_000, takerFeeRateE8: 50_000 };
const SPOT_FEES = { makerFeeRateE8: 100_000, takerFeeRateE8: 100_000 };

const LINEAR = { product: "usdm", kind: "perpetual", payoff: "linear", contractSize: 1, ...FUTURES_FEES } as const;
const INVERSE = { product: "coinm", kind: "perpetual", payoff: "inverse", ...FUTURES_FEES } as const;
const SPOT = { product: "spot", kind: "spot", payoff: "linear", contractSize: 1, tiers: [], ...SPOT_FEES } as const;
const USDM_SOURCE = "Binance GET /fapi/v1/exchangeInfo (PRICE_FILTER, LOT_SIZE), /fapi/v1/leverageBracket of 2024-10";
const COINM_SOURCE = "Binance GET /dapi/v1/exchangeInfo (contractSize, PRICE_FILTER, LOT_SIZE), COIN-M leverage FAQ";
const SPOT_SOURCE = "Binance GET /api/v3/exchangeInfo (PRICE_FILTER, baseAssetPrecision)";

// New spot orders come in steps of LOT_SIZE (BTCUSDT 0.00001), but the book still holds older, finer ones: the recording has a
// level of 25.426189 BTC. What every quantity is a multiple of is the asset's precision.
const SPOT_LOT = "0.00000001";

const BTC_USDT = { venueSymbol: "BTCUSDT", base: "BTC", quote: "USDT", settle: "USDT" };
const ETH_USDT = { venueSymbol: "ETHUSDT", base: "ETH", quote: "USDT", settle: "USDT" };
const BTC_USD = { venueSymbol: "BTCUSD_PERP", base: "BTC", quote: "USD", settle: "BTC" };
const ETH_USD = { venueSymbol: "ETHUSD_PERP", base: "ETH", quote: "USD", settle: "ETH" };

/** Every instrument known without being told. */
export const INSTRUMENTS: readonly Instrument[] = [
  makeInstrument({ ...LINEAR, ...BTC_USDT, tickSize: "0.1", lotSize: "0.001", tiers: BTCUSDT_TIERS, source: USDM_SOURCE }),
  makeInstrument({ ...LINEAR, ...ETH_USDT, tickSize: "0.01", lotSize: "0.001", tiers: ETHUSDT_TIERS, source: USDM_SOURCE }),
  makeInstrument({
    ...INVERSE,
    ...BTC_USD,
    contractSize: 100,
    tickSize: "0.1",
    lotSize: "1",
    tiers: BTCUSD_TIERS,
    source: COINM_SOURCE,
  }),
  makeInstrument({
    ...INVERSE,
    ...ETH_USD,
    contractSize: 10,
    tickSize: "0.01",
    lotSize: "1",
    tiers: ETHUSD_TIERS,
    source: COINM_SOURCE,
  }),
  makeInstrument({ ...SPOT, ...BTC_USDT, tickSize: "0.01", lotSize: SPOT_LOT, source: SPOT_SOURCE }),
  makeInstrument({ ...SPOT, ...ETH_USDT, tickSize: "0.01", lotSize: SPOT_LOT, source: SPOT_SOURCE }),
];

/**
 * The instrument a venue means by a symbol.
 *
 * @param venueSymbol as the venue spells it, upper case: `"BTCUSDT"`, `"BTCUSD_PERP"`
 * @param product     which of the venue's systems; left out, a symbol ending in `USD_PERP` is coin-margined, any other USD-margined
 * @returns undefined where the table does not have it
 */
export function instrumentFor(venueSymbol: string, product: Product = productOfSymbol(venueSymbol)): Instrument | undefined {
  return INSTRUMENTS.find((instrument) => instrument.venueSymbol === venueSymbol && instrument.product === product);
}

/** The product a derivative's symbol belongs to: `BTCUSD_PERP`, `BTCUSD_240927` are coin-margined, all else USD-margined. */
export function productOfSymbol(venueSymbol: string): "usdm" | "coinm" {
  return /^[A-Z0-9]+USD_(PERP|[0-9]{6})$/.test(venueSymbol) ? "coinm" : "usdm";
}

/** The instrument in the shape `plimsoll eval` reads. */
export function instrumentDocument(instrument: Instrument) {
  const { symbol, kind, payoff, base, quote, settle, contractSize } = instrument;
  return {
    symbol,
    kind,
    payoff,
    base,
    quote,
    settle,
    contractSize,
    tickSize: Number(instrument.tickSize),
    lotSize: Number(instrument.lotSize),
    margin: { model: "tiered" as const, liquidationFeeRate: 0, tiers: instrument.tiers },
  };
}
