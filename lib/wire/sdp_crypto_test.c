// sdp_crypto_test.c: a=crypto as phones write it, and as nobody should.
#include "wire/sdp_crypto.h"
#include <stdio.h>
#include "tests/support/test.h"
#include "wire/wire_testing.h"

#define K30 "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"                         // RFC 4568 4
#define K28 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw=="                         // 0, 1, ... 27
#define K44 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis="     // ... 43
#define K46 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLQ==" // ... 45
#define A80 "AES_CM_128_HMAC_SHA1_80"

struct row {
    const char *name, *text;
    enum sdp_crypto_verdict verdict;
    uint32_t keys;
    uint8_t bytes, mki_n;
};

static const struct row rows[] = {
    {"RFC 4568 4", "1 " A80 " inline:" K30 "|2^20|1:32 FEC_ORDER=FEC_SRTP", SDP_CRYPTO_GOOD, 1, 30,
     32},
    {"an MKI that is too long", "1 " A80 " inline:" K30 "|1:129", SDP_CRYPTO_MALFORMED, 0, 0, 0},
    {"lifetime and MKI", "1 " A80 " inline:" K30 "|2^20|1:4", SDP_CRYPTO_GOOD, 1, 30, 4},
    {"nothing but the key", "1 " A80 " inline:" K30, SDP_CRYPTO_GOOD, 1, 30, 0},
    {"a plain lifetime", "1 " A80 " inline:" K30 "|1048576", SDP_CRYPTO_GOOD, 1, 30, 0},
    {"MKI alone", "2 AES_CM_128_HMAC_SHA1_32 inline:" K30 "|66051:3", SDP_CRYPTO_GOOD, 1, 30, 3},
    {"two keys", "1 " A80 " inline:" K30 "|2^20|1:4;inline:" K30 "|2^20|2:4", SDP_CRYPTO_GOOD, 2,
     30, 4},
    {"GCM 128", "1 AEAD_AES_128_GCM inline:" K28, SDP_CRYPTO_GOOD, 1, 28, 0},
    {"GCM 256", "1 AEAD_AES_256_GCM inline:" K44, SDP_CRYPTO_GOOD, 1, 44, 0},
    {"AES 256", "1 AES_256_CM_HMAC_SHA1_80 inline:" K46, SDP_CRYPTO_GOOD, 1, 46, 0},
    {"no padding", "1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw",
     SDP_CRYPTO_GOOD, 1, 28, 0},
    {"blanks", "  1   " A80 "\t inline:" K30 "  ", SDP_CRYPTO_GOOD, 1, 30, 0},
    {"parameters that change nothing", "1 " A80 " inline:" K30 " KDR=0 WSH=64 -x FEC_KEY=inline:a",
     SDP_CRYPTO_GOOD, 1, 30, 0},
    {"another rate of keys", "1 " A80 " inline:" K30 " KDR=4", SDP_CRYPTO_UNSUPPORTED, 0, 0, 0},
    {"GCM that does not encrypt", "1 AEAD_AES_128_GCM inline:" K28 " UNENCRYPTED_SRTP",
     SDP_CRYPTO_UNSUPPORTED, 0, 0, 0},
    {"no tags", "1 " A80 " inline:" K30 " UNAUTHENTICATED_SRTP", SDP_CRYPTO_UNSUPPORTED, 0, 0, 0},
    {"F8", "1 F8_128_HMAC_SHA1_80 inline:" K30, SDP_CRYPTO_UNSUPPORTED, 0, 0, 0},
    {"small letters are another suite", "1 aes_cm_128_hmac_sha1_80 inline:" K30,
     SDP_CRYPTO_UNSUPPORTED, 0, 0, 0},
    {"bare", "1", SDP_CRYPTO_MALFORMED, 0, 0, 0},
    {"nothing", "", SDP_CRYPTO_MALFORMED, 0, 0, 0},
    {"no key", "1 " A80, SDP_CRYPTO_MALFORMED, 0, 0, 0},
    {"an empty key", "1 " A80 " inline:", SDP_CRYPTO_MALFORMED, 0, 0, 0},
    {"a key of another suite", "1 AES_256_CM_HMAC_SHA1_80 inline:" K30, SDP_CRYPTO_MALFORMED, 0, 0,
     0},
    {"a sign too much", "1 " A80 " inline:" K30 "A", SDP_CRYPTO_MALFORMED, 0, 0, 0},
    {"a sign that is none", "1 " A80 " inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGV-",
     SDP_CRYPTO_MALFORMED, 0, 0, 0},
    {"bits beyond the key", "1 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGx==",
     SDP_CRYPTO_MALFORMED, 0, 0, 0},
    {"another method", "1 " A80 " uri:" K30, SDP_CRYPTO_MALFORMED, 0, 0, 0},
    {"a tag of ten digits", "1234567890 " A80 " inline:" K30, SDP_CRYPTO_MALFORMED, 0, 0, 0},
    {"a number beyond its MKI", "1 " A80 " inline:" K30 "|256:1", SDP_CRYPTO_MALFORMED, 0, 0, 0},
    {"an MKI of no byte", "1 " A80 " inline:" K30 "|0:0", SDP_CRYPTO_MALFORMED, 0, 0, 0},
    {"a lifetime that is none", "1 " A80 " inline:" K30 "|2^|1:4", SDP_CRYPTO_MALFORMED, 0, 0, 0},
    {"three parts", "1 " A80 " inline:" K30 "|1:4|2^20", SDP_CRYPTO_MALFORMED, 0, 0, 0},
    {"five keys",
     "1 " A80 " inline:" K30 ";inline:" K30 ";inline:" K30 ";inline:" K30 ";inline:" K30,
     SDP_CRYPTO_MALFORMED, 0, 0, 0},
};

