// /dial-plans: what digits at a site mean (lib/number). A plan is known by its site, "*" is for all without one of their own; writing it again
// replaces it. Each write raises the revision that callstate looks at, and is audited, in its own statement. Bodies are read by PostgreSQL
// (jsonb) and judged by the reader that callstate has too.
#include "api.h"
#include "db.h"
#include "numbers.h"
#include "rows.h"

#define PLANS_MAX "256" // DIALPLANS_MAX
#define PLAN_JSON                                                                                  \
    "json_build_object('site', site, 'country_code', country_code, 'area_code', area_code, "       \
    "'trunk_prefix', trunk_prefix, 'number_base', number_base, 'international_prefixes', "         \
    "international_prefixes, 'outside_prefixes', outside_prefixes, 'short_numbers', "              \
    "short_numbers, 'extension_lengths', extension_lengths, 'national_lengths', "                  \
    "national_lengths, 'local_lengths', local_lengths, 'plain', plain, 'updated_at', "             \
    "rfc3339(updated_at), 'updated_by', updated_by)::text"
#define TEXTS(k)                                                                                   \
    "ARRAY(SELECT btrim(x) FROM jsonb_array_elements_text(coalesce(b->'" k "', '[]')) x) AS " k
#define INTS(k)                                                                                    \
    "ARRAY(SELECT DISTINCT x::int FROM jsonb_array_elements_text(coalesce(b->'" k                  \
    "', '[]')) x ORDER BY 1) AS " k
#define PREFIXES                                                                                   \
    TEXTS("international_prefixes") ", " TEXTS("outside_prefixes") ", " TEXTS("short_numbers")
#define LENGTHS INTS("extension_lengths") ", " INTS("national_lengths") ", " INTS("local_lengths")
#define BODY                                                                                       \
    "WITH b AS (SELECT $1::jsonb AS b), v AS (SELECT btrim(coalesce(b->>'site', '')) AS site, "    \
    "coalesce(b->>'country_code', '') AS country_code, coalesce(b->>'area_code', '') AS "          \
    "area_code, coalesce(b->>'trunk_prefix', '') AS trunk_prefix, coalesce(b->>'number_base', "    \
    "'') AS number_base, " PREFIXES ", " LENGTHS                                                   \
    ", coalesce(b->>'plain', 'none') AS plain FROM b)"
#define RAISED(action)                                                                             \
    "a AS (INSERT INTO audit (actor, action, object, address, result) SELECT $2, '" action         \
    "', site, $3, 'ok' FROM n), r AS (UPDATE director SET revision = revision + 1 WHERE EXISTS "   \
    "(SELECT FROM n)) SELECT " PLAN_JSON " FROM n"

static void row_json(struct json *j, const struct store_result *r, size_t row)
{
    json_raw(j, store_span(r, row, 0));
}

static void job_list(struct store *st, struct http_req *q)
{
    struct store_result *r = db_query(
        st, q, "SELECT " PLAN_JSON " FROM dial_plans ORDER BY site LIMIT " PLANS_MAX, NULL);
    struct json *j = r ? page_begin(q) : NULL;
    for (size_t i = 0; j && i < store_rows(r); i++)
        row_json(j, r, i);
    if (j) {
        page_end(j, false, "");
        http_reply_json(q, 200);
    }
    store_result_free(r);
}

// False: the problem is set.
static bool is_plan(struct store *st, struct http_req *q)
{
    struct store_args a;
    struct dialplan p;
    const char *why = "";
    store_args_init(&a);
    store_arg_span(&a, q->body_n ? span_of(q->body, q->body_n) : SPAN_LIT("{}"));
    struct store_result *r = db_query(st, q, BODY " SELECT site, " DIAL_COLUMNS " FROM v", &a);
    if (!r)
        return false;
    bool good = store_rows(r) == 1 && dial_row(r, 0, 1, &p, &why);
    struct span site = store_rows(r) ? store_span(r, 0, 0) : SPAN_LIT("");
    if (good && (!site.n || site.n > DIALPLAN_SITE_MAX)) {
        good = false;
        why = "site is the name of a site, or * for all without a plan of their own";
    }
    store_result_free(r);
    if (!good)
        http_problem(q, 400, "bad_dial_plan", "%s", why);
    return good;
}

static void job_write(struct store *st, struct http_req *q)
{
    static const char sql[] = BODY
        ", n AS (INSERT INTO dial_plans (site, country_code, area_code, trunk_prefix, number_base, "
        "international_prefixes, outside_prefixes, short_numbers, extension_lengths, "
        "national_lengths, local_lengths, plain, updated_by) SELECT v.*, $2 FROM v WHERE $4::uuid "
        "IS NOT NULL AND ((SELECT count(*) FROM dial_plans) < " PLANS_MAX " OR EXISTS (SELECT FROM "
        "dial_plans x WHERE x.site = v.site)) ON CONFLICT (site) DO UPDATE SET country_code = "
        "excluded.country_code, area_code = excluded.area_code, trunk_prefix = "
        "excluded.trunk_prefix, number_base = excluded.number_base, international_prefixes = "
        "excluded.international_prefixes, outside_prefixes = excluded.outside_prefixes, "
        "short_numbers = excluded.short_numbers, extension_lengths = excluded.extension_lengths, "
        "national_lengths = excluded.national_lengths, local_lengths = excluded.local_lengths, "
        "plain = excluded.plain, updated_at = now(), updated_by = excluded.updated_by RETURNING "
        "*), " RAISED("dial_plan.write");
    if (is_plan(st, q) && !db_reply_row(q, db_write(st, q, sql), 200))
        http_problem(q, 409, "too_many_dial_plans", "there are " PLANS_MAX " plans: remove one");
}

static void job_remove(struct store *st, struct http_req *q)
{
    static const char sql[] =
        "WITH n AS (DELETE FROM dial_plans WHERE site = $1 RETURNING *), " RAISED(
            "dial_plan.remove");
    struct store_args a;
    store_args_init(&a);
    store_arg_span(&a, q->param);
    store_arg_str(&a, req_of(q)->who.actor);
    store_arg_str(&a, q->peer);
    if (!db_reply_row(q, db_query(st, q, sql, &a), 200))
        api_not_found(q, "dial plan");
}

enum http_next on_dial_plans(struct http_req *q)
{
    return db_submit(q, q->method == HTTP_POST ? job_write : job_list, NULL);
}

enum http_next on_dial_plan_remove(struct http_req *q)
{
    return db_submit(q, job_remove, NULL);
}
