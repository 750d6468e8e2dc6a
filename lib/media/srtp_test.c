// srtp_test.c: the door to libsrtp2: packets that others have published or computed, and packets that are not what they seem.
#include "media/srtp.h"
#include <errno.h>
#include "media/srtp_kit.h"

static _Alignas(4) uint8_t out[SRTP_PACKET_MAX];

static const char *const suites[] = {"AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32",
                                     "AES_256_CM_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_32",
                                     "AEAD_AES_128_GCM",        "AEAD_AES_256_GCM"};

// Sequence number 0x1234, SSRC 0xCAFEBABE, payload 16 times 0xAB. The first has the master key of RFC 3711 B.3, the second that of
// RFC 6188 7.3; both packets are what the implementations of SRTP check themselves against. RFC 7714 has its examples below the
// derivation of keys: the GCM packets were computed apart from libsrtp2, by its 8 to 10 and RFC 3711 4.3 (derivation checked with B.3),
// with keys that count from 0.
#define HEAD "\x80\x0f\x12\x34\xde\xca\xfb\xad\xca\xfe\xba\xbe"
static const struct vector {
    const char *suite;
    struct span key, packet;
} vectors[] = {
    {"AES_CM_128_HMAC_SHA1_80",
     SPAN_LIT("\xe1\xf9\x7a\x0d\x3e\x01\x8b\xe0\xd6\x4f\xa3\x2c\x06\xde\x41\x39"
              "\x0e\xc6\x75\xad\x49\x8a\xfe\xeb\xb6\x96\x0b\x3a\xab\xe6"),
     SPAN_LIT(HEAD "\x4e\x55\xdc\x4c\xe7\x99\x78\xd8\x8c\xa4\xd2\x15\x94\x9d\x24\x02"
                   "\xb7\x8d\x6a\xcc\x99\xea\x17\x9b\x8d\xbb")},
    {"AES_CM_128_HMAC_SHA1_32",
     SPAN_LIT("\xe1\xf9\x7a\x0d\x3e\x01\x8b\xe0\xd6\x4f\xa3\x2c\x06\xde\x41\x39"
              "\x0e\xc6\x75\xad\x49\x8a\xfe\xeb\xb6\x96\x0b\x3a\xab\xe6"),
     SPAN_LIT(HEAD "\x4e\x55\xdc\x4c\xe7\x99\x78\xd8\x8c\xa4\xd2\x15\x94\x9d\x24\x02"
                   "\xb7\x8d\x6a\xcc")},
    {"AES_256_CM_HMAC_SHA1_80",
     SPAN_LIT("\xf0\xf0\x49\x14\xb5\x13\xf2\x76\x3a\x1b\x1f\xa1\x30\xf1\x0e\x29"
              "\x98\xf6\xf6\xe4\x3e\x43\x09\xd1\xe6\x22\xa0\xe3\x32\xb9\xf1\xb6"
              "\x3b\x04\x80\x3d\xe5\x1e\xe7\xc9\x64\x23\xab\x5b\x78\xd2"),
     SPAN_LIT(HEAD "\xf1\xd9\xde\x17\xff\x25\x1f\xf1\xaa\x00\x77\x74\xb0\xb4\xb4\x0d"
                   "\xa0\x8d\x9d\x9a\x5b\x3a\x55\xd8\x87\x3b")},
    {"AEAD_AES_128_GCM",
     SPAN_LIT("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
              "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b"),
     SPAN_LIT(HEAD "\x4a\xd7\xd8\xa5\x5f\xb3\xfd\x90\x2d\xb5\x57\xc9\x4b\x41\x5e\xcd"
                   "\x17\xea\x3b\xd1\x75\x4d\x1f\x28\x08\x10\x4e\x86\x8c\x1c\xf5\x97")},
    {"AEAD_AES_256_GCM",
     SPAN_LIT("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"
              "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"
              "\x20\x21\x22\x23\x24\x25\x26\x27\x28\x29\x2a\x2b"),
     SPAN_LIT(HEAD "\xd5\x4e\xd6\x32\xa7\x6b\xff\x3f\xa2\xef\xbb\x55\x97\xa5\xd5\xe8"
                   "\x7c\x07\x49\x7c\x6b\x89\x72\x9d\x12\x91\x31\x7a\xee\xf1\x1b\xa7")},
};

static struct srtp_key key_of(const struct vector *v)
{
    struct srtp_key k = {.n = (uint8_t)v->key.n};
    (void)strncpy(k.suite, v->suite, sizeof(k.suite) - 1);
    memcpy(k.bytes, v->key.p, v->key.n);
    return k;
}

static void published_packets(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        const struct vector *v = &vectors[i];
        struct srtp_key key = key_of(v);
        struct srtp_in s;
        size_t n = 0;
        print_message("%s\n", v->suite);
        assert_int_equal(srtp_in_open(&s, &key, 0xCAFEBABE), 0);
        assert_int_equal(srtp_in_take(&s, v->packet, out, &n), SRTP_CLEAR);
        assert_int_equal(n, 28);
        assert_memory_equal(out, HEAD, 12);
        for (size_t k = 12; k < 28; k++)
            assert_int_equal(out[k], 0xAB);
        assert_int_equal(srtp_in_take(&s, v->packet, out, &n), SRTP_DUPLICATE);
        srtp_in_close(&s);
    }
}

