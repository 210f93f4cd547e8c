// The tables the store writes: columns in the order rows are encoded. migrations/ makes them; a test holds both
// together. The first column of each is log_id, put in just before a batch is sent (the number is the database's,
// the name is the engine's). Columns are only ever appended, so that a spill file of an older version still goes in.

export type ColumnType = "bool" | "int2" | "int4" | "int8" | "float8" | "timestamptz" | "text" | "jsonb";

export interface Table {
  /** What stands for the table in a spill record; never used twice. */
  readonly code: number;
  readonly name: string;
  readonly columns: readonly (readonly [name: string, type: ColumnType])[];
  /** Unique key, as in the migration: what makes a row written twice count once. */
  readonly key: readonly string[];
  /** nothing: the row is there already. update: a dimension, the newest wins. */
  readonly onConflict: "nothing" | "update";
  /** journal: never dropped. samples: thinned when the budget is used up. */
  readonly lane: "journal" | "samples";
  /** Samples only: thinning keeps the newest of these in each window. */
  readonly thinBy?: string;
}

export const FILLS: Table = {
  code: 1,
  name: "fills",
  lane: "journal",
  onConflict: "nothing",
  key: ["account_id", "event_time", "log_id", "log_partition", "log_offset", "event_index"],
  columns: [
    ["log_id", "int2"],
    ["log_partition", "int4"],
    ["log_offset", "int8"],
    ["event_index", "int4"],
    ["event_time", "timestamptz"],
    ["account_id", "int8"],
    ["instrument_id", "int4"],
    ["kind", "text"],
    ["side", "text"],
    ["leg", "text"],
    ["maker", "bool"],
    ["isolated", "bool"],
    ["reduce_only", "bool"],
    ["order_id", "int8"],
    ["qty_lots", "int8"],
    ["price_ticks", "int8"],
    ["fee_e8", "int8"],
    ["realized_pnl_e8", "int8"],
    ["position_lots", "int8"],
    ["wallet_e8", "int8"],
  ],
};

export const ALERTS: Table = {
  code: 2,
  name: "alerts",
  lane: "journal",
  onConflict: "nothing",
  key: ["log_id", "alert_key"],
  columns: [
    ["log_id", "int2"],
    ["alert_key", "text"],
    ["event_time", "timestamptz"],
    ["account_id", "int8"],
    ["log_partition", "int4"],
    ["log_offset", "int8"],
    ["event_index", "int4"],
    ["from_status", "text"],
    ["to_status", "text"],
    ["freshness", "text"],
    ["equity_usd", "float8"],
    ["initial_margin_usd", "float8"],
    ["maintenance_margin_usd", "float8"],
    ["worst_margin_ratio", "float8"],
    ["instrument", "text"],
  ],
};

export const INSTRUMENTS: Table = {
  code: 3,
  name: "instruments",
  lane: "journal",
  onConflict: "update",
  key: ["log_id", "instrument_id"],
  columns: [
    ["log_id", "int2"],
    ["instrument_id", "int4"],
    ["symbol", "text"],
    ["kind", "text"],
    ["payoff", "text"],
    ["premium", "text"],
    ["option_type", "text"],
    ["base", "text"],
    ["quote", "text"],
    ["settle", "text"],
    ["contract_size", "float8"],
    ["tick_size", "float8"],
    ["lot_size", "float8"],
    ["strike", "float8"],
    ["expiry", "timestamptz"],
    ["margin_table_id", "int4"],
  ],
};

export const ACCOUNT_RISK: Table = {
  code: 4,
  name: "account_risk",
  lane: "samples",
  onConflict: "nothing",
  key: ["account_id", "event_time", "sampled_at", "log_id"],
  thinBy: "account_id",
  columns: [
    ["log_id", "int2"],
    ["account_id", "int8"],
    ["event_time", "timestamptz"],
    ["sampled_at", "timestamptz"],
    ["log_partition", "int4"],
    ["log_offset", "int8"],
    ["event_index", "int4"],
    ["account_seq", "int8"],
    ["group_id", "int4"],
    ["status", "text"],
    ["freshness", "text"],
    ["equity_usd", "float8"],
    ["wallet_balance_usd", "float8"],
    ["unrealized_pnl_usd", "float8"],
    ["initial_margin_usd", "float8"],
    ["maintenance_margin_usd", "float8"],
    ["order_margin_usd", "float8"],
    ["available_usd", "float8"],
    ["margin_ratio", "float8"],
    ["leverage", "float8"],
    ["gross_exposure_usd", "float8"],
    ["net_exposure_usd", "float8"],
    ["liquidation_distance", "float8"],
    ["nearest_instrument", "text"],
    ["position_count", "int4"],
    ["open_order_count", "int4"],
    ["unmarked_count", "int4"],
    ["worst_margin_ratio", "float8"],
  ],
};

export const POSITION_RISK: Table = {
  code: 5,
  name: "position_risk",
  lane: "samples",
  onConflict: "nothing",
  key: ["account_id", "event_time", "sampled_at", "instrument_id", "leg", "isolated", "log_id"],
  thinBy: "account_id",
  columns: [
    ["log_id", "int2"],
    ["account_id", "int8"],
    ["instrument_id", "int4"],
    ["leg", "text"],
    ["isolated", "bool"],
    ["event_time", "timestamptz"],
    ["sampled_at", "timestamptz"],
    ["qty", "float8"],
    ["entry_price", "float8"],
    ["mark_price", "float8"],
    ["notional", "float8"],
    ["unrealized_pnl", "float8"],
    ["initial_margin", "float8"],
    ["maintenance_margin", "float8"],
    ["liquidation_price", "float8"],
    ["bankruptcy_price", "float8"],
    ["leverage", "float8"],
    ["isolated_margin", "float8"],
    ["realized_pnl", "float8"],
    ["fees", "float8"],
    ["funding", "float8"],
    ["open_buy_qty", "float8"],
    ["open_sell_qty", "float8"],
  ],
};

