#include "media/srtp.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <srtp2/srtp.h>

typedef void (*policy_fn)(srtp_crypto_policy_t *);

static const struct suite {
    const char *name;
    policy_fn policy;
    uint8_t key, salt, tag;
    bool aead;
} suites[] = {
    {"AES_CM_128_HMAC_SHA1_80", srtp_crypto_policy_set_rtp_default, 16, 14, 10, false},
    {"AES_CM_128_HMAC_SHA1_32", srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32, 16, 14, 4, false},
    {"AES_256_CM_HMAC_SHA1_80", srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80, 32, 14, 10, false},
    {"AES_256_CM_HMAC_SHA1_32", srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32, 32, 14, 4, false},
    {"AEAD_AES_128_GCM", srtp_crypto_policy_set_aes_gcm_128_16_auth, 16, 12, 16, true},
    {"AEAD_AES_256_GCM", srtp_crypto_policy_set_aes_gcm_256_16_auth, 32, 12, 16, true},
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool up;
static srtp_t keeper;

// Debian's libsrtp2 takes its ciphers from NSS, which starts with the first context and ends with the last: 1.4 ms each time where a
// context costs 40 us. So one that nobody uses stays.
static void start(void)
{
    srtp_policy_t policy = {.ssrc.type = ssrc_specific, .window_size = 64};
    uint8_t zeros[30] = {0};
    srtp_crypto_policy_set_rtp_default(&policy.rtp);
    srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
    policy.key = zeros;
    up = srtp_init() == srtp_err_status_ok && srtp_create(&keeper, &policy) == srtp_err_status_ok;
}

static const struct suite *suite_of(const char *name)
{
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
        if (strcmp(suites[i].name, name) == 0)
            return &suites[i];
    return NULL;
}

size_t srtp_suite_bytes(const char *name)
{
    const struct suite *s = suite_of(name);
    return s ? (size_t)s->key + s->salt : 0;
}

void srtp_key_wipe(struct srtp_key *keys, size_t n)
{
    explicit_bzero(keys, n * sizeof(*keys));
}

static void set_policy(srtp_policy_t *p, const struct suite *suite, const struct srtp_key *key,
                       uint32_t ssrc)
{
    suite->policy(&p->rtp);
    suite->policy(&p->rtcp);
    if (key->unencrypted)
        p->rtp.sec_serv = sec_serv_auth;
    p->ssrc.type = ssrc_specific;
    p->ssrc.value = ssrc;
    p->window_size = SRTP_WINDOW;
}

int srtp_in_open(struct srtp_in *s, const struct srtp_key *key, uint32_t ssrc)
{
    const struct suite *suite = suite_of(key->suite);
    srtp_policy_t policy = {0};
    // libsrtp2 reads through pointers that are not const.
    uint8_t bytes[SRTP_KEY_BYTES], mki[SRTP_MKI_BYTES];
    srtp_master_key_t master = {bytes, mki, key->mki_n}, *list[1] = {&master};
    (void)pthread_once(&once, start);
    if (!suite || (suite->aead && key->unencrypted)) // RFC 7714 14.1
        return -ENOTSUP;
    if (key->n != suite->key + suite->salt || key->mki_n > SRTP_MKI_BYTES)
        return -EINVAL;
    memcpy(bytes, key->bytes, sizeof(bytes));
    memcpy(mki, key->mki, sizeof(mki));
    set_policy(&policy, suite, key, ssrc);
    policy.key = key->mki_n ? NULL : bytes;
    policy.keys = key->mki_n ? list : NULL;
    policy.num_master_keys = key->mki_n ? 1 : 0;
    srtp_t context = NULL;
    srtp_err_status_t r = up ? srtp_create(&context, &policy) : srtp_err_status_init_fail;
    explicit_bzero(bytes, sizeof(bytes));
    if (r != srtp_err_status_ok)
        return -ENOMEM;
    *s = (struct srtp_in){.context = context,
                          .ssrc = ssrc,
                          .trailer = (uint16_t)(suite->tag + key->mki_n),
                          .mki = key->mki_n > 0};
    return 0;
}

void srtp_in_set_roc(struct srtp_in *s, uint32_t roc)
{
    (void)srtp_set_stream_roc(s->context, s->ssrc, roc);
}

// What follows the fixed head must hold the tag and the MKI: so the library need not be trusted to look.
static bool long_enough(const struct srtp_in *s, struct span p)
{
    struct cur c = cur_of(p);
    uint8_t first = cur_u8(&c);
    cur_skip(&c, 11u + 4u * (first & 15u));
    if (first & 16u) {
        cur_skip(&c, 2);
        cur_skip(&c, 4u * cur_u16be(&c));
    }
    cur_skip(&c, s->trailer);
    return !c.failed && p.n <= SRTP_PACKET_MAX;
}

enum srtp_verdict srtp_in_take(struct srtp_in *s, struct span packet, uint8_t *out, size_t *ret_n)
{
    if (!long_enough(s, packet))
        return SRTP_FAILED;
    int n = (int)packet.n;
    memcpy(out, packet.p, packet.n);
    switch (srtp_unprotect_mki(s->context, out, &n, s->mki)) {
    case srtp_err_status_ok:
        *ret_n = (size_t)n;
        return SRTP_CLEAR;
    case srtp_err_status_replay_fail:
        return SRTP_DUPLICATE;
    case srtp_err_status_replay_old:
    case srtp_err_status_pkt_idx_old:
        return SRTP_OLD;
    default:
        return SRTP_FAILED;
    }
}

void srtp_in_close(struct srtp_in *s)
{
    if (s->context)
        (void)srtp_dealloc(s->context);
    s->context = NULL;
}
