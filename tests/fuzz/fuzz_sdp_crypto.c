// a=crypto lines. The whole input is the body; it is also read as one line's value.
#include "fuzz.h"
#include "wire/sdp_crypto.h"

static void one(struct span value, struct span body)
{
    struct sdp_crypto c;
    enum sdp_crypto_verdict v = sdp_crypto_parse(value, &c);
    fuzz_inside(c.suite, body);
    fuzz_check(v == SDP_CRYPTO_GOOD ? c.keys > 0 && c.keys <= SDP_CRYPTO_KEYS_MAX : c.keys == 0);
    for (uint32_t i = 0; i < SDP_CRYPTO_KEYS_MAX; i++) {
        fuzz_check(c.key[i].n <= SDP_CRYPTO_BYTES_MAX && c.key[i].mki_n <= SDP_CRYPTO_MKI_MAX);
        fuzz_check(i < c.keys ? c.key[i].n >= 28 : c.key[i].n == 0);
    }
    sdp_crypto_wipe(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span body = span_of(data, size), rest = body, value;
    bool audio = false;
    one(body, body);
    while (sdp_crypto_next(&rest, &audio, &value)) {
        fuzz_inside(value, body);
        one(value, body);
    }
    return 0;
}
