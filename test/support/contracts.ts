// One contract of every kind the ledger knows, as reference data.
import { InstrumentKind, MarginModel, OptionType, Payoff, Premium } from "../../schemas/generated";
import { ReferenceBatchWriter } from "../../src/shared/wire/encode";

export const ASSETS = { USDT: 1, BTC: 2, ETH: 3, USD: 4 } as const;

/** id, symbol and what kind of price it has: ticks around which tests trade. */
export const CONTRACTS = [
  { id: 1, symbol: "BTCUSDT", aroundTicks: 600_000 },
  { id: 2, symbol: "ETHUSDT", aroundTicks: 250_000 },
  { id: 3, symbol: "BTCUSD_PERP", aroundTicks: 600_000 },
  { id: 4, symbol: "ETHUSD_PERP", aroundTicks: 250_000 },
  { id: 5, symbol: "BTCUSDT_250926", aroundTicks: 610_000 },
  { id: 6, symbol: "BTCUSD_250926", aroundTicks: 610_000 },
  { id: 7, symbol: "BTC-26SEP25-60000-C", aroundTicks: 420 },
  { id: 8, symbol: "BTC-26SEP25-60000-P", aroundTicks: 380 },
  { id: 9, symbol: "ETH-26SEP25-2500-C-USDT", aroundTicks: 21_000 },
  { id: 10, symbol: "BTCUSDT-SPOT", aroundTicks: 6_000_000 },
  { id: 11, symbol: "ODD-PERP", aroundTicks: 77_777 },
] as const;

export const EXPIRY_MS = Date.UTC(2025, 8, 26, 8);

export function referenceMessage(): Buffer {
  const writer = new ReferenceBatchWriter(1);
  writer.asset({ id: ASSETS.USDT, symbol: "USDT", usdPrice: 1 });
  writer.asset({ id: ASSETS.BTC, symbol: "BTC", usdPrice: 60_000, haircut: 0.05 });
  writer.asset({ id: ASSETS.ETH, symbol: "ETH", usdPrice: 2_500, haircut: 0.1 });
  writer.asset({ id: ASSETS.USD, symbol: "USD", usdPrice: 1 });
  writer.marginTable({ id: 1, model: MarginModel.Tiered });
  writer.marginTier({ table: 1, notionalFloor: 0, initialRate: 0.008, maintenanceRate: 0.004 });
  writer.marginTier({ table: 1, notionalFloor: 50_000, initialRate: 0.01, maintenanceRate: 0.005 });
  writer.marginTier({ table: 1, notionalFloor: 250_000, initialRate: 0.02, maintenanceRate: 0.01 });
  writer.marginTable({ id: 2, model: MarginModel.Tiered });
  writer.marginTier({ table: 2, notionalFloor: 0, initialRate: 0.01, maintenanceRate: 0.005 });
  writer.marginTier({ table: 2, notionalFloor: 5, initialRate: 0.02, maintenanceRate: 0.01 });
  writer.marginTable({ id: 3, model: MarginModel.DeribitOption });
  const perpetual = { kind: InstrumentKind.Perpetual };
  const future = { kind: InstrumentKind.Future, expiryMs: EXPIRY_MS };
  const option = { kind: InstrumentKind.Option, payoff: Payoff.Linear, expiryMs: EXPIRY_MS, marginTable: 3 };
  const { USDT, BTC, ETH, USD } = ASSETS;
  const linear = { payoff: Payoff.Linear, quote: USDT, settle: USDT, marginTable: 1 };
  writer.instrument({
    id: 1,
    symbol: "BTCUSDT",
    ...perpetual,
    ...linear,
    base: BTC,
    contractSize: 1,
    tickSize: "0.1",
    lotSize: "0.001",
  });
  writer.instrument({
    id: 2,
    symbol: "ETHUSDT",
    ...perpetual,
    ...linear,
    base: ETH,
    contractSize: 1,
    tickSize: "0.01",
    lotSize: "0.001",
  });
  writer.instrument({
    id: 3,
    symbol: "BTCUSD_PERP",
    ...perpetual,
    payoff: Payoff.Inverse,
    base: BTC,
    quote: USD,
    settle: BTC,
    marginTable: 2,
    contractSize: 100,
    tickSize: "0.1",
    lotSize: 1,
  });
  writer.instrument({
    id: 4,
    symbol: "ETHUSD_PERP",
    ...perpetual,
    payoff: Payoff.Inverse,
    base: ETH,
    quote: USD,
    settle: ETH,
    marginTable: 2,
    contractSize: 10,
    tickSize: "0.01",
    lotSize: 1,
  });
  writer.instrument({
    id: 5,
    symbol: "BTCUSDT_250926",
    ...future,
    ...linear,
    base: BTC,
    contractSize: 1,
    tickSize: "0.1",
    lotSize: "0.001",
  });
  writer.instrument({
    id: 6,
    symbol: "BTCUSD_250926",
    ...future,
    payoff: Payoff.Inverse,
    base: BTC,
    quote: USD,
    settle: BTC,
    marginTable: 2,
    contractSize: 100,
    tickSize: "0.1",
    lotSize: 1,
  });
  writer.instrument({
    id: 7,
    symbol: "BTC-26SEP25-60000-C",
    ...option,
    premium: Premium.Base,
    optionType: OptionType.Call,
    base: BTC,
    quote: USD,
    settle: BTC,
    contractSize: 1,
    tickSize: "0.0001",
    lotSize: "0.1",
    strike: 60_000,
  });
  writer.instrument({
    id: 8,
    symbol: "BTC-26SEP25-60000-P",
    ...option,
    premium: Premium.Base,
    optionType: OptionType.Put,
    base: BTC,
    quote: USD,
    settle: BTC,
    contractSize: 1,
    tickSize: "0.0001",
    lotSize: "0.1",
    strike: 60_000,
  });
  writer.instrument({
    id: 9,
    symbol: "ETH-26SEP25-2500-C-USDT",
    ...option,
    premium: Premium.Quote,
    optionType: OptionType.Call,
    base: ETH,
    quote: USDT,
    settle: USDT,
    contractSize: 1,
    tickSize: "0.01",
    lotSize: "0.1",
    strike: 2_500,
  });
  writer.instrument({
    id: 10,
    symbol: "BTCUSDT-SPOT",
    kind: InstrumentKind.Spot,
    payoff: Payoff.Linear,
    base: BTC,
    quote: USDT,
    settle: USDT,
    marginTable: 0,
    contractSize: 1,
    tickSize: "0.01",
    lotSize: "0.00001",
  });
  // A contract whose value of one lot at one tick is no whole number of 1e-8: every trade of it rounds.
  writer.instrument({
    id: 11,
    symbol: "ODD-PERP",
    ...perpetual,
    ...linear,
    base: ETH,
    contractSize: "0.3333",
    tickSize: "0.00037",
    lotSize: "0.0007",
  });
  writer.accountGroup({ id: 1, name: "multi", collateral: 1, hedgeMode: false });
  return writer.finish();
}
