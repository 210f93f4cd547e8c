// The state hash of the ledger, as src/shards/snapshot/state-hash.ts defines it: the sum, over all records of the ledger, of a
// hash of each. Sums of parts add up, so a long ledger is hashed piece by piece.
import { AccountAt, AccountFlag, BalanceAt, OrderAt, PositionAt, PositionTermsAt } from "../../shared/layout/shard";
import { INSTRUMENT_SLOTS } from "../../shared/limits";
import { accountRow, balanceRow, orderRow, positionRow, settlementWord, termsOf } from "./memory";

// What a record is: its first word.
const ACCOUNT: u64 = 1;
const BALANCE: u64 = 2;
const POSITION: u64 = 3;
const ORDER: u64 = 4;
const SETTLEMENT: u64 = 5;

// @ts-expect-error: decorator
@inline function begin(tag: u64): u64 {
  return mix(0x9e3779b97f4a7c15, tag);
}

// @ts-expect-error: decorator
@inline function mix(hash: u64, word: u64): u64 {
  const h = (hash ^ word) * 0xff51afd7ed558ccd;
  return h ^ (h >> 32);
}

// @ts-expect-error: decorator
@inline function end(hash: u64): u64 {
  const h = hash * 0xc4ceb9fe1a85ec53;
  return h ^ (h >> 29);
}

// @ts-expect-error: decorator
@inline function mixField(hash: u64, row: usize, at: usize): u64 {
  return mix(hash, load<u64>(row + at));
}

function hashBalance(accountId: u64, row: usize): u64 {
  let h = mix(mix(begin(BALANCE), accountId), load<u32>(row, BalanceAt.asset));
  h = mixField(h, row, BalanceAt.wallet);
  return end(mixField(h, row, BalanceAt.transfers));
}

function hashPosition(accountId: u64, row: usize): u64 {
  let h = mix(mix(begin(POSITION), accountId), <u32>load<u16>(row, PositionAt.instrument));
  h = mix(h, <u32>load<u16>(row, PositionAt.flags));
  h = mixField(h, row, PositionAt.qtyLots);
  h = mixField(h, row, PositionAt.openCash);
  h = mixField(h, row, PositionAt.realizedPnl);
  h = mixField(h, row, PositionAt.fees);
  h = mixField(h, row, PositionAt.funding);
  h = mixField(h, termsOf(row), PositionTermsAt.isolatedMargin);
  return end(mixField(h, row, PositionAt.leverage));
}

/** Part of the hash that accounts `from` … `to − 1` are: each with its balances and positions. */
export function hashAccounts(from: u32, to: u32): u64 {
  let sum: u64 = 0;
  for (let slot = from; slot < to; ++slot) {
    const row = accountRow(slot);
    const id = load<u64>(row, AccountAt.accountId);
    let h = mix(begin(ACCOUNT), id);
    h = mixField(h, row, AccountAt.seqHigh);
    h = mixField(h, row, AccountAt.holes);
    h = mix(h, load<u32>(row, AccountAt.holesLost));
    h = mix(h, load<u32>(row, AccountAt.group));
    h = mix(h, load<u32>(row, AccountAt.flags) & AccountFlag.Quarantined ? 1 : 0);
    sum += end(h);
    let link = load<u32>(row, AccountAt.firstBalance);
    while (link != 0) {
      const balance = balanceRow(link - 1);
      sum += hashBalance(id, balance);
      link = load<u32>(balance, BalanceAt.next);
    }
    link = load<u32>(row, AccountAt.firstPosition);
    while (link != 0) {
      const position = positionRow(link - 1);
      sum += hashPosition(id, position);
      link = load<u32>(position, PositionAt.next);
    }
  }
  return sum;
}

/** Part of the hash that the open orders in entries `from` … `to − 1` are. */
export function hashOrders(from: u32, to: u32): u64 {
  let sum: u64 = 0;
  for (let slot = from; slot < to; ++slot) {
    const row = orderRow(slot);
    const link = load<u32>(row, OrderAt.position);
    if (link == 0) continue;
    const position = positionRow(link - 1);
    let h = mix(begin(ORDER), load<u64>(accountRow(load<u32>(row, OrderAt.account)), AccountAt.accountId));
    h = mixField(h, row, OrderAt.orderId);
    h = mix(h, <u32>load<u16>(position, PositionAt.instrument));
    h = mix(h, <u32>load<u16>(position, PositionAt.flags));
    h = mix(h, load<u8>(row, OrderAt.side));
    h = mixField(h, row, OrderAt.priceTicks);
    sum += end(mixField(h, row, OrderAt.remainingLots));
  }
  return sum;
}

/** Part of the hash that the newest settlements applied are. */
export function hashSettlements(): u64 {
  let sum: u64 = 0;
  for (let id: u32 = 0; id < <u32>INSTRUMENT_SLOTS; ++id) {
    for (let expiry: u32 = 0; expiry < 2; ++expiry) {
      const seq = load<u64>(settlementWord(id, expiry != 0));
      if (seq != 0) sum += end(mix(mix(mix(begin(SETTLEMENT), id), expiry), seq));
    }
  }
  return sum;
}

