// Who may see what: the one table of routes and channels. A route that is not in it cannot be registered (http/server.ts
// refuses at start), a channel kind that is not in it does not exist, and the entitlement test is generated from it.
import { ApiError } from "../errors";

/**
 * What a route or channel asks for.
 *   public   nothing
 *   key      any valid key: market data and the engine's own state
 *   account  `read:account:<id>` of the account that is asked about, or `read:all`
 *   all      `read:all`: it shows several accounts
 *   admin    `admin`
 */
export type Need = "public" | "key" | "account" | "all" | "admin";

/** The part of a route's address that names the account where `need` is "account". */
export const ACCOUNT_PARAM = "accountId";

export const ROUTE_ACCESS = {
  "GET /": "public",
  "GET /*": "public",
  "GET /docs": "public",
  "GET /docs/page.js": "public",
  "GET /docs/page.css": "public",
  "GET /openapi.json": "public",
  "GET /livez": "public",
  "GET /readyz": "public",
  "GET /metrics": "admin",
  "GET /api/v1/engine": "public",
  "GET /api/v1/stream": "public",
  "GET /api/v1/platform": "key",
  "GET /api/v1/instruments": "key",
  "GET /api/v1/instruments/:symbol": "key",
  "GET /api/v1/assets": "key",
  "GET /api/v1/margin-tables": "key",
  "GET /api/v1/groups": "key",
  "GET /api/v1/shards": "key",
  "GET /api/v1/accounts": "all",
  "GET /api/v1/top": "all",
  "GET /api/v1/alerts": "all",
  "GET /api/v1/ledger": "all",
  "GET /api/v1/accounts/:accountId": "account",
  "GET /api/v1/accounts/:accountId/positions": "account",
  "GET /api/v1/accounts/:accountId/balances": "account",
  "GET /api/v1/accounts/:accountId/ledger": "account",
  "GET /api/v1/accounts/:accountId/alerts": "account",
  "GET /api/v1/history/accounts/:accountId/risk": "account",
  "GET /api/v1/history/accounts/:accountId/positions": "account",
  "GET /api/v1/history/accounts/:accountId/fills": "account",
  "GET /api/v1/history/accounts/:accountId/alerts": "account",
  "GET /api/v1/history/alerts": "all",
  "GET /api/v1/history/instruments/:symbol/marks": "key",
} as const satisfies Record<string, Need>;

export const CHANNEL_ACCESS = {
  "risk.account": "account",
  "risk.positions": "account",
  "risk.top": "all",
  "risk.liquidations": "all",
  "risk.alerts": "all",
  market: "key",
  "platform.state": "key",
} as const satisfies Record<string, Need>;

export type RouteName = keyof typeof ROUTE_ACCESS;
export type ChannelKind = keyof typeof CHANNEL_ACCESS;

/** Somebody who asks. */
export interface Principal {
  /** Name of the key; for logs. */
  id: string;
  scopes: ReadonlySet<string>;
  /** ms since the epoch; null: never. */
  expiresMs: number | null;
}

/** Everybody, where `auth.mode` is "open". */
export const OPEN_PRINCIPAL: Principal = { id: "open", scopes: new Set(["read:all", "admin"]), expiresMs: null };

const SCOPE = /^(read:all|admin|read:account:[1-9][0-9]{0,15})$/;

export function isScope(text: string): boolean {
  return SCOPE.test(text);
}

/**
 * Lets pass or throws.
 *
 * @param principal null: nobody has authenticated
 * @param accountId the account asked about; only looked at where `need` is "account"
 * @throws ApiError AUTHORIZATION_REQUIRED, CREDENTIALS_EXPIRED, FORBIDDEN (the same whether or not the account exists)
 */
export function authorize(principal: Principal | null, need: Need, accountId: string | null, nowMs: number): void {
  if (need === "public") return;
  if (principal === null) throw new ApiError("AUTHORIZATION_REQUIRED", "this needs an API key");
  // Written so that a NaN expiry counts as expired.
  if (principal.expiresMs !== null && !(nowMs < principal.expiresMs)) {
    throw new ApiError("CREDENTIALS_EXPIRED", "the key has expired");
  }
  if (need === "key") return;
  if (need === "admin") {
    if (principal.scopes.has("admin")) return;
    throw new ApiError("FORBIDDEN", "this needs scope admin", null, { scope: "admin" });
  }
  if (principal.scopes.has("read:all")) return;
  if (need === "account" && accountId !== null && principal.scopes.has(`read:account:${accountId}`)) return;
  const scope = need === "account" ? `read:account:${accountId}` : "read:all";
  throw new ApiError("FORBIDDEN", `this needs scope ${scope}`, null, { scope });
}
