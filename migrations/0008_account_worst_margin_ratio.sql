-- The ratio that an account's status goes by, the worst pool's, beside its own over all pools; null in rows of before, and where
-- a pool is bankrupt.
alter table account_risk add column worst_margin_ratio double precision;
