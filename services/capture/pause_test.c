// Paused media does not leave the worker: packet for packet, across new SSRCs, addresses and the limit.
#include "pause.h"
#include "worker_kit.h"

static struct pauses paused(uint64_t version, const char *ip, uint16_t port, int64_t until_us)
{
    struct pauses p = {.version = version, .n = 1};
    p.order[0].until_us = until_us;
    p.order[0].addrs = 1;
    p.order[0].at[0].port = port;
    assert_true(ip_addr_parse(span_str(ip), &p.order[0].at[0].ip));
    return p;
}

static void talk(struct bench *b, unsigned from, unsigned n, uint32_t ssrc)
{
    for (unsigned i = from; i < from + n; i++)
        rtp(b, 2, 5000, i, ssrc);
}

static void not_a_packet_leaves(void **state)
{
    (void)state;
    struct bench *b = bench_new_as(true);
    invite(b, "0");
    talk(b, 0, 10, 7);
    outbox_close_all(b->out);
    assert_int_equal(b->told.media, 10);
    struct pauses p = paused(1, "10.0.0.1", 4000, b->at_us + 3600 * INT64_C(1000000));
    worker_pauses(b->w, &p);
    talk(b, 10, 50, 7);
    talk(b, 0, 50, 8);     // another SSRC to the same place
    rtp(b, 3, 5002, 0, 9); // another sender to it
    outbox_close_all(b->out);
    assert_int_equal(b->told.media, 10);
    assert_int_equal(count(b, CAPTURE_PAUSED), 101);
    assert_int_equal(count(b, CAPTURE_PAUSES), 1);
    assert_int_equal(count(b, CAPTURE_RTP), 111); // seen all the same
    p = (struct pauses){.version = 2};
    worker_pauses(b->w, &p);
    talk(b, 60, 10, 7);
    outbox_close_all(b->out);
    assert_int_equal(b->told.media, 20);
    struct told t = b->told;
    worker_free(b->w);
    outbox_free(b->out);
    free(b);
    assert_int_equal(t.media_losses, 0); // kept back, not lost
}

static void it_ends_at_its_limit_without_a_word(void **state)
{
    (void)state;
    struct bench *b = bench_new_as(true);
    invite(b, "0");
    struct pauses p = paused(5, "10.0.0.2", 5000, b->at_us + 400000); // by its source
    worker_pauses(b->w, &p);
    talk(b, 0, 15, 7);
    worker_tick(b->w, b->at_us, 0);
    talk(b, 15, 10, 7);
    worker_tick(b->w, b->at_us, 0);
    talk(b, 25, 10, 7);
    outbox_close_all(b->out);
    assert_int_equal(count(b, CAPTURE_PAUSED), 25);
    assert_int_equal(b->told.media, 10);
    worker_free(b->w);
    outbox_free(b->out);
    free(b);
}

// The call moves its media while it is paused: its SDP says where, before callstate can.
static void where_its_sdp_moves_it(void **state)
{
    (void)state;
    struct bench *b = bench_new_as(true);
    Callmesh__V1__Orders o = CALLMESH__V1__ORDERS__INIT;
    Callmesh__V1__PauseOrder one = CALLMESH__V1__PAUSE_ORDER__INIT, *list[1] = {&one};
    uint8_t c1[] = {'c', '1'};
    ProtobufCBinaryData id = {sizeof c1, c1};
    struct pauses p;
    one.until_us = b->at_us + 1000000;
    one.sip_call_ids = &id;
    one.n_sip_call_ids = 1;
    o.pauses = list;
    o.n_pauses = 1;
    pauses_read(&o, 9, &p);
    worker_pauses(b->w, &p);
    talk(b, 0, 10, 7);
    invite(b, "0"); // Call-ID c1: 10.0.0.1:4000
    talk(b, 10, 10, 7);
    talk(b, 0, 10, 8);
    outbox_close_all(b->out);
    assert_int_equal(b->told.media, 10);
    assert_int_equal(count(b, CAPTURE_PAUSED), 20);
    worker_free(b->w);
    outbox_free(b->out);
    free(b);
}

// Events (RFC 4733): how many digits, when and how long is told, which ones is not.
static uint8_t seen_events[8];
static size_t events_n;

static int note_events(void *ctx, const Callmesh__V1__RtpBatch *b)
{
    (void)ctx;
    for (size_t i = 0; i + 20 <= b->index.len; i += 20) {
        uint32_t offset;
        uint16_t length;
        memcpy(&offset, b->index.data + i + 12, 4);
        memcpy(&length, b->index.data + i + 16, 2);
        if ((b->data.data[offset + 1] & 0x7F) == 101 && events_n < sizeof seen_events) {
            assert_int_equal(length, 16);
            assert_int_equal(b->data.data[offset + 15], 160); // its duration
            seen_events[events_n++] = b->data.data[offset + 12];
        }
    }
    return 0;
}

