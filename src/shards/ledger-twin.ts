// The ledger's slow twin: the rules of docs/ledger.md in BigInt, one plain loop, nothing clever. The kernel is compared
// with it, to the unit, on random streams and on whole replays.
import { AccountEventKind } from "../../schemas/generated/account-event-kind";
import { InstrumentKind } from "../../schemas/generated/instrument-kind";
import { OptionType } from "../../schemas/generated/option-type";
import { Payoff } from "../../schemas/generated/payoff";
import { Premium } from "../../schemas/generated/premium";
import { BALANCES_PER_ACCOUNT_MAX, POSITIONS_PER_ACCOUNT_MAX } from "../shared/limits";
import type { LedgerView } from "../shared/views/types";

/** An account event as the wire has it. */
export interface TwinEvent {
  kind: AccountEventKind;
  seq: bigint;
  account: bigint;
  timeNs: bigint;
  qtyLots: bigint;
  priceTicks: bigint;
  amount: bigint;
  order: bigint;
  instrument: number;
  side: number;
  flags: number;
}

/** What the ledger needs to know of a contract; amounts as in the market table. */
export interface TwinInstrument {
  id: number;
  kind: InstrumentKind;
  payoff: Payoff;
  premium: Premium;
  optionType: OptionType;
  base: number;
  settle: number;
  valueNum: bigint;
  valueDen: bigint;
  lotNum: bigint;
  lotDen: bigint;
  strikeE8: bigint;
}

interface TwinPosition {
  instrument: number;
  flags: number;
  qty: bigint;
  openCash: bigint;
  realized: bigint;
  fees: bigint;
  funding: bigint;
  margin: bigint;
  leverage: bigint;
}

interface TwinOrder {
  id: bigint;
  position: TwinPosition;
  side: number;
  ticks: bigint;
  remaining: bigint;
}

interface TwinAccount {
  id: bigint;
  seen: Set<bigint>;
  high: bigint;
  group: number;
  balances: Map<number, { wallet: bigint; transfers: bigint }>;
  positions: TwinPosition[];
  orders: Map<bigint, TwinOrder>;
  quarantined: boolean;
}

export type TwinOutcome = "applied" | "duplicate" | "rejected";

const I64 = 2n ** 63n - 1n;
const ISOLATED = 1;
const LONG = 2;
const SHORT = 4;

class Overflow extends Error {}

/** Throws where a number does not fit the 64 bits that the kernel has; so does a row too many for one account. */
function fits64(value: bigint): bigint {
  if (value > I64 || value < -I64 - 1n) throw new Overflow();
  return value;
}

export function floorDiv(a: bigint, b: bigint): bigint {
  const q = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? q - 1n : q;
}

const ceilDiv = (a: bigint, b: bigint) => -floorDiv(-a, b);

export class LedgerTwin {
  readonly accounts = new Map<bigint, TwinAccount>();
  /** Newest sequence of each settlement applied, by "kind/instrument". */
  readonly settled = new Map<string, bigint>();

  constructor(private readonly instruments: Map<number, TwinInstrument>) {}

  apply(event: TwinEvent): TwinOutcome {
    if (event.kind === AccountEventKind.FundingSettlement || event.kind === AccountEventKind.ExpirySettlement)
      return this.settle(event);
    let account = this.accounts.get(event.account);
    if (!account) {
      account = {
        id: event.account,
        seen: new Set(),
        high: 0n,
        group: 0,
        balances: new Map(),
        positions: [],
        orders: new Map(),
        quarantined: false,
      };
      this.accounts.set(event.account, account);
    }
    if (!this.isNew(account, event.seq)) return "duplicate";
    let outcome: TwinOutcome = "applied";
    try {
      if (!this.change(account, event)) outcome = "rejected";
    } catch (error) {
      if (!(error instanceof Overflow)) throw error;
      outcome = "rejected";
    }
    if (outcome === "rejected") account.quarantined = true;
    account.seen.add(event.seq);
    if (event.seq > account.high) account.high = event.seq;
    return outcome;
  }

