// The ledger: a pure function of the shard's account log, in exact integers. docs/ledger.md states every rule and its
// rounding; ledger-twin.ts says the same once more in BigInt, and the tests hold both equal to the unit.
//
// A position keeps openCash, the cash that opening it brought: −cost for linear contracts, coin value at entry for
// inverse ones. Then profit = openCash + value(now), average entry (weighted or harmonic) falls out of it, and every
// division rounds the same way: towards −∞, which is against the account.
import { AccountEventKind } from "../../../schemas/generated/account-event-kind";
import { InstrumentKind } from "../../../schemas/generated/instrument-kind";
import { AccountEventAt } from "../../../schemas/generated/offsets";
import { OptionType } from "../../../schemas/generated/option-type";
import { Payoff } from "../../../schemas/generated/payoff";
import { Premium } from "../../../schemas/generated/premium";
import { InstrumentAt } from "../../shared/layout/market";
import { AccountAt, AccountFlag, BalanceAt, ControlAt, FillAt, OrderAt, PoolEntryAt, PoolEntryFlag, PositionAt, PositionFlag, PositionTermsAt } from "../../shared/layout/shard";
import { findOrAddAccount, findOrAddBalance, findOrAddPosition, findOrAddTerms, foundEntry, LIMIT, NONE, positionFlagsOf, removePosition } from "./accounts";
import { ContractAt, ContractFlag, contractOf } from "./contracts";
import { addExact, clearOverflow, mulDivCeil, mulDivFloor, mulExact, overflowed, raiseOverflow } from "./int128";
import { accountRow, balanceRow, CONTROL, count, fillRing, instrumentRow, orderRow, partition, positionRow, positionSlotOf, settlementWord, termsOf } from "./memory";
import { addOrder, countOpenOrders, findOrder, removeOrder } from "./orders";
import { copyRow, followRow, sumPools } from "./pools";
import { publish, writeSlot } from "./ring";
import { closeSettled, openRow, openSettled } from "./touched";

const UNIT: f64 = 100000000;

export const enum Applied {
  Yes = 0,
  /** Seen before: nothing changed. */
  Duplicate = 1,
  /** It cannot be applied to this account (overflow, hedge leg through zero): the account is quarantined. */
  Rejected = 2,
  /** A pool of the shard is full: the event is not applied, the shard stops. */
  ShardFull = 3,
  /** The fill ring has no room: try again when the store has read. */
  FillRingFull = 4,
}

// Fills recorded and not yet shown to the store, and how many more fit.
let fillsRecorded: u32 = 0;
// Fills applied and not yet counted.
let fillsApplied: u32 = 0;

/** After a batch of events: what was recorded becomes visible in one store, and is counted. */
export function publishFills(): void {
  if (fillsApplied != 0) count(ControlAt.fills, fillsApplied);
  if (fillsRecorded != 0) publish(fillRing, fillsRecorded);
  fillsApplied = 0;
  fillsRecorded = 0;
}

// Cash that trading `lots` (signed) at `ticks` brings to openCash.
function tradeCash(contract: usize, lots: i64, ticks: i64): i64 {
  const num = load<i64>(contract, ContractAt.valueNum);
  const den = load<i64>(contract, ContractAt.valueDen);
  if (load<u32>(contract, ContractAt.flags) & ContractFlag.Inverse) return mulDivFloor(lots, num, mulExact(ticks, den));
  return mulDivFloor(mulExact(-lots, ticks), num, den);
}

// What an open order of `lots` (> 0) at `ticks` weighs in the settle asset, rounded up.
function orderValue(contract: usize, lots: i64, ticks: i64): i64 {
  const num = load<i64>(contract, ContractAt.valueNum);
  const den = load<i64>(contract, ContractAt.valueDen);
  if (load<u32>(contract, ContractAt.flags) & ContractFlag.Inverse) return mulDivCeil(lots, num, mulExact(ticks, den));
  return mulDivCeil(mulExact(lots, ticks), num, den);
}

