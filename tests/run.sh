#!/usr/bin/env bash
# run.sh: every test, in parts. Called by ./callmesh test. The last line counts: 'N passed, N failed, N skipped'.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 70
CM_ROOT=$PWD
export CM_ROOT
. tools/ctl/common.sh
. tools/ctl/packages.sh
. tools/ctl/build.sh

PARTS="unit asan tsan clang fuzz dashboard system"
case ${1:-} in
    --help|-h)
        cat <<TXT
usage: ./callmesh test [PART...]

parts (all by default): $PARTS
  unit       unit tests, seeds of the fuzz targets, layer and format checks (Release, warnings are errors)
  asan tsan  the unit tests again under address + undefined, and thread sanitizers
  clang      the tree builds with clang 14 without a warning
  fuzz       each fuzz target for a short while (FUZZ_SECONDS=1)
  dashboard  type check and unit tests of the page
  system     the four services with real PostgreSQL: replays, SIPp, faults, API contract, the page in Chromium
             (one case: ./callmesh test system/CASE; cases: $(ls tests/system | grep -v -e '\.' -e __ | tr '\n' ' '))
TXT
        exit 0 ;;
esac
[ $# -gt 0 ] || set -- $PARTS

passed=0 failed=0 skipped=0 part_began=0
failures=()
tally() { # PART PASSED FAILED SKIPPED
    passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
    [ "$3" = 0 ] || failures+=("$1")
    printf '%s %s: %d passed, %d failed%s (%d s)\n' "$([ "$3" = 0 ] && echo ' ok' || echo ' !!')" "$1" "$2" "$3" "$([ "$4" = 0 ] || echo ", $4 skipped")" $((SECONDS - part_began))
}

# configure_build DIR ARGS...: cmake + ninja, shown only when it fails.
configure_build() {
    local dir=$1
    shift
    cmake -S . -B "$dir" -G Ninja -DCALLMESH_WERROR=ON "$@" >"$dir.log" 2>&1 && ninja -C "$dir" >>"$dir.log" 2>&1
    local rc=$?
    [ $rc = 0 ] || { grep -E -A8 'error|warning|FAILED' "$dir.log" | head -n 60; }
    return $rc
}

ctest_part() { # PART DIR CTEST-ARGS...
    local part=$1 dir=$2 out n f
    shift 2
    # More than there are cores: most of the long ones wait for a socket or a timer.
    out=$(ctest --test-dir "$dir" --output-on-failure -j$(($(nproc) + 1)) "$@" 2>&1)
    n=$(sed -n 's/.* tests passed.* out of \([0-9]*\).*/\1/p' <<<"$out")
    f=$(sed -n 's/.*, \([0-9]*\) tests failed out of .*/\1/p' <<<"$out")
    if [ -z "$n" ]; then printf '%s\n' "$out" | tail -n 30; tally "$part" 0 1 0; return; fi
    [ "${f:-0}" = 0 ] || { printf '%s\n' "$out" | grep -aE -A80 -e '^ *[0-9]+/[0-9]+ Test .*\*\*\*' | head -n 300; printf '%s\n' "$out" | sed -n '/tests FAILED/,$p'; }
    tally "$part" $((n - f)) "$f" 0
}

part_unit() { if configure_build build -DCMAKE_BUILD_TYPE=Release; then ctest_part unit build; else tally unit 0 1 0; fi; }
part_asan() { if configure_build build-asan -DCMAKE_BUILD_TYPE=Asan; then ctest_part asan build-asan -LE check; else tally asan 0 1 0; fi; }
part_tsan() {
    # Left out: the longest of those that have one thread.
    local one='^(recorder/(drift|encrypted|render)_test|callstate/(world|story)_test|capture/jitter_sim_test|media/srtp_stream_test|vault/verify_test)$'
    if configure_build build-tsan -DCMAKE_BUILD_TYPE=Tsan; then ctest_part tsan build-tsan -L unit -E "$one"; else tally tsan 0 1 0; fi
}
# The kind of the fuzz targets is the one that clang builds: the whole tree, every warning an error.
clang_build() { configure_build build-fuzz -DCMAKE_C_COMPILER=clang-14 -DCMAKE_BUILD_TYPE=Fuzz; }
part_clang() { if clang_build; then tally clang 1 0 0; else tally clang 0 1 0; fi; }

fuzz_one() { # TARGET: prints nothing when it found nothing
    local corpus log rc=0
    corpus=$(mktemp -d) log=$(mktemp)
    "$1" -max_total_time="${FUZZ_SECONDS:-1}" -max_len=8192 -artifact_prefix=build-fuzz/ "$corpus" "tests/fuzz/seeds/${1##*/}" >"$log" 2>&1 || rc=$?
    [ $rc = 0 ] || { printf '%s: exit %d\n' "${1##*/}" $rc; tail -n 40 "$log"; }
    rm -rf "$corpus" "$log"
    return $rc
}
part_fuzz() {
    clang_build || { tally fuzz 0 1 0; return; }
    local all bad
    all=$(find build-fuzz -name 'fuzz_*' -type f -perm -u+x | sort)
    export -f fuzz_one
    xargs -P "$(nproc)" -I{} bash -c 'fuzz_one {} || echo "fuzz-failed {}"' <<<"$all" >build-fuzz/fuzz.out 2>&1
    bad=$(grep -c '^fuzz-failed ' build-fuzz/fuzz.out)
    [ "$bad" = 0 ] || cat build-fuzz/fuzz.out
    tally fuzz $(($(wc -l <<<"$all") - bad)) "$bad" 0
}
part_dashboard() {
    local log=build/dashboard-test.log
    build_dashboard >"$log" 2>&1 || { tail -n 40 "$log"; tally dashboard 0 1 0; return; }
    if (cd dashboard && npm run -s check && npm -s test) >"$log" 2>&1; then
        tally dashboard "$(sed -n 's/^# pass \([0-9]*\)$/\1/p' "$log" | tail -n1 | grep . || echo 1)" 0 0
    else
        tail -n 60 "$log"
        tally dashboard 0 1 0
    fi
}
part_system() { # CASE or all
    local line
    [ -f build/build.ninja ] || configure_build build -DCMAKE_BUILD_TYPE=Release || { tally system 0 1 0; return; }
    ninja -C build >/dev/null || { tally system 0 1 0; return; }
    [ "$(cat dashboard/dist/.sum 2>/dev/null)" = "$(dashboard_sum)" ] || build_dashboard >build/dashboard.log 2>&1
    /usr/bin/python3 -B tests/system/run.py "$@" | tee build/system.out
    grep -aE '^FAIL ' build/system.out # once more at the end: the log is long
    line=$(tail -n 1 build/system.out)
    if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
        tally system "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}"
    else
        tally system 0 1 0
    fi
}

packages_ensure run build test
for part in "$@"; do
    part_began=$SECONDS
    case $part in
        unit|asan|tsan|clang|fuzz|dashboard|system) "part_$part" ;;
        system/*) part_system "${part#system/}" ;;
        *) die 64 "there is no part '$part'; ./callmesh test --help lists them" ;;
    esac
done
[ ${#failures[@]} = 0 ] || printf 'failed parts: %s\n' "${failures[*]}"
if [ $skipped -gt 0 ]; then printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
else printf '%d passed, %d failed\n' $passed $failed
fi
[ $failed = 0 ]
