// Floods and overload against standing calls: what they lose is counted packet by packet at the outbox, and memory is looked at.
#include <stdio.h>
#include <stdlib.h>
#include "base/mem.h"
#include "peers.h"
#include "tests/support/test.h"
#include "worker.h"

#define START_US INT64_C(1700000000000000)
#define STANDING 20
#define STREAMS  256

struct told {
    uint64_t sip, media[STREAMS + 1], all_media, losses, loss_packets, named;
    char last_detail[48];
};

struct bench {
    struct worker *w;
    struct outbox *out;
    struct told told;
    int64_t at_us;
    uint16_t seq;
};

static int on_sig(void *ctx, const Callmesh__V1__SigBatch *b)
{
    struct told *t = ctx;
    for (size_t i = 0; i < b->n_events; i++) {
        const Callmesh__V1__SigEvent *e = b->events[i];
        t->sip += e->event_case == CALLMESH__V1__SIG_EVENT__EVENT_SIP;
        if (e->event_case != CALLMESH__V1__SIG_EVENT__EVENT_LOSS)
            continue;
        t->losses++;
        t->loss_packets += e->loss->count;
        if (e->loss->detail && *e->loss->detail) {
            t->named++;
            snprintf(t->last_detail, sizeof t->last_detail, "%s", e->loss->detail);
        }
    }
    return 0;
}

static int on_rtp(void *ctx, const Callmesh__V1__RtpBatch *b)
{
    struct told *t = ctx;
    for (size_t i = 0; i < b->index.len; i += 20) {
        uint32_t no;
        memcpy(&no, b->index.data + i + 8, 4);
        t->media[no < STREAMS ? no : STREAMS]++;
        t->all_media++;
    }
    return 0;
}

static struct bench *bench_new(uint32_t sip_unknown)
{
    struct bench *b = calloc(1, sizeof *b);
    b->out = outbox_new(&(struct outbox_sink){.sig = on_sig, .rtp = on_rtp, .ctx = &b->told});
    b->w = worker_new(&(struct worker_opts){
        .link_type = LINK_RAW_12,
        .live = true,
        .publisher = "test/overload",
        .out = b->out,
        .streams = STREAMS,
        .probation = STREAMS / 4,
        .stream_idle_us = 60000000,
        .media_addresses = 64,
        .media_age_us = 600000000,
        .fragments = 4,
        .tcp = 4,
        .signalled_calls = 4,
        .framed_tcp = 4,
        .peers = 64,
        .sip_unknown = sip_unknown,
    });
    assert_non_null(b->w);
    b->at_us = START_US;
    return b;
}

static void bench_free(struct bench *b)
{
    worker_free(b->w);
    outbox_free(b->out);
    free(b);
}

static uint64_t count(struct bench *b, enum capture_stat s)
{
    return worker_counts(b->w)->n[s];
}

