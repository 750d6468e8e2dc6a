#include "worker_kit.h"

static void announced_from_the_first_packet(void **state)
{
    (void)state;
    struct bench *b = bench_new();
    invite(b, "0");
    rtp(b, 2, 5000, 1, 7);
    assert_int_equal(count(b, CAPTURE_RTP), 1);
    struct told t = bench_end(b);
    assert_int_equal(t.sip, 1);
    assert_int_equal(t.media, 1);
    assert_int_equal(t.probation, 0);
    assert_int_equal(t.ended_reports, 1);
    assert_int_equal(t.infos, 1);
    assert_int_equal(t.ended, 1);
    assert_string_equal(t.codec, "PCMU");
}

static void unannounced_after_probation(void **state)
{
    (void)state;
    struct bench *b = bench_new();
    for (unsigned i = 0; i < 3; i++)
        rtp(b, 2, 5000, i, 7);
    assert_int_equal(count(b, CAPTURE_RTP), 0);
    rtp(b, 2, 5000, 3, 7);
    assert_int_equal(count(b, CAPTURE_RTP), 4); // those before count too
    rtp(b, 2, 5000, 4, 7);
    struct told t = bench_end(b);
    assert_int_equal(t.media, 5);
    assert_int_equal(t.probation, 3);
    assert_int_equal(t.ended_reports, 1);
}

static void too_few_are_no_stream(void **state)
{
    (void)state;
    struct bench *b = bench_new();
    for (unsigned i = 0; i < 3; i++)
        rtp(b, 2, 5000, i, 7);
    struct told t = bench_end(b);
    assert_int_equal(t.reports, 0);
    assert_int_equal(t.media, 3); // a recorder has them, marked
    assert_int_equal(t.ended, 1);
}

static void sdp_after_the_media(void **state)
{
    (void)state;
    struct bench *b = bench_new();
    rtp(b, 2, 5000, 0, 7);
    rtp(b, 2, 5000, 1, 7);
    invite(b, "0");
    rtp(b, 2, 5000, 2, 7);
    assert_int_equal(count(b, CAPTURE_RTP), 3);
    struct told t = bench_end(b);
    assert_int_equal(t.ended_reports, 1);
    // and with nothing after the SDP
    b = bench_new();
    rtp(b, 2, 5000, 0, 7);
    invite(b, "0");
    t = bench_end(b);
    assert_int_equal(t.ended_reports, 1);
}

static void not_rtp_is_given_up(void **state)
{
    (void)state;
    struct bench *b = bench_new();
    for (unsigned i = 0; i < 100; i++)
        rtp(b, 2, 5000, i * 7001, 7); // same "SSRC", counters that jump
    assert_int_equal(count(b, CAPTURE_RTP), 0);
    assert_int_equal(count(b, CAPTURE_PROBATION_FAILED), 1);
    struct told t = bench_end(b);
    assert_int_equal(t.reports, 0);
    assert_true(t.media < 10);
    assert_int_equal(t.ended, 1);
}

// A sender that changes its payload type with each packet: eight are listed, all others counted, and the stream is as good.
static void payload_types_are_bounded(void **state)
{
    (void)state;
    struct bench *b = bench_new();
    invite(b, "0");
    for (unsigned i = 0; i < 96; i++) {
        uint8_t p[172] = {0x80, (uint8_t)(i % 32)};
        put16(p + 2, i);
        put16(p + 6, i * 160);
        p[11] = 7;
        udp(b, 2, 5000, 1, 4000, span_of(p, sizeof p));
        b->at_us += 20000;
        if (i == 7)
            assert_int_equal(count(b, CAPTURE_PAYLOAD_TYPES_UNLISTED), 0);
    }
    assert_int_equal(count(b, CAPTURE_PAYLOAD_TYPES_UNLISTED), 3 * (32 - STREAM_PAYLOAD_TYPES_MAX));
    assert_int_equal(count(b, CAPTURE_RTP), 96);
    assert_int_equal(bench_end(b).payload_types, STREAM_PAYLOAD_TYPES_MAX);
}

static void each_ssrc_is_a_stream(void **state)
{
    (void)state;
    struct bench *b = bench_new();
    invite(b, "0");
    for (unsigned i = 0; i < 10; i++)
        rtp(b, 2, 5000, i, 7 + i % 3);
    struct told t = bench_end(b);
    assert_int_equal(t.ended_reports, 3);
}

static void rtcp_speaks_of_its_stream(void **state)
{
    (void)state;
    static const uint8_t sr[] = {0x80, 200, 0, 6, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0,
                                 0,    0,   0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 5, 0};
    static const uint8_t rr[] = {0x81, 201, 0, 7, 0, 0, 0, 9, 0, 0, 0, 7, 25, 0, 0, 3,
                                 0,    0,   0, 9, 0, 0, 0, 5, 0, 0, 0, 0, 0,  0, 0, 0};
    struct bench *b = bench_new();
    invite(b, "0");
    rtp(b, 2, 5000, 1, 7);
    udp(b, 2, 5001, 1, 4001, span_of(sr, sizeof sr)); // beside its RTP
    udp(b, 1, 4000, 2, 5000, span_of(rr, sizeof rr)); // from the other side, multiplexed
    udp(b, 1, 4400, 2, 5400, span_of(rr, sizeof rr)); // of nothing we know
    assert_int_equal(count(b, CAPTURE_RTCP), 3);
    assert_int_equal(count(b, CAPTURE_RTCP_UNJOINED), 1);
    assert_int_equal(count(b, CAPTURE_RTP), 1);
    struct told t = bench_end(b);
    assert_int_equal(t.rtcp_packets, 2);
}