  // Numbers up to 64 below the highest may still come; what is older counts as seen.
  private isNew(account: TwinAccount, seq: bigint): boolean {
    if (seq > account.high) return true;
    if (account.high - seq > 64n) return false;
    return !account.seen.has(seq);
  }

  private change(account: TwinAccount, e: TwinEvent): boolean {
    switch (e.kind) {
      case AccountEventKind.Fill:
        return this.fill(account, e);
      case AccountEventKind.Transfer: {
        const balance = this.balance(account, e.instrument);
        const wallet = fits64(balance.wallet + e.amount);
        const transfers = fits64(balance.transfers + e.amount);
        balance.wallet = wallet;
        balance.transfers = transfers;
        return true;
      }
      case AccountEventKind.OrderPlaced: {
        const instrument = this.instrument(e.instrument);
        fits64(this.orderValue(instrument, e.qtyLots, e.priceTicks));
        const position = this.position(account, e);
        account.orders.delete(e.order);
        account.orders.set(e.order, { id: e.order, position, side: e.side, ticks: e.priceTicks, remaining: e.qtyLots });
        return true;
      }
      case AccountEventKind.OrderCancelled:
        account.orders.delete(e.order);
        return true;
      case AccountEventKind.AccountSettings:
        account.group = e.instrument;
        return true;
      case AccountEventKind.PositionSettings:
        this.position(account, e).leverage = e.amount;
        return true;
      case AccountEventKind.IsolatedTransfer: {
        const balance = this.balance(account, this.instrument(e.instrument).settle);
        const position = this.position(account, { ...e, flags: e.flags | 2 });
        const wallet = fits64(balance.wallet - e.amount);
        const margin = fits64(position.margin + e.amount);
        balance.wallet = wallet;
        position.margin = margin;
        return true;
      }
      default:
        return false;
    }
  }

  private fill(account: TwinAccount, e: TwinEvent): boolean {
    const instrument = this.instrument(e.instrument);
    const lots = e.side === 1 ? e.qtyLots : -e.qtyLots;
    const settle = this.balance(account, instrument.settle);
    if (instrument.kind === InstrumentKind.Spot) {
      const base = this.balance(account, instrument.base);
      const baseAfter = fits64(base.wallet + fits64(floorDiv(lots * instrument.lotNum, instrument.lotDen)));
      const settleAfter = fits64(fits64(settle.wallet + this.tradeCash(instrument, lots, e.priceTicks)) - e.amount);
      base.wallet = baseAfter;
      settle.wallet = settleAfter;
      this.reduceOrder(account, e);
      return true;
    }
    const position = this.position(account, e);
    const { qty, openCash } = position;
    let realized = 0n;
    let nextOpen: bigint;
    const nextQty = fits64(qty + lots);
    if (qty === 0n || qty > 0n === lots > 0n) nextOpen = fits64(openCash + this.tradeCash(instrument, lots, e.priceTicks));
    else {
      const size = lots < 0n ? -lots : lots;
      const held = qty < 0n ? -qty : qty;
      if (size < held) {
        const released = fits64(floorDiv(openCash * size, held));
        realized = fits64(released + this.tradeCash(instrument, lots, e.priceTicks));
        nextOpen = openCash - released;
      } else {
        realized = fits64(openCash + this.tradeCash(instrument, -qty, e.priceTicks));
        nextOpen = nextQty === 0n ? 0n : this.tradeCash(instrument, nextQty, e.priceTicks);
      }
    }
    if ((position.flags & LONG) !== 0 && nextQty < 0n) return false;
    if ((position.flags & SHORT) !== 0 && nextQty > 0n) return false;
    const realizedTotal = fits64(position.realized + realized);
    const fees = fits64(position.fees + e.amount);
    const cash = fits64(realized - e.amount);
    let wallet = settle.wallet;
    let margin = 0n;
    if ((position.flags & ISOLATED) !== 0) {
      margin = fits64(position.margin + cash);
      if (nextQty === 0n) {
        wallet = fits64(wallet + margin);
        margin = 0n;
      }
    } else wallet = fits64(wallet + cash);
    position.qty = nextQty;
    position.openCash = nextOpen;
    position.realized = realizedTotal;
    position.fees = fees;
    position.margin = margin;
    settle.wallet = wallet;
    this.reduceOrder(account, e);
    return true;
  }

