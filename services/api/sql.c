#include "sql.h"

#include <inttypes.h>
#include <stdio.h>

#include "db.h"

void sql_init(struct sql *s)
{
    s->n = 0;
    s->text[0] = 0;
    s->overflow = false;
    s->keep_n = 0;
    store_args_init(&s->args);
}

static void put(struct sql *s, const char *p, size_t n)
{
    if (n >= sizeof(s->text) - s->n) {
        s->overflow = true;
        return;
    }
    memcpy(s->text + s->n, p, n);
    s->n += n;
    s->text[s->n] = 0;
}

void sql_add(struct sql *s, const char *piece)
{
    int next = s->args.n;
    for (const char *p = piece; *p; p++) {
        char num[16];
        if (*p != '?')
            put(s, p, 1);
        else
            put(s, num, (size_t)snprintf(num, sizeof(num), "$%d", ++next));
    }
}

const char *sql_keep(struct sql *s, struct span v)
{
    if (v.n >= sizeof(s->keep) - s->keep_n) {
        s->overflow = true;
        return "";
    }
    char *at = s->keep + s->keep_n;
    memcpy(at, v.p, v.n);
    at[v.n] = 0;
    s->keep_n += v.n + 1;
    return at;
}

struct store_result *sql_run(struct store *st, struct http_req *q, struct sql *s)
{
    if (s->overflow) {
        http_problem(q, 400, "bad_parameter", "too many values in one question");
        return NULL;
    }
    return db_query(st, q, s->text, &s->args);
}

// ---- pages

void page_cursor(char *buf, size_t cap, int64_t at_us, const struct uuid *id)
{
    char u[37];
    uuid_format(id, u);
    snprintf(buf, cap, "%" PRIx64 ".%s", (uint64_t)at_us, u);
}

static bool cursor_parse(struct span c, struct page *p)
{
    uint64_t v = 0;
    size_t dot = span_find(c, '.');
    if (dot == 0 || dot > 15)
        return false;
    for (size_t i = 0; i < dot; i++) {
        uint8_t d = c.p[i];
        if (!((d >= '0' && d <= '9') || (d >= 'a' && d <= 'f')))
            return false;
        v = v << 4 | (uint64_t)(d <= '9' ? d - '0' : d - 'a' + 10);
    }
    p->at_us = (int64_t)v;
    p->has_cursor = true;
    return uuid_parse(span_sub(c, dot + 1, c.n), &p->id);
}

bool page_read(struct http_req *q, struct page *p)
{
    *p = (struct page){.limit = 50};
    const char *limit = query_get(q, "limit"), *cursor = query_get(q, "cursor");
    uint64_t n = 0;
    if (limit && (!span_u64(span_str(limit), 200, &n) || n < 1)) {
        http_problem(q, 400, "bad_parameter", "limit is 1 to 200");
        return false;
    }
    p->limit = limit ? (int64_t)n : p->limit;
    if (cursor && !cursor_parse(span_str(cursor), p)) {
        http_problem(q, 400, "bad_parameter", "cursor is the next_cursor of a page before");
        return false;
    }
    return true;
}

struct json *page_begin(struct http_req *q)
{
    struct json *j = http_json(q);
    if (!j)
        return NULL;
    json_obj(j);
    json_key(j, "data");
    json_arr(j);
    return j;
}

void page_end(struct json *j, bool more, const char *cursor)
{
    json_arr_end(j);
    json_kstr(j, "next_cursor", more ? cursor : NULL);
    json_kbool(j, "has_more", more);
    json_obj_end(j);
}

// ---- conditions

bool sql_where_list(struct http_req *q, struct sql *s, const char *param, const char *column,
                    const char *const *words, size_t nwords)
{
    const char *v = query_get(q, param);
    if (!v || !v[0])
        return true;
    if (words && !query_words_known(span_str(v), words, nwords)) {
        http_problem(q, 400, "bad_parameter", "%s does not know one of the values of %s", param, v);
        return false;
    }
    sql_add(s, " AND ");
    sql_add(s, column);
    sql_add(s, " = ANY (string_to_array(?, ','))");
    store_arg_str(&s->args, v);
    return true;
}

static bool where_bound(struct http_req *q, struct sql *s, const char *param, const char *column,
                        const char *op)
{
    const char *v = query_get(q, param);
    int64_t at = 0;
    if (!v || !v[0])
        return true;
    if (!query_time(span_str(v), &at)) {
        http_problem(q, 400, "bad_parameter", "%s is a time like 2026-11-20T20:00:00Z", param);
        return false;
    }
    sql_add(s, " AND ");
    sql_add(s, column);
    sql_add(s, op);
    store_arg_time(&s->args, at ? at : 1); // 0 would be null
    return true;
}

bool sql_where_time(struct http_req *q, struct sql *s, const char *column)
{
    return where_bound(q, s, "started_at[gte]", column, " >= ?") &&
           where_bound(q, s, "started_at[gt]", column, " > ?") &&
           where_bound(q, s, "started_at[lt]", column, " < ?") &&
           where_bound(q, s, "started_at[lte]", column, " <= ?");
}
