// "Plimsoll overview": is the engine well, and where is the risk.
import { StackingMode } from "@grafana/grafana-foundation-sdk/common";
import {
  type Dashboard,
  DashboardBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from "@grafana/grafana-foundation-sdk/dashboard";
import {
  decimals,
  lines,
  link,
  numbered,
  promHeatmap,
  promLines,
  Queries,
  stat,
  statusColors,
  table,
  unit,
  variable,
} from "./panels";
import { OF_ENGINE, OF_LOG, reference, sql } from "./query";

export const OVERVIEW_UID = "plimsoll-overview";
export const ACCOUNT_UID = "plimsoll-account";

const ACCOUNT_URL = `/d/${ACCOUNT_UID}?var-account=\${__value.text}&var-log=\${log:percentencode}`;

/** One line a counter: its rate between neighbouring samples of one engine run. */
const rate = (counter: string, name: string) =>
  `(${counter} - lag(${counter}) over run) / nullif(extract(epoch from event_time - lag(event_time) over run), 0)::float8 as "${name}"`;

export function overview(): { dashboard: Dashboard; queries: Queries } {
  const queries = new Queries();
  const sampled = (title: string, columns: readonly string[], select: string) =>
    queries.add(
      title,
      "time_series",
      ["time", ...columns],
      sql`
        select event_time as time,
          ${select}
        from engine_samples
        where $__timeFilter(event_time) and ${OF_ENGINE}
        window run as (partition by started_at order by event_time)
        order by event_time`,
    );
  const newest = (title: string, column: string, expression: string) =>
    queries.add(
      title,
      "table",
      [column],
      sql`
        select ${expression} as "${column}"
        from engine_samples
        where $__timeFilter(event_time) and ${OF_ENGINE}
        order by event_time desc limit 1`,
    );

  const builder = new DashboardBuilder("Plimsoll overview")
    .uid(OVERVIEW_UID)
    .tags(["plimsoll"])
    .description("Is the engine well, and where is the risk.")
    .timezone("browser")
    .refresh("5s")
    .time({ from: "now-15m", to: "now" })
    .readonly()
    .withVariable(
      variable("log", "Log", queries.add("log", "table", ["name"], "select name from logs order by first_seen desc")).sort(
        VariableSort.Disabled,
      ),
    )
    .withVariable(
      variable(
        "engine",
        "Engine",
        queries.add(
          "engine",
          "table",
          ["engine"],
          `select distinct engine from engine_samples where $__timeFilter(event_time) and ${OF_LOG} order by engine`,
        ),
        VariableRefresh.OnTimeRangeChanged,
      ).description("Engines that wrote samples in the time range. Engine, lag, equity and counts of accounts are those of one."),
    )
    .withVariable(
      variable(
        "symbol",
        "Instruments",
        queries.add(
          "symbol",
          "table",
          ["symbol"],
          `select distinct symbol from instruments where kind <> 'option' and ${OF_LOG} order by symbol`,
        ),
      )
        .multi(true)
        .includeAll(true)
        .current({ text: ["All"], value: ["$__all"] }),
    )

    .withRow(new RowBuilder("Now"))
    .withPanel(stat("Accounts", newest("Accounts", "accounts", "accounts"), { unit: "short" }))
    .withPanel(stat("Equity", newest("Equity", "equity", "equity_usd"), { unit: "currencyUSD" }))
    .withPanel(
      stat("Maintenance margin", newest("Maintenance margin", "maintenance margin", "maintenance_margin_usd"), {
        unit: "currencyUSD",
      }),
    )
    .withPanel(
      stat("Being liquidated", newest("Being liquidated", "accounts", "accounts_liquidation + accounts_bankrupt"), {
        unit: "short",
        steps: [
          [null, "green"],
          [1, "red"],
        ],
        description: "Accounts with status liquidation or bankrupt.",
      }),
    )
    .withPanel(
      stat("Lag", newest("Lag", "messages", "lag_messages"), {
        unit: "short",
        steps: [
          [null, "green"],
          [1000, "yellow"],
          [100_000, "red"],
        ],
        description: "Messages in Kafka that have not been read yet.",
      }),
    )
    .withPanel(
      stat(
        "Newest market event",
        newest("Newest market event", "age", "extract(epoch from event_time - market_event_time)::float8"),
        {
          unit: "s",
          steps: [
            [null, "green"],
            [5, "yellow"],
            [30, "red"],
          ],
          description: "Age of the newest event on the market topic when it was sampled.",
        },
      ),
    )

    .withRow(new RowBuilder("Engine"))
    .withPanel(
      lines(
        "Events a second",
        sampled(
          "Events a second",
          ["events", "messages", "valuations", "fills"],
          [
            rate("events_applied", "events"),
            rate("messages", "messages"),
            rate("valuations", "valuations"),
            rate("fills", "fills"),
          ].join(",\n          "),
        ),
        { unit: "ops", min: 0, description: "Applied account events, Kafka messages of all topics, accounts valued, fills." },
      ),
    )
    .withPanel(lines("Messages behind", sampled("Messages behind", ["lag"], "lag_messages as lag"), { unit: "short", min: 0 }))
    .withPanel(
      lines(
        "Latency",
        sampled(
          "Latency",
          ["p50", "p99", "p99.9", "max"],
          'latency_p50_ns as p50, latency_p99_ns as p99, latency_p999_ns as "p99.9", latency_max_ns as max',
        ),
        {
          unit: "ns",
          min: 0,
          description: "Event received to risk row published, of the time between two samples. Empty where nothing happened.",
        },
      ),
    )
    .withPanel(
      promHeatmap("Latency, all of it", "sum by (le) (rate(plimsoll_event_to_row_seconds_bucket[$__rate_interval]))", {
        unit: "s",
        description: "From Prometheus.",
      }),
    )
    .withPanel(
      lines(
        "Rings, the fullest of each kind",
        sampled(
          "Rings",
          ["input", "fills", "alerts"],
          "input_ring_fill as input, fill_ring_fill as fills, alert_ring_fill as alerts",
        ),
        {
          unit: "percentunit",
          min: 0,
          max: 1,
          steps: [
            [null, "green"],
            [0.8, "red"],
          ],
        },
      ),
    )
    .withPanel(
      lines(
        "Refused and missing",
        sampled(
          "Refused and missing",
          ["dead letters", "rejected", "gaps", "duplicates"],
          [
            'dead_letters - lag(dead_letters) over run as "dead letters"',
            "rejected - lag(rejected) over run as rejected",
            "gaps - lag(gaps) over run as gaps",
            "duplicates - lag(duplicates) over run as duplicates",
          ].join(",\n          "),
        ),
        {
          unit: "short",
          min: 0,
          bars: true,
          description: "How many came between two samples. Dead letters are kept byte for byte in their topic.",
        },
      ),
    )
    .withPanel(
      lines(
        "Rows into the database",
        sampled(
          "Rows into the database",
          ["written/s", "waiting", "dropped"],
          [rate("rows_written", "written/s"), "rows_queued as waiting", "rows_dropped as dropped"].join(",\n          "),
        ),
        { unit: "short", min: 0, description: "Dropped are samples only, thinned when their disk budget was used up." },
      ),
    )
    .withPanel(
      lines("Spill files", sampled("Spill files", ["bytes"], "spill_bytes as bytes"), {
        unit: "bytes",
        min: 0,
        description: "Rows on disk that the database has not taken yet.",
      }),
    )
    .withPanel(
      promLines(
        "Process",
        [
          ["rate(process_cpu_seconds_total[$__rate_interval])", "CPU seconds a second"],
          ["nodejs_eventloop_lag_p99_seconds", "event loop lag p99, api thread"],
        ],
        { unit: "short", min: 0, description: "From Prometheus." },
      ),
    )
    .withPanel(
      promLines(
        "Stream",
        [
          ["plimsoll_stream_clients", "clients"],
          ["rate(plimsoll_stream_frames_total[$__rate_interval])", "frames a second"],
        ],
        { unit: "short", min: 0, description: "From Prometheus." },
      ),
    )

    .withRow(new RowBuilder("Accounts"))
    .withPanel(
      lines(
        "Equity and margin",
        sampled(
          "Equity and margin",
          ["equity", "initial margin", "maintenance margin", "gross exposure"],
          'equity_usd as equity, initial_margin_usd as "initial margin", maintenance_margin_usd as "maintenance margin", gross_exposure_usd as "gross exposure"',
        ),
        { unit: "currencyUSD", description: "Sums over all accounts of the engine." },
      ),
    )
    .withPanel(
      lines(
        "Accounts by status",
        sampled(
          "Accounts by status",
          ["warning", "reduce-only", "liquidation", "bankrupt"],
          [
            "accounts_warning as warning",
            'accounts_reduce_only as "reduce-only"',
            "accounts_liquidation as liquidation",
            "accounts_bankrupt as bankrupt",
          ].join(",\n          "),
        ),
        { unit: "short", min: 0, stack: StackingMode.Normal, description: "Accounts that are ok are not shown." },
      ),
    )
    .withPanel(
      table(
        "Nearest to liquidation",
        queries.add(
          "Nearest to liquidation",
          "table",
          [
            "account",
            "status",
            "distance",
            "nearest",
            "equity",
            "maintenance margin",
            "margin ratio",
            "exposure",
            "freshness",
            "as of",
          ],
          sql`
            select account_id::text as account, status, liquidation_distance as distance, nearest_instrument as nearest,
              equity_usd as equity, maintenance_margin_usd as "maintenance margin", worst_margin_ratio as "margin ratio",
              gross_exposure_usd as exposure, freshness, event_time as "as of"
            from (
              select distinct on (account_id) *
              from account_risk
              where event_time > $__timeTo()::timestamptz - interval '2 minutes' and event_time <= $__timeTo() and ${OF_LOG}
              order by account_id, event_time desc, sampled_at desc
            ) newest
            where liquidation_distance is not null or status <> 'ok'
            order by (status in ('liquidation', 'bankrupt')) desc, liquidation_distance nulls last
            limit 25`,
        ),
        {
          height: 10,
          description:
            "Newest sample of each account, of the last two minutes of the time range, of all engines. The margin ratio is that of the worst pool.",
          columns: {
            account: [link("Show the account", ACCOUNT_URL)],
            status: statusColors(),
            distance: [unit("percentunit"), decimals(2)],
            equity: [unit("currencyUSD")],
            "maintenance margin": [unit("currencyUSD")],
            "margin ratio": [unit("percentunit"), decimals(1)],
            exposure: [unit("currencyUSD")],
          },
        },
      ),
    )
    .withPanel(
      table(
        "Alerts",
        queries.add(
          "Alerts",
          "table",
          ["at", "account", "from", "to", "freshness", "equity", "maintenance margin", "instrument"],
          sql`
            select coalesce(event_time, inserted_at) as at, account_id::text as account, from_status as from, to_status as to,
              freshness, equity_usd as equity, maintenance_margin_usd as "maintenance margin", instrument
            from alerts
            where $__timeFilter(coalesce(event_time, inserted_at)) and ${OF_LOG}
            order by 1 desc
            limit 200`,
        ),
        {
          columns: {
            account: [link("Show the account", ACCOUNT_URL)],
            to: statusColors(),
            equity: [unit("currencyUSD")],
            "maintenance margin": [unit("currencyUSD")],
          },
        },
      ),
    )

    .withRow(new RowBuilder("Market"))
    .withPanel(
      lines(
        "Marks",
        queries.add(
          "Marks",
          "time_series",
          ["time", "metric", "mark"],
          sql`
            select $__timeGroupAlias(m.event_time, $__interval), i.symbol as metric,
              (array_agg(m.mark order by m.sampled_at desc))[1] as mark
            from marks m join instruments i using (log_id, instrument_id)
            where $__timeFilter(m.event_time) and m.${OF_LOG} and i.symbol in (${reference("symbol")})
            group by 1, 2
            order by 1`,
        ),
        { unit: "short", description: "The last mark of each interval." },
      ),
    )
    .withPanel(
      lines(
        "Mark over index",
        queries.add(
          "Mark over index",
          "time_series",
          ["time", "metric", "basis"],
          sql`
            select $__timeGroupAlias(m.event_time, $__interval), i.symbol as metric,
              (array_agg(m.mark / nullif(m.index_price, 0) - 1 order by m.sampled_at desc))[1] as basis
            from marks m join instruments i using (log_id, instrument_id)
            where $__timeFilter(m.event_time) and m.${OF_LOG} and i.symbol in (${reference("symbol")})
            group by 1, 2
            order by 1`,
        ),
        { unit: "percentunit", description: "Mark ÷ index − 1." },
      ),
    )
    .withPanel(
      lines(
        "Funding rate",
        queries.add(
          "Funding rate",
          "time_series",
          ["time", "metric", "funding"],
          sql`
            select m.bucket as time, i.symbol as metric, m.funding_rate as funding
            from marks_1m m join instruments i using (log_id, instrument_id)
            where $__timeFilter(m.bucket) and m.${OF_LOG} and i.kind = 'perpetual' and i.symbol in (${reference("symbol")})
            order by 1`,
        ),
        { unit: "percentunit" },
      ),
    )
    .withPanel(
      lines(
        "Fills a minute",
        queries.add(
          "Fills a minute",
          "time_series",
          ["time", "metric", "fills"],
          sql`
            select f.bucket as time, i.symbol as metric, f.fills
            from fills_1m f join instruments i using (log_id, instrument_id)
            where $__timeFilter(f.bucket) and f.${OF_LOG} and i.symbol in (${reference("symbol")})
            order by 1`,
        ),
        { unit: "short", min: 0, bars: true, stack: StackingMode.Normal },
      ),
    );
  return { dashboard: numbered(builder.build()), queries };
}
