#include "http/range.h"

enum range_kind range_parse(struct span h, uint64_t size, uint64_t *ret_first, uint64_t *ret_last)
{
    h = span_trim(h);
    struct span unit = SPAN_LIT("bytes=");
    if (!span_istarts(h, unit))
        return RANGE_WHOLE;
    h = span_trim(span_sub(h, unit.n, h.n));
    if (span_find(h, ',') < h.n)
        return RANGE_WHOLE;
    size_t dash = span_find(h, '-');
    if (dash == h.n)
        return RANGE_WHOLE;
    struct span a = span_trim(span_sub(h, 0, dash)), b = span_trim(span_sub(h, dash + 1, h.n));
    uint64_t first = 0, last = 0;
    if (a.n == 0) { // the last b bytes
        if (!span_u64(b, UINT64_MAX, &last))
            return RANGE_WHOLE;
        if (last == 0 || size == 0)
            return RANGE_NONE;
        *ret_first = last >= size ? 0 : size - last;
        *ret_last = size - 1;
        return RANGE_PART;
    }
    if (!span_u64(a, UINT64_MAX, &first))
        return RANGE_WHOLE;
    if (b.n == 0)
        last = UINT64_MAX;
    else if (!span_u64(b, UINT64_MAX, &last) || last < first)
        return RANGE_WHOLE;
    if (first >= size)
        return RANGE_NONE;
    *ret_first = first;
    *ret_last = last >= size ? size - 1 : last;
    return RANGE_PART;
}
