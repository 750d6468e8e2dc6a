# services.sh: start, stop and look at the four services and their database.
# shellcheck shell=bash
CM_SERVICES="callstate recorder api capture" # order of start; stopped in reverse

bus_url() { printf 'tcp://127.0.0.1:%d' $((CM_BASE + $1)); }
health_port() {
    case $1 in capture) echo $((CM_BASE + 11)) ;; callstate) echo $((CM_BASE + 12)) ;; recorder) echo $((CM_BASE + 13)) ;; api) echo $((CM_BASE + 14)) ;; traffic) echo 0 ;; esac
}

# The settings every service reads from its environment; unused ones are ignored by none: each gets its own.
bus_args() {
    local n
    case $1 in
        capture) n="sig-url:1 sig-ask-url:2 rtp-url:5 rtp-ask-url:6" ;;
        callstate) n="sig-url:1 sig-ask-url:2 mesh-url:3 control-url:4" ;;
        recorder) n="sig-url:1 sig-ask-url:2 mesh-url:3 control-url:4 rtp-url:5 rtp-ask-url:6 live-url:7" ;;
        api) n="mesh-url:3 control-url:4 live-url:7" ;;
    esac
    for n in $n; do printf -- '--bus.%s=%s\n' "${n%%:*}" "$(bus_url "${n##*:}")"; done
}

service_pid() { # NAME: prints the pid when it runs
    local pid exe
    pid=$(cat "$CM_VAR/run/$1.pid" 2>/dev/null) || return 1
    exe=$(readlink "/proc/$pid/exe" 2>/dev/null) || return 1
    case $exe in "$CM_VAR/bin/callmesh-$1"*) echo "$pid" ;; *) return 1 ;; esac
}

# service_start NAME [--net-raw] ARGS...
service_start() {
    local name=$1 raw=()
    shift
    if [ "${1:-}" = --net-raw ]; then raw=(--net-raw); shift; fi
    if service_pid "$name" >/dev/null; then return 0; fi
    local old=0
    [ -f "$CM_VAR/log/$name.log" ] && old=$(stat -c %s "$CM_VAR/log/$name.log")
    [ "$old" -gt 16777216 ] && mv -f "$CM_VAR/log/$name.log" "$CM_VAR/log/$name.log.1"
    (
        cd /
        exec </dev/null >>"$CM_VAR/log/$name.log" 2>&1
        as_service "${raw[@]}" setsid "$CM_VAR/bin/callmesh-$name" "$@"
    ) &
    echo $! >"$CM_VAR/run/$name.pid"
    disown
}

# Waits until /readyz says yes, or the process has gone: then the last line of its log is the reason.
service_wait() {
    local name=$1 port i
    port=$(health_port "$name")
    for i in $(seq 1 300); do
        if [ ! -d "/proc/$(cat "$CM_VAR/run/$name.pid")" ]; then
            say " !! $name did not start:"
            tail -n 5 "$CM_VAR/log/$name.log" >&2
            return 1
        fi
        curl -fs -o /dev/null "http://127.0.0.1:$port/readyz" && return 0
        sleep 0.1
    done
    say " !! $name is not ready after 30 s: $(curl -s "http://127.0.0.1:$port/readyz?verbose" | tr '\n' ' ')"
    return 1
}

service_stop() {
    local name=$1 pid i
    pid=$(service_pid "$name") || { rm -f "$CM_VAR/run/$name.pid"; return 0; }
    kill -TERM "$pid" 2>/dev/null || true
    for i in $(seq 1 70); do
        [ -d "/proc/$pid" ] || break
        sleep 0.1
    done
    if [ -d "/proc/$pid" ]; then
        say " !! $name did not stop in 7 s and was killed; see $CM_VAR/log/$name.log"
        kill -KILL "$pid" 2>/dev/null || true
    fi
    rm -f "$CM_VAR/run/$name.pid"
}

setting() { cat "$CM_VAR/run/$1" 2>/dev/null || printf '%s' "${2:-}"; }

# The key by which callstate knows this place's recorder when it asks for the SRTP keys of a call.
recorder_key() {
    local f=$CM_VAR/secrets/recorder-sign.key
    if [ ! -f "$f" ]; then
        (umask 077 && openssl rand -hex 32 >"$f.new") && { [ "$(id -u)" != 0 ] || chown "$CM_USER:" "$f.new"; } && mv "$f.new" "$f" ||
            die 73 "no key could be made in $CM_VAR/secrets"
    fi
    printf '%s' "$f"
}