export const MARKS: Table = {
  code: 6,
  name: "marks",
  lane: "samples",
  onConflict: "nothing",
  key: ["instrument_id", "event_time", "sampled_at", "log_id"],
  thinBy: "instrument_id",
  columns: [
    ["log_id", "int2"],
    ["instrument_id", "int4"],
    ["event_time", "timestamptz"],
    ["sampled_at", "timestamptz"],
    ["freshness", "text"],
    ["mark", "float8"],
    ["mark_time", "timestamptz"],
    ["index_price", "float8"],
    ["funding_rate", "float8"],
    ["next_funding", "timestamptz"],
    ["bid", "float8"],
    ["bid_qty", "float8"],
    ["ask", "float8"],
    ["ask_qty", "float8"],
    ["last_price", "float8"],
    ["last_qty", "float8"],
    ["volume", "float8"],
    ["trade_count", "float8"],
    ["iv", "float8"],
    ["underlying", "float8"],
    ["book_state", "text"],
  ],
};

export const ENGINE_SAMPLES: Table = {
  code: 7,
  name: "engine_samples",
  lane: "samples",
  onConflict: "nothing",
  key: ["log_id", "started_at", "event_time"],
  thinBy: "started_at",
  columns: [
    ["log_id", "int2"],
    ["event_time", "timestamptz"],
    ["started_at", "timestamptz"],
    ["engine", "text"],
    ["version", "text"],
    ["market_event_time", "timestamptz"],
    ["account_event_time", "timestamptz"],
    ["shards", "int4"],
    ["shards_running", "int4"],
    ["equity_usd", "float8"],
    ["unrealized_pnl_usd", "float8"],
    ["initial_margin_usd", "float8"],
    ["maintenance_margin_usd", "float8"],
    ["gross_exposure_usd", "float8"],
    ["accounts", "int8"],
    ["accounts_warning", "int8"],
    ["accounts_reduce_only", "int8"],
    ["accounts_liquidation", "int8"],
    ["accounts_bankrupt", "int8"],
    ["positions", "int8"],
    ["open_orders", "int8"],
    ["events_applied", "int8"],
    ["batches_applied", "int8"],
    ["duplicates", "int8"],
    ["gaps", "int8"],
    ["rejected", "int8"],
    ["valuations", "int8"],
    ["fills", "int8"],
    ["alerts", "int8"],
    ["dead_letters", "int8"],
    ["messages", "int8"],
    ["lag_messages", "int8"],
    ["input_ring_fill", "float8"],
    ["fill_ring_fill", "float8"],
    ["alert_ring_fill", "float8"],
    ["latency_p50_ns", "float8"],
    ["latency_p99_ns", "float8"],
    ["latency_p999_ns", "float8"],
    ["latency_max_ns", "float8"],
    ["rows_written", "int8"],
    ["rows_queued", "int8"],
    ["rows_dropped", "int8"],
    ["spill_bytes", "int8"],
    ["counters", "jsonb"],
  ],
};

export const TABLES: readonly Table[] = [FILLS, ALERTS, INSTRUMENTS, ACCOUNT_RISK, POSITION_RISK, MARKS, ENGINE_SAMPLES];

const BY_CODE = new Map(TABLES.map((table) => [table.code, table]));

export function tableByCode(code: number): Table | undefined {
  return BY_CODE.get(code);
}

export function columnIndex(table: Table, name: string): number {
  const index = table.columns.findIndex(([column]) => column === name);
  if (index < 0) throw new RangeError(`${table.name} has no column ${name}`);
  return index;
}

// The first `fields` columns: a record of an older version has fewer.
function columnList(table: Table, fields: number): string {
  return table.columns
    .slice(0, fields)
    .map(([name]) => name)
    .join(", ");
}

/** Straight into the table: the fast way. Fails as a whole where one row is there already. */
export function copySql(table: Table, fields: number): string {
  return `copy ${table.name} (${columnList(table, fields)}) from stdin (format binary)`;
}

/** The careful way, in three statements: a table of the session, the same COPY into it, and the rows that are new. */
export function stageSql(table: Table): string {
  const stage = `pg_temp.stage_${table.name}`;
  const columns = table.columns.map(([name, type]) => `${name} ${type}`).join(", ");
  return `create temporary table if not exists stage_${table.name} (${columns}); truncate ${stage}`;
}

export function stageCopySql(table: Table, fields: number): string {
  return `copy pg_temp.stage_${table.name} (${columnList(table, fields)}) from stdin (format binary)`;
}

export function unstageSql(table: Table, fields: number): string {
  const columns = columnList(table, fields);
  const key = table.key.join(", ");
  const stage = `pg_temp.stage_${table.name}`;
  if (table.onConflict === "nothing") {
    return `insert into ${table.name} (${columns}) select ${columns} from ${stage} on conflict (${key}) do nothing`;
  }
  // A dimension may come twice in one batch; the last one holds. ctid is the order of arrival in the stage.
  const set = table.columns
    .slice(0, fields)
    .filter(([name]) => !table.key.includes(name))
    .map(([name]) => `${name} = excluded.${name}`)
    .join(", ");
  return (
    `insert into ${table.name} (${columns}) select distinct on (${key}) ${columns} from ${stage} order by ${key}, ctid desc ` +
    `on conflict (${key}) do update set ${set}, updated_at = now()`
  );
}