// Cash of settling `lots` (signed) of an option at delivery price `deliveryE8` (1e-8 quote): intrinsic value, in quote or
// (call: (S − K)/S, put: (K − S)/S) in coin.
function optionDeliveryCash(instrument: usize, lots: i64, deliveryE8: i64): i64 {
  const strike = load<i64>(instrument, InstrumentAt.strikeE8);
  const call = load<u8>(instrument, InstrumentAt.optionType) == OptionType.Call;
  const intrinsic = call ? deliveryE8 - strike : strike - deliveryE8;
  if (intrinsic <= 0) return 0;
  const size = mulExact(lots, load<i64>(instrument, InstrumentAt.lotNum));
  const lotDen = load<i64>(instrument, InstrumentAt.lotDen);
  const unit = load<u8>(instrument, InstrumentAt.premium) == Premium.Base ? deliveryE8 : 100000000;
  return mulDivFloor(size, intrinsic, mulExact(lotDen, unit));
}

/** Outcome of a sequence number for an account. */
// Window of 64 numbers below seqHigh: bit k of `holes` set means seqHigh − 1 − k is still missing.
function takeSequence(account: usize, seq: u64): bool {
  const high = load<u64>(account, AccountAt.seqHigh);
  if (seq == high + 1 && (load<u64>(account, AccountAt.holes) | <u64>load<u32>(account, AccountAt.holesLost)) == 0) {
    // Next in order, and nothing is missing: no flag changes.
    store<u64>(account, seq, AccountAt.seqHigh);
    return true;
  }
  if (seq > high) {
    const step = seq - high;
    let holes = load<u64>(account, AccountAt.holes);
    if (step == 1) {
      // The usual case: the old top moves down one place and is present.
      if (holes != 0) {
        if (holes >> 63) store<u32>(account, load<u32>(account, AccountAt.holesLost) + 1, AccountAt.holesLost);
        store<u64>(account, holes << 1, AccountAt.holes);
      }
    } else {
      count(ControlAt.gaps, 1);
      const missing = step - 1;
      let lost: u64 = 0;
      if (step >= 64) {
        lost = <u64>popcnt(holes);
        // Numbers high+1 … seq−1 are missing; the lowest of them may already lie below the window.
        holes = ~(<u64>0);
        if (step == 64) holes = (<u64>1 << 63) - 1;
        if (missing > 64) lost += missing - 64;
      } else {
        lost = <u64>popcnt(holes >> (64 - step));
        holes = (holes << step) | ((<u64>1 << missing) - 1);
      }
      store<u64>(account, holes, AccountAt.holes);
      const total = <u64>load<u32>(account, AccountAt.holesLost) + lost;
      store<u32>(account, total > 0xffffffff ? 0xffffffff : <u32>total, AccountAt.holesLost);
    }
    store<u64>(account, seq, AccountAt.seqHigh);
  } else {
    const below = high - seq;
    if (below == 0 || below > 64) return false;
    const bit = <u64>1 << (below - 1);
    const holes = load<u64>(account, AccountAt.holes);
    if ((holes & bit) == 0) return false;
    store<u64>(account, holes & ~bit, AccountAt.holes);
  }
  const gap = load<u64>(account, AccountAt.holes) != 0 || load<u32>(account, AccountAt.holesLost) != 0;
  const flags = load<u32>(account, AccountAt.flags);
  store<u32>(account, gap ? flags | AccountFlag.Gap : flags & ~AccountFlag.Gap, AccountAt.flags);
  return true;
}

// @ts-expect-error: decorator
@inline function alreadyApplied(account: usize, seq: u64): bool {
  const high = load<u64>(account, AccountAt.seqHigh);
  if (seq > high) return false;
  const below = high - seq;
  if (below == 0 || below > 64) return true;
  return (load<u64>(account, AccountAt.holes) & (<u64>1 << (below - 1))) == 0;
}

