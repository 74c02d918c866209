#!/bin/sh
# PostgreSQL in its pod: a database of its own, made at the first start. Who is in the pod is let in without a password.
set -eu
programs=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
data=/var/lib/postgresql/data
mkdir -p "$data" /var/run/postgresql
chown postgres:postgres "$data" /var/run/postgresql
chmod 700 "$data"
as_postgres="setpriv --reuid=postgres --regid=postgres --init-groups"
if [ ! -f "$data/ready" ]; then
    $as_postgres "$programs/initdb" -U mcp_user -A trust -E UTF8 --locale=C --no-sync -D "$data" >/dev/null
    cat >> "$data/postgresql.conf" <<SETTINGS
listen_addresses = '*'
unix_socket_directories = '/var/run/postgresql'
fsync = off
full_page_writes = off
shared_buffers = 16MB
max_connections = 40
shared_preload_libraries = 'pg_stat_statements'
SETTINGS
    echo 'host all all all trust' >> "$data/pg_hba.conf"
    printf 'CREATE DATABASE mcp_prod\nCREATE ROLE mcp_app LOGIN\n' | $as_postgres "$programs/postgres" --single -D "$data" postgres >/dev/null
    touch "$data/ready"
fi
exec $as_postgres "$programs/postgres" -D "$data"
