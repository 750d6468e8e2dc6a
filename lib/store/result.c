// Values of a result: text form to C.
#include <stdlib.h>
#include <string.h>
#include "base/mono.h"
#include "store/conn_priv.h"

static const PGresult *pg(const struct store_result *r)
{
    return (const PGresult *)r;
}

struct store_result *store_result_free(struct store_result *r)
{
    if (r)
        PQclear((PGresult *)r);
    return NULL;
}

size_t store_rows(const struct store_result *r)
{
    return r ? (size_t)PQntuples(pg(r)) : 0;
}

uint64_t store_affected(const struct store_result *r)
{
    // PQcmdTuples wants a pointer to non-const, and changes nothing.
    union {
        const struct store_result *in;
        PGresult *out;
    } u = {.in = r};
    return r ? strtoull(PQcmdTuples(u.out), NULL, 10) : 0;
}

bool store_null(const struct store_result *r, size_t row, size_t col)
{
    return PQgetisnull(pg(r), (int)row, (int)col) != 0;
}

struct span store_span(const struct store_result *r, size_t row, size_t col)
{
    return span_of(PQgetvalue(pg(r), (int)row, (int)col),
                   (size_t)PQgetlength(pg(r), (int)row, (int)col));
}

const char *store_str(const struct store_result *r, size_t row, size_t col)
{
    return PQgetvalue(pg(r), (int)row, (int)col);
}

int64_t store_int(const struct store_result *r, size_t row, size_t col)
{
    return strtoll(store_str(r, row, col), NULL, 10);
}

double store_real(const struct store_result *r, size_t row, size_t col)
{
    return strtod(store_str(r, row, col), NULL);
}

bool store_bool(const struct store_result *r, size_t row, size_t col)
{
    return store_str(r, row, col)[0] == 't';
}

bool store_uuid(const struct store_result *r, size_t row, size_t col, struct uuid *ret)
{
    return uuid_parse(store_span(r, row, col), ret);
}

// Days from 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant's days_from_civil).
static int64_t civil_days(int64_t y, unsigned m, unsigned d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    unsigned yoe = (unsigned)(y - era * 400);
    unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + (int64_t)doe - 719468;
}

static unsigned digits(const char **p, unsigned max)
{
    unsigned v = 0;
    for (unsigned i = 0; i < max && **p >= '0' && **p <= '9'; i++, (*p)++)
        v = v * 10 + (unsigned)(**p - '0');
    return v;
}

static void skip_one(const char **p)
{
    if (**p)
        (*p)++;
}

// ISO form: 2026-11-20 20:00:00.123456+05:30 (offset hours, perhaps minutes and seconds).
int64_t store_time(const struct store_result *r, size_t row, size_t col)
{
    const char *p = store_str(r, row, col);
    if (*p < '0' || *p > '9')
        return 0; // null, infinity
    unsigned part[6];
    for (size_t i = 0; i < 6; i++) {
        part[i] = digits(&p, 5);
        if (i < 5)
            skip_one(&p);
    }
    int64_t us = 0;
    if (*p == '.') {
        p++;
        int64_t unit = 100000;
        for (; *p >= '0' && *p <= '9'; p++, unit /= 10)
            us += unit * (*p - '0');
    }
    int64_t off = 0;
    if (*p == '+' || *p == '-') {
        bool west = *p++ == '-';
        int64_t unit = 3600;
        for (int i = 0; i < 3; i++, unit /= 60) {
            off += unit * digits(&p, 2);
            if (*p == ':')
                p++;
        }
        off = west ? -off : off;
    }
    int64_t s = civil_days(part[0], part[1], part[2]) * 86400 + part[3] * 3600 + part[4] * 60 +
                part[5] - off;
    return s * US_PER_S + us;
}

static unsigned hex(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

size_t store_bytes(const struct store_result *r, size_t row, size_t col, uint8_t *buf, size_t cap)
{
    struct span s = store_span(r, row, col);
    size_t n = 0;
    for (size_t i = 2; i + 1 < s.n && n < cap; i += 2) // after "\x"
        buf[n++] = (uint8_t)(hex((char)s.p[i]) << 4 | hex((char)s.p[i + 1]));
    return n;
}

bool store_array_next(struct span array, size_t *pos, char *buf, size_t cap, size_t *ret_n)
{
    size_t i = *pos ? *pos : 1; // after '{'
    if (i >= array.n || (array.p[i] == '}' && *pos == 0))
        return false;
    bool quoted = array.p[i] == '"';
    size_t n = 0;
    for (i += quoted; i < array.n; i++) {
        uint8_t c = array.p[i];
        if (quoted ? c == '"' : (c == ',' || c == '}'))
            break;
        if (quoted && c == '\\' && i + 1 < array.n)
            c = array.p[++i];
        if (n + 1 < cap)
            buf[n++] = (char)c;
    }
    if (cap)
        buf[n] = 0;
    *ret_n = n;
    *pos = i + (quoted ? 2 : 1); // after the quote and the ',' or '}'
    return true;
}