// What a change of position would lead to; computed first, stored only when nothing overflowed.
let nextLots: i64 = 0;
let nextOpenCash: i64 = 0;
let realized: i64 = 0;

// Trades `lots` (signed) at `ticks` against (qty, openCash). Sets the three variables above.
function trade(contract: usize, qty: i64, openCash: i64, lots: i64, ticks: i64): void {
  realized = 0;
  if (qty == 0 || qty > 0 == lots > 0) {
    nextLots = addExact(qty, lots);
    nextOpenCash = addExact(openCash, tradeCash(contract, lots, ticks));
    return;
  }
  const size = lots < 0 ? -lots : lots;
  const held = qty < 0 ? -qty : qty;
  if (size < held) {
    const released = mulDivFloor(openCash, size, held);
    realized = addExact(released, tradeCash(contract, lots, ticks));
    nextLots = qty + lots;
    nextOpenCash = openCash - released;
    return;
  }
  realized = addExact(openCash, tradeCash(contract, -qty, ticks));
  nextLots = qty + lots;
  nextOpenCash = nextLots == 0 ? 0 : tradeCash(contract, nextLots, ticks);
}

function reject(account: usize): Applied {
  store<u32>(account, load<u32>(account, AccountAt.flags) | AccountFlag.Quarantined, AccountAt.flags);
  count(ControlAt.rejected, 1);
  return Applied.Rejected;
}

function recordFill(event: usize, offset: i64, index: u32, realizedPnl: i64, positionLots: i64, walletAfter: i64): void {
  ++fillsApplied;
  if (load<u32>(CONTROL, ControlAt.recordFills) == 0) return;
  const record = writeSlot(fillRing, fillsRecorded);
  ++fillsRecorded;
  memory.fill(record, 0, FillAt.bytes);
  store<i64>(record, offset, FillAt.offset);
  store<u32>(record, index, FillAt.index);
  store<u32>(record, partition, FillAt.partition);
  store<u64>(record, load<u64>(event, AccountEventAt.account), FillAt.account);
  store<i64>(record, load<i64>(event, AccountEventAt.timeNs), FillAt.timeNs);
  store<u64>(record, load<u64>(event, AccountEventAt.order), FillAt.order);
  store<i64>(record, load<i64>(event, AccountEventAt.qtyLots), FillAt.qtyLots);
  store<i64>(record, load<i64>(event, AccountEventAt.priceTicks), FillAt.priceTicks);
  store<i64>(record, load<i64>(event, AccountEventAt.amount), FillAt.fee);
  store<i64>(record, realizedPnl, FillAt.realizedPnl);
  store<i64>(record, positionLots, FillAt.positionLots);
  store<u32>(record, load<u32>(event, AccountEventAt.instrument), FillAt.instrument);
  store<u8>(record, load<u8>(event, AccountEventAt.side), FillAt.side);
  store<u8>(record, load<u8>(event, AccountEventAt.kind), FillAt.kind);
  store<u16>(record, load<u16>(event, AccountEventAt.flags), FillAt.flags);
  store<i64>(record, walletAfter, FillAt.walletAfter);
}

// What is zero needs no terms.
function setIsolatedMargin(position: usize, margin: i64): void {
  if (margin != 0 || load<u32>(position, PositionAt.terms) != 0) store<i64>(findOrAddTerms(position), margin, PositionTermsAt.isolatedMargin);
}

// The open order a fill belongs to gets smaller by what was filled.
function reduceOrder(accountSlot: u32, account: usize, orderId: u64, lots: i64): void {
  // Most accounts that are filled as makers elsewhere have no order open here.
  if (load<u32>(account, AccountAt.openOrderCount) == 0) return;
  const slot = findOrder(accountSlot, orderId);
  if (slot == NONE) return;
  const row = orderRow(slot);
  const remaining = load<i64>(row, OrderAt.remainingLots);
  setOrderRemaining(account, slot, lots >= remaining ? 0 : remaining - lots);
}