  private reduceOrder(account: TwinAccount, e: TwinEvent): void {
    const order = account.orders.get(e.order);
    if (!order) return;
    order.remaining -= e.qtyLots;
    if (order.remaining <= 0n) account.orders.delete(e.order);
  }

  private settle(e: TwinEvent): TwinOutcome {
    const word = `${e.kind}/${e.instrument}`;
    if (e.seq <= (this.settled.get(word) ?? 0n)) return "duplicate";
    const instrument = this.instrument(e.instrument);
    for (const account of this.accounts.values()) {
      for (const position of [...account.positions]) {
        if (position.instrument !== e.instrument) continue;
        try {
          if (e.kind === AccountEventKind.FundingSettlement) this.fund(account, position, instrument, e);
          else this.expire(account, position, instrument, e);
        } catch (error) {
          if (!(error instanceof Overflow)) throw error;
          account.quarantined = true;
        }
      }
    }
    this.settled.set(word, e.seq);
    return "applied";
  }

  private fund(account: TwinAccount, position: TwinPosition, instrument: TwinInstrument, e: TwinEvent): void {
    if (position.qty === 0n) return;
    const size = position.qty < 0n ? -position.qty : position.qty;
    const inverse = instrument.payoff === Payoff.Inverse;
    const num = inverse ? size * instrument.valueNum : size * fits64(e.priceTicks) * instrument.valueNum;
    const den = inverse ? e.priceTicks * instrument.valueDen : instrument.valueDen;
    if (!inverse) fits64(size * e.priceTicks);
    const rate = e.amount < 0n ? -e.amount : e.amount;
    const pays = position.qty > 0n === e.amount > 0n;
    const cash = pays
      ? -fits64(ceilDiv(fits64(ceilDiv(num, den)) * rate, 10n ** 12n))
      : fits64(floorDiv(fits64(floorDiv(num, den)) * rate, 10n ** 12n));
    const funding = fits64(position.funding + cash);
    this.book(account, position, instrument, cash, false);
    position.funding = funding;
  }

  private expire(account: TwinAccount, position: TwinPosition, instrument: TwinInstrument, e: TwinEvent): void {
    let cash = 0n;
    if (position.qty !== 0n) {
      const value =
        instrument.kind === InstrumentKind.Option
          ? this.deliveryCash(instrument, position.qty, e.priceTicks)
          : this.tradeCash(instrument, -position.qty, e.priceTicks);
      cash = fits64(position.openCash + value);
    }
    this.book(account, position, instrument, cash, true);
    for (const order of [...account.orders.values()]) if (order.position === position) account.orders.delete(order.id);
    account.positions.splice(account.positions.indexOf(position), 1);
  }

  private book(account: TwinAccount, position: TwinPosition, instrument: TwinInstrument, cash: bigint, flat: boolean): void {
    const balance = this.balance(account, instrument.settle);
    if ((position.flags & ISOLATED) === 0) {
      balance.wallet = fits64(balance.wallet + cash);
      return;
    }
    const margin = fits64(position.margin + cash);
    if (flat) {
      balance.wallet = fits64(balance.wallet + margin);
      position.margin = 0n;
    } else position.margin = margin;
  }

  private instrument(id: number): TwinInstrument {
    const found = this.instruments.get(id);
    if (!found) throw new Error(`twin: instrument ${id} is not known`);
    return found;
  }

  private balance(account: TwinAccount, asset: number): { wallet: bigint; transfers: bigint } {
    let balance = account.balances.get(asset);
    if (!balance && account.balances.size >= BALANCES_PER_ACCOUNT_MAX) throw new Overflow();
    if (!balance) account.balances.set(asset, (balance = { wallet: 0n, transfers: 0n }));
    return balance;
  }

