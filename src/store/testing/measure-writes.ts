// Rows a second into account_risk, four ways, interleaved in one run: straight COPY (what the store does), COPY over a
// table of the session (what it does where rows may be there already), INSERT from unnest, and INSERT of many VALUES.
//
//   npx esbuild src/store/testing/measure-writes.ts --bundle --platform=node --format=esm --packages=external \
//     --outfile=dist/measure-writes.js && node dist/measure-writes.js [rows a batch] [rounds]
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sql } from "postgres";
import type { AccountRisk } from "../../shared/views/types";
import { Batches } from "../batches";
import { copyIn } from "../copy/copy-in";
import { setLogId } from "../copy/row-reader";
import { startEmbeddedPostgres } from "../embedded";
import { encodeAccountRisk } from "../encode";
import { BATCH_ROWS_MAX } from "../limits";
import { connect } from "../link";
import { migrate } from "../migrations/runner";
import type { LoadedBatch } from "../spill/record";
import { ACCOUNT_RISK, copySql, stageCopySql, stageSql, unstageSql } from "../tables";

const FIELDS = ACCOUNT_RISK.columns.length;
const NAMES = ACCOUNT_RISK.columns.map(([name]) => name).join(", ");
/** PostgreSQL takes 65,534 parameters a statement at most. */
const VALUES_ROWS_MAX = Math.floor(65_534 / FIELDS);

const START_MS = 1_700_000_000_000;
let made = 0;

function nextAccount(): AccountRisk {
  const n = ++made;
  return {
    id: String(1 + (n % 10_000)),
    partition: n % 8,
    groupId: 0,
    freshness: "OK",
    asOfMs: START_MS + n,
    offset: n,
    index: 0,
    seq: n,
    walletBalanceUsd: Math.random() * 1e6,
    unrealizedPnlUsd: Math.random() * 1e4 - 5e3,
    equityUsd: Math.random() * 1e6,
    initialMarginUsd: Math.random() * 1e5,
    maintenanceMarginUsd: Math.random() * 1e4,
    orderMarginUsd: Math.random() * 1e3,
    availableUsd: Math.random() * 1e6,
    marginRatio: Math.random(),
    worstMarginRatio: Math.random(),
    leverage: Math.random() * 20,
    grossExposureUsd: Math.random() * 1e6,
    netExposureUsd: Math.random() * 1e6,
    liquidationDistance: Math.random(),
    nearestInstrument: "BTCUSDT",
    status: "ok",
    positionCount: 4,
    openOrderCount: 2,
    unmarkedCount: 0,
  };
}

/** The values of a row in the order of the columns. */
function values(account: AccountRisk, logId: number): unknown[] {
  const time = new Date(account.asOfMs!).toISOString();
  const { id, partition, offset, index, seq, groupId, status, freshness } = account;
  return [
    ...[logId, id, time, time, partition, offset, index, seq, groupId, status, freshness],
    ...[account.equityUsd, account.walletBalanceUsd, account.unrealizedPnlUsd, account.initialMarginUsd],
    ...[account.maintenanceMarginUsd, account.orderMarginUsd, account.availableUsd, account.marginRatio, account.leverage],
    ...[account.grossExposureUsd, account.netExposureUsd, account.liquidationDistance, account.nearestInstrument],
    ...[account.positionCount, account.openOrderCount, account.unmarkedCount],
  ];
}

function encode(accounts: AccountRisk[], logId: number): Buffer {
  let batch: LoadedBatch | undefined;
  const batches = new Batches(
    "measured",
    () => 0,
    (full) => {
      batch = full;
    },
  );
  for (const account of accounts) batches.add(ACCOUNT_RISK, (row) => encodeAccountRisk(row, account, account.asOfMs!));
  batches.flush(ACCOUNT_RISK);
  setLogId(batch!.payload, logId);
  return batch!.payload;
}

type Way = (sql: Sql, accounts: AccountRisk[], logId: number) => Promise<void>;

const WAYS: Record<string, Way> = {
  "multi-row VALUES": async (sql, accounts, logId) => {
    for (let at = 0; at < accounts.length; at += VALUES_ROWS_MAX) {
      const part = accounts.slice(at, at + VALUES_ROWS_MAX);
      const places = part.map((_, row) => `(${ACCOUNT_RISK.columns.map((__, i) => `$${row * FIELDS + i + 1}`).join(",")})`);
      const text = `insert into account_risk (${NAMES}) values ${places.join(",")} on conflict do nothing`;
      await sql.unsafe(text, part.flatMap((account) => values(account, logId)) as never[], { prepare: true });
    }
  },
  unnest: async (sql, accounts, logId) => {
    const rows = accounts.map((account) => values(account, logId));
    const arrays = ACCOUNT_RISK.columns.map((_, i) => `{${rows.map((row) => row[i] ?? "null").join(",")}}`);
    const list = ACCOUNT_RISK.columns.map(([, type], i) => `$${i + 1}::${type}[]`).join(",");
    const text = `insert into account_risk (${NAMES}) select * from unnest(${list}) on conflict do nothing`;
    await sql.unsafe(text, arrays as never[], { prepare: true });
  },
  "COPY over a stage": async (sql, accounts, logId) => {
    const payload = encode(accounts, logId);
    await sql.unsafe(stageSql(ACCOUNT_RISK));
    await copyIn(sql, stageCopySql(ACCOUNT_RISK, FIELDS), payload);
    await sql.unsafe(unstageSql(ACCOUNT_RISK, FIELDS));
  },
  "COPY straight": async (sql, accounts, logId) => {
    await copyIn(sql, copySql(ACCOUNT_RISK, FIELDS), encode(accounts, logId));
  },
};

const median = (numbers: number[]) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;

const batchRows = Math.min(BATCH_ROWS_MAX, Number(process.argv[2] ?? 2500));
const rounds = Number(process.argv[3] ?? 9);
const dataDir = await mkdtemp(join(tmpdir(), "plimsoll-measure-"));
const server = await startEmbeddedPostgres({ dataDir, port: 0 });
try {
  await migrate({ url: server.url });
  const { sql, end } = connect({
    url: server.url,
    applicationName: "measure",
    connectDeadlineMs: 5000,
    statementDeadlineMs: 60_000,
  });
  const [log] = await sql<{ log_id: number }[]>`insert into logs (name) values ('measured') returning log_id`;
  const rates = new Map(Object.keys(WAYS).map((way) => [way, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [way, write] of Object.entries(WAYS)) {
      const batches = Array.from({ length: 8 }, () => Array.from({ length: batchRows }, nextAccount));
      const started = performance.now();
      for (const batch of batches) await write(sql, batch, log!.log_id);
      // The first round warms up.
      if (round > 0) rates.get(way)!.push((8 * batchRows * 1000) / (performance.now() - started));
    }
  }
  const base = rates.get("multi-row VALUES")!;
  for (const [way, each] of rates) {
    const ratios = each.map((rate, i) => rate / base[i]!);
    const spread = `${Math.min(...ratios).toFixed(1)} … ${Math.max(...ratios).toFixed(1)}`;
    console.log(
      `${way.padEnd(18)} ${String(Math.round(median(each))).padStart(8)} rows/s   × ${median(ratios).toFixed(1)} (${spread})`,
    );
  }
  await end();
} finally {
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
}
