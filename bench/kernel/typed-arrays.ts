// The same risk in TypeScript over typed arrays: what a careful engineer writes without WebAssembly. Ledger in whole numbers
// of 1e-8 (exact in a float64 for these sizes), margin by tiers, liquidation and bankruptcy price of every position, every
// figure the kernel publishes. Columns are account-major, so an account's positions lie side by side.
import { CONTRACT_COUNT, CONTRACTS, depositOf, TIERS } from "./contracts";
import type { Fills } from "./events";

const UNIT = 1e8;
const COUNT = CONTRACT_COUNT;
const TIER_COUNT = TIERS.length;
const floors = Float64Array.from([...TIERS.map((tier) => tier.floor), Number.POSITIVE_INFINITY]);
const initialRates = Float64Array.from(TIERS.map((tier) => tier.initialRate));
const maintenanceRates = Float64Array.from(TIERS.map((tier) => tier.maintenanceRate));
const deductions = new Float64Array(TIER_COUNT);
for (let n = 1; n < TIER_COUNT; n++)
  deductions[n] = deductions[n - 1]! + floors[n]! * (maintenanceRates[n]! - maintenanceRates[n - 1]!);
const valueNums = Float64Array.from(CONTRACTS.map((contract) => contract.valueNum));
const lotSizes = Float64Array.from(CONTRACTS.map((contract) => contract.lotSize));

/** ⌊a·b ÷ d⌋ for whole a, 0 ≤ b < d where b·d is exact: no step leaves 2^53. */
function mulDivFloor(a: number, b: number, d: number): number {
  const q = Math.floor(a / d);
  const r = a - q * d;
  return q * b + Math.floor((r * b) / d);
}

export class TypedArrayRisk {
  readonly marks: Float64Array;
  // Ledger.
  readonly wallet: Float64Array;
  readonly qtyLots: Float64Array;
  readonly openCash: Float64Array;
  readonly realizedPnl: Float64Array;
  readonly fees: Float64Array;
  // Valuation, per account.
  readonly walletUsd: Float64Array;
  readonly unrealizedPnlUsd: Float64Array;
  readonly equityUsd: Float64Array;
  readonly initialMarginUsd: Float64Array;
  readonly maintenanceMarginUsd: Float64Array;
  readonly availableUsd: Float64Array;
  readonly marginRatio: Float64Array;
  readonly leverage: Float64Array;
  readonly grossExposureUsd: Float64Array;
  readonly netExposureUsd: Float64Array;
  readonly liquidationDistance: Float64Array;
  readonly nearest: Uint8Array;
  readonly status: Uint8Array;
  // Valuation, per position.
  readonly markPrice: Float64Array;
  readonly notional: Float64Array;
  readonly unrealizedPnl: Float64Array;
  readonly initialMargin: Float64Array;
  readonly maintenanceMargin: Float64Array;
  readonly liquidationPrice: Float64Array;
  readonly bankruptcyPrice: Float64Array;
  readonly entryPrice: Float64Array;

  constructor(accounts: number, held: number) {
    const positions = accounts * COUNT;
    this.marks = Float64Array.from(CONTRACTS.map((contract) => contract.ticks * contract.tickSize));
    this.wallet = Float64Array.from({ length: accounts }, (_, a) => depositOf(a, held));
    this.qtyLots = new Float64Array(positions);
    this.openCash = new Float64Array(positions);
    this.realizedPnl = new Float64Array(positions);
    this.fees = new Float64Array(positions);
    this.walletUsd = new Float64Array(accounts);
    this.unrealizedPnlUsd = new Float64Array(accounts);
    this.equityUsd = new Float64Array(accounts);
    this.initialMarginUsd = new Float64Array(accounts);
    this.maintenanceMarginUsd = new Float64Array(accounts);
    this.availableUsd = new Float64Array(accounts);
    this.marginRatio = new Float64Array(accounts);
    this.leverage = new Float64Array(accounts);
    this.grossExposureUsd = new Float64Array(accounts);
    this.netExposureUsd = new Float64Array(accounts);
    this.liquidationDistance = new Float64Array(accounts);
    this.nearest = new Uint8Array(accounts);
    this.status = new Uint8Array(accounts);
    this.markPrice = new Float64Array(positions);
    this.notional = new Float64Array(positions);
    this.unrealizedPnl = new Float64Array(positions);
    this.initialMargin = new Float64Array(positions);
    this.maintenanceMargin = new Float64Array(positions);
    this.liquidationPrice = new Float64Array(positions).fill(Number.NaN);
    this.bankruptcyPrice = new Float64Array(positions).fill(Number.NaN);
    this.entryPrice = new Float64Array(positions).fill(Number.NaN);
  }

