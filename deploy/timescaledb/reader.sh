#!/bin/sh
# Runs once, when the database is made: the user Grafana reads with. It can write nothing and no query of it runs long.
set -eu
psql --set ON_ERROR_STOP=1 --set password="$READER_PASSWORD" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
create role plimsoll_reader login password :'password';
grant pg_read_all_data to plimsoll_reader;
alter role plimsoll_reader set default_transaction_read_only = on;
alter role plimsoll_reader set statement_timeout = '15s';
SQL
