#!/bin/sh
# folders.sh [ROOT]: each folder with files has its README, and a source over 450 lines says why in its first 15 (layers.awk asks the
# same of C, this of the other languages). Exit 0 good, 1 with one line a finding.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/../..}"
git ls-files --error-unmatch README.md >/dev/null || { echo "folders: $PWD is no git checkout that may be read here: skipped"; exit 77; }
bad=$(mktemp)
trap 'rm -f "$bad"' EXIT
# Left out: .ci (one script), seeds of fuzz targets (one README above them all), the old protocol (a copy of protos/).
git ls-files | grep -v -e '^\.' -e '^tests/fuzz/seeds/' -e '^tests/rolling/v1/' | sed -n 's,/[^/]*$,,p' | LC_ALL=C sort -u | while read -r d; do
    [ -f "$d/README.md" ] || echo "$d: has no README.md"
done >"$bad"
git ls-files | grep -E '\.(py|sh|ts|tsx|js|mjs|css|sql)$' | while read -r f; do
    [ "$(wc -l <"$f")" -le 450 ] || head -n 15 "$f" | grep -qi 'over 450 lines' || echo "$f: over 450 lines without a reason in its head"
done >>"$bad"
if [ -s "$bad" ]; then
    cat "$bad"
    exit 1
fi
echo "folders: each has its README"
