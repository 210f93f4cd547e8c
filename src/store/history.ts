// Rows of the past, for REST: what was an account worth, what did it trade, where was the mark, what was raised. Read
// only, parametrised, bounded in time and number; the api thread has one reader with a small pool of its own. Times are
// ms since the epoch; rows come oldest first.
import type { Sql } from "postgres";
import { checkDatabaseUrl } from "./config";
import { withDeadline } from "./deadline";
import { errorCode, errorText, StoreError } from "./errors";
import { HISTORY_CONNECTIONS, HISTORY_LIMIT_DEFAULT, HISTORY_LIMIT_MAX } from "./limits";
import { connect, type Link } from "./link";

/** raw: every sample; otherwise one point a minute or an hour, the last sample in it, with the extremes between. */
export type Resolution = "raw" | "1m" | "1h";

export interface Span {
  /** ms, inclusive. */
  fromMs: number;
  /** ms, exclusive. */
  toMs: number;
  /** 1 … HISTORY_LIMIT_MAX; HISTORY_LIMIT_DEFAULT where left out. */
  limit?: number;
}

export interface HistoryOptions {
  url: string;
  /** Rows of this log only (StoreConfig.logName); null: of all logs in the database. */
  logName: string | null;
  /** ms a query may take. */
  deadlineMs?: number;
  connectDeadlineMs?: number;
}

export interface AccountRiskPoint {
  timeMs: number;
  equityUsd: number | null;
  equityMinUsd: number | null;
  equityMaxUsd: number | null;
  walletBalanceUsd: number | null;
  unrealizedPnlUsd: number | null;
  initialMarginUsd: number | null;
  maintenanceMarginUsd: number | null;
  availableUsd: number | null;
  marginRatio: number | null;
  marginRatioMax: number | null;
  grossExposureUsd: number | null;
  netExposureUsd: number | null;
  liquidationDistanceMin: number | null;
  status: string;
  /** raw: freshness of the sample; null for minutes and hours. */
  freshness: string | null;
  /** Samples the point is made of. */
  samples: number;
}

export interface PositionPoint {
  timeMs: number;
  symbol: string | null;
  instrumentId: number;
  leg: string;
  mode: "cross" | "isolated";
  qty: number;
  entryPrice: number | null;
  markPrice: number | null;
  notional: number | null;
  unrealizedPnl: number | null;
  initialMargin: number | null;
  maintenanceMargin: number | null;
  liquidationPrice: number | null;
  bankruptcyPrice: number | null;
  leverage: number | null;
  realizedPnl: number | null;
  fees: number | null;
  funding: number | null;
}

export interface FillPoint {
  timeMs: number;
  /** Hand it back as `after` for the page that follows this fill. */
  cursor: string;
  partition: number;
  offset: string;
  index: number;
  /** null: the instrument's contract is not in the database. */
  symbol: string | null;
  kind: string;
  side: string | null;
  leg: string;
  maker: boolean;
  isolated: boolean;
  reduceOnly: boolean;
  orderId: string;
  qty: number | null;
  price: number | null;
  fee: number;
  realizedPnl: number;
  positionQty: number | null;
  settle: string | null;
  /** As the ledger has them. */
  qtyLots: string;
  priceTicks: string;
  feeE8: string;
  realizedPnlE8: string;
}

export interface MarkPoint {
  timeMs: number;
  open: number | null;
  high: number | null;
  low: number | null;
  close: number | null;
  index: number | null;
  fundingRate: number | null;
  bid: number | null;
  ask: number | null;
  iv: number | null;
  samples: number;
}

export interface AlertPoint {
  /** Event time; where the alert has none, when the database took it. */
  timeMs: number;
  cursor: string;
  key: string;
  accountId: string;
  partition: number;
  offset: string;
  index: number;
  fromStatus: string;
  toStatus: string;
  freshness: string;
  equityUsd: number | null;
  initialMarginUsd: number | null;
  maintenanceMarginUsd: number | null;
  worstMarginRatio: number | null;
  instrument: string | null;
}

const DEADLINE_MS = 5000;
const CONNECT_DEADLINE_MS = 2000;

export class History {
  private link: Link | null = null;
  private readonly deadlineMs: number;

  constructor(private readonly options: HistoryOptions) {
    checkDatabaseUrl(options.url);
    this.deadlineMs = options.deadlineMs ?? DEADLINE_MS;
  }

