#include "window.h"

#include <stdlib.h>
#include <string.h>
#include "base/fail.h"
#include "media/g711.h"
#include "media/timeline.h"

#define MASK (WINDOW_FRAMES - 1)

const char *gap_reason_name(enum gap_reason r)
{
    static const char *const names[] = {[GAP_NOT_SENT] = "not_sent",
                                        [GAP_LOSS] = "loss",
                                        [GAP_CODEC] = "codec",
                                        [GAP_NOT_CAPTURED] = "not_captured",
                                        [GAP_PAUSED] = "paused"};
    return names[r];
}

static uint16_t silence(enum wav_format f)
{
    return f == WAV_PCMU ? G711_ULAW_SILENCE : f == WAV_PCMA ? G711_ALAW_SILENCE : 0;
}

void window_init(struct window *w, struct sink *sink, enum wav_format format, int64_t total)
{
    w->sink = sink;
    w->format = format;
    w->base = 0;
    w->total = total;
    w->uncaptured_n = 0;
    w->paused_n = 0;
    w->gaps_n = 0;
    w->gaps_total = 0;
    memset(w->state, 0, sizeof(w->state));
    for (int c = 0; c < 2; c++)
        w->open[c] = (struct gap){.to = -1};
}

void window_add_uncaptured(struct window *w, int64_t from, int64_t to)
{
    if (w->uncaptured_n < sizeof(w->uncaptured) / sizeof(w->uncaptured[0]) && to > from) {
        w->uncaptured[w->uncaptured_n].from = from;
        w->uncaptured[w->uncaptured_n++].to = to;
    }
}

void window_add_pauses(struct window *w, const struct job *j, int64_t start_us, uint32_t rate)
{
    for (w->paused_n = 0; w->paused_n < j->pauses && w->paused_n < JOB_PAUSES_MAX; w->paused_n++) {
        const struct job_pause *p = &j->pause[w->paused_n];
        w->paused[w->paused_n].from = timeline_samples(p->from_us - start_us, rate);
        w->paused[w->paused_n].to = timeline_samples(p->to_us - start_us, rate);
    }
}

static enum gap_reason reason_at(const struct window *w, int64_t pos, uint8_t state)
{
    for (size_t i = 0; i < w->paused_n; i++)
        if (pos >= w->paused[i].from && pos < w->paused[i].to)
            return GAP_PAUSED;
    if (state == WINDOW_CODEC)
        return GAP_CODEC;
    for (size_t i = 0; i < w->uncaptured_n; i++) {
        if (pos >= w->uncaptured[i].from && pos < w->uncaptured[i].to)
            return GAP_NOT_CAPTURED;
    }
    return state == WINDOW_LOSS || state == WINDOW_CONCEALED ? GAP_LOSS : GAP_NOT_SENT;
}

static void close_gap(struct window *w, int channel)
{
    struct gap *g = &w->open[channel];
    if (g->to >= 0) {
        w->gaps_total++;
        if (w->gaps_n < WINDOW_GAPS_MAX)
            w->gaps[w->gaps_n++] = *g;
    }
    g->to = -1;
}

static void note_state(struct window *w, int channel, int64_t pos, uint8_t state)
{
    struct gap *g = &w->open[channel];
    if (state >= WINDOW_AUDIO) {
        if (g->to >= 0)
            close_gap(w, channel);
        return;
    }
    enum gap_reason r = reason_at(w, pos, state);
    if (g->to >= 0 && g->reason != r)
        close_gap(w, channel);
    if (g->to < 0)
        *g = (struct gap){.from = pos, .channel = (uint8_t)channel, .reason = r};
    g->to = pos + 1;
}

static void slide(struct window *w, int64_t to)
{
    if (to > w->total)
        to = w->total;
    uint16_t quiet = silence(w->format);
    uint8_t out[4096];
    size_t n = 0;
    for (; w->base < to; w->base++) {
        size_t i = (size_t)w->base & MASK;
        for (int c = 0; c < 2; c++) {
            uint8_t state = w->state[c][i];
            uint16_t v = state >= WINDOW_CONCEALED ? w->sample[c][i] : quiet;
            if (state < WINDOW_AUDIO || w->open[c].to >= 0)
                note_state(w, c, w->base, state);
            w->state[c][i] = WINDOW_NOTHING;
            out[n++] = (uint8_t)v;
            if (w->format == WAV_L16)
                out[n++] = (uint8_t)(v >> 8);
        }
        if (n > sizeof(out) - 8) {
            sink_write(w->sink, out, n);
            n = 0;
        }
    }
    sink_write(w->sink, out, n);
}

void window_reach(struct window *w, int64_t pos, int64_t n)
{
    must(n <= WINDOW_KEEP);
    if (pos + n > w->base + (int64_t)WINDOW_FRAMES)
        slide(w, pos - WINDOW_KEEP);
}

void window_conceal(struct window *w, int channel, int64_t pos, const uint16_t *samples, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        int64_t at = pos + (int64_t)k;
        if (at < w->base || at >= w->total || at >= w->base + (int64_t)WINDOW_FRAMES)
            continue;
        size_t i = (size_t)at & MASK;
        if (w->state[channel][i] > WINDOW_LOSS)
            continue;
        w->state[channel][i] = WINDOW_CONCEALED;
        w->sample[channel][i] = samples[k];
    }
}

size_t window_put(struct window *w, int channel, int64_t pos, const uint16_t *samples, size_t n,
                  uint8_t rank)
{
    size_t placed = 0;
    uint8_t state = (uint8_t)(WINDOW_AUDIO + rank);
    for (size_t k = 0; k < n; k++) {
        int64_t at = pos + (int64_t)k;
        if (at < w->base || at >= w->total || at >= w->base + (int64_t)WINDOW_FRAMES)
            continue;
        size_t i = (size_t)at & MASK;
        if (w->state[channel][i] >= state)
            continue;
        w->state[channel][i] = state;
        w->sample[channel][i] = samples[k];
        placed++;
    }
    return placed;
}

void window_mark(struct window *w, int channel, int64_t from, int64_t to, enum window_state state,
                 int64_t ahead)
{
    if (to > w->total)
        to = w->total;
    if (from < w->base)
        from = w->base;
    while (from < to) {
        int64_t end = w->base + (int64_t)WINDOW_FRAMES;
        if (from >= end) {
            // All packets captured before the caller's are in: up to WINDOW_KEEP behind it nothing more comes.
            int64_t safe = ahead - WINDOW_KEEP;
            slide(w, from < safe ? from : safe);
            if (w->base + (int64_t)WINDOW_FRAMES <= from)
                return;
            continue;
        }
        for (; from < to && from < end; from++) {
            uint8_t *s = &w->state[channel][(size_t)from & MASK];
            if (*s == WINDOW_NOTHING)
                *s = (uint8_t)state;
        }
    }
}

static int by_time(const void *a, const void *b)
{
    const struct gap *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return (int)x->channel - (int)y->channel;
}

void window_finish(struct window *w)
{
    slide(w, w->total);
    for (int c = 0; c < 2; c++)
        close_gap(w, c);
    qsort(w->gaps, w->gaps_n, sizeof(w->gaps[0]), by_time);
}
