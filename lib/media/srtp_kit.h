// srtp_kit.h: for tests: the sender's side of srtp.h, by libsrtp2 too.
#pragma once
#include <stdlib.h>
#include <string.h>
#include <srtp2/srtp.h>
#include "media/srtp.h"
#include "tests/support/test.h"

struct srtp_out {
    srtp_t context;
    bool mki;
};

static inline void srtp_kit_policy(const char *suite, srtp_crypto_policy_t *p)
{
    if (strstr(suite, "AES_128_GCM"))
        srtp_crypto_policy_set_aes_gcm_128_16_auth(p);
    else if (strstr(suite, "AES_256_GCM"))
        srtp_crypto_policy_set_aes_gcm_256_16_auth(p);
    else if (strcmp(suite, "AES_CM_128_HMAC_SHA1_32") == 0)
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(p);
    else if (strcmp(suite, "AES_256_CM_HMAC_SHA1_80") == 0)
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(p);
    else if (strcmp(suite, "AES_256_CM_HMAC_SHA1_32") == 0)
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_32(p);
    else
        srtp_crypto_policy_set_rtp_default(p);
}

static inline void srtp_out_open(struct srtp_out *s, const struct srtp_key *key, uint32_t ssrc)
{
    srtp_policy_t p = {0};
    struct srtp_key k = *key; // through pointers that are not const
    srtp_master_key_t master = {k.bytes, k.mki, k.mki_n}, *list[1] = {&master};
    struct srtp_in first; // the door starts the library, once
    assert_int_equal(srtp_in_open(&first, key, ssrc), 0);
    srtp_in_close(&first);
    srtp_kit_policy(key->suite, &p.rtp);
    srtp_kit_policy(key->suite, &p.rtcp);
    if (key->unencrypted)
        p.rtp.sec_serv = sec_serv_auth;
    p.ssrc.type = ssrc_specific;
    p.ssrc.value = ssrc;
    p.window_size = 128;
    p.keys = list;
    p.num_master_keys = 1;
    assert_int_equal(srtp_create(&s->context, &p), srtp_err_status_ok);
    s->mki = key->mki_n > 0;
}

// In place; its new length. The buffer has SRTP_MAX_TRAILER_LEN more.
static inline size_t srtp_out_take(struct srtp_out *s, uint8_t *packet, size_t n)
{
    int length = (int)n;
    assert_int_equal(srtp_protect_mki(s->context, packet, &length, s->mki, 0), srtp_err_status_ok);
    return (size_t)length;
}

static inline void srtp_out_close(struct srtp_out *s)
{
    assert_int_equal(srtp_dealloc(s->context), srtp_err_status_ok);
}

// A key of this suite whose bytes count from `first`.
static inline struct srtp_key srtp_kit_key(const char *suite, uint8_t first)
{
    struct srtp_key k = {.n = (uint8_t)srtp_suite_bytes(suite)};
    (void)strncpy(k.suite, suite, sizeof(k.suite) - 1);
    for (uint8_t i = 0; i < k.n; i++)
        k.bytes[i] = (uint8_t)(first + i);
    return k;
}

// An RTP packet of PCMU: 160 bytes of payload that say its number.
static inline size_t srtp_kit_rtp(uint8_t *p, uint32_t ssrc, uint32_t number)
{
    uint8_t head[12] = {0x80,
                        0,
                        (uint8_t)(number >> 8),
                        (uint8_t)number,
                        0,
                        0,
                        0,
                        0,
                        (uint8_t)(ssrc >> 24),
                        (uint8_t)(ssrc >> 16),
                        (uint8_t)(ssrc >> 8),
                        (uint8_t)ssrc};
    uint32_t stamp = number * 160;
    for (int i = 0; i < 4; i++)
        head[4 + i] = (uint8_t)(stamp >> (24 - 8 * i));
    memcpy(p, head, sizeof(head));
    for (size_t i = 0; i < 160; i++)
        p[12 + i] = (uint8_t)(number * 7 + i);
    return 172;
}