static void put(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void udp(struct bench *b, uint32_t src, unsigned sport, uint32_t dst, unsigned dport,
                struct span data)
{
    uint8_t f[1600] = {0x45};
    put(f + 2, (unsigned)(28 + data.n));
    f[8] = 64;
    f[9] = 17;
    put(f + 12, src >> 16);
    put(f + 14, src & 0xFFFF);
    put(f + 16, dst >> 16);
    put(f + 18, dst & 0xFFFF);
    put(f + 20, sport);
    put(f + 22, dport);
    put(f + 24, (unsigned)(8 + data.n));
    memcpy(f + 28, data.p, data.n);
    worker_packet(b->w,
                  &(struct source_packet){{f, 28 + data.n}, b->at_us, (uint32_t)(28 + data.n)});
}

static void rtp(struct bench *b, uint32_t src, unsigned sport, uint32_t ssrc, uint16_t seq)
{
    uint8_t p[172] = {0x80, 0};
    put(p + 2, seq);
    put(p + 4, (unsigned)(seq * 160u) >> 16);
    put(p + 6, (unsigned)(seq * 160u) & 0xFFFF);
    put(p + 8, ssrc >> 16);
    put(p + 10, ssrc & 0xFFFF);
    udp(b, src, sport, 0x0A000001, 40000, span_of(p, sizeof p));
}

// 20 ms of the standing calls.
static void standing(struct bench *b)
{
    for (uint32_t i = 0; i < STANDING; i++)
        rtp(b, 0x0A000100 + i, 30000, 7000 + i, b->seq);
    b->seq++;
    b->at_us += 20000;
    if (b->seq % 10 == 0)
        worker_tick(b->w, b->at_us, b->at_us);
}

static void sip(struct bench *b, uint32_t src, uint32_t dst, const char *start, const char *method,
                uint64_t id)
{
    static const char sdp[] =
        "v=0\r\no=- 1 1 IN IP4 10.9.9.9\r\ns=-\r\nc=IN IP4 10.9.9.9\r\nt=0 0\r\n";
    char text[900];
    int n = snprintf(
        text, sizeof text,
        "%s\r\nVia: SIP/2.0/UDP 10.9.9.9;branch=z9hG4bK%llu\r\nFrom: <sip:%llu@x>;tag=%llu\r\n"
        "To: <sip:a@y>;tag=2\r\nCall-ID: %llu\r\nCSeq: 1 %s\r\nContent-Type: application/sdp\r\n"
        "Content-Length: %zu\r\n\r\n%sm=audio %llu RTP/AVP 0\r\n",
        start, (unsigned long long)id, (unsigned long long)id, (unsigned long long)id,
        (unsigned long long)id, method, sizeof sdp - 1 + 25, sdp,
        (unsigned long long)(10000 + id % 9999 * 2));
    udp(b, src, 5060, dst, 5060, span_of(text, (size_t)n));
}

// 100,000 INVITEs a second, each of another forged address: for the standing calls nothing changes.
static void test_forged_invites_cost_standing_calls_nothing(void **state)
{
    (void)state;
    struct bench *b = bench_new(2000);
    for (int i = 0; i < 50; i++)
        standing(b);
    uint64_t memory = mem_total(), late = mem_late(), media = 50 * STANDING, forged = 0;
    mem_ready();
    for (int ms20 = 0; ms20 < 100; ms20++) { // two seconds
        for (int k = 0; k < 2000; k++, forged++)
            sip(b, (uint32_t)(0x20000000 + forged * 2654435761u), 0x0A000002,
                "INVITE sip:a@y SIP/2.0", "INVITE", forged);
        standing(b);
        media += STANDING;
    }
    worker_end(b->w, false);
    assert_int_equal(count(b, CAPTURE_RTP), media);
    assert_int_equal(b->told.all_media, media);
    assert_int_equal(count(b, CAPTURE_STREAMS_EVICTED), 0);
    assert_int_equal(count(b, CAPTURE_SIP) + count(b, CAPTURE_SHED_SIP), forged);
    assert_true(count(b, CAPTURE_SIP) <= 3 * 2000 + 2000 * 2); // the burst and two seconds
    assert_int_equal(b->told.sip, count(b, CAPTURE_SIP));
    assert_int_equal(b->told.loss_packets, count(b, CAPTURE_SHED_SIP));
    assert_int_equal(mem_total(), memory);
    assert_int_equal(mem_late(), late);
    bench_free(b);
}

// Who has called before is not touched by it.
static void test_known_peers_are_heard_in_the_flood(void **state)
{
    (void)state;
    struct bench *b = bench_new(100);
    sip(b, 0x0A000A01, 0x0A000002, "INVITE sip:a@y SIP/2.0", "INVITE", 1);
    sip(b, 0x0A000002, 0x0A000A01, "SIP/2.0 200 OK", "INVITE", 1);
    uint64_t before = count(b, CAPTURE_SIP), heard = 0;
    assert_int_equal(before, 2);
    for (uint64_t k = 0; k < 20000; k++) {
        sip(b, (uint32_t)(0x20000000 + k), 0x0A000002, "INVITE sip:a@y SIP/2.0", "INVITE", 100 + k);
        if (k % 100 == 0) {
            uint64_t n = count(b, CAPTURE_SIP);
            sip(b, 0x0A000A01, 0x0A000002, "INVITE sip:a@y SIP/2.0", "INVITE", 2 + k);
            sip(b, 0x0A000002, 0x0A000A01, "SIP/2.0 180 Ringing", "INVITE", 2 + k);
            assert_int_equal(count(b, CAPTURE_SIP), n + 2);
            heard++;
        }
        b->at_us += 10;
    }
    assert_int_equal(heard, 200);
    assert_true(count(b, CAPTURE_SHED_SIP) > 19000);
    assert_int_equal(count(b, CAPTURE_PEERS), 2);
    bench_free(b);
}

static void test_unknown_rtp_takes_no_slot_of_a_standing_call(void **state)
{
    (void)state;
    struct bench *b = bench_new(0);
    for (int i = 0; i < 50; i++)
        standing(b);
    uint64_t memory = mem_total();
    for (uint32_t round = 0; round < 100; round++) {
        for (uint32_t k = 0; k < 1000; k++)
            rtp(b, 0x30000000 + round * 1000 + k, 2000 + k, k, (uint16_t)k);
        standing(b);
        assert_true(count(b, CAPTURE_PROBATION_UP) <= STREAMS / 4);
        assert_true(count(b, CAPTURE_STREAMS_UP) <= STANDING + STREAMS / 4);
    }
    assert_int_equal(count(b, CAPTURE_RTP), 150 * STANDING);
    assert_int_equal(count(b, CAPTURE_STREAMS_CONFIRMED), STANDING);
    assert_true(count(b, CAPTURE_STREAMS_EVICTED) > 90000); // the unknown themselves
    assert_int_equal(mem_total(), memory);
    bench_free(b);
}

// Overload: whole streams go, always the same ones, each named with what it lost; SIP is whole.
static void test_rtp_is_shed_by_whole_streams_each_named(void **state)
{
    (void)state;
    struct bench *b = bench_new(0);
    for (int i = 0; i < 50; i++)
        standing(b);
    outbox_close_all(b->out);
    struct told before = b->told;
    worker_shed(b->w, 128);
    for (int i = 0; i < 100; i++) {
        standing(b);
        sip(b, 0x0A000A01, 0x0A000002, "OPTIONS sip:a@y SIP/2.0", "OPTIONS", (uint64_t)i);
    }
    outbox_close_all(b->out);
    uint32_t whole = 0, gone = 0;
    for (uint32_t no = 1; no <= STANDING; no++) {
        uint64_t got = b->told.media[no] - before.media[no];
        assert_true(got == 0 || got == 100); // never a part of one
        whole += got == 100;
        gone += got == 0;
    }
    assert_true(whole > 3 && gone > 3);
    assert_int_equal(count(b, CAPTURE_SHED_RTP), gone * 100);
    assert_int_equal(b->told.sip, 100);
    worker_shed(b->w, 0);
    for (int i = 0; i < 100; i++)
        standing(b);
    worker_end(b->w, false);
    assert_int_equal(b->told.loss_packets, gone * 100);
    assert_true(b->told.named >= gone && b->told.named == b->told.losses);
    assert_memory_equal(b->told.last_detail, "stream ", 7);
    for (uint32_t no = 1; no <= STANDING; no++)
        assert_true(b->told.media[no] == 150 || b->told.media[no] == 250);
    bench_free(b);
}

static void test_peers_are_bounded(void **state)
{
    (void)state;
    struct peers *p = peers_new(8, 1000000);
    struct sip_msg m = {.status = 200, .method = SIP_INVITE};
    struct pkt k = {.src = {.family = 4}, .dst = {.family = 4}};
    for (uint8_t i = 1; i <= 100; i++) {
        k.src.b[3] = i;
        k.dst.b[3] = (uint8_t)(i + 100);
        k.at_us = i;
        assert_true(peers_admit(p, &k, SPAN_LIT("SIP/2.0 200 OK")));
        peers_learn(p, &k, &m);
        assert_true(peers_stat(p).used <= 8);
    }
    assert_int_equal(peers_stat(p).used, 8);
    assert_int_equal(peers_stat(p).evicted, 200 - 8);
    peers_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forged_invites_cost_standing_calls_nothing),
        cmocka_unit_test(test_known_peers_are_heard_in_the_flood),
        cmocka_unit_test(test_unknown_rtp_takes_no_slot_of_a_standing_call),
        cmocka_unit_test(test_rtp_is_shed_by_whole_streams_each_named),
        cmocka_unit_test(test_peers_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
