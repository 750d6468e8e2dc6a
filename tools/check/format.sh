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
# One line a file is enough: --fix mends the whole.
out=$(echo "$files" | xargs "$cf" --dry-run -Werror 2>&1 | grep -E ': (error|warning):' | sed 's/: [a-z]*: .*//' | sort -t: -u -k1,1 || true)
if [ -n "$out" ]; then
    echo "$out" | sed 's/$/: not in form; tools\/check\/format.sh --fix/'
    exit 1
fi
marks=$(git grep -nE '^(<{7}|>{7}) ' 2>/dev/null || true)
if [ -n "$marks" ]; then
    echo "$marks" | sed 's/$/: a merge that was not finished/'
    exit 1
fi
echo "format: $(echo "$files" | wc -l) files are good"
