#include "base/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/mono.h"

void json_init(struct json *j, char *buf, size_t cap)
{
    *j = (struct json){.buf = buf, .cap = cap, .overflow = cap == 0};
    if (cap)
        buf[0] = 0;
}

// The text stays zero-ended at every moment.
static void put(struct json *j, const void *p, size_t n)
{
    if (j->overflow || n > j->cap - 1 - j->n) {
        j->overflow = true;
        return;
    }
    memcpy(j->buf + j->n, p, n);
    j->n += n;
    j->buf[j->n] = 0;
}

static void begin_value(struct json *j)
{
    if (j->comma)
        put(j, ",", 1);
    j->comma = true;
}

void json_obj(struct json *j)
{
    begin_value(j);
    put(j, "{", 1);
    j->comma = false;
}

void json_obj_end(struct json *j)
{
    put(j, "}", 1);
    j->comma = true;
}

void json_arr(struct json *j)
{
    begin_value(j);
    put(j, "[", 1);
    j->comma = false;
}

void json_arr_end(struct json *j)
{
    put(j, "]", 1);
    j->comma = true;
}

// RFC 8259 section 7; what is not UTF-8 becomes U+FFFD (section 8.1 wants UTF-8 only).
static void put_string(struct json *j, struct span s)
{
    put(j, "\"", 1);
    size_t plain = 0; // bytes before s.p that wait to be copied as they are
    const uint8_t *p = s.p, *end = s.p + s.n;
    while (p < end) {
        bool good;
        size_t n = span_utf8_char(span_of(p, (size_t)(end - p)), &good);
        if (good && *p >= 0x20 && *p != '"' && *p != '\\' && *p != 0x7F) {
            plain += n;
            p += n;
            continue;
        }
        put(j, p - plain, plain);
        plain = 0;
        char esc[8];
        int len;
        if (!good)
            len = snprintf(esc, sizeof(esc), "\xEF\xBF\xBD");
        else if (*p == '"' || *p == '\\')
            len = snprintf(esc, sizeof(esc), "\\%c", *p);
        else if (*p == '\n' || *p == '\r' || *p == '\t')
            len = snprintf(esc, sizeof(esc), "\\%c", *p == '\n' ? 'n' : *p == '\r' ? 'r' : 't');
        else
            len = snprintf(esc, sizeof(esc), "\\u%04x", *p);
        put(j, esc, (size_t)len);
        p += n;
    }
    if (plain)
        put(j, p - plain, plain);
    put(j, "\"", 1);
}

void json_key(struct json *j, const char *key)
{
    begin_value(j);
    put_string(j, span_str(key));
    put(j, ":", 1);
    j->comma = false;
}

void json_span(struct json *j, struct span s)
{
    begin_value(j);
    put_string(j, s);
}

void json_str(struct json *j, const char *s)
{
    if (s)
        json_span(j, span_str(s));
    else
        json_null(j);
}

static void put_text(struct json *j, const char *s, int n)
{
    begin_value(j);
    put(j, s, n > 0 ? (size_t)n : 0);
}

void json_int(struct json *j, int64_t v)
{
    char b[24];
    put_text(j, b, snprintf(b, sizeof(b), "%" PRId64, v));
}

void json_uint(struct json *j, uint64_t v)
{
    char b[24];
    put_text(j, b, snprintf(b, sizeof(b), "%" PRIu64, v));
}

void json_real(struct json *j, double v, int digits)
{
    char b[48];
    int d = digits < 0 ? 0 : digits > 15 ? 15 : digits;
    if (!isfinite(v))
        json_null(j);
    else if (fabs(v) < 1e15)
        put_text(j, b, snprintf(b, sizeof(b), "%.*f", d, v));
    else
        put_text(j, b, snprintf(b, sizeof(b), "%.17g", v));
}

void json_bool(struct json *j, bool v)
{
    put_text(j, v ? "true" : "false", v ? 4 : 5);
}

void json_null(struct json *j)
{
    put_text(j, "null", 4);
}

void json_raw(struct json *j, struct span s)
{
    begin_value(j);
    put(j, s.p, s.n);
}

void json_uuid(struct json *j, const struct uuid *u)
{
    char b[37];
    uuid_format(u, b);
    json_span(j, span_of(b, 36));
}

void json_time(struct json *j, int64_t wall_us)
{
    char b[32];
    if (wall_us == 0)
        json_null(j);
    else
        json_span(j, span_of(b, wall_format(wall_us, b, sizeof(b))));
}

void json_kstr(struct json *j, const char *key, const char *v)
{
    json_key(j, key);
    json_str(j, v);
}

void json_kspan(struct json *j, const char *key, struct span v)
{
    json_key(j, key);
    json_span(j, v);
}

void json_kint(struct json *j, const char *key, int64_t v)
{
    json_key(j, key);
    json_int(j, v);
}

void json_kuint(struct json *j, const char *key, uint64_t v)
{
    json_key(j, key);
    json_uint(j, v);
}

void json_kreal(struct json *j, const char *key, double v, int digits)
{
    json_key(j, key);
    json_real(j, v, digits);
}

void json_kbool(struct json *j, const char *key, bool v)
{
    json_key(j, key);
    json_bool(j, v);
}

void json_kuuid(struct json *j, const char *key, const struct uuid *u)
{
    json_key(j, key);
    json_uuid(j, u);
}

void json_ktime(struct json *j, const char *key, int64_t wall_us)
{
    json_key(j, key);
    json_time(j, wall_us);
}

void json_knull(struct json *j, const char *key)
{
    json_key(j, key);
    json_null(j);
}