// Moves the sums of the order's position along; removes the order at zero.
function setOrderRemaining(account: usize, slot: u32, remaining: i64): void {
  const row = orderRow(slot);
  const position = positionRow(load<u32>(row, OrderAt.position) - 1);
  const terms = termsOf(position);
  const contract = contractOf(<u32>load<u16>(position, PositionAt.instrument));
  const ticks = load<i64>(row, OrderAt.priceTicks);
  const before = load<i64>(row, OrderAt.remainingLots);
  const value = orderValue(contract, remaining, ticks) - orderValue(contract, before, ticks);
  if (load<u8>(row, OrderAt.side) == 1) {
    store<i64>(terms, load<i64>(terms, PositionTermsAt.buyLots) + remaining - before, PositionTermsAt.buyLots);
    store<i64>(terms, load<i64>(terms, PositionTermsAt.buyValue) + value, PositionTermsAt.buyValue);
  } else {
    store<i64>(terms, load<i64>(terms, PositionTermsAt.sellLots) + remaining - before, PositionTermsAt.sellLots);
    store<i64>(terms, load<i64>(terms, PositionTermsAt.sellValue) + value, PositionTermsAt.sellValue);
  }
  store<i64>(row, remaining, OrderAt.remainingLots);
  if (remaining == 0) {
    const left = load<u32>(terms, PositionTermsAt.openOrderCount) - 1;
    store<u32>(terms, left, PositionTermsAt.openOrderCount);
    countOpenOrders(account, -1);
    removeOrder(slot);
    if (left == 0) followRow(account, position);
  }
}

function applyFill(event: usize, account: usize, accountSlot: u32, offset: i64, index: u32): Applied {
  const instrumentId = load<u32>(event, AccountEventAt.instrument);
  const contract = contractOf(instrumentId);
  const ticks = load<i64>(event, AccountEventAt.priceTicks);
  const size = load<i64>(event, AccountEventAt.qtyLots);
  const lots = load<u8>(event, AccountEventAt.side) == 1 ? size : -size;
  const fee = load<i64>(event, AccountEventAt.amount);
  const settleSlot = findOrAddBalance(account, load<u32>(contract, ContractAt.settle));
  if (settleSlot == NONE) return Applied.ShardFull;
  if (settleSlot == LIMIT) return reject(account);
  const wallet = balanceRow(settleSlot);
  let positionLots: i64 = 0;
  let walletAfter: i64;

  if (load<u32>(contract, ContractAt.flags) & ContractFlag.Spot) {
    // Both assets change hands; nothing stays open.
    const instrument = instrumentRow(instrumentId);
    const baseSlot = findOrAddBalance(account, load<u32>(instrument, InstrumentAt.base));
    if (baseSlot == NONE) return Applied.ShardFull;
    if (baseSlot == LIMIT) return reject(account);
    const base = balanceRow(baseSlot);
    const baseDelta = mulDivFloor(lots, load<i64>(instrument, InstrumentAt.lotNum), load<i64>(instrument, InstrumentAt.lotDen));
    const baseAfter = addExact(load<i64>(base, BalanceAt.wallet), baseDelta);
    walletAfter = addExact(addExact(load<i64>(wallet, BalanceAt.wallet), tradeCash(contract, lots, ticks)), -fee);
    if (overflowed) return reject(account);
    realized = 0;
    store<i64>(base, baseAfter, BalanceAt.wallet);
    store<i64>(wallet, walletAfter, BalanceAt.wallet);
  } else {
    const flags = positionFlagsOf(load<u16>(event, AccountEventAt.flags));
    const row = findOrAddPosition(account, accountSlot, instrumentId, flags);
    if (row == 0) return Applied.ShardFull;
    if (row == LIMIT) return reject(account);
    trade(contract, load<i64>(row, PositionAt.qtyLots), load<i64>(row, PositionAt.openCash), lots, ticks);
    if ((flags & PositionFlag.Long && nextLots < 0) || (flags & PositionFlag.Short && nextLots > 0)) return reject(account);
    const realizedTotal = addExact(load<i64>(row, PositionAt.realizedPnl), realized);
    const fees = addExact(load<i64>(row, PositionAt.fees), fee);
    const cash = addExact(realized, -fee);
    walletAfter = load<i64>(wallet, BalanceAt.wallet);
    if (flags & PositionFlag.Isolated) {
      let margin = addExact(load<i64>(termsOf(row), PositionTermsAt.isolatedMargin), cash);
      // Once flat, what is left of the isolated margin goes home.
      if (nextLots == 0) {
        walletAfter = addExact(walletAfter, margin);
        margin = 0;
      }
      if (overflowed) return reject(account);
      setIsolatedMargin(row, margin);
    } else {
      walletAfter = addExact(walletAfter, cash);
      if (overflowed) return reject(account);
    }
    store<i64>(row, nextLots, PositionAt.qtyLots);
    store<i64>(row, nextOpenCash, PositionAt.openCash);
    store<i64>(row, realizedTotal, PositionAt.realizedPnl);
    store<i64>(row, fees, PositionAt.fees);
    store<i64>(wallet, walletAfter, BalanceAt.wallet);
    store<f64>(foundEntry, <f64>nextLots * load<f64>(contract, ContractAt.lotSize), PoolEntryAt.qty);
    store<f64>(foundEntry, <f64>nextOpenCash / UNIT, PoolEntryAt.openCash);
    store<u8>(foundEntry, load<u8>(foundEntry, PoolEntryAt.flags) | PoolEntryFlag.Changed, PoolEntryAt.flags);
    positionLots = nextLots;
  }
  const orderId = load<u64>(event, AccountEventAt.order);
  const profit = realized;
  if (orderId != 0) reduceOrder(accountSlot, account, orderId, size);
  recordFill(event, offset, index, profit, positionLots, walletAfter);
  return Applied.Yes;
}

