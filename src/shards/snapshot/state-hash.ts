// The state hash: one 64-bit number for everything that is exact in a shard's ledger. Two ledgers are the same if and, but for
// a chance of 2^-64, only if their hashes are. It is written into every snapshot and checked when one is read.
//
// Definition. The ledger is a set of records, each a list of 64-bit words (two's complement):
//
//   account     1, id, seqHigh, holes, holesLost, group, 1 if quarantined else 0
//   balance     2, account id, asset, wallet, transfers
//   position    3, account id, instrument, flags, qtyLots, openCash, realizedPnl, fees, funding, isolatedMargin, leverage
//   order       4, account id, order id, instrument, position flags, side, priceTicks, remainingLots     (open orders only)
//   settlement  5, instrument, 0 funding | 1 expiry, newest sequence applied                             (not 0)
//
// A record's hash: h = 0x9e3779b97f4a7c15; for each word w: h = (h xor w) · 0xff51afd7ed558ccd, h = h xor (h >> 32); at the
// end h = h · 0xc4ceb9fe1a85ec53, h = h xor (h >> 29); all modulo 2^64, shifts logical. The state hash is the sum of all records' hashes
// modulo 2^64: rows may lie in any order, and parts may be summed on their own.
//
// The kernel computes it over shared memory (src/shards/kernel/state-hash.ts), the slow twin over its own objects (below).
import { AccountEventKind } from "../../../schemas/generated/account-event-kind";
import { ControlAt } from "../../shared/layout/shard";
import { KERNEL_RESERVED_BYTES } from "../../shared/limits";
import type { LedgerTwin } from "../ledger-twin";

const MASK = (1n << 64n) - 1n;
const ACCOUNT = 1n;
const BALANCE = 2n;
const POSITION = 3n;
const ORDER = 4n;
const SETTLEMENT = 5n;

/** Hash of one record. */
export function recordHash(words: readonly bigint[]): bigint {
  let h = 0x9e3779b97f4a7c15n;
  for (const word of words) {
    h = ((h ^ (word & MASK)) * 0xff51afd7ed558ccdn) & MASK;
    h ^= h >> 32n;
  }
  h = (h * 0xc4ceb9fe1a85ec53n) & MASK;
  return h ^ (h >> 29n);
}

/** The state hash of the slow twin's ledger. */
export function twinStateHash(twin: LedgerTwin): bigint {
  let sum = 0n;
  const add = (...words: bigint[]) => {
    sum = (sum + recordHash(words)) & MASK;
  };
  for (const account of twin.accounts.values()) {
    const { id, group, quarantined } = account;
    const { seq, holes, holesLost } = twin.view(id)!;
    add(ACCOUNT, id, BigInt(seq), BigInt(holes), BigInt(holesLost), BigInt(group), quarantined ? 1n : 0n);
    for (const [asset, { wallet, transfers }] of account.balances) add(BALANCE, id, BigInt(asset), wallet, transfers);
    for (const p of account.positions) {
      const { qty, openCash, realized, fees, funding, margin, leverage } = p;
      add(POSITION, id, BigInt(p.instrument), BigInt(p.flags), qty, openCash, realized, fees, funding, margin, leverage);
    }
    for (const order of account.orders.values()) {
      const { instrument, flags } = order.position;
      add(ORDER, id, order.id, BigInt(instrument), BigInt(flags), BigInt(order.side), order.ticks, order.remaining);
    }
  }
  for (const [word, seq] of twin.settled) {
    const [kind, instrument] = word.split("/").map(Number);
    add(SETTLEMENT, BigInt(instrument), kind === AccountEventKind.ExpirySettlement ? 1n : 0n, seq);
  }
  return sum;
}

/** What of the kernel the hash needs. */
export interface HashingKernel {
  hashAccounts(from: number, to: number): bigint;
  hashOrders(from: number, to: number): bigint;
  hashSettlements(): bigint;
}

/** The state hash of a shard's memory, through the kernel that is attached to it. In the shard's own thread. */
export function shardStateHash(kernel: HashingKernel, memory: SharedArrayBuffer): bigint {
  const words = new Uint32Array(memory, KERNEL_RESERVED_BYTES, ControlAt.bytes / 4);
  const parts =
    kernel.hashAccounts(0, words[ControlAt.accountCount / 4]) +
    kernel.hashOrders(0, words[ControlAt.orderCount / 4]) +
    kernel.hashSettlements();
  return parts & MASK;
}

/** As it stands in files and answers: 16 hexadecimal digits. */
export function hashText(hash: bigint): string {
  return (hash & MASK).toString(16).padStart(16, "0");
}
