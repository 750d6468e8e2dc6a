# keep.sh: what shows that recordings are whole, and their keys.
# shellcheck shell=bash
cmd_verify() {
    local dir='' key='' args=() report=()
    while [ $# -gt 0 ]; do
        case $1 in
            --help) exec "$CM_BUILD/bin/callmesh-verify" --help ;;
            --dir) need_value "$@"; dir=$2; shift 2 ;;
            --public-key) need_value "$@"; key=$2; shift 2 ;;
            --report) need_value "$@"; report=(--report "$2"); shift 2 ;;
            *) args+=("$1"); shift ;;
        esac
    done
    [ -x "$CM_BUILD/bin/callmesh-verify" ] || build_all
    if [ -z "$dir" ] || [ -z "$key" ]; then
        [ -d "${CALLMESH_VAR:-$CM_ROOT/var}" ] || die 69 "nothing was ever recorded here: name a folder by --dir and a key by --public-key"
        CM_VAR=$(readlink -f "${CALLMESH_VAR:-$CM_ROOT/var}")
    fi
    exec "$CM_BUILD/bin/callmesh-verify" --dir "${dir:-$CM_VAR/recordings}" --public-key "${key:-$CM_VAR/recordings/chain/signing.pub}" "${args[@]}" "${report[@]}"
}

cmd_keys() {
    [ -x "$CM_BUILD/bin/callmesh-keys" ] || build_all
    if [ "${1:-}" = --help ]; then exec "$CM_BUILD/bin/callmesh-keys" --help; fi
    CM_VAR=$(readlink -f "${CALLMESH_VAR:-$CM_ROOT/var}")
    if [ "${1:-}" = cat ] && [ $# = 2 ]; then set -- cat "$CM_VAR/recordings" "$2"; fi
    exec "$CM_BUILD/bin/callmesh-keys" "$CM_VAR/keys" "$@"
}

cmd_completeness() {
    local day='' site='' json=0 answer
    while [ $# -gt 0 ]; do
        case $1 in
            --day|--site) need_value "$@"
                if [ "$1" = --day ]; then day=$2; else site=$2; fi
                shift 2 ;;
            --json) json=1; shift ;;
            --help) echo "usage: ./callmesh completeness --day YYYY-MM-DD [--site S] [--json]   (--json: the signed report; ./callmesh verify --report FILE checks it)"; return ;;
            *) die 64 "completeness does not know '$1'" ;;
        esac
    done
    [ -n "$day" ] || die 64 "completeness wants --day YYYY-MM-DD (UTC)"
    [ -d "${CALLMESH_VAR:-$CM_ROOT/var}" ] || die 69 "nothing was ever started here: ./callmesh up"
    state_init
    answer=$(api_get /stats/completeness --data-urlencode "day=$day" --data-urlencode "site=$site") || exit $?
    if [ $json = 1 ]; then printf '%s\n' "$answer"; return; fi
    jq -r '"\(.day) \(.site // "all sites"): \(.calls_seen) calls seen, \(.answered) answered = \(.recorded) recorded + \(.skipped) skipped + \(.lost) lost + \(.open) open",
        (.reasons[] | "  \(.class): \(.calls) \(.reason)"), (if .sig then "signed" else "not signed: the api has no signing key" end)' <<<"$answer"
}
