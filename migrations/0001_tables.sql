-- Tables, the same with and without TimescaleDB. docs/store.md says what each column means.
--
-- Every sample and fill has one index besides BRIN: its unique key, which begins with what people ask by (account or
-- instrument) and the time. Columns stand widest first, so that PostgreSQL pads nothing.

-- One row for each Kafka log ever read: offsets mean something within their log only.
create table logs (
  log_id smallint generated always as identity primary key,
  name text not null unique check (name <> ''),
  first_seen timestamptz not null default now()
);

create table instruments (
  contract_size double precision not null,
  tick_size double precision not null,
  lot_size double precision not null,
  strike double precision,
  expiry timestamptz,
  updated_at timestamptz not null default now(),
  instrument_id integer not null,
  margin_table_id integer not null,
  log_id smallint not null,
  symbol text not null,
  kind text not null,
  payoff text not null,
  premium text,
  option_type text,
  base text not null,
  quote text not null,
  settle text not null,
  primary key (log_id, instrument_id)
);

-- Exact: lots, ticks and 1e-8 of the settle asset, as in the ledger. The view fill_history shows natural units.
create table fills (
  account_id bigint not null,
  event_time timestamptz not null,
  log_offset bigint not null,
  order_id bigint not null,
  qty_lots bigint not null,
  price_ticks bigint not null,
  fee_e8 bigint not null,
  realized_pnl_e8 bigint not null,
  position_lots bigint not null,
  wallet_e8 bigint not null,
  inserted_at timestamptz not null default now(),
  log_partition integer not null,
  event_index integer not null,
  instrument_id integer not null,
  log_id smallint not null,
  maker boolean not null,
  isolated boolean not null,
  reduce_only boolean not null,
  kind text not null,
  side text,
  leg text not null,
  primary key (account_id, event_time, log_id, log_partition, log_offset, event_index)
);
create index fills_event_time on fills using brin (event_time);
create index fills_inserted_at on fills using brin (inserted_at);

create table alerts (
  event_time timestamptz,
  account_id bigint not null,
  log_offset bigint not null,
  equity_usd double precision,
  initial_margin_usd double precision,
  maintenance_margin_usd double precision,
  margin_ratio double precision,
  inserted_at timestamptz not null default now(),
  log_partition integer not null,
  event_index integer not null,
  log_id smallint not null,
  alert_key text not null,
  from_status text not null,
  to_status text not null,
  freshness text not null,
  instrument text,
  primary key (log_id, alert_key)
);
create index alerts_account on alerts (account_id, event_time);
create index alerts_event_time on alerts (event_time);

create table account_risk (
  account_id bigint not null,
  event_time timestamptz not null,
  sampled_at timestamptz not null,
  log_offset bigint not null,
  account_seq bigint not null,
  equity_usd double precision,
  wallet_balance_usd double precision,
  unrealized_pnl_usd double precision,
  initial_margin_usd double precision,
  maintenance_margin_usd double precision,
  order_margin_usd double precision,
  available_usd double precision,
  margin_ratio double precision,
  leverage double precision,
  gross_exposure_usd double precision,
  net_exposure_usd double precision,
  liquidation_distance double precision,
  inserted_at timestamptz not null default now(),
  log_partition integer not null,
  event_index integer not null,
  group_id integer not null,
  position_count integer not null,
  open_order_count integer not null,
  unmarked_count integer not null,
  log_id smallint not null,
  status text not null,
  freshness text not null,
  nearest_instrument text,
  primary key (account_id, event_time, sampled_at, log_id)
);
create index account_risk_event_time on account_risk using brin (event_time);
create index account_risk_inserted_at on account_risk using brin (inserted_at);

-- The positions of an account at a sample: the rows with the account_id and sampled_at of its row in account_risk.
create table position_risk (
  account_id bigint not null,
  event_time timestamptz not null,
  sampled_at timestamptz not null,
  qty double precision not null,
  entry_price double precision,
  mark_price double precision,
  notional double precision,
  unrealized_pnl double precision,
  initial_margin double precision,
  maintenance_margin double precision,
  liquidation_price double precision,
  bankruptcy_price double precision,
  leverage double precision,
  isolated_margin double precision,
  realized_pnl double precision,
  fees double precision,
  funding double precision,
  open_buy_qty double precision,
  open_sell_qty double precision,
  inserted_at timestamptz not null default now(),
  instrument_id integer not null,
  log_id smallint not null,
  isolated boolean not null,
  leg text not null,
  primary key (account_id, event_time, sampled_at, instrument_id, leg, isolated, log_id)
);
create index position_risk_event_time on position_risk using brin (event_time);
create index position_risk_inserted_at on position_risk using brin (inserted_at);

