// What must be true when the dust has settled, whatever was broken before: looked at from outside, with clients and a ledger of
// their own. Every difference is a finding, in words.
import postgres from "postgres";
import { AccountEventKind } from "../../../schemas/generated";
import { LedgerTwin, sortLedger } from "../../../src/shards/ledger-twin";
import { STATUS_NAMES } from "../../../src/shared/freshness";
import type { AccountRisk, LedgerView } from "../../../src/shared/views/types";
import type { Alert } from "../../../src/shared/wire/alert-batch-writer";
import { decodeAlerts, decodeDeadLetter } from "../../../src/shared/wire/encode";
import { type RunningEngine, servedLedgers, until } from "../../support/engine-process";
import { logEnds } from "../../support/kafka";
import { readTopic } from "../../support/read-topic";
import { decodeAccountEvents, decodeInstruments } from "../../support/twin-events";
import type { Traffic } from "./traffic";
import type { ExpectedAlert } from "./walkers";

const LIQUIDATION = 3;
/** Rows that a store has in hand at any time: samples keep coming. */
const QUEUED_MAX = 20_000;
/** Findings of one kind that are shown in full; the rest are counted. */
const SHOWN = 3;

export interface Subject {
  brokers: string;
  prefix: string;
  /** Those that run, no fault asked of them. */
  engines: RunningEngine[];
  databaseUrl: string;
  /** What went on; left out: nothing was damaged and nobody walked. */
  traffic?: Pick<Traffic, "damaged" | "walkers"> | undefined;
  /**
   * When engines were made to stand still, ms since the epoch. What one had given to Kafka's client in that moment may come late,
   * behind what its successor has told: its number says so, and it is passed over.
   */
  stoodStillMs?: readonly number[];
  /** How long the engines may take to come to the end of the log, and the database to have every row. */
  timeoutMs: number;
}

export interface Outcome {
  findings: string[];
  /** How much was compared, in words. */
  compared: string;
}

/** A shard as the engine's platform page shows it. */
export interface ShardState {
  partition: number;
  nextOffset: number;
  state: string;
}

class Findings {
  private readonly kinds = new Map<string, { count: number; first: string[] }>();

  add(kind: string, detail: string): void {
    let entry = this.kinds.get(kind);
    if (!entry) this.kinds.set(kind, (entry = { count: 0, first: [] }));
    entry.count++;
    if (entry.first.length < SHOWN) entry.first.push(detail);
  }

  list(): string[] {
    return [...this.kinds].map(
      ([kind, { count, first }]) => `${kind}: ${count} (${first.join("; ")}${count > first.length ? "; …" : ""})`,
    );
  }
}

/** All shards of these engines, once they are at the end of the log and live. */
async function caughtUp({ brokers, prefix, engines, timeoutMs }: Subject, findings: Findings): Promise<void> {
  const ends = await logEnds(brokers, `${prefix}accounts`);
  let last = "";
  const states = async () => {
    const all: ShardState[] = [];
    for (const engine of engines) all.push(...(await engine.get<{ shards: ShardState[] }>("/api/v1/platform")).shards);
    last = all.map(({ partition, nextOffset, state }) => `${partition}: ${state} at ${nextOffset}`).join(", ");
    const whole = all.length === ends.size && all.every((shard) => shard.nextOffset === ends.get(shard.partition));
    return (
      whole && all.every((shard) => shard.state === "running") && new Set(all.map((shard) => shard.partition)).size === ends.size
    );
  };
  await until("the shards are at the end of their log", states, timeoutMs).catch(() => {
    findings.add("not at the end of the log", `${last}; the log ends at ${[...ends.values()].join(", ")}`);
  });
}

interface ExpectedFill {
  account: bigint;
  qtyLots: bigint;
  priceTicks: bigint;
  positionLots: bigint;
}

