#include "media/codec.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include "base/fail.h"
#include "media/codec_impl.h"
#include "media/g711.h"

static uint32_t ticks_bytes(const struct codec_impl *c, uint8_t channels, uint8_t flags,
                            struct span payload)
{
    (void)c;
    (void)channels;
    (void)flags;
    return (uint32_t)payload.n;
}

static int decode_g711(struct codec_decoder *d, struct span payload, int16_t *pcm)
{
    const int16_t *table = d->impl->detail ? g711_alaw_table : g711_ulaw_table;
    for (size_t i = 0; i < payload.n; i++)
        pcm[i] = table[payload.p[i]];
    return (int)payload.n;
}

static uint32_t ticks_l16(const struct codec_impl *c, uint8_t channels, uint8_t flags,
                          struct span payload)
{
    (void)c;
    (void)flags;
    size_t frame = 2u * channels;
    return payload.n % frame == 0 ? (uint32_t)(payload.n / frame) : 0;
}

// RFC 3551 4.5.11: network order, channels interleaved; several become one.
static int decode_l16(struct codec_decoder *d, struct span payload, int16_t *pcm)
{
    size_t frames = payload.n / (2u * d->channels);
    const uint8_t *p = payload.p;
    for (size_t i = 0; i < frames; i++) {
        int32_t sum = 0;
        for (uint8_t c = 0; c < d->channels; c++, p += 2)
            sum += (int16_t)(uint16_t)((unsigned)p[0] << 8 | p[1]);
        pcm[i] = (int16_t)(sum / d->channels);
    }
    return (int)frames;
}

static const struct codec_impl own[] = {
    {.name = "PCMU", .clock = 8000, .ticks = ticks_bytes, .decode = decode_g711},
    {.name = "PCMA", .clock = 8000, .detail = 1, .ticks = ticks_bytes, .decode = decode_g711},
    {.name = "L16", .ticks = ticks_l16, .decode = decode_l16},
    {.name = NULL},
};

static const struct codec_impl *const tables[] = {own, codec_opus_impls, codec_spandsp_impls,
                                                  codec_amr_impls};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

static bool good_clock(const struct codec_impl *c, uint32_t clock)
{
    static const uint32_t linear[] = {8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000};
    if (c->clock != 0)
        return clock == c->clock;
    for (size_t i = 0; i < sizeof(linear) / sizeof(linear[0]); i++) {
        if (clock == linear[i])
            return true;
    }
    return false;
}

static uint8_t channels_of(const struct codec_params *p)
{
    return p->channels == 0 ? 1 : p->channels;
}

static const struct codec_impl *find_in(const struct codec_impl *c, const struct codec_params *p)
{
    for (; c->name; c++) {
        if (strcasecmp(c->name, p->name) == 0 && good_clock(c, p->clock) && channels_of(p) <= 2 &&
            (p->flags & CODEC_UNUSUAL) == 0)
            return c;
    }
    return NULL;
}

const struct codec_impl *codec_find(const struct codec_params *p)
{
    const struct codec_impl *c = NULL;
    for (size_t t = 0; !c && t < TABLES; t++)
        c = find_in(tables[t], p);
    return c;
}

const struct codec_impl *codec_find_apart(const struct codec_params *p)
{
    return find_in(codec_apart_impls, p);
}

const char *codec_name(size_t i, uint32_t *ret_clock)
{
    for (size_t t = 0; t < TABLES; t++) {
        for (const struct codec_impl *c = tables[t]; c->name; c++) {
            if (i-- == 0) {
                *ret_clock = c->clock ? c->clock : 16000;
                return c->name;
            }
        }
    }
    return NULL;
}

uint32_t codec_rate(const struct codec_impl *c, const struct codec_params *p)
{
    return c->rate ? c->rate : p->clock;
}

static uint32_t ticks_within(const struct codec_impl *c, uint8_t channels, uint8_t flags,
                             uint32_t rate, struct span payload)
{
    uint32_t clock = c->clock ? c->clock : rate;
    if (payload.n == 0 || payload.n > UINT16_MAX)
        return 0;
    uint32_t ticks = c->ticks(c, channels, flags, payload);
    if (ticks > clock || (uint64_t)ticks * rate / clock > CODEC_PCM_MAX)
        return 0;
    return ticks;
}

uint32_t codec_ticks(const struct codec_impl *c, const struct codec_params *p, struct span payload)
{
    return ticks_within(c, channels_of(p), p->flags, codec_rate(c, p), payload);
}

size_t codec_state_bytes(const struct codec_impl *c)
{
    return c->state_bytes;
}

int codec_open(struct codec_decoder *d, const struct codec_impl *c, const struct codec_params *p)
{
    *d = (struct codec_decoder){
        .impl = c, .rate = codec_rate(c, p), .channels = channels_of(p), .flags = p->flags};
    int r = c->open ? c->open(d) : 0;
    if (r < 0)
        codec_close(d);
    return r;
}

int codec_decode(struct codec_decoder *d, struct span payload, int16_t *pcm)
{
    if (ticks_within(d->impl, d->channels, d->flags, d->rate, payload) == 0)
        return -EBADMSG;
    int n = d->impl->decode(d, payload, pcm);
    must(n <= (int)CODEC_PCM_MAX);
    return n;
}

size_t codec_conceal(struct codec_decoder *d, int16_t *pcm, size_t n)
{
    if (!d->impl->conceal || n == 0)
        return 0;
    return d->impl->conceal(d, pcm, n < CODEC_PCM_MAX ? n : CODEC_PCM_MAX);
}

void codec_close(struct codec_decoder *d)
{
    if (d->impl && d->impl->close)
        d->impl->close(d);
    *d = (struct codec_decoder){0};
}
