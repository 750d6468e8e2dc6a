#!/usr/bin/env bash
# coverage.sh [FILE...]: line coverage of the parsers by the fuzz targets' seeds, and by a corpus where one is given (FUZZ_CORPUS=DIR, a
# folder for each target). Builds with clang-14 into build-cov; prints one line a source file and the sum.
set -euo pipefail
command -v llvm-cov-14 llvm-profdata-14 >/dev/null || { echo "coverage needs the package llvm-14" >&2; exit 69; }
cd "$(dirname "$0")/../.."
FILES=("$@")
[ ${#FILES[@]} -gt 0 ] || FILES=(lib/wire/*.c services/capture/classify.c services/capture/media_table.c lib/http/query.c lib/http/range.c lib/http/route.c
    lib/bus/envelope.c services/api/body.c)
keep=()
for f in "${FILES[@]}"; do case $f in *_test.c) ;; *) keep+=("$PWD/$f") ;; esac; done
cmake -S . -B build-cov -G Ninja -DCMAKE_C_COMPILER=clang-14 -DCMAKE_BUILD_TYPE=Fuzz \
    -DCMAKE_C_FLAGS="-fprofile-instr-generate -fcoverage-mapping" >/dev/null
# shellcheck disable=SC2046
ninja -C build-cov $(ninja -C build-cov -t targets all | sed -n 's,^\(.*/\)\?\(fuzz_[a-z0-9_]*\): .*EXECUTABLE.*,\1\2,p') >/dev/null
profiles=$(mktemp -d)
trap 'rm -rf "$profiles"' EXIT
objects=()
for t in $(find build-cov -name 'fuzz_*' -type f -perm -u+x | sort); do
    name=${t##*/}
    inputs=("tests/fuzz/seeds/$name")
    [ -d "${FUZZ_CORPUS:-/nonexistent}/${name#fuzz_}" ] && inputs+=("$FUZZ_CORPUS/${name#fuzz_}")
    LLVM_PROFILE_FILE="$profiles/$name.raw" "$t" -runs=0 "${inputs[@]}" >/dev/null 2>&1 || echo "$name: failed on its inputs" >&2
    objects+=(-object "$t")
done
llvm-profdata-14 merge -sparse "$profiles"/*.raw -o "$profiles/all"
llvm-cov-14 export -summary-only -instr-profile="$profiles/all" "${objects[@]:1}" "${keep[@]}" 2>/dev/null | python3 -c '
import json, os, sys
d = json.load(sys.stdin)["data"][0]
for f in d["files"]:
    n = f["summary"]["lines"]
    print("%6.1f %%  %4d of %4d  %s" % (n["percent"], n["covered"], n["count"], os.path.relpath(f["filename"])))
n = d["totals"]["lines"]
print("%6.1f %%  %4d of %4d  all" % (n["percent"], n["covered"], n["count"]))
'
