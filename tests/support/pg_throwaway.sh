#!/bin/sh
# A PostgreSQL 15 cluster of one's own for a test: unix socket and data in DIR, nothing on a port, ended by its pid.
#   pg_throwaway.sh start DIR    makes and starts it (or starts it again), prints the DSN
#   pg_throwaway.sh stop DIR     ends it (DIR and its data stay)
#   pg_throwaway.sh kill DIR     ends it as a power cut would (SIGQUIT: no checkpoint, recovery at the next start)
# PostgreSQL refuses to run as root; then it runs as nobody. CALLMESH_PG_BIN names the folder of its programs.
set -eu
bin=${CALLMESH_PG_BIN:-/usr/lib/postgresql/15/bin}
do=${1:?start, stop or kill}
dir=${2:?a folder}
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
data=$dir/data

as_other() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid nobody --regid nogroup --clear-groups "$@"
    else
        "$@"
    fi
}

end_it() {
    pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null || true)
    [ -n "$pid" ] || return 0
    kill "-$1" "$pid" 2>/dev/null || return 0
    i=0
    while kill -0 "$pid" 2>/dev/null && [ $i -lt 200 ]; do
        sleep 0.05
        i=$((i + 1))
    done
}

case $do in
start)
    if [ "$(id -u)" -eq 0 ]; then
        chown nobody:nogroup "$dir"
        chmod 711 "$dir"
    fi
    if [ ! -s "$data/PG_VERSION" ]; then
        as_other "$bin/initdb" -D "$data" -U callmesh -A trust -E UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1 ||
            { cat "$dir/initdb.log" >&2; exit 1; }
        cat >>"$data/postgresql.conf" <<EOF
listen_addresses = ''
unix_socket_directories = '$dir'
fsync = off
shared_buffers = 64MB
max_connections = 40
max_wal_size = 512MB
timezone = 'Asia/Kolkata'
log_min_messages = warning
EOF
    fi
    as_other "$bin/postgres" -D "$data" >>"$dir/postgres.log" 2>&1 </dev/null &
    i=0
    until "$bin/pg_isready" -q -h "$dir" -U callmesh; do
        i=$((i + 1))
        if [ $i -gt 200 ]; then
            cat "$dir/postgres.log" >&2
            exit 1
        fi
        sleep 0.05
    done
    echo "host=$dir user=callmesh dbname=postgres"
    ;;
stop) end_it INT ;;
kill) end_it QUIT ;;
*)
    echo "start, stop or kill" >&2
    exit 64
    ;;
esac
