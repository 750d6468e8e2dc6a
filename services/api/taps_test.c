// Rings, gaps, leases, and the bytes of a frame.
#include "tests/support/test.h"

#include <stdio.h>

#include "taps.h"

static struct uuid call_of(unsigned n)
{
    return uuid_v7_derived(1700000000000000, span_of(&n, sizeof(n)));
}

static void tap_frame(struct uuid *call, unsigned side, unsigned seq, uint8_t fill, bool gap)
{
    uint8_t payload[160];
    memset(payload, fill, sizeof(payload));
    char codec[] = "PCMA";
    Callmesh__V1__LiveFrame f = CALLMESH__V1__LIVE_FRAME__INIT;
    f.call_id = (ProtobufCBinaryData){16, call->b};
    f.side = side;
    f.codec = codec;
    f.clock_rate = 8000;
    f.at_us = 1700000000000000 + seq * 20000;
    f.rtp_seq = seq;
    f.rtp_timestamp = seq * 160;
    f.ssrc = side;
    f.payload = (ProtobufCBinaryData){sizeof(payload), payload};
    const Callmesh__V1__LiveFrame *list[1] = {&f};
    taps_frames(list, 1, gap);
}

static void tap_rules(void **state)
{
    (void)state;
    bool first, last, end;
    uint8_t rec[512];
    size_t n;
    assert_int_equal(taps_init(2, 16384), 0);
    struct uuid a = call_of(1), b = call_of(2), c = call_of(3), due;
    struct tap *ta = taps_join(&a, &first);
    assert_true(ta && first);
    assert_ptr_equal(taps_join(&a, &first), ta);
    assert_false(first);
    assert_int_equal(taps_listeners(&a), 2);
    struct tap *tb = taps_join(&b, &first);
    assert_true(tb && tb != ta);
    assert_null(taps_join(&c, &first)); // full
    assert_int_equal(taps_refused(), 1);
    uint64_t cursor = fanring_head(ta->ring);
    tap_frame(&a, 1, 65535, 0xAA, false);
    tap_frame(&a, 1, 65536, 0xBB, false); // 16 bits on the wire: 0 follows 65535
    tap_frame(&a, 1, 2, 0xCC, false);     // one is missing
    tap_frame(&a, 3, 3, 0, false);        // no such side
    tap_frame(&c, 1, 3, 0, false);        // nobody listens
    static const uint8_t flags[] = {0, 0, FRAME_FLAG_GAP};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(fanring_read(ta->ring, &cursor, rec, sizeof(rec), &n), FANRING_OK);
        assert_int_equal(n, FRAME_HEAD + FRAME_AUDIO_HEAD + 160);
        assert_int_equal(rec[0], FRAME_AUDIO);
        assert_int_equal(rec[1], flags[i]);
        assert_int_equal(rec[2] | rec[3] << 8, FRAME_AUDIO_HEAD + 160);
        assert_int_equal(rec[4], 1);
        assert_int_equal(rec[5], 1); // PCMA
    }
    assert_int_equal(fanring_read(ta->ring, &cursor, rec, sizeof(rec), &n), FANRING_E_EMPTY);
    tap_frame(&a, 2, 9, 0, true); // a batch of the recorder is missing
    assert_int_equal(fanring_read(ta->ring, &cursor, rec, sizeof(rec), &n), FANRING_OK);
    assert_int_equal(rec[1], FRAME_FLAG_GAP);
    taps_state(&a, "held", false);
    assert_int_equal(fanring_read(ta->ring, &cursor, rec, sizeof(rec), &n), FANRING_OK);
    assert_memory_equal(rec + FRAME_HEAD, "{\"type\":\"state\",\"state\":\"held\"}",
                        n - FRAME_HEAD);
    // leases: both are due at once; renewed, then not; the last one out ends it
    assert_true(taps_due(100, &due, &end));
    assert_false(end);
    taps_leased(&a, false, true, true, 1000);
    taps_leased(&b, false, true, true, 1000);
    assert_false(taps_due(999, &due, &end));
    assert_true(taps_due(1000, &due, &end));
    taps_leased(&a, false, true, true, 5000);
    taps_leased(&b, false, true, true, 5000);
    taps_leave(ta, &last);
    assert_false(last);
    taps_leave(ta, &last);
    assert_true(last);
    assert_true(taps_due(1001, &due, &end));
    assert_true(end && !memcmp(due.b, a.b, 16));
    taps_leased(&a, true, true, true, 0);
    assert_int_equal(taps_used(), 1);
    // callstate does not know the call: its listeners are closed
    taps_leased(&b, false, true, false, 6000);
    assert_true(tb->ended);
    assert_false(taps_due(9000, &due, &end)); // no lease for an ended call while it is listened to
    taps_leave(tb, &last);
    assert_true(taps_due(9001, &due, &end) && end);
    taps_leased(&b, true, false, false, 0); // unheard: given back all the same
    assert_int_equal(taps_used(), 0);
    assert_non_null(taps_join(&c, &first)); // drained: there is room again
}

static void frames(void **state)
{
    (void)state;
    uint8_t buf[64];
    static const struct {
        const char *codec;
        uint32_t rate;
        uint8_t number;
    } cases[] = {{"PCMU", 8000, 0},   {"PCMA", 8000, 1},    {"L16", 8000, 2},
                 {"L16", 44100, 255}, {"opus", 48000, 255}, {"", 0, 255}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char codec[16];
        uint8_t payload[4] = {1, 2, 3, 4};
        Callmesh__V1__LiveFrame f = CALLMESH__V1__LIVE_FRAME__INIT;
        snprintf(codec, sizeof(codec), "%s", cases[i].codec);
        f.codec = codec;
        f.clock_rate = cases[i].rate;
        f.side = 2;
        f.rtp_seq = 0x1234;
        f.rtp_timestamp = 0x89ABCDEF;
        f.at_us = INT64_C(0x0102030405060708);
        f.payload = (ProtobufCBinaryData){4, payload};
        assert_int_equal(frame_audio(buf, sizeof(buf), &f, 3), 24);
        uint8_t want[24] = {2,    3,    20,   0,    2,    cases[i].number,
                            0x34, 0x12, 0xEF, 0xCD, 0xAB, 0x89,
                            8,    7,    6,    5,    4,    3,
                            2,    1,    1,    2,    3,    4};
        assert_memory_equal(buf, want, sizeof(want));
        assert_int_equal(frame_audio(buf, 23, &f, 3), 0); // one byte too few
    }
    assert_int_equal(frame_text(buf, 6, "ab", 2), 6);
    assert_int_equal(frame_text(buf, 5, "ab", 2), 0);
    assert_int_equal(frame_text(buf, sizeof(buf), "", 0), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tap_rules), cmocka_unit_test(frames)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
