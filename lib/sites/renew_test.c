// Who gets the next certificate, and when; a lost answer; what stands in the table and the audit. A real PostgreSQL.
#include <sys/stat.h>
#include "base/mono.h"
#include "bus/secret.h"
#include "bus/sign.h"
#include "sites/renew.h"
#include "store/conn.h"
#include "store/schema.h"
#include "tests/support/pg_throwaway.h"
#include "tests/support/test.h"

#define SEED "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static struct pg_throwaway pg;
static struct store *db;
static struct renew *renew;
static struct arena *arena;
static char dir[64], csr[4096];
static size_t csr_n;

__attribute__((format(printf, 1, 2))) static void sh(const char *form, ...)
{
    char part[1024], cmd[1200];
    va_list ap;
    va_start(ap, form);
    (void)vsnprintf(part, sizeof(part), form, ap);
    va_end(ap);
    (void)snprintf(cmd, sizeof(cmd), "cd %s && (%s) >log 2>&1", dir, part);
    if (system(cmd) != 0)
        fail_msg("%s", cmd);
}

static const char *ask_db(const char *sql)
{
    static char out[256];
    struct store_result *r = NULL;
    if (store_query(db, sql, NULL, &r) != STORE_OK)
        fail_msg("%s: %s", sql, store_error(db));
    (void)snprintf(out, sizeof(out), "%s", store_rows(r) ? store_str(r, 0, 0) : "");
    store_result_free(r);
    return out;
}

static void admit(bool revoked)
{
    struct bus_admitted a = {.site = "berlin", .revoked = revoked};
    memcpy(a.key, sign_public_key(), sizeof(a.key));
    bus_admit(&a, 1);
}

// A machine that joined so long ago, of a year.
static void joined(const char *ago, const char *left)
{
    char sql[512], key[2 * BUS_KEY_BYTES + 1];
    for (size_t i = 0; i < BUS_KEY_BYTES; i++)
        (void)snprintf(key + 2 * i, 3, "%02x", sign_public_key()[i]);
    (void)ask_db("DELETE FROM site_keys");
    (void)snprintf(
        sql, sizeof(sql),
        "INSERT INTO site_keys (sign_key, site, certificate, node, joined_at, expires_at) "
        "VALUES ('\\x%s', 'berlin', sha256('old'), 'tap1', now() - interval '%s', now() + "
        "interval '%s')",
        key, ago, left);
    (void)ask_db(sql);
}

static int setup(void **state)
{
    (void)state;
    char path[512], key[128], err[256] = "";
    if (pg_throwaway_start(&pg, __FILE__, 2))
        return -1;
    (void)snprintf(dir, sizeof(dir), "/tmp/callmesh-renew-XXXXXX");
    assert_non_null(mkdtemp(dir));
    sh("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out "
       "ca.crt -days 9 -subj /CN=ca && openssl req -new -newkey ec -pkeyopt "
       "ec_paramgen_curve:P-256 -nodes -keyout k.key -out k.csr -subj /CN=x");
    (void)snprintf(path, sizeof(path), "%s/k.csr", dir);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    csr_n = fread(csr, 1, sizeof(csr), f);
    (void)fclose(f);
    if (sign_setup(SEED))
        return -1;
    struct store_opts o = {.dsn = pg.dsn, .app = "renew_test", .timeout_us = 20 * US_PER_S};
    db = store_new(&o);
    arena = arena_new(1 << 20);
    if (!db || !arena ||
        schema_apply(db, pg_throwaway_schema(&pg, path, sizeof(path)), err, sizeof(err)) !=
            SCHEMA_OK)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/ca.crt", dir);
    (void)snprintf(key, sizeof(key), "%s/ca.key", dir);
    struct renew_opts ro = {.dsn = pg.dsn,
                            .app = "renew_test",
                            .ca_cert = path,
                            .ca_key = key,
                            .certificate_us = 365 * 86400 * US_PER_S};
    return renew_open(&renew, &ro, err, sizeof(err));
}

static int teardown(void **state)
{
    (void)state;
    renew = renew_free(renew);
    db = store_free(db);
    arena = arena_free(arena);
    sh("rm -rf %s", dir);
    pg_throwaway_end(&pg);
    return 0;
}

struct question {
    const char *site; // that it says
    bool unsigned_, changed, no_csr;
};

