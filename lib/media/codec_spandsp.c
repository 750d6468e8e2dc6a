// codec_spandsp.c: the door to spandsp: G.722, G.726 in both packings (RFC 3551 4.5.4), GSM full rate. G.722's RTP clock says
// 8000 though the audio has 16 kHz (RFC 3551 4.5.2). Its concealment of losses (plc.c of 0.0.6) is not used: it copies within its
// history with memcpy where the ranges overlap (found by fuzz_codec).
#include <errno.h>
#include <spandsp.h>
#include "media/codec_impl.h"

#define GSM_BYTES   33u
#define GSM_SAMPLES 160u

static uint32_t ticks_g722(const struct codec_impl *c, uint8_t channels, uint8_t flags,
                           struct span payload)
{
    (void)c;
    (void)flags;
    return channels == 1 ? (uint32_t)payload.n : 0;
}

static int open_g722(struct codec_decoder *d)
{
    d->state = g722_decode_init(NULL, 64000, 0);
    return d->state ? 0 : -ENOMEM;
}

static int decode_g722(struct codec_decoder *d, struct span payload, int16_t *pcm)
{
    return g722_decode(d->state, pcm, payload.p, (int)payload.n);
}

static void close_g722(struct codec_decoder *d)
{
    if (d->state)
        (void)g722_decode_free(d->state);
}

// detail: bits per sample, and 16 for the AAL2 packing.
#define AAL2 16u

static uint32_t ticks_g726(const struct codec_impl *c, uint8_t channels, uint8_t flags,
                           struct span payload)
{
    (void)flags;
    // Whole groups of 8 samples (RFC 3551 4.5.4): the library would carry odd bits over into the next packet.
    uint32_t bits = c->detail & (AAL2 - 1u), group = bits % 2 == 0 ? 1 : bits;
    return channels == 1 && payload.n % group == 0 ? (uint32_t)payload.n * 8u / bits : 0;
}

static int open_g726(struct codec_decoder *d)
{
    uint32_t bits = d->impl->detail & (AAL2 - 1u);
    d->state = g726_init(NULL, (int)(bits * 8000u), G726_ENCODING_LINEAR,
                         d->impl->detail & AAL2 ? G726_PACKING_LEFT : G726_PACKING_RIGHT);
    return d->state ? 0 : -ENOMEM;
}

static int decode_g726(struct codec_decoder *d, struct span payload, int16_t *pcm)
{
    int n = g726_decode(d->state, pcm, payload.p, (int)payload.n);
    return n > 0 ? n : -EBADMSG;
}

static void close_g726(struct codec_decoder *d)
{
    if (d->state)
        (void)g726_free(d->state);
}

static uint32_t ticks_gsm(const struct codec_impl *c, uint8_t channels, uint8_t flags,
                          struct span payload)
{
    (void)c;
    (void)flags;
    if (channels != 1 || payload.n % GSM_BYTES != 0)
        return 0;
    for (size_t i = 0; i < payload.n; i += GSM_BYTES) {
        if (payload.p[i] >> 4 != 0xD) // the signature of RFC 3551 4.5.8.1
            return 0;
    }
    return (uint32_t)(payload.n / GSM_BYTES * GSM_SAMPLES);
}

static int open_gsm(struct codec_decoder *d)
{
    d->state = gsm0610_init(NULL, GSM0610_PACKING_VOIP);
    return d->state ? 0 : -ENOMEM;
}

static int decode_gsm(struct codec_decoder *d, struct span payload, int16_t *pcm)
{
    int n = gsm0610_decode(d->state, pcm, payload.p, (int)payload.n);
    return n > 0 ? n : -EBADMSG;
}

static void close_gsm(struct codec_decoder *d)
{
    if (d->state)
        (void)gsm0610_free(d->state);
}

#define G726(text, how)                                                                            \
    {                                                                                              \
        .name = text, .clock = 8000, .state_bytes = 4096, .detail = (how), .ticks = ticks_g726,    \
        .open = open_g726, .decode = decode_g726, .close = close_g726                              \
    }

const struct codec_impl codec_spandsp_impls[] = {
    {.name = "G722",
     .clock = 8000,
     .rate = 16000,
     .state_bytes = 2048,
     .ticks = ticks_g722,
     .open = open_g722,
     .decode = decode_g722,
     .close = close_g722},
    {.name = "GSM",
     .clock = 8000,
     .state_bytes = 4096,
     .ticks = ticks_gsm,
     .open = open_gsm,
     .decode = decode_gsm,
     .close = close_gsm},
    G726("G726-16", 2),
    G726("G726-24", 3),
    G726("G726-32", 4),
    G726("G726-40", 5),
    G726("G721", 4),
    G726("AAL2-G726-16", AAL2 | 2),
    G726("AAL2-G726-24", AAL2 | 3),
    G726("AAL2-G726-32", AAL2 | 4),
    G726("AAL2-G726-40", AAL2 | 5),
    {.name = NULL},
};
