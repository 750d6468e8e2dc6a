// /stats/completeness: every answered call of a day ends in exactly one of recorded, skipped, lost (with the reason), or is still
// open. Made by one question, signed with the key of the recordings when it is here: everything before ,"sig" is signed, as in
// the chain, and callmesh-verify --report checks it.
#include "api.h"
#include "audio.h"
#include "db.h"

static const char sql[] =
    "WITH c AS MATERIALIZED (SELECT c.id, c.answered_at IS NOT NULL AS answered, "
    "CASE WHEN c.ended_at IS NULL THEN 'open' "
    "WHEN r.status IN ('ready', 'deleted') THEN 'recorded' "
    "WHEN c.story->'recording_policy'->>'decision' = 'skip' AND r.status IS DISTINCT FROM 'failed' "
    "THEN 'skipped' "
    "WHEN r.status IS NULL AND c.recording_state IN ('active', 'pending') THEN 'open' "
    "ELSE 'lost' END AS class, "
    "CASE WHEN r.status = 'deleted' THEN 'erased since' "
    "WHEN r.status = 'failed' THEN coalesce(nullif(r.reason, ''), 'not said') "
    "WHEN c.story->'recording_policy'->>'decision' = 'skip' THEN concat_ws(': ', 'rule ' || "
    "(c.story->'recording_policy'->>'rule'), c.story->'recording_policy'->>'reason') "
    "WHEN r.status = 'empty' THEN 'no packet of its media reached a recorder' "
    "WHEN r.status IS NULL AND c.recording_state = 'failed' THEN 'no recorder answered' "
    "WHEN r.status IS NULL THEN 'no media was seen' ELSE '' END AS reason "
    "FROM calls c LEFT JOIN LATERAL (SELECT status, reason FROM recordings r WHERE r.call_id = "
    "c.id "
    "AND r.site = c.site ORDER BY r.status = 'ready' DESC LIMIT 1) r ON true "
    "WHERE c.started_at >= $1::text::date::timestamp AT TIME ZONE 'UTC' AND c.started_at < "
    "($1::text::date + 1)::timestamp AT TIME ZONE 'UTC' AND ($2 = '' OR c.site = $2)), "
    "a AS (SELECT * FROM c WHERE answered) "
    "SELECT json_build_object('report', 'completeness', 'day', $1::text::date, 'site', nullif($2, "
    "''), 'made_at', rfc3339(now()), 'calls_seen', (SELECT count(*) FROM c), 'answered', (SELECT "
    "count(*) FROM a), 'recorded', (SELECT count(*) FROM a WHERE class = 'recorded'), 'skipped', "
    "(SELECT count(*) FROM a WHERE class = 'skipped'), 'lost', (SELECT count(*) FROM a WHERE class "
    "= 'lost'), 'open', (SELECT count(*) FROM a WHERE class = 'open'), 'reasons', (SELECT "
    "coalesce(json_agg(json_build_object('class', class, 'reason', reason, 'calls', n) ORDER BY n "
    "DESC, reason), '[]') FROM (SELECT class, reason, count(*) AS n FROM a WHERE reason <> '' AND "
    "class <> 'open' GROUP BY class, reason LIMIT 100) x), 'lost_calls', (SELECT "
    "coalesce(json_agg(id), '[]') FROM (SELECT id FROM a WHERE class = 'lost' ORDER BY id LIMIT "
    "200) y))::text";

static void put_signature(struct json *j)
{
    uint8_t sig[KEYRING_SIGNATURE];
    char hex[2 * KEYRING_SIGNATURE + 1];
    struct keyring *k = audio_keys();
    if (k && keyring_can_sign(k)) {
        hex_put(hex, k->public_key, KEYRING_PUBLIC);
        json_kstr(j, "key", hex);
        keyring_sign(k, j->buf, j->n, sig);
        hex_put(hex, sig, sizeof(sig));
        json_kstr(j, "sig", hex);
    } else {
        json_knull(j, "key");
        json_knull(j, "sig");
    }
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
        put_signature(j);
        json_obj_end(j);
        http_reply_json(q, 200);
    }
    store_result_free(r);
}

enum http_next on_completeness(struct http_req *q)
{
    const char *day = query_get(q, "day");
    if (!day || strlen(day) != 10 || day[4] != '-' || day[7] != '-')
        return http_problem(q, 400, "bad_parameter", "day is YYYY-MM-DD, UTC");
    return db_submit(q, job, NULL);
}
