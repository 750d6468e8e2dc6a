// Over 450 lines: one engine behind one door, the functions that nng calls in the order in which it calls them.
#include "tls_engine.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <nng/nng.h>
#include <nng/supplemental/tls/engine.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/log.h"
#include "base/mono.h"
#include "count.h"
#include "guard.h"
#include "tls_engine_impl.h"

#define TELL_EVERY_US (10 * US_PER_S)

static struct stat_cell *cells;

// ---- bytes under TLS: nng's own stream -----------------------------------------------------------------------------

static BIO_METHOD *bio_method;

static int bio_result(BIO *b, int r, size_t n, bool reading)
{
    BIO_clear_retry_flags(b);
    if (r == 0)
        return (int)n;
    if (r == NNG_EAGAIN) {
        if (reading)
            BIO_set_retry_read(b);
        else
            BIO_set_retry_write(b);
    }
    return -1;
}

static int bio_read(BIO *b, char *buf, int n)
{
    size_t got = (size_t)n;
    int r = nng_tls_engine_recv(BIO_get_data(b), (uint8_t *)buf, &got);
    return bio_result(b, r, got, true);
}

static int bio_write(BIO *b, const char *buf, int n)
{
    size_t put = (size_t)n;
    int r = nng_tls_engine_send(BIO_get_data(b), (const uint8_t *)buf, &put);
    return bio_result(b, r, put, false);
}

static long bio_ctrl(BIO *b, int cmd, long n, void *p)
{
    (void)b;
    (void)n;
    (void)p;
    return cmd == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *b)
{
    BIO_set_init(b, 1);
    return 1;
}

static bool bio_setup(void)
{
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "nng");
    return bio_method && BIO_meth_set_read(bio_method, bio_read) &&
           BIO_meth_set_write(bio_method, bio_write) && BIO_meth_set_ctrl(bio_method, bio_ctrl) &&
           BIO_meth_set_create(bio_method, bio_create);
}

// ---- a connection -------------------------------------------------------------------------------------------------

static int conn_init(nng_tls_engine_conn *c, void *stream, nng_tls_engine_config *cfg)
{
    c->server = cfg->server;
    c->ssl = SSL_new(cfg->ctx);
    BIO *b = c->ssl ? BIO_new(bio_method) : NULL;
    if (!b)
        return NNG_ENOMEM; // conn_fini is called in any case
    BIO_set_data(b, stream);
    SSL_set_bio(c->ssl, b, b);
    if (c->server) {
        SSL_set_accept_state(c->ssl);
        return 0;
    }
    SSL_set_connect_state(c->ssl);
    bool named = !cfg->name[0] || (SSL_set_tlsext_host_name(c->ssl, cfg->name) == 1 &&
                                   SSL_set1_host(c->ssl, cfg->name) == 1);
    return named ? 0 : NNG_EINVAL;
}

static void conn_fini(nng_tls_engine_conn *c)
{
    SSL_free(c->ssl);
}

static void conn_close(nng_tls_engine_conn *c)
{
    if (c->up && !c->failed)
        (void)SSL_shutdown(c->ssl);
    ERR_clear_error();
}

static void refuse(const nng_tls_engine_conn *c, enum count_in why, const char *what)
{
    if (!c->server)
        return;
    count_add(&cells[why], 1);
    log_debug("tls connection refused", "why=\"%s\" subject=%s", what, c->subject);
}

static void count_failure(const nng_tls_engine_conn *c)
{
    int reason = ERR_GET_REASON(ERR_peek_last_error());
    long verdict = SSL_get_verify_result(c->ssl);
    if (verdict == X509_V_ERR_CERT_REVOKED)
        refuse(c, IN_REFUSED_REVOKED, "certificate is revoked");
    else if (verdict == X509_V_ERR_CERT_REJECTED)
        refuse(c, IN_REFUSED_UNKNOWN, "certificate is of no admitted site");
    else if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        refuse(c, IN_REFUSED_NO_CERTIFICATE, "no certificate");
    else if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
        refuse(c, IN_REFUSED_FOREIGN, "certificate of another authority");
    else
        refuse(c, IN_REFUSED_TLS, "no TLS 1.3, or cut off");
}

