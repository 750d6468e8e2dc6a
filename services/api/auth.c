#include "auth.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/stat.h"
#include "db.h"
#include "login.h"

#define CACHE_SLOTS    1024
#define CACHE_FRESH_US (30 * US_PER_S)
#define CACHE_STALE_US (600 * US_PER_S)

static const char *const scope_names[] = {
    "calls:read",   "calls:listen", "recordings:read",    "recordings:download", "messages:read",
    "quality:read", "sites:read",   "events:read",        "recordings:delete",   "retention:write",
    "holds:write",  "policy:write", "recordings:control", "alerts:write",        "agents:read",
    "agents:write", "sites:write"};
#define SCOPES (sizeof(scope_names) / sizeof(scope_names[0]))

enum {
    M_DENIED,
    M_FORBIDDEN,
    M_CACHE_HIT,
    M_COUNT
};
static const struct stat_def stat_defs[M_COUNT] = {
    [M_DENIED] = {"auth_denied_total", NULL, "requests without a valid session or key",
                  STAT_COUNTER},
    [M_FORBIDDEN] = {"auth_forbidden_total", NULL, "requests without the scope", STAT_COUNTER},
    [M_CACHE_HIT] = {"auth_cache_hits_total", NULL, "known without asking the store", STAT_COUNTER},
};
static struct stat_cell stats[M_COUNT]; // http thread

// Direct-mapped by the first bytes of the hash; a later one takes the place.
struct cached {
    uint8_t sha256[32];
    int64_t at_us;
    struct who who;
};
static struct {
    pthread_mutex_t lock;
    struct cached *slot;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

int auth_init(void)
{
    stat_register(stat_defs, stats, M_COUNT);
    cache.slot = mem_take(CACHE_SLOTS * sizeof(struct cached));
    return sodium_init() < 0 || !cache.slot ? -1 : login_init();
}

uint32_t auth_scopes_of_role(const char *role)
{
    static const struct {
        const char *role;
        uint32_t scopes;
    } roles[] = {
        {"admin", SCOPE_ALL},
        {"supervisor", SCOPE_ALL & ~(uint32_t)SCOPE_KEEPING},
        {"analyst",
         SCOPE_ALL & ~(uint32_t)(SCOPE_CALLS_LISTEN | SCOPE_MESSAGES_READ | SCOPE_KEEPING |
                                 SCOPE_RECORDINGS_CONTROL | SCOPE_ALERTS_WRITE |
                                 SCOPE_AGENTS_WRITE | SCOPE_SITES_WRITE)},
        {"engineer", SCOPE_CALLS_READ | SCOPE_MESSAGES_READ | SCOPE_QUALITY_READ |
                         SCOPE_SITES_READ | SCOPE_EVENTS_READ | SCOPE_ALERTS_WRITE |
                         SCOPE_AGENTS_READ | SCOPE_SITES_WRITE},
        {"compliance", SCOPE_CALLS_READ | SCOPE_RECORDINGS_READ | SCOPE_RECORDINGS_DOWNLOAD |
                           SCOPE_SITES_READ | SCOPE_KEEPING | SCOPE_AGENTS_READ},
        {"integrator", SCOPE_CALLS_READ | SCOPE_RECORDINGS_READ | SCOPE_RECORDINGS_DOWNLOAD |
                           SCOPE_EVENTS_READ | SCOPE_RECORDINGS_CONTROL | SCOPE_AGENTS_READ},
    };
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (!strcmp(role, roles[i].role))
            return roles[i].scopes;
    }
    return 0;
}

const char *auth_scope_name(uint32_t scopes, unsigned *pos)
{
    while (*pos < SCOPES) {
        unsigned i = (*pos)++;
        if (scopes & 1u << i)
            return scope_names[i];
    }
    return NULL;
}

static uint32_t scopes_of_array(struct span array)
{
    uint32_t scopes = 0;
    char name[64];
    size_t pos = 0, n = 0;
    while (store_array_next(array, &pos, name, sizeof(name), &n)) {
        if (n == 1 && name[0] == '*')
            scopes |= SCOPE_ALL;
        for (unsigned i = 0; i < SCOPES; i++) {
            if (span_eq(span_of(name, n), span_str(scope_names[i])))
                scopes |= 1u << i;
        }
    }
    return scopes;
}

// ---- the memory of who was who

