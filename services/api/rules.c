// /recording-rules: which calls are recorded. In order of position, the first that matches decides; callstate reads them anew within
// a second of each change. Each write goes with its line of recording_rule_changes (before, after, who) in one statement.
// Bodies are read by PostgreSQL (jsonb); what a rule may be is said by the table.
#include "api.h"
#include "db.h"
#include "rows.h"
#include "sql.h"

#define RULES_MAX "128" // as callstate's POLICY_RULES

#define RULE_JSON                                                                                  \
    "jsonb_build_object('id', id, 'position', position, 'name', name, 'action', action, "          \
    "'percent', percent, 'site', site, 'direction', direction, 'number', number, 'from_number', "  \
    "from_number, 'to_number', to_number, 'sip_user', sip_user, 'agent', agent, 'team', team, "    \
    "'peer', peer, 'after_answer', "                                                               \
    "after_answer, 'early_media', early_media, 'sides', sides, 'pause_code', pause_code, "         \
    "'resume_code', resume_code, 'pause_seconds', pause_seconds, 'created_at', "                   \
    "rfc3339(created_at))"
#define COLUMNS                                                                                    \
    "position, name, action, percent, site, direction, number, from_number, to_number, sip_user, " \
    "agent, team, peer, after_answer, early_media, sides, pause_code, resume_code, pause_seconds"
// Of the body b: a field that is not there has its default, in a PUT as in a POST.
#define VALUES                                                                                     \
    "coalesce((b->>'position')::int, 100), b->>'name', b->>'action', CASE WHEN b->>'action' = "    \
    "'percent' THEN (b->>'percent')::numeric END, coalesce(b->>'site', ''), "                      \
    "coalesce(b->>'direction', ''), coalesce(b->>'number', ''), coalesce(b->>'from_number', ''), " \
    "coalesce(b->>'to_number', ''), coalesce(b->>'sip_user', ''), nullif(b->>'agent', '')::uuid, " \
    "coalesce(b->>'team', ''), nullif(b->>'peer', '')::cidr, "                                     \
    "coalesce((b->>'after_answer')::boolean, false), coalesce((b->>'early_media')::boolean, "      \
    "true), coalesce(b->>'sides', 'both'), coalesce(b->>'pause_code', ''), "                       \
    "coalesce(b->>'resume_code', ''), (b->>'pause_seconds')::int"
#define CHANGE(before, after)                                                                      \
    "h AS (INSERT INTO recording_rule_changes (actor, address, rule_id, before, after) SELECT "    \
    "$2, "                                                                                         \
    "$3, id, " before ", " after " FROM n), a AS (INSERT INTO audit (actor, action, object, "      \
    "address, result) SELECT $2, 'recording_rule.write', id::text, $3, 'ok' FROM n) "

static void row_json(struct json *j, const struct store_result *r, size_t row)
{
    json_raw(j, store_span(r, row, 0));
}

static void job_rules(struct store *st, struct http_req *q)
{
    struct store_args a;
    store_args_init(&a);
    struct store_result *r =
        db_query(st, q,
                 "SELECT json_build_object('version', (SELECT coalesce(max(n), 0) FROM "
                 "recording_rule_changes), 'data', (SELECT coalesce(json_agg(r ORDER BY position, "
                 "created_at, id), '[]') FROM (SELECT position, created_at, id, " RULE_JSON
                 " AS r FROM recording_rules LIMIT " RULES_MAX ") x))::text",
                 &a);
    struct json *j = r ? http_json(q) : NULL;
    if (j) {
        json_raw(j, store_span(r, 0, 0));
        http_reply_json(q, 200);
    }
    store_result_free(r);
}

static void job_changes(struct store *st, struct http_req *q)
{
    struct sql s;
    struct page p;
    if (!page_read(q, &p))
        return;
    sql_init(&s);
    sql_add(&s, "SELECT json_build_object('version', n, 'at', rfc3339(at), 'actor', actor, "
                "'address', address, 'rule_id', rule_id, 'before', before, 'after', after)::text, "
                "at, rule_id FROM recording_rule_changes");
    if (p.has_cursor) {
        sql_add(&s, " WHERE (at, rule_id) < (?, ?)");
        store_arg_time(&s.args, p.at_us);
        store_arg_uuid(&s.args, &p.id);
    }
    sql_add(&s, " ORDER BY at DESC, rule_id DESC LIMIT ?");
    store_arg_int(&s.args, p.limit + 1);
    list_rows(st, q, &s, &p, row_json, 1);
}

static void job_new(struct store *st, struct http_req *q)
{
    static const char sql[] =
        "WITH b AS (SELECT $1::jsonb AS b), n AS (INSERT INTO recording_rules (" COLUMNS
        ") SELECT " VALUES " FROM b WHERE $4::uuid IS NOT NULL AND (SELECT count(*) FROM "
        "recording_rules) < " RULES_MAX
        " RETURNING *), " CHANGE("NULL", RULE_JSON) "SELECT " RULE_JSON "::text FROM n";
    if (!db_reply_row(q, db_write(st, q, sql), 201))
        http_problem(q, 409, "too_many_rules", "there are " RULES_MAX " rules: remove one");
}

static void job_replace(struct store *st, struct http_req *q)
{
    static const char sql[] =
        "WITH b AS (SELECT $1::jsonb AS b), o AS (SELECT " RULE_JSON
        " AS was FROM recording_rules WHERE id = $4), n AS (UPDATE recording_rules SET (" COLUMNS
        ") = (SELECT " VALUES " FROM b) WHERE id = $4 RETURNING *), " CHANGE(
            "(SELECT was FROM o)", RULE_JSON) "SELECT " RULE_JSON "::text FROM n";
    if (!db_reply_row(q, db_write(st, q, sql), 200))
        api_not_found(q, "rule");
}

static void job_remove(struct store *st, struct http_req *q)
{
    static const char sql[] =
        "WITH n AS (DELETE FROM recording_rules WHERE id = $4 AND $1::text IS NOT NULL RETURNING "
        "*), " CHANGE(RULE_JSON, "NULL") "SELECT " RULE_JSON "::text FROM n";
    if (!db_reply_row(q, db_write(st, q, sql), 200))
        api_not_found(q, "rule");
}

enum http_next on_rules(struct http_req *q)
{
    return db_submit(q, q->method == HTTP_POST ? job_new : job_rules, NULL);
}

enum http_next on_rule_changes(struct http_req *q)
{
    return db_submit(q, job_changes, NULL);
}

enum http_next on_rule(struct http_req *q)
{
    if (!api_path_id(q))
        return HTTP_DONE;
    return db_submit(q, q->method == HTTP_PUT ? job_replace : job_remove, NULL);
}
