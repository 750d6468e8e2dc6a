// /retention-policies, /holds, /erasures, /deletions and DELETE of a recording: what may go, what must stay. The order is one
// view, recording_fates: compliance period > legal hold > erasure > retention > user's delete. Each write is audited in its own
// statement. Bodies are read by PostgreSQL (jsonb). What is to go is done by keeper.c and the recorder.
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "db.h"
#include "rows.h"
#include "sql.h"

#define POLICY_JSON                                                                                \
    "json_build_object('id', id, 'name', name, 'priority', priority, 'site', site, 'number', "     \
    "number, 'retain_days', retain_days, 'compliance_days', compliance_days, 'created_at', "       \
    "rfc3339(created_at), 'created_by', created_by, 'removed_at', rfc3339(removed_at))::text"
#define HOLD_JSON                                                                                  \
    "json_build_object('id', id, 'reason', reason, 'call_id', call_id, 'site', site, 'number', "   \
    "number, 'from', rfc3339(from_at), 'to', rfc3339(to_at), 'created_at', rfc3339(created_at), "  \
    "'created_by', created_by, 'released_at', rfc3339(released_at), 'released_by', "               \
    "released_by)::text"
#define ERASURE_JSON                                                                               \
    "json_build_object('id', id, 'number', number, 'call_id', call_id, 'legal_basis', "            \
    "legal_basis, 'created_at', rfc3339(created_at), 'created_by', created_by, 'found', found, "   \
    "'refused', refused)::text"
#define DELETION_JSON                                                                              \
    "json_build_object('recording_id', recording_id, 'call_id', call_id, 'site', site, 'basis', "  \
    "basis, 'reason', reason, 'actor', actor, 'asked_at', rfc3339(asked_at), 'done_at', "          \
    "rfc3339(done_at), 'certificate', CASE WHEN done_at IS NULL THEN NULL ELSE "                   \
    "json_build_object('hour', chain_hour, 'n', chain_n, 'hash', chain_hash) END)::text"
#define AUDIT(action)                                                                              \
    "a AS (INSERT INTO audit (actor, action, object, address, result) SELECT $2, '" action         \
    "', id::text, $3, 'ok' FROM n) "

// ---- lists: a column that is JSON, and the two of the cursor

static void row_json(struct json *j, const struct store_result *r, size_t row)
{
    json_raw(j, store_span(r, row, 0));
}

static void list(struct store *st, struct http_req *q, const char *select, const char *at,
                 const char *id)
{
    struct sql s;
    struct page p;
    if (!page_read(q, &p))
        return;
    sql_init(&s);
    sql_add(&s, select);
    if (p.has_cursor) {
        sql_add(&s, " WHERE (");
        sql_add(&s, at);
        sql_add(&s, ", ");
        sql_add(&s, id);
        sql_add(&s, ") < (?, ?)");
        store_arg_time(&s.args, p.at_us);
        store_arg_uuid(&s.args, &p.id);
    }
    sql_add(&s, " ORDER BY 2 DESC, 3 DESC LIMIT ?");
    store_arg_int(&s.args, p.limit + 1);
    list_rows(st, q, &s, &p, row_json, 1);
}

static void job_policies(struct store *st, struct http_req *q)
{
    list(st, q, "SELECT " POLICY_JSON ", created_at, id FROM retention_policies", "created_at",
         "id");
}

static void job_holds(struct store *st, struct http_req *q)
{
    list(st, q, "SELECT " HOLD_JSON ", created_at, id FROM holds", "created_at", "id");
}

static void job_erasures(struct store *st, struct http_req *q)
{
    list(st, q, "SELECT " ERASURE_JSON ", created_at, id FROM erasures", "created_at", "id");
}

static void job_deletions(struct store *st, struct http_req *q)
{
    list(st, q, "SELECT " DELETION_JSON ", asked_at, recording_id FROM deletions", "asked_at",
         "recording_id");
}

// ---- writes (db_write)

