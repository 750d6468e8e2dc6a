#include "login.h"

#include <sodium.h>
#include <stdio.h>

#include "auth.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/stat.h"
#include "body.h"
#include "db.h"

#define ATTEMPT_SLOTS 2048
#define ARGON_MEMORY  (19u << 20)
#define ARGON_PASSES  2

enum {
    M_GOOD,
    M_BAD,
    M_LIMITED,
    M_COUNT
};
static const struct stat_def stat_defs[M_COUNT] = {
    [M_GOOD] = {"logins_total", "result=\"ok\"", "sign-in attempts", STAT_COUNTER},
    [M_BAD] = {"logins_total", "result=\"refused\"", "sign-in attempts", STAT_COUNTER},
    [M_LIMITED] = {"logins_total", "result=\"limited\"", "sign-in attempts", STAT_COUNTER},
};
static struct stat_cell stats[M_COUNT]; // http thread

// One counter a slot, direct-mapped: two keys that share a slot share the limit, which only errs to the safe side.
struct attempt {
    uint32_t minute, count;
};
static struct attempt *attempts; // http thread
static char nobody
    [crypto_pwhash_STRBYTES]; // verified against when the login is unknown: no difference in time

struct login_state {
    char login[65];
    char password[257];
    bool good;
    char token[65];
};

int login_hash(const char *password, char *ret)
{
    return crypto_pwhash_str_alg(ret, password, strlen(password), ARGON_PASSES, ARGON_MEMORY,
                                 crypto_pwhash_ALG_ARGON2ID13);
}

int login_init(void)
{
    stat_register(stat_defs, stats, M_COUNT);
    attempts = mem_take(ATTEMPT_SLOTS * sizeof(struct attempt));
    return attempts && login_hash("", nobody) == 0 ? 0 : -1;
}

bool login_attempt(const char *kind, const char *key, int64_t now_us, int64_t per_minute)
{
    char text[128];
    int n = snprintf(text, sizeof(text), "%s %s", kind, key);
    struct attempt *a =
        &attempts[map_hash(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1) %
                  ATTEMPT_SLOTS];
    uint32_t minute = (uint32_t)(now_us / (60 * US_PER_S)) + 1;
    if (a->minute != minute)
        *a = (struct attempt){.minute = minute};
    return a->count++ < per_minute;
}

// The password stays in q->small only until the check.
static struct login_state *state_of(struct http_req *q)
{
    _Static_assert(sizeof(struct login_state) <= sizeof(q->small), "fits the small buffer");
    return (struct login_state *)(void *)q->small;
}

static bool read_body(struct http_req *q, struct login_state *l)
{
    struct body_field f[] = {{"login", l->login, sizeof(l->login), false},
                             {"password", l->password, sizeof(l->password), false}};
    bool ok = body_read(span_of(q->body, q->body_n), f, 2);
    sodium_memzero(q->body, sizeof(q->body));
    return ok;
}

static bool start_session(struct store *s, struct http_req *q, struct login_state *l)
{
    struct req *r = req_of(q);
    uint8_t raw[32], sha[32];
    struct store_args a;
    randombytes_buf(raw, sizeof(raw));
    sodium_bin2hex(l->token, sizeof(l->token), raw, sizeof(raw));
    crypto_hash_sha256(sha, (const unsigned char *)l->token, strlen(l->token));
    r->who.expires_us = wall_now_us() + settings.session_us;
    store_args_init(&a);
    store_arg_bytes(&a, span_of(sha, sizeof(sha)));
    store_arg_str(&a, l->login);
    store_arg_time(&a, r->who.expires_us);
    struct store_result *res =
        db_query(s, q,
                 "WITH gone AS (DELETE FROM sessions WHERE expires_at < now()) "
                 "INSERT INTO sessions (token_sha256, user_id, expires_at) SELECT $1, id, $3 FROM "
                 "users WHERE login = $2",
                 &a);
    bool ok = res != NULL;
    store_result_free(res);
    return ok;
}

