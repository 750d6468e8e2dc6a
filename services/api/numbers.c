// Numbers of a search: what somebody has typed, as it may stand in a call: its digits, its last digits, and in E.164 by the dial plans of the
// sites. Limit: READINGS_MAX readings of one number (more sites with other plans: the rest is not looked for).
#include "numbers.h"

#include <stdio.h>

#include "db.h"
#include "number/dialplan.h"

// Beyond so many parameters no further number is taken: one costs 8, the other conditions need 15, store_args has 48.
#define ARGS_FOR_NUMBERS 25
#define READINGS_MAX     8

bool dial_row(const struct store_result *r, size_t i, size_t at, struct dialplan *ret,
              const char **ret_why)
{
    struct dialplan_text t = {
        store_span(r, i, at),     store_span(r, i, at + 1), store_span(r, i, at + 2),
        store_span(r, i, at + 3), store_span(r, i, at + 4), store_span(r, i, at + 5),
        store_span(r, i, at + 6), store_span(r, i, at + 7), store_span(r, i, at + 8),
        store_span(r, i, at + 9), store_span(r, i, at + 10)};
    return dialplan_read(&t, ret, ret_why);
}

static const char plans_sql[] = "SELECT site, " DIAL_COLUMNS " FROM dial_plans ORDER BY site";

struct readings {
    size_t n;
    char list[READINGS_MAX * DIAL_E164_TEXT]; // with commas between
};

static void add_reading(struct readings *e, const struct dialplan *p, struct span typed,
                        enum dial_way way)
{
    uint64_t n;
    char text[DIAL_E164_TEXT];
    (void)dialplan_number(p, typed, way, &n);
    size_t len = dial_e164_text(n, text);
    if (!len || e->n >= READINGS_MAX)
        return;
    struct span rest = span_str(e->list), one;
    while (query_list_next(&rest, &one))
        if (span_eq(one, span_of(text, len)))
            return;
    size_t at = strlen(e->list);
    snprintf(e->list + at, sizeof(e->list) - at, "%s%s", at ? "," : "", text);
    e->n++;
}

static bool site_wanted(struct http_req *q, struct span site)
{
    const char *v = query_get(q, "site");
    struct span rest = span_str(v ? v : ""), one;
    bool any = !rest.n || span_eq(site, SPAN_LIT("*"));
    while (!any && query_list_next(&rest, &one))
        any = span_eq(one, site);
    return any;
}

// As a call of any of the sites asked for may have it.
static void readings_of(const struct store_result *plans, struct http_req *q, struct span typed,
                        struct readings *ret)
{
    struct dialplan p;
    const char *why;
    *ret = (struct readings){0};
    add_reading(ret, NULL, typed, DIAL_SHOWN);
    for (size_t i = 0; i < store_rows(plans); i++) {
        if (!site_wanted(q, store_span(plans, i, 0)) || !dial_row(plans, i, 1, &p, &why))
            continue;
        add_reading(ret, &p, typed, DIAL_SHOWN);
        add_reading(ret, &p, typed, DIAL_DIALLED);
    }
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
                        const char *last, const char *e164)
{
    char piece[160];
    snprintf(piece, sizeof(piece), "%s_digits IN (?, ?)", party);
    sql_add(s, piece);
    store_arg_str(&s->args, whole);
    store_arg_str(&s->args, with_00);
    if (e164[0]) {
        snprintf(piece, sizeof(piece), " OR %s_e164 = ANY (string_to_array(?, ','))", party);
        sql_add(s, piece);
        store_arg_str(&s->args, e164);
    }
    if (!last)
        return;
    snprintf(piece, sizeof(piece), " OR reverse(%s_digits) LIKE ?", party);
    sql_add(s, piece);
    store_arg_str(&s->args, last);
}

static void match_one(struct sql *s, struct span v, const struct readings *e, bool from, bool to)
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
    const char *e164 = sql_keep(s, span_str(e->list));
    const char *l = n >= 4 ? sql_keep(s, span_of(last, n + 1)) : NULL;
    if (from)
        match_party(s, "from", d, z, l, e164);
    if (from && to)
        sql_add(s, " OR ");
    if (to)
        match_party(s, "to", d, z, l, e164);
}

bool numbers_where(struct store *st, struct http_req *q, struct sql *s, const char *param,
                   bool from, bool to)
{
    const char *v = query_get(q, param);
    struct span rest = span_str(v ? v : ""), one;
    const char *join = " AND (";
    struct store_result *plans = NULL;
    if (rest.n && !(plans = db_query(st, q, plans_sql, NULL)))
        return false;
    for (int i = 0; query_list_next(&rest, &one); i++) {
        if (i == 4 || s->args.n > ARGS_FOR_NUMBERS) {
            http_problem(q, 400, "bad_parameter", "%s: at most 4 numbers in one question", param);
            store_result_free(plans);
            return false;
        }
        sql_add(s, join);
        struct readings e;
        readings_of(plans, q, one, &e);
        match_one(s, one, &e, from, to);
        join = " OR ";
    }
    if (join[1] == 'O')
        sql_add(s, ")");
    store_result_free(plans);
    return true;
}
