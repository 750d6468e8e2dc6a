#include <stdio.h>
#include <stdlib.h>
#include "tests/support/test.h"
#include "wire/hep.h"
#include "worker.h"

#define NOW_US INT64_C(1700000000000000)

struct told {
    uint64_t sip;
    int64_t at_us;
    unsigned transport, sport;
    uint8_t src_last;
};

static int on_sig(void *ctx, const Callmesh__V1__SigBatch *b)
{
    struct told *t = ctx;
    for (size_t i = 0; i < b->n_events; i++) {
        const Callmesh__V1__SigEvent *e = b->events[i];
        if (e->event_case != CALLMESH__V1__SIG_EVENT__EVENT_SIP)
            continue;
        t->sip++;
        t->at_us = e->sip->at_us;
        t->transport = e->sip->transport;
        t->sport = e->sip->src->port;
        t->src_last = e->sip->src->ip.data[3];
    }
    return 0;
}

static int on_rtp(void *ctx, const Callmesh__V1__RtpBatch *b)
{
    (void)ctx;
    (void)b;
    return 0;
}

struct bench {
    struct told told;
    struct outbox *out;
    struct worker *w;
};

static void bench_init(struct bench *b, const char *key)
{
    *b = (struct bench){
        .out = outbox_new(&(struct outbox_sink){.sig = on_sig, .rtp = on_rtp, .ctx = &b->told})};
    b->w = worker_new(&(struct worker_opts){
        .live = true,
        .publisher = "t/hep",
        .out = b->out,
        .streams = 16,
        .stream_idle_us = 5000000,
        .media_addresses = 16,
        .media_age_us = 5000000,
        .fragments = 1,
        .tcp = 1,
        .signalled_calls = 4,
        .framed_tcp = 4,
        .hep_key = key,
    });
    assert_non_null(b->w);
}

static void bench_deinit(struct bench *b)
{
    worker_free(b->w);
    outbox_free(b->out);
}

struct message {
    uint8_t b[1024];
    size_t n;
};

static void chunk(struct message *m, unsigned type, const void *value, size_t n)
{
    const uint8_t head[6] = {0, 0, 0, (uint8_t)type, (uint8_t)((n + 6) >> 8), (uint8_t)(n + 6)};
    memcpy(m->b + m->n, head, 6);
    memcpy(m->b + m->n + 6, value, n);
    m->n += n + 6;
}