static void job_login(struct store *s, struct http_req *q)
{
    struct req *r = req_of(q);
    struct login_state l = *state_of(q); // a problem would be written over it
    struct store_args a;
    store_args_init(&a);
    store_arg_str(&a, l.login);
    snprintf(r->who.actor, sizeof(r->who.actor), "user:%s", l.login);
    struct store_result *res = db_query(
        s, q, "SELECT password_hash, role FROM users WHERE login = $1 AND NOT disabled", &a);
    if (res) {
        bool known = store_rows(res) > 0;
        bool match = crypto_pwhash_str_verify(known ? store_str(res, 0, 0) : nobody, l.password,
                                              strlen(l.password)) == 0;
        l.good = known && match;
        if (known)
            snprintf(r->who.role, sizeof(r->who.role), "%s", store_str(res, 0, 1));
        if (db_audit(s, q, "login", l.login, l.good ? "ok" : "refused") && l.good)
            l.good = start_session(s, q, &l);
        store_result_free(res);
    }
    sodium_memzero(l.password, sizeof(l.password));
    if (!http_reply_is_set(q))
        *state_of(q) = l;
    sodium_memzero(&l, sizeof(l));
}

static enum http_next write_me(struct http_req *q)
{
    const struct who *w = &req_of(q)->who;
    struct json *j = http_json(q);
    if (!j)
        return HTTP_DONE;
    json_obj(j);
    json_kstr(j, "kind", w->user ? "user" : "key");
    json_kstr(j, "name", w->name);
    json_kstr(j, "role", w->user ? w->role : NULL);
    json_key(j, "scopes");
    json_arr(j);
    unsigned pos = 0;
    for (const char *n; (n = auth_scope_name(w->scopes, &pos));)
        json_str(j, n);
    json_arr_end(j);
    json_ktime(j, "expires_at", w->expires_us);
    json_obj_end(j);
    return http_reply_json(q, 200);
}

static enum http_next after_login(struct http_req *q)
{
    struct req *r = req_of(q);
    struct login_state *l = state_of(q);
    if (!l->good) {
        stat_add(&stats[M_BAD], 1);
        return http_problem(q, 401, "unauthorized", "login or password is wrong");
    }
    stat_add(&stats[M_GOOD], 1);
    r->who.user = r->who.known = true;
    r->who.scopes = auth_scopes_of_role(r->who.role);
    memcpy(r->who.name, l->login, sizeof(r->who.name));
    http_header(q, "Set-Cookie",
                "callmesh_session=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%lld%s", l->token,
                (long long)(settings.session_us / US_PER_S),
                settings.cookie_secure ? "; Secure" : "");
    sodium_memzero(l, sizeof(*l));
    return write_me(q);
}

enum http_next on_login(struct http_req *q)
{
    struct login_state *l = state_of(q);
    if (!read_body(q, l))
        return http_problem(q, 400, "bad_json",
                            "the body is {\"login\": text, \"password\": text}");
    int64_t now = mono_now_us();
    bool a = login_attempt("address", q->peer, now, settings.login_per_minute);
    bool b = login_attempt("login", l->login, now, settings.login_per_minute);
    if (!a || !b) {
        sodium_memzero(l, sizeof(*l));
        stat_add(&stats[M_LIMITED], 1);
        http_problem(q, 429, "too_many_requests", "%lld attempts a minute; wait",
                     (long long)settings.login_per_minute);
        http_header(q, "Retry-After", "60");
        return HTTP_DONE;
    }
    return db_submit(q, job_login, after_login);
}

static void job_logout(struct store *s, struct http_req *q)
{
    struct req *r = req_of(q);
    struct store_args a;
    store_args_init(&a);
    store_arg_bytes(&a, span_of(r->secret_sha256, 32));
    struct store_result *res = db_query(s, q, "DELETE FROM sessions WHERE token_sha256 = $1", &a);
    if (res && db_audit(s, q, "logout", r->who.name, "ok")) {
        auth_forget(r->secret_sha256);
        http_header(q, "Set-Cookie",
                    "callmesh_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
        http_reply_empty(q, 204);
    }
    store_result_free(res);
}

enum http_next on_logout(struct http_req *q)
{
    if (!req_of(q)->by_session)
        return http_reply_empty(q, 204);
    return db_submit(q, job_logout, NULL);
}

enum http_next on_me(struct http_req *q)
{
    return write_me(q);
}
