#include "sites/renew.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mono.h"
#include "base/stat.h"
#include "bus/secret.h"
#include "issue.h"
#include "store/conn.h"

struct renew {
    struct issuer *issuer;
    struct store *store;
    int64_t life_us;
};

enum {
    RENEW_GOOD,
    RENEW_AGAIN,
    RENEW_EARLY,
    RENEW_REFUSED,
    RENEW_FAILED,
    RENEW_N
};
#define HELP "machines that asked for their next certificate"
static const struct stat_def defs[RENEW_N] = {
    [RENEW_GOOD] = {"sites_renewals_total", "result=\"renewed\"", HELP, STAT_COUNTER},
    [RENEW_AGAIN] = {"sites_renewals_total", "result=\"answered_again\"", HELP, STAT_COUNTER},
    [RENEW_EARLY] = {"sites_renewals_total", "result=\"not_due\"", HELP, STAT_COUNTER},
    [RENEW_REFUSED] = {"sites_renewals_total", "result=\"refused\"", HELP, STAT_COUNTER},
    [RENEW_FAILED] = {"sites_renewals_total", "result=\"failed\"", HELP, STAT_COUNTER},
};
static struct stat_cell cells[RENEW_N];

// What the table says of the machine that asks. found: false: nothing, or not of one that may ask.
struct machine {
    bool found, due;
    char node[64], pem[ISSUE_PEM_MAX];
    uint8_t print[32];
};

static char *keep(struct arena *a, const char *text)
{
    size_t n = strlen(text) + 1;
    char *p = arena_take(a, n);
    return p ? memcpy(p, text, n) : NULL;
}

static void refuse(Callmesh__V1__ControlReply *reply, struct arena *a, const char *site, int cell,
                   const char *why)
{
    char *p = keep(a, why);
    stat_add(&cells[cell], 1);
    log_warn("a certificate is not renewed", "site=%s why=\"%s\"", site, why);
    if (p)
        reply->error = p;
}

// Due is more than half of its life: earlier than a machine asks, whatever its clock says, and rare enough for everyone.
static int find(struct renew *r, const Callmesh__V1__RenewRequest *q, struct machine *ret)
{
    static const char sql[] =
        "SELECT node, certificate, coalesce(certificate_pem, ''), now() > expires_at - (expires_at "
        "- coalesce(renewed_at, joined_at)) / 2 FROM site_keys WHERE site = $1 AND "
        "substring(sign_key FROM 1 FOR 8) = $2 AND revoked_at IS NULL AND expires_at > now()";
    struct store_args a;
    struct store_result *res = NULL;
    ret->found = false;
    int e = store_connect(r->store);
    if (e != STORE_OK)
        return e;
    store_args_init(&a);
    store_arg_str(&a, q->site);
    store_arg_bytes(&a, span_of(q->signature.data, BUS_KEY_ID));
    e = store_query(r->store, sql, &a, &res);
    if (e != STORE_OK)
        return e;
    if (store_rows(res) == 1) {
        (void)span_copy(store_span(res, 0, 0), ret->node, sizeof(ret->node));
        (void)span_copy(store_span(res, 0, 2), ret->pem, sizeof(ret->pem));
        ret->due = store_bool(res, 0, 3);
        ret->found = store_bytes(res, 0, 1, ret->print, sizeof(ret->print)) == sizeof(ret->print);
    }
    store_result_free(res);
    return STORE_OK;
}

// One statement, so one transaction: the new one counts, the one before stays for what it has opened, the audit says so; or nothing of it.
static int put(struct renew *r, const Callmesh__V1__RenewRequest *q, const struct machine *m,
               const struct issued *cert, bool *ret_put)
{
    static const char sql[] =
        "WITH k AS (UPDATE site_keys SET previous = certificate, certificate = $3, certificate_pem "
        "= $4, expires_at = $5, renewed_at = now() WHERE site = $1 AND substring(sign_key FROM 1 "
        "FOR 8) = $2 AND certificate = $6 AND revoked_at IS NULL RETURNING site, node)"
        " INSERT INTO audit (actor, action, object, result)"
        " SELECT 'renew:' || node, 'site.renew', site, 'ok' FROM k";
    struct store_args a;
    struct store_result *res = NULL;
    store_args_init(&a);
    store_arg_str(&a, q->site);
    store_arg_bytes(&a, span_of(q->signature.data, BUS_KEY_ID));
    store_arg_bytes(&a, span_of(cert->print, sizeof(cert->print)));
    store_arg_str(&a, cert->pem);
    store_arg_time(&a, cert->expires_us);
    store_arg_bytes(&a, span_of(m->print, sizeof(m->print)));
    int e = store_query(r->store, sql, &a, &res);
    if (e != STORE_OK)
        return e;
    *ret_put = store_affected(res) == 1;
    store_result_free(res);
    return STORE_OK;
}

