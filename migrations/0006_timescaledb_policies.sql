-- plimsoll: requires timescaledb-community
-- Background jobs: old chunks to the columnstore, expired chunks away, aggregates kept fresh. How long rows stay comes
-- from retention_policies. A refresh looks back less far than rows stay, so that it never meets dropped rows.

alter table account_risk set (timescaledb.compress, timescaledb.compress_segmentby = 'account_id', timescaledb.compress_orderby = 'event_time desc, sampled_at desc');
alter table position_risk set (timescaledb.compress, timescaledb.compress_segmentby = 'account_id', timescaledb.compress_orderby = 'event_time desc, sampled_at desc');
alter table marks set (timescaledb.compress, timescaledb.compress_segmentby = 'instrument_id', timescaledb.compress_orderby = 'event_time desc, sampled_at desc');
alter table fills set (timescaledb.compress, timescaledb.compress_segmentby = 'account_id', timescaledb.compress_orderby = 'event_time desc, log_offset desc');
alter table engine_samples set (timescaledb.compress, timescaledb.compress_segmentby = 'log_id', timescaledb.compress_orderby = 'event_time desc');

-- Later than the longest outage a spill file bridges in practice: rows that come late find their chunk as it was.
select add_compression_policy('account_risk', compress_after => interval '3 days', if_not_exists => true);
select add_compression_policy('position_risk', compress_after => interval '3 days', if_not_exists => true);
select add_compression_policy('marks', compress_after => interval '3 days', if_not_exists => true);
select add_compression_policy('fills', compress_after => interval '14 days', if_not_exists => true);
select add_compression_policy('engine_samples', compress_after => interval '14 days', if_not_exists => true);

select add_retention_policy(p.table_name::regclass, drop_after => p.keep, if_not_exists => true)
from retention_policies p
where p.keep is not null;

select add_continuous_aggregate_policy('account_risk_1m', start_offset => interval '7 days', end_offset => interval '1 minute', schedule_interval => interval '1 minute', if_not_exists => true);
select add_continuous_aggregate_policy('account_risk_1h', start_offset => interval '7 days', end_offset => interval '1 hour', schedule_interval => interval '10 minutes', if_not_exists => true);
select add_continuous_aggregate_policy('marks_1m', start_offset => interval '7 days', end_offset => interval '1 minute', schedule_interval => interval '1 minute', if_not_exists => true);
select add_continuous_aggregate_policy('marks_1h', start_offset => interval '7 days', end_offset => interval '1 hour', schedule_interval => interval '10 minutes', if_not_exists => true);
select add_continuous_aggregate_policy('fills_1m', start_offset => interval '7 days', end_offset => interval '1 minute', schedule_interval => interval '1 minute', if_not_exists => true);
