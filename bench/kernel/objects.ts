// The same risk in TypeScript with maps and objects, as business code is usually written: an account is an object, its
// positions a map, and each valuation makes new objects. The arithmetic is that of typed-arrays.ts.
import { CONTRACTS, depositOf, TIERS } from "./contracts";
import type { Fills } from "./events";
import { statusOf } from "./typed-arrays";

const UNIT = 1e8;

interface Tier {
  floor: number;
  to: number;
  initialRate: number;
  maintenanceRate: number;
  deduction: number;
}

const tiers: Tier[] = [];
for (const [n, tier] of TIERS.entries()) {
  const before = tiers[n - 1];
  const deduction = before ? before.deduction + tier.floor * (tier.maintenanceRate - before.maintenanceRate) : 0;
  tiers.push({ ...tier, to: TIERS[n + 1]?.floor ?? Number.POSITIVE_INFINITY, deduction });
}

interface Instrument {
  id: number;
  lotSize: number;
  valueNum: number;
  mark: number;
}

interface Position {
  instrument: Instrument;
  qtyLots: number;
  openCash: number;
  realizedPnl: number;
  fees: number;
}

export interface PositionRisk {
  instrumentId: number;
  markPrice: number;
  notional: number;
  unrealizedPnl: number;
  initialMargin: number;
  maintenanceMargin: number;
  liquidationPrice: number | null;
  bankruptcyPrice: number | null;
  entryPrice: number;
}

export interface AccountRisk {
  walletUsd: number;
  unrealizedPnlUsd: number;
  equityUsd: number;
  initialMarginUsd: number;
  maintenanceMarginUsd: number;
  availableUsd: number;
  marginRatio: number | null;
  leverage: number | null;
  grossExposureUsd: number;
  netExposureUsd: number;
  liquidationDistance: number | null;
  nearest: number | null;
  status: number;
  positions: PositionRisk[];
}

interface Account {
  id: number;
  wallet: number;
  positions: Map<number, Position>;
  risk: AccountRisk | null;
}

export class ObjectRisk {
  readonly accounts = new Map<number, Account>();
  readonly instruments = new Map<number, Instrument>();

  constructor(accounts: number, held: number) {
    for (const { id, lotSize, valueNum, ticks, tickSize } of CONTRACTS)
      this.instruments.set(id, { id, lotSize, valueNum, mark: ticks * tickSize });
    for (let id = 0; id < accounts; id++)
      this.accounts.set(id, { id, wallet: depositOf(id, held), positions: new Map(), risk: null });
  }

  apply(fills: Fills): void {
    for (let i = 0; i < fills.count; i++) {
      const size = fills.qtyLots[i]!;
      this.fill({
        account: fills.account[i]!,
        instrument: CONTRACTS[fills.contract[i]!]!.id,
        lots: fills.side[i] === 1 ? size : -size,
        priceTicks: fills.priceTicks[i]!,
        fee: fills.fee[i]!,
      });
    }
  }

  private fill(event: { account: number; instrument: number; lots: number; priceTicks: number; fee: number }): void {
    const account = this.accounts.get(event.account)!;
    const instrument = this.instruments.get(event.instrument)!;
    let position = account.positions.get(event.instrument);
    if (!position) {
      position = { instrument, qtyLots: 0, openCash: 0, realizedPnl: 0, fees: 0 };
      account.positions.set(event.instrument, position);
    }
    const lotCash = event.priceTicks * instrument.valueNum;
    let realized = 0;
    if (position.qtyLots === 0 || position.qtyLots > 0 === event.lots > 0) {
      position.qtyLots += event.lots;
      position.openCash -= event.lots * lotCash;
    } else if (Math.abs(event.lots) < Math.abs(position.qtyLots)) {
      const size = Math.abs(event.lots);
      const held = Math.abs(position.qtyLots);
      const whole = Math.floor(position.openCash / held);
      const released = whole * size + Math.floor(((position.openCash - whole * held) * size) / held);
      realized = released - event.lots * lotCash;
      position.openCash -= released;
      position.qtyLots += event.lots;
    } else {
      realized = position.openCash + position.qtyLots * lotCash;
      position.qtyLots += event.lots;
      position.openCash = -position.qtyLots * lotCash;
    }
    position.realizedPnl += realized;
    position.fees += event.fee;
    account.wallet += realized - event.fee;
    account.risk = valueAccount(account);
  }
}