create table marks (
  event_time timestamptz not null,
  sampled_at timestamptz not null,
  mark double precision,
  mark_time timestamptz,
  index_price double precision,
  funding_rate double precision,
  next_funding timestamptz,
  bid double precision,
  bid_qty double precision,
  ask double precision,
  ask_qty double precision,
  last_price double precision,
  last_qty double precision,
  volume double precision,
  trade_count double precision,
  iv double precision,
  underlying double precision,
  inserted_at timestamptz not null default now(),
  instrument_id integer not null,
  log_id smallint not null,
  freshness text not null,
  book_state text not null,
  primary key (instrument_id, event_time, sampled_at, log_id)
);
create index marks_event_time on marks using brin (event_time);
create index marks_inserted_at on marks using brin (inserted_at);

-- The engine's own state every few seconds. Counters rise from the engine's start (started_at); a rate is a difference.
-- Sums in USD are over all accounts of this engine, also those that did not change and so have no sample of their own.
create table engine_samples (
  event_time timestamptz not null,
  started_at timestamptz not null,
  market_event_time timestamptz,
  account_event_time timestamptz,
  equity_usd double precision not null,
  unrealized_pnl_usd double precision not null,
  initial_margin_usd double precision not null,
  maintenance_margin_usd double precision not null,
  gross_exposure_usd double precision not null,
  accounts bigint not null,
  accounts_warning bigint not null,
  accounts_reduce_only bigint not null,
  accounts_liquidation bigint not null,
  accounts_bankrupt bigint not null,
  positions bigint not null,
  open_orders bigint not null,
  events_applied bigint not null,
  batches_applied bigint not null,
  duplicates bigint not null,
  gaps bigint not null,
  rejected bigint not null,
  valuations bigint not null,
  fills bigint not null,
  alerts bigint not null,
  dead_letters bigint not null,
  messages bigint not null,
  lag_messages bigint,
  input_ring_fill double precision,
  fill_ring_fill double precision,
  alert_ring_fill double precision,
  latency_p50_ns double precision,
  latency_p99_ns double precision,
  latency_p999_ns double precision,
  latency_max_ns double precision,
  rows_written bigint not null,
  rows_queued bigint not null,
  rows_dropped bigint not null,
  spill_bytes bigint not null,
  inserted_at timestamptz not null default now(),
  shards integer not null,
  shards_running integer not null,
  log_id smallint not null,
  engine text not null,
  version text not null,
  counters jsonb not null,
  primary key (log_id, started_at, event_time)
);
create index engine_samples_event_time on engine_samples using brin (event_time);
create index engine_samples_inserted_at on engine_samples using brin (inserted_at);

-- How long rows stay after they were written, whatever their event time (a replay of last year's log must not vanish at
-- once); null: for ever. Change it freely: it is read each time.
create table retention_policies (
  table_name text primary key,
  keep interval check (keep > interval '0')
);
insert into retention_policies (table_name, keep) values
  ('account_risk', interval '30 days'),
  ('position_risk', interval '14 days'),
  ('marks', interval '30 days'),
  ('engine_samples', interval '30 days'),
  ('fills', null),
  ('alerts', null);

-- Deletes at most max_rows expired rows of each table; of a hypertable, the chunks that were made so long ago. Returns how
-- many rows and chunks went.
create function plimsoll_expire(max_rows integer) returns bigint
language plpgsql set search_path from current as $$
declare
  policy record;
  removed bigint;
  total bigint := 0;
  hypertable boolean;
begin
  for policy in select table_name, keep from retention_policies where keep is not null loop
    hypertable := false;
    if to_regclass('timescaledb_information.hypertables') is not null then
      execute 'select exists (select from timescaledb_information.hypertables where hypertable_schema = current_schema() and hypertable_name = $1)'
        into hypertable using policy.table_name;
    end if;
    if hypertable then
      execute format('select count(*) from drop_chunks(%L::regclass, created_before => $1)', policy.table_name)
        into removed using policy.keep;
    else
      execute format(
        'delete from %1$I where ctid = any (array(select ctid from %1$I where inserted_at < now() - $1 limit $2))',
        policy.table_name
      ) using policy.keep, max_rows;
      get diagnostics removed = row_count;
    end if;
    total := total + removed;
  end loop;
  return total;
end
$$;
