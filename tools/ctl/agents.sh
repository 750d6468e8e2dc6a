# agents.sh: the director's list in a terminal: who is who, from a CSV file and back.
# shellcheck shell=bash
agents_usage() {
    cat <<'TXT'
usage: ./callmesh agents import FILE      CSV with a header line: name,team,site,kind,value,valid_from,valid_to (all but name may be left out)
       ./callmesh agents list [--json] [team=T] [name=PART] [removed=true]
       ./callmesh agents remove ID
kind is user (a SIP user, an extension; the default) or address (the IP address of a phone); an empty site is any, an empty time for ever.
TXT
}

# api_send METHOD PATH TYPE [BODY FILE]: the answer on stdout; a problem ends with one line and its status is returned.
api_send() {
    local method=$1 path=$2 type=$3 body=${4:-} key port out code
    key=$(api_key) || return $?
    port=$(setting port)
    out=$(mktemp)
    code=$(curl -sS -X "$method" -o "$out" -w '%{http_code}' -H "Authorization: Bearer $key" -H "Content-Type: $type" ${body:+--data-binary "@$body"} \
        "http://127.0.0.1:${port:-8080}/api/v1$path" 2>/dev/null) || code=000
    if [ "${code:0:1}" != 2 ]; then
        local why
        why=$(jq -r '.detail // .title // empty' "$out" 2>/dev/null) || why=''
        rm -f "$out"
        say "the API says $code: ${why:-it does not answer on port ${port:-8080}}"
        return 65
    fi
    cat "$out"
    rm -f "$out"
}

# A request takes 2 KiB: the header goes again before each piece. A line's end within quotes ends no line.
agents_pieces() { # FILE FOLDER: writes FOLDER/piece-NNNNN, each with FOLDER's counted first line in its name
    LC_ALL=C awk -v dir="$2" '
        function flush() { if (body != "") { printf "%s\n%s", header, body > sprintf("%s/piece-%07d", dir, first); close(sprintf("%s/piece-%07d", dir, first)) } body = "" }
        { sub(/\r$/, ""); record = record == "" ? $0 : record "\n" $0; quotes = gsub(/"/, "\"", record)
          if (quotes % 2) next
          if (header == "") { sub(/^\xef\xbb\xbf/, "", record); header = record }
          else { if (length(header) + length(body) + length(record) > 1900) flush()
                 if (body == "") first = NR
                 body = body record "\n" }
          record = "" }
        END { if (record != "") body = body record "\n"; flush() }' "$1"
}

agents_import() {
    local file=$1 dir piece agents=0 extensions=0 answer
    [ -r "$file" ] || die 66 "cannot read $file"
    dir=$(mktemp -d)
    agents_pieces "$file" "$dir"
    for piece in "$dir"/piece-*; do
        [ -e "$piece" ] || { rm -rf "$dir"; die 65 "there is no line below the header in $file"; }
        answer=$(api_send POST /agents/import text/csv "$piece") || {
            local from=${piece##*-}
            rm -rf "$dir"
            die 65 "$file: stopped in the piece that begins at line $((10#$from)); $extensions extensions before it are in (the line above counts from the header)"
        }
        agents=$((agents + $(jq .agents <<<"$answer")))
        extensions=$((extensions + $(jq .extensions <<<"$answer")))
    done
    rm -rf "$dir"
    echo "$extensions extensions of $agents agents"
}

agents_list() {
    local json=0 args=() answer
    while [ $# -gt 0 ]; do
        case $1 in
            --json) json=1; shift ;;
            *=*) args+=(--data-urlencode "$1"); shift ;;
            *) die 64 "agents list does not know '$1'" ;;
        esac
    done
    answer=$(api_get /agents --data-urlencode limit=200 "${args[@]}") || exit $?
    if [ $json = 1 ]; then printf '%s\n' "$answer"; return; fi
    jq -r '["name","team","extensions","id"],(.data[]|[.name,.team,([.extensions[]|(if .site == "" then "" else .site + ":" end) + .value]|join(" ")),.id])|@tsv' <<<"$answer" | table
    if [ "$(jq .has_more <<<"$answer")" = true ]; then say "(more: name=PART or team=T)"; fi
}

cmd_agents() {
    local what=${1:-}
    case $what in
        ''|--help) agents_usage; return ;;
    esac
    shift
    [ -d "${CALLMESH_VAR:-$CM_ROOT/var}" ] || die 69 "nothing was ever started here: ./callmesh up"
    state_init
    case $what in
        import) [ $# = 1 ] || die 64 "agents import takes one file"; agents_import "$1" ;;
        list) agents_list "$@" ;;
        remove) [ $# = 1 ] || die 64 "agents remove takes one id"; api_send DELETE "/agents/$1" application/json >/dev/null || die 65 "not removed"; echo "removed" ;;
        *) die 64 "agents does not know '$what': import, list, remove" ;;
    esac
}
