// tls_crypto_kit.h: for the tests of this folder: two real peers of OpenSSL that talk in memory. What they say is given to a
// callback as it would be on the wire; what they log of their secrets is kept as text. tests/support/test.h stands before it.
#pragma once
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include "base/span.h"

typedef void (*kit_fn)(void *ctx, int from, struct span bytes); // from: 0 client, 1 server

struct kit {
    SSL_CTX *ctx[2];
    SSL *ssl[2];
    BIO *out[2], *in[2];
    kit_fn fn;
    void *arg;
    char log[16384];
    size_t log_n;
};

static inline void kit_on_key(const SSL *ssl, const char *line)
{
    struct kit *k = SSL_get_app_data(ssl);
    size_t n = strlen(line);
    assert_true(k->log_n + n + 1 < sizeof k->log);
    memcpy(k->log + k->log_n, line, n);
    k->log[k->log_n + n] = '\n';
    k->log_n += n + 1;
}

static inline void kit_certificate(SSL_CTX *ctx)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    X509 *x = X509_new();
    assert_true(key && x);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(ctx, x), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
    X509_free(x);
    EVP_PKEY_free(key);
}

// suites: of TLS 1.2 or 1.3, by version (0x0303, 0x0304); NULL: as the library likes.
static inline struct kit *kit_new(int version, const char *suites, kit_fn fn, void *arg)
{
    struct kit *k = calloc(1, sizeof *k);
    assert_non_null(k);
    k->fn = fn;
    k->arg = arg;
    for (int i = 0; i < 2; i++) {
        k->ctx[i] = SSL_CTX_new(i ? TLS_server_method() : TLS_client_method());
        SSL_CTX_set_min_proto_version(k->ctx[i], version);
        SSL_CTX_set_max_proto_version(k->ctx[i], version);
        if (suites && version == TLS1_3_VERSION)
            assert_int_equal(SSL_CTX_set_ciphersuites(k->ctx[i], suites), 1);
        else if (suites)
            assert_int_equal(SSL_CTX_set_cipher_list(k->ctx[i], suites), 1);
        if (i)
            kit_certificate(k->ctx[i]);
        SSL_CTX_set_keylog_callback(k->ctx[i], i ? kit_on_key : NULL);
        k->ssl[i] = SSL_new(k->ctx[i]);
        k->out[i] = BIO_new(BIO_s_mem());
        k->in[i] = BIO_new(BIO_s_mem());
        SSL_set_bio(k->ssl[i], k->in[i], k->out[i]);
        SSL_set_app_data(k->ssl[i], k);
    }
    SSL_set_connect_state(k->ssl[0]);
    SSL_set_accept_state(k->ssl[1]);
    return k;
}

static inline void kit_free(struct kit *k)
{
    for (int i = 0; i < 2; i++) {
        SSL_free(k->ssl[i]);
        SSL_CTX_free(k->ctx[i]);
    }
    free(k);
}

// What one side has written goes over the wire to the other.
static inline bool kit_carry(struct kit *k, int from)
{
    uint8_t buf[65536];
    int n = BIO_read(k->out[from], buf, sizeof buf);
    if (n <= 0)
        return false;
    assert_int_equal(BIO_write(k->in[!from], buf, n), n);
    k->fn(k->arg, from, span_of(buf, (size_t)n));
    return true;
}

static inline void kit_pump(struct kit *k)
{
    char buf[65536];
    bool more = true;
    while (more) {
        more = false;
        for (int i = 0; i < 2; i++) {
            if (!SSL_is_init_finished(k->ssl[i]))
                (void)SSL_do_handshake(k->ssl[i]);
            while (SSL_is_init_finished(k->ssl[i]) && SSL_read(k->ssl[i], buf, sizeof buf) > 0)
                ;
            more = kit_carry(k, i) || more;
        }
    }
}

static inline void kit_say(struct kit *k, int from, const char *text)
{
    assert_int_equal(SSL_write(k->ssl[from], text, (int)strlen(text)), (int)strlen(text));
    kit_pump(k);
}