function applyTransfer(event: usize, account: usize): Applied {
  const slot = findOrAddBalance(account, load<u32>(event, AccountEventAt.instrument));
  if (slot == NONE) return Applied.ShardFull;
  if (slot == LIMIT) return reject(account);
  const row = balanceRow(slot);
  const amount = load<i64>(event, AccountEventAt.amount);
  const wallet = addExact(load<i64>(row, BalanceAt.wallet), amount);
  const transfers = addExact(load<i64>(row, BalanceAt.transfers), amount);
  if (overflowed) return reject(account);
  store<i64>(row, wallet, BalanceAt.wallet);
  store<i64>(row, transfers, BalanceAt.transfers);
  return Applied.Yes;
}

function applyOrderPlaced(event: usize, account: usize, accountSlot: u32): Applied {
  const instrumentId = load<u32>(event, AccountEventAt.instrument);
  const orderId = load<u64>(event, AccountEventAt.order);
  const lots = load<i64>(event, AccountEventAt.qtyLots);
  const ticks = load<i64>(event, AccountEventAt.priceTicks);
  const value = orderValue(contractOf(instrumentId), lots, ticks);
  if (overflowed) return reject(account);
  const flags = positionFlagsOf(load<u16>(event, AccountEventAt.flags));
  const position = findOrAddPosition(account, accountSlot, instrumentId, flags);
  if (position == 0) return Applied.ShardFull;
  if (position == LIMIT) return reject(account);
  // An id that is open already is an amendment: the order as it was goes first.
  const open = findOrder(accountSlot, orderId);
  if (open != NONE) setOrderRemaining(account, open, 0);
  const buy = load<u8>(event, AccountEventAt.side) == 1;
  const held = termsOf(position);
  const sumLots = addExact(buy ? load<i64>(held, PositionTermsAt.buyLots) : load<i64>(held, PositionTermsAt.sellLots), lots);
  const sumValue = addExact(buy ? load<i64>(held, PositionTermsAt.buyValue) : load<i64>(held, PositionTermsAt.sellValue), value);
  if (overflowed) return reject(account);
  const slot = addOrder(accountSlot, orderId);
  if (slot == NONE) return Applied.ShardFull;
  const row = orderRow(slot);
  store<u32>(row, positionSlotOf(position) + 1, OrderAt.position);
  store<i64>(row, ticks, OrderAt.priceTicks);
  store<i64>(row, lots, OrderAt.remainingLots);
  store<u8>(row, buy ? 1 : 2, OrderAt.side);
  const terms = findOrAddTerms(position);
  if (buy) {
    store<i64>(terms, sumLots, PositionTermsAt.buyLots);
    store<i64>(terms, sumValue, PositionTermsAt.buyValue);
  } else {
    store<i64>(terms, sumLots, PositionTermsAt.sellLots);
    store<i64>(terms, sumValue, PositionTermsAt.sellValue);
  }
  store<u32>(terms, load<u32>(terms, PositionTermsAt.openOrderCount) + 1, PositionTermsAt.openOrderCount);
  countOpenOrders(account, 1);
  followRow(account, position);
  return Applied.Yes;
}