/** The log as the slow twin understands it: a twin a partition, and the fills that count. */
async function replayed({ brokers, prefix }: Subject, damaged: readonly string[]) {
  const bad = new Set(damaged);
  const reference = await readTopic(brokers, `${prefix}reference`);
  const instruments = new Map(
    reference.flatMap((record) => decodeInstruments(record.value)).map((instrument) => [instrument.id, instrument]),
  );
  const twins = new Map<number, LedgerTwin>();
  const fills = new Map<string, ExpectedFill>();
  let events = 0;
  for (const { partition, offset, value } of await readTopic(brokers, `${prefix}accounts`)) {
    if (bad.has(`${prefix}accounts/${partition}/${offset}`)) continue;
    let twin = twins.get(partition);
    if (!twin) twins.set(partition, (twin = new LedgerTwin(instruments)));
    for (const [index, event] of decodeAccountEvents(value).entries()) {
      events++;
      if (twin.apply(event) !== "applied" || event.kind !== AccountEventKind.Fill) continue;
      const position = twin.accounts.get(event.account)!.positions.find((each) => each.instrument === event.instrument);
      fills.set(`${partition}/${offset}/${index}`, {
        account: event.account,
        qtyLots: event.qtyLots,
        priceTicks: event.priceTicks,
        positionLots: position?.qty ?? 0n,
      });
    }
  }
  return { twins, fills, events };
}

/** Where two values differ first, and how: ".balances[0].wallet is 1 and should be 2". */
function firstDifference(got: unknown, expected: unknown, path: string): string | null {
  if (typeof got !== "object" || typeof expected !== "object" || got === null || expected === null)
    return got === expected ? null : `${path} is ${JSON.stringify(got)} and should be ${JSON.stringify(expected)}`;
  for (const name of new Set([...Object.keys(got), ...Object.keys(expected)])) {
    const at = Array.isArray(got) ? `${path}[${name}]` : `${path}.${name}`;
    const difference = firstDifference((got as Record<string, unknown>)[name], (expected as Record<string, unknown>)[name], at);
    if (difference !== null) return difference;
  }
  return null;
}

async function compareLedgers(subject: Subject, twins: Map<number, LedgerTwin>, findings: Findings): Promise<number> {
  const served = new Map<string, LedgerView>();
  for (const engine of subject.engines) {
    for (const ledger of await servedLedgers(engine)) {
      if (served.has(ledger.id)) findings.add("account served by two engines", ledger.id);
      served.set(ledger.id, ledger);
    }
  }
  let compared = 0;
  for (const twin of twins.values()) {
    for (const id of twin.accounts.keys()) {
      compared++;
      const ours = served.get(String(id));
      served.delete(String(id));
      if (ours === undefined) findings.add("account not served", String(id));
      else {
        const difference = firstDifference(sortLedger(ours), twin.view(id), "");
        if (difference !== null) findings.add("ledger differs from the twin's", `${id}${difference}`);
      }
    }
  }
  for (const id of served.keys()) findings.add("account the log does not know", id);
  return compared;
}

const keyOf = (partition: number, alert: Pick<Alert, "account" | "alertSeq">) =>
  `${partition}/${alert.account}/${alert.alertSeq}`;

/** How long before an engine stood still what it had not sent yet can have happened. */
const UNDER_WAY_MS = 2000;

function wasUnderWay({ stoodStillMs = [] }: Subject, { timeMs }: Alert): boolean {
  return stoodStillMs.some((ms) => timeMs <= ms && timeMs > ms - UNDER_WAY_MS);
}

