# common.sh: words, errors and progress for the other parts of ./callmesh. Progress goes to stderr.
# shellcheck shell=bash
say() { printf '%s\n' "$*" >&2; }
die() { # CODE TEXT
    local code=$1
    shift
    printf 'callmesh: %s\n' "$*" >&2
    exit "$code"
}

# step TEXT COMMAND...: runs quietly into the log, says how long it took; on failure shows the log's end.
step() {
    local what=$1 log start rc=0
    shift
    log=$(mktemp)
    start=$(date +%s%N)
    [ -t 2 ] && printf ' .. %s' "$what" >&2
    "$@" >"$log" 2>&1 || rc=$?
    local ms=$((($(date +%s%N) - start) / 1000000))
    [ -t 2 ] && printf '\r' >&2
    if [ $rc -ne 0 ]; then
        printf ' !! %s: failed (%s)\n' "$what" "$rc" >&2
        tail -n 30 "$log" >&2
        rm -f "$log"
        return $rc
    fi
    rm -f "$log"
    printf ' ok %-46s %4d.%d s\n' "$what" $((ms / 1000)) $((ms % 1000 / 100)) >&2
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else die 77 "needs root for: $* (run as root, or install sudo)"
    fi
}

need_value() { [ $# -ge 2 ] && [ -n "$2" ] || die 64 "$1 wants a value; see ./callmesh --help"; }