  apply(fills: Fills): void {
    for (let i = 0; i < fills.count; i++) {
      const account = fills.account[i]!;
      const size = fills.qtyLots[i]!;
      this.fill(
        account,
        account * COUNT + fills.contract[i]!,
        fills.side[i] === 1 ? size : -size,
        fills.priceTicks[i]! * valueNums[fills.contract[i]!]!,
        fills.fee[i]!,
      );
      this.value(account);
    }
  }

  // lotCash: 1e-8 USDT of one lot at the price.
  private fill(account: number, p: number, lots: number, lotCash: number, fee: number): void {
    const qty = this.qtyLots[p]!;
    let realized = 0;
    if (qty === 0 || qty > 0 === lots > 0) {
      this.qtyLots[p] = qty + lots;
      this.openCash[p] = this.openCash[p]! - lots * lotCash;
    } else {
      const size = Math.abs(lots);
      const held = Math.abs(qty);
      if (size < held) {
        const released = mulDivFloor(this.openCash[p]!, size, held);
        realized = released - lots * lotCash;
        this.openCash[p] = this.openCash[p]! - released;
        this.qtyLots[p] = qty + lots;
      } else {
        realized = this.openCash[p]! + qty * lotCash;
        const left = qty + lots;
        this.openCash[p] = -left * lotCash;
        this.qtyLots[p] = left;
      }
    }
    this.realizedPnl[p] = this.realizedPnl[p]! + realized;
    this.fees[p] = this.fees[p]! + fee;
    this.wallet[account] = this.wallet[account]! + realized - fee;
  }

  value(account: number): void {
    const first = account * COUNT;
    let pnl = 0;
    let initial = 0;
    let maintenance = 0;
    let gross = 0;
    let net = 0;
    for (let i = 0; i < COUNT; i++) {
      const p = first + i;
      const lots = this.qtyLots[p]!;
      if (lots === 0) continue;
      const signed = lots * lotSizes[i]! * this.marks[i]!;
      const value = Math.abs(signed);
      const tier = tierOf(value);
      const unrealized = this.openCash[p]! / UNIT + signed;
      const initialMargin = value * initialRates[tier]!;
      const maintenanceMargin = value * maintenanceRates[tier]! - deductions[tier]!;
      this.markPrice[p] = this.marks[i]!;
      this.notional[p] = value;
      this.unrealizedPnl[p] = unrealized;
      this.initialMargin[p] = initialMargin;
      this.maintenanceMargin[p] = maintenanceMargin;
      pnl += unrealized;
      initial += initialMargin;
      maintenance += maintenanceMargin;
      gross += value;
      net += signed;
    }
    const wallet = this.wallet[account]! / UNIT;
    const equity = wallet + pnl;
    let distance = Number.POSITIVE_INFINITY;
    let nearest = 0;
    for (let i = 0; i < COUNT; i++) {
      const p = first + i;
      const lots = this.qtyLots[p]!;
      if (lots === 0) {
        clear(this, p, this.marks[i]!);
        continue;
      }
      const qty = lots * lotSizes[i]!;
      const open = this.openCash[p]! / UNIT;
      const cash = open + wallet + (pnl - this.unrealizedPnl[p]!);
      const mark = this.marks[i]!;
      const price = liquidationPrice(qty, cash, maintenance - this.maintenanceMargin[p]!, mark);
      const bankruptcy = -cash / qty;
      this.liquidationPrice[p] = price;
      this.bankruptcyPrice[p] = bankruptcy > 0 ? bankruptcy : Number.NaN;
      this.entryPrice[p] = -open / qty;
      const away = Math.abs(price - mark) / mark;
      if (away < distance) {
        distance = away;
        nearest = i;
      }
    }
    this.walletUsd[account] = wallet;
    this.unrealizedPnlUsd[account] = pnl;
    this.equityUsd[account] = equity;
    this.initialMarginUsd[account] = initial;
    this.maintenanceMarginUsd[account] = maintenance;
    this.availableUsd[account] = equity - initial;
    this.marginRatio[account] = equity > 0 ? maintenance / equity : Number.NaN;
    this.leverage[account] = equity > 0 ? gross / equity : Number.NaN;
    this.grossExposureUsd[account] = gross;
    this.netExposureUsd[account] = net;
    this.liquidationDistance[account] = distance;
    this.nearest[account] = nearest;
    this.status[account] = statusOf(equity, maintenance);
  }
}