static Callmesh__V1__ControlReply *ask(struct renew *r, const struct question *how)
{
    static Callmesh__V1__ControlReply reply;
    static char body[4096];
    uint8_t signature[SECRET_SIGNATURE];
    Callmesh__V1__RenewRequest q = CALLMESH__V1__RENEW_REQUEST__INIT;
    memcpy(body, csr, csr_n);
    char site[64];
    (void)snprintf(site, sizeof(site), "%s", how->site);
    q.site = site;
    q.csr = (ProtobufCBinaryData){how->no_csr ? 20 : csr_n, (uint8_t *)body};
    struct secret_question s = {.what = SPAN_LIT("renew"),
                                .site = span_str(site),
                                .subject = span_of(q.csr.data, q.csr.len)};
    assert_int_equal(secret_sign(&s, signature), 0);
    if (how->changed)
        body[100] ^= 1;
    if (!how->unsigned_)
        q.signature = (ProtobufCBinaryData){sizeof(signature), signature};
    callmesh__v1__control_reply__init(&reply);
    arena_reset(arena);
    renew_answer(r, &q, &reply, arena);
    return &reply;
}

#define UNSIGNED "not signed with a key of this site"

static const struct {
    const char *what, *ago, *left;
    struct question q;
    bool revoked, none; // none: this centre signs nothing
    const char *error;  // "": an answer
    bool given;         // in it, else it is not due
} asked[] = {
    {"early", "100 days", "265 days", {"berlin", 0, 0, 0}, 0, 0, "", 0},
    {"due", "250 days", "115 days", {"berlin", 0, 0, 0}, 0, 0, "", 1},
    {"not signed", "250 days", "115 days", {"berlin", 1, 0, 0}, 0, 0, UNSIGNED, 0},
    {"changed on its way", "250 days", "115 days", {"berlin", 0, 1, 0}, 0, 0, UNSIGNED, 0},
    {"for another site", "250 days", "115 days", {"paris", 0, 0, 0}, 0, 0, UNSIGNED, 0},
    {"revoked", "250 days", "115 days", {"berlin", 0, 0, 0}, 1, 0, UNSIGNED, 0},
    {"at its end",
     "365 days",
     "-1 s",
     {"berlin", 0, 0, 0},
     0,
     0,
     "revoked, or at its end: join anew",
     0},
    {"no request in it",
     "250 days",
     "115 days",
     {"berlin", 0, 0, 1},
     0,
     0,
     "the request has no P-256 key",
     0},
    {"of no authority",
     "250 days",
     "115 days",
     {"berlin", 0, 0, 0},
     0,
     1,
     "this centre signs no certificates",
     0},
};

static void who_gets_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        joined(asked[i].ago, asked[i].left);
        admit(asked[i].revoked);
        Callmesh__V1__ControlReply *a = ask(asked[i].none ? NULL : renew, &asked[i].q);
        bool given = a->reply_case == CALLMESH__V1__CONTROL_REPLY__REPLY_RENEW &&
                     a->renew->certificate.len > 0;
        if (given != asked[i].given || strcmp(a->error, asked[i].error) != 0)
            fail_msg("%s: %d \"%s\"", asked[i].what, given, a->error);
        assert_string_equal(
            ask_db("SELECT count(*)::text FROM site_keys WHERE renewed_at IS NOT NULL"),
            given ? "1" : "0");
    }
}

// The answer was lost: asked again it is the same, and what the machine has still counts.
static void a_lost_answer_is_given_again(void **state)
{
    (void)state;
    static char first[16384];
    const struct question q = {"berlin", 0, 0, 0};
    joined("250 days", "115 days");
    admit(false);
    (void)ask_db("DELETE FROM audit");
    Callmesh__V1__ControlReply *a = ask(renew, &q);
    assert_string_equal(a->error, "");
    size_t n = a->renew->certificate.len;
    assert_true(n > 0 && n < sizeof(first));
    memcpy(first, a->renew->certificate.data, n);
    for (int i = 0; i < 3; i++) {
        a = ask(renew, &q);
        assert_int_equal(a->renew->certificate.len, n);
        assert_memory_equal(a->renew->certificate.data, first, n);
    }
    assert_string_equal(
        ask_db(
            "SELECT concat_ws(' ', previous = sha256('old'), certificate <> previous, expires_at > "
            "now() + interval '364 days', length(certificate_pem) > 500) FROM site_keys"),
        "t t t t");
    assert_string_equal(
        ask_db("SELECT string_agg(concat_ws(' ', actor, action, object), ',') FROM audit"),
        "renew:tap1 site.renew berlin");
    // Its time again: the next one, and the one before is the first.
    (void)ask_db(
        "UPDATE site_keys SET renewed_at = now() - interval '250 days', expires_at = now() + "
        "interval '115 days'");
    a = ask(renew, &q);
    assert_true(a->renew->certificate.len > 0);
    assert_int_not_equal(memcmp(a->renew->certificate.data, first, 400), 0);
    assert_string_equal(ask_db("SELECT (previous <> sha256('old'))::text FROM site_keys"), "true");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_gets_one),
                                       cmocka_unit_test(a_lost_answer_is_given_again)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
