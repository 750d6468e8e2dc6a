# replay.sh: captures through all four services. Each file is a site of its own, so that addresses never cross.
# shellcheck shell=bash
replay_usage() {
    cat <<'TXT'
usage: ./callmesh replay FILE... [--json] [--speed N] [--timeout S]

  --json       one object on stdout: {"files":[{"file","packets","sip_messages","calls","streams","unjoined_streams","losses","malformed"}]}
  --speed N    N times real time (default: as fast as it goes)
  --timeout S  how long to wait for the last row and recording of a file (default 60)

Starts what is needed when nothing runs, and stops it again.
TXT
}

# All pages of a list, as one JSON array. Pages go through a pipe: a command line has no room for them.
api_all() {
    local path=$1 cursor='' page
    shift
    while :; do
        page=$(api_get "$path" "$@" --data-urlencode limit=200 ${cursor:+--data-urlencode "cursor=$cursor"}) || exit $?
        printf '%s\n' "$page"
        cursor=$(jq -r 'if .has_more then .next_cursor else "" end' <<<"$page")
        [ -n "$cursor" ] || break
    done | jq -cs 'map(.data)|add'
}

# Waits until the harvester's end is stored and no call of the site waits for its recording.
replay_wait() { # SITE TIMEOUT
    local site=$1 end=$(($(date +%s) + $2)) h p
    while [ "$(date +%s)" -lt "$end" ]; do
        h=$(api_get /harvesters --data-urlencode "site=$site" | jq '[.data[]|select(.ended)]|length') || exit $?
        if [ "${h:-0}" -gt 0 ]; then
            p=$(api_get /calls --data-urlencode "site=$site" --data-urlencode recording_state=pending --data-urlencode limit=1 | jq '.data|length') || exit $?
            [ "$p" = 0 ] && return 0
        fi
        sleep 0.1
    done
    return 1
}

replay_one() { # FILE SPEED TIMEOUT: the file's object on stdout
    local file=$1 speed=$2 timeout=$3 site report rc=0 calls full c
    site=replay-$(head -c4 /dev/urandom | od -An -tx1 | tr -d ' ')
    report=$(mktemp)
    mapfile -t a < <(bus_args capture)
    [ "$file" != - ] && file=$(readlink -f "$file")
    "$CM_VAR/bin/callmesh-capture" "${a[@]}" --site="$site" --read="$file" --speed="$speed" --json --log.level=warn --health.listen= >"$report" || rc=$?
    if [ $rc -ne 0 ]; then rm -f "$report"; return $rc; fi
    if ! replay_wait "$site" "$timeout"; then
        say "callmesh: $file: not all was stored and recorded after $timeout s; what there is follows (./callmesh status; logs in $CM_VAR/log)"
        rc=75
    fi
    calls=$(api_all /calls --data-urlencode "site=$site") || exit $?
    full=$(jq -r 'reverse|.[].id' <<<"$calls" | while read -r c; do
        api_get "/calls/$c" --data-urlencode expand=legs,streams,recordings || exit $?
        echo
    done | jq -cs .) || exit $?
    jq -c --slurpfile r "$report" --slurpfile u <(api_all /streams --data-urlencode "site=$site" --data-urlencode unjoined=true) --arg site "$site" \
        '{file:$r[0].file,site:$site,packets:$r[0].packets,sip_messages:$r[0].sip_messages,rtp_packets:$r[0].rtp_packets,calls:.,
          streams:([.[].streams[]]),unjoined_streams:$u[0],losses:$r[0].dropped,malformed:$r[0].malformed,truncated:($r[0].truncated//false)}' <<<"$full"
    rm -f "$report"
    return $rc
}

cmd_replay() {
    local files=() json=0 speed=0 timeout=60 started=0 rc=0 f all
    while [ $# -gt 0 ]; do
        case $1 in
            --json) json=1; shift ;;
            --speed|--timeout) need_value "$@"; [ "$1" = --speed ] && speed=$2 || timeout=$2; shift 2 ;;
            --help) replay_usage; return ;;
            -) files+=("$1"); shift ;;
            -*) die 64 "replay does not know '$1'; see ./callmesh replay --help" ;;
            *) files+=("$1"); shift ;;
        esac
    done
    [ ${#files[@]} -gt 0 ] || die 64 "replay wants at least one capture file; see ./callmesh replay --help"
    for f in "${files[@]}"; do
        [ "$f" = - ] || [ -e "$f" ] || die 66 "there is no file '$f'"
        [ "$f" = - ] || [ -r "$f" ] || die 77 "the file '$f' may not be read by you"
    done
    build_all
    state_init
    if ! service_pid api >/dev/null; then
        started=1
        install_programs
        local port=8080
        while ! port_is_free $port; do port=$((port + 1)); done
        trap 'stack_stop' EXIT
        stack_start "$port" ""
    fi
    all=$(mktemp)
    for f in "${files[@]}"; do
        [ ${#files[@]} -eq 1 ] || say " .. $f"
        replay_one "$f" "$speed" "$timeout" >>"$all" || rc=$?
    done
    if [ $json = 1 ]; then jq -cs '{files:.}' "$all"
    else replay_table "$all"
    fi
    rm -f "$all"
    if [ $started = 1 ]; then trap - EXIT; stack_stop; fi
    return $rc
}

replay_table() { # file with one object a line
    local one
    while read -r one; do
        jq -r '"\(.file): \(.packets) packets, \(.sip_messages) SIP messages, \(.calls|length) calls, \(.streams|length) streams joined, \(.unjoined_streams|length) not joined"' <<<"$one"
        jq -r 'select((.calls|length)>0)|["started","from","to","result","status","talk_s","codec","streams","recording"],
            (.calls[]|[.started_at[0:19],.from.user,.to.user,(.result//.state),(.sip_status//"-"),(.talk_seconds//0|.*10|round/10),(.codecs|join(",")),(.streams|length),
             (if (.recordings|length)>0 then "\(.recordings[0].duration_seconds*100|round/100) s" else .recording_state end)])|@tsv' <<<"$one" | table | sed 's/^/  /'
    done <"$1"
}
