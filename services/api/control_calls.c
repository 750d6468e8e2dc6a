// POST /calls/{id}/record, pause, resume: what is done to a call from outside. Audited before callstate is told: who asked stands there whatever
// came of it.
#include "api.h"
#include "base/mono.h"
#include "command.h"
#include "db.h"

static bool is_live_or_gone(struct store *st, struct http_req *q, enum command_result r)
{
    if (r == COMMAND_UNHEARD) {
        http_problem(q, 503, "mesh_unavailable", "callstate does not answer; try again");
        http_header(q, "Retry-After", "2");
    } else if (r == COMMAND_REFUSED) {
        http_problem(q, 409, "refused", "callstate cannot do that now");
    } else if (r == COMMAND_UNKNOWN) {
        struct store_args a;
        store_args_init(&a);
        store_arg_uuid(&a, &req_of(q)->id);
        struct store_result *res = db_query(st, q, "SELECT 1 FROM calls WHERE id = $1 LIMIT 1", &a);
        if (res && store_rows(res))
            http_problem(q, 409, "call_over",
                         "the call is over for longer than callstate remembers it (timers.linger)");
        else if (res)
            api_not_found(q, "call");
        store_result_free(res);
    }
    return r == COMMAND_DONE;
}

static void reply_done(struct http_req *q, const char *what)
{
    struct json *j = http_json(q);
    if (!j)
        return;
    json_obj(j);
    json_kuuid(j, "call_id", &req_of(q)->id);
    json_kstr(j, "result", what);
    json_obj_end(j);
    http_reply_json(q, 202);
}

static void job_record(struct store *st, struct http_req *q)
{
    char id[37];
    uuid_format(&req_of(q)->id, id);
    if (!db_audit(st, q, "call.record", id, "asked"))
        return;
    enum command_result r = command_record(&req_of(q)->id, req_of(q)->who.actor);
    if (is_live_or_gone(st, q, r))
        reply_done(q, "recorded");
}

// The body, and its line in the audit, in one statement: {"seconds", "reason"}.
static struct store_result *read_pause(struct store *st, struct http_req *q, const char *action)
{
    struct store_args a;
    store_args_init(&a);
    store_arg_span(&a, q->body_n ? span_of(q->body, q->body_n) : SPAN_LIT("{}"));
    store_arg_str(&a, req_of(q)->who.actor);
    store_arg_str(&a, q->peer);
    store_arg_uuid(&a, &req_of(q)->id);
    store_arg_str(&a, action);
    return db_query(
        st, q,
        "WITH b AS (SELECT coalesce((b->>'seconds')::int, 300) AS seconds, coalesce(b->>'reason', "
        "'') AS reason FROM (SELECT $1::jsonb AS b) x WHERE jsonb_typeof(b) = 'object'), g AS "
        "(SELECT * FROM b WHERE seconds BETWEEN 1 AND 86400 AND length(reason) <= 39), a AS "
        "(INSERT INTO audit (actor, action, object, address, result) SELECT $2, $5, $4::text, $3, "
        "coalesce(nullif(reason, ''), 'ok') FROM g) SELECT seconds, reason FROM g",
        &a);
}

static void reply_pause(struct http_req *q, int64_t until_us)
{
    struct json *j = http_json(q);
    if (!j)
        return;
    json_obj(j);
    json_kuuid(j, "call_id", &req_of(q)->id);
    json_kstr(j, "result", until_us ? "paused" : "resumed");
    json_ktime(j, "until", until_us);
    json_obj_end(j);
    http_reply_json(q, 202);
}

static void pause(struct store *st, struct http_req *q, bool on)
{
    struct store_result *b = read_pause(st, q, on ? "call.pause" : "call.resume");
    int64_t until_us = 0;
    if (b && store_rows(b) == 0)
        http_problem(q, 400, "bad_body", "seconds is 1 to 86400, reason has at most 39 characters");
    if (b && store_rows(b) > 0) {
        if (on)
            until_us = wall_now_us() + store_int(b, 0, 0) * US_PER_S;
        enum command_result r = command_pause(&req_of(q)->id, until_us, req_of(q)->who.actor,
                                              store_str(b, 0, 1), &until_us);
        if (is_live_or_gone(st, q, r))
            reply_pause(q, until_us);
    }
    store_result_free(b);
}

static void job_pause(struct store *st, struct http_req *q)
{
    pause(st, q, true);
}

static void job_resume(struct store *st, struct http_req *q)
{
    pause(st, q, false);
}

enum http_next on_call_pause(struct http_req *q)
{
    return api_path_id(q) ? db_submit(q, job_pause, NULL) : HTTP_DONE;
}

enum http_next on_call_resume(struct http_req *q)
{
    return api_path_id(q) ? db_submit(q, job_resume, NULL) : HTTP_DONE;
}

enum http_next on_call_record(struct http_req *q)
{
    return api_path_id(q) ? db_submit(q, job_record, NULL) : HTTP_DONE;
}