function applyOrderCancelled(event: usize, account: usize, accountSlot: u32): Applied {
  // An order that is not open any more was filled while the cancellation was under way: nothing to do.
  const slot = findOrder(accountSlot, load<u64>(event, AccountEventAt.order));
  if (slot != NONE) setOrderRemaining(account, slot, 0);
  return Applied.Yes;
}

function applyPositionSettings(event: usize, account: usize, accountSlot: u32): Applied {
  const flags = positionFlagsOf(load<u16>(event, AccountEventAt.flags));
  const position = findOrAddPosition(account, accountSlot, load<u32>(event, AccountEventAt.instrument), flags);
  if (position == 0) return Applied.ShardFull;
  if (position == LIMIT) return reject(account);
  store<i64>(position, load<i64>(event, AccountEventAt.amount), PositionAt.leverage);
  copyRow(foundEntry);
  return Applied.Yes;
}

function applyIsolatedTransfer(event: usize, account: usize, accountSlot: u32): Applied {
  const instrumentId = load<u32>(event, AccountEventAt.instrument);
  const flags = positionFlagsOf(load<u16>(event, AccountEventAt.flags)) | PositionFlag.Isolated;
  const walletSlot = findOrAddBalance(account, load<u32>(instrumentRow(instrumentId), InstrumentAt.settle));
  if (walletSlot == NONE) return Applied.ShardFull;
  if (walletSlot == LIMIT) return reject(account);
  const position = findOrAddPosition(account, accountSlot, instrumentId, flags);
  if (position == 0) return Applied.ShardFull;
  if (position == LIMIT) return reject(account);
  const amount = load<i64>(event, AccountEventAt.amount);
  const wallet = addExact(load<i64>(balanceRow(walletSlot), BalanceAt.wallet), -amount);
  const margin = addExact(load<i64>(termsOf(position), PositionTermsAt.isolatedMargin), amount);
  if (overflowed) return reject(account);
  store<i64>(balanceRow(walletSlot), wallet, BalanceAt.wallet);
  setIsolatedMargin(position, margin);
  return Applied.Yes;
}

