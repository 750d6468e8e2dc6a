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
    local day='' site='' json=0 reports=0 from='' to='' answer
    while [ $# -gt 0 ]; do
        case $1 in
            --day) need_value "$@"; day=$2; shift 2 ;;
            --site) need_value "$@"; site=$2; shift 2 ;;
            --from) need_value "$@"; from=$2; shift 2 ;;
            --to) need_value "$@"; to=$2; shift 2 ;;
            --reports) reports=1; shift ;;
            --json) json=1; shift ;;
            --help)
                echo "usage: ./callmesh completeness --day YYYY-MM-DD [--site S] [--json]   (made now; --json: the signed report; ./callmesh verify --report FILE checks it)"
                echo "       ./callmesh completeness --reports [--site S] [--from DAY] [--to DAY] [--json]   (those that wrote themselves each day, the newest 31; --json: as signed, one a line)"
                return ;;
            *) die 64 "completeness does not know '$1'" ;;
        esac
    done
    [ -n "$day" ] || [ $reports = 1 ] || die 64 "completeness wants --day YYYY-MM-DD (UTC)"
    [ -d "${CALLMESH_VAR:-$CM_ROOT/var}" ] || die 69 "nothing was ever started here: ./callmesh up"
    state_init
    if [ $reports = 1 ]; then
        answer=$(api_get /stats/completeness/reports --data-urlencode "site=$site" --data-urlencode "from=$from" --data-urlencode "to=$to") || exit $?
        if [ $json = 1 ]; then jq -r '.data[].report' <<<"$answer"
        else jq -r '.data[] | "\(.day) \(.site) #\(.n): \(.calls_seen) calls seen, \(.answered) answered = \(.recorded) recorded + \(.skipped) skipped + \(.lost) lost + \(.open) open"' <<<"$answer"; fi
        return
    fi
    answer=$(api_get /stats/completeness --data-urlencode "day=$day" --data-urlencode "site=$site") || exit $?
    if [ $json = 1 ]; then printf '%s\n' "$answer"; return; fi
    jq -r '"\(.day) \(.site // "all sites"): \(.calls_seen) calls seen, \(.answered) answered = \(.recorded) recorded + \(.skipped) skipped + \(.lost) lost + \(.open) open",
        (.reasons[] | "  \(.class): \(.calls) \(.reason)"), (if .sig then "signed" else "not signed: the api has no signing key" end)' <<<"$answer"
}
