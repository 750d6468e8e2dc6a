// wire_testing.h: for the tests of this folder. Copies of exact size, so that Asan sees the first byte too far, and
// packets made of their fields. tests/support/test.h stands before it in each test.
#pragma once
#include <stdlib.h>
#include "wire/pkt.h"

#define SPAN_ARRAY(a) span_of((a), sizeof(a))

static inline struct span guard_new(struct span s)
{
    uint8_t *copy = malloc(s.n ? s.n : 1);
    assert_non_null(copy);
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    return span_of(copy, s.n);
}

static inline void guard_free(struct span s)
{
    free((void *)(uintptr_t)s.p);
}

static inline void assert_span(struct span s, const char *text)
{
    char have[512];
    span_copy(s, have, sizeof have);
    assert_string_equal(have, text);
}

struct bytes {
    uint8_t b[4096];
    size_t n;
};

static inline struct span bytes_span(const struct bytes *b)
{
    return span_of(b->b, b->n);
}

static inline void put(struct bytes *b, struct span s)
{
    assert_true(b->n + s.n <= sizeof b->b);
    if (s.n > 0)
        memcpy(b->b + b->n, s.p, s.n);
    b->n += s.n;
}

static inline void put8(struct bytes *b, unsigned v)
{
    uint8_t one = (uint8_t)v;
    put(b, span_of(&one, 1));
}

static inline void put16(struct bytes *b, unsigned v)
{
    put8(b, v >> 8 & 255);
    put8(b, v & 255);
}

static inline void put32(struct bytes *b, uint32_t v)
{
    put16(b, v >> 16);
    put16(b, v & 0xffff);
}

static inline void put_zero(struct bytes *b, size_t n)
{
    while (n-- > 0)
        put8(b, 0);
}

static inline struct bytes udp_make(unsigned sport, unsigned dport, struct span payload)
{
    struct bytes b = {.n = 0};
    put16(&b, sport);
    put16(&b, dport);
    put16(&b, (unsigned)payload.n + 8);
    put16(&b, 0);
    put(&b, payload);
    return b;
}

static inline struct bytes tcp_make(unsigned sport, unsigned dport, uint32_t seq, unsigned flags,
                                    struct span payload)
{
    struct bytes b = {.n = 0};
    put16(&b, sport);
    put16(&b, dport);
    put32(&b, seq);
    put32(&b, 0);
    put16(&b, 0x5000 | flags);
    put_zero(&b, 6);
    put(&b, payload);
    return b;
}

struct ip4_fields {
    unsigned protocol, id, offset, more, src, dst; // src, dst: last byte
};

static inline struct bytes ip4_make(struct ip4_fields f, struct span payload)
{
    struct bytes b = {.n = 0};
    put16(&b, 0x4500);
    put16(&b, (unsigned)payload.n + 20);
    put16(&b, f.id);
    put16(&b, (f.more ? 0x2000u : 0) | f.offset / 8);
    put8(&b, 64);
    put8(&b, f.protocol);
    put16(&b, 0);
    put32(&b, 0xc0000200 | (f.src ? f.src : 1));
    put32(&b, 0xc0000200 | (f.dst ? f.dst : 2));
    put(&b, payload);
    return b;
}

static inline struct bytes ip6_make(unsigned next, struct span payload)
{
    struct bytes b = {.n = 0};
    put32(&b, 0x60000000);
    put16(&b, (unsigned)payload.n);
    put8(&b, next);
    put8(&b, 64);
    put32(&b, 0x20010db8);
    put_zero(&b, 11);
    put8(&b, 1);
    put32(&b, 0x20010db8);
    put_zero(&b, 11);
    put8(&b, 2);
    put(&b, payload);
    return b;
}
