// name-addr with parameters, and comma lists of them (RFC 3261 20.10): quotes and brackets hold what they hold. Elements of a list
// lie in it one behind another, and each reads alone as it reads there.
#include "fuzz.h"
#include "wire/sip.h"

static void params(struct span p)
{
    static const struct span names[] = {SPAN_LIT("tag"), SPAN_LIT("q"), SPAN_LIT("lr"),
                                        SPAN_LIT("")};
    struct span v;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (sip_param(p, names[i], &v))
            fuzz_inside(v, p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span all = span_of(data, size), rest = all, item, one;
    const uint8_t *at = all.p;
    for (size_t i = 0; sip_list_next(&rest, &item); i++) {
        struct sip_addr a;
        fuzz_check(i <= size && item.n > 0 && item.p >= at);
        fuzz_inside(item, all);
        at = item.p + item.n;
        struct span alone = item;
        fuzz_check(sip_list_next(&alone, &one) && span_eq(one, item));
        if (!sip_addr_parse(item, &a))
            continue;
        fuzz_inside(a.display, item);
        fuzz_inside(a.uri, item);
        fuzz_inside(a.params, item);
        fuzz_check(a.uri.n > 0);
        fuzz_check(a.params.n == 0 || a.params.p[0] == ';');
        params(a.params);
    }
    params(all);
    return 0;
}
