#include "wire/per.h"

struct per per_of(struct span s)
{
    return (struct per){.s = s};
}

static bool need(struct per *p, size_t bits)
{
    if (p->failed || p->s.n * 8 - p->bit < bits) {
        p->failed = true;
        p->bit = p->s.n * 8;
        return false;
    }
    return true;
}

bool per_bool(struct per *p)
{
    return per_bits(p, 1) != 0;
}

uint32_t per_bits(struct per *p, unsigned n)
{
    uint32_t v = 0;
    if (!need(p, n))
        return 0;
    for (unsigned i = 0; i < n; i++, p->bit++)
        v = v << 1 | ((uint32_t)p->s.p[p->bit / 8] >> (7 - p->bit % 8) & 1u);
    return v;
}

void per_align(struct per *p)
{
    p->bit = (p->bit + 7) / 8 * 8; // never past the end: that is aligned
}

uint32_t per_u8(struct per *p)
{
    per_align(p);
    return per_bits(p, 8);
}

uint32_t per_u16(struct per *p)
{
    per_align(p);
    return per_bits(p, 16);
}

struct span per_octets(struct per *p, size_t n)
{
    per_align(p);
    size_t left = p->s.n - p->bit / 8;
    if (p->failed || n > left) {
        p->failed = true;
        p->bit = p->s.n * 8;
        return span_sub(p->s, p->s.n, 0);
    }
    struct span out = span_sub(p->s, p->bit / 8, n);
    p->bit += n * 8;
    return out;
}

size_t per_length(struct per *p)
{
    uint32_t v = per_u8(p);
    if (v < 0x80)
        return v;
    if (v >= 0xC0) // fragmented
        p->failed = true;
    return p->failed ? 0 : (v & 0x3f) << 8 | per_bits(p, 8);
}

struct span per_open(struct per *p)
{
    return per_octets(p, per_length(p));
}

uint32_t per_small(struct per *p)
{
    if (per_bool(p)) // 64 and more: none of ours has so many
        p->failed = true;
    return per_bits(p, 6);
}

uint32_t per_choice(struct per *p, unsigned root_bits, bool *ret_extended)
{
    *ret_extended = per_bool(p);
    return *ret_extended ? per_small(p) : per_bits(p, root_bits);
}

void per_extensions(struct per *p, bool present, struct per_extensions *ret)
{
    bool has[PER_EXTENSIONS_MAX];
    ret->n = 0;
    if (!present)
        return;
    uint32_t n = per_small(p) + 1; // at most 64
    for (uint32_t i = 0; i < n; i++)
        has[i] = per_bool(p);
    for (uint32_t i = 0; i < n; i++)
        ret->at[i] = has[i] ? per_open(p) : span_of(p->s.p, 0);
    ret->n = p->failed ? 0 : n;
}
