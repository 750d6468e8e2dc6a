// codec_amr.c: the door to opencore-amr: AMR and AMR-WB in the payloads of RFC 4867, octet-aligned and bandwidth-efficient.
// A frame goes to the library in the storage form: a head byte and its bits from the top, in a block of the largest size.
#include <errno.h>
#include <string.h>
#include <opencore-amrnb/interf_dec.h>
#include <opencore-amrwb/dec_if.h>
#include "media/codec_impl.h"

#define FRAMES_MAX 12u // 240 ms in one packet
#define FRAME_ROOM 64u
#define NO_DATA    15u

enum {
    NARROW,
    WIDE
};

#define BAD 0xFFFFu
// Bits by frame type (RFC 4867, table 1; 3GPP TS 26.201): speech, comfort noise, then what is not used, lost, no data.
static const uint16_t frame_bits[2][16] = {
    {95, 103, 118, 134, 148, 159, 204, 244, 39, BAD, BAD, BAD, BAD, BAD, BAD, 0},
    {132, 177, 253, 285, 317, 365, 397, 461, 477, 40, BAD, BAD, BAD, BAD, 0, 0},
};

struct frames {
    uint32_t n;
    uint8_t type[FRAMES_MAX];
    bool good[FRAMES_MAX];
    size_t at_bit[FRAMES_MAX];
};

static uint32_t bits_at(struct span s, size_t at, unsigned n)
{
    uint32_t v = 0;
    for (; n > 0; n--, at++)
        v = v << 1 | ((unsigned)s.p[at / 8] >> (7 - at % 8) & 1u);
    return v;
}

// Where the frames stand. False: not such a payload.
static bool split(struct span s, uint32_t band, bool aligned, struct frames *f)
{
    size_t total = s.n * 8, at = aligned ? 8 : 4, head = aligned ? 8 : 6;
    f->n = 0;
    for (bool more = true; more;) {
        if (f->n == FRAMES_MAX || at + head > total)
            return false;
        more = bits_at(s, at, 1) != 0;
        f->type[f->n] = (uint8_t)bits_at(s, at + 1, 4);
        f->good[f->n] = bits_at(s, at + 5, 1) != 0;
        if (frame_bits[band][f->type[f->n]] == BAD)
            return false;
        f->n++;
        at += head;
    }
    for (uint32_t i = 0; i < f->n; i++) {
        size_t bits = frame_bits[band][f->type[i]];
        f->at_bit[i] = at;
        at += aligned ? (bits + 7) / 8 * 8 : bits;
    }
    return at <= total && total - at < 8; // no more than the padding of the last byte
}

static uint32_t ticks(const struct codec_impl *c, uint8_t channels, uint8_t flags,
                      struct span payload)
{
    struct frames f;
    if (channels != 1 || !split(payload, c->detail, flags & CODEC_OCTET_ALIGN, &f))
        return 0;
    return f.n * c->clock / 50;
}

static int open_decoder(struct codec_decoder *d)
{
    d->state = d->impl->detail == WIDE ? D_IF_init() : Decoder_Interface_init();
    return d->state ? 0 : -ENOMEM;
}

static void one_frame(struct codec_decoder *d, uint8_t type, struct span s, size_t at, int16_t *pcm)
{
    uint8_t frame[FRAME_ROOM] = {(uint8_t)(type << 3 | 4)};
    size_t bits = frame_bits[d->impl->detail][type];
    for (size_t i = 0; i < bits; i++, at++)
        frame[1 + i / 8] |= (uint8_t)(((unsigned)s.p[at / 8] >> (7 - at % 8) & 1u) << (7 - i % 8));
    if (d->impl->detail == WIDE)
        D_IF_decode(d->state, frame, pcm, 0);
    else
        Decoder_Interface_Decode(d->state, frame, pcm, 0);
}

static int decode(struct codec_decoder *d, struct span payload, int16_t *pcm)
{
    struct frames f;
    if (!split(payload, d->impl->detail, d->flags & CODEC_OCTET_ALIGN, &f))
        return -EBADMSG;
    uint32_t samples = d->rate / 50;
    for (uint32_t i = 0; i < f.n; i++)
        one_frame(d, f.good[i] ? f.type[i] : NO_DATA, payload, f.at_bit[i], pcm + i * samples);
    return (int)(f.n * samples);
}

static size_t conceal(struct codec_decoder *d, int16_t *pcm, size_t n)
{
    uint32_t samples = d->rate / 50;
    size_t done = 0;
    for (; done + samples <= n; done += samples)
        one_frame(d, NO_DATA, (struct span){NULL, 0}, 0, pcm + done);
    return done;
}

static void close_decoder(struct codec_decoder *d)
{
    if (!d->state)
        return;
    if (d->impl->detail == WIDE)
        D_IF_exit(d->state);
    else
        Decoder_Interface_exit(d->state);
}

const struct codec_impl codec_amr_impls[] = {
    {.name = "AMR",
     .clock = 8000,
     .state_bytes = 16u * 1024u,
     .detail = NARROW,
     .ticks = ticks,
     .open = open_decoder,
     .decode = decode,
     .conceal = conceal,
     .close = close_decoder},
    {.name = "AMR-WB",
     .clock = 16000,
     .state_bytes = 32u * 1024u,
     .detail = WIDE,
     .ticks = ticks,
     .open = open_decoder,
     .decode = decode,
     .conceal = conceal,
     .close = close_decoder},
    {.name = NULL},
};
