-- plimsoll: requires timescaledb-community
-- Background jobs: old chunks to the columnstore, expired chunks away, aggregates kept fresh. The first two go by when a
-- chunk was made, not by its event times: a replay of last year's log stays as long as everything else.

alter table account_risk set (timescaledb.compress, timescaledb.compress_segmentby = 'account_id', timescaledb.compress_orderby = 'event_time desc, sampled_at desc');
alter table position_risk set (timescaledb.compress, timescaledb.compress_segmentby = 'account_id', timescaledb.compress_orderby = 'event_time desc, sampled_at desc');
alter table marks set (timescaledb.compress, timescaledb.compress_segmentby = 'instrument_id', timescaledb.compress_orderby = 'event_time desc, sampled_at desc');
alter table fills set (timescaledb.compress, timescaledb.compress_segmentby = 'account_id', timescaledb.compress_orderby = 'event_time desc, log_offset desc');
alter table engine_samples set (timescaledb.compress, timescaledb.compress_segmentby = 'log_id', timescaledb.compress_orderby = 'event_time desc');

-- Later than the longest outage a spill file bridges in practice: rows that come late find their chunk as it was.
select add_compression_policy('account_risk', compress_created_before => interval '3 days', if_not_exists => true);
select add_compression_policy('position_risk', compress_created_before => interval '3 days', if_not_exists => true);
select add_compression_policy('marks', compress_created_before => interval '3 days', if_not_exists => true);
select add_compression_policy('fills', compress_created_before => interval '14 days', if_not_exists => true);
select add_compression_policy('engine_samples', compress_created_before => interval '14 days', if_not_exists => true);

-- Not add_retention_policy(drop_created_before => …): with a time column its job fails each time it runs (TimescaleDB
-- 2.22; its code reads the same up to 2.29). This one drops by the same age, and reads retention_policies each time.
create procedure plimsoll_expire_job(job_id integer, config jsonb)
language plpgsql set search_path from current as $$
begin
  perform plimsoll_expire(100000);
end
$$;
select add_job('plimsoll_expire_job', schedule_interval => interval '1 hour');

-- A refresh looks back less far than rows stay, so that it never meets dropped rows.
select add_continuous_aggregate_policy('account_risk_1m', start_offset => interval '7 days', end_offset => interval '1 minute', schedule_interval => interval '1 minute', if_not_exists => true);
select add_continuous_aggregate_policy('account_risk_1h', start_offset => interval '7 days', end_offset => interval '1 hour', schedule_interval => interval '10 minutes', if_not_exists => true);
select add_continuous_aggregate_policy('marks_1m', start_offset => interval '7 days', end_offset => interval '1 minute', schedule_interval => interval '1 minute', if_not_exists => true);
select add_continuous_aggregate_policy('marks_1h', start_offset => interval '7 days', end_offset => interval '1 hour', schedule_interval => interval '10 minutes', if_not_exists => true);
select add_continuous_aggregate_policy('fills_1m', start_offset => interval '7 days', end_offset => interval '1 minute', schedule_interval => interval '1 minute', if_not_exists => true);
