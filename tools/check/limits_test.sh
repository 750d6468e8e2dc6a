#!/usr/bin/env bash
# Each rule of limits.py bites: a small tree with one good row and one row for each flaw.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp"/tools/check "$tmp"/docs "$tmp"/services/one
cp "$here/limits.py" "$tmp/tools/check/"
cat >"$tmp/docs/limits.md" <<'MD'
## Part
| what | where | default | why | when full | counted by |
|---|---|---|---|---|---|
| good | `one.places` | 4 | x | refused | `one_full_total{table="places"}` |
| no setting | `one.nowhere` | 4 | x | refused | `one_full_total` |
| no file | `gone.c` | 4 | x | refused | - |
| no constant | `GONE_MAX` | 4 | x | refused | - |
| no counter | `one.places` | 4 | x | refused | `two_full_total` |
| no label | `one.places` | 4 | x | refused | `one_full_total{table="gone"}` |
| no rule | `one.places` | 4 |  |  | - |
| no test named | `one.places` | 4 | x | refused | - |
| no such test | `one.places` | 4 | x | refused | - |
| no reason | `one.places` | 4 | x | refused | - |
MD
cat >"$tmp/services/one/one.c" <<'C'
{"one.places", CONF_INT, "4"}, {"one_full_total", "table=\"places\""}
C
echo 'cmocka_unit_test(full)' >"$tmp/services/one/one_test.c"
for row in good 'no setting' 'no file' 'no constant' 'no counter' 'no label' 'no rule'; do
    echo "docs/limits.md Part: $row = one_test.c full"
done >"$tmp/tools/check/limits.txt"
cat >>"$tmp/tools/check/limits.txt" <<'TXT'
docs/limits.md Part: no such test = one_test.c fuller
docs/limits.md Part: no reason = -
docs/limits.md Part: gone = one_test.c full
TXT
git -C "$tmp" init -q && git -C "$tmp" add -A
out=$(python3 -B "$tmp/tools/check/limits.py") && { echo "nothing was found"; exit 1; }
for flaw in 'no setting: one.nowhere' 'no file: gone.c' 'no constant: GONE_MAX' 'no counter: counter two_full' 'no label: counter one_full' 'no rule: no rule when full' \
    'no test named: no test named' 'no such test: no test fuller' 'no reason: ' 'no such row: docs/limits.md Part: gone' '10 flaws'; do
    grep -qF "$flaw" <<<"$out" || { printf 'not found: %s\n%s\n' "$flaw" "$out"; exit 1; }
done
if grep -q 'Part: good' <<<"$out"; then printf '%s\n' "$out"; exit 1; fi
echo "limits: each rule bites"
