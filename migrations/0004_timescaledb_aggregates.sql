-- plimsoll: requires timescaledb-community
-- Continuous aggregates take the place of the views of the same names, with the same columns. They answer from what is
-- materialised and, for the newest rows, from the table itself (materialized_only = false). One transaction: no reader
-- finds a name missing. 0005 fills them.

drop view account_risk_1m;
drop view account_risk_1h;
drop view marks_1m;
drop view marks_1h;
drop view fills_1m;

create materialized view account_risk_1m with (timescaledb.continuous, timescaledb.materialized_only = false) as
select
  log_id,
  account_id,
  time_bucket(interval '1 minute', event_time) as bucket,
  count(*) as samples,
  last(equity_usd, sampled_at) as equity_usd,
  min(equity_usd) as equity_min_usd,
  max(equity_usd) as equity_max_usd,
  last(wallet_balance_usd, sampled_at) as wallet_balance_usd,
  last(unrealized_pnl_usd, sampled_at) as unrealized_pnl_usd,
  last(initial_margin_usd, sampled_at) as initial_margin_usd,
  last(maintenance_margin_usd, sampled_at) as maintenance_margin_usd,
  last(available_usd, sampled_at) as available_usd,
  last(margin_ratio, sampled_at) as margin_ratio,
  max(margin_ratio) as margin_ratio_max,
  last(gross_exposure_usd, sampled_at) as gross_exposure_usd,
  last(net_exposure_usd, sampled_at) as net_exposure_usd,
  min(liquidation_distance) as liquidation_distance_min,
  last(status, sampled_at) as status,
  max(array_position(array['ok', 'warning', 'reduce-only', 'liquidation', 'bankrupt'], status)) - 1 as worst_status_code
from account_risk
group by log_id, account_id, time_bucket(interval '1 minute', event_time)
with no data;

create materialized view account_risk_1h with (timescaledb.continuous, timescaledb.materialized_only = false) as
select
  log_id,
  account_id,
  time_bucket(interval '1 hour', event_time) as bucket,
  count(*) as samples,
  last(equity_usd, sampled_at) as equity_usd,
  min(equity_usd) as equity_min_usd,
  max(equity_usd) as equity_max_usd,
  last(wallet_balance_usd, sampled_at) as wallet_balance_usd,
  last(unrealized_pnl_usd, sampled_at) as unrealized_pnl_usd,
  last(initial_margin_usd, sampled_at) as initial_margin_usd,
  last(maintenance_margin_usd, sampled_at) as maintenance_margin_usd,
  last(available_usd, sampled_at) as available_usd,
  last(margin_ratio, sampled_at) as margin_ratio,
  max(margin_ratio) as margin_ratio_max,
  last(gross_exposure_usd, sampled_at) as gross_exposure_usd,
  last(net_exposure_usd, sampled_at) as net_exposure_usd,
  min(liquidation_distance) as liquidation_distance_min,
  last(status, sampled_at) as status,
  max(array_position(array['ok', 'warning', 'reduce-only', 'liquidation', 'bankrupt'], status)) - 1 as worst_status_code
from account_risk
group by log_id, account_id, time_bucket(interval '1 hour', event_time)
with no data;

create materialized view marks_1m with (timescaledb.continuous, timescaledb.materialized_only = false) as
select
  log_id,
  instrument_id,
  time_bucket(interval '1 minute', event_time) as bucket,
  count(*) as samples,
  first(mark, sampled_at) as mark_open,
  max(mark) as mark_high,
  min(mark) as mark_low,
  last(mark, sampled_at) as mark_close,
  last(index_price, sampled_at) as index_close,
  last(funding_rate, sampled_at) as funding_rate,
  last(bid, sampled_at) as bid,
  last(ask, sampled_at) as ask,
  last(iv, sampled_at) as iv
from marks
group by log_id, instrument_id, time_bucket(interval '1 minute', event_time)
with no data;

create materialized view marks_1h with (timescaledb.continuous, timescaledb.materialized_only = false) as
select
  log_id,
  instrument_id,
  time_bucket(interval '1 hour', event_time) as bucket,
  count(*) as samples,
  first(mark, sampled_at) as mark_open,
  max(mark) as mark_high,
  min(mark) as mark_low,
  last(mark, sampled_at) as mark_close,
  last(index_price, sampled_at) as index_close,
  last(funding_rate, sampled_at) as funding_rate,
  last(bid, sampled_at) as bid,
  last(ask, sampled_at) as ask,
  last(iv, sampled_at) as iv
from marks
group by log_id, instrument_id, time_bucket(interval '1 hour', event_time)
with no data;

create materialized view fills_1m with (timescaledb.continuous, timescaledb.materialized_only = false) as
select
  log_id,
  instrument_id,
  time_bucket(interval '1 minute', event_time) as bucket,
  count(*) as fills,
  sum(qty_lots) filter (where side = 'buy') as buy_lots,
  sum(qty_lots) filter (where side = 'sell') as sell_lots,
  sum(fee_e8) as fee_e8,
  sum(realized_pnl_e8) as realized_pnl_e8
from fills
group by log_id, instrument_id, time_bucket(interval '1 minute', event_time)
with no data;
