// /alerts and /alert-rules: what was raised and cleared, and the rules by which callstate does so (services/callstate/alerts.h). A rule is
// known by its name: writing it again replaces it. Bodies are read by PostgreSQL (jsonb), each write is audited in its own statement.
#include "api.h"
#include "db.h"
#include "events.h"
#include "mirror_priv.h"
#include "rows.h"
#include "sql.h"

#define RULES_MAX "64"
#define ALERT_JSON                                                                                 \
    "json_build_object('id', id, 'rule', rule, 'kind', kind, 'site', site, 'subject', subject, "   \
    "'value', value, 'threshold', threshold, 'raised_at', rfc3339(raised_at), 'cleared_at', "      \
    "rfc3339(cleared_at), 'cleared_value', cleared_value)::text"
#define RULE_JSON                                                                                  \
    "json_build_object('name', name, 'kind', kind, 'site', site, 'raise_at', raise_at, "           \
    "'clear_at', clear_at, 'window_seconds', window_s, 'hold_seconds', hold_s, 'least', least, "   \
    "'mos', mos, 'enabled', enabled, 'updated_at', rfc3339(updated_at), 'updated_by', "            \
    "updated_by)::text"

static void row_json(struct json *j, const struct store_result *r, size_t row)
{
    json_raw(j, store_span(r, row, 0));
}

static void job_alerts(struct store *st, struct http_req *q)
{
    static const char *const states[] = {"raised", "cleared"};
    const char *state = query_get(q, "state");
    struct sql s;
    struct page p;
    if (!page_read(q, &p))
        return;
    if (state && state[0] && !query_words_known(span_str(state), states, 2)) {
        http_problem(q, 400, "bad_parameter", "state is raised or cleared");
        return;
    }
    sql_init(&s);
    sql_add(&s, "SELECT " ALERT_JSON ", raised_at, id FROM alerts WHERE true");
    if (state && !strcmp(state, "raised"))
        sql_add(&s, " AND cleared_at IS NULL");
    if (state && !strcmp(state, "cleared"))
        sql_add(&s, " AND cleared_at IS NOT NULL");
    if (!sql_where_list(q, &s, "site", "site", NULL, 0))
        return;
    if (p.has_cursor) {
        sql_add(&s, " AND (raised_at, id) < (?, ?)");
        store_arg_time(&s.args, p.at_us);
        store_arg_uuid(&s.args, &p.id);
    }
    sql_add(&s, " ORDER BY raised_at DESC, id DESC LIMIT ?");
    store_arg_int(&s.args, p.limit + 1);
    list_rows(st, q, &s, &p, row_json, 1);
}

static void job_rules(struct store *st, struct http_req *q)
{
    list_named(st, q, RULE_JSON, "alert_rules");
}

