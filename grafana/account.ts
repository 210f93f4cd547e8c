// "Plimsoll account": one account, what it is worth, holds and did.
import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardLinkBuilder,
  DashboardLinkType,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { LIQUIDATION_AT, REDUCE_ONLY_AT, WARNING_AT } from "../src/risk/portfolio/status";
import { ACCOUNT_UID, OVERVIEW_UID } from "./overview";
import { decimals, lines, numbered, Queries, type Steps, stat, states, statusColors, table, unit, variable } from "./panels";
import { OF_LOG, POSTGRES, reference, sql } from "./query";

const OF_ACCOUNT = `account_id = ${reference("account")}::bigint`;

/** Where the status changes, as the colours of STATUS_COLORS. */
const RATIO_STEPS: Steps = [
  [null, "green"],
  [1 / WARNING_AT, "yellow"],
  [1 / REDUCE_ONLY_AT, "orange"],
  [1 / LIQUIDATION_AT, "red"],
];

export function account(): { dashboard: Dashboard; queries: Queries } {
  const queries = new Queries();
  const newest = (title: string, column: string, expression: string) =>
    queries.add(
      title,
      "table",
      [column],
      sql`
        select ${expression} as "${column}"
        from account_risk
        where ${OF_ACCOUNT} and $__timeFilter(event_time) and ${OF_LOG}
        order by event_time desc, sampled_at desc limit 1`,
    );
  // The last sample of each interval: what was, not a mean of it.
  const over = (title: string, columns: readonly [name: string, column: string][]) =>
    queries.add(
      title,
      "time_series",
      ["time", ...columns.map(([name]) => name)],
      sql`
        select $__timeGroupAlias(event_time, $__interval),
          ${columns.map(([name, column]) => `(array_agg(${column} order by sampled_at desc))[1] as "${name}"`).join(",\n          ")}
        from account_risk
        where ${OF_ACCOUNT} and $__timeFilter(event_time) and ${OF_LOG}
        group by 1
        order by 1`,
    );
  const alerts = queries.add(
    "Alerts (annotation)",
    "table",
    ["time", "text", "tags"],
    sql`
      select coalesce(event_time, inserted_at) as time, from_status || ' → ' || to_status as text, to_status as tags
      from alerts
      where ${OF_ACCOUNT} and $__timeFilter(coalesce(event_time, inserted_at)) and ${OF_LOG}
      order by 1`,
  );

  const builder = new DashboardBuilder("Plimsoll account")
    .uid(ACCOUNT_UID)
    .tags(["plimsoll"])
    .description("One account: what it is worth, holds and did.")
    .timezone("browser")
    .refresh("5s")
    .time({ from: "now-15m", to: "now" })
    .readonly()
    .link(
      new DashboardLinkBuilder("Overview")
        .type(DashboardLinkType.Link)
        .url(`/d/${OVERVIEW_UID}?var-log=\${log:percentencode}`)
        .keepTime(true),
    )
    .withVariable(
      variable("log", "Log", queries.add("log", "table", ["name"], "select name from logs order by first_seen desc")).sort(
        VariableSort.Disabled,
      ),
    )
    .withVariable(
      variable(
        "account",
        "Account",
        queries.add(
          "account",
          "table",
          ["account"],
          sql`
            select account_id::text as account
            from account_risk
            where event_time > $__timeTo()::timestamptz - interval '2 minutes' and event_time <= $__timeTo() and ${OF_LOG}
            group by account_id
            order by account_risk.account_id
            limit 1000`,
        ),
        VariableRefresh.OnTimeRangeChanged,
      ).description("Accounts sampled in the last two minutes of the time range; any other id can be typed in."),
    )
    .annotation(
      new AnnotationQueryBuilder()
        .name("Alerts")
        .datasource(POSTGRES)
        .enable(true)
        .iconColor("red")
        .target(alerts as never),
    )

    .withRow(new RowBuilder("Now"))
    .withPanel(stat("Status", newest("Status", "status", "status"), { text: true }))
    .withPanel(stat("Equity", newest("Equity", "equity", "equity_usd"), { unit: "currencyUSD" }))
    .withPanel(
      stat("Margin ratio", newest("Margin ratio", "margin ratio", "worst_margin_ratio"), {
        unit: "percentunit",
        steps: RATIO_STEPS,
        description: `Maintenance margin ÷ equity of the worst pool, which the status goes by: liquidation from ${(100 / LIQUIDATION_AT).toFixed(1)} % on. Empty where a pool is bankrupt.`,
      }),
    )
    .withPanel(
      stat("To liquidation", newest("To liquidation", "distance", "liquidation_distance"), {
        unit: "percentunit",
        steps: [
          [null, "red"],
          [0.02, "yellow"],
          [0.1, "green"],
        ],
        description: "Smallest distance of a mark to its liquidation price. Empty where no position has one.",
      }),
    )
    .withPanel(stat("Positions", newest("Positions", "positions", "position_count"), { unit: "short" }))
    .withPanel(
      stat("Freshness", newest("Freshness", "freshness", "freshness"), {
        text: true,
        description: "How far the numbers may be trusted: OK, STALE, GAP, QUARANTINED, RECOVERING.",
      }),
    )

    .withRow(new RowBuilder("Over time"))
    .withPanel(
      lines(
        "Equity and margin",
        over("Equity and margin", [
          ["equity", "equity_usd"],
          ["wallet", "wallet_balance_usd"],
          ["initial margin", "initial_margin_usd"],
          ["maintenance margin", "maintenance_margin_usd"],
          ["available", "available_usd"],
        ]),
        { unit: "currencyUSD" },
      ),
    )
    .withPanel(
      lines(
        "Margin ratio",
        over("Margin ratio over time", [
          ["worst pool", "worst_margin_ratio"],
          ["all pools", "margin_ratio"],
        ]),
        { unit: "percentunit", min: 0, steps: RATIO_STEPS, description: "Maintenance margin ÷ equity." },
      ),
    )
    .withPanel(
      lines(
        "Exposure",
        over("Exposure", [
          ["gross", "gross_exposure_usd"],
          ["net", "net_exposure_usd"],
        ]),
        { unit: "currencyUSD" },
      ),
    )
    .withPanel(
      lines("Unrealised PnL", over("Unrealised PnL", [["unrealised PnL", "unrealized_pnl_usd"]]), { unit: "currencyUSD" }),
    )
    .withPanel(
      states(
        "Status over time",
        queries.add(
          "Status over time",
          "time_series",
          ["time", "status"],
          sql`
            select event_time as time, status
            from account_risk
            where ${OF_ACCOUNT} and $__timeFilter(event_time) and ${OF_LOG}
            order by event_time, sampled_at`,
        ),
      ),
    )

    .withRow(new RowBuilder("Positions and fills"))
    .withPanel(
      table(
        "Positions",
        queries.add(
          "Positions table",
          "table",
          [
            "symbol",
            "leg",
            "mode",
            "qty",
            "entry",
            "mark",
            "notional",
            "unrealised PnL",
            "initial margin",
            "maintenance margin",
            "liquidation price",
            "leverage",
            "realised PnL",
            "fees",
            "funding",
            "settle",
          ],
          sql`
            with newest as (
              select log_id, account_id, event_time, sampled_at
              from account_risk
              where ${OF_ACCOUNT} and $__timeFilter(event_time) and ${OF_LOG}
              order by event_time desc, sampled_at desc limit 1
            )
            select i.symbol, p.leg, case when p.isolated then 'isolated' else 'cross' end as mode, p.qty, p.entry_price as entry,
              p.mark_price as mark, p.notional, p.unrealized_pnl as "unrealised PnL", p.initial_margin as "initial margin",
              p.maintenance_margin as "maintenance margin", p.liquidation_price as "liquidation price", p.leverage,
              p.realized_pnl as "realised PnL", p.fees, p.funding, i.settle
            from newest join position_risk p using (log_id, account_id, event_time, sampled_at)
            left join instruments i using (log_id, instrument_id)
            order by abs(p.notional) desc nulls last`,
        ),
        {
          description: "As of the account's newest sample in the time range. Money is in the settle asset.",
          columns: { leverage: [decimals(1)] },
        },
      ),
    )
    .withPanel(
      lines(
        "Realised PnL and fees, added up",
        queries.add(
          "Realised PnL and fees",
          "time_series",
          ["time", "realised PnL", "fees"],
          sql`
            select f.event_time as time,
              sum(f.realized_pnl_e8 / 1e8::float8 * coalesce(a.price, 1)) over (order by f.event_time, f.log_offset, f.event_index) as "realised PnL",
              sum(f.fee_e8 / 1e8::float8 * coalesce(a.price, 1)) over (order by f.event_time, f.log_offset, f.event_index) as fees
            from fills f
            left join instruments i using (log_id, instrument_id)
            left join lateral (select case when i.payoff = 'inverse' then f.price_ticks * i.tick_size end as price) a on true
            where f.${OF_ACCOUNT} and $__timeFilter(f.event_time) and f.${OF_LOG}
            order by f.event_time`,
        ),
        {
          span: 24,
          unit: "short",
          description:
            "Of the fills in the time range, from zero. In the quote asset: what an inverse contract settles in coin is taken at the fill's price.",
        },
      ),
    )
    .withPanel(
      table(
        "Fills",
        queries.add(
          "Fills",
          "table",
          ["at", "symbol", "side", "qty", "price", "fee", "realised PnL", "position", "wallet", "settle", "maker", "order"],
          sql`
            select event_time as at, symbol, side, qty, price, fee, realized_pnl as "realised PnL", position_qty as position,
              wallet, settle, maker, order_id::text as order
            from fill_history
            where ${OF_ACCOUNT} and $__timeFilter(event_time) and ${OF_LOG}
            order by event_time desc, log_offset desc, event_index desc
            limit 500`,
        ),
      ),
    )
    .withPanel(
      table(
        "Alerts",
        queries.add(
          "Alerts",
          "table",
          ["at", "from", "to", "freshness", "equity", "maintenance margin", "instrument"],
          sql`
            select coalesce(event_time, inserted_at) as at, from_status as from, to_status as to, freshness, equity_usd as equity,
              maintenance_margin_usd as "maintenance margin", instrument
            from alerts
            where ${OF_ACCOUNT} and $__timeFilter(coalesce(event_time, inserted_at)) and ${OF_LOG}
            order by 1 desc
            limit 200`,
        ),
        { columns: { to: statusColors(), equity: [unit("currencyUSD")], "maintenance margin": [unit("currencyUSD")] } },
      ),
    );
  return { dashboard: numbered(builder.build()), queries };
}