// What the receiver measured, and who sent: both stand with the stream.
static void rtcp_of_the_far_end(void **state)
{
    (void)state;
    static const uint8_t xr[] = {0x80, 207, 0,  10,  0,  0,  0, 9, 7, 0,  0,  8,   0,  0,    0,
                                 7,    16,  8,  64,  2,  1,  0, 2, 0, 0,  50, 0,   60, 0xec, 0xba,
                                 50,   16,  82, 127, 41, 40, 0, 0, 0, 60, 0,  120, 0,  200};
    static const uint8_t sdes[] = {0x81, 202, 0,   3,   0,   0,      0,    7,
                                   1,    5,   'a', '@', 'b', '\x1b', 0xff, 0};
    static const uint8_t broken[] = {0x80, 207, 0, 2, 0, 0, 0, 9, 7, 0, 0, 8};
    struct bench *b = bench_new();
    invite(b, "0");
    rtp(b, 2, 5000, 1, 7);
    udp(b, 1, 4001, 2, 5001, span_of(xr, sizeof xr));     // from the receiver
    udp(b, 2, 5001, 1, 4001, span_of(sdes, sizeof sdes)); // from the sender
    udp(b, 1, 4001, 2, 5001, span_of(broken, sizeof broken));
    assert_int_equal(count(b, CAPTURE_RTCP), 3);
    assert_int_equal(count(b, CAPTURE_RTCP_XR), 1);
    assert_int_equal(worker_counts(b->w)->event[WIRE_RTCP_XR], 1);
    struct told t = bench_end(b);
    assert_int_equal(t.xr_r_factor, 82);
    assert_memory_equal(t.cname, "a@b", 3);
    assert_null(strchr(t.cname, '\x1b')); // clean text, whatever came
}

// Full: the newcomer is refused while all are busy; its packets are counted and declared on both feeds.
static void full_table_is_declared(void **state)
{
    (void)state;
    struct bench *b = bench_new();
    invite(b, "0");
    for (unsigned i = 0; i < 200; i++)
        for (unsigned k = 0; k < STREAMS + 1; k++) {
            rtp(b, 2, 5000, i, k);
            b->at_us -= 19000;
        }
    uint64_t dropped = count(b, CAPTURE_DROP_STREAMS);
    assert_int_equal(dropped, 200);
    assert_int_equal(count(b, CAPTURE_RTP), 200 * STREAMS);
    struct told t = bench_end(b);
    assert_int_equal(t.loss_count, dropped);
    assert_true(t.losses > 0 && t.media_losses == t.losses);
}

static void reports_and_ticks_follow_the_packets_time(void **state)
{
    (void)state;
    struct bench *b = bench_new();
    invite(b, "0");
    for (unsigned i = 0; i < 50 * 21; i++)
        rtp(b, 2, 5000, i, 7);
    struct told t = bench_end(b);
    assert_in_range(t.ticks, 95, 110);      // 21 s, five a second
    assert_int_equal(t.reports, 1 + 4 + 1); // first packet, each 5 s, end
    assert_int_equal(t.infos, 1 + 2);
}

// A quiet line: the rtp feed's time goes on without media, long enough for a recorder to cut what has ended, then rests.
static void feed_time_goes_on_without_media(void **state)
{
    (void)state;
    struct bench *b = bench_new_as(true);
    int64_t clock_us = 1000000;
    invite(b, "0");
    for (int i = 0; i < 50; i++) { // signalling alone says nothing on the rtp feed
        worker_tick(b->w, b->at_us + i * 200000, clock_us += 200000);
        outbox_close_old(b->out, clock_us += 30000);
    }
    assert_int_equal(b->told.watermark_us, 0);
    b->at_us += 10000000;
    rtp(b, 2, 5000, 1, 7);
    int64_t last_us = b->at_us;
    for (int i = 0; i < 50; i++) {
        int64_t feed_us = last_us + i * 200000;
        worker_tick(b->w, feed_us, clock_us += 200000);
        outbox_close_old(b->out, clock_us += 30000);
        // Each tick for five seconds.
        assert_int_equal(b->told.watermark_us, i <= 25 ? feed_us : last_us + 5000000);
    }
    worker_end(b->w, false);
    worker_free(b->w);
    outbox_free(b->out);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feed_time_goes_on_without_media),
        cmocka_unit_test(announced_from_the_first_packet),
        cmocka_unit_test(unannounced_after_probation),
        cmocka_unit_test(too_few_are_no_stream),
        cmocka_unit_test(sdp_after_the_media),
        cmocka_unit_test(not_rtp_is_given_up),
        cmocka_unit_test(payload_types_are_bounded),
        cmocka_unit_test(each_ssrc_is_a_stream),
        cmocka_unit_test(rtcp_speaks_of_its_stream),
        cmocka_unit_test(rtcp_of_the_far_end),
        cmocka_unit_test(full_table_is_declared),
        cmocka_unit_test(reports_and_ticks_follow_the_packets_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
