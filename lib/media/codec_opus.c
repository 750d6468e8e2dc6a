// codec_opus.c: the door to libopus (RFC 6716, 7587). 16 kHz, one channel: what a telephone call needs of it.
#include <errno.h>
#include <opus/opus.h>
#include "media/codec_impl.h"

#define RATE  16000
#define CLOCK 48000
#define STEP  (RATE / 400) // concealment goes in steps of 2.5 ms

static uint32_t ticks(const struct codec_impl *c, uint8_t channels, uint8_t flags,
                      struct span payload)
{
    (void)c;
    (void)channels;
    (void)flags;
    int n = opus_packet_get_nb_samples(payload.p, (opus_int32)payload.n, CLOCK);
    return n > 0 && n <= CLOCK * 120 / 1000 ? (uint32_t)n : 0;
}

static int open_decoder(struct codec_decoder *d)
{
    int err;
    d->state = opus_decoder_create(RATE, 1, &err);
    return d->state ? 0 : -ENOMEM;
}

static int decode(struct codec_decoder *d, struct span payload, int16_t *pcm)
{
    int n = opus_decode(d->state, payload.p, (opus_int32)payload.n, pcm, CODEC_PCM_MAX, 0);
    return n > 0 ? n : -EBADMSG;
}

static size_t conceal(struct codec_decoder *d, int16_t *pcm, size_t n)
{
    n -= n % STEP;
    int got = n > 0 ? opus_decode(d->state, NULL, 0, pcm, (int)n, 0) : 0;
    return got > 0 ? (size_t)got : 0;
}

static void close_decoder(struct codec_decoder *d)
{
    if (d->state)
        opus_decoder_destroy(d->state);
}

const struct codec_impl codec_opus_impls[] = {
    {.name = "opus",
     .clock = CLOCK,
     .rate = RATE,
     .state_bytes = 32u * 1024u,
     .ticks = ticks,
     .open = open_decoder,
     .decode = decode,
     .conceal = conceal,
     .close = close_decoder},
    {.name = NULL},
};
