#include "vault/seal.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <string.h>
#include "base/fail.h"

static const uint8_t magic[8] = {'C', 'M', 'S', 'E', 'A', 'L', '0', '1'};

int seal_init(struct seal *s)
{
    memset(s, 0, sizeof(*s));
    s->cipher = EVP_CIPHER_CTX_new();
    return s->cipher ? 0 : -ENOMEM;
}

void seal_deinit(struct seal *s)
{
    EVP_CIPHER_CTX_free(s->cipher);
    OPENSSL_cleanse(s->key, sizeof(s->key));
    s->cipher = NULL;
}

static void put_le(uint8_t *p, uint64_t v, int n)
{
    for (int i = 0; i < n; i++, v >>= 8)
        p[i] = (uint8_t)v;
}

static void write_head(const struct seal_head *h, uint8_t *out)
{
    memset(out, 0, SEAL_HEAD);
    memcpy(out, magic, sizeof(magic));
    put_le(out + 8, SEAL_HEAD, 4);
    put_le(out + 12, SEAL_CHUNK, 4);
    memcpy(out + 16, &h->recording, 16);
    out[32] = h->part;
    memcpy(out + 40, h->salt, 32);
    memcpy(out + 72, h->key_id, 16);
}

bool seal_parse(struct span head, struct seal_head *ret)
{
    struct cur c = cur_of(head);
    struct span m = cur_take(&c, sizeof(magic));
    uint32_t bytes = cur_u32le(&c), chunk = cur_u32le(&c);
    struct span id = cur_take(&c, 16);
    uint8_t part = cur_u8(&c);
    struct span zero = cur_take(&c, 7), salt = cur_take(&c, 32), key_id = cur_take(&c, 16);
    struct span more = cur_take(&c, 24);
    cur_skip(&c, SEAL_TAG);
    if (c.failed || !span_eq(m, span_of(magic, sizeof(magic))) || bytes != SEAL_HEAD ||
        chunk != SEAL_CHUNK || part < SEAL_AUDIO || part > SEAL_PAYLOAD)
        return false;
    for (size_t i = 0; i < zero.n + more.n; i++) {
        if (i < zero.n ? zero.p[i] : more.p[i - zero.n])
            return false;
    }
    memcpy(&ret->recording, id.p, 16);
    ret->part = part;
    memcpy(ret->salt, salt.p, 32);
    memcpy(ret->key_id, key_id.p, 16);
    return true;
}

static int derive(struct seal *s, const struct data_key *k)
{
    uint8_t info[13 + 16 + 1] = "callmesh file";
    memcpy(info + 13, &s->head.recording, 16);
    info[29] = s->head.part;
    char digest[] = "SHA256";
    uint8_t key[32];
    memcpy(key, k->key, sizeof(key));
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key, sizeof(key)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, s->head.salt, sizeof(s->head.salt)),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof(info)),
        OSSL_PARAM_construct_end()};
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    int r = ctx && EVP_KDF_derive(ctx, s->key, sizeof(s->key), params) == 1 ? 0 : -EIO;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    OPENSSL_cleanse(key, sizeof(key));
    return r < 0 ? err_trace(r) : 0;
}

static int encrypt(struct seal *s, const uint8_t nonce[12], struct span aad, const uint8_t *in,
                   size_t n, uint8_t *out, uint8_t *tag)
{
    int len = 0;
    bool ok = EVP_EncryptInit_ex(s->cipher, EVP_aes_256_gcm(), NULL, s->key, nonce) == 1 &&
              EVP_EncryptUpdate(s->cipher, NULL, &len, aad.p, (int)aad.n) == 1 &&
              (n == 0 || EVP_EncryptUpdate(s->cipher, out, &len, in, (int)n) == 1) &&
              EVP_EncryptFinal_ex(s->cipher, tag, &len) == 1 &&
              EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_GCM_GET_TAG, SEAL_TAG, tag) == 1;
    return ok ? 0 : err_trace(-EIO);
}

