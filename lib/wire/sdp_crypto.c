#include "wire/sdp_crypto.h"

#include <sodium.h>
#include <string.h>

#define SUITE_MAX 40u
#define TAG_MAX   999999999u

static const struct {
    struct span name;
    uint8_t bytes; // of key and salt
} suites[] = {
    {SPAN_LIT("AES_CM_128_HMAC_SHA1_80"), 30}, {SPAN_LIT("AES_CM_128_HMAC_SHA1_32"), 30},
    {SPAN_LIT("AES_256_CM_HMAC_SHA1_80"), 46}, {SPAN_LIT("AES_256_CM_HMAC_SHA1_32"), 46},
    {SPAN_LIT("AEAD_AES_128_GCM"), 28},        {SPAN_LIT("AEAD_AES_256_GCM"), 44},
};

static struct span line_next(struct span *rest)
{
    size_t end = span_find(*rest, '\n');
    struct span line = span_sub(*rest, 0, end);
    *rest = span_sub(*rest, end + 1, rest->n);
    while (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

bool sdp_crypto_next(struct span *rest, bool *audio, struct span *ret)
{
    const struct span crypto = SPAN_LIT("a=crypto:");
    while (rest->n > 0) {
        struct span line = line_next(rest);
        if (line.n >= 2 && line.p[0] == 'm' && line.p[1] == '=')
            *audio = span_istarts(span_sub(line, 2, line.n), SPAN_LIT("audio"));
        if (!*audio || !span_istarts(line, crypto))
            continue;
        *ret = span_sub(line, crypto.n, line.n);
        return true;
    }
    return false;
}

static struct span word_next(struct span *rest)
{
    struct span s = span_trim(*rest);
    size_t n = 0;
    while (n < s.n && !span_blank(s.p[n]))
        n++;
    *rest = span_sub(s, n, s.n);
    return span_sub(s, 0, n);
}

static struct span cut_at(struct span *rest, uint8_t c)
{
    size_t at = span_find(*rest, c);
    struct span first = span_sub(*rest, 0, at);
    *rest = span_sub(*rest, at + 1, rest->n);
    return first;
}

static uint8_t bytes_of_suite(struct span name)
{
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
        if (span_eq(suites[i].name, name))
            return suites[i].bytes;
    return 0;
}

// RFC 4648 4. Phones leave the padding away, or write it: both are read, and nothing else is.
static bool base64_read(struct span text, uint8_t want, uint8_t *ret)
{
    size_t n = 0;
    const char *end = NULL, *from = (const char *)text.p;
    while (text.n > 0 && text.p[text.n - 1] == '=')
        text.n--;
    if (text.n != (want * 4u + 2) / 3)
        return false;
    return sodium_base642bin(ret, want, from, text.n, NULL, &n, &end,
                             sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
           n == want && end == from + text.n;
}

// "1:4": the number 1 in 4 bytes.
static bool mki_read(struct span text, struct sdp_crypto_key *k)
{
    uint64_t number;
    uint32_t bytes;
    struct span value = cut_at(&text, ':');
    if (!span_u64(value, UINT64_MAX, &number) || !span_u32(text, SDP_CRYPTO_MKI_MAX, &bytes) ||
        bytes == 0 || (bytes < 8 && number >> (8 * bytes) != 0))
        return false;
    k->mki_n = (uint8_t)bytes;
    for (uint32_t i = bytes; i > 0; i--, number >>= 8)
        k->mki[i - 1] = (uint8_t)number;
    return true;
}

static bool lifetime_good(struct span text)
{
    uint64_t ignored;
    if (span_istarts(text, SPAN_LIT("2^")))
        return span_u64(span_sub(text, 2, text.n), 48, &ignored); // RFC 3711 9.2
    return span_u64(text, UINT64_C(1) << 48, &ignored);
}

// "inline:KEY|2^20|1:4": what phones do with the lifetime is seen on the wire, so it is only read over (RFC 4568 6.1).
static bool key_read(struct span text, uint8_t want, struct sdp_crypto_key *k)
{
    const struct span method = SPAN_LIT("inline:");
    if (!span_istarts(text, method))
        return false;
    text = span_sub(text, method.n, text.n);
    if (!base64_read(cut_at(&text, '|'), want, k->bytes))
        return false;
    k->n = want;
    if (text.n == 0)
        return true;
    struct span first = cut_at(&text, '|');
    if (span_find(first, ':') < first.n)
        return text.n == 0 && mki_read(first, k);
    return lifetime_good(first) && (text.n == 0 || mki_read(text, k));
}

static enum sdp_crypto_verdict keys_read(struct span text, uint8_t want, struct sdp_crypto *c)
{
    do {
        if (c->keys == SDP_CRYPTO_KEYS_MAX)
            return SDP_CRYPTO_MALFORMED;
        if (!key_read(cut_at(&text, ';'), want, &c->key[c->keys]))
            return SDP_CRYPTO_MALFORMED;
        c->keys++;
    } while (text.n > 0);
    return SDP_CRYPTO_GOOD;
}

// RFC 4568 6.3; with GCM nothing is left unencrypted (RFC 7714 14.1). FEC and window sizes change nothing of how a packet is read; without a tag nobody could say which key fits.
static enum sdp_crypto_verdict parameter_read(struct span word, struct sdp_crypto *c)
{
    if (span_eq(word, SPAN_LIT("UNENCRYPTED_SRTP")) && !span_istarts(c->suite, SPAN_LIT("AEAD")))
        c->unencrypted = true;
    else if (span_eq(word, SPAN_LIT("UNENCRYPTED_SRTP")) ||
             span_eq(word, SPAN_LIT("UNAUTHENTICATED_SRTP")) ||
             (span_istarts(word, SPAN_LIT("KDR=")) && !span_eq(word, SPAN_LIT("KDR=0"))))
        return SDP_CRYPTO_UNSUPPORTED;
    return SDP_CRYPTO_GOOD;
}

static enum sdp_crypto_verdict read_all(struct span value, struct sdp_crypto *c)
{
    if (!span_u32(word_next(&value), TAG_MAX, &c->tag))
        return SDP_CRYPTO_MALFORMED;
    c->suite = word_next(&value);
    struct span keys = word_next(&value);
    if (c->suite.n == 0 || c->suite.n > SUITE_MAX || keys.n == 0)
        return SDP_CRYPTO_MALFORMED;
    uint8_t want = bytes_of_suite(c->suite);
    if (want == 0)
        return SDP_CRYPTO_UNSUPPORTED;
    enum sdp_crypto_verdict v = keys_read(keys, want, c);
    for (struct span word = word_next(&value); v == SDP_CRYPTO_GOOD && word.n > 0;
         word = word_next(&value))
        v = parameter_read(word, c);
    return v;
}

enum sdp_crypto_verdict sdp_crypto_parse(struct span value, struct sdp_crypto *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->suite = span_sub(value, 0, 0);
    enum sdp_crypto_verdict v = read_all(value, ret);
    if (v == SDP_CRYPTO_GOOD)
        return v;
    struct span suite = ret->suite;
    sdp_crypto_wipe(ret); // no half of a key leaves
    ret->suite = suite;
    return v;
}

void sdp_crypto_wipe(struct sdp_crypto *c)
{
    sodium_memzero(c, sizeof(*c));
}
