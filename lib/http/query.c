#include "http/query.h"

#include <microhttpd.h>

const char *query_get(struct http_req *q, const char *name)
{
    return MHD_lookup_connection_value(q->conn, MHD_GET_ARGUMENT_KIND, name);
}

// Days from 1970-01-01 (H. Hinnant's days_from_civil).
static int64_t civil_days(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = y / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool number(struct cur *c, size_t digits, int64_t max, int64_t *ret)
{
    uint32_t v = 0;
    if (!span_u32(cur_take(c, digits), (uint32_t)max, &v))
        return false;
    *ret = v;
    return true;
}

static bool offset_parse(struct cur *c, int64_t *ret_s)
{
    uint8_t sign = cur_u8(c);
    if (sign == 'Z' || sign == 'z') {
        *ret_s = 0;
        return true;
    }
    int64_t h = 0, m = 0;
    // A plus that was not encoded arrives as a space.
    if ((sign != '+' && sign != '-' && sign != ' ') || !number(c, 2, 23, &h) || cur_u8(c) != ':' ||
        !number(c, 2, 59, &m))
        return false;
    *ret_s = (sign == '-' ? -1 : 1) * (h * 3600 + m * 60);
    return true;
}

bool query_time(struct span s, int64_t *ret_us)
{
    struct cur c = cur_of(s);
    int64_t y, mo, d, h, mi, se, off, us = 0;
    if (!number(&c, 4, 9999, &y) || cur_u8(&c) != '-' || !number(&c, 2, 12, &mo) ||
        cur_u8(&c) != '-' || !number(&c, 2, 31, &d) || y < 1970 || mo < 1 || d < 1)
        return false;
    uint8_t t = cur_u8(&c);
    if ((t != 'T' && t != 't' && t != ' ') || !number(&c, 2, 23, &h) || cur_u8(&c) != ':' ||
        !number(&c, 2, 59, &mi) || cur_u8(&c) != ':' || !number(&c, 2, 60, &se))
        return false;
    if (cur_left(&c) && *c.p == '.') {
        cur_skip(&c, 1);
        int64_t unit = 100000;
        size_t n = 0;
        for (; cur_left(&c) && *c.p >= '0' && *c.p <= '9'; n++, unit /= 10)
            us += unit * (cur_u8(&c) - '0');
        if (n == 0)
            return false;
    }
    if (!offset_parse(&c, &off) || c.failed || cur_left(&c))
        return false;
    *ret_us = (civil_days(y, mo, d) * 86400 + h * 3600 + mi * 60 + se - off) * 1000000 + us;
    return true;
}

bool query_list_next(struct span *rest, struct span *ret)
{
    while (rest->n) {
        size_t comma = span_find(*rest, ',');
        struct span v = span_trim(span_sub(*rest, 0, comma));
        *rest = span_sub(*rest, comma + 1, rest->n);
        if (v.n) {
            *ret = v;
            return true;
        }
    }
    return false;
}

bool query_words_known(struct span list, const char *const *words, size_t n)
{
    struct span v;
    while (query_list_next(&list, &v)) {
        size_t i = 0;
        while (i < n && !span_eq(v, span_str(words[i])))
            i++;
        if (i == n)
            return false;
    }
    return true;
}

bool query_etag_match(struct span header, struct span etag, bool weak_too)
{
    struct span v;
    while (query_list_next(&header, &v)) {
        if (span_eq(v, SPAN_LIT("*")))
            return true;
        bool weak = v.n > 2 && v.p[0] == 'W' && v.p[1] == '/';
        if (weak && weak_too)
            v = span_sub(v, 2, v.n);
        if (span_eq(v, etag))
            return true;
    }
    return false;
}