function clear(risk: TypedArrayRisk, p: number, mark: number): void {
  risk.markPrice[p] = mark;
  risk.notional[p] = 0;
  risk.unrealizedPnl[p] = 0;
  risk.initialMargin[p] = 0;
  risk.maintenanceMargin[p] = 0;
  risk.liquidationPrice[p] = Number.NaN;
  risk.bankruptcyPrice[p] = Number.NaN;
  risk.entryPrice[p] = Number.NaN;
}

export function statusOf(equity: number, maintenance: number): number {
  if (equity <= 0 && (maintenance > 0 || equity < 0)) return 4;
  if (maintenance === 0) return 0;
  const ratio = equity / maintenance;
  if (ratio > 1.5) return 0;
  if (ratio > 1.2) return 1;
  if (ratio > 1.05) return 2;
  return 3;
}

function tierOf(value: number): number {
  let tier = 0;
  while (floors[tier + 1]! <= value) tier++;
  return tier;
}

// The price at which cash + qty·p = other margin + this position's margin: first the losing way from a healthy mark (the gaining way
// from one already under), tier by tier, then the other way.
function liquidationPrice(qty: number, cash: number, other: number, mark: number): number {
  const value = Math.abs(qty) * mark;
  const tier = tierOf(value);
  const isHealthy = cash + qty * mark > other + value * maintenanceRates[tier]! - deductions[tier]!;
  const slope = qty - Math.abs(qty) * maintenanceRates[tier]!;
  const isUp = isHealthy ? slope < 0 : slope > 0;
  const found = search(qty, cash, other, mark, tier, isHealthy, isUp);
  return found > 0 ? found : search(qty, cash, other, mark, tier, isHealthy, !isUp);
}

function search(qty: number, cash: number, other: number, mark: number, from: number, isHealthy: boolean, isUp: boolean): number {
  const size = Math.abs(qty);
  let price = mark;
  for (let tier = from; tier >= 0 && tier < TIER_COUNT; tier += isUp ? 1 : -1) {
    const slope = qty - size * maintenanceRates[tier]!;
    const constant = cash - other + deductions[tier]!;
    const edge = (isUp ? floors[tier + 1]! : floors[tier]!) / size;
    const far = isUp && edge === Number.POSITIVE_INFINITY ? slope : edge === 0 ? constant : slope * edge + constant;
    const isEnd = edge === 0 || edge === Number.POSITIVE_INFINITY;
    if (!(far === 0 ? isEnd : far > 0 === isHealthy)) {
      const root = -constant / slope;
      return isUp ? Math.min(Math.max(root, price), edge) : Math.max(Math.min(root, price), edge);
    }
    price = edge;
  }
  return Number.NaN;
}
