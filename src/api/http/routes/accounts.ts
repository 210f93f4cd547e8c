// Routes about accounts: lists, one account, its parts, the exact ledger, recent alerts.
import { STATUS_NAMES } from "../../../shared/freshness";
import type { AccountRisk, LedgerView } from "../../../shared/views/types";
import { type AccountPage, pageByDistance, pageByPlace, placeCursor } from "../../account-list";
import { headOf, readAtOneVersion, readPatiently, requireAccount } from "../../accounts";
import { isLiquidation } from "../../alert-log";
import type { ApiContext } from "../../context";
import type { ShardReader } from "../../engine";
import { LEDGER_PAGE_ENTRIES_MAX } from "../../limits";
import { route } from "../route";
import { Answers, Params, Queries } from "../schemas";

async function readRows(page: AccountPage): Promise<AccountRisk[]> {
  const rows: AccountRisk[] = [];
  for (const { shard, slot } of page.places) rows.push(await readPatiently(() => shard.account(slot)));
  return rows;
}

/** One account's head and some of its rows, all of one version. */
async function readPart<T>(context: ApiContext, accountId: string, read: (shard: ShardReader, slot: number) => T | null) {
  const { shard, slot } = requireAccount(context.engine, accountId, context.locate);
  const { account, rows } = await readPatiently(() => readAtOneVersion(shard, slot, () => read(shard, slot)));
  return { head: headOf(account), rows };
}

export const accountRoutes = [
  route({
    path: "/api/v1/accounts",
    tag: "accounts",
    summary: "Accounts, a page at a time, as the shards hold them or nearest to liquidation first",
    query: Queries.accounts,
    answer: Answers.accounts,
    handle: async ({ engine }, { query }) => {
      const status = query.status === undefined ? null : STATUS_NAMES.indexOf(query.status);
      const list = query.sort === "distance" ? pageByDistance : pageByPlace;
      const page = list(engine, query.limit, query.cursor ?? null, status, "cursor");
      return { accounts: await readRows(page), nextCursor: page.nextCursor };
    },
  }),
  route({
    path: "/api/v1/top",
    tag: "accounts",
    summary: "Accounts nearest to liquidation: what the channel risk.top pushes",
    query: Queries.top,
    answer: Answers.top,
    handle: ({ engine }, { query }) => ({ accounts: engine.topByDistance(query.limit) }),
  }),
  route({
    path: "/api/v1/alerts",
    tag: "accounts",
    summary: "The newest changes of status, newest first; older ones are in the database",
    query: Queries.alerts,
    answer: Answers.alerts,
    handle: ({ alerts }, { query }) => ({
      alerts: alerts.all.newest(query.limit, query.kind === "liquidations" ? isLiquidation : () => true),
    }),
  }),
  route({
    path: "/api/v1/ledger",
    tag: "accounts",
    summary: "The exact ledger of every account, a page at a time: for reconciliation",
    query: Queries.ledger,
    answer: Answers.ledgers,
    handle: async ({ engine }, { query }) => {
      const page = pageByPlace(engine, query.limit, query.after ?? null, null, "after");
      const ledgers: { ledger: LedgerView }[] = [];
      let entries = 0;
      for (const place of page.places) {
        const { shard, slot } = place;
        const { account, rows } = await readPatiently(() => readAtOneVersion(shard, slot, () => shard.ledger(slot)));
        ledgers.push({ ...headOf(account), ledger: rows });
        entries += rows.positions.length + rows.balances.length;
        // A page of large ledgers ends early; its cursor says where.
        if (entries >= LEDGER_PAGE_ENTRIES_MAX && place !== page.places.at(-1)) return { ledgers, nextAfter: placeCursor(place) };
      }
      return { ledgers, nextAfter: page.nextCursor };
    },
  }),
  route({
    path: "/api/v1/accounts/:accountId",
    tag: "accounts",
    summary: "One account's risk",
    query: Queries.none,
    params: Params.account,
    answer: Answers.account,
    handle: ({ engine, locate }, { params }) => {
      const { shard, slot } = requireAccount(engine, params.accountId, locate);
      return readPatiently(() => shard.account(slot));
    },
  }),
  route({
    path: "/api/v1/accounts/:accountId/positions",
    tag: "accounts",
    summary: "One account's positions with margin and liquidation prices",
    query: Queries.none,
    params: Params.account,
    answer: Answers.positions,
    handle: async (context, { params }) => {
      const { head, rows } = await readPart(context, params.accountId, (shard, slot) => shard.positions(slot));
      return { ...head, positions: rows };
    },
  }),
  route({
    path: "/api/v1/accounts/:accountId/balances",
    tag: "accounts",
    summary: "One account's wallet",
    query: Queries.none,
    params: Params.account,
    answer: Answers.balances,
    handle: async (context, { params }) => {
      const { head, rows } = await readPart(context, params.accountId, (shard, slot) => shard.balances(slot));
      return { ...head, balances: rows };
    },
  }),
  route({
    path: "/api/v1/accounts/:accountId/ledger",
    tag: "accounts",
    summary: "One account's exact ledger",
    query: Queries.none,
    params: Params.account,
    answer: Answers.ledger,
    handle: async (context, { params }) => {
      const { head, rows } = await readPart(context, params.accountId, (shard, slot) => shard.ledger(slot));
      return { ...head, ledger: rows };
    },
  }),
  route({
    path: "/api/v1/accounts/:accountId/alerts",
    tag: "accounts",
    summary: "One account's newest changes of status, newest first",
    query: Queries.accountAlerts,
    params: Params.account,
    answer: Answers.alerts,
    handle: ({ engine, alerts, locate }, { params, query }) => {
      requireAccount(engine, params.accountId, locate);
      return { alerts: alerts.all.newest(query.limit, (alert) => alert.accountId === params.accountId) };
    },
  }),
];
