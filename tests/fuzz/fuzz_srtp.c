// SRTP. The input: one byte which suite and form, then packets, each behind its length. No key fits what fuzzing makes, so what is looked
// at is that nothing is read past a packet's end and that nothing but a right tag opens one.
#include "fuzz.h"
#include "media/srtp_stream.h"

static const char *const suites[] = {"AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32",
                                     "AES_256_CM_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_32",
                                     "AEAD_AES_128_GCM",        "AEAD_AES_256_GCM"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur c = cur_of(span_of(data, size));
    uint8_t form = cur_u8(&c);
    const char *suite = suites[form % 6];
    struct srtp_key key = {.n = (uint8_t)srtp_suite_bytes(suite),
                           .mki_n = form & 64 ? 4 : 0,
                           // what GCM refuses is not looked at twice
                           .unencrypted = (form & 128) && !strstr(suite, "GCM")};
    memcpy(key.suite, suite, strlen(suite));
    static _Alignas(4) uint8_t out[SRTP_PACKET_MAX];
    static struct srtp_stream s;
    srtp_stream_open(&s, &key, 1);
    for (int i = 0; i < 64 && cur_left(&c) > 0; i++) {
        size_t want = cur_u16be(&c), n = want < cur_left(&c) ? want : cur_left(&c), got = 0;
        uint8_t *exact = malloc(n ? n : 1);
        struct span p = cur_take(&c, n);
        if (!exact)
            break;
        memcpy(exact, p.p, n);
        if (srtp_stream_take(&s, span_of(exact, n), 1, out, &got) == SRTP_CLEAR)
            fuzz_check(got < n && got >= 12);
        free(exact);
    }
    fuzz_check(s.clear + s.duplicates + s.failed <= 64);
    srtp_stream_close(&s);
    return 0;
}
