// One call seen by several harvesters: at one site, at two that share their addresses (a realm), at two that do not; and with
// clocks that disagree.
#include "call.h"
#include "stats.h"
#include "story_kit.h"

static void shared(struct span site, char ret[64])
{
    // tokyo has a plan of its own; the others have one together
    (void)span_copy(span_eq(site, SPAN_LIT("tokyo")) ? site : SPAN_LIT("europe"), ret, 64);
}

// Harvester n of the kit is at this site; its clock is so far ahead.
static void place(struct kit *k, int n, const char *site, int64_t offset_us)
{
    char name[24];
    uint16_t at;
    (void)snprintf(name, sizeof name, "main/cap%d", n);
    struct publisher *p = publisher_intern(k->w, span_str(name), span_str(site), &at);
    assert_non_null(p);
    p->live = true;
    p->clock_offset_us = offset_us;
}

static size_t calls_of(struct kit *k, struct call **ret, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < k->w->lim.calls; i++) {
        struct call *c = slab_at(k->w->calls, i);
        if (c && n < max)
            ret[n++] = c;
    }
    return n;
}

static const char whole[] = "0 A>B INVITE id=x sdp=4000 pub=1\n"
                            "0.001 A>B INVITE id=x sdp=4000 pub=2\n"
                            "1 B>A 200 id=x sdp=5000 t=t pub=2\n"
                            "1.001 B>A 200 id=x sdp=5000 t=t pub=1\n"
                            "1.1 A>B ACK id=x t=t pub=1\n"
                            "5 A>B BYE id=x t=t pub=2 n=2\n"
                            "5.1 B>A 200 id=x t=t n=2 m=BYE pub=2\n";

static void two_taps_are_one_call(void **state)
{
    (void)state;
    struct kit k;
    struct call *c[4];
    kit_open(&k, NULL);
    place(&k, 1, "main", 0);
    place(&k, 2, "main", 0);
    kit_play(&k, whole);
    assert_int_equal(calls_of(&k, c, 4), 1);
    assert_int_equal(c[0]->publishers, 2);
    assert_int_equal(c[0]->leg_count, 1);
    kit_close(&k);
}

// SIP at berlin and paris, media at paris alone.
static void a_realm_is_one_network(void **state)
{
    (void)state;
    struct kit k;
    struct call *c[4];
    kit_open(&k, NULL);
    k.w->realm = shared;
    place(&k, 1, "berlin", 0);
    place(&k, 2, "paris", 0);
    kit_play(&k, whole);
    kit_play(&k, "1.2 rtp 10.0.0.1:4000>10.0.0.2:5000 ssrc=7 pub=2 until=5\n1.2 rtp "
                 "10.0.0.2:5000>10.0.0.1:4000 ssrc=8 pub=2 until=5\n");
    assert_int_equal(calls_of(&k, c, 4), 1);
    assert_int_equal(c[0]->publishers, 2);
    assert_int_equal(c[0]->stream_count, 2);
    assert_int_equal(c[0]->state, CALLMESH__V1__CALL_STATE__CALL_STATE_ENDED);
    kit_close(&k);
}

// The same private addresses, even the same Call-ID, at a site with a plan of its own: nothing crosses.
static void another_realm_is_another_network(void **state)
{
    (void)state;
    struct kit k;
    struct call *c[4];
    kit_open(&k, NULL);
    k.w->realm = shared;
    place(&k, 1, "berlin", 0);
    place(&k, 2, "tokyo", 0);
    place(&k, 3, "paris", 0);
    kit_play(&k, whole);
    kit_play(&k, "1.2 rtp 10.0.0.1:4000>10.0.0.2:5000 ssrc=7 pub=3 until=5\n1.3 rtp "
                 "10.0.0.1:4000>10.0.0.2:5000 ssrc=9 pub=2 until=5\n");
    assert_int_equal(calls_of(&k, c, 4), 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(c[i]->stream_count, 1);
        bool tokyo = strcmp(k.w->site[c[i]->site].name, "tokyo") == 0;
        assert_int_equal(c[i]->streams->ssrc, tokyo ? 9 : 7);
    }
    kit_close(&k);
}

// paris is an hour ahead. Known: one call, with times as berlin has them. Not known: media an hour away is another call's.
static void clocks_are_compared_by_their_offsets(void **state)
{
    (void)state;
    for (int known = 0; known < 2; known++) {
        struct kit k;
        struct call *c[4];
        kit_open(&k, NULL);
        k.w->realm = shared;
        place(&k, 1, "berlin", known ? 2000 : 0);
        place(&k, 2, "paris", known ? 3600 * US_PER_S + 7000 : 0);
        kit_play(&k, "0 A>B INVITE id=x sdp=4000 pub=1\n"
                     "3601 B>A 200 id=x sdp=5000 t=t pub=2\n"
                     "1.1 A>B ACK id=x t=t pub=1\n"
                     "3601.2 rtp 10.0.0.1:4000>10.0.0.2:5000 ssrc=7 pub=2 until=3605\n"
                     "5 A>B BYE id=x t=t pub=1 n=2\n"
                     "3605.1 rtp 10.0.0.1:4000>10.0.0.2:5000 ssrc=7 pub=2 until=3605 ended\n");
        size_t n = calls_of(&k, c, 4);
        if (known) {
            assert_int_equal(n, 1);
            assert_int_equal(c[0]->stream_count, 1);
            int64_t talk = c[0]->ended_us - c[0]->answered_us;
            assert_in_range(talk, 3900000, 4100000);
        } else {
            assert_true(n != 1 || c[0]->stream_count == 0 ||
                        c[0]->ended_us - c[0]->answered_us < 3900000);
        }
        kit_close(&k);
    }
}

// Half a second is left alone, whatever the estimate says: the same feed gives the same rows.
static void small_differences_change_nothing(void **state)
{
    (void)state;
    struct kit k;
    struct call *c[4];
    kit_open(&k, NULL);
    place(&k, 1, "main", 400000);
    place(&k, 2, "main", 1);
    kit_play(&k, "0 A>B INVITE id=x sdp=4000 pub=1\n1 B>A 200 id=x sdp=5000 t=t pub=2\n");
    assert_int_equal(calls_of(&k, c, 4), 1);
    assert_int_equal(c[0]->answered_us, KIT_T0 + US_PER_S);
    kit_close(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_taps_are_one_call),
        cmocka_unit_test(a_realm_is_one_network),
        cmocka_unit_test(another_realm_is_another_network),
        cmocka_unit_test(clocks_are_compared_by_their_offsets),
        cmocka_unit_test(small_differences_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
