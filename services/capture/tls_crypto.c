#include "tls_crypto.h"
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>

#define TAG_BYTES   16
#define BLOCK_BYTES 16
#define EXPLICIT    8 // nonce bytes in each record of GCM in TLS 1.2 (RFC 5288 3)

struct tls_crypto {
    EVP_CIPHER_CTX *cipher[TLS_CIPHER_COUNT];
    EVP_MAC_CTX *mac[TLS_HASH_COUNT];
    EVP_KDF_CTX *prf, *hkdf;
    uint8_t plain[TLS_RECORD_MAX + BLOCK_BYTES];
};

static const struct {
    const char *name;
    uint8_t key, iv; // iv: bytes that come from the key block or HKDF in TLS 1.2
} ciphers[TLS_CIPHER_COUNT] = {
    [TLS_AES_128_GCM] = {"AES-128-GCM", 16, 4},
    [TLS_AES_256_GCM] = {"AES-256-GCM", 32, 4},
    [TLS_CHACHA20_POLY1305] = {"ChaCha20-Poly1305", 32, 12},
    [TLS_AES_128_CBC] = {"AES-128-CBC", 16, 16},
    [TLS_AES_256_CBC] = {"AES-256-CBC", 32, 16},
};

static const struct {
    const char *name;
    uint8_t bytes;
} hashes[TLS_HASH_COUNT] = {
    [TLS_SHA1] = {"SHA1", 20},
    [TLS_SHA256] = {"SHA256", 32},
    [TLS_SHA384] = {"SHA384", 48},
};

// RFC 8446 B.4; RFC 5288, 5289, 7905, 5246 A.5.
static const struct tls_suite suites[] = {
    {0x1301, TLS_AES_128_GCM, 0, TLS_SHA256, true},
    {0x1302, TLS_AES_256_GCM, 0, TLS_SHA384, true},
    {0x1303, TLS_CHACHA20_POLY1305, 0, TLS_SHA256, true},
    {0xC02F, TLS_AES_128_GCM, 0, TLS_SHA256, false}, // ECDHE_RSA
    {0xC030, TLS_AES_256_GCM, 0, TLS_SHA384, false},
    {0xC02B, TLS_AES_128_GCM, 0, TLS_SHA256, false}, // ECDHE_ECDSA
    {0xC02C, TLS_AES_256_GCM, 0, TLS_SHA384, false},
    {0x009E, TLS_AES_128_GCM, 0, TLS_SHA256, false}, // DHE_RSA
    {0x009F, TLS_AES_256_GCM, 0, TLS_SHA384, false},
    {0x009C, TLS_AES_128_GCM, 0, TLS_SHA256, false}, // RSA
    {0x009D, TLS_AES_256_GCM, 0, TLS_SHA384, false},
    {0xCCA8, TLS_CHACHA20_POLY1305, 0, TLS_SHA256, false}, // ECDHE_RSA, ECDHE_ECDSA, DHE_RSA
    {0xCCA9, TLS_CHACHA20_POLY1305, 0, TLS_SHA256, false},
    {0xCCAA, TLS_CHACHA20_POLY1305, 0, TLS_SHA256, false},
    {0xC013, TLS_AES_128_CBC, TLS_SHA1, TLS_SHA256, false}, // ECDHE_RSA
    {0xC014, TLS_AES_256_CBC, TLS_SHA1, TLS_SHA256, false},
    {0xC027, TLS_AES_128_CBC, TLS_SHA256, TLS_SHA256, false},
    {0xC028, TLS_AES_256_CBC, TLS_SHA384, TLS_SHA384, false},
    {0xC009, TLS_AES_128_CBC, TLS_SHA1, TLS_SHA256, false}, // ECDHE_ECDSA
    {0xC00A, TLS_AES_256_CBC, TLS_SHA1, TLS_SHA256, false},
    {0xC023, TLS_AES_128_CBC, TLS_SHA256, TLS_SHA256, false},
    {0xC024, TLS_AES_256_CBC, TLS_SHA384, TLS_SHA384, false},
    {0x0033, TLS_AES_128_CBC, TLS_SHA1, TLS_SHA256, false}, // DHE_RSA
    {0x0039, TLS_AES_256_CBC, TLS_SHA1, TLS_SHA256, false},
    {0x0067, TLS_AES_128_CBC, TLS_SHA256, TLS_SHA256, false},
    {0x006B, TLS_AES_256_CBC, TLS_SHA256, TLS_SHA256, false},
    {0x002F, TLS_AES_128_CBC, TLS_SHA1, TLS_SHA256, false}, // RSA
    {0x0035, TLS_AES_256_CBC, TLS_SHA1, TLS_SHA256, false},
    {0x003C, TLS_AES_128_CBC, TLS_SHA256, TLS_SHA256, false},
    {0x003D, TLS_AES_256_CBC, TLS_SHA256, TLS_SHA256, false},
};