static void forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *r = &rows[i];
        static const struct sdp_crypto none;
        struct sdp_crypto c;
        enum sdp_crypto_verdict v = sdp_crypto_parse(span_str(r->text), &c);
        if (v != r->verdict || c.keys != r->keys)
            fail_msg("%s: verdict %d, %u keys", r->name, (int)v, c.keys);
        if (v == SDP_CRYPTO_GOOD && (c.key[0].n != r->bytes || c.key[0].mki_n != r->mki_n))
            fail_msg("%s: %u bytes, MKI of %u", r->name, c.key[0].n, c.key[0].mki_n);
        if (v != SDP_CRYPTO_GOOD && memcmp(c.key, none.key, sizeof(c.key)) != 0)
            fail_msg("%s: a part of a key stayed", r->name);
    }
}

static void the_bytes_are_right(void **state)
{
    (void)state;
    struct sdp_crypto c;
    assert_int_equal(
        sdp_crypto_parse(
            SPAN_LIT("7 AES_256_CM_HMAC_SHA1_80 inline:" K46 "|2^20|66051:4 UNENCRYPTED_SRTP"), &c),
        SDP_CRYPTO_GOOD);
    assert_int_equal(c.tag, 7);
    assert_span(c.suite, "AES_256_CM_HMAC_SHA1_80");
    assert_true(c.unencrypted);
    for (uint8_t i = 0; i < 46; i++)
        assert_int_equal(c.key[0].bytes[i], i);
    assert_memory_equal(c.key[0].mki, "\0\1\2\3", 4);
    sdp_crypto_wipe(&c);
    static const struct sdp_crypto none;
    assert_memory_equal(c.key, none.key, sizeof(c.key));
}

static void lines_of_audio(void **state)
{
    (void)state;
    struct span value,
        rest = SPAN_LIT("v=0\r\na=crypto:9 of the session\r\nm=audio 1 RTP/SAVP 0\r\n"
                        "a=crypto:1 one\r\na=cryptox:1\r\na=crypto:2 two\nm=video 2 RTP/SAVP 99\r\n"
                        "a=crypto:3 three\r\nm=audio 3 RTP/SAVP 0\r\na=crypto:4 four");
    bool audio = false;
    static const char *const want[] = {"1 one", "2 two", "4 four"};
    for (size_t i = 0; i < COUNT_OF(want); i++) {
        assert_true(sdp_crypto_next(&rest, &audio, &value));
        assert_span(value, want[i]);
    }
    assert_false(sdp_crypto_next(&rest, &audio, &value));
}

static void cut_at_every_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (size_t n = 0; n < strlen(rows[i].text); n++) {
            uint8_t *exact = malloc(n ? n : 1); // so that a read past the end is seen
            struct sdp_crypto c;
            memcpy(exact, rows[i].text, n);
            enum sdp_crypto_verdict v = sdp_crypto_parse(span_of(exact, n), &c);
            assert_true(v == SDP_CRYPTO_GOOD ? c.keys > 0 : c.keys == 0);
            free(exact);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms),
        cmocka_unit_test(the_bytes_are_right),
        cmocka_unit_test(lines_of_audio),
        cmocka_unit_test(cut_at_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
