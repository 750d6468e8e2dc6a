// The tools that all parsers stand on, held against libc: finding, trimming, numbers, clean UTF-8. Input: a needle's length, a
// separator, then text.
#include <errno.h>
#include <stdio.h>
#include "fuzz.h"

static void numbers(struct span s)
{
    char text[64];
    uint64_t got = 77;
    bool good = span_u64(s, UINT64_MAX, &got);
    if (s.n == 0 || s.n >= sizeof text) {
        fuzz_check(s.n > 0 || !good);
        return;
    }
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    bool digits = strspn(text, "0123456789") == s.n;
    errno = 0;
    uint64_t want = strtoull(text, NULL, 10);
    fuzz_check(good == (digits && errno == 0));
    fuzz_check(!good || got == want);
    uint32_t small;
    fuzz_check(span_u32(s, 699, &small) == (good && want <= 699));
}

static void utf8(struct span s)
{
    static char once[4096], twice[4096 * 3];
    size_t n = span_utf8(s, once, sizeof once);
    fuzz_check(n < sizeof once && once[n] == 0);
    size_t m = span_utf8(span_of(once, n), twice, sizeof twice);
    fuzz_check(m == n && memcmp(once, twice, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct span s = span_of(data + 2, size - 2);
    const uint8_t *found = s.n ? memchr(s.p, data[1], s.n) : NULL;
    fuzz_check(span_find(s, data[1]) == (found ? (size_t)(found - s.p) : s.n));
    struct span needle = span_sub(s, s.n / 2, data[0] % 8);
    if (needle.n > 0) {
        found = memmem(s.p, s.n, needle.p, needle.n);
        fuzz_check(found && span_find_span(s, needle) == (size_t)(found - s.p));
    }
    struct span t = span_trim(s);
    fuzz_inside(t, s);
    fuzz_check(span_eq(span_trim(t), t));
    struct span part = span_sub(s, data[0], data[1]);
    fuzz_inside(part, s);
    fuzz_check(part.n <= data[1] && span_ieq(s, s) && span_istarts(s, span_sub(s, 0, data[0])));
    size_t line = span_find(s, '\n');
    numbers(span_sub(s, 0, line));
    utf8(s);
    return 0;
}
