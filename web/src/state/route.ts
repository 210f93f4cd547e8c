// What the address says the page shows: `#/` is the overview, `#/account/<id>` one account.

export type Route = { view: "overview" } | { view: "account"; accountId: string } | { view: "unknown" };

/** Account ids are unsigned 64-bit integers in decimal, without leading zeros. */
export const ACCOUNT_ID = /^(?:0|[1-9][0-9]{0,19})$/;
const ACCOUNT_ID_MAX = 0xffff_ffff_ffff_ffffn;

/** Whether a text can be the id of an account at all. */
export function isAccountId(text: string): boolean {
  return ACCOUNT_ID.test(text) && BigInt(text) <= ACCOUNT_ID_MAX;
}

/** Reads `location.hash`. */
export function parseRoute(hash: string): Route {
  if (hash === "" || hash === "#" || hash === "#/") return { view: "overview" };
  const match = /^#\/account\/([^/]+)$/.exec(hash);
  return match !== null && isAccountId(match[1]!) ? { view: "account", accountId: match[1]! } : { view: "unknown" };
}

export const OVERVIEW_HREF = "#/";

/** The address of one account's view; of the overview where the id is none. */
export function accountHref(accountId: string): string {
  return isAccountId(accountId) ? `#/account/${accountId}` : OVERVIEW_HREF;
}
