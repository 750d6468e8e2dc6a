// The caller gives "key=value key=value" in one printf; here it is taken apart again, so that both
// formats quote and escape properly whatever the values hold. A value runs to the next " key=" or,
// when it began with a quote, to the quote before the next " key=" or the end. A text from outside can
// thus fake a field, never a line.
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mono.h"
#include "base/span.h"

#define LINE_MAX_BYTES 2048
#define PER_SECOND     10

static const char *service = "callmesh";
static _Atomic int max_level = LOG_INFO;
static _Atomic int format = LOG_TEXT;
static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_setup(const char *name, enum log_level level, enum log_format f)
{
    service = name;
    max_level = (int)level;
    format = (int)f;
}

// True when the line may go out; *ret_left_out = lines that did not since the last one. Several
// threads may share a site: the counts are then approximate, never torn.
static bool rate_ok(struct log_site *site, uint32_t *ret_left_out)
{
    int64_t now = mono_now_us();
    int64_t window = __atomic_load_n(&site->window_us, __ATOMIC_RELAXED);
    *ret_left_out = 0;
    if ((window == 0 || now - window >= US_PER_S) &&
        __atomic_compare_exchange_n(&site->window_us, &window, now, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED)) {
        __atomic_store_n(&site->count, 1, __ATOMIC_RELAXED);
        *ret_left_out = __atomic_exchange_n(&site->suppressed, 0, __ATOMIC_RELAXED);
        return true;
    }
    if (__atomic_add_fetch(&site->count, 1, __ATOMIC_RELAXED) <= PER_SECOND)
        return true;
    __atomic_add_fetch(&site->suppressed, 1, __ATOMIC_RELAXED);
    return false;
}

static bool is_key_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

// Length of a "key" before '=' at the start of s, or 0.
static size_t key_len(struct span s)
{
    size_t n = 0;
    while (n < s.n && is_key_char(s.p[n]))
        n++;
    return n > 0 && n < s.n && s.p[n] == '=' ? n : 0;
}

// Takes one field off the front. False at the end. Words without a key get the key "note".
static bool next_field(struct span *s, struct span *ret_key, struct span *ret_value)
{
    while (s->n > 0 && s->p[0] == ' ')
        *s = span_sub(*s, 1, SIZE_MAX);
    if (s->n == 0)
        return false;
    size_t k = key_len(*s);
    *ret_key = k ? span_sub(*s, 0, k) : SPAN_LIT("note");
    struct span rest = k ? span_sub(*s, k + 1, SIZE_MAX) : *s;
    size_t end;
    if (k && rest.n > 0 && rest.p[0] == '"') {
        rest = span_sub(rest, 1, SIZE_MAX);
        // The closing quote is the one before a field or the end: a quote inside the value is part
        // of it.
        for (end = 0; end < rest.n; end++)
            if (rest.p[end] == '"' &&
                (end + 1 == rest.n ||
                 (rest.p[end + 1] == ' ' && key_len(span_sub(rest, end + 2, SIZE_MAX)))))
                break;
        *ret_value = span_sub(rest, 0, end);
        *s = span_sub(rest, end + 1, SIZE_MAX);
        return true;
    }
    for (end = 0; end < rest.n; end++)
        if (rest.p[end] == ' ' && key_len(span_sub(rest, end + 1, SIZE_MAX)))
            break;
    *ret_value = span_sub(rest, 0, end);
    *s = span_sub(rest, end, SIZE_MAX);
    return true;
}

static bool is_plain(struct span v)
{
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] <= ' ' || v.p[i] == '"' || v.p[i] == '=' || v.p[i] == '\\' || v.p[i] >= 0x7F)
            return false;
    return v.n > 0;
}

struct line {
    char buf[LINE_MAX_BYTES];
    size_t n;
};

static void put(struct line *l, struct span s)
{
    l->n +=
        span_copy(s, l->buf + l->n, sizeof(l->buf) - 1 - l->n); // one byte stays for the line end
}

static void put_value(struct line *l, struct span v)
{
    if (is_plain(v)) {
        put(l, v);
        return;
    }
    char quoted[LINE_MAX_BYTES];
    struct json j;
    json_init(&j, quoted, sizeof(quoted));
    json_span(&j, v);
    put(l, j.overflow ? SPAN_LIT("\"(too long)\"") : span_of(quoted, j.n));
}

static void put_field(struct line *l, const char *key, struct span v)
{
    put(l, SPAN_LIT(" "));
    put(l, span_str(key));
    put(l, SPAN_LIT("="));
    put_value(l, v);
}

static void make_text(struct line *l, const char *time, const char *level, const char *msg,
                      struct span fields, uint32_t left_out)
{
    struct span key, value;
    put(l, SPAN_LIT("time="));
    put(l, span_str(time));
    put_field(l, "level", span_str(level));
    put_field(l, "service", span_str(service));
    put_field(l, "msg", span_str(msg));
    while (next_field(&fields, &key, &value)) {
        put(l, SPAN_LIT(" "));
        put(l, key);
        put(l, SPAN_LIT("="));
        put_value(l, value);
    }
    if (left_out) {
        char n[16];
        snprintf(n, sizeof(n), "%u", left_out);
        put_field(l, "left_out", span_str(n));
    }
    l->buf[l->n++] = '\n';
}

static void make_json(struct line *l, const char *time, const char *level, const char *msg,
                      struct span fields, uint32_t left_out)
{
    struct span key, value;
    struct json j;
    json_init(&j, l->buf, sizeof(l->buf) - 2); // room for the brace and the line end
    json_obj(&j);
    json_kstr(&j, "time", time);
    json_kstr(&j, "level", level);
    json_kstr(&j, "service", service);
    json_kstr(&j, "msg", msg);
    if (left_out)
        json_kuint(&j, "left_out", left_out);
    struct json whole = j; // a field that does not fit is left away as a whole: the line stays JSON
    while (next_field(&fields, &key, &value)) {
        char name[64];
        span_copy(key, name, sizeof(name));
        json_kspan(&j, name, value);
        if (j.overflow)
            break;
        whole = j;
    }
    l->n = whole.n;
    l->buf[l->n++] = '}';
    l->buf[l->n++] = '\n';
}

void log_line(struct log_site *site, enum log_level level, const char *msg, const char *fmt, ...)
{
    uint32_t left_out;
    if ((int)level > atomic_load_explicit(&max_level, memory_order_relaxed) ||
        !rate_ok(site, &left_out))
        return;
    char text[LINE_MAX_BYTES], time[32];
    va_list ap;
    va_start(ap, fmt);
    int r = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    size_t n = r < 0 ? 0 : (size_t)r < sizeof(text) ? (size_t)r : sizeof(text) - 1;
    wall_format(wall_now_us(), time, sizeof(time));

    struct line l;
    l.n = 0;
    if (atomic_load_explicit(&format, memory_order_relaxed) == LOG_JSON)
        make_json(&l, time, level_names[level], msg, span_of(text, n), left_out);
    else
        make_text(&l, time, level_names[level], msg, span_of(text, n), left_out);
    // One write, so lines of several threads and processes do not mix. If stderr is gone there is
    // nobody to tell.
    ssize_t w = write(STDERR_FILENO, l.buf, l.n);
    (void)w;
}
