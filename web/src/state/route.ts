// What the address says the page shows: `#/` is the overview, `#/account/<id>` one account.

export type Route = { view: "overview" } | { view: "account"; accountId: string } | { view: "unknown" };

/** Whether a text can be the id of an account at all: an integer from 1 to 2^53 − 1, in decimal. */
export function isAccountId(text: string): boolean {
  return /^[1-9][0-9]{0,15}$/.test(text) && Number.isSafeInteger(Number(text));
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