// Server, with a certificate that is verified: is it one of a site that is admitted? Asked again when the table changed.
static bool admitted(nng_tls_engine_conn *c)
{
    if (!c->checked)
        return true;
    uint64_t now = guard_generation();
    if (now == c->generation)
        return true;
    enum guard_answer a = guard_certificate(c->print);
    if (a == GUARD_GOOD) {
        c->generation = now;
        return true;
    }
    refuse(c, a == GUARD_REVOKED ? IN_REFUSED_REVOKED : IN_REFUSED_UNKNOWN,
           a == GUARD_REVOKED ? "certificate is revoked" : "certificate is of no admitted site");
    c->failed = true;
    return false;
}

static void read_peer(nng_tls_engine_conn *c)
{
    X509 *cert = SSL_get1_peer_certificate(c->ssl);
    if (!cert)
        return;
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, c->subject,
                                    sizeof(c->subject));
    c->checked = c->server && tls_print_of(cert, c->print);
    X509_free(cert);
}

// What the other side says against us stands in its alert; who dials tells the operator, who listens has counted it.
static void tell(const nng_tls_engine_conn *c)
{
    static _Atomic int64_t last_us;
    int64_t now = mono_now_us(), last = atomic_load(&last_us);
    const char *why = ERR_reason_error_string(ERR_peek_last_error());
    if (c->server || !why || (last != 0 && now - last < TELL_EVERY_US) ||
        !atomic_compare_exchange_strong(&last_us, &last, now))
        return;
    log_warn("no TLS connection: certificate, authority or name do not suit", "why=\"%s\"", why);
}

static int conn_result(nng_tls_engine_conn *c, int r)
{
    switch (SSL_get_error(c->ssl, r)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return NNG_EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return NNG_ECLOSED;
    case SSL_ERROR_SYSCALL:
        return NNG_ECONNSHUT;
    default:
        tell(c);
        return NNG_ECRYPTO;
    }
}

// nng calls this when bytes have come or gone, and reads and writes before it is done: those begin with it too.
static int conn_handshake(nng_tls_engine_conn *c)
{
    if (c->failed)
        return NNG_EPEERAUTH;
    if (c->up)
        return 0;
    ERR_clear_error();
    int r = SSL_do_handshake(c->ssl);
    if (r == 1) {
        c->up = true;
        c->generation = UINT64_MAX;
        read_peer(c);
        return admitted(c) ? 0 : NNG_EPEERAUTH;
    }
    int e = conn_result(c, r);
    if (e == NNG_EAGAIN)
        return e;
    c->failed = true;
    count_failure(c);
    ERR_clear_error();
    return NNG_EPEERAUTH;
}

static int conn_ready(nng_tls_engine_conn *c)
{
    int r = conn_handshake(c);
    if (r == 0 && !admitted(c))
        r = NNG_EPEERAUTH;
    ERR_clear_error();
    return r;
}

static int conn_recv(nng_tls_engine_conn *c, uint8_t *buf, size_t *n)
{
    int r = conn_ready(c);
    if (r != 0)
        return r;
    r = SSL_read_ex(c->ssl, buf, *n, n);
    return r == 1 ? 0 : conn_result(c, r);
}

static int conn_send(nng_tls_engine_conn *c, const uint8_t *buf, size_t *n)
{
    int r = conn_ready(c);
    if (r != 0)
        return r;
    r = SSL_write_ex(c->ssl, buf, *n, n);
    return r == 1 ? 0 : conn_result(c, r);
}

static bool conn_verified(nng_tls_engine_conn *c)
{
    return c->up && !c->failed && c->subject[0] != 0 && SSL_get_verify_result(c->ssl) == X509_V_OK;
}

int tls_engine_register(void)
{
    static nng_tls_engine_config_ops config_ops;
    config_ops = tls_context_ops; // nng wants them writable
    static nng_tls_engine_conn_ops conn_ops = {.size = sizeof(struct nng_tls_engine_conn),
                                               .init = conn_init,
                                               .fini = conn_fini,
                                               .close = conn_close,
                                               .handshake = conn_handshake,
                                               .recv = conn_recv,
                                               .send = conn_send,
                                               .verified = conn_verified};
    static const nng_tls_engine engine = {.version = NNG_TLS_ENGINE_VERSION,
                                          .config_ops = &config_ops,
                                          .conn_ops = &conn_ops,
                                          .name = "openssl",
                                          .description = OPENSSL_VERSION_TEXT,
                                          .fips_mode = false};
    (void)nng_tls_engine_name(); // starts nng, which puts its own engine in place; then ours
    cells = count_in_cells();
    if (!bio_setup())
        return -ENOMEM;
    return nng_tls_engine_register(&engine) == 0 ? 0 : -EOPNOTSUPP;
}
