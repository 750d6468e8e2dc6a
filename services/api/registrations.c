// /registrations: who is where. Paged by (site, aor, contact); the cursor is the three, in hex, joined by dots.
#include <stdio.h>

#include "api.h"
#include "db.h"
#include "rows.h"
#include "sql.h"

static void hex_put(char *buf, size_t cap, size_t *n, struct span s)
{
    for (size_t i = 0; i < s.n && *n + 3 < cap; i++)
        *n += (size_t)snprintf(buf + *n, cap - *n, "%02x", s.p[i]);
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// One part into keep memory of the question; NULL: not hex.
static const char *hex_part(struct sql *s, struct span *rest)
{
    char text[600];
    size_t dot = span_find(*rest, '.'), n = 0;
    if (dot % 2 || dot / 2 >= sizeof(text))
        return NULL;
    for (size_t i = 0; i < dot; i += 2) {
        int a = hex_digit(rest->p[i]), b = hex_digit(rest->p[i + 1]);
        if (a < 0 || b < 0)
            return NULL;
        text[n++] = (char)(a << 4 | b);
    }
    *rest = span_sub(*rest, dot + 1, rest->n);
    return sql_keep(s, span_of(text, n));
}

static bool where_after(struct http_req *q, struct sql *s)
{
    const char *cursor = query_get(q, "cursor"), *part[3];
    if (!cursor || !cursor[0])
        return true;
    struct span rest = span_str(cursor);
    for (int i = 0; i < 3; i++) {
        part[i] = hex_part(s, &rest);
        if (!part[i]) {
            http_problem(q, 400, "bad_parameter", "cursor is the next_cursor of a page before");
            return false;
        }
    }
    sql_add(s, " AND (site, aor, contact) > (?, ?, ?)");
    for (int i = 0; i < 3; i++)
        store_arg_str(&s->args, part[i]);
    return true;
}

static void row(struct json *j, const struct store_result *r, size_t i)
{
    json_obj(j);
    json_kspan(j, "site", store_span(r, i, 0));
    json_kspan(j, "aor", store_span(r, i, 1));
    json_kspan(j, "contact", store_span(r, i, 2));
    json_kspan(j, "user_agent", store_span(r, i, 3));
    address_json(j, "src", store_span(r, i, 4), store_int(r, i, 5));
    json_ktime(j, "registered_at", store_time(r, i, 6));
    json_ktime(j, "expires_at", store_time(r, i, 7));
    json_obj_end(j);
}

static void job_registrations(struct store *st, struct http_req *q)
{
    struct sql s;
    struct page p = {.limit = 50};
    const char *aor = query_get(q, "aor"), *limit = query_get(q, "limit");
    uint64_t n = 50;
    if (limit && (!span_u64(span_str(limit), 200, &n) || n < 1)) {
        http_problem(q, 400, "bad_parameter", "limit is 1 to 200");
        return;
    }
    p.limit = (int64_t)n;
    sql_init(&s);
    sql_add(&s, "SELECT site, aor, contact, user_agent, host(src_ip), src_port, registered_at, "
                "expires_at FROM registrations "
                "WHERE true");
    if (!sql_where_list(q, &s, "site", "site", NULL, 0) || !where_after(q, &s))
        return;
    if (aor && aor[0]) {
        sql_add(&s,
                " AND (aor = ? OR split_part(substr(aor, position(':' in aor) + 1), '@', 1) = ?)");
        store_arg_str(&s.args, aor);
        store_arg_str(&s.args, aor);
    }
    sql_add(&s, " ORDER BY site, aor, contact LIMIT ?");
    store_arg_int(&s.args, p.limit + 1);
    struct store_result *r = sql_run(st, q, &s);
    struct json *j = r ? page_begin(q) : NULL;
    if (j) {
        char cursor[1600] = "";
        size_t rows = store_rows(r), max = rows < n ? rows : n, c = 0;
        for (size_t i = 0; i < max; i++)
            row(j, r, i);
        for (size_t col = 0; rows > max && col < 3; col++) {
            hex_put(cursor, sizeof(cursor), &c, store_span(r, max - 1, col));
            cursor[c++] = '.';
            cursor[c] = 0;
        }
        page_end(j, rows > max, cursor);
        http_reply_json(q, 200);
    }
    store_result_free(r);
}

enum http_next on_registrations(struct http_req *q)
{
    return db_submit(q, job_registrations, NULL);
}