static bool cache_get(const uint8_t sha256[32], int64_t fresh_us, struct who *ret)
{
    bool hit = false;
    pthread_mutex_lock(&cache.lock);
    const struct cached *c = &cache.slot[(sha256[0] | sha256[1] << 8) % CACHE_SLOTS];
    if (c->who.known && sodium_memcmp(c->sha256, sha256, 32) == 0 &&
        mono_now_us() - c->at_us < fresh_us &&
        (!c->who.expires_us || wall_now_us() < c->who.expires_us)) {
        *ret = c->who;
        hit = true;
    }
    pthread_mutex_unlock(&cache.lock);
    return hit;
}

static void cache_put(const uint8_t sha256[32], const struct who *w)
{
    pthread_mutex_lock(&cache.lock);
    struct cached *c = &cache.slot[(sha256[0] | sha256[1] << 8) % CACHE_SLOTS];
    memcpy(c->sha256, sha256, 32);
    c->at_us = mono_now_us();
    c->who = *w;
    pthread_mutex_unlock(&cache.lock);
}

void auth_forget(const uint8_t sha256[32])
{
    struct who nobody = {0};
    cache_put(sha256, &nobody);
}

// ---- one request

static enum http_next unauthorized(struct http_req *q)
{
    http_problem(q, 401, "unauthorized", "sign in, or send Authorization: Bearer cm_...");
    http_header(q, "WWW-Authenticate", "Bearer realm=\"callmesh\"");
    return HTTP_DONE;
}

static void job_who(struct store *s, struct http_req *q)
{
    struct req *r = req_of(q);
    struct store_args a;
    store_args_init(&a);
    store_arg_bytes(&a, span_of(r->secret_sha256, 32));
    static const char by_key[] = "UPDATE api_keys SET last_used_at = now() WHERE secret_sha256 = "
                                 "$1 AND (expires_at IS NULL OR expires_at > now()) "
                                 "RETURNING prefix, name, scopes, expires_at";
    static const char by_session[] =
        "SELECT u.login, u.role, s.expires_at FROM sessions s JOIN users u ON u.id = s.user_id "
        "WHERE s.token_sha256 = $1 AND s.expires_at > now() AND NOT u.disabled";
    struct store_result *res = db_query(s, q, r->by_session ? by_session : by_key, &a);
    if (!res) {
        struct who old;
        if (cache_get(r->secret_sha256, CACHE_STALE_US,
                      &old)) { // the store is away: who was known stays known for a while
            http_reply_drop(q);
            r->who = old;
        }
        return;
    }
    struct who w = {.user = r->by_session};
    if (store_rows(res) && r->by_session) {
        w.known = true;
        snprintf(w.name, sizeof(w.name), "%s", store_str(res, 0, 0));
        snprintf(w.actor, sizeof(w.actor), "user:%s", w.name);
        snprintf(w.role, sizeof(w.role), "%s", store_str(res, 0, 1));
        w.scopes = auth_scopes_of_role(w.role);
        w.expires_us = store_time(res, 0, 2);
    } else if (store_rows(res)) {
        w.known = true;
        snprintf(w.actor, sizeof(w.actor), "key:%s", store_str(res, 0, 0));
        snprintf(w.name, sizeof(w.name), "%s", store_str(res, 0, 1));
        w.scopes = scopes_of_array(store_span(res, 0, 2));
        w.expires_us = store_time(res, 0, 3);
    }
    store_result_free(res);
    r->who = w;
    if (w.known)
        cache_put(r->secret_sha256, &w);
}

// q->route is set, who is known or not.
static enum http_next allowed(struct http_req *q)
{
    struct req *r = req_of(q);
    if (!r->who.known) {
        stat_add(&stats[M_DENIED], 1);
        return unauthorized(q);
    }
    const char *csrf = http_header_in(q, "X-Callmesh-CSRF");
    if (r->by_session &&
        (q->method == HTTP_POST || q->method == HTTP_DELETE || q->method == HTTP_PUT) &&
        (!csrf || strcmp(csrf, "1") != 0))
        return http_problem(q, 403, "csrf_header_missing",
                            "a session needs the header X-Callmesh-CSRF: 1 here");
    if ((r->who.scopes & q->route->scope) != q->route->scope) {
        unsigned pos = 0;
        stat_add(&stats[M_FORBIDDEN], 1);
        return http_problem(q, 403, "scope_missing", "this needs the scope %s",
                            auth_scope_name(q->route->scope, &pos));
    }
    q->next = q->route->handler;
    return q->next(q);
}

// cm_<prefix>_<secret>: the secret is what stands after the last underscore.
static bool hash_of_bearer(const char *header, uint8_t ret[32])
{
    if (strncasecmp(header, "Bearer cm_", 10) != 0)
        return false;
    const char *secret = strrchr(header, '_') + 1;
    crypto_hash_sha256(ret, (const unsigned char *)secret, strlen(secret));
    return true;
}

