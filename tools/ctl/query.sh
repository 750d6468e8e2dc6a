# query.sh: the API in a terminal. Tables for people, the API's own JSON with --json.
# shellcheck shell=bash
api_key() {
    local f="$CM_VAR/secrets/first-start"
    [ -r "$f" ] || die 69 "no API key in $f: start with ./callmesh up first"
    sed -n 's/^api_key=//p' "$f" | head -n1
}

# api_get PATH [curl args]: the body on stdout; a problem ends with one line.
api_get() {
    local path=$1 out code key port
    shift
    key=$(api_key) || exit $?
    port=$(setting port)
    out=$(mktemp)
    code=$(curl -sS -G -o "$out" -w '%{http_code}' -H "Authorization: Bearer $key" "$@" "http://127.0.0.1:${port:-8080}/api/v1$path" 2>/dev/null) || code=000
    if [ "$code" = 000 ]; then rm -f "$out"; die 69 "the API does not answer on port ${port:-8080}: is it up? ./callmesh status"; fi
    if [ "${code:0:1}" != 2 ]; then
        local why
        why=$(jq -r '.detail // .title // empty' "$out" 2>/dev/null)
        rm -f "$out"
        die 65 "the API says $code: ${why:-no reason}"
    fi
    cat "$out"
    rm -f "$out"
}

table() { # reads TSV with a header line
    awk -F '\t' '{for(i=1;i<=NF;i++){v[NR,i]=$i;if(length($i)>w[i])w[i]=length($i)};n=NF}
        END{for(r=1;r<=NR;r++){s="";for(i=1;i<=n;i++)s=s sprintf("%-" w[i] "s  ",v[r,i]);sub(/ +$/,"",s);print s}}'
}

# shellcheck disable=SC2016
table_of() { # WHAT: jq program that makes TSV from a list answer
    case $1 in
        calls) echo '["started","site","from","to","state","result","status","talk_s","codec","recording","id"],(.data[]|[.started_at[0:19],.site,.from.user,.to.user,.state,(.result//"-"),(.sip_status//"-"),(.talk_seconds//0|.*10|round/10),(.codecs|join(",")),.recording_state,.id])|@tsv' ;;
        streams) echo '["first","site","src","dst","codec","packets","lost","jitter_ms","side","call"],(.data[]|[.first_at[0:19],.site,"\(.src.ip):\(.src.port)","\(.dst.ip):\(.dst.port)",.codec,.packets,.lost,(.jitter_ms.max*10|round/10),(.side//"-"),(.call_id//"-")])|@tsv' ;;
        recordings) echo '["started","site","status","seconds","codec","kB","sha256","id"],(.data[]|[.started_at[0:19],.site,.status,(.duration_seconds*100|round/100),.codec,(.size_bytes/1024|round),.sha256[0:12],.id])|@tsv' ;;
        harvesters) echo '["site","name","up","live","input","packets","sip","rtp","drops","last seen"],(.data[]|[.site,.name,.up,.live,.input,.packets,.sip_messages,.rtp_packets,.drops,(.last_seen_at//"-")[0:19]])|@tsv' ;;
    esac
}

cmd_list() {
    local what=$1 json=0 csv=0 args=() answer
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            --json) json=1; shift ;;
            --csv) [ "$what" = calls ] || die 64 "only calls are exported as CSV"; csv=1; shift ;;
            --site|--limit) need_value "$@"; args+=(--data-urlencode "${1#--}=$2"); shift 2 ;;
            --help) echo "usage: ./callmesh $what [--json]$([ "$what" = calls ] && echo ' [--csv]') [--site S] [--limit N] [KEY=VALUE...]   (keys: docs/api.md)"; return ;;
            *=*) args+=(--data-urlencode "$1"); shift ;;
            *) die 64 "$what does not know '$1'; filters are KEY=VALUE, as in docs/api.md" ;;
        esac
    done
    [ -d "${CALLMESH_VAR:-$CM_ROOT/var}" ] || die 69 "nothing was ever started here: ./callmesh up"
    state_init
    if [ $csv = 1 ]; then api_get /calls/export -m 600 --data-urlencode format=csv "${args[@]}"; return; fi
    answer=$(api_get "/$what" "${args[@]}") || exit $?
    if [ $json = 1 ]; then printf '%s\n' "$answer"; return; fi
    if [ "$(jq '.data|length' <<<"$answer")" = 0 ]; then echo "no $what"; return; fi
    jq -r "$(table_of "$what")" <<<"$answer" | table
    if [ "$(jq .has_more <<<"$answer")" = true ]; then say "(more: --limit up to 200, or cursor=$(jq -r .next_cursor <<<"$answer"))"; fi
}