static void job_policy_new(struct store *st, struct http_req *q)
{
    static const char sql[] =
        "WITH b AS (SELECT $1::jsonb AS b), v AS (SELECT b->>'name' AS name, "
        "coalesce((b->>'priority')::int, 100) AS priority, coalesce(b->>'site', '') AS site, "
        "regexp_replace(coalesce(b->>'number', ''), '[^0-9]', '', 'g') AS number, "
        "(b->>'retain_days')::int AS retain_days, coalesce((b->>'compliance_days')::int, 0) AS "
        "compliance_days, $2::text AS created_by FROM b WHERE $4::uuid IS NOT NULL),"
        " n AS (INSERT INTO retention_policies (name, priority, site, number, retain_days, "
        "compliance_days, created_by) SELECT name, priority, site, number, retain_days, "
        "compliance_days, created_by FROM v WHERE length(name) BETWEEN 1 AND 128 AND "
        "compliance_days >= 0 AND compliance_days <= 36500 AND (retain_days IS NULL OR "
        "(retain_days >= compliance_days AND retain_days <= 36500)) RETURNING *), " AUDIT(
            "retention.create") "SELECT " POLICY_JSON " FROM n";
    if (!db_reply_row(q, db_write(st, q, sql), 201))
        http_problem(q, 400, "bad_body",
                     "the body has a name, and retain_days (or null: for ever) that are not fewer "
                     "than compliance_days");
}

static void job_policy_remove(struct store *st, struct http_req *q)
{
    static const char sql[] =
        "WITH n AS (UPDATE retention_policies SET removed_at = now() WHERE id = $4 AND removed_at "
        "IS NULL AND compliance_days = 0 AND $1::text IS NOT NULL RETURNING *), " AUDIT(
            "retention.remove") "SELECT " POLICY_JSON " FROM n";
    if (!db_reply_row(q, db_write(st, q, sql), 200))
        http_problem(q, 409, "not_removable",
                     "there is no such policy in force, or it has a compliance period: that can "
                     "only be extended, by another policy");
}

static void job_dry_run(struct store *st, struct http_req *q)
{
    static const char sql[] =
        "WITH b AS (SELECT $1::jsonb AS b), f AS MATERIALIZED (SELECT f.*, c.from_digits, "
        "c.to_digits FROM recording_fates f LEFT JOIN calls c ON c.id = f.call_id AND c.site = "
        "f.site), m AS (SELECT f.* FROM f, b WHERE b ? 'retain_days' AND (coalesce(b->>'site', '') "
        "IN ('', f.site)) AND (coalesce(b->>'number', '') = '' OR regexp_replace(b->>'number', "
        "'[^0-9]', '', 'g') IN (f.from_digits, f.to_digits)))"
        " SELECT json_build_object('fates', (SELECT coalesce(json_object_agg(fate, "
        "json_build_object('recordings', n, 'bytes', bytes)), '{}') FROM (SELECT fate, count(*) AS "
        "n, sum(size_bytes)::bigint AS bytes FROM f GROUP BY fate) x),"
        " 'policy', CASE WHEN b ? 'retain_days' THEN (SELECT json_build_object('matches', "
        "count(*), 'would_delete', count(*) FILTER (WHERE d), 'bytes', coalesce(sum(size_bytes) "
        "FILTER (WHERE d), 0)::bigint, 'protected', count(*) FILTER (WHERE fate IN ('compliance', "
        "'held'))) FROM (SELECT m.*, fate NOT IN ('compliance', 'held') AND m.started_at + "
        "make_interval(days => (b->>'retain_days')::int) <= now() AS d FROM m) y) END)::text"
        " FROM b WHERE $2::text IS NOT NULL AND $3::text IS NOT NULL AND $4::uuid IS NOT NULL";
    if (!db_reply_row(q, db_write(st, q, sql), 200))
        http_problem(q, 400, "bad_body", "the body is a policy, or {}");
}

static void job_hold_new(struct store *st, struct http_req *q)
{
    static const char sql[] =
        "WITH b AS (SELECT $1::jsonb AS b), n AS (INSERT INTO holds (reason, call_id, site, "
        "number, from_at, to_at, created_by) SELECT b->>'reason', (b->>'call_id')::uuid, "
        "coalesce(b->>'site', ''), regexp_replace(coalesce(b->>'number', ''), '[^0-9]', '', 'g'), "
        "(b->>'from')::timestamptz, (b->>'to')::timestamptz, $2 FROM b WHERE length(b->>'reason') "
        "BETWEEN 1 AND 512 AND (b ?| ARRAY['call_id', 'site', 'number', 'from', 'to']) AND "
        "$4::uuid IS NOT NULL RETURNING *), " AUDIT("hold.create") "SELECT " HOLD_JSON " FROM n";
    if (!db_reply_row(q, db_write(st, q, sql), 201))
        http_problem(q, 400, "bad_body",
                     "the body has a reason, and at least one of call_id, site, number, from, to");
}

static void job_hold_release(struct store *st, struct http_req *q)
{
    static const char sql[] =
        "WITH n AS (UPDATE holds SET released_at = now(), released_by = $2 WHERE id = $4 AND "
        "released_at IS NULL AND $1::text IS NOT NULL RETURNING *), " AUDIT(
            "hold.release") "SELECT"
                            " " HOLD_JSON " FROM n";
    if (!db_reply_row(q, db_write(st, q, sql), 200))
        http_problem(q, 404, "not_found", "there is no such hold in force");
}

