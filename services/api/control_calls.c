// POST /calls/{id}/record: what is done to a call from outside. Audited before callstate is told: who asked stands there whatever
// came of it.
#include "api.h"
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

enum http_next on_call_record(struct http_req *q)
{
    return api_path_id(q) ? db_submit(q, job_record, NULL) : HTTP_DONE;
}
