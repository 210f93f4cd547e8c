-- An alert keeps the ratio that its status goes by, the worst pool's; before, it was the account's own over all pools, which
-- maintenance_margin_usd / equity_usd gives still.
alter table alerts rename column margin_ratio to worst_margin_ratio;
