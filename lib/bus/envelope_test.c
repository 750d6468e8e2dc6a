#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#include "callmesh/v1/capture.pb-c.h"
#include "callmesh/v1/envelope.pb-c.h"
#include "envelope.h"

static const uint8_t birth[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255};
static char body[] = "payload \x00\x01\xff and more of it";

static struct envelope sample(void)
{
    return (struct envelope){.version = 1,
                             .epoch = 300,
                             .seq = UINT64_C(0x1234567890),
                             .kind = CALLMESH__V1__KIND__KIND_RTP,
                             .sent_at_us = INT64_C(1795203600000000),
                             .publisher = SPAN_LIT("main/capture-eth0"),
                             .incarnation = span_of(birth, 16),
                             .site = SPAN_LIT("main"),
                             .payload = span_of(body, sizeof(body)),
                             .first_of_epoch = true};
}

static size_t write_sample(uint8_t *buf)
{
    struct envelope e = sample();
    size_t n = envelope_head(buf, &e);
    memcpy(buf + n, e.payload.p, e.payload.n);
    return n + e.payload.n;
}

// What we write, the generated code reads; what it writes, we read.
static void same_as_generated(void **state)
{
    (void)state;
    uint8_t buf[1024];
    size_t n = write_sample(buf);
    Callmesh__V1__Envelope *g = callmesh__v1__envelope__unpack(NULL, n, buf);
    assert_non_null(g);
    assert_int_equal(g->protocol_version, 1);
    assert_string_equal(g->publisher, "main/capture-eth0");
    assert_memory_equal(g->incarnation.data, birth, 16);
    assert_int_equal(g->epoch, 300);
    assert_int_equal(g->seq, UINT64_C(0x1234567890));
    assert_int_equal(g->kind, CALLMESH__V1__KIND__KIND_RTP);
    assert_int_equal(g->sent_at_us, INT64_C(1795203600000000));
    assert_string_equal(g->site, "main");
    assert_true(g->first_of_epoch);
    assert_int_equal(g->payload.len, sizeof(body));
    assert_memory_equal(g->payload.data, body, sizeof(body));

    g->sent_at_us = -5;
    g->first_of_epoch = false;
    size_t m = callmesh__v1__envelope__pack(g, buf);
    callmesh__v1__envelope__free_unpacked(g, NULL);
    struct envelope e;
    assert_true(envelope_read(span_of(buf, m), &e));
    assert_int_equal(e.sent_at_us, -5);
    assert_int_equal(e.seq, UINT64_C(0x1234567890));
    assert_false(e.first_of_epoch);
    assert_true(span_eq(e.publisher, SPAN_LIT("main/capture-eth0")));
    assert_int_equal(e.payload.n, sizeof(body));
}

static void ask_same_as_generated(void **state)
{
    (void)state;
    uint8_t buf[4096];
    struct ask_msg a = {.version = 1,
                        .publisher = SPAN_LIT("p"),
                        .incarnation = span_of(birth, 16),
                        .epoch = 2,
                        .first_seq = 3,
                        .head_seq = 400000,
                        .sent_at_us = 5,
                        .site = SPAN_LIT("s"),
                        .kind = 1,
                        .waiting = true,
                        .paused = true,
                        .committed_seq = 6,
                        .clock_offset_us = -7,
                        .backfill_from = 8};
    size_t n = ask_head(buf, &a);
    for (int i = 0; i < 3; i++) {
        uint8_t env[1024];
        size_t m = write_sample(env);
        n += ask_envelope_head(buf + n, m);
        memcpy(buf + n, env, m);
        n += m;
    }
    Callmesh__V1__Ask *g = callmesh__v1__ask__unpack(NULL, n, buf);
    assert_non_null(g);
    assert_int_equal(g->head_seq, 400000);
    assert_true(g->waiting && g->paused);
    assert_int_equal(g->clock_offset_us, -7);
    assert_int_equal(g->backfill_from_seq, 8);
    assert_int_equal(g->n_backfill, 3);
    n = callmesh__v1__ask__pack(g, buf);
    callmesh__v1__ask__free_unpacked(g, NULL);

    struct ask_msg b;
    assert_true(ask_read(span_of(buf, n), &b));
    assert_int_equal(b.first_seq, 3);
    assert_int_equal(b.head_seq, 400000);
    assert_int_equal(b.committed_seq, 6);
    assert_int_equal(b.clock_offset_us, -7);
    assert_int_equal(b.backfill_from, 8);
    assert_true(b.waiting && b.paused);
    struct span s;
    struct envelope e;
    unsigned envelopes = 0;
    while (ask_next_envelope(&b, &s)) {
        assert_true(envelope_read(s, &e));
        assert_int_equal(e.seq, UINT64_C(0x1234567890));
        envelopes++;
    }
    assert_int_equal(envelopes, 3);
}