function tierOf(value: number): Tier {
  return tiers.find((tier) => value < tier.to)!;
}

function valueAccount(account: Account): AccountRisk {
  const held = [...account.positions.values()].filter((position) => position.qtyLots !== 0);
  const valued = held.map((position) => {
    const { instrument } = position;
    const qty = position.qtyLots * instrument.lotSize;
    const signed = qty * instrument.mark;
    const notional = Math.abs(signed);
    const tier = tierOf(notional);
    const openCash = position.openCash / UNIT;
    return {
      instrument,
      qty,
      signed,
      notional,
      openCash,
      unrealizedPnl: openCash + signed,
      initialMargin: notional * tier.initialRate,
      maintenanceMargin: notional * tier.maintenanceRate - tier.deduction,
    };
  });
  const sum = (of: (position: (typeof valued)[number]) => number) => valued.reduce((total, each) => total + of(each), 0);
  const walletUsd = account.wallet / UNIT;
  const unrealizedPnlUsd = sum((position) => position.unrealizedPnl);
  const initialMarginUsd = sum((position) => position.initialMargin);
  const maintenanceMarginUsd = sum((position) => position.maintenanceMargin);
  const grossExposureUsd = sum((position) => position.notional);
  const equityUsd = walletUsd + unrealizedPnlUsd;
  let liquidationDistance: number | null = null;
  let nearest: number | null = null;
  const positions = valued.map((position): PositionRisk => {
    const { instrument, qty, openCash } = position;
    const cash = openCash + walletUsd + (unrealizedPnlUsd - position.unrealizedPnl);
    const liquidationPrice = solve(qty, cash, maintenanceMarginUsd - position.maintenanceMargin, instrument.mark);
    const bankruptcy = -cash / qty;
    if (liquidationPrice !== null) {
      const away = Math.abs(liquidationPrice - instrument.mark) / instrument.mark;
      if (liquidationDistance === null || away < liquidationDistance) {
        liquidationDistance = away;
        nearest = instrument.id;
      }
    }
    return {
      instrumentId: instrument.id,
      markPrice: instrument.mark,
      notional: position.notional,
      unrealizedPnl: position.unrealizedPnl,
      initialMargin: position.initialMargin,
      maintenanceMargin: position.maintenanceMargin,
      liquidationPrice,
      bankruptcyPrice: bankruptcy > 0 ? bankruptcy : null,
      entryPrice: -openCash / qty,
    };
  });
  return {
    walletUsd,
    unrealizedPnlUsd,
    equityUsd,
    initialMarginUsd,
    maintenanceMarginUsd,
    availableUsd: equityUsd - initialMarginUsd,
    marginRatio: equityUsd > 0 ? maintenanceMarginUsd / equityUsd : null,
    leverage: equityUsd > 0 ? grossExposureUsd / equityUsd : null,
    grossExposureUsd,
    netExposureUsd: sum((position) => position.signed),
    liquidationDistance,
    nearest,
    status: statusOf(equityUsd, maintenanceMarginUsd),
    positions,
  };
}

function solve(qty: number, cash: number, other: number, mark: number): number | null {
  const size = Math.abs(qty);
  const excess = (price: number, tier: Tier) =>
    cash + qty * price - other - (size * price * tier.maintenanceRate - tier.deduction);
  const start = tiers.indexOf(tierOf(size * mark));
  const isHealthy = excess(mark, tiers[start]!) > 0;
  const rising = qty - size * tiers[start]!.maintenanceRate > 0;
  for (const isUp of [isHealthy ? !rising : rising, isHealthy ? rising : !rising]) {
    let price = mark;
    for (const tier of isUp ? tiers.slice(start) : tiers.slice(0, start + 1).reverse()) {
      const edge = (isUp ? tier.to : tier.floor) / size;
      const slope = qty - size * tier.maintenanceRate;
      const constant = cash - other + tier.deduction;
      const far = edge === Number.POSITIVE_INFINITY ? slope : excess(edge, tier);
      const isEnd = edge === 0 || edge === Number.POSITIVE_INFINITY;
      if (!(far === 0 ? isEnd : far > 0 === isHealthy)) {
        const root = -constant / slope;
        return isUp ? Math.min(Math.max(root, price), edge) : Math.max(Math.min(root, price), edge);
      }
      price = edge;
    }
  }
  return null;
}