const struct tls_suite *tls_suite_find(uint16_t id)
{
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++)
        if (suites[i].id == id)
            return &suites[i];
    return NULL;
}

size_t tls_secret_bytes(const struct tls_suite *s)
{
    return hashes[s->prf].bytes;
}

static EVP_CIPHER_CTX *cipher_new(const char *name)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool good = cipher && ctx && EVP_DecryptInit_ex2(ctx, cipher, NULL, NULL, NULL) == 1 &&
                EVP_CIPHER_CTX_set_padding(ctx, 0) == 1;
    EVP_CIPHER_free(cipher); // ctx holds it
    if (good)
        return ctx;
    EVP_CIPHER_CTX_free(ctx);
    return NULL;
}

// The library's parameters are not const though it only reads them.
static OSSL_PARAM param_text(const char *key, const char *text)
{
    union {
        const char *in;
        char *out;
    } u = {.in = text};
    return OSSL_PARAM_construct_utf8_string(key, u.out, 0);
}

static OSSL_PARAM param_bytes(const char *key, const uint8_t *p, size_t n)
{
    union {
        const uint8_t *in;
        uint8_t *out;
    } u = {.in = p};
    return OSSL_PARAM_construct_octet_string(key, u.out, n);
}

static EVP_MAC_CTX *mac_new(const char *hash)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    OSSL_PARAM params[] = {param_text(OSSL_MAC_PARAM_DIGEST, hash), OSSL_PARAM_construct_end()};
    bool good = ctx && EVP_MAC_CTX_set_params(ctx, params) == 1;
    EVP_MAC_free(mac);
    if (good)
        return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

static EVP_KDF_CTX *kdf_new(const char *name)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, name, NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    EVP_KDF_free(kdf);
    return ctx;
}

struct tls_crypto *tls_crypto_new(void)
{
    struct tls_crypto *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    bool good = true;
    for (int i = 0; i < TLS_CIPHER_COUNT; i++)
        good = (c->cipher[i] = cipher_new(ciphers[i].name)) && good;
    for (int i = 0; i < TLS_HASH_COUNT; i++)
        good = (c->mac[i] = mac_new(hashes[i].name)) && good;
    c->prf = kdf_new("TLS1-PRF");
    c->hkdf = kdf_new("HKDF");
    return good && c->prf && c->hkdf ? c : tls_crypto_free(c);
}

struct tls_crypto *tls_crypto_free(struct tls_crypto *c)
{
    if (!c)
        return NULL;
    for (int i = 0; i < TLS_CIPHER_COUNT; i++)
        EVP_CIPHER_CTX_free(c->cipher[i]);
    for (int i = 0; i < TLS_HASH_COUNT; i++)
        EVP_MAC_CTX_free(c->mac[i]);
    EVP_KDF_CTX_free(c->prf);
    EVP_KDF_CTX_free(c->hkdf);
    OPENSSL_cleanse(c, sizeof *c);
    free(c);
    return NULL;
}

