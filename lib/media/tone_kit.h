// tone_kit.h: for the tests of codecs: silence, then a tone, and what must be left of it after coder and decoder.
#pragma once
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include "media/codec.h"

#define TONE_LEVEL 8000.0

// n samples: a tone of hz from sample `from` on.
static inline void tone_make(int16_t *pcm, size_t n, uint32_t rate, double hz, size_t from)
{
    for (size_t i = 0; i < n; i++) {
        double t = (double)i / rate;
        pcm[i] = i < from ? 0 : (int16_t)lrint(TONE_LEVEL * sin(2 * M_PI * hz * t));
    }
}

// Share of the power that lies at hz (Goertzel); 1.0: a pure tone.
static inline double tone_share(const int16_t *pcm, size_t n, uint32_t rate, double hz)
{
    double w = 2 * M_PI * hz / rate, c = 2 * cos(w), s1 = 0, s2 = 0, total = 0;
    for (size_t i = 0; i < n; i++) {
        double s = pcm[i] + c * s1 - s2;
        s2 = s1;
        s1 = s;
        total += (double)pcm[i] * pcm[i];
    }
    return total > 0 ? 2 * (s1 * s1 + s2 * s2 - c * s1 * s2) / ((double)n * total) : 0;
}

static inline double tone_rms(const int16_t *pcm, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)pcm[i] * pcm[i];
    return n > 0 ? sqrt(sum / (double)n) : 0;
}

// Frequency, level within 1 dB, and the beginning: not before `from`, at most `late` samples after it.
static inline void tone_check(const int16_t *pcm, size_t n, uint32_t rate, double hz, size_t from,
                              size_t early, size_t late)
{
    size_t settled = from + rate / 10, on = 0;
    assert_true(n > settled + rate / 8);
    double share = tone_share(pcm + settled, n - settled, rate, hz);
    double level = tone_rms(pcm + settled, n - settled) * sqrt(2) / TONE_LEVEL;
    while (on < n && abs(pcm[on]) < (int)(TONE_LEVEL * 0.3))
        on++;
    if (share < 0.95 || level < 0.89 || level > 1.12 || on + early < from || on > from + late)
        print_message("share %.4f level %.3f begins %zu, sent at %zu\n", share, level, on, from);
    assert_true(share > 0.95);
    assert_true(level > 0.89 && level < 1.12);
    assert_true(on + early >= from && on <= from + late);
}

static inline void tone_open(struct codec_decoder *d, const char *name, uint32_t clock,
                             uint8_t channels, uint8_t flags)
{
    struct codec_params p = {name, clock, channels, flags};
    const struct codec_impl *c = codec_find(&p);
    assert_non_null(c);
    assert_int_equal(codec_open(d, c, &p), 0);
}

// One packet: decodes, and says the same length before as after.
static inline size_t tone_decode(struct codec_decoder *d, uint32_t clock, const uint8_t *payload,
                                 size_t n, int16_t *pcm)
{
    struct codec_params p = {"", clock, d->channels, d->flags};
    uint32_t ticks = codec_ticks(d->impl, &p, span_of(payload, n));
    int got = codec_decode(d, span_of(payload, n), pcm);
    assert_true(got > 0);
    assert_int_equal((uint64_t)ticks * d->rate / clock, got);
    return (size_t)got;
}
