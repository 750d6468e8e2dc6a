#!/usr/bin/env bash
# live.sh: callmesh-capture on a veth beside a bare TPACKET_V3 loop on the same wire at the same time, 64 MiB of ring each: what each got and what
# the kernel dropped for it. Root (namespaces). usage: bench/live.sh [PACKETS [RATE]]    default 1000000 at 100000/s
set -euo pipefail
cd "$(dirname "$0")/.."
packets=${1:-1000000} rate=${2:-100000}
a=cmla$$ b=cmlb$$ out=$(mktemp -d)
trap 'ip netns del "$a" 2>/dev/null; ip netns del "$b" 2>/dev/null; rm -rf "$out"' EXIT
ip netns add "$a"
ip netns add "$b"
ip -n "$a" link add v0 type veth peer name v1 netns "$b"
ip -n "$a" addr add 10.77.0.1/24 dev v0
ip netns exec "$a" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip netns exec "$b" sysctl -qw net.ipv6.conf.all.disable_ipv6=1
for x in "$a v0" "$b v1" "$b lo"; do ip -n "${x% *}" link set "${x#* }" up; done
ip -n "$a" neigh add 10.77.0.9 lladdr 02:00:00:00:00:09 dev v0
ip netns exec "$b" build/bin/live_floor v1 67108864 >"$out/floor" &
floor=$!
ip netns exec "$b" build/bin/callmesh-capture --interface v1 --no-bus --json --log.level=error >"$out/capture" &
capture=$!
sleep 1.5
ip netns exec "$a" build/bin/numbers_send 10.77.0.9 0 "$packets" "$rate" >"$out/sent"
sleep 1
kill -TERM "$floor" "$capture"
wait "$floor" "$capture"
printf '%10s %10s %9s %8s\n' '' packets dropped cpu_s
jq -r '["sent", .sent, "-", .seconds]|@tsv' "$out/sent" | awk '{printf "%10s %10d %9s %8s (in %s s)\n", $1, $2, $3, "-", $4}'
jq -r '["bare loop", .packets, .dropped, .cpu_s]|@tsv' "$out/floor" | awk -F'\t' '{printf "%10s %10d %9d %8.2f\n", $1, $2, $3, $4}'
jq -r '["capture", .packets, (.dropped.kernel // 0), .cpu_s]|@tsv' "$out/capture" | awk -F'\t' '{printf "%10s %10d %9d %8.2f\n", $1, $2, $3, $4}'