static void job_erasure_new(struct store *st, struct http_req *q)
{
    static const char sql[] =
        "WITH b AS (SELECT $1::jsonb AS b), v AS (SELECT b->>'legal_basis' AS basis, "
        "(b->>'call_id')::uuid AS call_id, regexp_replace(coalesce(b->>'number', ''), '[^0-9]', "
        "'', 'g') AS number FROM b WHERE $4::uuid IS NOT NULL), f AS (SELECT count(*) AS found, "
        "count(*) FILTER (WHERE f.fate IN ('compliance', 'held')) AS refused FROM v, "
        "recording_fates f LEFT JOIN calls c ON c.id = f.call_id AND c.site = f.site WHERE "
        "f.call_id = v.call_id OR (v.number <> '' AND v.number IN (c.from_digits, c.to_digits))),"
        " n AS (INSERT INTO erasures (number, call_id, legal_basis, created_by, found, refused) "
        "SELECT number, call_id, basis, $2, found, refused FROM v, f WHERE length(basis) BETWEEN 1 "
        "AND 256 AND (call_id IS NOT NULL OR length(number) >= 3) RETURNING *), " AUDIT(
            "erasure.create") "SELECT " ERASURE_JSON " FROM n";
    if (!db_reply_row(q, db_write(st, q, sql), 201))
        http_problem(q, 400, "bad_body",
                     "the body has a legal_basis, and a call_id or a number of 3 digits and more");
}

// What stands against a user's delete, in words.
static void refuse_delete(struct http_req *q, const char *fate)
{
    if (strcmp(fate, "compliance") == 0)
        http_problem(q, 409, "compliance_period", "a compliance period protects this recording");
    else if (strcmp(fate, "held") == 0)
        http_problem(q, 409, "legal_hold", "a legal hold protects this recording");
    else
        http_problem(q, 409, "retained", "a retention policy keeps this recording");
}

static void job_recording_delete(struct store *st, struct http_req *q)
{
    static const char sql[] =
        "WITH f AS (SELECT * FROM recording_fates WHERE id = $4), n AS (INSERT INTO deletions "
        "(recording_id, call_id, site, path, basis, actor) SELECT id, call_id, site, path, 'user', "
        "$2 FROM f WHERE fate IN ('free', 'erase', 'expired') AND $1::text IS NOT NULL ON CONFLICT "
        "DO NOTHING RETURNING recording_id AS id), " AUDIT(
            "recording.delete") "SELECT fate, "
                                "json_build_object('recording_id', id, 'fate', fate)::text FROM f";
    struct store_result *r = db_write(st, q, sql);
    if (!r)
        return;
    const char *fate = store_rows(r) ? store_str(r, 0, 0) : "";
    struct json *j = NULL;
    if (!fate[0])
        api_not_found(q, "recording");
    else if (strcmp(fate, "free") != 0 && strcmp(fate, "erase") != 0 &&
             strcmp(fate, "expired") != 0)
        refuse_delete(q, fate);
    else if ((j = http_json(q))) {
        json_raw(j, store_span(r, 0, 1));
        http_reply_json(q, 202);
    }
    store_result_free(r);
}

// ---- handlers

enum http_next on_policies(struct http_req *q)
{
    return db_submit(q, q->method == HTTP_POST ? job_policy_new : job_policies, NULL);
}

enum http_next on_policy_remove(struct http_req *q)
{
    return api_path_id(q) ? db_submit(q, job_policy_remove, NULL) : HTTP_DONE;
}

enum http_next on_dry_run(struct http_req *q)
{
    return db_submit(q, job_dry_run, NULL);
}

enum http_next on_holds(struct http_req *q)
{
    return db_submit(q, q->method == HTTP_POST ? job_hold_new : job_holds, NULL);
}

enum http_next on_hold_release(struct http_req *q)
{
    return api_path_id(q) ? db_submit(q, job_hold_release, NULL) : HTTP_DONE;
}

enum http_next on_erasures(struct http_req *q)
{
    return db_submit(q, q->method == HTTP_POST ? job_erasure_new : job_erasures, NULL);
}

enum http_next on_deletions(struct http_req *q)
{
    return db_submit(q, job_deletions, NULL);
}

enum http_next on_recording_delete(struct http_req *q)
{
    return api_path_id(q) ? db_submit(q, job_recording_delete, NULL) : HTTP_DONE;
}
