// What a client writes into a request: path against the routes' patterns, Range, times, lists, entity tags. First byte: which; a line of
// input each for two-part ones.
#include "fuzz.h"
#include "http/query.h"
#include "http/range.h"
#include "http/route.h"

static void route(struct span s)
{
    static const char *const patterns[] = {"/api/v1/calls",
                                           "/api/v1/calls/{id}",
                                           "/api/v1/calls/{id}/legs",
                                           "/api/v1/harvesters/{name*}",
                                           "/",
                                           "/{all*}"};
    char path[2048];
    struct span param;
    size_t n = span_copy(s, path, sizeof path);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        param = span_of(NULL, 0);
        if (!route_match(patterns[i], path, &param))
            continue;
        fuzz_inside(param, span_of(path, n));
        if (i == 1 || i == 2)
            fuzz_check(param.n > 0 && span_find(param, '/') == param.n);
    }
}

static void range(struct span s)
{
    static const uint64_t sizes[] = {0, 1, 2, 1000, UINT64_C(1) << 40, UINT64_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint64_t first = 1, last = 0;
        if (range_parse(s, sizes[i], &first, &last) == RANGE_PART)
            fuzz_check(first <= last && last < sizes[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const words[] = {"busy", "answered", "no_answer"};
    if (size < 1)
        return 0;
    struct span s = span_of(data + 1, size - 1), item, rest = s;
    int64_t us;
    size_t line = span_find(s, '\n');
    switch (data[0] % 5) {
    case 0:
        route(s);
        break;
    case 1:
        range(s);
        break;
    case 2:
        (void)query_time(s, &us);
        break;
    case 3:
        for (size_t i = 0; query_list_next(&rest, &item); i++) {
            fuzz_check(i <= size && item.n > 0);
            fuzz_inside(item, s);
        }
        (void)query_words_known(s, words, 3);
        break;
    default:
        (void)query_etag_match(span_sub(s, 0, line), span_sub(s, line + 1, size), data[0] & 0x80);
    }
    return 0;
}
