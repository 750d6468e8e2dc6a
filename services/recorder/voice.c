#include "voice.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include "media/drift.h"

void voice_begin(struct voice *v, struct window *w, struct voice_room *room, uint32_t rate,
                 int channel, uint8_t rank)
{
    voice_end(v);
    *v = (struct voice){.window = w, .room = room, .rate = rate, .channel = channel, .rank = rank};
}

static size_t put(struct voice *v, int64_t pos, const int16_t *pcm, size_t n, bool concealed)
{
    if (!concealed)
        return window_put(v->window, v->channel, pos, pcm, n, v->rank);
    window_conceal(v->window, v->channel, pos, pcm, n);
    return 0;
}

// The end of a run of samples without a break.
static void finish_run(struct voice *v)
{
    if (!v->running)
        return;
    v->running = false;
    size_t n = resample_flush(&v->resample, v->room->out, CODEC_PCM_MAX);
    int64_t room = (int64_t)llround(v->expect) - v->out;
    if ((int64_t)n > room)
        n = room > 0 ? (size_t)room : 0;
    (void)put(v, v->out, v->room->out, n, v->concealing);
}

static bool resampler_for(struct voice *v, uint32_t from)
{
    if (v->resample.state && v->resample.from == from)
        return true;
    finish_run(v);
    resample_close(&v->resample);
    return resample_open(&v->resample, from, v->rate) == 0;
}

// Frames of the file that n samples take.
static double frames_of(const struct voice *v, uint32_t from, size_t n)
{
    return (double)n * v->rate / from * (1 + (double)v->stretch / DRIFT_ONE);
}

// n samples of room->pcm at their own rate belong at pos.
static size_t emit(struct voice *v, uint32_t from, size_t n, int64_t pos, bool concealed)
{
    if (from == v->rate && v->stretch == 0) {
        finish_run(v);
        return put(v, pos, v->room->pcm, n, concealed);
    }
    if (!resampler_for(v, from))
        return 0;
    // One sample is what rounding makes of time stamps at another clock, and one that of a stretch.
    if (!v->running || fabs((double)pos - v->expect) > 2) {
        finish_run(v);
        resample_restart(&v->resample);
        v->out = pos;
        v->expect = (double)pos;
        v->running = true;
    }
    if (resample_stretch(&v->resample, v->stretch) < 0)
        return 0;
    size_t cap = sizeof(v->room->out) / sizeof(v->room->out[0]);
    size_t made = resample_run(&v->resample, v->room->pcm, n, v->room->out, cap);
    size_t placed = put(v, v->out, v->room->out, made, concealed);
    v->out += (int64_t)made;
    v->expect += frames_of(v, from, n);
    v->concealing = concealed;
    return placed;
}

void voice_apart(struct voice *v, struct codec_apart *by)
{
    v->apart = by;
}

void voice_stretch(struct voice *v, int32_t stretch)
{
    v->stretch = stretch;
}

static struct codec_decoder *decoder_for(struct voice *v, const struct codec *c,
                                         uint8_t payload_type)
{
    uint32_t at = v->oldest;
    for (uint32_t i = 0; i < VOICE_DECODERS; i++) {
        struct codec_decoder *d = &v->decoder[i];
        if (d->impl == c->impl && v->payload_type[i] == payload_type)
            return d;
        if (!d->impl && v->decoder[at].impl)
            at = i;
    }
    struct codec_decoder *d = &v->decoder[at];
    if (d->impl)
        v->oldest = (at + 1) % VOICE_DECODERS;
    codec_close(d);
    struct codec_params p = codec_params_of(c);
    bool here = codec_apart(c->impl) < 0;
    if ((!here && !v->apart) ||
        (here ? codec_open(d, c->impl, &p) : codec_open_apart(d, c->impl, &p, v->apart)) < 0)
        return NULL;
    v->payload_type[at] = payload_type;
    return d;
}

int voice_say(struct voice *v, const struct codec *c, uint8_t payload_type, struct span payload,
              int64_t pos)
{
    v->last = decoder_for(v, c, payload_type);
    if (!v->last)
        return -ENOMEM;
    int n = codec_decode(v->last, payload, v->room->pcm);
    return n < 0 ? n : (int)emit(v, v->last->rate, (size_t)n, pos, false);
}

void voice_conceal(struct voice *v, uint8_t payload_type, int64_t from, int64_t to)
{
    struct codec_decoder *d = v->last;
    if (!d || !d->impl || v->payload_type[d - v->decoder] != payload_type)
        return; // another codec begins here
    int64_t most = (int64_t)v->rate * VOICE_CONCEAL_MS / 1000;
    int64_t frames = to - from < most ? to - from : most;
    if (frames <= 0)
        return;
    size_t n = codec_conceal(d, v->room->pcm, (size_t)(frames * d->rate / v->rate));
    if (n > 0)
        (void)emit(v, d->rate, n, from, true);
}

void voice_end(struct voice *v)
{
    if (v->window)
        finish_run(v);
    resample_close(&v->resample);
    for (uint32_t i = 0; i < VOICE_DECODERS; i++)
        codec_close(&v->decoder[i]);
    v->last = NULL;
    v->running = false;
}
