#!/bin/sh
# test.sh PROGRAM: the exit statuses and outputs that the help promises.
set -eu
lint=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() {
    echo "siplint: $*" >&2
    exit 1
}
expect() { # status words... -- text that must be in the output
    want=$1
    shift
    text=$1
    shift
    got=0
    "$lint" "$@" >"$dir/out" 2>"$dir/err" || got=$?
    [ "$got" = "$want" ] || fail "$*: exit $got, expected $want"
    cat "$dir/out" "$dir/err" | grep -qF -- "$text" || fail "$*: no '$text' in: $(cat "$dir/out" "$dir/err")"
}
head='INVITE sip:b@e SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:a@e>;tag=1\r\nTo: <sip:b@e>\r\nCall-ID: x@y\r\nCSeq: 1 INVITE\r\n'
sdp='v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n'
printf "${head}Content-Type: application/sdp\r\n\r\n$sdp" >"$dir/good"
printf "${head}what is this\r\n\r\n" >"$dir/line"
printf "GET / HTTP/1.1\r\n\r\n" >"$dir/http"
printf "${head}Content-Type: application/sdp\r\n\r\nv=0\r\nm=audio x RTP/AVP 0\r\n" >"$dir/sdp"
: >"$dir/empty"
head -c 70000 /dev/zero >"$dir/long"

expect 0 "good" "$dir/good"
expect 0 '"ok":true' --json "$dir/good"
expect 0 '"call_id":"x@y"' --json "$dir/good"
expect 0 '"ip":"192.0.2.1","port":4000' "$dir/good" --json
expect 0 "0 PCMU/8000" "$dir/good"
expect 1 "malformed: sip_header_line" "$dir/line"
expect 1 "line 7: what is this" "$dir/line"
expect 1 '"event":"sip_header_line","offset":112' --json "$dir/line"
expect 1 "malformed: sdp_media" "$dir/sdp"
expect 1 '"ok":false' --json "$dir/sdp"
expect 1 "sip_start_line" "$dir/http"
expect 1 "not usable" "$dir/empty"
expect 1 "sip_too_long" "$dir/long"
expect 66 "No such file" "$dir/nowhere"
expect 66 "No such file" "$dir/good" "$dir/nowhere"
expect 64 "unknown option" --jason
expect 64 "no file"
expect 0 "examples:" --help
"$lint" - <"$dir/good" | grep -q '^-: good' || fail "standard input"
"$lint" --json "$dir/good" "$dir/line" "$dir/http" | python3 -c '
import json, sys
rows = [json.loads(line) for line in sys.stdin]
assert len(rows) == 3 and [r["ok"] for r in rows] == [True, False, False], rows
' || fail "JSON"
echo "siplint: good"