bool tls_keys_12(struct tls_crypto *c, const struct tls_suite *s, const uint8_t master[48],
                 const uint8_t *client_random, const uint8_t *server_random, struct tls_keys ret[2])
{
    uint8_t seed[13 + 2 * TLS_RANDOM_BYTES] = "key expansion", block[2 * (48 + 32 + 16)];
    memcpy(seed + 13, server_random, TLS_RANDOM_BYTES);
    memcpy(seed + 13 + TLS_RANDOM_BYTES, client_random, TLS_RANDOM_BYTES);
    bool cbc = s->cipher >= TLS_AES_128_CBC;
    size_t mac = cbc ? hashes[s->mac].bytes : 0, key = ciphers[s->cipher].key;
    size_t iv = cbc ? 0 : ciphers[s->cipher].iv; // CBC's stands in each record
    OSSL_PARAM params[] = {
        param_text(OSSL_KDF_PARAM_DIGEST, hashes[s->prf].name),
        param_bytes(OSSL_KDF_PARAM_SECRET, master, 48),
        param_bytes(OSSL_KDF_PARAM_SEED, seed, sizeof seed),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF_CTX_reset(c->prf); // seeds are gathered until then
    if (EVP_KDF_derive(c->prf, block, 2 * (mac + key + iv), params) != 1)
        return false;
    for (size_t side = 0; side < 2; side++) {
        struct tls_keys *k = &ret[side];
        *k = (struct tls_keys){.suite = s};
        memcpy(k->mac, block + side * mac, mac);
        memcpy(k->key, block + 2 * mac + side * key, key);
        memcpy(k->iv, block + 2 * (mac + key) + side * iv, iv);
    }
    OPENSSL_cleanse(block, sizeof block);
    return true;
}

// HKDF-Expand-Label with an empty context (RFC 8446 7.1).
static bool expand_label(struct tls_crypto *c, const struct tls_suite *s, const uint8_t *secret,
                         const char *label, uint8_t *to, size_t n)
{
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    uint8_t info[32];
    size_t length = strlen(label);
    info[0] = 0;
    info[1] = (uint8_t)n;
    info[2] = (uint8_t)(6 + length);
    memcpy(info + 3, "tls13 ", 6);
    memcpy(info + 9, label, length);
    info[9 + length] = 0;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        param_text(OSSL_KDF_PARAM_DIGEST, hashes[s->prf].name),
        param_bytes(OSSL_KDF_PARAM_KEY, secret, hashes[s->prf].bytes),
        param_bytes(OSSL_KDF_PARAM_INFO, info, 10 + length),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF_CTX_reset(c->hkdf);
    return EVP_KDF_derive(c->hkdf, to, n, params) == 1;
}

bool tls_keys_13(struct tls_crypto *c, const struct tls_suite *s, const uint8_t *secret,
                 struct tls_keys *ret)
{
    struct tls_keys k = {.suite = s};
    if (!expand_label(c, s, secret, "key", k.key, ciphers[s->cipher].key) ||
        !expand_label(c, s, secret, "iv", k.iv, 12))
        return false;
    *ret = k;
    return true;
}

bool tls_secret_next(struct tls_crypto *c, const struct tls_suite *s, uint8_t *secret)
{
    uint8_t next[TLS_SECRET_MAX];
    size_t n = hashes[s->prf].bytes;
    if (!expand_label(c, s, secret, "traffic upd", next, n))
        return false;
    memcpy(secret, next, n);
    OPENSSL_cleanse(next, sizeof next);
    return true;
}

static void put_u64(uint8_t *p, uint64_t v)
{
    for (int i = 7; i >= 0; i--, v >>= 8)
        p[i] = (uint8_t)v;
}

// Number, type, version and length: what TLS 1.2 authenticates beside the text (RFC 5246 6.2.3).
static void pseudo_header(uint8_t to[13], uint64_t number, const struct tls_record *r, size_t n)
{
    put_u64(to, number);
    to[8] = r->type;
    to[9] = (uint8_t)(r->version >> 8);
    to[10] = (uint8_t)r->version;
    to[11] = (uint8_t)(n >> 8);
    to[12] = (uint8_t)n;
}

static bool aead(struct tls_crypto *c, const struct tls_keys *k, const uint8_t nonce[12],
                 struct span also, struct span in)
{
    EVP_CIPHER_CTX *x = c->cipher[k->suite->cipher];
    uint8_t tag[TAG_BYTES];
    size_t n = in.n - TAG_BYTES;
    int out = 0;
    memcpy(tag, in.p + n, TAG_BYTES);
    return EVP_DecryptInit_ex2(x, NULL, k->key, nonce, NULL) == 1 &&
           EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag) == 1 &&
           EVP_DecryptUpdate(x, NULL, &out, also.p, (int)also.n) == 1 &&
           (n == 0 || EVP_DecryptUpdate(x, c->plain, &out, in.p, (int)n) == 1) &&
           EVP_DecryptFinal_ex(x, c->plain + n, &out) == 1;
}

static void nonce_of(uint8_t nonce[12], const struct tls_keys *k, uint64_t number)
{
    uint8_t count[8];
    put_u64(count, number);
    memcpy(nonce, k->iv, 12);
    for (size_t i = 0; i < 8; i++)
        nonce[4 + i] ^= count[i];
}

