// srtp_stream_test.c: which key and which roll-over counter, out of packets alone.
#include "media/srtp_stream.h"
#include "media/srtp_kit.h"

#define A80  "AES_CM_128_HMAC_SHA1_80"
#define ROOM (200 + SRTP_MAX_TRAILER_LEN)

static _Alignas(4) uint8_t out[SRTP_PACKET_MAX], packet[ROOM], clear[ROOM];
static struct srtp_stream s;
static struct srtp_key keys[4];
static struct srtp_out sender;

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(keys); i++)
        keys[i] = srtp_kit_key(i == 2 ? "AEAD_AES_128_GCM" : A80, (uint8_t)(40 * i));
    srtp_stream_open(&s, keys, COUNT_OF(keys));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    srtp_stream_close(&s);
    return 0;
}

static size_t make(uint32_t ssrc, uint32_t number)
{
    size_t n = srtp_kit_rtp(packet, ssrc, number);
    memcpy(clear, packet, n);
    return srtp_out_take(&sender, packet, n);
}

static enum srtp_verdict take(size_t n, uint32_t roc_max)
{
    size_t got = 0;
    enum srtp_verdict v = srtp_stream_take(&s, span_of(packet, n), roc_max, out, &got);
    if (v == SRTP_CLEAR) {
        assert_int_equal(got, 172);
        assert_memory_equal(out, clear, 172);
    }
    return v;
}

static void the_key_that_fits(void **state)
{
    (void)state;
    for (uint32_t k = 0; k < COUNT_OF(keys); k++) {
        srtp_out_open(&sender, &keys[k], 100 + k);
        for (uint32_t i = 0; i < 5; i++)
            assert_int_equal(take(make(100 + k, 60000 + i), 0), SRTP_CLEAR);
        srtp_out_close(&sender);
    }
    assert_int_equal(s.clear, 20);
    assert_int_equal(s.used, 15);
}

static void no_key_fits(void **state)
{
    (void)state;
    struct srtp_key other = srtp_kit_key(A80, 200);
    srtp_out_open(&sender, &other, 1);
    for (uint32_t i = 0; i < 2 * SRTP_STREAM_REST; i++)
        assert_int_equal(take(make(1, i), 1), SRTP_FAILED);
    srtp_out_close(&sender);
    assert_int_equal(s.failed, 2 * SRTP_STREAM_REST);
    assert_int_equal(s.used, 0);
    srtp_stream_open(&s, NULL, 0); // none at all
    srtp_out_open(&sender, &keys[0], 1);
    assert_int_equal(take(make(1, 0), 1), SRTP_FAILED);
    srtp_out_close(&sender);
}

// 65,535 is followed by 0, with and without packets out of order there.
static void the_counter_rolls_over(void **state)
{
    (void)state;
    static _Alignas(4) uint8_t late[ROOM], late_clear[ROOM];
    size_t late_n = 0;
    srtp_out_open(&sender, &keys[1], 1);
    for (uint32_t i = 65500; i < 65600; i++) {
        size_t n = make(1, i);
        if (i == 65535) {
            memcpy(late, packet, n);
            memcpy(late_clear, clear, n);
            late_n = n;
            continue;
        }
        assert_int_equal(take(n, 0), SRTP_CLEAR);
    }
    memcpy(packet, late, late_n);
    memcpy(clear, late_clear, late_n);
    assert_int_equal(take(late_n, 0), SRTP_CLEAR);
    srtp_out_close(&sender);
}

// The capture begins when the sender has been round three times, and misses more than half a round later.
static void seen_late(void **state)
{
    (void)state;
    srtp_out_open(&sender, &keys[0], 1);
    uint32_t i = 0;
    for (; i < 3 * 65536 + 40000; i++)
        (void)make(1, i);
    assert_int_equal(take(make(1, i++), 2), SRTP_FAILED); // so long it cannot have been
    assert_int_equal(take(make(1, i++), 4), SRTP_CLEAR);
    for (uint32_t k = 0; k < 50000; k++)
        (void)make(1, i++);
    assert_int_equal(take(make(1, i++), 5), SRTP_CLEAR);
    assert_int_equal(take(make(1, i++), 5), SRTP_CLEAR);
    srtp_out_close(&sender);
}