// One byte shorter at every length: refused, or read within its bounds (the copy is exactly as long).
// Columns stay where they lie, the rest is the same message without them.
static void split_same_as_generated(void **state)
{
    (void)state;
    uint8_t buf[1024], rest[1024];
    Callmesh__V1__RtpBatch b = CALLMESH__V1__RTP_BATCH__INIT;
    uint32_t ended[] = {7, 300};
    b.index = (ProtobufCBinaryData){20, (uint8_t *)body};
    b.data = (ProtobufCBinaryData){sizeof(body), (uint8_t *)body};
    b.watermark_us = 77;
    b.ended = ended;
    b.n_ended = 2;
    b.end_of_input = true;
    size_t n = callmesh__v1__rtp_batch__pack(&b, buf), used;
    struct span c[2];
    assert_true(envelope_split(span_of(buf, n), 2, c, 2, rest, &used));
    assert_true(span_eq(c[0], span_of(body, 20)) && span_eq(c[1], span_of(body, sizeof(body))));
    assert_true(c[0].p >= buf && c[1].p + c[1].n <= buf + n);
    Callmesh__V1__RtpBatch *g = callmesh__v1__rtp_batch__unpack(NULL, used, rest);
    assert_non_null(g);
    assert_true(g->index.len == 0 && g->data.len == 0 && g->watermark_us == 77 && g->n_ended == 2 &&
                g->ended[1] == 300 && g->end_of_input);
    callmesh__v1__rtp_batch__free_unpacked(g, NULL);
    for (size_t k = 0; k < n; k++) { // cut anywhere: refused, or a message that ends there
        uint8_t *p = malloc(k + 1);
        memcpy(p, buf, k);
        if (envelope_split(span_of(p, k), 2, c, 2, rest, &used))
            assert_true(used + c[0].n + c[1].n <= k);
        free(p);
    }
    assert_true(envelope_split(span_of(buf, 0), 2, c, 2, rest, &used));
    assert_true(used == 0 && c[0].n == 0 && c[1].n == 0);
    // A number in a column's place is no column: it stays for the generated code to judge. Of two columns the last counts.
    assert_true(envelope_split(SPAN_LIT("\x10\x05\x1a\x01x\x1a\x02yz"), 2, c, 2, rest, &used));
    assert_true(used == 2 && c[0].n == 0 && span_eq(c[1], SPAN_LIT("yz")));
    assert_false(envelope_split(SPAN_LIT("\x12\x05x"), 2, c, 2, rest, &used));
}

static void every_length(void **state)
{
    (void)state;
    uint8_t buf[1024];
    size_t n = write_sample(buf);
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *exact = malloc(cut ? cut : 1);
        memcpy(exact, buf, cut);
        struct envelope e;
        if (envelope_read(span_of(exact, cut), &e)) {
            // Only at a border between fields: what was cut off is the payload as a whole.
            assert_int_equal(e.payload.n, 0);
            assert_int_equal(e.incarnation.n, 16);
        }
        free(exact);
    }
}

static void refuses(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct span bytes;
    } bad[] = {
        {"empty", {0}},
        {"no names", SPAN_LIT("\x08\x01")},
        {"field number 0", SPAN_LIT("\x00\x01")},
        {"group", SPAN_LIT("\x0b")},
        {"varint of 11 bytes", SPAN_LIT("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")},
        {"length beyond the end", SPAN_LIT("\x12\x7f"
                                           "a")},
        {"length of 2^63", SPAN_LIT("\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
                                    "a")},
        {"short incarnation", SPAN_LIT("\x12\x01"
                                       "p"
                                       "\x1a\x02"
                                       "ab")},
        {"zero in the name", SPAN_LIT("\x12\x02"
                                      "p\x00"
                                      "\x1a\x10"
                                      "0123456789abcdef")},
    };
    struct envelope e;
    struct ask_msg a;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (envelope_read(bad[i].bytes, &e) || ask_read(bad[i].bytes, &a))
            fail_msg("%s was taken", bad[i].name);
    }
    // Fields of a later version are passed over.
    assert_true(envelope_read(SPAN_LIT("\x12\x01p\x1a\x10"
                                       "0123456789abcdef"
                                       "\xa2\x06\x02zz\xad\x06"
                                       "abcd"
                                       "\xb1\x06"
                                       "abcdefgh"
                                       "\xb8\x06\x05"),
                              &e));
    assert_int_equal(e.incarnation.n, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_generated),
        cmocka_unit_test(ask_same_as_generated),
        cmocka_unit_test(split_same_as_generated),
        cmocka_unit_test(every_length),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
