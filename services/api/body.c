#include "body.h"

#include <stdint.h>

#define MEMBERS_MAX 32

static void skip_space(struct cur *c)
{
    while (cur_left(c) && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
        c->p++;
}

static bool eat(struct cur *c, uint8_t what)
{
    skip_space(c);
    if (!cur_left(c) || *c->p != what)
        return false;
    c->p++;
    return true;
}

static bool hex4(struct cur *c, uint32_t *ret)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t d = cur_u8(c);
        if (d >= '0' && d <= '9')
            v = v << 4 | (uint32_t)(d - '0');
        else if ((d | 0x20) >= 'a' && (d | 0x20) <= 'f')
            v = v << 4 | (uint32_t)((d | 0x20) - 'a' + 10);
        else
            return false;
    }
    *ret = v;
    return true;
}

static bool put(char *buf, size_t cap, size_t *n, uint8_t b)
{
    if (b == 0 || *n + 1 >= cap)
        return false;
    buf[(*n)++] = (char)b;
    return true;
}

static bool put_point(char *buf, size_t cap, size_t *n, uint32_t v)
{
    if (v < 0x80)
        return put(buf, cap, n, (uint8_t)v);
    if (v < 0x800)
        return put(buf, cap, n, (uint8_t)(0xC0 | v >> 6)) &&
               put(buf, cap, n, (uint8_t)(0x80 | (v & 0x3F)));
    if (v < 0x10000)
        return put(buf, cap, n, (uint8_t)(0xE0 | v >> 12)) &&
               put(buf, cap, n, (uint8_t)(0x80 | (v >> 6 & 0x3F))) &&
               put(buf, cap, n, (uint8_t)(0x80 | (v & 0x3F)));
    return put(buf, cap, n, (uint8_t)(0xF0 | v >> 18)) &&
           put(buf, cap, n, (uint8_t)(0x80 | (v >> 12 & 0x3F))) &&
           put(buf, cap, n, (uint8_t)(0x80 | (v >> 6 & 0x3F))) &&
           put(buf, cap, n, (uint8_t)(0x80 | (v & 0x3F)));
}

static bool escape(struct cur *c, char *buf, size_t cap, size_t *n)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    uint8_t e = cur_u8(c);
    uint32_t hi = 0, lo = 0;
    const char *at = e ? strchr(from, e) : NULL;
    if (at)
        return put(buf, cap, n, (uint8_t)to[at - from]);
    if (e != 'u' || !hex4(c, &hi))
        return false;
    if (hi < 0xD800 || hi > 0xDFFF)
        return put_point(buf, cap, n, hi);
    if (hi > 0xDBFF || cur_u8(c) != '\\' || cur_u8(c) != 'u' || !hex4(c, &lo) || lo < 0xDC00 ||
        lo > 0xDFFF)
        return false;
    return put_point(buf, cap, n, 0x10000 + ((hi - 0xD800) << 10 | (lo - 0xDC00)));
}

static bool text(struct cur *c, char *buf, size_t cap, size_t *ret_n)
{
    size_t n = 0;
    if (!eat(c, '"'))
        return false;
    while (cur_left(c) && *c->p != '"') {
        uint8_t b = cur_u8(c);
        if (b < 0x20 || !(b == '\\' ? escape(c, buf, cap, &n) : put(buf, cap, &n, b)))
            return false;
    }
    buf[n] = 0;
    *ret_n = n;
    return !c->failed && eat(c, '"');
}

// A number or a word: what is between here and the next comma or brace; only told from objects, arrays and texts.
static bool plain(struct cur *c)
{
    skip_space(c);
    const uint8_t *from = c->p;
    while (cur_left(c) && ((*c->p | 0x20) >= 'a' ? (*c->p | 0x20) <= 'z'
                                                 : (*c->p >= '0' && *c->p <= '9') || *c->p == '-' ||
                                                       *c->p == '+' || *c->p == '.'))
        c->p++;
    return c->p > from;
}

static bool member(struct cur *c, struct body_field *fields, size_t nfields)
{
    char name[64], other[512];
    size_t n = 0;
    struct body_field *f = NULL;
    if (!text(c, name, sizeof(name), &n) || !eat(c, ':'))
        return false;
    for (size_t i = 0; i < nfields; i++) {
        if (strcmp(fields[i].name, name) == 0)
            f = &fields[i];
    }
    if (f) {
        if (f->found || !text(c, f->buf, f->cap, &n))
            return false;
        f->found = true;
        char clean[1024]; // the same again when it is clean UTF-8 without control characters
        return span_utf8(span_of(f->buf, n), clean, sizeof(clean)) == n &&
               strcmp(clean, f->buf) == 0;
    }
    skip_space(c);
    return cur_left(c) && *c->p == '"' ? text(c, other, sizeof(other), &n) : plain(c);
}

bool body_read(struct span json, struct body_field *fields, size_t n)
{
    struct cur c = cur_of(json);
    if (!eat(&c, '{'))
        return false;
    for (int i = 0; i < MEMBERS_MAX; i++) {
        if (i == 0 && eat(&c, '}'))
            break;
        if (!member(&c, fields, n))
            return false;
        if (eat(&c, '}'))
            break;
        if (!eat(&c, ',') || i + 1 == MEMBERS_MAX)
            return false;
    }
    skip_space(&c);
    for (size_t i = 0; i < n; i++) {
        if (!fields[i].found)
            return false;
    }
    return cur_left(&c) == 0;
}