static void sent_again(void **state)
{
    (void)state;
    static _Alignas(4) uint8_t first[ROOM];
    srtp_out_open(&sender, &keys[3], 1);
    size_t n = make(1, 10);
    memcpy(first, packet, n);
    assert_int_equal(take(n, 3), SRTP_CLEAR);
    assert_int_equal(take(n, 3), SRTP_DUPLICATE);
    for (uint32_t i = 11; i < 3000; i++)
        assert_int_equal(take(make(1, i), 3), SRTP_CLEAR);
    memcpy(packet, first,
           n); // beyond the window, and again so often that another key is thought of
    for (uint32_t i = 0; i < 3 * SRTP_STREAM_DUPS; i++)
        assert_int_equal(take(n, 3), SRTP_DUPLICATE);
    assert_int_equal(take(make(1, 3000), 3), SRTP_CLEAR);
    assert_int_equal(s.duplicates, 1 + 3 * SRTP_STREAM_DUPS);
    srtp_out_close(&sender);
}

// By re-INVITE: a new key, the same SSRC; the sequence goes on, or begins anew anywhere.
static void the_key_changes(void **state)
{
    (void)state;
    static const uint32_t begins[] = {1100, 900, 40000, 5};
    static _Alignas(4) uint8_t late[ROOM], late_clear[ROOM];
    for (size_t b = 0; b < COUNT_OF(begins); b++) {
        srtp_stream_open(&s, keys, COUNT_OF(keys));
        srtp_out_open(&sender, &keys[1], 1);
        size_t late_n = 0;
        for (uint32_t i = 1000; i < 1100; i++) {
            size_t n = make(1, i);
            if (i == 1098) {
                memcpy(late, packet, n);
                memcpy(late_clear, clear, n);
                late_n = n;
            } else {
                assert_int_equal(take(n, 1), SRTP_CLEAR);
            }
        }
        srtp_out_close(&sender);
        srtp_out_open(&sender, &keys[2], 1);
        uint32_t lost = 0;
        for (uint32_t i = 0; i < 100; i++) {
            if (i == 50) {
                memcpy(packet, late, late_n);
                memcpy(clear, late_clear, late_n);
                assert_int_equal(take(late_n, 1), SRTP_CLEAR);
            }
            lost += take(make(1, begins[b] + i), 1) != SRTP_CLEAR;
        }
        assert_int_equal(lost, 0);
        assert_int_equal(s.used, 6);
        srtp_out_close(&sender);
    }
}

static void more_sources_than_places(void **state)
{
    (void)state;
    for (uint32_t ssrc = 1; ssrc <= 3 * SRTP_STREAM_SSRCS; ssrc++) {
        srtp_out_open(&sender, &keys[0], ssrc);
        for (uint32_t i = 0; i < 3; i++)
            assert_int_equal(take(make(ssrc, i), 0), SRTP_CLEAR);
        srtp_out_close(&sender);
    }
    uint32_t used = 0;
    for (uint32_t i = 0; i < SRTP_STREAM_SSRCS; i++)
        used += s.at[i].used;
    assert_int_equal(used, SRTP_STREAM_SSRCS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_key_that_fits, setup, teardown),
        cmocka_unit_test_setup_teardown(no_key_fits, setup, teardown),
        cmocka_unit_test_setup_teardown(the_counter_rolls_over, setup, teardown),
        cmocka_unit_test_setup_teardown(seen_late, setup, teardown),
        cmocka_unit_test_setup_teardown(sent_again, setup, teardown),
        cmocka_unit_test_setup_teardown(the_key_changes, setup, teardown),
        cmocka_unit_test_setup_teardown(more_sources_than_places, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
