// What a shard's memory lacks after its rows were read from a snapshot: the hashes, which follow from the rows, and rows that
// are at rest. And, once it has caught up with its log, what was alerted before.
import { AccountAt, AccountFlag, ControlAt, OrderAt } from "../../shared/layout/shard";
import { findAccount, hash64, NONE } from "./accounts";
import { accountHash, accountHashMask, accountRow, CONTROL, orderHash, orderHashMask, orderRow } from "./memory";
import { orderHome } from "./orders";

/** Finds every account and open order again. Call once, before anything is applied. */
export function rebuildIndexes(): void {
  const accountEnd = load<u32>(CONTROL, ControlAt.accountCount);
  for (let slot: u32 = 0; slot < accountEnd; ++slot) {
    const row = accountRow(slot);
    // At rest; of the flags only those that are the ledger's. Touched and AlertPending belonged to a list that is gone.
    store<u32>(row, 0, AccountAt.seq);
    store<u32>(row, load<u32>(row, AccountAt.flags) & (AccountFlag.Gap | AccountFlag.Quarantined), AccountAt.flags);
    insert(accountHash, accountHashMask, hash64(load<u64>(row, AccountAt.accountId)), slot);
  }
  const orderEnd = load<u32>(CONTROL, ControlAt.orderCount);
  for (let slot: u32 = 0; slot < orderEnd; ++slot) {
    const row = orderRow(slot);
    // A free entry belongs to no position.
    if (load<u32>(row, OrderAt.position) == 0) continue;
    insert(orderHash, orderHashMask, orderHome(load<u32>(row, OrderAt.account), load<u64>(row, OrderAt.orderId)), slot);
  }
}

function insert(table: usize, mask: u32, hash: u32, slot: u32): void {
  let at = hash & mask;
  while (load<u32>(table + (<usize>at << 2)) != 0) at = (at + 1) & mask;
  store<u32>(table + (<usize>at << 2), slot + 1);
}

/**
 * Tells an account what was last alerted for it, if that is newer than what it knows.
 * @returns false where the shard has no such account
 */
export function setAlerted(accountId: u64, seq: u32, status: u32): bool {
  const slot = findAccount(accountId);
  if (slot == NONE) return false;
  const row = accountRow(slot);
  if (seq <= load<u32>(row, AccountAt.alertSeq)) return true;
  store<u32>(row, status, AccountAt.alertedStatus);
  store<u32>(row, seq, AccountAt.alertSeq);
  return true;
}

/** Leaves a distance in the numbers of all accounts' alerts: those between may have been used and forgotten. */
export function skipAlertNumbers(by: u32): void {
  const end = load<u32>(CONTROL, ControlAt.accountCount);
  for (let slot: u32 = 0; slot < end; ++slot) {
    const row = accountRow(slot);
    store<u32>(row, load<u32>(row, AccountAt.alertSeq) + by, AccountAt.alertSeq);
  }
}
