// /streams and the streams of a call.
#include "api.h"
#include "db.h"
#include "rows.h"
#include "sql.h"

static bool question(struct http_req *q, struct sql *s, struct page *p)
{
    const char *unjoined = query_get(q, "unjoined"), *call = query_get(q, "call_id");
    struct uuid id;
    if (!page_read(q, p))
        return false;
    sql_init(s);
    sql_add(s, "SELECT " ROW_STREAM ", first_at, id FROM streams WHERE true");
    if (!sql_where_list(q, s, "site", "site", NULL, 0))
        return false;
    if (unjoined && !strcmp(unjoined, "true"))
        sql_add(s, " AND call_id IS NULL");
    if (call && call[0]) {
        if (!uuid_parse(span_str(call), &id)) {
            http_problem(q, 400, "bad_parameter", "call_id is a UUID");
            return false;
        }
        sql_add(s, " AND call_id = ?");
        store_arg_uuid(&s->args, &id);
    }
    if (p->has_cursor) {
        sql_add(s, " AND (first_at, id) < (?, ?)");
        store_arg_time(&s->args, p->at_us);
        store_arg_uuid(&s->args, &p->id);
    }
    sql_add(s, " ORDER BY first_at DESC, id DESC LIMIT ?");
    store_arg_int(&s->args, p->limit + 1);
    return true;
}

static void job_streams(struct store *st, struct http_req *q)
{
    struct sql s;
    struct page p;
    if (question(q, &s, &p))
        list_rows(st, q, &s, &p, row_stream, ROW_STREAM_COLUMNS);
}

enum http_next on_streams(struct http_req *q)
{
    return db_submit(q, job_streams, NULL);
}

static void job_call_streams(struct store *st, struct http_req *q)
{
    static const struct call_list l = {
        "SELECT " ROW_STREAM ", first_at, id FROM streams WHERE call_id = ?",
        " AND (first_at, id) > (?, ?)", " ORDER BY first_at, id LIMIT ?", row_stream,
        ROW_STREAM_COLUMNS};
    call_rows(st, q, &l);
}

enum http_next on_call_streams(struct http_req *q)
{
    return api_path_id(q) ? db_submit(q, job_call_streams, NULL) : HTTP_DONE;
}