static void job_rule_write(struct store *st, struct http_req *q)
{
    static const char sql[] =
        "WITH b AS (SELECT $1::jsonb AS b), v AS (SELECT btrim(b->>'name') AS name, b->>'kind' AS "
        "kind, coalesce(b->>'site', '') AS site, (b->>'raise_at')::float8 AS raise_at, "
        "coalesce((b->>'clear_at')::float8, (b->>'raise_at')::float8) AS clear_at, "
        "coalesce((b->>'window_seconds')::int, 300) AS window_s, coalesce((b->>'hold_seconds')"
        "::int, 0) AS hold_s, coalesce((b->>'least')::int, 1) AS least, coalesce((b->>'mos')"
        "::float8, 3.6) AS mos, coalesce((b->>'enabled')::boolean, true) AS enabled FROM b),"
        " n AS (INSERT INTO alert_rules AS r (name, kind, site, raise_at, clear_at, window_s, "
        "hold_s, least, mos, enabled, updated_by) SELECT v.*, $2 FROM v WHERE length(name) BETWEEN "
        "1 AND 64 AND kind IN ('failed_share', 'short_calls', 'mos_low', 'one_way', 'loss', "
        "'harvester_away', 'drops', 'recordings_missing', 'certificate_used') AND length(site) <= "
        "64 AND raise_at "
        "BETWEEN 0 AND 1e9 AND clear_at BETWEEN 0 AND raise_at AND window_s BETWEEN 1 AND 3600 AND "
        "hold_s BETWEEN 0 AND 86400 AND least BETWEEN 1 AND 1000000 AND mos BETWEEN 1 AND 5 AND "
        "((SELECT count(*) FROM alert_rules) < " RULES_MAX " OR EXISTS (SELECT FROM alert_rules x "
        "WHERE x.name = v.name)) ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, site = "
        "excluded.site, raise_at = excluded.raise_at, clear_at = excluded.clear_at, window_s = "
        "excluded.window_s, hold_s = excluded.hold_s, least = excluded.least, mos = excluded.mos, "
        "enabled = excluded.enabled, updated_at = now(), updated_by = excluded.updated_by "
        "RETURNING *), a AS (INSERT INTO audit (actor, action, object, address, result) SELECT $2, "
        "'alert_rule.write', name, $3, 'ok' FROM n) SELECT " RULE_JSON " FROM n";
    struct store_args a;
    store_args_init(&a);
    store_arg_span(&a, q->body_n ? span_of(q->body, q->body_n) : SPAN_LIT("{}"));
    store_arg_str(&a, req_of(q)->who.actor);
    store_arg_str(&a, q->peer);
    if (!db_reply_row(q, db_query(st, q, sql, &a), 200))
        http_problem(q, 400, "bad_body",
                     "the body has a name, a kind, and raise_at that is not below clear_at; "
                     "window_seconds is 1 to 3600; there are at most " RULES_MAX " rules");
}

static void job_rule_remove(struct store *st, struct http_req *q)
{
    static const char sql[] =
        "WITH n AS (DELETE FROM alert_rules WHERE name = $1 RETURNING *), a AS (INSERT INTO audit "
        "(actor, action, object, address, result) SELECT $2, 'alert_rule.remove', name, $3, 'ok' "
        "FROM n) SELECT " RULE_JSON " FROM n";
    struct store_args a;
    store_args_init(&a);
    store_arg_span(&a, q->param);
    store_arg_str(&a, req_of(q)->who.actor);
    store_arg_str(&a, q->peer);
    if (!db_reply_row(q, db_query(st, q, sql, &a), 200))
        api_not_found(q, "rule");
}

enum http_next on_alerts(struct http_req *q)
{
    return db_submit(q, job_alerts, NULL);
}

enum http_next on_alert_rules(struct http_req *q)
{
    return db_submit(q, q->method == HTTP_POST ? job_rule_write : job_rules, NULL);
}

enum http_next on_alert_rule_remove(struct http_req *q)
{
    return db_submit(q, job_rule_remove, NULL);
}

// ---- from the mesh: an event, of the same form as /alerts

void alerts_take(const Callmesh__V1__Alert *a)
{
    char text[1024];
    struct json j;
    json_init(&j, text, sizeof(text));
    json_obj(&j);
    json_kstr(&j, "id", a->id);
    json_kstr(&j, "rule", a->rule);
    json_kstr(&j, "kind", a->kind);
    json_kstr(&j, "site", a->site);
    json_kstr(&j, "subject", a->subject);
    json_kreal(&j, "value", a->value, 4);
    json_kreal(&j, "threshold", a->threshold, 4);
    json_ktime(&j, "raised_at", a->raised_at_us);
    if (a->cleared_at_us)
        json_ktime(&j, "cleared_at", a->cleared_at_us);
    else
        json_knull(&j, "cleared_at");
    json_obj_end(&j);
    if (j.overflow)
        stat_add(&mi.stat[MI_BAD], 1);
    else
        events_emit(a->cleared_at_us ? "alert.cleared" : "alert.raised", span_str(a->id), "alert",
                    span_of(j.buf, j.n));
}
