# audit.sh: the books of every stage, what is known to be lost, and what PostgreSQL refused. Asks the database itself.
# shellcheck shell=bash
audit_dsn() { if [ -s "$CM_VAR/run/dsn" ]; then cat "$CM_VAR/run/dsn"; else pg_dsn; fi; }

audit_sql() { # psql arguments
    (cd / && as_service psql -X -v ON_ERROR_STOP=1 "$@" "$(audit_dsn)")
}

audit_ready() {
    [ -d "${CALLMESH_VAR:-$CM_ROOT/var}" ] || die 69 "nothing was ever started here: ./callmesh up"
    state_init
    audit_sql -qAtc 'SELECT 1' >/dev/null 2>&1 || die 69 "the database does not answer: ./callmesh status"
}

# One counter of a service, summed over its labels; 0 when it is not there.
audit_metric() { # SERVICE NAME
    curl -fs -m 2 "http://127.0.0.1:$(health_port "$1")/metrics" | awk -v n="callmesh_$2" '{split($1,a,"{")} a[1]==n{s+=$2} END{printf "%d", s}'
}

# Prints a book and whether it balances; the left side is counted apart from the right one.
audit_book() { # NAME LEFT RIGHT TEXT
    if [ "$2" = "$3" ]; then printf ' ok %-10s %s = %s   %s\n' "$1" "$2" "$3" "$4"
    else
        printf ' !! %-10s %s is not %s   %s\n' "$1" "$2" "$3" "$4"
        AUDIT_BAD=$((AUDIT_BAD + 1))
    fi
}

cmd_audit() {
    if [ "${1:-}" = --help ]; then
        echo "usage: ./callmesh audit    the books of every stage: each number is counted apart on both sides; exit 1 when one does not balance"
        return
    fi
    [ $# = 0 ] || die 64 "audit takes no options"
    audit_ready
    AUDIT_BAD=0
    local publisher seq base applied quarantined lost open kept
    while IFS='|' read -r publisher seq base applied quarantined lost; do
        [ -n "$publisher" ] || continue
        audit_book feed "$seq" $((base + applied + quarantined + lost)) "$publisher: number = before $base + applied $applied + quarantined $quarantined + lost $lost"
    done < <(audit_sql -qAtc "SELECT publisher, seq, base, applied, quarantined, lost FROM feed_books ORDER BY updated_at DESC, publisher LIMIT 50")
    # A call that is open in its row and has no state of its own would never end after a restart of callstate.
    IFS='|' read -r open kept < <(audit_sql -qAtc "SELECT count(*), count(o.id) FROM calls c LEFT JOIN open_calls o ON o.id = c.id WHERE c.state <> 'ended'")
    audit_book calls "$open" "$kept" "open calls = calls whose state is kept"
    if service_pid callstate >/dev/null && [ "$(audit_metric callstate callstate_leader)" != 1 ]; then echo " -- this callstate stands by"; fi
    audit_sql -qAt -F ' ' -c "SELECT ' -- losses    ', place || ':', count(*) || ' records,', sum(count) || ' lost,', coalesce(round(sum(extract(epoch FROM to_at - from_at)), 1), 0) || ' s,',
        (SELECT count(DISTINCT c.id) FROM losses k JOIN calls c ON c.site = k.site AND k.publisher = ANY (c.harvesters) AND k.from_at <= coalesce(c.ended_at, now())
         AND k.to_at >= c.started_at WHERE k.place = l.place) || ' calls touched' FROM losses l GROUP BY place ORDER BY place"
    audit_sql -qAt -c "SELECT ' -- quarantine ' || count(*) || ' (' || count(message) || ' can be driven again: ./callmesh quarantine retry)' FROM quarantine"
    audit_sql -qAt -c "SELECT ' -- leads      ' || holder || ', fence ' || fence || CASE WHEN until < now() THEN ' (its time has run out)' ELSE '' END FROM lease"
    [ $AUDIT_BAD = 0 ] || return 1
}

cmd_quarantine() {
    local do=${1:-list}
    [ $# = 0 ] || shift
    case $do in
        --help)
            cat <<'TXT'
usage: ./callmesh quarantine list
       ./callmesh quarantine retry [PUBLISHER [SEQ [N]]]

What callstate or PostgreSQL could not use stands in quarantine with its reason. retry puts message rows into their table and out of
quarantine in one transaction; what is refused again stays, with the new reason. Exit 1 when something was refused.
TXT
            return ;;
        list)
            [ $# = 0 ] || die 64 "quarantine list takes no options"
            audit_ready
            audit_sql -qAt -F $'\t' -c "SELECT * FROM (VALUES ('at','publisher','seq','n','again','bytes','reason')) h UNION ALL (SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS'),
                publisher, seq::text, n::text, CASE WHEN message IS NULL THEN 'no' ELSE 'yes' END, length(body)::text, left(reason, 80) FROM quarantine ORDER BY at DESC, seq DESC LIMIT 200)" | table ;;
        retry)
            audit_ready
            local got
            got=$(audit_sql -qAt -F ' ' -v p="${1:-}" -v s="${2:-}" -v n="${3:-}" -f - <<<"SELECT stored, refused FROM quarantine_retry(nullif(:'p', ''), nullif(:'s', '')::bigint, nullif(:'n', '')::int)") ||
                die 65 "not driven again; see the line above"
            echo "stored ${got% *}, refused again ${got#* }"
            [ "${got#* }" = 0 ] || return 1 ;;
        *) die 64 "quarantine does not know '$do'; see ./callmesh quarantine --help" ;;
    esac
}
