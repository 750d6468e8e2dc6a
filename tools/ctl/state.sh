# state.sh: where a running mesh keeps its things (CM_VAR), which user it runs as, and the private PostgreSQL.
# As root everything runs as the user callmesh (PostgreSQL refuses root, and the services should not have it);
# else as who called. Programs run from CM_VAR/bin: a copy, so that a rebuild never pulls them away.
# shellcheck shell=bash
CM_PG=/usr/lib/postgresql/15/bin
CM_USER=callmesh

state_init() {
    CM_VAR=${CALLMESH_VAR:-$CM_ROOT/var}
    CM_BASE=${CALLMESH_PORT_BASE:-7640}
    if [ "$(id -u)" = 0 ]; then
        id "$CM_USER" >/dev/null 2>&1 || useradd --system --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin "$CM_USER" ||
            id "$CM_USER" >/dev/null # two that start at once
        # A checkout below a closed folder (/root) cannot be entered by that user: the state then stands in /var/lib.
        if [ ! -d "$CM_VAR" ] && ! setpriv --reuid="$CM_USER" --regid="$CM_USER" --clear-groups test -x "$(dirname "$CM_VAR")" 2>/dev/null; then
            local home
            home=/var/lib/callmesh-$(printf '%s' "$CM_VAR" | sha256sum | cut -c1-8)
            mkdir -p "$home"
            ln -sfn "$home" "$CM_VAR"
        fi
    fi
    mkdir -p "$CM_VAR"
    CM_VAR=$(readlink -f "$CM_VAR")
    mkdir -p "$CM_VAR"/{bin,log,run,secrets,journal,spool,recordings,keys,pg}
    # A UNIX socket's path has at most 107 bytes.
    CM_SOCK=$CM_VAR/pg
    if [ ${#CM_SOCK} -gt 80 ]; then CM_SOCK=/tmp/callmesh-$(printf '%s' "$CM_VAR" | sha256sum | cut -c1-12); mkdir -p "$CM_SOCK"; fi
    chmod 0755 "$CM_VAR"
    chmod 0700 "$CM_VAR/secrets" "$CM_VAR/keys"
    if [ "$(id -u)" = 0 ]; then
        chown "$CM_USER:" "$CM_VAR"/{log,run,secrets,journal,spool,recordings,keys,pg} "$CM_SOCK"
    fi
}

# as_service [--net-raw] COMMAND...: replaces this process.
as_service() {
    local caps=()
    if [ "${1:-}" = --net-raw ]; then shift; caps=(--inh-caps=+net_raw --ambient-caps=+net_raw); fi
    if [ "$(id -u)" = 0 ]; then
        exec setpriv --reuid="$CM_USER" --regid="$CM_USER" --clear-groups --no-new-privs "${caps[@]}" "$@"
    fi
    exec "$@"
}

install_programs() {
    local f
    for f in "$CM_BUILD"/bin/callmesh-*; do
        cmp -s "$f" "$CM_VAR/bin/${f##*/}" || install -m 0755 "$f" "$CM_VAR/bin/"
    done
    rm -rf "$CM_VAR/schema" "$CM_VAR/www.new"
    cp -r "$CM_ROOT/deploy/schema" "$CM_VAR/schema"
    if [ -d "$CM_ROOT/dashboard/dist" ]; then
        cp -r "$CM_ROOT/dashboard/dist" "$CM_VAR/www.new"
        rm -rf "$CM_VAR/www"
        mv "$CM_VAR/www.new" "$CM_VAR/www"
    fi
    chmod -R a+rX "$CM_VAR"/{schema,bin}
    [ ! -d "$CM_VAR/www" ] || chmod -R a+rX "$CM_VAR/www"
}

pg_dsn() { printf 'host=%s dbname=callmesh user=callmesh' "$CM_SOCK"; }

pg_up() { (as_service "$CM_PG/pg_ctl" -D "$CM_VAR/pg/data" status) >/dev/null 2>&1; }

pg_make() {
    (as_service "$CM_PG/initdb" -D "$CM_VAR/pg/data" -U callmesh --auth-local=peer --auth-host=reject --encoding=UTF8 --locale=C.UTF-8 --no-instructions)
    (as_service tee -a "$CM_VAR/pg/data/postgresql.conf" <<CONF
listen_addresses = ''
unix_socket_directories = '$CM_SOCK'
shared_buffers = 128MB
max_connections = 50
max_wal_size = 1GB
log_timezone = 'UTC'
timezone = 'UTC'
CONF
    ) >/dev/null
    # One user on this machine may enter: the one that runs the services (and root through it).
    printf 'callmesh %s callmesh\n' "$(if [ "$(id -u)" = 0 ]; then echo "$CM_USER"; else id -un; fi)" |
        (as_service tee "$CM_VAR/pg/data/pg_ident.conf") >/dev/null
    printf 'local all all peer map=callmesh\n' | (as_service tee "$CM_VAR/pg/data/pg_hba.conf") >/dev/null
}

pg_start() {
    [ -d "$CM_VAR/pg/data" ] || pg_make
    (cd / && as_service "$CM_PG/pg_ctl" -D "$CM_VAR/pg/data" -l "$CM_VAR/log/postgresql.log" -w -t 60 start)
    (cd / && as_service psql -h "$CM_SOCK" -U callmesh -d postgres -Atc "SELECT 1 FROM pg_database WHERE datname='callmesh'") | grep -q 1 ||
        (cd / && as_service "$CM_PG/createdb" -h "$CM_SOCK" -U callmesh callmesh)
}

pg_stop() { (cd / && as_service "$CM_PG/pg_ctl" -D "$CM_VAR/pg/data" -m fast -w -t 30 stop); }