stack_start() { # PORT DSN
    local port=$1 dsn=$2 common=() sign
    if [ -z "$dsn" ]; then
        dsn=$(pg_dsn)
        if ! pg_up; then step "database: private PostgreSQL 15" pg_start || die 69 "the private PostgreSQL did not start; see $CM_VAR/log/postgresql.log"; fi
    fi
    port_is_free "$port" || service_pid api >/dev/null || die 69 "port $port is taken by another program; choose one: ./callmesh up --port N"
    echo "$port" >"$CM_VAR/run/port"
    (umask 077 && echo "$dsn" >"$CM_VAR/run/dsn") # read by audit and quarantine, as the services' user
    [ "$(id -u)" != 0 ] || chown "$CM_USER:" "$CM_VAR/run/dsn"
    common=(--store.dsn="$dsn")
    sign=$(recorder_key) || exit $?
    mapfile -t a < <(bus_args callstate)
    mapfile -t -O "${#a[@]}" a < <(sites_args callstate)
    service_start callstate "${a[@]}" "${common[@]}" --store.schema-dir="$CM_VAR/schema" --srtp.recorder-key="$sign" \
        --health.listen="127.0.0.1:$(health_port callstate)"
    service_wait callstate || die 69 "callstate does not run"
    mapfile -t a < <(bus_args recorder)
    service_start recorder "${a[@]}" --spool.dir="$CM_VAR/spool" --recordings.dir="$CM_VAR/recordings" --journal.dir="$CM_VAR/journal" \
        --keys.dir="$CM_VAR/keys" --bus.sign-key="$sign" \
        --health.listen="127.0.0.1:$(health_port recorder)"
    mapfile -t a < <(bus_args api)
    mapfile -t -O "${#a[@]}" a < <(sites_args api)
    service_start api "${a[@]}" "${common[@]}" --recordings.dir="$CM_VAR/recordings" --keys.dir="$CM_VAR/keys" --http.listen="127.0.0.1:$port" \
        --http.assets-dir="$CM_VAR/www" --auth.first-start-file="$CM_VAR/secrets/first-start" --health.listen="127.0.0.1:$(health_port api)"
    step "services: callstate, recorder, api" sh -c : # their readiness is waited for below
    service_wait recorder || die 69 "recorder does not run"
    service_wait api || die 69 "api does not run"
}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

capture_start() { # INTERFACE SITE [ARGS...]
    local itf=$1 site=$2
    shift 2
    mapfile -t a < <(bus_args capture)
    if [ "$(id -u)" != 0 ] && ! getcap "$CM_VAR/bin/callmesh-capture" | grep -q cap_net_raw; then
        as_root setcap cap_net_raw+ep "$CM_VAR/bin/callmesh-capture" || die 77 "capture needs CAP_NET_RAW: sudo setcap cap_net_raw+ep $CM_VAR/bin/callmesh-capture"
    fi
    service_start capture --net-raw "${a[@]}" --site="$site" --interface="$itf" --journal.dir="$CM_VAR/journal" \
        --health.listen="127.0.0.1:$(health_port capture)" "$@"
    service_wait capture || die 69 "capture does not run"
    say " ok capture: $itf (site $site)"
}

stack_stop() {
    local s
    service_stop traffic
    for s in capture api recorder callstate; do service_stop "$s"; done
    if [ -d "$CM_VAR/pg/data" ] && pg_up; then pg_stop >/dev/null 2>&1 || say " !! PostgreSQL did not stop; see $CM_VAR/log/postgresql.log"; fi
}

print_url() {
    local port
    port=$(setting port)
    say ""
    say "  Dashboard   http://127.0.0.1:$port/"
    if [ -f "$CM_VAR/secrets/first-start" ]; then
        if [ ! -f "$CM_VAR/run/told" ]; then
            sed 's/^/  /' "$CM_VAR/secrets/first-start" >&2
            say "  (shown once; kept for root in $CM_VAR/secrets/first-start)"
            : >"$CM_VAR/run/told"
        else
            say "  login and API key: $CM_VAR/secrets/first-start"
        fi
    fi
    say "  Stop        ./callmesh down"
}

