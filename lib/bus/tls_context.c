// The engine's settings: authority, own certificate, whom to trust. See tls_engine.h.
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/log.h"
#include "tls_engine.h"
#include "tls_engine_impl.h"

#define PIN_PREFIX "sha256:"

// ---- settings -----------------------------------------------------------------------------------------------------

// Only the fingerprint of the authority is known (a site that joins): its certificate comes with the peer's own, and is
// believed when the fingerprint is the one; then the chain is checked as ever.
static int verify_pinned(X509_STORE_CTX *sc, void *arg)
{
    const struct nng_tls_engine_config *cfg = arg;
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(sc);
    STACK_OF(X509) *roots = sk_X509_new_null();
    for (int i = 0; roots && i < sk_X509_num(chain); i++) {
        uint8_t print[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        X509 *c = sk_X509_value(chain, i);
        if (X509_digest(c, EVP_sha256(), print, &n) && n == sizeof(cfg->pin) &&
            CRYPTO_memcmp(print, cfg->pin, sizeof(cfg->pin)) == 0)
            sk_X509_push(roots, c);
    }
    int good = 0;
    if (sk_X509_num(roots) > 0) {
        X509_STORE_CTX_set0_trusted_stack(sc, roots);
        good = X509_verify_cert(sc) > 0;
    } else {
        X509_STORE_CTX_set_error(sc, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN);
    }
    sk_X509_free(roots);
    return good;
}

bool tls_print_of(X509 *cert, uint8_t ret[GUARD_PRINT])
{
    uint8_t print[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (!X509_digest(cert, EVP_sha256(), print, &n) || n != GUARD_PRINT)
        return false;
    memcpy(ret, print, GUARD_PRINT);
    return true;
}

// The authority's word, then the guard's: so a site that is revoked hears the reason, as TLS has an alert for it.
static int verify_admitted(X509_STORE_CTX *sc, void *arg)
{
    (void)arg;
    uint8_t print[GUARD_PRINT];
    if (X509_verify_cert(sc) <= 0)
        return 0;
    enum guard_answer a = tls_print_of(X509_STORE_CTX_get0_cert(sc), print)
                              ? guard_certificate(print)
                              : GUARD_UNKNOWN;
    if (a != GUARD_GOOD)
        X509_STORE_CTX_set_error(sc, a == GUARD_REVOKED ? X509_V_ERR_CERT_REVOKED
                                                        : X509_V_ERR_CERT_REJECTED);
    return a == GUARD_GOOD;
}

// ---- a renewed certificate ----------------------------------------------------------------------------------------

// What the file of the own certificate says now, for all connections of the process: looked at when one is made, which is rare.
static struct {
    pthread_mutex_t lock;
    char cert[4096], key[4096];
    struct stat seen;
    SSL_CTX
    *holds; // NULL: the settings' own is the newest. Only for its certificate, chain and key
} files = {.lock = PTHREAD_MUTEX_INITIALIZER};

void tls_engine_files(const char *cert, const char *key)
{
    (void)pthread_mutex_lock(&files.lock);
    (void)snprintf(files.cert, sizeof(files.cert), "%s", cert);
    (void)snprintf(files.key, sizeof(files.key), "%s", key);
    if (stat(files.cert, &files.seen) != 0)
        memset(&files.seen, 0, sizeof(files.seen));
    SSL_CTX_free(files.holds);
    files.holds = NULL;
    (void)pthread_mutex_unlock(&files.lock);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void look_at_files(void)
{
    struct stat st;
    if (!files.cert[0] || stat(files.cert, &st) != 0 || is_same(&st, &files.seen))
        return;
    SSL_CTX *x = SSL_CTX_new(TLS_method());
    bool good = x && SSL_CTX_use_certificate_chain_file(x, files.cert) == 1 &&
                SSL_CTX_use_PrivateKey_file(x, files.key, SSL_FILETYPE_PEM) == 1 &&
                SSL_CTX_check_private_key(x) == 1;
    ERR_clear_error();
    if (!good) { // half written, or another key's: the one that we have stays, and the file is looked at again
        SSL_CTX_free(x);
        return;
    }
    SSL_CTX_free(files.holds);
    files.holds = x;
    files.seen = st;
    log_info("the own certificate is another one now", "file=%s", files.cert);
}

// Called in a handshake when a certificate is to be shown.
static int show_newest(SSL *ssl, void *arg)
{
    STACK_OF(X509) *chain = NULL;
    int good = 1;
    (void)arg;
    (void)pthread_mutex_lock(&files.lock);
    look_at_files();
    if (files.holds)
        good = SSL_CTX_get0_chain_certs(files.holds, &chain) == 1 &&
               SSL_use_cert_and_key(ssl, SSL_CTX_get0_certificate(files.holds),
                                    SSL_CTX_get0_privatekey(files.holds), chain, 1) == 1;
    (void)pthread_mutex_unlock(&files.lock);
    return good;
}

static int config_init(nng_tls_engine_config *cfg, nng_tls_mode mode)
{
    cfg->server = mode == NNG_TLS_MODE_SERVER;
    cfg->ctx = SSL_CTX_new(cfg->server ? TLS_server_method() : TLS_client_method());
    if (!cfg->ctx || !SSL_CTX_set_min_proto_version(cfg->ctx, TLS1_3_VERSION))
        return NNG_ENOMEM;
    SSL_CTX_set_mode(cfg->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_num_tickets(cfg->ctx, 0); // each connection shows its certificate
    SSL_CTX_set_session_cache_mode(cfg->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(cfg->ctx, cfg->server ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_cb(cfg->ctx, show_newest, NULL);
    if (cfg->server)
        SSL_CTX_set_cert_verify_callback(cfg->ctx, verify_admitted, NULL);
    return 0;
}

static void config_fini(nng_tls_engine_config *cfg)
{
    SSL_CTX_free(cfg->ctx);
}

static int config_server(nng_tls_engine_config *cfg, const char *name)
{
    size_t n = strlen(name);
    if (n > SERVER_NAME_MAX)
        return NNG_EINVAL;
    memcpy(cfg->name, name, n + 1);
    return 0;
}

static int config_auth(nng_tls_engine_config *cfg, nng_tls_auth_mode mode)
{
    int v = mode == NNG_TLS_AUTH_MODE_NONE ? SSL_VERIFY_NONE
            : mode == NNG_TLS_AUTH_MODE_OPTIONAL
                ? SSL_VERIFY_PEER
                : SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(cfg->ctx, v, NULL);
    return 0;
}

static int pin_set(nng_tls_engine_config *cfg, const char *hex)
{
    size_t n = 0;
    if (!OPENSSL_hexstr2buf_ex(cfg->pin, sizeof(cfg->pin), &n, hex, '\0') || n != sizeof(cfg->pin))
        return NNG_EINVAL;
    cfg->pinned = true;
    SSL_CTX_set_cert_verify_callback(cfg->ctx, verify_pinned, cfg);
    return 0;
}

// The first certificate of a PEM text, then the ones behind it to `each`. Number taken, 0: none is readable.
static int pem_each(const char *pem, int (*each)(void *ctx, X509 *c, int i), void *ctx)
{
    BIO *b = BIO_new_mem_buf(pem, -1);
    int n = 0;
    X509 *c;
    while (b && n < 16 && (c = PEM_read_bio_X509(b, NULL, NULL, NULL)) != NULL) {
        int good = each(ctx, c, n);
        X509_free(c);
        if (!good) {
            n = 0;
            break;
        }
        n++;
    }
    BIO_free(b);
    ERR_clear_error(); // "no more of them" is how the list ends
    return n;
}

static int trust_one(void *ctx, X509 *c, int i)
{
    (void)i;
    return X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), c) && SSL_CTX_add_client_CA(ctx, c);
}

static int config_ca_chain(nng_tls_engine_config *cfg, const char *certs, const char *crl)
{
    if (crl)
        return NNG_ENOTSUP; // the guard says who is revoked
    if (strncmp(certs, PIN_PREFIX, strlen(PIN_PREFIX)) == 0)
        return pin_set(cfg, certs + strlen(PIN_PREFIX));
    return pem_each(certs, trust_one, cfg->ctx) > 0 ? 0 : NNG_ECRYPTO;
}

static int own_one(void *ctx, X509 *c, int i)
{
    return i == 0 ? SSL_CTX_use_certificate(ctx, c) == 1 : SSL_CTX_add1_chain_cert(ctx, c) == 1;
}

static int config_own_cert(nng_tls_engine_config *cfg, const char *cert, const char *key,
                           const char *pass)
{
    union {
        const char *in;
        char *out; // OpenSSL hands it to its own callback, which only reads
    } p = {.in = pass};
    if (pem_each(cert, own_one, cfg->ctx) == 0)
        return NNG_ECRYPTO;
    BIO *b = BIO_new_mem_buf(key, -1);
    EVP_PKEY *k = b ? PEM_read_bio_PrivateKey(b, NULL, NULL, p.out) : NULL;
    bool good =
        k && SSL_CTX_use_PrivateKey(cfg->ctx, k) == 1 && SSL_CTX_check_private_key(cfg->ctx) == 1;
    EVP_PKEY_free(k);
    BIO_free(b);
    ERR_clear_error();
    return good ? 0 : NNG_ECRYPTO;
}

static int config_version(nng_tls_engine_config *cfg, nng_tls_version least, nng_tls_version most)
{
    (void)cfg;
    (void)least;
    return most >= NNG_TLS_1_3 ? 0 : NNG_ENOTSUP;
}

const nng_tls_engine_config_ops tls_context_ops = {.size = sizeof(struct nng_tls_engine_config),
                                                   .init = config_init,
                                                   .fini = config_fini,
                                                   .server = config_server,
                                                   .auth = config_auth,
                                                   .ca_chain = config_ca_chain,
                                                   .own_cert = config_own_cert,
                                                   .version = config_version};
