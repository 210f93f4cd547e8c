// Alert rules: when somebody should look. Each asks the database one number and compares it with a limit; the rule fires
// when the number stays above the limit for the time given. For Grafana's file provisioning (deploy/grafana).
import { Queries } from "./panels";
import { POSTGRES, sql } from "./query";

export interface AlertRule {
  /** Fixed; at most 40 characters. */
  uid: string;
  title: string;
  /** One row, one number, in a column `value`. */
  sql: string;
  above: number;
  /** As Grafana writes it: "1m". */
  for: string;
  severity: "warning" | "critical";
  summary: string;
  /** What the operator does. */
  remedy: string;
}

// What engines that run have sampled lately, of whatever log.
const LATELY = "event_time > now() - interval '5 minutes'";

/** How far a counter rose in the last five minutes; a restart of the engine begins anew. */
const rise = (counter: string) => sql`
  select coalesce(sum(risen), 0)::float8 as value
  from (select max(${counter}) - min(${counter}) as risen from engine_samples where ${LATELY} group by log_id, started_at) runs`;

/** The newest value of a column, the largest of the engines that sampled in the last minute; 0 where none did. */
const newest = (expression: string) => sql`
  select coalesce(max(newest), 0)::float8 as value
  from (
    select distinct on (log_id, engine) ${expression} as newest
    from engine_samples
    where event_time > now() - interval '1 minute'
    order by log_id, engine, event_time desc
  ) engines`;

export const ALERT_RULES: readonly AlertRule[] = [
  {
    uid: "plimsoll-engine-silent",
    title: "No engine has written a sample for a minute",
    sql: "select coalesce(extract(epoch from now() - max(event_time)), 1e9)::float8 as value from engine_samples",
    above: 60,
    for: "1m",
    severity: "critical",
    summary: "The engine is down, or cannot reach the database.",
    remedy: "Look at /readyz and the engine's log. Risk may be served all the same; rows then wait in the spill files.",
  },
  {
    uid: "plimsoll-shard-not-running",
    title: "A shard is not running",
    sql: newest("shards - shards_running"),
    above: 0,
    for: "1m",
    severity: "critical",
    summary: "Accounts of a shard that does not run are not kept up to date.",
    remedy: "Look into the engine's log for the shard's fault; restart the engine.",
  },
  {
    uid: "plimsoll-accounts-liquidation",
    title: "Accounts are being liquidated",
    sql: newest("accounts_liquidation + accounts_bankrupt"),
    above: 0,
    for: "0s",
    severity: "critical",
    summary: "A pool of at least one account has equity of at most 1.05 × its maintenance margin.",
    remedy: 'See "Nearest to liquidation" on the overview.',
  },
  {
    uid: "plimsoll-dead-letters",
    title: "Messages were refused",
    sql: rise("dead_letters"),
    above: 0,
    for: "0s",
    severity: "critical",
    summary: "Messages failed verification in the last five minutes and went to the dead-letter topic.",
    remedy: "See them with plimsoll dead-letter list; correct the producer.",
  },
  {
    uid: "plimsoll-gaps",
    title: "Accounts miss events",
    sql: rise("gaps"),
    above: 0,
    for: "0s",
    severity: "warning",
    summary: "Sequence numbers of accounts had gaps in the last five minutes.",
    remedy: "Accounts with freshness GAP are not to be trusted until their producer sends what is missing.",
  },
  {
    uid: "plimsoll-lag",
    title: "The engine is behind Kafka",
    sql: newest("lag_messages"),
    above: 10_000,
    for: "1m",
    severity: "warning",
    summary: "More than 10,000 messages have waited to be read for a minute.",
    remedy: "See whether a ring is full or the machine is short of CPU.",
  },
  {
    uid: "plimsoll-latency",
    title: "Risk rows are late",
    sql: newest("latency_p99_ns / 1e6"),
    above: 50,
    for: "2m",
    severity: "warning",
    summary: "p99 from event to risk row has been above 50 ms for two minutes.",
    remedy: "See lag and rings on the overview.",
  },
  {
    uid: "plimsoll-market-old",
    title: "The market stands still",
    sql: newest("extract(epoch from event_time - market_event_time)"),
    above: 30,
    for: "1m",
    severity: "critical",
    summary: "The newest market event is older than 30 s.",
    remedy: "Look at the feed gateways. Accounts show freshness STALE meanwhile.",
  },
  {
    uid: "plimsoll-spilling",
    title: "Rows wait on disk",
    sql: newest("spill_bytes"),
    above: 0,
    for: "5m",
    severity: "warning",
    summary: "The database has been away or too slow for five minutes; rows go to the spill files.",
    remedy: "Look at the database's log, locks and disk.",
  },
  {
    uid: "plimsoll-samples-thinned",
    title: "Samples were thinned",
    sql: rise("rows_dropped"),
    above: 0,
    for: "0s",
    severity: "warning",
    summary: "The disk budget for samples was used up; the oldest lost resolution. Fills and alerts are never dropped.",
    remedy: "Bring the database back.",
  },
  {
    uid: "plimsoll-fill-ring",
    title: "A fill ring is nearly full",
    sql: newest("fill_ring_fill"),
    above: 0.8,
    for: "30s",
    severity: "critical",
    summary: "The store does not keep up with fills; when the ring is full its shard waits.",
    remedy: "See the store's state: blocked means memory and disk are full.",
  },
];

/** The provisioning file's content, and the SQL for the tests. */
export function alertProvisioning(): { file: object; queries: Queries } {
  const queries = new Queries();
  const rules = ALERT_RULES.map((rule) => {
    queries.add(rule.title, "table", ["value"], rule.sql);
    const { uid, title, severity, summary, remedy } = rule;
    const range = { from: 600, to: 0 };
    return {
      uid,
      title,
      condition: "B",
      data: [
        {
          refId: "A",
          relativeTimeRange: range,
          datasourceUid: POSTGRES.uid,
          model: { refId: "A", datasource: POSTGRES, editorMode: "code", format: "table", rawQuery: true, rawSql: rule.sql },
        },
        {
          refId: "B",
          relativeTimeRange: range,
          datasourceUid: "__expr__",
          model: {
            refId: "B",
            type: "threshold",
            expression: "A",
            datasource: { type: "__expr__", uid: "__expr__" },
            conditions: [{ evaluator: { type: "gt", params: [rule.above] } }],
          },
        },
      ],
      for: rule.for,
      noDataState: "Alerting",
      execErrState: "Error",
      labels: { severity, service: "plimsoll" },
      annotations: { summary, description: remedy },
      isPaused: false,
    };
  });
  const file = { apiVersion: 1, groups: [{ orgId: 1, name: "plimsoll", folder: "Plimsoll", interval: "30s", rules }] };
  return { file, queries };
}
