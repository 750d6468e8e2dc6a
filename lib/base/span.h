// span.h: a borrowed view of bytes, and the bounded cursor that all parsing goes through.
// Owns nothing; the view lives as long as what it points into. Any thread. No limits of its own.
// A read past the end sets a sticky flag and yields zero, so one test at the end of a group is enough.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const uint8_t *p;
    size_t n;
};

#define SPAN_LIT(s) ((struct span){(const uint8_t *)(s), sizeof(s) - 1})

static inline struct span span_of(const void *p, size_t n)
{
    return (struct span){(const uint8_t *)p, n};
}

static inline struct span span_str(const char *s)
{
    return (struct span){(const uint8_t *)s, strlen(s)};
}

static inline bool span_eq(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

// ASCII case folded, as SIP tokens want it (RFC 3261 7.3.1).
bool span_ieq(struct span a, struct span b);
bool span_istarts(struct span s, struct span prefix);
// Without spaces, tabs, CR and LF at both ends.
static inline struct span span_trim(struct span s);
// First position of byte c, or s.n.
static inline size_t span_find(struct span s, uint8_t c);
// First position of needle, or s.n.
size_t span_find_span(struct span s, struct span needle);
// s from position `from`, at most n bytes; clamped, never out of bounds.
static inline struct span span_sub(struct span s, size_t from, size_t n);
// Digits only, at least one, at most `max`. False (and *ret untouched) otherwise.
bool span_u64(struct span s, uint64_t max, uint64_t *ret);
bool span_u32(struct span s, uint32_t max, uint32_t *ret);
// Copies to a zero-ended string of `cap` bytes, cut if needed. Returns bytes copied without the zero.
size_t span_copy(struct span s, char *dst, size_t cap);
// Copies as clean UTF-8: bad sequences and control characters become U+FFFD, cut at a character
// boundary within cap - 1. This is the one place where wire bytes become text.
size_t span_utf8(struct span s, char *dst, size_t cap);
// Length of the UTF-8 character at the start of s (good), or how many bytes of a bad sequence to skip
// (one U+FFFD each, as browsers do). 0 only for an empty span.
size_t span_utf8_char(struct span s, bool *ret_good);

// In the header because a SIP message asks hundreds of times.
static inline bool span_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static inline struct span span_trim(struct span s)
{
    while (s.n > 0 && span_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && span_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

static inline size_t span_find(struct span s, uint8_t c)
{
    if (s.n > PTRDIFF_MAX)
        __builtin_unreachable(); // no object is so large, and the compiler warns of it where it is inlined
    const uint8_t *hit = s.n ? (const uint8_t *)memchr(s.p, c, s.n) : NULL;
    return hit ? (size_t)(hit - s.p) : s.n;
}

static inline struct span span_sub(struct span s, size_t from, size_t n)
{
    if (from >= s.n)
        return (struct span){s.n ? s.p + s.n : s.p, 0};
    size_t left = s.n - from;
    return (struct span){s.p + from, n < left ? n : left};
}

struct cur {
    const uint8_t *p;
    const uint8_t *end;
    bool failed;
};

static inline struct cur cur_of(struct span s)
{
    return (struct cur){s.p, s.n ? s.p + s.n : s.p,
                        false}; // no sum on the null pointer of an empty span
}

static inline size_t cur_left(const struct cur *c)
{
    return (size_t)(c->end - c->p);
}

static inline bool cur_need(struct cur *c, size_t n)
{
    if (c->failed || cur_left(c) < n) {
        c->failed = true;
        c->p = c->end;
        return false;
    }
    return true;
}

static inline uint8_t cur_u8(struct cur *c)
{
    if (!cur_need(c, 1))
        return 0;
    return *c->p++;
}

static inline uint16_t cur_u16be(struct cur *c)
{
    if (!cur_need(c, 2))
        return 0;
    uint16_t v = (uint16_t)((unsigned)c->p[0] << 8 | c->p[1]);
    c->p += 2;
    return v;
}

static inline uint32_t cur_u32be(struct cur *c)
{
    if (!cur_need(c, 4))
        return 0;
    uint32_t v =
        (uint32_t)c->p[0] << 24 | (uint32_t)c->p[1] << 16 | (uint32_t)c->p[2] << 8 | c->p[3];
    c->p += 4;
    return v;
}

static inline uint16_t cur_u16le(struct cur *c)
{
    if (!cur_need(c, 2))
        return 0;
    uint16_t v = (uint16_t)(c->p[0] | (unsigned)c->p[1] << 8);
    c->p += 2;
    return v;
}

static inline uint32_t cur_u32le(struct cur *c)
{
    if (!cur_need(c, 4))
        return 0;
    uint32_t v =
        c->p[0] | (uint32_t)c->p[1] << 8 | (uint32_t)c->p[2] << 16 | (uint32_t)c->p[3] << 24;
    c->p += 4;
    return v;
}

static inline uint64_t cur_u64le(struct cur *c)
{
    uint64_t lo = cur_u32le(c);
    return lo | (uint64_t)cur_u32le(c) << 32;
}

// n bytes as a view; empty when they are not all there.
static inline struct span cur_take(struct cur *c, size_t n)
{
    if (!cur_need(c, n))
        return (struct span){c->end, 0};
    struct span s = {c->p, n};
    c->p += n;
    return s;
}

static inline void cur_skip(struct cur *c, size_t n)
{
    (void)cur_take(c, n);
}

// A length from the wire makes a smaller cursor, never a pointer sum.
static inline struct cur cur_part(struct cur *c, size_t n)
{
    struct span s = cur_take(c, n);
    struct cur part = cur_of(s);
    part.failed = c->failed;
    return part;
}

static inline struct span cur_rest(const struct cur *c)
{
    return (struct span){c->p, cur_left(c)};
}
