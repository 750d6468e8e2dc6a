// Asks: the fixed part and the envelopes behind it. Their number is bounded by their bytes; each lies in the Ask and is read once.
#include "bus/envelope.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span all = span_of(data, size), one;
    struct ask_msg a, again;
    if (!ask_read(all, &a))
        return 0;
    fuzz_inside(a.publisher, all);
    fuzz_inside(a.site, all);
    fuzz_inside(a.incarnation, all);
    uint8_t head[ENVELOPE_HEAD_MAX];
    size_t n = ask_head(head, &a);
    fuzz_check(n <= sizeof head && ask_read(span_of(head, n), &again));
    fuzz_check(again.epoch == a.epoch && again.committed_seq == a.committed_seq &&
               again.waiting == a.waiting);
    fuzz_check(span_eq(again.publisher, a.publisher));
    const uint8_t *at = data;
    for (size_t i = 0; ask_next_envelope(&a, &one); i++) {
        struct envelope e;
        fuzz_check(i <= size && (one.n == 0 || one.p >= at));
        fuzz_inside(one, all);
        at = one.p + one.n;
        if (envelope_read(one, &e))
            fuzz_inside(e.payload, one);
    }
    return 0;
}
