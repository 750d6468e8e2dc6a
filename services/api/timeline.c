// What the rows know of the life of a call and its parts, put in order by the store.
#include "timeline.h"

#include "db.h"
#include "sql.h"

#define PARTS OF_PARTS("$1")
static const char timeline[] =
    "SELECT at, type, detail, side, call_id, sip_status FROM ("
    "SELECT started_at AS at, 0 AS o, CASE WHEN merged_into IS NULL THEN 'started' ELSE "
    "'part_started' END AS type, coalesce(nullif(from_uri, ''), from_user) || ' calls ' || "
    "coalesce(nullif(to_uri, ''), to_user) AS detail, NULL AS side, id AS "
    "call_id, NULL::int AS sip_status FROM calls WHERE id " PARTS
    " UNION ALL SELECT ringing_at, 1, 'ringing', '', NULL, id, NULL FROM calls WHERE id = $1 AND "
    "ringing_at IS NOT NULL "
    "UNION ALL SELECT answered_at, 3, 'answered', '', NULL, id, NULL FROM calls WHERE id = $1 AND "
    "answered_at IS NOT NULL "
    "UNION ALL SELECT ended_at, 9, 'ended', concat_ws(' ', result, sip_status, CASE WHEN protocol "
    "<> "
    "'sip' THEN 'cause ' || q850_cause END, sip_reason, 'by ' "
    "|| hangup_by, '(' || end_reason || ')'), CASE WHEN hangup_by IN ('caller', 'callee') THEN "
    "hangup_by END, id, sip_status FROM calls WHERE id = $1 AND ended_at IS NOT NULL "
    "UNION ALL SELECT started_at, 2, 'leg_started', sip_call_id || ' ' || host(src_ip) || ' to ' "
    "|| host(dst_ip), NULL, call_id, NULL FROM legs WHERE call_id " PARTS
    " UNION ALL SELECT answered_at, 4, 'leg_answered', sip_call_id, NULL, call_id, NULL FROM legs "
    "WHERE call_id " PARTS " AND answered_at IS NOT NULL "
    "UNION ALL SELECT ended_at, 8, 'leg_ended', concat_ws(' ', sip_call_id, sip_status), NULL, "
    "call_id, sip_status FROM legs WHERE call_id " PARTS " AND ended_at IS NOT NULL "
    "UNION ALL SELECT first_at, 5, 'stream_started', concat_ws(' ', side, codec, host(src_ip) || "
    "':' || src_port), side, call_id, NULL FROM streams WHERE call_id " PARTS
    " UNION ALL SELECT last_at, 6, 'stream_ended', concat_ws(' ', side, codec, packets || ' "
    "packets', lost || ' lost'), side, call_id, NULL FROM streams WHERE call_id " PARTS
    " AND ended "
    "UNION ALL SELECT started_at, 5, 'recording_started', status, NULL, call_id, NULL FROM "
    "recordings WHERE call_id " PARTS
    " UNION ALL SELECT ended_at, 7, 'recording_ended', concat_ws(' ', status, reason), NULL, "
    "call_id, NULL FROM recordings WHERE call_id " PARTS
    " UNION ALL SELECT at, 5, type, detail, side, call_id, sip_status FROM call_events WHERE "
    "call_id " PARTS ") t ORDER BY at, o LIMIT 500";

static void row_moment(struct json *j, const struct store_result *r, size_t i)
{
    json_obj(j);
    json_ktime(j, "at", store_time(r, i, 0));
    json_kstr(j, "type", store_str(r, i, 1));
    json_kspan(j, "detail", store_span(r, i, 2));
    row_uuid(j, "side", r, i, 3);
    row_uuid(j, "call_id", r, i, 4);
    row_int(j, "sip_status", r, i, 5);
    json_obj_end(j);
}

void row_evidence(struct json *j, const struct store_result *r, size_t i)
{
    json_obj(j);
    json_ktime(j, "at", store_time(r, i, 0));
    row_uuid(j, "call_id", r, i, 1);
    row_uuid(j, "joined_to", r, i, 2);
    json_kspan(j, "kind", store_span(r, i, 3));
    row_int(j, "score", r, i, 4);
    json_kspan(j, "detail", store_span(r, i, 5));
    json_obj_end(j);
}

// All rows of one question about the call, as a list that is whole.
static void answer(struct store *st, struct http_req *q, const char *sql,
                   void (*row)(struct json *, const struct store_result *, size_t))
{
    struct store_args a;
    if (!call_exists(st, q))
        return;
    store_args_init(&a);
    store_arg_uuid(&a, &req_of(q)->id);
    struct store_result *r = db_query(st, q, sql, &a);
    struct json *j = r ? page_begin(q) : NULL;
    for (size_t i = 0; j && i < store_rows(r); i++)
        row(j, r, i);
    if (j) {
        page_end(j, false, "");
        http_reply_json(q, 200);
    }
    store_result_free(r);
}

static void job_timeline(struct store *st, struct http_req *q)
{
    answer(st, q, timeline, row_moment);
}

enum http_next on_call_events(struct http_req *q)
{
    return api_path_id(q) ? db_submit(q, job_timeline, NULL) : HTTP_DONE;
}

static void job_evidence(struct store *st, struct http_req *q)
{
    answer(st, q, EVIDENCE_OF_CALL, row_evidence);
}

enum http_next on_call_evidence(struct http_req *q)
{
    return api_path_id(q) ? db_submit(q, job_evidence, NULL) : HTTP_DONE;
}
