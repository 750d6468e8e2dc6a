#!/bin/sh
# layers.sh [ROOT]: runs layers.awk over every C file of the tree. Exit 0 good, 1 with one line a finding.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "${1:-$here/../..}"
dirs=
for d in lib services tools bench tests; do
    if [ -d "$d" ]; then dirs="$dirs $d"; fi
done
[ -n "$dirs" ] || { echo "layers: no sources in $PWD" >&2; exit 1; }
# shellcheck disable=SC2086
files=$(find $dirs -name node_modules -prune -o -type f \( -name '*.c' -o -name '*.h' \) -print | LC_ALL=C sort)
[ -n "$files" ] || { echo "layers: no sources in $PWD" >&2; exit 1; }
# File names have no spaces in this tree.
# shellcheck disable=SC2086
awk -f "$here/layers.awk" $files
echo "layers: $(echo "$files" | wc -l) files are good"