static void chunk32(struct message *m, unsigned type, uint32_t v)
{
    chunk(m, type,
          (uint8_t[]){(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v}, 4);
}

struct fields {
    uint32_t id;
    int64_t at_us;
    uint8_t type, protocol;
    const char *key;
};

static void hep_give(struct bench *b, const struct fields *f)
{
    static const char sip[] = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c;branch=z9hG4bK1\r\n"
                              "From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\n"
                              "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    struct message m = {.b = "HEP3", .n = 6};
    chunk(&m, 2, &f->protocol, 1);
    chunk(&m, 3, "\xc0\0\2\1", 4);
    chunk(&m, 4, "\xc0\0\2\2", 4);
    chunk(&m, 7, "\x13\xc4", 2);
    chunk(&m, 8, "\x13\xc6", 2);
    if (f->at_us) {
        chunk32(&m, 9, (uint32_t)(f->at_us / 1000000));
        chunk32(&m, 10, (uint32_t)(f->at_us % 1000000));
    }
    chunk(&m, 11, &f->type, 1);
    chunk32(&m, 12, f->id);
    if (f->key)
        chunk(&m, 14, f->key, strlen(f->key));
    chunk(&m, 15, sip, sizeof sip - 1);
    m.b[4] = (uint8_t)(m.n >> 8);
    m.b[5] = (uint8_t)m.n;
    struct source_packet p = {span_of(m.b, m.n), NOW_US, (uint32_t)m.n};
    worker_hep(b->w, &p);
    outbox_close_all(b->out);
}

static void addresses_and_times_are_the_senders(void **state)
{
    static const struct {
        const char *name;
        int64_t at_us, want_us;
        uint64_t events;
    } rows[] = {
        {"a second ago", NOW_US - 1000000, NOW_US - 1000000, 0},
        {"nine minutes ago", NOW_US - 540000000, NOW_US - 540000000, 0},
        {"eleven minutes ago", NOW_US - 660000000, NOW_US, 1},
        {"a clock a second ahead", NOW_US + 1000000, NOW_US, 0},
        {"three seconds ahead", NOW_US + 3000000, NOW_US, 1},
        {"no time", 0, NOW_US, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct bench b;
        bench_init(&b, "");
        hep_give(&b, &(struct fields){.id = 1, .at_us = rows[i].at_us, .type = 1, .protocol = 22});
        uint64_t events = worker_counts(b.w)->event[WIRE_HEP_TIME];
        if (b.told.at_us != rows[i].want_us || events != rows[i].events)
            fail_msg("%s: %lld", rows[i].name, (long long)(b.told.at_us - NOW_US));
        assert_int_equal(b.told.sip, 1);
        assert_int_equal(b.told.transport, CALLMESH__V1__TRANSPORT__TRANSPORT_TLS);
        assert_int_equal(b.told.sport, 5060);
        assert_int_equal(b.told.src_last, 1);
        assert_true(worker_last_at_us(b.w) <= NOW_US); // feed time must not run ahead
        bench_deinit(&b);
    }
}

static void the_key_decides(void **state)
{
    static const struct {
        const char *want, *given;
        bool good;
    } rows[] = {
        {"", NULL, true},        {"", "any", true},           {"secret", "secret", true},
        {"secret", NULL, false}, {"secret", "", false},       {"secret", "secre", false},
        {"s", "ss", false},      {"secret", "SECRET", false}, {NULL, "x", true},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct bench b;
        bench_init(&b, rows[i].want);
        hep_give(&b, &(struct fields){.id = 1, .type = 1, .protocol = 17, .key = rows[i].given});
        assert_int_equal(b.told.sip, rows[i].good);
        assert_int_equal(worker_counts(b.w)->event[WIRE_HEP_AUTH], !rows[i].good);
        bench_deinit(&b);
    }
}

// More agents than places: all are heard, the later ones are counted together.
static void agents_beyond_the_table(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, "");
    for (uint32_t i = 0; i < HEP_AGENTS_MAX + 3; i++)
        for (uint32_t k = 0; k <= i % 2; k++)
            hep_give(&b, &(struct fields){.id = 1000 + i, .type = 1, .protocol = 17});
    const struct hep_agents *a = worker_hep_agents(b.w);
    assert_int_equal(a->n, HEP_AGENTS_MAX);
    assert_int_equal(a->agent[0].id, 1000);
    assert_int_equal(a->agent[0].messages, 1);
    assert_int_equal(a->agent[15].messages, 2);
    assert_int_equal(a->agent[HEP_AGENTS_MAX].messages, 4);
    assert_int_equal(b.told.sip, worker_counts(b.w)->n[CAPTURE_SIP]);
    assert_int_equal(b.told.sip, 28);
    bench_deinit(&b);
}

static void other_types_are_not_for_us(void **state)
{
    struct bench b;
    (void)state;
    bench_init(&b, "");
    for (unsigned type = 0; type < 256; type++)
        hep_give(&b, &(struct fields){.id = 1, .type = (uint8_t)type, .protocol = 17});
    assert_int_equal(b.told.sip, 1);
    assert_int_equal(worker_counts(b.w)->event[WIRE_HEP_TYPE], 255);
    assert_int_equal(worker_counts(b.w)->n[CAPTURE_PACKETS], 256);
    bench_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_and_times_are_the_senders),
        cmocka_unit_test(the_key_decides),
        cmocka_unit_test(agents_beyond_the_table),
        cmocka_unit_test(other_types_are_not_for_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
