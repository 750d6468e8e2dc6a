#include "feed_kit.h"

#include <pthread.h>

#include "base/stat.h"

static void casts(bool pub_listens)
{
    char url[48], err[256] = "";
    snprintf(url, sizeof(url), "tcp://127.0.0.1:%d", test_free_port());
    struct cast_pub *pub;
    struct cast_sub *a, *b = NULL;
    assert_int_equal(cast_sub_open(&a, url, !pub_listens, err, sizeof(err)), 0);
    if (pub_listens)
        assert_int_equal(cast_sub_open(&b, url, false, err, sizeof(err)), 0);
    assert_int_equal(cast_pub_open(&pub, url, pub_listens, "callstate", "main",
                                   CALLMESH__V1__KIND__KIND_MESH, err, sizeof(err)),
                     0);
    uint8_t birth[16];
    cast_pub_incarnation(pub, birth);
    Callmesh__V1__Tap tap = CALLMESH__V1__TAP__INIT;
    tap.until_us = 5;
    Callmesh__V1__MeshChange change = CALLMESH__V1__MESH_CHANGE__INIT, *changes[] = {&change};
    change.change_case = CALLMESH__V1__MESH_CHANGE__CHANGE_TAP;
    change.tap = &tap;
    Callmesh__V1__MeshBatch batch = CALLMESH__V1__MESH_BATCH__INIT;
    batch.changes = changes;
    batch.n_changes = 1;
    // Until both are connected what is sent is lost: wait for the first that comes.
    struct span s;
    bool got_a = false, got_b = b == NULL;
    for (int i = 0; i < 500 && !(got_a && got_b); i++) {
        assert_int_equal(cast_pub_send(pub, &batch.base), 0);
        got_a |= cast_sub_next(a, 10000, &s) == 1;
        if (b)
            got_b |= cast_sub_next(b, 10000, &s) == 1;
    }
    assert_true(got_a && got_b);
    while (cast_sub_next(a, 100000, &s) == 1)
        ;
    uint64_t seq = cast_pub_seq(pub);
    for (int i = 0; i < 100; i++)
        assert_int_equal(cast_pub_send(pub, &batch.base), 0);
    for (int i = 1; i <= 100; i++) {
        assert_int_equal(cast_sub_next(a, US_PER_S, &s), 1);
        Callmesh__V1__Envelope *e = cast_sub_unpack(a, &callmesh__v1__envelope__descriptor, s);
        assert_non_null(e);
        assert_int_equal(e->seq, seq + (uint64_t)i);
        assert_memory_equal(e->incarnation.data, birth, 16);
        assert_string_equal(e->publisher, "callstate");
        Callmesh__V1__MeshBatch *m = cast_sub_unpack(a, &callmesh__v1__mesh_batch__descriptor,
                                                     span_of(e->payload.data, e->payload.len));
        assert_non_null(m);
        assert_int_equal(m->changes[0]->tap->until_us, 5);
    }
    // Raw: no envelope, no number.
    seq = cast_pub_seq(pub);
    assert_int_equal(cast_pub_send_raw(pub, SPAN_LIT("live")), 0);
    assert_int_equal(cast_sub_next(a, US_PER_S, &s), 1);
    assert_true(span_eq(s, SPAN_LIT("live")));
    assert_int_equal(cast_pub_seq(pub), seq);
    assert_int_equal(cast_sub_next(a, 0, &s), 0);
    assert_int_equal(cast_sub_next(a, 20000, &s), 0);
    assert_null(cast_sub_unpack(a, &callmesh__v1__envelope__descriptor, SPAN_LIT("\x0a\x7f")));
}

static void publisher_listens(void **state)
{
    (void)state;
    casts(true);
}

static void publisher_dials(void **state)
{
    (void)state;
    casts(false);
}

// A listener that does not read loses, sees the gap in seq, and costs a bounded queue.
static void slow_listener_sees_a_gap(void **state)
{
    (void)state;
    char url[48], err[256] = "";
    snprintf(url, sizeof(url), "tcp://127.0.0.1:%d", test_free_port());
    struct cast_sub *sub;
    struct cast_pub *pub;
    assert_int_equal(cast_pub_open(&pub, url, true, "callstate", "", CALLMESH__V1__KIND__KIND_MESH,
                                   err, sizeof(err)),
                     0);
    assert_int_equal(cast_sub_open(&sub, url, false, err, sizeof(err)), 0);
    static char text[60000];
    memset(text, 'x', sizeof(text) - 1);
    Callmesh__V1__Ask big = CALLMESH__V1__ASK__INIT; // any message with a long text
    big.publisher = text;
    struct span s;
    while (cast_sub_next(sub, 10000, &s) != 1)
        assert_int_equal(cast_pub_send(pub, &big.base), 0);
    const Callmesh__V1__Envelope *e = cast_sub_unpack(sub, &callmesh__v1__envelope__descriptor, s);
    assert_non_null(e);
    uint64_t last = e->seq, gaps = 0, n = 0;
    for (int i = 0; i < 3000; i++)
        assert_int_equal(cast_pub_send(pub, &big.base), 0);
    while (cast_sub_next(sub, 300000, &s) == 1) {
        e = cast_sub_unpack(sub, &callmesh__v1__envelope__descriptor, s);
        assert_non_null(e);
        assert_true(e->seq > last);
        gaps += e->seq != last + 1;
        last = e->seq;
        n++;
    }
    assert_true(n < 3000);
    assert_true(gaps > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publisher_listens),
        cmocka_unit_test(publisher_dials),
        cmocka_unit_test(slow_listener_sees_a_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
