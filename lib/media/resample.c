#include "media/resample.h"

#include <errno.h>
#include <speex/speex_resampler.h>
#include "media/drift.h"

#define QUALITY 5 // 64 taps at equal rates; stop band over 60 dB
#define LAG_MAX 1024
// The library multiplies the terms of the ratio by its 80 taps in 32 bits.
#define TERM_MOST UINT32_C(50000000)

int resample_open(struct resample *r, uint32_t from, uint32_t to)
{
    int err;
    *r = (struct resample){.from = from, .to = to};
    r->state = speex_resampler_init(1, from, to, QUALITY, &err);
    if (!r->state)
        return -ENOMEM;
    resample_restart(r);
    return 0;
}

static uint32_t common(uint32_t a, uint32_t b)
{
    while (b != 0) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

int resample_stretch(struct resample *r, int32_t stretch)
{
    if (r->stretch == stretch)
        return 0;
    uint32_t by = common(r->from, r->to), from = r->from / by, to = r->to / by;
    int64_t unit = TERM_MOST / (from > to ? from : to); // both terms in 1/unit
    int err = speex_resampler_set_rate_frac(
        r->state, (spx_uint32_t)(from * unit),
        (spx_uint32_t)(to * (unit + (unit * stretch + DRIFT_ONE / 2) / DRIFT_ONE)), r->from, r->to);
    if (err != RESAMPLER_ERR_SUCCESS)
        return -ENOMEM;
    r->stretch = stretch;
    return 0;
}

void resample_close(struct resample *r)
{
    if (r->state)
        speex_resampler_destroy(r->state);
    *r = (struct resample){0};
}

void resample_restart(struct resample *r)
{
    (void)speex_resampler_reset_mem(r->state);
    r->skip = (size_t)speex_resampler_get_output_latency(r->state);
}

size_t resample_run(struct resample *r, const int16_t *in, size_t n, int16_t *out, size_t cap)
{
    size_t done = 0;
    while (n > 0) {
        int16_t waste[LAG_MAX];
        size_t room = r->skip > 0 ? (r->skip < LAG_MAX ? r->skip : LAG_MAX) : cap - done;
        spx_uint32_t ate = (spx_uint32_t)n, made = (spx_uint32_t)room;
        if (room == 0)
            break;
        (void)speex_resampler_process_int(r->state, 0, in, &ate, r->skip > 0 ? waste : out + done,
                                          &made);
        if (r->skip > 0)
            r->skip -= made;
        else
            done += made;
        in += ate;
        n -= ate;
        if (ate == 0 && made == 0)
            break;
    }
    return done;
}

size_t resample_flush(struct resample *r, int16_t *out, size_t cap)
{
    static const int16_t zeros[LAG_MAX];
    size_t lag = (size_t)speex_resampler_get_input_latency(r->state);
    return resample_run(r, zeros, lag < LAG_MAX ? lag : LAG_MAX, out, cap);
}
