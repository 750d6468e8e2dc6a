// worker_kit.h: for the tests of the worker: a worker with an outbox that counts what it says, and packets made of their fields.
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "worker.h"
#include "tests/support/test.h"

#define START_US INT64_C(1700000000000000)
#define STREAMS  4

struct told { // what came out of the outbox
    uint64_t sip, reports, ended_reports, ticks, end, losses, loss_count;
    uint64_t media, probation, infos, ended, media_losses;
    int64_t last_tick_us, watermark_us;
    char codec[18];
    size_t payload_types;
    uint64_t rtcp_packets;
    uint32_t xr_r_factor;
    bool srtp;
    char cname[64];
};

static inline int on_sig(void *ctx, const Callmesh__V1__SigBatch *b)
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
            t->payload_types = e->stream->n_payload_types;
            if (e->stream->rtcp)
                t->rtcp_packets = e->stream->rtcp->packets;
            t->srtp = e->stream->srtp;
            if (e->stream->rtcp && e->stream->rtcp->xr)
                t->xr_r_factor = e->stream->rtcp->xr->r_factor;
            if (e->stream->rtcp)
                snprintf(t->cname, sizeof t->cname, "%s", e->stream->rtcp->cname);
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

static inline int on_rtp(void *ctx, const Callmesh__V1__RtpBatch *b)
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

static inline struct bench *bench_new_as(bool live)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->out = outbox_new(&(struct outbox_sink){.sig = on_sig, .rtp = on_rtp, .ctx = &b->told});
    b->w = worker_new(&(struct worker_opts){
        .link_type = LINK_RAW_12,
        .live = live,
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

static inline struct bench *bench_new(void)
{
    return bench_new_as(false);
}

static inline struct told bench_end(struct bench *b)
{
    worker_end(b->w, false);
    struct told t = b->told;
    worker_free(b->w);
    outbox_free(b->out);
    free(b);
    assert_int_equal(t.end, 1);
    return t;
}

static inline uint64_t count(struct bench *b, enum capture_stat s)
{
    return worker_counts(b->w)->n[s];
}

static inline void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

// From 10.0.0.<from>:sport to 10.0.0.<to>:dport
static inline void udp(struct bench *b, uint8_t from, unsigned sport, uint8_t to, unsigned dport,
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

static inline void rtp(struct bench *b, uint8_t from, unsigned sport, unsigned i, uint32_t ssrc)
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

static inline void invite(struct bench *b, const char *formats)
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
