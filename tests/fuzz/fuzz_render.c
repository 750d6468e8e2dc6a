// The messages between the recorder and callmesh-render, from both sides. The input is orders of a length byte each (255: the rest):
// each goes through the real decoders as an ask; what they answer must be taken by the other side, and nothing else may be: the
// order itself, or the answer with a byte changed in its head.
#include <errno.h>
#include "fuzz.h"
#include "decoders.h"

static uint8_t answer[APART_ANSWER_MAX];
static int16_t pcm[32000];

static void one_ask(struct decoders *d, struct span ask)
{
    struct apart_ask a;
    int n = 0;
    bool good = apart_parse_ask(ask, &a);
    size_t said = decoders_answer(d, ask, answer);
    fuzz_check(good == (said > 0));
    if (!good)
        return;
    uint32_t most = apart_samples(a.codec, a.payload);
    fuzz_check(most <= apart_rate(a.codec));
    fuzz_check(apart_parse_answer(span_of(answer, said), &a, most, pcm, &n));
    fuzz_check(n == -EBADMSG || n == -ENOMEM || n == (a.order == APART_DECODE ? (int)most : 0));
    fuzz_check(!apart_parse_answer(span_of(answer, said - 1), &a, most, pcm, &n));
    a.number++;
    fuzz_check(!apart_parse_answer(span_of(answer, said), &a, most, pcm, &n));
    (void)apart_parse_answer(ask, &a, most, pcm, &n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur c = cur_of(span_of(data, size));
    struct decoders *d = decoders_new();
    uint32_t codecs;
    (void)apart_parse_hello(span_of(data, size), &codecs);
    for (unsigned asks = 0; asks < 32 && cur_left(&c) > 0; asks++) {
        size_t n = cur_u8(&c);
        n = n == 255 || n > cur_left(&c) ? cur_left(&c) : n;
        one_ask(d, cur_take(&c, n));
    }
    (void)decoders_free(d);
    return 0;
}
