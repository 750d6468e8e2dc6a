#include "decoders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "codec_av.h"
#include "codec_speex.h"

struct slot {
    enum apart_codec codec;
    size_t frame_bytes; // of av
    struct av_decoder *av;
    struct speex_decoder *speex;
};

struct decoders {
    struct slot slot[APART_SLOTS];
    int16_t pcm[APART_ANSWER_MAX / 2];
};

struct decoders *decoders_new(void)
{
    return calloc(1, sizeof(struct decoders));
}

static void empty(struct slot *s)
{
    s->av = av_close(s->av);
    s->speex = speex_close(s->speex);
}

struct decoders *decoders_free(struct decoders *d)
{
    for (size_t i = 0; d && i < APART_SLOTS; i++)
        empty(&d->slot[i]);
    free(d);
    return NULL;
}

uint32_t decoders_codecs(void)
{
    uint32_t all = 0;
    for (unsigned c = 0; c < APART_CODECS; c++)
        if (c >= APART_SPEEX_8 || av_has(c))
            all |= 1u << c;
    return all;
}

// Silence as coders send it, of 20 and of 30 ms. libavcodec 5.1's decoder of iLBC interpolates its first frame's filter with one that is
// none and begins with a burst at full level, for one or two frames (measured in mid-call: rms 32,456 where 773 was said). After one
// frame of silence it begins as it goes on.
static const uint8_t ilbc_silence_20[38] = {
    0xff, 0xa6, 0x34, 0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
    0,    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xc0, 0,    0,    0,    0,    0,    0,    0,    0,    0};
static const uint8_t ilbc_silence_30[50] = {
    0xff, 0xa6, 0x3f, 0xfa, 0x63, 0x20, 0,    0,    0,    0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf0, 0,    0,    0,    0,
    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0};

static void prime_ilbc(struct av_decoder *av, size_t frame_bytes)
{
    int16_t nothing[240];
    struct apart_frame silence = {span_of(ilbc_silence_30, sizeof ilbc_silence_30), 240, false};
    if (frame_bytes == sizeof ilbc_silence_20)
        silence =
            (struct apart_frame){span_of(ilbc_silence_20, sizeof ilbc_silence_20), 160, false};
    (void)av_decode(av, &silence, nothing);
}

// iLBC changes its mode from one packet to the next, and begins anew with it.
static bool av_for(struct slot *s, enum apart_codec c, size_t frame_bytes)
{
    if (c != APART_ILBC)
        frame_bytes = 0;
    if (s->av && s->codec == c && s->frame_bytes == frame_bytes)
        return true;
    empty(s);
    s->codec = c;
    s->frame_bytes = frame_bytes;
    s->av = av_open(c, frame_bytes);
    if (s->av && c == APART_ILBC)
        prime_ilbc(s->av, frame_bytes);
    return s->av != NULL;
}

static int decode_frames(struct slot *s, const struct apart_ask *a, int16_t *pcm)
{
    struct apart_frame f[APART_FRAMES_MAX];
    size_t frames = apart_frames(a->codec, a->payload, f), at = 0;
    int r = frames == 0 ? -EBADMSG : av_for(s, a->codec, f[0].bytes.n) ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < frames; i++) {
        if (f[i].noise)
            memset(pcm + at, 0, 2u * f[i].samples);
        else
            r = av_decode(s->av, &f[i], pcm + at);
        at += f[i].samples;
    }
    return r < 0 ? r : (int)at;
}

static int decode_speex(struct slot *s, const struct apart_ask *a, uint32_t samples, int16_t *pcm)
{
    if (!s->speex || s->codec != a->codec) {
        empty(s);
        s->codec = a->codec;
        s->speex = speex_open(a->codec);
    }
    if (!s->speex)
        return -ENOMEM;
    int r = speex_decode_payload(s->speex, a->payload, samples, pcm);
    return r < 0 ? r : (int)samples;
}

size_t decoders_answer(struct decoders *d, struct span ask, uint8_t answer[APART_ANSWER_MAX])
{
    struct apart_ask a;
    if (!apart_parse_ask(ask, &a))
        return 0;
    struct slot *s = &d->slot[a.slot];
    uint32_t samples = apart_samples(a.codec, a.payload);
    int n = -EBADMSG;
    if (a.order == APART_CLOSE) {
        empty(s);
        n = 0;
    } else if (samples > 0) {
        n = a.codec >= APART_SPEEX_8 ? decode_speex(s, &a, samples, d->pcm)
                                     : decode_frames(s, &a, d->pcm);
    }
    return apart_put_answer(&a, n, d->pcm, answer);
}
