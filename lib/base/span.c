#include "base/span.h"

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool span_ieq(struct span a, struct span b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (a.p[i] != b.p[i] && lower(a.p[i]) != lower(b.p[i])) // most write names as the RFCs do
            return false;
    return true;
}

bool span_istarts(struct span s, struct span prefix)
{
    return s.n >= prefix.n && span_ieq(span_of(s.p, prefix.n), prefix);
}

size_t span_find_span(struct span s, struct span needle)
{
    if (needle.n == 0)
        return 0;
    if (s.n < needle.n)
        return s.n;
    const uint8_t *hit = memmem(s.p, s.n, needle.p, needle.n);
    return hit ? (size_t)(hit - s.p) : s.n;
}

bool span_u64(struct span s, uint64_t max, uint64_t *ret)
{
    if (s.n == 0)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, s.p[i] - '0', &v) ||
            v > max)
            return false;
    }
    *ret = v;
    return true;
}

bool span_u32(struct span s, uint32_t max, uint32_t *ret)
{
    uint64_t v;
    if (!span_u64(s, max, &v))
        return false;
    *ret = (uint32_t)v;
    return true;
}

size_t span_copy(struct span s, char *dst, size_t cap)
{
    if (cap == 0)
        return 0;
    size_t n = s.n < cap - 1 ? s.n : cap - 1;
    if (n > 0)
        memcpy(dst, s.p, n);
    dst[n] = 0;
    return n;
}

// Unicode 15, table 3-7: the second byte's range depends on the first.
size_t span_utf8_char(struct span s, bool *ret_good)
{
    *ret_good = false;
    if (s.n == 0)
        return 0;
    uint8_t b = s.p[0];
    if (b < 0x80) {
        *ret_good = true;
        return 1;
    }
    size_t need = b >= 0xC2 && b <= 0xDF   ? 1
                  : b >= 0xE0 && b <= 0xEF ? 2
                  : b >= 0xF0 && b <= 0xF4 ? 3
                                           : 0;
    uint8_t lo = b == 0xE0 ? 0xA0 : b == 0xF0 ? 0x90 : 0x80;
    uint8_t hi = b == 0xED ? 0x9F : b == 0xF4 ? 0x8F : 0xBF;
    for (size_t i = 1; i <= need; i++) {
        if (i >= s.n || s.p[i] < lo || s.p[i] > hi)
            return i; // the longest start that could have become a character
        lo = 0x80;
        hi = 0xBF;
    }
    *ret_good = need > 0;
    return need + 1;
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

// Is a byte of these eight a control or not ASCII? It may say so of a few others: they are looked at one by one.
static bool has_odd(uint64_t x)
{
    uint64_t del = x ^ EACH(0x7F);
    return ((x | (x - EACH(0x20)) | (del - EACH(1))) & EACH(0x80)) != 0;
}

// Printable ASCII at the front, which nearly all texts are.
static size_t plain_run(struct span s, size_t max)
{
    size_t n = s.n < max ? s.n : max, i = 0;
    for (uint64_t x; n - i >= sizeof(x); i += sizeof(x)) {
        memcpy(&x, s.p + i, sizeof(x));
        if (has_odd(x))
            break;
    }
    while (i < n && s.p[i] >= 0x20 && s.p[i] < 0x7F)
        i++;
    return i;
}

size_t span_utf8(struct span s, char *dst, size_t cap)
{
    static const uint8_t bad[3] = {0xEF, 0xBF, 0xBD};
    if (cap == 0)
        return 0;
    size_t out = 0;
    while (s.n > 0) {
        bool good;
        size_t plain = plain_run(s, cap - 1 - out);
        if (plain > 0) {
            memcpy(dst + out, s.p, plain);
            out += plain;
            s = span_of(s.p + plain, s.n - plain);
            continue;
        }
        size_t n = span_utf8_char(s, &good);
        uint8_t b = s.p[0];
        if ((b < 0x20 && b != '\t') || b == 0x7F || (good && b == 0xC2 && s.p[1] < 0xA0))
            good = false; // controls: C0, DEL, C1
        size_t put = good ? n : sizeof(bad);
        if (put > cap - 1 - out)
            break;
        memcpy(dst + out, good ? s.p : bad, put);
        out += put;
        s.p += n;
        s.n -= n;
    }
    dst[out] = 0;
    return out;
}