// Pays or takes `cash` where the position stands: its isolated margin, or the wallet of the settle asset.
function bookSettlement(account: usize, position: usize, instrument: usize, cash: i64, flat: bool): bool {
  const slot = findOrAddBalance(account, load<u32>(instrument, InstrumentAt.settle));
  if (slot == NONE) return false;
  if (slot == LIMIT) {
    raiseOverflow();
    return true;
  }
  const wallet = balanceRow(slot);
  let walletAfter = load<i64>(wallet, BalanceAt.wallet);
  let margin: i64 = 0;
  if (<u32>load<u16>(position, PositionAt.flags) & PositionFlag.Isolated) {
    margin = addExact(load<i64>(termsOf(position), PositionTermsAt.isolatedMargin), cash);
    if (flat) {
      walletAfter = addExact(walletAfter, margin);
      margin = 0;
    }
  } else walletAfter = addExact(walletAfter, cash);
  if (overflowed) return true;
  store<i64>(wallet, walletAfter, BalanceAt.wallet);
  setIsolatedMargin(position, margin);
  return true;
}

function fundPosition(position: usize, instrument: usize, ticks: i64, rateE12: i64): bool {
  const accountSlot = load<u32>(position, PositionAt.account);
  const account = accountRow(accountSlot);
  const qty = load<i64>(position, PositionAt.qtyLots);
  const num = load<i64>(instrument, InstrumentAt.valueNum);
  const den = load<i64>(instrument, InstrumentAt.valueDen);
  const size = qty < 0 ? -qty : qty;
  const pays = qty > 0 == rateE12 > 0;
  const rate = rateE12 < 0 ? -rateE12 : rateE12;
  clearOverflow();
  // Notional and payment each round against the account: up where it pays, down where it receives.
  let a: i64 = size;
  let d: i64;
  if (load<u8>(instrument, InstrumentAt.payoff) == Payoff.Inverse) d = mulExact(ticks, den);
  else {
    a = mulExact(size, ticks);
    d = den;
  }
  const cash = pays
    ? -mulDivCeil(mulDivCeil(a, num, d), rate, 1000000000000)
    : mulDivFloor(mulDivFloor(a, num, d), rate, 1000000000000);
  const funding = addExact(load<i64>(position, PositionAt.funding), cash);
  const isOpened = openSettled(account);
  let room = true;
  if (overflowed) reject(account);
  else {
    room = bookSettlement(account, position, instrument, cash, false);
    if (overflowed) reject(account);
    else if (room) store<i64>(position, funding, PositionAt.funding);
  }
  sumPools(account);
  if (isOpened) closeSettled(account, accountSlot);
  return room;
}

function cancelOrdersOf(account: usize, positionSlot: u32): void {
  const end = load<u32>(CONTROL, ControlAt.orderCount);
  for (let slot: u32 = 0; slot < end; ++slot) {
    if (load<u32>(orderRow(slot), OrderAt.position) == positionSlot + 1) setOrderRemaining(account, slot, 0);
  }
}

function expirePosition(positionSlot: u32, instrument: usize, price: i64): bool {
  const position = positionRow(positionSlot);
  const accountSlot = load<u32>(position, PositionAt.account);
  const account = accountRow(accountSlot);
  const qty = load<i64>(position, PositionAt.qtyLots);
  const openCash = load<i64>(position, PositionAt.openCash);
  clearOverflow();
  let cash: i64 = 0;
  if (qty != 0) {
    if (load<u8>(instrument, InstrumentAt.kind) == InstrumentKind.Option) cash = addExact(openCash, optionDeliveryCash(instrument, qty, price));
    else cash = addExact(openCash, tradeCash(contractOf(<u32>load<u16>(position, PositionAt.instrument)), -qty, price));
  }
  const isOpened = openSettled(account);
  let room = true;
  if (overflowed) reject(account);
  else {
    room = bookSettlement(account, position, instrument, cash, true);
    if (overflowed) reject(account);
    else if (room) {
      store<i64>(position, 0, PositionAt.qtyLots);
      store<i64>(position, 0, PositionAt.openCash);
      if (load<u32>(termsOf(position), PositionTermsAt.openOrderCount) != 0) cancelOrdersOf(account, positionSlot);
      removePosition(account, positionSlot);
    }
  }
  sumPools(account);
  if (isOpened) closeSettled(account, accountSlot);
  return room;
}

