// A mirror that has taken every change agrees with the sum; one call too few, or an older revision, is seen at the second look.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/uuid.h"
#include "mirror_priv.h"

static struct uuid id_of(uint8_t n)
{
    struct uuid u = {{1, 2, 3}};
    u.b[15] = n;
    return u;
}

static void tell(uint8_t n, uint64_t revision)
{
    struct uuid id = id_of(n);
    Callmesh__V1__Call c = CALLMESH__V1__CALL__INIT;
    Callmesh__V1__MeshChange m = CALLMESH__V1__MESH_CHANGE__INIT;
    char site[] = "main";
    c.id = (ProtobufCBinaryData){16, id.b};
    c.revision = revision;
    c.site = site;
    c.state = CALLMESH__V1__CALL_STATE__CALL_STATE_RINGING;
    c.started_at_us = 1700000000000000;
    m.change_case = CALLMESH__V1__MESH_CHANGE__CHANGE_CALL;
    m.call = &c;
    mirror_take(&m, true, false);
}

static Callmesh__V1__MeshDigest sum_of(uint64_t first, uint64_t second)
{
    Callmesh__V1__MeshDigest d = CALLMESH__V1__MESH_DIGEST__INIT;
    struct uuid a = id_of(1), b = id_of(2);
    d.calls = 2;
    d.sum = uuid_digest(&a, first) + uuid_digest(&b, second);
    return d;
}

static void differences_are_seen(void **state)
{
    (void)state;
    settings.mirror_calls = 16;
    settings.mirror_harvesters = 4;
    assert_int_equal(mirror_init(), 0);
    tell(1, 5);
    tell(2, 7);
    Callmesh__V1__MeshDigest same = sum_of(5, 7), newer = sum_of(5, 8);
    assert_true(mirror_agrees(&same));
    assert_true(mirror_agrees(&newer)); // it may be on its way behind a snapshot
    assert_true(mirror_agrees(&same));
    assert_int_equal(stat_get(&mi.stat[MI_DIVERGED]), 0);
    assert_true(mirror_agrees(&newer));
    assert_false(mirror_agrees(&newer)); // still
    assert_int_equal(stat_get(&mi.stat[MI_DIVERGED]), 1);
    tell(2, 8);
    assert_true(mirror_agrees(&newer));
    tell(3, 1); // one that callstate does not know
    assert_true(mirror_agrees(&newer));
    assert_false(mirror_agrees(&newer));
    // Revisions of two calls changed for one another are another sum.
    struct uuid a = id_of(1), b = id_of(2);
    assert_true(uuid_digest(&a, 5) + uuid_digest(&b, 7) != uuid_digest(&a, 7) + uuid_digest(&b, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(differences_are_seen)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
