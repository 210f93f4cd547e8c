// The market of the kernel's bench: sixteen linear perpetuals under one table of five tiers, settled in USDT.
import { InstrumentKind, MarginModel, Payoff } from "../../schemas/generated";
import { ReferenceBatchWriter } from "../../src/shared/wire/encode";

export const USDT = 1;
const COIN = 2;

export interface Contract {
  /** Instrument id. */
  id: number;
  tickSize: number;
  lotSize: number;
  /** Mark when the bench begins. */
  ticks: number;
  /** Fills are 1 … this many lots. */
  typicalLots: number;
  /** 1e-8 USDT of one lot at one tick: whole for all of them. */
  valueNum: number;
}

/** Prices from tens of thousands to cents, as venues list them. */
export const CONTRACTS: readonly Contract[] = Array.from({ length: 16 }, (_, i) => {
  const tickSize = [0.1, 0.01, 0.001, 0.0001][i % 4]!;
  const lotSize = [0.001, 0.01, 1, 10][i % 4]!;
  return {
    id: i + 1,
    tickSize,
    lotSize,
    ticks: [600_000, 250_000, 150_000, 5_000][i % 4]! + 1000 * i,
    typicalLots: [500, 800, 100, 2000][i % 4]!,
    valueNum: Math.round(tickSize * lotSize * 1e8),
  };
});
export const CONTRACT_COUNT = CONTRACTS.length;

export const TIERS: readonly { floor: number; initialRate: number; maintenanceRate: number }[] = [
  { floor: 0, initialRate: 0.008, maintenanceRate: 0.004 },
  { floor: 50_000, initialRate: 0.01, maintenanceRate: 0.005 },
  { floor: 250_000, initialRate: 0.02, maintenanceRate: 0.01 },
  { floor: 1_000_000, initialRate: 0.05, maintenanceRate: 0.025 },
  { floor: 10_000_000, initialRate: 0.1, maintenanceRate: 0.05 },
];

/** Collateral each account begins with, 1e-8 USDT: most are well off, a few are near a line. */
export function depositOf(account: number, held: number): number {
  const share = ((account * 2654435761) % 4294967296) / 4294967296;
  return Math.round(held * (400 + 9_600 * share) * 1e8);
}

export function referenceMessage(): Buffer {
  const writer = new ReferenceBatchWriter(1);
  writer.asset({ id: USDT, symbol: "USDT", usdPrice: 1 });
  writer.asset({ id: COIN, symbol: "COIN", usdPrice: 1 });
  writer.marginTable({ id: 1, model: MarginModel.Tiered });
  for (const tier of TIERS)
    writer.marginTier({
      table: 1,
      notionalFloor: tier.floor,
      initialRate: tier.initialRate,
      maintenanceRate: tier.maintenanceRate,
    });
  for (const { id, tickSize, lotSize } of CONTRACTS)
    writer.instrument({
      id,
      symbol: `P${id}USDT`,
      kind: InstrumentKind.Perpetual,
      payoff: Payoff.Linear,
      base: COIN,
      quote: USDT,
      settle: USDT,
      marginTable: 1,
      contractSize: 1,
      tickSize: String(tickSize),
      lotSize: String(lotSize),
    });
  return writer.finish();
}
