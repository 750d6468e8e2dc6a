#include "tests/support/test.h"

#include <stdlib.h>
#include "media/timeline.h"

#define T0 INT64_C(1700000000000000)

// A stream under test: packets with a capture time in ms from T0, and where each must stand (8 kHz samples).
struct case_packet {
    int64_t at_ms;
    uint16_t seq;
    uint32_t ts;
    int64_t pos;
    bool dup;
};

static struct timeline_packet packet(size_t i, int64_t at_us, uint16_t seq, uint32_t ts,
                                     uint32_t ssrc)
{
    return (struct timeline_packet){.key = i + 1,
                                    .at_us = at_us,
                                    .ssrc = ssrc,
                                    .timestamp = ts,
                                    .seq = seq,
                                    .audio = true,
                                    .clock = 8000,
                                    .duration = 160};
}

static size_t check(const struct case_packet *p, size_t n, int64_t want_end)
{
    struct timeline_segment segments[16];
    struct timeline t;
    timeline_init(&t, segments, 16);
    for (size_t i = 0; i < n; i++) {
        struct timeline_packet k = packet(i, T0 + p[i].at_ms * 1000, p[i].seq, p[i].ts, 1);
        assert_int_equal(timeline_learn(&t, &k) == TIMELINE_DUP, p[i].dup);
    }
    int64_t start = 0;
    assert_true(timeline_start(&t, &start));
    assert_int_equal(timeline_end(&t, start), want_end);
    size_t segs = t.n;
    timeline_rewind(&t);
    for (size_t i = 0; i < n; i++) {
        struct timeline_packet k = packet(i, T0 + p[i].at_ms * 1000, p[i].seq, p[i].ts, 1);
        struct timeline_place place = {0};
        enum timeline_verdict v = timeline_place(&t, &k, start, &place);
        assert_int_equal(v == TIMELINE_DUP, p[i].dup);
        if (!p[i].dup)
            assert_int_equal(place.pos, p[i].pos);
    }
    return segs;
}

#define CHECK(end, ...)                                                                            \
    check((const struct case_packet[]){__VA_ARGS__},                                               \
          sizeof((const struct case_packet[]){__VA_ARGS__}) / sizeof(struct case_packet), (end))

static void jitter_does_not_move_sound(void **state)
{
    (void)state;
    // The first packet was 30 ms late: sample 0 is where the quickest say it is.
    assert_int_equal(CHECK(800, {30, 1, 1000, 0, false}, {20, 2, 1160, 160, false},
                           {55, 3, 1320, 320, false}, {60, 4, 1480, 480, false},
                           {140, 5, 1640, 640, false}),
                     1);
}

static void both_counters_wrap(void **state)
{
    (void)state;
    assert_int_equal(CHECK(640, {0, 65534, 0xFFFFFF60u, 0, false}, {20, 65535, 0, 160, false},
                           {40, 0, 160, 320, false}, {60, 1, 320, 480, false}),
                     1);
}

static void late_and_double(void **state)
{
    (void)state;
    assert_int_equal(CHECK(640, {0, 1, 0, 0, false}, {40, 3, 320, 320, false},
                           {41, 2, 160, 160, false}, {42, 2, 160, 0, true},
                           {60, 4, 480, 480, false}),
                     1);
}

static void silence_that_was_not_sent_keeps_its_length(void **state)
{
    (void)state;
    // DTX: time stamps go on, no sequence number is missing.
    assert_int_equal(
        CHECK(16320, {0, 1, 0, 0, false}, {20, 2, 160, 160, false}, {2020, 3, 16160, 16160, false}),
        1);
}

static void paused_timestamps_begin_a_segment(void **state)
{
    (void)state;
    // On hold for 10 s; the sender's clock stood still: the capture's clock tells.
    assert_int_equal(CHECK(80480, {0, 1, 0, 0, false}, {20, 2, 160, 160, false},
                           {10020, 3, 320, 80160, false}, {10040, 4, 480, 80320, false}),
                     2);
}

