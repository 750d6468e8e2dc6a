#!/bin/sh
# layers_test.sh: every rule of layers.awk finds what it is for, and leaves the good alone.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
failed=0

put() { # FILE: content on stdin
    mkdir -p "$t/tree/$(dirname "$1")"
    cat >"$t/tree/$1"
}
expect() { # NAME "line of output" ("" = good)
    rc=0
    out=$("$here/layers.sh" "$t/tree" 2>&1) || rc=$?
    if [ -n "$2" ]; then
        if [ "$rc" != 1 ] || [ "$out" != "$2" ]; then
            printf 'FAILED %s: exit %s, wanted\n  %s\ngot\n  %s\n' "$1" "$rc" "$2" "$out"
            failed=1
        fi
    elif [ "$rc" != 0 ]; then
        printf 'FAILED %s: exit %s\n  %s\n' "$1" "$rc" "$out"
        failed=1
    fi
    rm -rf "$t/tree"
}
lines() { # N
    awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) print "// line" }'
}

put lib/wire/a.c <<'C'
#include "wire/a.h"
#include <string.h>
#include "base/span.h"
// strcpy(a, b) in a comment, and in a /* sprintf(
/* atoi("1")
   gets(x) */
static const char *s = "strcat(a, b)";
int my_strcpy(int), x = snprintf(0, 0, "%s", "a\"b" /* c */);
C
expect good ''

put lib/wire/a.c <<'C'
#include "bus/bus.h"
C
expect upward 'lib/wire/a.c:1: "bus/bus.h": wire may not include bus'

put lib/media/a.c <<'C'

#include "callmesh/v1/common.pb-c.h"
C
expect protos 'lib/media/a.c:2: "callmesh/v1/common.pb-c.h": media may not include protos'

put services/api/a.c <<'C'
#include "wire/sip.h"
C
expect service 'services/api/a.c:1: "wire/sip.h": api may not include wire'

put services/api/a.c <<'C'
#include "services/capture/capture.h"
C
expect other_service 'services/api/a.c:1: "services/capture/capture.h": include by the name under lib/, never by the path in the tree'

put services/api/a.c <<'C'
#include "capture/capture.h"
C
expect sideways 'services/api/a.c:1: "capture/capture.h": api may not include capture'

put services/callstate/a.c <<'C'
#  include <nng/nng.h>
C
expect door_nng 'services/callstate/a.c:1: <nng/nng.h> belongs to lib/bus/ alone'

put services/api/a.c <<'C'
#include <libpq-fe.h>
C
expect door_libpq 'services/api/a.c:1: <libpq-fe.h> belongs to lib/store/ alone'

put lib/bus/a.c <<'C'
#include <nng/protocol/pubsub0/pub.h>
#include "base/ring.h"
#include "callmesh/v1/envelope.pb-c.h"
C
expect own_door ''

put lib/base/a.c <<'C'
#include "tests/support/test.h"
C
expect helpers 'lib/base/a.c:1: "tests/support/test.h": only tests include helpers of tests'

put lib/base/a.c <<'C'
int f(char *s)
{
    return atoi(s);
}
C
expect call 'lib/base/a.c:3: atoi() is not used here'

lines 451 | put lib/base/a.h
expect too_long 'lib/base/a.h:451: 451 lines; over 450 needs its reason in the head'

{ echo '// Over 450 lines: one table.'; lines 600; } | put lib/base/a.h
expect long_with_reason ''

{ printf 'int f(void)\n{\n'; lines 79; echo '}'; } | put lib/base/a.c
expect long_function 'lib/base/a.c:2: a function of 81 lines; a screen has 80'

mkdir -p "$t/tree"
expect nothing_to_check "layers: no sources in $t/tree"

[ $failed = 0 ] && echo "layers_test: all rules bite"
exit $failed
