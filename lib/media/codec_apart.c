// codec_apart.c: the codecs of apart.h as codec.h has them: payloads are looked at here, sound comes from who was named.
#include <errno.h>
#include "media/apart.h"
#include "media/codec_impl.h"

static uint32_t ticks(const struct codec_impl *c, uint8_t channels, uint8_t flags,
                      struct span payload)
{
    (void)flags;
    return channels == 1 ? apart_samples(c->detail, payload) : 0;
}

static int decode(struct codec_decoder *d, struct span payload, int16_t *pcm)
{
    uint32_t n = apart_samples(d->impl->detail, payload);
    if (!d->apart || n > CODEC_PCM_MAX)
        return -EBADMSG;
    return d->apart->decode(d->apart, d->slot, d->impl->detail, payload, n, pcm);
}

static void give_slot(struct codec_decoder *d)
{
    if (d->apart)
        d->apart->give(d->apart, d->slot, d->impl->detail);
}

#define APART(text, hz, which)                                                                     \
    {                                                                                              \
        .name = text, .clock = (hz), .detail = (which), .ticks = ticks, .decode = decode,          \
        .close = give_slot                                                                         \
    }

const struct codec_impl codec_apart_impls[] = {
    APART("G729", 8000, APART_G729),
    APART("G723", 8000, APART_G723),
    APART("iLBC", 8000, APART_ILBC),
    APART("speex", 8000, APART_SPEEX_8),
    APART("speex", 16000, APART_SPEEX_16),
    APART("speex", 32000, APART_SPEEX_32),
    {.name = NULL},
};

int codec_apart(const struct codec_impl *c)
{
    for (size_t i = 0; codec_apart_impls[i].name; i++) {
        if (c == &codec_apart_impls[i])
            return (int)c->detail;
    }
    return -1;
}

int codec_open_apart(struct codec_decoder *d, const struct codec_impl *c,
                     const struct codec_params *p, struct codec_apart *by)
{
    int slot = by->take(by);
    if (slot < 0)
        return slot;
    int r = codec_open(d, c, p);
    d->apart = by;
    d->slot = (uint8_t)slot;
    return r;
}
