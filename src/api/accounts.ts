// Reading one account out of shared memory: the account row and what hangs on it, all of one version, so that a position
// is never shown beside the equity of another moment.
import { setTimeout as pause } from "node:timers/promises";
import type { Freshness } from "../shared/freshness";
import type { AccountRisk } from "../shared/views/types";
import type { AccountLocation, EngineReader, ShardReader } from "./engine";
import { isAccountId } from "./engine";
import { ApiError } from "./errors";
import { CONSISTENT_READ_TRIES } from "./limits";

/** What every answer about an account carries. */
export interface AccountHead {
  accountId: string;
  partition: number;
  freshness: Freshness;
  asOfMs: number | null;
  offset: number;
  index: number;
}

export function headOf(account: AccountRisk): AccountHead {
  const { id, partition, freshness, asOfMs, offset, index } = account;
  return { accountId: id, partition, freshness, asOfMs, offset, index };
}

/**
 * The account row and `read`'s rows, both of the same version.
 *
 * @returns null where the account kept changing for CONSISTENT_READ_TRIES tries
 */
export function readAtOneVersion<T>(
  shard: ShardReader,
  slot: number,
  read: () => T | null,
): { account: AccountRisk; rows: T } | null {
  for (let tries = 0; tries < CONSISTENT_READ_TRIES; tries++) {
    const before = shard.accountVersion(slot);
    const account = shard.account(slot);
    if (account === null) continue;
    const rows = read();
    if (rows !== null && shard.accountVersion(slot) === before) return { account, rows };
  }
  return null;
}

/**
 * Finds an account or says why not.
 *
 * @throws ApiError INVALID_PARAMS (not an account id), ACCOUNT_NOT_FOUND, ACCOUNT_ELSEWHERE (`locate` knows its engine)
 */
export function requireAccount(
  engine: EngineReader,
  accountId: string,
  locate: (accountId: string) => AccountLocation | null,
): { shard: ShardReader; slot: number } {
  if (!isAccountId(accountId)) {
    throw new ApiError("INVALID_PARAMS", "an account id is an integer from 1 to 2^53 − 1", "accountId");
  }
  const found = engine.findAccount(accountId);
  if (found !== null) return found;
  const location = locate(accountId);
  if (location !== null) {
    throw new ApiError("ACCOUNT_ELSEWHERE", `account ${accountId} is on engine ${location.engine}`, "accountId", { ...location });
  }
  throw new ApiError("ACCOUNT_NOT_FOUND", `no account ${accountId} on this engine`, "accountId");
}

/** ms between two tries at rows that kept changing, and how often. */
const BUSY_PAUSE_MS = 2;
const BUSY_TRIES = 50;

/**
 * Repeats a read that came back empty because its rows kept changing, letting the thread do other work in between.
 *
 * @throws ApiError TEMPORARILY_UNAVAILABLE after about 100 ms
 */
export async function readPatiently<T>(read: () => T | null): Promise<T> {
  for (let tries = 0; tries < BUSY_TRIES; tries++) {
    const result = read();
    if (result !== null) return result;
    await pause(BUSY_PAUSE_MS);
  }
  throw new ApiError("TEMPORARILY_UNAVAILABLE", "the account is changing too fast to be read right now");
}