// Whatever bit is another one, and wherever the packet ends: it is not opened.
static void a_changed_packet(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        const struct vector *v = &vectors[i];
        struct srtp_key key = key_of(v);
        struct srtp_in s;
        size_t n;
        assert_int_equal(srtp_in_open(&s, &key, 0xCAFEBABE), 0);
        for (size_t at = 0; at < v->packet.n; at++) {
            uint8_t *exact = malloc(v->packet.n); // so that a read past the end is seen
            memcpy(exact, v->packet.p, v->packet.n);
            exact[at] ^= 1;
            assert_int_equal(srtp_in_take(&s, span_of(exact, v->packet.n), out, &n), SRTP_FAILED);
            free(exact);
            exact = malloc(at ? at : 1);
            memcpy(exact, v->packet.p, at);
            assert_int_equal(srtp_in_take(&s, span_of(exact, at), out, &n), SRTP_FAILED);
            free(exact);
        }
        assert_int_equal(srtp_in_take(&s, v->packet, out, &n), SRTP_CLEAR);
        srtp_in_close(&s);
    }
}

static void each_suite_there_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4 * COUNT_OF(suites); i++) {
        struct srtp_key key = srtp_kit_key(suites[i / 4], 3);
        _Alignas(4) uint8_t clear[200], packet[200 + SRTP_MAX_TRAILER_LEN];
        struct srtp_out sender;
        struct srtp_in s;
        size_t n;
        key.mki_n = i & 1 ? 4 : 0;
        key.unencrypted = (i & 2) && !strstr(key.suite, "GCM");
        memcpy(key.mki, "\0\0\0\1", 4);
        srtp_out_open(&sender, &key, 7);
        assert_int_equal(srtp_in_open(&s, &key, 7), 0);
        for (uint32_t k = 65530; k < 65550; k++) { // over the end of the sequence numbers
            size_t length = srtp_kit_rtp(packet, 7, k);
            memcpy(clear, packet, length);
            size_t sent = srtp_out_take(&sender, packet, length);
            assert_true(sent > length);
            assert_int_equal(memcmp(packet + 12, clear + 12, 160) == 0, key.unencrypted);
            assert_int_equal(srtp_in_take(&s, span_of(packet, sent), out, &n), SRTP_CLEAR);
            assert_int_equal(n, length);
            assert_memory_equal(out, clear, length);
        }
        srtp_in_close(&s);
        srtp_out_close(&sender);
    }
}

static void another_key_mki_or_counter(void **state)
{
    (void)state;
    struct srtp_key key = srtp_kit_key(suites[0], 3), other = srtp_kit_key(suites[0], 4), mki = key;
    _Alignas(4) uint8_t packet[200 + SRTP_MAX_TRAILER_LEN];
    struct srtp_out sender;
    struct srtp_in s;
    size_t n;
    mki.mki_n = 1;
    srtp_out_open(&sender, &key, 7);
    size_t sent = srtp_out_take(&sender, packet, srtp_kit_rtp(packet, 7, 1));
    const struct srtp_key *const wrong[] = {&other, &mki};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_int_equal(srtp_in_open(&s, wrong[i], 7), 0);
        assert_int_equal(srtp_in_take(&s, span_of(packet, sent), out, &n), SRTP_FAILED);
        srtp_in_close(&s);
    }
    assert_int_equal(srtp_in_open(&s, &key, 7), 0);
    for (uint32_t roc = 3; roc > 0; roc--) {
        srtp_in_set_roc(&s, roc);
        assert_int_equal(srtp_in_take(&s, span_of(packet, sent), out, &n), SRTP_FAILED);
    }
    srtp_in_close(&s);
    srtp_out_close(&sender);
}

static void what_is_refused(void **state)
{
    (void)state;
    struct srtp_key key = srtp_kit_key(suites[0], 0);
    struct srtp_in s = {0};
    key.n--;
    assert_int_equal(srtp_in_open(&s, &key, 1), -EINVAL);
    key = srtp_kit_key(suites[0], 0);
    key.mki_n = SRTP_MKI_BYTES + 1;
    assert_int_equal(srtp_in_open(&s, &key, 1), -EINVAL);
    (void)strncpy(key.suite, "F8_128_HMAC_SHA1_80", sizeof(key.suite) - 1);
    assert_int_equal(srtp_in_open(&s, &key, 1), -ENOTSUP);
    struct srtp_key gcm = srtp_kit_key("AEAD_AES_128_GCM", 0);
    gcm.unencrypted = true;
    assert_int_equal(srtp_in_open(&s, &gcm, 1), -ENOTSUP);
    assert_int_equal(srtp_suite_bytes("NULL"), 0);
    assert_null(s.context);
    srtp_key_wipe(&key, 1);
    static const struct srtp_key none;
    assert_memory_equal(&key, &none, sizeof(key));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_packets),         cmocka_unit_test(a_changed_packet),
        cmocka_unit_test(each_suite_there_and_back), cmocka_unit_test(another_key_mki_or_counter),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
