#include "sites/issue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/mono.h"

#define CSR_MAX 4096
#define DAY_S   86400

struct issuer {
    X509 *cert;
    EVP_PKEY *key;
    char pem[ISSUE_PEM_MAX / 2];
};

static int pem_of(X509 *x, char *buf, size_t cap)
{
    BIO *b = BIO_new(BIO_s_mem());
    int n = b && PEM_write_bio_X509(b, x) ? BIO_read(b, buf, (int)cap - 1) : -1;
    BIO_free(b);
    if (n < 0 || (size_t)n >= cap - 1)
        return -1;
    buf[n] = 0;
    return n;
}

int issuer_open(struct issuer **ret, const char *ca_cert, const char *ca_key, char *err,
                size_t err_cap)
{
    struct issuer *i = calloc(1, sizeof(*i));
    if (!i)
        return -ENOMEM;
    FILE *f = fopen(ca_cert, "re");
    i->cert = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
    if (f)
        fclose(f);
    f = fopen(ca_key, "re");
    i->key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
    if (f)
        fclose(f);
    if (!i->cert || !i->key || X509_check_private_key(i->cert, i->key) != 1 ||
        pem_of(i->cert, i->pem, sizeof(i->pem)) < 0) {
        snprintf(err, err_cap, "%s and %s: not a readable certificate and its key", ca_cert,
                 ca_key);
        issuer_free(i);
        return -EINVAL;
    }
    *ret = i;
    return 0;
}

struct issuer *issuer_free(struct issuer *i)
{
    if (i) {
        X509_free(i->cert);
        EVP_PKEY_free(i->key);
    }
    free(i);
    return NULL;
}

const char *issuer_ca_pem(const struct issuer *i)
{
    return i->pem;
}

// The key that the request proves to have: P-256, as ./callmesh join makes it; anything else is somebody's own idea.
static EVP_PKEY *request_key(struct span csr_pem)
{
    if (csr_pem.n == 0 || csr_pem.n > CSR_MAX)
        return NULL;
    BIO *b = BIO_new_mem_buf(csr_pem.p, (int)csr_pem.n);
    X509_REQ *q = b ? PEM_read_bio_X509_REQ(b, NULL, NULL, NULL) : NULL;
    EVP_PKEY *k = q ? X509_REQ_get_pubkey(q) : NULL;
    char group[32] = "";
    size_t n = 0;
    bool good = k && EVP_PKEY_is_a(k, "EC") &&
                EVP_PKEY_get_group_name(k, group, sizeof(group), &n) == 1 &&
                strcmp(group, "prime256v1") == 0 && X509_REQ_verify(q, k) == 1;
    if (!good) {
        EVP_PKEY_free(k);
        k = NULL;
    }
    X509_REQ_free(q);
    BIO_free(b);
    ERR_clear_error();
    return k;
}

static bool add_extension(X509 *x, X509 *ca, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, ca, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool good = e && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return good;
}

static bool set_serial(X509 *x)
{
    uint8_t b[16];
    if (RAND_bytes(b, sizeof(b)) != 1)
        return false;
    b[0] &= 0x7f;
    BIGNUM *n = BN_bin2bn(b, sizeof(b), NULL);
    bool good = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
    BN_free(n);
    return good;
}

static bool fill(X509 *x, struct issuer *i, EVP_PKEY *key, const char *site, int64_t life_s)
{
    X509_NAME *name = X509_get_subject_name(x);
    return X509_set_version(x, 2) == 1 && set_serial(x) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)site, -1, -1,
                                      0) == 1 &&
           X509_set_issuer_name(x, X509_get_subject_name(i->cert)) == 1 &&
           X509_gmtime_adj(
               X509_getm_notBefore(x),
               -(long)(life_s < DAY_S ? life_s : DAY_S)) && // clocks of sites may be behind
           X509_gmtime_adj(X509_getm_notAfter(x), (long)life_s) &&
           X509_set_pubkey(x, key) == 1 &&
           add_extension(x, i->cert, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x, i->cert, NID_key_usage, "critical,digitalSignature") &&
           add_extension(x, i->cert, NID_ext_key_usage, "clientAuth") &&
           X509_sign(x, i->key, EVP_sha256()) > 0;
}

int issuer_sign(struct issuer *i, struct span csr_pem, const char *site, int64_t life_us,
                struct issued *ret)
{
    EVP_PKEY *key = request_key(csr_pem);
    if (!key)
        return -EINVAL;
    X509 *x = X509_new();
    int r = x && fill(x, i, key, site, life_us / US_PER_S) ? 0 : -EIO;
    unsigned n = 0;
    uint8_t print[EVP_MAX_MD_SIZE];
    int at = r == 0 ? pem_of(x, ret->pem, sizeof(ret->pem)) : -1;
    if (at < 0 || !X509_digest(x, EVP_sha256(), print, &n) || n != sizeof(ret->print) ||
        (size_t)at + strlen(i->pem) + 1 > sizeof(ret->pem))
        r = -EIO;
    if (r == 0) {
        memcpy(ret->print, print, sizeof(ret->print));
        snprintf(ret->pem + at, sizeof(ret->pem) - (size_t)at, "%s", i->pem);
        ret->expires_us = wall_now_us() + life_us;
    }
    X509_free(x);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return r;
}
