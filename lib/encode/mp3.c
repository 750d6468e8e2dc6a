// MP3 at a constant rate, so that a seek needs no table; left and right coded apart. The first frame tells players the
// coder's delay and the length, so that what they play is as long as the recording.
#include <errno.h>
#include <lame/lame.h>
#include <stdlib.h>
#include "encode/encode_impl.h"

#define QUALITY 5

struct state {
    lame_t lame;
    uint8_t out[5 * ENCODE_FRAMES / 4 + 7200]; // the library's own bound
};

static void say_nothing(const char *fmt, va_list ap)
{
    (void)fmt;
    (void)ap;
}

static int mp3_open(struct encoder *e)
{
    struct state *s = e->state = calloc(1, sizeof(*s));
    if (!s || !(s->lame = lame_init()))
        return -ENOMEM;
    (void)lame_set_errorf(s->lame, say_nothing);
    (void)lame_set_debugf(s->lame, say_nothing);
    (void)lame_set_msgf(s->lame, say_nothing);
    // MPEG-2.5 at 8 kHz and MPEG-2 at 16: 24 and 32 kbit/s for each side.
    int kbps = (int)e->channels * (e->rate <= 8000 ? 24 : 32);
    if (lame_set_in_samplerate(s->lame, (int)e->rate) < 0 ||
        lame_set_out_samplerate(s->lame, (int)e->rate) < 0 ||
        lame_set_num_channels(s->lame, (int)e->channels) < 0 ||
        lame_set_mode(s->lame, e->channels == 2 ? STEREO : MONO) < 0 ||
        lame_set_brate(s->lame, kbps) < 0 || lame_set_VBR(s->lame, vbr_off) < 0 ||
        lame_set_quality(s->lame, QUALITY) < 0 || lame_set_bWriteVbrTag(s->lame, 1) < 0 ||
        lame_set_findReplayGain(s->lame, 0) < 0 || lame_init_params(s->lame) < 0)
        return -EINVAL;
    return 0;
}

static int mp3_run(struct encoder *e, const int16_t *pcm, size_t n)
{
    struct state *s = e->state;
    union {
        const int16_t *in;
        short *out; // the library only reads
    } u = {.in = pcm};
    int r = e->channels == 2
                ? lame_encode_buffer_interleaved(s->lame, u.out, (int)n, s->out, sizeof(s->out))
                : lame_encode_buffer(s->lame, u.out, u.out, (int)n, s->out, sizeof(s->out));
    return r < 0 ? -EIO : encode_put(e, s->out, (size_t)r);
}

static int mp3_end(struct encoder *e)
{
    struct state *s = e->state;
    int r = lame_encode_flush(s->lame, s->out, sizeof(s->out));
    if (r < 0)
        return -EIO;
    if (encode_put(e, s->out, (size_t)r) < 0)
        return e->error;
    size_t n = lame_get_lametag_frame(s->lame, s->out, sizeof(s->out));
    if (n == 0 || n > sizeof(s->out))
        return -EIO;
    e->at = 0;
    return encode_put(e, s->out, n);
}

static void mp3_close(struct encoder *e)
{
    struct state *s = e->state;
    if (s && s->lame)
        (void)lame_close(s->lame);
    free(s);
}

const struct encode_impl encode_mp3 = {.name = "mp3",
                                       .type = "audio/mpeg",
                                       .open = mp3_open,
                                       .run = mp3_run,
                                       .end = mp3_end,
                                       .close = mp3_close};
