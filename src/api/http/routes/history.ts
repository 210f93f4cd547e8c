// Routes about the past: rows of the database. Without one they answer 503; live numbers do not depend on it.
import { wallMs } from "../../../shared/clock";
import { isAccountId } from "../../engine";
import { ApiError } from "../../errors";
import { askHistory } from "../history";
import { route } from "../route";
import { Answers, Params, Queries } from "../schemas";

/** An account need not be on this engine to have a past; its id must be one. */
function checkedId(accountId: string): string {
  if (!isAccountId(accountId))
    throw new ApiError("INVALID_PARAMS", "an account id is an integer from 1 to 2^53 − 1", "accountId");
  return accountId;
}

interface SpanQuery {
  fromMs: number;
  toMs?: number;
  limit: number;
}

function spanOf({ fromMs, toMs = wallMs(), limit }: SpanQuery): { fromMs: number; toMs: number; limit: number } {
  if (!(fromMs < toMs)) throw new ApiError("INVALID_PARAMS", "toMs must be later than fromMs", "toMs");
  return { fromMs, toMs, limit };
}

/** `after` for the page that follows; null where this one was not full. */
function nextAfter(rows: readonly { cursor: string }[], limit: number): string | null {
  return rows.length < limit ? null : (rows.at(-1)?.cursor ?? null);
}

export const historyRoutes = [
  route({
    path: "/api/v1/history/accounts/:accountId/risk",
    tag: "history",
    summary: "An account's risk between two times, oldest first",
    query: Queries.series,
    params: Params.account,
    answer: Answers.riskHistory,
    handle: async (context, { params, query }) => {
      const span = spanOf(query);
      const accountId = checkedId(params.accountId);
      const { resolution = "raw" } = query;
      const points = await askHistory(context, (reader) => reader.accountRisk(accountId, { ...span, resolution }));
      return { accountId, resolution, points };
    },
  }),
  route({
    path: "/api/v1/history/accounts/:accountId/positions",
    tag: "history",
    summary: "An account's positions as of a time: those of its newest sample at or before it",
    query: Queries.moment,
    params: Params.account,
    answer: Answers.pastPositions,
    handle: async (context, { params, query }) => {
      const accountId = checkedId(params.accountId);
      const positions = await askHistory(context, (reader) => reader.positions(accountId, query.atMs));
      return { accountId, atMs: query.atMs, positions };
    },
  }),
  route({
    path: "/api/v1/history/accounts/:accountId/fills",
    tag: "history",
    summary: "An account's fills between two times, oldest first, a page at a time",
    query: Queries.events,
    params: Params.account,
    answer: Answers.fills,
    handle: async (context, { params, query }) => {
      const span = spanOf(query);
      const accountId = checkedId(params.accountId);
      const after = query.after === undefined ? {} : { after: query.after };
      const fills = await askHistory(context, (reader) => reader.fills(accountId, { ...span, ...after }));
      return { accountId, fills, nextAfter: nextAfter(fills, query.limit) };
    },
  }),
  route({
    path: "/api/v1/history/accounts/:accountId/alerts",
    tag: "history",
    summary: "An account's changes of status between two times, oldest first, a page at a time",
    query: Queries.events,
    params: Params.account,
    answer: Answers.pastAlerts,
    handle: async (context, { params, query }) => {
      const span = spanOf(query);
      const accountId = checkedId(params.accountId);
      const after = query.after === undefined ? {} : { after: query.after };
      const alerts = await askHistory(context, (reader) => reader.alerts({ ...span, ...after, accountId }));
      return { alerts, nextAfter: nextAfter(alerts, query.limit) };
    },
  }),
  route({
    path: "/api/v1/history/alerts",
    tag: "history",
    summary: "All accounts' changes of status between two times, oldest first, a page at a time",
    query: Queries.events,
    answer: Answers.pastAlerts,
    handle: async (context, { query }) => {
      const span = spanOf(query);
      const after = query.after === undefined ? {} : { after: query.after };
      const alerts = await askHistory(context, (reader) => reader.alerts({ ...span, ...after, accountId: null }));
      return { alerts, nextAfter: nextAfter(alerts, query.limit) };
    },
  }),
  route({
    path: "/api/v1/history/instruments/:symbol/marks",
    tag: "history",
    summary: "An instrument's mark between two times, oldest first",
    query: Queries.series,
    params: Params.symbol,
    answer: Answers.markHistory,
    handle: async (context, { params, query }) => {
      const span = spanOf(query);
      const { resolution = "raw" } = query;
      const points = await askHistory(context, (reader) => reader.marks(params.symbol, { ...span, resolution }));
      return { symbol: params.symbol, resolution, points };
    },
  }),
];
