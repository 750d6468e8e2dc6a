# keep.sh: what shows that recordings are whole, and their keys.
# shellcheck shell=bash
cmd_verify() {
    local dir='' key='' args=()
    while [ $# -gt 0 ]; do
        case $1 in
            --help) exec "$CM_BUILD/bin/callmesh-verify" --help ;;
            --dir) need_value "$@"; dir=$2; shift 2 ;;
            --public-key) need_value "$@"; key=$2; shift 2 ;;
            *) args+=("$1"); shift ;;
        esac
    done
    [ -x "$CM_BUILD/bin/callmesh-verify" ] || build_all
    if [ -z "$dir" ] || [ -z "$key" ]; then
        [ -d "${CALLMESH_VAR:-$CM_ROOT/var}" ] || die 69 "nothing was ever recorded here: name a folder by --dir and a key by --public-key"
        CM_VAR=$(readlink -f "${CALLMESH_VAR:-$CM_ROOT/var}")
    fi
    exec "$CM_BUILD/bin/callmesh-verify" --dir "${dir:-$CM_VAR/recordings}" --public-key "${key:-$CM_VAR/recordings/chain/signing.pub}" "${args[@]}"
}

cmd_keys() {
    [ -x "$CM_BUILD/bin/callmesh-keys" ] || build_all
    if [ "${1:-}" = --help ]; then exec "$CM_BUILD/bin/callmesh-keys" --help; fi
    CM_VAR=$(readlink -f "${CALLMESH_VAR:-$CM_ROOT/var}")
    if [ "${1:-}" = cat ] && [ $# = 2 ]; then set -- cat "$CM_VAR/recordings" "$2"; fi
    exec "$CM_BUILD/bin/callmesh-keys" "$CM_VAR/keys" "$@"
}
