// SRTP with the keys in SDP (RFC 4568), by libsrtp2: a key for each side, another one after each re-INVITE with --rekey. Keys come
// from the SSRC and their number alone, so that the calls are the same with SRTP and without.
#include "run.h"

#include <sodium.h>
#include <srtp2/srtp.h>
#include <string.h>

static const struct {
    const char *name;
    void (*policy)(srtp_crypto_policy_t *);
    uint8_t bytes;
} suites[] = {
    {"AES_CM_128_HMAC_SHA1_80", srtp_crypto_policy_set_rtp_default, 30},
    {"AES_CM_128_HMAC_SHA1_32", srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32, 30},
    {"AES_256_CM_HMAC_SHA1_80", srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80, 46},
    {"AES_256_CM_HMAC_SHA1_32", srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32, 46},
    {"AEAD_AES_128_GCM", srtp_crypto_policy_set_aes_gcm_128_16_auth, 28},
    {"AEAD_AES_256_GCM", srtp_crypto_policy_set_aes_gcm_256_16_auth, 44},
};

int srtp_suite(const char *name)
{
    for (unsigned i = 0; i < sizeof suites / sizeof suites[0]; i++)
        if (strcmp(suites[i].name, name) == 0)
            return (int)i + 1;
    return 0;
}

bool srtp_start(void)
{
    return srtp_init() == srtp_err_status_ok;
}

static void key_make(const struct side *s, unsigned bytes, uint8_t key[64])
{
    struct rng g = {(uint64_t)s->ssrc << 32 | s->key_no};
    for (unsigned i = 0; i < bytes; i++)
        key[i] = (uint8_t)rng_next(&g);
}

int srtp_line(const struct run *r, const struct side *s, char *buf, size_t cap)
{
    uint8_t key[64];
    char text[96];
    if (!r->o->srtp)
        return 0;
    const unsigned i = (unsigned)r->o->srtp - 1;
    key_make(s, suites[i].bytes, key);
    sodium_bin2base64(text, sizeof text, key, suites[i].bytes, sodium_base64_VARIANT_ORIGINAL);
    return snprintf(buf, cap, "a=crypto:1 %s inline:%s\r\n", suites[i].name, text);
}

static bool context_make(const struct run *r, struct side *s)
{
    const unsigned i = (unsigned)r->o->srtp - 1;
    uint8_t key[64];
    srtp_policy_t p = {.ssrc = {ssrc_specific, s->ssrc}, .window_size = 128};
    key_make(s, suites[i].bytes, key);
    suites[i].policy(&p.rtp);
    suites[i].policy(&p.rtcp);
    p.key = key;
    srtp_t context;
    if (srtp_create(&context, &p) != srtp_err_status_ok)
        return false;
    s->srtp = context;
    return true;
}

void srtp_end(struct side *s)
{
    if (s->srtp)
        srtp_dealloc(s->srtp);
    s->srtp = NULL;
}

void srtp_rekey(const struct run *r, struct side *s)
{
    if (!r->o->srtp || !r->o->rekey)
        return;
    srtp_end(s);
    s->key_no++;
}

size_t srtp_packet(const struct run *r, struct side *s, uint8_t *p, size_t n)
{
    int length = (int)n;
    if (!r->o->srtp)
        return n;
    if ((!s->srtp && !context_make(r, s)) ||
        srtp_protect(s->srtp, p, &length) != srtp_err_status_ok)
        return 0;
    return (size_t)length;
}
