#include "sites/join.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>

#include "base/log.h"
#include "base/mono.h"
#include "base/stat.h"
#include "bus/bus.h"
#include "issue.h"
#include "store/conn.h"

#define TOKEN_MIN 32 // characters
#define TOKEN_MAX 128
#define NODE_MAX  63

struct join {
    struct answer *answer;
    struct issuer *issuer;
    struct store *store; // the answering thread's
    int64_t life_us;
};

enum {
    JOIN_GOOD,
    JOIN_REFUSED,
    JOIN_FAILED,
    JOIN_N
};
static const struct stat_def defs[JOIN_N] = {
    [JOIN_GOOD] = {"sites_joins_total", "result=\"joined\"", "machines that asked to join a site",
                   STAT_COUNTER},
    [JOIN_REFUSED] = {"sites_joins_total", "result=\"refused\"",
                      "machines that asked to join a site", STAT_COUNTER},
    [JOIN_FAILED] = {"sites_joins_total", "result=\"failed\"", "machines that asked to join a site",
                     STAT_COUNTER},
};
static struct stat_cell cells[JOIN_N];

struct token {
    uint8_t hash[32];
    char site[64];
};

// STORE_OK with a site, or without when the token is not one, is used or is too old.
static int find_token(struct join *j, const char *text, struct token *ret)
{
    static const char sql[] = "SELECT site FROM site_tokens WHERE token_hash = $1"
                              " AND used_at IS NULL AND expires_at > now()";
    size_t n = strlen(text);
    unsigned len = 0;
    uint8_t hash[EVP_MAX_MD_SIZE];
    ret->site[0] = 0;
    if (n < TOKEN_MIN || n > TOKEN_MAX || !EVP_Digest(text, n, hash, &len, EVP_sha256(), NULL))
        return STORE_OK;
    memcpy(ret->hash, hash, sizeof(ret->hash));
    int e = store_connect(j->store);
    if (e != STORE_OK)
        return e;
    struct store_args a;
    store_args_init(&a);
    store_arg_bytes(&a, span_of(ret->hash, sizeof(ret->hash)));
    struct store_result *r;
    e = store_query(j->store, sql, &a, &r);
    if (e != STORE_OK)
        return e;
    if (store_rows(r) == 1)
        span_copy(store_span(r, 0, 0), ret->site, sizeof(ret->site));
    store_result_free(r);
    return STORE_OK;
}

// One statement, so one transaction: the token is used, the key is there, the audit says so; or nothing of it.
static int use_token(struct join *j, const struct token *t, const Callmesh__V1__JoinRequest *q,
                     const struct issued *cert, bool *ret_used)
{
    static const char sql[] =
        "WITH t AS (UPDATE site_tokens SET used_at = now() WHERE token_hash = $1 AND used_at IS "
        "NULL"
        " AND expires_at > now() RETURNING site),"
        " s AS (INSERT INTO sites (site) SELECT site FROM t ON CONFLICT DO NOTHING),"
        " k AS (INSERT INTO site_keys (site, sign_key, certificate, node, expires_at)"
        " SELECT site, $2, $3, $4, $5 FROM t RETURNING site)"
        " INSERT INTO audit (actor, action, object, result)"
        " SELECT 'join:' || $4, 'site.join', site, 'ok' FROM k";
    struct store_args a;
    char node[NODE_MAX + 1];
    (void)span_utf8(span_str(q->node), node, sizeof(node));
    store_args_init(&a);
    store_arg_bytes(&a, span_of(t->hash, sizeof(t->hash)));
    store_arg_bytes(&a, span_of(q->sign_key.data, q->sign_key.len));
    store_arg_bytes(&a, span_of(cert->print, sizeof(cert->print)));
    store_arg_str(&a, node);
    store_arg_time(&a, cert->expires_us);
    struct store_result *r;
    int e = store_query(j->store, sql, &a, &r);
    if (e != STORE_OK)
        return e;
    *ret_used = store_affected(r) == 1;
    store_result_free(r);
    return STORE_OK;
}