parse_up() {
    UP_IF='' UP_PORT=8080 UP_DSN='' UP_SITE=main
    while [ $# -gt 0 ]; do
        case $1 in
            --interface|--port|--dsn|--site) need_value "$@"
                case $1 in --interface) UP_IF=$2 ;; --port) UP_PORT=$2 ;; --dsn) UP_DSN=$2 ;; --site) UP_SITE=$2 ;; esac
                shift 2 ;;
            --interface=*) UP_IF=${1#*=}; shift ;;
            --port=*) UP_PORT=${1#*=}; shift ;;
            --dsn=*) UP_DSN=${1#*=}; shift ;;
            --site=*) UP_SITE=${1#*=}; shift ;;
            --help) usage; exit 0 ;;
            *) die 64 "up does not know '$1'; see ./callmesh --help" ;;
        esac
    done
    case $UP_PORT in ''|*[!0-9]*) die 64 "--port wants a number, not '$UP_PORT'" ;; esac
    if [ -n "$UP_IF" ] && [ ! -e "/sys/class/net/$UP_IF" ]; then
        die 66 "there is no interface '$UP_IF' here; there are: $(ls /sys/class/net | tr '\n' ' ')"
    fi
}

cmd_up() {
    parse_up "$@"
    build_all
    state_init
    install_programs
    if site_is; then site_start "$UP_IF"; return; fi
    stack_start "$UP_PORT" "$UP_DSN"
    if [ -n "$UP_IF" ]; then capture_start "$UP_IF" "$UP_SITE"
    else say " -- no --interface given: nothing is captured live; replay a file, or: ./callmesh up --interface IF ($(ls /sys/class/net | tr '\n' ' '))"
    fi
    print_url
}

cmd_demo() {
    parse_up "$@"
    build_all
    state_init
    install_programs
    stack_start "$UP_PORT" "$UP_DSN"
    capture_start "${UP_IF:-lo}" demo --filter="udp and (net 127.0.1.0/24 or net 127.0.2.0/24)"
    service_start traffic --wire --forever --concurrent 8 --rate 0.6 --talk 25 --ring 3 --audio talk --hold 15 --loss 0.5 --jitter 3 --seed "$(date +%s)"
    say " ok calls: real SIP and RTP on 127.0.1.x and 127.0.2.x"
    print_url
}

cmd_down() {
    [ "${1:-}" != --help ] || { echo "usage: ./callmesh down    stops what up or demo started; the data stays in var/"; return; }
    [ $# = 0 ] || die 64 "down takes no options"
    [ -d "${CALLMESH_VAR:-$CM_ROOT/var}" ] || { say "nothing runs"; return 0; }
    state_init
    stack_stop
    say "all stopped"
}

cmd_status() {
    local s pid json=0 up=0 state
    [ "${1:-}" = --json ] && json=1
    [ -d "${CALLMESH_VAR:-$CM_ROOT/var}" ] || { [ $json = 1 ] && echo '{"services":[]}' || echo "nothing runs"; return 3; }
    state_init
    [ $json = 1 ] && printf '{"services":['
    for s in callstate recorder api capture traffic; do
        state=stopped
        pid=$(service_pid $s) || pid=
        if [ -n "$pid" ]; then
            up=$((up + 1))
            state=running
            if [ $s != traffic ]; then
                if curl -fs -m 2 -o /dev/null "http://127.0.0.1:$(health_port $s)/readyz"; then state=ready; else state="not ready"; fi
            fi
        fi
        if [ $json = 1 ]; then printf '%s{"name":"%s","state":"%s","pid":%s,"rss_kb":%s}' "$([ $s = callstate ] || echo ,)" $s "$state" "${pid:-null}" \
            "$([ -n "$pid" ] && awk '/VmRSS/{print $2}' "/proc/$pid/status" || echo null)"
        else printf '%-10s %-10s %s\n' $s "$state" "$([ -n "$pid" ] && awk -v p="$pid" '/VmRSS/{printf "pid %s, %.1f MB", p, $2/1024}' "/proc/$pid/status")"
        fi
    done
    if [ -d "$CM_VAR/pg/data" ] && pg_up; then state=running; else state=stopped; fi
    if [ $json = 1 ]; then printf '],"database":"%s","port":%s}\n' "$state" "$(setting port null)"
    else printf '%-10s %-10s\n' database "$state"; [ $up = 0 ] || echo "http://127.0.0.1:$(setting port)/"
    fi
    [ $up -gt 0 ] || return 3
}