  /**
   * An account's risk between two times.
   *
   * @throws StoreError HISTORY_BAD_QUERY (naming the parameter), HISTORY_UNAVAILABLE; here and below
   */
  async accountRisk(accountId: string, span: Span & { resolution?: Resolution }): Promise<AccountRiskPoint[]> {
    const account = checkAccount(accountId);
    const { from, to, limit } = checkSpan(span);
    const resolution = checkResolution(span.resolution);
    if (resolution === "raw") {
      return this.ask(
        (sql) => sql<AccountRiskPoint[]>`
          select
            (extract(epoch from event_time) * 1000)::float8 as "timeMs",
            equity_usd as "equityUsd", equity_usd as "equityMinUsd", equity_usd as "equityMaxUsd",
            wallet_balance_usd as "walletBalanceUsd", unrealized_pnl_usd as "unrealizedPnlUsd",
            initial_margin_usd as "initialMarginUsd", maintenance_margin_usd as "maintenanceMarginUsd",
            available_usd as "availableUsd", margin_ratio as "marginRatio", margin_ratio as "marginRatioMax",
            gross_exposure_usd as "grossExposureUsd", net_exposure_usd as "netExposureUsd",
            liquidation_distance as "liquidationDistanceMin", status, freshness, 1 as samples
          from account_risk
          where account_id = ${account} and event_time >= ${from} and event_time < ${to} and ${this.ofLog(sql)}
          order by event_time, sampled_at limit ${limit}`,
      );
    }
    return this.ask(
      (sql) => sql<AccountRiskPoint[]>`
        select
          (extract(epoch from bucket) * 1000)::float8 as "timeMs",
          equity_usd as "equityUsd", equity_min_usd as "equityMinUsd", equity_max_usd as "equityMaxUsd",
          wallet_balance_usd as "walletBalanceUsd", unrealized_pnl_usd as "unrealizedPnlUsd",
          initial_margin_usd as "initialMarginUsd", maintenance_margin_usd as "maintenanceMarginUsd",
          available_usd as "availableUsd", margin_ratio as "marginRatio", margin_ratio_max as "marginRatioMax",
          gross_exposure_usd as "grossExposureUsd", net_exposure_usd as "netExposureUsd",
          liquidation_distance_min as "liquidationDistanceMin", status, null::text as freshness, samples::float8 as samples
        from ${sql(resolution === "1m" ? "account_risk_1m" : "account_risk_1h")}
        where account_id = ${account} and bucket >= ${from} and bucket < ${to} and ${this.ofLog(sql)}
        order by bucket limit ${limit}`,
    );
  }

  /** Positions of an account as of a time: those of its newest sample at or before it. Empty where there is none. */
  async positions(accountId: string, atMs: number): Promise<PositionPoint[]> {
    const account = checkAccount(accountId);
    const at = checkTime("atMs", atMs);
    return this.ask(
      (sql) => sql<PositionPoint[]>`
        with newest as (
          select log_id, event_time, sampled_at from account_risk
          where account_id = ${account} and event_time <= ${at} and ${this.ofLog(sql)}
          order by event_time desc, sampled_at desc limit 1
        )
        select
          (extract(epoch from p.event_time) * 1000)::float8 as "timeMs",
          i.symbol, p.instrument_id as "instrumentId", p.leg,
          case when p.isolated then 'isolated' else 'cross' end as mode,
          p.qty, p.entry_price as "entryPrice", p.mark_price as "markPrice", p.notional,
          p.unrealized_pnl as "unrealizedPnl", p.initial_margin as "initialMargin",
          p.maintenance_margin as "maintenanceMargin", p.liquidation_price as "liquidationPrice",
          p.bankruptcy_price as "bankruptcyPrice", p.leverage, p.realized_pnl as "realizedPnl", p.fees, p.funding
        from newest n
        join position_risk p
          on p.account_id = ${account} and p.event_time = n.event_time and p.sampled_at = n.sampled_at and p.log_id = n.log_id
        left join instruments i on i.log_id = p.log_id and i.instrument_id = p.instrument_id
        order by p.instrument_id, p.leg, p.isolated`,
    );
  }