  private position(account: TwinAccount, e: TwinEvent): TwinPosition {
    const flags = ((e.flags & 2) !== 0 ? ISOLATED : 0) | ((e.flags & 4) !== 0 ? LONG : 0) | ((e.flags & 8) !== 0 ? SHORT : 0);
    let position = account.positions.find((each) => each.instrument === e.instrument && each.flags === flags);
    if (!position && account.positions.length >= POSITIONS_PER_ACCOUNT_MAX) throw new Overflow();
    if (!position) {
      position = {
        instrument: e.instrument,
        flags,
        qty: 0n,
        openCash: 0n,
        realized: 0n,
        fees: 0n,
        funding: 0n,
        margin: 0n,
        leverage: 0n,
      };
      account.positions.push(position);
    }
    return position;
  }

  private tradeCash(instrument: TwinInstrument, lots: bigint, ticks: bigint): bigint {
    if (instrument.payoff === Payoff.Inverse)
      return fits64(floorDiv(lots * instrument.valueNum, fits64(ticks * instrument.valueDen)));
    return fits64(floorDiv(fits64(-lots * ticks) * instrument.valueNum, instrument.valueDen));
  }

  private orderValue(instrument: TwinInstrument, lots: bigint, ticks: bigint): bigint {
    if (instrument.payoff === Payoff.Inverse)
      return fits64(ceilDiv(lots * instrument.valueNum, fits64(ticks * instrument.valueDen)));
    return fits64(ceilDiv(fits64(lots * ticks) * instrument.valueNum, instrument.valueDen));
  }

  private deliveryCash(instrument: TwinInstrument, lots: bigint, deliveryE8: bigint): bigint {
    const intrinsic =
      instrument.optionType === OptionType.Call ? deliveryE8 - instrument.strikeE8 : instrument.strikeE8 - deliveryE8;
    if (intrinsic <= 0n) return 0n;
    const unit = instrument.premium === Premium.Base ? deliveryE8 : 10n ** 8n;
    return fits64(floorDiv(fits64(lots * instrument.lotNum) * intrinsic, fits64(instrument.lotDen * unit)));
  }

  /** The account in the form the engine serves it, rows in a fixed order; see sortLedger(). */
  view(id: bigint): LedgerView | null {
    const account = this.accounts.get(id);
    if (!account) return null;
    let holes = 0n;
    let lost = 0n;
    for (let seq = 1n; seq < account.high; seq++) {
      if (account.seen.has(seq)) continue;
      const bit = account.high - 1n - seq;
      if (bit < 64n) holes |= 1n << bit;
      else lost++;
    }
    const sums = (position: TwinPosition, side: number) => {
      let lots = 0n;
      let value = 0n;
      for (const order of account.orders.values()) {
        if (order.position !== position || order.side !== side) continue;
        lots += order.remaining;
        value += this.orderValue(this.instrument(position.instrument), order.remaining, order.ticks);
      }
      return { lots: String(lots), value: String(value) };
    };
    return sortLedger({
      id: String(id),
      seq: String(account.high),
      holes: String(holes),
      holesLost: Number(lost),
      balances: [...account.balances].map(([assetId, { wallet, transfers }]) => ({
        assetId,
        wallet: String(wallet),
        transfers: String(transfers),
      })),
      positions: account.positions.map((position) => {
        const buy = sums(position, 1);
        const sell = sums(position, 2);
        return {
          instrumentId: position.instrument,
          flags: position.flags,
          qtyLots: String(position.qty),
          openCash: String(position.openCash),
          realizedPnl: String(position.realized),
          fees: String(position.fees),
          funding: String(position.funding),
          isolatedMargin: String(position.margin),
          leverage: String(position.leverage),
          buyLots: buy.lots,
          sellLots: sell.lots,
          buyValue: buy.value,
          sellValue: sell.value,
        };
      }),
    });
  }
}

/** Rows in ascending order of asset, instrument and flags: two ledgers are the same when these are equal. */
export function sortLedger(ledger: LedgerView): LedgerView {
  ledger.balances.sort((a, b) => a.assetId - b.assetId);
  ledger.positions.sort((a, b) => a.instrumentId - b.instrumentId || a.flags - b.flags);
  return ledger;
}
