-- plimsoll: requires timescaledb
-- The tables that grow become hypertables; rows that are there already move along.
select create_hypertable('account_risk', by_range('event_time', interval '1 day'), create_default_indexes => false, migrate_data => true, if_not_exists => true);
select create_hypertable('position_risk', by_range('event_time', interval '1 day'), create_default_indexes => false, migrate_data => true, if_not_exists => true);
select create_hypertable('marks', by_range('event_time', interval '1 day'), create_default_indexes => false, migrate_data => true, if_not_exists => true);
select create_hypertable('fills', by_range('event_time', interval '7 days'), create_default_indexes => false, migrate_data => true, if_not_exists => true);
select create_hypertable('engine_samples', by_range('event_time', interval '7 days'), create_default_indexes => false, migrate_data => true, if_not_exists => true);