  /** An account's fills. `after` is the cursor of the last fill of the page before. */
  async fills(accountId: string, span: Span & { after?: string }): Promise<FillPoint[]> {
    const account = checkAccount(accountId);
    const { from, to, limit } = checkSpan(span);
    const after = span.after === undefined ? null : readCursor(span.after, 5);
    return this.ask(
      (sql) => sql<FillPoint[]>`
        select
          (extract(epoch from f.event_time) * 1000)::float8 as "timeMs",
          concat_ws('.', (extract(epoch from f.event_time) * 1000000)::bigint, f.log_id, f.log_partition, f.log_offset, f.event_index) as cursor,
          f.log_partition as partition, f.log_offset::text as "offset", f.event_index as index,
          i.symbol, f.kind, f.side, f.leg, f.maker, f.isolated, f.reduce_only as "reduceOnly", f.order_id::text as "orderId",
          f.qty_lots * i.lot_size as qty, f.price_ticks * i.tick_size as price,
          f.fee_e8 / 1e8::float8 as fee, f.realized_pnl_e8 / 1e8::float8 as "realizedPnl",
          f.position_lots * i.lot_size as "positionQty", i.settle,
          f.qty_lots::text as "qtyLots", f.price_ticks::text as "priceTicks", f.fee_e8::text as "feeE8",
          f.realized_pnl_e8::text as "realizedPnlE8"
        from fills f left join instruments i using (log_id, instrument_id)
        where f.account_id = ${account} and f.event_time >= ${from} and f.event_time < ${to} and ${this.ofLog(sql, "f")}
          and ${
            after === null
              ? sql`true`
              : sql`f.event_time >= ${timeOfUs(sql, after[0]!)}
                and (f.event_time, f.log_id, f.log_partition, f.log_offset, f.event_index)
                  > (${timeOfUs(sql, after[0]!)}, ${after[1]!}::smallint, ${after[2]!}::integer, ${after[3]!}::bigint, ${after[4]!}::integer)`
          }
        order by f.event_time, f.log_id, f.log_partition, f.log_offset, f.event_index limit ${limit}`,
    );
  }

  /** An instrument's mark between two times. */
  async marks(symbol: string, span: Span & { resolution?: Resolution }): Promise<MarkPoint[]> {
    if (typeof symbol !== "string" || symbol === "" || symbol.length > 40) throw bad("symbol", "must have 1 to 40 characters");
    const { from, to, limit } = checkSpan(span);
    const resolution = checkResolution(span.resolution);
    // A symbol has one id in a log; of several logs each has its own.
    const ids = (sql: Sql) =>
      sql`(log_id, instrument_id) in (select log_id, instrument_id from instruments where symbol = ${symbol})`;
    if (resolution === "raw") {
      return this.ask(
        (sql) => sql<MarkPoint[]>`
          select (extract(epoch from event_time) * 1000)::float8 as "timeMs", mark as open, mark as high, mark as low, mark as close,
            index_price as index, funding_rate as "fundingRate", bid, ask, iv, 1 as samples
          from marks where ${ids(sql)} and event_time >= ${from} and event_time < ${to} and ${this.ofLog(sql)}
          order by event_time, sampled_at limit ${limit}`,
      );
    }
    return this.ask(
      (sql) => sql<MarkPoint[]>`
        select (extract(epoch from bucket) * 1000)::float8 as "timeMs", mark_open as open, mark_high as high, mark_low as low,
          mark_close as close, index_close as index, funding_rate as "fundingRate", bid, ask, iv, samples::float8 as samples
        from ${sql(resolution === "1m" ? "marks_1m" : "marks_1h")}
        where ${ids(sql)} and bucket >= ${from} and bucket < ${to} and ${this.ofLog(sql)}
        order by bucket limit ${limit}`,
    );
  }

  /** Alerts of one account, or (null) of all. `after` as for fills. */
  async alerts(span: Span & { accountId: string | null; after?: string }): Promise<AlertPoint[]> {
    const account = span.accountId === null ? null : checkAccount(span.accountId);
    const { from, to, limit } = checkSpan(span);
    const after = span.after === undefined ? null : readCursor(span.after, 2);
    return this.ask(
      (sql) => sql<AlertPoint[]>`
        select
          (extract(epoch from at) * 1000)::float8 as "timeMs",
          concat_ws('.', (extract(epoch from at) * 1000000)::bigint, log_id, alert_key) as cursor,
          alert_key as key, account_id::text as "accountId", log_partition as partition, log_offset::text as "offset",
          event_index as index, from_status as "fromStatus", to_status as "toStatus", freshness, equity_usd as "equityUsd",
          initial_margin_usd as "initialMarginUsd", maintenance_margin_usd as "maintenanceMarginUsd",
          worst_margin_ratio as "worstMarginRatio", instrument
        from (select coalesce(event_time, inserted_at) as at, * from alerts) a
        where at >= ${from} and at < ${to} and ${this.ofLog(sql)}
          and ${account === null ? sql`true` : sql`account_id = ${account}`}
          and ${
            after === null
              ? sql`true`
              : sql`(at, log_id, alert_key) > (${timeOfUs(sql, after[0]!)}, ${after[1]!}::smallint, ${after[2] ?? ""}::text)`
          }
        order by at, log_id, alert_key limit ${limit}`,
    );
  }

