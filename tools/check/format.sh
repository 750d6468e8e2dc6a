#!/bin/sh
# format.sh: every C file has the form of .clang-format (version 14). --fix writes it. Exit 77: no clang-format here.
set -eu
cd "$(dirname "$0")/../.."
cf=$(command -v clang-format-14 || command -v clang-format || true)
if [ -z "$cf" ]; then
    echo "format: clang-format 14 is not installed" >&2
    exit 77
fi
files=$(find lib services tools bench tests -name node_modules -prune -o -type f \( -name '*.c' -o -name '*.h' \) -print 2>/dev/null | LC_ALL=C sort)
if [ "${1:-}" = --fix ]; then
    echo "$files" | xargs "$cf" -i
    exit 0
fi
bad=0
for f in $files; do
    if ! "$cf" "$f" | cmp -s - "$f"; then
        echo "$f:$("$cf" "$f" | diff - "$f" | sed -n '1s/^[0-9,]*[acd]\([0-9]*\).*/\1/p'): not in form; tools/check/format.sh --fix"
        bad=1
    fi
done
[ $bad = 0 ] && echo "format: $(echo "$files" | wc -l) files are good"
exit $bad
