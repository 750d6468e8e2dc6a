#include "worker.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/test.h"

#define START_US INT64_C(1700000000000000)
#define STREAMS  4

struct told { // what came out of the outbox
    uint64_t sip, reports, ended_reports, ticks, end, losses, loss_count;
    uint64_t media, probation, infos, ended, media_losses;
    int64_t last_tick_us, watermark_us;
    char codec[18];
    uint64_t rtcp_packets;
};

static int on_sig(void *ctx, const Callmesh__V1__SigBatch *b)
{
    struct told *t = ctx;
    for (size_t i = 0; i < b->n_events; i++) {
        const Callmesh__V1__SigEvent *e = b->events[i];
        switch (e->event_case) {
        case CALLMESH__V1__SIG_EVENT__EVENT_SIP:
            t->sip++;
            break;
        case CALLMESH__V1__SIG_EVENT__EVENT_STREAM:
            t->reports++;
            t->ended_reports += e->stream->ended != 0;
            snprintf(t->codec, sizeof t->codec, "%s", e->stream->codec);
            if (e->stream->rtcp)
                t->rtcp_packets = e->stream->rtcp->packets;
            break;
        case CALLMESH__V1__SIG_EVENT__EVENT_LOSS:
            t->losses++;
            t->loss_count += e->loss->count;
            break;
        case CALLMESH__V1__SIG_EVENT__EVENT_TICK:
            assert_true(e->tick->at_us >= t->last_tick_us);
            t->last_tick_us = e->tick->at_us;
            t->ticks++;
            break;
        case CALLMESH__V1__SIG_EVENT__EVENT_END:
            t->end++;
            break;
        default:
            fail_msg("event %d", e->event_case);
        }
    }
    return 0;
}

static int on_rtp(void *ctx, const Callmesh__V1__RtpBatch *b)
{
    struct told *t = ctx;
    for (size_t i = 0; i < b->index.len; i += 20) {
        t->media++;
        t->probation += b->index.data[i + 18] & 1;
    }
    assert_true(b->watermark_us >= t->watermark_us);
    t->watermark_us = b->watermark_us;
    t->infos += b->n_streams;
    t->ended += b->n_ended;
    t->media_losses += b->n_losses;
    return 0;
}

struct bench {
    struct told told;
    struct outbox *out;
    struct worker *w;
    int64_t at_us;
};

static struct bench *bench_new(void)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->out = outbox_new(&(struct outbox_sink){on_sig, on_rtp, &b->told});
    b->w = worker_new(&(struct worker_opts){
        .link_type = LINK_RAW_12,
        .publisher = "test/worker",
        .out = b->out,
        .streams = STREAMS,
        .stream_idle_us = 60000000,
        .media_addresses = 16,
        .media_age_us = 600000000,
        .fragments = 4,
        .tcp = 4,
        .signalled_calls = 4,
        .framed_tcp = 4,
    });
    b->at_us = START_US;
    assert_non_null(b->w);
    return b;
}

static struct told bench_end(struct bench *b)
{
    worker_end(b->w, false);
    struct told t = b->told;
    worker_free(b->w);
    outbox_free(b->out);
    free(b);
    assert_int_equal(t.end, 1);
    return t;
}

static uint64_t count(struct bench *b, enum capture_stat s)
{
    return worker_counts(b->w)->n[s];
}

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

// From 10.0.0.<from>:sport to 10.0.0.<to>:dport
static void udp(struct bench *b, uint8_t from, unsigned sport, uint8_t to, unsigned dport,
                struct span data)
{
    uint8_t f[2048] = {0x45};
    put16(f + 2, (unsigned)(28 + data.n));
    f[8] = 64;
    f[9] = 17;
    f[12] = f[16] = 10;
    f[15] = from;
    f[19] = to;
    put16(f + 20, sport);
    put16(f + 22, dport);
    put16(f + 24, (unsigned)(8 + data.n));
    memcpy(f + 28, data.p, data.n);
    struct source_packet p = {{f, 28 + data.n}, b->at_us, (uint32_t)(28 + data.n)};
    worker_packet(b->w, &p);
}

static void rtp(struct bench *b, uint8_t from, unsigned sport, unsigned i, uint32_t ssrc)
{
    uint8_t p[172] = {0x80, 0};
    put16(p + 2, i);
    put16(p + 4, i * 160 >> 16);
    put16(p + 6, i * 160);
    put16(p + 8, ssrc >> 16);
    put16(p + 10, ssrc);
    udp(b, from, sport, 1, 4000, span_of(p, sizeof p));
    b->at_us += 20000;
}

static void invite(struct bench *b, const char *formats)
{
    char sdp[300], msg[800];
    snprintf(sdp, sizeof sdp,
             "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 "
             "RTP/AVP %s\r\n",
             formats);
    snprintf(msg, sizeof msg,
             "INVITE sip:b@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: "
             "<sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\nContent-Type: "
             "application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(sdp), sdp);
    udp(b, 1, 9999, 2, 12345, span_str(msg)); // on any port
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(announced_from_the_first_packet),
        cmocka_unit_test(unannounced_after_probation),
        cmocka_unit_test(too_few_are_no_stream),
        cmocka_unit_test(sdp_after_the_media),
        cmocka_unit_test(not_rtp_is_given_up),
        cmocka_unit_test(each_ssrc_is_a_stream),
        cmocka_unit_test(rtcp_speaks_of_its_stream),
        cmocka_unit_test(full_table_is_declared),
        cmocka_unit_test(reports_and_ticks_follow_the_packets_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