  async close(): Promise<void> {
    await this.link?.end();
    this.link = null;
  }

  private ofLog(sql: Sql, alias?: string) {
    const { logName } = this.options;
    if (logName === null) return sql`true`;
    return sql`${sql(alias === undefined ? "log_id" : `${alias}.log_id`)} = (select l.log_id from logs l where l.name = ${logName})`;
  }

  // A failed connection is never used again; see database.ts.
  private async ask<T extends readonly object[]>(query: (sql: Sql) => Promise<T>): Promise<T[number][]> {
    this.link ??= connect({
      url: this.options.url,
      applicationName: "plimsoll-history",
      connectDeadlineMs: this.options.connectDeadlineMs ?? CONNECT_DEADLINE_MS,
      statementDeadlineMs: this.deadlineMs,
      max: HISTORY_CONNECTIONS,
      readOnly: true,
    });
    const { link } = this;
    try {
      // A little later than the server, whose own message says more.
      const rows = await withDeadline(
        query(link.sql),
        this.deadlineMs + 1000,
        () => new Error(`no answer within ${this.deadlineMs} ms`),
      );
      return rows.map((row) => ({ ...row }));
    } catch (error) {
      // An error the server sent leaves the connection sound.
      if (!/^[0-9A-Z]{5}$/.test(errorCode(error)) && this.link === link) {
        this.link = null;
        link.destroy();
      }
      throw new StoreError("HISTORY_UNAVAILABLE", `history: ${errorText(error)}`, null, { cause: error });
    }
  }
}

// µs since the epoch, as text, to a timestamptz: exactly.
function timeOfUs(sql: Sql, us: string) {
  return sql`(timestamptz 'epoch' + ${us}::bigint * interval '1 microsecond')`;
}

function bad(field: string, what: string): StoreError {
  return new StoreError("HISTORY_BAD_QUERY", `${field} ${what}`, field);
}

function checkAccount(id: string): string {
  if (!/^[1-9]\d{0,15}$/.test(id) || !Number.isSafeInteger(Number(id)))
    throw bad("accountId", "must be a decimal integer from 1 to 2^53 − 1");
  return id;
}

function checkTime(field: string, ms: number): Date {
  // Dates of JavaScript end there.
  if (typeof ms !== "number" || !Number.isFinite(ms) || Math.abs(ms) > 8.64e15)
    throw bad(field, "must be a time in ms since the epoch");
  return new Date(Math.ceil(ms));
}

function checkSpan(span: Span): { from: Date; to: Date; limit: number } {
  const from = checkTime("fromMs", span.fromMs);
  const to = checkTime("toMs", span.toMs);
  if (to <= from) throw bad("toMs", "must be later than fromMs");
  const limit = span.limit ?? HISTORY_LIMIT_DEFAULT;
  if (!Number.isInteger(limit) || limit < 1 || limit > HISTORY_LIMIT_MAX) {
    throw bad("limit", `must be a whole number from 1 to ${HISTORY_LIMIT_MAX}`);
  }
  return { from, to, limit };
}

function checkResolution(resolution: Resolution | undefined): Resolution {
  if (resolution === undefined) return "raw";
  if (!["raw", "1m", "1h"].includes(resolution)) throw bad("resolution", "must be raw, 1m or 1h");
  return resolution;
}

// Numbers joined by points; the last part of an alert's may hold more points.
function readCursor(cursor: string, numbers: number): string[] {
  const parts = cursor.split(".");
  const heads = parts.slice(0, numbers);
  if (cursor.length > 200 || heads.length < numbers || heads.some((part) => !/^-?\d{1,19}$/.test(part))) {
    throw bad("after", "must be the cursor of a row that was answered");
  }
  const rest = parts.slice(numbers).join(".");
  return rest === "" ? heads : [...heads, rest];
}
