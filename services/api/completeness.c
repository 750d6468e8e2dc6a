// /stats/completeness: the report of any day, made by one question when it is asked for, and signed with the key of the recordings when it is here:
// everything before ,"sig" is signed, as in the chain, and callmesh-verify --report checks it. /stats/completeness/reports: those that were written
// each day (completeness_daily.c), the very bytes.
#include "completeness.h"
#include "api.h"
#include "audio.h"
#include "db.h"

static const char sql[] =
    "WITH c AS MATERIALIZED (" COMPLETENESS_CALLS_OF_DAY
    "), a AS (SELECT * FROM c WHERE answered) SELECT json_build_object(" COMPLETENESS_WORDS
    ")::text";

static const char reports_sql[] =
    "SELECT json_build_object('data', coalesce(json_agg(json_build_object('site', site, 'day', "
    "day, "
    "'n', n, 'made_at', rfc3339(made_at), 'calls_seen', calls_seen, 'answered', answered, "
    "'recorded', recorded, 'skipped', skipped, 'lost', lost, 'open', open, 'sha256', "
    "encode(sha256(convert_to(report, 'UTF8')), 'hex'), 'report', report) ORDER BY site, n), "
    "'[]'))::text FROM (SELECT * FROM completeness_reports WHERE ($1 = '' OR site = $1) AND ($2 = "
    "'' "
    "OR day >= nullif($2, '')::date) AND ($3 = '' OR day <= nullif($3, '')::date) ORDER BY day "
    "DESC, "
    "site LIMIT 31) x";

bool completeness_sign(struct json *j)
{
    uint8_t sig[KEYRING_SIGNATURE];
    char hex[2 * KEYRING_SIGNATURE + 1];
    struct keyring *k = audio_keys();
    bool can = k && keyring_can_sign(k);
    if (can) {
        hex_put(hex, k->public_key, KEYRING_PUBLIC);
        json_kstr(j, "key", hex);
        keyring_sign(k, j->buf, j->n, sig);
        hex_put(hex, sig, sizeof(sig));
        json_kstr(j, "sig", hex);
    } else {
        json_knull(j, "key");
        json_knull(j, "sig");
    }
    json_obj_end(j);
    return can;
}

static void job(struct store *st, struct http_req *q)
{
    struct store_args a;
    const char *day = query_get(q, "day"), *site = query_get(q, "site");
    store_args_init(&a);
    store_arg_str(&a, day);
    store_arg_str(&a, site ? site : "");
    struct store_result *r = db_query(st, q, sql, &a);
    struct json *j = r && store_rows(r) ? http_json(q) : NULL;
    struct span text = j ? store_span(r, 0, 0) : (struct span){NULL, 0};
    if (j && text.n > 1 && db_audit(st, q, "completeness", day, "ok")) {
        json_raw(j, span_sub(text, 0, text.n - 1)); // without its last brace
        (void)completeness_sign(j);
        http_reply_json(q, 200);
    }
    store_result_free(r);
}

static bool is_day(const char *s)
{
    return strlen(s) == 10 && s[4] == '-' && s[7] == '-';
}

enum http_next on_completeness(struct http_req *q)
{
    const char *day = query_get(q, "day");
    if (!day || !is_day(day))
        return http_problem(q, 400, "bad_parameter", "day is YYYY-MM-DD, UTC");
    return db_submit(q, job, NULL);
}

static const char *or_nothing(struct http_req *q, const char *name)
{
    const char *v = query_get(q, name);
    return v ? v : "";
}

static void job_reports(struct store *st, struct http_req *q)
{
    struct store_args a;
    store_args_init(&a);
    store_arg_str(&a, or_nothing(q, "site"));
    store_arg_str(&a, or_nothing(q, "from"));
    store_arg_str(&a, or_nothing(q, "to"));
    (void)db_reply_row(q, db_query(st, q, reports_sql, &a), 200);
}

enum http_next on_completeness_reports(struct http_req *q)
{
    const char *from = query_get(q, "from"), *to = query_get(q, "to");
    if ((from && *from && !is_day(from)) || (to && *to && !is_day(to)))
        return http_problem(q, 400, "bad_parameter", "from and to are YYYY-MM-DD, UTC");
    return db_submit(q, job_reports, NULL);
}
