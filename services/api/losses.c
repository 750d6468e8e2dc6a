// /losses: what is known to be missing, and why: kernel drops, a full table, a journal that overflowed, a harvester that was down. A
// loss touches the calls of its site and harvester that overlap its time; asked with call_id, those of one call.
#include "api.h"
#include "db.h"
#include "rows.h"
#include "sql.h"

#define LOSS_KEY "md5(l.publisher || ' ' || l.seq || ' ' || l.n)::uuid"
#define LOSS                                                                                       \
    "l.site, l.publisher, l.place, l.count, l.from_at, l.to_at, l.bound, l.epoch, l.first_seq, "   \
    "l.last_seq, l.detail"
#define LOSS_AT "coalesce(l.to_at, l.from_at, '1970-01-01')"
// The range is the expression of its index; the two comparisons leave out losses without times.
#define OF_CALL                                                                                    \
    " JOIN calls c ON c.site = l.site AND l.publisher = ANY (c.harvesters)"                        \
    " AND tstzrange(least(l.from_at, l.to_at), greatest(l.from_at, l.to_at), '[]') && "            \
    "tstzrange(c.started_at, greatest(c.started_at, coalesce(c.ended_at, now())), '[]')"           \
    " AND l.from_at <= coalesce(c.ended_at, now()) AND l.to_at >= c.started_at AND c.id = "

void row_loss(struct json *j, const struct store_result *r, size_t i)
{
    json_obj(j);
    json_kspan(j, "site", store_span(r, i, 0));
    json_kspan(j, "harvester", store_span(r, i, 1));
    json_kspan(j, "place", store_span(r, i, 2));
    json_kint(j, "count", store_int(r, i, 3));
    json_ktime(j, "from", store_time(r, i, 4));
    json_ktime(j, "to", store_time(r, i, 5));
    json_kbool(j, "bound", store_bool(r, i, 6));
    row_int(j, "epoch", r, i, 7);
    row_int(j, "first_seq", r, i, 8);
    row_int(j, "last_seq", r, i, 9);
    json_kspan(j, "detail", store_span(r, i, 10));
    json_obj_end(j);
}

const char losses_of_call[] =
    "SELECT " LOSS " FROM losses l" OF_CALL "$1 ORDER BY l.from_at, l.seq, l.n LIMIT 100";

static void job_losses(struct store *st, struct http_req *q)
{
    struct sql s;
    struct page p;
    struct uuid call;
    const char *of = query_get(q, "call_id");
    if (!page_read(q, &p))
        return;
    sql_init(&s);
    sql_add(&s, "SELECT " LOSS ", " LOSS_AT ", " LOSS_KEY " FROM losses l");
    if (of && of[0]) {
        if (!uuid_parse(span_str(of), &call)) {
            http_problem(q, 400, "bad_parameter", "call_id is a UUID");
            return;
        }
        sql_add(&s, OF_CALL "?");
        store_arg_uuid(&s.args, &call);
    }
    sql_add(&s, " WHERE true");
    if (!sql_where_list(q, &s, "site", "l.site", NULL, 0) ||
        !sql_where_list(q, &s, "harvester", "l.publisher", NULL, 0))
        return;
    if (p.has_cursor) {
        sql_add(&s, " AND (" LOSS_AT ", " LOSS_KEY ") < (?, ?)");
        store_arg_time(&s.args, p.at_us);
        store_arg_uuid(&s.args, &p.id);
    }
    sql_add(&s, " ORDER BY 12 DESC, 13 DESC LIMIT ?");
    store_arg_int(&s.args, p.limit + 1);
    list_rows(st, q, &s, &p, row_loss, 11);
}

enum http_next on_losses(struct http_req *q)
{
    return db_submit(q, job_losses, NULL);
}
