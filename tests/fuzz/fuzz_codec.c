// Every decoder of lib/media: the first byte says which and how, then packets of a length byte each (255: the rest) go through
// one decoder, with a loss between them now and then. What it says of a payload before must be what it gives after.
#include "fuzz.h"
#include "media/codec.h"

static int16_t pcm[CODEC_PCM_MAX];

static void one_packet(struct codec_decoder *d, const struct codec_params *p, struct span payload)
{
    uint32_t ticks = codec_ticks(d->impl, p, payload);
    fuzz_check(ticks <= p->clock);
    int n = codec_decode(d, payload, pcm);
    fuzz_check(n <= (int)CODEC_PCM_MAX && n != 0);
    fuzz_check(ticks > 0 || n < 0);
    fuzz_check(n < 0 || (uint64_t)ticks * d->rate / p->clock == (uint64_t)n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cur c = cur_of(span_of(data, size));
    size_t which = cur_u8(&c), count = 0;
    uint8_t how = cur_u8(&c);
    uint32_t clock;
    while (codec_name(count, &clock))
        count++;
    const char *name = codec_name(which % count, &clock);
    struct codec_params p = {name, clock, how & 2 ? 2 : 1, how & 1 ? CODEC_OCTET_ALIGN : 0};
    const struct codec_impl *impl = codec_find(&p);
    struct codec_decoder d;
    fuzz_check(impl && codec_open(&d, impl, &p) == 0);
    for (unsigned packets = 0; packets < 64 && cur_left(&c) > 0; packets++) {
        size_t n = cur_u8(&c);
        if (n == 255 || n > cur_left(&c))
            n = cur_left(&c);
        one_packet(&d, &p, span_of(c.p, n));
        c.p += n;
        if (how & 4)
            fuzz_check(codec_conceal(&d, pcm, 1u + how) <= 1u + how);
    }
    codec_close(&d);
    return 0;
}
