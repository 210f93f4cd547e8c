// For tests: the same questions answered the plainest way, from the JSON of a line, sharing no code with what it checks.
// A price is tried by moving the mark and summing everything again; nothing is solved, nothing is cached.

export interface Line {
  id: string;
  asOf: number;
  assets: Record<string, { price: number; haircut?: number }>;
  instruments: Instrument[];
  market: Record<string, { mark: number; underlying?: number; iv?: number }>;
  account: {
    id: string;
    collateral: "single-asset" | "multi-asset";
    balances: Record<string, number>;
    positions: Position[];
    orders?: { symbol: string; side: "buy" | "sell"; qty: number; price: number }[];
  };
}

export interface Tier {
  notionalFloor: number;
  initialRate?: number;
  maintenanceRate: number;
  deduction?: number;
}

export type Margin =
  | { model: "tiered"; tiers: Tier[]; liquidationFeeRate?: number; notionalAt?: "mark" | "entry" }
  | {
      model: "size-scaled";
      initialBase: number;
      initialPerUnit: number;
      maintenanceBase: number;
      maintenancePerUnit: number;
    }
  | { model: "deribit-option" };

export interface Instrument {
  symbol: string;
  kind: "spot" | "perpetual" | "future" | "option";
  payoff: "linear" | "inverse";
  base: string;
  quote: string;
  settle: string;
  contractSize: number;
  margin?: Margin;
  premium?: "base" | "quote";
  optionType?: "call" | "put";
  strike?: number;
  expiry?: number;
}

export interface Position {
  symbol: string;
  qty: number;
  entryPrice: number;
  mode: "cross" | "isolated";
  isolatedMargin?: number;
  leverage?: number;
}

/** A pool's equity and maintenance margin; in the settle asset, or in USD for a multi-asset pool. */
export interface Excess {
  equity: number;
  maintenance: number;
  /** sum of the magnitudes added up: what rounding errors are to be measured by */
  scale: number;
}

/** Equity and maintenance margin of the pool a position stands in, with its instrument's mark moved to a price. */
export function poolWith(line: Line, index: number, price: number): Excess {
  const held = line.account.positions[index]!;
  const moved = instrumentOf(line, held.symbol);
  const mark = (symbol: string): number => (symbol === held.symbol ? price : line.market[symbol]!.mark);
  if (held.mode === "isolated") {
    const unrealized = unrealizedPnl(moved, held, price);
    const maintenance = maintenanceMargin(line, moved, held, price);
    const equity = held.isolatedMargin! + unrealized;
    return { equity, maintenance, scale: held.isolatedMargin! + magnitude(moved, held, price) + maintenance };
  }
  const cross = line.account.positions.filter((position) => position.mode === "cross");
  const inAsset = (asset: string): Excess => {
    const result = {
      equity: line.account.balances[asset] ?? 0,
      maintenance: 0,
      scale: Math.abs(line.account.balances[asset] ?? 0),
    };
    for (const position of cross) {
      const instrument = instrumentOf(line, position.symbol);
      if (instrument.settle !== asset) continue;
      result.equity += unrealizedPnl(instrument, position, mark(position.symbol));
      const maintenance = maintenanceMargin(line, instrument, position, mark(position.symbol));
      result.maintenance += maintenance;
      result.scale += magnitude(instrument, position, mark(position.symbol)) + maintenance;
    }
    return result;
  };
  if (line.account.collateral === "single-asset") return inAsset(moved.settle);
  const sum = { equity: 0, maintenance: 0, scale: 0 };
  for (const [asset, { price: assetPrice, haircut = 0 }] of Object.entries(line.assets)) {
    const moves = moved.payoff === "inverse" && moved.settle === asset;
    const priceUsd = moves ? (assetPrice * price) / line.market[moved.symbol]!.mark : assetPrice;
    const { equity, maintenance, scale } = inAsset(asset);
    sum.equity += equity > 0 ? equity * priceUsd * (1 - haircut) : equity * priceUsd;
    sum.maintenance += maintenance * priceUsd;
    sum.scale += scale * priceUsd;
  }
  return sum;
}

export function instrumentOf(line: Line, symbol: string): Instrument {
  return line.instruments.find((instrument) => instrument.symbol === symbol)!;
}

export function unrealizedPnl(instrument: Instrument, { qty, entryPrice }: Position, mark: number): number {
  if (instrument.payoff === "inverse") return qty * instrument.contractSize * (1 / entryPrice - 1 / mark);
  return qty * instrument.contractSize * (mark - entryPrice);
}

function magnitude(instrument: Instrument, { qty, entryPrice }: Position, mark: number): number {
  const size = Math.abs(qty) * instrument.contractSize;
  return instrument.payoff === "inverse" ? size / entryPrice + size / mark : size * (entryPrice + mark);
}

export function maintenanceMargin(line: Line, instrument: Instrument, position: Position, mark: number): number {
  const { qty } = position;
  if (qty === 0) return 0;
  const size = Math.abs(qty) * instrument.contractSize;
  const margin = instrument.margin;
  if (margin === undefined) return 0;
  if (margin.model === "deribit-option") {
    if (qty > 0) return 0;
    const unit = instrument.premium === "base" ? 1 : line.market[instrument.symbol]!.underlying!;
    if (instrument.optionType === "call") return size * (0.075 * unit + mark);
    return size * (Math.max(0.075 * unit, 0.075 * mark) + mark);
  }
  if (margin.model === "size-scaled") {
    const notional = instrument.payoff === "inverse" ? size / mark : size * mark;
    const sizeBase = instrument.payoff === "inverse" ? notional : size;
    return notional * (margin.maintenanceBase + margin.maintenancePerUnit * sizeBase);
  }
  const at = margin.notionalAt === "entry" ? position.entryPrice : mark;
  return tieredMaintenance(margin.tiers, margin.liquidationFeeRate ?? 0, instrument.payoff === "inverse" ? size / at : size * at);
}

/** Slice by slice where no deduction is given, by the given deductions otherwise. */
export function tieredMaintenance(tiers: Tier[], feeRate: number, notional: number): number {
  if (tiers.every((tier) => tier.deduction === undefined)) {
    let sum = notional * feeRate;
    for (let i = 0; i < tiers.length; i++) {
      const to = tiers[i + 1]?.notionalFloor ?? Number.POSITIVE_INFINITY;
      const slice = Math.min(notional, to) - tiers[i]!.notionalFloor;
      if (slice > 0) sum += slice * tiers[i]!.maintenanceRate;
    }
    return sum;
  }
  const tier = tiers.filter((candidate) => candidate.notionalFloor <= notional).at(-1)!;
  return Math.max(notional * (tier.maintenanceRate + feeRate) - tier.deduction!, 0);
}
