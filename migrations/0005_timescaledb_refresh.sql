-- plimsoll: requires timescaledb-community
-- plimsoll: no-transaction
-- Fills the continuous aggregates with the rows that are there. Up to an hour ago: newer buckets are answered from the
-- tables until the refresh policies of 0006 take them.

call refresh_continuous_aggregate('account_risk_1m', null, now() - interval '1 hour');
call refresh_continuous_aggregate('account_risk_1h', null, now() - interval '1 hour');
call refresh_continuous_aggregate('marks_1m', null, now() - interval '1 hour');
call refresh_continuous_aggregate('marks_1h', null, now() - interval '1 hour');
call refresh_continuous_aggregate('fills_1m', null, now() - interval '1 hour');