static bool open_aead_12(struct tls_crypto *c, const struct tls_keys *k, uint64_t number,
                         const struct tls_record *r, struct tls_plain *ret)
{
    uint8_t nonce[12], also[13];
    size_t explicit = k->suite->cipher == TLS_CHACHA20_POLY1305 ? 0 : EXPLICIT;
    if (r->body.n < explicit + TAG_BYTES)
        return false;
    if (explicit) {
        memcpy(nonce, k->iv, 4);
        memcpy(nonce + 4, r->body.p, EXPLICIT);
    } else {
        nonce_of(nonce, k, number);
    }
    size_t n = r->body.n - explicit - TAG_BYTES;
    pseudo_header(also, number, r, n);
    if (!aead(c, k, nonce, span_of(also, sizeof also), span_sub(r->body, explicit, r->body.n)))
        return false;
    *ret = (struct tls_plain){r->type, span_of(c->plain, n)};
    return true;
}

static bool open_13(struct tls_crypto *c, const struct tls_keys *k, uint64_t number,
                    const struct tls_record *r, struct tls_plain *ret)
{
    uint8_t nonce[12];
    if (r->type != TLS_DATA || r->body.n < TAG_BYTES + 1)
        return false;
    nonce_of(nonce, k, number);
    if (!aead(c, k, nonce, r->header, r->body))
        return false;
    size_t n = r->body.n - TAG_BYTES;
    while (n > 0 && c->plain[n - 1] == 0) // padding (RFC 8446 5.4)
        n--;
    if (n == 0)
        return false;
    *ret = (struct tls_plain){c->plain[n - 1], span_of(c->plain, n - 1)};
    return true;
}

// HMAC over the pseudo header with the length of the second and third part, and these.
static bool mac_fits(struct tls_crypto *c, const struct tls_keys *k, uint64_t number,
                     const struct tls_record *r, struct span text, const uint8_t *given)
{
    EVP_MAC_CTX *x = c->mac[k->suite->mac];
    uint8_t head[13], have[EVP_MAX_MD_SIZE];
    size_t n = hashes[k->suite->mac].bytes, got = 0;
    pseudo_header(head, number, r, text.n);
    return EVP_MAC_init(x, k->mac, n, NULL) == 1 && EVP_MAC_update(x, head, sizeof head) == 1 &&
           EVP_MAC_update(x, text.p, text.n) == 1 &&
           EVP_MAC_final(x, have, &got, sizeof have) == 1 && got == n &&
           CRYPTO_memcmp(have, given, n) == 0;
}

static bool open_cbc(struct tls_crypto *c, const struct tls_keys *k, uint64_t number,
                     const struct tls_record *r, struct tls_plain *ret)
{
    EVP_CIPHER_CTX *x = c->cipher[k->suite->cipher];
    size_t mac = hashes[k->suite->mac].bytes;
    struct span in = r->body;
    if (k->encrypt_then_mac) { // RFC 7366 3
        if (in.n < mac)
            return false;
        in.n -= mac;
        if (!mac_fits(c, k, number, r, in, in.p + in.n))
            return false;
    }
    if (in.n < 2 * BLOCK_BYTES || in.n % BLOCK_BYTES != 0)
        return false;
    size_t n = in.n - BLOCK_BYTES;
    int out = 0;
    if (EVP_DecryptInit_ex2(x, NULL, k->key, in.p, NULL) != 1 ||
        EVP_CIPHER_CTX_set_padding(x, 0) != 1 ||
        EVP_DecryptUpdate(x, c->plain, &out, in.p + BLOCK_BYTES, (int)n) != 1 || (size_t)out != n)
        return false;
    size_t padding = c->plain[n - 1] + (size_t)1, tail = k->encrypt_then_mac ? 0 : mac;
    if (padding + tail > n)
        return false;
    n -= padding + tail;
    struct span text = span_of(c->plain, n);
    if (!k->encrypt_then_mac && !mac_fits(c, k, number, r, text, c->plain + n))
        return false;
    *ret = (struct tls_plain){r->type, text};
    return true;
}

bool tls_open(struct tls_crypto *c, const struct tls_keys *k, uint64_t number,
              const struct tls_record *r, struct tls_plain *ret)
{
    if (!k->suite || r->body.n != r->length)
        return false;
    if (k->suite->v13)
        return open_13(c, k, number, r, ret);
    return k->suite->cipher >= TLS_AES_128_CBC ? open_cbc(c, k, number, r, ret)
                                               : open_aead_12(c, k, number, r, ret);
}