// Funding and expiry reach every holder of the instrument in this shard.
function applySettlement(event: usize, expiry: bool): Applied {
  const instrumentId = load<u32>(event, AccountEventAt.instrument);
  const word = settlementWord(instrumentId, expiry);
  const seq = load<u64>(event, AccountEventAt.seq);
  if (seq <= load<u64>(word)) return Applied.Duplicate;
  const instrument = instrumentRow(instrumentId);
  const ticks = load<i64>(event, AccountEventAt.priceTicks);
  const rate = load<i64>(event, AccountEventAt.amount);
  const end = load<u32>(CONTROL, ControlAt.positionCount);
  for (let slot: u32 = 0; slot < end; ++slot) {
    const position = positionRow(slot);
    if (<u32>load<u16>(position, PositionAt.instrument) != instrumentId) continue;
    if (expiry) {
      if (!expirePosition(slot, instrument, ticks)) return Applied.ShardFull;
    } else if (load<i64>(position, PositionAt.qtyLots) != 0) {
      if (!fundPosition(position, instrument, ticks, rate)) return Applied.ShardFull;
    }
  }
  store<u64>(word, seq);
  return Applied.Yes;
}

/**
 * Applies one event (64 bytes at `event`, checked by ingest). Nothing is stored of an event that returns ShardFull or
 * FillRingFull, so that it can be tried again, with one exception: a settlement that meets a full balance pool has
 * reached the holders before it, and the shard stops there.
 */
export function applyEvent(event: usize, offset: i64, index: u32, fillRoom: bool): Applied {
  const kind = load<u8>(event, AccountEventAt.kind);
  if (kind == AccountEventKind.FundingSettlement || kind == AccountEventKind.ExpirySettlement) {
    const outcome = applySettlement(event, kind == AccountEventKind.ExpirySettlement);
    if (outcome == Applied.Duplicate) count(ControlAt.duplicates, 1);
    return outcome;
  }
  const accountSlot = findOrAddAccount(load<u64>(event, AccountEventAt.account));
  if (accountSlot == NONE) return Applied.ShardFull;
  const account = accountRow(accountSlot);
  const seq = load<u64>(event, AccountEventAt.seq);
  if (alreadyApplied(account, seq)) {
    count(ControlAt.duplicates, 1);
    atomic.store<u32>(account, load<u32>(account, AccountAt.duplicates) + 1, AccountAt.duplicates);
    return Applied.Duplicate;
  }
  if (kind == AccountEventKind.Fill && !fillRoom) return Applied.FillRingFull;
  clearOverflow();
  openRow(account, accountSlot);
  let outcome: Applied = Applied.Rejected;
  if (kind == AccountEventKind.Fill) outcome = applyFill(event, account, accountSlot, offset, index);
  else if (kind == AccountEventKind.Transfer) outcome = applyTransfer(event, account);
  else if (kind == AccountEventKind.OrderPlaced) outcome = applyOrderPlaced(event, account, accountSlot);
  else if (kind == AccountEventKind.OrderCancelled) outcome = applyOrderCancelled(event, account, accountSlot);
  else if (kind == AccountEventKind.AccountSettings) {
    store<u32>(account, load<u32>(event, AccountEventAt.instrument), AccountAt.group);
    outcome = Applied.Yes;
  } else if (kind == AccountEventKind.PositionSettings) outcome = applyPositionSettings(event, account, accountSlot);
  else if (kind == AccountEventKind.IsolatedTransfer) outcome = applyIsolatedTransfer(event, account, accountSlot);
  else outcome = reject(account);
  if (outcome != Applied.ShardFull) {
    takeSequence(account, seq);
    store<i64>(account, offset, AccountAt.lastOffset);
    store<u32>(account, index, AccountAt.lastIndex);
    store<i64>(account, load<i64>(event, AccountEventAt.timeNs), AccountAt.lastEventNs);
  }
  return outcome;
}
