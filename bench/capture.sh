#!/usr/bin/env bash
# capture.sh: packets per CPU second of callmesh-capture (no bus) beside a bare libpcap loop on the same file, three runs each.
# usage: bench/capture.sh ["CALLS TALK_SECONDS"...]    default: 100 300, 2000 8, 5000 4 (about 2 to 3 million packets each)
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- "100 300" "2000 8" "5000 4"
file=$(mktemp --suffix .pcap)
trap 'rm -f "$file"' EXIT
middle() { sort -n | sed -n 2p; }
printf '%8s %10s %16s %16s %8s %10s\n' calls packets floor/s capture/s share rss_kb
for spec in "$@"; do
    read -r calls talk <<<"$spec"
    build/bin/callmesh-traffic --out "$file" --calls "$calls" --concurrent "$calls" --talk "$talk" --ring 0.1 --mix 1,0,0,0 --hold 0 2>/dev/null
    floor=$(for _ in 1 2 3; do build/bin/capture_floor "$file" | jq .packets_per_cpu_s; done | middle)
    out=$(for _ in 1 2 3; do
        build/bin/callmesh-capture --read "$file" --no-bus --json --log.level=error --health.listen= |
            jq -r '[(.packets/.cpu_s|floor),.packets,.peak_rss_kb]|@tsv'
    done | middle)
    read -r rate packets rss <<<"$out"
    printf '%8d %10d %16.0f %16.0f %7d%% %10d\n' "$calls" "$packets" "$floor" "$rate" "$((100 * rate / ${floor%.*}))" "$rss"
done