static bool is_signed(const Callmesh__V1__RenewRequest *q)
{
    struct secret_question s = {.what = SPAN_LIT("renew"),
                                .site = span_str(q->site),
                                .subject = span_of(q->csr.data, q->csr.len)};
    return secret_check(&s, span_of(q->signature.data, q->signature.len), NULL) == SECRET_SITE;
}

static void give(Callmesh__V1__ControlReply *reply, struct arena *a, const char *pem)
{
    Callmesh__V1__RenewReply *out = arena_take(a, sizeof(*out));
    char *p = keep(a, pem);
    if (!out || !p)
        return;
    callmesh__v1__renew_reply__init(out);
    out->certificate = (ProtobufCBinaryData){.len = strlen(p), .data = (uint8_t *)p};
    reply->reply_case = CALLMESH__V1__CONTROL_REPLY__REPLY_RENEW;
    reply->renew = out;
}

static void make(struct renew *r, const Callmesh__V1__RenewRequest *q, const struct machine *m,
                 Callmesh__V1__ControlReply *reply, struct arena *a)
{
    struct issued *cert = arena_take(a, sizeof(*cert));
    bool is_put = false;
    if (!cert ||
        issuer_sign(r->issuer, span_of(q->csr.data, q->csr.len), q->site, r->life_us, cert) < 0) {
        refuse(reply, a, q->site, RENEW_REFUSED, "the request has no P-256 key");
        return;
    }
    if (put(r, q, m, cert, &is_put) != STORE_OK || !is_put) {
        refuse(reply, a, q->site, RENEW_FAILED, SECRET_LATER);
        return;
    }
    stat_add(&cells[RENEW_GOOD], 1);
    log_info("a certificate is renewed", "site=%s node=%s days=%lld", q->site, m->node,
             (long long)(r->life_us / US_PER_S / 86400));
    give(reply, a, cert->pem);
}

void renew_answer(struct renew *r, const Callmesh__V1__RenewRequest *q,
                  Callmesh__V1__ControlReply *reply, struct arena *a)
{
    struct machine *m = arena_take(a, sizeof(*m));
    if (!r || !m) {
        refuse(reply, a, q->site, RENEW_REFUSED, "this centre signs no certificates");
        return;
    }
    if (!is_signed(q)) {
        refuse(reply, a, q->site, RENEW_REFUSED, "not signed with a key of this site");
        return;
    }
    if (find(r, q, m) != STORE_OK) {
        refuse(reply, a, q->site, RENEW_FAILED, SECRET_LATER);
        return;
    }
    if (!m->found) {
        refuse(reply, a, q->site, RENEW_REFUSED, "revoked, or at its end: join anew");
        return;
    }
    if (m->due) {
        make(r, q, m, reply, a);
        return;
    }
    stat_add(&cells[m->pem[0] ? RENEW_AGAIN : RENEW_EARLY], 1);
    give(reply, a, m->pem);
}

int renew_open(struct renew **ret, const struct renew_opts *o, char *err, size_t err_cap)
{
    struct renew *r = calloc(1, sizeof(*r));
    struct store_opts so = {.dsn = o->dsn, .app = o->app, .timeout_us = 2 * US_PER_S};
    if (!r)
        return -ENOMEM;
    stat_register(defs, cells, RENEW_N);
    r->life_us = o->certificate_us;
    r->store = store_new(&so);
    int e = r->store ? issuer_open(&r->issuer, o->ca_cert, o->ca_key, err, err_cap) : -ENOMEM;
    if (e < 0) {
        (void)renew_free(r);
        return e;
    }
    *ret = r;
    return 0;
}

struct renew *renew_free(struct renew *r)
{
    if (r) {
        r->issuer = issuer_free(r->issuer);
        r->store = store_free(r->store);
    }
    free(r);
    return NULL;
}
