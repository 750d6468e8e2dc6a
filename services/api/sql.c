#include "sql.h"

#include <inttypes.h>
#include <stdio.h>

#include "db.h"

// Beyond so many parameters no further number is taken: one costs 6, the other conditions need 15, store_args has 48.
#define ARGS_FOR_NUMBERS 26

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

size_t number_digits(struct span typed, char *buf, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < typed.n && n + 1 < cap; i++) {
        if (typed.p[i] >= '0' && typed.p[i] <= '9')
            buf[n++] = (char)typed.p[i];
    }
    if (n > 2 && buf[0] == '0' && buf[1] == '0') {
        n -= 2;
        memmove(buf, buf + 2, n);
    }
    buf[n] = 0;
    return n;
}

// A letter makes it a name, not a number written with signs.
static bool is_name(struct span v)
{
    for (size_t i = 0; i < v.n; i++) {
        uint8_t c = v.p[i] | 0x20;
        if (c >= 'a' && c <= 'z')
            return true;
    }
    return false;
}

static void match_party(struct sql *s, const char *party, const char *whole, const char *with_00,
                        const char *last)
{
    char piece[160];
    snprintf(piece, sizeof(piece), "%s_digits IN (?, ?)", party);
    sql_add(s, piece);
    store_arg_str(&s->args, whole);
    store_arg_str(&s->args, with_00);
    if (!last)
        return;
    snprintf(piece, sizeof(piece), " OR reverse(%s_digits) LIKE ?", party);
    sql_add(s, piece);
    store_arg_str(&s->args, last);
}

static void match_one(struct sql *s, struct span v, bool from, bool to)
{
    char digits[40], last[48], with_00[48];
    size_t n = number_digits(v, digits, sizeof(digits));
    if (n == 0 || is_name(v)) {
        const char *name = sql_keep(s, v);
        sql_add(s, from && to ? "from_user = ? OR to_user = ?"
                   : from     ? "from_user = ?"
                              : "to_user = ?");
        store_arg_str(&s->args, name);
        if (from && to)
            store_arg_str(&s->args, name);
        return;
    }
    // The last digits stand first in reverse(): a prefix there is what the index is for.
    for (size_t i = 0; i < n; i++)
        last[i] = digits[n - 1 - i];
    last[n] = '%';
    snprintf(with_00, sizeof(with_00), "00%s", digits);
    const char *d = sql_keep(s, span_of(digits, n)), *z = sql_keep(s, span_str(with_00));
    const char *l = n >= 4 ? sql_keep(s, span_of(last, n + 1)) : NULL;
    if (from)
        match_party(s, "from", d, z, l);
    if (from && to)
        sql_add(s, " OR ");
    if (to)
        match_party(s, "to", d, z, l);
}

bool sql_where_number(struct http_req *q, struct sql *s, const char *param, bool from, bool to)
{
    const char *v = query_get(q, param);
    struct span rest = span_str(v ? v : ""), one;
    const char *join = " AND (";
    // 7 values with 6 parameters each leave room for the other conditions.
    for (int i = 0; query_list_next(&rest, &one); i++) {
        if (i == 4 || s->args.n > ARGS_FOR_NUMBERS) {
            http_problem(q, 400, "bad_parameter", "%s: at most 4 numbers in one question", param);
            return false;
        }
        sql_add(s, join);
        match_one(s, one, from, to);
        join = " OR ";
    }
    if (join[1] == 'O')
        sql_add(s, ")");
    return true;
}