static void digits_leave_as_stars(void **state)
{
    (void)state;
    static const uint8_t said[] = {4,  1,  15,
                                   10, 16, 36}; // the last two are no digits: flash, a tone
    for (int keep = 0; keep < 2; keep++) {
        struct bench *b = calloc(1, sizeof *b);
        b->out =
            outbox_new(&(struct outbox_sink){.sig = on_sig, .rtp = note_events, .ctx = &b->told});
        b->w = worker_new(&(struct worker_opts){.link_type = LINK_RAW_12,
                                                .live = true,
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
                                                .keep_digits = keep});
        b->at_us = START_US;
        assert_non_null(b->w);
        events_n = 0;
        invite(b, "0 101\r\na=rtpmap:101 telephone-event/8000");
        for (unsigned i = 0; i < sizeof said; i++) {
            uint8_t p[16] = {0x80, 101, 0, (uint8_t)i, 0, 0, 0, 0, 0, 0, 0, 7, said[i], 10, 0, 160};
            udp(b, 2, 5000, 1, 4000, span_of(p, sizeof p));
            b->at_us += 20000;
        }
        outbox_close_all(b->out);
        assert_int_equal(events_n, sizeof said);
        for (size_t i = 0; i < sizeof said; i++)
            assert_int_equal(seen_events[i], keep || said[i] > 15 ? said[i] : 10);
        assert_int_equal(count(b, CAPTURE_DIGITS_MASKED), keep ? 0 : 4);
        worker_free(b->w);
        outbox_free(b->out);
        free(b);
    }
}

// Nobody knows who is paused: nobody's media leaves, which is a loss and is said as one; until a word of callstate, or the time.
static void in_doubt_nothing_leaves(void **state)
{
    (void)state;
    for (int word = 0; word < 2; word++) {
        struct bench *b = bench_new_as(true);
        invite(b, "0");
        talk(b, 0, 5, 7);
        struct pauses p = {.version = PAUSE_VERSION_DOUBT,
                           .doubt_until_us = b->at_us + 3600 * INT64_C(1000000)};
        if (!word)
            p.doubt_until_us = b->at_us + 400000;
        worker_tick(b->w, b->at_us, 0);
        worker_pauses(b->w, &p);
        talk(b, 5, 15, 7);
        talk(b, 0, 5, 8);
        assert_int_equal(count(b, CAPTURE_PAUSE_DOUBT), 1);
        if (word)
            worker_pauses(b->w, &(struct pauses){.version = 77});
        else
            worker_tick(b->w, b->at_us + 50000, 0);
        talk(b, 20, 10, 7);
        worker_tick(b->w, b->at_us + 1100000, 0);
        outbox_close_all(b->out);
        assert_int_equal(count(b, CAPTURE_PAUSE_DOUBT), 0);
        assert_int_equal(count(b, CAPTURE_DROP_DOUBT), 20);
        assert_int_equal(count(b, CAPTURE_PAUSED), 0);
        assert_int_equal(b->told.media, 15);
        assert_int_equal(b->told.media_losses, 1);
        worker_free(b->w);
        outbox_free(b->out);
        free(b);
    }
}

static void all_places_in_use(void **state)
{
    (void)state;
    static struct pauses p;
    static struct sdp sdp;
    p = (struct pauses){.n = 1};
    p.order[0].call_ids = 1;
    p.order[0].until_us = 1;
    sdp.medias = SDP_MEDIA_MAX;
    Callmesh__V1__Orders o = CALLMESH__V1__ORDERS__INIT;
    Callmesh__V1__PauseOrder one = CALLMESH__V1__PAUSE_ORDER__INIT;
    static Callmesh__V1__PauseOrder *list[PAUSE_ORDERS + 5];
    uint8_t x[] = {'x'};
    ProtobufCBinaryData id = {1, x};
    one.sip_call_ids = &id;
    one.n_sip_call_ids = 1;
    one.until_us = 5;
    for (size_t i = 0; i < PAUSE_ORDERS + 5; i++)
        list[i] = &one;
    o.pauses = list;
    o.n_pauses = PAUSE_ORDERS + 5;
    pauses_read(&o, 3, &p);
    assert_int_equal(p.n, PAUSE_ORDERS);
    o.n_pauses = 1;
    pauses_read(&o, 4, &p);
    for (uint16_t round = 0; round < 4; round++) {
        for (uint32_t i = 0; i < SDP_MEDIA_MAX; i++) {
            sdp.media[i].rtp_at.ip = (struct ip_addr){.family = 4, .b = {10, 0, 0, 1}};
            sdp.media[i].rtp_at.port = (uint16_t)(1000u + 100u * (uint32_t)round + i);
        }
        assert_int_equal(pauses_learn(&p, SPAN_LIT("x"), &sdp), round < 3);
    }
    assert_int_equal(p.order[0].addrs, PAUSE_ADDRS);
    assert_int_equal(p.refused, 4 * SDP_MEDIA_MAX - PAUSE_ADDRS);
    assert_false(pauses_learn(&p, SPAN_LIT("y"), &sdp));
    // From shared memory anything may come.
    p.n = 4000000000u;
    for (uint32_t i = 0; i < PAUSE_ORDERS; i++)
        p.order[i].addrs = p.order[i].call_ids = 4000000000u;
    pauses_check(&p);
    (void)pauses_has(&p, &sdp.media[0].rtp_at, &sdp.media[0].rtp_at);
    assert_int_equal(p.n, PAUSE_ORDERS);
    assert_true(pauses_expire(&p, 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_a_packet_leaves),
        cmocka_unit_test(it_ends_at_its_limit_without_a_word),
        cmocka_unit_test(where_its_sdp_moves_it),
        cmocka_unit_test(digits_leave_as_stars),
        cmocka_unit_test(in_doubt_nothing_leaves),
        cmocka_unit_test(all_places_in_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