/** Alerts form an unbroken chain an account, each once; the walkers' are exactly those that they caused. */
async function compareAlerts(
  subject: Subject,
  walked: readonly ExpectedAlert[],
  findings: Findings,
): Promise<Map<string, Alert>> {
  const { brokers, prefix } = subject;
  const alerts = new Map<string, Alert>();
  const last = new Map<number, Alert>();
  for (const { partition, value } of await readTopic(brokers, `${prefix}alerts`)) {
    for (const alert of decodeAlerts(value)) {
      const key = keyOf(partition, alert);
      if (alert.logPartition !== partition) findings.add("alert in a foreign partition", key);
      const before = last.get(alert.account);
      if (before !== undefined && alert.alertSeq <= before.alertSeq && wasUnderWay(subject, alert)) continue;
      if (alerts.has(key)) findings.add("alert twice in Kafka", key);
      const expected = {
        seq: (before?.alertSeq ?? 0) + 1,
        from: before?.toStatus ?? 0,
      };
      if (alert.alertSeq !== expected.seq) findings.add("alert out of turn", `${key}, expected number ${expected.seq}`);
      if (alert.fromStatus !== expected.from)
        findings.add("broken chain of statuses", `${key} from ${alert.fromStatus}, expected ${expected.from}`);
      alerts.set(key, alert);
      last.set(alert.account, alert);
    }
  }
  const caused = new Map([...alerts.values()].map((alert) => [`${alert.account}/${alert.alertSeq}`, alert]));
  const counts = new Map<number, number>();
  for (const each of walked) counts.set(each.account, Math.max(counts.get(each.account) ?? 0, each.alertSeq));
  for (const { account, alertSeq, fromStatus, toStatus } of walked) {
    const got = caused.get(`${account}/${alertSeq}`);
    if (!got) findings.add("expected alert missing", `${account}/${alertSeq}`);
    else if (got.fromStatus !== fromStatus || got.toStatus !== toStatus)
      findings.add("alert is not the expected one", `${account}/${alertSeq}: ${got.fromStatus} to ${got.toStatus}`);
  }
  for (const [account, count] of counts) {
    const surplus = (last.get(account)?.alertSeq ?? 0) - count;
    if (surplus > 0) findings.add("alert nobody caused", `${account}: ${surplus} more than ${count}`);
  }
  // The last thing said about an account is what it is.
  for (const engine of subject.engines) {
    let cursor: string | null = null;
    do {
      const page: { accounts: AccountRisk[]; nextCursor: string | null } = await engine.get(
        `/api/v1/accounts?limit=500${cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      for (const { id, status } of page.accounts) {
        const said = STATUS_NAMES[last.get(Number(id))?.toStatus ?? 0];
        if (said !== status) findings.add("status that was never told", `${id} is ${status}, last alert said ${said}`);
      }
      cursor = page.nextCursor;
    } while (cursor !== null);
  }
  const signals = new Set<string>();
  for (const { partition, value } of await readTopic(brokers, `${prefix}liquidations`)) {
    for (const alert of decodeAlerts(value)) {
      const key = keyOf(partition, alert);
      if (signals.has(key) && wasUnderWay(subject, alert)) continue;
      if (signals.has(key)) findings.add("liquidation signal twice", key);
      if (!alerts.has(key)) findings.add("liquidation signal without its alert", key);
      signals.add(key);
    }
  }
  for (const [key, alert] of alerts)
    if (alert.toStatus >= LIQUIDATION && !signals.has(key)) findings.add("liquidation signal missing", key);
  return alerts;
}

interface FillRow {
  key: string;
  account: string;
  qty: string;
  price: string;
  position: string;
}

async function compareRows(
  subject: Subject,
  fills: Map<string, ExpectedFill>,
  alerts: Map<string, Alert>,
  findings: Findings,
): Promise<void> {
  const sql = postgres(subject.databaseUrl, {
    max: 1,
    onnotice: () => undefined,
  });
  try {
    const log = sql`(select log_id from logs where name like ${`%/${subject.prefix}accounts`})`;
    // What a store still has in hand, or on its disk, it brings in by itself; counting the rows meanwhile would only hold it up.
    const idle = async ({ get }: RunningEngine) => {
      const { store } = await get<{ store: { state: string; rowsQueued: number } }>("/api/v1/platform");
      return store.state === "connected" && store.rowsQueued < QUEUED_MAX;
    };
    const areIdle = async () => (await Promise.all(subject.engines.map(idle))).every(Boolean);
    await until("the stores to have written what they hold", areIdle, subject.timeoutMs).catch(() => undefined);
    await until(
      "the rows",
      async () => {
        const [row] = await sql<{ fills: string; alerts: string }[]>`
          select (select count(*) from fills where log_id = ${log}) as fills,
                 (select count(*) from alerts where log_id = ${log}) as alerts`;
        return Number(row.fills) >= fills.size && Number(row.alerts) >= alerts.size;
      },
      subject.timeoutMs,
    ).catch(() => undefined);
    const rows = await sql<FillRow[]>`
      select log_partition || '/' || log_offset || '/' || event_index as key, account_id::text as account, qty_lots::text as qty,
             price_ticks::text as price, position_lots::text as position
      from fills where log_id = ${log}`;
    const seen = new Set<string>();
    for (const row of rows) {
      if (seen.has(row.key)) findings.add("fill twice in the database", row.key);
      seen.add(row.key);
      const fill = fills.get(row.key);
      if (!fill) findings.add("fill row that no fill stands for", row.key);
      else if (
        row.account !== String(fill.account) ||
        row.qty !== String(fill.qtyLots) ||
        row.price !== String(fill.priceTicks) ||
        row.position !== String(fill.positionLots)
      )
        findings.add("fill row with other numbers", `${JSON.stringify(row)}, position ${fill.positionLots}`);
    }
    for (const key of fills.keys()) if (!seen.has(key)) findings.add("fill missing in the database", key);
    const said = await sql<{ alert_key: string; to_status: string }[]>`
      select alert_key, to_status from alerts where log_id = ${log}`;
    const known = new Map(said.map((row) => [row.alert_key, row.to_status]));
    if (known.size !== said.length) findings.add("alert twice in the database", `${said.length - known.size}`);
    for (const [key, alert] of alerts) {
      if (!known.has(key)) findings.add("alert missing in the database", key);
      else if (known.get(key) !== STATUS_NAMES[alert.toStatus])
        findings.add("alert is another one in the database", `${key}: ${known.get(key)}`);
    }
    for (const key of known.keys()) if (!alerts.has(key)) findings.add("alert in the database only", key);
  } finally {
    await sql.end();
  }
}

async function compareDeadLetters({ brokers, prefix }: Subject, damaged: readonly string[], findings: Findings): Promise<void> {
  const letters = new Set<string>();
  for (const { key, value } of await readTopic(brokers, `${prefix}dead-letter`)) {
    const letter = decodeDeadLetter(value);
    const place = `${letter.topic}/${letter.partition}/${letter.offset}`;
    if (key !== place) findings.add("dead letter under another key", `${key} is of ${place}`);
    letters.add(place);
  }
  const expected = new Set(damaged);
  for (const place of expected) if (!letters.has(place)) findings.add("refused message without its dead letter", place);
  for (const place of letters) if (!expected.has(place)) findings.add("dead letter of a good message", place);
}

/** Looks at everything. Call when the traffic has ended and the engines run undisturbed. */
export async function examine(subject: Subject): Promise<Outcome> {
  const findings = new Findings();
  const { damaged = [], walkers } = subject.traffic ?? {};
  const caused = walkers?.expected ?? [];
  await caughtUp(subject, findings);
  const { twins, fills, events } = await replayed(subject, damaged);
  const accounts = await compareLedgers(subject, twins, findings);
  const alerts = await compareAlerts(subject, caused, findings);
  await compareRows(subject, fills, alerts, findings);
  await compareDeadLetters(subject, damaged, findings);
  const counts = {
    accounts,
    events,
    fills: fills.size,
    alerts: alerts.size,
    "alerts known in advance": caused.length,
    "damaged messages": damaged.length,
  };
  const compared = Object.entries(counts).map(([what, count]) => `${count.toLocaleString("en")} ${what}`);
  return { findings: findings.list(), compared: compared.join(", ") };
}
