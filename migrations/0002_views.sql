-- Views over the tables. The aggregates are ordinary views here; 0004 puts continuous aggregates of the same names and
-- columns in their place where TimescaleDB can do them.

create view fill_history as
select
  f.log_id,
  l.name as log_name,
  f.account_id,
  f.event_time,
  f.log_partition,
  f.log_offset,
  f.event_index,
  f.instrument_id,
  i.symbol,
  f.kind,
  f.side,
  f.leg,
  f.maker,
  f.isolated,
  f.reduce_only,
  f.order_id,
  f.qty_lots * i.lot_size as qty,
  f.price_ticks * i.tick_size as price,
  f.fee_e8 / 1e8::double precision as fee,
  f.realized_pnl_e8 / 1e8::double precision as realized_pnl,
  f.position_lots * i.lot_size as position_qty,
  f.wallet_e8 / 1e8::double precision as wallet,
  i.settle,
  f.inserted_at
from fills f
join logs l using (log_id)
left join instruments i using (log_id, instrument_id);

create view account_risk_1m as
select
  log_id,
  account_id,
  date_bin(interval '1 minute', event_time, timestamptz '2000-01-01 00:00:00+00') as bucket,
  count(*) as samples,
  (array_agg(equity_usd order by sampled_at desc))[1] as equity_usd,
  min(equity_usd) as equity_min_usd,
  max(equity_usd) as equity_max_usd,
  (array_agg(wallet_balance_usd order by sampled_at desc))[1] as wallet_balance_usd,
  (array_agg(unrealized_pnl_usd order by sampled_at desc))[1] as unrealized_pnl_usd,
  (array_agg(initial_margin_usd order by sampled_at desc))[1] as initial_margin_usd,
  (array_agg(maintenance_margin_usd order by sampled_at desc))[1] as maintenance_margin_usd,
  (array_agg(available_usd order by sampled_at desc))[1] as available_usd,
  (array_agg(margin_ratio order by sampled_at desc))[1] as margin_ratio,
  max(margin_ratio) as margin_ratio_max,
  (array_agg(gross_exposure_usd order by sampled_at desc))[1] as gross_exposure_usd,
  (array_agg(net_exposure_usd order by sampled_at desc))[1] as net_exposure_usd,
  min(liquidation_distance) as liquidation_distance_min,
  (array_agg(status order by sampled_at desc))[1] as status,
  max(array_position(array['ok', 'warning', 'reduce-only', 'liquidation', 'bankrupt'], status)) - 1 as worst_status_code
from account_risk
group by log_id, account_id, date_bin(interval '1 minute', event_time, timestamptz '2000-01-01 00:00:00+00');

create view account_risk_1h as
select
  log_id,
  account_id,
  date_bin(interval '1 hour', event_time, timestamptz '2000-01-01 00:00:00+00') as bucket,
  count(*) as samples,
  (array_agg(equity_usd order by sampled_at desc))[1] as equity_usd,
  min(equity_usd) as equity_min_usd,
  max(equity_usd) as equity_max_usd,
  (array_agg(wallet_balance_usd order by sampled_at desc))[1] as wallet_balance_usd,
  (array_agg(unrealized_pnl_usd order by sampled_at desc))[1] as unrealized_pnl_usd,
  (array_agg(initial_margin_usd order by sampled_at desc))[1] as initial_margin_usd,
  (array_agg(maintenance_margin_usd order by sampled_at desc))[1] as maintenance_margin_usd,
  (array_agg(available_usd order by sampled_at desc))[1] as available_usd,
  (array_agg(margin_ratio order by sampled_at desc))[1] as margin_ratio,
  max(margin_ratio) as margin_ratio_max,
  (array_agg(gross_exposure_usd order by sampled_at desc))[1] as gross_exposure_usd,
  (array_agg(net_exposure_usd order by sampled_at desc))[1] as net_exposure_usd,
  min(liquidation_distance) as liquidation_distance_min,
  (array_agg(status order by sampled_at desc))[1] as status,
  max(array_position(array['ok', 'warning', 'reduce-only', 'liquidation', 'bankrupt'], status)) - 1 as worst_status_code
from account_risk
group by log_id, account_id, date_bin(interval '1 hour', event_time, timestamptz '2000-01-01 00:00:00+00');

create view marks_1m as
select
  log_id,
  instrument_id,
  date_bin(interval '1 minute', event_time, timestamptz '2000-01-01 00:00:00+00') as bucket,
  count(*) as samples,
  (array_agg(mark order by sampled_at))[1] as mark_open,
  max(mark) as mark_high,
  min(mark) as mark_low,
  (array_agg(mark order by sampled_at desc))[1] as mark_close,
  (array_agg(index_price order by sampled_at desc))[1] as index_close,
  (array_agg(funding_rate order by sampled_at desc))[1] as funding_rate,
  (array_agg(bid order by sampled_at desc))[1] as bid,
  (array_agg(ask order by sampled_at desc))[1] as ask,
  (array_agg(iv order by sampled_at desc))[1] as iv
from marks
group by log_id, instrument_id, date_bin(interval '1 minute', event_time, timestamptz '2000-01-01 00:00:00+00');

create view marks_1h as
select
  log_id,
  instrument_id,
  date_bin(interval '1 hour', event_time, timestamptz '2000-01-01 00:00:00+00') as bucket,
  count(*) as samples,
  (array_agg(mark order by sampled_at))[1] as mark_open,
  max(mark) as mark_high,
  min(mark) as mark_low,
  (array_agg(mark order by sampled_at desc))[1] as mark_close,
  (array_agg(index_price order by sampled_at desc))[1] as index_close,
  (array_agg(funding_rate order by sampled_at desc))[1] as funding_rate,
  (array_agg(bid order by sampled_at desc))[1] as bid,
  (array_agg(ask order by sampled_at desc))[1] as ask,
  (array_agg(iv order by sampled_at desc))[1] as iv
from marks
group by log_id, instrument_id, date_bin(interval '1 hour', event_time, timestamptz '2000-01-01 00:00:00+00');

create view fills_1m as
select
  log_id,
  instrument_id,
  date_bin(interval '1 minute', event_time, timestamptz '2000-01-01 00:00:00+00') as bucket,
  count(*) as fills,
  sum(qty_lots) filter (where side = 'buy') as buy_lots,
  sum(qty_lots) filter (where side = 'sell') as sell_lots,
  sum(fee_e8) as fee_e8,
  sum(realized_pnl_e8) as realized_pnl_e8
from fills
group by log_id, instrument_id, date_bin(interval '1 minute', event_time, timestamptz '2000-01-01 00:00:00+00');