enum http_next auth_first(struct http_req *q)
{
    struct req *r = req_of(q);
    if (q->route->open)
        return q->route->handler(q);
    const char *header = http_header_in(q, "Authorization"),
               *cookie = http_cookie(q, "callmesh_session");
    if (header) {
        if (!hash_of_bearer(header, r->secret_sha256))
            return allowed(q);
    } else if (cookie) {
        crypto_hash_sha256(r->secret_sha256, (const unsigned char *)cookie, strlen(cookie));
        r->by_session = true;
    } else {
        return allowed(q);
    }
    if (cache_get(r->secret_sha256, CACHE_FRESH_US, &r->who)) {
        stat_add(&stats[M_CACHE_HIT], 1);
        return allowed(q);
    }
    if (!db_ready() && cache_get(r->secret_sha256, CACHE_STALE_US, &r->who))
        return allowed(q);
    return db_submit(q, job_who, allowed);
}

// ---- the first start

static void random_text(char *ret, size_t n)
{
    static const char letters[] =
        "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"; // no 0 O 1 l I
    for (size_t i = 0; i + 1 < n; i++)
        ret[i] = letters[randombytes_uniform(sizeof(letters) - 1)];
    ret[n - 1] = 0;
}

static int make_user(struct store *s, const char *password)
{
    char hash[crypto_pwhash_STRBYTES];
    struct store_args a;
    if (login_hash(password, hash))
        return STORE_E_RETRY;
    store_args_init(&a);
    store_arg_str(&a, hash);
    return store_query(
        s, "INSERT INTO users (login, password_hash, role) VALUES ('admin', $1, 'admin')", &a,
        NULL);
}

static int make_key(struct store *s, const char *prefix, const char *secret)
{
    uint8_t sha[32];
    struct store_args a;
    crypto_hash_sha256(sha, (const unsigned char *)secret, strlen(secret));
    store_args_init(&a);
    store_arg_str(&a, prefix);
    store_arg_bytes(&a, span_of(sha, sizeof(sha)));
    return store_query(s,
                       "INSERT INTO api_keys (prefix, secret_sha256, name, scopes) VALUES ($1, $2, "
                       "'first start', '{*}')",
                       &a, NULL);
}

static void print_once(const char *password, const char *prefix, const char *secret)
{
    char text[512];
    int n = snprintf(text, sizeof(text),
                     "\n"
                     "  callmesh: first start. This is shown once and kept nowhere in the clear.\n"
                     "\n"
                     "    login     admin\n"
                     "    password  %s\n"
                     "    API key   cm_%s_%s\n"
                     "\n",
                     password, prefix, secret);
    (void)!write(STDOUT_FILENO, text, (size_t)n);
    if (!settings.first_start_file[0])
        return;
    n = snprintf(text, sizeof(text), "login=admin\npassword=%s\napi_key=cm_%s_%s\n", password,
                 prefix, secret);
    int fd = open(settings.first_start_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                  0600);
    if (fd < 0 || fchmod(fd, 0600) || write(fd, text, (size_t)n) != n)
        log_error("auth.first-start-file could not be written", "file=%s",
                  settings.first_start_file);
    if (fd >= 0)
        close(fd);
}

int auth_first_start(struct store *s, char *why, size_t cap)
{
    char password[21], prefix[9], secret[44];
    struct store_args none;
    struct store_result *res = NULL;
    store_args_init(&none);
    // One of several api processes makes them: the lock is held to the end of the transaction.
    int r = store_query(s, "BEGIN", &none, NULL);
    if (r == STORE_OK)
        r = store_query(s, "SELECT pg_advisory_xact_lock(1667329389)", &none, NULL);
    if (r == STORE_OK)
        r = store_query(s, "SELECT count(*) FROM users", &none, &res);
    bool first = r == STORE_OK && store_rows(res) && store_int(res, 0, 0) == 0;
    store_result_free(res);
    if (first) {
        random_text(password, sizeof(password));
        random_text(prefix, sizeof(prefix));
        random_text(secret, sizeof(secret));
        r = make_user(s, password);
        if (r == STORE_OK)
            r = make_key(s, prefix, secret);
    }
    if (r == STORE_OK)
        r = store_query(s, "COMMIT", &none, NULL);
    if (r != STORE_OK) {
        snprintf(why, cap, "%s", store_error(s));
        store_drop(s);
        return -1;
    }
    if (first)
        print_once(password, prefix, secret);
    return 0;
}