static int decrypt(struct seal *s, const uint8_t nonce[12], struct span aad, const uint8_t *in,
                   size_t n, const uint8_t *tag, uint8_t *out)
{
    int len = 0;
    uint8_t t[SEAL_TAG], none[SEAL_TAG];
    memcpy(t, tag, sizeof(t));
    bool ok = EVP_DecryptInit_ex(s->cipher, EVP_aes_256_gcm(), NULL, s->key, nonce) == 1 &&
              EVP_DecryptUpdate(s->cipher, NULL, &len, aad.p, (int)aad.n) == 1 &&
              (n == 0 || EVP_DecryptUpdate(s->cipher, out, &len, in, (int)n) == 1) &&
              EVP_CIPHER_CTX_ctrl(s->cipher, EVP_CTRL_GCM_SET_TAG, SEAL_TAG, t) == 1 &&
              EVP_DecryptFinal_ex(s->cipher, none, &len) == 1;
    return ok ? 0 : -EBADMSG;
}

static const uint8_t head_nonce[12] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                       0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};

int seal_begin(struct seal *s, const struct uuid *recording, enum seal_part part,
               const struct data_key *k, uint8_t *out)
{
    s->head.recording = *recording;
    s->head.part = (uint8_t)part;
    memcpy(s->head.key_id, k->id, sizeof(k->id));
    if (RAND_bytes(s->head.salt, sizeof(s->head.salt)) != 1)
        return err_trace(-EIO);
    s->chunk = 0;
    int r = derive(s, k);
    if (r < 0)
        return r;
    write_head(&s->head, out);
    return encrypt(s, head_nonce, span_of(out, SEAL_HEAD - SEAL_TAG), NULL, 0, NULL,
                   out + SEAL_HEAD - SEAL_TAG);
}

struct chunk_label {
    uint8_t nonce[12], aad[16 + 1 + 8 + 1];
};

static void label_chunk(const struct seal *s, uint64_t chunk, bool last, struct chunk_label *l)
{
    memset(l, 0, sizeof(*l));
    put_le(l->nonce, chunk, 8);
    memcpy(l->aad, &s->head.recording, 16);
    l->aad[16] = s->head.part;
    put_le(l->aad + 17, chunk, 8);
    l->aad[25] = last;
}

int seal_chunk(struct seal *s, const uint8_t *content, size_t n, bool last, uint8_t *out)
{
    must(n == SEAL_CHUNK || (last && n < SEAL_CHUNK));
    struct chunk_label l;
    label_chunk(s, s->chunk++, last, &l);
    return encrypt(s, l.nonce, span_of(l.aad, sizeof(l.aad)), content, n, out, out + n);
}

int seal_open(struct seal *s, const uint8_t *head, const struct data_key *k)
{
    if (!seal_parse(span_of(head, SEAL_HEAD), &s->head) ||
        memcmp(s->head.key_id, k->id, sizeof(k->id)) != 0)
        return -EBADMSG;
    int r = derive(s, k);
    if (r < 0)
        return r;
    return decrypt(s, head_nonce, span_of(head, SEAL_HEAD - SEAL_TAG), NULL, 0,
                   head + SEAL_HEAD - SEAL_TAG, NULL);
}

int seal_read(struct seal *s, uint64_t chunk, bool last, const uint8_t *in, size_t n, uint8_t *out)
{
    struct chunk_label l;
    label_chunk(s, chunk, last, &l);
    return decrypt(s, l.nonce, span_of(l.aad, sizeof(l.aad)), in, n, in + n, out);
}

bool seal_content(uint64_t file_bytes, uint64_t *ret_content)
{
    if (file_bytes < SEAL_HEAD + SEAL_TAG)
        return false;
    uint64_t body = file_bytes - SEAL_HEAD, full = body / SEAL_STRIDE, rest = body % SEAL_STRIDE;
    if (rest != 0 && (rest < SEAL_TAG || (rest == SEAL_TAG && full > 0)))
        return false;
    *ret_content = full * SEAL_CHUNK + (rest ? rest - SEAL_TAG : 0);
    return true;
}

int seal_wrap(const uint8_t master[32], const uint8_t nonce[12], struct span label,
              const uint8_t key[32], uint8_t out[48])
{
    struct seal s;
    int r = seal_init(&s);
    if (r < 0)
        return r;
    memcpy(s.key, master, sizeof(s.key));
    r = encrypt(&s, nonce, label, key, 32, out, out + 32);
    seal_deinit(&s);
    return r;
}

int seal_unwrap(const uint8_t master[32], const uint8_t nonce[12], struct span label,
                const uint8_t in[48], uint8_t ret_key[32])
{
    struct seal s;
    int r = seal_init(&s);
    if (r < 0)
        return r;
    memcpy(s.key, master, sizeof(s.key));
    r = decrypt(&s, nonce, label, in, 32, in + 32, ret_key);
    seal_deinit(&s);
    return r;
}
