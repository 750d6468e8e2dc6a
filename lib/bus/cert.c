#include "cert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/mono.h"

#define PEM_MAX 16384

static X509 *read_cert(const char *path)
{
    FILE *f = fopen(path, "re");
    X509 *x = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
    if (f)
        (void)fclose(f);
    ERR_clear_error();
    return x;
}

static EVP_PKEY *read_key(const char *path)
{
    FILE *f = fopen(path, "re");
    EVP_PKEY *k = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
    if (f)
        (void)fclose(f);
    ERR_clear_error();
    return k;
}

static bool time_of(const ASN1_TIME *t, int64_t *ret_us)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(t, &tm) != 1)
        return false;
    *ret_us = (int64_t)timegm(&tm) * US_PER_S;
    return true;
}

int cert_life(const char *cert_path, struct cert_life *ret)
{
    errno = 0;
    X509 *x = read_cert(cert_path);
    if (!x)
        return errno ? -errno : -EINVAL;
    struct cert_life l;
    bool good =
        time_of(X509_get0_notBefore(x), &l.from_us) && time_of(X509_get0_notAfter(x), &l.until_us);
    X509_free(x);
    if (!good)
        return -EINVAL;
    *ret = l;
    return 0;
}

int cert_request(const char *key_path, char *buf, size_t cap, size_t *ret_n)
{
    errno = 0;
    EVP_PKEY *k = read_key(key_path);
    if (!k)
        return errno ? -errno : -EINVAL;
    X509_REQ *q = X509_REQ_new();
    BIO *b = BIO_new(BIO_s_mem());
    bool good = q && b && X509_REQ_set_version(q, 0) == 1 && X509_REQ_set_pubkey(q, k) == 1 &&
                X509_REQ_sign(q, k, EVP_sha256()) > 0 && PEM_write_bio_X509_REQ(b, q) == 1;
    int n = good ? BIO_read(b, buf, (int)cap) : -1;
    BIO_free(b);
    X509_REQ_free(q);
    EVP_PKEY_free(k);
    ERR_clear_error();
    if (n <= 0 || (size_t)n >= cap)
        return -EIO;
    *ret_n = (size_t)n;
    return 0;
}

static const char *not_good(X509 *now, X509 *next, X509 *ca, EVP_PKEY *key)
{
    EVP_PKEY *ca_key = ca ? X509_get0_pubkey(ca) : NULL;
    if (!next)
        return "no certificate";
    if (!key || X509_check_private_key(next, key) != 1)
        return "a certificate of another key";
    if (!ca_key || X509_verify(next, ca_key) != 1)
        return "a certificate of another authority";
    int64_t is_us, was_us = 0;
    if (!time_of(X509_get0_notAfter(next), &is_us) || is_us <= wall_now_us() ||
        (now && (!time_of(X509_get0_notAfter(now), &was_us) || is_us <= was_us)))
        return "a certificate that is good for no longer";
    return NULL;
}

static int write_beside(const char *path, struct span bytes)
{
    char part[4200], folder[4096];
    int n = snprintf(part, sizeof(part), "%s.next", path);
    if (n < 0 || (size_t)n >= sizeof(folder))
        return -ENAMETOOLONG;
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool good = fd >= 0 && write(fd, bytes.p, bytes.n) == (ssize_t)bytes.n && fsync(fd) == 0;
    int e = good ? 0 : -errno;
    if (fd >= 0)
        (void)close(fd);
    if (good && rename(part, path) != 0)
        e = -errno;
    if (e)
        return e;
    (void)snprintf(folder, sizeof(folder), "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd); // what a power cut takes back is asked for again
        (void)close(fd);
    }
    return 0;
}

int cert_replace(const char *cert_path, const char *key_path, const char *ca_path, struct span pem,
                 const char **ret_why)
{
    BIO *b = pem.n && pem.n <= PEM_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
    X509 *next = b ? PEM_read_bio_X509(b, NULL, NULL, NULL) : NULL;
    X509 *now = read_cert(cert_path), *ca = read_cert(ca_path);
    EVP_PKEY *key = read_key(key_path);
    *ret_why = not_good(now, next, ca, key);
    X509_free(next);
    X509_free(now);
    X509_free(ca);
    EVP_PKEY_free(key);
    BIO_free(b);
    ERR_clear_error();
    return *ret_why ? -EINVAL : write_beside(cert_path, pem);
}