static void timestamp_jump_begins_a_segment(void **state)
{
    (void)state;
    assert_int_equal(CHECK(640, {0, 1, 0, 0, false}, {20, 2, 160, 160, false},
                           {40, 3, 4000000000u, 320, false}, {60, 4, 4000000160u, 480, false}),
                     2);
}

static void stall_and_burst_stay_one_sound(void **state)
{
    (void)state;
    // 400 ms without a packet, then all of them at once: nothing moves.
    struct case_packet p[64];
    for (size_t i = 0; i < 64; i++) {
        int64_t at = (int64_t)i * 20;
        if (i >= 20 && i < 40)
            at = 800 + (int64_t)i / 10;
        p[i] = (struct case_packet){at, (uint16_t)i, (uint32_t)i * 160, (int64_t)i * 160, false};
    }
    (void)check(p, 64, 64 * 160);
}

static void ssrc_change_is_anchored_by_capture_time(void **state)
{
    (void)state;
    struct timeline_segment segments[4];
    struct timeline t;
    struct timeline_place place;
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 0)
            timeline_init(&t, segments, 4);
        else
            timeline_rewind(&t);
        for (uint32_t i = 0; i < 100; i++) {
            bool second = i >= 60;
            struct timeline_packet k =
                packet(i, T0 + i * 20000, (uint16_t)(second ? 7 * i : i),
                       second ? 99999999u + i * 160 : i * 160, second ? 2 : 1);
            if (second)
                k.seq = (uint16_t)(30000 + i);
            if (pass == 0)
                assert_int_equal(timeline_learn(&t, &k), TIMELINE_PLACED);
            else {
                assert_int_equal(timeline_place(&t, &k, T0, &place), TIMELINE_PLACED);
                assert_int_equal(place.pos, i * 160);
                assert_int_equal(place.fresh, i == 0 || i == 60);
                assert_int_equal(place.missing, 0);
            }
        }
    }
    assert_int_equal(t.n, 2);
    assert_int_equal(rtpseq_lost(&t.seq), 0);
}

static void full_table_keeps_the_last_segment(void **state)
{
    (void)state;
    struct timeline_segment segments[2];
    struct timeline t;
    timeline_init(&t, segments, 2);
    for (uint32_t i = 0; i < 10; i++) { // each a jump of its own
        struct timeline_packet k = packet(i, T0 + i * 20000, (uint16_t)i, i * 100000000u, 1);
        (void)timeline_learn(&t, &k);
    }
    assert_int_equal(t.n, 2);
    assert_int_equal(t.refused, 8);
}

static void long_stream_has_no_drift_of_its_own(void **state)
{
    (void)state;
    // 26 hours at 20 ms: sequence wraps 71 times; random jitter; positions stay exact.
    struct timeline_segment segments[4];
    struct timeline t;
    timeline_init(&t, segments, 4);
    uint32_t n = 4680000;
    for (uint32_t i = 0; i < n; i++) {
        int64_t jitter = i == 7 ? 0 : (int64_t)(i * 2654435761u >> 20) * 20; // to 82 ms
        struct timeline_packet k =
            packet(i, T0 + (int64_t)i * 20000 + jitter, (uint16_t)i, i * 160u + 4000000000u, 9);
        assert_int_equal(timeline_learn(&t, &k), TIMELINE_PLACED);
    }
    assert_int_equal(t.n, 1);
    assert_int_equal(timeline_end(&t, T0), (int64_t)n * 160);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jitter_does_not_move_sound),
        cmocka_unit_test(both_counters_wrap),
        cmocka_unit_test(late_and_double),
        cmocka_unit_test(silence_that_was_not_sent_keeps_its_length),
        cmocka_unit_test(paused_timestamps_begin_a_segment),
        cmocka_unit_test(timestamp_jump_begins_a_segment),
        cmocka_unit_test(stall_and_burst_stay_one_sound),
        cmocka_unit_test(ssrc_change_is_anchored_by_capture_time),
        cmocka_unit_test(full_table_keeps_the_last_segment),
        cmocka_unit_test(long_stream_has_no_drift_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