static char *keep(struct arena *a, const char *text)
{
    size_t n = strlen(text) + 1;
    char *p = arena_take(a, n);
    return p ? memcpy(p, text, n) : NULL;
}

static ProtobufCBinaryData keep_bytes(struct arena *a, const char *text)
{
    char *p = keep(a, text);
    return (ProtobufCBinaryData){.len = p ? strlen(p) : 0, .data = (uint8_t *)p};
}

static void refuse(Callmesh__V1__ControlReply *reply, struct arena *a, int cell, const char *why)
{
    char *p = keep(a, why);
    stat_add(&cells[cell], 1);
    log_warn("a machine was not let in", "why=\"%s\"", why);
    if (p)
        reply->error = p;
}

static void admit_machine(struct join *j, const Callmesh__V1__JoinRequest *q,
                          Callmesh__V1__ControlReply *reply, struct arena *a)
{
    struct token t;
    struct issued *cert = arena_take(a, sizeof(*cert));
    Callmesh__V1__JoinReply *out = arena_take(a, sizeof(*out));
    bool used = false;
    if (!cert || !out || find_token(j, q->token, &t) != STORE_OK) {
        refuse(reply, a, JOIN_FAILED, "the centre's database does not answer; try again");
        return;
    }
    if (!t.site[0]) {
        refuse(reply, a, JOIN_REFUSED, "the token is not valid, was used before, or is too old");
        return;
    }
    if (q->sign_key.len != BUS_KEY_BYTES ||
        issuer_sign(j->issuer, span_of(q->csr.data, q->csr.len), t.site, j->life_us, cert) < 0) {
        refuse(reply, a, JOIN_REFUSED, "the request has no P-256 key or no signing key");
        return;
    }
    int e = use_token(j, &t, q, cert, &used);
    if (e != STORE_OK || !used) {
        refuse(reply, a, e == STORE_OK || e == STORE_E_DATA ? JOIN_REFUSED : JOIN_FAILED,
               e == STORE_OK || e == STORE_E_DATA
                   ? "the token was used just now, or the key is known"
                   : "the centre's database does not answer; try again");
        return;
    }
    callmesh__v1__join_reply__init(out);
    out->site = keep(a, t.site);
    out->certificate = keep_bytes(a, cert->pem);
    out->authority = keep_bytes(a, issuer_ca_pem(j->issuer));
    reply->reply_case = CALLMESH__V1__CONTROL_REPLY__REPLY_JOIN;
    reply->join = out;
    stat_add(&cells[JOIN_GOOD], 1);
    log_info("a machine has joined", "site=%s node=%s", t.site, q->node);
}

static void on_request(void *ctx, const Callmesh__V1__ControlRequest *q,
                       Callmesh__V1__ControlReply *reply, struct arena *a)
{
    if (q->request_case != CALLMESH__V1__CONTROL_REQUEST__REQUEST_JOIN)
        refuse(reply, a, JOIN_REFUSED, "this socket is for joining only");
    else
        admit_machine(ctx, q->join, reply, a);
}

int join_open(struct join **ret, const struct join_opts *o, char *err, size_t err_cap)
{
    struct join *j = calloc(1, sizeof(*j));
    struct store_opts so = {.dsn = o->dsn, .app = o->app, .timeout_us = 5 * US_PER_S};
    if (!j)
        return -ENOMEM;
    stat_register(defs, cells, JOIN_N);
    j->life_us = o->certificate_us;
    j->store = store_new(&so);
    int r = j->store ? issuer_open(&j->issuer, o->ca_cert, o->ca_key, err, err_cap) : -ENOMEM;
    if (r == 0)
        r = answer_open_to_all(&j->answer, o->url, on_request, j, err, err_cap);
    if (r < 0) {
        j->issuer = issuer_free(j->issuer);
        j->store = store_free(j->store);
        free(j);
        return r;
    }
    *ret = j;
    return 0;
}

void join_stop(struct join *j)
{
    if (!j)
        return;
    answer_stop(j->answer);
    j->issuer = issuer_free(j->issuer);
    j->store = store_free(j->store);
}
